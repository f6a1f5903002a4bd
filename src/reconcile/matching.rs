//! Is this newcomer somebody we know? By UID, CRM id, e-mail, telephone, name, in that order, and only when unambiguous.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::match_keys::{KeyKind, MatchKey, MatchKeys, digest};
use crate::contact::Contact;

/// What a newcomer was recognised by, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchedBy {
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

/// The answer of [`MatchIndex::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Nobody we know.
    None,
    /// This one.
    One(i64, MatchedBy),
    /// Several fit equally well; a user must say.
    Ambiguous(Vec<i64>),
}

/// What known contacts can be recognised by.
#[derive(Debug, Default)]
pub struct MatchIndex {
    /// Who has which trait: in the order of ids, so that it does not matter who was known first.
    holders: BTreeSet<(MatchKey, i64)>,
    match_keys: HashMap<i64, MatchKeys>,
}

/// Somebody who has a word of the name or any other trait in common, or no name.
fn could_be_one(one: &MatchKeys, other: &MatchKeys) -> bool {
    one.may_share_name(other) || one.weak_keys().any(|it| other.weak_keys().any(|other| it == other))
}

/// Two different names behind one telephone are two people; one may have initials, though.
fn may_share_phone(one: &MatchKeys, other: &MatchKeys) -> bool {
    one.may_share_name(other) || one.may_abbreviate(other)
}

/// A mailbox is mostly one person's, a telephone often a house's: here a name may also lack a word, unless the telephones
/// differ (Jean and Jean-Pierre Petit).
fn may_share_mailbox(one: &MatchKeys, other: &MatchKeys) -> bool {
    may_share_phone(one, other) || (one.may_be_short_for(other) && !one.differ(other, KeyKind::Phone))
}

/// Namesakes with different e-mail addresses are two people, unless a telephone says otherwise.
fn are_namesakes(one: &MatchKeys, other: &MatchKeys) -> bool {
    one.differ(other, KeyKind::Email) && !one.share(other, KeyKind::Phone)
}

/// True unless the two have neither a word of their names nor an e-mail address, a telephone or an address in common: then
/// an id that both carry is of different accounts, or was copied.
pub fn could_be(one: &Contact, other: &Contact) -> bool {
    could_be_one(&MatchKeys::of(one), &MatchKeys::of(other))
}

/// True when one of the two names is the other one written out less: "J. Dupont" for "Jean Pierre Dupont".
pub fn may_be_short_for(one: &Contact, other: &Contact) -> bool {
    MatchKeys::of(one).may_be_short_for(&MatchKeys::of(other))
}

/// True when the two have telephones, or e-mail or postal addresses, and not one in common: a list that has both under
/// one name may well mean two people.
pub fn are_apart(one: &Contact, other: &Contact) -> bool {
    let (one, other) = (MatchKeys::of(one), MatchKeys::of(other));
    let sorts = [KeyKind::Email, KeyKind::Phone, KeyKind::Address];
    sorts.into_iter().any(|sort| one.differ(&other, sort)) && !sorts.into_iter().any(|sort| one.share(&other, sort))
}

/// What a group of contacts can be recognised by, however faint: any word of a name, any value of theirs.
#[derive(Debug, Default)]
pub struct Resemblance(HashSet<MatchKey>);

impl Resemblance {
    /// Adds a contact to the group.
    pub fn add(&mut self, contact: &Contact) {
        self.0.extend(MatchKeys::of(contact).weak_keys());
    }

    /// True when somebody in the group has anything in common with this contact.
    pub fn has(&self, contact: &Contact) -> bool {
        MatchKeys::of(contact).weak_keys().any(|it| self.0.contains(&it))
    }
}

/// What a contact is looked up by.
fn found_by(match_keys: &MatchKeys) -> impl Iterator<Item = MatchKey> {
    match_keys.name().into_iter().chain(match_keys.each(KeyKind::Email)).chain(match_keys.each(KeyKind::Phone))
}

/// Of a crowd that shares one trait, so many are looked at: thousands of namesakes must not cost their square.
const CROWD: usize = 500;

impl MatchIndex {
    /// Adds a known contact, or what a known one is now.
    pub fn add(&mut self, id: i64, uid: &str, crm_id: Option<&str>, contact: &Contact) {
        let match_keys = MatchKeys::of(contact);
        if let Some(old) = self.match_keys.remove(&id) {
            for it in found_by(&old) {
                self.holders.remove(&(it, id));
            }
        }
        self.mark(id, KeyKind::Uid, uid);
        if let Some(crm_id) = crm_id {
            self.add_crm_id(id, crm_id);
        }
        self.holders.extend(found_by(&match_keys).map(|it| (it, id)));
        self.match_keys.insert(id, match_keys);
    }

    /// Adds a UID that records of a known contact go by although it has another one; it may go by several.
    pub fn add_other_uid(&mut self, id: i64, uid: &str) {
        self.mark(id, KeyKind::OtherUid, uid);
    }

