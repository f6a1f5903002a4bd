//! Is this newcomer somebody we know? By UID, CRM id, e-mail, telephone, name, in that order, and only when unambiguous.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
};

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

/// The answer of [`find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Nobody we know.
    None,
    /// This one.
    One(i64, MatchedBy),
    /// Several fit equally well; a user must say.
    Ambiguous(Vec<i64>),
}

/// The known contacts, as a newcomer is looked up among them.
pub trait KnownContacts {
    /// Why they could not be asked.
    type Error;

    /// True if nobody is known.
    fn is_empty(&self) -> bool;

    /// The first of those who have a key, in the order of their ids, so that it does not matter who was known first.
    fn holders(&self, key: MatchKey, limit: usize) -> Result<Vec<i64>, Self::Error>;

    /// The last of them.
    fn last_holder(&self, key: MatchKey) -> Result<Option<i64>, Self::Error>;

    /// What a known contact can be recognised by.
    fn match_keys(&self, id: i64) -> Result<Option<Arc<MatchKeys>>, Self::Error>;
}

/// Who has which key.
type Holders = BTreeSet<(MatchKey, i64)>;

/// Known contacts, in memory.
#[derive(Debug, Default)]
pub struct MatchIndex {
    holders: Holders,
    match_keys: HashMap<i64, Arc<MatchKeys>>,
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

/// What a contact is looked up by, marks left out.
pub fn found_by(match_keys: &MatchKeys) -> impl Iterator<Item = MatchKey> {
    match_keys.name().into_iter().chain(match_keys.each(KeyKind::Email)).chain(match_keys.each(KeyKind::Phone))
}

/// Of a crowd that shares one key, so many are looked at: thousands of namesakes must not cost their square.
const CROWD: usize = 500;

/// Looks a newcomer up.
///
/// # Errors
/// Those of `known`.
pub fn find<K: KnownContacts>(
    known: &K,
    uid: Option<&str>,
    crm_id: Option<&str>,
    contact: &Contact,
) -> Result<Match, K::Error> {
    if known.is_empty() {
        return Ok(Match::None);
    }
    for (kind, by) in [(KeyKind::Uid, MatchedBy::Uid), (KeyKind::OtherUid, MatchedBy::OtherUid)] {
        if let Some(id) = marked(known, kind, uid)? {
            return Ok(Match::One(id, by));
        }
    }
    let newcomer = MatchKeys::of(contact);
    if let Some(id) = marked(known, KeyKind::CrmId, crm_id)?
        && known.match_keys(id)?.is_some_and(|known| could_be_one(&known, &newcomer))
    {
        return Ok(Match::One(id, MatchedBy::CrmId));
    }
    find_by_content(known, &newcomer)
}

/// The contact that has this CRM id, if it is plainly somebody else than who carries it.
///
/// # Errors
/// Those of `known`.
pub fn contradicted<K: KnownContacts>(
    known: &K,
    crm_id: Option<&str>,
    contact: &Contact,
) -> Result<Option<i64>, K::Error> {
    let Some(id) = marked(known, KeyKind::CrmId, crm_id)? else { return Ok(None) };
    let is_another = known.match_keys(id)?.is_some_and(|known| !could_be_one(&known, &MatchKeys::of(contact)));
    Ok(is_another.then_some(id))
}

/// The one who goes by a mark; of several, who was known last.
fn marked<K: KnownContacts>(known: &K, kind: KeyKind, mark: Option<&str>) -> Result<Option<i64>, K::Error> {
    mark.map_or(Ok(None), |mark| known.last_holder(digest(kind, mark)))
}

fn find_by_content<K: KnownContacts>(known: &K, newcomer: &MatchKeys) -> Result<Match, K::Error> {
    let mut emails = newcomer.each(KeyKind::Email);
    let by_email = candidates(known, &mut emails, MatchedBy::Email, |known| may_share_mailbox(known, newcomer))?;
    if by_email != Match::None {
        return Ok(by_email);
    }
    let mut phones = newcomer.each(KeyKind::Phone);
    let by_phone = candidates(known, &mut phones, MatchedBy::Phone, |known| may_share_phone(known, newcomer))?;
    if by_phone != Match::None {
        return Ok(by_phone);
    }
    let owner = owner_of_mailbox(known, newcomer)?;
    let mut name = newcomer.name().into_iter();
    let Some(owner) = owner else {
        return candidates(known, &mut name, MatchedBy::Name, |known| !are_namesakes(known, newcomer));
    };
    // The mailbox of one and the name of another, or a name that may be a nickname.
    Ok(match candidates(known, &mut name, MatchedBy::Name, |_| true)? {
        Match::One(id, _) => Match::Ambiguous(vec![owner.min(id), owner.max(id)]),
        Match::None if newcomer.words().count() == 1 => Match::Ambiguous(vec![owner]),
        other => other,
    })
}

/// The one contact, by another name, that has a mailbox of the newcomer's; a mailbox of several is nobody's.
fn owner_of_mailbox<K: KnownContacts>(known: &K, newcomer: &MatchKeys) -> Result<Option<i64>, K::Error> {
    let mut owners = BTreeSet::new();
    for key in newcomer.each(KeyKind::Email) {
        owners.extend(known.holders(key, 2)?);
    }
    let Some(owner) = owners.first().copied().filter(|_| owners.len() == 1) else { return Ok(None) };
    Ok(known.match_keys(owner)?.filter(|owner| !owner.differ(newcomer, KeyKind::Phone)).map(|_| owner))
}

fn candidates<K: KnownContacts>(
    known: &K,
    wanted: &mut dyn Iterator<Item = MatchKey>,
    by: MatchedBy,
    fits: impl Fn(&MatchKeys) -> bool,
) -> Result<Match, K::Error> {
    let mut found = BTreeSet::new();
    for key in wanted {
        for id in known.holders(key, CROWD)? {
            if known.match_keys(id)?.is_some_and(|known| fits(&known)) {
                found.insert(id);
            }
        }
    }
    Ok(match (found.first(), found.len()) {
        (None, _) => Match::None,
        (Some(one), 1) => Match::One(*one, by),
        (Some(_), _) => Match::Ambiguous(found.into_iter().collect()),
    })
}

impl MatchIndex {
    /// Adds a known contact, or what a known one is now.
    pub fn add(&mut self, id: i64, uid: &str, crm_id: Option<&str>, contact: &Contact) {
        let match_keys = MatchKeys::of(contact);
        if let Some(old) = self.match_keys.remove(&id) {
            for key in found_by(&old) {
                self.holders.remove(&(key, id));
            }
        }
        self.mark(id, KeyKind::Uid, uid);
        if let Some(crm_id) = crm_id {
            self.add_crm_id(id, crm_id);
        }
        self.holders.extend(found_by(&match_keys).map(|key| (key, id)));
        self.match_keys.insert(id, Arc::new(match_keys));
    }

