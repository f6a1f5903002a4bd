//! Books that are servers: they say only what changed since a cursor, and some answer as a server does, which errs, loses
//! answers and carries out a write when nobody waits for it any more.

use std::time::Duration;

use carnet::{
    contact::Contact,
    replica::{Absence, Conduct, Diagnostic, ReplicaError, Write, Writes, Written},
};
use tokio::time::Instant;

use crate::{
    book::Shelf,
    dice::Dice,
    is_plain,
    people::words,
    world::{TIMEOUT, World},
};

/// A write that a server carries out later than its client has given it up.
pub struct LateCard {
    pub due: Instant,
    pub shelf: Shelf,
    pub write: Write,
}

/// Makes servers of some of a seed's books. Seeds that were kept before there were servers keep their books.
pub fn furnish(seed: u64, shelves: &[Shelf]) {
    let mut dice = Dice::new(seed ^ 0x00DE_17A5);
    for shelf in shelves.iter().filter(|_| !is_plain(seed)) {
        let mut book = shelf.lock();
        book.deltas = dice.permille(400);
        if book.deltas && dice.permille(500) {
            book.conduct = Conduct { absence: Absence::AskById, writes: Writes::Uncertain, ..book.conduct };
        }
    }
}

/// What becomes of a request to a server of cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing is done.
    Away,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is not done, and nobody can tell.
    RequestLost,
    /// It is done later, and nobody can tell.
    Late,
}

impl World {
    /// Draws what goes wrong in a book; nothing where a scan says everything.
    pub fn goes_wrong(&mut self, shelf: &Shelf) -> bool {
        let deltas = shelf.lock().deltas;
        deltas && self.server_trouble > 0 && self.dice.permille(self.server_trouble)
    }

    /// Draws what becomes of a write.
    pub fn card_mishap(&mut self, shelf: &Shelf) -> Option<Mishap> {
        let uncertain = shelf.lock().conduct.writes == Writes::Uncertain;
        if !uncertain || !self.goes_wrong(shelf) {
            return None;
        }
        Some(self.dice.pick(&[Mishap::Away, Mishap::AnswerLost, Mishap::RequestLost, Mishap::Late]))
    }

    /// Hands a write to a server that errs: what comes back of it.
    pub fn writes_badly(&mut self, shelf: &Shelf, write: Write, mishap: Mishap) -> Result<Written, ReplicaError> {
        self.note(format!("a write to book {} ends as {mishap:?}", shelf.number));
        match mishap {
            Mishap::Away => return Err(ReplicaError::Deferred(Diagnostic::new("reach the server"))),
            Mishap::AnswerLost => self.late_cards.push(LateCard { due: Instant::now(), shelf: shelf.clone(), write }),
            Mishap::RequestLost => {}
            Mishap::Late => {
                let wait = self.dice.below(2 * TIMEOUT.as_millis() as usize - 1_000) as u64;
                let due = Instant::now() + Duration::from_millis(wait);
                self.late_cards.push(LateCard { due, shelf: shelf.clone(), write });
            }
        }
        self.commit_late_cards();
        Err(ReplicaError::OutcomeUnknown(Diagnostic::new("hear what became of it")))
    }

    /// What servers of cards do at last.
    pub fn commit_late_cards(&mut self) {
        let now = Instant::now();
        let (due, late): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late_cards).into_iter().partition(|late| late.due <= now);
        self.late_cards = late;
        for LateCard { shelf, write, .. } in due {
            let before = shelf.contacts();
            shelf.lock().write(write).ok();
            self.carnet_wrote(&shelf, &before);
        }
    }

    /// Keeps account of what carnet wrote and may not know of.
    pub fn carnet_wrote(&mut self, shelf: &Shelf, before: &[(String, Contact)]) {
        for (remote, contact) in shelf.contacts() {
            let old = before.iter().find(|(other, _)| *other == remote).map(|(_, contact)| contact);
            if old == Some(&contact) {
                continue;
            }
            let held = old.map(words).unwrap_or_default();
            self.unacknowledged_values.extend(words(&contact).into_iter().filter(|text| !held.contains(text)));
            self.unacknowledged_cards.insert((shelf.number, remote));
        }
    }
}
