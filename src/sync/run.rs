//! What the steps of a run share: the mirror, the clock, the policy, and the telling. Each step keeps its own state.

use std::{collections::BTreeMap, time::Duration};

use super::{
    SyncError,
    attention::Guards,
    events::{Change, ChangeAction, FieldChange, Label, Note, Stopped, Summary, SyncEvent},
    firms::{FirmPolicy, FirmState},
    host::{FailPoint, Host, Uptime},
    left_out::LeftOut,
    options::Stop,
    participant::{Participant, Trust},
    problems::Problems,
};
use crate::{
    mirror::{Attention, AttentionRow, ContactId, Mirror, State, Stored},
    reconcile::{Limit, Prefer},
    replica::{Diagnostic, RemoteContact},
};

/// How careful this run is.
#[derive(Debug, Clone)]
pub struct RunPolicy {
    /// Deletions that pass without a word.
    pub max_delete: Limit,
    /// A user's decision.
    pub force: bool,
    /// Say, do not write.
    pub dry_run: bool,
    /// The second look at an absence, or for a creation without an answer, comes no sooner.
    pub confirm_after: Duration,
    /// How long a write may still take effect after its time-out.
    pub settle_after: Duration,
    /// Whose value wins where both sides changed the same: the settings'.
    pub prefer: Prefer,
    /// For the UIDs of contacts that come from the CRM: "incwo/{account}/{contact}".
    pub account: String,
    /// What becomes of the CRM's firms.
    pub firms: FirmPolicy,
}

/// One run.
pub struct Run<'a> {
    pub mirror: &'a mut Mirror,
    /// Its number in the run log.
    pub id: i64,
    pub policy: RunPolicy,
    pub host: &'a dyn Host,
    pub stop: &'a Stop,
    pub summary: Summary,
    /// When the latest scan was begun: waits are measured up to there.
    pub reading_begun: Uptime,
    /// What was stopped for safety.
    pub guards: Guards,
    /// What failed.
    pub problems: Problems,
    /// Something may be under way to the CRM that the mirror knows nothing of: nobody is made there.
    pub settling: bool,
    /// Copies of sync programs that were answered for, each with its replica: the push removes them.
    pub copies_done: Vec<(String, RemoteContact)>,
    /// What is known of firms.
    pub firms: FirmState,
    /// Texts of books that are no values of their kind.
    pub left_out: LeftOut,
    events: &'a mut (dyn FnMut(SyncEvent) + 'a),
}

/// A step of a run: it borrows the run, and owns what it alone knows.
pub trait Step<'a> {
    /// The run that it is a step of.
    fn run(&mut self) -> &mut Run<'a>;

    /// Does a part of the step in one transaction; nothing of a failed part stays.
    fn transact<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, SyncError>) -> Result<T, SyncError>
    where
        Self: Sized,
    {
        self.run().mirror.begin()?;
        let done = part(self);
        self.run().end(done)
    }
}

impl<'a> Step<'a> for Run<'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self
    }
}

impl<'a> Run<'a> {
    pub fn new(
        mirror: &'a mut Mirror,
        policy: RunPolicy,
        host: &'a dyn Host,
        stop: &'a Stop,
        events: &'a mut (dyn FnMut(SyncEvent) + 'a),
    ) -> Self {
        let summary = Summary { dry_run: policy.dry_run, ..Summary::default() };
        let reading_begun = host.uptime();
        Self {
            mirror,
            id: 0,
            policy,
            host,
            stop,
            summary,
            reading_begun,
            guards: Guards::new(),
            problems: Problems::default(),
            settling: false,
            copies_done: Vec::new(),
            firms: FirmState::default(),
            left_out: LeftOut::default(),
            events,
        }
    }

    pub fn emit(&mut self, event: SyncEvent) {
        (self.events)(event);
    }

    /// Ends a transaction that was begun: kept if all went well, else undone.
    fn end<T>(&mut self, done: Result<T, SyncError>) -> Result<T, SyncError> {
        let ready = done.and_then(|value| self.reached(FailPoint::Committing).map(|()| value));
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

    /// True when the latest scan was begun so long after an uptime was written down. Another boot has its own beginning:
    /// then the wait begins anew, with the text given back to be kept.
    pub fn has_waited(&self, since: &str, long: Duration) -> Result<bool, String> {
        let now = &self.reading_begun;
        match since.parse::<Uptime>().ok().and_then(|since| now.elapsed_since(&since)) {
            Some(elapsed) => Ok(elapsed >= long),
            None if long.is_zero() => Ok(true),
            None => Err(now.to_string()),
        }
    }

    /// Fail point: a simulated host may crash or report a full disk here.
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
            let known = self.mirror.fact(&name)?;
            if value.is_empty() && known.is_some() {
                self.mirror.forget_fact(&name)?;
            } else if known.unwrap_or_default() != value {
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

    /// Tells something about a replica as a whole.
    pub fn notice(&mut self, replica: &str, diagnostic: Diagnostic) {
        let Diagnostic { message, hint } = diagnostic;
        self.emit(SyncEvent::Notice { replica: replica.to_owned(), message, hint });
    }

    /// A replica is not to be believed or written in this run.
    pub fn halt(&mut self, participant: &mut Participant, attention: Attention) {
        participant.trust = Trust::Nothing;
        self.trip(&participant.name, attention);
    }

    /// A part of this run is stopped for safety.
    pub fn trip(&mut self, replica: &str, attention: Attention) {
        let replica = replica.to_owned();
        self.summary.stopped.push(Stopped { replica: replica.clone(), attention: attention.clone() });
        self.guards.insert(replica.clone(), attention.clone());
        self.emit(SyncEvent::Attention { replica, note: Note::Raised { remote: String::new(), attention } });
    }

    /// Raises something for the user and tells of it; it is in the mirror once, however often it is raised.
    pub fn raise(&mut self, row: AttentionRow) -> Result<(), SyncError> {
        self.mirror.raise(&row)?;
        let AttentionRow { replica, remote, attention, .. } = row;
        self.emit(SyncEvent::Attention { replica, note: Note::Raised { remote, attention } });
        Ok(())
    }

    /// What is met in this run and waits, about no contact yet.
    pub fn open_attention(&self, replica: &str, remote: &str, attention: Attention) -> AttentionRow {
        let (replica, remote) = (replica.to_owned(), remote.to_owned());
        AttentionRow { id: 0, run: self.id, replica, remote, contact: None, attention, state: State::Open }
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
