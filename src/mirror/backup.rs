//! Whole copies of the mirror's file: made while other programs write, and looked at before they count.
//!
//! A copy is written by one statement, within one reading of the mirror: SQLite's stepped copy begins anew whenever another
//! program writes, and need never end. What was deleted is not in it, nor is anything beside it: one file is all there is.

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::{
    Mirror, beside,
    error::{MirrorError, Result},
    open::{known, refuse_other_schemas},
};
use crate::sqlite;

/// What a whole and sound mirror says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The account that it is a copy of; none before the first run.
    pub account: Option<String>,
    /// Living contacts.
    pub contacts: u64,
    /// When its last run began: RFC 3339, UTC.
    pub last_run_at: Option<String>,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Mirror {
    /// Writes a copy of the mirror at `path` into the file `copy`, which is empty; what it says of itself. Both are read
    /// through: a mirror that is not sound, and a copy that is not, are errors. The copy is on the disk then.
    ///
    /// # Errors
    /// There is no mirror, it is not sound, or the copy cannot be written.
    pub fn copy_to(path: &Path, copy: &Path) -> Result<Looked> {
        let conn = open_to_copy(path)?;
        refuse_unsound(&conn, path)?;
        let Some(name) = copy.to_str() else {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidFilename, "its name is not UTF-8");
            return Err(MirrorError::Io { path: copy.to_owned(), source });
        };
        conn.execute("VACUUM INTO ?1", [name])?;
        drop(conn);
        let looked = Self::look_at(copy)?;
        let io = |source| MirrorError::Io { path: copy.to_owned(), source };
        fs::File::open(copy).and_then(|file| file.sync_all()).map_err(io)?;
        Ok(looked)
    }

    /// Reads the mirror at `path` through, whichever carnet's schema it has; what it says of itself.
    ///
    /// # Errors
    /// It is no mirror, a later carnet's, or not sound.
    pub fn look_at(path: &Path) -> Result<Looked> {
        let conn = open_to_copy(path)?;
        refuse_unsound(&conn, path)?;
        let unsound = |error: rusqlite::Error| MirrorError::Unsound { path: path.to_owned(), why: error.to_string() };
        let text = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0)).optional().map_err(unsound);
        let contacts = "SELECT count(*) FROM contacts WHERE deleted_at IS NULL";
        let contacts: i64 = conn.query_row(contacts, [], |row| row.get(0)).map_err(unsound)?;
        Ok(Looked {
            account: text("SELECT value FROM facts WHERE key = 'crm.account'")?,
            contacts: contacts.unsigned_abs(),
            last_run_at: text("SELECT started_at FROM runs ORDER BY id DESC LIMIT 1")?,
            bytes: fs::metadata(path).map_err(|source| MirrorError::Io { path: path.to_owned(), source })?.len(),
        })
    }
}

/// The rights of the mirror's files.
impl Mirror {
    /// Makes an empty file for a mirror, its owner's alone; it must not exist.
    ///
    /// # Errors
    /// The system's.
    pub fn create_empty(path: &Path) -> Result<()> {
        Ok(sqlite::create(path)?)
    }

    /// True where others than its owner may read the mirror.
    ///
    /// # Errors
    /// The system's.
    pub fn others_can_read(path: &Path) -> Result<bool> {
        let found = fs::metadata(path).map_err(|source| MirrorError::Io { path: path.to_owned(), source })?;
        Ok(found.permissions().mode() & 0o077 != 0)
    }

    /// Makes the mirror, and what lies beside it, its owner's alone. Another user's is left as it is.
    ///
    /// # Errors
    /// The system's.
    pub fn make_private(path: &Path) -> Result<()> {
        for name in ["", "-wal", "-shm"].map(|end| beside(path, end)) {
            match fs::set_permissions(&name, fs::Permissions::from_mode(0o600)) {
                Err(source) if !matches!(source.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                    return Err(MirrorError::Io { path: name, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// A mirror of this or an earlier carnet's schema, to be read as it is.
fn open_to_copy(path: &Path) -> Result<Connection> {
    sqlite::refuse_other_files(path)?;
    let opened = open_as(path, OpenFlags::SQLITE_OPEN_READ_ONLY, path.as_os_str().to_owned());
    // Where no log can be made beside a file that expects one, a file that has none can be read without.
    let conn = match opened {
        Err(MirrorError::Open { source, .. }) if wants_a_log(&source) && !beside(path, "-wal").exists() => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            open_as(path, flags, address(path).into())?
        }
        Err(MirrorError::Open { source, .. }) if is_damage(&source) => {
            return Err(MirrorError::Unsound { path: path.to_owned(), why: source.to_string() });
        }
        opened => opened?,
    };
    conn.execute_batch("PRAGMA query_only = OFF; PRAGMA temp_store = FILE")?;
    Ok(conn)
}

fn open_as(path: &Path, flags: OpenFlags, name: std::ffi::OsString) -> Result<Connection> {
    let opening = |source| MirrorError::Open { path: path.to_owned(), source };
    let conn = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(opening)?;
    conn.busy_timeout(sqlite::BUSY_MAX).map_err(opening)?;
    let found = refuse_other_schemas(&conn, path)?;
    if found == 0 {
        return Err(MirrorError::TooOld { path: path.to_owned(), found, known: known() });
    }
    Ok(conn)
}

fn wants_a_log(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// The file as an address that promises that nobody changes it.
fn address(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

fn refuse_unsound(conn: &Connection, path: &Path) -> Result<()> {
    let unsound = |why: String| MirrorError::Unsound { path: path.to_owned(), why };
    let word: String = match conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)) {
        Ok(word) => word,
        Err(error) if is_damage(&error) => return Err(unsound(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    if word != "ok" {
        return Err(unsound(word.lines().last().unwrap_or_default().to_owned()));
    }
    let orphans = "SELECT count(*) FROM pragma_foreign_key_check";
    let orphans: i64 = conn.query_row(orphans, [], |row| row.get(0))?;
    if orphans > 0 { Err(unsound(format!("{orphans} rows refer to no row"))) } else { Ok(()) }
}

/// True where SQLite says that the file's bytes make no sense.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
