//! The contacts that something which waits may be about: those of the CRM that a lost creation may have made, and the known
//! ones that a book's record could be.

use crate::{
    mirror::{
        AttentionKind, AttentionRow, ContactId, Mirror, MirrorError, OutboxAction, OutboxRow, OutboxState, Stored,
    },
    sync::{outbox::HELD_BACK, participant::CRM},
};

/// A contact that something may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its CRM id, or its UID where it has none.
    pub id: String,
    /// What to call it, where the mirror holds it.
    pub name: Option<String>,
    /// The record that is this contact already in the replica in question.
    pub held: Option<String>,
}

/// The contacts that something may be about; none for kinds that are about something else.
///
/// # Errors
/// SQLite's.
pub fn candidates(mirror: &Mirror, row: &AttentionRow) -> Result<Vec<Candidate>, MirrorError> {
    match (row.attention.kind(), row.contact) {
        (AttentionKind::LostCreation, Some(contact)) => newcomers(mirror, contact),
        _ => look_alikes(mirror, row),
    }
}

/// The CRM's contacts that a creation held for review may have made: newer than its sending, and not made by carnet.
///
/// # Errors
/// SQLite's.
pub(crate) fn newcomers(mirror: &Mirror, contact: ContactId) -> Result<Vec<Candidate>, MirrorError> {
    let Some(row) = held_for_review(mirror, contact)? else { return Ok(Vec::new()) };
    let held_back = mirror.fact(HELD_BACK)?.unwrap_or_default();
    let mut ids: Vec<i64> = held_back.split_whitespace().filter_map(|id| id.parse().ok()).collect();
    ids.extend(mirror.crm_newcomers(row.highest_id.unwrap_or(0))?);
    ids.retain(|id| Some(*id) > row.highest_id);
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for id in ids.iter().map(i64::to_string) {
        match mirror.contact_by_crm_id(&id)? {
            None => found.push(Candidate { id, name: None, held: None }),
            Some(stored) if !stored.deleted && mirror.first_seen_in(stored.id)?.as_deref() == Some(CRM) => {
                found.push(Candidate { id, name: Some(stored.contact.display_name()), held: None });
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

/// The outbox row of a creation that waits for a user.
pub(crate) fn held_for_review(mirror: &Mirror, contact: ContactId) -> Result<Option<OutboxRow>, MirrorError> {
    let is = |row: &OutboxRow| row.state == OutboxState::HeldForReview && row.action == OutboxAction::Create;
    Ok(mirror.outbox_of(contact)?.into_iter().find(is))
}

fn look_alikes(mirror: &Mirror, row: &AttentionRow) -> Result<Vec<Candidate>, MirrorError> {
    let mut found = Vec::new();
    for contact in row.attention.candidates().iter().copied() {
        let Some(stored) = mirror.contact(contact)?.filter(|stored| !stored.deleted) else { continue };
        let held = held(mirror, &row.replica, contact)?;
        let Stored { crm_id, uid, contact, .. } = stored;
        found.push(Candidate { id: crm_id.unwrap_or(uid), name: Some(contact.display_name()), held });
    }
    Ok(found)
}

/// The record that a contact has in a replica.
pub(crate) fn held(mirror: &Mirror, replica: &str, contact: ContactId) -> Result<Option<String>, MirrorError> {
    let agreement = mirror.agreement(replica, contact)?;
    Ok(agreement.filter(|agreement| !agreement.detached).map(|agreement| agreement.remote))
}
