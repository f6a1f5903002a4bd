//! A replica as a run sees it: the port, and how the settings want it treated.

use std::collections::BTreeMap;

use crate::{
    contact::{AddressType, Contact, ContactType, Field, ItemType},
    reconcile::{Policy, Winner},
    replica::{Absence, Conduct, Ids, Reading, RemoteContact, Replica, Writes},
};

pub use crate::contact::ids::CRM;

/// One replica of the run.
pub struct Participant {
    /// `crm` or the book's name.
    pub name: String,
    /// The port.
    pub replica: Box<dyn Replica>,
    /// Which way edits go.
    pub direction: Direction,
    /// A deletion here may delete there.
    pub deletes: bool,
    /// Which contacts belong into the book; empty for all.
    pub filter: BTreeMap<String, Vec<String>>,
    /// Who wins conflicts: `Here` the mirror, `There` this replica.
    pub winner: Winner,
    /// The run ends where it is in trouble; the others of the run go on without one that is not essential.
    pub essential: bool,
    /// How far it is trusted in this run.
    pub trust: Trust,
    /// Its listing is known to have left out contacts that are there: nobody is made there on its word.
    pub incomplete: bool,
}

/// Which way edits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    TwoWay,
    /// From the mirror to the replica.
    ToReplica,
    /// From the replica to the mirror.
    FromReplica,
}

/// How far a replica is trusted in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// In all.
    Full,
    /// Its deletions are held: neither carried out elsewhere nor undone there.
    NoDeletions,
    /// In nothing: it is neither believed nor written.
    Nothing,
}

impl Participant {
    /// A replica that is kept in step both ways.
    pub fn new(name: impl Into<String>, replica: Box<dyn Replica>, winner: Winner) -> Self {
        Self {
            name: name.into(),
            replica,
            direction: Direction::TwoWay,
            deletes: true,
            filter: BTreeMap::new(),
            winner,
            essential: false,
            trust: Trust::Full,
            incomplete: false,
        }
    }

    /// Edits made there are taken.
    pub fn takes(&self) -> bool {
        self.direction != Direction::ToReplica
    }

    /// Edits made here are given.
    pub fn gives(&self) -> bool {
        self.direction != Direction::FromReplica
    }

    /// Neither believed nor written in this run.
    pub fn is_halted(&self) -> bool {
        self.trust == Trust::Nothing
    }

    /// How it behaves.
    pub fn conduct(&self) -> Conduct {
        self.replica.conduct()
    }

    /// What it leaves out is asked for by id.
    pub fn is_asked_by_id(&self) -> bool {
        self.conduct().absence == Absence::AskById
    }

    /// A write whose answer was lost may still take effect there.
    pub fn is_uncertain(&self) -> bool {
        self.conduct().writes == Writes::Uncertain
    }

    /// Its ids are those that records of other replicas carry.
    pub fn shares_ids(&self) -> bool {
        self.conduct().ids == Ids::Shared
    }

    /// How its contacts are merged. Asked anew after a scan: a CSV file's columns say what it carries.
    pub fn policy(&self) -> Policy {
        let capabilities = self.replica.capabilities();
        Policy {
            fields: capabilities.fields,
            weak: capabilities.weak,
            winner: self.winner,
            takes: self.takes(),
            gives: self.gives(),
        }
    }

    /// The replica as the other side of a merge.
    pub(crate) fn side(&self) -> MergeSide<'_> {
        MergeSide { name: &self.name, policy: self.policy(), conduct: self.conduct(), replica: Some(&*self.replica) }
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
    /// How it behaves.
    pub conduct: Conduct,
    /// Itself; none while its own scan has it.
    pub replica: Option<&'a dyn Replica>,
}

impl MergeSide<'_> {
    /// Its ids are those that records of other replicas carry.
    pub fn shares_ids(&self) -> bool {
        self.conduct.ids == Ids::Shared
    }

    /// What a record says, knowing its contact.
    pub fn interpret(&self, record: &RemoteContact, known: &Contact) -> Reading {
        let read = record.source.as_deref().zip(self.replica).and_then(|(source, it)| it.interpret(source, known));
        read.unwrap_or_else(|| Reading { there: record.contact.clone(), told: None })
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
