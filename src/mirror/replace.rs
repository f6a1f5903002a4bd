//! Another file put in the mirror's place.
//!
//! The order of the steps is what keeps a kill between any two of them harmless:
//! 1. The present mirror's log is folded into its file and the file is held by an exclusive lock, so that no log can come to
//!    lie beside it: SQLite would take an old log for a part of the new file.
//! 2. A second name is given to it (a link): it is under both then.
//! 3. The new file, whole and on the disk, is renamed over the first name.
//!
//! A mirror that SQLite cannot read has a log that nobody can fold in: it gets a second name of its own, beside its file's,
//! and loses the first one before step 3.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Instant,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig};

use super::{
    Mirror,
    backup::is_damage,
    beside,
    error::{MirrorError, Result},
    open::refuse_other_schemas,
};
use crate::sqlite::{BUSY_MAX, Unusable, pause, refuse_other_files};

/// What SQLite may have put beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// The part of it that may hold what the database does not.
const KEPT_BESIDE: [&str; 2] = ["-wal", "-journal"];

/// The file that is in the mirror's place, held still.
#[derive(Debug)]
pub struct Present {
    path: PathBuf,
    state: Standing,
}

#[derive(Debug)]
enum Standing {
    /// There is none.
    None,
    /// It cannot be read.
    Damaged,
    /// Nobody else reads or writes it as long as this is open. It has no log.
    Held(Connection),
}

/// How far the numbers of a mirror's rows have come, by table.
pub type Numbers = Vec<(String, i64)>;

impl Present {
    /// Holds what is in the mirror's place; the caller has the mirror's lock.
    ///
    /// # Errors
    /// Another program has it open and does not let go; it is another program's; it cannot be opened for another reason
    /// than what is in it.
    pub fn hold(path: &Path) -> Result<Self> {
        let present = |state| Ok(Self { path: path.to_owned(), state });
        match refuse_other_files(path) {
            Ok(()) => {}
            Err(Unusable::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return present(Standing::None);
            }
            Err(Unusable::NotSqlite { .. }) => return present(Standing::Damaged),
            Err(error) => return Err(error.into()),
        }
        match held(path) {
            Ok(conn) => present(Standing::Held(conn)),
            Err(MirrorError::NotSqlite { .. } | MirrorError::Corrupt { .. }) => present(Standing::Damaged),
            Err(MirrorError::Open { source, .. } | MirrorError::Sql(source)) if is_damage(&source) => {
                present(Standing::Damaged)
            }
            Err(error) => Err(error),
        }
    }

    /// True where there is a mirror that cannot be read.
    pub fn is_damaged(&self) -> bool {
        matches!(self.state, Standing::Damaged)
    }

    /// How far the numbers of its rows have come, so that no later mirror gives one again.
    pub fn numbers(&self) -> Numbers {
        let Standing::Held(conn) = &self.state else { return Numbers::new() };
        let read = || -> rusqlite::Result<Numbers> {
            let mut select = conn.prepare("SELECT name, seq FROM sqlite_sequence")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        // Of one that is damaged there nobody knows them.
        read().unwrap_or_default()
    }

    /// Puts the file `new` in its place; it stays as `kept`. True where there was one.
    ///
    /// # Errors
    /// The system's: either the old one or the new one is in place.
    pub fn replace(self, new: &Path, kept: &Path) -> Result<bool> {
        let io = |source| MirrorError::Io { path: self.path.clone(), source };
        let was_there = !matches!(self.state, Standing::None);
        if was_there {
            second_name(&self.path, kept).map_err(io)?;
        }
        // Beside a file that is held there is nothing; what lies beside one that cannot be read, or is gone, is kept.
        for end in KEPT_BESIDE {
            match second_name(&beside(&self.path, end), &beside(kept, end)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
                Ok(()) | Err(_) => {}
            }
        }
        sync_folder(&self.path).map_err(io)?;
        for end in BESIDE {
            forget_one(&beside(&self.path, end)).map_err(io)?;
        }
        sync_folder(&self.path).map_err(io)?;
        fs::rename(new, &self.path).map_err(io)?;
        sync_folder(&self.path).map_err(io)?;
        Ok(was_there)
    }
}

impl Mirror {
    /// Makes one file of the mirror at `path`, with all that was written, on the disk, and nothing beside it. Nobody else has
    /// it open.
    ///
    /// # Errors
    /// SQLite's and the system's.
    pub fn into_one_file(self, path: &Path) -> Result<()> {
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        drop(self);
        let io = |source| MirrorError::Io { path: path.to_owned(), source };
        fs::File::open(path).and_then(|file| file.sync_all()).map_err(io)
    }

    /// Has no row get a number up to these.
    ///
    /// # Errors
    /// SQLite's.
    pub fn number_from(&mut self, numbers: &Numbers) -> Result<()> {
        for (table, last) in numbers {
            let has_numbers = "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND sql LIKE '%AUTOINCREMENT%'";
            if self.sql(has_numbers)?.query_row([table], |_| Ok(())).optional()?.is_none() {
                continue;
            }
            let raised = self
                .sql("UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1")?
                .execute(rusqlite::params![table, last])?;
            if raised == 0 {
                self.sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)")?
                    .execute(rusqlite::params![table, last])?;
            }
        }
        Ok(())
    }
}

/// A file, and what SQLite may have put beside it, gone.
///
/// # Errors
/// The system's.
pub fn forget_file(path: &Path) -> Result<()> {
    let io = |source| MirrorError::Io { path: path.to_owned(), source };
    std::iter::once("").chain(BESIDE).try_for_each(|end| forget_one(&beside(path, end))).map_err(io)
}

fn forget_one(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The mirror's file, its log folded in, and nobody else's.
fn held(path: &Path) -> Result<Connection> {
    let opening = |source| MirrorError::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let began = Instant::now();
    loop {
        // A connection that failed to take the lock for itself would not try again.
        let conn = Connection::open_with_flags(path, flags).map_err(opening)?;
        // Of one that turns out to be damaged, the log is kept as it is.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(opening)?;
        match refuse_other_schemas(&conn, path) {
            // What a later carnet wrote is kept like any other.
            Ok(_) | Err(MirrorError::TooNew { .. }) => {}
            Err(error) => return Err(error),
        }
        match alone(&conn) {
            Ok(()) => return Ok(conn),
            Err(error) if !is_busy(&error) => return Err(opening(error)),
            Err(_) if began.elapsed() >= BUSY_MAX => return Err(MirrorError::InUse { path: path.to_owned() }),
            Err(_) => pause(),
        }
    }
}

fn alone(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(std::time::Duration::ZERO)?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // Refused as long as anybody else has it open; the log's files go with it.
    conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")?;
    let kind: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    // Somebody was quicker, and has made a log again.
    let busy = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
    if kind == "delete" { Ok(()) } else { Err(busy()) }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

/// Another name for the same file; a copy where the file system has no such thing.
fn second_name(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            fs::copy(file, name).and_then(|_| fs::File::open(name)?.sync_all())
        }
        linked => linked,
    }
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
