//! A second record of one contact in the same book, as a person has said: what it says is taken once, and the record
//! itself is left alone. It is not written, since a contact has one record in each book; it is not deleted, since that is
//! for its owner to do.
//!
//! While it stays as it was, nothing more is asked about it. Once the contact is deleted, the copy must not bring it back:
//! then a person is asked anew.

use crate::{
    contact::Field,
    mirror::{ContactId, QuestionDetail, QuestionRow, State},
    reconcile::{Here, Intake, Policy, Winner, intake},
    replicas::{Sighting, files::Digest},
    sync::{
        by_hand::{answer::AMBIGUOUS, candidates::held},
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        peer::{MIRROR, Peer},
    },
};

/// Not a question but what was answered: a record is a copy of this contact's.
pub(in crate::sync) const COPY: &str = "copy";

/// A newcomer in the light of what was said of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum Copied {
    /// Nothing was said, or it has changed since.
    No,
    /// It is a copy of a record that is there, unchanged.
    Still,
    /// It was a copy, and the contact is gone.
    Orphan,
}

impl Engine<'_> {
    /// What was said of a newcomer's being a copy. What has changed since is to be asked anew.
    pub fn copied(&mut self, peer: &Peer, sighting: &Sighting, missing: &[String]) -> Result<Copied, SyncError> {
        let Some(row) = self.mirror.question(&peer.name, &sighting.remote, COPY)? else { return Ok(Copied::No) };
        let said = self.mirror.question_detail(row.id)?;
        let living = match row.contact {
            Some(id) => self.mirror.contact(id)?.filter(|stored| !stored.deleted),
            None => None,
        };
        let record = living.as_ref().map(|stored| held(&self.mirror, &peer.name, stored.id)).transpose()?.flatten();
        if said.digest != Some(digest(sighting)) {
            self.mirror.clear_question(&peer.name, &sighting.remote, COPY)?;
            return Ok(Copied::No);
        }
        Ok(match (living, record) {
            (None, _) => Copied::Orphan,
            (Some(_), Some(record)) if !missing.contains(&record) => Copied::Still,
            // The other record went: this one takes its place, as a renamed file does.
            (Some(_), _) => {
                self.mirror.clear_question(&peer.name, &sighting.remote, COPY)?;
                Copied::No
            }
        })
    }

    /// Takes what a copy says beyond the contact. Where the two differ, the contact's value stands and the copy's is kept
    /// among the conflicts.
    pub fn take_copy(&mut self, peer: &Peer, id: ContactId, sighting: &Sighting) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        let there = peer.side().reading(sighting, &stored.contact);
        let policy = self.less_conflicts(Policy { winner: Winner::Here, ..peer.policy() }, id, &peer.name)?;
        if let Intake::Take { contact, conflicts, .. } =
            intake(None, Here::Living(&stored.contact), &there, sighting.fields, &policy)
        {
            for conflict in &conflicts {
                self.conflict(&stored, &peer.name, conflict)?;
            }
            self.edit(&stored, &contact, &peer.name)?;
        }
        self.mirror.answer_question(&peer.name, &sighting.remote, AMBIGUOUS)?;
        let row = QuestionRow {
            id: 0,
            run: self.run,
            replica: peer.name.clone(),
            remote: sighting.remote.clone(),
            kind: COPY.to_owned(),
            contact: Some(id),
            text: format!("a person said that {} is a copy", sighting.remote),
            state: State::Settled,
        };
        let digest = Some(digest(sighting));
        self.mirror.ask_with(&row, &QuestionDetail { digest, ..QuestionDetail::default() })?;
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }
}

/// What a record says. Its revision will not do: a file that is only touched, or restored, has another one.
fn digest(sighting: &Sighting) -> String {
    let said = serde_json::to_string(&sighting.contact).unwrap_or_default();
    let fields: Vec<&str> = sighting.fields.iter().map(Field::name).collect();
    Digest::of(format!("{said}\0{}", fields.join(" ")).as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        replicas::memory::Memory,
        sync::desk::{ada, at_desk, peer, seen},
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
            at_desk(|mut desk| {
                let cards = peer("cards", Memory::default());
                let id = desk.contact("ada-1", &ada("Comtesse"));
                desk.agree("cards", "ada.vcf", id);
                let mut copy = seen("twin.vcf", Some("ada-2"), &ada("Duchesse"));
                desk.engine.take_copy(&cards, id, &copy).unwrap();
                assert_eq!(desk.engine.stored(id).unwrap().contact.job_title, "Comtesse", "the contact's stands");
                let kept = desk.engine.mirror.conflicts(9).unwrap().remove(0);
                assert_eq!((kept.there.as_deref(), kept.kept.as_str()), (Some("Duchesse"), "here"));
                let mut missing = Vec::new();
                match then {
                    Then::Nothing => {}
                    Then::Touched => "r9".clone_into(&mut copy.revision),
                    Then::Edited => copy.contact.job_title = "Reine".into(),
                    Then::OtherRecordGoes => desk.engine.mirror.delete_agreement("cards", id).unwrap(),
                    Then::OtherRecordMissing => missing.push("ada.vcf".to_owned()),
                    Then::ContactGoes => desk.engine.mirror.delete_contact(id, "").unwrap(),
                }
                assert_eq!(desk.engine.copied(&cards, &copy, &missing).unwrap(), expected, "{then:?}");
                let known = desk.engine.mirror.question("cards", "twin.vcf", COPY).unwrap().is_some();
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
