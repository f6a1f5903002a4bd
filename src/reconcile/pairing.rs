//! Is this newcomer somebody we know? By UID, CRM id, e-mail, telephone, name, in that order, and only when unambiguous.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::traits::{Sort, Trait, Traits, digest};
use crate::{canary::Canary, contact::Contact};

/// What a newcomer was recognised by, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The UID.
    Uid,
    /// Another UID that records of the contact have borne.
    OtherUid,
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
    /// Who has which trait: in the order of ids, so that it does not matter who was known first.
    holders: BTreeSet<(Trait, i64)>,
    traits: HashMap<i64, Traits>,
}

/// Somebody who has a word of the name or any other trait in common, or no name.
fn could_be_one(one: &Traits, other: &Traits) -> bool {
    one.may_share_name(other) || one.faint().any(|it| other.faint().any(|other| it == other))
}

/// Two different names behind one telephone are two people; one may have initials, though.
fn may_share_phone(one: &Traits, other: &Traits) -> bool {
    one.may_share_name(other) || one.may_abbreviate(other)
}

/// A mailbox is mostly one person's, a telephone often a house's: here a name may also lack a word, unless the telephones
/// differ (Jean and Jean-Pierre Petit).
fn may_share_mailbox(one: &Traits, other: &Traits) -> bool {
    may_share_phone(one, other) || (one.may_be_short_for(other) && !one.differ(other, Sort::Phone))
}

/// Namesakes with different e-mail addresses are two people, unless a telephone says otherwise.
fn are_namesakes(one: &Traits, other: &Traits) -> bool {
    one.differ(other, Sort::Email) && !one.share(other, Sort::Phone)
}

/// True unless the two have neither a word of their names nor an e-mail address, a telephone or an address in common: then
/// an id that both carry is of different accounts, or was copied.
pub fn could_be(one: &Contact, other: &Contact) -> bool {
    could_be_one(&Traits::of(one), &Traits::of(other))
}

/// True when one of the two names is the other one written out less: "J. Dupont" for "Jean Pierre Dupont".
pub fn may_be_short_for(one: &Contact, other: &Contact) -> bool {
    Traits::of(one).may_be_short_for(&Traits::of(other))
}

/// True when the two have telephones, or e-mail or postal addresses, and not one in common: a list that has both under
/// one name may well mean two people.
pub fn are_apart(one: &Contact, other: &Contact) -> bool {
    let (one, other) = (Traits::of(one), Traits::of(other));
    let sorts = [Sort::Email, Sort::Phone, Sort::Address];
    sorts.into_iter().any(|sort| one.differ(&other, sort)) && !sorts.into_iter().any(|sort| one.share(&other, sort))
}

/// What a group of contacts can be recognised by, be it ever so faint: any word of a name, any value of theirs.
#[derive(Debug, Default)]
pub struct Resemblance(HashSet<Trait>);

impl Resemblance {
    /// Adds a contact to the group.
    pub fn add(&mut self, contact: &Contact) {
        self.0.extend(Traits::of(contact).faint());
    }

    /// True when somebody in the group has anything in common with this contact.
    pub fn has(&self, contact: &Contact) -> bool {
        Traits::of(contact).faint().any(|it| self.0.contains(&it))
    }
}

/// What a contact is looked up by.
fn found_by(traits: &Traits) -> impl Iterator<Item = Trait> {
    traits.name().into_iter().chain(traits.each(Sort::Email)).chain(traits.each(Sort::Phone))
}

/// Of a crowd that shares one trait, so many are looked at: thousands of namesakes must not cost their square.
const CROWD: usize = 500;

impl Index {
    /// Adds a known contact, or what a known one is now.
    pub fn add(&mut self, id: i64, uid: &str, crm_id: Option<&str>, contact: &Contact) {
        let traits = Traits::of(contact);
        if let Some(old) = self.traits.remove(&id) {
            for it in found_by(&old) {
                self.holders.remove(&(it, id));
            }
        }
        self.mark(id, Sort::Uid, uid);
        if let Some(crm_id) = crm_id {
            self.add_crm_id(id, crm_id);
        }
        self.holders.extend(found_by(&traits).map(|it| (it, id)));
        self.traits.insert(id, traits);
    }

    /// Adds a UID that records of a known contact go by although it has another one; it may go by several.
    pub fn add_other_uid(&mut self, id: i64, uid: &str) {
        self.mark(id, Sort::OtherUid, uid);
    }

    /// Adds an id in the CRM that a known contact goes by; it may go by several.
    pub fn add_crm_id(&mut self, id: i64, crm_id: &str) {
        self.mark(id, Sort::CrmId, crm_id);
    }

    fn mark(&mut self, id: i64, sort: Sort, mark: &str) {
        if !mark.is_empty() {
            self.holders.insert((digest(sort, mark), id));
        }
    }

    /// Looks a newcomer up.
    pub fn find(&self, uid: Option<&str>, crm_id: Option<&str>, contact: &Contact) -> Pairing {
        if Canary::NoPairing.sings() || self.traits.is_empty() {
            return Pairing::None;
        }
        let newcomer = Traits::of(contact);
        let same = |id: &i64| self.traits.get(id).is_some_and(|known| could_be_one(known, &newcomer));
        let marked = |sort: Sort, by: By| Some(Pairing::One(self.marked(sort, uid?)?, by));
        let by_uid = marked(Sort::Uid, By::Uid).or_else(|| marked(Sort::OtherUid, By::OtherUid));
        let by_crm_id = || self.marked(Sort::CrmId, crm_id?).filter(same).map(|id| Pairing::One(id, By::CrmId));
        by_uid.or_else(by_crm_id).or_else(|| self.find_by_content(&newcomer)).unwrap_or(Pairing::None)
    }

