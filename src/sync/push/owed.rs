//! Lists that a replica did not take as they were sent. They stay owed until both sides hold the same: the agreement says
//! what the replica shows. They are asked about, not sent in every run: again only when the replica takes lists in another
//! way, when the user says so, or together with the next edit of the list.

use super::Pusher;
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, Attention, AttentionKind, AttentionRow, State, Stored, TriedList},
    reconcile::{Base, Policy, lists, merge::equal_normalised, outgoing},
    replica::Diagnostic,
    sync::{SyncError, record::label},
};

/// The lists that may be owed.
pub(super) const LISTS: [Field; 2] = [Field::Addresses, Field::Items];

/// What came of the fields of a write.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The fields that were sent and do not show what was meant, and the lists that the replica has no way to be told.
    pub not_persisted: Vec<Field>,
    /// Why is said already.
    pub is_said: bool,
}

impl Pusher<'_, '_> {
    /// The lists of a contact that are owed and wait.
    pub(super) fn waiting_lists(
        &self,
        stored: &Stored,
        agreement: &Agreement,
        policy: &Policy,
    ) -> Result<FieldSet, SyncError> {
        let mut waiting = FieldSet::NONE;
        if !self.participant.is_uncertain() {
            return Ok(waiting);
        }
        let base = Base { theirs: &agreement.theirs, ours: &agreement.ours };
        let asked = self.asked(stored)?;
        for tried in asked.iter().flat_map(|row| row.attention.not_persisted().1) {
            let Some(list) = LISTS.into_iter().find(|list| list.name() == tried.list) else { continue };
            let fields = policy.fields.and(FieldSet::NONE.with(list));
            let is_owed = || !outgoing(base, &stored.contact, &Policy { fields, ..*policy }).changed.is_empty();
            if self.is_as_tried(&stored.contact, tried, list) && is_owed() {
                waiting = waiting.with(list);
            }
        }
        Ok(waiting)
    }

    fn is_as_tried(&self, contact: &Contact, tried: &TriedList, list: Field) -> bool {
        let mode = self.participant.replica.list_mode(list);
        mode.as_deref() == Some(tried.mode.as_str()) && digest(contact, list) == tried.digest
    }

    /// What is asked, or was, about what the replica did not take of a contact.
    fn asked(&self, stored: &Stored) -> Result<Option<AttentionRow>, SyncError> {
        let (name, kind) = (&self.participant.name, AttentionKind::NotPersisted);
        Ok(self.run.mirror.attention_to(name, &stored.uid, &kind)?)
    }

    /// Agrees on a contact of which nothing is to be sent now. What is owed stays so.
    pub(super) fn agree_unwritten(
        &mut self,
        stored: Stored,
        agreement: Agreement,
        waiting: FieldSet,
    ) -> Result<(), SyncError> {
        let mut next = Agreement { ours: stored.contact, version: stored.version, ..agreement.clone() };
        if !waiting.is_empty() {
            next.ours.copy_fields(&agreement.ours, waiting);
            next.version = 0;
        }
        if next != agreement {
            self.run.mirror.put_agreement(&self.participant.name, &next)?;
        }
        Ok(())
    }

    /// Says what a write did not come to, and keeps asking what is left of it; what shows at last is not asked any more.
    /// `sent` is the contact as it was sent, `read` as the replica has it.
    pub(super) fn tell_not_persisted(
        &mut self,
        stored: &Stored,
        (sent, read): (&Contact, &Contact),
        outcome: &Outcome,
    ) -> Result<(), SyncError> {
        let before = self.asked(stored)?;
        let was_open = before.as_ref().is_some_and(|row| row.state == State::Open);
        if before.is_none() && outcome.not_persisted.is_empty() {
            return Ok(());
        }
        let differs = |field: &Field| !equal_normalised(&stored.contact, read, *field);
        let left = before.iter().filter(|_| was_open).flat_map(|row| row.attention.not_persisted().0);
        let left = left.copied().filter(differs);
        let mut asked: Vec<Field> = left.chain(outcome.not_persisted.iter().copied()).collect();
        asked.sort_unstable();
        asked.dedup();
        if !outcome.not_persisted.is_empty() && !outcome.is_said {
            self.say_not_persisted(stored, outcome);
        }
        let anew = |list: &str| outcome.not_persisted.iter().any(|field| field.name() == list);
        let kept = |tried: &&TriedList| !anew(&tried.list) && is_left(&tried.list, &differs);
        let before = before.iter().flat_map(|row| row.attention.not_persisted().1);
        let mut tried: Vec<TriedList> = before.filter(kept).cloned().collect();
        tried.extend(outcome.not_persisted.iter().filter_map(|list| self.tried_now(sent, *list)));
        let state = if asked.is_empty() { State::Settled } else { State::Open };
        // It was told as a failure: what is raised here only stays in `status`.
        let attention = Attention::NotPersisted { fields: asked, tried };
        let row = self.run.open_attention(&self.participant.name, &stored.uid, attention);
        self.run.mirror.raise(&AttentionRow { contact: Some(stored.id), state, ..row })?;
        Ok(())
    }

    fn tried_now(&self, sent: &Contact, list: Field) -> Option<TriedList> {
        let mode = LISTS.contains(&list).then(|| self.participant.replica.list_mode(list))??;
        Some(TriedList { list: list.name().to_owned(), digest: digest(sent, list), mode })
    }

    fn say_not_persisted(&mut self, stored: &Stored, outcome: &Outcome) {
        let names: Vec<&str> = outcome.not_persisted.iter().map(|field| field.name()).collect();
        let message = format!("write {}: the CRM acknowledged it and shows something else", names.join(", "));
        let hint = "the mirror keeps it, and it is not sent again until it changes here: `carnet conflicts` says how to \
                    have it sent, or to keep the CRM's";
        self.run.failed_and_noted(&self.participant.name, label(stored), Diagnostic::new(message).hint(hint));
    }
}

/// A field that a question is about, and that still differs.
fn is_left(list: &str, differs: &impl Fn(&Field) -> bool) -> bool {
    LISTS.iter().filter(|field| field.name() == list).any(differs)
}

/// A digest of a list, whatever the order of its entries.
fn digest(contact: &Contact, list: Field) -> String {
    // Texts always have a JSON form.
    let mut entries: Vec<String> = if list == Field::Addresses {
        contact.addresses.iter().map(|it| serde_json::to_string(it).unwrap_or_default()).collect()
    } else {
        contact.items.iter().map(|it| serde_json::to_string(it).unwrap_or_default()).collect()
    };
    entries.sort_unstable();
    blake3::hash(entries.join("\0").as_bytes()).to_hex()[..32].to_owned()
}

/// The lists of `ours` that were not taken as they were sent become what the replica shows, in the words of this side.
/// `before` is what stood there and what was agreed on here, `sent` the contact as it was sent.
pub(super) fn owe(
    ours: &mut Contact,
    not_persisted: &[Field],
    (theirs, agreed): (&Contact, &Contact),
    (sent, shown): (&Contact, &Contact),
) -> FieldSet {
    let mut owed = FieldSet::NONE;
    for list in LISTS.into_iter().filter(|list| not_persisted.contains(list)) {
        if list == Field::Addresses {
            let known = (&theirs.addresses[..], &agreed.addresses[..]);
            ours.addresses = lists::in_words(&shown.addresses, &sent.addresses, known);
        } else {
            let known = (&theirs.items[..], &agreed.items[..]);
            ours.items = lists::in_words(&shown.items, &sent.items, known);
        }
        owed = owed.with(list);
    }
    owed
}
