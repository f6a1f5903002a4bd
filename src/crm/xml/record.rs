//! One contact's record: from the tape of its elements to a [`Contact`], what it states, and what it says beside.
//!
//! Source: the API reference, "Object data". An absent element is not stated; `nil="true"`, `<x/>` and white space alone
//! are stated as empty. Values are verbatim, as XML reads them; ids and codes are trimmed. Elements that the
//! reference does not name are kept as text, in order. Of these only what list entries hold is ever sent back.

use std::borrow::Cow;

use super::{digest::Digest, error::Fault};
use crate::{
    contact::{Address, AddressType, Contact, Field, FieldSet, Item, ItemType},
    xml::{TOKENS_MAX, Token, is_blank, resolve},
};

/// The longest value of one element, in bytes.
pub const VALUE_LEN_MAX: usize = 64 * 1024;

/// A contact as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id: 1 to 19 digits.
    pub id: String,
    /// What the reference names.
    pub contact: Contact,
    /// The fields whose element was there.
    pub fields: FieldSet,
    /// The other elements, name and text (nested ones: their XML), in order. Those of list entries are named
    /// `contact_items/1/NAME`, counted from 1.
    pub unknown: Vec<(String, String)>,
    /// The ids of `contact.addresses`, one each.
    pub address_ids: Vec<Option<String>>,
    /// The ids of `contact.items`, one each.
    pub item_ids: Vec<Option<String>>,
    /// Digest of what the record says.
    pub revision: Digest,
}

/// What an entry holds beside the reference that is the server's own business, and never sent back.
const OWN_OF_ENTRIES: [&str; 3] = ["contact_id", "created_at", "updated_at"];

impl Record {
    /// What the entries of a list hold beyond the reference: the entry's place, counted from 0, element and text. Left
    /// out is what is empty, and what has elements inside.
    pub fn entry_extras(&self, list: Field) -> impl Iterator<Item = (usize, &str, &str)> {
        self.unknown.iter().filter_map(move |(path, text)| {
            let (place, name) = path.strip_prefix(list.name())?.strip_prefix('/')?.split_once('/')?;
            let place = place.parse::<usize>().ok()?.checked_sub(1)?;
            let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
            // Nested elements are kept as XML, which is never put into a body.
            let is_text = !text.trim().is_empty() && !text.trim_start().starts_with('<');
            let sent = is_text && name.chars().all(plain) && !OWN_OF_ENTRIES.contains(&name);
            sent.then_some((place, name, text.as_str()))
        })
    }
}

