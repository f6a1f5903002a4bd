//! The mirror's pending changes, out to one replica.

#[cfg(test)]
mod clear_up_tests;
mod copies;
pub(super) mod leaving;
mod named;
#[cfg(test)]
mod named_tests;
mod owed;
#[cfg(test)]
mod owed_tests;
pub(super) mod settle;
#[cfg(test)]
mod settle_tests;
mod silent;
mod unsupported;

use super::{
    error::SyncError,
    events::{ChangeAction, FieldChange, SyncEvent},
    host::FailPoint,
    participant::Participant,
    record::label,
    run::{Run, Step},
    scan::intake::marks,
};
use crate::sync::{outbox::Outbox, participant::Trust};
use std::collections::HashSet;

use crate::{
    contact::FieldSet,
    mirror::{Activity, Agreement, ContactId, Pending, Stored},
    reconcile::{Base, Policy, outgoing},
    replica::{Action, Diagnostic, Write},
};

/// Pending contacts planned at a time, and writes handed to a book at a time: one fsync of the whole folder for all of
/// them, and bounded memory.
const PLANNED_AT_ONCE: usize = 1_000;
/// Or fewer, where their photos have so many bytes: each is held several times over while it is written.
const PLANNED_BYTES: usize = 16 << 20;
/// How often a replica is tried again within a run because it changed under us.
const ROUNDS: usize = 3;

/// A write on its way, and what is known of its contact.
pub(crate) struct Delivery {
    pub stored: Stored,
    pub agreement: Option<Agreement>,
    pub write: Write,
    pub fields: Vec<FieldChange>,
    /// Lists that are owed too and wait: this write leaves them out.
    pub waiting: FieldSet,
    /// Its row in the outbox, if it needs one.
    pub row: Option<i64>,
}

impl Delivery {
    pub fn action(&self) -> ChangeAction {
        match self.write.action {
            Action::Create { .. } => ChangeAction::Create,
            Action::Update { .. } => ChangeAction::Update,
            Action::Delete { .. } => ChangeAction::Delete,
        }
    }
}

/// The push of one replica's pending changes.
pub(crate) struct Pusher<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    pub(super) participant: &'r mut Participant,
    /// Contacts that a dry run would have made under a shared id: books that carry it would be told theirs.
    planned: &'r mut HashSet<ContactId>,
    /// Contacts that may be there already: nobody could say in this run.
    pub(super) doubtful: HashSet<ContactId>,
    /// Contacts that are not made there because its listing was not whole.
    unlisted: HashSet<ContactId>,
    /// Contacts that are not made there yet: what was sent before the mirror was restored may still come to be there.
    settling: HashSet<ContactId>,
    /// What is to be said once of all of it.
    silent: silent::Silent,
    /// Trouble that does not keep the other replicas from being written, and that the run ends with.
    pub(super) trouble: Option<SyncError>,
}

