//! Why a replica did not do what it was asked, named by what to do next.

use super::record::RemoteContact;
use crate::contact::FieldSet;

/// Why something did not happen, named by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// It changed there since it was last seen: reconcile again. Carries what is there now, if that was read.
    #[error("it changed there in the meantime")]
    Stale(Option<Box<RemoteContact>>),
    /// Nothing happened and a later try may succeed: network, server trouble, a locked file.
    #[error("{0}")]
    Unavailable(Diagnostic),
    /// Nothing happened, and only this write waits for a later run; the replica itself is well.
    #[error("{0}")]
    Deferred(Diagnostic),
    /// A part of it happened, and the record was read back since.
    #[error("{}", .0.reason)]
    Partial(Box<Partial>),
    /// Nothing happened and the same try will fail again until something changes: 422, read-only, too large.
    #[error("{0}")]
    Rejected(Diagnostic),
    /// It may have happened: look before repeating it.
    #[error("{0}")]
    OutcomeUnknown(Diagnostic),
    /// The login was refused: stop at once.
    #[error("{0}")]
    Login(Diagnostic),
    /// The replica as a whole is not to be believed or written.
    #[error("{0}")]
    Untrusted(Distrust),
    /// The run itself ended the scan, and knows why.
    #[error("{0}")]
    Stopped(#[from] Stopped),
}

/// A write of which a part was done, or that was done and needs a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// The record as read back.
    pub record: RemoteContact,
    /// The fields that were not sent.
    pub unsent: FieldSet,
    /// Those of them that the replica has no way to be told: no later run can do better.
    pub inexpressible: FieldSet,
    /// What was tried since the record was read may yet take effect.
    pub unsettled: bool,
    /// Why, in words.
    pub reason: Diagnostic,
}

/// Why a replica as a whole is not to be believed or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The folder is not there.
    #[error("use book \"{book}\": there is no folder at {path}")]
    NoFolder {
        /// The book.
        book: String,
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The folder has no marker file.
    #[error("use book \"{book}\": there is no marker file at {path}")]
    NoMarker {
        /// The book.
        book: String,
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The marker file went away while the folder was worked on.
    #[error("use book \"{book}\": the marker file went away at {path}")]
    MarkerWentAway {
        /// The book.
        book: String,
        /// The folder.
        path: String,
        /// The file that marks it as the book's.
        marker: String,
    },
    /// The file is not there.
    #[error("use book \"{book}\": its file {path} is missing")]
    NoFile {
        /// The book.
        book: String,
        /// The file.
        path: String,
    },
    /// In the replica's own words.
    #[error("{0}")]
    Other(Diagnostic),
}

/// The run takes no more of a scan: it was interrupted, or its mirror failed. The run knows which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run ended the scan")]
pub struct Stopped;

/// A failure in words: a lowercase fragment that reads after "failed to", and a hint. Holds no secret and no contact data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A failure without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