    /// Adds an id in the CRM that a known contact goes by; it may go by several.
    pub fn add_crm_id(&mut self, id: i64, crm_id: &str) {
        self.mark(id, KeyKind::CrmId, crm_id);
    }

    fn mark(&mut self, id: i64, sort: KeyKind, mark: &str) {
        if !mark.is_empty() {
            self.holders.insert((digest(sort, mark), id));
        }
    }

    /// Looks a newcomer up.
    pub fn find(&self, uid: Option<&str>, crm_id: Option<&str>, contact: &Contact) -> Match {
        if self.match_keys.is_empty() {
            return Match::None;
        }
        let newcomer = MatchKeys::of(contact);
        let same = |id: &i64| self.match_keys.get(id).is_some_and(|known| could_be_one(known, &newcomer));
        let marked = |sort: KeyKind, by: MatchedBy| Some(Match::One(self.marked(sort, uid?)?, by));
        let by_uid = marked(KeyKind::Uid, MatchedBy::Uid).or_else(|| marked(KeyKind::OtherUid, MatchedBy::OtherUid));
        let by_crm_id = || self.marked(KeyKind::CrmId, crm_id?).filter(same).map(|id| Match::One(id, MatchedBy::CrmId));
        by_uid.or_else(by_crm_id).or_else(|| self.find_by_content(&newcomer)).unwrap_or(Match::None)
    }

    /// The contact that has this CRM id, if it is plainly somebody else than who carries it.
    pub fn contradicted(&self, crm_id: Option<&str>, contact: &Contact) -> Option<i64> {
        let id = self.marked(KeyKind::CrmId, crm_id?)?;
        let other = self.match_keys.get(&id).is_some_and(|known| !could_be_one(known, &MatchKeys::of(contact)));
        other.then_some(id)
    }

    fn find_by_content(&self, newcomer: &MatchKeys) -> Option<Match> {
        let by_email = || {
            self.candidates(newcomer.each(KeyKind::Email), MatchedBy::Email, |known| may_share_mailbox(known, newcomer))
        };
        let by_phone = || {
            self.candidates(newcomer.each(KeyKind::Phone), MatchedBy::Phone, |known| may_share_phone(known, newcomer))
        };
        let by_name =
            || self.candidates(newcomer.name().into_iter(), MatchedBy::Name, |known| !are_namesakes(known, newcomer));
        by_email().or_else(by_phone).or_else(by_name)
    }

    fn candidates(
        &self,
        wanted: impl Iterator<Item = MatchKey>,
        by: MatchedBy,
        fits: impl Fn(&MatchKeys) -> bool,
    ) -> Option<Match> {
        let known = wanted.flat_map(|it| self.holders(it).take(CROWD));
        let found: BTreeSet<i64> = known.filter(|id| self.match_keys.get(id).is_some_and(&fits)).collect();
        match (found.first(), found.len()) {
            (None, _) => None,
            (Some(one), 1) => Some(Match::One(*one, by)),
            (Some(_), _) => Some(Match::Ambiguous(found.into_iter().collect())),
        }
    }

    /// The one who goes by a mark; of several, who was known last.
    fn marked(&self, sort: KeyKind, mark: &str) -> Option<i64> {
        self.holders(digest(sort, mark)).next_back()
    }

