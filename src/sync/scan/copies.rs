//! A second record of one contact in the same book, as a user has said: what it says is taken once, and the record
//! itself is left alone. It is not written, since a contact has one record in each book; it is not deleted, since that is
//! for its owner to do.
//!
//! While it stays as it was, nothing more is asked about it. Once the contact is deleted, the copy must not bring it back:
//! then a user is asked anew.

use super::newcomers::Newcomers;
use crate::{
    contact::{Contact, Field, FieldSet, ids::MIRROR},
    mirror::{Ambiguity, Attention, AttentionKind, AttentionRow, ContactId, Standing, StandingKind, Stored},
    reconcile::{FieldConflict, Here, Incoming, Policy, Winner, incoming},
    replica::{ConflictCopy, RemoteContact},
    sync::{
        SyncError,
        events::ChangeAction,
        record::label,
        review::{Review, answer::Who, candidates::held},
        run::Step,
    },
};

/// A newcomer after what was said of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// Nothing was said, or it has changed since.
    No,
    /// It is a copy of a record that is there, unchanged.
    Still,
    /// It was a copy, and the contact is gone.
    Orphan,
}

impl Newcomers<'_, '_> {
    /// What was said of a newcomer's being a copy. What has changed since is to be asked anew.
    pub fn copied(&mut self, record: &RemoteContact, digest: &str) -> Result<Copied, SyncError> {
        let said = self.run.mirror.standing(&self.participant.name, &record.remote, StandingKind::Copy)?;
        let Some(Standing::Copy { contact, digest: said }) = said else { return Ok(Copied::No) };
        let living = self.run.mirror.contact(contact)?.filter(|stored| !stored.deleted);
        let original = living
            .as_ref()
            .map(|stored| held(self.run.mirror, &self.participant.name, stored.id))
            .transpose()?
            .flatten();
        if said != digest {
            self.run.mirror.clear_standing(&self.participant.name, &record.remote, StandingKind::Copy)?;
            return Ok(Copied::No);
        }
        Ok(match (living, original) {
            (None, _) => Copied::Orphan,
            (Some(_), Some(original)) if !self.missing.contains(&original) => Copied::Still,
            // The other record went: this one takes its place, as a renamed file does.
            (Some(_), _) => {
                self.run.mirror.clear_standing(&self.participant.name, &record.remote, StandingKind::Copy)?;
                Copied::No
            }
        })
    }

    /// Takes up the copies that a sync program set beside records.
    pub fn take_conflict_copies(&mut self, copies: Vec<ConflictCopy>) -> Result<(), SyncError> {
        if copies.is_empty() || !self.participant.takes() {
            return Ok(());
        }
        self.transact(|newcomers| copies.into_iter().try_for_each(|copy| newcomers.take_conflict_copy(copy)))
    }

    /// A copy is put to a user next to its contact, and never believed by itself. Once the user has answered, it is removed
    /// by the push.
    fn take_conflict_copy(&mut self, ConflictCopy { record, of }: ConflictCopy) -> Result<(), SyncError> {
        let digest = digest_of_all(&record);
        match self.copied(&record, &digest)? {
            Copied::Still => return self.copy_is_done(record),
            Copied::Orphan => return self.raise_ambiguous(record, Ambiguity::CopyOfDeleted, &[]),
            Copied::No => {}
        }
        // Who deleted the record and left the copy may have meant to keep what the copy says.
        self.missing.remove(&of);
        let Some(stored) = self.original(&record, &of)? else {
            return self.raise_ambiguous(record, Ambiguity::CopyOfDeleted, &[]);
        };
        match Review::new(self.run).answered(&self.participant.name, &record.remote)? {
            Some(Who::SameAs(id)) => return self.link(id, record),
            Some(Who::CopyOf(id)) => {
                self.take_copy(id, &record, digest)?;
                return self.copy_is_done(record);
            }
            Some(Who::New) | None => {}
        }
        let there = self.participant.side().interpret(&record, &stored.contact).said().clone();
        let taken = taken_from(&stored.contact, &there, record.fields, self.participant.policy());
        let conflicts: FieldSet = taken.conflicts.iter().map(|conflict| conflict.field).collect();
        let beyond = stored.contact.differing(&taken.contact).or(conflicts).iter().collect();
        let attention =
            Attention::ConflictCopy { of, contact: stored.id, beyond, says: Box::new(without_photos(there)), digest };
        let row = self.run.open_attention(&self.participant.name, &record.remote, attention);
        self.run.raise(AttentionRow { contact: Some(stored.id), ..row })
    }

    fn copy_is_done(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        self.run.copies_done.push((self.participant.name.clone(), record));
        Ok(())
    }

    /// The living contact that a copy is of: its record's, or else its UID's.
    fn original(&self, record: &RemoteContact, of: &str) -> Result<Option<Stored>, SyncError> {
        let agreement = self.run.mirror.agreement_by_remote(&self.participant.name, of)?;
        let stored = match (agreement.filter(|agreement| !agreement.detached), record.uid.as_deref()) {
            (Some(agreement), _) => self.run.mirror.contact(agreement.contact)?,
            (None, Some(uid)) => self.run.mirror.contact_by_uid(uid)?,
            (None, None) => None,
        };
        Ok(stored.filter(|stored| !stored.deleted))
    }

