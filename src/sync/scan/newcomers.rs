//! Records that no agreement names: recognised as somebody known, made contacts of their own, or put to a user.

use std::collections::BTreeSet;

use super::{
    copies::{Copied, digest, without_photos},
    intake::Intake,
    spilling_index::{IndexNumber, SpillingIndex},
    waiting::Waiting,
};
use crate::{
    contact::{Contact, ids::MIRROR},
    mirror::{
        Agreement, Ambiguity, Attention, AttentionKind, AttentionRow, ContactId, Mirror, MirrorError, State, Stored,
    },
    reconcile::{
        Match,
        identify::{Evidence, Verdict, identify, returning},
        matching::MatchedBy,
        strangers::{Stranger, stranger},
    },
    replica::{Problem, RemoteContact, RemoteId},
    sync::{
        SyncError,
        events::ChangeAction,
        outbox::Outbox,
        participant::{CRM, Participant},
        record::label,
        review::{Review, answer::Who},
        run::{Run, Step},
    },
};

/// Newcomers taken in one transaction.
const TAKEN_AT_ONCE: usize = 1_000;
/// Known contacts read at a time.
const INDEXED_AT_ONCE: usize = 1_000;

/// Known contacts that a newcomer may match.
pub(super) struct MatchIndexes {
    /// Living ones.
    index: SpillingIndex,
    /// Those that were deleted here and live on in the CRM, which does not follow deletions.
    locally_deleted: SpillingIndex,
}

/// The newcomers of one replica.
pub(crate) struct Newcomers<'n, 'a> {
    pub(super) run: &'n mut Run<'a>,
    pub(super) participant: &'n Participant,
    /// The names of agreed records that were not shown; loses those that were only renamed.
    pub(super) missing: &'n mut BTreeSet<RemoteId>,
    /// Built when the first newcomer is met that its UID does not tell.
    known: Option<MatchIndexes>,
    /// The replica looks like an older copy of itself: who was deleted since then is not back.
    is_older_copy: bool,
    /// The company cards that somebody made, in a book that shows firms.
    own_company_cards: BTreeSet<RemoteId>,
}

impl<'a> Step<'a> for Newcomers<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl<'n, 'a> Newcomers<'n, 'a> {
    pub fn new(
        run: &'n mut Run<'a>,
        participant: &'n Participant,
        missing: &'n mut BTreeSet<RemoteId>,
        is_older_copy: bool,
    ) -> Self {
        let own_company_cards = BTreeSet::new();
        Self { run, participant, missing, known: None, is_older_copy, own_company_cards }
    }

    /// Takes them in. `is_newcomer`: of which records that are not known something may still be asked.
    pub fn take_all(&mut self, newcomers: Waiting, is_newcomer: &dyn Fn(&str) -> bool) -> Result<(), SyncError> {
        Review::new(self.run).forget_unmet(self.participant, is_newcomer)?;
        let mut place = 0;
        loop {
            let chunk = newcomers.chunk(self.run.mirror, place, TAKEN_AT_ONCE)?;
            if chunk.is_empty() {
                return Ok(());
            }
            place += chunk.len() as u64;
            self.transact(|newcomers| chunk.into_iter().try_for_each(|it| newcomers.take(it.record)))?;
        }
    }

    /// Forgets the company cards of before that were not met again and are not there any more.
    pub fn forget_own_company_cards(&mut self, is_gone: &dyn Fn(&str) -> bool) -> Result<(), SyncError> {
        let before = self.run.mirror.own_company_cards(&self.participant.name)?;
        for remote in before {
            if !self.own_company_cards.contains(&remote) && is_gone(&remote) {
                self.run.mirror.forget_company_card(&self.participant.name, &remote)?;
            }
        }
        Ok(())
    }

    fn note_company_card(&mut self, record: &RemoteContact) -> Result<(), SyncError> {
        if self.participant.shows_firms {
            self.run.note_own_company_card(&self.participant.name, record)?;
            self.own_company_cards.insert(record.remote.clone());
        }
        Ok(())
    }