/// An id as a number, if it is 1 to 19 digits without a leading zero.
pub fn id_key(id: &str) -> Option<u64> {
    let plain = (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (id.len() > 1 && id.starts_with('0')) {
        return None;
    }
    id.parse().ok()
}

/// The record's own id, read before anything else.
pub fn find_id(tape: &[Token<'_>]) -> Result<(String, u64), Fault> {
    let mut cursor = Cursor { tape };
    while let Some((name, _)) = cursor.next_child() {
        if name == "id" {
            let text = cursor.text("id")?;
            let id = text.trim();
            return id_key(id).map(|key| (id.to_owned(), key)).ok_or(Fault::Id);
        }
        cursor.skip();
    }
    Err(Fault::Id)
}

/// Builds a record from the inside of its `<contact>`. `source` is the text that the tape's positions refer to.
pub fn build(source: &str, tape: &[Token<'_>], id: String, revision: Digest) -> Result<Record, Fault> {
    if tape.len() > TOKENS_MAX {
        return Err(Fault::TooMany);
    }
    let mut record = Record {
        id,
        contact: Contact::default(),
        fields: FieldSet::NONE,
        unknown: Vec::new(),
        address_ids: Vec::new(),
        item_ids: Vec::new(),
        revision,
    };
    let mut id_seen = false;
    let mut cursor = Cursor { tape };
    while let Some((name, at)) = cursor.next_child() {
        if name == "id" {
            if std::mem::replace(&mut id_seen, true) {
                return Err(Fault::Twice("id"));
            }
            cursor.skip();
            continue;
        }
        let known = Field::from_name(name).filter(|field| FieldSet::CRM.contains(*field));
        let Some(field) = known else {
            let text = cursor.anything(source, at)?;
            record.unknown.push((name.to_owned(), text));
            continue;
        };
        if record.fields.contains(field) {
            return Err(Fault::Twice(field.name()));
        }
        record.fields = record.fields.with(field);
        match field {
            Field::Addresses => addresses(source, &mut cursor, &mut record)?,
            Field::Items => items(source, &mut cursor, &mut record)?,
            Field::Civility | Field::ContactType | Field::FirmId => {
                record.contact.set_scalar(field, cursor.text(field.name())?.trim());
            }
            scalar => record.contact.set_scalar(scalar, &cursor.text(scalar.name())?),
        }
    }
    Ok(record)
}

fn addresses(source: &str, cursor: &mut Cursor<'_, '_>, record: &mut Record) -> Result<(), Fault> {
    while let Some((name, at)) = cursor.next_child() {
        if name != "contact_address" {
            let text = cursor.anything(source, at)?;
            record.unknown.push((format!("contact_addresses/{name}"), text));
            continue;
        }
        let mut address = Address::new(AddressType::from_code(""));
        let mut id = None;
        let mut unknown = Vec::new();
        while let Some((name, at)) = cursor.next_child() {
            match name {
                "id" => id = entry_id(&cursor.text("id")?),
                "address_type" => address.address_type = AddressType::from_code(&cursor.text("address_type")?),
                "street_address" => address.street_address = cursor.text("street_address")?.into_owned(),
                "street_address2" => address.street_address2 = cursor.text("street_address2")?.into_owned(),
                "zip_code" => address.zip_code = cursor.text("zip_code")?.into_owned(),
                "city" => address.city = cursor.text("city")?.into_owned(),
                "country" => address.country = cursor.text("country")?.into_owned(),
                other => unknown.push((other, cursor.anything(source, at)?)),
            }
        }
        cursor.close();
        if !address.is_empty() {
            record.contact.addresses.push(address);
            record.address_ids.push(id);
            let place = record.address_ids.len();
            keep(&mut record.unknown, "contact_addresses", place, unknown);
        }
    }
    cursor.close();
    Ok(())
}

fn items(source: &str, cursor: &mut Cursor<'_, '_>, record: &mut Record) -> Result<(), Fault> {
    while let Some((name, at)) = cursor.next_child() {
        if name != "contact_item" {
            let text = cursor.anything(source, at)?;
            record.unknown.push((format!("contact_items/{name}"), text));
            continue;
        }
        let mut item = Item::new(ItemType::from_code(""), "");
        let mut id = None;
        let mut unknown = Vec::new();
        while let Some((name, at)) = cursor.next_child() {
            match name {
                "id" => id = entry_id(&cursor.text("id")?),
                "type_id" => item.item_type = ItemType::from_code(&cursor.text("type_id")?),
                "value" => item.value = cursor.text("value")?.into_owned(),
                other => unknown.push((other, cursor.anything(source, at)?)),
            }
        }
        cursor.close();
        if !item.value.is_empty() {
            record.contact.items.push(item);
            record.item_ids.push(id);
            let place = record.item_ids.len();
            keep(&mut record.unknown, "contact_items", place, unknown);
        }
    }
    cursor.close();
    Ok(())
}

/// An entry's id goes back to the server in a body, so that it too is digits or nothing.
fn entry_id(text: &str) -> Option<String> {
    let id = text.trim();
    id_key(id).map(|_| id.to_owned())
}

fn keep(unknown: &mut Vec<(String, String)>, list: &str, place: usize, found: Vec<(&str, String)>) {
    unknown.extend(found.into_iter().map(|(name, text)| (format!("{list}/{place}/{name}"), text)));
}

/// Reads a tape from its front.
struct Cursor<'t, 'a> {
    tape: &'t [Token<'a>],
}

impl<'a> Cursor<'_, 'a> {
    /// Enters the next element of this level: its name and where it begins. `None` before the level's end tag.
    fn next_child(&mut self) -> Option<(&'a str, usize)> {
        while let Some((token, rest)) = self.tape.split_first() {
            match token {
                Token::Open { name, at, .. } => {
                    self.tape = rest;
                    return Some((name, *at));
                }
                Token::Close { .. } => return None,
                Token::Text(_) | Token::Cdata(_) | Token::Reference(_) => self.tape = rest,
            }
        }
        None
    }

    /// Passes the end tag that [`Cursor::next_child`] stopped at.
    fn close(&mut self) {
        if let Some((Token::Close { .. }, rest)) = self.tape.split_first() {
            self.tape = rest;
        }
    }

    /// The text of the element entered, which is left. `element` is named in faults.
    fn text(&mut self, element: &'static str) -> Result<Cow<'a, str>, Fault> {
        let end = self.tape.iter().position(|token| matches!(token, Token::Open { .. } | Token::Close { .. }));
        let (run, rest) = self.tape.split_at(end.unwrap_or(self.tape.len()));
        if matches!(rest.first(), Some(Token::Open { .. })) {
            return Err(Fault::NotText(element));
        }
        self.tape = rest;
        self.close();
        value(run, element)
    }

    /// An element that the reference does not name: its text, or its XML if it has elements in it; then it is left.
    fn anything(&mut self, source: &str, at: usize) -> Result<String, Fault> {
        match self.text("an element") {
            Err(Fault::NotText(_)) => {
                let end = self.skip();
                let xml = source.get(at..end).unwrap_or_default();
                if xml.len() > VALUE_LEN_MAX { Err(Fault::TooLong("an element")) } else { Ok(xml.to_owned()) }
            }
            other => other.map(Cow::into_owned),
        }
    }

    /// Leaves the element entered, whatever is in it; the position just after it.
    fn skip(&mut self) -> usize {
        let mut open = 1_usize;
        while let Some((token, rest)) = self.tape.split_first() {
            self.tape = rest;
            match token {
                Token::Open { .. } => open += 1,
                Token::Close { end } => {
                    open -= 1;
                    if open == 0 {
                        return *end;
                    }
                }
                Token::Text(_) | Token::Cdata(_) | Token::Reference(_) => {}
            }
        }
        0
    }
}

fn value<'a>(run: &[Token<'a>], element: &'static str) -> Result<Cow<'a, str>, Fault> {
    let text = match run {
        [] => return Ok(Cow::Borrowed("")),
        [Token::Text(text) | Token::Cdata(text)] => line_ends(text),
        many => {
            let mut joined = String::new();
            for token in many {
                match token {
                    Token::Text(text) | Token::Cdata(text) => joined.push_str(&line_ends(text)),
                    Token::Reference(name) => joined.push(resolve(name).ok_or(Fault::Entity)?),
                    Token::Open { .. } | Token::Close { .. } => {}
                }
            }
            Cow::Owned(joined)
        }
    };
    if text.len() > VALUE_LEN_MAX {
        return Err(Fault::TooLong(element));
    }
    if text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        return Err(Fault::Control);
    }
    if is_blank(&text) {
        return Ok(Cow::Borrowed(""));
    }
    Ok(text)
}

