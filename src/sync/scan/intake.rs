//! One sighting into the mirror.

use std::borrow::Cow;

use crate::{
    contact::{Contact, FieldSet, clean::Cleaned},
    mirror::{Agreement, ContactId, Stored},
    reconcile::{
        Base, Here, Incoming, Kept, Policy, Winner, apply_changes, changes, incoming, ours_of_edited,
        plan::in_known_words,
    },
    replica::{Reading, RemoteContact},
    sync::{SyncError, events::Label, outbox::Outbox, participant::MergeSide, run::Run},
};

/// The revision of a record that a user named and that was not read yet.
pub(crate) const NEVER_READ: &str = "";

/// The revision of a record that is known to have changed and that was not read whole since: no listing shows it.
pub(crate) const CHANGED: &str = "changed";

/// Namespace of the UIDs that carnet gives to contacts of the CRM (version 5, RFC 9562), so that a lost mirror gives the
/// same contact the same UID again.
const UID_NAMESPACE: uuid::Uuid = uuid::uuid!("6f1c7a52-0f0c-5d2b-9a3e-6b1f2d8c4e10");

/// One record on its way into the mirror.
pub(crate) struct Intake<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    /// Set once a record looked like a copy from before this run: what was carried there in it or later is not in the copy.
    pub(super) older_than: Option<i64>,
}

/// A record, and what it was found to say: its bytes are read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub record: RemoteContact,
    pub reading: Option<Reading>,
}

impl From<RemoteContact> for Observed {
    fn from(record: RemoteContact) -> Self {
        Self { record, reading: None }
    }
}

impl<'r, 'a> Intake<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>) -> Self {
        Self { run, older_than: None }
    }

    /// Takes in a contact that is agreed with this replica; a stranger is ignored.
    pub fn intake(&mut self, side: &MergeSide<'_>, observed: impl Into<Observed>) -> Result<(), SyncError> {
        let mut observed = observed.into();
        let Some(agreement) = self.run.mirror.agreement_by_remote(side.name, &observed.record.remote)? else {
            return Ok(());
        };
        let stored = self.run.stored(agreement.contact)?;
        let reading = observed.reading.take().unwrap_or_else(|| side.interpret(&observed.record, &agreement.theirs));
        let agreement = Outbox::new(self.run, side.name).recognise_ours(side, &stored, agreement, &reading.there)?;
        observed.reading = Some(reading);
        self.merge_in(side, &stored, Some(&agreement), observed)
    }

    /// True when a record of an agreed contact says something new; a touched file or a rewritten record does not. What it
    /// was found to say is kept with it.
    pub fn is_edit(&self, side: &MergeSide<'_>, observed: &mut Observed) -> Result<bool, SyncError> {
        let record = &observed.record;
        let Some(agreement) = self.run.mirror.agreement_by_remote(side.name, &record.remote)? else { return Ok(true) };
        let reading = side.interpret(record, &agreement.theirs);
        let told = reading.told.as_ref().unwrap_or(&reading.there);
        let before = reading.edited.as_ref().unwrap_or(&agreement.theirs);
        let fields = side.policy.fields.and(record.fields.or(reading.rewritten));
        let unstated = FieldSet::CRM.less(record.fields);
        let lost = side.conduct.abridges && !agreement.theirs.set_fields().and(unstated).is_empty();
        let (told, before) = (side.meant(told, Some(before)).contact, side.meant(&side.shown(before), None).contact);
        let is_edit = lost || !changes(&before, &told, fields, side.policy.weak).is_empty();
        observed.reading = Some(reading);
        Ok(is_edit)
    }

    /// Merges a record into a contact; without an agreement the two have just been recognised as one.
    pub fn merge_in(
        &mut self,
        side: &MergeSide<'_>,
        stored: &Stored,
        agreement: Option<&Agreement>,
        observed: impl Into<Observed>,
    ) -> Result<(), SyncError> {
        let Observed { record, reading } = observed.into();
        let known = agreement.map_or(&stored.contact, |agreement| &agreement.theirs);
        let Reading { there, told, rewritten, edited } = reading.unwrap_or_else(|| side.interpret(&record, known));
        let edited = agreement.zip(edited).map(|(agreement, edited)| of_edited(side, agreement, edited));
        let agreement = edited.as_ref().or(agreement);
        let agreed = agreement.map(|agreement| self.agreed(side, stored, agreement, &there)).transpose()?;
        let base = agreed.as_ref().map(|(theirs, ours)| Base { theirs, ours });
        let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
        let RemoteContact { remote, revision, uid, crm_id, contact: _, fields, detail, .. } = record;
        let fields = fields.or(rewritten);
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
        // What a user is to say is not taken meanwhile: each side keeps its own.
        let mut policy = self.run.less_conflicts(side.policy, stored.id, side.name)?;
        // The agreement has what stands there; what a program of the book never writes is no edit.
        let told = told.as_ref().filter(|_| agreement.is_some() || !rewritten.is_empty()).unwrap_or(&there);
        let Cleaned { contact: meant, refused } = side.meant(told, agreement.map(|agreement| &agreement.theirs));
        self.run.left_out.note(side.name, &next.remote, &refused);
        let mut taken = incoming(base, here, &meant, fields, &policy);
        if let Some(agreement) = agreement {
            let stopped = self.stop_contested(side, stored, agreement, &there, &taken)?;
            if !stopped.is_empty() {
                policy.fields = policy.fields.less(stopped);
                taken = incoming(base, here, &meant, fields, &policy);
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
                    self.run.conflict(stored, side.name, conflict)?;
                }
                if revived {
                    self.run.whole_conflict(stored, side.name, Kept::There)?;
                }
                let contact = self.run.follow_firm(Some(&stored.contact), contact)?;
                let mut version = stored.version;
                if revived || contact != stored.contact {
                    version = self.run.rewrite(side.name, stored, &contact, revived)?;
                }
                next.version = if ours == contact { version } else { 0 };
                next.ours = ours;
            }
        }
        owe_rewritten(&mut next, (told, &there), rewritten, &policy);
        self.run.mirror.put_agreement(side.name, &next)?;
        Ok(())
    }

    /// The state in common before a change, as the other side is met again and as we had it.
    fn agreed<'g>(
        &self,
        side: &MergeSide<'_>,
        stored: &Stored,
        agreement: &'g Agreement,
        there: &Contact,
    ) -> Result<(Contact, Cow<'g, Contact>), SyncError> {
        let theirs = match agreement.revision.as_str() {
            // What was sent, in the words in which it is met for the first time.
            NEVER_READ => in_known_words(&agreement.theirs, there),
            _ => side.shown(&agreement.theirs),
        };
        let (theirs, ours) = match self.run.less_rename(&stored.contact, (&theirs, there), &agreement.ours)? {
            Some((theirs, ours)) => (theirs, Cow::Owned(ours)),
            None => (theirs, Cow::Borrowed(&agreement.ours)),
        };
        Ok((side.meant(&theirs, None).contact, ours))
    }

    /// What is known of the other side after a sighting that may not have told everything.
    fn read_there(&self, agreement: Option<&Agreement>, there: &Contact, stated: FieldSet) -> Contact {
        let mut theirs = there.clone();
        if let Some(agreement) = agreement {
            theirs.copy_fields(&agreement.theirs, FieldSet::ALL.less(stated));
        }
        theirs
    }

    /// Makes a newcomer a contact of its own.
    pub fn insert(&mut self, side: &MergeSide<'_>, record: RemoteContact) -> Result<ContactId, SyncError> {
        let RemoteContact { remote, revision, uid, crm_id, contact, detail, .. } = record;
        let marks = marks(uid.as_deref(), crm_id.as_deref());
        let uid = match uid {
            Some(uid) => uid,
            None if side.shares_ids() => self.crm_uid(&remote),
            None => self.run.host.fresh_uid(),
        };
        let uid = if self.run.mirror.contact_by_uid(&uid)?.is_some() { self.run.host.fresh_uid() } else { uid };
        let theirs = contact;
        let Cleaned { contact: meant, refused } = side.meant(&theirs, None);
        self.run.left_out.note(side.name, &remote, &refused);
        let contact = self.run.follow_firm(None, meant.clone())?;
        let id = self.run.create(&uid, &contact, side.name)?;
        let crm_id = side.shares_ids().then(|| remote.clone());
        self.run.created_here(Label { uid, crm_id, name: contact.display_name() });
        // What firms have added to it is yet to be told there; the CRM knows.
        let agrees = meant == contact || side.shares_ids();
        let theirs = if side.shares_ids() { contact.clone() } else { theirs };
        let (ours, version) = if agrees { (contact, 1) } else { (meant, 0) };
        let detached = false;
        let agreement = Agreement { contact: id, remote, revision, theirs, ours, version, detail, detached, marks };
        self.run.mirror.put_agreement(side.name, &agreement)?;
        Ok(id)
    }

    /// The UID that a contact of the CRM is given.
    pub fn crm_uid(&self, crm_id: &str) -> String {
        uid_of(&self.run.policy.account, crm_id)
    }
}

