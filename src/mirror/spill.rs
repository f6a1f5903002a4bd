//! A temporary table for what a run cannot hold in memory: queues of records that wait until a scan has been judged.
//!
//! It is the connection's own, in a temporary file that SQLite deletes; no other program sees it, nothing of it stays.

use rusqlite::params;

use super::{Mirror, Result};

/// A record that waits, as the run wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spilled {
    /// What is known of it: JSON.
    pub record: String,
    /// Its own bytes.
    pub source: Option<Vec<u8>>,
}

impl Mirror {
    /// Appends a record to a queue.
    pub fn spill(&mut self, queue: u8, place: u64, spilled: &Spilled) -> Result<()> {
        self.make_spill()?;
        self.sql("INSERT INTO temp.spill (queue, place, record, source) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            queue,
            place as i64,
            spilled.record,
            spilled.source
        ])?;
        Ok(())
    }

    /// At most `limit` records of a queue from a place on, in order.
    pub fn spilled(&self, queue: u8, from: u64, limit: usize) -> Result<Vec<Spilled>> {
        let mut select =
            self.sql("SELECT record, source FROM temp.spill WHERE queue = ?1 AND place >= ?2 ORDER BY place LIMIT ?3")?;
        let read = |row: &rusqlite::Row<'_>| Ok(Spilled { record: row.get(0)?, source: row.get(1)? });
        let rows = select.query_map(params![queue, from as i64, limit as i64], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets a queue.
    pub fn forget_spilled(&mut self, queue: u8) -> Result<()> {
        self.make_spill()?;
        self.sql("DELETE FROM temp.spill WHERE queue = ?1")?.execute([queue])?;
        Ok(())
    }

    fn make_spill(&mut self) -> Result<()> {
        self.sql(
            "CREATE TEMP TABLE IF NOT EXISTS spill (
                 queue INTEGER NOT NULL, place INTEGER NOT NULL, record TEXT NOT NULL, source BLOB,
                 PRIMARY KEY (queue, place)
             ) WITHOUT ROWID",
        )?
        .execute([])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_keep_their_order_and_are_nobody_elses() {
        let mut mirror = Mirror::in_memory().unwrap();
        let spilled = |number: u64| Spilled { record: format!("{number}"), source: Some(vec![0, number as u8]) };
        for number in 0..5 {
            mirror.spill(1, number, &spilled(number)).unwrap();
            mirror.spill(2, number, &spilled(number + 10)).unwrap();
        }
        assert_eq!(mirror.spilled(1, 3, 9).unwrap(), [spilled(3), spilled(4)]);
        assert_eq!(mirror.spilled(2, 0, 2).unwrap(), [spilled(10), spilled(11)]);
        mirror.forget_spilled(1).unwrap();
        assert_eq!(mirror.spilled(1, 0, 9).unwrap(), []);
        assert_eq!(mirror.spilled(2, 0, 9).unwrap().len(), 5);
    }
}
