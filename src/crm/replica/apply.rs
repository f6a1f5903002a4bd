//! Carries out writes: looks just before, writes once, reads back just after.
//!
//! The API updates without asking what was there, so the look before is what keeps a colleague's edit; between it and
//! the write remain milliseconds, which the API gives no means to close. What is handed back was always read from the
//! server, never what was sent.

use std::{collections::VecDeque, sync::Arc};

use tokio::task::JoinSet;

use super::{
    list_modes::Evidence,
    list_writes::{ListWrites, Withheld},
    remote_contact, replica_error,
};
use crate::{
    contact::{Contact, FieldSet},
    crm::{
        Client, Created, CrmError, ErrorKind, ListsSetting, Record, Unwritable, create_body,
        lists::{ListBehaviour, ListKind, PerList},
        update_body,
    },
    replica::{Action, Diagnostic, Partial, ReplicaError, Write, Written},
};

/// This many writes in a row without an answer end the rest: the server is away.
const UNANSWERED_MAX: usize = 3;

/// What writes need.
#[derive(Clone)]
pub struct CrmWriter {
    /// The connection.
    pub client: Client,
    /// How lists are written, or why they are not for now.
    pub lists: PerList<Result<ListBehaviour, Diagnostic>>,
    /// What the settings say of it.
    pub setting: ListsSetting,
    /// What was read back of it in this run.
    pub evidence: Arc<Evidence>,
}

/// Carries out all writes, several at once, and answers each in order.
pub async fn carry_out_all(pen: CrmWriter, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
    let width = pen.client.concurrency();
    let mut answers: Vec<Option<Result<Written, ReplicaError>>> = writes.iter().map(|_| None).collect();
    let mut waiting: VecDeque<(usize, Action)> = writes.into_iter().map(|write| write.action).enumerate().collect();
    let mut tasks = JoinSet::new();
    let mut under_way: Vec<(usize, FieldSet)> = Vec::new();
    let mut stop: Option<ReplicaError> = None;
    let mut unanswered = 0;
    loop {
        // Until the login is known to be good, one at a time: a wrong one must not be tried four times at once.
        let width = if pen.client.is_welcome() { width } else { 1 };
        while stop.is_none() && tasks.len() < width {
            let may_start = |(_, action): &(usize, Action)| pen.may_start(action, &under_way);
            let Some((place, action)) = waiting.iter().position(may_start).and_then(|at| waiting.remove(at)) else {
                break;
            };
            under_way.push((place, action.changed()));
            let pen = pen.clone();
            tasks.spawn(async move { (place, pen.carry_out(action).await) });
        }
        let Some(joined) = tasks.join_next().await else { break };
        let Ok((place, answer)) = joined else { continue };
        under_way.retain(|(other, _)| *other != place);
        match &answer {
            Err(error @ ReplicaError::Login(_)) => stop = Some(error.clone()),
            Err(error @ ReplicaError::Unavailable(_)) => {
                unanswered += 1;
                if unanswered >= UNANSWERED_MAX.max(width) && stop.is_none() {
                    stop = Some(error.clone());
                }
            }
            Ok(_) | Err(_) => unanswered = 0,
        }
        answers[place] = Some(answer);
    }
    // A task that ended without an answer may have sent its write.
    let lost = unsettled("learn what became of the write: it was interrupted".to_owned());
    for (place, _) in waiting {
        answers[place] = stop.clone().map(Err);
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(lost.clone()))).collect()
}

impl CrmWriter {
    /// False while a list of the same kind is on its way that is to show first whether such lists are treated as is
    /// believed: a wrong belief is to harm one contact, not all that are written at once.
    fn may_start(&self, action: &Action, under_way: &[(usize, FieldSet)]) -> bool {
        let is_alone = |kind: ListKind| !under_way.iter().any(|(_, fields)| fields.contains(kind.field()));
        ListKind::among(action.changed()).all(|kind| self.evidence.is_borne_out(kind) || is_alone(kind))
    }

    async fn carry_out(&self, action: Action) -> Result<Written, ReplicaError> {
        match action {
            Action::Create { contact } => self.create(&contact).await,
            Action::Update { remote, theirs, contact, changed, revision: _, detail: _ } => {
                self.update(&remote, &theirs, &contact, changed.and(FieldSet::CRM)).await
            }
            Action::Delete { remote, theirs, revision: _ } => self.delete(&remote, &theirs).await,
        }
    }

    async fn create(&self, contact: &Contact) -> Result<Written, ReplicaError> {
        let body = create_body(contact).map_err(|error| unwritable(&error))?;
        let Created { id, answer } = self.client.create(body).await.map_err(|error| match error.kind {
            // There is nothing yet that could be gone: the server is unwell, or the address is wrong. Neither is the
            // contact's fault.
            ErrorKind::Gone => replica_error(CrmError { kind: ErrorKind::Unavailable, ..error }),
            _ => replica_error(error.in_words(&[contact])),
        })?;
        let stated = |record: &Record| contact.set_fields().and(FieldSet::CRM).less(record.fields).is_empty();
        match (self.client.contact(&id).await, answer.filter(stated)) {
            (Ok(Some(record)), _) | (Ok(None) | Err(_), Some(record)) => Ok(Some(remote_contact(record))),
            (Ok(None), None) => {
                Err(unsettled(format!("read back contact {id}, which was just created: it is not there")))
            }
            (Err(error), None) => Err(unread("create", &id, &error)),
        }
    }

