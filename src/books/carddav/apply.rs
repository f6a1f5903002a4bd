//! Writing to an address book on a server: every card is looked at before and read back after.
//!
//! The server's preconditions are asked for and not relied on: one of five servers ignores If-None-Match on a new card and
//! If-Match on a deletion. What a write answers is what is proved to be its own doing; what somebody else has done in the same
//! instant is left to the next scan, as an edit.

use std::collections::{BTreeMap, HashSet};

use super::{
    Carddav,
    collection::Collection,
    fetched::Fetched,
    read_back::judge,
    reading::{Outcome, read_all},
    sending::{Job, Put, Said, carry_out},
    state::{State, etag_key, revision},
};
use crate::{
    books::{
        card_names::{digest_name, file_name},
        cards::{self, CardFile, Flaw},
    },
    contact::Contact,
    formats::vcard,
    replica::{Action, Diagnostic, RemoteContact, ReplicaError, Revision, Write, Written},
};

/// How often a write is sent again that broke off, and that shows to have done nothing.
const BROKEN_MAX: usize = 3;

type Cards = BTreeMap<String, Outcome>;

impl Carddav {
    pub(super) async fn apply_now(&mut self, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let count = writes.len();
        let all = |error: ReplicaError| (0..count).map(|_| Err(error.clone())).collect();
        if let Some(down) = &self.down {
            return all(ReplicaError::Deferred(down.clone()));
        }
        let collection = match self.collection().await {
            Ok(collection) => collection,
            Err(error) => return all(error),
        };
        let before = match self.look_before(&collection, &writes).await {
            Ok(before) => before,
            Err(error) => return all(self.note_down(error)),
        };
        let mut names = HashSet::new();
        let jobs: Vec<Job> = writes.into_iter().map(|write| self.prepare(write, &before, &mut names)).collect();
        let (said, after) = self.send_all(&collection, &jobs).await;
        let may_be_new = |(job, said): (&Job, &Option<Said>)| {
            matches!(job, Job::Put(put) if put.base.is_none()) && said.as_ref().is_none_or(Said::leaves_something)
        };
        if jobs.iter().zip(&said).any(may_be_new) {
            self.made_since.extend(self.counted_from.iter().cloned());
        }
        let settled = jobs.into_iter().zip(said).map(|(job, said)| self.settle(job, said, after.as_ref()));
        settled.collect::<Vec<_>>().into_iter().map(|answer| answer.map_err(|error| self.note_down(error))).collect()
    }

    /// Sends what is to be sent, and reads back what stands there. What was cut off, or failed inside of the server, and shows
    /// to have done nothing is sent again, under the same preconditions: some servers end a connection whenever they like,
    /// and one answers 500 where two writes meet.
    async fn send_all(
        &mut self,
        collection: &Collection,
        jobs: &[Job],
    ) -> (Vec<Option<Said>>, Result<Cards, ReplicaError>) {
        let mut said: Vec<Option<Said>> = jobs.iter().map(|_| None).collect();
        let places: Vec<usize> = (0..jobs.len()).filter(|place| jobs[*place].name().is_some()).collect();
        for (place, answer) in carry_out(collection, jobs, &places, &mut self.writes_at_once).await {
            said[place] = Some(answer);
        }
        let mut after = self.read_back(collection, jobs, &said).await;
        for _ in 0..BROKEN_MAX {
            let Ok(cards) = &after else { break };
            let did_nothing =
                |place: &usize| matches!(said[*place], Some(Said::Broken(_))) && is_as_it_was(&jobs[*place], cards);
            let again: Vec<usize> = (0..jobs.len()).filter(did_nothing).collect();
            if again.is_empty() {
                break;
            }
            for (place, answer) in carry_out(collection, jobs, &again, &mut 1).await {
                said[place] = Some(answer);
            }
            after = self.read_back(collection, jobs, &said).await;
        }
        (said, after)
    }

    /// A server that cannot be reached is not tried again for each of the writes that follow.
    fn note_down(&mut self, error: ReplicaError) -> ReplicaError {
        match error {
            ReplicaError::Unavailable(diagnostic) => {
                self.down = Some(diagnostic.clone());
                ReplicaError::Deferred(diagnostic)
            }
            other => other,
        }
    }

