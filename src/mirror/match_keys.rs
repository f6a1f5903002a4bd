//! Temporary tables for what known contacts are recognised by, where that is too much for memory.
//!
//! Keys are numbers whose meaning is the caller's. As with `spill`, nothing of it stays, and nobody else sees it.

use rusqlite::{OptionalExtension, params};

use super::{ContactId, Mirror, Result};

impl Mirror {
    /// Empties an index: `index` is its number among those that live at the same time.
    pub fn forget_match_keys(&self, index: u8) -> Result<()> {
        self.sql(
            "CREATE TEMP TABLE IF NOT EXISTS match_holders (
                 match_index INTEGER NOT NULL, key INTEGER NOT NULL, contact INTEGER NOT NULL,
                 PRIMARY KEY (match_index, key, contact)
             ) WITHOUT ROWID",
        )?
        .execute([])?;
        self.sql(
            "CREATE TEMP TABLE IF NOT EXISTS match_keys (
                 match_index INTEGER NOT NULL, contact INTEGER NOT NULL, name TEXT NOT NULL, keys BLOB NOT NULL,
                 PRIMARY KEY (match_index, contact)
             ) WITHOUT ROWID",
        )?
        .execute([])?;
        self.sql("DELETE FROM temp.match_holders WHERE match_index = ?1")?.execute([index])?;
        self.sql("DELETE FROM temp.match_keys WHERE match_index = ?1")?.execute([index])?;
        Ok(())
    }

    /// Notes that a contact has a key. Many at a time are best noted in the order of their keys.
    pub fn add_match_holder(&self, index: u8, key: u64, contact: ContactId) -> Result<()> {
        self.sql("INSERT OR IGNORE INTO temp.match_holders (match_index, key, contact) VALUES (?1, ?2, ?3)")?
            .execute(params![index, key.cast_signed(), contact])?;
        Ok(())
    }

    /// Notes that it has it no more.
    pub fn remove_match_holder(&self, index: u8, key: u64, contact: ContactId) -> Result<()> {
        self.sql("DELETE FROM temp.match_holders WHERE match_index = ?1 AND key = ?2 AND contact = ?3")?
            .execute(params![index, key.cast_signed(), contact])?;
        Ok(())
    }

    /// The first contacts that have a key, in the order of their ids.
    pub fn match_holders(&self, index: u8, key: u64, limit: usize) -> Result<Vec<ContactId>> {
        let mut select =
            self.sql("SELECT contact FROM temp.match_holders WHERE match_index = ?1 AND key = ?2 ORDER BY contact")?;
        let rows = select.query_map(params![index, key.cast_signed()], |row| row.get(0))?;
        Ok(rows.take(limit).collect::<rusqlite::Result<_>>()?)
    }

    /// The last of them.
    pub fn last_match_holder(&self, index: u8, key: u64) -> Result<Option<ContactId>> {
        let mut select = self.sql("SELECT max(contact) FROM temp.match_holders WHERE match_index = ?1 AND key = ?2")?;
        Ok(select.query_row(params![index, key.cast_signed()], |row| row.get(0))?)
    }

    /// Notes what a contact is recognised by: the words of its name, and keys.
    pub fn put_match_keys(&self, index: u8, contact: ContactId, name: &str, keys: &[u64]) -> Result<()> {
        let keys: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        self.sql("INSERT OR REPLACE INTO temp.match_keys (match_index, contact, name, keys) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![index, contact, name, keys])?;
        Ok(())
    }

    /// What was noted of a contact.
    pub fn match_keys(&self, index: u8, contact: ContactId) -> Result<Option<(String, Vec<u64>)>> {
        let mut select = self.sql("SELECT name, keys FROM temp.match_keys WHERE match_index = ?1 AND contact = ?2")?;
        let read = |row: &rusqlite::Row<'_>| {
            let (keys, _) = row.get_ref(1)?.as_blob()?.as_chunks::<8>();
            Ok((row.get(0)?, keys.iter().map(|key| u64::from_le_bytes(*key)).collect()))
        };
        Ok(select.query_row(params![index, contact], read).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_gives_back_what_it_was_given_and_nothing_of_another() {
        let mirror = Mirror::in_memory().unwrap();
        mirror.forget_match_keys(1).unwrap();
        for (index, contact) in [(1, 9), (1, 7), (2, 8), (1, 8)] {
            mirror.add_match_holder(index, u64::MAX, contact).unwrap();
            mirror.put_match_keys(index, contact, "ada durand", &[u64::MAX, 0, u64::from(index)]).unwrap();
        }
        assert_eq!(mirror.match_holders(1, u64::MAX, 2).unwrap(), [7, 8]);
        assert_eq!(mirror.last_match_holder(1, u64::MAX).unwrap(), Some(9));
        assert_eq!(mirror.last_match_holder(1, 0).unwrap(), None);
        mirror.remove_match_holder(1, u64::MAX, 9).unwrap();
        assert_eq!(mirror.last_match_holder(1, u64::MAX).unwrap(), Some(8));
        assert_eq!(mirror.match_keys(2, 8).unwrap(), Some(("ada durand".to_owned(), vec![u64::MAX, 0, 2])));
        mirror.forget_match_keys(1).unwrap();
        assert_eq!(mirror.match_keys(1, 9).unwrap(), None);
        assert_eq!(mirror.match_holders(2, u64::MAX, 2).unwrap(), [8]);
    }
}
