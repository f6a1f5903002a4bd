//! A user's decision on a conflict, and the conflicts that settle themselves.
//!
//! A field in open conflict is held back on that one replica: both sides keep their own, and edits of either side are
//! taken note of and not carried over. A word makes the difference an ordinary edit: the agreement then says that both
//! sides know the replica's value, so whatever the mirror holds beyond it is pushed like any other change.

use super::{
    Review,
    refused::{Applied, Effect, Refused, Why},
};
use crate::{
    contact::{Address, Contact, Field, FieldSet, Item, Keep, ids::PERSON},
    mirror::{Agreement, ConflictRow, Decision, ItemId, OutboxState, State, Stored},
    reconcile::{
        Winner, apply_changes,
        lists::Entry,
        resolution::{self, Refusal, Sides},
    },
    sync::{SyncError, participant::CRM},
};

impl Review<'_, '_> {
    /// Carries out a user's decision.
    pub fn decide(&mut self, item: ItemId, decision: &Decision) -> Result<Applied, SyncError> {
        match (item, decision) {
            (ItemId::Conflict(id), Decision::Keep { keep }) => self.resolve_conflict(id, keep),
            (ItemId::Conflict(_), _) => Err(Refused { item, why: Why::NoValue }.into()),
            (ItemId::Attention(id), decision) => self.answer(id, decision),
        }
    }

    pub fn resolve_conflict(&mut self, id: i64, keep: &Keep) -> Result<Applied, SyncError> {
        let refused = |why| SyncError::from(Refused { item: ItemId::Conflict(id), why });
        let Some(row) = self.run.mirror.conflict(id)? else { return Err(refused(Why::NotFound)) };
        let Some(stored) = self.run.mirror.contact(row.contact)?.filter(|stored| !stored.deleted) else {
            return Err(refused(Why::ContactDeleted));
        };
        match row.field.as_deref().map(Field::from_name) {
            None => self.resolve_whole(&row, &stored, keep),
            Some(Some(field)) if field.is_list() && row.state == State::Open => {
                self.resolve_open_list(&row, &stored, field, keep)
            }
            Some(Some(field)) if field.is_list() => self.resolve_list(&row, &stored, field, keep),
            Some(Some(field)) => self.resolve_scalar(&row, &stored, field, keep),
            Some(None) => Err(refused(Why::UnknownField)),
        }
    }

    fn resolve_scalar(
        &mut self,
        row: &ConflictRow,
        stored: &Stored,
        field: Field,
        keep: &Keep,
    ) -> Result<Applied, SyncError> {
        let agreement = self.run.mirror.agreement(&row.replica, stored.id)?;
        let (here, there) = conflict_values(row, stored, agreement.as_ref(), field);
        let value = resolution::scalar(field, sides(row, here.as_str(), there.as_str()), keep)
            .map_err(|refusal| refused(row, Some(field), keep, refusal))?;
        let rows = self.run.mirror.conflicts_of(stored.id, &row.replica)?;
        let open = |other: &&ConflictRow| other.state == State::Open && other.field == row.field;
        let held = rows.iter().any(|other| open(&other));
        if let Some(agreement) = agreement.filter(|_| held) {
            // Both sides know the replica's value: what the mirror holds beyond it is to be pushed.
            let mut ours = agreement.ours.clone();
            ours.set_scalar(field, &agreement.theirs.scalar(field));
            self.run.mirror.put_agreement(&row.replica, &Agreement { ours, version: 0, ..agreement })?;
        }
        let mut new = stored.contact.clone();
        new.set_scalar(field, &value);
        let edited = self.run.edit(stored, &new, PERSON)?;
        if !edited {
            // A write that was refused before is tried again: to a user, this is a change.
            self.run.mirror.touch_contact(stored.id)?;
        }
        let kept = match () {
            () if matches!(keep, Keep::Both) => "both",
            () if value == here => "here",
            () if value == there => "there",
            () => "other",
        };
        for other in rows.iter().filter(|other| other.id == row.id || open(other)) {
            self.run.mirror.settle_conflict(other.id, kept)?;
        }
        Ok(applied(row, Effect::Scalar { field, value }, edited || held))
    }

