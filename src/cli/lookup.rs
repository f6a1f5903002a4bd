//! From what a user types to the one contact that is meant, and how a contact is shown in a row.

use super::errors::CliError;
use crate::{
    contact::ItemKind,
    views::{
        Reader,
        contacts::{Meant, Stored, meant},
    },
};

/// Candidates beyond this are only counted.
const CANDIDATES_MAX: usize = 10;

/// The contact of this CRM id, UID, or unambiguous name or e-mail address.
///
/// # Errors
/// When there is none, or several.
pub fn one(reader: &Reader, text: &str) -> Result<Stored, CliError> {
    match meant(reader, text)? {
        Meant::One(stored) => Ok(*stored),
        Meant::Nobody => {
            let message = format!("find a contact \"{text}\"");
            Err(CliError::failed(message, "give an id, a name or an e-mail address; `carnet list` shows them"))
        }
        Meant::Several(found) => {
            let message = format!("tell which of {} contacts \"{text}\" means", found.len());
            Err(CliError::failed(message, format!("give the id of one: {}", candidates(&found))))
        }
    }
}

/// Ids and names of the first few, and how many more there are.
fn candidates(found: &[Stored]) -> String {
    let name = |stored: &Stored| {
        let id = stored.crm_id.as_ref().unwrap_or(&stored.uid);
        format!("{id} {}", stored.contact.display_name())
    };
    let mut shown: Vec<String> = found.iter().take(CANDIDATES_MAX).map(name).collect();
    if let Some(more @ 1..) = found.len().checked_sub(CANDIDATES_MAX) {
        shown.push(format!("and {more} more (`carnet find` lists all)"));
    }
    shown.join(", ")
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
        assert_eq!(said("durand"), "tell which of 2 contacts \"durand\" means");
        assert_eq!(said("petit"), "find a contact \"petit\"");
    }

    #[test]
    fn candidates_are_named_and_at_most_ten_of_them() {
        let hint = |count: usize| {
            let mut mirror = Mirror::in_memory().unwrap();
            for index in 0..count {
                let contact =
                    Contact { first_name: format!("A{index:02}"), last_name: "Petit".into(), ..Contact::default() };
                mirror.insert_contact(&format!("u{index}"), &contact, "crm", 1, "2026-01-01T00:00:00Z").unwrap();
            }
            match one(&mirror.into(), "petit").map(drop).unwrap_err() {
                CliError::Failed { hint, .. } => hint.unwrap(),
                other => panic!("{other}"),
            }
        };
        assert_eq!(hint(2), "give the id of one: u0 A00 Petit, u1 A01 Petit");
        assert!(hint(10).ends_with("u9 A09 Petit"));
        assert!(hint(12).ends_with("u9 A09 Petit, and 2 more (`carnet find` lists all)"));
    }

    #[test]
    fn rows_and_objects_name_the_contact() {
        let stored = one(&reader(), "Ada").unwrap();
        assert_eq!(row(&stored), ["Ada", "Ada Durand", "", "", "", "ada@example.com"]);
        insta::assert_snapshot!(object(&stored), @r#"{"contact_items":[{"type_id":"27","value":"ada@example.com"}],"first_name":"Ada","id":null,"last_name":"Durand","type":"contact","uid":"Ada"}"#);
    }
}
