//! What the steps of a run share: the mirror, the clock, the policy, and the telling.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use super::{
    error::SyncError,
    events::{Change, ChangeAction, ConflictNote, FieldChange, Label, Summary, SyncEvent},
    host::{FailPoint, Host, Uptime},
    options::Stop,
    participant::{MIRROR, Participant},
    waits::{Guards, STOPPED},
};
use crate::{
    contact::{Contact, Field},
    mirror::{ConflictRow, ContactId, HistoryRow, Mirror, QuestionDetail, QuestionRow, State, Stored},
    reconcile::{FieldConflict, Kept, Limit},
    replica::{Diagnostic, Problem},
};

/// How careful this run is.
#[derive(Debug, Clone)]
pub struct RunPolicy {
    /// Deletions that pass without a word.
    pub max_delete: Limit,
    /// A person's word.
    pub force: bool,
    /// Say, do not write.
    pub dry_run: bool,
    /// The second look at an absence, or for a creation without an answer, comes no sooner.
    pub confirm_after: Duration,
    /// How long a write may still take effect after its time-out.
    pub settle_after: Duration,
    /// For the UIDs of contacts that come from the CRM: "incwo/{account}/{contact}".
    pub account: String,
}

/// One run.
pub struct Engine<'a> {
    pub mirror: Mirror,
    pub run: i64,
    pub policy: RunPolicy,
    pub host: &'a dyn Host,
    pub stop: &'a Stop,
    pub summary: Summary,
    /// When the reading at hand was begun.
    pub reading_begun: Uptime,
    /// Trouble with the CRM that does not keep the books from being written, and that the run ends with.
    pub diagnostic: Option<SyncError>,
    /// Contacts that a rehearsal would have made in the CRM: books that carry its ids would be told theirs.
    pub rehearsed: HashSet<ContactId>,
    /// Contacts that may be in the CRM already: nobody could say in this run.
    pub doubtful: HashSet<ContactId>,
    /// Contacts that are not made in the CRM because its listing was not whole.
    pub unlisted: HashSet<ContactId>,
    /// What was stopped for safety.
    pub guards: Guards,
    events: &'a mut (dyn FnMut(SyncEvent) + 'a),
}

