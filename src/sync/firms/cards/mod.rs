//! Firms as company cards of the books that show them: what a scan shows of these cards, and, in `push`, what is written.
//!
//! They are no contacts: no agreement, no guard and no history knows them. A card has a UID that follows from its firm, and
//! says whose it is, so that one that the mirror has forgotten is known again and no second one is made. What somebody changes
//! or removes there is put back.

mod push;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{DETAILED, LISTED_AT};
use crate::{
    contact::{Contact, FirmDetails},
    mirror::{CardState, FirmAsWritten, FirmCard, Mirror},
    reconcile::{
        firm_cards::{self, Met},
        firms,
    },
    replica::{Absence, Coverage, Lookup, RemoteContact, RemoteId},
    sync::{
        SyncError,
        participant::Participant,
        run::{Run, Step},
        scan::{
            intake::{Observed, uid_of},
            known::KnownRecords,
            waiting::Waiting,
        },
    },
};

/// Cards judged at a time.
const AT_ONCE: usize = 500;
/// Cards asked for by name in one run, where a book does not say for sure that they are gone.
const ASKED_MAX: u32 = 25;

/// What a scan has shown of the cards of firms.
pub struct ShownFirmCards {
    known: KnownRecords,
    changed: Waiting,
    gone: Vec<RemoteId>,
}

impl ShownFirmCards {
    /// Nothing yet, over what is known of a book.
    pub fn new(mirror: &mut Mirror, book: &str) -> Result<Self, SyncError> {
        let mut known = KnownRecords::with_capacity(mirror.count_firm_cards(book)?);
        mirror.for_each_firm_card(book, &mut |remote, _| known.add(remote))?;
        Ok(Self { known: known.sorted(), changed: Waiting::new(Waiting::FIRM_CARDS, mirror)?, gone: Vec::new() })
    }

    /// True for a known card of a firm.
    pub fn contains(&self, remote: &str) -> bool {
        self.known.contains(remote)
    }

    /// How many are known.
    pub fn count(&self) -> u64 {
        self.known.count()
    }

    /// Notes that a card was shown, as it was or unreadable.
    pub fn show(&mut self, remote: &str) {
        self.known.show(remote);
    }

    /// Takes a card that may say something else than it did.
    pub fn take(&mut self, mirror: &mut Mirror, record: RemoteContact) -> Result<(), SyncError> {
        self.known.show(&record.remote);
        self.changed.push(mirror, record)
    }

    /// Takes the name of a card that is not there any more.
    pub fn take_gone(&mut self, remote: RemoteId) {
        self.gone.push(remote);
    }
}

