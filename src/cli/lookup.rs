//! From what a user types to the one contact that is meant, and how a contact is shown in a row.

use super::errors::CliError;
use crate::{
    contact::ItemKind,
    views::{
        Reader,
        contacts::{Meant, Stored, meant},
    },
};

/// The contact of this CRM id, UID, or unambiguous name or e-mail address.
///
/// # Errors
/// When there is none, or several.
pub fn one(reader: &Reader, text: &str) -> Result<Stored, CliError> {
    match meant(reader, text)? {
        Meant::One(stored) => Ok(*stored),
        Meant::Nobody => Err(CliError::failed("find such a contact", "`carnet find TEXT` looks for a part of a name")),
        Meant::Several(count) => {
            let hint = "`carnet find TEXT` lists them; give the id of one";
            Err(CliError::failed(format!("tell which of {count} contacts is meant"), hint))
        }
    }
}

/// The columns of a list.
pub const COLUMNS: [&str; 6] = ["id", "name", "type", "company", "phone", "e-mail"];

/// A contact as a row under [`COLUMNS`]; one that the CRM does not have yet is known by its UID.
pub fn row(stored: &Stored) -> Vec<String> {
    let contact = &stored.contact;
    let first = |kind: ItemKind| contact.values(kind).next().unwrap_or_default().to_owned();
    vec![
        stored.crm_id.clone().unwrap_or_else(|| stored.uid.clone()),
        contact.display_name(),
        contact.contact_type.as_ref().map_or(String::new(), |kind| kind.word().to_owned()),
        contact.company.clone(),
        first(ItemKind::Phone),
        first(ItemKind::Email),
    ]
}

/// A contact as a JSON object: `type`, `id` (the CRM's), `uid`, and the reference's members.
pub fn object(stored: &Stored) -> serde_json::Value {
    let mut object = super::events_json::typed("contact", &stored.contact);
    object["id"] = stored.crm_id.clone().into();
    object["uid"] = stored.uid.clone().into();
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Contact, Item, ItemType},
        mirror::Mirror,
    };

    fn reader() -> Reader {
        let mut mirror = Mirror::in_memory().unwrap();
        for (first_name, email) in [("Ada", "ada@example.com"), ("Zoé", "zoe@example.com")] {
            let items = vec![Item::new(ItemType::ProfessionalEmail, email)];
            let contact =
                Contact { first_name: first_name.into(), last_name: "Durand".into(), items, ..Contact::default() };
            mirror.insert_contact(first_name, &contact, "crm", 1, "2026-01-01T00:00:00Z").unwrap();
        }
        mirror.into()
    }

    #[test]
    fn an_error_says_why_nobody_is_meant() {
        let said = |text: &str| one(&reader(), text).map(drop).unwrap_err().to_string();
        assert_eq!(said("durand"), "tell which of 2 contacts is meant");
        assert_eq!(said("petit"), "find such a contact");
    }

    #[test]
    fn rows_and_objects_name_the_contact() {
        let stored = one(&reader(), "Ada").unwrap();
        assert_eq!(row(&stored), ["Ada", "Ada Durand", "", "", "", "ada@example.com"]);
        insta::assert_snapshot!(object(&stored), @r#"{"contact_items":[{"type_id":"27","value":"ada@example.com"}],"first_name":"Ada","id":null,"last_name":"Durand","type":"contact","uid":"Ada"}"#);
    }
}
