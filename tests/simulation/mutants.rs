//! Mistakes planted from outside, at the seams of the engine: the wire, the host, the run's policy and the CRM's port. A
//! history lives with at most one of them and must show it. Mistakes that have no seam are patches in `tests/mutants`.

use std::time::Duration;

use carnet::{
    contact::{Contact, FieldSet},
    crm::{Answer, Exchange, Failure, Request, Verb, Wire},
    replica::{
        Action, Answers, Baseline, Batch, Capabilities, Conduct, Diagnostic, Firms, LocalFuture, Lookup, Reading,
        RemoteContact, Replica, ReplicaError, Scanned, Sink, Unanswered, Write, Written,
    },
    sync::{FailPoint, Host, RunPolicy, Uptime},
};
use chrono::{DateTime, Utc};

use crate::{
    host::SimulatedHost,
    wire::{SimulatedWire, contact_of},
};

/// A mistake that somebody could make in good faith.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The HTTP client sends a write again when the connection breaks.
    RetriedWrite,
    /// A 5xx answer to a write means that it did not happen.
    ServerErrorIsFailure,
    /// List entries are sent without their ids.
    ListWithoutIds,
    /// Waits are measured on the wall clock.
    WallClockSettle,
    /// A lost write is judged at once.
    NoSettleTime,
    /// An element that a listed record leaves out is empty.
    AbsentIsEmpty,
    /// A PUT is believed to have done what it was sent for.
    NoReadBack,
    /// One base for both sides: what was sent is what stands there, under the revision that was read.
    OneBase,
    /// A write that found something else there is taken for done.
    StaleIsDone,
    /// A POST whose answer was lost is sent again at once.
    BlindRepost,
    /// Whatever says 2xx to a card that was sent has it, as it was sent.
    CardAnswerBelieved,
    /// A card is written whatever is there.
    CardWithoutPrecondition,
    /// What a server makes of a card is its user's edit.
    RewritingIsAnEdit,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 13] = [
        Mutant::RetriedWrite,
        Mutant::ServerErrorIsFailure,
        Mutant::ListWithoutIds,
        Mutant::WallClockSettle,
        Mutant::NoSettleTime,
        Mutant::AbsentIsEmpty,
        Mutant::NoReadBack,
        Mutant::OneBase,
        Mutant::StaleIsDone,
        Mutant::BlindRepost,
        Mutant::CardAnswerBelieved,
        Mutant::CardWithoutPrecondition,
        Mutant::RewritingIsAnEdit,
    ];

    /// Only a book on a server can show it.
    pub fn needs_a_server(self) -> bool {
        use Mutant::{CardAnswerBelieved, CardWithoutPrecondition, RewritingIsAnEdit};
        matches!(self, CardAnswerBelieved | CardWithoutPrecondition | RewritingIsAnEdit)
    }
}

/// The wire with its mistake, if it has one.
pub struct MutantWire {
    pub inner: SimulatedWire,
    pub mutant: Option<Mutant>,
}

impl Wire for MutantWire {
    fn exchange<'a>(&'a self, mut request: Request<'a>) -> Exchange<'a> {
        let writes = request.verb != Verb::Get;
        Box::pin(async move {
            match self.mutant {
                Some(Mutant::RetriedWrite) if writes => {
                    let again = Request { body: request.body.clone(), ..request };
                    match self.inner.exchange(request).await {
                        Err(Failure::Cut { .. }) => self.inner.exchange(again).await,
                        answer => answer,
                    }
                }
                Some(Mutant::ServerErrorIsFailure) if writes => {
                    let answer = self.inner.exchange(request).await?;
                    // 429 is what the client takes for "it did not happen, try again later".
                    Ok(if answer.status >= 500 { Answer { status: 429, ..Answer::default() } } else { answer })
                }
                Some(Mutant::ListWithoutIds) if request.verb == Verb::Put && !self.is_probe(request.url) => {
                    request.body = request.body.as_deref().map(without_ids);
                    self.inner.exchange(request).await
                }
                _ => self.inner.exchange(request).await,
            }
        })
    }

    fn chance(&self) -> f64 {
        self.inner.chance()
    }
}

impl MutantWire {
    /// The throwaway contact finds out what becomes of ids: there they are sent.
    fn is_probe(&self, url: &str) -> bool {
        let world = self.inner.0.lock().expect("the world");
        contact_of(url).is_some_and(|id| world.judge.probes.contains(&id))
    }
}

/// A body of PUT whose list entries have lost their ids; the contact's own is in the address only.
fn without_ids(body: &str) -> String {
    let mut parts = body.split("<id>");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + part.split_once("</id>").map_or("", |(_, rest)| rest))
}