impl Run<'_> {
    /// The firm whose card this is by its own word: it names the firm, and has the UID that follows from it.
    pub fn firm_of_card(&self, record: &RemoteContact) -> Option<String> {
        let firm = firm_cards::firm_of(&record.contact)?;
        let is_ours = record.uid.as_deref() == Some(self.uid_of_firm(firm).as_str());
        is_ours.then(|| firm.to_owned())
    }

    /// The UID of a firm's card.
    fn uid_of_firm(&self, firm: &str) -> String {
        uid_of_firm(&self.policy.account, firm)
    }

    /// A book that shows firms from now on is read whole: what company cards it has is not known yet.
    pub fn follow_firm_cards(&mut self, participant: &Participant) -> Result<(), SyncError> {
        let fact = format!("firms.shown.{}", participant.name);
        match (participant.shows_firms, self.mirror.fact(&fact)?) {
            (true, None) => {
                self.mirror.forget_cursor(&participant.name)?;
                if self.mirror.fact(DETAILED)?.is_none() {
                    self.mirror.forget_fact(LISTED_AT)?;
                }
                Ok(self.mirror.set_fact(&fact, "1")?)
            }
            (false, Some(_)) => Ok(self.mirror.forget_fact(&fact)?),
            (true, Some(_)) | (false, None) => Ok(()),
        }
    }

    /// Notes a company card that somebody made, for the firm of its name to be shown by that one.
    pub fn note_own_company_card(&mut self, book: &str, record: &RemoteContact) -> Result<(), SyncError> {
        let Contact { last_name, first_name, company, .. } = &record.contact;
        let is_person = [last_name, first_name].into_iter().any(|name| !name.trim().is_empty());
        let key = firms::key(company);
        if !is_person && !key.is_empty() {
            self.mirror.note_own_company_card(book, &record.remote, &key)?;
        }
        Ok(())
    }

    /// Takes in what a scan has shown of the cards of firms.
    pub async fn take_firm_cards(
        &mut self,
        participant: &mut Participant,
        cards: ShownFirmCards,
        coverage: Coverage,
    ) -> Result<(), SyncError> {
        let ShownFirmCards { known, changed, gone } = cards;
        self.transact(|run| run.note_missing(&participant.name, (&known, gone), coverage))?;
        let mut place = 0;
        loop {
            let chunk = changed.chunk(self.mirror, place, AT_ONCE)?;
            if chunk.is_empty() {
                break;
            }
            place += chunk.len() as u64;
            self.transact(|run| chunk.into_iter().try_for_each(|card| run.meet_firm_card(participant, card)))?;
        }
        self.ask_for_firm_cards(participant).await
    }

    fn note_missing(
        &mut self,
        book: &str,
        (known, gone): (&KnownRecords, Vec<RemoteId>),
        coverage: Coverage,
    ) -> Result<(), SyncError> {
        let mut missing = BTreeSet::new();
        match coverage {
            Coverage::Partial => {}
            Coverage::Delta => missing.extend(gone),
            Coverage::Complete => self.mirror.for_each_firm_card(book, &mut |remote, _| {
                missing.insert(remote.to_owned());
            })?,
        }
        missing.retain(|remote| known.contains(remote) && !known.was_shown(remote));
        for remote in missing {
            self.mirror.set_firm_card_missing(book, &remote, true)?;
        }
        for card in self.mirror.missing_firm_cards(book, u32::MAX)? {
            if known.was_shown(&card.remote) {
                self.mirror.set_firm_card_missing(book, &card.remote, false)?;
            }
        }
        Ok(())
    }

    /// Finds out whether the cards that were not shown are there.
    async fn ask_for_firm_cards(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let book = participant.name.clone();
        let is_certain = participant.conduct().absence == Absence::Certain;
        let limit = if is_certain { u32::MAX } else { ASKED_MAX };
        for card in self.mirror.missing_firm_cards(&book, limit)? {
            self.check_stop()?;
            let answer = if is_certain { Lookup::Gone } else { participant.look_up(&card.remote).await? };
            match answer {
                Lookup::Found(record) => {
                    self.transact(|run| run.meet_firm_card(participant, Observed::from(*record)))?;
                }
                Lookup::Gone => {
                    self.mirror.forget_company_card(&book, &card.remote)?;
                    let is_wanted = self.mirror.firm_as_written(&card.firm)?.is_some();
                    participant.firm_cards_altered += u64::from(is_wanted);
                }
                Lookup::Unclear(_) => {}
            }
        }
        Ok(())
    }

    /// One card that may say something else than it did.
    fn meet_firm_card(&mut self, participant: &mut Participant, observed: Observed) -> Result<(), SyncError> {
        let record = observed.record;
        let Some((card, is_known)) = self.card_of_record(participant, &record)? else { return Ok(()) };
        let reading = participant.side().interpret(&record, &card.theirs);
        let said = reading.told.as_ref().unwrap_or(&reading.there);
        let firm = self.mirror.firm_as_written(&card.firm)?;
        let was_sent = card.state == CardState::Sent;
        let (written, is_altered) = match &firm {
            // It leaves.
            None => (card.written.clone(), false),
            Some(firm) => match firm_cards::met(is_known.then_some(&card.theirs), said, &card_of(firm)) {
                Met::AsWanted => (firm.text(), false),
                Met::AsKnown if !was_sent => (card.written.clone(), false),
                Met::AsKnown => (String::new(), false),
                Met::Altered => (String::new(), is_known && !was_sent),
            },
        };
        participant.firm_cards_altered += u64::from(is_altered);
        let (theirs, revision) = (reading.there, record.revision);
        let met = FirmCard { revision, written, theirs, state: CardState::Known, ..card };
        Ok(self.mirror.put_firm_card(&participant.name, &met)?)
    }

    /// What is known of the card of a firm, and whether that is what it said; none for one that is left alone.
    fn card_of_record(
        &mut self,
        participant: &Participant,
        record: &RemoteContact,
    ) -> Result<Option<(FirmCard, bool)>, SyncError> {
        let book = &participant.name;
        if let Some(card) = self.mirror.firm_card(book, &record.remote)? {
            return Ok(Some((card, true)));
        }
        let Some(firm) = self.firm_of_card(record).filter(|_| participant.shows_firms) else { return Ok(None) };
        let remote = record.remote.clone();
        match self.mirror.card_of_firm(book, &firm)? {
            // It was renamed.
            Some(before) if before.state == CardState::Missing => {
                self.mirror.forget_company_card(book, &before.remote)?;
                Ok(Some((FirmCard { remote, ..before }, true)))
            }
            // A copy.
            Some(_) => Ok(None),
            None => {
                let (revision, written, theirs) = Default::default();
                let card = FirmCard { firm, remote, revision, written, theirs, state: CardState::Known };
                Ok(Some((card, false)))
            }
        }
    }
}

/// The UID of the card of an account's firm.
pub fn uid_of_firm(account: &str, firm: &str) -> String {
    uid_of(account, &format!("firm/{firm}"))
}

/// What the card of a firm is to say.
pub fn card_of(firm: &FirmAsWritten) -> Contact {
    firm_cards::card(&firm.id, &firm.name, &FirmDetails::parse(&firm.details))
}