/// The agreement as the author of a record had it before him, who had not seen what was agreed on since: that is owed there.
pub(super) fn of_edited(side: &MergeSide<'_>, agreement: &Agreement, edited: Contact) -> Agreement {
    let agreed = Base { theirs: &agreement.theirs, ours: &agreement.ours };
    let ours = ours_of_edited(agreed, &edited, side.policy.fields);
    Agreement { theirs: edited, ours, version: 0, ..agreement.clone() }
}

/// The UID of what an account of the CRM keeps: a contact by its id, a firm as `firm/` and its id.
pub(crate) fn uid_of(account: &str, what: &str) -> String {
    uuid::Uuid::new_v5(&UID_NAMESPACE, format!("incwo/{account}/{what}").as_bytes()).to_string()
}

/// Has the agreement say that what a program rewrote is agreed on as it stands, and was put right here since: that is
/// pushed like any edit, to this replica alone. Where it may not be written, the agreed value stays agreed.
fn owe_rewritten(next: &mut Agreement, (told, there): (&Contact, &Contact), rewritten: FieldSet, policy: &Policy) {
    let owed = if policy.gives { policy.fields.and(rewritten) } else { FieldSet::NONE };
    next.theirs.copy_fields(told, rewritten.less(owed));
    if !owed.is_empty() {
        let carried = apply_changes((told, there), (&next.ours, &next.ours), (owed, FieldSet::NONE), Winner::There);
        next.ours = carried.contact;
        next.version = 0;
    }
}

/// The identity that a record carries, as agreements remember it.
pub(crate) fn marks(uid: Option<&str>, crm_id: Option<&str>) -> String {
    format!("{}|{}", uid.unwrap_or_default(), crm_id.unwrap_or_default())
}
