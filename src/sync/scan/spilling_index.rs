//! An index of what known contacts are recognised by: the part that fits in memory, the others in temporary tables, so that
//! a run stays small however many are known.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use crate::{
    contact::Contact,
    mirror::{ContactId, Mirror, Result},
    reconcile::{
        Match, MatchIndex,
        match_keys::{MatchKey, MatchKeys},
        matching::{self, KnownContacts},
    },
};

/// Keys kept in memory: those of some ten thousand contacts.
const KEYS_IN_MEMORY: usize = 50_000;
/// Contacts of the tables that are kept in memory once they were looked at: of a crowd of namesakes always the same.
const LOOKED_AT_MAX: usize = 2_000;

/// Which of the tables' indexes one is, of those that live at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexNumber {
    /// Living contacts.
    Living = 1,
    /// Those that were deleted here and live on in the CRM.
    LocallyDeleted = 2,
    /// Records of a file that were left to a user.
    Left = 3,
}

/// The index.
#[derive(Debug)]
pub struct SpillingIndex {
    number: u8,
    keys_max: usize,
    /// What was added last.
    recent: MatchIndex,
    /// True once the tables hold what was added before.
    spilled: bool,
    looked_at: RefCell<HashMap<ContactId, Arc<MatchKeys>>>,
}

impl SpillingIndex {
    /// An index of nobody.
    pub fn new(number: IndexNumber) -> Self {
        Self::with_room(number, KEYS_IN_MEMORY)
    }

    fn with_room(number: IndexNumber, keys_max: usize) -> Self {
        let (recent, looked_at) = (MatchIndex::default(), RefCell::default());
        Self { number: number as u8, keys_max, recent, spilled: false, looked_at }
    }

    /// Adds a known contact, or what a known one is now.
    pub fn add(
        &mut self,
        mirror: &Mirror,
        id: ContactId,
        uid: &str,
        crm_id: Option<&str>,
        contact: &Contact,
    ) -> Result<()> {
        if self.spilled
            && let Some((name, keys)) = mirror.match_keys(self.number, id)?
        {
            for key in matching::found_by(&MatchKeys::from_parts(name, keys)) {
                mirror.remove_match_holder(self.number, key, id)?;
            }
            self.looked_at.get_mut().remove(&id);
        }
        self.recent.add(id, uid, crm_id, contact);
        self.make_room(mirror)
    }

    /// Adds a UID that records of a known contact go by although it has another one; it may go by several.
    pub fn add_other_uid(&mut self, mirror: &Mirror, id: ContactId, uid: &str) -> Result<()> {
        self.recent.add_other_uid(id, uid);
        self.make_room(mirror)
    }

    /// Adds an id in the CRM that a known contact goes by; it may go by several.
    pub fn add_crm_id(&mut self, mirror: &Mirror, id: ContactId, crm_id: &str) -> Result<()> {
        self.recent.add_crm_id(id, crm_id);
        self.make_room(mirror)
    }

    /// Looks a newcomer up.
    pub fn find(&self, mirror: &Mirror, uid: Option<&str>, crm_id: Option<&str>, contact: &Contact) -> Result<Match> {
        matching::find(&self.beside(mirror), uid, crm_id, contact)
    }

    /// The contact that has this CRM id, if it is plainly somebody else than who carries it.
    pub fn contradicted(&self, mirror: &Mirror, crm_id: Option<&str>, contact: &Contact) -> Result<Option<ContactId>> {
        matching::contradicted(&self.beside(mirror), crm_id, contact)
    }

    fn beside<'i>(&'i self, mirror: &'i Mirror) -> Both<'i> {
        Both { index: self, mirror }
    }

    /// Keys go to the table in their order: in any other it would be read and written all over.
    fn make_room(&mut self, mirror: &Mirror) -> Result<()> {
        if self.recent.key_count() <= self.keys_max {
            return Ok(());
        }
        if !self.spilled {
            mirror.forget_match_keys(self.number)?;
            self.spilled = true;
        }
        let (holders, contacts) = self.recent.drain();
        for (key, id) in holders {
            mirror.add_match_holder(self.number, key, id)?;
        }
        for (id, match_keys) in contacts {
            let (name, keys) = match_keys.parts();
            mirror.put_match_keys(self.number, id, name, keys)?;
        }
        Ok(())
    }
}

/// Both parts of an index.
struct Both<'i> {
    index: &'i SpillingIndex,
    mirror: &'i Mirror,
}

