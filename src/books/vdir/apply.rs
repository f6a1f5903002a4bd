//! Writing to a vdir: everything is staged first, flushed together, then committed file by file, and read back.
//!
//! A write finds its file as it was agreed on or does nothing. What is answered is what the bytes written say, under a
//! stamp that proves them, so that the next scan finds nothing to do.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use super::{
    FILE_MAX, Trust, Vdir,
    names::is_card_name,
    read::{self, Reading},
    state::{State, revision},
};
use crate::{
    books::{
        card_names::{digest_name, file_name},
        cards::{self, CardFile, Flaw},
        fs::{Digest, Fingerprint, Folder, Outcome, Staged, Unread, refused, unsettled},
        parallel::chunked_map,
    },
    contact::Contact,
    formats::vcard::{self, WriteStyle},
    replica::{Action, Diagnostic, Distrust, RemoteContact, ReplicaError, Revision, Write, Written},
};

/// With fewer writes, a second thread costs more than it gives.
const THREAD_MIN: usize = 256;

/// A write made ready.
#[derive(Debug)]
enum Job {
    /// Nothing is left to do.
    Answered(Box<Result<Written, ReplicaError>>),
    /// A new file, staged.
    New { staged: Staged, write: Box<Write>, record: Box<RemoteContact> },
    /// A new version of a file, staged.
    Over { staged: Staged, expected: Digest, record: Box<RemoteContact> },
    /// A file to remove.
    Remove { name: String, expected: Digest },
    /// In place; its stamp is still to be proved.
    Placed { record: Box<RemoteContact>, staged: WriteProof },
}

/// What tells that a file in place is still what we wrote.
#[derive(Debug)]
struct WriteProof {
    digest: Digest,
    fingerprint: Fingerprint,
}

