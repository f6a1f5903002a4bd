//! One page of the listing: `<contacts>` with a `<pagination>` and the contacts.
//!
//! A record whose digest is the known one is not built into a contact at all. A record that cannot be used is set aside
//! with its fault, and the others go on; a page that is not whole is no page.

use super::{
    Resource,
    digest::{self, Digest},
    error::{Fault, XmlError},
    record::{self, Record, find_id},
};
use crate::xml::{Token, XmlReader, attribute};

/// A page as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPage {
    /// `total_pages`, if the page says it: as an element or attribute of `pagination` or of the root.
    pub total_pages: Option<u32>,
    /// The contacts, in the page's order.
    pub records: Vec<PageRecord>,
}

/// A contact of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageRecord {
    /// Its digest is the known one.
    Same {
        /// Its id.
        id: String,
        /// Its id as a number.
        key: u64,
        /// Its digest.
        revision: Digest,
    },
    /// It is new or changed.
    Changed(Box<Record>),
    /// It cannot be used.
    Faulty {
        /// Its id, if that much could be read.
        id: Option<String>,
        /// Why.
        fault: Fault,
    },
}

impl PageRecord {
    /// Its id as a number, if that much could be read.
    pub fn key(&self) -> Option<u64> {
        match self {
            PageRecord::Same { key, .. } => Some(*key),
            PageRecord::Changed(record) => record::id_key(&record.id),
            PageRecord::Faulty { id, .. } => id.as_deref().and_then(record::id_key),
        }
    }
}

/// Reads a page of contacts. `known` gives the digest that a contact had when it was last agreed on.
pub fn read_page(text: &str, known: impl Fn(u64) -> Option<Digest>) -> Result<ReadPage, XmlError> {
    read_page_of(Resource::Contacts, text, known)
}

/// Reads a page of a listing.
pub fn read_page_of(
    resource: Resource,
    text: &str,
    known: impl Fn(u64) -> Option<Digest>,
) -> Result<ReadPage, XmlError> {
    let mut walker = XmlReader::new(text);
    let source = walker.text();
    let mut page = ReadPage { total_pages: None, records: Vec::new() };
    match walker.next_token()? {
        Some(Token::Open { name, attributes, .. }) if name == resource.plural() => {
            page.total_pages = total_attribute(attributes);
        }
        _ => return Err(XmlError::WrongRoot(resource.plural())),
    }
    let mut tape = Vec::new();
    let mut buffer = Vec::new();
    while let Some(token) = walker.next_token()? {
        let Token::Open { name, attributes, .. } = token else { continue };
        walker.take_inside(&mut tape)?;
        match name {
            name if name == resource.element() => page.records.push(read_one(source, &tape, &known, &mut buffer)),
            "pagination" => {
                let told = total_attribute(attributes).or_else(|| total_element(&tape));
                page.total_pages = told.or(page.total_pages);
            }
            "total_pages" => page.total_pages = number(&tape).or(page.total_pages),
            _ => {}
        }
    }
    Ok(page)
}

