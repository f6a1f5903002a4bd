//! One .vcf file with many cards, as phones and webmail export it and some programs keep it.
//!
//! A card is known by its UID; one without keeps a name made from what it says (see `naming`) until carnet may write
//! its UID into it. Bytes between cards, and cards that did not change, stay as they are; all writes of a push are one
//! new version of the file. Groups are left alone.

use super::revisions;
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    FILES, ObservedProperties,
    cards::{self, Flaw},
    fs::Digest,
    parallel::chunked_map,
    record_ids::{RecordKeys, assign_ids, digest_of},
    single_file::{Replaced, SingleFile, known_with, remotes_of, until_settled},
    vdir::BookSettings,
};
use crate::{
    contact::Contact,
    formats::vcard::{
        self, Card, WriteStyle,
        split::{self, Piece},
    },
    replica::{
        Action, Baseline, Batch, Capabilities, Conduct, Coverage, Cursor, Diagnostic, LocalFuture, Lookup, Problem,
        Reading, RemoteContact, RemoteId, Replica, ReplicaError, Revision, Scanned, Sink, Write, Written,
    },
};

/// With fewer cards, a second thread costs more than it gives.
const THREAD_MIN: usize = 256;
/// Cards handed on at a time.
const CHUNK: usize = 512;

/// One .vcf file with many cards.
#[derive(Debug)]
pub struct VcardFile {
    settings: BookSettings,
    observed: ObservedProperties,
    file: SingleFile,
    /// The names in use and their revisions, as last scanned or written.
    known: HashMap<RemoteId, Revision>,
}

impl VcardFile {
    /// The book in this file, which need not exist yet.
    pub fn new(settings: BookSettings) -> Self {
        let file = SingleFile::new(settings.name.clone(), settings.path.clone());
        Self { settings, observed: ObservedProperties::default(), file, known: HashMap::new() }
    }

    fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        self.known = revisions(baseline)?;
        let known = self.known.clone();
        let Some((version, problems)) = self.file.read_to_scan(&known)? else { return Ok(Scanned::complete()) };
        let text = split::text(&version.bytes);
        let cards = Cards::read(&text, &self.known, self.settings.style);
        let mut batch = Batch { problems, ..Batch::default() };
        let mut coverage = Coverage::Complete;
        for slot in cards.slots {
            let at = |line: usize| format!("{} line {line}", self.file.name());
            match slot.state {
                State::Same(remote) => batch.same.push(remote),
                State::Card { remote: Some(remote), card } => {
                    self.known.insert(remote.clone(), slot.revision.clone());
                    let record = cards::remote_contact(&card, remote, slot.revision);
                    self.observed.learn(&card, &record.contact);
                    batch.changed.push(record);
                }
                State::Card { remote: None, card } => batch.problems.push(Problem {
                    place: at(slot.line),
                    message: "has the same UID as an earlier card and is left alone".into(),
                    hint: Some("delete one of the two, or give one another UID".into()),
                    remote: card.uid(),
                }),
                State::Group => {}
                State::Broken(flaw, remote) => {
                    // A card that cannot be told from a deleted one.
                    if remote.is_none() {
                        coverage = Coverage::Partial;
                    }
                    let place = at(flaw.line.unwrap_or(slot.line));
                    batch.problems.push(Problem { place, message: flaw.message, hint: flaw.hint, remote });
                }
            }
            if batch.changed.len() >= CHUNK {
                sink(std::mem::take(&mut batch))?;
            }
        }
        sink(batch)?;
        Ok(Scanned { coverage, cursor: Cursor::new() })
    }

    fn look_now(&self, remote: &str) -> Result<Lookup, ReplicaError> {
        let Some(version) = self.file.read_to_look()? else {
            return Ok(Lookup::Unclear("the book's file is missing".into()));
        };
        let text = split::text(&version.bytes);
        let draft = Draft::new(&text, Cards::read(&text, &known_with(&self.known, [remote]), self.settings.style));
        let may_be = |slot: &Slot| matches!(&slot.state, State::Broken(_, name) if name.as_ref().is_none_or(|name| name == remote));
        Ok(match draft.remote_contact(remote) {
            Some(record) => Lookup::Found(Box::new(record)),
            None if draft.slots.iter().any(may_be) => Lookup::Unclear("a card of the file cannot be read".into()),
            None => Lookup::Gone,
        })
    }

    fn apply_now(&mut self, writes: &[Write]) -> Vec<Result<Written, ReplicaError>> {
        let restless = self.file.restless();
        until_settled(writes, &restless, || self.try_apply(writes))
    }

    /// One new version of the file; `None` if another program wrote it meanwhile.
    fn try_apply(&mut self, writes: &[Write]) -> Result<Option<Vec<Result<Written, ReplicaError>>>, ReplicaError> {
        let version = self.file.read_to_write()?;
        let text = split::text(&version.bytes);
        let mut draft =
            Draft::new(&text, Cards::read(&text, &known_with(&self.known, remotes_of(writes)), self.settings.style));
        let answers: Vec<_> = writes.iter().map(|write| draft.write(write)).collect();
        if draft.changed
            && let Replaced::Again = self.file.replace(&version, &draft.to_bytes())?
        {
            return Ok(None);
        }
        self.known = draft.known();
        Ok(Some(answers))
    }
}