impl Vdir {
    pub(super) fn apply_now(&mut self, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let folder = match self.open_to_write() {
            Ok(folder) => folder,
            Err(error) => return writes.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut jobs = self.prepare_all(&folder, writes);
        let staged: Vec<&Staged> = jobs.iter().filter_map(Job::staged).collect();
        if let Err(error) = folder.flush(&staged) {
            let error = self.refused("flush", &error);
            return jobs.into_iter().map(|job| job.give_up(&folder, &error)).collect();
        }
        let began = SystemTime::now();
        self.commit_all(&folder, &mut jobs);
        if jobs.iter().any(Job::changed_names)
            && let Err(error) = folder.flush_names()
        {
            let unsettled = unsettled(&format!("flush {}", self.settings.path.display()), &error);
            return jobs
                .into_iter()
                .map(|job| if job.changed_names() { Err(unsettled.clone()) } else { job.answer() })
                .collect();
        }
        prove_all(&folder, &mut jobs, began);
        jobs.into_iter().map(Job::answer).collect()
    }

    fn open_to_write(&mut self) -> Result<Folder, ReplicaError> {
        let folder = match self.open().map_err(|error| self.refused("open", &error))? {
            Some(folder) => folder,
            None if self.trust == Trust::FirstUse => {
                Folder::make(&self.settings.path).map_err(|error| self.refused("make", &error))?
            }
            None => return Err(self.distrusted(|book, path, marker| Distrust::NoFolder { book, path, marker })),
        };
        if !self.is_marked(&folder)? {
            if self.trust != Trust::FirstUse {
                return Err(self.distrusted(|book, path, marker| Distrust::NoMarker { book, path, marker }));
            }
            self.mark(&folder)?;
        }
        self.trust = Trust::Marked;
        if !folder.lock() {
            let diagnostic =
                Diagnostic::new(format!("write to book \"{}\": another carnet is writing to it", self.settings.name));
            return Err(ReplicaError::Unavailable(diagnostic.hint("wait until the other run has ended")));
        }
        Ok(folder)
    }

    fn prepare_all(&self, folder: &Folder, writes: Vec<Write>) -> Vec<Job> {
        chunked_map(writes, THREAD_MIN, |part| part.into_iter().map(|write| self.prepare(folder, write)).collect())
    }

    fn prepare(&self, folder: &Folder, write: Write) -> Job {
        let prepared = match &write.action {
            Action::Create { .. } => self.prepare_new(folder, write, file_name),
            Action::Update { remote, revision, theirs, contact, changed, detail: _ } => self
                .prepare_over(folder, remote, revision, |card| cards::change(card, theirs, contact, *changed))
                .map(|job| job.meant(contact, self.settings.style)),
            Action::Delete { remote, revision, theirs: _ } => match checked(remote, revision) {
                Ok(expected) => Ok(Job::Remove { name: remote.clone(), expected }),
                Err(error) => Err(error),
            },
        };
        prepared.unwrap_or_else(Job::failed)
    }

    fn prepare_new(&self, folder: &Folder, write: Write, name: fn(&str) -> String) -> Result<Job, ReplicaError> {
        let Action::Create { contact } = &write.action else {
            return Err(ReplicaError::Rejected(Diagnostic::new("write a file that is not new")));
        };
        let name = name(&write.uid);
        let bytes = vcard::new_card(self.settings.style, contact, &cards::identity(&write)).to_bytes();
        let record = written(&name, &bytes, self.settings.style)?;
        let staged = folder.stage(&name, &bytes, None).map_err(|error| refused(&format!("write {name}"), &error))?;
        Ok(Job::New { staged, write: Box::new(write), record })
    }

    fn prepare_over(
        &self,
        folder: &Folder,
        name: &str,
        known: &Revision,
        change: impl FnOnce(&mut vcard::Card),
    ) -> Result<Job, ReplicaError> {
        let expected = checked(name, known)?;
        let content = match folder.read(name, FILE_MAX) {
            Ok(content) => content,
            Err(Unread::Missing) => return Err(ReplicaError::Stale(None)),
            Err(unread) => return Err(read::unread_flaw(&unread).refusal(name)),
        };
        let present = content.settled.then_some(&content.fingerprint);
        if Digest::of(&content.bytes) != expected {
            let there = read::sight(name, &content.bytes, present, self.settings.style);
            return Err(ReplicaError::Stale(there.ok().and_then(Reading::card)));
        }
        let mut single = CardFile::parse(&content.bytes, self.settings.style).map_err(|flaw| flaw.refusal(name))?;
        let before = single.card.to_bytes();
        change(&mut single.card);
        if single.card.to_bytes() == before {
            return Ok(Job::answered(Ok(Some(*sighted(name, &content.bytes, present, self.settings.style)?))));
        }
        let bytes = single.to_bytes();
        let record = written(name, &bytes, self.settings.style)?;
        let diagnostic = |error| refused(&format!("write {name}"), &error);
        let like = folder.fetch(name).map_err(diagnostic)?;
        let staged = folder.stage(name, &bytes, like.as_ref()).map_err(diagnostic)?;
        Ok(Job::Over { staged, expected, record })
    }

    fn commit_all(&self, folder: &Folder, jobs: &mut [Job]) {
        // The disk may have gone since the scan; a deletion is the one thing that cannot be taken back.
        let deletes = jobs.iter().any(|job| matches!(job, Job::Remove { .. }));
        let unmarked = if deletes && !matches!(self.is_marked(folder), Ok(true)) {
            Some(self.distrusted(|book, path, marker| Distrust::MarkerWentAway { book, path, marker }))
        } else {
            None
        };
        for job in jobs {
            let taken = std::mem::replace(job, Job::answered(Ok(None)));
            *job = match taken {
                Job::New { staged, write, record } => self.commit_new(folder, staged, *write, record),
                Job::Over { staged, expected, record } => {
                    let (name, proof) = (record.remote.clone(), WriteProof::of(&staged));
                    let outcome = folder.commit_over(staged, &expected);
                    answer(folder, "write", &name, outcome, self.settings.style)
                        .map_or_else(Job::failed, |()| Job::Placed { record, staged: proof })
                }
                Job::Remove { name, expected } => Job::answered(match &unmarked {
                    Some(error) => Err(error.clone()),
                    None => answer(folder, "remove", &name, folder.remove(&name, &expected), self.settings.style)
                        .map(|()| None),
                }),
                other @ (Job::Answered(_) | Job::Placed { .. }) => other,
            };
        }
    }

    fn commit_new(&self, folder: &Folder, staged: Staged, write: Write, record: Box<RemoteContact>) -> Job {
        let (name, proof) = (record.remote.clone(), WriteProof::of(&staged));
        let failure = match answer(folder, "write", &name, folder.commit_new(staged), self.settings.style) {
            Ok(()) => return Job::Placed { record, staged: proof },
            Err(failure) => failure,
        };
        // Another contact's card has taken the name: ours gets the one made from its UID.
        let taken = matches!(&failure, ReplicaError::Stale(Some(there)) if there.uid.as_deref() != Some(&write.uid));
        if !taken || name == digest_name(&write.uid) {
            return Job::failed(failure);
        }
        match self.prepare_new(folder, write, digest_name) {
            Ok(Job::New { staged, write, record }) => match folder.flush(&[&staged]) {
                Ok(()) => self.commit_new(folder, staged, *write, record),
                Err(error) => {
                    folder.discard(staged);
                    Job::failed(self.refused("flush", &error))
                }
            },
            Ok(other) => other,
            Err(error) => Job::failed(error),
        }
    }
}

impl Job {
    fn answered(answer: Result<Written, ReplicaError>) -> Self {
        Job::Answered(Box::new(answer))
    }

    fn failed(error: ReplicaError) -> Self {
        Job::answered(Err(error))
    }

    /// The same, read knowing what was to be written.
    fn meant(mut self, contact: &Contact, style: WriteStyle) -> Self {
        let record = match &mut self {
            Job::Over { record, .. } => Some(&mut **record),
            Job::Answered(answer) => (**answer).as_mut().ok().and_then(|written| written.as_mut()),
            Job::New { .. } | Job::Remove { .. } | Job::Placed { .. } => None,
        };
        if let Some(record) = record {
            cards::settle(record, contact, style);
        }
        self
    }

