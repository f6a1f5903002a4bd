//! What a run tells while it works, and what it says at its end. Only `cli` prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    attention::exit_code,
    import_counts::ImportCounts,
    problems::Telling,
    review::refused::{Applied, Refused},
};
use crate::{
    contact::Field,
    mirror::{Activity, Attention},
    replica::Problem,
};

/// Takes the events of a run, in order.
pub type Events<'a> = dyn FnMut(SyncEvent) + 'a;

/// Something that happened in a run. Serialised for whoever follows another process's run; `--json` has a form of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncEvent {
    /// A replica is being read.
    ScanStarted {
        /// `crm` or the book's name.
        replica: String,
    },
    /// How far the reading is.
    ScanProgress {
        /// `crm` or the book's name.
        replica: String,
        /// Contacts seen so far.
        contacts: u64,
        /// Pages read so far; 0 for books.
        pages: u32,
        /// Pages in all, once known.
        pages_expected: Option<u32>,
    },
    /// How many of the contacts that a listing left out were asked for by their id, where they are many.
    AskProgress {
        /// `crm` or the book's name.
        replica: String,
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
    /// A replica was read.
    ScanFinished {
        /// `crm` or the book's name.
        replica: String,
        /// Contacts seen.
        contacts: u64,
        /// False where the reading was broken off: then that many were seen up to there.
        whole: bool,
    },
    /// A contact was changed somewhere, or would be (`--dry-run`).
    Change(Change),
    /// Both sides changed the same thing.
    Conflict(ConflictNote),
    /// A record could not be used; the rest went on.
    Problem {
        /// Where it was met: `crm` or the book's name.
        replica: String,
        /// What is wrong with it.
        problem: Problem,
        /// How much of it is told.
        telling: Telling,
    },
    /// A write was refused or could not be made, and the contact waits; or a replica as a whole could not be used.
    Failed {
        /// `crm` or the book's name.
        replica: String,
        /// Who; none for the replica as a whole.
        contact: Option<Label>,
        /// In words: it reads after "failed to".
        message: String,
        /// What to do.
        hint: Option<String>,
        /// How much of it is told.
        telling: Telling,
    },
    /// So many more failed in the way of one that was told.
    FailedAlike {
        /// `crm` or the book's name.
        replica: String,
        /// What was tried.
        activity: Activity,
        /// How many more.
        count: u64,
    },
    /// Something a user should know of the replica as a whole.
    Notice {
        /// `crm` or the book's name.
        replica: String,
        /// In words.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Something is for the user to decide or to know; each face has words of its own for it.
    Attention {
        /// `crm` or the book's name; "" where it is none's.
        replica: String,
        /// What.
        note: Note,
    },
    /// Writes to a replica begin.
    PushStarted {
        /// `crm` or the book's name.
        replica: String,
        /// How many writes.
        total: u64,
    },
    /// How many writes are done.
    PushProgress {
        /// `crm` or the book's name.
        replica: String,
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
}

/// What a user is told of what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// It waits from now on, or still.
    Raised {
        /// The record that it is about, or a contact's UID; "" for the replica as a whole.
        remote: String,
        /// What waits.
        attention: Attention,
    },
    /// A field goes back and forth between two replicas: it is in conflict from now on, and each keeps its own.
    PingPong {
        /// The contact, by its CRM id, or its UID where it has none.
        contact: String,
        /// Which field.
        field: Field,
        /// The other replica.
        other: String,
    },
    /// A field is back at what was replaced in this book: it may be an older copy. It is in conflict from now on.
    OlderCopy {
        /// The contact, by its CRM id, or its UID where it has none.
        contact: String,
        /// Which field.
        field: Field,
    },
    /// Contacts that were deleted here stay there: the replica does not follow deletions.
    StaysThere {
        /// How many.
        contacts: u64,
        /// The first few.
        named: Vec<Label>,
    },
    /// A field of contacts stays out of a replica that has no place for it.
    StaysOut {
        /// Which field.
        field: Field,
        /// Of how many contacts.
        contacts: u64,
        /// The first few values.
        values: Vec<String>,
    },
    /// A copy that a sync program had set beside a record is removed: a user has answered for it.
    CopyRemoved {
        /// The copy.
        remote: String,
    },
    /// Such a copy stays: it has changed since, or the replica is only read.
    CopyStays {
        /// The copy.
        remote: String,
    },
    /// The replica is about to try something on a throwaway record, to learn how it takes writes.
    TrialAhead,
    /// Firms have another name in the CRM: the companies of their contacts follow.
    FirmsRenamed {
        /// How many firms.
        firms: u64,
        /// How many contacts.
        contacts: u64,
    },
    /// Firms stay out of this run.
    FirmsUnread {
        /// Why: it reads after "failed to".
        reason: String,
    },
    /// A firm was made in the CRM.
    FirmMade {
        /// Its name.
        name: String,
        /// Its id.
        id: String,
    },
    /// A firm would be made in the CRM (`--dry-run`).
    FirmAhead {
        /// Its name.
        name: String,
    },
    /// Cards of firms were written into a book, or would be.
    FirmCards(FirmCardCounts),
    /// A decision that was noted while another carnet was at work is carried out.
    CarriedOut(Applied),
    /// Such a decision makes no sense any more, and is forgotten.
    Dropped(Refused),
}

/// What a run did to the cards of firms in a book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmCardCounts {
    /// Made.
    pub made: u64,
    /// Changed.
    pub changed: u64,
    /// Removed.
    pub removed: u64,
    /// Of those made and changed, how many somebody had removed or changed in the book.
    pub put_back: u64,
    /// Nothing was written (`--dry-run`).
    pub ahead: bool,
}

