//! The columns of CSV files: a user's own profiles in `[csv.NAME]` tables or in files of their own, and what a book's
//! `dialect` names.
//!
//! A profile is read and checked here, with the settings: a mistake in it is told before anything runs.

use std::path::{Path, PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Environment, Fault, expand,
    fault::nearest,
    section::{Faults, Section},
    values::own_path,
};
use crate::formats::csv::{CsvError, Profile};

/// Where the form of a profile is explained.
const FORM: &str = "config/csv/carnet.toml explains the form of a profile, line by line";

/// The profiles of the `[csv.NAME]` tables.
pub(super) fn own_profiles(root: &DeTable<'_>, faults: &Faults) -> Vec<Profile> {
    let Some(value) = root.get("csv") else { return Vec::new() };
    let note = |fault: Fault| faults.borrow_mut().push(fault);
    let DeValue::Table(tables) = value.get_ref() else {
        note(Fault::new(Some(value.span()), "`csv` must be a table of profiles").hint("write [csv.NAME]"));
        return Vec::new();
    };
    let mut profiles = Vec::new();
    for (key, value) in tables.iter() {
        let name = key.get_ref().as_ref();
        let DeValue::Table(table) = value.get_ref() else {
            note(Fault::new(Some(key.span()), format!("`csv.{name}` must be a table, [csv.{name}]")).hint(FORM));
            continue;
        };
        if name == "csv" || Profile::named(name).is_some() || is_path(name) {
            let message = format!("`csv.{name}`: this name is taken, or is no plain word");
            note(Fault::new(Some(key.span()), message).hint(format!("choose another than {}", known(&[]))));
            continue;
        }
        match Profile::from_table(name, Spanned::new(value.span(), table.clone())) {
            Ok(profile) => profiles.push(profile),
            Err(wrong) => {
                let span = wrong.span.unwrap_or_else(|| key.span());
                note(Fault::new(Some(span), format!("`csv.{name}`: {}", wrong.message)).hint(FORM));
            }
        }
    }
    profiles
}

/// The profile that a book's `dialect` names; none if it has no such key, or a fault was noted.
pub(super) fn of_book(
    section: &Section<'_>,
    own: &[Profile],
    (file, environment): (&Path, Environment<'_>),
) -> Option<Profile> {
    section.parsed("dialect", |word| {
        let wrong = |ProfileError { message, hint }| (message, Some(hint));
        if is_path(word) {
            own_path(word)?;
            return read(word, &expand(word, file, environment)).map_err(wrong);
        }
        named(word, own).map_err(wrong)
    })
}

/// Why no profile is there under a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    /// What is wrong, a lowercase fragment: the file, the line.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// True for a word that names a profile's file rather than a profile.
pub fn is_path(word: &str) -> bool {
    word.contains('/') || PathBuf::from(word).extension().is_some_and(|extension| extension == "toml")
}

/// The profile of this name: a user's own, or a built-in one. `csv` is carnet's own dialect.
///
/// # Errors
/// There is none.
pub fn named(name: &str, own: &[Profile]) -> Result<Profile, ProfileError> {
    let name = if name == "csv" { "carnet" } else { name };
    let found = own.iter().find(|profile| profile.name() == name).or_else(|| Profile::named(name));
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = own.iter().chain(Profile::all()).map(Profile::name).collect();
        let meant = nearest(name, &names).map(|name| format!("did you mean \"{name}\"? ")).unwrap_or_default();
        let message = format!("there is no dialect \"{name}\"");
        ProfileError { message, hint: format!("{meant}known: {}; or the path of a profile, NAME.toml", known(own)) }
    })
}

/// The profile in a file, `shown` to a user under this name.
///
/// # Errors
/// The file cannot be read, or is no profile: with its line.
pub fn read(shown: &str, path: &Path) -> Result<Profile, ProfileError> {
    let text = std::fs::read_to_string(path).map_err(|error| ProfileError {
        message: format!("the profile {shown} cannot be read: {error}"),
        hint: "the path is relative to the settings file".to_owned(),
    })?;
    Profile::from_toml(&text).map_err(|error| {
        let message = match &error {
            CsvError::Profile { line: Some(line), message, .. } => format!("{shown}, line {line}: {message}"),
            CsvError::Profile { message, .. } => format!("{shown}: {message}"),
            other => format!("{shown}: {other}"),
        };
        ProfileError { message, hint: FORM.to_owned() }
    })
}