    fn take(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        if !self.participant.takes() {
            return self.note_company_card(&record);
        }
        match self.copied(&record, &digest(&record))? {
            Copied::No => {}
            Copied::Still => return Ok(()),
            Copied::Orphan => return self.raise_ambiguous(record, Ambiguity::CopyOfDeleted, &[]),
        }
        if !self.participant.shares_ids() && self.run.is_card_of_firm(&record)? {
            return self.note_company_card(&record);
        }
        let meant = self.participant.side().meant(&record.contact, None).contact;
        if self.says_nothing(&record, &meant) {
            return Ok(());
        }
        match identify(self.evidence(&record, &meant)?) {
            Verdict::Known(id, by) => self.recognised(record, &meant, (id, by)),
            Verdict::Returning(id) if self.is_of_older_copy(&record)? && self.run.stored(id)?.deleted => {
                self.raise_ambiguous(record, Ambiguity::CopyOfDeleted, &[])
            }
            Verdict::Returning(id) => self.link(id, record),
            // Forgotten by now: the CRM's id is all that tells.
            Verdict::New if record.crm_id.is_some() && self.is_of_older_copy(&record)? => {
                self.raise_ambiguous(record, Ambiguity::CopyOfDeleted, &[])
            }
            Verdict::New => match self.asked_whose_copy(&record.remote)? {
                // Neither who edits the copy nor who edits the contact has answered.
                Some((reason, candidates)) => self.raise_ambiguous(record, reason, &candidates),
                None => self.take_apart(record),
            },
            Verdict::Ambiguous(candidates) => self.raise_ambiguous(record, Ambiguity::Several, &candidates),
            Verdict::Stranger(id, why) => {
                let reason = match why {
                    Stranger::Mark(_) => Ambiguity::Namesake,
                    Stranger::Company => Ambiguity::OneIsCompany,
                    Stranger::Generation => Ambiguity::OtherGeneration,
                    Stranger::Mailbox => Ambiguity::OtherMailbox,
                };
                self.raise_ambiguous(record, reason, &[id])
            }
            Verdict::Contradicts(id) => self.raise_ambiguous(record, Ambiguity::ForeignId, &[id]),
        }
    }

    /// True for a record of which nothing is a value: it is told, and nobody is made of it.
    fn says_nothing(&mut self, record: &RemoteContact, meant: &Contact) -> bool {
        let says_nothing = *meant == Contact::default() && record.contact != *meant;
        if says_nothing {
            let message = "nothing in it is a value: it was left alone".to_owned();
            let problem = Problem { place: record.remote.clone(), message, hint: None, remote: None };
            self.run.problem(&self.participant.name, problem);
        }
        says_nothing
    }

    fn evidence(&mut self, record: &RemoteContact, meant: &Contact) -> Result<Evidence, SyncError> {
        let shares_ids = self.participant.shares_ids();
        if let Some(uid) = record.uid.as_deref().filter(|_| !shares_ids)
            && let Some(stored) = self.run.mirror.contact_by_uid(uid)?.filter(|stored| !stored.deleted)
        {
            // Nothing goes before the UID, so that the others need not be looked through.
            return Ok(Evidence { found: Some(Match::One(stored.id, MatchedBy::Uid)), ..Evidence::default() });
        }
        let by_id = shares_ids.then(|| Intake::new(self.run).crm_uid(&record.remote));
        let uid = by_id.or_else(|| record.uid.clone());
        let (mirror, MatchIndexes { index, .. }) = self.indexes()?;
        let found = index.find(mirror, uid.as_deref(), record.crm_id.as_deref(), meant)?;
        let contradicted = index.contradicted(mirror, record.crm_id.as_deref(), meant)?;
        let stranger = self.stranger(&found, record, meant)?;
        let (by_uid, locally_deleted) = self.back_again(record, meant)?;
        let found = Some(found);
        let namesakes_are_apart = shares_ids;
        Ok(Evidence { found, stranger, contradicted, by_uid, locally_deleted, namesakes_are_apart })
    }

    /// Why a record is not the contact that its content says. One that was renamed, and that nobody else is by now, is that.
    fn stranger(&self, found: &Match, record: &RemoteContact, meant: &Contact) -> Result<Option<Stranger>, SyncError> {
        let Match::One(id, by @ (MatchedBy::Email | MatchedBy::Phone | MatchedBy::Name)) = found else {
            return Ok(None);
        };
        let agreement = self.run.mirror.agreement(&self.participant.name, *id)?;
        let is_moved = |agreement: &Agreement| agreement.detached || self.missing.contains(&agreement.remote);
        let is_asked = self.asked(&record.remote)?.is_some_and(|(_, candidates)| candidates == [*id]);
        // A namesake of somebody who has a record is a contact of its own, unless that was asked before he had one.
        let is_namesake = *by == MatchedBy::Name && !is_asked;
        if self.participant.shares_ids() || agreement.is_some_and(|it| is_moved(&it) || is_namesake) {
            return Ok(None);
        }
        let stored = self.run.stored(*id)?;
        let has_both_marks = record.crm_id.is_some() && record.crm_id == stored.crm_id;
        Ok(stranger(&stored.contact, *by, has_both_marks, meant))
    }

