//! Writes the cards of firms: made for firms that have none, changed where they say something else, removed where the firm or
//! the setting is gone. A card is noted as sent before it is changed; one that is made has a UID that tells it.

use super::card_of;
use crate::{
    contact::Contact,
    mirror::{Activity, CardState, FirmAsWritten, FirmCard},
    reconcile::firm_cards::KEPT,
    replica::{Action, Diagnostic, RemoteContact, ReplicaError, Write, Written},
    sync::{
        SyncError,
        attention::of_distrust,
        events::{FirmCardCounts, Note, SyncEvent},
        firms::FirmPolicy,
        host::FailPoint,
        participant::{Participant, Trust},
        run::{Run, Step, bump},
    },
};

/// Cards planned at a time.
const PLANNED_AT_ONCE: u32 = 500;
/// How often a book is tried again within a run because a card changed under us.
const ROUNDS: usize = 2;

/// A write to the card of a firm.
struct Planned {
    /// The firm; none for a card that is removed.
    firm: Option<FirmAsWritten>,
    /// The card as it is known; none for a new one.
    card: Option<FirmCard>,
    write: Write,
}

/// What a push did.
#[derive(Default)]
struct Tally {
    counts: FirmCardCounts,
    failed: u64,
    /// Why the first of them failed.
    why: Option<Diagnostic>,
    /// A card changed under us.
    again: bool,
    /// All of some writes failed: the others wait for the next run.
    stopped: bool,
}

