//! The bodies of POST and PUT: `<contact>` with what is to be set, in the reference's order.
//!
//! A cleared scalar is an empty element. Nothing is formatted or guessed: a value that XML cannot carry is refused by
//! name instead of being altered.

use super::record::VALUE_LEN_MAX;
use crate::{
    contact::{Address, Contact, Field, FieldSet, Item, is_number},
    crm::lists::{Entry, Lists, Outgoing},
};

/// Why a field cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It holds a character that XML 1.0 cannot express, not even as a reference.
    #[error("write `{}`: it holds a control character that XML cannot carry", .0.name())]
    Control(Field),
    /// It could not be read back: what is written once and never agreed on would be looked for in every run.
    #[error("write `{}`: it is longer than 64 KiB", .0.name())]
    TooLong(Field),
    /// The CRM would make another number of it.
    #[error("write `{}`: it holds letters, and the CRM keeps a number there", .0.name())]
    NoNumber(Field),
}

impl Unwritable {
    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Control(_) => "remove the control character from the contact",
            Self::TooLong(_) => "shorten it; until then the CRM keeps what it has",
            Self::NoNumber(_) => "correct it; until then the CRM keeps what it has",
        }
    }
}

/// The body that makes a contact: everything that it holds and the API can carry.
pub fn create_body(contact: &Contact) -> Result<String, Unwritable> {
    let addresses: Vec<_> = contact.addresses.iter().map(Outgoing::new).collect();
    let items: Vec<_> = contact.items.iter().map(Outgoing::new).collect();
    update_body(contact, contact.set_fields(), Lists { addresses: Some(&addresses), items: Some(&items) })
}

