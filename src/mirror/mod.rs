//! The local SQLite copy, hub of the star. One table, one module, all its SQL.
//!
//! [`Mirror`] owns the connection; each module adds the methods of its table to it. Every statement goes through
//! `Mirror::sql`, so that a test can explain them all and none runs on after SQLite gave a transaction up.
//!
//! It decides nothing: what to change is `reconcile`'s matter, in which order is `sync`'s. It has no clock and makes no
//! names; times and UIDs are the caller's.

mod absences;
mod addresses;
mod agreements;
mod attention;
mod backup;
mod company_cards;
mod conflicts;
mod contacts;
mod copy;
mod cursors;
mod damage;
mod decisions;
mod error;
mod facts;
mod firms;
mod former;
mod history;
mod items;
mod kinds;
mod marks;
mod match_keys;
#[cfg(test)]
mod model;
mod open;
mod outbox;
mod pending;
#[cfg(test)]
mod plans;
mod problems;
mod replace;
mod runs;
mod salvage;
mod search;
mod spill;
mod uids;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{CachedStatement, Connection, ErrorCode};

pub use absences::AbsenceRow;
pub use agreements::Agreement;
pub use attention::{Ambiguity, Attention, AttentionKind, AttentionRow, StopReason, TriedList};
pub use backup::Looked;
pub use company_cards::{CardState, FirmAsWritten, FirmCard};
pub use conflicts::{ConflictRow, State};
pub use contacts::{ContactId, Stored};
pub use decisions::{Decision, ItemId, NotedDecision, Standing, StandingKind};
pub use error::{MirrorError, Result};
pub use firms::{CompanyWithoutFirm, FirmCreation, FirmRow};
pub use history::HistoryRow;
pub use outbox::{OutboxAction, OutboxRow, OutboxState};
pub use pending::{Pending, PendingList};
pub use problems::{Activity, ProblemRow, ProblemSubject};
pub use replace::{Numbers, Present, forget_file};
pub use runs::RunRow;
pub use salvage::{Saved, Uids};
pub use search::Search;
pub use spill::Spilled;

/// The file beside the mirror whose name has this more at its end.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The mirror, open. One connection, one thread.
#[derive(Debug)]
pub struct Mirror {
    conn: Connection,
    /// How many transactions are open, one inside the other.
    depth: u32,
    /// A copy that nobody else has and that does not stay: see `copy`.
    private: bool,
}

impl Mirror {
    /// Does all of `f`, or nothing of it.
    ///
    /// Inside another transaction it is a part of that one: undone alone if it fails, kept only if the outer one is.
    ///
    /// # Errors
    /// Those of `f`, and those of SQLite at the begin and at the commit; nothing was kept then.
    pub fn transact<T, E: From<MirrorError>>(
        &mut self,
        f: impl FnOnce(&mut Mirror) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.begin()?;
        match f(self) {
            Ok(value) => match self.commit() {
                Ok(()) => Ok(value),
                Err(error) => {
                    // The commit's own error says more than whatever undoing what is left of it may say.
                    let _ = self.undo();
                    Err(error.into())
                }
            },
            Err(error) => {
                let _ = self.undo();
                Err(error)
            }
        }
    }