impl Replica for VcardFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities { fields: vcard::CARRIED, weak: vcard::WEAK, identity: true }
    }

    fn interpret(&self, source: &[u8], known: &Contact) -> Option<Reading> {
        cards::interpret(source, self.settings.style, &self.observed, known)
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let observed = known(&ObservedProperties::fact(&self.settings.name)).unwrap_or_default();
        self.observed = ObservedProperties::parse(&observed);
    }

    fn learned(&self) -> Vec<(String, String)> {
        vec![(ObservedProperties::fact(&self.settings.name), self.observed.to_text())]
    }

    fn conduct(&self) -> Conduct {
        FILES
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move { self.scan_now(baseline, sink) })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move { self.look_now(remote) })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { self.apply_now(&writes) })
    }
}

/// The cards of a file, in order.
struct Cards {
    slots: Vec<Slot>,
    style: WriteStyle,
}

struct Slot {
    range: Range<usize>,
    line: usize,
    revision: Revision,
    state: State,
}

enum State {
    /// Under a known revision: not parsed.
    Same(RemoteId),
    /// A contact; no name if its UID is an earlier one's.
    Card { remote: Option<RemoteId>, card: Box<Card> },
    /// A group of contacts.
    Group,
    /// It cannot be read; with the known card that it is, if that much could be.
    Broken(Flaw, Option<RemoteId>),
}

impl Cards {
    /// Parses what is not known under its revision.
    fn read(text: &[u8], known: &HashMap<RemoteId, Revision>, style: WriteStyle) -> Self {
        let mut agreed: HashMap<&str, Vec<&RemoteId>> = HashMap::new();
        for (remote, revision) in known {
            agreed.entry(digest_of(revision)).or_default().push(remote);
        }
        let pieces = split::cards(text).into_iter().filter(|piece| piece.kind == split::Kind::Card).collect();
        let digested: Vec<(Piece, Digest)> = chunked_map(pieces, THREAD_MIN, |part: Vec<Piece>| {
            part.into_iter().map(|piece| (piece.clone(), Digest::of(&text[piece.range]))).collect()
        });
        let mut busy = HashSet::new();
        let looked: Vec<(Piece, Digest, Option<&RemoteId>)> = digested
            .into_iter()
            .map(|(piece, digest)| {
                let mut same = || agreed.get_mut(digest.as_str()).and_then(Vec::pop);
                let same = if piece.problem.is_none() { same() } else { None };
                busy.extend(same.cloned());
                (piece, digest, same)
            })
            .collect();
        let slots: Vec<(Slot, Option<RecordKeys>)> = chunked_map(looked, THREAD_MIN, |part| {
            part.into_iter().map(|(piece, digest, same)| slot(text, known, piece, (digest, style), same)).collect()
        });
        let (mut slots, marks): (Vec<Slot>, Vec<Option<RecordKeys>>) = slots.into_iter().unzip();
        let named: Vec<usize> = (0..slots.len()).filter(|index| marks[*index].is_some()).collect();
        let marks: Vec<RecordKeys> = marks.into_iter().flatten().collect();
        for (index, name) in named.into_iter().zip(assign_ids(&marks, known, &busy)) {
            if let State::Card { remote, .. } = &mut slots[index].state {
                *remote = name;
            }
        }
        Self { slots, style }
    }
}

