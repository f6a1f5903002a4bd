//! A new version of the file in the making. It holds the cards that writes are about, and of the others two hashes.

use std::{
    collections::HashMap,
    io::{self, Read, Write as _},
    ops::Range,
};

use super::known::KnownCard;
use crate::{
    books::{
        cards,
        fs::Digest,
        record_ids::{NameHash, RecordKeys, digest_of, name_hash, state_hash},
    },
    formats::vcard::{self, Card, WriteStyle, stream},
    replica::{Action, Diagnostic, RemoteContact, RemoteId, ReplicaError, Revision, Write, Written},
};

/// A card that was taken up, or made.
#[derive(Debug)]
pub struct Held {
    /// Where in the file it is; none for one that is made.
    range: Option<Range<u64>>,
    /// As it is to be; none where it is removed.
    bytes: Option<Vec<u8>>,
    revision: Revision,
    is_changed: bool,
}

impl Held {
    /// A card of the file.
    pub fn new(range: Range<u64>, bytes: Vec<u8>, card: &Card) -> Self {
        let revision = keys(card, Digest::of(&bytes)).revision();
        Self { range: Some(range), bytes: Some(bytes), revision, is_changed: false }
    }
}

/// What a card is recognised by.
pub fn keys(card: &Card, digest: Digest) -> RecordKeys {
    RecordKeys::new(card.uid().as_deref(), digest, &vcard::read(card, None))
}

/// A new version of the file.
pub struct Draft {
    style: WriteStyle,
    /// Those of the file in its order, then new ones.
    held: Vec<Held>,
    /// Their names.
    index: HashMap<RemoteId, usize>,
    /// The other cards, sorted by name.
    others: Vec<KnownCard>,
    pub changed: bool,
}

impl Draft {
    /// Over a file of which these cards were taken up, with their names, in their order.
    pub fn new(style: WriteStyle, taken: Vec<(RemoteId, Held)>, mut others: Vec<KnownCard>) -> Self {
        others.sort_unstable_by_key(|(_, name)| *name);
        let mut draft =
            Self { style, held: Vec::with_capacity(taken.len()), index: HashMap::new(), others, changed: false };
        for (name, held) in taken {
            draft.index.insert(name, draft.held.len());
            draft.held.push(held);
        }
        draft
    }

    /// Makes a write.
    pub fn write(&mut self, write: &Write) -> Result<Written, ReplicaError> {
        match &write.action {
            Action::Create { contact } => {
                if let Some(there) = self.remote_contact(&write.uid) {
                    return Err(ReplicaError::Stale(Some(Box::new(there))));
                }
                let bytes = vcard::new_card(self.style, contact, &cards::identity(write)).to_bytes();
                let (card, keys) = reparse(&bytes, self.style)?;
                let remote = keys.free_name(|name| self.has(name));
                let revision = keys.revision();
                self.index.insert(remote.clone(), self.held.len());
                self.held.push(Held { range: None, bytes: Some(bytes), revision: revision.clone(), is_changed: true });
                self.changed = true;
                Ok(Some(cards::remote_contact(&card, remote, revision)))
            }
            Action::Update { remote, revision, theirs, contact, changed, detail: _ } => {
                let at = self.find(remote, revision)?;
                // A UID that another card has already would make two of one.
                let free = !self.has(&write.uid);
                let Some(mut card) = self.card(at) else { return Err(ReplicaError::Stale(None)) };
                let before = card.to_bytes();
                cards::change(&mut card, theirs, contact, *changed);
                let mut identity = cards::identity(write);
                if card.uid().is_none() && !free {
                    identity.uid = None;
                }
                vcard::set_identity(&mut card, &identity);
                let bytes = card.to_bytes();
                let mut written =
                    if bytes == before { self.remote_contact(remote) } else { self.place(at, remote, bytes)? };
                if let Some(record) = &mut written {
                    cards::settle(record, contact, self.style);
                }
                Ok(written)
            }
            Action::Delete { remote, revision, theirs: _ } => {
                let at = self.find(remote, revision)?;
                self.index.remove(remote);
                self.put(at, None);
                Ok(None)
            }
        }
    }

