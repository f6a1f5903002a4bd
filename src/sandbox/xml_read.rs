//! Reads the XML of a request: a `<contact>` or a `<firm>` with some of its elements.
//!
//! Written for this server alone; `crm` reads answers with code of its own. Strict where a Rails application is strict:
//! one root, everything closed, nothing after it, no DOCTYPE.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::object::{Change, EntryChange, LABEL, ListShape, Shape, Value};

/// Elements may be nested this deep.
const DEPTH_MAX: usize = 32;

/// Why a request's body is no such object: words for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

fn unreadable(words: impl Into<String>) -> Unreadable {
    Unreadable(words.into())
}

/// Reads a request's body, in the encoding that its declaration names (UTF-8 without one).
pub fn read_change<const N: usize>(shape: &Shape<N>, body: &[u8]) -> Result<Change<N>, Unreadable> {
    let text = decoded(body)?;
    let root = read_tree(&text)?;
    if root.name != shape.one {
        return Err(unreadable(format!("the root element is not <{}>", shape.one)));
    }
    let mut change = Change::default();
    for child in &root.children {
        if let Some(at) = shape.place(&child.name) {
            change.scalars[at] = Some(child.value());
        } else if let Some(at) = shape.lists.iter().position(|list| list.list == child.name) {
            let list = shape.lists[at];
            let entries = child.children.iter().filter(|entry| entry.name == list.entry);
            change.lists[at] = Some(entries.map(|entry| read_entry(entry, list)).collect());
        }
        // Anything else is left alone, as Rails does with parameters that it does not permit.
    }
    Ok(change)
}

fn read_entry(entry: &Element, shape: &ListShape) -> EntryChange {
    let find = |name: &str| entry.children.iter().find(|child| child.name == name);
    EntryChange {
        id: find("id").and_then(Element::value).filter(|id| !id.trim().is_empty()),
        destroy: find("_destroy").is_some_and(|flag| matches!(flag.text.trim(), "1" | "true")),
        label: find(LABEL).map(Element::value),
        values: shape.fields.iter().map(|name| find(name).map(Element::value)).collect(),
    }
}

fn decoded(body: &[u8]) -> Result<String, Unreadable> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let head = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let declaration =
        head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or("", |(inside, _)| inside);
    let label =
        declaration.split_once("encoding").and_then(|(_, rest)| rest.split(['"', '\'']).nth(1)).unwrap_or("UTF-8");
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
        .ok_or_else(|| unreadable("the encoding that the declaration names is unknown"))?;
    let text = encoding.decode_without_bom_handling_and_without_replacement(body);
    text.map(|text| text.into_owned()).ok_or_else(|| unreadable(format!("the body is not {}", encoding.name())))
}

/// An element with what is in it; attributes other than `nil` say nothing here.
#[derive(Debug, Default)]
struct Element {
    name: String,
    nil: bool,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn open(start: &BytesStart<'_>) -> Result<Self, Unreadable> {
        let mut element =
            Self { name: String::from_utf8_lossy(start.name().as_ref().as_ref()).into_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| unreadable("an attribute is malformed"))?;
            let key: &[u8] = attribute.key.as_ref().as_ref();
            let value: &[u8] = attribute.value.as_ref().as_ref();
            element.nil |= key == b"nil" && matches!(value, b"true" | b"1");
        }
        Ok(element)
    }

    fn value(&self) -> Value {
        (!self.nil).then(|| self.text.clone())
    }
}

fn read_tree(text: &str) -> Result<Element, Unreadable> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    // The bottom one is the document itself: its only child is to be the root.
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|_| unreadable("the XML is not well-formed"))?;
        match event {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return Err(unreadable("the XML is nested too deep"));
                }
                open.push(Element::open(&start)?);
            }
            Event::Empty(start) => {
                let element = Element::open(&start)?;
                innermost(&mut open)?.children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(|| unreadable("an element is closed twice"))?;
                innermost(&mut open)?.children.push(element);
            }
            Event::Text(part) => innermost(&mut open)?.text.push_str(&part.xml10_content()),
            Event::CData(part) => innermost(&mut open)?.text.push_str(&part.xml10_content()),
            Event::GeneralRef(name) => innermost(&mut open)?.text.push(referenced(&name)?),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::DocType(_) => return Err(unreadable("a DOCTYPE is not accepted")),
            Event::Eof => break,
        }
    }
    let document = open.pop().filter(|_| open.is_empty()).ok_or_else(|| unreadable("an element is not closed"))?;
    if !document.text.trim().is_empty() {
        return Err(unreadable("there is text outside the root element"));
    }
    let [root] = <[Element; 1]>::try_from(document.children)
        .map_err(|found| unreadable(format!("there are {} root elements instead of one", found.len())))?;
    Ok(root)
}

fn innermost(open: &mut [Element]) -> Result<&mut Element, Unreadable> {
    open.last_mut().ok_or_else(|| unreadable("an element is closed twice"))
}

