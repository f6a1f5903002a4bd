//! What the practice CRM holds, in SQLite: a schema of its own, its versions, and what concerns contacts and firms at once.
//!
//! Another process may have the same file open (a user trying `curl` on a sandbox that a scheduled run uses), so
//! nothing is remembered here between calls.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params_from_iter};

use super::{
    object::{Firm, Record},
    rows::{CONTACTS, FIRMS, Rows, Table},
};

/// The number of the first contact; a live account's ids do not begin at 1 either.
pub const FIRST_ID: i64 = 1001;

/// `AUTOINCREMENT`: a number is never used again, also after the highest contact was deleted.
const SCHEMA: &str = "
    CREATE TABLE contacts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT, project_id TEXT, creator_id TEXT, language TEXT, created_at TEXT NOT NULL,
        civility_label_id TEXT, last_name TEXT, first_name TEXT, comment TEXT, job_title TEXT, job_department TEXT,
        country TEXT, contact_type TEXT, firm_id TEXT
    );
    CREATE INDEX contacts_in_order ON contacts (id);
    CREATE TABLE contact_addresses (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
        address_type TEXT, street_address TEXT, street_address2 TEXT, zip_code TEXT, city TEXT, country TEXT, label TEXT
    );
    CREATE INDEX contact_addresses_of ON contact_addresses (contact_id, id);
    CREATE TABLE contact_items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        contact_id INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
        type_id TEXT, value TEXT, label TEXT
    );
    CREATE INDEX contact_items_of ON contact_items (contact_id, id);
    INSERT INTO sqlite_sequence (name, seq) VALUES ('contacts', 1000), ('contact_addresses', 500), ('contact_items', 2000);
";

/// Firms, which a state before version 3 lacks. The numbers up to 900 are those that seeded contacts may name.
const FIRMS_SCHEMA: &str = "
    CREATE TABLE firms (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT, creator_id TEXT, language TEXT, created_at TEXT NOT NULL,
        name TEXT, firm_type TEXT, project_id TEXT, siren TEXT, tva TEXT
    );
    CREATE INDEX firms_in_order ON firms (id);
    CREATE TABLE firm_addresses (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        firm_id INTEGER NOT NULL REFERENCES firms (id) ON DELETE CASCADE,
        address_type TEXT, street_address TEXT, street_address2 TEXT, zip_code TEXT, city TEXT, country TEXT, label TEXT
    );
    CREATE INDEX firm_addresses_of ON firm_addresses (firm_id, id);
    CREATE TABLE firm_items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        firm_id INTEGER NOT NULL REFERENCES firms (id) ON DELETE CASCADE,
        type_id TEXT, value TEXT, label TEXT
    );
    CREATE INDEX firm_items_of ON firm_items (firm_id, id);
    INSERT INTO sqlite_sequence (name, seq) VALUES ('firms', 900), ('firm_addresses', 500), ('firm_items', 2000);
";

/// Written to `user_version` together with the seed: a state that was cut short while it was made counts as new.
const VERSION: i64 = 3;

/// What a state of version 1 lacks.
const SINCE_1: &str =
    "ALTER TABLE contact_addresses ADD COLUMN label TEXT; ALTER TABLE contact_items ADD COLUMN label TEXT;";

/// The firms that contacts name, by number. Whatever is no positive number names none.
const FIRMS_NAMED: &str = "SELECT DISTINCT CAST(firm_id AS INTEGER) AS firm FROM contacts \
                           WHERE firm_id GLOB '[0-9]*' AND firm_id NOT GLOB '*[^0-9]*' AND length(firm_id) < 19 \
                           AND CAST(firm_id AS INTEGER) > 0 ORDER BY firm";

/// The state, open.
#[derive(Debug)]
pub struct State {
    connection: Connection,
}

