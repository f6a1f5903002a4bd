//! Records that no agreement names: recognised as somebody we know, made contacts of their own, or put to a person.

use super::copies::Copied;
use crate::{
    mirror::{ContactId, Filter, QuestionRow, State},
    reconcile::{Index, Pairing, pairing::By},
    replicas::Sighting,
    sync::{
        by_hand::answer::{AMBIGUOUS, Who},
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        peer::{CRM, MIRROR, Peer},
    },
};

/// Whom newcomers can be recognised as.
pub(in crate::sync) struct Acquaintances {
    /// Living contacts.
    index: Index,
    /// Contacts that were deleted here and live on in the CRM, which does not follow deletions.
    let_go: Index,
}

impl Engine<'_> {
    /// True when every living contact is agreed with the CRM already: then a newcomer there can be nobody we know.
    pub fn nobody_waits_for_the_crm(&self) -> Result<bool, SyncError> {
        Ok(self.mirror.unagreed(CRM)?.is_empty() && self.mirror.outbox(CRM)?.is_empty())
    }

    /// What newcomers of this replica can be recognised by. The CRM's own namesakes are the CRM's business: a newcomer
    /// there can only be a contact that it does not hold yet.
    pub fn index_for(&self, replica: &str) -> Result<Index, SyncError> {
        let mut index = Index::default();
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
    pub fn index_of_let_go(&self) -> Result<Index, SyncError> {
        let mut index = Index::default();
        for id in self.mirror.let_go_by(CRM)? {
            let stored = self.stored(id)?;
            index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact);
        }
        Ok(index)
    }

    /// Takes in newcomers; `missing` are the names of agreed records that were not seen, and loses those that were only
    /// renamed.
    pub fn take_newcomers(
        &mut self,
        peer: &Peer,
        newcomers: Vec<Sighting>,
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        self.drop_questions(&peer.name, &newcomers)?;
        if newcomers.is_empty() {
            return Ok(());
        }
        let let_go = if peer.is_crm() { Index::default() } else { self.index_of_let_go()? };
        let mut known = Acquaintances { index: self.index_for(&peer.name)?, let_go };
        let mut newcomers = newcomers.into_iter();
        while newcomers.len() > 0 {
            self.transact(|engine| {
                for sighting in newcomers.by_ref().take(1_000) {
                    engine.newcomer(peer, &mut known, sighting, missing)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn newcomer(
        &mut self,
        peer: &Peer,
        known: &mut Acquaintances,
        sighting: Sighting,
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        if !peer.takes {
            return Ok(());
        }
        match self.copied(peer, &sighting, missing)? {
            Copied::No => {}
            Copied::Still => return Ok(()),
            Copied::Orphan => {
                return self.ask_who(peer, known, sighting, ("was a copy of a contact that is deleted", &[]));
            }
        }
        let uid = if peer.is_crm() { Some(self.crm_uid(&sighting.remote)) } else { sighting.uid.clone() };
        match known.index.find(uid.as_deref(), sighting.crm_id.as_deref(), &sighting.contact) {
            Pairing::One(id, by) => self.recognised(peer, known, sighting, (id, by), missing),
            Pairing::Ambiguous(candidates) if !peer.is_crm() => {
                let text = format!("could be {} known contacts", candidates.len());
                self.ask_who(peer, known, sighting, (&text, &candidates))
            }
            Pairing::None if !peer.is_crm() => {
                match known.index.contradicted(sighting.crm_id.as_deref(), &sighting.contact) {
                    Some(id) => {
                        let text = "carries the CRM id of a contact with which it has nothing in common";
                        self.ask_who(peer, known, sighting, (text, &[id]))
                    }
                    None => self.make_new(peer, known, sighting),
                }
            }
            Pairing::None | Pairing::Ambiguous(_) => self.make_new(peer, known, sighting),
        }
    }

    fn make_new(&mut self, peer: &Peer, known: &mut Acquaintances, sighting: Sighting) -> Result<(), SyncError> {
        // A UID that was deleted here and turns up again is that contact, back.
        if let Some(stored) = sighting.uid.as_deref().map(|uid| self.mirror.contact_by_uid(uid)).transpose()?.flatten()
        {
            return self.link(peer, stored.id, sighting);
        }
        if let Pairing::One(id, _) = known.let_go.find(None, sighting.crm_id.as_deref(), &sighting.contact)
            && self.stored(id)?.deleted
        {
            return self.link(peer, id, sighting);
        }
        self.take_apart(peer, known, sighting)
    }

    /// A contact of its own, whoever it looks like.
    fn take_apart(&mut self, peer: &Peer, known: &mut Acquaintances, sighting: Sighting) -> Result<(), SyncError> {
        let (uid, crm_id, contact) = (sighting.uid.clone(), sighting.crm_id.clone(), sighting.contact.clone());
        self.mirror.answer_question(&peer.name, &sighting.remote, AMBIGUOUS)?;
        let id = self.insert(&peer.name, sighting)?;
        known.index.add(id, uid.as_deref().unwrap_or_default(), crm_id.as_deref(), &contact);
        Ok(())
    }

    fn recognised(
        &mut self,
        peer: &Peer,
        known: &mut Acquaintances,
        sighting: Sighting,
        (id, by): (ContactId, By),
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement(&peer.name, id)? else { return self.link(peer, id, sighting) };
        let was = missing.iter().position(|remote| *remote == agreement.remote);
        if was.is_some() || agreement.detached {
            if let Some(was) = was {
                missing.remove(was);
            }
            self.mirror.answer_question(&peer.name, &sighting.remote, AMBIGUOUS)?;
            let stored = self.stored(id)?;
            return self.merge_in(&peer.side(), &stored, Some(&agreement), sighting);
        }
        if by == By::Name || peer.is_crm() {
            // Namesakes that one book keeps apart are two people.
            return self.make_new(peer, known, sighting);
        }
        self.ask_who(peer, known, sighting, (&format!("looks like a copy of {}", agreement.remote), &[id]))
    }

    /// Two records turn out to be one contact.
    pub fn link(&mut self, peer: &Peer, id: ContactId, sighting: Sighting) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        self.mirror.answer_question(&peer.name, &sighting.remote, AMBIGUOUS)?;
        let first_crm_id = peer.is_crm() && stored.crm_id.is_none();
        self.merge_in(&peer.side(), &stored, None, sighting)?;
        if first_crm_id {
            self.mirror.touch_contact(id)?;
        }
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// Puts it to a person who a newcomer is, or does what the person has said.
    fn ask_who(
        &mut self,
        peer: &Peer,
        known: &mut Acquaintances,
        sighting: Sighting,
        (text, candidates): (&str, &[ContactId]),
    ) -> Result<(), SyncError> {
        match self.answered(&peer.name, &sighting.remote)? {
            Some(Who::SameAs(id)) => return self.link(peer, id, sighting),
            Some(Who::CopyOf(id)) => return self.take_copy(peer, id, &sighting),
            Some(Who::New) => return self.take_apart(peer, known, sighting),
            None => {}
        }
        let place = sighting.remote.clone();
        self.ask_among(
            candidates,
            QuestionRow {
                id: 0,
                run: self.run,
                replica: peer.name.clone(),
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
