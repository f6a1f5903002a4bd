//! What waits for the user, conflicts and the rest alike, with what can be decided on each.

use std::collections::BTreeMap;

use super::Reader;
use crate::{
    contact::{Contact, Field, ids::CRM},
    mirror::{Attention, AttentionRow, ConflictRow, ContactId, Decision, ItemId, Mirror, MirrorError, State, Stored},
    reconcile::resolution,
    sync::{self, Answer, Candidate},
};

pub use crate::reconcile::resolution::Choice as KeepChoice;

/// Settled conflicts are kept for ever: the last ones are enough for a screen.
const SETTLED_SHOWN_MAX: usize = 1_000;

/// One thing that waits, or did, with what a user needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub id: ItemId,
    /// The run that met it.
    pub run: i64,
    /// The replica on the other side.
    pub replica: String,
    /// The contact that it is about, living or deleted; none where it was forgotten or is not known.
    pub contact: Option<Known>,
    /// When it was first met: RFC 3339, UTC; "" where that is not known.
    pub since: String,
    /// Whether it waits.
    pub state: State,
    /// What it is.
    pub subject: Subject,
    /// What a user has said of it already, and no run has carried out yet.
    pub noted: Option<Decision>,
}

/// A contact of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its UID.
    pub uid: String,
    /// Its id in the CRM, if it has one.
    pub crm_id: Option<String>,
    /// What to call it; "" where it has no name.
    pub name: String,
    /// It is deleted here.
    pub deleted: bool,
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Both sides changed the same.
    Conflict {
        /// The contact's row.
        contact: ContactId,
        /// The field by the reference's name; none for the whole contact.
        field: Option<String>,
        /// The value both started from.
        base: Option<String>,
        /// The mirror's.
        here: Option<String>,
        /// The replica's.
        there: Option<String>,
        /// `here`, `there`, `both`, `other`, or `open`.
        kept: String,
    },
    /// Anything else.
    Attention {
        /// The record, or a contact's UID; "" for the replica as a whole.
        remote: String,
        /// What it is.
        attention: Attention,
        /// The contacts that it may be about.
        candidates: Vec<Candidate>,
    },
}

/// What can be decided on an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// On a conflict: to keep this.
    Keep(KeepChoice),
    /// On anything else.
    Answer(Answer),
}

impl Item {
    fn conflict(mirror: &Mirror, row: ConflictRow) -> Result<Self, MirrorError> {
        let ConflictRow { id, run, at, contact, replica, field, base, here, there, kept, state } = row;
        Ok(Self {
            id: ItemId::Conflict(id),
            run,
            replica,
            contact: mirror.contact(contact)?.map(known),
            since: at,
            state,
            subject: Subject::Conflict { contact, field, base, here, there, kept },
            noted: None,
        })
    }

    fn attention(mirror: &Mirror, row: AttentionRow) -> Result<Self, MirrorError> {
        let contact = row.contact.map(|id| mirror.contact(id)).transpose()?.flatten().map(known);
        let candidates = sync::candidates(mirror, &row)?;
        let since = mirror.run(row.run)?.map_or_else(String::new, |run| run.started_at);
        let AttentionRow { id, run, replica, remote, contact: _, attention, state } = row;
        let subject = Subject::Attention { remote, attention, candidates };
        Ok(Self { id: ItemId::Attention(id), run, replica, contact, since, state, subject, noted: None })
    }

    /// The field in conflict; none for the whole contact, and for what is no conflict.
    pub fn field(&self) -> Option<Field> {
        match &self.subject {
            Subject::Conflict { field, .. } => field.as_deref().and_then(Field::from_name),
            Subject::Attention { .. } => None,
        }
    }

    /// True where the other side is the CRM.
    pub fn is_with_crm(&self) -> bool {
        self.replica == CRM
    }

    /// True for a company that no firm is called.
    pub fn is_company(&self) -> bool {
        matches!(&self.subject, Subject::Attention { attention: Attention::NoFirm { .. }, .. })
    }

    /// True for a copy that a sync program made.
    pub fn is_conflict_copy(&self) -> bool {
        matches!(&self.subject, Subject::Attention { attention: Attention::ConflictCopy { .. }, .. })
    }

    /// What can be decided, what is most likely first.
    pub fn choices(&self) -> Vec<Choice> {
        match &self.subject {
            Subject::Conflict { .. } => resolution::choices(self.field()).into_iter().map(Choice::Keep).collect(),
            Subject::Attention { attention, .. } => {
                sync::answers(&attention.kind()).iter().copied().map(Choice::Answer).collect()
            }
        }
    }
}

fn known(stored: Stored) -> Known {
    let Stored { uid, crm_id, contact, deleted, .. } = stored;
    Known { uid, crm_id, name: Contact::display_name(&contact), deleted }
}

/// All that wait; with `settled`, settled conflicts too, the oldest first.
///
/// # Errors
/// The mirror's.
pub fn items(reader: &Reader, settled: bool) -> Result<Vec<Item>, MirrorError> {
    let mirror = &reader.mirror;
    let conflicts = match settled {
        false => mirror.open_conflicts()?,
        true => mirror.conflicts(SETTLED_SHOWN_MAX)?.into_iter().rev().collect(),
    };
    let noted = noted(mirror)?;
    let mut items = conflicts.into_iter().map(|row| Item::conflict(mirror, row)).collect::<Result<Vec<_>, _>>()?;
    for row in mirror.open_attention()? {
        items.push(Item::attention(mirror, row)?);
    }
    for item in &mut items {
        item.noted = noted.get(&item.id).cloned();
    }
    Ok(items)
}

/// How much waits for an answer, and how many answers are noted that no run has carried out yet.
///
/// # Errors
/// The mirror's.
pub fn unanswered(reader: &Reader) -> Result<(u64, u64), MirrorError> {
    let mirror = &reader.mirror;
    let (open, noted) = (mirror.count_open_conflicts()? + mirror.count_open_attention()?, noted(mirror)?.len() as u64);
    Ok((open.saturating_sub(noted), noted))
}

/// One by its number, waiting or settled.
///
/// # Errors
/// The mirror's.
pub fn item(reader: &Reader, id: ItemId) -> Result<Option<Item>, MirrorError> {
    let mirror = &reader.mirror;
    let item = match id {
        ItemId::Conflict(id) => mirror.conflict(id)?.map(|row| Item::conflict(mirror, row)),
        ItemId::Attention(id) => mirror.attention(id)?.map(|row| Item::attention(mirror, row)),
    };
    let noted = noted(mirror)?.remove(&id);
    Ok(item.transpose()?.map(|item| Item { noted, ..item }))
}

/// What to call the contacts whose deletion is held, as far as they are kept; none for anything else.
///
/// # Errors
/// The mirror's.
pub fn held_names(reader: &Reader, item: &Item) -> Result<Vec<String>, MirrorError> {
    let Subject::Attention { attention: Attention::HeldDeletions { contacts, .. }, .. } = &item.subject else {
        return Ok(Vec::new());
    };
    let name = |id: &ContactId| Ok(reader.mirror.contact(*id)?.map(|stored| stored.contact.display_name()));
    let names: Vec<Option<String>> = contacts.iter().map(name).collect::<Result<_, MirrorError>>()?;
    Ok(names.into_iter().flatten().collect())
}

fn noted(mirror: &Mirror) -> Result<BTreeMap<ItemId, Decision>, MirrorError> {
    Ok(mirror.noted_decisions()?.into_iter().filter_map(|row| Some((row.item, row.decision?))).collect())
}
