//! The table `outbox`: writes that were sent and whose end is not known yet. A row is committed before the first byte.

use rusqlite::{
    Row, ToSql, params_from_iter,
    types::{FromSql, FromSqlError, FromSqlResult, ValueRef},
};

use super::{ContactId, Mirror, Result};

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxAction {
    /// A new record.
    Create,
    /// A change of one.
    Update,
    /// A removal.
    Delete,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// It is on its way, or the process died meanwhile.
    Sent,
    /// It may have happened: look before repeating it.
    Unknown,
    /// Looking did not tell: it waits for a user.
    HeldForReview,
    /// The replica refused it as it stands; it is tried again once the contact changes.
    Refused,
}

impl OutboxAction {
    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl OutboxState {
    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::HeldForReview => "parked",
            Self::Refused => "refused",
        }
    }
}

impl FromSql for OutboxAction {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let known = [Self::Create, Self::Update, Self::Delete];
        known.into_iter().find(|action| action.word() == word).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for OutboxState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let known = [Self::Sent, Self::Unknown, Self::HeldForReview, Self::Refused];
        known.into_iter().find(|state| state.word() == word).ok_or(FromSqlError::InvalidType)
    }
}

/// A write whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number; not used when it is put. Never given twice.
    pub id: i64,
    /// The replica written to.
    pub replica: String,
    /// The contact; it cannot be forgotten meanwhile.
    pub contact: ContactId,
    /// What was sent.
    pub action: OutboxAction,
    /// What is known of it.
    pub state: OutboxState,
    /// What was sent, whole: JSON.
    pub payload: String,
    /// The highest CRM id ever seen when it was sent.
    pub highest_id: Option<i64>,
    /// RFC 3339, UTC.
    pub sent_at: String,
    /// The same by the uptime: "BOOT SECONDS".
    pub sent_uptime: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What was answered last.
    pub error: Option<String>,
}

impl OutboxRow {
    /// Its columns but for its number, in the order in which both statements name them.
    fn values(&self) -> Vec<Box<dyn ToSql + '_>> {
        let OutboxRow {
            id: _,
            replica,
            contact,
            action,
            state,
            payload,
            highest_id,
            sent_at,
            sent_uptime,
            attempts,
            error,
        } = self;
        vec![
            Box::new(replica),
            Box::new(contact),
            Box::new(action.word()),
            Box::new(state.word()),
            Box::new(payload),
            Box::new(highest_id),
            Box::new(sent_at),
            Box::new(sent_uptime),
            Box::new(attempts),
            Box::new(error),
        ]
    }
}

impl Mirror {
    /// Adds a row; its number.
    ///
    /// # Errors
    /// There is no such contact; SQLite's.
    pub fn put_outbox(&mut self, row: &OutboxRow) -> Result<i64> {
        self.sql(
            "INSERT INTO outbox (replica, contact, action, state, payload, highest_id, sent_at, sent_uptime, attempts, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params_from_iter(row.values()))?;
        Ok(self.conn.last_insert_rowid())
    }

    /// A replica's rows, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn outbox(&self, replica: &str) -> Result<Vec<OutboxRow>> {
        let mut select = self.sql(
            "SELECT id, replica, contact, action, state, payload, highest_id, sent_at, sent_uptime, attempts, error
             FROM outbox WHERE replica = ?1 ORDER BY id",
        )?;
        let rows = select.query_map([replica], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A contact's rows, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn outbox_of(&self, contact: ContactId) -> Result<Vec<OutboxRow>> {
        let mut select = self.sql(
            "SELECT id, replica, contact, action, state, payload, highest_id, sent_at, sent_uptime, attempts, error
             FROM outbox WHERE contact = ?1 ORDER BY id",
        )?;
        let rows = select.query_map([contact], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes a row anew, found by its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn update_outbox(&mut self, row: &OutboxRow) -> Result<()> {
        let mut values = row.values();
        values.push(Box::new(row.id));
        self.sql(
            "UPDATE outbox SET replica = ?1, contact = ?2, action = ?3, state = ?4, payload = ?5, highest_id = ?6,
                 sent_at = ?7, sent_uptime = ?8, attempts = ?9, error = ?10
             WHERE id = ?11",
        )?
        .execute(params_from_iter(values))?;
        Ok(())
    }

    /// Closes a row: its end is known.
    ///
    /// # Errors
    /// SQLite's.
    pub fn delete_outbox(&mut self, id: i64) -> Result<()> {
        self.sql("DELETE FROM outbox WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// How many rows a replica has.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_outbox(&self, replica: &str) -> Result<u64> {
        self.count("SELECT count(*) FROM outbox WHERE replica = ?1", [replica])
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.get(0)?,
        replica: row.get(1)?,
        contact: row.get(2)?,
        action: row.get(3)?,
        state: row.get(4)?,
        payload: row.get(5)?,
        highest_id: row.get(6)?,
        sent_at: row.get(7)?,
        sent_uptime: row.get(8)?,
        attempts: row.get(9)?,
        error: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contact::Contact, mirror::MirrorError};

    #[test]
    fn a_row_goes_through_its_states_and_keeps_its_contact() {
        let mut mirror = Mirror::in_memory().unwrap();
        let contact = mirror.insert_contact("uid", &Contact::default(), "cards", 1, "2026-01-01T00:00:00Z").unwrap();
        let mut row = OutboxRow {
            id: 0,
            replica: "crm".into(),
            contact,
            action: OutboxAction::Create,
            state: OutboxState::Sent,
            payload: "{}".into(),
            highest_id: Some(812),
            sent_at: "2026-01-01T00:00:00Z".into(),
            sent_uptime: "boot 12.500".into(),
            attempts: 1,
            error: None,
        };
        row.id = mirror.put_outbox(&row).unwrap();
        for state in [OutboxState::Unknown, OutboxState::HeldForReview, OutboxState::Refused] {
            row = OutboxRow { state, attempts: row.attempts + 1, error: Some("timed out".into()), ..row };
            mirror.update_outbox(&row).unwrap();
            assert_eq!(mirror.outbox("crm").unwrap(), [row.clone()]);
        }
        assert_eq!(mirror.outbox("cards").unwrap(), []);
        assert_eq!(mirror.count_outbox("crm").unwrap(), 1);

        mirror.delete_contact(contact, "2026-01-02T00:00:00Z").unwrap();
        assert!(matches!(mirror.purge_contact(contact), Err(MirrorError::StillAgreed { .. })));
        assert_eq!(mirror.purge_forgotten().unwrap(), 0);
        mirror.delete_outbox(row.id).unwrap();
        assert_eq!(mirror.purge_forgotten().unwrap(), 1);
        assert_eq!(mirror.count_outbox("crm").unwrap(), 0);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let mut mirror = Mirror::in_memory().unwrap();
        let contact = mirror.insert_contact("uid", &Contact::default(), "cards", 1, "2026-01-01T00:00:00Z").unwrap();
        let row = OutboxRow {
            id: 0,
            replica: "cards".into(),
            contact,
            action: OutboxAction::Update,
            state: OutboxState::Sent,
            payload: "{}".into(),
            highest_id: None,
            sent_at: "2026-01-01T00:00:00Z".into(),
            sent_uptime: "boot 12.500".into(),
            attempts: 1,
            error: None,
        };
        let first = mirror.put_outbox(&row).unwrap();
        mirror.delete_outbox(first).unwrap();
        assert_ne!(mirror.put_outbox(&row).unwrap(), first);
    }
}
