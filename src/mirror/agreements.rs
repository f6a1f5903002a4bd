//! The table `agreements`: the last state in common with each replica, as each side saw it.
//!
//! Most agreements say "both sides are as the contact stands". They hold no copy then (`ours` and `theirs` are NULL),
//! which halves the mirror. An agreement leans on the contact exactly while its version is the contact's; before that
//! changes, `contacts` has [`Mirror::materialise`] write the copy. So `ours IS NOT NULL` also means "behind".

use rusqlite::{OptionalExtension, Row, params};

use super::{ContactId, Mirror, MirrorError, Result};
use crate::contact::Contact;

/// The last state in common with one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The contact.
    pub contact: ContactId,
    /// Its name in the replica.
    pub remote: String,
    /// Its state there, as last read.
    pub revision: String,
    /// As the replica has it.
    pub theirs: Contact,
    /// As the mirror had it then.
    pub ours: Contact,
    /// The contact's version that `ours` is; 0 while something is pending.
    pub version: i64,
    /// The replica's own remarks, handed back with writes: JSON.
    pub detail: Option<String>,
    /// Neither written nor believed any more, kept so that it does not come back.
    pub detached: bool,
    /// The identity last written into the record there.
    pub marks: String,
}

const COLUMNS: &str = "contact, remote, revision, version, detached, marks, theirs, ours, detail";

impl Mirror {
    /// The agreement with a replica on a contact.
    ///
    /// # Errors
    /// SQLite's; a stored value makes no sense.
    pub fn agreement(&self, replica: &str, contact: ContactId) -> Result<Option<Agreement>> {
        self.agreed(&format!("SELECT {COLUMNS} FROM agreements WHERE replica = ?1 AND contact = ?2"), replica, &contact)
    }

    /// The agreement with a replica on what it calls `remote`.
    ///
    /// # Errors
    /// As [`Mirror::agreement`].
    pub fn agreement_by_remote(&self, replica: &str, remote: &str) -> Result<Option<Agreement>> {
        self.agreed(&format!("SELECT {COLUMNS} FROM agreements WHERE replica = ?1 AND remote = ?2"), replica, &remote)
    }

    /// Keeps an agreement, in place of the one there was between this replica and this contact.
    ///
    /// Where `a.version` is the contact's, `a.ours` must be its content: it is not stored a second time.
    ///
    /// # Errors
    /// There is no such contact; another contact is agreed under this remote; SQLite's.
    pub fn put_agreement(&mut self, replica: &str, a: &Agreement) -> Result<()> {
        let version: i64 = self
            .sql("SELECT version FROM contacts WHERE id = ?1")?
            .query_row([a.contact], |row| row.get(0))
            .optional()?
            .ok_or(MirrorError::NoContact { contact: a.contact })?;
        let leans = a.version == version;
        debug_assert!(a.version <= version);
        debug_assert!(!leans || self.content(a.contact).is_ok_and(|present| present == a.ours));
        let ours = (!leans).then(|| json(&a.ours));
        let theirs = (a.theirs != a.ours).then(|| json(&a.theirs));
        self.sql(
            "INSERT INTO agreements (replica, contact, remote, revision, version, detached, marks, theirs, ours, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (replica, contact) DO UPDATE SET remote = excluded.remote, revision = excluded.revision,
                 version = excluded.version, detached = excluded.detached, marks = excluded.marks,
                 theirs = excluded.theirs, ours = excluded.ours, detail = excluded.detail",
        )?
        .execute(params![
            replica, a.contact, a.remote, a.revision, a.version, a.detached, a.marks, theirs, ours, a.detail
        ])?;
        Ok(())
    }

