//! Is this newcomer somebody we know? By UID, CRM id, e-mail, telephone, name, in that order, and only when unambiguous.

use std::collections::{HashMap, HashSet};

use crate::{
    canary::Canary,
    contact::{Contact, ItemKind, keys},
};

/// What a newcomer was recognised by, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The UID.
    Uid,
    /// The CRM id.
    CrmId,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// Both names.
    Name,
}

/// The answer of [`Index::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pairing {
    /// Nobody we know.
    None,
    /// This one.
    One(i64, By),
    /// Several fit equally well; a person must say.
    Ambiguous(Vec<i64>),
}

/// What known contacts can be recognised by.
#[derive(Debug, Default)]
pub struct Index {
    by_uid: HashMap<String, i64>,
    by_crm_id: HashMap<String, i64>,
    by_key: HashMap<String, Vec<i64>>,
    traits: HashMap<i64, Traits>,
}

#[derive(Debug)]
struct Traits {
    name: String,
    emails: HashSet<String>,
    phones: HashSet<String>,
    addresses: HashSet<String>,
}

impl Traits {
    fn of(contact: &Contact) -> Self {
        let set = |kind, key: fn(&str) -> String| -> HashSet<String> {
            contact.values(kind).map(key).filter(|key| !key.is_empty()).collect()
        };
        Self {
            name: keys::name(contact),
            emails: set(ItemKind::Email, keys::email),
            // Short numbers are internal extensions: they say nothing across companies.
            phones: set(ItemKind::Phone, keys::phone).into_iter().filter(|key| key.len() > 6).collect(),
            addresses: contact.addresses.iter().map(keys::address).filter(|key| !key.is_empty()).collect(),
        }
    }

    /// Two different names behind one mailbox or switchboard are two people.
    fn may_share(&self, other: &Traits) -> bool {
        self.name.is_empty() || other.name.is_empty() || self.name == other.name
    }

    /// Somebody who has a word of the name or any other trait in common, or no name.
    fn could_be(&self, other: &Traits) -> bool {
        let words = |traits: &Traits| -> HashSet<String> { traits.name.split(' ').map(str::to_owned).collect() };
        self.may_share(other)
            || !words(self).is_disjoint(&words(other))
            || !self.emails.is_disjoint(&other.emails)
            || !self.phones.is_disjoint(&other.phones)
            || !self.addresses.is_disjoint(&other.addresses)
    }

    /// Namesakes with different e-mail addresses are two people, unless a telephone says otherwise.
    fn namesake(&self, other: &Traits) -> bool {
        !self.emails.is_empty()
            && !other.emails.is_empty()
            && self.emails.is_disjoint(&other.emails)
            && self.phones.is_disjoint(&other.phones)
    }
}

/// True unless the two have neither a word of their names nor an e-mail address, a telephone or an address in common: then
/// an id that both carry is of different accounts, or was copied.
pub fn could_be(one: &Contact, other: &Contact) -> bool {
    Traits::of(one).could_be(&Traits::of(other))
}

/// What a group of contacts can be recognised by, be it ever so faint: any word of a name, any value of theirs.
#[derive(Debug, Default)]
pub struct Resemblance(HashSet<String>);

impl Resemblance {
    /// Adds a contact to the group.
    pub fn add(&mut self, contact: &Contact) {
        self.0.extend(faint_keys_of(&Traits::of(contact)));
    }

    /// True when somebody in the group has anything in common with this contact.
    pub fn has(&self, contact: &Contact) -> bool {
        faint_keys_of(&Traits::of(contact)).iter().any(|key| self.0.contains(key))
    }
}

fn faint_keys_of(traits: &Traits) -> Vec<String> {
    let words = traits.name.split(' ').filter(|word| !word.is_empty()).map(|word| format!("w{word}"));
    let addresses = traits.addresses.iter().map(|key| format!("a{key}"));
    keys_of(traits).into_iter().chain(words).chain(addresses).collect()
}

/// Of a crowd that shares one key, so many are looked at: thousands of namesakes must not cost their square.
const CROWD: usize = 500;

impl Index {
    /// Adds a known contact.
    pub fn add(&mut self, id: i64, uid: &str, crm_id: Option<&str>, contact: &Contact) {
        let traits = Traits::of(contact);
        self.by_uid.insert(uid.to_owned(), id);
        if let Some(crm_id) = crm_id {
            self.add_crm_id(id, crm_id.to_owned());
        }
        for key in keys_of(&traits) {
            self.by_key.entry(key).or_default().push(id);
        }
        self.traits.insert(id, traits);
    }

    /// Adds an id in the CRM that a known contact goes by; it may go by several.
    pub fn add_crm_id(&mut self, id: i64, crm_id: String) {
        self.by_crm_id.insert(crm_id, id);
    }

