//! The table `history`: every value that was overwritten or lost, and where the change came from. It outlives contacts.

use rusqlite::{Row, params};

use super::{ContactId, Mirror, Result};

/// A change, with what it took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The run that made it.
    pub run: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// The contact; it may be gone by now.
    pub contact: ContactId,
    /// Its UID.
    pub uid: String,
    /// The replica that the change came from.
    pub source: String,
    /// The field by the reference's name; none where it is the whole contact.
    pub field: Option<String>,
    /// Before: text, or JSON for lists and whole contacts.
    pub old: Option<String>,
    /// After: likewise.
    pub new: Option<String>,
    /// `update`, `delete`, `conflict`...
    pub kind: String,
}

impl Mirror {
    /// Notes a change.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record(&mut self, row: &HistoryRow) -> Result<()> {
        let HistoryRow { run, at, contact, uid, source, field, old, new, kind } = row;
        self.sql(
            "INSERT INTO history (run, at, contact, uid, source, field, old, new, kind)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![run, at, contact, uid, source, field, old, new, kind])?;
        Ok(())
    }

    /// The last changes, of one contact or of all, newest first, each under its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn history(&self, contact: Option<ContactId>, limit: usize) -> Result<Vec<(i64, HistoryRow)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match contact {
            Some(contact) => self.history_rows(
                "SELECT id, run, at, contact, uid, source, field, old, new, kind FROM history
                 WHERE contact = ?1 ORDER BY id DESC LIMIT ?2",
                &[&contact, &limit],
            ),
            None => self.history_rows(
                "SELECT id, run, at, contact, uid, source, field, old, new, kind FROM history
                 ORDER BY id DESC LIMIT ?1",
                &[&limit],
            ),
        }
    }

    /// The last changes of one field of a contact, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn history_of_field(&self, (contact, field): (ContactId, &str), limit: usize) -> Result<Vec<HistoryRow>> {
        // The limit is no parameter: SQLite plans by its value, and would compile the statement anew each time.
        let mut select = self.sql(
            "SELECT id, run, at, contact, uid, source, field, old, new, kind FROM history
             WHERE contact = ?1 AND field = ?2 ORDER BY id DESC",
        )?;
        let rows = select.query_map(rusqlite::params![contact, field], read)?.take(limit);
        Ok(rows.map(|row| row.map(|(_, row)| row)).collect::<rusqlite::Result<_>>()?)
    }

    /// One change, by its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn change(&self, id: i64) -> Result<Option<HistoryRow>> {
        let rows = self.history_rows(
            "SELECT id, run, at, contact, uid, source, field, old, new, kind FROM history WHERE id = ?1",
            &[&id],
        )?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// The changes that one run made, in their order, each under its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn history_of_run(&self, run: i64) -> Result<Vec<(i64, HistoryRow)>> {
        self.history_rows(
            "SELECT id, run, at, contact, uid, source, field, old, new, kind FROM history WHERE run = ?1 ORDER BY id",
            &[&run],
        )
    }

    fn history_rows(&self, sql: &str, keys: &[&dyn rusqlite::ToSql]) -> Result<Vec<(i64, HistoryRow)>> {
        let mut select = self.sql(sql)?;
        let rows = select.query_map(keys, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, HistoryRow)> {
    let change = HistoryRow {
        run: row.get(1)?,
        at: row.get(2)?,
        contact: row.get(3)?,
        uid: row.get(4)?,
        source: row.get(5)?,
        field: row.get(6)?,
        old: row.get(7)?,
        new: row.get(8)?,
        kind: row.get(9)?,
    };
    Ok((row.get(0)?, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_by_contact_and_by_run() {
        let mut mirror = Mirror::in_memory().unwrap();
        let change = |run, contact, field: Option<&str>| HistoryRow {
            run,
            at: "2026-01-01T00:00:00Z".into(),
            contact,
            uid: format!("uid-{contact}"),
            source: "crm".into(),
            field: field.map(Into::into),
            old: Some("before".into()),
            new: None,
            kind: "update".into(),
        };
        let rows = [change(1, 7, Some("city")), change(1, 8, None), change(2, 7, Some("comment"))];
        for row in &rows {
            mirror.record(row).unwrap();
        }
        let pick = |found: Vec<(i64, HistoryRow)>| found.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
        assert_eq!(pick(mirror.history(Some(7), 9).unwrap()), [rows[2].clone(), rows[0].clone()]);
        assert_eq!(pick(mirror.history(None, 2).unwrap()), [rows[2].clone(), rows[1].clone()]);
        assert_eq!(pick(mirror.history_of_run(1).unwrap()), rows[..2]);
        assert_eq!(mirror.change(2).unwrap().as_ref(), Some(&rows[1]));
        assert_eq!(mirror.change(9).unwrap(), None);
        let of_field = |field, limit| mirror.history_of_field((7, field), limit).unwrap();
        assert_eq!(of_field("city", 9), rows[..1]);
        assert_eq!(of_field("comment", 9), rows[2..]);
        assert_eq!(of_field("comment", 0), []);
    }
}
