//! The texts of cards, each once.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Result;

/// A text's hash.
pub struct Hash(blake3::Hash);

impl Hash {
    pub fn of(body: &[u8]) -> Self {
        Self(blake3::hash(body))
    }

    /// The first half as text.
    pub fn digest(&self) -> String {
        self.0.to_hex()[..32].to_owned()
    }
}

/// The id of this text, which is stored unless it is there.
pub fn keep(conn: &Connection, hash: &Hash, body: &[u8]) -> Result<i64> {
    let bytes = hash.0.as_bytes().as_slice();
    let known = conn
        .prepare_cached("SELECT id FROM bodies WHERE hash = ?1")?
        .query_row([bytes], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    conn.prepare_cached("INSERT INTO bodies (hash, body) VALUES (?1, ?2)")?.execute(params![bytes, body])?;
    Ok(conn.last_insert_rowid())
}

/// Removes a text that nobody refers to any more.
pub fn release(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM bodies WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM cards WHERE body = ?1)
           AND NOT EXISTS (SELECT 1 FROM cards WHERE seen_body = ?1)
           AND NOT EXISTS (SELECT 1 FROM cards WHERE base_body = ?1)
           AND NOT EXISTS (SELECT 1 FROM tombstones WHERE base_body = ?1)",
    )?
    .execute([id])?;
    Ok(())
}