    /// Looks a newcomer up.
    pub fn find(&self, uid: Option<&str>, crm_id: Option<&str>, contact: &Contact) -> Pairing {
        if Canary::NoPairing.sings() {
            return Pairing::None;
        }
        let by_uid = uid.and_then(|uid| self.by_uid.get(uid)).map(|id| Pairing::One(*id, By::Uid));
        let newcomer = Traits::of(contact);
        let same = |id: &&i64| self.traits.get(id).is_some_and(|known| known.could_be(&newcomer));
        let by_crm_id =
            || crm_id.and_then(|id| self.by_crm_id.get(id)).filter(same).map(|id| Pairing::One(*id, By::CrmId));
        by_uid.or_else(by_crm_id).or_else(|| self.find_by_content(&newcomer)).unwrap_or(Pairing::None)
    }

    /// The contact that has this CRM id, if it is plainly somebody else than who carries it.
    pub fn contradicted(&self, crm_id: Option<&str>, contact: &Contact) -> Option<i64> {
        let id = *self.by_crm_id.get(crm_id?)?;
        let other = self.traits.get(&id).is_some_and(|known| !known.could_be(&Traits::of(contact)));
        other.then_some(id)
    }

    fn find_by_content(&self, newcomer: &Traits) -> Option<Pairing> {
        let by_value = |values: &HashSet<String>, lead: char, by: By| {
            self.candidates(values.iter().map(|key| format!("{lead}{key}")), by, |known| known.may_share(newcomer))
        };
        let name = Some(&newcomer.name).filter(|name| !name.is_empty()).map(|name| format!("n{name}"));
        by_value(&newcomer.emails, 'e', By::Email)
            .or_else(|| by_value(&newcomer.phones, 'p', By::Phone))
            .or_else(|| self.candidates(name.into_iter(), By::Name, |known| !known.namesake(newcomer)))
    }

    fn candidates(
        &self,
        wanted: impl Iterator<Item = String>,
        by: By,
        fits: impl Fn(&Traits) -> bool,
    ) -> Option<Pairing> {
        let mut found: Vec<i64> = Vec::new();
        for key in wanted {
            let known = self.by_key.get(&key).map(Vec::as_slice).unwrap_or_default();
            found.extend(known.iter().take(CROWD).filter(|id| self.traits.get(id).is_some_and(&fits)));
        }
        found.sort_unstable();
        found.dedup();
        match found.as_slice() {
            [] => None,
            [one] => Some(Pairing::One(*one, by)),
            _ => Some(Pairing::Ambiguous(found)),
        }
    }
}

