//! The table `cursors`: where each replica wants its next scan to go on from, as notes that only the replica understands.

use rusqlite::OptionalExtension;

use super::{Mirror, Result};

impl Mirror {
    /// A note of a replica's cursor.
    ///
    /// # Errors
    /// SQLite's.
    pub fn cursor_note(&self, replica: &str, name: &str) -> Result<Option<String>> {
        let mut select = self.sql("SELECT value FROM cursors WHERE replica = ?1 AND name = ?2")?;
        Ok(select.query_row([replica, name], |row| row.get(0)).optional()?)
    }

    /// Every note of a replica's cursor, by name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn for_each_cursor_note(&self, replica: &str, take: &mut dyn FnMut(&str, &str)) -> Result<()> {
        let mut select = self.sql("SELECT name, value FROM cursors WHERE replica = ?1")?;
        let mut rows = select.query([replica])?;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
            take(text(0)?, text(1)?);
        }
        Ok(())
    }

    /// Keeps a note of a replica's cursor; an empty one is forgotten.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_cursor_note(&mut self, replica: &str, name: &str, value: &str) -> Result<()> {
        if value.is_empty() {
            self.sql("DELETE FROM cursors WHERE replica = ?1 AND name = ?2")?.execute([replica, name])?;
            return Ok(());
        }
        self.sql(
            "INSERT INTO cursors (replica, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (replica, name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        )?
        .execute([replica, name, value])?;
        Ok(())
    }

    /// Forgets a replica's cursor: its next scan begins at the beginning.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_cursor(&mut self, replica: &str) -> Result<()> {
        self.sql("DELETE FROM cursors WHERE replica = ?1")?.execute([replica])?;
        Ok(())
    }

    /// Forgets every replica's cursor: their next scans begin at the beginning.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_cursors(&mut self) -> Result<()> {
        self.sql("DELETE FROM cursors")?.execute([])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_by_replica_and_name() {
        let mut mirror = Mirror::in_memory().unwrap();
        for (replica, name, value) in [("crm", "page/1", "a"), ("crm", "page/2", "b"), ("cards", "token", "c")] {
            mirror.put_cursor_note(replica, name, value).unwrap();
        }
        mirror.put_cursor_note("crm", "page/1", "A").unwrap();
        mirror.put_cursor_note("crm", "page/2", "").unwrap();
        let mut notes = Vec::new();
        mirror.for_each_cursor_note("crm", &mut |name, value| notes.push(format!("{name}={value}"))).unwrap();
        assert_eq!(notes, ["page/1=A"]);
        assert_eq!(mirror.cursor_note("cards", "token").unwrap().as_deref(), Some("c"));
        assert_eq!(mirror.cursor_note("cards", "page/1").unwrap(), None);
        mirror.forget_cursors().unwrap();
        assert_eq!(mirror.cursor_note("cards", "token").unwrap(), None);
    }
}
