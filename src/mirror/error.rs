//! What can go wrong with the mirror, in words.
//!
//! No message holds a contact's data: a row that cannot be read is named by its table, id and column.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::sqlite::Unusable;

/// A result of the mirror.
pub type Result<T> = std::result::Result<T, MirrorError>;

/// A failure of the mirror: a lowercase fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// SQLite cannot open the file.
    #[error("open the mirror {}: {source}", path.display())]
    Open {
        /// The mirror's file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The file, or its folder, cannot be made or read.
    #[error("open the mirror {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is something else than a SQLite database.
    #[error("open the mirror {}: it is not a SQLite database", path.display())]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another program.
    #[error("open the mirror {}: it is a database of another program", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later carnet.
    #[error("open the mirror {}: a newer carnet wrote it (schema {found}, this one knows {known})", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The last schema version that this program knows.
        known: i64,
    },
    /// The file was written by an earlier carnet and was opened for reading only, so that it cannot be brought up.
    #[error("read the mirror {}: its schema is {found}, this carnet reads {known}", path.display())]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its schema version; 0 for a file with nothing in it yet.
        found: i64,
        /// The schema version that this program reads.
        known: i64,
    },
    /// The schema cannot be brought up to this program's. Nothing was changed.
    #[error("bring the mirror {} up to this carnet's schema: {why}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Which rows stand in the way.
        why: String,
    },
    /// The file is a mirror, and what is in it does not hold together.
    #[error("use the mirror {}: it is damaged ({why})", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What SQLite found first.
        why: String,
    },
    /// Another program has the file open, and it is to be replaced.
    #[error("put another mirror in the place of {}: another program has it open", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk did not give the file's bytes; SQLite itself may have called that malformed. See `damage`.
    #[error("read the mirror {}: the disk could not read it ({})", path.display(), disks_words(source.as_ref()))]
    Disk {
        /// The file.
        path: PathBuf,
        /// The system's words; none where a second try could read it.
        source: Option<std::io::Error>,
    },
    /// SQLite refused a statement.
    #[error("use the mirror: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A stored value makes no sense.
    #[error("read the mirror: {table} {row}: {column} makes no sense")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which row, by its key.
        row: String,
        /// Which column.
        column: &'static str,
    },
    /// There is no contact of that id.
    #[error("find contact {contact} in the mirror")]
    NoContact {
        /// The id asked for.
        contact: i64,
    },
    /// A contact cannot be forgotten: a replica's agreement or an unfinished write still names it.
    #[error("forget contact {contact}: something still refers to it")]
    StillAgreed {
        /// The contact.
        contact: i64,
    },
    /// SQLite gave up the transaction (a full disk, say) while work in it went on. Nothing of it was kept.
    #[error("use the mirror: the transaction was given up after an earlier failure")]
    Aborted,
}

impl From<Unusable> for MirrorError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Open { path, source } => Self::Open { path, source },
            Unusable::Io { path, source } => Self::Io { path, source },
            Unusable::NotSqlite { path } => Self::NotSqlite { path },
            Unusable::NotOurs { path } => Self::NotOurs { path },
            Unusable::TooNew { path, found, known } => Self::TooNew { path, found, known },
        }
    }
}

impl MirrorError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Open { source, .. } | Self::Sql(source) => return sqlite_hint(source).map(str::to_owned),
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => "there is no mirror yet; `carnet pull` makes it",
                std::io::ErrorKind::PermissionDenied => "see who owns the file and its folder",
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "free some disk space",
                _ => FAILING_DISK,
            },
            Self::Disk { .. } => FAILING_DISK,
            Self::NotSqlite { .. } => {
                return Some(format!(
                    "set `mirror.path` to a file of carnet's own; if this file was its mirror, it is damaged: {DAMAGED}"
                ));
            }
            Self::NotOurs { .. } => "set `mirror.path` to a file of carnet's own",
            Self::TooNew { .. } => "use the carnet that wrote it, or a later one",
            Self::TooOld { .. } => "`carnet pull` brings it up to date",
            Self::Migration { .. } => {
                "nothing was changed; if another program took rows out of it, restore the mirror from a backup"
            }
            Self::Corrupt { .. } | Self::Unsound { .. } => DAMAGED,
            Self::InUse { .. } => {
                "nothing was changed; stop what reads or replicates it (Litestream, a SQLite program), then try again"
            }
            Self::NoContact { .. } | Self::StillAgreed { .. } | Self::Aborted => return None,
        };
        Some(hint.to_owned())
    }
}

/// Moving a sound file away because its disk fails would lose it.
const FAILING_DISK: &str = "nothing was changed by this; copy the file to another disk first, with its -wal and -shm if \
                            they are there, then check the disk (the system's log names it)";

/// What a lost mirror means: engine.md, section 2.
const DAMAGED: &str = "keep a copy of the file first; then `carnet restore` a backup, or move it away and run \
                       `carnet sync`: the history and what waits for you are lost with it, every contact is matched \
                       anew, and nothing is deleted; `carnet repair` does that and saves of the history what can be read";

fn disks_words(source: Option<&std::io::Error>) -> String {
    source.map_or_else(|| "a second try could".to_owned(), ToString::to_string)
}

fn sqlite_hint(error: &rusqlite::Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some("another program is writing to it; try again"),
        ErrorCode::SystemIoFailure => Some(FAILING_DISK),
        ErrorCode::DiskFull => Some("free some disk space; nothing of the last transaction was written"),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            Some("see who owns the file and its folder")
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(DAMAGED),
        _ => None,
    }
}
