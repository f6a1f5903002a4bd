//! A second record of one contact in the same book, as a user has said: what it says is taken once, and the record
//! itself is left alone. It is not written, since a contact has one record in each book; it is not deleted, since that is
//! for its owner to do.
//!
//! While it stays as it was, nothing more is asked about it. Once the contact is deleted, the copy must not bring it back:
//! then a user is asked anew.

use super::newcomers::Newcomers;
use crate::{
    contact::{Field, ids::MIRROR},
    mirror::{AttentionKind, ContactId, Standing, StandingKind},
    reconcile::{Here, Incoming, Policy, Winner, incoming},
    replica::RemoteContact,
    sync::{SyncError, events::ChangeAction, record::label, review::candidates::held},
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
    pub fn copied(&mut self, record: &RemoteContact) -> Result<Copied, SyncError> {
        let said = self.run.mirror.standing(&self.participant.name, &record.remote, StandingKind::Copy)?;
        let Some(Standing::Copy { contact, digest: said }) = said else { return Ok(Copied::No) };
        let living = self.run.mirror.contact(contact)?.filter(|stored| !stored.deleted);
        let original = living
            .as_ref()
            .map(|stored| held(self.run.mirror, &self.participant.name, stored.id))
            .transpose()?
            .flatten();
        if said != digest(record) {
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

    /// Takes what a copy says beyond the contact. Where the two differ, the contact's value stands and the copy's is kept
    /// among the conflicts.
    pub fn take_copy(&mut self, id: ContactId, record: &RemoteContact) -> Result<(), SyncError> {
        let stored = self.run.stored(id)?;
        let there = self.participant.side().interpret(record, &stored.contact).there;
        let policy = self.run.less_conflicts(
            Policy { winner: Winner::Here, ..self.participant.policy() },
            id,
            &self.participant.name,
        )?;
        if let Incoming::Take { contact, conflicts, .. } =
            incoming(None, Here::Living(&stored.contact), &there, record.fields, &policy)
        {
            for conflict in &conflicts {
                self.run.conflict(&stored, &self.participant.name, conflict)?;
            }
            self.run.edit(&stored, &contact, &self.participant.name)?;
        }
        self.run.mirror.settle_attention(&self.participant.name, &record.remote, &AttentionKind::Ambiguous)?;
        let copy = Standing::Copy { contact: id, digest: digest(record) };
        self.run.remember_standing(&self.participant.name, &record.remote, &copy)?;
        self.run.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }
}

/// What a record says. Its revision will not do: a file that is only touched, or restored, has another one.
fn digest(record: &RemoteContact) -> String {
    let said = serde_json::to_string(&record.contact).unwrap_or_default();
    let fields: Vec<&str> = record.fields.iter().map(Field::name).collect();
    blake3::hash(format!("{said}\0{}", fields.join(" ")).as_bytes()).to_hex()[..32].to_owned()
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
                fixture.newcomers(&cards, &mut BTreeSet::new()).take_copy(id, &copy).unwrap();
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
                assert_eq!(fixture.newcomers(&cards, &mut missing).copied(&copy).unwrap(), expected, "{then:?}");
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
