//! Opening the device store: the file and its rights, what it must be, its settings and its migrations.
//!
//! A file that is not a device store is refused untouched.

use std::{path::Path, sync::LazyLock};

use include_dir::{Dir, include_dir};
use rusqlite::Connection;
use rusqlite_migration::{Error as MigrationError, Migrations};

use super::{
    DeviceStore,
    error::{Result, StoreError},
};
use crate::sqlite::{self, Kind, patiently};

/// "card". Also in the first migration.
const APPLICATION_ID: i64 = 0x6361_7264;
/// More than there are.
const STATEMENTS_MAX: usize = 64;

static MIGRATION_FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/devices");
static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    // The folder is compiled in and a test loads it: this cannot fail where it has not failed there.
    Migrations::from_directory(&MIGRATION_FILES).expect("the migrations compiled in are numbered from 1 without gaps")
});

impl DeviceStore {
    /// Opens the store, making it (mode 0600, its folder 0700) and bringing it up to this program's schema.
    ///
    /// # Errors
    /// The file cannot be made, is not a device store, or is a newer carnet's: it is left as it was.
    pub fn open(path: &Path) -> Result<Self> {
        let kind = Kind { application_id: APPLICATION_ID, known: MIGRATION_FILES.dirs().count() as i64 };
        let mut conn = sqlite::open(path, kind)?;
        let failed = |error| migration_failed(path, error);
        patiently(|| Ok(settle(&conn)?)).map_err(failed)?;
        patiently(|| migrate(&mut conn)).map_err(failed)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        conn.busy_handler(Some(sqlite::soon_again))?;
        Ok(Self { conn })
    }

    /// A store without a file, for tests and practice.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> Result<Self> {
        Self::over(Connection::open_in_memory()?)
    }

    /// A store on a connection that the caller opened, brought up to this program's schema. Whose database it is, is not
    /// checked.
    ///
    /// # Errors
    /// SQLite's.
    pub fn over(mut conn: Connection) -> Result<Self> {
        settle(&conn)?;
        migrate(&mut conn).map_err(|error| migration_failed(Path::new(":memory:"), error))?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self { conn })
    }
}

fn settle(conn: &Connection) -> rusqlite::Result<()> {
    // There are several connections, each with a cache of its own.
    conn.execute_batch(
        "PRAGMA cache_size = -512;
         PRAGMA page_size = 8192;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA journal_size_limit = 67108864;",
    )
}

fn migrate(conn: &mut Connection) -> rusqlite_migration::Result<()> {
    sqlite::to_latest(conn, &MIGRATIONS, MIGRATION_FILES.dirs().count())
}

fn migration_failed(path: &Path, error: MigrationError) -> StoreError {
    let path = path.to_owned();
    match error {
        MigrationError::RusqliteError { err: source, .. } => StoreError::Open { path, source },
        other => StoreError::Migration { path, why: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::books::served::NewDevice;

    #[test]
    fn the_migrations_are_sound() {
        MIGRATIONS.validate().expect("each can be carried out");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_and_what_lies_beside_it_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("state");
        let mut store = DeviceStore::open(&folder.join("carnet.devices.db")).unwrap();
        store.add(&NewDevice::of("phone"), 0).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 2, "the write-ahead log lies beside it: {files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn the_settings_are_the_safe_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = DeviceStore::open(&folder.path().join("d.db")).unwrap();
        let pragma = |name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            store.conn.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let expected = [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("user_version", "1")];
        for (name, value) in expected {
            assert_eq!(pragma(name), value, "{name}");
        }
        assert_eq!(pragma("application_id"), APPLICATION_ID.to_string());
    }

    #[test]
    fn files_that_are_not_ours_are_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        let check = |bytes: Vec<u8>, says: &str| {
            fs::write(&path, &bytes).unwrap();
            let error = DeviceStore::open(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        };
        check(b"a note".to_vec(), "not a device store");
        let database = |sql: &str| {
            let path = folder.path().join("made");
            let _ = fs::remove_file(&path);
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            fs::read(&path).unwrap()
        };
        check(database("CREATE TABLE t (x)"), "not a device store");
        check(database("PRAGMA application_id = 1667330670; CREATE TABLE t (x)"), "not a device store");
        check(
            database("PRAGMA application_id = 1667330660; PRAGMA user_version = 99; CREATE TABLE t (x)"),
            "newer carnet",
        );
    }

    #[test]
    fn many_open_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.db");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let mut store = DeviceStore::open(path).unwrap();
                    store.add(&NewDevice::of(&format!("phone{number}")), 0).unwrap();
                });
            }
        });
        assert_eq!(DeviceStore::open(&path).unwrap().devices().unwrap().len(), 8);
    }
}
