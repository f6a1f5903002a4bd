//! Changes whose answer was lost, recognised by what comes to stand in the replica.
//!
//! A field that shows what was sent was taken: then it is our own and the agreement moves on, so that an edit made here
//! meanwhile is an edit of what stands there, and no conflict. A field that does not may still come to show it (a server
//! that commits late), so that a CRM is left alone for the settle time before the contact is sent again.

use std::time::Duration;

use super::{Outbox, Payload};
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, ContactId, OutboxAction, OutboxRow, OutboxState, Stored},
    reconcile::{lists, merge::equal_normalised},
    replica::{Diagnostic, Ids, Unanswered, Writes},
    sync::{SyncError, participant::MergeSide, record::label},
};

/// So often a change is sent to a server that neither refuses nor shows it, before a user is told.
const TRIES_MAX: usize = 3;
/// And then no sooner than so long after the last time.
const STUCK_FOR: Duration = Duration::from_secs(3_600);

impl Outbox<'_, '_> {
    /// The agreement, moved on by those lost changes that a reading shows to have been taken.
    pub fn recognise_ours(
        &mut self,
        side: &MergeSide<'_>,
        stored: &Stored,
        mut agreement: Agreement,
        there: &Contact,
    ) -> Result<Agreement, SyncError> {
        for row in self.run.mirror.outbox_of(stored.id)? {
            let lost = row.replica == side.name && row.action == OutboxAction::Update;
            // What had its time and did not show was not taken: what shows since, somebody else did.
            let open = |sent: &Payload| lost && row.state != OutboxState::Refused && sent.misses == 0;
            let Some(sent) = Payload::of(&row).filter(open) else { continue };
            let Some(target) = &sent.target else { continue };
            let now = as_taken(&agreement.theirs, target, there, side.conduct.writes);
            let taken: FieldSet = sent.fields().iter().filter(|field| now.fields.contains(*field)).collect();
            let mut ours = sent.contact.clone();
            // What the replica keeps of a list although it was taken out is owed yet.
            let (theirs, agreed, shown) = (&agreement.theirs, &agreement.ours, &now.contact);
            ours.items = lists::in_words(&shown.items, &ours.items, (&theirs.items, &agreed.items));
            ours.addresses = lists::in_words(&shown.addresses, &ours.addresses, (&theirs.addresses, &agreed.addresses));
            agreement.theirs.copy_fields(&now.contact, taken);
            agreement.ours.copy_fields(&ours, taken);
            if taken == sent.fields() {
                self.run.mirror.delete_outbox(row.id)?;
            }
        }
        Ok(agreement)
    }

    /// After a whole reading: what does not show although it had time to, may be sent again. `was_told`: of which records
    /// the reading has said how they stand.
    pub fn conclude_updates(&mut self, side: &MergeSide<'_>, was_told: &dyn Fn(&str) -> bool) -> Result<(), SyncError> {
        for row in self.run.mirror.outbox(side.name)?.into_iter().filter(|row| row.state == OutboxState::Unknown) {
            match row.action {
                OutboxAction::Create if side.conduct.writes == Writes::Atomic && self.may_turn_up(&row)? => {}
                // A file is written or it is not.
                _ if side.conduct.writes == Writes::Atomic => self.run.mirror.delete_outbox(row.id)?,
                OutboxAction::Update if self.is_left_out(&row, was_told)? => {}
                OutboxAction::Update => self.conclude_update(row)?,
                OutboxAction::Create if side.conduct.ids == Ids::Own => self.conclude_named_creation(row)?,
                OutboxAction::Create | OutboxAction::Delete => {}
            }
        }
        Ok(())
    }

    /// True for a change of a record that should be there and that nothing was told of: it may have been taken.
    fn is_left_out(&self, row: &OutboxRow, was_told: &dyn Fn(&str) -> bool) -> Result<bool, SyncError> {
        let followed = self.run.mirror.agreement(&row.replica, row.contact)?.filter(|agreement| !agreement.detached);
        Ok(followed.is_some_and(|agreement| !was_told(&agreement.remote)))
    }

    /// The writes that nobody knows the end of, for a replica that makes something else of what it is given.
    pub fn unanswered(&self) -> Result<Vec<Unanswered>, SyncError> {
        let rows = self.run.mirror.outbox(self.replica)?.into_iter().filter(|row| row.state != OutboxState::Refused);
        rows.map(|row| {
            let agreement = self.run.mirror.agreement(self.replica, row.contact)?;
            let remote = agreement.map(|agreement| agreement.remote);
            Ok(Unanswered { uid: self.run.stored(row.contact)?.uid, remote })
        })
        .collect()
    }

    /// A creation that does not show although it had time to was not made. Where the replica gives no ids that others share
    /// it may be sent again: should it come to be there after all, its own name keeps it from being there twice.
    fn conclude_named_creation(&mut self, mut row: OutboxRow) -> Result<(), SyncError> {
        match self.run.has_waited(&row.sent_uptime, self.run.policy.settle_after) {
            Ok(true) => Ok(self.run.mirror.delete_outbox(row.id)?),
            Ok(false) => Ok(()),
            Err(anew) => {
                row.sent_uptime = anew;
                Ok(self.run.mirror.update_outbox(&row)?)
            }
        }
    }

