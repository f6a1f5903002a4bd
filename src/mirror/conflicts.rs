//! The table `conflicts`: what both sides changed, with every value, whoever won. It outlives contacts.

use rusqlite::{
    OptionalExtension, Row, params,
    types::{FromSql, FromSqlError, FromSqlResult, ValueRef},
};

use super::{ContactId, Mirror, Result};

/// Whether something still waits for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits.
    Open,
    /// It is decided.
    Settled,
}

impl State {
    /// The word in the tables.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Settled => "settled",
        }
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "open" => Ok(State::Open),
            "settled" => Ok(State::Settled),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// Its number; not used when it is added.
    pub id: i64,
    /// The run that met it.
    pub run: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// The contact; it may be gone by now.
    pub contact: ContactId,
    /// The replica on the other side.
    pub replica: String,
    /// The field by the reference's name; none where it is the whole contact.
    pub field: Option<String>,
    /// The value both started from: text, or JSON for lists and whole contacts.
    pub base: Option<String>,
    /// The mirror's: likewise.
    pub here: Option<String>,
    /// The replica's: likewise.
    pub there: Option<String>,
    /// `here`, `there`, `both`, `open`, or `other` where a user typed a value of their own.
    pub kept: String,
    /// Whether it waits for a user.
    pub state: State,
}

impl Mirror {
    /// Adds a conflict; its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn add_conflict(&mut self, row: &ConflictRow) -> Result<i64> {
        let ConflictRow { id: _, run, at, contact, replica, field, base, here, there, kept, state } = row;
        self.sql(
            "INSERT INTO conflicts (run, at, contact, replica, field, base, here, there, kept, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![run, at, contact, replica, field, base, here, there, kept, state.word()])?;
        Ok(self.conn.last_insert_rowid())
    }

    /// One conflict.
    ///
    /// # Errors
    /// SQLite's.
    pub fn conflict(&self, id: i64) -> Result<Option<ConflictRow>> {
        Ok(self
            .sql(
                "SELECT id, run, at, contact, replica, field, base, here, there, kept, state
                 FROM conflicts WHERE id = ?1",
            )?
            .query_row([id], read)
            .optional()?)
    }

    /// Every conflict with a replica over a contact, settled ones included, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn conflicts_of(&self, contact: ContactId, replica: &str) -> Result<Vec<ConflictRow>> {
        let mut select = self.sql(
            "SELECT id, run, at, contact, replica, field, base, here, there, kept, state
             FROM conflicts WHERE contact = ?1 AND replica = ?2 ORDER BY id",
        )?;
        let rows = select.query_map(params![contact, replica], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The conflicts that wait for a user, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_conflicts(&self) -> Result<Vec<ConflictRow>> {
        let mut select = self.sql(
            "SELECT id, run, at, contact, replica, field, base, here, there, kept, state
             FROM conflicts INDEXED BY conflicts_open WHERE state = 'open' ORDER BY id",
        )?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The last conflicts, settled ones included, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn conflicts(&self, limit: usize) -> Result<Vec<ConflictRow>> {
        let mut select = self.sql(
            "SELECT id, run, at, contact, replica, field, base, here, there, kept, state
             FROM conflicts ORDER BY id DESC LIMIT ?1",
        )?;
        let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The names of a contact's fields that wait for a user's decision on their conflict with a replica.
    ///
    /// # Errors
    /// SQLite's.
    pub fn fields_in_conflict(&self, contact: ContactId, replica: &str) -> Result<Vec<String>> {
        let mut select = self.sql(
            "SELECT field FROM conflicts INDEXED BY conflicts_by_contact
             WHERE contact = ?1 AND replica = ?2 AND state = 'open' AND field IS NOT NULL",
        )?;
        let rows = select.query_map(params![contact, replica], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many conflicts wait for a user.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_open_conflicts(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM conflicts INDEXED BY conflicts_open WHERE state = 'open'", [])
    }

    /// Notes that a conflict is decided, and what was kept.
    ///
    /// # Errors
    /// SQLite's.
    pub fn settle_conflict(&mut self, id: i64, kept: &str) -> Result<()> {
        self.sql("UPDATE conflicts SET state = 'settled', kept = ?2 WHERE id = ?1")?.execute(params![id, kept])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConflictRow> {
    Ok(ConflictRow {
        id: row.get(0)?,
        run: row.get(1)?,
        at: row.get(2)?,
        contact: row.get(3)?,
        replica: row.get(4)?,
        field: row.get(5)?,
        base: row.get(6)?,
        here: row.get(7)?,
        there: row.get(8)?,
        kept: row.get(9)?,
        state: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_waits_until_it_is_settled() {
        let mut mirror = Mirror::in_memory().unwrap();
        let row = |contact, state| ConflictRow {
            id: 0,
            run: 1,
            at: "2026-01-01T00:00:00Z".into(),
            contact,
            replica: "crm".into(),
            field: Some("city".into()),
            base: None,
            here: Some("Paris".into()),
            there: Some("Lyon".into()),
            kept: "open".into(),
            state,
        };
        let id = mirror.add_conflict(&row(1, State::Open)).unwrap();
        let other = mirror.add_conflict(&row(2, State::Settled)).unwrap();
        let newest: Vec<i64> = mirror.conflicts(9).unwrap().iter().map(|row| row.id).collect();
        assert_eq!((newest, mirror.conflicts(1).unwrap().len()), (vec![other, id], 1));
        assert_eq!(mirror.fields_in_conflict(1, "crm").unwrap(), ["city"]);
        assert!(mirror.fields_in_conflict(2, "crm").unwrap().is_empty(), "settled");
        assert!(mirror.fields_in_conflict(1, "cards").unwrap().is_empty());
        assert_eq!(mirror.open_conflicts().unwrap(), [ConflictRow { id, ..row(1, State::Open) }]);
        assert_eq!(mirror.count_open_conflicts().unwrap(), 1);
        mirror.settle_conflict(id, "there").unwrap();
        assert_eq!(mirror.count_open_conflicts().unwrap(), 0);
        assert!(mirror.fields_in_conflict(1, "crm").unwrap().is_empty());
        let settled = ConflictRow { id, kept: "there".into(), ..row(1, State::Settled) };
        assert_eq!(mirror.conflict(id).unwrap(), Some(settled.clone()));
        assert_eq!(mirror.conflicts_of(1, "crm").unwrap(), [settled]);
        assert_eq!(mirror.conflicts_of(1, "cards").unwrap(), []);
    }
}
