//! What the practice CRM holds, in SQLite: a schema of its own, and all the SQL on it.
//!
//! Another process may have the same file open (a user trying `curl` on a sandbox that a scheduled run uses), so
//! nothing is remembered here between calls.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior, params, params_from_iter};

use super::object::{Entry, LISTS, Record, Value};

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

/// Written to `user_version` together with the seed: a state that was cut short while it was made counts as new.
const VERSION: i64 = 2;

/// What a state of version 1 lacks.
const SINCE_1: &str =
    "ALTER TABLE contact_addresses ADD COLUMN label TEXT; ALTER TABLE contact_items ADD COLUMN label TEXT;";

const SELECT: &str = "SELECT id, reference, project_id, creator_id, language, created_at, civility_label_id, last_name, \
                      first_name, comment, job_title, job_department, country, contact_type, firm_id FROM contacts \
                      WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
const INSERT: &str = "INSERT INTO contacts (reference, project_id, creator_id, language, created_at, civility_label_id, \
                      last_name, first_name, comment, job_title, job_department, country, contact_type, firm_id) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const UPDATE: &str = "UPDATE contacts SET civility_label_id = ?, last_name = ?, first_name = ?, comment = ?, job_title = ?, \
                      job_department = ?, country = ?, contact_type = ?, firm_id = ? WHERE id = ?";

/// The SQL of one list.
struct ListSql {
    select: &'static str,
    insert: &'static str,
    update: &'static str,
    delete: &'static str,
}

/// In the order of [`LISTS`].
const LIST_SQL: [ListSql; 2] = [
    ListSql {
        select: "SELECT contact_id, id, label, address_type, street_address, street_address2, zip_code, city, country \
                 FROM contact_addresses WHERE contact_id BETWEEN ?1 AND ?2 ORDER BY contact_id, id",
        insert: "INSERT INTO contact_addresses (address_type, street_address, street_address2, zip_code, city, country, \
                 label, contact_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        update: "UPDATE contact_addresses SET address_type = ?, street_address = ?, street_address2 = ?, zip_code = ?, \
                 city = ?, country = ?, label = ? WHERE id = ?",
        delete: "DELETE FROM contact_addresses WHERE id = ?",
    },
    ListSql {
        select: "SELECT contact_id, id, label, type_id, value FROM contact_items WHERE contact_id BETWEEN ?1 AND ?2 \
                 ORDER BY contact_id, id",
        insert: "INSERT INTO contact_items (type_id, value, label, contact_id) VALUES (?, ?, ?, ?)",
        update: "UPDATE contact_items SET type_id = ?, value = ?, label = ? WHERE id = ?",
        delete: "DELETE FROM contact_items WHERE id = ?",
    },
];

/// The state, open.
#[derive(Debug)]
pub struct State {
    connection: Connection,
}

impl State {
    /// Opens the file, or a state in memory; a new one is made and filled with what `seed` gives, in one transaction.
    pub fn open<I: Iterator<Item = Record>>(path: Option<&Path>, seed: impl FnOnce() -> I) -> rusqlite::Result<Self> {
        let mut connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(32);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 1 {
            transaction.execute_batch(SINCE_1)?;
        } else if version < 1 {
            transaction.execute_batch(SCHEMA)?;
            for record in seed() {
                insert(&transaction, &record)?;
            }
        }
        if version < VERSION {
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(Self { connection })
    }

    /// How many contacts there are.
    pub fn count(&self) -> rusqlite::Result<usize> {
        count(&self.connection)
    }

    /// The numbers of all contacts, ascending.
    pub fn ids(&self) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM contacts ORDER BY id")?;
        statement.query_map([], |row| row.get(0))?.collect()
    }

    /// One contact.
    pub fn get(&self, id: i64) -> rusqlite::Result<Option<Record>> {
        Ok(load(&self.connection, id, id)?.pop())
    }