fn known(own: &[Profile]) -> String {
    own.iter().chain(Profile::all()).map(Profile::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Book, Settings, SettingsError};

    const HEAD: &str = "[crm]\nurl = \"sandbox\"\n";
    const GARAGE: &str = "columns = [\n  { header = \"Kunde\", field = \"last_name\" },\n]\n";

    /// The dialects of the books, or the faults as "line: message | hint".
    fn check(text: &str, expected: Result<&[&str], &[&str]>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("profiles")).unwrap();
        let file = format!("name = \"garage\"\n{GARAGE}");
        std::fs::write(folder.path().join("profiles/good.toml"), &file).unwrap();
        std::fs::write(folder.path().join("profiles/bad.toml"), file.replace("last_name", "nom")).unwrap();
        let text = format!("{HEAD}{text}");
        let nothing = |_: &str| None;
        let read = Settings::parse(&folder.path().join("carnet.toml"), &text, Environment::from_fn(&nothing));
        let of_book = |book: &Book| book.dialect.as_ref().map_or("none", Profile::name).to_owned();
        let line = |fault: &Fault| fault.span.as_ref().map_or(0, |span| 1 + text[..span.start].matches('\n').count());
        let found: Result<Vec<String>, Vec<String>> = match &read {
            Ok(settings) => Ok(settings.books.iter().map(of_book).collect()),
            Err(SettingsError::Invalid { faults, .. }) => {
                Err(faults.iter().map(|fault| format!("{}: {}", line(fault), fault.message)).collect())
            }
            Err(other) => panic!("{other}"),
        };
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        assert_eq!(found, expected.map(owned).map_err(owned), "{text}");
    }

    fn book(dialect: &str) -> String {
        format!("[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n{dialect}\n")
    }

    #[test]
    fn a_book_names_its_dialect_by_word_or_by_file() {
        check(&book(""), Ok(&["none"]));
        check(&book("dialect = \"outlook-fr\""), Ok(&["outlook-fr"]));
        check(&book("dialect = \"csv\""), Ok(&["carnet"]));
        check(&book("dialect = \"profiles/good.toml\""), Ok(&["garage"]));
        check(&format!("{}[csv.mine]\n{GARAGE}", book("dialect = \"mine\"")), Ok(&["mine"]));
        check(&book("dialect = \"exel-fr\""), Err(&["7: `book.dialect`: there is no dialect \"exel-fr\""]));
        check(&book("dialect = \"\""), Err(&["7: `book.dialect`: there is no dialect \"\""]));
        let wrong = "7: `book.dialect`: profiles/bad.toml, line 3: unknown field \"nom\"";
        check(&book("dialect = \"profiles/bad.toml\""), Err(&[wrong]));
        let missing = "7: `book.dialect`: the profile no.toml cannot be read: No such file or directory (os error 2)";
        check(&book("dialect = \"no.toml\""), Err(&[missing]));
    }

    #[test]
    fn a_profile_in_the_settings_is_checked_with_them() {
        let table = |name: &str, columns: &str| format!("[csv.{name}]\n{columns}");
        check(&table("mine", GARAGE), Ok(&[]));
        check(&table("mine", &GARAGE.replace("last_name", "nom")), Err(&["5: `csv.mine`: unknown field \"nom\""]));
        check(&table("mine", "delimiter = \";\"\n"), Err(&["3: `csv.mine`: missing field `columns`"]));
        check(
            &table("mine", &format!("{GARAGE}colour = 1\n")),
            Err(&["7: `csv.mine`: unknown field `colour`, expected one \
            of `name`, `title`, `export`, `delimiter`, `encoding`, `bom`, `quotes`, `line_end`, `cell_line_end`, `language`, \
            `formula_guard`, `exact`, `unlisted_codes`, `any_table`, `label_words`, `weak`, `categories`, `joined`, `groups`, `columns`"]),
        );
        check(
            &table("mine", &format!("name = \"yours\"\n{GARAGE}")),
            Err(&["3: `csv.mine`: it is named both \"mine\" and \"yours\""]),
        );
        check(&table("google", GARAGE), Err(&["3: `csv.google`: this name is taken, or is no plain word"]));
        check("[csv]\nmine = 1\n", Err(&["4: `csv.mine` must be a table, [csv.mine]"]));
        check("[[csv]]\nname = 1\n", Err(&["3: `csv` must be a table of profiles"]));
    }

    #[test]
    fn the_nearest_dialect_is_offered() {
        let wrong = named("exel-fr", &[]).unwrap_err();
        assert!(wrong.hint.starts_with("did you mean \"excel-fr\"? known: carnet, google, "), "{}", wrong.hint);
    }
}
