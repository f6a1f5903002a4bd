//! The table `absences`: contacts that a replica said it has no more. A first "gone" is a strike, not a deletion.

use rusqlite::{OptionalExtension, Row, params};

use super::{ContactId, Mirror, Result};

/// A contact that seems to be gone from a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsenceRow {
    /// The replica.
    pub replica: String,
    /// Its name there.
    pub remote: String,
    /// The contact.
    pub contact: ContactId,
    /// How often the replica said so, in different runs; from 1.
    pub strikes: u32,
    /// When it first did: RFC 3339, UTC.
    pub first_at: String,
    /// The same by the uptime: "BOOT SECONDS".
    pub first_uptime: String,
    /// The run of the last strike.
    pub last_run: i64,
}

impl Mirror {
    /// A record that a replica has if it is well: the first by name that is followed, and not itself in question, neither
    /// here nor for the caller.
    ///
    /// # Errors
    /// SQLite's.
    pub fn first_followed(&self, replica: &str, in_question: &dyn Fn(&str) -> bool) -> Result<Option<String>> {
        let mut select = self.sql(
            "SELECT a.remote FROM agreements a INDEXED BY agreements_by_remote
             WHERE a.replica = ?1 AND a.detached = 0
               AND NOT EXISTS (SELECT 1 FROM absences b WHERE b.replica = a.replica AND b.remote = a.remote)
             ORDER BY a.remote",
        )?;
        let mut rows = select.query([replica])?;
        while let Some(row) = rows.next()? {
            let remote: String = row.get(0)?;
            if !in_question(&remote) {
                return Ok(Some(remote));
            }
        }
        Ok(None)
    }

    /// Forgets what replicas said of absences.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_absences(&mut self) -> Result<()> {
        self.sql("DELETE FROM absences")?.execute([])?;
        Ok(())
    }

    /// What is known of an absence.
    ///
    /// # Errors
    /// SQLite's.
    pub fn absence(&self, replica: &str, remote: &str) -> Result<Option<AbsenceRow>> {
        Ok(self
            .sql(
                "SELECT replica, remote, contact, strikes, first_at, first_uptime, last_run
                 FROM absences WHERE replica = ?1 AND remote = ?2",
            )?
            .query_row([replica, remote], read)
            .optional()?)
    }

    /// Keeps what is known of an absence, in place of what was known before.
    ///
    /// # Errors
    /// There is no such contact; SQLite's.
    pub fn put_absence(&mut self, row: &AbsenceRow) -> Result<()> {
        let AbsenceRow { replica, remote, contact, strikes, first_at, first_uptime, last_run } = row;
        self.sql(
            "INSERT INTO absences (replica, remote, contact, strikes, first_at, first_uptime, last_run)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (replica, remote) DO UPDATE SET contact = excluded.contact, strikes = excluded.strikes,
                 first_at = excluded.first_at, first_uptime = excluded.first_uptime, last_run = excluded.last_run",
        )?
        .execute(params![replica, remote, contact, strikes, first_at, first_uptime, last_run])?;
        Ok(())
    }

    /// Forgets an absence: it was seen again, or its deletion was believed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn clear_absence(&mut self, replica: &str, remote: &str) -> Result<()> {
        self.sql("DELETE FROM absences WHERE replica = ?1 AND remote = ?2")?.execute([replica, remote])?;
        Ok(())
    }

    /// Every absence from a replica, by remote.
    ///
    /// # Errors
    /// SQLite's.
    pub fn absences(&self, replica: &str) -> Result<Vec<AbsenceRow>> {
        let mut select = self.sql(
            "SELECT replica, remote, contact, strikes, first_at, first_uptime, last_run
             FROM absences WHERE replica = ?1 ORDER BY remote",
        )?;
        let rows = select.query_map([replica], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AbsenceRow> {
    Ok(AbsenceRow {
        replica: row.get(0)?,
        remote: row.get(1)?,
        contact: row.get(2)?,
        strikes: row.get(3)?,
        first_at: row.get(4)?,
        first_uptime: row.get(5)?,
        last_run: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Contact;

    #[test]
    fn strikes_are_counted_and_cleared() {
        let mut mirror = Mirror::in_memory().unwrap();
        let contact = mirror.insert_contact("uid", &Contact::default(), "crm", 1, "2026-01-01T00:00:00Z").unwrap();
        let row = |strikes| AbsenceRow {
            replica: "crm".into(),
            remote: "812".into(),
            contact,
            strikes,
            first_at: "2026-01-01T00:00:00Z".into(),
            first_uptime: "boot 12.500".into(),
            last_run: strikes.into(),
        };
        for strikes in [1, 2] {
            mirror.put_absence(&row(strikes)).unwrap();
            assert_eq!(mirror.absence("crm", "812").unwrap(), Some(row(strikes)));
        }
        assert_eq!(mirror.absences("crm").unwrap(), [row(2)]);
        assert_eq!(mirror.absences("cards").unwrap(), []);
        mirror.clear_absence("crm", "812").unwrap();
        assert_eq!(mirror.absence("crm", "812").unwrap(), None);

        mirror.put_absence(&row(1)).unwrap();
        mirror.purge_contact(contact).unwrap();
        assert_eq!(mirror.absences("crm").unwrap(), [], "a contact forgotten takes its absences with it");
    }
}
