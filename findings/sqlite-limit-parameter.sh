#!/usr/bin/env bash
# SQLite (3.53.2, as bundled by rusqlite 0.40.2): a prepared statement whose LIMIT is a bound parameter is compiled anew each
# time the parameter is bound to another value, although the table has no statistics and there is one plan only. The counter
# SQLITE_STMTSTATUS_REPREPARE shows it; nothing else does. `LIMIT +?1` is the same limit and is compiled once.
# Who caches statements by their text, as rusqlite's prepare_cached does, pays for compiling all the same.
# Prints the counts after 100 uses with changing limits, and fails if they are not as they were.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "limit"
version = "0.0.0"
edition = "2024"

[dependencies]
rusqlite = { version = "=0.40.2", features = ["bundled"] }
libsqlite3-sys = "=0.38.2"
TOML
cat >"$folder/src/main.rs" <<'RUST'
use rusqlite::{Connection, StatementStatus};

fn recompiled(conn: &Connection, sql: &str) -> i32 {
    let mut statement = conn.prepare(sql).unwrap();
    for limit in 1..=100_i64 {
        let names = statement.query_map([limit], |row| row.get::<_, String>(0)).unwrap();
        assert!(names.count() <= 100);
    }
    statement.get_status(StatementStatus::RePrepare)
}

fn main() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO contacts SELECT i, 'Durand ' || i FROM n",
    )
    .unwrap();
    println!("SQLite {}", rusqlite::version());
    for sql in [
        "SELECT name FROM contacts ORDER BY id LIMIT ?1",
        "SELECT name FROM contacts ORDER BY id LIMIT +?1",
        "SELECT name FROM contacts WHERE id <= ?1 ORDER BY id",
    ] {
        println!("{:3} {sql}", recompiled(&conn, sql));
    }
}
RUST
seen=$(cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
echo "$seen"
expected='SQLite 3.53.2
100 SELECT name FROM contacts ORDER BY id LIMIT ?1
  0 SELECT name FROM contacts ORDER BY id LIMIT +?1
  0 SELECT name FROM contacts WHERE id <= ?1 ORDER BY id'
[ "$seen" = "$expected" ] || { echo "this has changed; it was:"; echo "$expected"; exit 1; }
