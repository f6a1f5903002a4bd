//! One run: scan every replica, reconcile with the mirror, guard, commit, push what is pending.
//!
//! All replicas are scanned before any is pushed to, so an edit on a phone reaches the CRM and the other books in one run.
//! What is pending is derived from the agreements, never queued: a crash cannot lose it. A dry run is the same code inside
//! a transaction that is rolled back.

mod assemble;
mod by_hand;
mod check;
#[cfg(test)]
mod desk;
mod engine;
mod error;
pub mod events;
mod export;
mod host;
mod import;
mod options;
mod peer;
mod push;
mod run;
mod scan;
mod waits;

pub use by_hand::{
    answer::{Answer, answers},
    candidates::{Candidate, candidates},
    resolve::{Decided, Number, Word, conflict_values, resolve},
    undo::{Left, Reason, Target, UndoOptions, Undone, undo},
};
pub use check::{CheckLine, Verdict, check};
pub use engine::Care;
pub use error::SyncError;
pub use events::{Events, Summary, SyncEvent};
pub use export::{ExportOptions, Written, export};
pub use host::{Host, Machine, Moment, Uptime};
pub use import::{
    ImportOptions, import,
    source::ImportSource,
    tally::{Column, Tally},
};
pub use options::{Mode, RunOptions, Stop};
pub use peer::{CRM, Peer};
pub use run::{Ground, run, run_on};
pub use waits::{Guarded, Waits, guarded, waits};
