//! The TOML form of a column profile, read and checked. `config/csv/carnet.toml` explains it line by line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    charset::Encoding,
    error::CsvError,
    names::fold,
    profile::{Column, Group, GroupPart, Labels, Means, Name, Profile, address_part},
    words::Language,
};
use crate::contact::{AddressType, Field, FieldSet, ItemType};

/// Reads a profile; an error says what is wrong and where.
pub(super) fn read(text: &str) -> Result<Profile, CsvError> {
    let written: Written = toml::from_str(text)
        .map_err(|error| CsvError::Profile { name: String::new(), message: error.to_string().trim_end().to_owned() })?;
    let name = written.name.clone();
    written.compile().map_err(|message| CsvError::Profile { name, message })
}

/// The TOML form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    export: bool,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    bom: bool,
    #[serde(default)]
    quotes: Quotes,
    #[serde(default)]
    line_end: LineEnd,
    #[serde(default)]
    cell_line_end: LineEnd,
    #[serde(default = "french")]
    language: Language,
    #[serde(default)]
    formula_guard: bool,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    unlisted_codes: bool,
    #[serde(default)]
    weak: Vec<String>,
    #[serde(default)]
    categories: Option<String>,
    #[serde(default)]
    joined: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, WrittenGroup>,
    columns: Vec<WrittenColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    header: String,
    #[serde(default)]
    more: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    spare: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    #[serde(default)]
    unknown: Option<String>,
    labels: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Quotes {
    Always,
    #[default]
    Necessary,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum LineEnd {
    #[default]
    Lf,
    Crlf,
}

impl LineEnd {
    fn text(&self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

fn comma() -> char {
    ','
}

fn french() -> Language {
    Language::Fr
}

impl Written {
    fn compile(self) -> Result<Profile, String> {
        let delimiter = u8::try_from(self.delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n'))
            .ok_or("the delimiter must be one ASCII character, and no quotation mark")?;
        let encoding = match &self.encoding {
            None => Encoding::Utf8,
            Some(name) => Encoding::from_name(name).ok_or_else(|| format!("unknown encoding \"{name}\""))?,
        };
        let weak = self.weak.iter().map(|word| scalar(word).ok_or_else(|| unknown_field(word)));
        let weak = weak.collect::<Result<FieldSet, String>>()?;
        let groups: Vec<Group> =
            self.groups.into_iter().map(|(name, group)| group.compile(name)).collect::<Result<_, _>>()?;
        let columns: Vec<Column> =
            self.columns.into_iter().map(|column| column.compile(&groups)).collect::<Result<_, _>>()?;
        if !columns.iter().any(|column| column.means.is_some()) {
            return Err("no column has a field".to_owned());
        }
        Ok(Profile {
            title: if self.title.is_empty() { self.name.clone() } else { self.title },
            name: self.name,
            export: self.export,
            delimiter,
            encoding,
            bom: (self.bom && encoding == Encoding::Utf8) || matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be),
            quote_always: self.quotes == Quotes::Always,
            line_end: self.line_end.text(),
            cell_line_end: self.cell_line_end.text(),
            language: self.language,
            spreadsheet: self.formula_guard,
            exact: self.exact,
            unlisted_codes: self.unlisted_codes,
            weak,
            categories: self.categories.filter(|separator| !separator.trim().is_empty()),
            joined: self.joined.filter(|separator| !separator.trim().is_empty()),
            groups,
            columns,
        })
    }
}

impl WrittenColumn {
    fn compile(self, groups: &[Group]) -> Result<Column, String> {
        let also = self.also.iter().map(|word| item(word).ok_or_else(|| unknown_field(word)));
        let also = also.collect::<Result<Vec<ItemType>, String>>()?;
        if let Some(more) = self.more.as_ref().filter(|more| !more.contains("{n}")) {
            return Err(format!("\"{more}\" needs {{n}} where the number goes"));
        }
        let mut means =
            self.field.as_deref().map(|word| meaning(word, groups).ok_or_else(|| unknown_field(word))).transpose()?;
        match &mut means {
            Some(Means::Item(types)) => types.extend(also),
            _ if also.is_empty() => {}
            _ => return Err(format!("\"{}\": `also` is for columns that hold an item", self.header)),
        }
        let mut names = vec![Name::new(&self.header, self.more.as_deref())];
        names.extend(self.aliases.iter().map(|alias| Name::new(alias, None)));
        Ok(Column { names, means, spare: self.spare })
    }
}

impl WrittenGroup {
    fn compile(self, name: String) -> Result<Group, String> {
        let mut items = Vec::new();
        let mut addresses = Vec::new();
        for (word, labels) in &self.labels {
            let written = labels.first().ok_or_else(|| format!("no label for {word}"))?.clone();
            let folded = labels.iter().map(|label| fold(label)).collect();
            match (item(word), address(word)) {
                (Some(item_type), _) => items.push((item_type, written, folded)),
                (None, Some(address_type)) => addresses.push((address_type, written, folded)),
                (None, None) => return Err(unknown_field(word)),
            }
        }
        let unknown = self.unknown.as_deref();
        let labels = match (items.is_empty(), addresses.is_empty()) {
            (false, true) => Labels::Items {
                known: items,
                unknown: unknown.map(|word| item(word).ok_or_else(|| unknown_field(word))).transpose()?,
            },
            (true, false) => Labels::Addresses {
                known: addresses,
                unknown: unknown.map(|word| address(word).ok_or_else(|| unknown_field(word))).transpose()?,
            },
            _ => return Err(format!("the group {name} must hold either items or addresses")),
        };
        Ok(Group { name, labels })
    }
}

fn unknown_field(word: &str) -> String {
    format!("unknown field \"{word}\"")
}

/// The meaning of a field word of a profile.
fn meaning(word: &str, groups: &[Group]) -> Option<Means> {
    match word {
        "id" => return Some(Means::Id),
        "uid" => return Some(Means::Uid),
        "display_name" => return Some(Means::DisplayName),
        _ => {}
    }
    if let Some(field) = scalar(word) {
        return Some(Means::Scalar(field));
    }
    if let Some(item_type) = item(word) {
        return Some(Means::Item(vec![item_type]));
    }
    if let Some((group, part)) = word.split_once('.') {
        let index = groups.iter().position(|known| known.name == group)?;
        let part = match (&groups[index].labels, part) {
            (_, "label") => GroupPart::Label,
            (Labels::Items { .. }, "value") => GroupPart::Value,
            (Labels::Addresses { .. }, part) => GroupPart::Address(address_part(part)?),
            _ => return None,
        };
        return Some(Means::Group(index, part));
    }
    let (address_word, part) = word.split_once('_')?;
    Some(Means::Address(address(address_word)?, address_part(part)?))
}

/// The scalar field of a profile's word.
fn scalar(word: &str) -> Option<Field> {
    let name = if word == "civility" { Field::Civility.name() } else { word };
    Field::from_name(name).filter(|field| !field.is_list())
}

fn item(word: &str) -> Option<ItemType> {
    ItemType::LISTED.iter().find(|listed| listed.word() == word).cloned()
}

fn address(word: &str) -> Option<AddressType> {
    AddressType::LISTED.iter().find(|listed| listed.word() == word).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let message = match read(text) {
            Ok(_) => "fine".to_owned(),
            Err(CsvError::Profile { message, .. }) => message.lines().last().unwrap_or_default().to_owned(),
            Err(other) => other.to_string(),
        };
        assert_eq!(message, expected, "{text}");
    }

    #[test]
    fn mistakes_are_named() {
        let columns = r#"columns = [{ header = "Nom", field = "last_name" }]"#;
        check(&format!("name = \"x\"\n{columns}"), "fine");
        check(columns, "missing field `name`");
        check("name = \"x\"\ncolumns = []", "no column has a field");
        check("name = \"x\"\ncolumns = [{ header = \"Nom\" }]", "no column has a field");
        check("name = \"x\"\ncolumns = [{ header = \"Nom\", field = \"nom\" }]", "unknown field \"nom\"");
        check("name = \"x\"\ncolumns = [{ header = \"N\", field = \"skype\", also = [\"x\"] }]", "unknown field \"x\"");
        check(
            "name = \"x\"\ncolumns = [{ header = \"N\", field = \"comment\", also = [\"skype\"] }]",
            "\"N\": `also` is for columns that hold an item",
        );
        check(
            "name = \"x\"\ncolumns = [{ header = \"N\", field = \"skype\", more = \"N 2\" }]",
            "\"N 2\" needs {n} where the number goes",
        );
        check(&format!("name = \"x\"\nencoding = \"latin\"\n{columns}"), "unknown encoding \"latin\"");
        check(
            &format!("name = \"x\"\ndelimiter = \"é\"\n{columns}"),
            "the delimiter must be one ASCII character, and no quotation mark",
        );
        check(&format!("name = \"x\"\nweak = [\"contact_items\"]\n{columns}"), "unknown field \"contact_items\"");
        check(
            &format!("name = \"x\"\n{columns}\n[groups.g.labels]\nskype = [\"a\"]\npersonal = [\"b\"]"),
            "the group g must hold either items or addresses",
        );
    }

    #[test]
    fn fields_of_every_sort_have_a_word() {
        for (word, expected) in [
            ("id", Some(Means::Id)),
            ("civility", Some(Means::Scalar(Field::Civility))),
            ("personal_street2", Some(Means::Address(AddressType::Personal, super::super::profile::Part::Street2))),
            ("personal_phone", Some(Means::Item(vec![ItemType::PersonalPhone]))),
            ("contact_addresses", None),
            ("extra", None),
            ("phone.value", None),
        ] {
            assert_eq!(meaning(word, &[]), expected, "{word}");
        }
    }
}
