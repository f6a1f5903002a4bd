//! The mirror's pending changes, out to one replica.

mod creations;
#[cfg(test)]
mod creations_tests;
mod named;
#[cfg(test)]
mod named_tests;
pub(super) mod outbox;
#[cfg(test)]
mod outbox_tests;
pub(super) mod settle;
#[cfg(test)]
mod settle_tests;
mod updates;

use super::{
    engine::{Engine, label},
    error::SyncError,
    events::{ChangeAction, FieldChange, SyncEvent},
    host::FailPoint,
    participant::Participant,
    scan::intake::marks,
};
use crate::{
    contact::FieldSet,
    mirror::{Agreement, ContactId, Pending, Stored},
    reconcile::{Base, outgoing},
    replica::{Action, Diagnostic, Write},
};

/// Pending contacts planned at a time, and writes handed to a book at a time: one fsync of the whole folder for all of
/// them, and bounded memory.
const PLANNED_AT_ONCE: usize = 2_500;
/// Or fewer, where their photos have so many bytes: each is held several times over while it is written.
const PLANNED_BYTES: usize = 16 << 20;
/// Writes handed to the CRM at a time.
const CRM_WRITES_AT_ONCE: usize = 16;
/// How often a replica is tried again within a run because it changed under us.
const ROUNDS: usize = 3;

/// A write on its way, and what is known of its contact.
pub(crate) struct Delivery {
    pub stored: Stored,
    pub agreement: Option<Agreement>,
    pub write: Write,
    pub fields: Vec<FieldChange>,
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

impl Engine<'_> {
    /// Pushes what is pending until the replica holds it, or has refused it, or could not be reached.
    pub async fn push(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        if participant.is_crm()
            && !participant.halted
            && !self.policy.dry_run
            && self.mirror.pending(&participant.name)?.is_empty()
        {
            // Nothing to say, but an earlier probe may have left its throwaway contact there.
            participant.replica.apply(Vec::new()).await;
        }
        if participant.is_crm() && !participant.halted {
            self.look_for_named(participant).await?;
        }
        for _ in 0..ROUNDS {
            let pending = self.mirror.pending(&participant.name)?;
            let total = pending.len() as u64;
            let (mut done, mut again) = (0, false);
            let mut rest = pending.as_slice();
            while !rest.is_empty() {
                if participant.halted {
                    return Ok(());
                }
                let (deliveries, planned) = self.plan_push(participant, rest)?;
                again |= self.deliver(participant, deliveries, (done, total)).await?;
                done += planned as u64;
                rest = &rest[planned..];
            }
            if !again {
                break;
            }
        }
        self.say_unlisted(participant);
        Ok(())
    }

    fn say_unlisted(&mut self, participant: &Participant) {
        let waiting = std::mem::take(&mut self.unlisted).len();
        if waiting > 0 {
            self.summary.failed += waiting as u64;
            let message = format!(
                "{waiting} new contacts are not made in the CRM yet: its listing left out contacts that are there, and they \
                 may be among them"
            );
            self.notice(&participant.name, Diagnostic::new(message).hint("the next whole listing decides"));
        }
    }

