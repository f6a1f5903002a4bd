//! The one port of the star: what holds contacts beside the mirror, and what plugs in.
//!
//! The contract, for every replica:
//! - `conduct` says how it behaves; a run matches on that and never asks which replica it is.
//! - `scan` says what the replica holds, in batches, each contact as unchanged (its revision is the known one) or as a record.
//!   It never writes contacts. How it ended says what an absence means, and its cursor is committed with the last of what
//!   it said: a scan that the run did not take in to its end is made again from the cursor before. A cursor that the
//!   replica cannot read is none, and the scan a complete one.
//! - `fetch` asks for one contact, fresh.
//! - `apply` carries out writes and answers each, in order. A write whose base revision is not the present one is
//!   `Stale` and changes nothing. `OutcomeUnknown` means that it may have happened: look before repeating it.
//! - A copy that a sync program set beside a record is handed over as what it is; the engine never believes it by itself,
//!   and has it removed, under its revision, once a user has answered.
//! - A record that cannot be read is a `Problem`, counts as seen, and stops nobody else. No cursor covers it: each scan names
//!   it until it can be read. Where absences are believed unasked, a scan with one is `Partial`: it may hold what is missing.
//! - A run has a thread of its own: a replica may block it, and its futures need not be `Send`.

mod conduct;
mod error;
mod firms;
mod hashes;
pub mod memory;
mod record;
mod scan;
mod write;

use std::{collections::BTreeMap, future::Future, pin::Pin};

pub use self::{
    conduct::{Absence, Answers, Capabilities, Conduct, Ids, Writes},
    error::{Diagnostic, Distrust, Partial, ReplicaError, Stopped},
    firms::{Firm, FirmBatch, FirmSink, Firms},
    hashes::Hashes,
    record::{Lookup, Problem, Reading, RemoteContact, RemoteId, Revision},
    scan::{Baseline, Batch, ConflictCopy, Coverage, Cursor, Progress, Scanned, Sink},
    write::{Action, Unanswered, Write, Written},
};
use crate::contact::{Contact, Field};

/// A future that stays on the run's own thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What holds contacts beside the mirror.
pub trait Replica {
    /// What it can hold.
    fn capabilities(&self) -> Capabilities;

    /// How it behaves.
    fn conduct(&self) -> Conduct;

    /// Gets back what [`Replica::learned`] gave in an earlier run; once, before anything else is asked. `known` finds a
    /// value by its name.
    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let _ = known;
    }

    /// Writes of earlier runs of which nobody knows the end: what they left is nobody's edit, whatever the replica has made
    /// of it. Told before a scan.
    fn unanswered(&mut self, writes: Vec<Unanswered>) {
        let _ = writes;
    }

    /// Reads it. An error ends the scan; batches handed over before it are whole and stay good.
    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>>;

    /// Reads one contact, fresh.
    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>>;

    /// Carries out the writes; the answers are in the same order, one each.
    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>>;

    /// What a record says, knowing its contact. None where the record speaks for itself. Asked after a scan.
    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        let _ = (record, known);
        None
    }

    /// All that the last scan said is in the mirror, and its cursor is kept.
    fn taken_in(&mut self) {}

    /// What stood before whoever removed a record that the last scan called gone, knowing what was agreed on; none where that
    /// is what stood there.
    fn removed(&self, remote: &str, known: &Contact) -> Option<Contact> {
        let _ = (remote, known);
        None
    }

    /// A contact as this replica can show it now: a column that a user took out of a table is not a deletion of what
    /// stood in it. Asked after a scan.
    fn shows(&self, contact: &Contact) -> Contact {
        contact.clone()
    }

    /// True where this write makes it try something first, on a record that it makes for that and removes again: a user is
    /// told before.
    fn tries_before(&self, write: &Write) -> bool {
        let _ = write;
        false
    }

    /// How it takes a list, in words that are only compared; none while that is still to be found out. A list that it did
    /// not take is sent again once this has changed.
    fn list_mode(&self, list: Field) -> Option<String> {
        let _ = list;
        Some(String::new())
    }

    /// What the user is to know of it as a whole, each said once. Asked after writes.
    fn remarks(&mut self) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// HTTP requests sent so far, by verb.
    fn requests(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// The firms that its contacts name by id, where it keeps any.
    fn firms(&mut self) -> Option<&mut dyn Firms> {
        None
    }

    /// Clears up what an interrupted run may have left there. Asked after the writes of a run, also where there are none.
    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(async {})
    }

    /// What was learned of it and is worth keeping for the next run, by name; an empty value is forgotten. Asked after each
    /// scan, whether or not it ended well, and after writes.
    fn learned(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
