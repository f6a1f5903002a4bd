//! Reads a device's book: what changed since the last look, and all of it in a first run, or where the book is another one.
//!
//! It goes through the changes in parts, each as of one instant. What changes meanwhile is told in a later part or by the next
//! scan, since the cursor is that of the beginning.

use std::collections::BTreeSet;

use super::{Change, DeviceId, Kind, Served, notes::Notes, of_device, sight, store::DeviceStore};
use crate::{
    books::cards::{self, Flaw},
    formats::vcard::WriteStyle,
    replica::{Baseline, Batch, Coverage, RemoteContact, ReplicaError, Scanned, Sink},
};

/// Changes of one part.
const CHANGES_AT_ONCE: usize = 1_000;
/// Cards handed over at a time: their texts are in memory.
const CARDS_AT_ONCE: usize = 100;

/// What was read of a book.
struct Found {
    /// What could not be read.
    unread: BTreeSet<String>,
    batch: Batch,
}

impl Served {
    pub(super) fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        let look = self.store.look(self.device).map_err(|error| self.failed("read", &error))?;
        let notes = Notes::read(baseline, &look)?;
        self.scanned = None;
        self.removed.clear();
        let is_delta = notes.counter.is_some();
        let mut found = Found { unread: BTreeSet::new(), batch: Batch::default() };
        let (mut from, mut to_read) = (notes.counter, notes.unread);
        loop {
            let mut changes = Vec::new();
            let part = self
                .store
                .changes_since(self.device, from, Some(CHANGES_AT_ONCE), false, |change| changes.push(change))
                .map_err(|error| self.failed("read", &error))?;
            for change in changes {
                match change {
                    Change::Changed { member, .. } => {
                        to_read.remove(&member.name);
                        self.take(&member.name, Some(&member.etag), is_delta, (baseline, &mut *sink), &mut found)?;
                    }
                    Change::Gone { name } => {
                        to_read.remove(&name);
                        if is_delta {
                            self.take_gone(name, baseline, &mut found)?;
                        }
                    }
                }
            }
            match part {
                Some(part) if part.is_cut => from = Some(part.counter),
                _ => break,
            }
        }
        for name in to_read {
            self.take(&name, None, is_delta, (baseline, &mut *sink), &mut found)?;
        }
        sink(found.batch)?;
        self.scanned = Some(look.counter);
        // Of a book of which nothing is known, nothing can be missing.
        let coverage = match (is_delta, found.unread.is_empty()) {
            (false, true) => Coverage::Complete,
            (false, false) if baseline.count() > 0 => Coverage::Partial,
            _ => Coverage::Delta,
        };
        let notes = Notes { counter: Some(look.counter), unread: found.unread };
        Ok(Scanned { coverage, cursor: notes.cursor(baseline, &look)? })
    }

    /// A card, of which the etag may be known.
    fn take(
        &mut self,
        name: &str,
        etag: Option<&str>,
        is_delta: bool,
        (baseline, sink): (&dyn Baseline, &mut Sink<'_>),
        found: &mut Found,
    ) -> Result<(), ReplicaError> {
        let agreed = baseline.revision_of(name)?;
        if etag.is_some() && etag == agreed.as_deref() {
            if !is_delta {
                found.batch.same.push(name.to_owned());
            }
        } else if let Some(reading) = read(&self.store, self.device, name, agreed.as_deref(), self.style)
            .map_err(|error| self.failed("read", &error))?
        {
            match reading {
                Ok(Read::Contact { record, is_of_device }) => {
                    if is_of_device {
                        cards::learn(&mut self.observed, self.style, &record);
                    }
                    let unread = cards::unread_value(&record);
                    found.batch.problems.extend(unread.map(|flaw| flaw.problem(name)));
                    if agreed.as_ref() != Some(&record.revision) {
                        found.batch.changed.push(*record);
                    } else if !is_delta {
                        found.batch.same.push(record.remote);
                    }
                }
                Ok(Read::Group) if agreed.is_none() => {}
                Ok(Read::Group) => found.take_flaw(name, Flaw::whole("became a group and is left alone")),
                Err(flaw) => found.take_flaw(name, flaw),
            }
        }
        let Batch { same, changed, problems, .. } = &found.batch;
        if changed.len() + problems.len() >= CARDS_AT_ONCE || same.len() >= CHANGES_AT_ONCE {
            sink(std::mem::take(&mut found.batch))?;
        }
        Ok(())
    }

    fn take_gone(&mut self, name: String, baseline: &dyn Baseline, found: &mut Found) -> Result<(), ReplicaError> {
        if let Some(agreed) = baseline.revision_of(&name)? {
            let removed = self.store.removed(self.device, &name).map_err(|error| self.failed("read", &error))?;
            // A device that had never seen the card has removed it all the same.
            let edited = removed.and_then(|base| base.other_than(&agreed)).and_then(super::Edited::into_text);
            if let Some(text) = edited.filter(|text| !text.is_empty()) {
                self.removed.insert(name.clone(), text);
            }
        }
        found.batch.gone.push(name);
        Ok(())
    }
}

impl Found {
    fn take_flaw(&mut self, name: &str, flaw: Flaw) {
        self.unread.insert(name.to_owned());
        self.batch.problems.push(flaw.problem(name));
    }
}

/// A card that was read.
enum Read {
    Contact { record: Box<RemoteContact>, is_of_device: bool },
    Group,
}

/// Reads a card; none where it is not there any more.
fn read(
    store: &DeviceStore,
    device: DeviceId,
    name: &str,
    agreed: Option<&str>,
    style: WriteStyle,
) -> Result<Option<Result<Read, Flaw>>, super::StoreError> {
    let Some(record) = store.record(device, name)? else { return Ok(None) };
    let is_of_device = record.base.is_some();
    Ok(Some(sight(&record.card, style).map(|kind| match kind {
        Kind::Contact(contact) => Read::Contact { record: of_device(contact, record.base, agreed), is_of_device },
        Kind::Group => Read::Group,
    })))
}
