//! Single values that outlive a run: the account behind the mirror, what was learnt of the server, the books' markers.

use rusqlite::OptionalExtension;

use super::{Mirror, Result};

impl Mirror {
    /// The value kept under a key.
    ///
    /// # Errors
    /// SQLite's.
    pub fn fact(&self, key: &str) -> Result<Option<String>> {
        Ok(self.sql("SELECT value FROM facts WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Keeps a value under a key; the same value again writes nothing.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_fact(&mut self, key: &str, value: &str) -> Result<()> {
        self.sql(
            "INSERT INTO facts (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        )?
        .execute([key, value])?;
        Ok(())
    }

    /// Forgets what is kept under a key.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_fact(&mut self, key: &str) -> Result<()> {
        self.sql("DELETE FROM facts WHERE key = ?1")?.execute([key])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_kept_replaced_and_forgotten() {
        let mut mirror = Mirror::in_memory().unwrap();
        assert_eq!(mirror.fact("account").unwrap(), None);
        for value in ["one", "two", ""] {
            mirror.set_fact("account", value).unwrap();
            assert_eq!(mirror.fact("account").unwrap().as_deref(), Some(value));
        }
        mirror.forget_fact("account").unwrap();
        assert_eq!(mirror.fact("account").unwrap(), None);
    }
}