    /// What is there under the names of these writes.
    async fn look_before(&self, collection: &Collection, writes: &[Write]) -> Result<Cards, ReplicaError> {
        let mut known: Vec<String> = Vec::new();
        let mut new: Vec<String> = Vec::new();
        for write in writes {
            match &write.action {
                Action::Create { .. } => new.push(file_name(&write.uid)),
                Action::Update { remote, .. } => known.push(remote.clone()),
                // Looked at in the instant before.
                Action::Delete { .. } => {}
            }
        }
        known.sort_unstable();
        known.dedup();
        let mut cards = read_by_name(collection, &known).await?;
        for chunk in new.chunks(super::reading::CARDS_AT_ONCE) {
            // Whether a server leaves them out or denies them, they are not there. One that cannot say has its own precondition.
            let there = match collection.multiget(chunk).await {
                Ok(there) => there,
                Err(ReplicaError::Unavailable(_)) => collection.is_well().await.map(|()| BTreeMap::new())?,
                Err(error) => return Err(error),
            };
            cards.extend(there.into_iter().map(|(name, card)| (name, Outcome::Card(card))));
        }
        Ok(cards)
    }

    fn prepare(&mut self, write: Write, before: &Cards, names: &mut HashSet<String>) -> Job {
        let prepared = match &write.action {
            Action::Create { contact } => self.prepare_new(&write, contact, before),
            Action::Update { remote, revision, theirs, contact, changed, detail: _ } => {
                let change = |card: &mut vcard::Card| cards::change(card, theirs, contact, *changed);
                self.prepare_over(remote, revision, before, change, contact)
            }
            Action::Delete { remote, revision, theirs: _ } => {
                Ok(Job::Delete { name: remote.clone(), revision: revision.clone() })
            }
        };
        match prepared {
            // Written twice at once: the second has not seen what the first leaves.
            Ok(job) if job.name().is_some_and(|name| !names.insert(name.to_owned())) => {
                Job::answered(Err(ReplicaError::Stale(None)))
            }
            Ok(job) => job,
            Err(error) => Job::answered(Err(error)),
        }
    }

    fn prepare_new(&self, write: &Write, contact: &Contact, before: &Cards) -> Result<Job, ReplicaError> {
        let mut name = file_name(&write.uid);
        if let Some(Outcome::Card(there)) = before.get(&name) {
            let record = there.contact(&name, self.settings.style);
            if record.as_ref().is_none_or(|record| record.uid.as_deref() == Some(&write.uid)) {
                return Err(ReplicaError::Stale(record));
            }
            // Another contact's card has the name: ours gets the one made from its UID.
            name = digest_name(&write.uid);
        }
        let bytes = vcard::new_card(self.settings.style, contact, &cards::identity(write)).to_bytes();
        Ok(Job::Put(Box::new(Put { name, base: None, bytes, contact: contact.clone() })))
    }

    fn prepare_over(
        &mut self,
        name: &str,
        agreed: &Revision,
        before: &Cards,
        change: impl FnOnce(&mut vcard::Card),
        contact: &Contact,
    ) -> Result<Job, ReplicaError> {
        let base = match before.get(name) {
            Some(Outcome::Card(card)) => card,
            Some(Outcome::Unread(diagnostic)) => return Err(ReplicaError::Deferred(diagnostic.clone())),
            Some(Outcome::Missing) | None => {
                // No scan has said so: what the server counts is not to be relied on.
                self.relist = true;
                return Err(ReplicaError::Stale(None));
            }
        };
        if State::parse(agreed).digest() != Some(base.digest()) {
            return Err(ReplicaError::Stale(base.contact(name, self.settings.style)));
        }
        let mut single = CardFile::parse(&base.bytes, self.settings.style).map_err(|flaw| flaw.refusal(name))?;
        let was = single.card.to_bytes();
        change(&mut single.card);
        if single.card.to_bytes() == was {
            let record = base.contact(name, self.settings.style);
            let mut record = record.ok_or_else(|| Flaw::whole("is a group and is left alone").refusal(name))?;
            cards::settle(&mut record, contact, self.settings.style);
            return Ok(Job::answered(Ok(Some(*record))));
        }
        let bytes = single.to_bytes();
        Ok(Job::Put(Box::new(Put { name: name.to_owned(), base: Some(base.clone()), bytes, contact: contact.clone() })))
    }

