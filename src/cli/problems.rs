//! What failed and waits until a run passes it, as this face shows it.

use serde_json::{Value, json};

use super::messages::Messages;
use crate::{
    sync::events::{FailedSubject, Failure},
    views::problems::Problem,
};

/// Where it failed and how, on one line.
pub fn line(failure: &Failure, messages: &dyn Messages) -> String {
    format!("{}: {}", failure.replica, messages.failure(failure))
}

/// What to do.
pub fn todo<'f>(failure: &'f Failure, messages: &dyn Messages) -> &'f str {
    failure.hint.as_deref().unwrap_or_else(|| messages.problem_todo())
}

/// What a list calls it: the record or the contact, of many how many.
pub fn name(failure: &Failure) -> String {
    match (failure.subjects.first(), failure.count) {
        (Some(FailedSubject { contact: Some(contact), .. }), 1) => super::report::who(contact),
        (Some(FailedSubject { place, .. }), 1) if !place.is_empty() => place.clone(),
        (_, 1) => failure.replica.clone(),
        (_, count) => count.to_string(),
    }
}

/// A failure for `--json`; `kind` is its type.
pub fn object(kind: &str, failure: &Failure, messages: &dyn Messages) -> Value {
    let Failure { replica, activity, count, hint, subjects } = failure;
    let subjects: Vec<FailedSubject> = subjects.iter().map(whole).collect();
    json!({
        "type": kind, "replica": replica, "activity": activity, "count": count, "text": messages.failure(failure),
        "hint": hint, "subjects": subjects,
    })
}

/// A problem for `--json`: a failure that waits, and since when.
pub fn waiting(problem: &Problem, messages: &dyn Messages) -> Value {
    let Problem { id: _, failure, first_run, since } = problem;
    let mut object = object("problem", failure, messages);
    object["run"] = (*first_run).into();
    object["since"] = since.as_str().into();
    object
}

/// A subject whose message stands by itself.
fn whole(subject: &FailedSubject) -> FailedSubject {
    let FailedSubject { place, contact, message } = subject.clone();
    let message = if place.is_empty() { format!("failed to {message}") } else { message };
    FailedSubject { place, contact, message }
}
