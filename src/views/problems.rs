//! What failed and is tried again by each run, and what failed in one run.

use super::Reader;
use crate::{
    mirror::{Mirror, MirrorError, ProblemRow, ProblemSubject},
    sync::events::{FailedSubject, Failure, Label},
};

pub use crate::mirror::RunRow;

/// Something that waits until a run passes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its number, which it keeps as long as it waits.
    pub id: i64,
    /// What failed.
    pub failure: Failure,
    /// The run that met it first.
    pub first_run: i64,
    /// When that began: RFC 3339, UTC; "" where that is not known.
    pub since: String,
}

/// All of them, the oldest first.
///
/// # Errors
/// The mirror's.
pub fn problems(reader: &Reader) -> Result<Vec<Problem>, MirrorError> {
    let mirror = &reader.mirror;
    mirror.problems()?.into_iter().map(|row| problem(mirror, row)).collect()
}

fn problem(mirror: &Mirror, row: ProblemRow) -> Result<Problem, MirrorError> {
    let ProblemRow { id, replica, activity, first, others, count, hint, first_run, last_run: _ } = row;
    let subjects = std::iter::once(first).chain(others).map(|one| subject(mirror, one));
    let subjects = subjects.collect::<Result<_, MirrorError>>()?;
    let since = mirror.run(first_run)?.map_or_else(String::new, |run| run.started_at);
    Ok(Problem { id, failure: Failure { replica, activity, count, hint, subjects }, first_run, since })
}

fn subject(mirror: &Mirror, subject: ProblemSubject) -> Result<FailedSubject, MirrorError> {
    let ProblemSubject { place, contact, message } = subject;
    // One that is forgotten has nothing left to be called by.
    let contact = contact.map(|id| label(mirror, id)).transpose()?.filter(|label| !label.uid.is_empty());
    Ok(FailedSubject { place, contact, message })
}

/// Who a contact of the mirror is.
pub(super) fn label(mirror: &Mirror, id: super::ContactId) -> Result<Label, MirrorError> {
    Ok(mirror.contact(id)?.map_or_else(Label::default, |stored| Label {
        name: stored.contact.display_name(),
        uid: stored.uid,
        crm_id: stored.crm_id,
    }))
}

/// What failed in a run, as its summary has it.
pub fn failures_of(run: &RunRow) -> Vec<Failure> {
    let summary = run.summary.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let failures = summary.and_then(|mut summary| summary.get_mut("failures").map(serde_json::Value::take));
    failures.and_then(|failures| serde_json::from_value(failures).ok()).unwrap_or_default()
}