    /// A page: what `window` asks for once it knows how many contacts there are, as (how many to skip, how many to
    /// take); the count comes back with it, both from the same moment.
    pub fn page(
        &mut self,
        newest_first: bool,
        window: impl FnOnce(usize) -> (usize, usize),
    ) -> rusqlite::Result<(usize, Vec<Record>)> {
        let transaction = self.connection.transaction()?;
        let total = count(&transaction)?;
        let (skip, take) = window(total);
        let take = take.min(total.saturating_sub(skip));
        if take == 0 {
            return Ok((total, Vec::new()));
        }
        let skip = if newest_first { total - skip - take } else { skip };
        // The narrow index makes far pages cheap: the table itself would be walked through row by row, comments and all.
        let at = "SELECT id FROM contacts INDEXED BY contacts_in_order ORDER BY id LIMIT 1 OFFSET ?";
        let mut statement = transaction.prepare_cached(at)?;
        let first = statement.query_row([skip as i64], |row| row.get(0))?;
        let last = statement.query_row([(skip + take - 1) as i64], |row| row.get(0))?;
        let mut records = load(&transaction, first, last)?;
        if newest_first {
            records.reverse();
        }
        Ok((total, records))
    }

    /// Stores a new contact and gives its number.
    pub fn insert(&mut self, record: &Record) -> rusqlite::Result<i64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = insert(&transaction, record)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Changes a contact in one transaction and gives it as it is then; `None` when there is none. An error of `edit`
    /// leaves it alone.
    pub fn change<E>(
        &mut self,
        id: i64,
        edit: impl FnOnce(&mut Record) -> Result<(), E>,
    ) -> rusqlite::Result<Option<Result<Record, E>>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(old) = load(&transaction, id, id)?.pop() else { return Ok(None) };
        let mut new = old.clone();
        if let Err(error) = edit(&mut new) {
            return Ok(Some(Err(error)));
        }
        let values = new.scalars.iter().cloned().chain([Some(id.to_string())]);
        transaction.prepare_cached(UPDATE)?.execute(params_from_iter(values))?;
        for (at, sql) in LIST_SQL.iter().enumerate() {
            save_list(&transaction, sql, id, &old.lists[at], &new.lists[at])?;
        }
        let stored = load(&transaction, id, id)?.pop();
        transaction.commit()?;
        Ok(stored.map(Ok))
    }

    /// Removes a contact; false when there was none.
    pub fn delete(&mut self, id: i64) -> rusqlite::Result<bool> {
        Ok(self.connection.prepare_cached("DELETE FROM contacts WHERE id = ?")?.execute([id])? > 0)
    }
}

fn count(connection: &Connection) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM contacts INDEXED BY contacts_in_order")?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn insert(transaction: &Transaction<'_>, record: &Record) -> rusqlite::Result<i64> {
    let Record { id: _, reference, project_id, creator_id, language, created_at, scalars, lists } = record;
    let own = [reference, project_id, creator_id, language].map(Clone::clone);
    let values = own.into_iter().chain([Some(created_at.clone())]).chain(scalars.iter().cloned());
    transaction.prepare_cached(INSERT)?.execute(params_from_iter(values))?;
    let id = transaction.last_insert_rowid();
    if reference.is_none() {
        let sql = "UPDATE contacts SET reference = printf('C%05d', id) WHERE id = ?";
        transaction.prepare_cached(sql)?.execute([id])?;
    }
    for (sql, entries) in LIST_SQL.iter().zip(lists) {
        save_list(transaction, sql, id, &[], entries)?;
    }
    Ok(id)
}

