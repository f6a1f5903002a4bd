//! The answers to writes: agreements, history of what was refused, and what to do next.

use super::Delivery;
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, QuestionRow, State, Stored},
    reconcile::{
        lists::{self, Entry},
        merge::equal_normalised,
    },
    replica::{Action, Diagnostic, RemoteContact, ReplicaError, Written},
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::SyncEvent,
        participant::Participant,
        scan::intake::marks,
    },
};

/// The kind of question that only informs: it stays in `status` and holds nothing up.
pub(crate) const NOT_PERSISTED: &str = "untaken";

/// The fact that names the scalars which the CRM acknowledges and does not keep.
const IGNORED: &str = "crm.ignored";

/// The revision of a record that is known to have changed, and has not been read since.
const CHANGED: &str = "changed";

/// A contact as it was when its write was planned.
#[derive(Clone, Copy)]
struct Sent<'d> {
    stored: &'d Stored,
    agreement: Option<&'d Agreement>,
}

impl Engine<'_> {
    /// Books the answers of one batch in one transaction; true when another round is due.
    pub fn settle(
        &mut self,
        participant: &mut Participant,
        batch: Vec<Delivery>,
        answers: Vec<Result<Written, ReplicaError>>,
    ) -> Result<bool, SyncError> {
        let mut again = false;
        let mut fatal = None;
        let facts = participant.replica.facts();
        self.transact(|engine| {
            engine.keep_facts(facts)?;
            for (delivery, answer) in batch.into_iter().zip(answers) {
                match answer {
                    Ok(written) => engine.written(participant, delivery, written)?,
                    Err(error) => again |= engine.not_written(participant, delivery, error, &mut fatal)?,
                }
            }
            Ok(())
        })?;
        match fatal {
            Some(error) => Err(error),
            None => Ok(again),
        }
    }

    fn written(&mut self, participant: &Participant, delivery: Delivery, written: Written) -> Result<(), SyncError> {
        let (action, mut who) = (delivery.action(), label(&delivery.stored));
        self.close_outbox(&participant.name, delivery.stored.id)?;
        let Delivery { stored, agreement, write, fields, row: _ } = delivery;
        let sent = Sent { stored: &stored, agreement: agreement.as_ref() };
        match (write.action, written) {
            (Action::Create { contact }, Some(record)) => {
                if participant.is_crm() {
                    who.crm_id = Some(record.remote.clone());
                }
                self.agree(participant, sent, (&Contact::default(), &contact), record)?;
            }
            (Action::Update { theirs, contact, .. }, Some(record)) => {
                self.agree(participant, sent, (&theirs, &contact), record)?;
            }
            (Action::Delete { .. }, None) if agreement.is_some() => {
                self.mirror.delete_agreement(&participant.name, stored.id)?;
            }
            _ => {}
        }
        self.changed(&participant.name, action, who, fields);
        Ok(())
    }

    /// A new agreement from what was sent and what was read back: never from what the mirror holds by now, since what was
    /// changed here between the write and its answer has not left yet. `before` is what stood there, `meant` what was to.
    fn agree(
        &mut self,
        participant: &Participant,
        sent: Sent<'_>,
        (before, meant): (&Contact, &Contact),
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let (ours, version) = self.agreed_on(participant, sent)?;
        let stored = self.stored(sent.stored.id)?;
        let record = self.seen_alone(participant, record)?;
        let next = Agreement {
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
        if !participant.is_crm() {
            return Ok(self.mirror.put_agreement(&participant.name, &next)?);
        }
        let not_persisted = not_persisted(before, meant, &record.contact);
        self.learn_unsupported_fields((before, meant), &record.contact)?;
        if !not_persisted.is_empty() {
            self.report_not_persisted(participant, &stored, &not_persisted)?;
        } else {
            self.mirror.answer_question(&participant.name, &stored.uid, NOT_PERSISTED)?;
        }
        // What the server shows beyond what was sent, somebody put there: it is taken at once.
        let theirs = common(before, meant, &record.contact);
        self.merge_in(&participant.side(), &stored, Some(&Agreement { theirs, ..next }), record)
    }

    /// The mirror's half of the agreement that a write makes: what was sent, and the version that this is now; 0 where the
    /// contact, or what was agreed on, has moved on meanwhile.
    fn agreed_on(&mut self, participant: &Participant, sent: Sent<'_>) -> Result<(Contact, i64), SyncError> {
        let id = sent.stored.id;
        let present = self.mirror.agreement(&participant.name, id)?;
        let mut ours = sent.stored.contact.clone();
        let mut in_step = self.stored(id)?.version == sent.stored.version;
        if participant.is_crm() && present.is_none() {
            // Books that carry the CRM's id are now behind.
            self.mirror.touch_contact(id)?;
        }
        if let Some((then, now)) = sent.agreement.zip(present.as_ref()) {
            // A field whose agreement was decided anew meanwhile is still owed.
            let decided = then.ours.differing(&now.ours);
            ours.copy_fields(&now.ours, decided);
            in_step &= decided.is_empty();
        }
        Ok((ours, if in_step { self.stored(id)?.version } else { 0 }))
    }

    fn not_written(
        &mut self,
        participant: &mut Participant,
        delivery: Delivery,
        error: ReplicaError,
        fatal: &mut Option<SyncError>,
    ) -> Result<bool, SyncError> {
        let (id, row) = (delivery.stored.id, delivery.row);
        let who = label(&delivery.stored);
        match error {
            ReplicaError::Stale(now) => {
                self.withdraw(row)?;
                if let Some(record) = now {
                    let record = self.seen_alone(participant, *record)?;
                    self.intake(&participant.side(), record)?;
                    return Ok(true);
                }
                if let Some(agreement) = &delivery.agreement {
                    // The next listing is to be looked at, even if it shows what it showed.
                    self.mirror.set_revision(&participant.name, &agreement.remote, CHANGED)?;
                }
                self.failed(
                    participant,
                    who,
                    Diagnostic::new("write it: it changed there in the meantime; the next run looks again"),
                );
            }
            ReplicaError::Rejected(diagnostic) => {
                self.withdraw(row)?;
                if participant.is_crm() {
                    self.refused(&delivery.stored, delivery.action(), &diagnostic)?;
                }
                self.failed(participant, who, diagnostic);
            }
            ReplicaError::Deferred(diagnostic) => {
                self.withdraw(row)?;
                self.failed(participant, who, diagnostic);
            }
            ReplicaError::OutcomeUnknown(diagnostic) => {
                self.lost(&participant.name, id, &diagnostic)?;
                self.failed(participant, who, diagnostic);
            }
            ReplicaError::Unavailable(diagnostic) => {
                self.withdraw(row)?;
                if participant.is_crm() {
                    // The books can still be written; the run then ends with this.
                    self.diagnostic = Some(SyncError::Network(diagnostic.clone()));
                    participant.halted = true;
                }
                self.failed(participant, who, diagnostic);
            }
            ReplicaError::Login(diagnostic) => {
                self.withdraw(row)?;
                *fatal = Some(SyncError::Login(diagnostic));
            }
            ReplicaError::Untrusted(diagnostic) => {
                self.withdraw(row)?;
                if !participant.halted {
                    self.halt(participant, diagnostic);
                }
            }
        }
        Ok(false)
    }

    /// The scalars that this server has been seen to ignore.
    pub fn unsupported_fields(&self) -> Result<FieldSet, SyncError> {
        let names = self.mirror.fact(IGNORED)?.unwrap_or_default();
        Ok(names.split(' ').filter_map(Field::from_name).collect())
    }

    fn learn_unsupported_fields(
        &mut self,
        (before, meant): (&Contact, &Contact),
        read: &Contact,
    ) -> Result<(), SyncError> {
        let known = self.unsupported_fields()?;
        let sent = before.differing(meant).iter().filter(|field| !field.is_list());
        let (taken, other): (Vec<Field>, Vec<Field>) = sent.partition(|field| equal_normalised(meant, read, *field));
        let kept_as_it_was = other.into_iter().filter(|field| equal_normalised(before, read, *field));
        let now = known.less(taken.into_iter().collect()).or(kept_as_it_was.collect());
        if now != known {
            let names: Vec<&str> = now.iter().map(Field::name).collect();
            self.mirror.set_fact(IGNORED, &names.join(" "))?;
        }
        Ok(())
    }

    /// The CRM acknowledged a change and does not show it: said now, and by `status` until the contact is taken as it is.
    fn report_not_persisted(
        &mut self,
        participant: &Participant,
        stored: &Stored,
        fields: &[Field],
    ) -> Result<(), SyncError> {
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        let names = names.join(", ");
        let hint = "it is not sent again until it changes here; the mirror keeps it";
        let message = format!("write {names}: the CRM acknowledged it and shows something else");
        self.failed(participant, label(stored), Diagnostic::new(message).hint(hint));
        self.mirror.ask(&QuestionRow {
            id: 0,
            run: self.run,
            replica: participant.name.clone(),
            remote: stored.uid.clone(),
            kind: NOT_PERSISTED.to_owned(),
            contact: Some(stored.id),
            text: format!("the CRM does not show {names} of contact {} as the mirror has it", stored.uid),
            state: State::Open,
        })?;
        Ok(())
    }

    fn failed(&mut self, participant: &Participant, contact: crate::sync::events::Label, diagnostic: Diagnostic) {
        self.summary.failed += 1;
        let Diagnostic { message, hint } = diagnostic;
        self.emit(SyncEvent::Failed { replica: participant.name.clone(), contact, message, hint });
    }
}

