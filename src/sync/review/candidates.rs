//! Whom a question may be about: the CRM's contacts that a lost creation may have made, the known contacts that a book's
//! record could be.

use super::answer::{AMBIGUOUS, HELD_FOR_REVIEW};
use crate::{
    mirror::{ContactId, Mirror, MirrorError, OutboxAction, OutboxRow, OutboxState, QuestionRow, Stored},
    sync::{outbox::HELD_BACK, participant::CRM},
};

/// A contact that a question may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As it is typed after `--adopt` or `--same-as`: its CRM id, or its UID where it has none.
    pub id: String,
    /// What to call it, where the mirror holds it.
    pub name: Option<String>,
    /// The record that is this contact already in the question's replica.
    pub held: Option<String>,
}

/// Whom a question may be about; nobody for kinds that ask something else.
///
/// # Errors
/// SQLite's.
pub fn candidates(mirror: &Mirror, question: &QuestionRow) -> Result<Vec<Candidate>, MirrorError> {
    match (question.kind.as_str(), question.contact) {
        (HELD_FOR_REVIEW, Some(contact)) => newcomers(mirror, contact),
        (AMBIGUOUS, _) => look_alikes(mirror, question),
        _ => Ok(Vec::new()),
    }
}

/// The CRM's contacts that a parked creation may have made: newer than its sending, and not made by carnet.
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

/// The outbox row of a creation that waits for a person.
pub(crate) fn held_for_review(mirror: &Mirror, contact: ContactId) -> Result<Option<OutboxRow>, MirrorError> {
    let is = |row: &OutboxRow| row.state == OutboxState::HeldForReview && row.action == OutboxAction::Create;
    Ok(mirror.outbox_of(contact)?.into_iter().find(is))
}

fn look_alikes(mirror: &Mirror, question: &QuestionRow) -> Result<Vec<Candidate>, MirrorError> {
    let mut found = Vec::new();
    for contact in mirror.question_detail(question.id)?.candidates {
        let Some(stored) = mirror.contact(contact)?.filter(|stored| !stored.deleted) else { continue };
        let held = held(mirror, &question.replica, contact)?;
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