    fn resolve_list(
        &mut self,
        row: &ConflictRow,
        stored: &Stored,
        field: Field,
        keep: &Keep,
    ) -> Result<Applied, SyncError> {
        let entries = self.entries(row, stored, field)?;
        let mut new = stored.contact.clone();
        let done = match field {
            Field::Items => {
                kept_list(row, &stored.contact.items, &entries, |c| &c.items, keep).map(|list| new.items = list)
            }
            Field::Addresses => kept_list(row, &stored.contact.addresses, &entries, |c| &c.addresses, keep)
                .map(|list| new.addresses = list),
            _ => kept_list(row, &stored.contact.extra, &entries, |c| &c.extra, keep).map(|list| new.extra = list),
        };
        done.map_err(|unlisted| match unlisted {
            Unlisted::Refused(refusal) => refused(row, Some(field), keep, refusal),
            Unlisted::Lost => Refused { item: ItemId::Conflict(row.id), why: Why::EntryLost }.into(),
        })?;
        let edited = self.run.edit(stored, &new, PERSON)?;
        let (here, there, both) = ("here", "there", "both");
        let kept = match (keep, row.replica == CRM) {
            (Keep::Crm, true) | (Keep::Book, false) => there,
            (Keep::Crm, false) | (Keep::Book, true) => here,
            (Keep::Both | Keep::Value { .. }, _) => both,
        };
        self.run.mirror.settle_conflict(row.id, kept)?;
        Ok(applied(row, Effect::List { field, entries: new.describe(field) }, edited))
    }

    /// A whole list that was held back on its replica; a user takes one side's, or all entries of both.
    fn resolve_open_list(
        &mut self,
        row: &ConflictRow,
        stored: &Stored,
        field: Field,
        keep: &Keep,
    ) -> Result<Applied, SyncError> {
        let only = FieldSet::NONE.with(field);
        let agreement = self.run.mirror.agreement(&row.replica, stored.id)?;
        let theirs = agreement.as_ref().map_or_else(|| stored.contact.clone(), |agreement| agreement.theirs.clone());
        let Sides { crm, book } = sides(row, &stored.contact, &theirs);
        let mut new = stored.contact.clone();
        match keep {
            Keep::Crm => new.copy_fields(crm, only),
            Keep::Book => new.copy_fields(book, only),
            Keep::Both => {
                let nothing = Contact::default();
                let joined = apply_changes((&nothing, book), (&nothing, crm), (only, FieldSet::NONE), Winner::Here);
                new.copy_fields(&joined.contact, only);
            }
            Keep::Value { .. } => return Err(refused(row, Some(field), keep, Refusal::List)),
        }
        if let Some(agreement) = agreement {
            // As with a scalar: what the mirror holds beyond the replica's is to be pushed.
            let mut ours = agreement.ours.clone();
            ours.copy_fields(&agreement.theirs, only);
            self.run.mirror.put_agreement(&row.replica, &Agreement { ours, version: 0, ..agreement })?;
        }
        if !self.run.edit(stored, &new, PERSON)? {
            self.run.mirror.touch_contact(stored.id)?;
        }
        let kept = match keep {
            Keep::Both => "both",
            _ if !new.differing(&stored.contact).contains(field) => "here",
            _ => "there",
        };
        self.run.mirror.settle_conflict(row.id, kept)?;
        Ok(applied(row, Effect::List { field, entries: new.describe(field) }, true))
    }

    /// Where the entries of a list's conflict are to be found: here's in the first, there's in the second.
    fn entries(&self, row: &ConflictRow, stored: &Stored, field: Field) -> Result<(Contact, Contact), SyncError> {
        let mut here = stored.contact.clone();
        let mut there = self
            .run
            .mirror
            .agreement(&row.replica, stored.id)?
            .map_or_else(Contact::default, |agreement| agreement.theirs);
        // As the run that met the conflict left them in the history.
        let mut old = Contact::default();
        for (_, change) in self.run.mirror.history_of_run(row.run)? {
            let same = change.contact == row.contact && change.field.as_deref() == Some(field.name());
            if let (true, Some(was), Some(is)) = (same && change.source == row.replica, &change.old, &change.new) {
                read_list(&mut old, field, was);
                let mut new = Contact::default();
                read_list(&mut new, field, is);
                new.items.retain(|item| !old.items.contains(item));
                new.addresses.retain(|address| !old.addresses.contains(address));
                new.extra.retain(|line| !old.extra.contains(line));
                join_lists(&mut new, &there);
                there = new;
            }
        }
        join_lists(&mut old, &here);
        here = old;
        Ok((here, there))
    }

