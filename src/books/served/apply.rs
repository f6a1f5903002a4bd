//! Writing to a device's book: everything is made ready first, then written in one short transaction, so that a device that
//! writes meanwhile hardly waits.

use super::{Card, Kind, Member, Record, Served, StoreError, Writing, Wrote, of_device, sight};
use crate::{
    books::{
        card_names::{digest_name, file_name},
        cards::{self, CardFile, Flaw},
    },
    contact::Contact,
    formats::vcard,
    replica::{Action, Diagnostic, RemoteContact, ReplicaError, Write, Written},
};

/// A write made ready.
enum Job {
    /// Nothing is left to do.
    Answered(Box<Result<Written, ReplicaError>>),
    /// A new card.
    New { uid: String, bytes: Vec<u8>, record: Box<RemoteContact> },
    /// A new version of a card.
    Over { uid: String, bytes: Vec<u8>, expected: String, record: Box<RemoteContact> },
    /// A card to remove.
    Remove { name: String, expected: String },
}

/// What came of a job inside the transaction.
enum Done {
    Answered(Box<Result<Written, ReplicaError>>),
    /// Something else stands there under this name. What was expected.
    Stale {
        name: String,
        expected: Option<String>,
    },
}

impl Served {
    pub(super) fn apply_now(&mut self, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
        let count = writes.len();
        let jobs: Vec<Job> = writes.into_iter().map(|write| self.prepare(write)).collect();
        let done = match self.carry_out(jobs) {
            Ok(done) => done,
            Err(error) => return vec![Err(error); count],
        };
        done.into_iter()
            .map(|done| match done {
                Done::Answered(answer) => *answer,
                Done::Stale { name, expected } => Err(self.stale(&name, expected.as_deref())),
            })
            .collect()
    }

    /// All of them in one transaction. An error means that none was written.
    fn carry_out(&mut self, jobs: Vec<Job>) -> Result<Vec<Done>, ReplicaError> {
        let written = (|| {
            let mut writing = self.store.begin(self.device)?;
            let done = jobs.into_iter().map(|job| job.carry_out(&mut writing)).collect::<Result<_, StoreError>>()?;
            writing.commit()?;
            Ok(done)
        })();
        written.map_err(|error| self.failed("write to", &error))
    }

    fn prepare(&self, write: Write) -> Job {
        let prepared = match &write.action {
            Action::Create { contact } => self.prepare_new(&write, contact),
            Action::Update { remote, revision, theirs, contact, changed, detail: _ } => self
                .prepare_over(remote, revision, |card| cards::change(card, theirs, contact, *changed))
                .map(|job| job.meant(contact, self.style)),
            Action::Delete { remote, revision, theirs: _ } => {
                Ok(Job::Remove { name: remote.clone(), expected: revision.clone() })
            }
        };
        prepared.unwrap_or_else(|error| Job::answered(Err(error)))
    }

    fn prepare_new(&self, write: &Write, contact: &Contact) -> Result<Job, ReplicaError> {
        let bytes = vcard::new_card(self.style, contact, &cards::identity(write)).to_bytes();
        let name = file_name(&write.uid);
        let record = self.written(&name, &bytes)?;
        Ok(Job::New { uid: write.uid.clone(), bytes, record })
    }

    fn prepare_over(
        &self,
        name: &str,
        revision: &str,
        change: impl FnOnce(&mut vcard::Card),
    ) -> Result<Job, ReplicaError> {
        let record = self.store.record(self.device, name).map_err(|error| self.failed("read", &error))?;
        let Some(Record { card, base }) = record else { return Err(ReplicaError::Stale(None)) };
        if card.member.etag != revision {
            let there = sight(&card, self.style).ok().and_then(Kind::contact);
            return Err(ReplicaError::Stale(there.map(|there| of_device(there, base, Some(revision)))));
        }
        let mut single = CardFile::parse(&card.body, self.style).map_err(|flaw| flaw.refusal(name))?;
        change(&mut single.card);
        let bytes = single.to_bytes();
        if bytes == card.body {
            let there = sight(&card, self.style).map_err(|flaw| flaw.refusal(name))?.contact();
            return Ok(Job::answered(Ok(Some(*there.ok_or_else(|| group(name))?))));
        }
        let record = self.written(name, &bytes)?;
        let uid = record.uid.clone().unwrap_or(card.member.uid);
        Ok(Job::Over { uid, bytes, expected: revision.to_owned(), record })
    }