    /// Adds a UID that records of a known contact go by although it has another one; it may go by several.
    pub fn add_other_uid(&mut self, id: i64, uid: &str) {
        self.mark(id, KeyKind::OtherUid, uid);
    }

    /// Adds an id in the CRM that a known contact goes by; it may go by several.
    pub fn add_crm_id(&mut self, id: i64, crm_id: &str) {
        self.mark(id, KeyKind::CrmId, crm_id);
    }

    /// How many keys are held, each as often as somebody has it.
    pub fn key_count(&self) -> usize {
        self.holders.len()
    }

    /// Takes everything out: who has which key, in their order, and the contacts in that of their ids.
    pub fn drain(&mut self) -> (Holders, Vec<(i64, Arc<MatchKeys>)>) {
        let mut contacts: Vec<_> = self.match_keys.drain().collect();
        contacts.sort_unstable_by_key(|(id, _)| *id);
        (std::mem::take(&mut self.holders), contacts)
    }

    fn mark(&mut self, id: i64, kind: KeyKind, mark: &str) {
        if !mark.is_empty() {
            self.holders.insert((digest(kind, mark), id));
        }
    }

    fn holders_of(&self, key: MatchKey) -> impl DoubleEndedIterator<Item = i64> {
        self.holders.range((key, i64::MIN)..=(key, i64::MAX)).map(|(_, id)| *id)
    }
}

impl KnownContacts for MatchIndex {
    type Error = Infallible;

    fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.match_keys.is_empty()
    }

    fn holders(&self, key: MatchKey, limit: usize) -> Result<Vec<i64>, Infallible> {
        Ok(self.holders_of(key).take(limit).collect())
    }

    fn last_holder(&self, key: MatchKey) -> Result<Option<i64>, Infallible> {
        Ok(self.holders_of(key).next_back())
    }

    fn match_keys(&self, id: i64) -> Result<Option<Arc<MatchKeys>>, Infallible> {
        Ok(self.match_keys.get(&id).cloned())
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
        assert_eq!(found(&index(), uid, crm_id, &contact), expected);
    }

    fn found(index: &MatchIndex, uid: Option<&str>, crm_id: Option<&str>, contact: &Contact) -> Match {
        let Ok(found) = find(index, uid, crm_id, contact);
        found
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
            assert_eq!(found(&index, None, None, &newcomer), expected, "{newcomer:?}");
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
        assert_eq!(found(&index, None, None, &person("Roux", "", "")), Match::None);
        assert_eq!(found(&index, None, None, &person("Rousseau", "", "")), Match::One(5, MatchedBy::Name));
        assert_eq!(found(&index, None, None, &person("", "roux@example.com", "")), Match::One(5, MatchedBy::Email));
    }

    #[test]
    fn a_record_may_go_by_another_uid() {
        let mut index = index();
        index.add_other_uid(5, "card-5");
        index.add_other_uid(5, "uid-3");
        assert_eq!(found(&index, Some("card-5"), None, &person("X", "", "")), Match::One(5, MatchedBy::OtherUid));
        assert_eq!(
            found(&index, Some("uid-3"), None, &person("X", "", "")),
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
            found(&index, None, None, &emails("X", &["a@example.com", "b@example.com"])),
            Match::One(9, MatchedBy::Email),
            "who has both is one"
        );
        index.add(7, "uid-7", None, &person("Petit", "", ""));
        index.add(6, "uid-6", None, &person("Petit", "", ""));
        assert_eq!(found(&index, None, None, &person("Petit", "", "")), Match::Ambiguous(vec![6, 7]));
    }

    #[test]
    fn an_id_that_somebody_else_carries_is_noticed() {
        let is_contradicted = |crm_id, contact: &Contact| {
            let Ok(found) = contradicted(&index(), crm_id, contact);
            found
        };
        assert_eq!(is_contradicted(Some("1001"), &person("X", "", "")), Some(1));
        assert_eq!(is_contradicted(Some("1001"), &person("Durand", "", "")), None);
        assert_eq!(is_contradicted(Some("9999"), &person("X", "", "")), None);
        assert_eq!(is_contradicted(None, &person("X", "", "")), None);
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
        let Ok(found) = candidates(&index, &mut newcomer.name().into_iter(), MatchedBy::Name, count);
        assert!(matches!(found, Match::Ambiguous(_)));
        assert_eq!(looks.get(), CROWD);
    }
}