    /// Takes what a copy says beyond the contact. Where the two differ, the contact's value stands and the copy's is kept
    /// among the conflicts.
    pub fn take_copy(&mut self, id: ContactId, record: &RemoteContact, digest: String) -> Result<(), SyncError> {
        let stored = self.run.stored(id)?;
        let there = self.participant.side().interpret(record, &stored.contact).said().clone();
        let policy = self.run.less_conflicts(self.participant.policy(), id, &self.participant.name)?;
        let taken = taken_from(&stored.contact, &there, record.fields, policy);
        for conflict in &taken.conflicts {
            self.run.conflict(&stored, &self.participant.name, conflict)?;
        }
        self.run.edit(&stored, &taken.contact, &self.participant.name)?;
        self.run.mirror.settle_attention(&self.participant.name, &record.remote, &AttentionKind::Ambiguous)?;
        let copy = Standing::Copy { contact: id, digest };
        self.run.remember_standing(&self.participant.name, &record.remote, &copy)?;
        self.run.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }
}

/// A contact with what a copy says beyond it.
pub(crate) struct TakenCopy {
    pub contact: Contact,
    /// Where the two differ: the contact's stands.
    pub conflicts: Vec<FieldConflict>,
}

/// What taking a copy in makes of a contact.
pub(crate) fn taken_from(here: &Contact, there: &Contact, stated: FieldSet, policy: Policy) -> TakenCopy {
    let policy = Policy { winner: Winner::Here, ..policy };
    match incoming(None, Here::Living(here), there, stated, &policy) {
        Incoming::Take { contact, conflicts, .. } => TakenCopy { contact, conflicts },
        Incoming::Same => TakenCopy { contact: here.clone(), conflicts: Vec::new() },
    }
}

/// A photo is kilobytes of base64: its first letters are enough to know it.
pub(super) fn without_photos(mut contact: Contact) -> Contact {
    for line in &mut contact.extra {
        *line = line.chars().take(100).collect();
    }
    contact
}

/// What a record says. Its revision will not do: a file that is only touched, or restored, has another one.
pub(crate) fn digest(record: &RemoteContact) -> String {
    let said = serde_json::to_string(&record.contact).unwrap_or_default();
    let fields: Vec<&str> = record.fields.iter().map(Field::name).collect();
    blake3::hash(format!("{said}\0{}", fields.join(" ")).as_bytes()).to_hex()[..32].to_owned()
}

/// The same of a record that is removed once it was answered for: not a byte of it may be another.
fn digest_of_all(record: &RemoteContact) -> String {
    let bytes = record.source.as_deref().unwrap_or_default();
    format!("{}{}", digest(record), &blake3::hash(bytes).to_hex()[..32])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        replica::memory::Memory,
        sync::testing::{ada, participant, seen, with_fixture},
    };

    #[test]
    fn a_copy_is_known_while_it_and_the_contact_stay() {
        /// What happens to the copy and its contact before it is met again.
        #[derive(Debug, Clone, Copy)]
        enum Then {
            Nothing,
            Touched,
            Edited,
            OtherRecordGoes,
            OtherRecordMissing,
            ContactGoes,
        }
        let check = |then: Then, expected: Copied, asked_again: bool| {
            with_fixture(|mut fixture| {
                let cards = participant("cards", Memory::default());
                let id = fixture.contact("ada-1", &ada("Comtesse"));
                fixture.agree("cards", "ada.vcf", id);
                let mut copy = seen("twin.vcf", Some("ada-2"), &ada("Duchesse"));
                fixture.newcomers(&cards, &mut BTreeSet::new()).take_copy(id, &copy, digest(&copy)).unwrap();
                assert_eq!(fixture.run.stored(id).unwrap().contact.job_title, "Comtesse", "the contact's stands");
                let kept = fixture.run.mirror.conflicts(9).unwrap().remove(0);
                assert_eq!((kept.there.as_deref(), kept.kept.as_str()), (Some("Duchesse"), "here"));
                let mut missing = BTreeSet::new();
                match then {
                    Then::Nothing => {}
                    Then::Touched => "r9".clone_into(&mut copy.revision),
                    Then::Edited => copy.contact.job_title = "Reine".into(),
                    Then::OtherRecordGoes => fixture.run.mirror.delete_agreement("cards", id).unwrap(),
                    Then::OtherRecordMissing => drop(missing.insert("ada.vcf".to_owned())),
                    Then::ContactGoes => fixture.run.mirror.delete_contact(id, "").unwrap(),
                }
                assert_eq!(
                    fixture.newcomers(&cards, &mut missing).copied(&copy, &digest(&copy)).unwrap(),
                    expected,
                    "{then:?}"
                );
                let known = fixture.run.mirror.standing("cards", "twin.vcf", StandingKind::Copy).unwrap().is_some();
                assert_eq!(known, !asked_again, "{then:?}");
            });
        };
        check(Then::Nothing, Copied::Still, false);
        check(Then::Touched, Copied::Still, false);
        check(Then::Edited, Copied::No, true);
        check(Then::OtherRecordGoes, Copied::No, true);
        check(Then::OtherRecordMissing, Copied::No, true);
        check(Then::ContactGoes, Copied::Orphan, false);
    }
}
