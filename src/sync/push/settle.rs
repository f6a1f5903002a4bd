//! The answers to writes: agreements, history of what was refused, and what to do next.

use super::{
    Delivery, Pusher,
    owed::{Outcome, owe},
};
use crate::sync::{participant::Trust, scan::intake::Intake};
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Activity, Agreement, Stored},
    reconcile::{
        lists::{self, Entry},
        merge::equal_normalised,
    },
    replica::{Action, Diagnostic, Partial, RemoteContact, ReplicaError, Written},
    sync::{
        attention::of_distrust,
        error::SyncError,
        events::{ChangeAction, Label},
        record::label,
        run::Step,
        scan::intake::{CHANGED, marks},
    },
};

/// A contact as it was when its write was planned.
#[derive(Clone, Copy)]
struct Sent<'d> {
    stored: &'d Stored,
    agreement: Option<&'d Agreement>,
    /// Lists that were not sent: they are owed as they were.
    unsent: FieldSet,
    /// Those that the replica has no way to be told.
    inexpressible: FieldSet,
    /// Why it did not come to all that was meant is said already.
    is_said: bool,
}

impl Pusher<'_, '_> {
    /// Records the answers of one batch in one transaction; true when another round is due.
    pub fn settle(
        &mut self,
        batch: Vec<Delivery>,
        answers: Vec<Result<Written, ReplicaError>>,
    ) -> Result<bool, SyncError> {
        let mut again = false;
        let mut fatal = None;
        let facts = self.participant.replica.learned();
        self.transact(|part| {
            part.run.keep_facts(facts)?;
            for (delivery, answer) in batch.into_iter().zip(answers) {
                match answer {
                    Ok(written) => part.written(delivery, written)?,
                    Err(error) => again |= part.not_written(delivery, error, &mut fatal)?,
                }
            }
            Ok(())
        })?;
        match fatal {
            Some(error) => Err(error),
            None => Ok(again),
        }
    }

    fn written(&mut self, delivery: Delivery, written: Written) -> Result<(), SyncError> {
        match delivery.action() {
            ChangeAction::Create if !self.participant.is_uncertain() => self.outbox().made(delivery.stored.id)?,
            _ => self.outbox().close(delivery.stored.id)?,
        }
        self.carried_out(delivery, written, None)
    }

    /// A write of which a part was done, or that was done and needs a word.
    fn written_in_part(&mut self, delivery: Delivery, partial: Partial) -> Result<(), SyncError> {
        let (id, who) = (delivery.stored.id, label(&delivery.stored));
        if partial.unsettled {
            self.outbox().lost(id, &partial.reason)?;
        } else {
            self.outbox().close(id)?;
        }
        self.run.failed(self.participant, who, partial.reason.clone());
        self.carried_out(delivery, Some(partial.record.clone()), Some(&partial))
    }

    fn carried_out(
        &mut self,
        delivery: Delivery,
        written: Written,
        partial: Option<&Partial>,
    ) -> Result<(), SyncError> {
        let (action, mut who) = (delivery.action(), label(&delivery.stored));
        let Delivery { stored, agreement, write, mut fields, waiting, row: _ } = delivery;
        let unsent = waiting.or(partial.map_or(FieldSet::NONE, |partial| partial.unsent));
        let inexpressible = partial.map_or(FieldSet::NONE, |partial| partial.inexpressible);
        let (agreed, is_said) = (agreement.as_ref(), partial.is_some());
        let sent = Sent { stored: &stored, agreement: agreed, unsent, inexpressible, is_said };
        match (write.action, written) {
            (Action::Create { contact }, Some(record)) => {
                if self.participant.shares_ids() {
                    who.crm_id = Some(record.remote.clone());
                }
                self.agree(sent, (&Contact::default(), &contact), record)?;
            }
            (Action::Update { theirs, contact, changed, .. }, Some(record)) => {
                if self.participant.is_uncertain() && !changed.is_empty() {
                    let shown = theirs.differing(&record.contact).and(changed);
                    fields.retain(|change| shown.contains(change.field));
                    if shown.is_empty() {
                        // Nothing of it shows there.
                        return self.agree(sent, (&theirs, &contact), record);
                    }
                }
                self.agree(sent, (&theirs, &contact), record)?;
            }
            (Action::Delete { .. }, None) if let Some(agreement) = &agreement => {
                self.run.keep_beside(&stored, agreement)?;
                self.run.mirror.delete_agreement(&self.participant.name, stored.id)?;
            }
            _ => {}
        }
        self.run.changed(&self.participant.name, action, who, fields);
        Ok(())
    }