impl<'a> Engine<'a> {
    pub fn new(
        mirror: Mirror,
        policy: RunPolicy,
        host: &'a dyn Host,
        stop: &'a Stop,
        events: &'a mut (dyn FnMut(SyncEvent) + 'a),
    ) -> Self {
        let summary = Summary { dry_run: policy.dry_run, ..Summary::default() };
        Self {
            mirror,
            run: 0,
            policy,
            host,
            stop,
            summary,
            reading_begun: host.uptime(),
            diagnostic: None,
            rehearsed: HashSet::new(),
            doubtful: HashSet::new(),
            unlisted: HashSet::new(),
            guards: Guards::new(),
            events,
        }
    }

    pub fn emit(&mut self, event: SyncEvent) {
        (self.events)(event);
    }

    /// Runs a step in one transaction; nothing of a failed step stays.
    pub fn transact<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, SyncError>) -> Result<T, SyncError> {
        self.mirror.begin()?;
        let ready = step(self).and_then(|value| self.reached(FailPoint::Committing).map(|()| value));
        let done = ready.and_then(|value| Ok(self.mirror.commit().map(|()| value)?));
        if done.is_err() {
            // What went wrong says more than whatever undoing what is left of it may say.
            let _ = self.mirror.undo();
            return done;
        }
        self.reached(FailPoint::Committed)?;
        done
    }

    /// The uptime by which waits are measured.
    pub fn uptime(&self) -> Uptime {
        self.host.uptime()
    }

    /// Tells the host of a moment; its error is that of a full disk.
    pub fn reached(&self, point: FailPoint) -> Result<(), SyncError> {
        self.host.reached(point).map_err(SyncError::Failed)
    }

    /// Ends the run where a stop was asked for.
    pub fn check_stop(&self) -> Result<(), SyncError> {
        if self.stop.requested() { Err(SyncError::Interrupted) } else { Ok(()) }
    }

    /// Keeps what a replica has found out, where it is news.
    pub fn keep_facts(&mut self, facts: Vec<(String, String)>) -> Result<(), SyncError> {
        for (name, value) in facts {
            if self.mirror.fact(&name)?.unwrap_or_default() != value {
                self.mirror.set_fact(&name, &value)?;
            }
        }
        Ok(())
    }

    /// Counts and tells a change.
    pub fn changed(&mut self, place: &str, action: ChangeAction, contact: Label, fields: Vec<FieldChange>) {
        let counts = match action {
            ChangeAction::Create => Some(&mut self.summary.created),
            ChangeAction::Update => Some(&mut self.summary.updated),
            ChangeAction::Delete => Some(&mut self.summary.deleted),
            ChangeAction::Link => None,
        };
        if let Some(counts) = counts {
            bump(counts, place, 1);
        }
        self.emit(SyncEvent::Change(Change { place: place.to_owned(), action, contact, fields }));
    }

    /// Tells of a record that could not be used.
    pub fn problem(&mut self, replica: &str, problem: Problem) {
        self.summary.failed += 1;
        self.emit(SyncEvent::Problem { replica: replica.to_owned(), problem });
    }

    /// Tells something about a replica as a whole.
    pub fn notice(&mut self, replica: &str, diagnostic: Diagnostic) {
        let Diagnostic { message, hint } = diagnostic;
        self.emit(SyncEvent::Notice { replica: replica.to_owned(), message, hint });
    }

    /// A replica is not to be believed or written in this run.
    pub fn halt(&mut self, participant: &mut Participant, diagnostic: Diagnostic) {
        participant.halted = true;
        self.summary.stopped.push(diagnostic.message.clone());
        self.guards.insert(participant.name.clone(), (STOPPED, diagnostic.clone()));
        self.notice(&participant.name, diagnostic);
    }

    /// Puts a question to a person; the same question is put once.
    pub fn ask(&mut self, question: QuestionRow, hint: &str) -> Result<(), SyncError> {
        self.mirror.ask(&question)?;
        self.notice(&question.replica.clone(), Diagnostic::new(question.text).hint(hint));
        Ok(())
    }

    /// The same of a record that could be one of these contacts.
    pub fn ask_among(&mut self, candidates: &[ContactId], question: QuestionRow, hint: &str) -> Result<(), SyncError> {
        let detail = QuestionDetail { candidates: candidates.to_vec(), ..QuestionDetail::default() };
        self.mirror.ask_with(&question, &detail)?;
        self.notice(&question.replica.clone(), Diagnostic::new(question.text).hint(hint));
        Ok(())
    }

    /// Writes what was lost or replaced into the history, field by field.
    pub fn remember(&mut self, stored: &Stored, new: &Contact, source: &str) -> Result<Vec<FieldChange>, SyncError> {
        let at = self.host.stamp();
        let mut changes = Vec::new();
        for field in stored.contact.differing(new).iter() {
            self.mirror.record(&HistoryRow {
                run: self.run,
                at: at.clone(),
                contact: stored.id,
                uid: stored.uid.clone(),
                source: source.to_owned(),
                field: Some(field.name().to_owned()),
                old: Some(value(&stored.contact, field)),
                new: Some(value(new, field)),
                kind: "update".to_owned(),
            })?;
            changes.push(FieldChange { field, old: stored.contact.describe(field), new: new.describe(field) });
        }
        Ok(changes)
    }

    /// Keeps a whole contact in the history before it goes.
    pub fn remember_whole(&mut self, stored: &Stored, source: &str, kind: &str) -> Result<(), SyncError> {
        let whole = serde_json::to_string(&stored.contact).map_err(|error| {
            SyncError::Failed(Diagnostic::new(format!("write a contact into the history: {error}")))
        })?;
        self.mirror.record(&HistoryRow {
            run: self.run,
            at: self.host.stamp(),
            contact: stored.id,
            uid: stored.uid.clone(),
            source: source.to_owned(),
            field: None,
            old: Some(whole),
            new: None,
            kind: kind.to_owned(),
        })?;
        Ok(())
    }

    /// Records a conflict and tells of it.
    pub fn conflict(&mut self, stored: &Stored, replica: &str, conflict: &FieldConflict) -> Result<(), SyncError> {
        let open = conflict.kept == Kept::Open;
        self.mirror.add_conflict(&ConflictRow {
            id: 0,
            run: self.run,
            at: self.host.stamp(),
            contact: stored.id,
            replica: replica.to_owned(),
            field: Some(conflict.field.name().to_owned()),
            base: Some(conflict.base.clone()),
            here: Some(conflict.here.clone()),
            there: Some(conflict.there.clone()),
            kept: conflict.kept.word().to_owned(),
            state: if open { State::Open } else { State::Settled },
        })?;
        self.summary.conflicts += 1;
        self.emit(SyncEvent::Conflict(ConflictNote {
            replica: replica.to_owned(),
            contact: label(stored),
            field: Some(conflict.field),
            here: conflict.here.clone(),
            there: conflict.there.clone(),
            kept: conflict.kept.word().to_owned(),
        }));
        Ok(())
    }

    /// Records that a contact is gone on one side and edited on the other; where the other side is kept, it was gone here.
    pub fn whole_conflict(&mut self, stored: &Stored, replica: &str, kept: Kept) -> Result<(), SyncError> {
        let (here, there) = if kept == Kept::There { ("deleted", "edited") } else { ("edited", "deleted") };
        self.remember_whole(stored, replica, "conflict")?;
        let state = if kept == Kept::Open { State::Open } else { State::Settled };
        self.mirror.add_conflict(&ConflictRow {
            id: 0,
            run: self.run,
            at: self.host.stamp(),
            contact: stored.id,
            replica: replica.to_owned(),
            field: None,
            base: None,
            here: Some(stored.contact.display_name()),
            there: None,
            kept: kept.word().to_owned(),
            state,
        })?;
        self.summary.conflicts += 1;
        self.emit(SyncEvent::Conflict(ConflictNote {
            replica: replica.to_owned(),
            contact: label(stored),
            field: None,
            here: here.to_owned(),
            there: there.to_owned(),
            kept: kept.word().to_owned(),
        }));
        Ok(())
    }

    /// The mirror's copy of a contact that an agreement names.
    pub fn stored(&self, id: ContactId) -> Result<Stored, SyncError> {
        self.mirror.contact(id)?.ok_or_else(|| {
            SyncError::Failed(
                Diagnostic::new(format!("find contact {id} in the mirror, although an agreement names it"))
                    .hint("run `sqlite3 MIRROR 'PRAGMA foreign_key_check'`"),
            )
        })
    }

    /// A new contact of the mirror's, told and counted.
    pub fn created_here(&mut self, label: Label) {
        self.changed(MIRROR, ChangeAction::Create, label, Vec::new());
    }
}

/// A field as the history keeps it: the text of a scalar, the JSON of a list, so that it can be brought back.
pub(crate) fn value(contact: &Contact, field: Field) -> String {
    let json = match field {
        Field::Addresses => serde_json::to_string(&contact.addresses),
        Field::Items => serde_json::to_string(&contact.items),
        Field::Extra => serde_json::to_string(&contact.extra),
        scalar => return contact.scalar(scalar).into_owned(),
    };
    json.unwrap_or_default()
}

/// Whom an event is about.
pub(crate) fn label(stored: &Stored) -> Label {
    Label { uid: stored.uid.clone(), crm_id: stored.crm_id.clone(), name: stored.contact.display_name() }
}

/// Adds to one place's count.
pub(crate) fn bump(counts: &mut BTreeMap<String, u64>, place: &str, by: u64) {
    match counts.get_mut(place) {
        Some(count) => *count += by,
        None => {
            counts.insert(place.to_owned(), by);
        }
    }
}
