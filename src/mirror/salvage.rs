//! What a damaged mirror still gives of the past: the run log, the history and the conflicts, row by row.
//!
//! Rows are read from both ends of a table up to where SQLite finds no sense in it. Contacts and agreements are not among
//! them: the CRM and the books have those, and a half-read agreement would be believed.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig, params_from_iter, types::Value};

use super::{ContactId, Mirror, Result};

/// How many rows were saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saved {
    /// Runs of the log.
    pub runs: u64,
    /// Changes of the history.
    pub history: u64,
    /// Conflicts, none of which waits any more.
    pub conflicts: u64,
}

/// What was read of who is who in a damaged mirror: UIDs by the ids of that time.
pub type Uids = HashMap<ContactId, String>;

const RUNS: &str = "id, command, started_at, finished_at, outcome, exit_code, summary";
const HISTORY: &str = "id, run, at, contact, uid, source, kind, field, old, new";
const CONFLICTS: &str = "id, run, at, contact, replica, field, base, here, there, kept, state";
/// The tables whose rows have numbers that are never given twice.
const NUMBERED: [&str; 7] = ["contacts", "runs", "history", "conflicts", "outbox", "attention", "decisions"];

impl Mirror {
    /// Takes what can be read of the mirror at `from` into this one, which has no rows yet.
    ///
    /// # Errors
    /// This mirror's. What cannot be read there is no error.
    pub fn salvage(&mut self, from: &Path) -> Result<(Saved, Uids)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Ok(damaged) = Connection::open_with_flags(from, flags) else { return Ok(Default::default()) };
        // Its log stays as it is, whatever it is worth.
        let _ = damaged.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        self.transact(|mirror| {
            mirror.number_from(&last_numbers(&damaged))?;
            let saved = Saved {
                runs: mirror.take_rows(&damaged, "runs", RUNS)?,
                history: mirror.take_rows(&damaged, "history", HISTORY)?,
                conflicts: mirror.take_rows(&damaged, "conflicts", CONFLICTS)?,
            };
            // Those that wait are found again, with the values of today.
            mirror.conn.execute("UPDATE conflicts SET state = 'settled'", [])?;
            let uids =
                rows(&damaged, "contacts", "id, uid").into_iter().filter_map(|row| match <[Value; 2]>::try_from(row) {
                    Ok([Value::Integer(id), Value::Text(uid)]) => Some((id, uid)),
                    Ok(_) | Err(_) => None,
                });
            Ok((saved, uids.collect()))
        })
    }

    /// Has what was salvaged name contacts by their present ids.
    ///
    /// # Errors
    /// SQLite's.
    pub fn rename_salvaged(&mut self, uids: &Uids, last_run: i64) -> Result<()> {
        self.transact(|mirror| {
            let renamed =
                "UPDATE history SET contact = coalesce((SELECT id FROM contacts c WHERE c.uid = history.uid), contact)
                           WHERE run <= ?1";
            mirror.conn.execute(renamed, [last_run])?;
            let mut rename =
                mirror.conn.prepare("UPDATE conflicts SET contact = ?2 WHERE contact = ?1 AND run <= ?3")?;
            for (then, uid) in uids {
                let now =
                    mirror.conn.query_row("SELECT id FROM contacts WHERE uid = ?1", [uid], |row| row.get::<_, i64>(0));
                if let Some(now) = now.optional()? {
                    rename.execute([*then, now, last_run])?;
                }
            }
            Ok(())
        })
    }

    fn take_rows(&mut self, damaged: &Connection, table: &str, columns: &str) -> Result<u64> {
        let places = vec!["?"; columns.split(',').count()].join(", ");
        // A row that breaks a rule of the table was damaged.
        let mut insert = self.conn.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"))?;
        let mut taken = 0;
        for row in rows(damaged, table, columns) {
            taken += insert.execute(params_from_iter(row)).unwrap_or_default() as u64;
        }
        Ok(taken)
    }
}

/// The rows of a table that can be read: from its beginning, and where that ends too early from its end.
fn rows(damaged: &Connection, table: &str, columns: &str) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT {columns} FROM {table} ORDER BY id {order}");
        if read_on(damaged, &sql, &mut found).is_ok() {
            break;
        }
    }
    found
}

fn read_on(damaged: &Connection, sql: &str, found: &mut Vec<Vec<Value>>) -> rusqlite::Result<()> {
    let mut select = damaged.prepare(sql)?;
    let columns = select.column_count();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        found.push((0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(())
}

/// The highest numbers given, as far as they can be read.
fn last_numbers(damaged: &Connection) -> Vec<(String, i64)> {
    let number = |table: &&str| {
        let said = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let said = damaged.query_row(said, [table], |row| row.get::<_, i64>(0)).unwrap_or_default();
        let last = format!("SELECT coalesce(max(id), 0) FROM {table}");
        let last = damaged.query_row(&last, [], |row| row.get::<_, i64>(0)).unwrap_or_default();
        ((*table).to_owned(), said.max(last))
    };
    NUMBERED.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contact::Contact, mirror::HistoryRow};

    #[test]
    fn what_can_be_read_from_both_ends_is_saved_and_named_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let mut old = Mirror::open(&path).unwrap();
        let ada = Contact { last_name: "Lovelace".into(), ..Contact::default() };
        old.insert_contact("bob-1", &Contact::default(), "crm", 1, "").unwrap();
        let id = old.insert_contact("ada-1", &ada, "crm", 1, "").unwrap();
        let run = old.begin_run("sync", "2026-01-01T00:00:00Z").unwrap();
        old.transact::<_, crate::mirror::MirrorError>(|old| {
            (0..3_000).try_for_each(|number| {
                old.record(&HistoryRow {
                    run,
                    at: String::new(),
                    contact: id,
                    uid: "ada-1".into(),
                    source: "crm".into(),
                    kind: "update".into(),
                    field: Some("job_title".into()),
                    old: Some(format!("value {number}")),
                    new: None,
                })
            })
        })
        .unwrap();
        old.into_one_file(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // A page of the history's own, in its middle.
        let middle = b"value 1500";
        let at = bytes.windows(middle.len()).rposition(|window| window == middle).unwrap();
        let page = at - at % 8_192;
        bytes[page..page + 8_192].fill(0xee);
        std::fs::write(&path, bytes).unwrap();

        let mut new = Mirror::in_memory().unwrap();
        let (saved, uids) = new.salvage(&path).unwrap();
        assert!(saved.runs == 1 && saved.history > 1_500 && saved.history < 3_000, "{saved:?}");
        assert_eq!(uids.get(&id).map(String::as_str), Some("ada-1"));
        let now = new.insert_contact("ada-1", &ada, "crm", 2, "").unwrap();
        assert!(now > id, "no number is given twice");
        new.rename_salvaged(&uids, run).unwrap();
        let first = new.history(Some(now), 9).unwrap();
        assert_eq!(first.len(), 9);
        assert!(new.begin_run("sync", "").unwrap() > run);
    }

    #[test]
    fn of_what_is_no_database_nothing_is_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        std::fs::write(&path, [0xee; 50_000]).unwrap();
        for from in [path.as_path(), &folder.path().join("none.db")] {
            let (saved, uids) = Mirror::in_memory().unwrap().salvage(from).unwrap();
            assert_eq!((saved, uids.len()), (Saved::default(), 0));
        }
    }
}
