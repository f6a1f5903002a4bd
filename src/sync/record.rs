//! The one way to change a contact of the mirror: with what it overwrites in the history, told and counted.

use super::{
    SyncError,
    events::{ChangeAction, ConflictNote, FieldChange, Label, SyncEvent},
    run::Run,
};
use crate::{
    contact::{Contact, Field, ids::MIRROR},
    mirror::{Agreement, ConflictRow, ContactId, HistoryRow, State, Stored},
    reconcile::{FieldConflict, Kept},
    replica::Diagnostic,
};

impl Run<'_> {
    /// Makes a contact of the mirror's, first seen in `source`.
    pub fn create(&mut self, uid: &str, contact: &Contact, source: &str) -> Result<ContactId, SyncError> {
        Ok(self.mirror.insert_contact(uid, contact, source, self.id, &self.host.stamp())?)
    }

    /// Gives a contact what a replica says, or brings it back with that; its version.
    pub fn rewrite(&mut self, source: &str, stored: &Stored, new: &Contact, revived: bool) -> Result<i64, SyncError> {
        let fields = self.remember(stored, new, source)?;
        if revived {
            self.follow_again(stored.id)?;
        }
        let version = self.mirror.update_contact(stored.id, new, &self.host.stamp())?;
        let action = if revived { ChangeAction::Create } else { ChangeAction::Update };
        let label = Label { name: new.display_name(), ..label(stored) };
        self.changed(MIRROR, action, label, if revived { Vec::new() } else { fields });
        Ok(version)
    }

    /// Gives a living contact new content, with what it overwrites in the history. False when it had that content already.
    pub fn edit(&mut self, stored: &Stored, new: &Contact, source: &str) -> Result<bool, SyncError> {
        let new = &self.follow_firm(Some(&stored.contact), new.clone())?;
        if stored.contact.differing(new).is_empty() {
            return Ok(false);
        }
        let fields = self.remember(stored, new, source)?;
        self.mirror.update_contact(stored.id, new, &self.host.stamp())?;
        self.changed(MIRROR, ChangeAction::Update, Label { name: new.display_name(), ..label(stored) }, fields);
        Ok(true)
    }

    /// Deletes a contact here; it is kept whole in the history, and the replicas follow by their policies.
    pub fn delete_here(&mut self, stored: &Stored, source: &str, kind: &str) -> Result<(), SyncError> {
        self.remember_whole(stored, source, kind)?;
        self.mirror.delete_contact(stored.id, &self.host.stamp())?;
        self.changed(MIRROR, ChangeAction::Delete, label(stored), Vec::new());
        Ok(())
    }

    /// Replicas that were left with a deleted contact follow it again now that it is back.
    pub fn follow_again(&mut self, contact: ContactId) -> Result<(), SyncError> {
        for (replica, agreement) in self.mirror.agreements_of(contact)? {
            if agreement.detached {
                self.mirror.put_agreement(&replica, &Agreement { detached: false, version: 0, ..agreement })?;
            }
        }
        Ok(())
    }

    /// Writes what was lost or replaced into the history, field by field.
    pub fn remember(&mut self, stored: &Stored, new: &Contact, source: &str) -> Result<Vec<FieldChange>, SyncError> {
        let at = self.host.stamp();
        let mut changes = Vec::new();
        for field in stored.contact.differing(new).iter() {
            self.mirror.record(&HistoryRow {
                run: self.id,
                at: at.clone(),
                contact: stored.id,
                uid: stored.uid.clone(),
                source: source.to_owned(),
                field: Some(field.name().to_owned()),
                old: Some(value(&stored.contact, field)),
                new: Some(value(new, field)),
                kind: "update".to_owned(),
            })?;
            changes.push(FieldChange { field, old: stored.contact.describe(field), new: new.describe(field) });
        }
        Ok(changes)
    }

    /// Keeps a whole contact in the history before it goes.
    pub fn remember_whole(&mut self, stored: &Stored, source: &str, kind: &str) -> Result<(), SyncError> {
        let whole = serde_json::to_string(&stored.contact).map_err(|error| {
            SyncError::Failed(Diagnostic::new(format!("write a contact into the history: {error}")))
        })?;
        self.mirror.record(&HistoryRow {
            run: self.id,
            at: self.host.stamp(),
            contact: stored.id,
            uid: stored.uid.clone(),
            source: source.to_owned(),
            field: None,
            old: Some(whole),
            new: None,
            kind: kind.to_owned(),
        })?;
        Ok(())
    }

    /// Records a conflict and tells of it.
    pub fn conflict(&mut self, stored: &Stored, replica: &str, conflict: &FieldConflict) -> Result<(), SyncError> {
        let open = conflict.kept == Kept::Open;
        self.mirror.add_conflict(&ConflictRow {
            id: 0,
            run: self.id,
            at: self.host.stamp(),
            contact: stored.id,
            replica: replica.to_owned(),
            field: Some(conflict.field.name().to_owned()),
            base: Some(conflict.base.clone()),
            here: Some(conflict.here.clone()),
            there: Some(conflict.there.clone()),
            kept: conflict.kept.word().to_owned(),
            state: if open { State::Open } else { State::Settled },
        })?;
        self.summary.conflicts += 1;
        self.emit(SyncEvent::Conflict(ConflictNote {
            replica: replica.to_owned(),
            contact: label(stored),
            field: Some(conflict.field),
            here: conflict.here.clone(),
            there: conflict.there.clone(),
            kept: conflict.kept.word().to_owned(),
        }));
        Ok(())
    }

    /// Records that a contact is gone on one side and edited on the other; where the other side is kept, it was gone here.
    pub fn whole_conflict(&mut self, stored: &Stored, replica: &str, kept: Kept) -> Result<(), SyncError> {
        let (here, there) = if kept == Kept::There { ("deleted", "edited") } else { ("edited", "deleted") };
        self.remember_whole(stored, replica, "conflict")?;
        let state = if kept == Kept::Open { State::Open } else { State::Settled };
        self.mirror.add_conflict(&ConflictRow {
            id: 0,
            run: self.id,
            at: self.host.stamp(),
            contact: stored.id,
            replica: replica.to_owned(),
            field: None,
            base: None,
            here: Some(stored.contact.display_name()),
            there: None,
            kept: kept.word().to_owned(),
            state,
        })?;
        self.summary.conflicts += 1;
        self.emit(SyncEvent::Conflict(ConflictNote {
            replica: replica.to_owned(),
            contact: label(stored),
            field: None,
            here: here.to_owned(),
            there: there.to_owned(),
            kept: kept.word().to_owned(),
        }));
        Ok(())
    }

    /// A new contact of the mirror's, told and counted.
    pub fn created_here(&mut self, label: Label) {
        self.changed(MIRROR, ChangeAction::Create, label, Vec::new());
    }
}

/// A field as the history keeps it: the text of a scalar, the JSON of a list, so that it can be brought back.
pub(crate) fn value(contact: &Contact, field: Field) -> String {
    let json = match field {
        Field::Addresses => serde_json::to_string(&contact.addresses),
        Field::Items => serde_json::to_string(&contact.items),
        Field::Extra => serde_json::to_string(&contact.extra),
        scalar => return contact.scalar(scalar).into_owned(),
    };
    json.unwrap_or_default()
}

/// The contact that an event is about.
pub(crate) fn label(stored: &Stored) -> Label {
    Label { uid: stored.uid.clone(), crm_id: stored.crm_id.clone(), name: stored.contact.display_name() }
}
