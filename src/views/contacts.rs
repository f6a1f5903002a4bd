//! Contacts: those that a search finds, the one that is meant, and which replicas hold it.

use super::Reader;
pub use crate::mirror::{Search, Stored};
use crate::{
    contact::{Contact, FieldSet, ItemKind, ids::CRM, keys},
    mirror::MirrorError,
};

/// The contact that a text means.
#[derive(Debug)]
pub enum Meant {
    /// This contact.
    One(Box<Stored>),
    /// Nobody.
    Nobody,
    /// These, in the order of names, and none more than the others.
    Several(Vec<Stored>),
}

/// A replica that holds a contact.
pub struct Holder {
    /// The replica.
    pub replica: String,
    /// The record's id there.
    pub remote: String,
    /// How the record stands to the mirror's contact.
    pub standing: Standing,
    /// What the contact has and the replica has no place for, where that is known: of the CRM.
    pub left_out: FieldSet,
}

/// How a replica's record stands to the mirror's contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Both hold the same.
    Same,
    /// The next run writes it.
    ToWrite,
    /// The next run deletes it.
    ToDelete,
    /// It was let go.
    Detached,
}

/// Calls `f` with every contact that a search finds, in the order of names.
///
/// # Errors
/// The mirror's.
pub fn for_each(reader: &Reader, search: &Search, f: &mut dyn FnMut(Stored)) -> Result<(), MirrorError> {
    reader.mirror.for_each_contact(search, &mut |stored| {
        f(stored);
        Ok(())
    })
}

/// The contact of this CRM id, UID, or unambiguous name or e-mail address.
///
/// # Errors
/// The mirror's.
pub fn meant(reader: &Reader, text: &str) -> Result<Meant, MirrorError> {
    let (mirror, text) = (&reader.mirror, text.trim());
    if let Some(stored) = mirror.contact_by_crm_id(text)? {
        return Ok(Meant::One(Box::new(stored)));
    }
    if let Some(stored) = mirror.contact_by_uid(text)? {
        return Ok(Meant::One(Box::new(stored)));
    }
    let mut found: Vec<Stored> = Vec::new();
    let search = Search { find: Some(text.to_owned()), ..Search::default() };
    if !text.is_empty() {
        for_each(reader, &search, &mut |stored| found.push(stored))?;
    }
    // A whole name or address that fits exactly is meant, even where others hold it as a part.
    let exact: Vec<usize> = (0..found.len()).filter(|index| is_exactly(&found[*index], text)).collect();
    Ok(match (exact.as_slice(), found.len()) {
        ([index], _) => Meant::One(Box::new(found.swap_remove(*index))),
        ([], 1) => Meant::One(Box::new(found.swap_remove(0))),
        ([], 0) => Meant::Nobody,
        (_, _) => Meant::Several(found),
    })
}

fn is_exactly(stored: &Stored, text: &str) -> bool {
    let typed = Contact { last_name: text.to_owned(), ..Contact::default() };
    keys::person(&stored.contact) == keys::person(&typed)
        || stored.contact.values(ItemKind::Email).any(|value| keys::email(value) == keys::email(text))
}

/// What to call a contact, by its row; none where it is forgotten.
///
/// # Errors
/// The mirror's.
pub fn name_of(reader: &Reader, contact: crate::mirror::ContactId) -> Result<Option<String>, MirrorError> {
    Ok(reader.mirror.contact(contact)?.map(|stored| stored.contact.display_name()))
}

/// The replicas that hold a contact, by name.
///
/// # Errors
/// The mirror's.
pub fn holders(reader: &Reader, stored: &Stored) -> Result<Vec<Holder>, MirrorError> {
    let agreements = reader.mirror.agreements_of(stored.id)?.into_iter();
    let holder = |(replica, agreement): (String, crate::mirror::Agreement)| {
        let standing = match () {
            () if agreement.detached => Standing::Detached,
            () if stored.deleted => Standing::ToDelete,
            () if agreement.version != stored.version => Standing::ToWrite,
            () => Standing::Same,
        };
        let carried = if replica == CRM { FieldSet::CRM } else { FieldSet::ALL };
        let left_out = stored.contact.set_fields().less(carried);
        Holder { replica, remote: agreement.remote, standing, left_out }
    };
    Ok(agreements.map(holder).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Item, ItemType},
        mirror::Mirror,
    };

    fn reader() -> Reader {
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
        mirror.into()
    }

    #[test]
    fn one_contact_is_meant_or_it_is_known_why_not() {
        let reader = reader();
        let check = |text: &str, expected: Result<&str, usize>| match (meant(&reader, text).unwrap(), expected) {
            (Meant::One(stored), Ok(uid)) => assert_eq!(stored.uid, uid, "{text}"),
            (Meant::Nobody, Err(0)) => {}
            (Meant::Several(found), Err(expected)) => assert_eq!(found.len(), expected, "{text}"),
            (other, _) => panic!("{text}: {other:?}"),
        };
        check("uid-2", Ok("uid-2"));
        check("petit", Ok("uid-2"));
        check("durand ada", Ok("uid-0"));
        check("BOB@example.com", Ok("uid-1"));
        check("durandeau", Ok("uid-1"));
        check("ada", Err(2));
        check("zoe", Err(0));
        check("", Err(0));
    }
}