    fn staged(&self) -> Option<&Staged> {
        match self {
            Job::New { staged, .. } | Job::Over { staged, .. } => Some(staged),
            Job::Answered(_) | Job::Remove { .. } | Job::Placed { .. } => None,
        }
    }

    /// After the commit: true if a name in the folder changed and needs flushing.
    fn changed_names(&self) -> bool {
        match self {
            Job::Placed { .. } => true,
            Job::Answered(answer) => matches!(**answer, Ok(None)),
            Job::New { .. } | Job::Over { .. } | Job::Remove { .. } => false,
        }
    }

    fn give_up(self, folder: &Folder, error: &ReplicaError) -> Result<Written, ReplicaError> {
        match self {
            Job::New { staged, .. } | Job::Over { staged, .. } => {
                folder.discard(staged);
                Err(error.clone())
            }
            Job::Remove { .. } => Err(error.clone()),
            Job::Answered(_) | Job::Placed { .. } => self.answer(),
        }
    }

    fn answer(self) -> Result<Written, ReplicaError> {
        match self {
            Job::Answered(answer) => *answer,
            Job::Placed { record, .. } | Job::New { record, .. } | Job::Over { record, .. } => Ok(Some(*record)),
            Job::Remove { .. } => Ok(None),
        }
    }
}

impl WriteProof {
    fn of(staged: &Staged) -> Self {
        Self { digest: staged.digest().clone(), fingerprint: *staged.fingerprint() }
    }
}

/// Puts stamps into the answers where they prove what we wrote, waiting once until they can.
fn prove_all(folder: &Folder, jobs: &mut [Job], began: SystemTime) {
    let mut placed = jobs.iter().filter_map(|job| match job {
        Job::Placed { record, .. } => Some(record.remote.as_str()),
        Job::Answered(_) | Job::New { .. } | Job::Over { .. } | Job::Remove { .. } => None,
    });
    // Committed in order: the last one's stamp is the last to settle.
    let last = placed.next_back().and_then(|name| folder.fetch(name).ok().flatten());
    thread::sleep(last.map_or(Duration::ZERO, |entry| entry.fingerprint.patience(SystemTime::now())));
    for job in jobs {
        let Job::Placed { record, staged } = job else { continue };
        if let Some(fingerprint) = prove(folder, &record.remote, staged, began) {
            record.revision = revision(Some(&fingerprint), &staged.digest, record.uid.as_deref());
        }
    }
}

fn prove(folder: &Folder, name: &str, wrote: &WriteProof, began: SystemTime) -> Option<Fingerprint> {
    let entry = folder.fetch(name).ok().flatten()?;
    // Nobody but us knew the file while it was staged: a write by another would have given it a later time.
    if entry.fingerprint.same_content(&wrote.fingerprint) && wrote.fingerprint.written_well_before(began) {
        return entry.fingerprint.is_settled(SystemTime::now()).then_some(entry.fingerprint);
    }
    let content = folder.read(name, FILE_MAX).ok()?;
    (content.settled && Digest::of(&content.bytes) == wrote.digest).then_some(content.fingerprint)
}

/// The answer to a commit.
fn answer(folder: &Folder, action: &str, name: &str, outcome: Outcome, style: WriteStyle) -> Result<(), ReplicaError> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Stale => Err(ReplicaError::Stale(read::read(folder, name, style).ok().and_then(Reading::card))),
        Outcome::Refused(error) => Err(refused(&format!("{action} {name}"), &error)),
        Outcome::Unsure(error) => Err(unsettled(&format!("{action} {name}"), &error)),
    }
}

/// The digest that a write expects, if the name can be one of this book's.
fn checked(name: &str, revision: &Revision) -> Result<Digest, ReplicaError> {
    let digest =
        State::parse(revision).digest().filter(|_| is_card_name(name.as_bytes()) && !name.contains(['/', '\0']));
    digest.ok_or_else(|| {
        ReplicaError::Rejected(Diagnostic::new(format!("write {}: it is no file of this book", name.escape_default())))
    })
}

/// What the bytes to be written say: nothing is written that could not be read back.
fn written(name: &str, bytes: &[u8], style: WriteStyle) -> Result<Box<RemoteContact>, ReplicaError> {
    if bytes.len() as u64 > FILE_MAX {
        return Err(read::unread_flaw(&Unread::TooLarge).refusal(name));
    }
    sighted(name, bytes, None, style)
}

fn sighted(
    name: &str,
    bytes: &[u8],
    fingerprint: Option<&Fingerprint>,
    style: WriteStyle,
) -> Result<Box<RemoteContact>, ReplicaError> {
    let reading = read::sight(name, bytes, fingerprint, style).map_err(|flaw| flaw.refusal(name))?;
    reading.card().ok_or_else(|| Flaw::whole("is a group and is left alone").refusal(name))
}
