//! One run: scan every replica, reconcile with the mirror, guard, commit, push what is pending.
//!
//! All replicas are scanned before any is pushed to, so an edit on a phone reaches the CRM and the other books in one run.
//! What is pending is derived from the agreements, never queued: a crash cannot lose it. A dry run is the same code inside
//! a transaction that is rolled back.

mod absences;
#[cfg(test)]
mod absences_tests;
mod alternation;
mod answer;
mod assemble;
mod by_hand;
mod candidates;
mod check;
mod copies;
mod creations;
#[cfg(test)]
mod creations_tests;
#[cfg(test)]
mod desk;
mod engine;
mod enrich;
mod error;
pub mod events;
mod export;
mod host;
mod import;
mod intake;
mod named;
#[cfg(test)]
mod named_tests;
mod newcomers;
#[cfg(test)]
mod newcomers_tests;
mod options;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod peer;
mod push;
mod resolve;
mod run;
mod scan;
#[cfg(test)]
mod scan_tests;
mod settle;
#[cfg(test)]
mod settle_tests;
mod source;
mod tally;
mod undo;
mod updates;
mod waits;

pub use answer::{Answer, answers};
pub use candidates::{Candidate, candidates};
pub use check::{CheckLine, Verdict, check};
pub use engine::Care;
pub use error::SyncError;
pub use events::{Events, Summary, SyncEvent};
pub use export::{ExportOptions, export};
pub use host::{Host, Machine, Moment, Uptime};
pub use import::{ImportOptions, import};
pub use options::{Mode, RunOptions, Stop};
pub use peer::{CRM, Peer};
pub use resolve::{Decided, Number, Word, conflict_values, resolve};
pub use run::{Ground, run, run_on};
pub use source::ImportSource;
pub use tally::{Column, Tally};
pub use undo::{Left, Reason, Target, UndoOptions, Undone, undo};
pub use waits::{Guarded, Waits, guarded, waits};
