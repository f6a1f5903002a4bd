//! Records that no agreement names: recognised as somebody we know, made contacts of their own, or put to a person.

use super::{
    answer::{AMBIGUOUS, Who},
    engine::{Engine, label},
    error::SyncError,
    events::ChangeAction,
    peer::{CRM, MIRROR, Peer},
};
use crate::{
    mirror::{ContactId, Filter, QuestionRow, State},
    reconcile::{Index, Pairing, pairing::By},
    replicas::Sighting,
};

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
                index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact);
            }
        } else {
            self.mirror.for_each_contact(&Filter::default(), &mut |stored| {
                index.add(stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact);
                Ok(())
            })?;
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
        let mut index = self.index_for(&peer.name)?;
        let mut newcomers = newcomers.into_iter();
        while newcomers.len() > 0 {
            self.transact(|engine| {
                for sighting in newcomers.by_ref().take(1_000) {
                    engine.newcomer(peer, &mut index, sighting, missing)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn newcomer(
        &mut self,
        peer: &Peer,
        index: &mut Index,
        sighting: Sighting,
        missing: &mut Vec<String>,
    ) -> Result<(), SyncError> {
        if !peer.takes {
            return Ok(());
        }
        let found = index.find(sighting.uid.as_deref(), sighting.crm_id.as_deref(), &sighting.contact);
        match found {
            Pairing::One(id, by) => self.recognised(peer, index, sighting, (id, by), missing),
            Pairing::Ambiguous(candidates) if !peer.is_crm() => {
                let text = format!("could be {} known contacts", candidates.len());
                self.ask_who(peer, index, sighting, &text)
            }
            Pairing::None | Pairing::Ambiguous(_) => self.make_new(peer, index, sighting),
        }
    }

    fn make_new(&mut self, peer: &Peer, index: &mut Index, sighting: Sighting) -> Result<(), SyncError> {
        // A UID that was deleted here and turns up again is that contact, back.
        if let Some(stored) = sighting.uid.as_deref().map(|uid| self.mirror.contact_by_uid(uid)).transpose()?.flatten()
        {
            return self.link(peer, stored.id, sighting);
        }
        self.take_apart(peer, index, sighting)
    }

    /// A contact of its own, whoever it looks like.
    fn take_apart(&mut self, peer: &Peer, index: &mut Index, sighting: Sighting) -> Result<(), SyncError> {
        let (uid, crm_id, contact) = (sighting.uid.clone(), sighting.crm_id.clone(), sighting.contact.clone());
        self.mirror.answer_question(&peer.name, &sighting.remote, AMBIGUOUS)?;
        let id = self.insert(&peer.name, sighting)?;
        index.add(id, uid.as_deref().unwrap_or_default(), crm_id.as_deref(), &contact);
        Ok(())
    }

    fn recognised(
        &mut self,
        peer: &Peer,
        index: &mut Index,
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
            let stored = self.stored(id)?;
            return self.merge_in(&peer.side(), &stored, Some(&agreement), sighting);
        }
        if by == By::Name || peer.is_crm() {
            // Namesakes that one book keeps apart are two people.
            return self.make_new(peer, index, sighting);
        }
        self.ask_who(peer, index, sighting, &format!("looks like a copy of {}", agreement.remote))
    }

    /// Two records turn out to be one contact.
    fn link(&mut self, peer: &Peer, id: ContactId, sighting: Sighting) -> Result<(), SyncError> {
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
    fn ask_who(&mut self, peer: &Peer, index: &mut Index, sighting: Sighting, text: &str) -> Result<(), SyncError> {
        match self.answered(&peer.name, &sighting.remote)? {
            Some(Who::SameAs(id)) => return self.link(peer, id, sighting),
            Some(Who::New) => return self.take_apart(peer, index, sighting),
            None => {}
        }
        let place = sighting.remote.clone();
        self.ask(
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