impl FirmCardCounts {
    /// How many cards that were.
    pub fn total(&self) -> u64 {
        self.made + self.changed + self.removed
    }
}

/// A part of a run that was stopped for safety.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// `crm` or the book's name.
    pub replica: String,
    /// Why.
    pub attention: Attention,
}

/// The contact that an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The contact's UID.
    pub uid: String,
    /// Its CRM id, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_id: Option<String>,
    /// What to call it on a screen.
    pub name: String,
}

/// What failed in a run for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `crm`, the book's name, or `mirror`.
    pub replica: String,
    /// What was tried.
    pub activity: Activity,
    /// How many failed.
    pub count: u64,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The first few of them.
    pub subjects: Vec<FailedSubject>,
}

/// A record, a contact or a whole replica, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSubject {
    /// Where: "ada.vcf line 7"; "" for a contact, or else for the replica as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The contact that could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Label>,
    /// What is wrong there; without a place it reads after "failed to".
    pub message: String,
}

impl FailedSubject {
    /// True for a replica as a whole.
    pub fn is_whole(&self) -> bool {
        self.place.is_empty() && self.contact.is_none()
    }
}

/// A change of one contact in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `mirror`, `crm` or a book's name.
    pub place: String,
    /// What was done.
    pub action: ChangeAction,
    /// The contact.
    pub contact: Label,
    /// Field by field, for updates; empty for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// What was done to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// Made new.
    Create,
    /// Changed.
    Update,
    /// Removed.
    Delete,
    /// Recognised as a contact already known.
    Link,
}

/// A field's old and new value as a user reads them, on one line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Which field, by the reference's name.
    #[serde(serialize_with = "field_name", deserialize_with = "named_field")]
    pub field: Field,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

/// A conflict met in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictNote {
    /// The replica on the other side.
    pub replica: String,
    /// Who.
    pub contact: Label,
    /// Which field; none where the whole contact is in question.
    #[serde(
        default,
        serialize_with = "optional_field_name",
        deserialize_with = "optional_named_field",
        skip_serializing_if = "Option::is_none"
    )]
    pub field: Option<Field>,
    /// The mirror's value.
    pub here: String,
    /// The replica's value.
    pub there: String,
    /// `here`, `there`, `both`, or `open` where a user is to say.
    pub kept: String,
}

/// A run in numbers. The public form of `--json`'s last line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's number in the mirror; 0 for a dry run.
    pub run: i64,
    /// Contacts seen, a replica each.
    pub scanned: BTreeMap<String, u64>,
    /// Contacts made, a place each (`mirror`, `crm`, each book).
    pub created: BTreeMap<String, u64>,
    /// Contacts changed, a place each.
    pub updated: BTreeMap<String, u64>,
    /// Contacts removed, a place each.
    pub deleted: BTreeMap<String, u64>,
    /// Cards of firms made, changed or removed, a book each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub firm_cards: BTreeMap<String, u64>,
    /// Conflicts met in this run.
    pub conflicts: u64,
    /// All that waits for the user when the run is over, as `status` counts it: [`super::AttentionCounts`].
    pub waiting: u64,
    /// Records and writes that failed.
    pub failed: u64,
    /// How many of those have waited since an earlier run: they are no news.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_before: u64,
    /// What failed, those known from earlier runs too, by what there is to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// HTTP requests sent, by verb.
    pub requests: BTreeMap<String, u64>,
    /// What became of an imported file's records; none for a run without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportCounts>,
    /// True when nothing was written because only a rehearsal was asked for.
    pub dry_run: bool,
    /// What was stopped for safety (exit 7). Faces put it in words, in the public form too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<Stopped>,
}

impl Summary {
    /// The public exit code of a run that came to its end.
    pub fn exit_code(&self) -> u8 {
        exit_code(!self.stopped.is_empty(), self.failed, self.waiting)
    }

    /// True when no place was changed.
    pub fn nothing_changed(&self) -> bool {
        [&self.created, &self.updated, &self.deleted, &self.firm_cards]
            .into_iter()
            .all(|places| places.values().all(|count| *count == 0))
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn field_name<S: serde::Serializer>(field: &Field, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(field.name())
}

fn optional_field_name<S: serde::Serializer>(field: &Option<Field>, serializer: S) -> Result<S::Ok, S::Error> {
    match field {
        Some(field) => serializer.serialize_some(field.name()),
        None => serializer.serialize_none(),
    }
}

fn named_field<'d, D: serde::Deserializer<'d>>(deserializer: D) -> Result<Field, D::Error> {
    let name = String::deserialize(deserializer)?;
    Field::from_name(&name).ok_or_else(|| serde::de::Error::custom("no such field"))
}

fn optional_named_field<'d, D: serde::Deserializer<'d>>(deserializer: D) -> Result<Option<Field>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.as_deref().and_then(Field::from_name))
}
