//! One run: scan every replica, reconcile with the mirror, guard, commit, push what is pending.
//!
//! All replicas are scanned before any is pushed to, so an edit on a phone reaches the CRM and the other books in one run.
//! What is pending is derived from the agreements, never queued: a crash cannot lose it. A dry run is the same code on
//! a copy of the mirror that does not stay.
//!
//! It knows no settings, no file format and no command line, and never talks to a user: events and errors go up as values.

mod attention;
mod beside;
mod conflicts;
mod error;
pub mod events;
pub mod exit;
mod firms;
mod host;
mod import_counts;
mod left_out;
mod options;
mod outbox;
mod participant;
mod problems;
mod push;
pub(crate) mod record;
mod restored;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod scan;
mod steps;
#[cfg(test)]
pub(crate) mod testing;

pub use attention::{AttentionCounts, Guarded, attention_counts, guarded};
pub use error::SyncError;
pub use events::{Events, Summary, SyncEvent};
pub use firms::FirmPolicy;
pub(crate) use firms::cards::{card_of, uid_of_firm};
pub use host::{FailPoint, Host, SystemClock, Uptime, stamp};
pub use import_counts::{Column, ImportCounts};
pub use options::{Mode, RunOptions, Stop};
pub use participant::{CRM, Direction, Participant, Trust};
pub use problems::Telling;
pub use restored::{Doubted, Places, doubt, settle_first};
pub use review::{
    answer::{Answer, answers},
    candidates::{Candidate, candidates},
    refused::{Applied, Effect, NoCandidate, Refused, Why},
    resolve::conflict_values,
    undo::{Left, Reason, Target, UndoOptions, Undone},
};
pub use run::RunPolicy;
pub(crate) use scan::copies::{TakenCopy, taken_from};
pub use scan::{Sight, look};
pub(crate) use steps::{ACCOUNT, Source};
pub use steps::{RunInputs, run_on};

pub use crate::{
    mirror::{Activity, Ambiguity, Attention, AttentionKind, Decision, ItemId, StopReason},
    reconcile::resolution::{Refusal, choices as keep_choices},
};