/// Line ends as XML 1.0, 2.11 has them. Only of what stands in the text: `&#13;` is how a carriage return is meant.
fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        return Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Civility, ContactType};
    use crate::crm::xml::read_record;

    /// What the reference's example and a Rails server's habits give, read and said in one line each.
    const FULL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<contact>
  <id type="integer">812</id>
  <reference>R-7</reference>
  <civility_label_id type="integer"> 18 </civility_label_id>
  <last_name>L&#233;vy &amp; fils</last_name>
  <first_name/>
  <comment><![CDATA[a < b]]>&#10;second&#x20;line</comment>
  <job_title nil="true"/>
  <country>France</country>
  <contact_type>press</contact_type>
  <firm_id type="integer">44</firm_id>
  <contact_addresses type="array">
    <contact_address>
      <id type="integer">5</id><address_type>21</address_type><street_address>3 rue X</street_address>
      <zip_code>01000</zip_code><city>Bourg</city><geo><lat>1</lat></geo>
    </contact_address>
    <contact_address><id>6</id><address_type>20</address_type></contact_address>
  </contact_addresses>
  <contact_items type="array">
    <contact_item><id>9</id><type_id>24</type_id><value>01 23</value><label>desk</label></contact_item>
    <contact_item><type_id>999</type_id><value>x</value></contact_item>
  </contact_items>
  <created_at>24-12-2023-10-00</created_at>
