//! The address books that carnet serves itself, one a device: each has cards, a counter, tombstones and habits of its own.
//!
//! What a device writes changes its own book, at once and durably; a run reconciles it like an edit in any book, against what
//! the device had before it. The protocol is `http`'s; it speaks to the store alone.
//! Deliberately not here: a second merge. Cards stay in the vCard version and the words in which their device wrote them.

mod apply;
mod notes;
mod scan;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use store::{
    Base, Card, Change, Changes, Condition, Counts, Deleted, Device, DeviceId, DeviceStore, Edited, Look, Member,
    NewDevice, Put, Record, StoreError, Writing, Wrote,
};

use super::{
    FILES, ObservedProperties,
    cards::{self, CardFile, Flaw},
};
use crate::{
    contact::Contact,
    formats::vcard::{self, WriteStyle, split},
    replica::{
        Baseline, Capabilities, Conduct, Diagnostic, LocalFuture, Lookup, Reading, RemoteContact, Replica,
        ReplicaError, Scanned, Sink, Write, Written,
    },
};

/// How a device's book behaves: as one in files, since carnet has the storage itself.
const STORE: Conduct = Conduct {
    // A device that writes waits for one transaction of a run at most.
    writes_at_once: 100,
    ..FILES
};

/// A device's book.
#[derive(Debug)]
pub struct Served {
    /// Its name among the replicas.
    name: String,
    device: DeviceId,
    style: WriteStyle,
    store: DeviceStore,
    observed: ObservedProperties,
    /// Of cards that the device removed, the version that it had before it, where that is an older one than was agreed on.
    removed: BTreeMap<String, Vec<u8>>,
    /// The counter up to which the last scan has read.
    scanned: Option<u64>,
}

impl Served {
    /// The book of a device, over a connection of its own.
    pub fn new(name: impl Into<String>, device: DeviceId, style: WriteStyle, store: DeviceStore) -> Self {
        Self {
            name: name.into(),
            device,
            style,
            store,
            observed: ObservedProperties::default(),
            removed: BTreeMap::new(),
            scanned: None,
        }
    }

    fn failed(&self, action: &str, error: &StoreError) -> ReplicaError {
        let diagnostic = Diagnostic::new(format!("{action} the book of device \"{}\": {error}", self.name));
        ReplicaError::Unavailable(match error.hint() {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        })
    }

    fn look_now(&self, name: &str) -> Result<Lookup, ReplicaError> {
        let record = self.store.record(self.device, name).map_err(|error| self.failed("read", &error))?;
        let Some(record) = record else { return Ok(Lookup::Gone) };
        Ok(match sight(&record.card, self.style) {
            Ok(Kind::Contact(record)) => Lookup::Found(record),
            Ok(Kind::Group) => Lookup::Unclear(format!("{name} is a group now")),
            Err(flaw) => Lookup::Unclear(format!("{} {}", flaw.place(name), flaw.message)),
        })
    }
}

/// What a card is.
#[derive(Debug)]
enum Kind {
    /// A contact.
    Contact(Box<RemoteContact>),
    /// A group of contacts: left alone.
    Group,
}

impl Kind {
    /// The contact, if it is one.
    fn contact(self) -> Option<Box<RemoteContact>> {
        match self {
            Self::Contact(record) => Some(record),
            Self::Group => None,
        }
    }
}

/// What a card of the store says.
fn sight(card: &Card, style: WriteStyle) -> Result<Kind, Flaw> {
    if card.body.len() > split::CARD_MAX {
        return Err(Flaw::whole(split::TOO_LARGE));
    }
    let single = CardFile::parse(&card.body, style)?;
    if single.card.is_group() {
        return Ok(Kind::Group);
    }
    let Member { name, etag, .. } = &card.member;
    Ok(Kind::Contact(Box::new(cards::remote_contact(&single.card, name.clone(), etag.clone()))))
}

/// The same with what its device has edited, where that is not the version of this revision, which was agreed on. A card that
/// the device has made itself speaks for itself.
fn of_device(mut record: Box<RemoteContact>, base: Option<Base>, agreed: Option<&str>) -> Box<RemoteContact> {
    record.edited = base.zip(agreed).and_then(|(base, agreed)| base.other_than(agreed)).and_then(Edited::into_text);
    record
}

impl Edited {
    /// The text; empty for a card that the device had never seen, none for one that it has made itself.
    fn into_text(self) -> Option<Vec<u8>> {
        match self {
            Self::Nothing => None,
            Self::Unseen => Some(Vec::new()),
            Self::Text(text) => Some(text),
        }
    }
}

/// What such a text says. Nothing for a card that cannot be read: then nothing in it was removed.
fn read_edited(text: &[u8], style: WriteStyle, known: &Contact) -> Contact {
    let single = CardFile::parse(text, style);
    single.map(|single| vcard::read(&single.card, Some(known))).unwrap_or_default()
}

impl Replica for Served {
    fn capabilities(&self) -> Capabilities {
        // Cards have their name to be known by: nobody's card is rewritten to carry our marks.
        Capabilities { fields: vcard::CARRIED, weak: vcard::WEAK, identity: false }
    }

    fn conduct(&self) -> Conduct {
        STORE
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let observed = known(&ObservedProperties::fact(&self.name)).unwrap_or_default();
        self.observed = ObservedProperties::parse(&observed);
    }

    fn learned(&self) -> Vec<(String, String)> {
        vec![(ObservedProperties::fact(&self.name), self.observed.to_text())]
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        let source = record.source.as_deref()?;
        // What the device left as it was, it left as it had it.
        let edited = record.edited.as_ref().map(|text| read_edited(text, self.style, known));
        let reading = cards::interpret(source, self.style, &self.observed, edited.as_ref().unwrap_or(known))?;
        Some(Reading { edited, ..reading })
    }

    fn removed(&self, remote: &str, known: &Contact) -> Option<Contact> {
        self.removed.get(remote).map(|text| read_edited(text, self.style, known))
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
        Box::pin(async move { self.apply_now(writes) })
    }

    fn taken_in(&mut self) {
        // It is shown to users, and found out again by the next scan.
        if let Some(counter) = self.scanned {
            let _ = self.store.taken(self.device, counter);
        }
    }
}