/// The machine with its mistake, if it has one.
pub struct MutantHost {
    pub inner: SimulatedHost,
    pub mutant: Option<Mutant>,
}

impl Host for MutantHost {
    fn now(&self) -> DateTime<Utc> {
        self.inner.now()
    }

    fn uptime(&self) -> Uptime {
        if self.mutant == Some(Mutant::WallClockSettle) {
            let seconds = u64::try_from(self.now().timestamp()).unwrap_or_default();
            return Uptime::new("wall", Duration::from_secs(seconds));
        }
        self.inner.uptime()
    }

    fn fresh_uid(&self) -> String {
        self.inner.fresh_uid()
    }

    fn reached(&self, point: FailPoint) -> Result<(), Diagnostic> {
        self.inner.reached(point)
    }
}

/// A run's policy with its mistake, if it has one.
pub fn policy(mutant: Option<Mutant>, policy: RunPolicy) -> RunPolicy {
    match mutant {
        Some(Mutant::NoSettleTime) => {
            RunPolicy { settle_after: Duration::ZERO, confirm_after: Duration::ZERO, ..policy }
        }
        _ => policy,
    }
}

/// A port with its mistake, if it has one.
pub struct MutantReplica {
    pub inner: Box<dyn Replica>,
    pub mutant: Option<Mutant>,
}

impl Replica for MutantReplica {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        if self.mutant != Some(Mutant::AbsentIsEmpty) {
            return self.inner.scan(baseline, sink);
        }
        Box::pin(async move {
            let mut whole = |mut batch: Batch| {
                batch.changed.iter_mut().for_each(|record| record.fields = FieldSet::CRM);
                sink(batch)
            };
            self.inner.scan(baseline, &mut whole).await
        })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        self.inner.fetch(remote)
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move {
            let mut answers = self.inner.apply(writes.clone()).await;
            for (write, answer) in writes.into_iter().zip(&mut answers) {
                match (self.mutant, write.action.clone(), &mut *answer) {
                    (Some(Mutant::BlindRepost), Action::Create { .. }, Err(ReplicaError::OutcomeUnknown(_))) => {
                        *answer = self.inner.apply(vec![write]).await.remove(0);
                    }
                    (Some(Mutant::OneBase), Action::Create { contact }, Ok(Some(read))) => read.contact = contact,
                    (Some(Mutant::OneBase), Action::Update { contact, .. }, Ok(Some(read))) => read.contact = contact,
                    (Some(Mutant::NoReadBack), Action::Update { contact, revision, .. }, Ok(Some(read))) => {
                        (read.contact, read.revision) = (contact, revision);
                    }
                    (Some(Mutant::StaleIsDone), action, Err(ReplicaError::Stale(_))) => *answer = Ok(as_sent(action)),
                    _ => {}
                }
            }
            answers
        })
    }

    fn conduct(&self) -> Conduct {
        let conduct = self.inner.conduct();
        let answers = if self.mutant == Some(Mutant::RewritingIsAnEdit) { Answers::Present } else { conduct.answers };
        Conduct { answers, ..conduct }
    }

    fn unanswered(&mut self, writes: Vec<Unanswered>) {
        if self.mutant != Some(Mutant::RewritingIsAnEdit) {
            self.inner.unanswered(writes);
        }
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        self.inner.recall(known);
    }

    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        self.inner.clear_up()
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        self.inner.interpret(record, known)
    }

    fn removed(&self, remote: &str, known: &Contact) -> Option<Contact> {
        self.inner.removed(remote, known)
    }

    fn shows(&self, contact: &Contact) -> Contact {
        self.inner.shows(contact)
    }

    fn firms(&mut self) -> Option<&mut dyn Firms> {
        self.inner.firms()
    }

    fn requests(&self) -> std::collections::BTreeMap<String, u64> {
        self.inner.requests()
    }

    fn learned(&self) -> Vec<(String, String)> {
        self.inner.learned()
    }
}

/// A write as if it had been carried out and read back.
fn as_sent(action: Action) -> Written {
    match action {
        Action::Update { remote, revision, contact, detail, .. } => Some(RemoteContact {
            crm_id: Some(remote.clone()),
            remote,
            revision,
            uid: None,
            contact,
            fields: FieldSet::CRM,
            detail,
            source: None,
            edited: None,
        }),
        Action::Create { .. } | Action::Delete { .. } => None,
    }
}

#[test]
fn a_body_loses_the_ids_of_its_entries() {
    let body = "<contact><contact_items type=\"array\"><contact_item><id>5</id><value>a</value></contact_item>\
                <contact_item><value>b</value></contact_item></contact_items></contact>";
    assert_eq!(without_ids(body), body.replace("<id>5</id>", ""));
}