impl State {
    /// Opens the file, or a state in memory. A new one is made and filled with what `people` gives; a state that has no
    /// firms yet gets those that `firms` gives for the numbers that its contacts name. All in one transaction.
    pub fn open<I: Iterator<Item = Record>>(
        path: Option<&Path>,
        people: impl FnOnce() -> I,
        firms: impl FnOnce(&[i64]) -> Vec<Firm>,
    ) -> rusqlite::Result<Self> {
        let mut connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(48);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 1 {
            transaction.execute_batch(SINCE_1)?;
        } else if version < 1 {
            transaction.execute_batch(SCHEMA)?;
            for record in people() {
                CONTACTS.insert(&transaction, None, &record)?;
            }
        }
        if version < 3 {
            transaction.execute_batch(FIRMS_SCHEMA)?;
            for firm in firms(&numbers(&transaction, FIRMS_NAMED, &[])?) {
                FIRMS.insert(&transaction, Some(firm.id), &firm)?;
            }
        }
        if version < VERSION {
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(Self { connection })
    }

    /// The contacts, or the firms.
    pub fn rows<const N: usize>(&mut self, table: &'static Table<N>) -> Rows<'_, N> {
        Rows::new(&mut self.connection, table)
    }

    /// The numbers of the contacts that name a firm, ascending.
    pub fn contacts_of_firm(&self, firm: i64) -> rusqlite::Result<Vec<i64>> {
        numbers(&self.connection, "SELECT id FROM contacts WHERE firm_id = ? ORDER BY id", &[firm.to_string()])
    }

    /// Removes a firm, and with `clears` its contacts' mention of it; false when there was none.
    pub fn delete_firm(&mut self, firm: i64, clears: bool) -> rusqlite::Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let was_there = FIRMS.delete(&transaction, firm)?;
        if was_there && clears {
            move_contacts(&transaction, firm, None)?;
        }
        transaction.commit()?;
        Ok(was_there)
    }

    /// Puts the contacts of one firm into another and removes the first; how many there were, or `None` when one of the
    /// firms is not there or both are the same.
    pub fn merge_firms(&mut self, from: i64, into: i64) -> rusqlite::Result<Option<usize>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if from == into || !FIRMS.has(&transaction, into)? || !FIRMS.delete(&transaction, from)? {
            return Ok(None);
        }
        let moved = move_contacts(&transaction, from, Some(into))?;
        transaction.commit()?;
        Ok(Some(moved))
    }
}

fn move_contacts(transaction: &Transaction<'_>, from: i64, into: Option<i64>) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached("UPDATE contacts SET firm_id = ? WHERE firm_id = ?")?;
    statement.execute([into.map(|firm| firm.to_string()), Some(from.to_string())])
}

fn numbers(connection: &Connection, sql: &str, values: &[String]) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(params_from_iter(values), |row| row.get(0))?.collect()
}

