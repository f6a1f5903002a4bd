//! From what a person types to the one contact that is meant, and how a contact is shown in a row.

use super::errors::CliError;
use crate::{
    contact::{Contact, ItemKind, keys},
    mirror::{Mirror, Search, Stored},
};

/// The contact of this CRM id, UID, or unambiguous name or e-mail address.
///
/// # Errors
/// When there is none, or several.
pub fn one(mirror: &Mirror, text: &str) -> Result<Stored, CliError> {
    let text = text.trim();
    if let Some(stored) = mirror.contact_by_crm_id(text)? {
        return Ok(stored);
    }
    if let Some(stored) = mirror.contact_by_uid(text)? {
        return Ok(stored);
    }
    let mut found: Vec<Stored> = Vec::new();
    let search = Search { find: Some(text.to_owned()), ..Search::default() };
    if !text.is_empty() {
        mirror.for_each_contact(&search, &mut |stored| {
            found.push(stored);
            Ok(())
        })?;
    }
    // A whole name or address that fits exactly is meant, even where others hold it as a part.
    let exact: Vec<usize> = (0..found.len()).filter(|index| is_exactly(&found[*index], text)).collect();
    let index = match (exact.as_slice(), found.len()) {
        ([index], _) => *index,
        ([], 1) => 0,
        ([], 0) => {
            return Err(CliError::failed("find such a contact", "`carnet find TEXT` looks for a part of a name"));
        }
        (_, count) => {
            let hint = "`carnet find TEXT` lists them; give the id of one";
            return Err(CliError::failed(format!("tell which of {count} contacts is meant"), hint));
        }
    };
    Ok(found.swap_remove(index))
}

fn is_exactly(stored: &Stored, text: &str) -> bool {
    let typed = Contact { last_name: text.to_owned(), ..Contact::default() };
    keys::person(&stored.contact) == keys::person(&typed)
        || stored.contact.values(ItemKind::Email).any(|value| keys::email(value) == keys::email(text))
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
    use crate::contact::{Contact, Item, ItemType};

    fn mirror() -> Mirror {
        let mut mirror = Mirror::in_memory().unwrap();
        let people = [("Ada", "Durand", "ada@example.com"), ("Ada", "Durandeau", "bob@example.com"), ("", "Petit", "")];
        for (index, (first, last, email)) in people.into_iter().enumerate() {
            let mut contact =
                Contact { first_name: first.to_owned(), last_name: last.to_owned(), ..Contact::default() };
            if !email.is_empty() {
                contact.items.push(Item::new(ItemType::ProfessionalEmail, email));
            }
            mirror.insert_contact(&format!("uid-{index}"), &contact, "crm", 1, "2026-01-01T00:00:00Z").unwrap();
        }
        mirror
    }

    #[test]
    fn one_contact_is_meant_or_an_error_says_why_not() {
        let mirror = mirror();
        let check = |text: &str, expected: Result<&str, &str>| match (one(&mirror, text), expected) {
            (Ok(stored), Ok(uid)) => assert_eq!(stored.uid, uid, "{text}"),
            (Err(error), Err(message)) => assert_eq!(error.to_string(), message, "{text}"),
            (other, _) => panic!("{text}: {:?}", other.map(|stored| stored.uid)),
        };
        check("uid-2", Ok("uid-2"));
        check("petit", Ok("uid-2"));
        check("durand ada", Ok("uid-0"));
        check("BOB@example.com", Ok("uid-1"));
        check("durandeau", Ok("uid-1"));
        check("ada", Err("tell which of 2 contacts is meant"));
        check("zoe", Err("find such a contact"));
        check("", Err("find such a contact"));
    }

    #[test]
    fn rows_and_objects_name_the_contact() {
        let stored = one(&mirror(), "uid-0").unwrap();
        assert_eq!(row(&stored), ["uid-0", "Ada Durand", "", "", "", "ada@example.com"]);
        insta::assert_snapshot!(object(&stored), @r#"{"contact_items":[{"type_id":"27","value":"ada@example.com"}],"first_name":"Ada","id":null,"last_name":"Durand","type":"contact","uid":"uid-0"}"#);
    }
}
