//! The outbox: every write is written down before it leaves, and struck off once its end is known.
//!
//! A row that a crash or a lost answer leaves behind is `unknown`: the write may have happened, may happen yet, or may
//! never have left. What becomes of it is decided by looking: creations in `creations`, changes in `updates`.

mod creations;
#[cfg(test)]
mod creations_tests;
#[cfg(test)]
mod tests;
mod updates;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use creations::HELD_BACK;

use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{ContactId, OutboxAction, OutboxRow, OutboxState, Stored},
    replica::{Action, Diagnostic},
    sync::{
        SyncError,
        events::ChangeAction,
        push::Delivery,
        run::{Run, Step},
    },
};

/// So long what was refused is not sent again as it stands.
const REFUSED_FOR: Duration = Duration::from_secs(3_600);

/// What an outbox row remembers of the write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payload {
    /// The contact's version in the mirror when it was sent.
    pub version: i64,
    /// The contact in the mirror then.
    pub contact: Contact,
    /// A change: what the replica's record was meant to hold.
    #[serde(default)]
    pub target: Option<Contact>,
    /// A change: the fields that were sent.
    #[serde(default)]
    pub changed: Vec<Field>,
    /// Listings, begun after the settle time, that did not show it.
    #[serde(default)]
    pub misses: u32,
    /// The uptime at the first of them.
    #[serde(default)]
    pub missed_uptime: String,
}

impl Payload {
    /// What a row remembers; none if the row is of a version that nobody knows.
    pub fn of(row: &OutboxRow) -> Option<Self> {
        serde_json::from_str(&row.payload).ok()
    }

    /// As a row keeps it.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The fields that were sent.
    pub fn fields(&self) -> FieldSet {
        self.changed.iter().copied().collect()
    }
}

/// The outbox of one replica.
pub(crate) struct Outbox<'r, 'a> {
    run: &'r mut Run<'a>,
    replica: &'r str,
}