/// Whether the file holds a state already; for words to a user only.
pub fn is_seeded(path: &Path) -> bool {
    let version = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|connection| connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)));
    version.is_ok_and(|version| version >= 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::object::Entry;

    fn named(name: &str, items: &[&str]) -> Record {
        let mut record = Record { created_at: "01-01-2020-10-00".to_owned(), ..Record::default() };
        record.scalars[1] = Some(name.to_owned());
        let item =
            |value: &&str| Entry { id: 0, label: None, values: vec![Some("88".to_owned()), Some((*value).to_owned())] };
        record.lists[1] = items.iter().map(item).collect();
        record
    }

    fn filled(count: usize) -> State {
        State::open(None, || (0..count).map(|n| named(&format!("n{n}"), &["a", "b"][..n % 3])), no_firms).unwrap()
    }

    fn no_firms(_: &[i64]) -> Vec<Firm> {
        Vec::new()
    }

    impl State {
        fn contacts(&mut self) -> Rows<'_, 9> {
            self.rows(&CONTACTS)
        }

        /// What SQLite means to do.
        pub fn plan(&self, sql: &str) -> String {
            let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let lines = statement.query_map([1, 1], |row| row.get::<_, String>(3)).unwrap();
            lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
        }
    }

    #[test]
    fn pages_hold_their_contacts_with_their_own_lists() {
        let mut state = filled(7);
        state.contacts().delete(1003).unwrap();
        let check = |state: &mut State, newest: bool, window: (usize, usize), expected: &[i64]| {
            let (total, records) = state.contacts().page(newest, |_| window).unwrap();
            assert_eq!(total, 6);
            assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), expected);
            for record in &records {
                assert_eq!(record.lists[1].len() as i64, (record.id - FIRST_ID) % 3, "{}", record.id);
                assert_eq!(record.reference, Some(format!("C{:05}", record.id)));
            }
        };
        check(&mut state, false, (0, 3), &[1001, 1002, 1004]);
        check(&mut state, false, (3, 3), &[1005, 1006, 1007]);
        check(&mut state, false, (5, 3), &[1007]);
        check(&mut state, false, (6, 3), &[]);
        check(&mut state, true, (0, 4), &[1007, 1006, 1005, 1004]);
        check(&mut state, true, (4, 4), &[1002, 1001]);
    }

    #[test]
    fn a_number_is_never_used_again() {
        let mut state = filled(2);
        let id = state.contacts().insert(&named("new", &[])).unwrap();
        assert!(state.contacts().delete(id).unwrap());
        assert!(!state.contacts().delete(id).unwrap());
        assert_eq!(state.contacts().insert(&named("newer", &[])).unwrap(), id + 1);
        assert_eq!(
            State::open(None, nobody, no_firms).unwrap().contacts().insert(&named("first", &[])).unwrap(),
            FIRST_ID
        );
    }

    fn nobody() -> impl Iterator<Item = Record> {
        std::iter::empty()
    }

    #[test]
    fn a_change_keeps_the_ids_of_entries_and_an_error_changes_nothing() {
        let mut state = State::open(None, || [named("Durand", &["a", "b"])].into_iter(), no_firms).unwrap();
        let before = state.contacts().get(1001).unwrap().unwrap();
        let refused = state.contacts().change(1001, |record| {
            record.scalars[1] = None;
            Err("no")
        });
        assert_eq!(refused.unwrap(), Some(Err("no")));
        assert_eq!(state.contacts().get(1001).unwrap().unwrap(), before);
        let changed = state.contacts().change::<()>(1001, |record| {
            record.lists[1].remove(0);
            record.lists[1].push(Entry {
                id: 0,
                label: None,
                values: vec![Some("24".to_owned()), Some("c".to_owned())],
            });
            Ok(())
        });
        let changed = changed.unwrap().unwrap().unwrap();
        assert_eq!(changed.lists[1][0], before.lists[1][1]);
        assert_eq!(changed.lists[1][1].values[1].as_deref(), Some("c"));
        assert!(changed.lists[1][1].id > before.lists[1][1].id);
        assert_eq!(state.contacts().change::<()>(9, |_| Ok(())).unwrap(), None);
    }

    #[test]
    fn a_file_is_seeded_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        assert!(!is_seeded(&path));
        let mut state = State::open(Some(&path), || [named("a", &[])].into_iter(), no_firms).unwrap();
        state.contacts().insert(&named("b", &[])).unwrap();
        assert!(is_seeded(&path));
        let mut state = State::open(Some(&path), || [named("c", &[])].into_iter(), no_firms).unwrap();
        assert_eq!(state.contacts().ids().unwrap(), [1001, 1002]);
    }

    #[test]
    fn an_older_file_gets_what_it_lacks_and_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let people = || ["344", "12", "344", "", "0", "7a", "99999999999999999999"].into_iter().map(belongs_to);
        let mut state = State::open(Some(&path), people, no_firms).unwrap();
        let before: Vec<_> = (1001..=1007).map(|id| state.contacts().get(id).unwrap()).collect();
        let version_2 = "DROP TABLE firm_items; DROP TABLE firm_addresses; DROP TABLE firms; PRAGMA user_version = 2;
                         DELETE FROM sqlite_sequence WHERE name LIKE 'firm%'";
        state.connection.execute_batch(version_2).unwrap();
        let version_1 = "ALTER TABLE contact_addresses DROP COLUMN label; ALTER TABLE contact_items DROP COLUMN label;
                         PRAGMA user_version = 1";
        state.connection.execute_batch(version_1).unwrap();
        drop(state);
        let mut state = State::open(Some(&path), nobody, firms).unwrap();
        assert_eq!((1001..=1007).map(|id| state.contacts().get(id).unwrap()).collect::<Vec<_>>(), before);
        assert_eq!(state.rows(&FIRMS).ids().unwrap(), [12, 344]);
        state.delete_firm(12, false).unwrap();
        drop(state);
        let mut state = State::open(Some(&path), nobody, firms).unwrap();
        assert_eq!(state.rows(&FIRMS).ids().unwrap(), [344], "seeded once");
        assert_eq!(state.rows(&FIRMS).insert(&Firm::default()).unwrap(), 901);
    }

    fn belongs_to(firm: &str) -> Record {
        let mut record = named("a", &["1"]);
        record.scalars[8] = Some(firm.to_owned());
        record
    }

    fn firms(named: &[i64]) -> Vec<Firm> {
        named.iter().map(|&id| Firm { id, ..Firm::default() }).collect()
    }

    #[test]
    fn firms_go_with_or_without_their_contacts_mention() {
        let people = || ["5", "5", "6", "55"].into_iter().map(belongs_to);
        let mut state = State::open(None, people, firms).unwrap();
        let firm_of = |state: &mut State| -> Vec<Option<String>> {
            (1001..=1004).map(|id| state.contacts().get(id).unwrap().unwrap().scalars[8].take()).collect()
        };
        let some = |firm: &str| Some(firm.to_owned());
        assert_eq!(state.contacts_of_firm(5).unwrap(), [1001, 1002]);
        assert_eq!(state.merge_firms(5, 6).unwrap(), Some(2));
        assert_eq!(firm_of(&mut state), [some("6"), some("6"), some("6"), some("55")]);
        for (from, into) in [(5, 6), (6, 5), (6, 6)] {
            assert_eq!(state.merge_firms(from, into).unwrap(), None, "{from} {into}");
        }
        assert_eq!(state.rows(&FIRMS).ids().unwrap(), [6, 55]);
        assert!(state.delete_firm(55, false).unwrap() && !state.delete_firm(55, false).unwrap());
        assert!(state.delete_firm(6, true).unwrap());
        assert_eq!(firm_of(&mut state), [None, None, None, some("55")]);
    }
}
