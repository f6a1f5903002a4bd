//! Looking through a file of cards: which are as they are known, what the others are recognised by. Cards are read some at
//! a time; what is kept is a few dozen bytes of each that is not as it is known, nothing of the others.

use std::io::{self, Read};

use super::{draft::keys, known::Matching};
use crate::{
    books::{
        cards::{self, Flaw},
        fs::Digest,
        parallel::chunked_map,
        record_ids::{Hashed, KnownHashes, NameHash, assign, state_hash},
    },
    formats::vcard::{
        WriteStyle,
        split::Kind,
        stream::{self, Found},
    },
    replica::Stopped,
};

/// With fewer cards, a second thread costs more than it gives.
const THREAD_MIN: usize = 256;
/// Cards read at a time.
const READ_AT_ONCE: usize = 1024;
/// Or fewer, where they have so many bytes: photos.
const BYTES_AT_ONCE: usize = 4 << 20;

/// A card of the file, by its place among them.
#[derive(Debug)]
pub struct Piece {
    pub place: u32,
    pub found: Found,
}

/// Why a look ended early.
#[derive(Debug)]
pub enum Unfinished {
    /// The file cannot be read.
    Io(io::Error),
    /// The run ended it.
    Stopped(Stopped),
    /// The file as a whole is not to be believed.
    Flawed(Flaw),
}

impl From<io::Error> for Unfinished {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Stopped> for Unfinished {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Hands over the cards of a file, some at a time and in order. Stops where `take` answers false.
pub fn each_some(
    source: impl Read,
    take: &mut dyn FnMut(Vec<Piece>) -> Result<bool, Unfinished>,
) -> Result<(), Unfinished> {
    let (mut some, mut bytes, mut place) = (Vec::new(), 0, 0);
    for found in stream::Cards::new(source) {
        let found = found?;
        if found.kind != Kind::Card {
            refuse_unmerged(&found)?;
            continue;
        }
        bytes += found.bytes.len();
        some.push(Piece { place, found });
        place += 1;
        if some.len() >= READ_AT_ONCE || bytes >= BYTES_AT_ONCE {
            bytes = 0;
            if !take(std::mem::take(&mut some))? {
                return Ok(());
            }
        }
    }
    take(some)?;
    Ok(())
}

/// Works on each card of some, on more than one thread where that pays.
pub fn on_each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    chunked_map(items, THREAD_MIN, |part| part.into_iter().map(&work).collect())
}

/// A card that was met.
pub enum Met<'a> {
    /// As it is known.
    Same { name: NameHash, piece: &'a Piece },
    /// It cannot be read.
    Broken { flaw: Flaw, piece: &'a Piece },
}

/// The cards that are not as they are known: new ones, and changed ones.
#[derive(Debug, Default)]
pub struct FreshCards {
    /// Their places among all cards of the file.
    pub places: Vec<u32>,
    /// What they are, in hashes; once they have names, under these.
    pub cards: Vec<Hashed>,
}

/// What became of a card that is not as it is known.
enum Outcome {
    Contact(Hashed),
    Group,
    Broken(Flaw),
}

impl FreshCards {
    /// Looks through all cards.
    pub fn look(
        source: impl Read,
        matching: &mut Matching<'_>,
        style: WriteStyle,
        met: &mut dyn FnMut(Met<'_>) -> Result<(), Unfinished>,
    ) -> Result<Self, Unfinished> {
        let mut fresh = Self::default();
        each_some(source, &mut |pieces| {
            let digested = on_each(pieces, |piece| {
                let digest = Digest::of(&piece.found.bytes);
                (piece, digest)
            });
            let mut changed = Vec::new();
            for (piece, digest) in digested {
                let same =
                    if piece.found.problem.is_none() { matching.take(state_hash(digest.as_str())) } else { None };
                match same {
                    Some(name) => met(Met::Same { name, piece: &piece })?,
                    None => changed.push((piece, digest)),
                }
            }
            for (piece, outcome) in on_each(changed, |(piece, digest)| {
                let outcome = read(&piece, digest, style);
                (piece, outcome)
            }) {
                refuse_unmerged(&piece.found)?;
                match outcome {
                    Outcome::Contact(card) => {
                        fresh.places.push(piece.place);
                        fresh.cards.push(card);
                    }
                    Outcome::Group => {}
                    Outcome::Broken(flaw) => met(Met::Broken { flaw, piece: &piece })?,
                }
            }
            Ok(true)
        })?;
        Ok(fresh)
    }

    /// Gives the cards their names. `busy` are the names of those that are as they are known, sorted.
    pub fn take_names(&mut self, known: &KnownHashes, busy: &[NameHash]) {
        let assigned = assign(&self.cards, known, |known| busy.binary_search(&known.name).is_ok());
        for (index, (card, name)) in self.cards.iter_mut().zip(&assigned.names).enumerate() {
            let number = assigned.numbers.get(&index).copied();
            *card = card.under(*name, number.or_else(|| known.get(*name).map(Hashed::number)));
        }
    }

    /// The card at this place among all of the file, if it is one of these.
    pub fn at(&self, place: u32) -> Option<&Hashed> {
        self.places.binary_search(&place).ok().map(|index| &self.cards[index])
    }
}

/// Refuses a piece with the marks of an unfinished merge, and the file with it: each side of the merge may stand in it as a
/// card of its own.
fn refuse_unmerged(found: &Found) -> Result<(), Unfinished> {
    let marker = cards::conflict_marker(&found.bytes);
    marker.map_or(Ok(()), |line| Err(Unfinished::Flawed(cards::unmerged(found.line + line - 1))))
}

fn read(Piece { found, .. }: &Piece, digest: Digest, style: WriteStyle) -> Outcome {
    match cards::parse(&found.bytes, found.line, found.problem, style) {
        Ok(card) if card.is_group() => Outcome::Group,
        Ok(card) => Outcome::Contact(keys(&card, digest).hashed()),
        Err(flaw) => Outcome::Broken(flaw),
    }
}

/// The UID of a card that is not parsed, if its line can be made out.
pub fn raw_uid(card: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(card).ok()?;
    text.lines().find_map(uid_in)
}

/// The UID that this line states.
pub fn uid_in(line: &str) -> Option<String> {
    let (head, value) = line.split_once(':')?;
    if !head.split(';').next().is_some_and(|name| name.eq_ignore_ascii_case("UID")) {
        return None;
    }
    let value = value.trim();
    Some(value.strip_prefix("urn:uuid:").unwrap_or(value).to_owned())
}
