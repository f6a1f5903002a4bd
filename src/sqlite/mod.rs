//! SQLite files of carnet's own: made private, left untouched where they are somebody else's, brought up to a schema.
//!
//! Deliberately not here: what is in them, and what a connection is set to.

use std::{
    fs,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use rusqlite_migration::{Error as MigrationError, Migrations};

/// How long to wait for another program that is writing.
pub const BUSY_MAX: Duration = Duration::from_secs(10);

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// In the file's header: `file` and other programs can tell whose it is.
    pub application_id: i64,
    /// The last schema version that this program knows.
    pub known: i64,
}

/// Why a file cannot be used. It is as it was.
#[derive(Debug)]
pub enum Unusable {
    /// SQLite cannot open it.
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// It, or its folder, cannot be made or read.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It is something else than a SQLite database.
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// It is a SQLite database of another kind.
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A later carnet wrote it.
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The last one that this program knows.
        known: i64,
    },
}

/// Opens a file of this kind for writing, making it (mode 0600, its folder 0700) where there is none.
///
/// # Errors
/// The file cannot be made, is not of this kind, or is a later carnet's.
pub fn open(path: &Path, kind: Kind) -> Result<Connection, Unusable> {
    create(path)?;
    refuse_other_files(path)?;
    let opening = |source| Unusable::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(opening)?;
    conn.busy_timeout(BUSY_MAX).map_err(opening)?;
    refuse_other_schemas(&conn, path, kind)?;
    Ok(conn)
}

/// Makes the file with the right mode from its first instant: a later chmod would leave a gap, and the log files that
/// SQLite puts beside it take their mode from it.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> Result<(), Unusable> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| Unusable::Io { path: folder.to_owned(), source })?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => Err(Unusable::Io { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

/// SQLite would take a short text file for an empty database and write over it.
///
/// # Errors
/// It is one; the system's.
pub fn refuse_other_files(path: &Path) -> Result<(), Unusable> {
    let io = |source| Unusable::Io { path: path.to_owned(), source };
    let mut head = Vec::new();
    fs::File::open(path).map_err(io)?.take(16).read_to_end(&mut head).map_err(io)?;
    if head.is_empty() || head == b"SQLite format 3\0" {
        return Ok(());
    }
    Err(Unusable::NotSqlite { path: path.to_owned() })
}

/// The schema version found, 0 for an empty file.
///
/// # Errors
/// The file is not of this kind, or a later carnet's; SQLite's.
pub fn refuse_other_schemas(conn: &Connection, path: &Path, kind: Kind) -> Result<i64, Unusable> {
    let Kind { application_id, known } = kind;
    let number = |sql: &str| {
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|source| match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Unusable::NotSqlite { path: path.to_owned() },
            _ => Unusable::Open { path: path.to_owned(), source },
        })
    };
    let found = number("PRAGMA user_version")?;
    let empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    if number("PRAGMA application_id")? != application_id && !(empty && found == 0) {
        return Err(Unusable::NotOurs { path: path.to_owned() });
    }
    if found > known {
        return Err(Unusable::TooNew { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// SQLite does not wait for others where it changes the journal's kind or finds a deadlock: then it is asked again.
pub fn patiently(mut step: impl FnMut() -> rusqlite_migration::Result<()>) -> rusqlite_migration::Result<()> {
    let began = Instant::now();
    loop {
        match step() {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_MAX => pause(),
            done => return done,
        }
    }
}

/// For a connection that somebody waits for: looks again each millisecond, where SQLite itself would look again after up to a
/// tenth of a second. False once that has gone on for [`BUSY_MAX`]. `times`: how often it has looked.
pub fn soon_again(times: i32) -> bool {
    let goes_on = u128::try_from(times).is_ok_and(|times| times < BUSY_MAX.as_millis());
    if goes_on {
        std::thread::sleep(Duration::from_millis(1));
    }
    goes_on
}

/// Lets another program get on.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

fn is_busy(error: &MigrationError) -> bool {
    matches!(error, MigrationError::RusqliteError { err, .. }
        if err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
}

/// Brings the schema up by these migrations, so many, all or none.
pub fn to_latest(conn: &mut Connection, migrations: &Migrations<'_>, count: usize) -> rusqlite_migration::Result<()> {
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    // The version is read before the transaction begins: where two programs make the file at once, the later one fails on
    // what the earlier has made, and looks again; that may happen once with each migration.
    let mut migrated = migrations.to_latest(conn);
    for _ in 0..count {
        if matches!(migrated, Err(MigrationError::RusqliteError { .. })) {
            migrated = migrations.to_latest(conn);
        }
    }
    migrated
}