</contact>
"#;

    #[test]
    fn a_full_record_is_read() {
        let record = read_record(FULL).unwrap();
        let Contact { civility, last_name, first_name, comment, job_title, country, .. } = &record.contact;
        assert_eq!(record.id, "812");
        assert_eq!(*civility, Some(Civility::Madam));
        assert_eq!([last_name, first_name, job_title, country], ["Lévy & fils", "", "", "France"]);
        assert_eq!(comment, "a < b\nsecond line");
        assert_eq!(record.contact.contact_type, Some(ContactType::Press));
        assert_eq!(record.contact.firm_id, "44");
        assert!(record.fields.contains(Field::JobTitle));
        assert!(!record.fields.contains(Field::JobDepartment));
        assert_eq!(record.contact.addresses.len(), 1);
        assert_eq!(record.contact.addresses[0].one_line(), "professional: 3 rue X, 01000 Bourg");
        assert_eq!(record.address_ids, [Some("5".to_owned())]);
        assert_eq!(record.contact.items[1], Item::new(ItemType::Unlisted("999".into()), "x"));
        assert_eq!(record.item_ids, [Some("9".to_owned()), None]);
        let unknown: Vec<(&str, &str)> = record.unknown.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            unknown,
            [
                ("reference", "R-7"),
                ("contact_addresses/1/geo", "<geo><lat>1</lat></geo>"),
                ("contact_items/1/label", "desk"),
                ("created_at", "24-12-2023-10-00"),
            ]
        );
    }

    #[test]
    fn absent_nil_empty_and_blank() {
        for (element, stated, value) in [
            ("", false, ""),
            ("<comment/>", true, ""),
            ("<comment></comment>", true, ""),
            ("<comment nil=\"true\"></comment>", true, ""),
            ("<comment>\n   </comment>", true, ""),
            ("<comment> x </comment>", true, " x "),
            // Line ends as they stand in the text are layout of the file (XML 1.0, 2.11); written as references they are
            // meant.
            ("<comment>a\r\nb\rc</comment>", true, "a\nb\nc"),
            ("<comment>a&#13;&#10;b&#xD;c&#13;</comment>", true, "a\r\nb\rc\r"),
            ("<comment>a\r&#10;b&#13;\nc</comment>", true, "a\n\nb\r\nc"),
            ("<comment><![CDATA[a\r\nb\r]]>\nc</comment>", true, "a\nb\n\nc"),
            ("<comment>a<!-- b -->c</comment>", true, "ac"),
        ] {
            let record = read_record(&format!("<contact><id>1</id>{element}</contact>")).unwrap();
            assert_eq!(record.fields.contains(Field::Comment), stated, "{element}");
            assert_eq!(record.contact.comment, value, "{element}");
        }
    }

    #[test]
    fn what_entries_hold_beyond_the_reference_can_be_sent_back() {
        let entry = "<id>5</id><type_id>24</type_id><value>01</value><contact_id>1</contact_id><created_at>x</created_at>\
                     <label>for &lt;bills&gt;</label><empty/><nested><a>1</a></nested><mark>&lt;b&gt;</mark>";
        let lists = format!(
            "<contact_items><contact_item><value/><label>of nobody</label></contact_item><contact_item>{entry}</contact_item>\
             <other>x</other></contact_items><contact_addresses><contact_address><city>Bourg</city><label>y</label>\
             </contact_address></contact_addresses>"
        );
        let record = read_record(&format!("<contact><id>1</id><label>z</label>{lists}</contact>")).unwrap();
        assert_eq!(record.entry_extras(Field::Items).collect::<Vec<_>>(), [(0, "label", "for <bills>")]);
        assert_eq!(record.entry_extras(Field::Addresses).collect::<Vec<_>>(), [(0, "label", "y")]);
    }

    #[test]
    fn faults_are_named() {
        let long = format!("<comment>{}</comment>", "x".repeat(VALUE_LEN_MAX + 1));
        for (inside, fault) in [
            ("", Fault::Id),
            ("<id/>", Fault::Id),
            ("<id>../1</id>", Fault::Id),
            ("<id>12345678901234567890</id>", Fault::Id),
            ("<id>007</id>", Fault::Id),
            ("<id>1</id><comment>&foo;</comment>", Fault::Entity),
            ("<id>1</id><comment>a & b</comment>", Fault::Entity),
            ("<id>1</id><comment>&#0;</comment>", Fault::Entity),
            ("<id>1</id><comment>&#xD800;</comment>", Fault::Entity),
            ("<id>1</id><comment>&#+65;</comment>", Fault::Entity),
            ("<id>1</id><comment>\u{1}</comment>", Fault::Control),
            ("<id>1</id><comment><b>x</b></comment>", Fault::NotText("comment")),
            ("<id>1</id><comment/><comment/>", Fault::Twice("comment")),
            ("<id>1</id><id>2</id>", Fault::Twice("id")),
            (&format!("<id>1</id>{long}"), Fault::TooLong("comment")),
            (&format!("<id>1</id>{}", "<a/>".repeat(TOKENS_MAX)), Fault::TooMany),
        ] {
            let read = read_record(&format!("<contact>{inside}</contact>"));
            assert_eq!(read, Err(super::super::XmlError::Record(fault)), "{:.60}", inside);
        }
    }
}