    fn resolve_whole(&mut self, row: &ConflictRow, stored: &Stored, keep: &Keep) -> Result<Applied, SyncError> {
        let agreement = self.run.mirror.agreement(&row.replica, stored.id)?;
        let there = match (keep, row.replica == CRM) {
            (Keep::Crm, true) | (Keep::Book, false) => true,
            (Keep::Crm, false) | (Keep::Book, true) => false,
            (Keep::Both | Keep::Value { .. }, _) => return Err(refused(row, None, keep, Refusal::OneOnly)),
        };
        if row.state == State::Open && agreement.as_ref().is_some_and(|agreement| !agreement.detached) {
            self.run.mirror.settle_conflict(row.id, "here")?;
            return Ok(applied(row, Effect::ThereAgain, false));
        }
        self.run.mirror.settle_conflict(row.id, if there { "there" } else { "here" })?;
        if there {
            self.run.delete_here(stored, PERSON, "delete")?;
        }
        if row.state == State::Open && agreement.is_some() {
            // Detached, it only held the place until this word was said.
            self.run.mirror.delete_agreement(&row.replica, stored.id)?;
            // It is known to be gone there: no need to ask for the id in its records.
            self.run.mirror.forget_crm_id_in_books(stored.id)?;
            for refused in self.run.mirror.outbox_of(stored.id)? {
                if refused.state == OutboxState::Refused {
                    self.run.mirror.delete_outbox(refused.id)?;
                }
            }
        }
        Ok(match (there, row.state) {
            (true, _) => applied(row, Effect::Deleted, true),
            (false, State::Open) => applied(row, Effect::Stays { created_again: true }, true),
            (false, State::Settled) => applied(row, Effect::Stays { created_again: false }, false),
        })
    }
}

fn applied(row: &ConflictRow, effect: Effect, to_sync: bool) -> Applied {
    Applied { item: ItemId::Conflict(row.id), effect, to_sync }
}

/// The two values of a scalar's conflict, here's and there's: as they stand while it is open, else as they were.
pub fn conflict_values(
    row: &ConflictRow,
    stored: &Stored,
    agreement: Option<&Agreement>,
    field: Field,
) -> (String, String) {
    let noted = || (row.here.clone().unwrap_or_default(), row.there.clone().unwrap_or_default());
    let Some(agreement) = agreement.filter(|_| row.state == State::Open) else { return noted() };
    let (here, there) = (stored.contact.scalar(field), agreement.theirs.scalar(field));
    if here == there { noted() } else { (here.into_owned(), there.into_owned()) }
}

/// Whose the values are: the mirror stands for the side that the conflict is not with.
fn sides<T>(row: &ConflictRow, here: T, there: T) -> Sides<T> {
    if row.replica == CRM { Sides { crm: there, book: here } } else { Sides { crm: here, book: there } }
}

enum Unlisted {
    Refused(Refusal),
    /// An entry cannot be found any more.
    Lost,
}

fn kept_list<E: Entry>(
    row: &ConflictRow,
    present: &[E],
    (here, there): &(Contact, Contact),
    list: impl Fn(&Contact) -> &Vec<E>,
    keep: &Keep,
) -> Result<Vec<E>, Unlisted> {
    let find = |words: &Option<String>, place: &Contact| {
        let words = words.as_deref().unwrap_or_default();
        let found = list(place).iter().find(|entry| entry.words() == words).cloned();
        if found.is_none() && !words.is_empty() { Err(Unlisted::Lost) } else { Ok(found) }
    };
    let (here, there) = (find(&row.here, here)?, find(&row.there, there)?);
    resolution::list(present, sides(row, here.as_ref(), there.as_ref()), keep).map_err(Unlisted::Refused)
}

/// Reads a list as the history keeps it; one that makes no sense is empty.
fn read_list(into: &mut Contact, field: Field, json: &str) {
    match field {
        Field::Items => into.items = serde_json::from_str::<Vec<Item>>(json).unwrap_or_default(),
        Field::Addresses => into.addresses = serde_json::from_str::<Vec<Address>>(json).unwrap_or_default(),
        Field::Extra => into.extra = serde_json::from_str::<Vec<String>>(json).unwrap_or_default(),
        _ => {}
    }
}

fn join_lists(to: &mut Contact, from: &Contact) {
    to.items.extend(from.items.iter().cloned());
    to.addresses.extend(from.addresses.iter().cloned());
    to.extra.extend(from.extra.iter().cloned());
}

fn refused(row: &ConflictRow, field: Option<Field>, keep: &Keep, refusal: Refusal) -> SyncError {
    let why = Why::Keep { field, keep: keep.clone(), refusal };
    Refused { item: ItemId::Conflict(row.id), why }.into()
}
