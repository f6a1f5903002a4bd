//! What a user answers, and the settings file that follows: `config/carnet.toml` with the answers in the place of its
//! examples, so that the file explains itself.

const TEMPLATE: &str = include_str!("../../../config/carnet.toml");
const TEMPLATE_URL: &str = "url = \"https://www.incwo.com/123456\"";
const TEMPLATE_USERNAME: &str = "username = \"me@example.com\"";
const TEMPLATE_MIRROR: &str = "path = \"carnet.db\"";
const TEMPLATE_BOOKS: &str = "# Books: places that hold contacts beside the CRM. As many as you like; each name once.";

/// What goes into the template; `None` leaves its example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    pub url: Option<String>,
    pub username: Option<String>,
    pub password: Option<PasswordAnswer>,
    /// Where the mirror is to be.
    pub mirror: Option<String>,
    pub books: Vec<BookAnswer>,
}

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordAnswer {
    /// A program prints it.
    Command(Vec<String>),
    /// A file holds it.
    File(String),
    /// The settings file holds it.
    Inline(String),
    /// systemd hands it over, or a user types it: no key says so.
    Elsewhere,
}

/// A book to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookAnswer {
    /// `vdir`, `vcard` or `csv`.
    pub kind: &'static str,
    pub path: String,
    pub dialect: Option<&'static str>,
}

impl BookAnswer {
    /// Reads "vdir", "csv:books/people.csv".
    pub fn parse(text: &str) -> Result<Self, String> {
        let (word, path) = text.split_once(':').map_or((text, None), |(word, path)| (word, Some(path)));
        let known = KINDS.iter().find(|(kind, _)| *kind == word);
        let Some((kind, usual)) = known.filter(|_| path != Some("")) else {
            return Err("expected vdir, vcard or csv, and perhaps a path: csv:books/people.csv".to_owned());
        };
        Ok(Self { kind, path: path.unwrap_or(usual).to_owned(), dialect: None })
    }