fn read_one(
    source: &str,
    tape: &[Token<'_>],
    known: &impl Fn(u64) -> Option<Digest>,
    buffer: &mut Vec<u8>,
) -> PageRecord {
    let (id, key) = match find_id(tape) {
        Ok(found) => found,
        Err(fault) => return PageRecord::Faulty { id: None, fault },
    };
    let revision = digest::of_tape(tape, buffer);
    if known(key) == Some(revision) {
        return PageRecord::Same { id, key, revision };
    }
    match record::build(source, tape, id.clone(), revision) {
        Ok(record) => PageRecord::Changed(Box::new(record)),
        Err(fault) => PageRecord::Faulty { id: Some(id), fault },
    }
}

fn total_attribute(attributes: &str) -> Option<u32> {
    attribute(attributes, "total_pages").and_then(|value| value.trim().parse().ok())
}

fn total_element(tape: &[Token<'_>]) -> Option<u32> {
    let place = tape.iter().position(|token| matches!(token, Token::Open { name: "total_pages", .. }))?;
    number(tape.get(place + 1..)?)
}

fn number(tape: &[Token<'_>]) -> Option<u32> {
    match tape.first()? {
        Token::Text(text) | Token::Cdata(text) => text.trim().parse().ok(),
        Token::Open { .. } | Token::Close { .. } | Token::Reference(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::decode;

    fn page_of(count: usize) -> String {
        let mut text =
            String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contacts type=\"array\">\n<pagination>");
        text.push_str(
            "<current_page_items_count>50</current_page_items_count><total_pages>7</total_pages></pagination>\n",
        );
        for id in 1..=count {
            text.push_str(&format!(
                "<contact><id type=\"integer\">{id}</id><last_name>Müller &amp; Co</last_name><comment/><contact_items \
                 type=\"array\"><contact_item><type_id>24</type_id><value>01 {id}</value></contact_item></contact_items>\
                 </contact>\n"
            ));
        }
        text + "</contacts>\n"
    }

    #[test]
    fn a_page_cut_at_any_byte_is_no_page() {
        let text = page_of(50);
        let whole = text.trim_end().len();
        assert_eq!(read_page(&text, |_| None).unwrap().records.len(), 50);
        for cut in 0..whole {
            // Through the decoder, as bodies come: a cut within a character is no excuse.
            let read = decode(&text.as_bytes()[..cut], Some("application/xml; charset=utf-8"));
            let read = read.map_err(XmlError::from).and_then(|part| read_page(&part, |_| None));
            assert!(read.is_err(), "cut at {cut}");
        }
        for tail in ["<contacts/>", "garbage", "<", "&amp;", "</contacts>"] {
            assert!(read_page(&format!("{text}{tail}"), |_| None).is_err(), "{tail}");
        }
    }

    #[test]
    fn pagination_is_read_wherever_it_stands() {
        for (text, expected) in [
            ("<contacts><pagination><total_pages>3</total_pages></pagination></contacts>", Some(3)),
            (
                "<contacts><contact><id>1</id></contact><pagination><total_pages type=\"integer\"> 3 </total_pages></pagination></contacts>",
                Some(3),
            ),
            ("<contacts><pagination><pages><total_pages>3</total_pages></pages></pagination></contacts>", Some(3)),
            ("<contacts><pagination total_pages=\"3\" current_page_items_count='50'/></contacts>", Some(3)),
            ("<contacts type=\"array\" total_pages=\"3\"/>", Some(3)),
            ("<contacts><total_pages>3</total_pages></contacts>", Some(3)),
            ("<contacts><pagination><total_pages/></pagination></contacts>", None),
            ("<contacts><pagination><total_pages>many</total_pages></pagination></contacts>", None),
            ("<contacts type=\"array\"></contacts>", None),
        ] {
            assert_eq!(read_page(text, |_| None).unwrap().total_pages, expected, "{text}");
        }
    }

    #[test]
    fn one_bad_record_stops_nobody() {
        let text = "<contacts><contact><id>1</id></contact><contact><id>2</id><comment>&nope;</comment></contact>\
                    <contact><last_name>x</last_name></contact><contact><id>3</id></contact></contacts>";
        let page = read_page(text, |_| None).unwrap();
        let seen: Vec<String> = page
            .records
            .iter()
            .map(|record| match record {
                PageRecord::Same { id, .. } => format!("same {id}"),
                PageRecord::Changed(record) => format!("changed {}", record.id),
                PageRecord::Faulty { id, fault } => format!("faulty {id:?} {fault:?}"),
            })
            .collect();
        assert_eq!(seen, ["changed 1", "faulty Some(\"2\") Entity", "faulty None Id", "changed 3"]);
    }

    #[test]
    fn a_record_of_known_digest_is_the_same() {
        let text = page_of(2);
        let first = read_page(&text, |_| None).unwrap();
        let PageRecord::Changed(one) = &first.records[0] else { panic!("{first:?}") };
        let again = read_page(&text, |key| (key == 1).then_some(one.revision)).unwrap();
        assert!(matches!(&again.records[0], PageRecord::Same { id, key: 1, .. } if id == "1"));
        assert!(matches!(&again.records[1], PageRecord::Changed(_)));
    }

    #[test]
    fn no_garbage_makes_it_panic_or_lose_a_neighbour() {
        let text = page_of(3);
        let garbage = [
            "<!-->",
            "<!--->",
            "<!---->",
            "<![CDATA[]>",
            "<![CDATA[]]>",
            "<![",
            "<?>",
            "<??>",
            "<?xml?>",
            "<!>",
            "<>",
            "</>",
            "< />",
            "<a",
            "<a b=\"",
            "<a b='>'/>",
            "</contact>",
            "<contact>",
            "&;",
            "&#;",
            "&#x;",
            "&#99999999999;",
            "&&",
            "&",
            "]]>",
            "\u{0}",
            "\u{feff}",
            "<id/>",
            "<id>9</id>",
            "<!DOCTYPE x>",
        ];
        for piece in garbage {
            for place in (0..text.len()).filter(|place| text.is_char_boundary(*place)) {
                let spoilt = format!("{}{piece}{}", &text[..place], &text[place..]);
                if let Ok(page) = read_page(&spoilt, |_| None) {
                    // One piece can spoil one record, or add one to it; it never makes others vanish.
                    assert!(page.records.len() >= 3, "{piece:?} at {place}");
                    let usable = page.records.iter().filter(|record| matches!(record, PageRecord::Changed(_))).count();
                    assert!(usable >= 2, "{piece:?} at {place}: {page:?}");
                }
            }
        }
    }

    #[test]
    fn other_roots_and_web_pages_are_refused() {
        for text in ["<contact><id>1</id></contact>", "<html></html>", "<nil-classes type=\"array\"/>"] {
            assert_eq!(read_page(text, |_| None), Err(XmlError::WrongRoot("contacts")), "{text}");
        }
    }
}