impl<'a> Step<'a> for Pusher<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl<'r, 'a> Pusher<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>, participant: &'r mut Participant, planned: &'r mut HashSet<ContactId>) -> Self {
        let (doubtful, unlisted, settling) = (HashSet::new(), HashSet::new(), HashSet::new());
        let silent = silent::Silent::default();
        Self { run, participant, planned, doubtful, unlisted, settling, silent, trouble: None }
    }

    fn outbox(&mut self) -> Outbox<'_, 'a> {
        Outbox::new(self.run, &self.participant.name)
    }

    /// Pushes what is pending until the replica holds it, or has refused it, or could not be reached. Trouble with an
    /// essential replica is given back: the others are written first.
    pub async fn push(mut self) -> Result<Option<SyncError>, SyncError> {
        let pushed = self.push_all().await;
        self.say_silent();
        pushed.map(|()| self.trouble)
    }

    async fn push_all(&mut self) -> Result<(), SyncError> {
        if self.participant.shares_ids() && !self.participant.is_halted() {
            self.look_for_named().await?;
        }
        self.let_leave().await?;
        for _ in 0..ROUNDS {
            let pending = self.run.mirror.pending_list(&self.participant.name)?;
            let (mut done, mut again) = (0, false);
            while done < pending.len() {
                if self.participant.is_halted() {
                    return Ok(());
                }
                let next: Vec<_> = pending.iter_from(done).take(PLANNED_AT_ONCE).collect();
                let (deliveries, planned) = self.plan_push(&next)?;
                again |= self.deliver(deliveries, (done as u64, pending.len() as u64)).await?;
                done += planned;
            }
            if !again {
                break;
            }
        }
        if !self.participant.is_halted() && !self.run.policy.dry_run {
            // Not before: what an interrupted run left there may be of use to the writes.
            self.participant.replica.clear_up().await;
            let learned = self.participant.replica.learned();
            if !learned.is_empty() {
                self.transact(|part| part.run.keep_facts(learned))?;
            }
            self.say_remarks();
        }
        self.say_unlisted();
        let settling = std::mem::take(&mut self.settling).len();
        self.run.say_settling(settling);
        if !self.participant.is_halted() {
            self.remove_copies().await?;
        }
        if !self.participant.is_halted() && !self.run.policy.dry_run {
            self.run.passed(&self.participant.name, Activity::Write);
        }
        Ok(())
    }

    /// Tells what the replica has to say of itself.
    fn say_remarks(&mut self) {
        for remark in self.participant.replica.remarks() {
            self.run.summary.failed += 1;
            self.run.notice(&self.participant.name, remark);
        }
    }

    fn say_unlisted(&mut self) {
        let waiting = std::mem::take(&mut self.unlisted).len();
        if waiting > 0 {
            let message = format!(
                "make {waiting} new contacts in the CRM: its listing left out contacts that are there, and they may be \
                 among them"
            );
            let diagnostic = Diagnostic::new(message).hint("the next whole listing decides");
            self.run.replica_failed(&self.participant.name, Activity::Write, diagnostic, waiting as u64);
        }
    }

    /// The next pending contacts as writes, and how many contacts that were. Those that turn out to need no write are agreed
    /// on at once.
    pub(super) fn plan_push(&mut self, pending: &[(ContactId, Pending)]) -> Result<(Vec<Delivery>, usize), SyncError> {
        self.transact(|part| {
            let mut deliveries = Vec::with_capacity(pending.len().min(PLANNED_AT_ONCE));
            let (mut planned, mut photos) = (0, 0);
            for (id, what) in pending.iter().take(PLANNED_AT_ONCE) {
                planned += 1;
                if let Some(delivery) = part.plan_one(*id, *what)? {
                    photos += delivery.stored.contact.extra.iter().map(String::len).sum::<usize>();
                    deliveries.push(delivery);
                }
                if photos > PLANNED_BYTES {
                    break;
                }
            }
            Ok((deliveries, planned))
        })
    }

    fn plan_one(&mut self, id: ContactId, what: Pending) -> Result<Option<Delivery>, SyncError> {
        let stored = self.run.stored(id)?;
        let agreement = self.run.mirror.agreement(&self.participant.name, id)?;
        match (what, agreement) {
            (Pending::Create, None) => self.plan_create(stored),
            (Pending::Update, Some(agreement)) => self.plan_update(stored, agreement),
            (Pending::Delete, Some(agreement)) => self.plan_delete(stored, agreement),
            _ => Ok(None),
        }
    }

    fn plan_create(&mut self, stored: Stored) -> Result<Option<Delivery>, SyncError> {
        let wanted = self.participant.gives() && self.participant.wants(&stored.contact);
        if self.participant.incomplete && wanted && self.participant.shares_ids() {
            // It may be among those that the listing left out.
            self.unlisted.insert(stored.id);
            return Ok(None);
        }
        let waits = self.doubtful.contains(&stored.id)
            // It may be there, and cannot be read: a second one would be made beside it.
            || self.participant.unreadable.iter().any(|remote| remote.contains(&stored.uid))
            || (self.participant.is_uncertain() && self.outbox().must_wait(&stored)?);
        if waits || !wanted {
            return Ok(None);
        }
        if self.run.settling && self.participant.shares_ids() {
            self.settling.insert(stored.id);
            return Ok(None);
        }
        self.note_company(&stored, "");
        let action = Action::Create { contact: stored.contact.clone() };
        Ok(Some(delivery(stored, None, action, Vec::new())))
    }

    fn plan_update(&mut self, stored: Stored, agreement: Agreement) -> Result<Option<Delivery>, SyncError> {
        if !self.participant.gives() || (self.participant.is_uncertain() && self.outbox().must_wait(&stored)?) {
            return Ok(None);
        }
        if !self.participant.wants(&stored.contact) && self.participant.wants(&agreement.ours) {
            // It left the filter, so it leaves the book; that is no deletion.
            return self.plan_leave(stored, agreement);
        }
        self.note_company(&stored, &agreement.ours.company);
        let base = Base { theirs: &agreement.theirs, ours: &agreement.ours };
        let policy = self.run.less_conflicts(self.participant.policy(), stored.id, &self.participant.name)?;
        let waiting = self.waiting_lists(&stored, &agreement, &policy)?;
        let policy = Policy { fields: policy.fields.less(waiting), ..policy };
        let out = outgoing(base, &stored.contact, &policy);
        let identity = self.participant.replica.capabilities().identity
            && (agreement.marks != marks(Some(&stored.uid), stored.crm_id.as_deref())
                || self.planned.contains(&stored.id));
        if out.changed.is_empty() && !identity {
            if self.participant.absence_open {
                // It may be gone there: whoever deleted it has not seen what changed here.
                return Ok(None);
            }
            self.agree_unwritten(stored, agreement, waiting)?;
            return Ok(None);
        }
        let fields = described(&agreement, &out.contact, out.changed);
        let action = Action::Update {
            remote: agreement.remote.clone(),
            revision: agreement.revision.clone(),
            theirs: agreement.theirs.clone(),
            contact: out.contact,
            changed: out.changed,
            detail: agreement.detail.clone(),
        };
        Ok(Some(Delivery { waiting, ..delivery(stored, Some(agreement), action, fields) }))
    }

    fn plan_delete(&mut self, stored: Stored, agreement: Agreement) -> Result<Option<Delivery>, SyncError> {
        if self.participant.trust == Trust::NoDeletions {
            return Ok(None);
        }
        if !self.participant.gives() || !self.participant.deletes {
            self.note_staying(&stored);
            self.run.mirror.put_agreement(&self.participant.name, &Agreement { detached: true, ..agreement })?;
            return Ok(None);
        }
        if self.participant.is_uncertain() && self.outbox().deletion_rests(&stored)? {
            return Ok(None);
        }
        self.plan_leave(stored, agreement)
    }

    /// Carries the writes out; true when something changed there meanwhile and another round is due. `done` of `total`
    /// pending contacts came before these.
    async fn deliver(&mut self, deliveries: Vec<Delivery>, (mut done, total): (u64, u64)) -> Result<bool, SyncError> {
        self.announce_trial(&deliveries);
        if self.run.policy.dry_run {
            for delivery in deliveries {
                if self.participant.shares_ids() && delivery.action() == ChangeAction::Create {
                    // Its id is not known; that it will have one is, and books that carry ids are then behind.
                    self.run.mirror.touch_contact(delivery.stored.id)?;
                    self.planned.insert(delivery.stored.id);
                }
                self.run.changed(&self.participant.name, delivery.action(), label(&delivery.stored), delivery.fields);
            }
            return Ok(false);
        }
        if !deliveries.is_empty() && done == 0 {
            self.run.emit(SyncEvent::PushStarted { replica: self.participant.name.clone(), total });
        }
        let at_once = self.participant.conduct().writes_at_once;
        let mut again = false;
        let mut deliveries = deliveries.into_iter();
        while deliveries.len() > 0 && !self.participant.is_halted() {
            self.run.check_stop()?;
            let mut batch: Vec<Delivery> = deliveries.by_ref().take(at_once).collect();
            let is_uncertain = self.participant.is_uncertain();
            self.transact(|part| part.outbox().about_to_write(is_uncertain, &mut batch))?;
            self.run.reached(FailPoint::AboutToWrite)?;
            let writes = batch.iter().map(|delivery| delivery.write.clone()).collect();
            let answers = self.participant.replica.apply(writes).await;
            self.run.reached(FailPoint::Answered)?;
            done += batch.len() as u64;
            again |= self.settle(batch, answers)?;
            self.say_remarks();
            self.run.reached(FailPoint::Settled)?;
            self.run.emit(SyncEvent::PushProgress { replica: self.participant.name.clone(), done, total });
        }
        Ok(again)
    }
}

fn delivery(stored: Stored, agreement: Option<Agreement>, action: Action, fields: Vec<FieldChange>) -> Delivery {
    let write = Write { uid: stored.uid.clone(), crm_id: stored.crm_id.clone(), action };
    Delivery { stored, agreement, write, fields, waiting: FieldSet::NONE, row: None }
}

fn described(agreement: &Agreement, target: &crate::contact::Contact, changed: FieldSet) -> Vec<FieldChange> {
    changed
        .iter()
        .map(|field| FieldChange { field, old: agreement.theirs.describe(field), new: target.describe(field) })
        .collect()
}