/// The body that changes one list.
pub fn list_body<T: Entry>(entries: &[Outgoing<'_, T>]) -> Result<String, Unwritable> {
    update_body(&Contact::default(), FieldSet::NONE.with(T::KIND.field()), T::alone(entries))
}

/// The body that changes the fields of `changed`. A list is sent only if its entries are given.
pub fn update_body(contact: &Contact, changed: FieldSet, lists: Lists<'_, '_>) -> Result<String, Unwritable> {
    let mut body = Body { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contact>") };
    for field in changed.and(FieldSet::CRM).iter() {
        match field {
            Field::Addresses => {
                if let Some(entries) = lists.addresses {
                    body.list(field, "contact_address", entries, Body::address)?;
                }
            }
            Field::Items => {
                if let Some(entries) = lists.items {
                    body.list(field, "contact_item", entries, Body::item)?;
                }
            }
            Field::Civility | Field::FirmId if !is_number(&contact.scalar(field)) => {
                return Err(Unwritable::NoNumber(field));
            }
            scalar => body.element(scalar, scalar.name(), &contact.scalar(scalar))?,
        }
    }
    body.text.push_str("</contact>\n");
    Ok(body.text)
}

/// The body that makes a firm of this name.
pub fn firm_body(name: &str) -> Result<String, Unwritable> {
    let mut body = Body { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<firm>") };
    body.element(Field::Company, "name", name)?;
    body.text.push_str("</firm>\n");
    Ok(body.text)
}

struct Body {
    text: String,
}

type EntryWriter<T> = fn(&mut Body, &T, bool) -> Result<(), Unwritable>;

impl Body {
    fn element(&mut self, field: Field, name: &str, value: &str) -> Result<(), Unwritable> {
        if value.len() > VALUE_LEN_MAX {
            return Err(Unwritable::TooLong(field));
        }
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        for character in value.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '\r' => self.text.push_str("&#13;"),
                '\t' | '\n' => self.text.push(character),
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return Err(Unwritable::Control(field)),
                plain => self.text.push(plain),
            }
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        Ok(())
    }

    fn list<T>(
        &mut self,
        field: Field,
        entry: &str,
        entries: &[Outgoing<'_, T>],
        write: EntryWriter<T>,
    ) -> Result<(), Unwritable> {
        // Rails reads a list of one entry as a list only if it is told so.
        self.text.push_str(&format!("<{} type=\"array\">", field.name()));
        for Outgoing { id, value, extra } in entries {
            self.text.push_str(&format!("<{entry}>"));
            if let Some(id) = id {
                self.element(field, "id", id)?;
            }
            match value {
                Some(value) => write(self, value, id.is_some())?,
                None => self.element(field, "_destroy", "1")?,
            }
            for (name, text) in extra {
                self.element(field, name, text)?;
            }
            self.text.push_str(&format!("</{entry}>"));
        }
        self.text.push_str(&format!("</{}>", field.name()));
        Ok(())
    }

    /// `complete`: an entry that the server knows is told its empty parts too, so that they are cleared.
    fn address(&mut self, address: &Address, complete: bool) -> Result<(), Unwritable> {
        let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
        for (name, value) in [
            ("address_type", address_type.code()),
            ("street_address", street_address),
            ("street_address2", street_address2),
            ("zip_code", zip_code),
            ("city", city),
            ("country", country),
        ] {
            if complete || !value.is_empty() {
                self.element(Field::Addresses, name, value)?;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, complete: bool) -> Result<(), Unwritable> {
        let Item { item_type, value } = item;
        if complete || !item_type.code().is_empty() {
            self.element(Field::Items, "type_id", item_type.code())?;
        }
        self.element(Field::Items, "value", value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{AddressType, Civility, ContactType, ItemType};

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    fn ada() -> Contact {
        Contact {
            civility: Some(Civility::Miss),
            last_name: "Love & <lace>".into(),
            comment: "two\nlines".into(),
            contact_type: Some(ContactType::Personal),
            addresses: vec![Address { city: "Bourg".into(), ..Address::new(AddressType::Professional) }],
            items: vec![Item::new(ItemType::Skype, "ada")],
            company: "not carried".into(),
            ..Contact::default()
        }
    }

    #[test]
    fn a_new_contact_is_sent_with_what_it_holds() {
        let expected = format!(
            "{HEAD}<contact><civility_label_id>19</civility_label_id><last_name>Love &amp; &lt;lace&gt;</last_name>\
             <comment>two\nlines</comment><contact_type>perso</contact_type><contact_addresses type=\"array\">\
             <contact_address><address_type>21</address_type><city>Bourg</city></contact_address></contact_addresses>\
             <contact_items type=\"array\"><contact_item><type_id>430</type_id><value>ada</value></contact_item>\
             </contact_items></contact>\n"
        );
        assert_eq!(create_body(&ada()).unwrap(), expected);
    }

    #[test]
    fn an_update_sends_only_what_changed() {
        let contact = ada();
        let check = |changed: FieldSet, items: Option<&[Outgoing<'_, Item>]>, expected: &str| {
            let body = update_body(&contact, changed, Lists { items, ..Lists::default() }).unwrap();
            assert_eq!(body, format!("{HEAD}<contact>{expected}</contact>\n"));
        };
        check(FieldSet::NONE.with(Field::FirstName), None, "<first_name></first_name>");
        check(FieldSet::NONE.with(Field::Company).with(Field::Items), None, "");
        check(FieldSet::NONE.with(Field::Items), Some(&[]), "<contact_items type=\"array\"></contact_items>");
        let kept = Outgoing { id: Some("5"), value: Some(&contact.items[0]), extra: vec![("label", "a & b")] };
        let removed = Outgoing::removal("6");
        check(
            FieldSet::NONE.with(Field::Items).with(Field::Civility),
            Some(&[kept, removed]),
            "<civility_label_id>19</civility_label_id><contact_items type=\"array\"><contact_item><id>5</id>\
             <type_id>430</type_id><value>ada</value><label>a &amp; b</label></contact_item><contact_item><id>6</id><_destroy>1</_destroy>\
             </contact_item></contact_items>",
        );
    }

    #[test]
    fn what_cannot_be_carried_is_refused_by_name() {
        let contact = Contact { comment: "bell \u{7}".into(), ..Contact::default() };
        assert_eq!(create_body(&contact), Err(Unwritable::Control(Field::Comment)));
        let item = |length| Item::new(ItemType::Skype, "x".repeat(length));
        let long = |length| Contact { items: vec![item(length)], ..Contact::default() };
        assert!(create_body(&long(VALUE_LEN_MAX)).is_ok());
        assert_eq!(create_body(&long(VALUE_LEN_MAX + 1)), Err(Unwritable::TooLong(Field::Items)));
    }

    #[test]
    fn letters_are_sent_where_no_number_is_kept_only() {
        let firm = |id: &str| Contact { last_name: "Ada".into(), firm_id: id.into(), ..Contact::default() };
        assert!(create_body(&firm("12")).is_ok() && create_body(&firm("")).is_ok());
        for id in ["abc", "12 rue", "-1", "1234567890123456789"] {
            assert_eq!(create_body(&firm(id)), Err(Unwritable::NoNumber(Field::FirmId)), "{id}");
        }
        let only_name = FieldSet::NONE.with(Field::LastName);
        assert!(update_body(&firm("abc"), only_name, Lists::default()).is_ok(), "it is not sent");
        let odd = Contact { civility: Some(Civility::from_code("Dr")), ..firm("") };
        assert_eq!(create_body(&odd), Err(Unwritable::NoNumber(Field::Civility)));
    }
}