/// The fields that were meant to change and do not show what was meant.
fn not_persisted(before: &Contact, meant: &Contact, read: &Contact) -> Vec<Field> {
    let lacks = |field: Field| match field {
        Field::Items => lacks_of(&before.items, &meant.items, &read.items),
        Field::Addresses => lacks_of(&before.addresses, &meant.addresses, &read.addresses),
        scalar => !equal_normalised(meant, read, scalar),
    };
    let sent = before.differing(meant).and(FieldSet::CRM);
    sent.iter().filter(|field| lacks(*field)).collect()
}

/// True where an entry that was sent is not there, or one that was taken out still is.
fn lacks_of<E: Entry>(before: &[E], meant: &[E], read: &[E]) -> bool {
    let resembles = |list: &[E], entry: &E| beyond(std::slice::from_ref(entry), &[list]).next().is_none();
    beyond(meant, &[read]).next().is_some() || beyond(before, &[meant]).any(|gone| resembles(read, gone))
}

/// What was read back, less what somebody else has done there meanwhile: scalars that show neither the old nor the sent
/// value stand as they were before, and so do lists that were not sent; in a list that was sent, entries that are neither
/// old nor sent are left out. Merging the reading against this takes exactly what is somebody else's.
fn common(before: &Contact, meant: &Contact, read: &Contact) -> Contact {
    let mut common = read.clone();
    let sent = before.differing(meant);
    for field in Field::ALL.into_iter().filter(|field| !equal_normalised(before, read, *field)) {
        if !sent.contains(field) || !(field.is_list() || equal_normalised(meant, read, field)) {
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
        assert!(not_persisted(&before, &meant, &taken).is_empty());
        assert_eq!(common(&before, &meant, &taken), taken);

        let unsupported_fields = contact("a", &["0199000001"]);
        assert_eq!(
            not_persisted(&before, &meant, &unsupported_fields),
            [Field::JobTitle, Field::Addresses, Field::Items]
        );
        assert_eq!(common(&before, &meant, &unsupported_fields), unsupported_fields);

        let edited_after = contact("c", &["0199000001", "0199000002", "0199000003"]);
        assert_eq!(not_persisted(&before, &meant, &edited_after), [Field::JobTitle]);
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
        let normalised = contact("b", &["+33199000001", "+33199000002"]);
        assert_eq!(common(&before, &meant, &normalised), normalised);
    }
}