    /// What stands there after the writes; an error where nobody could say.
    async fn read_back(
        &self,
        collection: &Collection,
        jobs: &[Job],
        said: &[Option<Said>],
    ) -> Result<Cards, ReplicaError> {
        let asked = jobs.iter().zip(said).filter(|(_, said)| said.as_ref().is_some_and(Said::leaves_something));
        let mut names: Vec<String> = asked.filter_map(|(job, _)| job.name().map(str::to_owned)).collect();
        names.sort_unstable();
        read_by_name(collection, &names).await
    }

    fn settle(
        &mut self,
        job: Job,
        said: Option<Said>,
        after: Result<&Cards, &ReplicaError>,
    ) -> Result<Written, ReplicaError> {
        let lost = || ReplicaError::OutcomeUnknown(Diagnostic::new("learn what became of a write: it was interrupted"));
        match job {
            Job::Answered(answer) => *answer,
            Job::Put(put) => self.settle_put(&put, said.unwrap_or_else(|| Said::Error(lost())), after),
            Job::Delete { name, .. } => {
                let left = after.ok().and_then(|cards| cards.get(&name));
                match said.unwrap_or_else(|| Said::Error(lost())) {
                    Said::Done(_) | Said::Broken(_) | Said::Error(ReplicaError::OutcomeUnknown(_))
                        if matches!(left, Some(Outcome::Missing)) =>
                    {
                        Ok(None)
                    }
                    // An answer may come from whatever stands in between: only what shows has happened.
                    Said::Done(_) => Err(not_shown(&format!("delete {name}"))),
                    Said::Failed412 => Err(ReplicaError::Stale(self.contact_of(&name, left))),
                    Said::UidTaken => Err(ReplicaError::Stale(None)),
                    Said::Error(ReplicaError::Stale(None)) => {
                        self.relist = true;
                        Err(ReplicaError::Stale(None))
                    }
                    Said::Broken(error) | Said::Locked(error) | Said::Error(error) => Err(error),
                }
            }
        }
    }

    fn settle_put(
        &mut self,
        put: &Put,
        said: Said,
        after: Result<&Cards, &ReplicaError>,
    ) -> Result<Written, ReplicaError> {
        let there = after.ok().and_then(|cards| cards.get(&put.name));
        match said {
            // An answer may come from whatever stands in between: only what shows has happened.
            Said::Done(etag) => match there {
                Some(Outcome::Card(card)) if put.may_have_left(card, etag.as_deref()) => {
                    Ok(Some(self.written(put, etag.as_deref(), card)?))
                }
                _ => Err(not_shown(&format!("write {}", put.name))),
            },
            // Looked for, never repeated blindly: what stands there now says whether it happened.
            Said::Broken(ReplicaError::OutcomeUnknown(diagnostic))
            | Said::Error(ReplicaError::OutcomeUnknown(diagnostic)) => match there {
                Some(Outcome::Card(card)) if self.is_as_sent(put, card) => Ok(Some(self.written(put, None, card)?)),
                _ => Err(ReplicaError::OutcomeUnknown(diagnostic)),
            },
            Said::Failed412 => {
                if put.is_as_it_was(there) {
                    // Not a conflict, whatever it says: a card that is too large for it, or that it cannot read.
                    let message = format!("write {}: the server refused the card (412 Precondition Failed)", put.name);
                    let hint = "it may be too large for the server, a photo above all, or hold what it cannot read";
                    return Err(ReplicaError::Rejected(Diagnostic::new(message).hint(hint)));
                }
                Err(ReplicaError::Stale(self.contact_of(&put.name, there)))
            }
            Said::UidTaken => {
                // Another card has its UID, and the next whole listing shows which.
                self.relist = true;
                let message = format!("write {}: the server has another card with its UID", put.name);
                Err(ReplicaError::Deferred(Diagnostic::new(message).hint("the next run lists all cards and finds it")))
            }
            Said::Broken(error) | Said::Locked(error) | Said::Error(error) => Err(error),
        }
    }

