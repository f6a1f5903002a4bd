//! Reads many cards, a chunk at a time, the next ones being asked for meanwhile.

use std::collections::VecDeque;

use tokio::task::JoinSet;

use super::{collection::Collection, fetched::Fetched};
use crate::replica::{Diagnostic, ReplicaError, Stopped};

/// Cards asked for in the first request.
pub const CARDS_AT_ONCE: usize = 100;
/// Cards asked for in a later one, by the length of those that came: servers go through the whole folder for each request.
const CARDS_AT_ONCE_MIN: usize = 20;
const CARDS_AT_ONCE_MAX: usize = 500;
/// What an answer is to be about as long as: two of them with photos are in memory at once.
const ANSWER_LEN: usize = 4 << 20;
/// Chunks asked for while one is worked on: memory stays bounded, and the server is never waited for twice.
const AHEAD: usize = 2;

/// What came of one card.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is this.
    Card(Fetched),
    /// The server says that it is not there.
    Missing,
    /// The server has it and does not give it.
    Unread(Diagnostic),
}

/// The cards of a chunk, each by its name, in the order asked.
pub type Read = Vec<(String, Outcome)>;

/// Reads cards by name and hands them over in their order.
pub async fn read_all(
    collection: &Collection,
    multigets: bool,
    names: &[String],
    take: &mut dyn FnMut(Read) -> Result<(), Stopped>,
) -> Result<(), ReplicaError> {
    // Each in a set of its own: a run that ends takes its requests with it.
    let mut ahead: VecDeque<JoinSet<Result<Read, ReplicaError>>> = VecDeque::new();
    let (mut left, mut at_once) = (names, CARDS_AT_ONCE);
    loop {
        while ahead.len() < AHEAD && !left.is_empty() {
            let (chunk, rest) = left.split_at(at_once.min(left.len()));
            left = rest;
            let (collection, chunk, mut task) = (collection.clone(), chunk.to_vec(), JoinSet::new());
            task.spawn(async move { read_chunk(&collection, multigets, chunk).await });
            ahead.push_back(task);
        }
        let Some(mut next) = ahead.pop_front() else { return Ok(()) };
        let Some(Ok(read)) = next.join_next().await else {
            return Err(ReplicaError::Unavailable(Diagnostic::new("read cards: interrupted")));
        };
        let read = read?;
        at_once = next_at_once(at_once, &read);
        take(read)?;
    }
}

/// How many cards to ask for once these came. Never many more than before: the next ones may have photos.
fn next_at_once(before: usize, read: &Read) -> usize {
    let lengths = read.iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Card(card) => Some(card.bytes.len()),
        Outcome::Missing | Outcome::Unread(_) => None,
    });
    let (count, len) = lengths.fold((0, 0), |(count, sum), len| (count + 1, sum + len));
    let fitting = (ANSWER_LEN * count).checked_div(len).unwrap_or(before);
    fitting.min(before * 2).clamp(CARDS_AT_ONCE_MIN, CARDS_AT_ONCE_MAX)
}

/// Reads one card.
pub async fn read_one(collection: &Collection, name: &str) -> Result<Outcome, ReplicaError> {
    let read = read_chunk(collection, true, vec![name.to_owned()]).await?;
    Ok(read.into_iter().next().map_or(Outcome::Missing, |(_, outcome)| outcome))
}

/// Reads some cards: together where the server does that, and each one that it left out alone.
pub async fn read_chunk(collection: &Collection, multigets: bool, names: Vec<String>) -> Result<Read, ReplicaError> {
    let mut together = if multigets {
        match collection.multiget(&names).await {
            Ok(cards) => cards,
            // One card may spoil the answer for all: alone, the others can be had.
            Err(ReplicaError::Unavailable(_)) if names.len() > 1 => Default::default(),
            Err(error) => return Err(error),
        }
    } else {
        Default::default()
    };
    let mut read = Read::with_capacity(names.len());
    let (mut refused, mut answered) = (None, !together.is_empty());
    for name in names {
        let outcome = match together.remove(&name) {
            Some(card) => Outcome::Card(card),
            None => match collection.get(&name).await {
                Ok(Some(card)) => Outcome::Card(card),
                Ok(None) => Outcome::Missing,
                Err(ReplicaError::Unavailable(diagnostic)) if answered || refused.is_none() => {
                    refused = Some(diagnostic.clone());
                    Outcome::Unread(diagnostic)
                }
                Err(error) => return Err(error),
            },
        };
        answered |= !matches!(outcome, Outcome::Unread(_));
        read.push((name, outcome));
    }
    match refused {
        // Nothing could be had at all: it is the server that is in trouble, not a card.
        Some(diagnostic) if !answered => Err(ReplicaError::Unavailable(diagnostic)),
        _ => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_cards_are_asked_for_as_make_an_answer_of_some_megabytes() {
        let read = |lengths: &[usize]| -> Read {
            let card = |len: &usize| Outcome::Card(Fetched { etag: None, bytes: vec![b'x'; *len] });
            lengths.iter().map(|len| (String::new(), card(len))).collect()
        };
        for (before, lengths, expected) in [
            (100, &[600, 800][..], 200),
            (400, &[600], 500),
            (500, &[100_000, 100_000, 600], 62),
            (500, &[8 << 20], 20),
            (20, &[600], 40),
            (100, &[], 100),
            (500, &[0], 500),
        ] {
            assert_eq!(next_at_once(before, &read(lengths)), expected, "{before} {lengths:?}");
        }
        assert_eq!(next_at_once(200, &vec![(String::new(), Outcome::Missing)]), 200);
    }
}