    /// Notes a new revision of a record whose content is the agreed one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_revision(&mut self, replica: &str, remote: &str, revision: &str) -> Result<()> {
        self.sql("UPDATE agreements SET revision = ?3 WHERE replica = ?1 AND remote = ?2 AND revision <> ?3")?
            .execute([replica, remote, revision])?;
        Ok(())
    }

    /// Forgets the agreement with a replica on a contact.
    ///
    /// # Errors
    /// SQLite's.
    pub fn delete_agreement(&mut self, replica: &str, contact: ContactId) -> Result<()> {
        self.sql("DELETE FROM agreements WHERE replica = ?1 AND contact = ?2")?.execute(params![replica, contact])?;
        Ok(())
    }

    /// How many living contacts are agreed with a replica, detached ones left out.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_agreements(&self, replica: &str) -> Result<u64> {
        // Living and attached is nearly all of them: counting the others in their small indexes is 20 times as fast.
        self.count(
            "SELECT (SELECT count(*) FROM agreements INDEXED BY agreements_by_remote WHERE replica = ?1)
                  - (SELECT count(*) FROM agreements INDEXED BY agreements_detached WHERE replica = ?1 AND detached = 1)
                  - (SELECT count(*) FROM contacts c INDEXED BY contacts_deleted
                     CROSS JOIN agreements a ON a.replica = ?1 AND a.contact = c.id
                     WHERE c.deleted_at IS NOT NULL AND a.detached = 0)",
            [replica],
        )
    }

    /// How many records of a replica are agreed on, detached ones included.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_known(&self, replica: &str) -> Result<u64> {
        self.count("SELECT count(*) FROM agreements INDEXED BY agreements_by_remote WHERE replica = ?1", [replica])
    }

    /// Every agreed record of a replica with its revision, detached ones included, in no order.
    ///
    /// # Errors
    /// SQLite's.
    pub fn for_each_known(&self, replica: &str, take: &mut dyn FnMut(&str, &str)) -> Result<()> {
        let mut select = self.sql("SELECT remote, revision FROM agreements WHERE replica = ?1")?;
        let mut rows = select.query([replica])?;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
            take(text(0)?, text(1)?);
        }
        Ok(())
    }

    /// The agreed revision of a record; none where there is no agreement on it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn revision_of(&self, replica: &str, remote: &str) -> Result<Option<String>> {
        let mut select = self.sql("SELECT revision FROM agreements WHERE replica = ?1 AND remote = ?2")?;
        Ok(select.query_row([replica, remote], |row| row.get(0)).optional()?)
    }

    /// How many contacts with a higher CRM id than this first came from the CRM itself.
    ///
    /// # Errors
    /// SQLite's.
    pub fn crm_newcomers_above(&self, crm_id: i64) -> Result<u64> {
        self.count(
            "SELECT count(*) FROM agreements a JOIN contacts c ON c.id = a.contact
             WHERE a.replica = 'crm' AND CAST(a.remote AS INTEGER) > ?1 AND c.created_by = 'crm'",
            [crm_id],
        )
    }

    /// The CRM ids higher than this of contacts that first came from the CRM itself.
    ///
    /// # Errors
    /// SQLite's.
    pub fn crm_newcomers(&self, crm_id: i64) -> Result<Vec<i64>> {
        let mut select = self.sql(
            "SELECT CAST(a.remote AS INTEGER) FROM agreements a JOIN contacts c ON c.id = a.contact
             WHERE a.replica = 'crm' AND CAST(a.remote AS INTEGER) > ?1 AND c.created_by = 'crm'",
        )?;
        let rows = select.query_map([crm_id], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every replica's agreement on a contact: who holds it, for a user to see.
    ///
    /// # Errors
    /// As [`Mirror::agreement`].
    pub fn agreements_of(&self, contact: ContactId) -> Result<Vec<(String, Agreement)>> {
        let _snapshot = self.snapshot()?;
        let replicas: Vec<String> = self
            .sql("SELECT replica FROM agreements WHERE contact = ?1 ORDER BY replica")?
            .query_map([contact], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut agreements = Vec::with_capacity(replicas.len());
        for replica in replicas {
            if let Some(agreement) = self.agreement(&replica, contact)? {
                agreements.push((replica, agreement));
            }
        }
        Ok(agreements)
    }

    /// The deleted contacts that a replica keeps although they are not followed there any more, by id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn locally_deleted_in(&self, replica: &str) -> Result<Vec<ContactId>> {
        let mut select = self.sql(
            "SELECT c.id FROM contacts c INDEXED BY contacts_deleted
             CROSS JOIN agreements a ON a.replica = ?1 AND a.contact = c.id
             WHERE c.deleted_at IS NOT NULL AND a.detached = 1 ORDER BY c.id",
        )?;
        let rows = select.query_map([replica], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// True when an agreement on this contact holds no copy of its own.
    pub(super) fn leaned_on(&self, contact: ContactId) -> Result<bool> {
        Ok(self
            .sql("SELECT EXISTS (SELECT 1 FROM agreements WHERE contact = ?1 AND ours IS NULL)")?
            .query_row([contact], |row| row.get(0))?)
    }

    /// Gives the agreements that lean on a contact their own copy of its content.
    pub(super) fn materialise(&self, contact: ContactId, present: &Contact) -> Result<()> {
        self.sql("UPDATE agreements SET ours = ?2 WHERE contact = ?1 AND ours IS NULL")?
            .execute(params![contact, json(present)])?;
        Ok(())
    }

    fn agreed(&self, sql: &str, replica: &str, key: &dyn rusqlite::ToSql) -> Result<Option<Agreement>> {
        let _snapshot = self.snapshot()?;
        let mut select = self.sql(sql)?;
        let mut rows = select.query(params![replica, key])?;
        match rows.next()? {
            Some(row) => self.read_agreement(replica, row).map(Some),
            None => Ok(None),
        }
    }

    fn read_agreement(&self, replica: &str, row: &Row<'_>) -> Result<Agreement> {
        let contact: ContactId = row.get(0)?;
        let copy = |index: usize, column: &'static str| -> Result<Option<Contact>> {
            let Some(json) = row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from)? else {
                return Ok(None);
            };
            // serde's own words would quote the contact's data.
            serde_json::from_str(json).map(Some).map_err(|_| MirrorError::Corrupt {
                table: "agreements",
                row: format!("({replica}, {contact})"),
                column,
            })
        };
        let ours = match copy(7, "ours")? {
            Some(ours) => ours,
            None => self.content(contact)?,
        };
        let theirs = copy(6, "theirs")?.unwrap_or_else(|| ours.clone());
        Ok(Agreement {
            contact,
            remote: row.get(1)?,
            revision: row.get(2)?,
            theirs,
            ours,
            version: row.get(3)?,
            detail: row.get(8)?,
            detached: row.get(4)?,
            marks: row.get(5)?,
        })
    }
}

fn json(contact: &Contact) -> String {
    serde_json::to_string(contact).expect("a contact is texts and lists, which JSON can always hold")
}
