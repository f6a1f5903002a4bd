//! Sends writes, several at once where the server takes that, each with its preconditions and each once.

use std::{collections::VecDeque, time::Duration};

use reqwest::header;
use tokio::task::JoinSet;

use super::{
    client::NoAnswer,
    collection::Collection,
    error::{self, Asked},
    fetched::Fetched,
    reading::{Outcome, read_one},
    state::{State, strong},
    wire::DavRequest,
};
use crate::{
    contact::Contact,
    replica::{ReplicaError, Revision, Written},
};

/// How often a write is handed in again that found the address book locked, and the wait before the first time.
const LOCKED_MAX: u32 = 8;
const LOCKED_WAIT: Duration = Duration::from_millis(20);

/// A write made ready.
pub enum Job {
    /// Nothing is left to do.
    Answered(Box<Result<Written, ReplicaError>>),
    /// A card to send.
    Put(Box<Put>),
    /// A card to remove.
    Delete {
        /// Its name.
        name: String,
        /// As it was agreed on.
        revision: Revision,
    },
}

/// A card to send.
pub struct Put {
    /// Its name.
    pub name: String,
    /// The card that is there and is changed; none for a new one.
    pub base: Option<Fetched>,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What that is to say.
    pub contact: Contact,
}

/// What the server said to a write.
pub enum Said {
    /// Done; the ETag, if it told one.
    Done(Option<String>),
    /// A precondition failed, or so it says.
    Failed412,
    /// Another write has the address book; nothing was done.
    Locked(ReplicaError),
    /// The connection ended before any answer came, or it failed inside of the server: nothing is at work on it any more.
    Broken(ReplicaError),
    /// Another card has this UID.
    UidTaken,
    /// Something else.
    Error(ReplicaError),
}

impl Job {
    /// Nothing is left to do.
    pub fn answered(answer: Result<Written, ReplicaError>) -> Self {
        Job::Answered(Box::new(answer))
    }

    /// The card that it writes.
    pub fn name(&self) -> Option<&str> {
        match self {
            Job::Answered(_) => None,
            Job::Put(put) => Some(&put.name),
            Job::Delete { name, .. } => Some(name),
        }
    }
}

impl From<NoAnswer> for Said {
    fn from(NoAnswer { error, is_cut }: NoAnswer) -> Self {
        if is_cut { Said::Broken(error) } else { Said::Error(error) }
    }
}

impl Said {
    /// True where only a look tells what stands there.
    pub fn leaves_something(&self) -> bool {
        match self {
            Said::Done(_) | Said::Failed412 | Said::Broken(_) => true,
            Said::Error(error) => matches!(error, ReplicaError::OutcomeUnknown(_)),
            Said::UidTaken | Said::Locked(_) => false,
        }
    }
}

/// Sends these, so many at once; what the server said to each that was not interrupted. A server that lets
/// one write lock the others out gets them one by one from then on.
pub async fn carry_out(
    collection: &Collection,
    jobs: &[Job],
    places: &[usize],
    width: &mut usize,
) -> Vec<(usize, Said)> {
    let mut said = Vec::with_capacity(places.len());
    let mut waiting: VecDeque<(usize, u32)> = places.iter().map(|place| (*place, 0)).collect();
    let mut tasks = JoinSet::new();
    let mut stop: Option<ReplicaError> = None;
    loop {
        while tasks.len() < (*width).max(1)
            && let Some((place, tries)) = waiting.pop_front()
        {
            match &stop {
                Some(error) => said.push((place, Said::Error(error.clone()))),
                None => send(&mut tasks, collection, &jobs[place], (place, tries)),
            }
        }
        let Some(joined) = tasks.join_next().await else { return said };
        let Ok((place, tries, answer)) = joined else { continue };
        let answer = match answer {
            Said::Locked(_) if tries < LOCKED_MAX => {
                *width = 1;
                waiting.push_back((place, tries + 1));
                continue;
            }
            Said::Locked(error) => Said::Error(error),
            Said::Error(error @ (ReplicaError::Login(_) | ReplicaError::Unavailable(_))) => {
                // Nothing else is tried with this login, or on a server that cannot be reached.
                stop = Some(error.clone());
                Said::Error(error)
            }
            other => other,
        };
        said.push((place, answer));
    }
}