impl<'a> Step<'a> for Outbox<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl<'r, 'a> Outbox<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>, replica: &'r str) -> Self {
        Self { run, replica }
    }

    /// Written down before the first byte leaves: in the CRM a creation is not repeatable and a change may take effect
    /// late; in a book what is found there after a crash is recognised as ours.
    pub fn about_to_write(&mut self, is_uncertain: bool, deliveries: &mut [Delivery]) -> Result<(), SyncError> {
        for delivery in deliveries {
            let (action, target, changed) = match &delivery.write.action {
                Action::Create { .. } => (OutboxAction::Create, None, FieldSet::NONE),
                Action::Update { contact, changed, .. } => (OutboxAction::Update, Some(contact.clone()), *changed),
                Action::Delete { .. } => continue,
            };
            let stored = &delivery.stored;
            self.strike_off(stored.id, |row| row.state == OutboxState::Refused)?;
            if is_uncertain {
                self.forget_old_tries(stored.id)?;
            }
            let payload = Payload { target, changed: changed.iter().collect(), ..payload(stored) };
            let row = self.row(stored, (action, OutboxState::Sent), &payload)?;
            delivery.row = Some(self.run.mirror.put_outbox(&row)?);
        }
        Ok(())
    }

    fn row(
        &self,
        stored: &Stored,
        (action, state): (OutboxAction, OutboxState),
        payload: &Payload,
    ) -> Result<OutboxRow, SyncError> {
        Ok(OutboxRow {
            id: 0,
            replica: self.replica.to_owned(),
            contact: stored.id,
            action,
            state,
            payload: payload.text(),
            highest_id: self.highest_crm_id()?,
            sent_at: self.run.host.stamp(),
            sent_uptime: self.run.uptime().to_string(),
            attempts: 1,
            error: None,
        })
    }

    /// Strikes off such of the contact's rows.
    fn strike_off(&mut self, contact: ContactId, is_over: impl Fn(&OutboxRow) -> bool) -> Result<(), SyncError> {
        for row in self.run.mirror.outbox_of(contact)? {
            if row.replica == self.replica && is_over(&row) {
                self.run.mirror.delete_outbox(row.id)?;
            }
        }
        Ok(())
    }

    /// True when a write of this contact to the CRM is under way, unexplained, parked, or was refused in this very form.
    pub fn must_wait(&self, stored: &Stored) -> Result<bool, SyncError> {
        let waits = |row: &OutboxRow| match row.state {
            OutboxState::Refused => self.is_refused_lately(row, stored),
            OutboxState::Unknown if row.action == OutboxAction::Update => false,
            OutboxState::Sent | OutboxState::Unknown | OutboxState::HeldForReview => true,
        };
        let rows = self.run.mirror.outbox_of(stored.id)?;
        Ok(rows.iter().any(|row| row.replica == self.replica && waits(row)) || self.lost_updates_rest(stored.id)?)
    }

    /// True when the CRM has refused to delete this contact, not long ago.
    pub fn deletion_rests(&self, stored: &Stored) -> Result<bool, SyncError> {
        let rows = self.run.mirror.outbox_of(stored.id)?;
        Ok(rows.iter().any(|row| {
            let refused = (row.action, row.state) == (OutboxAction::Delete, OutboxState::Refused);
            refused && row.replica == self.replica && self.is_refused_lately(row, stored)
        }))
    }

    /// What was refused as it stands: rules and rights change at a server too, so that it is tried again after a while.
    fn is_refused_lately(&self, row: &OutboxRow, stored: &Stored) -> bool {
        Payload::of(row).is_some_and(|sent| sent.version == stored.version)
            && self.run.has_waited(&row.sent_uptime, REFUSED_FOR) == Ok(false)
    }

    /// A record was made. In a book that shows nothing for a while another one may turn up, which an interrupted run made:
    /// that row is kept until the next reading.
    pub fn made(&mut self, contact: ContactId) -> Result<(), SyncError> {
        self.strike_off(contact, |row| (row.action, row.state) != (OutboxAction::Create, OutboxState::Unknown))
    }

    /// The write is known to have happened: whatever was sent before it is history.
    pub fn close(&mut self, contact: ContactId) -> Result<(), SyncError> {
        self.strike_off(contact, |_| true)
    }

    /// Closes the lost and refused changes of contacts that are deleted here and followed there no more: whatever becomes
    /// of them changes nothing. A creation is another matter: what it made would be a stranger.
    pub fn close_forgotten(&mut self) -> Result<(), SyncError> {
        for row in self.run.mirror.outbox(self.replica)? {
            let idle = match (row.action, row.state) {
                (OutboxAction::Update, OutboxState::Unknown) | (_, OutboxState::Refused) => true,
                (_, OutboxState::Sent | OutboxState::Unknown | OutboxState::HeldForReview) => false,
            };
            let followed =
                self.run.mirror.agreement(self.replica, row.contact)?.is_some_and(|agreement| !agreement.detached);
            if idle && !followed && self.run.stored(row.contact)?.deleted {
                self.run.mirror.delete_outbox(row.id)?;
            }
        }
        Ok(())
    }

    /// The write is known not to have happened.
    pub fn withdraw(&mut self, row: Option<i64>) -> Result<(), SyncError> {
        row.map_or(Ok(()), |row| Ok(self.run.mirror.delete_outbox(row)?))
    }

    /// Nobody knows whether the write happened.
    pub fn lost(&mut self, contact: ContactId, error: &Diagnostic) -> Result<(), SyncError> {
        for mut row in self.run.mirror.outbox_of(contact)? {
            if row.replica == self.replica && row.state == OutboxState::Sent {
                row.state = OutboxState::Unknown;
                row.error = Some(error.message.clone());
                self.run.mirror.update_outbox(&row)?;
            }
        }
        Ok(())
    }

    /// Remembers that the CRM refused a contact as it stands: until it changes it is sent again once in a while only.
    pub fn refused(&mut self, stored: &Stored, action: ChangeAction, error: &Diagnostic) -> Result<(), SyncError> {
        self.close(stored.id)?;
        let action = match action {
            ChangeAction::Create => OutboxAction::Create,
            ChangeAction::Update | ChangeAction::Link => OutboxAction::Update,
            ChangeAction::Delete => OutboxAction::Delete,
        };
        let row = self.row(stored, (action, OutboxState::Refused), &payload(stored))?;
        self.run.mirror.put_outbox(&OutboxRow { error: Some(error.message.clone()), ..row })?;
        Ok(())
    }

    /// What a crash left behind: nobody knows whether those were done.
    pub fn recover(&mut self) -> Result<(), SyncError> {
        for mut row in self.run.mirror.outbox(self.replica)?.into_iter().filter(|row| row.state == OutboxState::Sent) {
            row.state = OutboxState::Unknown;
            self.run.mirror.update_outbox(&row)?;
        }
        Ok(())
    }
}

fn payload(stored: &Stored) -> Payload {
    Payload {
        version: stored.version,
        contact: stored.contact.clone(),
        target: None,
        changed: Vec::new(),
        misses: 0,
        missed_uptime: String::new(),
    }
}