    /// A new agreement from what was sent and what was read back: never from what the mirror holds by now, since what was
    /// changed here between the write and its answer has not left yet. `before` is what stood there, `meant` what was to.
    fn agree(
        &mut self,
        sent: Sent<'_>,
        (before, meant): (&Contact, &Contact),
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let (ours, version) = self.agreed_on(sent)?;
        let stored = self.run.stored(sent.stored.id)?;
        let record = self.run.seen_alone(self.participant, record)?;
        let mut next = Agreement {
            contact: stored.id,
            remote: record.remote.clone(),
            revision: record.revision.clone(),
            theirs: record.contact.clone(),
            ours,
            version,
            detail: record.detail.clone(),
            detached: false,
            marks: marks(Some(&sent.stored.uid), sent.stored.crm_id.as_deref()),
        };
        if self.participant.answers_for_itself() {
            return Ok(self.run.mirror.put_agreement(&self.participant.name, &next)?);
        }
        let mut meant = meant.clone();
        meant.copy_fields(before, sent.unsent);
        let mut not_persisted = not_persisted(self.participant.policy().fields, before, &meant, &record.contact);
        if self.participant.shares_ids() {
            // What is kept of it is the CRM's.
            self.run.learn_unsupported_fields((before, &meant), &record.contact)?;
        }
        // What the server shows beyond what was sent, somebody put there: it is taken at once.
        next.theirs = common(before, &meant, &record.contact);
        let agreed = sent.agreement.map_or_else(Contact::default, |agreement| agreement.ours.clone());
        let shown = (&sent.stored.contact, &next.theirs);
        if !owe(&mut next.ours, &not_persisted, (before, &agreed), shown).is_empty() {
            next.version = 0;
        }
        not_persisted.extend(sent.inexpressible.iter());
        let outcome = Outcome { not_persisted, is_said: sent.is_said };
        self.tell_not_persisted(&stored, (&sent.stored.contact, &record.contact), &outcome)?;
        Intake::new(self.run).merge_in(&self.participant.side(), &stored, Some(&next), record)
    }

    /// The mirror's half of the agreement that a write makes: what was sent, and the version that this is now; 0 where the
    /// contact, or what was agreed on, has moved on meanwhile, and where something was not sent.
    fn agreed_on(&mut self, sent: Sent<'_>) -> Result<(Contact, i64), SyncError> {
        let id = sent.stored.id;
        let present = self.run.mirror.agreement(&self.participant.name, id)?;
        let mut ours = sent.stored.contact.clone();
        let mut in_step = self.run.stored(id)?.version == sent.stored.version && sent.unsent.is_empty();
        if self.participant.shares_ids() && present.is_none() {
            // Books that carry the CRM's id are now behind.
            self.run.mirror.touch_contact(id)?;
        }
        if let Some((then, now)) = sent.agreement.zip(present.as_ref()) {
            // A field whose agreement was decided anew meanwhile is still owed.
            let decided = then.ours.differing(&now.ours);
            ours.copy_fields(&now.ours, decided.or(sent.unsent));
            in_step &= decided.is_empty();
        }
        Ok((ours, if in_step { self.run.stored(id)?.version } else { 0 }))
    }

