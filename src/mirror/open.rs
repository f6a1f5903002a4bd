//! Opening the mirror: the file and its rights, what it must be, its settings and its migrations.
//!
//! A file that is not carnet's own is refused untouched.

use std::{path::Path, sync::LazyLock};

use include_dir::{Dir, include_dir};
use rusqlite::{Connection, OpenFlags, Transaction, functions::FunctionFlags};
use rusqlite_migration::{Error as MigrationError, HookError, HookResult, Migrations, MigrationsBuilder};

use super::{
    Mirror, beside,
    error::{MirrorError, Result},
};
use crate::{
    contact::keys,
    sqlite::{self, BUSY_MAX, Kind, patiently, refuse_other_files},
};

/// "carn". Also in the first migration.
const APPLICATION_ID: i64 = 0x6361_726e;

static MIGRATION_FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/mirror");
static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    // The folder is compiled in and a test loads it: this cannot fail where it has not failed there.
    let files = MigrationsBuilder::from_directory(&MIGRATION_FILES);
    checked(files.expect("the migrations compiled in are numbered from 1 without gaps"), MIGRATION_FILES.dirs().count())
});

impl Mirror {
    /// Opens the mirror, making it (mode 0600, its folder 0700) and bringing it up to this program's schema.
    ///
    /// # Errors
    /// The file cannot be made, is not carnet's, or is a newer carnet's: it is left as it was.
    pub fn open(path: &Path) -> Result<Self> {
        let mut conn = sqlite::open(path, kind())?;
        let failed = |error| migration_failed(path, error);
        patiently(|| Ok(settle(&conn)?)).map_err(failed)?;
        patiently(|| migrate(&mut conn, &MIGRATIONS)).map_err(failed)?;
        Ok(Self::on(conn)?)
    }

    /// Opens the mirror for a short change while a run of another program may be at work on it: as it is, never made or
    /// brought up.
    ///
    /// # Errors
    /// As [`Mirror::open_read_only`].
    pub fn open_beside_a_run(path: &Path) -> Result<Self> {
        let opening = |source| MirrorError::Open { path: path.to_owned(), source };
        let conn = open_as_it_is(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").map_err(opening)?;
        Ok(Self::on(conn)?)
    }

    /// Opens the mirror for reading, while another program may be writing to it.
    ///
    /// # Errors
    /// As [`Mirror::open`]; also when there is no mirror yet, or an older carnet's.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        let opening = |source| MirrorError::Open { path: path.to_owned(), source };
        finish_what_a_kill_left(path);
        let conn = open_as_it_is(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.execute_batch("PRAGMA query_only = ON").map_err(opening)?;
        Ok(Self::on(conn)?)
    }

    /// A mirror without a file, for tests and practice.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> Result<Self> {
        Self::over(Connection::open_in_memory()?)
    }

    /// A mirror on a connection that the caller opened, brought up to this program's schema. Whose database it is, is not
    /// checked.
    ///
    /// # Errors
    /// SQLite's.
    pub fn over(mut conn: Connection) -> Result<Self> {
        settle(&conn)?;
        migrate(&mut conn, &MIGRATIONS).map_err(|error| migration_failed(Path::new(":memory:"), error))?;
        Ok(Self::on(conn)?)
    }

    pub(super) fn on(conn: Connection) -> rusqlite::Result<Self> {
        conn.set_prepared_statement_cache_capacity(128);
        // `contact::Filter` compares by it. No table, index or view may: other programs do not have it.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        conn.create_scalar_function("folded", 1, flags, |call| {
            Ok(keys::text(call.get_raw(0).as_str_or_null()?.unwrap_or_default()))
        })?;
        Ok(Self { conn, depth: 0, private: false })
    }
}

/// Whoever was killed while the journal's kind changed has left a journal that only a writer can undo. Where this fails, the
/// reader says why.
fn finish_what_a_kill_left(path: &Path) {
    if beside(path, "-journal").exists() {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let _ = Connection::open_with_flags(path, flags).and_then(|conn| {
            conn.busy_timeout(BUSY_MAX)?;
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        });
    }
}

/// A mirror of this program's schema.
fn open_as_it_is(path: &Path, access: OpenFlags) -> Result<Connection> {
    refuse_other_files(path)?;
    let opening = |source| MirrorError::Open { path: path.to_owned(), source };
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(opening)?;
    conn.busy_timeout(BUSY_MAX).map_err(opening)?;
    let found = refuse_other_schemas(&conn, path)?;
    if found < known() {
        return Err(MirrorError::TooOld { path: path.to_owned(), found, known: known() });
    }
    Ok(conn)
}

/// The schema version found, 0 for an empty file.
pub(super) fn refuse_other_schemas(conn: &Connection, path: &Path) -> Result<i64> {
    Ok(sqlite::refuse_other_schemas(conn, path, kind())?)
}

fn migration_failed(path: &Path, error: MigrationError) -> MirrorError {
    let path = path.to_owned();
    match error {
        MigrationError::RusqliteError { err: source, .. } => MirrorError::Open { path, source },
        MigrationError::Hook(why) => MirrorError::Migration { path, why },
        other => MirrorError::Migration { path, why: other.to_string() },
    }
}

fn settle(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "PRAGMA page_size = 8192;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -8192;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA temp_store = FILE;
         PRAGMA journal_size_limit = 67108864;",
    )
}

