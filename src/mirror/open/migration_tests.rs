//! No migration loses a row. Mirrors of every earlier schema are filled in every table and brought up to the latest;
//! two made-up migrations show what happens where a migration rebuilds a table, and where it breaks a reference.
//!
//! The rows are made from the schema itself: a later migration is covered as it is added.

use std::{collections::BTreeMap, fs};

use rusqlite::{params_from_iter, types::Value};
use rusqlite_migration::M;

use super::*;

/// What a migration takes away or rewrites on purpose: table, column ("*" for the whole table), and where it went.
const MEANT: [(&str, &str, &str); 2] = [
    ("pages", "*", "0005: notes of the CRM's cursor"),
    ("questions", "*", "0006: attention and decisions; tests/old_mirror.rs looks at them"),
];
/// Rows of each table. In the last of them every column that may be NULL is.
const ROWS: usize = 3;

/// Tables by name, each a list of rows, each row its columns' values as SQL literals.
type Content = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn migrations() -> Vec<M<'static>> {
    let mut folders: Vec<_> = MIGRATION_FILES.dirs().collect();
    folders.sort_by_key(|folder| folder.path());
    let sql = |folder: &&Dir<'static>| folder.files().next().and_then(|file| file.contents_utf8()).unwrap();
    folders.iter().map(|folder| M::up(sql(folder))).collect()
}

/// The migrations of this program and one more.
fn with_one_more(sql: &str) -> Migrations<'_> {
    let all: Vec<M<'_>> = migrations().into_iter().chain([M::up(sql)]).collect();
    let count = all.len();
    checked(all.into_iter().collect(), count)
}