    fn not_written(
        &mut self,
        delivery: Delivery,
        error: ReplicaError,
        fatal: &mut Option<SyncError>,
    ) -> Result<bool, SyncError> {
        let (id, row) = (delivery.stored.id, delivery.row);
        let who = label(&delivery.stored);
        match error {
            ReplicaError::Stale(now) => {
                self.outbox().withdraw(row)?;
                if let Some(record) = now {
                    let record = self.run.seen_alone(self.participant, *record)?;
                    Intake::new(self.run).intake(&self.participant.side(), record)?;
                    return Ok(true);
                }
                if let Some(agreement) = &delivery.agreement {
                    // The next listing is to be looked at, even if it shows what it showed.
                    self.run.mirror.set_revision(&self.participant.name, &agreement.remote, CHANGED)?;
                }
                self.run.failed(
                    self.participant,
                    who,
                    Diagnostic::new("write it: it changed there in the meantime; the next run looks again"),
                );
            }
            ReplicaError::Rejected(diagnostic) => {
                self.outbox().withdraw(row)?;
                if self.participant.is_uncertain() {
                    self.outbox().refused(&delivery.stored, delivery.action(), &diagnostic)?;
                }
                self.failed_with_row(who, diagnostic);
            }
            ReplicaError::Deferred(diagnostic) => {
                self.outbox().withdraw(row)?;
                self.run.failed(self.participant, who, diagnostic);
            }
            ReplicaError::Partial(partial) => self.written_in_part(delivery, *partial)?,
            ReplicaError::OutcomeUnknown(diagnostic) => {
                self.outbox().lost(id, &diagnostic)?;
                self.failed_with_row(who, diagnostic);
            }
            ReplicaError::Unavailable(diagnostic) => {
                self.outbox().withdraw(row)?;
                if self.participant.essential {
                    // The others can still be written; the run then ends with this.
                    self.trouble = Some(SyncError::Network(diagnostic.clone()));
                    self.participant.trust = Trust::Nothing;
                }
                self.run.failed(self.participant, who, diagnostic);
            }
            ReplicaError::Login(diagnostic) if !self.participant.essential => {
                self.outbox().withdraw(row)?;
                self.login_refused(diagnostic);
            }
            ReplicaError::Login(diagnostic) => {
                self.outbox().withdraw(row)?;
                *fatal = Some(SyncError::Login(diagnostic));
            }
            // Only a scan is ended by the run.
            ReplicaError::Stopped(_) => self.outbox().withdraw(row)?,
            ReplicaError::Untrusted(distrust) => {
                self.outbox().withdraw(row)?;
                if !self.participant.is_halted() {
                    self.run.halt(self.participant, of_distrust(distrust));
                }
            }
        }
        Ok(false)
    }

    /// A book's login was refused: nothing else is tried there, and the others go on.
    fn login_refused(&mut self, diagnostic: Diagnostic) {
        if !self.participant.is_halted() {
            self.participant.trust = Trust::Nothing;
            self.run.replica_failed(&self.participant.name, Activity::Write, diagnostic, 1);
        }
    }

    /// A write failed, and where its answer may yet come the outbox has a row of it, which waits for it.
    fn failed_with_row(&mut self, who: Label, diagnostic: Diagnostic) {
        if self.participant.is_uncertain() {
            self.run.failed_and_noted(&self.participant.name, who, diagnostic);
        } else {
            self.run.failed(self.participant, who, diagnostic);
        }
    }
}

/// The fields that were meant to change and do not show what was meant.
fn not_persisted(carried: FieldSet, before: &Contact, meant: &Contact, read: &Contact) -> Vec<Field> {
    let lacks = |field: Field| match field {
        Field::Items => lacks_of(&before.items, &meant.items, &read.items),
        Field::Addresses => lacks_of(&before.addresses, &meant.addresses, &read.addresses),
        scalar => !equal_normalised(meant, read, scalar),
    };
    let sent = before.differing(meant).and(carried);
    sent.iter().filter(|field| lacks(*field)).collect()
}

/// True where an entry that was sent is not there, or one that was taken out still is.
fn lacks_of<E: Entry>(before: &[E], meant: &[E], read: &[E]) -> bool {
    let resembles = |list: &[E], entry: &E| beyond(std::slice::from_ref(entry), &[list]).next().is_none();
    beyond(meant, &[read]).next().is_some() || beyond(before, &[meant]).any(|gone| resembles(read, gone))
}

