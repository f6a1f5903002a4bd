//! Why a run ended early, by exit code.

use std::path::Path;

use crate::{
    mirror::MirrorError,
    replicas::{ReplicaError, Trouble},
};

/// Why a run ended early. Display is a lowercase fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The settings do not fit together (exit 2).
    #[error("{0}")]
    Settings(Trouble),
    /// What was typed cannot be done (exit 2).
    #[error("{0}")]
    Usage(Trouble),
    /// The CRM refused the login (exit 4).
    #[error("{0}")]
    Login(Trouble),
    /// Network or server trouble; a retry may help (exit 5).
    #[error("{0}")]
    Network(Trouble),
    /// Stopped for safety (exit 7).
    #[error("{0}")]
    Safety(Trouble),
    /// Another carnet holds the lock (exit 11).
    #[error("{0}")]
    Locked(Trouble),
    /// A person asked to stop (exit 130).
    #[error("interrupted; everything up to here is kept, and the next run goes on")]
    Interrupted,
    /// The mirror failed (exit 1).
    #[error("{0}")]
    Mirror(#[from] MirrorError),
    /// What is written to is full or closed (exit 1).
    #[error("write the export: {0}")]
    Output(std::io::Error),
    /// Anything else (exit 1).
    #[error("{0}")]
    Failed(Trouble),
}

impl SyncError {
    /// The public exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            SyncError::Settings(_) | SyncError::Usage(_) => 2,
            SyncError::Login(_) => 4,
            SyncError::Network(_) => 5,
            SyncError::Safety(_) => 7,
            SyncError::Locked(_) => 11,
            SyncError::Interrupted => 130,
            SyncError::Mirror(_) | SyncError::Output(_) | SyncError::Failed(_) => 1,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            SyncError::Settings(trouble)
            | SyncError::Usage(trouble)
            | SyncError::Login(trouble)
            | SyncError::Network(trouble)
            | SyncError::Safety(trouble)
            | SyncError::Locked(trouble)
            | SyncError::Failed(trouble) => trouble.hint.clone(),
            SyncError::Mirror(error) => error.hint(),
            SyncError::Interrupted | SyncError::Output(_) => None,
        }
    }
}

impl SyncError {
    /// The same; a failure of the mirror of this path is looked into: [`MirrorError::examined`].
    #[must_use]
    pub fn examined(self, mirror: &Path) -> Self {
        match self {
            SyncError::Mirror(error) => SyncError::Mirror(error.examined(mirror)),
            other => other,
        }
    }
}

impl From<ReplicaError> for SyncError {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Login(trouble) => SyncError::Login(trouble),
            ReplicaError::Unavailable(trouble) | ReplicaError::Unsettled(trouble) => SyncError::Network(trouble),
            ReplicaError::Unsafe(trouble) => SyncError::Safety(trouble),
            ReplicaError::Rejected(trouble) | ReplicaError::Postponed(trouble) => SyncError::Failed(trouble),
            ReplicaError::Stale(_) => SyncError::Failed(Trouble::new(error.to_string())),
        }
    }
}