fn keys_of(traits: &Traits) -> Vec<String> {
    let name = Some(&traits.name).filter(|name| !name.is_empty()).map(|name| format!("n{name}"));
    let emails = traits.emails.iter().map(|key| format!("e{key}"));
    let phones = traits.phones.iter().map(|key| format!("p{key}"));
    emails.chain(phones).chain(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Item, ItemType};

    fn person(name: &str, email: &str, phone: &str) -> Contact {
        let items = [(ItemType::ProfessionalEmail, email), (ItemType::ProfessionalPhone, phone)];
        Contact {
            last_name: name.into(),
            items: items.into_iter().filter(|(_, v)| !v.is_empty()).map(|(t, v)| Item::new(t, v)).collect(),
            ..Contact::default()
        }
    }

    fn index() -> Index {
        let mut index = Index::default();
        index.add(1, "uid-1", Some("1001"), &person("Durand", "info@example.com", "01 99 00 00 01"));
        index.add(2, "uid-2", Some("1002"), &person("Martin", "info@example.com", "01 99 00 00 01"));
        index.add(3, "uid-3", None, &person("Petit", "", "06 39 98 00 03"));
        index.add(4, "uid-4", None, &person("Petit", "p@example.com", ""));
        index.add(5, "uid-5", None, &person("Roux", "roux@example.com", ""));
        index.add(6, "uid-6", None, &person("Blanc", "", "1234567"));
        index.add(7, "uid-7", None, &person("Noir", "", "123456"));
        index
    }

    fn check(uid: Option<&str>, crm_id: Option<&str>, contact: Contact, expected: Pairing) {
        assert_eq!(index().find(uid, crm_id, &contact), expected);
    }

    #[test]
    fn newcomers_are_recognised() {
        check(Some("uid-3"), Some("1001"), person("X", "", ""), Pairing::One(3, By::Uid));
        check(Some("other"), Some("1001"), person("Durand", "", ""), Pairing::One(1, By::CrmId));
        check(Some("other"), Some("1001"), person("Ada Durand", "", ""), Pairing::One(1, By::CrmId));
        check(Some("other"), Some("1001"), person("X", "", "+33199000001"), Pairing::One(1, By::CrmId));
        check(None, Some("1001"), person("", "", ""), Pairing::One(1, By::CrmId));
        check(None, Some("1001"), person("Blanc", "", "1234567"), Pairing::One(6, By::Phone));
        check(None, Some("1001"), person("X", "", ""), Pairing::None);
        check(None, None, person("MARTIN", "INFO@example.com", ""), Pairing::One(2, By::Email));
        check(None, None, person("Bernard", "info@example.com", "+33199000001"), Pairing::None);
        check(None, None, person("petit", "", "+33 6 39 98 00 03"), Pairing::One(3, By::Phone));
        check(None, None, person("Petit", "", ""), Pairing::Ambiguous(vec![3, 4]));
        check(None, None, person("Roux", "", "01 99 00 00 09"), Pairing::One(5, By::Name));
        check(None, None, person("Roux", "other@example.com", ""), Pairing::None);
        check(None, None, person("", "", ""), Pairing::None);
        check(None, None, person("", "roux@example.com", ""), Pairing::One(5, By::Email));
        check(None, None, person("", "", "123456"), Pairing::None);
        check(None, None, person("", "", "1234567"), Pairing::One(6, By::Phone));
    }

    #[test]
    fn an_address_in_common_bears_an_id_out() {
        let at = |name: &str, city: &str| {
            let address = Address { city: city.into(), ..Address::new(AddressType::Professional) };
            Contact { addresses: vec![address], ..person(name, "", "") }
        };
        assert!(could_be(&at("Durand", "Paris"), &at("X", "PARIS")));
        assert!(!could_be(&at("Durand", "Paris"), &at("X", "Lyon")));
        assert!(!could_be(&at("Durand", ""), &at("X", "")), "an empty address is nobody's");
    }

    #[test]
    fn candidates_are_named_once_and_in_order() {
        let emails = |name: &str, emails: &[&str]| Contact {
            items: emails.iter().map(|email| Item::new(ItemType::ProfessionalEmail, *email)).collect(),
            ..person(name, "", "")
        };
        let mut index = Index::default();
        index.add(9, "uid-9", None, &emails("", &["a@example.com", "b@example.com"]));
        assert_eq!(
            index.find(None, None, &emails("X", &["a@example.com", "b@example.com"])),
            Pairing::One(9, By::Email),
            "who has both is one"
        );
        index.add(7, "uid-7", None, &person("Petit", "", ""));
        index.add(6, "uid-6", None, &person("Petit", "", ""));
        assert_eq!(index.find(None, None, &person("Petit", "", "")), Pairing::Ambiguous(vec![6, 7]));
    }

    #[test]
    fn an_id_that_somebody_else_carries_is_noticed() {
        assert_eq!(index().contradicted(Some("1001"), &person("X", "", "")), Some(1));
        assert_eq!(index().contradicted(Some("1001"), &person("Durand", "", "")), None);
        assert_eq!(index().contradicted(Some("9999"), &person("X", "", "")), None);
        assert_eq!(index().contradicted(None, &person("X", "", "")), None);
    }

    #[test]
    fn a_faint_resemblance_is_noticed() {
        let mut group = Resemblance::default();
        group.add(&person("Durand", "info@example.com", ""));
        let at = |street: &str| {
            let mut address = crate::contact::Address::new(crate::contact::AddressType::Other);
            address.street_address = street.into();
            Contact { addresses: vec![address], ..person("Petit", "", "") }
        };
        group.add(&at("1 rue Haute"));
        for (contact, expected) in [
            (person("Ada Durand", "", ""), true),
            (person("X", "info@example.com", ""), true),
            (Contact { last_name: "X".into(), ..at("1 rue Haute") }, true),
            (Contact { last_name: "X".into(), ..at("2 rue Haute") }, false),
            (person("X", "", ""), false),
            (person("", "", ""), false),
        ] {
            assert_eq!(group.has(&contact), expected, "{contact:?}");
        }
    }

    #[test]
    fn of_ten_thousand_namesakes_few_are_looked_at() {
        let mut index = Index::default();
        for id in 0..10_000 {
            index.add(id, &format!("uid-{id}"), None, &person("Martin", "", ""));
        }
        let looks = std::cell::Cell::new(0);
        let key = format!("n{}", keys::name(&person("Martin", "", "")));
        let count = |_: &Traits| {
            looks.set(looks.get() + 1);
            true
        };
        assert!(matches!(index.candidates([key].into_iter(), By::Name, count), Some(Pairing::Ambiguous(_))));
        assert_eq!(looks.get(), CROWD);
    }
}
