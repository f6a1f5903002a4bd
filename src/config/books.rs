//! `[[book]]`: what each kind of book may say, and that no two of them mean one place.

use std::{
    path::{Component, Path, PathBuf},
    time::Duration,
};

use toml::de::DeValue;

use super::{
    Book, BookKind, BookPlace, BookServer, Direction, Fault, dialect,
    fault::nearest,
    outside,
    read::Reading,
    secrets::Owner,
    section::{Given, GivenValue, Section, note_unknown},
    values::{Wrong, check_book_name, parse_book_url},
};
use crate::{
    contact::{Field, Filter, FilterError},
    formats::csv::Profile,
};

/// All keys; those of a server are [`SERVER_KEYS`].
pub(super) const BOOK_KEYS: [&str; 18] = [
    "name",
    "kind",
    "path",
    "direction",
    "where",
    "version",
    "dialect",
    "firms",
    "url",
    "username",
    "password_command",
    "token_command",
    "password_file",
    "password",
    "ca_file",
    "timeout",
    "concurrency",
    "insecure_http",
];
/// The keys of a book on a server.
const SERVER_KEYS: &[&str] = BOOK_KEYS.split_at(8).1;
/// The keys of which each is a password's source.
const PASSWORD_KEYS: [&str; 3] = ["password_command", "password_file", "password"];
/// How long a request may take, unless set.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the books; those that nothing is wrong with.
pub(super) fn read(reading: &Reading<'_>, own: &[Profile]) -> Vec<Book> {
    let Some(value) = reading.root.get("book") else { return Vec::new() };
    let DeValue::Array(array) = value.get_ref() else {
        let fault = Fault::new(Some(value.span()), "`book` must be a list of tables").hint("write [[book]]");
        reading.faults.borrow_mut().push(fault);
        return Vec::new();
    };
    let mut books: Vec<Book> = Vec::new();
    for element in array.iter() {
        let section = Section::element("book", element, &BOOK_KEYS, reading.faults);
        let Some(book) = book(reading, &section, own) else { continue };
        match books.iter().find_map(|earlier| clash(&section, &book, earlier)) {
            Some(fault) => section.note(fault),
            None => books.push(book),
        }
    }
    books
}

fn book(reading: &Reading<'_>, section: &Section<'_>, own: &[Profile]) -> Option<Book> {
    let kind = section.word("kind", &BookKind::ALL.map(|kind| (kind.word(), kind)));
    let place = match kind {
        Some(BookKind::Carddav) => Some(("url", "the server's address as its pages show it for CardDAV, https://...")),
        Some(BookKind::Devices) => None,
        _ => Some(("path", "the folder of a vdir, the file of the others")),
    };
    let needed = [("name", "any short word, such as \"team\""), ("kind", "one of vdir, vcard, csv, carddav, devices")];
    for (key, hint) in needed.into_iter().chain(place) {
        // What an unknown kind needs is not known where it has an address.
        let is_open = kind.is_none() && key == "path" && section.given("url").is_some();
        if section.given(key).is_none() && section.span.is_some() && !is_open {
            section.missing(key, hint);
        }
    }
    let name = section.parsed("name", |text| check_book_name(text).map(|()| text.to_owned()));
    let path = section.path("path").map(|text| reading.path(&text));
    let direction = section.word("direction", &Direction::ALL.map(|direction| (direction.word(), direction)));
    let version = section.word("version", &[("3.0", "3.0"), ("4.0", "4.0")]).unwrap_or("3.0").to_owned();
    let where_ = section.given("where").map(|given| filter(section, &given)).unwrap_or_default();
    let dialect = dialect::of_book(section, own, (reading.file, reading.environment));
    let firms = shows_firms(section, direction);
    note_keys_of_others(section, kind?);
    let place = match kind? {
        BookKind::Vdir => BookPlace::Vdir(path?),
        BookKind::Vcard => BookPlace::Vcard(path?),
        BookKind::Csv => BookPlace::Csv(path?),
        BookKind::Carddav => BookPlace::Carddav(server(reading, section)?),
        BookKind::Devices => BookPlace::Devices,
    };
    Some(Book {
        name: name?,
        place,
        direction: direction.unwrap_or(Direction::TwoWay),
        where_,
        version,
        dialect,
        firms,
    })
}

/// True for a book that shows the CRM's firms.
fn shows_firms(section: &Section<'_>, direction: Option<Direction>) -> bool {
    let is_set = section.flag("firms").unwrap_or(false);
    if let (true, Some(Direction::FromBook), Some(given)) = (is_set, direction, section.given("firms")) {
        let message = "a book that is only read shows no firms".to_owned();
        section.note(given.wrong((message, Some("take out this line, or direction = \"from-book\"".to_owned()))));
    }
    is_set
}

/// Books cannot show firms that are not read.
pub(super) fn note_unread_firms(reading: &Reading<'_>, books: &[Book]) {
    for book in books.iter().filter(|book| book.firms) {
        let message = format!("the book `{}` shows firms, and `crm.firms` is \"off\"", book.name);
        let hint = "take one of the two lines out";
        reading.faults.borrow_mut().push(Fault::new(None, message).hint(hint));
    }
}

