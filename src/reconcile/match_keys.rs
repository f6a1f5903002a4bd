//! What contacts are recognised by, as numbers: a mirror's whole index of a hundred thousand people then takes a few
//! megabytes of memory, however long their names and addresses are.
//!
//! A number is a digest of 61 bits and three bits that say what it is of. Among a million contacts two different things
//! share a number with a chance of one in a hundred thousand. The numbers are never stored and never leave the process.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::contact::{Contact, ItemKind, keys};

/// One thing that a contact is recognised by.
pub type MatchKey = u64;

/// What a trait is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The UID.
    Uid,
    /// Another UID that its records go by.
    OtherUid,
    /// An id in the CRM.
    CrmId,
    /// Both names.
    Name,
    /// One word of the names.
    Word,
    /// An e-mail address.
    Email,
    /// A telephone number that says something to strangers.
    Phone,
    /// A postal address.
    Address,
}

impl KeyKind {
    const BITS: u64 = 7;

    fn is_of(self, it: MatchKey) -> bool {
        it & Self::BITS == self as u64
    }
}

/// The number of a key.
pub fn digest(sort: KeyKind, key: &str) -> MatchKey {
    // Starts from fixed keys, so that a rehearsal and the run that follows see the same.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() & !KeyKind::BITS | sort as u64
}

/// The traits of one contact: those of its content, without UID and CRM id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchKeys {
    /// The name's words as [`keys::person`] has them.
    name: Box<str>,
    values: Box<[MatchKey]>,
}

/// Telephone keys of no more characters are internal extensions: they say nothing across companies.
const EXTENSION_MAX: usize = 6;

impl MatchKeys {
    /// Those of a contact.
    pub fn of(contact: &Contact) -> Self {
        let mut values = Vec::with_capacity(8);
        let mut add = |sort: KeyKind, key: &str| {
            let it = digest(sort, key);
            if !key.is_empty() && !values.contains(&it) {
                values.push(it);
            }
        };
        contact.values(ItemKind::Email).for_each(|value| add(KeyKind::Email, &keys::email(value)));
        let phones = contact.values(ItemKind::Phone).map(keys::phone).filter(|key| key.len() > EXTENSION_MAX);
        phones.for_each(|key| add(KeyKind::Phone, &key));
        contact.addresses.iter().for_each(|address| add(KeyKind::Address, &keys::address(address)));
        Self { name: keys::person(contact).into(), values: values.into() }
    }

    /// The name's words and the other keys: all there is.
    pub fn parts(&self) -> (&str, &[MatchKey]) {
        (&self.name, &self.values)
    }

    /// The same from its parts.
    pub fn from_parts(name: String, values: Vec<MatchKey>) -> Self {
        Self { name: name.into(), values: values.into() }
    }

    /// The name's, if there is a name.
    pub fn name(&self) -> Option<MatchKey> {
        self.has_name().then(|| digest(KeyKind::Name, &self.name))
    }

    /// True when there is a name.
    pub fn has_name(&self) -> bool {
        !self.name.is_empty()
    }

    /// True when both have the same name, or one of them none.
    pub fn may_share_name(&self, other: &MatchKeys) -> bool {
        !self.has_name() || !other.has_name() || self.name == other.name
    }

    /// True when one name is the other one written out less: "J. Dupont" and "Dupont" are for "Jean Pierre Dupont", for
    /// "Jean Martin" is not. A whole word must be common to both.
    pub fn may_be_short_for(&self, other: &MatchKeys) -> bool {
        let (mut less, mut more): (Vec<&str>, Vec<&str>) = (self.words().collect(), other.words().collect());
        if less.len() > more.len() {
            (less, more) = (more, less);
        }
        less.retain(|word| match more.iter().position(|other| other == word) {
            Some(at) => {
                more.remove(at);
                false
            }
            None => true,
        });
        let whole = self.words().filter(|word| !is_initial(word)).any(|word| other.words().any(|other| other == word));
        whole
            && less.iter().all(|word| match more.iter().position(|other| is_initial_of(word, other)) {
                Some(at) => {
                    more.remove(at);
                    true
                }
                None => false,
            })
    }

    /// True when one name is the other one with initials: "J. Dupont" for "Jean Dupont".
    pub fn may_abbreviate(&self, other: &MatchKeys) -> bool {
        self.words().count() == other.words().count() && self.may_be_short_for(other)
    }

