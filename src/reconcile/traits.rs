//! What contacts are recognised by, as numbers: a mirror's whole index of a hundred thousand people then takes a few
//! megabytes of memory, however long their names and addresses are.
//!
//! A number is a digest of 61 bits and three bits that say what it is of. Among a million contacts two different things
//! share a number with a chance of one in a hundred thousand. The numbers are never stored and never leave the process.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::contact::{Contact, ItemKind, keys};

/// One thing that a contact is recognised by.
pub type Trait = u64;

/// What a trait is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The UID.
    Uid,
    /// Another UID that its records go by.
    OtherUid,
    /// An id in the CRM.
    CrmId,
    /// Both names.
    Name,
    /// An e-mail address.
    Email,
    /// A telephone number that says something to strangers.
    Phone,
    /// One word of the names.
    Word,
    /// A postal address.
    Address,
}

impl Sort {
    const BITS: u64 = 7;

    fn is_of(self, it: Trait) -> bool {
        it & Self::BITS == self as u64
    }
}

/// The number of a key.
pub fn digest(sort: Sort, key: &str) -> Trait {
    // Starts from fixed keys, so that a rehearsal and the run that follows see the same.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() & !Sort::BITS | sort as u64
}

/// The traits of one contact: those of its content, without UID and CRM id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits(Box<[Trait]>);

/// Telephone keys of no more characters are internal extensions: they say nothing across companies.
const EXTENSION_MAX: usize = 6;

impl Traits {
    /// Those of a contact.
    pub fn of(contact: &Contact) -> Self {
        let name = keys::name(contact);
        let mut traits = vec![digest(Sort::Name, &name)];
        traits.extend(name.split(' ').map(|word| digest(Sort::Word, word)));
        if name.is_empty() {
            traits.clear();
        }
        let mut add = |sort: Sort, key: &str| {
            let it = digest(sort, key);
            if !key.is_empty() && !traits.contains(&it) {
                traits.push(it);
            }
        };
        contact.values(ItemKind::Email).for_each(|value| add(Sort::Email, &keys::email(value)));
        let phones = contact.values(ItemKind::Phone).map(keys::phone).filter(|key| key.len() > EXTENSION_MAX);
        phones.for_each(|key| add(Sort::Phone, &key));
        contact.addresses.iter().for_each(|address| add(Sort::Address, &keys::address(address)));
        Self(traits.into_boxed_slice())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Trait> {
        self.0.iter().copied()
    }

    /// Those of one sort.
    pub fn each(&self, sort: Sort) -> impl Iterator<Item = Trait> {
        self.all().filter(move |it| sort.is_of(*it))
    }

    /// True when it has some of this sort.
    pub fn has(&self, sort: Sort) -> bool {
        self.each(sort).next().is_some()
    }

    /// True when both have one of this sort in common.
    pub fn share(&self, other: &Traits, sort: Sort) -> bool {
        self.each(sort).any(|it| other.0.contains(&it))
    }

    /// True when both have some of this sort, and none in common.
    pub fn differ(&self, other: &Traits, sort: Sort) -> bool {
        self.has(sort) && other.has(sort) && !self.share(other, sort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Item, ItemType};

    fn somebody() -> Contact {
        Contact {
            last_name: "DURAND".into(),
            first_name: "Élodie".into(),
            addresses: vec![Address { city: "Belley".into(), ..Address::new(AddressType::Other) }],
            items: vec![
                Item::new(ItemType::ProfessionalPhone, "01 99 00 00 01"),
                Item::new(ItemType::PersonalCellPhone, "+33 1 99 00 00 01"),
                Item::new(ItemType::ProfessionalPhone, "123456"),
                Item::new(ItemType::ProfessionalEmail, "E.Durand@example.com"),
                Item::new(ItemType::ProfessionalFax, "01 99 00 00 09"),
            ],
            ..Contact::default()
        }
    }

    #[test]
    fn a_thing_is_counted_once_and_by_its_sort() {
        let traits = Traits::of(&somebody());
        let count = |sort| traits.each(sort).count();
        let sorts = [Sort::Name, Sort::Word, Sort::Email, Sort::Phone, Sort::Address, Sort::Uid, Sort::CrmId];
        assert_eq!(sorts.map(count), [1, 2, 1, 1, 1, 0, 0]);
        assert_eq!(Traits::of(&Contact::default()).all().count(), 0);
        let nowhere = Contact { addresses: vec![Address::new(AddressType::Other)], ..Contact::default() };
        assert_eq!(Traits::of(&nowhere).all().count(), 0, "an empty address is nobody's");
    }

    #[test]
    fn what_is_spelled_otherwise_is_the_same_trait() {
        let mut other = somebody();
        (other.last_name, other.first_name) = ("e\u{301}lodie".into(), " Durand ".into());
        other.items =
            vec![Item::new(ItemType::PersonalEmail, "mailto:e.durand@EXAMPLE.com"), somebody().items[1].clone()];
        let (one, other) = (Traits::of(&somebody()), Traits::of(&other));
        for sort in [Sort::Name, Sort::Word, Sort::Email, Sort::Phone, Sort::Address] {
            assert!(one.share(&other, sort), "{sort:?}");
            assert!(!one.differ(&other, sort), "{sort:?}");
        }
    }

    #[test]
    fn the_same_text_in_another_place_is_another_trait() {
        let name = Contact { last_name: "belley".into(), ..Contact::default() };
        let (name, place) = (Traits::of(&name), Traits::of(&somebody()));
        assert!(place.all().all(|it| !name.all().any(|other| it == other)));
        assert!(name.differ(&place, Sort::Name));
        assert!(!name.differ(&place, Sort::Address), "who has none is not apart");
    }
}