    fn contact_of(&self, name: &str, outcome: Option<&Outcome>) -> Option<Box<RemoteContact>> {
        match outcome {
            Some(Outcome::Card(card)) => card.contact(name, self.settings.style),
            _ => None,
        }
    }

    fn is_as_sent(&self, put: &Put, card: &Fetched) -> bool {
        let sent = Fetched::new(None, &put.bytes).contact(&put.name, self.settings.style);
        let read = card.contact(&put.name, self.settings.style);
        !put.is_base(card)
            && sent
                .zip(read)
                .is_some_and(|(sent, read)| !judge(&sent.contact, &read.contact, false, &self.alters).is_foreign)
    }

    /// The record that a write left.
    fn written(&mut self, put: &Put, etag: Option<&str>, card: &Fetched) -> Result<RemoteContact, ReplicaError> {
        let style = self.settings.style;
        let sent = Fetched::new(None, &put.bytes);
        let sent_record =
            sent.contact(&put.name, style).ok_or_else(|| Flaw::whole("cannot be read").refusal(&put.name))?;
        let Some(mut record) = card.contact(&put.name, style) else {
            return Err(not_shown(&format!("write {}", put.name)));
        };
        let is_proved = is_etag_of(etag, card);
        let judged = judge(&sent_record.contact, &record.contact, is_proved, &self.alters);
        self.alters.extend(judged.altered);
        if judged.is_foreign {
            record.contact = judged.left;
            record.revision = revision(None, &card.digest(), record.uid.as_deref());
            return Ok(*record);
        }
        cards::settle(&mut record, &put.contact, style);
        Ok(*record)
    }
}

/// Cards, by name.
async fn read_by_name(collection: &Collection, names: &[String]) -> Result<Cards, ReplicaError> {
    let mut cards = Cards::new();
    read_all(collection, true, names, &mut |read| {
        cards.extend(read);
        Ok(())
    })
    .await?;
    Ok(cards)
}

/// True where what is there is what a write started from.
fn is_as_it_was(job: &Job, cards: &Cards) -> bool {
    match job {
        Job::Answered(_) => false,
        Job::Put(put) => put.is_as_it_was(cards.get(&put.name)),
        Job::Delete { name, revision } => {
            matches!(cards.get(name), Some(Outcome::Card(card)) if State::parse(revision).digest() == Some(card.digest()))
        }
    }
}

impl Put {
    /// False where the card is just what it was before: whoever acknowledged the write has not carried it out.
    fn may_have_left(&self, card: &Fetched, etag: Option<&str>) -> bool {
        let Some(base) = &self.base else { return true };
        let moved = card.etag.as_deref().map(etag_key) != base.etag.as_deref().map(etag_key);
        !self.is_base(card) || moved || is_etag_of(etag, card)
    }

    fn is_as_it_was(&self, there: Option<&Outcome>) -> bool {
        match there {
            Some(Outcome::Card(card)) => self.is_base(card),
            Some(Outcome::Missing) => self.base.is_none(),
            Some(Outcome::Unread(_)) | None => false,
        }
    }

    /// True for the card that is to be changed.
    fn is_base(&self, card: &Fetched) -> bool {
        self.base.as_ref().is_some_and(|base| card.digest() == base.digest())
    }
}

/// True where the ETag in the answer to a write is still the card's.
fn is_etag_of(etag: Option<&str>, card: &Fetched) -> bool {
    etag.zip(card.etag.as_deref()).is_some_and(|(told, read)| etag_key(told) == etag_key(read))
}

/// A write that was acknowledged, and does not show.
fn not_shown(what: &str) -> ReplicaError {
    let message = format!("{what}: the server acknowledged it and does not show it");
    ReplicaError::OutcomeUnknown(Diagnostic::new(message).hint("the next run looks again"))
}
