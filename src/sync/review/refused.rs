//! What became of a user's decision: carried out, or refused. Faces put both in words.

use crate::{
    contact::{Field, Keep},
    mirror::{AttentionKind, ItemId},
    reconcile::resolution::Refusal,
};

/// A decision that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// What was decided.
    pub item: ItemId,
    /// What holds from now on.
    pub effect: Effect,
    /// True when the next `sync` has something to do because of it.
    pub to_sync: bool,
}

/// What holds after a decision.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Effect {
    /// The field has this value; "" for none.
    Scalar {
        /// Which field.
        field: Field,
        /// The value as the mirror holds it.
        value: String,
    },
    /// The list has these entries.
    List {
        /// Which field.
        field: Field,
        /// On one line.
        entries: String,
    },
    /// The contact in question is in the CRM again, so nothing is left to decide.
    ThereAgain,
    /// The contact is deleted here.
    Deleted,
    /// The contact stays.
    Stays {
        /// It is created in the CRM again.
        created_again: bool,
    },
    /// The creation is sent to the CRM again.
    SentAgain,
    /// The contact to be created is deleted here, so nothing is sent.
    NothingSent,
    /// The contact is this one of the CRM's.
    Adopted {
        /// By its id there.
        crm_id: String,
    },
    /// The record is a known contact.
    SameAs {
        /// The record.
        remote: String,
        /// The contact's name.
        name: String,
        /// The record that the contact has in the same replica already: then this one is a copy.
        held: Option<String>,
    },
    /// What a sync program's copy says beyond the contact will be taken.
    CopyTaken {
        /// The copy.
        remote: String,
        /// The contact's name.
        name: String,
    },
    /// Nothing of a sync program's copy is taken.
    CopyDropped {
        /// The copy.
        remote: String,
    },
    /// The firm will be made.
    FirmWanted {
        /// Its name.
        name: String,
    },
    /// The contacts of a company belong to this firm.
    FirmChosen {
        /// Its name.
        name: String,
        /// How many contacts.
        contacts: u64,
    },
    /// The record becomes a contact of its own.
    New {
        /// The record.
        remote: String,
    },
    /// The change is sent again.
    ChangeSentAgain,
    /// The contact has what the replica has.
    AsThere {
        /// In these fields.
        fields: Vec<Field>,
    },
    /// It is seen.
    Dismissed,
}

/// A decision that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// What was to be decided.
    pub item: ItemId,
    /// Why not.
    pub why: Why,
}

/// Why a decision is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Why {
    /// There is no such conflict, or nothing of that number that waits.
    NotFound,
    /// It is a conflict, and no value to keep was said.
    NoValue,
    /// It is no conflict, and a value to keep was said.
    NoConflict,
    /// It does not wait any more.
    Settled,
    /// The contact in conflict is deleted.
    ContactDeleted,
    /// The conflict is about a field that only a newer carnet knows.
    UnknownField,
    /// An entry in conflict is in no list of the contact any more.
    EntryLost,
    /// That cannot be kept.
    Keep {
        /// The field; none for the whole contact.
        field: Option<Field>,
        /// What was to be kept.
        keep: Keep,
        /// Why it cannot.
        refusal: Refusal,
    },
    /// What waits is of a kind that is decided otherwise.
    OtherKind(AttentionKind),
    /// No creation waits for an answer any more.
    NoCreation,
    /// What was sent of a creation cannot be read.
    UnreadableCreation,
    /// The CRM's contact cannot be the one that was sent.
    NoCandidate {
        /// Its id.
        crm_id: String,
        /// Why it cannot.
        reason: NoCandidate,
        /// The ids that it could be.
        candidates: Vec<String>,
    },
    /// The contact that a record is said to be is deleted.
    SameAsDeleted,
    /// A newer carnet noted it, and this one does not know what it means.
    UnknownDecision,
}

/// Why a contact of the CRM cannot be the one that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NoCandidate {
    /// The CRM had it before the creation was sent.
    Older,
    /// It is another contact of the mirror's.
    Known,
    /// The CRM's last listing does not show it.
    Unlisted,
    /// No firm of this id is known, or it has no name, or is gone.
    NoFirm,
}

impl Why {
    /// True when what was typed was wrong, whatever the state of the mirror.
    pub fn is_usage(&self) -> bool {
        match self {
            Why::NotFound
            | Why::NoValue
            | Why::NoConflict
            | Why::Keep { .. }
            | Why::OtherKind(_)
            | Why::NoCandidate { .. } => true,
            Why::Settled
            | Why::ContactDeleted
            | Why::UnknownField
            | Why::EntryLost
            | Why::NoCreation
            | Why::UnreadableCreation
            | Why::SameAsDeleted
            | Why::UnknownDecision => false,
        }
    }
}