/// What was read back, less what somebody else has done there meanwhile: scalars that show neither the old nor the sent
/// value stand as they were before, and so does all that was not sent, to the letter: of that the server's spelling is news.
/// In a list that was sent, entries that are neither old nor sent are left out. Merging the reading against this takes
/// exactly what is somebody else's.
fn common(before: &Contact, meant: &Contact, read: &Contact) -> Contact {
    let mut common = read.clone();
    let sent = before.differing(meant);
    for field in before.differing(read).iter().filter(|field| !sent.contains(*field)) {
        common.copy_fields(before, FieldSet::NONE.with(field));
    }
    for field in sent.iter().filter(|field| !field.is_list()) {
        if !equal_normalised(before, read, field) && !equal_normalised(meant, read, field) {
            common.copy_fields(before, FieldSet::NONE.with(field));
        }
    }
    let strangers: Vec<_> = beyond(&read.items, &[&meant.items, &before.items]).cloned().collect();
    common.items.retain(|item| !strangers.contains(item));
    let strangers: Vec<_> = beyond(&read.addresses, &[&meant.addresses, &before.addresses]).cloned().collect();
    common.addresses.retain(|address| !strangers.contains(address));
    common
}

/// The entries that none of the others resembles.
fn beyond<'a, E: Entry>(entries: &'a [E], others: &[&'a [E]]) -> impl Iterator<Item = &'a E> {
    let others: Vec<&E> = others.iter().flat_map(|list| list.iter()).collect();
    entries.iter().filter(move |entry| {
        !others.iter().any(|other| lists::equal_normalised(std::slice::from_ref(*entry), std::slice::from_ref(*other)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Item, ItemType};

    fn contact(title: &str, phones: &[&str]) -> Contact {
        let items = phones.iter().map(|phone| Item::new(ItemType::ProfessionalPhone, *phone)).collect();
        let at = |phone: &&str| Address {
            city: format!("city {}", phone.chars().next_back().unwrap_or('0')),
            ..Address::new(AddressType::Professional)
        };
        let addresses = phones.iter().map(at).collect();
        Contact { job_title: title.into(), items, addresses, ..Contact::default() }
    }

    #[test]
    fn what_the_server_makes_of_a_write_is_told_apart() {
        let (before, meant) = (contact("a", &["0199000001"]), contact("b", &["0199000001", "0199000002"]));
        let taken = contact("B ", &["+33199000001", "+33199000002"]);
        assert!(not_persisted(FieldSet::CRM, &before, &meant, &taken).is_empty());
        assert_eq!(common(&before, &meant, &taken), taken);

        let unsupported_fields = contact("a", &["0199000001"]);
        assert_eq!(
            not_persisted(FieldSet::CRM, &before, &meant, &unsupported_fields),
            [Field::JobTitle, Field::Addresses, Field::Items]
        );
        assert_eq!(common(&before, &meant, &unsupported_fields), unsupported_fields);

        let edited_after = contact("c", &["0199000001", "0199000002", "0199000003"]);
        assert_eq!(not_persisted(FieldSet::CRM, &before, &meant, &edited_after), [Field::JobTitle]);
        assert_eq!(common(&before, &meant, &edited_after), contact("a", &["0199000001", "0199000002"]));
    }

    #[test]
    fn what_somebody_took_away_beside_a_write_is_not_agreed_unseen() {
        let (before, meant) =
            (contact("a", &["0199000001", "0199000002"]), contact("b", &["0199000001", "0199000002"]));
        let removed = contact("b", &["0199000001"]);
        assert_eq!(common(&before, &meant, &removed), meant);
        let cleared = contact("b", &[]);
        assert_eq!(common(&before, &meant, &cleared), meant);
    }

    #[test]
    fn the_servers_spelling_is_news_where_nothing_was_sent() {
        let (before, meant) = (contact("a", &["0199000001"]), contact("b", &["0199000001"]));
        let named = |name: &str, contact: &Contact| Contact { last_name: name.into(), ..contact.clone() };
        let (before, meant) = (named("Roux", &before), named("Roux", &meant));
        let respelled = named("ROUX", &contact("B ", &["+33199000001"]));
        let expected = Contact { job_title: "B ".into(), ..before.clone() };
        assert_eq!(common(&before, &meant, &respelled), expected);
        assert_eq!(common(&before, &named("roux b", &before), &named("ROUX B", &before)), named("ROUX B", &before));
    }
}
