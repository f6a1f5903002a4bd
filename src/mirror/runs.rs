//! The table `runs`: each run that wrote, how it ended and what it did.

use rusqlite::{OptionalExtension, Row, params};

use super::{Mirror, Result};

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its number, from 1.
    pub id: i64,
    /// The command that started it: "sync", "pull"...
    pub command: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; none while it works, or when it was killed.
    pub finished_at: Option<String>,
    /// How it ended, in a word.
    pub outcome: Option<String>,
    /// What the process answered.
    pub exit_code: Option<i32>,
    /// Its numbers: JSON.
    pub summary: Option<String>,
}

impl Mirror {
    /// Notes that a run begins; its number.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin_run(&mut self, command: &str, at: &str) -> Result<i64> {
        self.sql("INSERT INTO runs (command, started_at) VALUES (?1, ?2)")?.execute([command, at])?;
        Ok(self.conn.last_insert_rowid())
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// SQLite's.
    pub fn finish_run(&mut self, id: i64, at: &str, outcome: &str, exit_code: i32, summary_json: &str) -> Result<()> {
        self.sql("UPDATE runs SET finished_at = ?2, outcome = ?3, exit_code = ?4, summary = ?5 WHERE id = ?1")?
            .execute(params![id, at, outcome, exit_code, summary_json])?;
        Ok(())
    }

    /// The last runs, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>> {
        let mut select = self.sql(
            "SELECT id, command, started_at, finished_at, outcome, exit_code, summary
             FROM runs ORDER BY id DESC LIMIT ?1",
        )?;
        let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One run.
    ///
    /// # Errors
    /// SQLite's.
    pub fn run(&self, id: i64) -> Result<Option<RunRow>> {
        Ok(self
            .sql("SELECT id, command, started_at, finished_at, outcome, exit_code, summary FROM runs WHERE id = ?1")?
            .query_row([id], read)
            .optional()?)
    }

    /// The newest run.
    ///
    /// # Errors
    /// SQLite's.
    pub fn last_run(&self) -> Result<Option<RunRow>> {
        Ok(self.runs(1)?.pop())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: row.get(0)?,
        command: row.get(1)?,
        started_at: row.get(2)?,
        finished_at: row.get(3)?,
        outcome: row.get(4)?,
        exit_code: row.get(5)?,
        summary: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_begun_finished_and_found() {
        let mut mirror = Mirror::in_memory().unwrap();
        assert_eq!(mirror.last_run().unwrap(), None);
        let first = mirror.begin_run("pull", "2026-01-01T00:00:00Z").unwrap();
        let second = mirror.begin_run("sync", "2026-01-02T00:00:00Z").unwrap();
        mirror.finish_run(first, "2026-01-01T00:00:09Z", "done", 0, "{}").unwrap();
        let run = mirror.run(first).unwrap().unwrap();
        assert_eq!(
            (run.outcome.as_deref(), run.exit_code, run.summary.as_deref()),
            (Some("done"), Some(0), Some("{}"))
        );
        let newest = mirror.last_run().unwrap().unwrap();
        assert_eq!((newest.id, newest.finished_at), (second, None));
        assert_eq!(mirror.runs(9).unwrap().iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
        assert_eq!(mirror.run(99).unwrap(), None);
    }
}
