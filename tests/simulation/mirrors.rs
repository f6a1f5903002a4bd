//! Mirrors in memory: one a thread, passed on from one history to the next with what a new one holds, so that its schema is
//! read and its statements are compiled once.
//!
//! Each is open twice, as a file would be by two programs: once for the runs, once for those who look at it or work on it
//! meanwhile. The second connection sees what is committed and nothing else. Only rows change here: whatever changes the
//! schema or a setting has SQLite compile every statement anew.

use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use carnet::mirror::Mirror;
use rusqlite::{Connection, config::DbConfig, types::Value};

/// Statements kept compiled: those of the engine and of the checker.
const STATEMENTS_MAX: usize = 512;
/// Bytes in a page: a history has few rows, and each page that a transaction touches is copied three times.
const PAGE_SIZE: u32 = 1_024;

/// What a new mirror holds.
static NEW: OnceLock<Rows> = OnceLock::new();

thread_local! {
    static SPARE: Cell<Option<Mirrors>> = const { Cell::new(None) };
}

/// One mirror over two connections.
pub struct Mirrors {
    /// The runs'.
    pub own: Mirror,
    /// Everybody else's.
    pub beside: Mirror,
}

impl Mirrors {
    /// A mirror that nobody has used, or that holds no more than such a one.
    pub fn take() -> Self {
        SPARE.take().unwrap_or_else(|| {
            static NUMBER: AtomicU64 = AtomicU64::new(0);
            // A name with a slash is shared between connections; the database is gone with the last of them.
            let name = format!("file:/mirror-{}?vfs=memdb", NUMBER.fetch_add(1, Ordering::Relaxed));
            let (own, beside) = (open(&name), open(&name));
            NEW.get_or_init(|| Rows::of(&own));
            Self { own, beside }
        })
    }

    /// Gives a mirror back whose history is over, whatever it holds.
    pub fn give_back(self) {
        NEW.get().expect("what the first mirror held").put_into(&self.own);
        SPARE.set(Some(self));
    }
}

fn open(name: &str) -> Mirror {
    let conn = Connection::open(name).expect("a database in memory");
    // The size is taken when something is written for the first time, and kept: here the mark of carnet's databases.
    let pages = format!("PRAGMA page_size = {PAGE_SIZE}; PRAGMA application_id = 0x6361726e");
    conn.execute_batch(&pages).expect("a database's first page");
    // Otherwise SQLite compiles a statement with a parameter in its LIMIT anew whenever the parameter is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("a setting of the planner");
    // One thread has both connections: none can wait for the other.
    conn.busy_timeout(std::time::Duration::ZERO).expect("a setting of the connection");
    let mirror = Mirror::over(conn).expect("a mirror");
    mirror.connection().set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    mirror
}

/// Every row of a mirror.
pub struct Rows(Vec<Table>);

struct Table {
    /// The statement that empties it, and the one that puts a row into it.
    delete: String,
    insert: String,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// What a mirror holds now.
    pub fn of(mirror: &Mirror) -> Self {
        let conn = mirror.connection();
        // A table that refers to another one was made after it. What counts the keys given out comes last: each row that
        // is put in counts there too.
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name = 'sqlite_sequence', rowid";
        let mut select = conn.prepare_cached(names).expect("the tables");
        let names = select.query_map([], |row| row.get::<_, String>(0)).expect("the tables");
        Self(names.map(|name| Table::of(conn, &name.expect("a table"))).collect())
    }

    /// Lets a mirror hold these, and nothing else.
    pub fn put_into(&self, mirror: &Mirror) {
        let conn = mirror.connection();
        let run = |sql: &str, row: &[Value]| {
            let mut statement = conn.prepare_cached(sql).expect("a statement");
            statement.execute(rusqlite::params_from_iter(row)).expect("a mirror's rows");
        };
        run("BEGIN IMMEDIATE", &[]);
        self.0.iter().rev().for_each(|table| run(&table.delete, &[]));
        for table in &self.0 {
            // Counted anew by the rows put in.
            if table.delete.ends_with("sqlite_sequence") {
                run(&table.delete, &[]);
            }
            table.rows.iter().for_each(|row| run(&table.insert, row));
        }
        run("COMMIT", &[]);
    }
}

impl Table {
    fn of(conn: &Connection, name: &str) -> Self {
        let mut select = conn.prepare_cached(&format!("SELECT * FROM {name}")).expect("a table");
        let columns = select.column_count();
        let rows = select.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).expect("a table");
        let rows = rows.collect::<Result<_, _>>().expect("a table's rows");
        let places = vec!["?"; columns].join(", ");
        let insert = format!("INSERT INTO {name} VALUES ({places})");
        Self { delete: format!("DELETE FROM {name}"), insert, rows }
    }
}
