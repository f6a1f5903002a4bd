//! Events and summaries as the JSON objects that users script against. Source: operations.md, section 1.

use serde_json::{Value, json};

use super::{
    messages::{Messages, Said},
    problems,
};
use crate::sync::{Summary, SyncEvent, Telling, events::Note};

/// An event as an object with its `type`.
pub fn event(event: &SyncEvent, messages: &dyn Messages) -> Value {
    match event {
        SyncEvent::ScanStarted { replica } => json!({ "type": "event", "event": "scan_started", "replica": replica }),
        SyncEvent::ScanProgress { replica, contacts, pages, pages_expected } => json!({
            "type": "event",
            "event": "scan_progress",
            "replica": replica,
            "contacts": contacts,
            "pages": pages,
            "pages_expected": pages_expected,
        }),
        SyncEvent::AskProgress { replica, done, total } => {
            json!({ "type": "event", "event": "ask_progress", "replica": replica, "done": done, "total": total })
        }
        SyncEvent::ScanFinished { replica, contacts, whole } => json!({
            "type": "event", "event": "scan_finished", "replica": replica, "contacts": contacts, "whole": whole,
        }),
        SyncEvent::PushStarted { replica, total } => {
            json!({ "type": "event", "event": "push_started", "replica": replica, "total": total })
        }
        SyncEvent::PushProgress { replica, done, total } => {
            json!({ "type": "event", "event": "push_progress", "replica": replica, "done": done, "total": total })
        }
        SyncEvent::Notice { replica, message, hint } => {
            json!({ "type": "event", "event": "notice", "replica": replica, "message": message, "hint": hint })
        }
        SyncEvent::Attention { replica, note: Note::CarriedOut(applied) } => json!({
            "type": "event",
            "event": "decided",
            "replica": replica,
            "resolved": applied.item.to_string(),
            "text": messages.applied(applied),
        }),
        SyncEvent::Attention { replica, note } => {
            let Said { message, hint } = messages.note(replica, note);
            json!({ "type": "event", "event": "notice", "replica": replica, "message": message, "hint": hint })
        }
        SyncEvent::Change(change) => typed("change", change),
        SyncEvent::Conflict(conflict) => typed("conflict", conflict),
        SyncEvent::FailedAlike { replica, activity, count } => json!({
            "type": "event", "event": "failed_alike", "replica": replica, "activity": activity, "count": count,
        }),
        SyncEvent::Problem { replica, problem, telling } => json!({
            "type": "error",
            "replica": replica,
            "place": problem.place,
            "message": problem.message,
            "hint": problem.hint,
            "known": *telling == Telling::Known,
        }),
        SyncEvent::Failed { replica, contact, message, hint, telling } => json!({
            "type": "error",
            "replica": replica,
            "contact": contact,
            "message": format!("failed to {message}"),
            "hint": hint,
            "known": *telling == Telling::Known,
        }),
    }
}

/// The last line of a run.
pub fn summary(summary: &Summary, messages: &dyn Messages) -> Value {
    let mut object = typed("summary", summary);
    if !summary.stopped.is_empty() {
        object["stopped"] = summary.stopped.iter().map(|stopped| messages.stopped(stopped)).collect();
    }
    if !summary.failures.is_empty() {
        let failures = summary.failures.iter();
        object["failures"] = failures.map(|failure| problems::object("failure", failure, messages)).collect();
    }
    // Every verb is there, whether it was used or not, so that a script need not ask.
    for verb in ["GET", "PUT", "POST", "DELETE"] {
        let count = summary.requests.get(verb).copied().unwrap_or(0);
        object["requests"][verb] = count.into();
    }
    object
}

/// A serialisable thing and its `type`.
pub fn typed(kind: &str, thing: &impl serde::Serialize) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("type".to_owned(), kind.into());
    // Our own types of texts and numbers: they always have a JSON form, and it is an object.
    if let Ok(Value::Object(members)) = serde_json::to_value(thing) {
        object.extend(members);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::messages::Language,
        contact::Field,
        replica::Problem,
        sync::events::{Change, ChangeAction, ConflictNote, FieldChange, Label},
    };

    const ENGLISH: Language = Language::English;

    fn label() -> Label {
        Label { uid: "u-1".into(), crm_id: Some("1042".into()), name: "Élodie Durand".into() }
    }

    #[test]
    fn every_object_has_one_of_the_public_types() {
        let replica = || "crm".to_owned();
        let problem = Problem { place: "page 1".into(), message: "bad".into(), hint: None, remote: None };
        let conflict = ConflictNote {
            replica: replica(),
            contact: label(),
            field: None,
            here: "a".into(),
            there: "b".into(),
            kept: "there".into(),
        };
        let failed = SyncEvent::Failed {
            replica: replica(),
            contact: Some(label()),
            message: "no".into(),
            hint: None,
            telling: Telling::Whole,
        };
        for (given, kind) in [
            (SyncEvent::ScanStarted { replica: replica() }, "event"),
            (SyncEvent::ScanProgress { replica: replica(), contacts: 1, pages: 1, pages_expected: None }, "event"),
            (SyncEvent::AskProgress { replica: replica(), done: 1, total: 2 }, "event"),
            (SyncEvent::ScanFinished { replica: replica(), contacts: 1, whole: true }, "event"),
            (SyncEvent::PushStarted { replica: replica(), total: 1 }, "event"),
            (SyncEvent::PushProgress { replica: replica(), done: 1, total: 1 }, "event"),
            (SyncEvent::Notice { replica: replica(), message: "m".into(), hint: None }, "event"),
            (SyncEvent::Problem { replica: replica(), problem, telling: Telling::Whole }, "error"),
            (failed, "error"),
            (SyncEvent::Conflict(conflict), "conflict"),
        ] {
            let object = event(&given, ENGLISH.messages());
            assert_eq!(object["type"], kind, "{object}");
            assert_eq!(object["replica"], "crm", "{object}");
        }
    }

    #[test]
    fn a_change_and_a_summary_keep_their_public_form() {
        let fields = vec![FieldChange { field: Field::JobTitle, old: "a".into(), new: "b".into() }];
        let change = Change { place: "crm".into(), action: ChangeAction::Update, contact: label(), fields };
        insta::assert_snapshot!(event(&SyncEvent::Change(change), ENGLISH.messages()), @r#"{"action":"update","contact":{"crm_id":"1042","name":"Élodie Durand","uid":"u-1"},"fields":[{"field":"job_title","new":"b","old":"a"}],"place":"crm","type":"change"}"#);
        let counts = |name: &str, count: u64| [(name.to_owned(), count)].into();
        let run = Summary { run: 3, scanned: counts("crm", 250), requests: counts("GET", 5), ..Summary::default() };
        insta::assert_snapshot!(summary(&run, ENGLISH.messages()), @r#"{"conflicts":0,"created":{},"deleted":{},"dry_run":false,"failed":0,"requests":{"DELETE":0,"GET":5,"POST":0,"PUT":0},"run":3,"scanned":{"crm":250},"type":"summary","updated":{},"waiting":0}"#);
    }
}
