//! One sighting into the mirror.

use std::borrow::Cow;

use crate::{
    contact::{Contact, FieldSet},
    mirror::{Agreement, ContactId, Stored},
    reconcile::{Base, Here, Incoming, Kept, changes, incoming, plan::in_known_words},
    replica::RemoteContact,
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::{ChangeAction, Label},
        participant::{CRM, MIRROR, MergeSide},
    },
};

/// The revision of a record that a person named and that was not read yet.
pub(crate) const NEVER_READ: &str = "";

/// Namespace of the UIDs that carnet gives to contacts of the CRM (version 5, RFC 9562), so that a lost mirror gives the
/// same contact the same UID again.
const UID_NAMESPACE: uuid::Uuid = uuid::uuid!("6f1c7a52-0f0c-5d2b-9a3e-6b1f2d8c4e10");

impl Engine<'_> {
    /// Takes in a contact that is agreed with this replica; a stranger is ignored.
    pub fn intake(&mut self, side: &MergeSide<'_>, record: RemoteContact) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(side.name, &record.remote)? else { return Ok(()) };
        let stored = self.stored(agreement.contact)?;
        let there = side.reading(&record, &agreement.theirs);
        let agreement = self.recognise_ours(side, &stored, agreement, &there)?;
        self.merge_in(side, &stored, Some(&agreement), record)
    }

    /// True when a sighting of an agreed contact says something new; a touched file or a rewritten record does not.
    pub fn is_edit(&self, side: &MergeSide<'_>, record: &RemoteContact) -> Result<bool, SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(side.name, &record.remote)? else { return Ok(true) };
        let there = side.reading(record, &agreement.theirs);
        let there = side.interpret(record.source.as_deref(), &agreement.theirs, &there);
        let fields = side.policy.fields.and(record.fields);
        let unstated = FieldSet::CRM.less(record.fields);
        let lost = side.is_crm() && !agreement.theirs.set_fields().and(unstated).is_empty();
        Ok(lost || !changes(&side.shown(&agreement.theirs), &there, fields, side.policy.weak).is_empty())
    }

    /// Merges a sighting into a contact; without an agreement the two have just been recognised as one.
    pub fn merge_in(
        &mut self,
        side: &MergeSide<'_>,
        stored: &Stored,
        agreement: Option<&Agreement>,
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let there = side.reading(&record, agreement.map_or(&stored.contact, |agreement| &agreement.theirs));
        let shown = agreement.map(|agreement| match agreement.revision.as_str() {
            // What was sent, in the words in which it is met for the first time.
            NEVER_READ => in_known_words(&agreement.theirs, &there),
            _ => side.shown(&agreement.theirs),
        });
        let base = agreement.zip(shown.as_ref()).map(|(agreement, theirs)| Base { theirs, ours: &agreement.ours });
        let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
        let RemoteContact { remote, revision, uid, crm_id, contact: _, fields, detail, source } = record;
        let mut next = Agreement {
            contact: stored.id,
            remote,
            revision,
            theirs: self.read_there(agreement, &there, fields),
            ours: Contact::default(),
            version: 0,
            detail,
            detached: false,
            marks: marks(uid.as_deref(), crm_id.as_deref()),
        };
        // What a person is to say is not taken meanwhile: each side keeps its own.
        let mut policy = self.less_conflicts(side.policy, stored.id, side.name)?;
        // The agreement has what stands there; what a program of the book never writes is no edit.
        let told = match agreement {
            Some(agreement) => side.interpret(source.as_deref(), &agreement.theirs, &there),
            None => Cow::Borrowed(&there),
        };
        let mut taken = incoming(base, here, &told, fields, &policy);
        if let Some(agreement) = agreement {
            let stopped = self.stop_ping_pong(side, stored, agreement, &there, &taken)?;
            if !stopped.is_empty() {
                policy.fields = policy.fields.less(stopped);
                taken = incoming(base, here, &told, fields, &policy);
            }
        }
        match taken {
            Incoming::Same => {
                if let Some(agreement) = agreement {
                    next.ours.clone_from(&agreement.ours);
                    next.version = agreement.version;
                    next.detached = agreement.detached;
                }
            }
            Incoming::Take { contact, ours, revived, conflicts } => {
                for conflict in &conflicts {
                    self.conflict(stored, side.name, conflict)?;
                }
                if revived {
                    self.whole_conflict(stored, side.name, Kept::There)?;
                }
                let mut version = stored.version;
                if revived || contact != stored.contact {
                    version = self.rewrite(side.name, stored, &contact, revived)?;
                }
                next.version = if ours == contact { version } else { 0 };
                next.ours = ours;
            }
        }
        self.mirror.put_agreement(side.name, &next)?;
        Ok(())
    }

    /// What is known of the other side after a sighting that may not have told everything.
    fn read_there(&self, agreement: Option<&Agreement>, there: &Contact, stated: FieldSet) -> Contact {
        let mut theirs = there.clone();
        if let Some(agreement) = agreement {
            theirs.copy_fields(&agreement.theirs, FieldSet::ALL.less(stated));
        }
        theirs
    }

    fn rewrite(&mut self, source: &str, stored: &Stored, new: &Contact, revived: bool) -> Result<i64, SyncError> {
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

    /// Replicas that were left with a deleted contact follow it again now that it is back.
    pub fn follow_again(&mut self, contact: ContactId) -> Result<(), SyncError> {
        for (replica, agreement) in self.mirror.agreements_of(contact)? {
            if agreement.detached {
                self.mirror.put_agreement(&replica, &Agreement { detached: false, version: 0, ..agreement })?;
            }
        }
        Ok(())
    }

    /// Makes a newcomer a contact of its own.
    pub fn insert(&mut self, replica: &str, record: RemoteContact) -> Result<ContactId, SyncError> {
        let RemoteContact { remote, revision, uid, crm_id, contact, fields: _, detail, source: _ } = record;
        let marks = marks(uid.as_deref(), crm_id.as_deref());
        let from_crm = replica == CRM;
        let uid = match uid {
            Some(uid) => uid,
            None if from_crm => self.crm_uid(&remote),
            None => self.host.fresh_uid(),
        };
        let uid = if self.mirror.contact_by_uid(&uid)?.is_some() { self.host.fresh_uid() } else { uid };
        let id = self.mirror.insert_contact(&uid, &contact, replica, self.run, &self.host.stamp())?;
        let crm_id = from_crm.then(|| remote.clone());
        self.created_here(Label { uid, crm_id, name: contact.display_name() });
        let theirs = contact.clone();
        self.mirror.put_agreement(
            replica,
            &Agreement {
                contact: id,
                remote,
                revision,
                theirs,
                ours: contact,
                version: 1,
                detail,
                detached: false,
                marks,
            },
        )?;
        Ok(id)
    }

    /// The UID that a contact of the CRM is given.
    pub fn crm_uid(&self, crm_id: &str) -> String {
        uuid::Uuid::new_v5(&UID_NAMESPACE, format!("incwo/{}/{crm_id}", self.policy.account).as_bytes()).to_string()
    }
}

/// The identity that a record carries, as agreements remember it.
pub(crate) fn marks(uid: Option<&str>, crm_id: Option<&str>) -> String {
    format!("{}|{}", uid.unwrap_or_default(), crm_id.unwrap_or_default())
}