    /// All that could bear out, however faintly, that two are one: words of the name and values.
    pub fn weak_keys(&self) -> impl Iterator<Item = MatchKey> {
        self.words().map(|word| digest(KeyKind::Word, word)).chain(self.values.iter().copied())
    }

    /// The values of one sort.
    pub fn each(&self, sort: KeyKind) -> impl Iterator<Item = MatchKey> {
        self.values.iter().copied().filter(move |it| sort.is_of(*it))
    }

    /// True when both have one of this sort in common.
    pub fn share(&self, other: &MatchKeys, sort: KeyKind) -> bool {
        self.each(sort).any(|it| other.values.contains(&it))
    }

    /// True when both have some of this sort, and none in common.
    pub fn differ(&self, other: &MatchKeys, sort: KeyKind) -> bool {
        let has = |match_keys: &MatchKeys| match_keys.each(sort).next().is_some();
        has(self) && has(other) && !self.share(other, sort)
    }

    /// The words of the name.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.name.split(' ').filter(|word| !word.is_empty())
    }
}

fn is_initial(word: &str) -> bool {
    word.chars().nth(1).is_none()
}

fn is_initial_of(one: &str, other: &str) -> bool {
    (is_initial(one) || is_initial(other)) && one.chars().next() == other.chars().next()
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
        let match_keys = MatchKeys::of(&somebody());
        let count = |sort| match_keys.each(sort).count();
        let sorts = [KeyKind::Email, KeyKind::Phone, KeyKind::Address, KeyKind::Uid, KeyKind::CrmId];
        assert_eq!(sorts.map(count), [1, 1, 1, 0, 0]);
        assert_eq!(match_keys.weak_keys().count(), 5);
        assert_eq!(MatchKeys::of(&Contact::default()).weak_keys().count(), 0);
        assert_eq!(MatchKeys::of(&Contact::default()).name(), None);
        let nowhere = Contact { addresses: vec![Address::new(AddressType::Other)], ..Contact::default() };
        assert_eq!(MatchKeys::of(&nowhere).weak_keys().count(), 0, "an empty address is nobody's");
    }

    #[test]
    fn what_is_spelled_otherwise_is_the_same_trait() {
        let mut other = somebody();
        (other.last_name, other.first_name) = ("e\u{301}lodie".into(), " DURAND ".into());
        other.items =
            vec![Item::new(ItemType::PersonalEmail, "mailto:e.durand@EXAMPLE.com"), somebody().items[1].clone()];
        let (one, other) = (MatchKeys::of(&somebody()), MatchKeys::of(&other));
        for sort in [KeyKind::Email, KeyKind::Phone, KeyKind::Address] {
            assert!(one.share(&other, sort), "{sort:?}");
            assert!(!one.differ(&other, sort), "{sort:?}");
        }
        assert_eq!(one.name(), other.name());
        assert!(one.may_share_name(&other));
    }

    #[test]
    fn the_same_text_in_another_place_is_another_trait() {
        let name = Contact { last_name: "belley".into(), ..Contact::default() };
        let (name, place) = (MatchKeys::of(&name), MatchKeys::of(&somebody()));
        assert!(place.weak_keys().all(|it| !name.weak_keys().any(|other| it == other)));
        assert!(!name.may_share_name(&place));
        assert!(!name.differ(&place, KeyKind::Address), "who has none is not apart");
    }

    #[test]
    fn a_name_may_be_written_out_less() {
        for (one, other, expected) in [
            ("Jean Dupont", "Jean Pierre Dupont", true),
            ("J. Dupont", "Dupont Jean", true),
            ("J P Dupont", "Jean-Pierre DUPONT", true),
            ("Dupont", "Jean Dupont", true),
            ("Élodie d'Arc", "elodie D’ARC", true),
            ("Marie Dupont", "Jean Dupont", false),
            ("M Dupont", "Jean Dupont", false),
            ("J P Dupont", "Jean Marie Dupont", false),
            ("J D", "Jean Dupont", false),
            ("J J Dupont", "Jean Dupont Martin", false),
            ("", "Jean Dupont", false),
        ] {
            let named = |name: &str| MatchKeys::of(&Contact { last_name: name.into(), ..Contact::default() });
            let (one, other) = (named(one), named(other));
            assert_eq!(one.may_be_short_for(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.may_be_short_for(&one), expected, "{other:?} {one:?}");
            let as_long = one.words().count() == other.words().count();
            assert_eq!(one.may_abbreviate(&other), expected && as_long);
        }
    }
}