    fn conclude_update(&mut self, mut row: OutboxRow) -> Result<(), SyncError> {
        let Some(mut sent) = Payload::of(&row) else { return Ok(()) };
        match self.run.has_waited(&row.sent_uptime, self.run.policy.settle_after) {
            Ok(true) if sent.misses == 0 => {}
            // It came there by a later try, or is not wanted any more: there is nothing left to try.
            Ok(_) if sent.misses > 0 && self.is_in_step(row.contact)? => {
                return Ok(self.run.mirror.delete_outbox(row.id)?);
            }
            Ok(_) => return Ok(()),
            Err(anew) => {
                row.sent_uptime = anew;
                return Ok(self.run.mirror.update_outbox(&row)?);
            }
        }
        sent.misses = 1;
        row.payload = sent.text();
        self.run.mirror.update_outbox(&row)?;
        if unanswered(&self.lost_updates(row.contact)?) >= TRIES_MAX { self.say_stuck(&row) } else { Ok(()) }
    }

    /// True where nothing is owed to the replica of this contact.
    fn is_in_step(&self, contact: ContactId) -> Result<bool, SyncError> {
        let agreement = self.run.mirror.agreement(self.replica, contact)?;
        let stored = self.run.stored(contact)?;
        Ok(agreement.is_some_and(|agreement| agreement.version == stored.version))
    }

    /// A contact's changes that the CRM was sent, and that nobody can tell the end of, oldest first.
    fn lost_updates(&self, contact: ContactId) -> Result<Vec<OutboxRow>, SyncError> {
        let rows = self.run.mirror.outbox_of(contact)?.into_iter();
        let lost = |row: &OutboxRow| row.replica == self.replica && row.action == OutboxAction::Update;
        Ok(rows.filter(|row| lost(row) && row.state == OutboxState::Unknown).collect())
    }

    /// True while a contact's lost changes may still take effect, or have been sent often enough for now.
    pub fn lost_updates_rest(&self, contact: ContactId) -> Result<bool, SyncError> {
        let rows = self.lost_updates(contact)?;
        let unsure = rows.iter().any(|row| Payload::of(row).is_some_and(|sent| sent.misses == 0));
        let last = rows.last().filter(|_| unanswered(&rows) >= TRIES_MAX);
        Ok(unsure || last.is_some_and(|row| self.run.has_waited(&row.sent_uptime, STUCK_FOR) != Ok(true)))
    }

    /// Before a contact is sent once more: only its last tries are remembered.
    pub fn forget_old_tries(&mut self, contact: ContactId) -> Result<(), SyncError> {
        let rows = self.lost_updates(contact)?;
        for row in rows.iter().take((rows.len() + 1).saturating_sub(TRIES_MAX)) {
            self.run.mirror.delete_outbox(row.id)?;
        }
        Ok(())
    }

    /// Sent three times, never refused, never shown.
    fn say_stuck(&mut self, row: &OutboxRow) -> Result<(), SyncError> {
        let stored = self.run.stored(row.contact)?;
        let message = format!("write it: sent {TRIES_MAX} times, and the CRM neither refuses nor shows it");
        let hint = "it is sent again once an hour; try the same change in the CRM itself";
        self.run.failed_and_noted(self.replica, label(&stored), Diagnostic::new(message).hint(hint));
        Ok(())
    }
}

/// How many of these the server left without an answer. What a kill interrupted says nothing about the server.
fn unanswered(rows: &[OutboxRow]) -> usize {
    rows.iter().filter(|row| row.error.is_some()).count()
}

/// What a change left there.
struct Taken {
    contact: Contact,
    fields: FieldSet,
}

/// How far a target shows in what is there. Of a list it is enough that what is new in it shows: somebody may have gone
/// on from there. A server may spell otherwise what it is given; a file that says what it said was not written.
fn as_taken(before: &Contact, target: &Contact, there: &Contact, writes: Writes) -> Taken {
    let mut contact = there.clone();
    let items = lists::taken(&before.items, &target.items, &there.items);
    let addresses = lists::taken(&before.addresses, &target.addresses, &there.addresses);
    let untouched = match writes {
        Writes::Atomic => FieldSet::ALL.less(before.differing(there)).and(before.differing(target)),
        Writes::Uncertain => FieldSet::NONE,
    };
    let shows = |field: Field| match field {
        Field::Items => items.is_some(),
        Field::Addresses => addresses.is_some(),
        other => equal_normalised(target, there, other) && !untouched.contains(other),
    };
    let fields = FieldSet::ALL.iter().filter(|field| shows(*field)).collect();
    contact.items = items.unwrap_or_default();
    contact.addresses = addresses.unwrap_or_default();
    Taken { contact, fields }
}
