//! What waits, each with a key that it keeps as long as it waits, and its public form.

use std::path::Path;

use serde_json::{Value, json};

use super::Matter;
use crate::views::{
    MirrorError, Reader,
    attention::{self, Item, Subject},
    problems::{self, Problem},
    status::{UnsettledWrite, unsettled_in_crm},
};

/// All that waits in a mirror.
pub(super) struct Waiting {
    items: Vec<Item>,
    problems: Vec<Problem>,
    writes: Vec<UnsettledWrite>,
}

impl Waiting {
    pub fn read(mirror: &Path) -> Result<Self, MirrorError> {
        let reader = Reader::open(mirror)?;
        Ok(Self {
            items: attention::items(&reader, false)?,
            problems: problems::problems(&reader)?,
            writes: unsettled_in_crm(&reader)?,
        })
    }

    pub fn all(&self) -> Vec<Matter<'_>> {
        let items = self.items.iter().map(Matter::Item);
        items.chain(self.problems.iter().map(Matter::Problem)).chain(self.writes.iter().map(Matter::Write)).collect()
    }
}

/// Stays the same as long as it waits. A question that is raised anew is another run's.
pub(super) fn key(matter: Matter<'_>) -> String {
    match matter {
        Matter::Item(item) => format!("{} of {}", item.id, item.run),
        Matter::Problem(Problem { id, failure, first_run, .. }) => {
            format!("problem {id} {} {} of {first_run}", failure.replica, failure.activity.word())
        }
        Matter::Write(UnsettledWrite { action, sent_at, contact, .. }) => {
            format!("write {} {} {sent_at}", action.word(), contact.uid)
        }
    }
}

/// True for what the user has answered, and no run has carried out yet.
pub(super) fn is_answered(matter: Matter<'_>) -> bool {
    matches!(matter, Matter::Item(Item { noted: Some(_), .. }))
}

/// The public form.
pub(super) fn object(matter: Matter<'_>, (text, hint): (String, Option<String>), names: bool) -> Value {
    let mut object = match matter {
        Matter::Item(item) => {
            let (kind, field) = match &item.subject {
                Subject::Conflict { field, .. } => ("conflict".to_owned(), field.clone()),
                Subject::Attention { attention, .. } => (attention.kind().word().to_owned(), None),
            };
            let contact = item.contact.as_ref().and_then(|contact| contact.crm_id.as_deref());
            json!({
                "kind": kind, "id": item.id.to_string(), "replica": item.replica, "field": field, "crm_id": contact,
                "since": item.since,
            })
        }
        Matter::Problem(Problem { failure, since, .. }) => json!({
            "kind": "problem", "replica": failure.replica, "activity": failure.activity, "count": failure.count,
            "since": since,
        }),
        Matter::Write(UnsettledWrite { action, sent_at, contact, .. }) => json!({
            "kind": "write", "replica": "crm", "action": action.word(), "crm_id": contact.crm_id, "since": sent_at,
        }),
    };
    if names {
        object["name"] = name(matter).into();
    }
    object["text"] = text.into();
    object["hint"] = hint.into();
    object
}

fn name(matter: Matter<'_>) -> Option<String> {
    match matter {
        Matter::Item(item) => item.contact.as_ref().map(|contact| contact.name.clone()),
        Matter::Problem(problem) => {
            let subject = problem.failure.subjects.first()?;
            Some(subject.contact.as_ref().map_or_else(|| subject.place.clone(), |contact| contact.name.clone()))
        }
        Matter::Write(write) => Some(write.contact.name.clone()),
    }
}
