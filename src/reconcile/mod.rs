//! What should change, decided purely: differences, three-way merge, the table of decisions, guards, pairing.
//!
//! An agreement keeps the last common state as each side saw it (`theirs`, `ours`). A change is `theirs -> now there` or
//! `ours -> now here`, never `ours` against `theirs`: a server that trims a name or rewrites a telephone number would
//! otherwise look edited for ever. No async, no files, no sockets, no clock and no SQL are in this folder.

pub mod firm_cards;
pub mod firms;
pub mod guard;
pub mod identify;
mod joined;
#[cfg(test)]
mod laws;
pub mod lists;
pub mod match_keys;
pub mod matching;
pub mod merge;
pub mod older_copy;
pub mod ping_pong;
pub mod plan;
mod rebase;
pub mod resolution;
pub mod strangers;
pub mod undo;

pub use guard::{Census, Concern, Limit};
pub use matching::{Match, MatchIndex};
pub use merge::{FieldConflict, Kept, Merged, Winner, all_equal_normalised, apply_changes, changes};
pub use plan::{Base, Here, Incoming, Outgoing, Policy, incoming, on_absence, outgoing};
pub use rebase::ours_of_edited;

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
    /// Neither: a user decides.
    Ask,
}

impl Prefer {
    /// Who wins against the CRM.
    pub fn against_the_crm(self) -> Winner {
        match self {
            Prefer::Crm => Winner::There,
            Prefer::Book => Winner::Here,
            Prefer::Ask => Winner::Ask,
        }
    }

    /// Who wins against a book.
    pub fn against_a_book(self) -> Winner {
        match self {
            Prefer::Crm => Winner::Here,
            Prefer::Book => Winner::There,
            Prefer::Ask => Winner::Ask,
        }
    }
}
