//! The API's XML, read and written by events: a mirror must tell absent, empty and nil apart and keep what it does not
//! know, which a derived reader cannot.

mod digest;
mod error;
mod nil;
mod page;
mod record;
mod write;

pub use digest::Digest;
pub use error::{Fault, XmlError};
pub use page::{PageRecord, ReadPage, read_page, read_page_of};
pub use record::{Record, id_key};
pub use write::{Unwritable, create_body, firm_body, list_body, update_body};

use crate::xml::{Token, XmlReader, resolve};

/// What the API lists: each under its own name, in the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `/contacts.xml`.
    Contacts,
    /// `/firms.xml`.
    Firms,
}

impl Resource {
    /// The element of one.
    pub fn element(self) -> &'static str {
        match self {
            Resource::Contacts => "contact",
            Resource::Firms => "firm",
        }
    }

    /// The root of a listing, and the name in addresses.
    pub fn plural(self) -> &'static str {
        match self {
            Resource::Contacts => "contacts",
            Resource::Firms => "firms",
        }
    }
}

/// Reads the answer to a question for one contact: a whole document with the root `contact`.
pub fn read_record(text: &str) -> Result<Record, XmlError> {
    read_record_of(Resource::Contacts, text)
}

/// Reads the answer to a question for one record.
pub fn read_record_of(resource: Resource, text: &str) -> Result<Record, XmlError> {
    let mut walker = XmlReader::new(text);
    match walker.next_token()? {
        Some(Token::Open { name, .. }) if name == resource.element() => {}
        _ => return Err(XmlError::WrongRoot(resource.element())),
    }
    let mut tape = Vec::new();
    walker.take_inside(&mut tape)?;
    walker.finish()?;
    let (id, _) = record::find_id(&tape).map_err(XmlError::Record)?;
    let revision = digest::of_tape(&tape, &mut Vec::new());
    record::build(XmlReader::new(text).text(), &tape, id, revision).map_err(XmlError::Record)
}

/// The id in the answer to a POST, whatever else the answer says: `<contact><id>...` or `<id>...` alone.
pub fn read_created_id(resource: Resource, text: &str) -> Option<String> {
    let mut walker = XmlReader::new(text);
    let Ok(Some(Token::Open { name: root, .. })) = walker.next_token() else { return None };
    let mut tape = Vec::new();
    walker.take_inside(&mut tape).ok()?;
    walker.finish().ok()?;
    match root {
        root if root == resource.element() => record::find_id(&tape).ok().map(|(id, _)| id),
        "id" => match tape.as_slice() {
            [Token::Text(id)] => Some(id.trim().to_owned()).filter(|id| id_key(id).is_some()),
            _ => None,
        },
        _ => None,
    }
}

/// The server's words in `<errors><error>...</error></errors>`, one line, at most 300 characters; none if there are none.
pub fn read_errors(text: &str) -> Option<String> {
    let mut walker = XmlReader::new(text);
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    while let Ok(Some(token)) = walker.next_token() {
        match token {
            Token::Open { name, .. } => {
                inside = name == "error";
                if inside {
                    words.push(String::new());
                }
            }
            Token::Close { .. } => inside = false,
            Token::Text(text) | Token::Cdata(text) if inside => words.last_mut()?.push_str(text),
            Token::Reference(name) if inside => words.last_mut()?.push(resolve(name).unwrap_or('?')),
            Token::Text(_) | Token::Cdata(_) | Token::Reference(_) => {}
        }
    }
    let joined = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("; ");
    let line: String = joined.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    Some(line).filter(|line| !line.is_empty())
}

/// True for a text that is HTML rather than XML. `labelled`: its sender says so, which is not believed of contacts.
pub fn is_web_page(text: &str, labelled: bool) -> bool {
    let start = past_prolog(text);
    let begins = |lead: &str| {
        let (head, rest) = start.split_at_checked(lead.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(lead) && !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    if begins("<!doctype html") || begins("<html") {
        return true;
    }
    let ours = ["<contacts", "<contact", "<firms", "<firm", "<id", "<errors"].into_iter().any(begins);
    labelled && !ours && !start.is_empty()
}

/// The text without what may stand before the root element: the declaration, comments, white space.
fn past_prolog(text: &str) -> &str {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let after = match rest.strip_prefix("<!--") {
            Some(inside) => inside.split_once("-->"),
            None => rest.strip_prefix("<?").and_then(|inside| inside.split_once("?>")),
        };
        let Some((_, after)) = after else { return rest };
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_ids_and_errors_are_found() {
        for (text, id) in [
            ("<contact><id>7</id></contact>", Some("7")),
            (
                "<?xml version=\"1.0\"?><contact><last_name>x</last_name><id type=\"integer\">7</id></contact>\n",
                Some("7"),
            ),
            ("<id>7</id>", Some("7")),
            ("<id>7", None),
            ("<contact><id>7</id>", None),
            ("<contact></contact>", None),
            ("<contacts><id>7</id></contacts>", None),
            ("", None),
        ] {
            assert_eq!(read_created_id(Resource::Contacts, text).as_deref(), id, "{text}");
        }
        for (text, words) in [
            (
                "<errors type=\"array\"><error>Name &amp; first name missing</error>\n<error>b</error></errors>",
                Some("Name & first name missing; b"),
            ),
            ("<errors><error/></errors>", None),
            ("<html>", None),
            ("no", None),
        ] {
            assert_eq!(read_errors(text).as_deref(), words, "{text}");
        }
    }

    #[test]
    fn web_pages_are_recognised() {
        for (text, expected) in [
            ("<!DOCTYPE html><html>", true),
            ("\n <HTML lang=\"fr\">", true),
            ("<?xml version=\"1.0\"?>\n<!-- page --><!DOCTYPE html PUBLIC \"x\"><html/>", true),
            ("<?xml version=\"1.0\"?><contacts/>", false),
            ("<!-- <html> --><contacts/>", false),
            ("<!-- never ends <html>", false),
            ("<html5/>", false),
            ("<contacts><html/></contacts>", false),
            ("", false),
        ] {
            assert_eq!(is_web_page(text, false), expected, "{text}");
        }
    }

    #[test]
    fn a_record_digests_equal_alone_and_in_a_list() {
        let inside = "<id>7</id><last_name>A &amp; B</last_name><first_name nil=\"true\"/>";
        let alone = read_record(&format!("<?xml version=\"1.0\"?>\n<contact>\n  {inside}\n</contact>")).unwrap();
        let listed =
            read_page(&format!("<contacts type=\"array\"><contact>{inside}</contact></contacts>"), |_| None).unwrap();
        let [PageRecord::Changed(record)] = listed.records.as_slice() else { panic!("{listed:?}") };
        assert_eq!(**record, alone);
    }
}
