//! The one port of the star: what holds contacts beside the mirror, and what plugs in.
//!
//! The contract, for every replica:
//! - `scan` says everything that the replica holds, in batches, each contact as unchanged (its revision is the known
//!   one) or as a sighting. It never writes. An absence means "gone" only when the scan ended well.
//! - `look` asks for one contact, fresh.
//! - `apply` carries out writes and answers each, in order. A write whose base revision is not the present one is
//!   `Stale` and changes nothing. `OutcomeUnknown` means that it may have happened: look before repeating it.
//! - A record that cannot be read is a `Problem`, counts as seen, and stops nobody else.

pub mod memory;

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
};

use crate::contact::{Contact, FieldSet};

/// A future that stays on the run's own thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What the replica calls a contact: the CRM's id, a file name, a card's UID. Opaque outside the replica.
pub type RemoteId = String;

/// The state of a contact in its replica, compared for equality only. Opaque outside the replica.
pub type Revision = String;

/// A contact as a replica holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteContact {
    /// Its name there.
    pub remote: RemoteId,
    /// Its state there.
    pub revision: Revision,
    /// The UID written in the record, if the replica's records carry one.
    pub uid: Option<String>,
    /// The CRM's id written in the record, if any (X-INCWO-ID, the CSV's `id` column). The CRM's own: its remote.
    pub crm_id: Option<String>,
    /// The contact; fields outside `fields` are empty and mean nothing.
    pub contact: Contact,
    /// What this record says something about.
    pub fields: FieldSet,
    /// What the replica wants to be handed back with a later write, and people may query: JSON. The CRM keeps here the
    /// elements that the reference does not name and the ids of list entries.
    pub detail: Option<String>,
    /// The record's own bytes, where [`Replica::reread`] can tell more from them.
    pub source: Option<Vec<u8>>,
}

/// What a replica can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The fields it carries at all.
    pub fields: FieldSet,
    /// Of those, the ones that its programs drop: a changed value is an edit, an absence never is.
    pub weak: FieldSet,
    /// Its records carry our UID and the CRM id, and are to be completed with them once these are known.
    pub identity: bool,
}

/// What the mirror knows of a replica before a scan.
#[derive(Debug, Default)]
pub struct Known {
    /// The agreed revision of each contact.
    pub revisions: HashMap<RemoteId, Revision>,
    /// The CRM's pages as last read.
    pub pages: HashMap<u32, PageNote>,
    /// The CRM refused the login last time: it is tried on one request before the others follow.
    pub login_refused: bool,
}

/// A listing page as last read, so that the same bytes need not be read again.
///
/// It counts only while every contact on it is still agreed on under the revision that it had (`seal`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageNote {
    /// Page number, from 1.
    pub page: u32,
    /// The server's ETag, verbatim, if it sent one.
    pub etag: Option<String>,
    /// Hash of the body's bytes.
    pub digest: String,
    /// The ids on the page, in order.
    pub remotes: Vec<RemoteId>,
    /// Hash over the ids and the revisions they had.
    pub seal: String,
    /// `total_pages` as the page said it, if it did.
    pub total_pages: Option<u32>,
}

/// A record that could not be used, in words for a person. Never holds the record's own values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: "page 3, contact 812", "ada.vcf line 7", "row 12, column phone".
    pub place: String,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The known contact it concerns, if that much could be read: it counts as seen.
    pub remote: Option<RemoteId>,
}

/// A part of a scan.
#[derive(Debug, Default)]
pub struct Batch {
    /// Contacts whose revision is the known one.
    pub same: Vec<RemoteId>,
    /// Contacts that are new or whose revision changed.
    pub changed: Vec<RemoteContact>,
    /// Records that could not be used.
    pub problems: Vec<Problem>,
    /// The page this batch was read from, to be remembered with its contacts.
    pub page: Option<PageNote>,
    /// How many pages there will be, once known; for progress.
    pub pages_expected: Option<u32>,
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// All of it was read: a known contact that was not seen may be gone.
    Everything,
    /// Only what changed was read: absence says nothing.
    Changes,
}

/// One contact, asked for by name.
#[derive(Debug)]
pub enum Lookup {
    /// It is there.
    Found(Box<RemoteContact>),
    /// The replica says that it has no such contact.
    Gone,
    /// No answer that means anything; ask again another time.
    Unclear(String),
}

/// A write to one contact of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The contact's UID, for records that carry it.
    pub uid: String,
    /// Its CRM id, once it has one.
    pub crm_id: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every write is an update, and they are handed over, not stored")]
pub enum Action {
    /// Make a new record. It must not exist there yet.
    Create {
        /// What to write.
        contact: Contact,
    },
    /// Change a record.
    Update {
        /// Which one.
        remote: RemoteId,
        /// The revision it must still have.
        revision: Revision,
        /// What was last read there; the CRM compares it with what it reads just before writing.
        theirs: Contact,
        /// What it shall hold.
        contact: Contact,
        /// The fields to change; may be empty where only the identity is completed.
        changed: FieldSet,
        /// The sighting's detail, handed back.
        detail: Option<String>,
    },
    /// Remove a record.
    Delete {
        /// Which one.
        remote: RemoteId,
        /// The revision it must still have.
        revision: Revision,
        /// What was last read there.
        theirs: Contact,
    },
}

/// A write done: the record as read back afterwards; `None` after a deletion.
pub type Written = Option<RemoteContact>;

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
    /// Nothing happened and the same try will fail again until something changes: 422, read-only, too large.
    #[error("{0}")]
    Rejected(Diagnostic),
    /// It may have happened: look before repeating it.
    #[error("{0}")]
    OutcomeUnknown(Diagnostic),
    /// The login was refused: stop at once.
    #[error("{0}")]
    Login(Diagnostic),
    /// The replica as a whole is not to be believed or written: missing marker, emptied.
    #[error("{0}")]
    Untrusted(Diagnostic),
}

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

/// Takes the batches of a scan, one by one, as they are read.
pub type Sink<'a> = dyn FnMut(Batch) -> Result<(), ReplicaError> + 'a;

/// What holds contacts beside the mirror.
pub trait Replica {
    /// What it can hold.
    fn capabilities(&self) -> Capabilities;

    /// Reads all of it. An error ends the scan; batches handed over before it are whole and stay good.
    fn scan<'a>(&'a mut self, known: &'a Known, sink: &'a mut Sink<'_>) -> LocalFuture<'a, Result<Scan, ReplicaError>>;

    /// Reads one contact, fresh.
    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>>;

    /// Carries out the writes; the answers are in the same order, one each.
    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>>;

    /// A record read again in the light of what is known of its contact: a number whose type the record does not say keeps
    /// the type it has. None where the first reading says all there is.
    fn reread(&self, source: &[u8], known: &Contact) -> Option<Contact> {
        let _ = (source, known);
        None
    }

    /// What a changed record is to be taken to say, where `known` is what it said before: a program that never writes a
    /// property has not removed it. None where that is just what it says (`there`). Asked after a scan.
    fn interpret(&self, source: &[u8], known: &Contact, there: &Contact) -> Option<Contact> {
        let _ = (source, known, there);
        None
    }

    /// A contact as this replica can show it now: a column that a person took out of a table is not a deletion of what
    /// stood in it. Asked after a scan.
    fn shows(&self, contact: &Contact) -> Contact {
        contact.clone()
    }

    /// HTTP requests sent so far, by verb.
    fn requests(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// What was learnt of it and is worth keeping for the next run, by name.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