    /// Its name in the settings: the file's, without what a name must not have.
    fn name(&self) -> String {
        let stem = std::path::Path::new(&self.path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let name: String = stem.unwrap_or_default().chars().map(plain).take(40).collect();
        match name.trim_matches('-') {
            "" | "crm" | "mirror" => "book".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// The kinds of books, and the path that each usually has.
pub const KINDS: [(&str, &str); 3] = [("vdir", "contacts"), ("vcard", "contacts.vcf"), ("csv", "contacts.csv")];

/// The template with the answers in the place of its examples.
pub fn settings_text(answers: &Answers) -> String {
    let Answers { url, username, password, mirror, books } = answers;
    let sandbox = url.as_deref() == Some("sandbox");
    let mut out = String::with_capacity(TEMPLATE.len());
    // Books have keys of the same names.
    let mut in_crm = true;
    for line in TEMPLATE.lines() {
        in_crm &= line != "[mirror]";
        let answer = match (line, password.as_ref().filter(|_| in_crm)) {
            (TEMPLATE_URL, _) => url.as_deref().map(|url| format!("url = {}", quoted(url))),
            (TEMPLATE_MIRROR, _) => mirror.as_deref().map(|path| format!("path = {}", quoted(path))),
            (TEMPLATE_USERNAME, _) if sandbox && username.is_none() => Some("# username = \"demo\"".to_owned()),
            (TEMPLATE_USERNAME, _) => username.as_deref().map(|name| format!("username = {}", quoted(name))),
            (TEMPLATE_BOOKS, _) => Some(books.iter().fold(line.to_owned(), |text, book| text + &table(book, books))),
            (line, Some(PasswordAnswer::Command(argv))) if line.starts_with("# password_command = ") => {
                let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
                Some(format!("password_command = [{}]", words.join(", ")))
            }
            (line, Some(PasswordAnswer::File(file))) if line.starts_with("# password_file = ") => {
                Some(format!("password_file = {}", quoted(file)))
            }
            (line, Some(PasswordAnswer::Inline(text))) if line.starts_with("# password = ") => {
                Some(format!("password = {}", quoted(text)))
            }
            _ => None,
        };
        out.push_str(answer.as_deref().unwrap_or(line));
        out.push('\n');
    }
    out
}

fn table(book: &BookAnswer, books: &[BookAnswer]) -> String {
    let before = books.iter().take_while(|other| *other != book).filter(|other| other.name() == book.name()).count();
    let name = if before == 0 { book.name() } else { format!("{}-{}", book.name(), before + 1) };
    let dialect = book.dialect.map_or_else(String::new, |dialect| format!("dialect = {}\n", quoted(dialect)));
    let (name, kind, path) = (quoted(&name), quoted(book.kind), quoted(&book.path));
    format!("\n\n[[book]]\nname = {name}\nkind = {kind}\npath = {path}\n{dialect}").trim_end().to_owned()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::{CrmUrl, Environment, Settings};

    fn settings(answers: &Answers) -> Settings {
        let nothing = |_: &str| None;
        Settings::parse(Path::new("/x/carnet.toml"), &settings_text(answers), Environment::from_fn(&nothing)).unwrap()
    }

    #[test]
    fn answers_are_put_into_the_template() {
        let answers = Answers {
            url: Some("https://crm.example.com/7".to_owned()),
            username: Some("a \"quoted\" name".to_owned()),
            password: Some(PasswordAnswer::Inline("p\\ss\"word'".to_owned())),
            mirror: Some("/var/lib/carnet/carnet.db".to_owned()),
            books: Vec::new(),
        };
        let settings = settings(&answers);
        assert_eq!(settings.crm.url, CrmUrl::Http("https://crm.example.com/7".to_owned()));
        assert_eq!(settings.crm.username, "a \"quoted\" name");
        assert_eq!(settings.mirror.path, Path::new("/var/lib/carnet/carnet.db"));
        assert_eq!(settings.crm.password.inline.unwrap().expose_secret(), "p\\ss\"word'");
    }

    #[test]
    fn each_password_answer_is_a_key() {
        let with = |password| settings(&Answers { password: Some(password), ..Answers::default() }).crm.password;
        let command = vec!["pass".to_owned(), "show".to_owned()];
        assert_eq!(with(PasswordAnswer::Command(command.clone())).command, Some(command));
        assert_eq!(with(PasswordAnswer::File("/s/pw".to_owned())).file.as_deref(), Some(Path::new("/s/pw")));
        assert!(with(PasswordAnswer::Elsewhere).inline.is_none());
        let text = settings_text(&Answers { password: Some(PasswordAnswer::Inline("x".into())), ..Answers::default() });
        assert_eq!(text.lines().filter(|line| line.starts_with("password")).count(), 1, "no book gets it");
    }

    #[test]
    fn without_answers_it_is_the_documented_example_and_the_sandbox_needs_no_login() {
        assert_eq!(settings_text(&Answers::default()), TEMPLATE);
        let sandbox = settings(&Answers { url: Some("sandbox".to_owned()), ..Answers::default() });
        assert_eq!((sandbox.crm.url, sandbox.crm.username.as_str()), (CrmUrl::Sandbox, "demo"));
    }

    #[test]
    fn books_get_names_of_their_own() {
        let book = |text| BookAnswer::parse(text).unwrap();
        let books =
            vec![book("vdir"), book("csv:Kunden & Co.csv"), book("vcard:mirror.vcf"), book("csv:x/contacts.csv")];
        let settings = settings(&Answers { books, ..Answers::default() });
        let named: Vec<(&str, &Path)> =
            settings.books.iter().map(|book| (book.name.as_str(), book.path().unwrap())).collect();
        let expected = [
            ("contacts", "/x/contacts"),
            ("Kunden---Co", "/x/Kunden & Co.csv"),
            ("book", "/x/mirror.vcf"),
            ("contacts-2", "/x/x/contacts.csv"),
        ];
        assert_eq!(named, expected.map(|(name, path)| (name, Path::new(path))));
    }

    #[test]
    fn a_book_is_a_kind_and_perhaps_a_path() {
        assert_eq!(BookAnswer::parse("vcard").unwrap().path, "contacts.vcf");
        for wrong in ["", "folder", "csv:", "ldap:x"] {
            assert!(BookAnswer::parse(wrong).is_err(), "{wrong}");
        }
    }
}
