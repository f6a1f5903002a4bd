//! One thing that waits for the user, as this face shows it: its name, what to type, and its public form.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::{
    cli::{
        messages::{Messages, candidates, typed_choice},
        output::plain,
        report::who,
    },
    contact::Keep,
    sync::{Decision, events::Label},
    views::attention::{Item, Known, Subject},
};

/// Letters of a value on a line.
const VALUE_SHOWN_MAX: usize = 60;

/// The contact's name; the record's where there is no contact.
pub fn name(item: &Item, messages: &dyn Messages) -> String {
    match (&item.contact, &item.subject) {
        (Some(Known { name, .. }), _) if !name.is_empty() => name.clone(),
        (_, Subject::Conflict { contact, .. }) => messages.nameless(*contact),
        // What is about a replica as a whole has no record.
        (_, Subject::Attention { remote, .. }) if remote.is_empty() => item.replica.clone(),
        (_, Subject::Attention { remote, .. }) => remote.clone(),
    }
}

/// The field in question, or the kind of what waits.
pub fn what(item: &Item, messages: &dyn Messages) -> String {
    match &item.subject {
        Subject::Conflict { field, .. } => field.clone().unwrap_or_else(|| messages.whole_contact().to_owned()),
        Subject::Attention { attention, .. } => attention.kind().word().to_owned(),
    }
}

/// What a question is about: the record; or the contact, by its name and CRM id, where it is its UID that stands there.
pub fn about<'i>(item: &'i Item, remote: &'i str) -> Cow<'i, str> {
    match &item.contact {
        Some(Known { uid, crm_id, name, .. }) if uid == remote => {
            Cow::Owned(who(&Label { uid: uid.clone(), crm_id: crm_id.clone(), name: name.clone() }))
        }
        Some(_) | None => Cow::Borrowed(remote),
    }
}

/// What waits, in words; none for a conflict, which shows its values.
pub fn text(item: &Item, messages: &dyn Messages) -> Option<String> {
    match &item.subject {
        Subject::Conflict { .. } => None,
        Subject::Attention { remote, attention, .. } => {
            Some(messages.attention(&item.replica, &about(item, remote), attention))
        }
    }
}

/// What is in question: the values of both sides, or the words of a question.
pub fn question(item: &Item, messages: &dyn Messages) -> String {
    match &item.subject {
        Subject::Conflict { here, there, .. } => {
            let (here, there) = (value(here.as_deref()), value(there.as_deref()));
            format!("mirror {here}, {} {there}", item.replica)
        }
        Subject::Attention { .. } => text(item, messages).unwrap_or_default(),
    }
}

/// A value of a conflict, short enough for a line.
fn value(text: Option<&str>) -> String {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return "nothing".to_owned() };
    let short: String = text.chars().take(VALUE_SHOWN_MAX).collect();
    format!("\"{}{}\"", plain(&short), if short.len() < text.len() { "..." } else { "" })
}

/// What to do, where it is not decided by `carnet conflicts resolve`.
pub fn todo(item: &Item, messages: &dyn Messages) -> Option<String> {
    match &item.subject {
        Subject::Conflict { .. } => None,
        Subject::Attention { attention, .. } => messages.todo(attention),
    }
}

/// What can be typed after `carnet conflicts resolve ID`.
pub fn answers(item: &Item) -> Vec<String> {
    item.choices().iter().map(|choice| typed_choice(choice, candidates(item))).collect()
}

/// What to do: the command to type, and the other words that could stand in it; or what was said already.
pub fn command(item: &Item, messages: &dyn Messages) -> String {
    if let Some(decision) = &item.noted {
        return messages.noted_as(&typed_decision(decision));
    }
    if let Some(todo) = todo(item, messages) {
        return todo;
    }
    let answers = answers(item);
    let (first, others) = answers.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
    let others: Vec<&str> = others.iter().map(|answer| answer.trim_start_matches("--keep ")).collect();
    messages.command(&format!("{} {first}", item.id), &others)
}

/// A decision as it was typed; a contact by its row, since it may have been forgotten meanwhile.
fn typed_decision(decision: &Decision) -> String {
    match decision {
        Decision::Keep { keep: Keep::Crm } => "--keep crm".to_owned(),
        Decision::Keep { keep: Keep::Book } => "--keep book".to_owned(),
        Decision::Keep { keep: Keep::Both } => "--keep both".to_owned(),
        Decision::Keep { keep: Keep::Value { field, value } } => format!("--keep {field}={value}"),
        Decision::Adopt { crm_id } => format!("--adopt {crm_id}"),
        Decision::Create => "--create".to_owned(),
        Decision::SameAs { .. } => "--same-as CONTACT".to_owned(),
        Decision::New => "--new".to_owned(),
        Decision::SendAgain => "--send-again".to_owned(),
        Decision::Dismiss => "--dismiss".to_owned(),
    }
}

/// Everything, for `--json`.
pub fn object(item: &Item, messages: &dyn Messages) -> Value {
    let Item { id: _, run, replica, contact, since, state, subject, noted } = item;
    let contact = contact.as_ref().map(
        |Known { uid, crm_id, name, deleted }| json!({ "uid": uid, "id": crm_id, "name": name, "deleted": deleted }),
    );
    let (number, answers, state) = (item.id.to_string(), answers(item), state.word());
    let (crate::sync::ItemId::Conflict(id) | crate::sync::ItemId::Attention(id)) = item.id;
    let mut object = match subject {
        Subject::Conflict { contact: _, field, base, here, there, kept } => json!({
            "type": "conflict", "id": id, "number": number, "run": run, "since": since, "contact": contact,
            "replica": replica, "field": field, "base": base, "here": here, "there": there, "kept": kept,
            "state": state, "answers": answers,
        }),
        Subject::Attention { remote, attention, candidates } => {
            let candidates: Vec<Value> = candidates
                .iter()
                .map(|candidate| json!({ "id": candidate.id, "name": candidate.name, "held": candidate.held }))
                .collect();
            json!({
                "type": "question", "id": id, "number": number, "run": run, "since": since, "contact": contact,
                "replica": replica, "remote": remote, "kind": attention.kind().word(),
                "text": text(item, messages), "candidates": candidates, "state": state,
                "answers": answers, "todo": messages.todo(attention),
            })
        }
    };
    if let Some(decision) = noted {
        object["noted"] = typed_decision(decision).into();
    }
    object
}