/// Brings the schema up, all migrations or none.
///
/// A migration that rebuilds a table drops the old one, and with foreign keys on SQLite first deletes its rows, and all
/// rows that refer to them: so they are off meanwhile (inside a transaction SQLite ignores that setting), and the
/// references are checked before the commit.
fn migrate(conn: &mut Connection, migrations: &Migrations<'_>) -> rusqlite_migration::Result<()> {
    conn.pragma_update(None, "foreign_keys", false)?;
    let migrated = sqlite::to_latest(conn, migrations, MIGRATION_FILES.dirs().count());
    conn.pragma_update(None, "foreign_keys", true)?;
    migrated
}

/// The same migrations, the last of which fails where a row is left without the row that it refers to.
fn checked(migrations: MigrationsBuilder<'_>, count: usize) -> Migrations<'_> {
    migrations.edit(count, |last| last.set_up_hook(refuse_orphans)).finalize()
}

/// In place of the library's own check, which cannot report rows of tables without rowids.
fn refuse_orphans(transaction: &Transaction<'_>) -> HookResult {
    let mut check = transaction.prepare(
        "SELECT count(*) || ' rows of ' || \"table\" || ' would refer to no row of ' || parent
         FROM pragma_foreign_key_check GROUP BY \"table\", parent",
    )?;
    let orphans: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if orphans.is_empty() { Ok(()) } else { Err(HookError::Hook(orphans.join(", "))) }
}

fn kind() -> Kind {
    Kind { application_id: APPLICATION_ID, known: known() }
}

pub(super) fn known() -> i64 {
    MIGRATION_FILES.dirs().count() as i64
}

#[cfg(test)]
mod migration_tests;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_file_and_what_lies_beside_it_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("state").join("carnet");
        let mut mirror = Mirror::open(&folder.join("carnet.db")).unwrap();
        mirror.set_fact("key", "value").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700));
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 2, "the write-ahead log lies beside it: {files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn the_settings_are_the_safe_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&folder.path().join("carnet.db")).unwrap();
        let pragma = |name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            mirror.conn.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("application_id", "1667330670"),
            ("user_version", "9"),
        ] {
            assert_eq!(pragma(name), value, "{name}");
        }
    }

    #[test]
    fn connections_do_not_wait_for_each_other_inside_sqlite() {
        // As `.cargo/config.toml` has SQLite compiled.
        let conn = Connection::open_in_memory().unwrap();
        let mut options = conn.prepare("PRAGMA compile_options").unwrap();
        let options: Vec<String> =
            options.query_map([], |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect();
        let has = |option: &str| options.iter().any(|found| found == option);
        assert!(has("THREADSAFE=1") && has("DEFAULT_MEMSTATUS=0"), "{options:?}");
        assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    }

    #[test]
    fn it_is_opened_again_and_read_beside_a_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let missing = Mirror::open_read_only(&path).unwrap_err();
        assert!(missing.hint().unwrap().contains("carnet pull"), "{missing}");
        assert!(!path.exists(), "reading makes no file");
        let mut writer = Mirror::open(&path).unwrap();
        writer.set_fact("key", "one").unwrap();
        let mut reader = Mirror::open_read_only(&path).unwrap();
        writer
            .transact::<_, MirrorError>(|writer| {
                writer.set_fact("key", "two")?;
                assert_eq!(reader.fact("key")?.as_deref(), Some("one"));
                Ok(())
            })
            .unwrap();
        assert_eq!(reader.fact("key").unwrap().as_deref(), Some("two"));
        assert!(reader.set_fact("key", "three").is_err());
        drop(writer);
        assert_eq!(Mirror::open(&path).unwrap().fact("key").unwrap().as_deref(), Some("two"));
    }

    #[test]
    fn files_that_are_not_ours_are_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let database = |name: &str, sql: &str| {
            let path = folder.path().join(name);
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            path
        };
        let text = folder.path().join("notes.txt");
        fs::write(&text, "x").unwrap();
        let theirs = database("theirs.db", "CREATE TABLE t (a)");
        let newer =
            database("newer.db", "CREATE TABLE t (a); PRAGMA application_id = 1667330670; PRAGMA user_version = 99");
        let damaged = folder.path().join("damaged.db");
        fs::write(&damaged, [b"SQLite format 3\0".as_slice(), &[0xee; 5000]].concat()).unwrap();
        for (path, words) in [
            (&text, "it is not a SQLite database"),
            (&theirs, "it is a database of another program"),
            (&newer, "a newer carnet wrote it (schema 99, this one knows 9)"),
            (&damaged, "it is not a SQLite database"),
        ] {
            let before = fs::read(path).unwrap();
            for error in [Mirror::open(path).unwrap_err(), Mirror::open_read_only(path).unwrap_err()] {
                assert_eq!(error.to_string(), format!("open the mirror {}: {words}", path.display()));
                assert!(error.hint().is_some());
            }
            assert_eq!(fs::read(path).unwrap(), before, "{}", path.display());
        }
        assert!(matches!(Mirror::open(folder.path()), Err(MirrorError::Io { .. })));
    }

    #[test]
    fn an_empty_file_becomes_a_mirror() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        fs::write(&path, "").unwrap();
        assert!(matches!(Mirror::open_read_only(&path), Err(MirrorError::TooOld { found: 0, .. })));
        Mirror::open(&path).unwrap().set_fact("key", "value").unwrap();
        Mirror::open_read_only(&path).unwrap();
    }

    #[test]
    fn a_file_name_is_never_read_as_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file:x?mode=memory&#%20");
        Mirror::open(&path).unwrap().set_fact("key", "value").unwrap();
        assert_eq!(Mirror::open(&path).unwrap().fact("key").unwrap().as_deref(), Some("value"));
    }

    #[test]
    fn two_programs_may_make_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| Mirror::open(&path).map(drop))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn the_migrations_are_sound() {
        assert_eq!(MIGRATIONS.validate(), Ok(()));
    }
}
