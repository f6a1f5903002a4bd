//! A simulated address book: `replicas::memory` with people at it, in the very instant of a write too.

use std::sync::{Arc, Mutex, MutexGuard};

use carnet::{
    contact::Contact,
    replica::{
        Baseline, Capabilities, Conduct, Diagnostic, Distrust, LocalFuture, Lookup, Replica, ReplicaError, Scanned,
        Sink, Write, Written, memory::Memory,
    },
};

use crate::{people::words, world::Shared};

/// A book that lives on between runs.
#[derive(Clone)]
pub struct Shelf {
    records: Arc<Mutex<Memory>>,
    /// What it can hold.
    pub capabilities: Capabilities,
    /// Its place among the books.
    pub number: usize,
}

impl Shelf {
    pub fn new(number: usize, capabilities: Capabilities) -> Self {
        let mut records = Memory::new(capabilities);
        // Of one book a value that comes back is an older copy's, of another somebody's edit.
        records.conduct.restorable = number == 1;
        Self { records: Arc::new(Mutex::new(records)), capabilities, number }
    }

    pub fn lock(&self) -> MutexGuard<'_, Memory> {
        self.records.lock().expect("no panic while a book is held")
    }

    /// The contacts whose cards bear no CRM id.
    pub fn unmarked(&self) -> Vec<Contact> {
        let book = self.lock();
        let without = |remote: &String| book.crm_id(remote).is_none();
        book.remotes()
            .iter()
            .filter(|remote| without(remote))
            .filter_map(|remote| book.contact(remote).cloned())
            .collect()
    }

    /// The contacts in it, by name.
    pub fn contacts(&self) -> Vec<(String, Contact)> {
        let book = self.lock();
        let found = book.remotes().into_iter().map(|remote| (remote.clone(), book.contact(&remote).cloned()));
        found.filter_map(|(remote, contact)| contact.map(|contact| (remote, contact))).collect()
    }
}

/// The shelf as a run sees it.
pub struct SimulatedBook {
    pub shelf: Shelf,
    pub world: Shared,
}

impl SimulatedBook {
    fn write(&self, write: Write) -> Result<Written, ReplicaError> {
        let before = self.shelf.lock().clone();
        let answer = self.shelf.lock().write(write);
        if let Ok(Some(written)) = &answer {
            let held = before.contact(&written.remote).map(words).unwrap_or_default();
            let new = self.shelf.lock().contact(&written.remote).map(words).unwrap_or_default();
            let mut world = self.world.lock().expect("the world");
            world.unacknowledged_cards.insert((self.shelf.number, written.remote.clone()));
            world.unacknowledged_values.extend(new.into_iter().filter(|text| !held.contains(text)));
        }
        answer
    }

    fn is_away(&self) -> bool {
        self.world.lock().expect("the world").books_away.contains(&self.shelf.number)
    }
}

fn away() -> ReplicaError {
    ReplicaError::Untrusted(Distrust::Other(Diagnostic::new("find the book's marker")))
}

impl Replica for SimulatedBook {
    fn capabilities(&self) -> Capabilities {
        self.shelf.capabilities
    }

    fn conduct(&self) -> Conduct {
        self.shelf.lock().conduct
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move {
            if self.is_away() {
                return Err(away());
            }
            if self.world.lock().expect("the world").books_blank.contains(&self.shelf.number) {
                return Ok(Scanned::complete());
            }
            // Read at one instant, handed over later: people go on meanwhile.
            let mut copy = self.shelf.lock().clone();
            {
                let mut world = self.world.lock().expect("the world");
                world.people_act();
                let records = copy.remotes();
                if world.goes_wrong(&self.shelf) {
                    copy.faults.cut_after = Some(world.dice.below(1 + records.len()));
                }
                if world.goes_wrong(&self.shelf) && !records.is_empty() {
                    copy.faults.unreadable.insert(records[world.dice.below(records.len())].clone());
                }
            }
            let scanned = copy.scan(baseline, sink).await;
            if copy.deltas {
                let crash = self.world.lock().expect("the world").crash_at("book, after a scan");
                crash.happen().await;
            }
            scanned
        })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move {
            if self.world.lock().expect("the world").goes_wrong(&self.shelf) {
                return Ok(Lookup::Unclear("the server errs".to_owned()));
            }
            let mut copy = self.shelf.lock().clone();
            copy.fetch(remote).await
        })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(writes.len());
            for write in writes {
                self.world.lock().expect("the world").people_act();
                if self.is_away() {
                    answers.push(Err(away()));
                    continue;
                }
                let crash = self.world.lock().expect("the world").crash_at("book, before a write");
                crash.happen().await;
                let mishap = self.world.lock().expect("the world").card_mishap(&self.shelf);
                let answer = match mishap {
                    Some(mishap) => self.world.lock().expect("the world").writes_badly(&self.shelf, write, mishap),
                    None => self.write(write),
                };
                let crash = self.world.lock().expect("the world").crash_at("book, after a write");
                crash.happen().await;
                answers.push(answer);
            }
            answers
        })
    }
}
