//! What a replica has yet to be told: contacts whose agreement is missing, behind, or outlived by its contact's deletion.
//!
//! Nothing pending is the usual case and must cost next to nothing. Agreements that are behind and contacts that are
//! deleted have small indexes of their own; contacts without an agreement are looked for only when counts say that
//! there are some.

use super::{ContactId, Mirror, Result};

/// What a replica has yet to be told of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pending {
    /// It lives and the replica does not have it.
    Create,
    /// It lives and changed since it was agreed on.
    Update,
    /// It was deleted and the replica still has it.
    Delete,
}

impl Pending {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];
}

/// What is pending for a replica, by contact, in eight bytes each: at a first push it is the whole address book.
#[derive(Debug, Default)]
pub struct PendingList(Vec<i64>);

impl PendingList {
    const SORTS: i64 = Pending::ALL.len() as i64;

    /// How many contacts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each from a place on.
    pub fn iter_from(&self, place: usize) -> impl Iterator<Item = (ContactId, Pending)> {
        let sort = |entry: i64| Pending::ALL[entry.rem_euclid(Self::SORTS) as usize];
        self.0.iter().skip(place).map(move |entry| (entry.div_euclid(Self::SORTS), sort(*entry)))
    }

    fn push(&mut self, contact: ContactId, what: Pending) {
        self.0.push(contact * Self::SORTS + what as i64);
    }
}

impl Mirror {
    /// What is pending for a replica, by contact. Detached agreements want nothing.
    ///
    /// # Errors
    /// SQLite's.
    pub fn pending(&self, replica: &str) -> Result<Vec<(ContactId, Pending)>> {
        Ok(self.pending_list(replica)?.iter_from(0).collect())
    }

    /// The same in little memory.
    ///
    /// # Errors
    /// SQLite's.
    pub fn pending_list(&self, replica: &str) -> Result<PendingList> {
        let _snapshot = self.snapshot()?;
        let mut pending = PendingList::default();
        self.for_each_unagreed(replica, &mut |contact| pending.push(contact, Pending::Create))?;
        self.collect_pending(
            "SELECT a.contact FROM agreements a INDEXED BY agreements_behind
             JOIN contacts c ON c.id = a.contact
             WHERE a.replica = ?1 AND a.ours IS NOT NULL AND a.detached = 0
               AND c.deleted_at IS NULL AND a.version <> c.version",
            replica,
            Pending::Update,
            &mut pending,
        )?;
        self.collect_pending(
            "SELECT c.id FROM contacts c INDEXED BY contacts_deleted
             CROSS JOIN agreements a ON a.replica = ?1 AND a.contact = c.id
             WHERE c.deleted_at IS NOT NULL AND a.detached = 0",
            replica,
            Pending::Delete,
            &mut pending,
        )?;
        pending.0.sort_unstable();
        Ok(pending)
    }

    /// Living contacts without any agreement with a replica, by id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unagreed(&self, replica: &str) -> Result<Vec<ContactId>> {
        let mut unagreed = Vec::new();
        self.for_each_unagreed(replica, &mut |contact| unagreed.push(contact))?;
        Ok(unagreed)
    }

    fn for_each_unagreed(&self, replica: &str, take: &mut dyn FnMut(ContactId)) -> Result<()> {
        let _snapshot = self.snapshot()?;
        let agreed = self.count(
            "SELECT (SELECT count(*) FROM agreements INDEXED BY agreements_by_remote WHERE replica = ?1)
                  - (SELECT count(*) FROM contacts c INDEXED BY contacts_deleted
                     CROSS JOIN agreements a ON a.replica = ?1 AND a.contact = c.id
                     WHERE c.deleted_at IS NOT NULL)",
            [replica],
        )?;
        if agreed == self.count_contacts()? {
            return Ok(());
        }
        let mut select = self.sql(
            "SELECT c.id FROM contacts c WHERE c.deleted_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.replica = ?1 AND a.contact = c.id) ORDER BY c.id",
        )?;
        for contact in select.query_map([replica], |row| row.get(0))? {
            take(contact?);
        }
        Ok(())
    }

    fn collect_pending(&self, sql: &str, replica: &str, what: Pending, pending: &mut PendingList) -> Result<()> {
        let mut select = self.sql(sql)?;
        let rows = select.query_map([replica], |row| row.get(0))?;
        for contact in rows {
            pending.push(contact?, what);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_comes_back() {
        let all = [(1, Pending::Delete), (2, Pending::Create), (i64::from(u32::MAX), Pending::Update)];
        let mut list = PendingList::default();
        all.iter().for_each(|(contact, what)| list.push(*contact, *what));
        for place in 0..=all.len() {
            assert!(list.iter_from(place).eq(all[place..].iter().copied()), "{place}");
        }
    }
}