    /// The contact of its UID, and a contact that was deleted here and that it resembles.
    fn back_again(
        &mut self,
        record: &RemoteContact,
        meant: &Contact,
    ) -> Result<(Option<ContactId>, Option<ContactId>), SyncError> {
        let by_uid = record.uid.as_deref().map(|uid| self.run.mirror.contact_by_uid(uid)).transpose()?.flatten();
        let (mirror, MatchIndexes { locally_deleted, .. }) = self.indexes()?;
        let resembled = locally_deleted.find(mirror, None, record.crm_id.as_deref(), meant)?;
        let deleted = match resembled {
            Match::One(id, _) if self.run.stored(id)?.deleted => Some(id),
            Match::One(..) | Match::None | Match::Ambiguous(_) => None,
        };
        Ok((by_uid.map(|stored| stored.id), deleted))
    }

    fn indexes(&mut self) -> Result<(&Mirror, &MatchIndexes), SyncError> {
        if self.known.is_none() {
            let index = self.run.index_for(&self.participant.name)?;
            let locally_deleted = match self.participant.shares_ids() {
                true => SpillingIndex::new(IndexNumber::LocallyDeleted),
                false => self.run.index_of_locally_deleted()?,
            };
            self.known = Some(MatchIndexes { index, locally_deleted });
        }
        Ok((self.run.mirror, self.known.get_or_insert_with(|| unreachable!("it was built just now"))))
    }

    /// A contact of its own, whoever it looks like.
    fn take_apart(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        let contact = self.participant.side().meant(&record.contact, None).contact;
        let (uid, crm_id) = (record.uid.clone(), record.crm_id.clone());
        self.run.mirror.settle_attention(&self.participant.name, &record.remote, &AttentionKind::Ambiguous)?;
        let id = Intake::new(self.run).insert(&self.participant.side(), record)?;
        if let Some(known) = &mut self.known {
            let (uid, crm_id) = (uid.as_deref().unwrap_or_default(), crm_id.as_deref());
            known.index.add(self.run.mirror, id, uid, crm_id, &contact)?;
        }
        Ok(())
    }

    fn recognised(
        &mut self,
        record: RemoteContact,
        meant: &Contact,
        (id, by): (ContactId, MatchedBy),
    ) -> Result<(), SyncError> {
        let Some(agreement) = self.run.mirror.agreement(&self.participant.name, id)? else {
            return self.link(id, record);
        };
        if self.missing.remove(&agreement.remote) || agreement.detached {
            self.run.mirror.settle_attention(&self.participant.name, &record.remote, &AttentionKind::Ambiguous)?;
            let stored = self.run.stored(id)?;
            return Intake::new(self.run).merge_in(&self.participant.side(), &stored, Some(&agreement), record);
        }
        let is_namesake = by == MatchedBy::Name && !self.may_be_a_copy(&record.remote, id)?;
        if is_namesake || self.participant.shares_ids() {
            // Namesakes that one book keeps apart are two people.
            let (by_uid, locally_deleted) = self.back_again(&record, meant)?;
            return match returning(by_uid, locally_deleted) {
                Verdict::Returning(id) => self.link(id, record),
                _ => self.take_apart(record),
            };
        }
        self.raise_ambiguous(record, Ambiguity::CopyOf { record: agreement.remote }, &[id])
    }

    /// True for a namesake that an interrupted run may have made of the contact itself, in a book that showed nothing when
    /// it was looked for; and once that was asked, until it is answered.
    fn may_be_a_copy(&mut self, remote: &str, id: ContactId) -> Result<bool, SyncError> {
        let asked = self.asked_whose_copy(remote)?.is_some_and(|(_, candidates)| candidates == [id]);
        Ok(asked || Outbox::new(self.run, &self.participant.name).may_have_made(id)?)
    }

    /// What is asked about who a record is, until it is answered.
    fn asked(&self, remote: &str) -> Result<Option<(Ambiguity, Vec<ContactId>)>, SyncError> {
        let row = self.run.mirror.attention_to(&self.participant.name, remote, &AttentionKind::Ambiguous)?;
        Ok(row.and_then(|row| {
            let Attention::Ambiguous { candidates, reason, .. } = row.attention else { return None };
            Some((reason, candidates))
        }))
    }

    /// The question whose copy a record is, while its contact lives.
    fn asked_whose_copy(&self, remote: &str) -> Result<Option<(Ambiguity, Vec<ContactId>)>, SyncError> {
        let Some((reason @ Ambiguity::CopyOf { .. }, candidates)) = self.asked(remote)? else { return Ok(None) };
        let mut lives = false;
        for id in &candidates {
            lives |= self.run.mirror.contact(*id)?.is_some_and(|stored| !stored.deleted);
        }
        Ok(lives.then_some((reason, candidates)))
    }

    /// True for a record of what looks like an older copy; and once that was asked, until it is answered.
    fn is_of_older_copy(&self, record: &RemoteContact) -> Result<bool, SyncError> {
        Ok(self.is_older_copy || matches!(self.asked(&record.remote)?, Some((Ambiguity::CopyOfDeleted, _))))
    }