    /// The next pending contacts as writes, and how many contacts that were. Those that turn out to need no write are agreed
    /// on at once.
    fn plan_push(
        &mut self,
        participant: &Participant,
        pending: &[(ContactId, Pending)],
    ) -> Result<(Vec<Delivery>, usize), SyncError> {
        self.transact(|engine| {
            let (mut deliveries, mut planned, mut photos) = (Vec::new(), 0, 0);
            for (id, what) in pending.iter().take(PLANNED_AT_ONCE) {
                planned += 1;
                if let Some(delivery) = engine.plan_one(participant, *id, *what)? {
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

    fn plan_one(
        &mut self,
        participant: &Participant,
        id: ContactId,
        what: Pending,
    ) -> Result<Option<Delivery>, SyncError> {
        let stored = self.stored(id)?;
        let agreement = self.mirror.agreement(&participant.name, id)?;
        match (what, agreement) {
            (Pending::Create, None) => self.plan_create(participant, stored),
            (Pending::Update, Some(agreement)) => self.plan_update(participant, stored, agreement),
            (Pending::Delete, Some(agreement)) => self.plan_delete(participant, stored, agreement),
            _ => Ok(None),
        }
    }

    fn plan_create(&mut self, participant: &Participant, stored: Stored) -> Result<Option<Delivery>, SyncError> {
        let wanted = participant.gives && participant.wants(&stored.contact);
        if participant.is_crm() && participant.incomplete && wanted {
            // It may be among those that the listing left out.
            self.unlisted.insert(stored.id);
            return Ok(None);
        }
        let waits = participant.is_crm() && (self.doubtful.contains(&stored.id) || self.must_wait(&stored)?);
        if waits || !wanted {
            return Ok(None);
        }
        let action = Action::Create { contact: stored.contact.clone() };
        Ok(Some(delivery(stored, None, action, Vec::new())))
    }

    fn plan_update(
        &mut self,
        participant: &Participant,
        stored: Stored,
        agreement: Agreement,
    ) -> Result<Option<Delivery>, SyncError> {
        if !participant.gives || (participant.is_crm() && self.must_wait(&stored)?) {
            return Ok(None);
        }
        if !participant.wants(&stored.contact) && participant.wants(&agreement.ours) {
            // It left the filter, so it leaves the book; that is no deletion.
            return self.plan_delete(participant, stored, agreement);
        }
        let base = Base { theirs: &agreement.theirs, ours: &agreement.ours };
        let policy = self.less_conflicts(participant.policy(), stored.id, &participant.name)?;
        let out = outgoing(base, &stored.contact, &policy);
        let identity = participant.replica.capabilities().identity
            && (agreement.marks != marks(Some(&stored.uid), stored.crm_id.as_deref())
                || self.rehearsed.contains(&stored.id));
        if out.changed.is_empty() && !identity {
            let (version, ours) = (stored.version, stored.contact);
            self.mirror.put_agreement(&participant.name, &Agreement { version, ours, ..agreement })?;
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
        Ok(Some(delivery(stored, Some(agreement), action, fields)))
    }

    fn plan_delete(
        &mut self,
        participant: &Participant,
        stored: Stored,
        agreement: Agreement,
    ) -> Result<Option<Delivery>, SyncError> {
        if participant.held {
            return Ok(None);
        }
        if !participant.gives || !participant.deletes {
            self.mirror.put_agreement(&participant.name, &Agreement { detached: true, ..agreement })?;
            return Ok(None);
        }
        if self.mirror.absence(&participant.name, &agreement.remote)?.is_some() {
            // It seems to be gone there already: the second look decides, not another deletion.
            return Ok(None);
        }
        let action = Action::Delete {
            remote: agreement.remote.clone(),
            revision: agreement.revision.clone(),
            theirs: agreement.theirs.clone(),
        };
        Ok(Some(delivery(stored, Some(agreement), action, Vec::new())))
    }

    /// Carries the writes out; true when something changed there meanwhile and another round is due. `done` of `total`
    /// pending contacts came before these.
    async fn deliver(
        &mut self,
        participant: &mut Participant,
        deliveries: Vec<Delivery>,
        (mut done, total): (u64, u64),
    ) -> Result<bool, SyncError> {
        if self.policy.dry_run {
            for delivery in deliveries {
                if participant.is_crm() && delivery.action() == ChangeAction::Create {
                    // Its id is not known; that it will have one is, and books that carry ids are then behind.
                    self.mirror.touch_contact(delivery.stored.id)?;
                    self.rehearsed.insert(delivery.stored.id);
                }
                self.changed(&participant.name, delivery.action(), label(&delivery.stored), delivery.fields);
            }
            return Ok(false);
        }
        if !deliveries.is_empty() && done == 0 {
            self.emit(SyncEvent::PushStarted { replica: participant.name.clone(), total });
        }
        let at_once = if participant.is_crm() { CRM_WRITES_AT_ONCE } else { PLANNED_AT_ONCE };
        let mut again = false;
        let mut deliveries = deliveries.into_iter();
        while deliveries.len() > 0 && !participant.halted {
            self.check_stop()?;
            let mut batch: Vec<Delivery> = deliveries.by_ref().take(at_once).collect();
            self.transact(|engine| engine.about_to_write(participant, &mut batch))?;
            self.reached(FailPoint::AboutToWrite)?;
            let writes = batch.iter().map(|delivery| delivery.write.clone()).collect();
            let answers = participant.replica.apply(writes).await;
            self.reached(FailPoint::Answered)?;
            done += batch.len() as u64;
            again |= self.settle(participant, batch, answers)?;
            self.reached(FailPoint::Settled)?;
            self.emit(SyncEvent::PushProgress { replica: participant.name.clone(), done, total });
        }
        Ok(again)
    }
}

fn delivery(stored: Stored, agreement: Option<Agreement>, action: Action, fields: Vec<FieldChange>) -> Delivery {
    let write = Write { uid: stored.uid.clone(), crm_id: stored.crm_id.clone(), action };
    Delivery { stored, agreement, write, fields, row: None }
}

fn described(agreement: &Agreement, target: &crate::contact::Contact, changed: FieldSet) -> Vec<FieldChange> {
    changed
        .iter()
        .map(|field| FieldChange { field, old: agreement.theirs.describe(field), new: target.describe(field) })
        .collect()
}