    /// The connection, to read over: the way for those who ask what no table's module answers. Whoever writes over it
    /// writes past the mirror's rules.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Whether each commit is on the disk before it returns. Without, a loss of power may take the last commits away, never
    /// parts of one: right for what was only read elsewhere and can be read again. The next durable commit makes those
    /// before it durable too.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_durable(&mut self, durable: bool) -> Result<()> {
        // SQLite takes it between transactions only; a copy is never worth the wait.
        if self.depth > 0 || self.private {
            return Ok(());
        }
        let level = if durable { "FULL" } else { "NORMAL" };
        Ok(self.conn.pragma_update(None, "synchronous", level)?)
    }

    /// Whether it is so now.
    #[cfg(test)]
    pub fn is_durable(&self) -> bool {
        self.conn.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).is_ok_and(|level| level == 2)
    }

    /// Undoes what a run that was dropped halfway has left open; the mirror is then as it would be after it was closed and
    /// opened again.
    ///
    /// # Errors
    /// SQLite's.
    pub fn recover(&mut self) -> Result<()> {
        self.depth = 0;
        if !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        self.set_durable(true)
    }

    /// Brings what was written into the mirror's main file, and empties the write-ahead log.
    ///
    /// Does as much as readers allow, without waiting for them: one that replicates the mirror never goes (each run waited ten
    /// seconds for Litestream). Nothing inside a transaction.
    ///
    /// # Errors
    /// SQLite's.
    pub fn checkpoint(&mut self) -> Result<()> {
        if self.depth > 0 {
            return Ok(());
        }
        let patience: u32 = self.conn.query_row("PRAGMA busy_timeout", [], |row| row.get(0))?;
        self.conn.busy_timeout(Duration::ZERO)?;
        let folded = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.conn.busy_timeout(Duration::from_millis(patience.into()))?;
        match folded {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
            folded => Ok(folded?),
        }
    }

    /// A statement, prepared once. The only way to one.
    fn sql(&self, sql: &str) -> Result<CachedStatement<'_>> {
        if self.depth > 0 && self.conn.is_autocommit() {
            return Err(MirrorError::Aborted);
        }
        #[cfg(test)]
        plans::note(sql);
        Ok(self.conn.prepare_cached(sql)?)
    }

    /// Holds one state of the mirror still over several reads, while other programs may write. Nothing inside a
    /// transaction, which does so itself.
    fn snapshot(&self) -> Result<Option<rusqlite::Transaction<'_>>> {
        if self.depth > 0 || !self.conn.is_autocommit() {
            return Ok(None);
        }
        Ok(Some(rusqlite::Transaction::new_unchecked(&self.conn, rusqlite::TransactionBehavior::Deferred)?))
    }

    /// The one number that a statement answers, never negative.
    fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<u64> {
        let count: i64 = self.sql(sql)?.query_row(params, |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Begins a transaction, or a part of one.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if self.depth == 0 {
            self.sql("BEGIN IMMEDIATE")?.execute([])?;
        } else {
            self.sql(&format!("SAVEPOINT level{}", self.depth))?.execute([])?;
        }
        self.depth += 1;
        Ok(())
    }

    /// Keeps what was done since the matching begin.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.depth == 1 {
            self.sql("COMMIT")?.execute([])?;
        } else {
            self.sql(&format!("RELEASE level{}", self.depth - 1))?.execute([])?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Undoes what was done since the matching begin.
    pub(crate) fn undo(&mut self) -> Result<()> {
        self.depth -= 1;
        if self.conn.is_autocommit() {
            return Ok(()); // SQLite has undone it all already; `sql` stops whatever is still going on outside of this
        }
        if self.depth == 0 {
            return Ok(self.conn.execute_batch("ROLLBACK")?);
        }
        let level = self.depth;
        Ok(self.conn.execute_batch(&format!("ROLLBACK TO level{level}; RELEASE level{level}"))?)
    }
}