    /// Two records turn out to be one contact.
    pub fn link(&mut self, id: ContactId, record: RemoteContact) -> Result<(), SyncError> {
        self.run.link(self.participant, id, record)
    }

    /// Puts it to a user who a newcomer is, or does what the user has said.
    pub(super) fn raise_ambiguous(
        &mut self,
        record: RemoteContact,
        reason: Ambiguity,
        candidates: &[ContactId],
    ) -> Result<(), SyncError> {
        match Review::new(self.run).answered(&self.participant.name, &record.remote)? {
            Some(Who::SameAs(id)) => return self.link(id, record),
            Some(Who::CopyOf(id)) => return self.take_copy(id, &record, digest(&record)),
            Some(Who::New) => return self.take_apart(record),
            None => {}
        }
        let says = Some(Box::new(without_photos(record.contact)));
        let attention = Attention::Ambiguous { candidates: candidates.to_vec(), reason, says };
        let row = self.run.open_attention(&self.participant.name, &record.remote, attention);
        // It waits since it was asked first, whatever the record says by now.
        let before = self.run.mirror.attention_to(&row.replica, &row.remote, &AttentionKind::Ambiguous)?;
        let run = before.filter(|before| before.state == State::Open).map_or(row.run, |before| before.run);
        self.run.raise(AttentionRow { run, ..row })
    }
}

impl Run<'_> {
    /// Two records turn out to be one contact.
    pub fn link(&mut self, participant: &Participant, id: ContactId, record: RemoteContact) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        self.mirror.settle_attention(&participant.name, &record.remote, &AttentionKind::Ambiguous)?;
        let first_shared_id = participant.shares_ids() && stored.crm_id.is_none();
        Intake::new(self).merge_in(&participant.side(), &stored, None, record)?;
        if first_shared_id {
            self.mirror.touch_contact(id)?;
        }
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// True when every living contact is agreed with the CRM already: then a newcomer there can be nobody known.
    pub(super) fn nobody_waits_for_the_crm(&self) -> Result<bool, SyncError> {
        Ok(self.mirror.unagreed(CRM)?.is_empty() && self.mirror.outbox(CRM)?.is_empty())
    }

    /// What newcomers of this replica can be recognised by. The CRM's own namesakes are the CRM's business: a newcomer
    /// there can only be a contact that it does not hold yet.
    pub fn index_for(&mut self, replica: &str) -> Result<SpillingIndex, SyncError> {
        let mut index = SpillingIndex::new(IndexNumber::Living);
        if replica == CRM {
            for id in self.mirror.unagreed(CRM)? {
                self.add_unagreed(&mut index, id)?;
            }
            return Ok(index);
        }
        let mut after = 0;
        loop {
            let contacts = self.mirror.contacts_after(after, INDEXED_AT_ONCE)?;
            let Some(last) = contacts.last() else { return Ok(index) };
            after = last.id;
            self.transact(|run| {
                let mut all = contacts.iter();
                all.try_for_each(|stored| add(&mut index, run.mirror, stored).map_err(SyncError::from))
            })?;
        }
    }

    /// Adds a contact that the CRM does not hold yet, unless it stays apart.
    fn add_unagreed(&mut self, index: &mut SpillingIndex, id: ContactId) -> Result<(), SyncError> {
        let stored = self.stored(id)?;
        if Review::new(self).is_apart(&stored)? {
            return Ok(());
        }
        // The mirror may be younger than the records that name an id there.
        let named = self.mirror.crm_ids_in_books(id)?;
        let intake = Intake::new(self);
        // A UID that was once made from another id is not that one's any more: the contact was made there anew.
        let is_current = named.is_empty() || named.iter().any(|crm_id| intake.crm_uid(crm_id) == stored.uid);
        let uid = if is_current { stored.uid.as_str() } else { "" };
        index.add(self.mirror, id, uid, None, &stored.contact)?;
        for crm_id in named {
            index.add_crm_id(self.mirror, id, &crm_id)?;
        }
        Ok(())
    }

    /// Contacts that were deleted here and live on in the CRM.
    pub fn index_of_locally_deleted(&self) -> Result<SpillingIndex, SyncError> {
        let mut index = SpillingIndex::new(IndexNumber::LocallyDeleted);
        for id in self.mirror.locally_deleted_in(CRM)? {
            add(&mut index, self.mirror, &self.stored(id)?)?;
        }
        Ok(index)
    }
}

fn add(index: &mut SpillingIndex, mirror: &Mirror, stored: &Stored) -> Result<(), MirrorError> {
    index.add(mirror, stored.id, &stored.uid, stored.crm_id.as_deref(), &stored.contact)
}
