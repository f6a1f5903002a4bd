//! How a replica behaves, as data. A run matches on it and never asks which replica it has before it.

use crate::contact::FieldSet;

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

/// How a replica behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conduct {
    /// What it means that a complete scan did not show a known record.
    pub absence: Absence,
    /// What can be known of a write whose answer was lost.
    pub writes: Writes,
    /// What the record says that answers a write.
    pub answers: Answers,
    /// Who gives records their ids.
    pub ids: Ids,
    /// A listing may leave out fields that the record has; the record asked for alone does not.
    pub abridges: bool,
    /// What a record says depends on what is known of its contact ([`super::Replica::interpret`], `shows`), so that
    /// it is judged once the scan is over.
    pub rereads: bool,
    /// Its records may come back as an older copy of themselves: a file that was open elsewhere is saved over it, restored, or
    /// checked out.
    pub restorable: bool,
    /// At most so many writes are handed over at a time.
    pub writes_at_once: usize,
}

/// What it means that a complete scan did not show a known record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is gone: the scan looked at the storage itself.
    Certain,
    /// Nothing yet: listings shift and servers err, so it is asked for by id, and believed at the second denial.
    AskById,
}

/// What can be known of a write whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// It is done or it is not, and the next scan shows which.
    Atomic,
    /// It may still take effect, and the record is read back after each write since the server may have made something else
    /// of it.
    Uncertain,
}

/// What the record says that answers a write, where writes are uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// What the write left, as the replica keeps it: a value that it does not hold as sent is nobody's edit. What else was
    /// done there the next scan shows.
    OwnWrite,
    /// What stands there by now, whoever wrote it.
    Present,
}

/// Who gives records their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// The replica alone, for good, each higher than all before; records of other replicas carry them (the CRM's id).
    Shared,
    /// Its own business: a file name, a card's UID. A record may get another one.
    Own,
}