impl Run<'_> {
    /// Has a book show the firms, or none where its settings do not ask for them.
    pub async fn push_firm_cards(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let shows = participant.shows_firms && self.policy.firms != FirmPolicy::Off;
        let may_write = participant.gives() && participant.trust == Trust::Full && !participant.shares_ids();
        if !may_write || (!shows && self.mirror.count_firm_cards(&participant.name)? == 0) {
            return Ok(());
        }
        let mut tally = Tally::default();
        for _ in 0..ROUNDS {
            tally.again = false;
            self.remove_firm_cards(participant, shows, &mut tally).await?;
            if shows {
                self.show_firms(participant, &mut tally).await?;
            }
            if !tally.again || tally.stopped {
                break;
            }
        }
        self.tell_firm_cards(participant, tally);
        Ok(())
    }

    fn tell_firm_cards(&mut self, participant: &Participant, tally: Tally) {
        let book = participant.name.clone();
        let Tally { mut counts, failed, why, .. } = tally;
        if counts.total() > 0 {
            bump(&mut self.summary.firm_cards, &book, counts.total());
            counts.put_back = participant.firm_cards_altered.min(counts.made + counts.changed);
            counts.ahead = self.policy.dry_run;
            self.emit(SyncEvent::Attention { replica: book.clone(), note: Note::FirmCards(counts) });
        }
        if let Some(why) = why {
            self.replica_failed(&book, Activity::Write, why, failed);
        }
    }

    async fn remove_firm_cards(
        &mut self,
        participant: &mut Participant,
        shows: bool,
        tally: &mut Tally,
    ) -> Result<(), SyncError> {
        let mut behind = String::new();
        loop {
            let page = (behind.as_str(), PLANNED_AT_ONCE);
            let cards = self.mirror.firm_cards_to_remove(&participant.name, shows, page)?;
            let Some(last) = cards.last() else { return Ok(()) };
            behind.clone_from(&last.remote);
            let planned = cards.into_iter().map(|card| {
                let (remote, revision, theirs) = (card.remote.clone(), card.revision.clone(), card.theirs.clone());
                let action = Action::Delete { remote, revision, theirs };
                let write = Write { uid: self.uid_of_firm(&card.firm), crm_id: None, action };
                Planned { firm: None, card: Some(card), write }
            });
            let planned = planned.collect();
            self.write_firm_cards(participant, planned, tally).await?;
            if tally.stopped {
                return Ok(());
            }
        }
    }

    async fn show_firms(&mut self, participant: &mut Participant, tally: &mut Tally) -> Result<(), SyncError> {
        let mut behind = String::new();
        loop {
            let firms = self.mirror.firms_to_show(&participant.name, &behind, PLANNED_AT_ONCE)?;
            let Some(last) = firms.last() else { return Ok(()) };
            behind.clone_from(&last.id);
            let planned = self.transact(|run| run.plan_firm_cards(participant, firms))?;
            self.write_firm_cards(participant, planned, tally).await?;
            if tally.stopped {
                return Ok(());
            }
        }
    }

    fn plan_firm_cards(
        &mut self,
        participant: &Participant,
        firms: Vec<FirmAsWritten>,
    ) -> Result<Vec<Planned>, SyncError> {
        let mut planned = Vec::with_capacity(firms.len());
        for firm in firms {
            let (uid, wanted) = (self.uid_of_firm(&firm.id), card_of(&firm));
            let card = self.mirror.card_of_firm(&participant.name, &firm.id)?;
            let action = match &card {
                // It may be there, and cannot be read: a second one would be made beside it.
                None if participant.unreadable.iter().any(|remote| remote.contains(&uid)) => continue,
                None => Action::Create { contact: wanted },
                Some(card) => {
                    let changed = card.theirs.differing(&wanted).and(KEPT).and(participant.policy().fields);
                    if changed.is_empty() {
                        let agreed = FirmCard { written: firm.text(), state: CardState::Known, ..card.clone() };
                        self.mirror.put_firm_card(&participant.name, &agreed)?;
                        continue;
                    }
                    let mut contact = card.theirs.clone();
                    contact.copy_fields(&wanted, changed);
                    update(card, contact, changed)
                }
            };
            planned.push(Planned { firm: Some(firm), card, write: Write { uid, crm_id: None, action } });
        }
        Ok(planned)
    }

    async fn write_firm_cards(
        &mut self,
        participant: &mut Participant,
        planned: Vec<Planned>,
        tally: &mut Tally,
    ) -> Result<(), SyncError> {
        if self.policy.dry_run {
            planned.iter().for_each(|one| tally.count(one));
            return Ok(());
        }
        let at_once = participant.conduct().writes_at_once;
        let mut rest = planned.into_iter();
        while rest.len() > 0 && !participant.is_halted() {
            self.check_stop()?;
            let batch: Vec<Planned> = rest.by_ref().take(at_once).collect();
            self.transact(|run| run.note_sent(&participant.name, &batch))?;
            self.reached(FailPoint::AboutToWrite)?;
            let writes = batch.iter().map(|one| one.write.clone()).collect();
            let answers = participant.replica.apply(writes).await;
            self.reached(FailPoint::Answered)?;
            let (count, failed_before) = (batch.len() as u64, tally.failed);
            self.transact(|run| {
                batch
                    .into_iter()
                    .zip(answers)
                    .try_for_each(|(one, answer)| run.settle_firm_card(participant, one, answer, tally))
            })?;
            self.reached(FailPoint::Settled)?;
            if tally.failed - failed_before == count {
                tally.stopped = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Until the answer is there, what a changed card says is nobody's edit.
    fn note_sent(&mut self, book: &str, batch: &[Planned]) -> Result<(), SyncError> {
        for one in batch {
            if let (Some(card), Action::Update { .. }) = (&one.card, &one.write.action) {
                self.mirror.put_firm_card(book, &FirmCard { state: CardState::Sent, ..card.clone() })?;
            }
        }
        Ok(())
    }

    fn settle_firm_card(
        &mut self,
        participant: &mut Participant,
        one: Planned,
        answer: Result<Written, ReplicaError>,
        tally: &mut Tally,
    ) -> Result<(), SyncError> {
        let book = participant.name.clone();
        let diagnostic = match answer {
            Ok(written) => {
                tally.count(&one);
                return self.firm_card_stands(&book, one, written);
            }
            Err(ReplicaError::Partial(partial)) => {
                self.firm_card_stands(&book, one, Some(partial.record))?;
                partial.reason
            }
            Err(ReplicaError::Stale(there)) => return self.firm_card_changed(&book, one, there.map(|it| *it), tally),
            Err(ReplicaError::OutcomeUnknown(diagnostic)) => diagnostic,
            Err(error) => {
                // Nothing has happened.
                if let Some(card) = &one.card {
                    self.mirror.put_firm_card(&book, card)?;
                }
                match error {
                    ReplicaError::Untrusted(distrust) => {
                        self.halt(participant, of_distrust(distrust));
                        return Ok(());
                    }
                    ReplicaError::Unavailable(diagnostic)
                    | ReplicaError::Deferred(diagnostic)
                    | ReplicaError::Rejected(diagnostic)
                    | ReplicaError::Login(diagnostic) => diagnostic,
                    other => Diagnostic::new(format!("write the card of a firm: {other}")),
                }
            }
        };
        tally.failed += 1;
        tally.why.get_or_insert(diagnostic);
        Ok(())
    }

    /// A write is done: the card stands as it was read back.
    fn firm_card_stands(&mut self, book: &str, one: Planned, written: Written) -> Result<(), SyncError> {
        if let Some(card) = &one.card {
            self.mirror.forget_company_card(book, &card.remote)?;
        }
        let (Some(firm), Some(record)) = (one.firm, written) else { return Ok(()) };
        let RemoteContact { remote, revision, contact: theirs, .. } = record;
        let written = firm.text();
        let card = FirmCard { firm: firm.id, remote, revision, written, theirs, state: CardState::Known };
        Ok(self.mirror.put_firm_card(book, &card)?)
    }

    /// A card is another one than it was: what stands there is written over once more.
    fn firm_card_changed(
        &mut self,
        book: &str,
        one: Planned,
        there: Option<RemoteContact>,
        tally: &mut Tally,
    ) -> Result<(), SyncError> {
        let Planned { firm, card, write } = one;
        let uid = Some(write.uid);
        let firm = card.as_ref().map(|card| card.firm.clone()).or(firm.map(|firm| firm.id));
        if let Some(card) = &card {
            self.mirror.forget_company_card(book, &card.remote)?;
        }
        match (there, firm) {
            (Some(there), Some(firm)) if card.is_some() || there.uid == uid => {
                let RemoteContact { remote, revision, contact: theirs, .. } = there;
                let (written, state) = (String::new(), CardState::Known);
                self.mirror.put_firm_card(book, &FirmCard { firm, remote, revision, written, theirs, state })?;
                tally.again = true;
            }
            // Gone meanwhile, or somebody's card has the name: the next scan says which.
            _ => {}
        }
        Ok(())
    }
}

impl Tally {
    fn count(&mut self, one: &Planned) {
        match one.write.action {
            Action::Create { .. } => self.counts.made += 1,
            Action::Update { .. } => self.counts.changed += 1,
            Action::Delete { .. } => self.counts.removed += 1,
        }
    }
}

fn update(card: &FirmCard, contact: Contact, changed: crate::contact::FieldSet) -> Action {
    Action::Update {
        remote: card.remote.clone(),
        revision: card.revision.clone(),
        theirs: card.theirs.clone(),
        contact,
        changed,
        detail: None,
    }
}