impl KnownContacts for Both<'_> {
    type Error = crate::mirror::MirrorError;

    fn is_empty(&self) -> bool {
        !self.index.spilled && self.index.recent.is_empty()
    }

    fn holders(&self, key: MatchKey, limit: usize) -> Result<Vec<ContactId>> {
        let Ok(recent) = self.index.recent.holders(key, limit);
        if !self.index.spilled {
            return Ok(recent);
        }
        let mut holders = self.mirror.match_holders(self.index.number, key, limit)?;
        holders.extend(recent);
        holders.sort_unstable();
        holders.dedup();
        holders.truncate(limit);
        Ok(holders)
    }

    fn last_holder(&self, key: MatchKey) -> Result<Option<ContactId>> {
        let Ok(recent) = self.index.recent.last_holder(key);
        let spilled = if self.index.spilled { self.mirror.last_match_holder(self.index.number, key)? } else { None };
        Ok(recent.max(spilled))
    }

    fn match_keys(&self, id: ContactId) -> Result<Option<Arc<MatchKeys>>> {
        let Ok(recent) = self.index.recent.match_keys(id);
        if recent.is_some() || !self.index.spilled {
            return Ok(recent);
        }
        let mut looked_at = self.index.looked_at.borrow_mut();
        if let Some(known) = looked_at.get(&id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some((name, keys)) = self.mirror.match_keys(self.index.number, id)? else { return Ok(None) };
        let read = Arc::new(MatchKeys::from_parts(name, keys));
        if looked_at.len() >= LOOKED_AT_MAX {
            looked_at.clear();
        }
        looked_at.insert(id, Arc::clone(&read));
        Ok(Some(read))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contact::{Item, ItemType};

    #[derive(Debug, Clone)]
    struct Known {
        id: ContactId,
        uid: String,
        crm_id: Option<String>,
        contact: Contact,
    }

    prop_compose! {
        fn somebody()(
            name in prop::sample::select(vec!["", "Petit", "Jean Petit", "J Petit", "Roux"]),
            email in prop::sample::select(vec!["", "p@example.com", "r@example.com"]),
            phone in prop::sample::select(vec!["", "01 99 00 00 01", "01 99 00 00 02"]),
        ) -> Contact {
            let items = [(ItemType::ProfessionalEmail, email), (ItemType::ProfessionalPhone, phone)];
            let items = items.into_iter().filter(|(_, value)| !value.is_empty());
            let items = items.map(|(kind, value)| Item::new(kind, value)).collect();
            Contact { last_name: name.into(), items, ..Contact::default() }
        }
    }

    prop_compose! {
        fn known()(id in 1_i64..12, uid in 0..6, crm_id in prop::option::of(0..6), contact in somebody()) -> Known {
            let crm_id = crm_id.map(|it: i32| it.to_string());
            Known { id, uid: format!("u{uid}"), crm_id, contact }
        }
    }

    proptest! {
        #[test]
        fn what_was_spilled_is_found_as_if_it_were_in_memory(
            all in prop::collection::vec((known(), any::<bool>()), 0..40),
            newcomers in prop::collection::vec(known(), 1..6),
            keys_max in 0..30_usize,
        ) {
            let mirror = Mirror::in_memory().unwrap();
            let mut spilling = SpillingIndex::with_room(IndexNumber::Living, keys_max);
            let mut whole = MatchIndex::default();
            for (Known { id, uid, crm_id, contact }, is_other_uid) in &all {
                if *is_other_uid {
                    spilling.add_other_uid(&mirror, *id, uid).unwrap();
                    whole.add_other_uid(*id, uid);
                } else {
                    spilling.add(&mirror, *id, uid, crm_id.as_deref(), contact).unwrap();
                    whole.add(*id, uid, crm_id.as_deref(), contact);
                }
                prop_assert!(spilling.recent.key_count() <= keys_max);
            }
            for Known { uid, crm_id, contact, .. } in &newcomers {
                for uid in [Some(uid.as_str()), None] {
                    let crm_id = crm_id.as_deref();
                    let Ok(expected) = matching::find(&whole, uid, crm_id, contact);
                    prop_assert_eq!(spilling.find(&mirror, uid, crm_id, contact).unwrap(), expected);
                    let Ok(expected) = matching::contradicted(&whole, crm_id, contact);
                    prop_assert_eq!(spilling.contradicted(&mirror, crm_id, contact).unwrap(), expected);
                }
            }
        }
    }

    #[test]
    fn two_indexes_do_not_mix() {
        let mirror = Mirror::in_memory().unwrap();
        let petit = Contact { last_name: "Petit".into(), ..Contact::default() };
        let mut living = SpillingIndex::with_room(IndexNumber::Living, 0);
        let mut left = SpillingIndex::with_room(IndexNumber::Left, 0);
        living.add(&mirror, 1, "u1", None, &petit).unwrap();
        assert_eq!(left.find(&mirror, Some("u1"), None, &petit).unwrap(), Match::None);
        left.add(&mirror, 7, "u7", None, &petit).unwrap();
        let by_name = |id| Match::One(id, matching::MatchedBy::Name);
        assert_eq!(living.find(&mirror, None, None, &petit).unwrap(), by_name(1));
        assert_eq!(left.find(&mirror, None, None, &petit).unwrap(), by_name(7));
    }
}
