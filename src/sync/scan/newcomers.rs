//! Records that no agreement names: recognised as somebody we know, made contacts of their own, or put to a person.

use super::copies::Copied;
use crate::{
    mirror::{ContactId, Filter, QuestionRow, State},
    reconcile::{Match, MatchIndex, matching::MatchedBy},
    replica::RemoteContact,
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        participant::{CRM, MIRROR, Participant},
        review::answer::{AMBIGUOUS, Who},
    },
};

/// Whom newcomers can be recognised as.
pub(crate) struct MatchIndexes {
    /// Living contacts.
    index: MatchIndex,
    /// Contacts that were deleted here and live on in the CRM, which does not follow deletions.
    locally_deleted: MatchIndex,
}

impl Engine<'_> {
    /// True when every living contact is agreed with the CRM already: then a newcomer there can be nobody we know.
    pub fn nobody_waits_for_the_crm(&self) -> Result<bool, SyncError> {
        Ok(self.mirror.unagreed(CRM)?.is_empty() && self.mirror.outbox(CRM)?.is_empty())
    }

    /// What newcomers of this replica can be recognised by. The CRM's own namesakes are the CRM's business: a newcomer
    /// there can only be a contact that it does not hold yet.
    pub fn index_for(&self, replica: &str) -> Result<MatchIndex, SyncError> {
        let mut index = MatchIndex::default();
        if replica == CRM {
            for id in self.mirror.unagreed(CRM)? {
                let stored = self.stored(id)?;
                if self.is_apart(&stored)? {
                    continue;
                }
                index.add(stored.id, &stored.uid, None, &stored.contact);
                // The mirror may be younger than the records that name an id there.
                for crm_id in self.mirror.crm_ids_in_books(id)? {
                    index.add_crm_id(stored.id, &crm_id);
                }
            }
        } else {
            self.mirror.for_each_contact(&Filter::default(), &mut |stored| {
                index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact);
                Ok(())
            })?;
        }
        Ok(index)
    }

    /// Contacts that were deleted here and live on in the CRM.
    pub fn index_of_locally_deleted(&self) -> Result<MatchIndex, SyncError> {
        let mut index = MatchIndex::default();
        for id in self.mirror.locally_deleted_in(CRM)? {
            let stored = self.stored(id)?;
            index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact);
        }
        Ok(index)
    }

    /// Takes in newcomers; `missing` are the names of agreed records that were not seen, and loses those that were only
    /// renamed.
    pub fn take_newcomers(
        &mut self,
        participant: &Participant,
        newcomers: Vec<RemoteContact>,
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        self.drop_questions(&participant.name, &newcomers)?;
        if newcomers.is_empty() {
            return Ok(());
        }
        let locally_deleted =
            if participant.is_crm() { MatchIndex::default() } else { self.index_of_locally_deleted()? };
        let mut known = MatchIndexes { index: self.index_for(&participant.name)?, locally_deleted };
        let mut newcomers = newcomers.into_iter();
        while newcomers.len() > 0 {
            self.transact(|engine| {
                for record in newcomers.by_ref().take(1_000) {
                    engine.newcomer(participant, &mut known, record, missing)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn newcomer(
        &mut self,
        participant: &Participant,
        known: &mut MatchIndexes,
        record: RemoteContact,
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        if !participant.takes {
            return Ok(());
        }
        match self.copied(participant, &record, missing)? {
            Copied::No => {}
            Copied::Still => return Ok(()),
            Copied::Orphan => {
                return self.ask_who(participant, known, record, ("was a copy of a contact that is deleted", &[]));
            }
        }
        let uid = if participant.is_crm() { Some(self.crm_uid(&record.remote)) } else { record.uid.clone() };
        match known.index.find(uid.as_deref(), record.crm_id.as_deref(), &record.contact) {
            Match::One(id, by) => self.recognised(participant, known, record, (id, by), missing),
            Match::Ambiguous(candidates) if !participant.is_crm() => {
                let text = format!("could be {} known contacts", candidates.len());
                self.ask_who(participant, known, record, (&text, &candidates))
            }
            Match::None if !participant.is_crm() => {
                match known.index.contradicted(record.crm_id.as_deref(), &record.contact) {
                    Some(id) => {
                        let text = "carries the CRM id of a contact with which it has nothing in common";
                        self.ask_who(participant, known, record, (text, &[id]))
                    }
                    None => self.make_new(participant, known, record),
                }
            }
            Match::None | Match::Ambiguous(_) => self.make_new(participant, known, record),
        }
    }

    fn make_new(
        &mut self,
        participant: &Participant,
        known: &mut MatchIndexes,
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        // A UID that was deleted here and turns up again is that contact, back.
        if let Some(stored) = record.uid.as_deref().map(|uid| self.mirror.contact_by_uid(uid)).transpose()?.flatten() {
            return self.link(participant, stored.id, record);
        }
        if let Match::One(id, _) = known.locally_deleted.find(None, record.crm_id.as_deref(), &record.contact)
            && self.stored(id)?.deleted
        {
            return self.link(participant, id, record);
        }
        self.take_apart(participant, known, record)
    }

    /// A contact of its own, whoever it looks like.
    fn take_apart(
        &mut self,
        participant: &Participant,
        known: &mut MatchIndexes,
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let (uid, crm_id, contact) = (record.uid.clone(), record.crm_id.clone(), record.contact.clone());
        self.mirror.answer_question(&participant.name, &record.remote, AMBIGUOUS)?;
        let id = self.insert(&participant.name, record)?;
        known.index.add(id, uid.as_deref().unwrap_or_default(), crm_id.as_deref(), &contact);
        Ok(())
    }

    fn recognised(
        &mut self,
        participant: &Participant,
        known: &mut MatchIndexes,
        record: RemoteContact,
        (id, by): (ContactId, MatchedBy),
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement(&participant.name, id)? else {
            return self.link(participant, id, record);
        };
        let was = missing.iter().position(|remote| *remote == agreement.remote);
        if was.is_some() || agreement.detached {
            if let Some(was) = was {
                missing.remove(was);
            }
            self.mirror.answer_question(&participant.name, &record.remote, AMBIGUOUS)?;
            let stored = self.stored(id)?;
            return self.merge_in(&participant.side(), &stored, Some(&agreement), record);
        }
        if by == MatchedBy::Name || participant.is_crm() {
            // Namesakes that one book keeps apart are two people.
            return self.make_new(participant, known, record);
        }
        self.ask_who(participant, known, record, (&format!("looks like a copy of {}", agreement.remote), &[id]))
    }

    /// Two records turn out to be one contact.
    pub fn link(&mut self, participant: &Participant, id: ContactId, record: RemoteContact) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        self.mirror.answer_question(&participant.name, &record.remote, AMBIGUOUS)?;
        let first_crm_id = participant.is_crm() && stored.crm_id.is_none();
        self.merge_in(&participant.side(), &stored, None, record)?;
        if first_crm_id {
            self.mirror.touch_contact(id)?;
        }
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// Puts it to a person who a newcomer is, or does what the person has said.
    fn ask_who(
        &mut self,
        participant: &Participant,
        known: &mut MatchIndexes,
        record: RemoteContact,
        (text, candidates): (&str, &[ContactId]),
    ) -> Result<(), SyncError> {
        match self.answered(&participant.name, &record.remote)? {
            Some(Who::SameAs(id)) => return self.link(participant, id, record),
            Some(Who::CopyOf(id)) => return self.take_copy(participant, id, &record),
            Some(Who::New) => return self.take_apart(participant, known, record),
            None => {}
        }
        let place = record.remote.clone();
        self.ask_among(
            candidates,
            QuestionRow {
                id: 0,
                run: self.run,
                replica: participant.name.clone(),
                remote: place.clone(),
                kind: AMBIGUOUS.to_owned(),
                contact: None,
                text: format!("{place} {text}; it was left alone"),
                state: State::Open,
            },
            "`carnet conflicts` says how to answer; or give it the UID of the contact it is",
        )
    }
}