/// The character that `&name;` stands for.
fn referenced(name: &quick_xml::events::BytesRef<'_>) -> Result<char, Unreadable> {
    let number = name.resolve_char_ref().map_err(|_| unreadable("a character reference is malformed"))?;
    let letter = match (number, &**name) {
        (Some(letter), _) => letter,
        (None, "amp") => '&',
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        (None, _) => return Err(unreadable("an entity is unknown")),
    };
    let allowed = matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if allowed { Ok(letter) } else { Err(unreadable("a character reference names no XML character")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::object::{CONTACT, FIRM};

    fn check_scalar(body: &str, at: usize, expected: Option<Option<&str>>) {
        let change = read_change(&CONTACT, body.as_bytes()).unwrap();
        let found = change.scalars[at].as_ref().map(|value| value.as_deref());
        assert_eq!(found, expected, "{body}");
    }

    fn check_refused(body: &[u8], expected: &str) {
        assert_eq!(read_change(&CONTACT, body).unwrap_err().to_string(), expected);
    }

    #[test]
    fn absent_empty_and_nil_are_three_things() {
        check_scalar("<contact/>", 3, None);
        check_scalar("<contact><comment/></contact>", 3, Some(Some("")));
        check_scalar("<contact><comment></comment></contact>", 3, Some(Some("")));
        check_scalar("<contact><comment nil=\"true\"/></contact>", 3, Some(None));
        check_scalar("<contact><comment nil=\"false\">x</comment></contact>", 3, Some(Some("x")));
    }

    #[test]
    fn text_is_kept_as_it_stands() {
        check_scalar("<contact><comment> a\r\nb </comment></contact>", 3, Some(Some(" a\nb ")));
        check_scalar(
            "<?xml version=\"1.0\"?>\n<contact><comment>&lt;b&gt; &amp;&#233;&#x1F600;<!-- no --><![CDATA[<&]]></comment></contact>\n",
            3,
            Some(Some("<b> &é😀<&")),
        );
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><contact><last_name>Zo\xe9</last_name></contact>";
        assert_eq!(read_change(&CONTACT, latin).unwrap().scalars[1], Some(Some("Zoé".to_owned())));
    }

    #[test]
    fn lists_are_read_with_their_ids() {
        let change = read_change(
            &CONTACT,
            b"<contact><contact_items type=\"array\"><contact_item><id type=\"integer\">7</id><_destroy>1</_destroy></contact_item>\
              <contact_item><type_id>88</type_id><value>06</value></contact_item></contact_items><contact_addresses/></contact>",
        )
        .unwrap();
        assert_eq!(change.lists[0], Some(vec![]));
        let items = change.lists[1].as_ref().unwrap();
        assert_eq!(
            items[0],
            EntryChange { id: Some("7".to_owned()), destroy: true, label: None, values: vec![None, None] }
        );
        let values = vec![Some(Some("88".to_owned())), Some(Some("06".to_owned()))];
        assert_eq!(items[1], EntryChange { id: None, destroy: false, label: None, values });
    }

    #[test]
    fn what_is_no_contact_is_refused() {
        check_refused(b"", "there are 0 root elements instead of one");
        check_refused(b"<contacts/>", "the root element is not <contact>");
        check_refused(b"<contact/><contact/>", "there are 2 root elements instead of one");
        check_refused(b"<contact><last_name>a</contact>", "the XML is not well-formed");
        check_refused(b"<contact><last_name>a</last_name>", "an element is not closed");
        check_refused(b"<contact/>x", "there is text outside the root element");
        check_refused(b"<!DOCTYPE contact><contact/>", "a DOCTYPE is not accepted");
        check_refused(b"<contact><comment>&bomb;</comment></contact>", "an entity is unknown");
        check_refused(b"<contact><comment>&#1;</comment></contact>", "a character reference names no XML character");
        check_refused(b"<contact><comment>\xff</comment></contact>", "the body is not UTF-8");
        check_refused("<a>".repeat(40).as_bytes(), "the XML is nested too deep");
        check_refused(b"{\"last_name\": 1}", "there is text outside the root element");
    }

    #[test]
    fn a_firm_has_a_root_and_elements_of_its_own() {
        let change = read_change(&FIRM, b"<firm><name>A &amp; B</name><last_name>x</last_name></firm>").unwrap();
        assert_eq!(change.scalars, [Some(Some("A & B".to_owned())), None, None, None, None]);
        assert_eq!(read_change(&FIRM, b"<contact/>").unwrap_err().to_string(), "the root element is not <firm>");
    }

    #[test]
    fn a_contact_cut_anywhere_is_refused() {
        let whole = "<contact><last_name>Zo\u{e9} &amp; co</last_name><contact_items/></contact>".as_bytes();
        assert!(read_change(&CONTACT, whole).is_ok());
        for end in 0..whole.len() {
            assert!(read_change(&CONTACT, &whole[..end]).is_err(), "cut at {end}");
        }
    }
}
