//! What can go wrong with the device store, in words. Holds no contact data.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::sqlite::Unusable;

/// A result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failure of the device store: a lowercase fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite cannot open the file.
    #[error("open the device store {}: {source}", path.display())]
    Open {
        /// The store's file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The file, or its folder, cannot be made or read.
    #[error("open the device store {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("open the device store {}: it is not a device store of carnet", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later carnet.
    #[error("open the device store {}: a newer carnet wrote it (schema {found}, this one knows {known})", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The last schema version that this program knows.
        known: i64,
    },
    /// The schema cannot be brought up to this program's. Nothing was changed.
    #[error("bring the device store {} up to this carnet's schema: {why}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        why: String,
    },
    /// There is a device of that name.
    #[error("add device \"{0}\": there is one of that name")]
    NameTaken(String),
    /// There is no such device, or not any more.
    #[error("find the device: there is none of that name")]
    NoDevice,
    /// SQLite refused a statement.
    #[error("use the device store: {0}")]
    Sql(#[from] rusqlite::Error),
}

impl From<Unusable> for StoreError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Open { path, source } => Self::Open { path, source },
            Unusable::Io { path, source } => Self::Io { path, source },
            Unusable::NotSqlite { path } | Unusable::NotOurs { path } => Self::NotOurs { path },
            Unusable::TooNew { path, found, known } => Self::TooNew { path, found, known },
        }
    }
}

impl StoreError {
    /// What to do about it, if there is more to say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Open { source, .. } | Self::Sql(source) => match source.sqlite_error_code()? {
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                    Some("another program is writing to it; try again")
                }
                ErrorCode::SystemIoFailure => Some("check the disk (the system's log names it)"),
                ErrorCode::DiskFull => Some("free some disk space; nothing of the last change was written"),
                ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                    Some("see who owns the file and its folder")
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    Some("move it away: devices are added anew, and get every card from the mirror again")
                }
                _ => None,
            },
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull => Some("free some disk space"),
                _ => Some("see who owns the file and its folder"),
            },
            Self::NotOurs { .. } => Some("move the file away; carnet keeps its devices there"),
            Self::TooNew { .. } => Some("use the carnet that wrote it, or a later one"),
            Self::NameTaken(_) => Some("choose another name, or revoke that device first"),
            Self::Migration { .. } | Self::NoDevice => None,
        }
    }

    /// True where the same try may succeed in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Sql(source) => {
                matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            _ => false,
        }
    }
}
