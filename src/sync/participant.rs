//! A replica as a run sees it: the port, and how the settings want it treated.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    contact::{AddressType, Contact, ContactType, Field, ItemType},
    reconcile::{Policy, Prefer, Winner},
    replica::{RemoteContact, Replica},
};

/// The CRM's name among the replicas.
pub const CRM: &str = "crm";
/// The mirror's name among the places.
pub(crate) const MIRROR: &str = "mirror";

/// One replica of the run.
pub struct Participant {
    /// `crm` or the book's name.
    pub name: String,
    /// The port.
    pub replica: Box<dyn Replica>,
    /// Edits made there are taken.
    pub takes: bool,
    /// Edits made here are given.
    pub gives: bool,
    /// A deletion here may delete there.
    pub deletes: bool,
    /// Which contacts belong into the book; empty for all.
    pub filter: BTreeMap<String, Vec<String>>,
    /// Who wins conflicts.
    pub prefer: Prefer,
    /// Set when nothing on it may be believed or written in this run.
    pub halted: bool,
    /// Set when its deletions are held: neither carried out elsewhere nor undone there.
    pub held: bool,
    /// Set when its listing is known to have left out contacts that are there: nobody is made there on its word.
    pub incomplete: bool,
}

impl Participant {
    /// True for the CRM.
    pub fn is_crm(&self) -> bool {
        self.name == CRM
    }

    /// How its contacts are merged. Asked anew after a scan: a CSV file's columns say what it carries.
    pub fn policy(&self) -> Policy {
        let capabilities = self.replica.capabilities();
        let winner = match (self.prefer, self.is_crm()) {
            (Prefer::Crm, true) | (Prefer::Book, false) => Winner::There,
            (Prefer::Crm, false) | (Prefer::Book, true) => Winner::Here,
            (Prefer::Ask, _) => Winner::Ask,
        };
        Policy { fields: capabilities.fields, weak: capabilities.weak, winner, takes: self.takes, gives: self.gives }
    }

    /// The replica as the other side of a merge.
    pub(crate) fn side(&self) -> MergeSide<'_> {
        MergeSide { name: &self.name, policy: self.policy(), replica: Some(&*self.replica) }
    }

    /// True when the contact belongs into this replica.
    pub fn wants(&self, contact: &Contact) -> bool {
        self.filter.iter().all(|(field, wanted)| matches(contact, field, wanted))
    }
}

/// What a merge needs to know of the other side.
#[derive(Clone, Copy)]
pub(crate) struct MergeSide<'a> {
    /// `crm` or the book's name.
    pub name: &'a str,
    /// How it is treated.
    pub policy: Policy,
    /// Itself; none while its own scan has it, and for the CRM, whose first reading says all there is.
    pub replica: Option<&'a dyn Replica>,
}

impl MergeSide<'_> {
    /// True for the CRM.
    pub fn is_crm(&self) -> bool {
        self.name == CRM
    }

    /// What a record says, read in the light of the contact that it is known to be.
    pub fn reading(&self, record: &RemoteContact, known: &Contact) -> Contact {
        let again = record.source.as_deref().zip(self.replica).and_then(|(source, it)| it.reread(source, known));
        again.unwrap_or_else(|| record.contact.clone())
    }

    /// What a changed record is to be taken to say, where `known` is what it said before and `there` what it says now.
    pub fn interpret<'c>(&self, source: Option<&[u8]>, known: &Contact, there: &'c Contact) -> Cow<'c, Contact> {
        let interpret = source.zip(self.replica).and_then(|(source, it)| it.interpret(source, known, there));
        interpret.map_or(Cow::Borrowed(there), Cow::Owned)
    }

    /// A contact as the replica can show it now.
    pub fn shown(&self, contact: &Contact) -> Contact {
        self.replica.map_or_else(|| contact.clone(), |it| it.shows(contact))
    }
}

/// True when the field holds one of the wanted values: a scalar by the reference's name (codes by code or word), `city`,
/// `zip_code` or an item type's word for the lists. Unknown names match nothing; the settings refuse them.
pub(crate) fn matches(contact: &Contact, field: &str, wanted: &[String]) -> bool {
    let any = |value: &str| wanted.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(value.trim()));
    match (Field::from_name(field), field) {
        (Some(Field::ContactType), _) => {
            let code = contact.scalar(Field::ContactType);
            wanted.iter().any(|word| word.is_empty() && code.is_empty())
                || contact.contact_type.as_ref().is_some_and(|held| {
                    wanted.iter().any(|word| ContactType::from_word(&word.to_ascii_lowercase()) == *held)
                })
        }
        (Some(scalar), _) if !scalar.is_list() => any(&contact.scalar(scalar)),
        (_, "city") => contact.addresses.iter().any(|address| any(&address.city)),
        (_, "zip_code") => contact.addresses.iter().any(|address| any(&address.zip_code)),
        (_, "address_type") => contact
            .addresses
            .iter()
            .any(|address| wanted.iter().any(|word| AddressType::from_word(word) == address.address_type)),
        (_, item) => contact.items.iter().any(|held| held.item_type == ItemType::from_word(item) && any(&held.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, Item};

    #[test]
    fn contacts_are_matched_by_what_they_hold() {
        let mut paris = Address::new(AddressType::Professional);
        paris.city = "Paris".into();
        let contact = Contact {
            last_name: "Durand".into(),
            contact_type: Some(ContactType::Client),
            addresses: vec![paris],
            items: vec![Item::new(ItemType::ProfessionalEmail, "d@example.com")],
            ..Contact::default()
        };
        for (field, value, expected) in [
            ("last_name", "durand", true),
            ("contact_type", "client", true),
            ("contact_type", "prospect", false),
            ("city", "PARIS", true),
            ("professional_email", "d@example.com", true),
            ("personal_email", "d@example.com", false),
            ("nonsense", "x", false),
        ] {
            assert_eq!(matches(&contact, field, &[value.to_owned()]), expected, "{field}={value}");
        }
    }
}