    /// The contact that has this CRM id, if it is plainly somebody else than who carries it.
    pub fn contradicted(&self, crm_id: Option<&str>, contact: &Contact) -> Option<i64> {
        let id = self.marked(Sort::CrmId, crm_id?)?;
        let other = self.traits.get(&id).is_some_and(|known| !could_be_one(known, &Traits::of(contact)));
        other.then_some(id)
    }

    fn find_by_content(&self, newcomer: &Traits) -> Option<Pairing> {
        let by_email =
            || self.candidates(newcomer.each(Sort::Email), By::Email, |known| may_share_mailbox(known, newcomer));
        let by_phone =
            || self.candidates(newcomer.each(Sort::Phone), By::Phone, |known| may_share_phone(known, newcomer));
        let by_name =
            || self.candidates(newcomer.name().into_iter(), By::Name, |known| !are_namesakes(known, newcomer));
        by_email().or_else(by_phone).or_else(by_name)
    }

    fn candidates(
        &self,
        wanted: impl Iterator<Item = Trait>,
        by: By,
        fits: impl Fn(&Traits) -> bool,
    ) -> Option<Pairing> {
        let known = wanted.flat_map(|it| self.holders(it).take(CROWD));
        let found: BTreeSet<i64> = known.filter(|id| self.traits.get(id).is_some_and(&fits)).collect();
        match (found.first(), found.len()) {
            (None, _) => None,
            (Some(one), 1) => Some(Pairing::One(*one, by)),
            (Some(_), _) => Some(Pairing::Ambiguous(found.into_iter().collect())),
        }
    }

    /// The one who goes by a mark; of several, who was known last.
    fn marked(&self, sort: Sort, mark: &str) -> Option<i64> {
        self.holders(digest(sort, mark)).next_back()
    }

    fn holders(&self, it: Trait) -> impl DoubleEndedIterator<Item = i64> {
        self.holders.range((it, i64::MIN)..=(it, i64::MAX)).map(|(_, id)| *id)
    }
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
        check(None, None, person("Rousseau Roux", "roux@example.com", ""), Pairing::One(5, By::Email));
        check(None, None, person("Léa ROUX", "roux@example.com", ""), Pairing::One(5, By::Email));
        check(None, None, person("Léa ROUX", "roux@example.com", "01 99 00 00 07"), Pairing::One(5, By::Email));
        check(None, None, person("Léa Petit", "", "+33 6 39 98 00 03"), Pairing::None);
        check(None, None, person("P", "", "+33 6 39 98 00 03"), Pairing::None);
        check(None, None, person("PÉTIT", "", "+33 6 39 98 00 03"), Pairing::One(3, By::Phone));
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
    fn initials_and_missing_words_need_something_in_common() {
        let mut index = Index::default();
        index.add(1, "uid-1", None, &person("Jean Petit", "petit@example.com", "06 39 98 00 11"));
        for (newcomer, expected) in [
            (person("J. Petit", "", "+33639980011"), Pairing::One(1, By::Phone)),
            (person("Petit", "", "+33639980011"), Pairing::None),
            (person("Petit", "petit@example.com", ""), Pairing::One(1, By::Email)),
            (person("J Petit", "petit@example.com", "06 39 98 00 22"), Pairing::One(1, By::Email)),
            (person("Jean-Pierre Petit", "petit@example.com", ""), Pairing::One(1, By::Email)),
            (person("Jean-Pierre Petit", "petit@example.com", "06 39 98 00 22"), Pairing::None),
        ] {
            assert_eq!(index.find(None, None, &newcomer), expected, "{newcomer:?}");
        }
    }

    #[test]
    fn two_of_one_name_are_apart_by_what_they_have() {
        for (one, other, expected) in [
            (person("Petit", "", "01 99 00 00 01"), person("Petit", "", "01 99 00 00 02"), true),
            (person("Petit", "", "01 99 00 00 01"), person("Petit", "", "+33199000001"), false),
            (person("Petit", "", "01 99 00 00 01"), person("Petit", "p@example.com", ""), false),
            (
                person("Petit", "p@example.com", "01 99 00 00 01"),
                person("Petit", "p@example.com", "01 99 00 00 02"),
                false,
            ),
            (person("Petit", "p@example.com", ""), person("Petit", "q@example.com", ""), true),
            (person("Petit", "", ""), person("Petit", "", "01 99 00 00 01"), false),
        ] {
            assert_eq!(are_apart(&one, &other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn whoever_is_called_otherwise_now_is_not_found_by_the_old_name() {
        let mut index = index();
        index.add(5, "uid-5", None, &person("Rousseau", "roux@example.com", ""));
        assert_eq!(index.find(None, None, &person("Roux", "", "")), Pairing::None);
        assert_eq!(index.find(None, None, &person("Rousseau", "", "")), Pairing::One(5, By::Name));
        assert_eq!(index.find(None, None, &person("", "roux@example.com", "")), Pairing::One(5, By::Email));
    }

    #[test]
    fn a_record_may_go_by_another_uid() {
        let mut index = index();
        index.add_other_uid(5, "card-5");
        index.add_other_uid(5, "uid-3");
        assert_eq!(index.find(Some("card-5"), None, &person("X", "", "")), Pairing::One(5, By::OtherUid));
        assert_eq!(
            index.find(Some("uid-3"), None, &person("X", "", "")),
            Pairing::One(3, By::Uid),
            "its own goes first"
        );
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
        let newcomer = Traits::of(&person("Martin", "", ""));
        let count = |_: &Traits| {
            looks.set(looks.get() + 1);
            true
        };
        assert!(matches!(index.candidates(newcomer.name().into_iter(), By::Name, count), Some(Pairing::Ambiguous(_))));
        assert_eq!(looks.get(), CROWD);
    }
}
