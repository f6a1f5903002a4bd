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

impl Mirror {
    /// What is pending for a replica, by contact. Detached agreements want nothing.
    ///
    /// # Errors
    /// SQLite's.
    pub fn pending(&self, replica: &str) -> Result<Vec<(ContactId, Pending)>> {
        let _snapshot = self.snapshot()?;
        let mut pending: Vec<(ContactId, Pending)> =
            self.unagreed(replica)?.into_iter().map(|contact| (contact, Pending::Create)).collect();
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
        pending.sort_unstable_by_key(|(contact, _)| *contact);
        Ok(pending)
    }

    /// Living contacts without any agreement with a replica, by id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unagreed(&self, replica: &str) -> Result<Vec<ContactId>> {
        let _snapshot = self.snapshot()?;
        let agreed = self.count(
            "SELECT (SELECT count(*) FROM agreements INDEXED BY agreements_by_remote WHERE replica = ?1)
                  - (SELECT count(*) FROM contacts c INDEXED BY contacts_deleted
                     CROSS JOIN agreements a ON a.replica = ?1 AND a.contact = c.id
                     WHERE c.deleted_at IS NOT NULL)",
            [replica],
        )?;
        if agreed == self.count_contacts()? {
            return Ok(Vec::new());
        }
        let mut select = self.sql(
            "SELECT c.id FROM contacts c WHERE c.deleted_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.replica = ?1 AND a.contact = c.id) ORDER BY c.id",
        )?;
        let rows = select.query_map([replica], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn collect_pending(
        &self,
        sql: &str,
        replica: &str,
        what: Pending,
        pending: &mut Vec<(ContactId, Pending)>,
    ) -> Result<()> {
        let mut select = self.sql(sql)?;
        let rows = select.query_map([replica], |row| row.get(0))?;
        for contact in rows {
            pending.push((contact?, what));
        }
        Ok(())
    }
}