fn slot(
    text: &[u8],
    known: &HashMap<RemoteId, Revision>,
    piece: Piece,
    (digest, style): (Digest, WriteStyle),
    same: Option<&RemoteId>,
) -> (Slot, Option<RecordKeys>) {
    let slot = |revision: Revision, state| Slot { range: piece.range.clone(), line: piece.line, revision, state };
    if let Some((remote, revision)) = same.and_then(|remote| known.get_key_value(remote)) {
        return (slot(revision.clone(), State::Same(remote.clone())), None);
    }
    match cards::parse(text, &piece, style) {
        Ok(card) if card.is_group() => (slot(digest.to_string(), State::Group), None),
        Ok(card) => {
            let marks = RecordKeys::new(card.uid().as_deref(), digest, &vcard::read(&card, None));
            (slot(marks.revision(), State::Card { remote: None, card: Box::new(card) }), Some(marks))
        }
        Err(flaw) => {
            let uid = raw_uid(&text[piece.range.clone()]).filter(|uid| known.contains_key(uid));
            (slot(digest.to_string(), State::Broken(flaw, uid)), None)
        }
    }
}

/// The UID of a card that cannot be parsed, if its line can be made out.
fn raw_uid(card: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(card).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) =
        lines.find(|(head, _)| head.split(';').next().is_some_and(|name| name.eq_ignore_ascii_case("UID")))?;
    let value = value.trim();
    Some(value.strip_prefix("urn:uuid:").unwrap_or(value).to_owned())
}

/// A new version of the file in the making.
struct Draft<'a> {
    text: &'a [u8],
    slots: Vec<Slot>,
    style: WriteStyle,
    /// New bytes of a slot; empty where it is removed.
    edits: HashMap<usize, Vec<u8>>,
    added: Vec<Vec<u8>>,
    /// The slots by name; new cards come after the file's.
    index: HashMap<RemoteId, usize>,
    changed: bool,
}

impl<'a> Draft<'a> {
    fn new(text: &'a [u8], cards: Cards) -> Self {
        let name = |(at, slot): (usize, &Slot)| match &slot.state {
            State::Same(remote) | State::Card { remote: Some(remote), .. } => Some((remote.clone(), at)),
            State::Card { remote: None, .. } | State::Group | State::Broken(..) => None,
        };
        let index = cards.slots.iter().enumerate().filter_map(name).collect();
        let (edits, added) = (HashMap::new(), Vec::new());
        Self { text, slots: cards.slots, style: cards.style, edits, added, index, changed: false }
    }

    fn write(&mut self, write: &Write) -> Result<Written, ReplicaError> {
        match &write.action {
            Action::Create { contact } => {
                if let Some(there) = self.remote_contact(&write.uid) {
                    return Err(ReplicaError::Stale(Some(Box::new(there))));
                }
                let bytes = vcard::new_card(self.style, contact, &cards::identity(write)).to_bytes();
                let (card, marks) = reparse(&bytes, self.style)?;
                let remote = marks.free_name(|name| self.index.contains_key(name));
                let revision = marks.revision();
                let record = cards::remote_contact(&card, remote.clone(), revision.clone());
                self.index.insert(remote.clone(), self.slots.len());
                let state = State::Card { remote: Some(remote), card: Box::new(card) };
                self.slots.push(Slot { range: 0..0, line: 0, revision, state });
                self.added.push(bytes);
                self.changed = true;
                Ok(Some(record))
            }
            Action::Update { remote, revision, theirs: _, contact, changed, detail: _ } => {
                let at = self.find(remote, revision)?;
                // A UID that another card has already would make two of one.
                let free = !self.index.contains_key(&write.uid);
                let Some(mut card) = self.card(at) else { return Err(ReplicaError::Stale(None)) };
                let before = card.to_bytes();
                cards::change(&mut card, contact, *changed);
                let mut identity = cards::identity(write);
                if card.uid().is_none() && !free {
                    identity.uid = None;
                }
                vcard::set_identity(&mut card, &identity);
                let bytes = card.to_bytes();
                if bytes == before {
                    return Ok(self.remote_contact(remote));
                }
                self.place(at, remote, bytes)
            }
            Action::Delete { remote, revision, theirs: _ } => {
                let at = self.find(remote, revision)?;
                self.index.remove(remote);
                self.put(at, Vec::new());
                Ok(None)
            }
        }
    }

