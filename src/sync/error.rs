//! Why a run ended early, by exit code.

use std::path::Path;

use super::{exit, review::refused::Refused};
use crate::{
    mirror::MirrorError,
    replica::{Diagnostic, Distrust, ReplicaError},
};

/// Why a run ended early. Display is a lowercase fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The settings do not fit together (exit 2).
    #[error("{0}")]
    Settings(Diagnostic),
    /// What was typed cannot be done (exit 2).
    #[error("{0}")]
    Usage(Diagnostic),
    /// The CRM refused the login (exit 4).
    #[error("{0}")]
    Login(Diagnostic),
    /// Network or server trouble; a retry may help (exit 5).
    #[error("{0}")]
    Network(Diagnostic),
    /// Stopped for safety (exit 7).
    #[error("{0}")]
    Safety(Diagnostic),
    /// The settings name another account than the one that the mirror is a copy of (exit 7).
    #[error("go on: this mirror is a copy of {mirror}, and the settings name {settings}")]
    OtherAccount {
        /// The mirror's.
        mirror: String,
        /// The settings'.
        settings: String,
    },
    /// The CRM as a whole is not to be believed or written (exit 7).
    #[error("{0}")]
    Distrusted(Distrust),
    /// A user's decision cannot be carried out (exit 1 or 2). Its words are the face's.
    #[error("carry out the decision on {0:?}")]
    Refused(Box<Refused>),
    /// Another carnet holds the lock (exit 11).
    #[error("{0}")]
    Locked(Diagnostic),
    /// A user asked to stop (exit 130).
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
    Failed(Diagnostic),
}

impl SyncError {
    /// The error where nothing stands before it: "failed to ...".
    pub fn whole(&self) -> String {
        match self {
            SyncError::Interrupted => self.to_string(),
            _ => format!("failed to {self}"),
        }
    }

    /// The public exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            SyncError::Settings(_) | SyncError::Usage(_) => exit::USAGE,
            SyncError::Login(_) => exit::LOGIN,
            SyncError::Network(_) => exit::NETWORK,
            SyncError::Safety(_) | SyncError::OtherAccount { .. } | SyncError::Distrusted(_) => exit::SAFETY,
            SyncError::Refused(refused) if refused.why.is_usage() => exit::USAGE,
            SyncError::Refused(_) => exit::FAILED,
            SyncError::Locked(_) => exit::LOCKED,
            SyncError::Interrupted => exit::INTERRUPTED,
            SyncError::Mirror(_) | SyncError::Output(_) | SyncError::Failed(_) => exit::FAILED,
        }
    }

    /// The failure of a run that another process made, by its exit code.
    pub fn told(exit_code: u8, message: String, hint: Option<String>) -> Self {
        let diagnostic = Diagnostic { message, hint };
        match exit_code {
            exit::USAGE => SyncError::Settings(diagnostic),
            exit::LOGIN => SyncError::Login(diagnostic),
            exit::NETWORK => SyncError::Network(diagnostic),
            exit::SAFETY => SyncError::Safety(diagnostic),
            exit::LOCKED => SyncError::Locked(diagnostic),
            exit::INTERRUPTED => SyncError::Interrupted,
            _ => SyncError::Failed(diagnostic),
        }
    }

    /// What to do; none where a face has words of its own for it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SyncError::Settings(diagnostic)
            | SyncError::Usage(diagnostic)
            | SyncError::Login(diagnostic)
            | SyncError::Network(diagnostic)
            | SyncError::Safety(diagnostic)
            | SyncError::Locked(diagnostic)
            | SyncError::Failed(diagnostic) => diagnostic.hint.clone(),
            SyncError::Mirror(error) => error.hint(),
            SyncError::Distrusted(Distrust::Other(diagnostic)) => diagnostic.hint.clone(),
            SyncError::OtherAccount { .. }
            | SyncError::Distrusted(_)
            | SyncError::Refused(_)
            | SyncError::Interrupted
            | SyncError::Output(_) => None,
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

impl From<Refused> for SyncError {
    fn from(refused: Refused) -> Self {
        SyncError::Refused(Box::new(refused))
    }
}

impl From<ReplicaError> for SyncError {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Login(diagnostic) => SyncError::Login(diagnostic),
            ReplicaError::Unavailable(diagnostic) | ReplicaError::OutcomeUnknown(diagnostic) => {
                SyncError::Network(diagnostic)
            }
            ReplicaError::Untrusted(distrust) => SyncError::Distrusted(distrust),
            ReplicaError::Rejected(diagnostic) | ReplicaError::Deferred(diagnostic) => SyncError::Failed(diagnostic),
            ReplicaError::Partial(partial) => SyncError::Failed(partial.reason),
            ReplicaError::Stale(_) | ReplicaError::Stopped(_) => SyncError::Failed(Diagnostic::new(error.to_string())),
        }
    }
}