    fn holders(&self, it: MatchKey) -> impl DoubleEndedIterator<Item = i64> {
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

    fn index() -> MatchIndex {
        let mut index = MatchIndex::default();
        index.add(1, "uid-1", Some("1001"), &person("Durand", "info@example.com", "01 99 00 00 01"));
        index.add(2, "uid-2", Some("1002"), &person("Martin", "info@example.com", "01 99 00 00 01"));
        index.add(3, "uid-3", None, &person("Petit", "", "06 39 98 00 03"));
        index.add(4, "uid-4", None, &person("Petit", "p@example.com", ""));
        index.add(5, "uid-5", None, &person("Roux", "roux@example.com", ""));
        index.add(6, "uid-6", None, &person("Blanc", "", "1234567"));
        index.add(7, "uid-7", None, &person("Noir", "", "123456"));
        index
    }

    fn check(uid: Option<&str>, crm_id: Option<&str>, contact: Contact, expected: Match) {
        assert_eq!(index().find(uid, crm_id, &contact), expected);
    }

    #[test]
    fn newcomers_are_recognised() {
        check(Some("uid-3"), Some("1001"), person("X", "", ""), Match::One(3, MatchedBy::Uid));
        check(Some("other"), Some("1001"), person("Durand", "", ""), Match::One(1, MatchedBy::CrmId));
        check(Some("other"), Some("1001"), person("Ada Durand", "", ""), Match::One(1, MatchedBy::CrmId));
        check(Some("other"), Some("1001"), person("X", "", "+33199000001"), Match::One(1, MatchedBy::CrmId));
        check(None, Some("1001"), person("", "", ""), Match::One(1, MatchedBy::CrmId));
        check(None, Some("1001"), person("Blanc", "", "1234567"), Match::One(6, MatchedBy::Phone));
        check(None, Some("1001"), person("X", "", ""), Match::None);
        check(None, None, person("MARTIN", "INFO@example.com", ""), Match::One(2, MatchedBy::Email));
        check(None, None, person("Rousseau Roux", "roux@example.com", ""), Match::One(5, MatchedBy::Email));
        check(None, None, person("Léa ROUX", "roux@example.com", ""), Match::One(5, MatchedBy::Email));
        check(None, None, person("Léa ROUX", "roux@example.com", "01 99 00 00 07"), Match::One(5, MatchedBy::Email));
        check(None, None, person("Léa Petit", "", "+33 6 39 98 00 03"), Match::None);
        check(None, None, person("P", "", "+33 6 39 98 00 03"), Match::None);
        check(None, None, person("PÉTIT", "", "+33 6 39 98 00 03"), Match::One(3, MatchedBy::Phone));
        check(None, None, person("Bernard", "info@example.com", "+33199000001"), Match::None);
        check(None, None, person("petit", "", "+33 6 39 98 00 03"), Match::One(3, MatchedBy::Phone));
        check(None, None, person("Petit", "", ""), Match::Ambiguous(vec![3, 4]));
        check(None, None, person("Roux", "", "01 99 00 00 09"), Match::One(5, MatchedBy::Name));
        check(None, None, person("Roux", "other@example.com", ""), Match::None);
        check(None, None, person("", "", ""), Match::None);
        check(None, None, person("", "roux@example.com", ""), Match::One(5, MatchedBy::Email));
        check(None, None, person("", "", "123456"), Match::None);
        check(None, None, person("", "", "1234567"), Match::One(6, MatchedBy::Phone));
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
        let mut index = MatchIndex::default();
        index.add(1, "uid-1", None, &person("Jean Petit", "petit@example.com", "06 39 98 00 11"));
        for (newcomer, expected) in [
            (person("J. Petit", "", "+33639980011"), Match::One(1, MatchedBy::Phone)),
            (person("Petit", "", "+33639980011"), Match::None),
            (person("Petit", "petit@example.com", ""), Match::One(1, MatchedBy::Email)),
            (person("J Petit", "petit@example.com", "06 39 98 00 22"), Match::One(1, MatchedBy::Email)),
            (person("Jean-Pierre Petit", "petit@example.com", ""), Match::One(1, MatchedBy::Email)),
            (person("Jean-Pierre Petit", "petit@example.com", "06 39 98 00 22"), Match::None),
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
        assert_eq!(index.find(None, None, &person("Roux", "", "")), Match::None);
        assert_eq!(index.find(None, None, &person("Rousseau", "", "")), Match::One(5, MatchedBy::Name));
        assert_eq!(index.find(None, None, &person("", "roux@example.com", "")), Match::One(5, MatchedBy::Email));
    }

    #[test]
    fn a_record_may_go_by_another_uid() {
        let mut index = index();
        index.add_other_uid(5, "card-5");
        index.add_other_uid(5, "uid-3");
        assert_eq!(index.find(Some("card-5"), None, &person("X", "", "")), Match::One(5, MatchedBy::OtherUid));
        assert_eq!(
            index.find(Some("uid-3"), None, &person("X", "", "")),
            Match::One(3, MatchedBy::Uid),
            "its own goes first"
        );
    }

    #[test]
    fn candidates_are_named_once_and_in_order() {
        let emails = |name: &str, emails: &[&str]| Contact {
            items: emails.iter().map(|email| Item::new(ItemType::ProfessionalEmail, *email)).collect(),
            ..person(name, "", "")
        };
        let mut index = MatchIndex::default();
        index.add(9, "uid-9", None, &emails("", &["a@example.com", "b@example.com"]));
        assert_eq!(
            index.find(None, None, &emails("X", &["a@example.com", "b@example.com"])),
            Match::One(9, MatchedBy::Email),
            "who has both is one"
        );
        index.add(7, "uid-7", None, &person("Petit", "", ""));
        index.add(6, "uid-6", None, &person("Petit", "", ""));
        assert_eq!(index.find(None, None, &person("Petit", "", "")), Match::Ambiguous(vec![6, 7]));
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
        let mut index = MatchIndex::default();
        for id in 0..10_000 {
            index.add(id, &format!("uid-{id}"), None, &person("Martin", "", ""));
        }
        let looks = std::cell::Cell::new(0);
        let newcomer = MatchKeys::of(&person("Martin", "", ""));
        let count = |_: &MatchKeys| {
            looks.set(looks.get() + 1);
            true
        };
        assert!(matches!(
            index.candidates(newcomer.name().into_iter(), MatchedBy::Name, count),
            Some(Match::Ambiguous(_))
        ));
        assert_eq!(looks.get(), CROWD);
    }
}