/// Keys that books of this kind do not have.
fn note_keys_of_others(section: &Section<'_>, kind: BookKind) {
    let note = |key: &str, message: &str, hint: Option<&str>| {
        if let Some(given) = section.given(key) {
            section.note(given.wrong((message.to_owned(), hint.map(str::to_owned))));
        }
    };
    if kind != BookKind::Csv {
        note("dialect", "only a csv book has a dialect", None);
    } else {
        note("version", "a csv book has no vCard version", None);
        let hint = "a row is a person with a company; `carnet firms` lists the firms";
        note("firms", "a csv book has no company cards", Some(hint));
    }
    if kind == BookKind::Carddav {
        note("path", "a carddav book has no path, it is on a server", Some("say where in url"));
    } else {
        if kind == BookKind::Devices {
            note("path", "a devices book has no path, carnet keeps it beside the mirror", None);
        }
        for key in SERVER_KEYS {
            note(key, &format!("only a carddav book has this, not a {}", kind.word()), None);
        }
    }
}

/// Where the book is and how to log in; `None` where it has no address.
fn server(reading: &Reading<'_>, section: &Section<'_>) -> Option<BookServer> {
    let insecure_http = section.flag("insecure_http").unwrap_or(false);
    let url = section.parsed("url", |text| parse_book_url(text, insecure_http));
    let username = section.text("username");
    let password = reading.password(section);
    let token_command = section.in_file("token_command").and_then(|given| {
        let hint = "a list: the program, then its arguments, such as [\"oauth-token\", \"contacts\"]";
        outside::program(section, &given, hint)
    });
    let with_password = PASSWORD_KEYS.iter().find(|key| section.given(key).is_some());
    if let (Some(given), Some(key)) = (section.given("token_command"), with_password) {
        let message = format!("a book logs in with a token or with a password, and this one has {key}, too");
        section.note(given.wrong((message, Some("take one of the two out".to_owned()))));
    } else if with_password.is_some() && section.given("username").is_none() && url.is_some() {
        section.missing("username", "the login that the password is of, as the server's pages show it for CardDAV");
    }
    Some(BookServer {
        username,
        password,
        token_command,
        ca_file: section.path("ca_file").map(|text| reading.path(&text)),
        timeout: section.duration("timeout", Duration::from_secs(1)).unwrap_or(TIMEOUT),
        concurrency: section.count("concurrency", 1, 16).unwrap_or(4) as usize,
        insecure_http,
        url: url?,
    })
}

/// What keeps two books from being in one file: one name would mix their agreements, one place would have them fight over
/// it, and one variable would send a password to the wrong server.
fn clash(section: &Section<'_>, book: &Book, earlier: &Book) -> Option<Fault> {
    let at = |key: &str| section.given(key).and_then(|given| given.span).or_else(|| section.span.clone());
    if book.name == earlier.name {
        return Some(Fault::new(at("name"), format!("there are two books named `{}`", book.name)));
    }
    let both = format!("the books `{}` and `{}`", earlier.name, book.name);
    match (&book.place, &earlier.place) {
        (BookPlace::Carddav(server), BookPlace::Carddav(other)) => {
            let variable = |name: &str| Owner::Book(name.to_owned()).variable();
            if server.url.trim_end_matches('/') == other.url.trim_end_matches('/') {
                let hint =
                    "where each login has an address book of its own there: `carnet books discover` prints its url";
                return Some(Fault::new(at("url"), format!("{both} have the same url")).hint(hint));
            }
            let shared = variable(&book.name);
            (shared == variable(&earlier.name)).then(|| {
                Fault::new(at("name"), format!("{both} would have one variable for two passwords, ${shared}"))
                    .hint("choose a name that differs in more than case, - and _")
            })
        }
        _ => match (book.path(), earlier.path()) {
            (Some(path), Some(other)) if place(path) == place(other) => {
                Some(Fault::new(at("path"), format!("{both} have the same path")))
            }
            _ => None,
        },
    }
}

/// Where a path leads, however it is spelled.
fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let mut place = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(place.pop()),
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => place.push(part),
            }
        }
        place
    })
}

/// A book's `where`: reference field names, each with one value or a list of values.
fn filter(section: &Section<'_>, given: &Given<'_>) -> Filter {
    let mut filter = Filter::default();
    let GivenValue::File(DeValue::Table(table)) = given.value else {
        let hint = "such as where = { contact_type = [\"client\", \"prospect\"] }";
        section.note(given.wrong(("expected a table of fields".to_owned(), Some(hint.to_owned()))));
        return filter;
    };
    let known: Vec<&str> = Field::ALL.into_iter().filter(|field| !field.is_list()).map(Field::name).collect();
    note_unknown(table, Some("book.where"), &known, section.faults());
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            continue;
        }
        let inner = Given {
            value: GivenValue::File(value.get_ref()),
            span: Some(value.span()),
            name: format!("`book.where.{name}`"),
        };
        let Some(words) = section.texts(&inner) else { continue };
        if words.is_empty() {
            section.note(inner.wrong(("an empty list would match nobody".to_owned(), None)));
        }
        for error in words.iter().filter_map(|word| filter.add(name, word).err()) {
            section.note(inner.wrong(misspelt(error)));
        }
    }
    filter
}

fn misspelt(error: FilterError) -> Wrong {
    match error {
        FilterError::UnknownField { .. } => (error.to_string(), Some(error.hint())),
        FilterError::UnknownValue { name: _, value, known } => {
            let hint = match nearest(&value, &known) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("known here: {}", known.join(", ")),
            };
            (format!("there is no \"{value}\""), Some(hint))
        }
    }
}

#[cfg(test)]
mod tests;