fn texts(conn: &Connection, sql: &str) -> Vec<String> {
    let mut select = conn.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The tables, those of SQLite's own left out.
fn tables(conn: &Connection) -> Vec<String> {
    texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
}

/// A mirror of an earlier schema, filled.
fn filled(conn: &mut Connection, version: usize) {
    settle(conn).unwrap();
    Migrations::new(migrations()).to_version(conn, version).unwrap();
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    for table in tables(conn) {
        for row in 1..=ROWS {
            insert(conn, &table, row);
        }
    }
    // Ids that were given and forgotten: they must not be given again.
    conn.execute("UPDATE sqlite_sequence SET seq = seq + 40", []).unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    assert_eq!(number(conn, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

fn insert(conn: &Connection, table: &str, row: usize) {
    let columns = texts(conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let values: Vec<Value> = columns.iter().map(|column| value(conn, table, column, row)).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", "));
    conn.execute(&sql, params_from_iter(values)).unwrap_or_else(|error| panic!("{table}, row {row}: {error}"));
}

/// A value that the column may have, another one for each column and row.
fn value(conn: &Connection, table: &str, column: &str, row: usize) -> Value {
    let of_column = |what: &str| -> Value {
        let sql = format!("SELECT {what} FROM pragma_table_info('{table}') WHERE name = '{column}'");
        conn.query_row(&sql, [], |found| found.get(0)).unwrap()
    };
    let parent =
        format!("SELECT \"table\", \"to\" FROM pragma_foreign_key_list('{table}') WHERE \"from\" = '{column}'");
    let parent = conn.query_row(&parent, [], |found| Ok((found.get::<_, String>(0)?, found.get::<_, String>(1)?)));
    if let Ok((parent, key)) = parent {
        return value(conn, &parent, &key, row);
    }
    if row == ROWS && of_column("\"notnull\" = 0 AND pk = 0") == Value::Integer(1) {
        return Value::Null;
    }
    if let Some(value) = listed(conn, table, column, row).or_else(|| usual(table, column, row)) {
        return value;
    }
    match (of_column("type"), of_column("cid"), of_column("pk")) {
        (Value::Text(kind), Value::Integer(cid), pk) if kind == "INTEGER" => {
            let offset = if pk == Value::Integer(0) { cid * 10 } else { 0 };
            Value::Integer(offset + row as i64)
        }
        // JSON, for the columns that must hold some.
        _ => Value::Text(format!("[\"{table}.{column}.{row}\"]")),
    }
}

/// One of the values that a check lists: `CHECK (state IN ('open', ...))`.
fn listed(conn: &Connection, table: &str, column: &str, row: usize) -> Option<Value> {
    let sql = texts(conn, &format!("SELECT sql FROM sqlite_schema WHERE name = '{table}'")).remove(0);
    let (_, list) = sql.split_once(&format!("CHECK ({column} IN ("))?;
    let values: Vec<&str> = list.split(')').next()?.split(',').map(str::trim).collect();
    let value = values[row % values.len()];
    Some(value.parse().map_or_else(|_| Value::Text(value.trim_matches('\'').to_owned()), Value::Integer))
}

/// What is really stored, where a migration may well look at it.
fn usual(table: &str, column: &str, row: usize) -> Option<Value> {
    let contact = format!("{{\"last_name\":\"Durand {row}\"}}");
    let text = match (table, column) {
        (_, "replica") => ["crm", "team", "sheet"][row % 3].to_owned(),
        ("contacts", "contact_type") => "client".to_owned(),
        ("contacts", "civility_label_id") => "18".to_owned(),
        ("contact_addresses", "address_type") => "21".to_owned(),
        ("contact_items", "type_id") => "27".to_owned(),
        ("questions", "kind") => ["ambiguous", "held_deletion"][row % 2].to_owned(),
        ("history", "kind") => ["update", "delete"][row % 2].to_owned(),
        ("conflicts", "kept") => ["here", "open"][row % 2].to_owned(),
        ("agreements", "theirs" | "ours") | ("outbox", "payload") => contact,
        ("agreements" | "questions", "detail") | ("runs", "summary") => format!("{{\"n\":{row}}}"),
        (_, "at" | "created_at" | "updated_at" | "started_at" | "sent_at" | "first_at") => {
            format!("2026-01-0{row}T00:00:00Z")
        }
        _ => return None,
    };
    Some(Value::Text(text))
}

fn content(conn: &Connection) -> Content {
    let rows_of = |table: &str| {
        let columns = texts(conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let mut select = conn.prepare(&format!("SELECT {} FROM {table}", quoted.join(", "))).unwrap();
        let rows = select.query_map([], |row| {
            columns.iter().enumerate().map(|(at, column)| Ok((column.clone(), row.get(at)?))).collect()
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    tables(conn).into_iter().map(|table| (table.clone(), rows_of(&table))).collect()
}

/// The highest id that each table has given.
fn given_ids(conn: &Connection) -> BTreeMap<String, i64> {
    let mut select = conn.prepare("SELECT name, seq FROM sqlite_sequence").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

/// Every row of `before` is still there, with the values it had.
fn nothing_is_lost(before: &Content, after: &Content) {
    let meant = |table: &str, column: &str| {
        MEANT.iter().any(|(from, what, _)| *from == table && (*what == column || *what == "*"))
    };
    for (table, rows) in before.iter().filter(|(table, _)| !meant(table, "*")) {
        let kept = after.get(table).unwrap_or_else(|| panic!("{table} is gone"));
        for row in rows {
            let same = |other: &BTreeMap<String, String>| {
                row.iter().all(|(column, value)| meant(table, column) || other.get(column) == Some(value))
            };
            assert!(kept.iter().any(same), "{table} has lost {row:?}\nit holds {kept:#?}");
        }
    }
}

#[test]
fn every_earlier_mirror_is_brought_up_with_all_it_holds() {
    for version in 1..known() as usize {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut conn = Connection::open(&path).unwrap();
        filled(&mut conn, version);
        let (before, ids) = (content(&conn), given_ids(&conn));
        assert!(before.values().all(|rows| rows.len() == ROWS), "schema {version}");
        drop(conn);

        let mirror = Mirror::open(&path).unwrap();
        nothing_is_lost(&before, &content(&mirror.conn));
        let after = given_ids(&mirror.conn);
        for (table, given) in ids.iter().filter(|(table, _)| !MEANT.iter().any(|(from, ..)| from == table)) {
            assert!(after.get(table) >= Some(given), "schema {version}: ids of {table} would be given again");
        }
        assert_eq!(number(&mirror.conn, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert_eq!(number(&mirror.conn, "PRAGMA user_version"), known());
        assert_eq!(texts(&mirror.conn, "PRAGMA integrity_check"), ["ok"]);
    }
}

/// `contacts` built anew: SQLite changes a column's type or its checks in no other way.
fn rebuilding(conn: &Connection) -> String {
    let of_kind = |kind: &str| texts(conn, &format!("SELECT sql FROM sqlite_schema WHERE {kind} AND sql IS NOT NULL"));
    let views = texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'view'");
    let mut steps: Vec<String> = views.iter().map(|view| format!("DROP VIEW {view}")).collect();
    let table = of_kind("type = 'table' AND name = 'contacts'").remove(0);
    steps.push(table.replacen("contacts", "contacts_new", 1));
    steps.push("INSERT INTO contacts_new SELECT * FROM contacts".to_owned());
    // The new table has given the ids that it holds, the old one also those that are forgotten.
    let given = "(SELECT seq FROM sqlite_sequence WHERE name = 'contacts')";
    steps.push(format!("UPDATE sqlite_sequence SET seq = {given} WHERE name = 'contacts_new'"));
    steps.push("DROP TABLE contacts".to_owned());
    steps.push("ALTER TABLE contacts_new RENAME TO contacts".to_owned());
    steps.extend(of_kind("type = 'index' AND tbl_name = 'contacts'"));
    steps.extend(of_kind("type = 'view'"));
    steps.join(";\n") + ";"
}

#[test]
fn a_rebuilt_table_keeps_the_rows_that_refer_to_it() {
    // Agreements and writes forbid a contact's deletion. Without them, dropping the table deletes its lists in silence.
    for taken_out in ["DELETE FROM agreements; DELETE FROM outbox;", ""] {
        let mut conn = Connection::open_in_memory().unwrap();
        filled(&mut conn, known() as usize);
        conn.execute_batch(taken_out).unwrap();
        let (before, ids) = (content(&conn), given_ids(&conn));
        let sql = rebuilding(&conn);
        migrate(&mut conn, &with_one_more(&sql)).unwrap();
        assert_eq!(number(&conn, "PRAGMA user_version"), known() + 1);
        assert_eq!((content(&conn), given_ids(&conn)), (before, ids));
        assert_eq!(number(&conn, "PRAGMA foreign_keys"), 1);
        let held = "SELECT \"table\" FROM pragma_foreign_key_list('contact_items')";
        assert_eq!(texts(&conn, held), ["contacts"]);
        conn.execute_batch("DELETE FROM agreements; DELETE FROM outbox; DELETE FROM contacts WHERE id = 1").unwrap();
        assert_eq!(number(&conn, "SELECT count(*) FROM contact_items"), ROWS as i64 - 1, "references are held again");
    }
}

#[test]
fn a_migration_that_breaks_a_reference_leaves_the_mirror_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carnet.db");
    filled(&mut Connection::open(&path).unwrap(), known() as usize);
    let before = fs::read(&path).unwrap();
    for (sql, named) in [
        ("CREATE TABLE more (a); DELETE FROM contacts WHERE id = 1;", "agreements"),
        ("UPDATE contact_items SET contact = contact + 100;", "contact_items"),
    ] {
        let mut conn = Connection::open(&path).unwrap();
        settle(&conn).unwrap();
        let failed = migration_failed(&path, migrate(&mut conn, &with_one_more(sql)).unwrap_err());
        assert!(matches!(failed, MirrorError::Migration { .. }), "{failed}");
        assert!(failed.to_string().contains(named), "{failed}");
        assert!(failed.hint().is_some());
        assert_eq!(number(&conn, "PRAGMA foreign_keys"), 1);
        drop(conn);
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
    }
    Mirror::open(&path).unwrap();
}