    fn place(&mut self, at: usize, remote: &str, bytes: Vec<u8>) -> Result<Written, ReplicaError> {
        let (card, marks) = reparse(&bytes, self.style)?;
        let name = card.uid().filter(|uid| *uid == remote || !self.index.contains_key(uid));
        let name = name.unwrap_or_else(|| remote.to_owned());
        self.index.remove(remote);
        self.index.insert(name.clone(), at);
        self.slots[at].revision = marks.revision();
        let record = cards::remote_contact(&card, name.clone(), self.slots[at].revision.clone());
        self.slots[at].state = State::Card { remote: Some(name), card: Box::new(card) };
        self.put(at, bytes);
        Ok(Some(record))
    }

    fn put(&mut self, at: usize, bytes: Vec<u8>) {
        self.changed = true;
        let in_file = self.slots.len() - self.added.len();
        match at.checked_sub(in_file) {
            Some(added) => self.added[added] = bytes,
            None => {
                self.edits.insert(at, bytes);
            }
        }
    }

    fn find(&self, remote: &str, revision: &Revision) -> Result<usize, ReplicaError> {
        let at = *self.index.get(remote).ok_or(ReplicaError::Stale(None))?;
        if self.slots[at].revision == *revision {
            return Ok(at);
        }
        Err(ReplicaError::Stale(self.remote_contact(remote).map(Box::new)))
    }

    fn remote_contact(&self, remote: &str) -> Option<RemoteContact> {
        let at = *self.index.get(remote)?;
        Some(cards::remote_contact(&self.card(at)?, remote.to_owned(), self.slots[at].revision.clone()))
    }

    /// A slot's card; one that did not change since the scan is parsed only now.
    fn card(&self, at: usize) -> Option<Card> {
        let slot = &self.slots[at];
        match &slot.state {
            State::Card { card, .. } => Some(card.as_ref().clone()),
            State::Same(_) => Card::parse(&self.text[slot.range.clone()]).ok().map(|card| card.in_style(self.style)),
            State::Group | State::Broken(..) => None,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + self.added.iter().map(Vec::len).sum::<usize>() + 2);
        let mut from = 0;
        for (at, slot) in self.slots[..self.slots.len() - self.added.len()].iter().enumerate() {
            if let Some(edit) = self.edits.get(&at) {
                bytes.extend_from_slice(&self.text[from..slot.range.start]);
                bytes.extend_from_slice(edit);
                from = slot.range.end;
            }
        }
        bytes.extend_from_slice(&self.text[from..]);
        for added in self.added.iter().filter(|added| !added.is_empty()) {
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(added);
        }
        bytes
    }

    fn known(&self) -> HashMap<RemoteId, Revision> {
        self.index.iter().map(|(remote, at)| (remote.clone(), self.slots[*at].revision.clone())).collect()
    }
}

/// Nothing is written that could not be read back.
fn reparse(bytes: &[u8], style: WriteStyle) -> Result<(Card, RecordKeys), ReplicaError> {
    let refused = |error| ReplicaError::Rejected(Diagnostic::new(format!("write a card: {error}")));
    let card = Card::parse(bytes).map_err(refused)?.in_style(style);
    let marks = RecordKeys::new(card.uid().as_deref(), Digest::of(bytes), &vcard::read(&card, None));
    Ok((card, marks))
}

#[cfg(test)]
mod tests;