    /// What the bytes to be written say: nothing is written that could not be read back.
    fn written(&self, name: &str, bytes: &[u8]) -> Result<Box<RemoteContact>, ReplicaError> {
        let member =
            Member { name: name.to_owned(), uid: String::new(), etag: String::new(), size: bytes.len() as u64 };
        let card = Card { member, body: bytes.to_vec() };
        let record = sight(&card, self.style).map_err(|flaw| flaw.refusal(name))?.contact();
        record.ok_or_else(|| group(name))
    }

    /// What stands there in the place of what was expected.
    fn stale(&self, name: &str, expected: Option<&str>) -> ReplicaError {
        let record = match self.store.record(self.device, name) {
            Ok(record) => record,
            Err(error) => return self.failed("read", &error),
        };
        let there = record.and_then(|Record { card, base }| {
            let there = sight(&card, self.style).ok()?.contact()?;
            Some(of_device(there, base, expected))
        });
        ReplicaError::Stale(there)
    }
}

fn group(name: &str) -> ReplicaError {
    Flaw::whole("is a group and is left alone").refusal(name)
}

impl Job {
    fn answered(answer: Result<Written, ReplicaError>) -> Self {
        Self::Answered(Box::new(answer))
    }

    /// The same, read knowing what was to be written.
    fn meant(mut self, contact: &Contact, style: vcard::WriteStyle) -> Self {
        let record = match &mut self {
            Self::Over { record, .. } => Some(&mut **record),
            Self::Answered(answer) => (**answer).as_mut().ok().and_then(Option::as_mut),
            Self::New { .. } | Self::Remove { .. } => None,
        };
        if let Some(record) = record {
            cards::settle(record, contact, style);
        }
        self
    }

    fn carry_out(self, writing: &mut Writing<'_>) -> Result<Done, StoreError> {
        match self {
            Self::Answered(answer) => Ok(Done::Answered(answer)),
            Self::New { uid, bytes, mut record } => {
                let first = writing.write(&record.remote, &uid, &bytes, None)?;
                let is_taken = first == Wrote::Stale && writing.uid_of(&record.remote)?.as_deref() != Some(&uid);
                // Another contact's card has the name: ours gets the one made from its UID.
                let wrote = if is_taken {
                    record.remote = digest_name(&uid);
                    writing.write(&record.remote, &uid, &bytes, None)?
                } else {
                    first
                };
                Ok(done(wrote, record, None))
            }
            Self::Over { uid, bytes, expected, record } => {
                let wrote = writing.write(&record.remote, &uid, &bytes, Some(&expected))?;
                Ok(done(wrote, record, Some(expected)))
            }
            Self::Remove { name, expected } => Ok(if writing.remove(&name, &expected)? {
                Done::Answered(Box::new(Ok(None)))
            } else {
                Done::Stale { name, expected: Some(expected) }
            }),
        }
    }
}

fn done(wrote: Wrote, mut record: Box<RemoteContact>, expected: Option<String>) -> Done {
    match wrote {
        Wrote::Done { etag } => {
            record.revision = etag;
            Done::Answered(Box::new(Ok(Some(*record))))
        }
        Wrote::Stale => Done::Stale { name: record.remote, expected },
        Wrote::UidHeldBy(name) if expected.is_none() => Done::Stale { name, expected },
        Wrote::UidHeldBy(name) => {
            let message = format!("write {}: its UID is that of {name}", record.remote);
            Done::Answered(Box::new(Err(ReplicaError::Rejected(Diagnostic::new(message)))))
        }
    }
}
