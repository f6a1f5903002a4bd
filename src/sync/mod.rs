//! One run: scan every replica, reconcile with the mirror, guard, commit, push what is pending.
//!
//! All replicas are scanned before any is pushed to, so an edit on a phone reaches the CRM and the other books in one run.
//! What is pending is derived from the agreements, never queued: a crash cannot lose it. A dry run is the same code inside
//! a transaction that is rolled back.

mod absences;
mod assemble;
mod check;
mod engine;
mod error;
pub mod events;
mod export;
mod import;
mod intake;
mod newcomers;
mod options;
mod outbox;
mod peer;
mod push;
mod run;
mod scan;
mod settle;
mod source;

pub use check::{CheckLine, Verdict, check};
pub use error::SyncError;
pub use events::{Events, Summary, SyncEvent};
pub use export::{ExportOptions, export};
pub use import::{ImportOptions, ImportSource, import};
pub use options::{Clock, Mode, RunOptions, Stop, SystemClock};
pub use run::run;