    fn place(&mut self, at: usize, remote: &str, bytes: Vec<u8>) -> Result<Written, ReplicaError> {
        let (card, keys) = reparse(&bytes, self.style)?;
        let name = card.uid().filter(|uid| *uid == remote || !self.has(uid));
        let name = name.unwrap_or_else(|| remote.to_owned());
        self.index.remove(remote);
        self.index.insert(name.clone(), at);
        self.held[at].revision = keys.revision();
        let record = cards::remote_contact(&card, name, self.held[at].revision.clone());
        self.put(at, Some(bytes));
        Ok(Some(record))
    }

    fn put(&mut self, at: usize, bytes: Option<Vec<u8>>) {
        self.held[at].bytes = bytes;
        self.held[at].is_changed = true;
        self.changed = true;
    }

    /// True if a card has this name.
    fn has(&self, name: &str) -> bool {
        let is_other = |hash: NameHash| self.others.binary_search_by_key(&hash, |(_, name)| *name).is_ok();
        self.index.contains_key(name) || is_other(name_hash(name))
    }

    fn find(&self, remote: &str, revision: &Revision) -> Result<usize, ReplicaError> {
        let at = *self.index.get(remote).ok_or(ReplicaError::Stale(None))?;
        // The digest tells the state; what the card is recognised by may have been put otherwise by an older program.
        if digest_of(&self.held[at].revision) == digest_of(revision) {
            return Ok(at);
        }
        Err(ReplicaError::Stale(self.remote_contact(remote).map(Box::new)))
    }

    /// The card of this name, among those that were taken up.
    pub fn remote_contact(&self, remote: &str) -> Option<RemoteContact> {
        let at = *self.index.get(remote)?;
        Some(cards::remote_contact(&self.card(at)?, remote.to_owned(), self.held[at].revision.clone()))
    }

    fn card(&self, at: usize) -> Option<Card> {
        Card::parse(self.held[at].bytes.as_deref()?).ok().map(|card| card.in_style(self.style))
    }

    /// Writes the new version, the old one being read once more.
    pub fn copy(&self, source: Option<impl Read>, out: impl io::Write) -> io::Result<()> {
        let mut out = Out { out, last: None };
        if let Some(source) = source {
            let mut text = stream::text(source);
            let mut at = 0;
            let edits = self.held.iter().filter(|held| held.is_changed);
            for (range, bytes) in edits.filter_map(|held| Some((held.range.clone()?, held.bytes.as_deref()))) {
                io::copy(&mut text.by_ref().take(range.start - at), &mut out)?;
                out.write_all(bytes.unwrap_or_default())?;
                io::copy(&mut text.by_ref().take(range.end - range.start), &mut io::sink())?;
                at = range.end;
            }
            io::copy(&mut text, &mut out)?;
        }
        for added in self.held.iter().filter(|held| held.range.is_none()).filter_map(|held| held.bytes.as_deref()) {
            if out.last.is_some_and(|last| last != b'\n') {
                out.write_all(b"\r\n")?;
            }
            out.write_all(added)?;
        }
        out.flush()
    }

    /// All cards of the new version, and the names and revisions of those that were held.
    pub fn end(self) -> (Vec<KnownCard>, Vec<(RemoteId, Revision)>) {
        let Self { held, index, mut others, .. } = self;
        let held: Vec<(RemoteId, Revision)> =
            index.into_iter().map(|(name, at)| (name, held[at].revision.clone())).collect();
        others.extend(held.iter().map(|(name, revision)| (state_hash(revision), name_hash(name))));
        (others, held)
    }
}

/// Remembers the last byte that was written.
struct Out<W> {
    out: W,
    last: Option<u8>,
}

impl<W: io::Write> io::Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.last = bytes[..count].last().copied().or(self.last);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Nothing is written that could not be read back.
fn reparse(bytes: &[u8], style: WriteStyle) -> Result<(Card, RecordKeys), ReplicaError> {
    let refused = |error| ReplicaError::Rejected(Diagnostic::new(format!("write a card: {error}")));
    let card = Card::parse(bytes).map_err(refused)?.in_style(style);
    let keys = keys(&card, Digest::of(bytes));
    Ok((card, keys))
}