fn send(tasks: &mut JoinSet<(usize, u32, Said)>, collection: &Collection, job: &Job, (place, tries): (usize, u32)) {
    let collection = collection.clone();
    let wait = LOCKED_WAIT * tries;
    match job {
        Job::Put(put) => {
            let (request, name) = (put_request(&collection, put), put.name.clone());
            tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                (place, tries, send_put(&collection, &name, request).await)
            });
        }
        Job::Delete { name, revision } => {
            let (name, revision) = (name.clone(), revision.clone());
            tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                (place, tries, send_delete(&collection, &name, &revision).await)
            });
        }
        Job::Answered(_) => {}
    }
}

fn put_request(collection: &Collection, put: &Put) -> DavRequest {
    let request = DavRequest::new("PUT", collection.path_of(&put.name)).card(put.bytes.clone());
    match &put.base {
        None => request.header("if-none-match", "*"),
        Some(base) => match base.etag.as_deref().and_then(strong) {
            Some(etag) => request.header("if-match", etag),
            None => request,
        },
    }
}

async fn send_put(collection: &Collection, name: &str, request: DavRequest) -> Said {
    let what = format!("write {name}");
    let answer = match collection.client.write(&what, request).await {
        Ok(answer) => answer,
        Err(no_answer) => return no_answer.into(),
    };
    match answer.status {
        200..=299 => Said::Done(answer.header(header::ETAG).map(str::to_owned)),
        412 => Said::Failed412,
        423 => Said::Locked(error::of_status(&Asked::writing(&what), &answer)),
        500 => Said::Broken(error::of_status(&Asked::writing(&what), &answer)),
        403 | 409 if error::names_condition(&answer, "no-uid-conflict") => Said::UidTaken,
        // A missing address book is told so in four ways.
        403 | 404 | 409 | 410 => match collection.is_well().await {
            Ok(()) if answer.status == 403 => Said::Error(error::of_status(&Asked::writing(&what), &answer)),
            Ok(()) => Said::Error(refused(error::of_status(&Asked::writing(&what), &answer))),
            Err(error) => Said::Error(error),
        },
        _ => Said::Error(error::of_status(&Asked::writing(&what), &answer)),
    }
}

/// The address book is there, and the server denies it to a card: it is unwell, and may take the card another time.
fn refused(error: ReplicaError) -> ReplicaError {
    match error {
        ReplicaError::Unavailable(diagnostic) | ReplicaError::Rejected(diagnostic) => {
            ReplicaError::Deferred(diagnostic)
        }
        other => other,
    }
}

async fn send_delete(collection: &Collection, name: &str, agreed: &Revision) -> Said {
    let what = format!("delete {name}");
    // In the instant before, since not every server heeds the precondition.
    let there = match read_one(collection, name).await {
        Ok(Outcome::Card(there)) => there,
        Ok(Outcome::Unread(diagnostic)) => return Said::Error(ReplicaError::Deferred(diagnostic)),
        Ok(Outcome::Missing) => match collection.is_well().await {
            Ok(()) => return Said::Error(ReplicaError::Stale(None)),
            Err(error) => return Said::Error(error),
        },
        Err(error) => return Said::Error(error),
    };
    if State::parse(agreed).digest() != Some(there.digest()) {
        return Said::Failed412;
    }
    let mut request = DavRequest::new("DELETE", collection.path_of(name));
    if let Some(etag) = there.etag.as_deref().and_then(strong) {
        request = request.header("if-match", etag);
    }
    match collection.client.write(&what, request).await {
        Ok(answer) => match answer.status {
            200..=299 => Said::Done(None),
            // Gone an instant ago, or a server that denies everything.
            404 | 410 => match collection.is_well().await {
                Ok(()) => Said::Done(None),
                Err(error) => Said::Error(error),
            },
            412 => Said::Failed412,
            423 => Said::Locked(error::of_status(&Asked::writing(&what), &answer)),
            500 => Said::Broken(error::of_status(&Asked::writing(&what), &answer)),
            _ => Said::Error(error::of_status(&Asked::writing(&what), &answer)),
        },
        Err(no_answer) => no_answer.into(),
    }
}