/// An unset text is NULL in the tables.
fn set(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A column's text, "" for NULL.
fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(row.get_ref(column)?.as_str_or_null()?.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(mirror: &mut Mirror, key: &str) -> Result<()> {
        mirror.transact(|mirror| {
            mirror.set_fact(key, "1")?;
            Err(MirrorError::NoContact { contact: 1 })
        })
    }

    #[test]
    fn a_transaction_is_all_or_nothing() {
        let mut mirror = Mirror::in_memory().unwrap();
        fails(&mut mirror, "alone").unwrap_err();
        mirror
            .transact::<_, MirrorError>(|mirror| {
                mirror.set_fact("outer", "1")?;
                fails(mirror, "inner").unwrap_err();
                mirror.transact::<_, MirrorError>(|mirror| mirror.set_fact("second", "1"))
            })
            .unwrap();
        for (key, kept) in [("alone", false), ("outer", true), ("inner", false), ("second", true)] {
            assert_eq!(mirror.fact(key).unwrap().is_some(), kept, "{key}");
        }
        assert!(mirror.conn.is_autocommit());
    }

    #[test]
    fn recovery_undoes_whatever_was_left_open() {
        let folder = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(&folder.path().join("carnet.db")).unwrap();
        mirror.set_fact("before", "1").unwrap();
        mirror.set_durable(false).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            mirror.transact::<(), MirrorError>(|mirror| {
                mirror.set_fact("outer", "1")?;
                mirror.transact(|mirror| {
                    mirror.set_fact("inner", "1")?;
                    std::panic::resume_unwind(Box::new("killed"))
                })
            })
        }));
        assert!(panicked.is_err());
        // Once more changes nothing.
        for _ in 0..2 {
            mirror.recover().unwrap();
            assert!(mirror.conn.is_autocommit() && mirror.is_durable());
            let facts = ["before", "outer", "inner"].map(|key| mirror.fact(key).unwrap().is_some());
            assert_eq!(facts, [true, false, false]);
        }
        mirror.transact::<_, MirrorError>(|mirror| mirror.set_fact("next", "1")).unwrap();
        assert!(mirror.fact("next").unwrap().is_some());
    }

    #[test]
    fn nothing_is_written_after_sqlite_gave_the_transaction_up() {
        let mut mirror = Mirror::in_memory().unwrap();
        let outer: Result<()> = mirror.transact(|mirror| {
            mirror.set_fact("first", "1")?;
            let inner: Result<()> = mirror.transact(|mirror| {
                mirror.conn.execute_batch("ROLLBACK")?; // as SQLite itself does when the disk is full
                mirror.set_fact("inner", "1")
            });
            assert!(matches!(inner, Err(MirrorError::Aborted)));
            assert!(matches!(mirror.set_fact("later", "1"), Err(MirrorError::Aborted)));
            Ok(())
        });
        assert!(matches!(outer, Err(MirrorError::Aborted)));
        for key in ["first", "inner", "later"] {
            assert_eq!(mirror.fact(key).unwrap(), None, "{key}");
        }
        mirror.transact::<_, MirrorError>(|mirror| mirror.set_fact("next", "1")).unwrap();
        assert!(mirror.fact("next").unwrap().is_some());
    }

    #[test]
    fn nobody_is_waited_for_to_empty_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut mirror = Mirror::open(&path).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM facts;").unwrap();
        mirror.set_fact("key", "1").unwrap();
        let began = std::time::Instant::now();
        mirror.checkpoint().unwrap();
        assert!(began.elapsed() < crate::sqlite::BUSY_MAX / 2, "{:?}", began.elapsed());
        assert!(std::fs::metadata(folder.path().join("carnet.db-wal")).unwrap().len() > 0);
        drop(reader);
        mirror.checkpoint().unwrap();
        assert_eq!(std::fs::metadata(folder.path().join("carnet.db-wal")).unwrap().len(), 0);
    }

    #[test]
    fn a_full_disk_undoes_the_whole_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(&folder.path().join("carnet.db")).unwrap();
        let pages: i64 = mirror.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        mirror.conn.pragma_update(None, "max_page_count", pages + 4).unwrap();
        let full: Result<()> = mirror.transact(|mirror| {
            mirror.set_fact("small", "1")?;
            mirror.set_fact("large", &"x".repeat(1_000_000))
        });
        let error = full.unwrap_err();
        assert!(error.hint().unwrap().contains("disk space"), "{error}");
        assert_eq!(mirror.fact("small").unwrap(), None);
        mirror.set_fact("small", "1").unwrap();
    }
}