fn save_list(
    transaction: &Transaction<'_>,
    sql: &ListSql,
    contact: i64,
    old: &[Entry],
    new: &[Entry],
) -> rusqlite::Result<()> {
    for gone in old.iter().filter(|entry| new.iter().all(|kept| kept.id != entry.id)) {
        transaction.prepare_cached(sql.delete)?.execute([gone.id])?;
    }
    for entry in new.iter().filter(|entry| !old.contains(entry)) {
        // The last parameter is the contact of a new entry, the number of a known one.
        let (sql, last) = if entry.id == 0 { (sql.insert, contact) } else { (sql.update, entry.id) };
        let values = entry.values.iter().cloned().chain([entry.label.clone(), Some(last.to_string())]);
        transaction.prepare_cached(sql)?.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// The contacts from one number to another, with their lists, by number.
fn load(connection: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<Record>> {
    let mut statement = connection.prepare_cached(SELECT)?;
    let mut records: Vec<Record> = statement.query_map([first, last], record)?.collect::<Result<_, _>>()?;
    for (at, sql) in LIST_SQL.iter().enumerate() {
        let mut statement = connection.prepare_cached(sql.select)?;
        let mut rows = statement.query(params![first, last])?;
        let mut owners = records.iter_mut().peekable();
        while let Some(row) = rows.next()? {
            let contact: i64 = row.get(0)?;
            // Both sides ascend, so the owner is never behind us.
            while owners.next_if(|owner| owner.id < contact).is_some() {}
            let Some(owner) = owners.peek_mut().filter(|owner| owner.id == contact) else { continue };
            let label = row.get(2)?;
            let values = (3..3 + LISTS[at].fields.len()).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            owner.lists[at].push(Entry { id: row.get(1)?, label, values });
        }
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let mut scalars: [Value; 9] = Default::default();
    for (at, scalar) in scalars.iter_mut().enumerate() {
        *scalar = row.get(6 + at)?;
    }
    Ok(Record {
        id: row.get(0)?,
        reference: row.get(1)?,
        project_id: row.get(2)?,
        creator_id: row.get(3)?,
        language: row.get(4)?,
        created_at: row.get(5)?,
        scalars,
        lists: Default::default(),
    })
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

    fn named(name: &str, items: &[&str]) -> Record {
        let mut record = Record { created_at: "01-01-2020-10-00".to_owned(), ..Record::default() };
        record.scalars[1] = Some(name.to_owned());
        let item =
            |value: &&str| Entry { id: 0, label: None, values: vec![Some("88".to_owned()), Some((*value).to_owned())] };
        record.lists[1] = items.iter().map(item).collect();
        record
    }

    fn filled(count: usize) -> State {
        State::open(None, || (0..count).map(|n| named(&format!("n{n}"), &["a", "b"][..n % 3]))).unwrap()
    }

    #[test]
    fn pages_hold_their_contacts_with_their_own_lists() {
        let mut state = filled(7);
        state.delete(1003).unwrap();
        let check = |state: &mut State, newest: bool, window: (usize, usize), expected: &[i64]| {
            let (total, records) = state.page(newest, |_| window).unwrap();
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
        let id = state.insert(&named("new", &[])).unwrap();
        assert!(state.delete(id).unwrap());
        assert!(!state.delete(id).unwrap());
        assert_eq!(state.insert(&named("newer", &[])).unwrap(), id + 1);
        assert_eq!(State::open(None, nobody).unwrap().insert(&named("first", &[])).unwrap(), FIRST_ID);
    }

    fn nobody() -> impl Iterator<Item = Record> {
        std::iter::empty()
    }

    #[test]
    fn a_change_keeps_the_ids_of_entries_and_an_error_changes_nothing() {
        let mut state = State::open(None, || [named("Durand", &["a", "b"])].into_iter()).unwrap();
        let before = state.get(1001).unwrap().unwrap();
        let refused = state.change(1001, |record| {
            record.scalars[1] = None;
            Err("no")
        });
        assert_eq!(refused.unwrap(), Some(Err("no")));
        assert_eq!(state.get(1001).unwrap().unwrap(), before);
        let changed = state.change::<()>(1001, |record| {
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
        assert_eq!(state.change::<()>(9, |_| Ok(())).unwrap(), None);
    }

    #[test]
    fn a_file_is_seeded_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        assert!(!is_seeded(&path));
        State::open(Some(&path), || [named("a", &[])].into_iter()).unwrap().insert(&named("b", &[])).unwrap();
        assert!(is_seeded(&path));
        let state = State::open(Some(&path), || [named("c", &[])].into_iter()).unwrap();
        assert_eq!(state.ids().unwrap(), [1001, 1002]);
        // As an earlier version left it.
        let older = "ALTER TABLE contact_addresses DROP COLUMN label; ALTER TABLE contact_items DROP COLUMN label;
                     PRAGMA user_version = 1";
        state.connection.execute_batch(older).unwrap();
        drop(state);
        let state = State::open(Some(&path), nobody).unwrap();
        assert_eq!(state.get(1001).unwrap().unwrap().lists[1].len(), 0);
    }

    #[test]
    fn far_pages_are_found_by_the_narrow_index() {
        let state = filled(1);
        let plan = |sql: &str| -> String {
            let mut statement = state.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let lines = statement.query_map([1, 1], |row| row.get::<_, String>(3)).unwrap();
            lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
        };
        for sql in [SELECT, LIST_SQL[0].select, LIST_SQL[1].select] {
            assert!(plan(sql).starts_with("SEARCH"), "{}", plan(sql));
        }
    }
}
