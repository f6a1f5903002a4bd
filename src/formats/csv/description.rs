//! The TOML form of a column profile, read and checked. `config/csv/carnet.toml` explains it line by line.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use toml::{Spanned, de::DeTable};

use super::{
    charset::Encoding,
    error::CsvError,
    names::fold,
    profile::{Column, Group, GroupPart, Labels, Means, Name, Profile, address_part},
    words::Language,
};
use crate::contact::{AddressType, Field, FieldSet, ItemType};

/// What is wrong with a profile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFault {
    /// The bytes of the text it is about; `None` where it is about the whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, a lowercase fragment.
    pub message: String,
}

/// Reads a profile that is a text of its own; an error says what is wrong and on which line.
pub(super) fn read(text: &str) -> Result<Profile, CsvError> {
    let failed = |name: &str, fault: ProfileFault| CsvError::Profile {
        name: name.to_owned(),
        line: fault.span.map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
        message: fault.message,
    };
    let written: Written = toml::from_str(text).map_err(|error| failed("", error.into()))?;
    let name = written.name.clone();
    if name.is_empty() {
        return Err(failed("", fault(None, "missing field `name`")));
    }
    written.compile(name.clone()).map_err(|fault| failed(&name, fault))
}

/// Reads a profile that is a table of a larger text, named by its key there.
pub(super) fn read_table(name: &str, table: Spanned<DeTable<'_>>) -> Result<Profile, ProfileFault> {
    let written = Written::deserialize(toml::de::Deserializer::from(table))?;
    if !written.name.is_empty() && written.name != name {
        return Err(fault(None, format!("it is named both \"{name}\" and \"{}\"", written.name)));
    }
    written.compile(name.to_owned())
}

impl From<toml::de::Error> for ProfileFault {
    fn from(error: toml::de::Error) -> Self {
        ProfileFault { span: error.span(), message: error.message().trim_end().to_owned() }
    }
}

fn fault(span: Option<Range<usize>>, message: impl Into<String>) -> ProfileFault {
    ProfileFault { span, message: message.into() }
}

/// The TOML form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    export: bool,
    #[serde(default)]
    delimiter: Option<Spanned<char>>,
    #[serde(default)]
    encoding: Option<Spanned<String>>,
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
    any_table: bool,
    #[serde(default)]
    label_words: bool,
    #[serde(default)]
    weak: Vec<Spanned<String>>,
    #[serde(default)]
    categories: Option<String>,
    #[serde(default)]
    joined: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, Spanned<WrittenGroup>>,
    columns: Vec<Spanned<WrittenColumn>>,
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

fn french() -> Language {
    Language::Fr
}

impl Written {
    fn compile(self, name: String) -> Result<Profile, ProfileFault> {
        let delimiter = match &self.delimiter {
            None => b',',
            Some(given) => u8::try_from(*given.get_ref())
                .ok()
                .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n'))
                .ok_or_else(|| {
                    fault(Some(given.span()), "the delimiter must be one ASCII character, and no quotation mark")
                })?,
        };
        let encoding = match &self.encoding {
            None => Encoding::Utf8,
            Some(given) => Encoding::from_name(given.get_ref())
                .ok_or_else(|| fault(Some(given.span()), format!("unknown encoding \"{}\"", given.get_ref())))?,
        };
        let weak = self
            .weak
            .iter()
            .map(|word| scalar(word.get_ref()).ok_or_else(|| fault(Some(word.span()), unknown_field(word.get_ref()))));
        let weak = weak.collect::<Result<FieldSet, ProfileFault>>()?;
        let mut groups: Vec<Group> = Vec::with_capacity(self.groups.len());
        for (name, group) in self.groups {
            let span = group.span();
            groups.push(group.into_inner().compile(name).map_err(|message| fault(Some(span), message))?);
        }
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let span = column.span();
            columns.push(column.into_inner().compile(&groups).map_err(|message| fault(Some(span), message))?);
        }
        if !columns.iter().any(|column| column.means.is_some()) {
            return Err(fault(None, "no column has a field"));
        }
        Ok(Profile {
            title: if self.title.is_empty() { name.clone() } else { self.title },
            name,
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
            any_table: self.any_table,
            label_words: self.label_words,
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
        // "Téléphone pro {n}" beside "Téléphone pro": the second "Tél." is "Tél. {n}".
        let number = self.more.as_deref().and_then(|more| more.strip_prefix(self.header.as_str()));
        names.extend(self.aliases.iter().map(|alias| {
            let more = number.filter(|_| !alias.contains("{n}")).map(|number| format!("{alias}{number}"));
            Name::new(alias, more.as_deref())
        }));
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
        "nickname" => return Some(Means::Nickname),
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
    fn mistakes_have_their_line() {
        let line = |text: &str| match read(text) {
            Err(CsvError::Profile { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        let column = "{ header = \"Nom\", field = \"last_name\" }";
        let check = |text: String, expected: Option<usize>| assert_eq!(line(&text), expected, "{text}");
        check(format!("name = \"x\"\ncolumns = [\n  {column},\n  {{ header = \"P\", field = \"nom\" }},\n]"), Some(4));
        check(format!("name = \"x\"\nencoding = \"latin\"\ncolumns = [{column}]"), Some(2));
        check(format!("name = \"x\"\nweak = [\n  \"nom\"]\ncolumns = [{column}]"), Some(3));
        check(format!("name = \"x\"\ncolumns = [{column}]\ndialect = 1"), Some(3));
        check("name = \"x\"\ncolumns = [\n".to_owned(), Some(2));
        check("name = \"x\"\ncolumns = []".to_owned(), None);
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