    async fn update(
        &self,
        remote: &str,
        theirs: &Contact,
        contact: &Contact,
        changed: FieldSet,
    ) -> Result<Written, ReplicaError> {
        let withheld = self.withheld(changed);
        let changed = changed.less(withheld.fields);
        if changed.is_empty()
            && let Some(reason) = withheld.reason
        {
            return Err(ReplicaError::Deferred(reason));
        }
        let before = self.fetch(remote, theirs).await?.ok_or(ReplicaError::Stale(None))?;
        let emptied = theirs.set_fields().and(changed).less(before.fields);
        if !emptied.is_empty() {
            // It leaves out what it held. Whether that is empty now is for the next listing to say.
            return Err(ReplicaError::Stale(None));
        }
        let lists = ListWrites::plan(&self.lists, changed, &before, contact);
        let withheld = withheld.and(lists.inexpressible(changed));
        let sent = changed.less(withheld.fields);
        if sent.is_empty() {
            return done(before, withheld, false);
        }
        let body = update_body(contact, sent, lists.in_body()).map_err(|error| unwritable(&error))?;
        let answer = self.client.update(remote, body).await;
        let answer = answer.map_err(|error| replica_error(error.in_words(&[contact, &before.contact])))?;
        let answered = answer.filter(|record| is_as_full(record, &before));
        let (mut after, is_read) = match answered {
            // What is to be mended is read first.
            Some(record) if lists.is_contradicted_by(&record) => match self.read_back(remote).await {
                Ok(read) => (read, true),
                Err(_) => (record, false),
            },
            Some(record) => (record, false),
            None => (self.read_back(remote).await?, true),
        };
        // Asked for alone, a record that leaves out what it had a moment ago has lost it: a colleague emptied it.
        after.fields = after.fields.or(before.fields);
        let contradicted = lists.judge(&after, &self.evidence);
        if contradicted.is_empty() {
            return done(after, withheld, false);
        }
        let (mended, unsettled) =
            if is_read { self.mend(remote, &lists, &contradicted, after).await } else { (after, false) };
        done(mended, self.contradicted(&contradicted).and(withheld), unsettled)
    }

    async fn delete(&self, remote: &str, theirs: &Contact) -> Result<Written, ReplicaError> {
        // A server that is unwell says 404 to everything. That it is gone is for the next listings to confirm.
        let there = self.fetch(remote, theirs).await?.is_some();
        let refused = |error: CrmError| replica_error(error.in_words(&[theirs]));
        if there && self.client.delete(remote).await.map_err(refused)? {
            Ok(None)
        } else {
            Err(ReplicaError::Stale(None))
        }
    }

    /// The record as it is now, if it still says what was last read; `None` if it is gone.
    async fn fetch(&self, remote: &str, theirs: &Contact) -> Result<Option<Record>, ReplicaError> {
        let Some(record) = self.client.contact(remote).await.map_err(replica_error)? else { return Ok(None) };
        let differing = record.contact.differing(theirs).and(record.fields);
        if differing.is_empty() {
            Ok(Some(record))
        } else {
            Err(ReplicaError::Stale(Some(Box::new(remote_contact(record)))))
        }
    }

    /// After a PUT that was acknowledged: whatever stands in the way now, the PUT may have happened.
    async fn read_back(&self, remote: &str) -> Result<Record, ReplicaError> {
        match self.client.contact(remote).await {
            Ok(Some(record)) => Ok(record),
            Ok(None) => Err(unsettled(format!("read back contact {remote}, which was just updated: it is gone"))),
            Err(error) => Err(unread("update", remote, &error)),
        }
    }
}

/// True if the record has the very elements that the other has: only then is it as good as reading it again.
fn is_as_full(record: &Record, other: &Record) -> bool {
    let has_ids = |record: &Record| record.address_ids.iter().chain(&record.item_ids).any(Option::is_some);
    let names = |record: &Record| record.unknown.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    record.fields == other.fields && has_ids(record) == has_ids(other) && names(record) == names(other)
}

/// A write that was carried out, in whole or less what was withheld.
fn done(record: Record, withheld: Withheld, unsettled: bool) -> Result<Written, ReplicaError> {
    let record = remote_contact(record);
    let Withheld { fields: unsent, inexpressible, reason } = withheld;
    match reason {
        None => Ok(Some(record)),
        Some(reason) => {
            Err(ReplicaError::Partial(Box::new(Partial { record, unsent, inexpressible, unsettled, reason })))
        }
    }
}

fn unsettled(message: String) -> ReplicaError {
    ReplicaError::OutcomeUnknown(Diagnostic::new(message).hint("the next run looks what became of it"))
}

fn unwritable(problem: &Unwritable) -> ReplicaError {
    ReplicaError::Rejected(Diagnostic::new(problem.to_string()).hint(problem.hint()))
}

/// The write was acknowledged, but not what came of it.
fn unread(verb: &str, id: &str, error: &CrmError) -> ReplicaError {
    unsettled(format!("see that the CRM did {verb} contact {id}: could not {error}"))
}

#[cfg(test)]
mod tests;
