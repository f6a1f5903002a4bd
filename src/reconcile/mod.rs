//! What should change, decided purely: differences, three-way merge, the table of decisions, guards, pairing.
//!
//! An agreement keeps the last common state as each side saw it (`theirs`, `ours`). A change is `theirs -> now there` or
//! `ours -> now here`, never `ours` against `theirs`: a server that trims a name or rewrites a telephone number would
//! otherwise look edited for ever. No async, no files, no sockets, no clock and no SQL are in this folder.

pub mod alternation;
pub mod guard;
#[cfg(test)]
mod laws;
pub mod lists;
pub mod merge;
pub mod pairing;
pub mod plan;
pub mod resolve;
mod traits;
pub mod undo;

pub use guard::{Census, Concern, Limit};
pub use merge::{FieldConflict, Kept, Merged, Winner, changes, same_text_everywhere, transplant};
pub use pairing::{Index, Pairing};
pub use plan::{Base, Here, Intake, Outgo, Policy, intake, outgo, verdict_when_gone};
pub use resolve::Keep;

use serde::{Deserialize, Serialize};

/// Which side wins when both changed the same field: the settings' `sync.prefer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefer {
    /// The CRM's value.
    #[default]
    Crm,
    /// The book's value.
    Book,
    /// Neither: a person says.
    Ask,
}
