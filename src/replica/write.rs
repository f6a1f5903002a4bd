//! A write to one record of a replica, and what came of it.

use super::record::{RemoteContact, RemoteId, Revision};
use crate::contact::{Contact, FieldSet};

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
        /// What it is to hold.
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

impl Action {
    /// The fields that an update changes; none for the others.
    pub fn changed(&self) -> FieldSet {
        match self {
            Action::Update { changed, .. } => *changed,
            Action::Create { .. } | Action::Delete { .. } => FieldSet::NONE,
        }
    }
}

/// A write of which nobody knows the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The contact's UID.
    pub uid: String,
    /// The record that was changed; none for a new one.
    pub remote: Option<RemoteId>,
}

/// A write done: the record as read back afterwards; `None` after a deletion.
pub type Written = Option<RemoteContact>;
