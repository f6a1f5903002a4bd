//! A scan: what the mirror knows before it, and what it hands over.

use crate::contact::Field;

use super::{
    error::Stopped,
    record::{Problem, RemoteContact, RemoteId, Revision},
};

/// What the mirror knows of a replica before a scan, asked for piece by piece: a run does not hold the address book.
///
/// Each question fails only where the run itself has ended.
pub trait Baseline {
    /// How many records are known.
    fn count(&self) -> u64;

    /// The revision that was agreed on; none for a record that is not known.
    fn revision_of(&self, remote: &str) -> Result<Option<Revision>, Stopped>;

    /// Every known record with its agreed revision, in no order.
    fn for_each(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped>;

    /// A note of an earlier scan's cursor.
    fn note(&self, name: &str) -> Result<Option<String>, Stopped>;

    /// Every note of an earlier scan's cursor, by name.
    fn for_each_note(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped>;
}

/// Where a replica wants to go on from next time: notes by name, opaque outside the replica. An empty note is forgotten.
///
/// It is committed with the last of what the scan said, never before.
pub type Cursor = Vec<(String, String)>;

/// A part of a scan.
#[derive(Debug, Default)]
pub struct Batch {
    /// Contacts whose revision is the known one.
    pub same: Vec<RemoteId>,
    /// Contacts that are new or whose revision changed.
    pub changed: Vec<RemoteContact>,
    /// Records that the replica says are not there any more.
    pub gone: Vec<RemoteId>,
    /// Copies of records that a sync program set beside them: never believed by themselves.
    pub copies: Vec<ConflictCopy>,
    /// Records that could not be used.
    pub problems: Vec<Problem>,
    /// What could not be used of records that are handed over all the same, by field. It is told unless what is known of
    /// the contact says what stood there ([`super::Reading`]'s `rewritten`).
    pub doubts: Vec<(Field, Problem)>,
    /// Records that were used, and of which something is to be told; in the same words.
    pub remarks: Vec<Problem>,
    /// How far the scan is.
    pub progress: Progress,
}

impl Batch {
    /// How much of it is for a user to read.
    pub fn count_told(&self) -> usize {
        self.problems.len() + self.doubts.len() + self.remarks.len()
    }
}

/// A copy of a record, which a sync program set beside it because two machines had changed it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictCopy {
    /// The copy.
    pub record: RemoteContact,
    /// The name of the record that it is a copy of.
    pub of: RemoteId,
}

/// How far a scan is, in the replica's own steps (pages); for a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps that this batch adds.
    pub steps: u32,
    /// Steps there will be in all, once known.
    pub expected: Option<u32>,
}

/// How a scan ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// How much of the replica it covered.
    pub coverage: Coverage,
    /// Where the next scan goes on from.
    pub cursor: Cursor,
}

impl Scanned {
    /// All of it, with nothing to go on from.
    pub fn complete() -> Self {
        Self { coverage: Coverage::Complete, cursor: Cursor::new() }
    }

    /// A part of it, with nothing to go on from.
    pub fn partial() -> Self {
        Self { coverage: Coverage::Partial, cursor: Cursor::new() }
    }
}

/// How much of a replica a scan covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All of it: a known record that was not shown may be gone.
    Complete,
    /// Some of it could not be read: what was not shown may be there, and no cursor is kept.
    Partial,
    /// What changed since the cursor: what was not shown is as it was, and what is gone was named.
    Delta,
}

/// Takes the batches of a scan, one by one, as they are read.
pub type Sink<'a> = dyn FnMut(Batch) -> Result<(), Stopped> + 'a;
