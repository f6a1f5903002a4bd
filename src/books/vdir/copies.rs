//! Copies of cards that sync programs made, handed over once all other cards were met.

use super::{
    Vdir,
    read::{self, Reading},
    scan::Taking,
};
use crate::{
    books::cards::Flaw,
    replica::{Batch, ConflictCopy, Stopped},
};

/// So many copies are read in one scan: they are in memory until the scan is judged.
const COPIES_AT_ONCE: usize = 100;

impl Vdir {
    /// Hands over the copies that sync programs made, once all other cards were met: one whose UID no other card has, while
    /// the card that its name speaks of is there, is a card of its own.
    pub(super) fn take_copies(&self, taking: &mut Taking<'_, '_>) -> Result<(), Stopped> {
        if taking.copies.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for (place, (name, of)) in std::mem::take(&mut taking.copies).into_iter().enumerate() {
            if place >= COPIES_AT_ONCE {
                let hint = Some("answer for the others first: `carnet conflicts` lists them".into());
                let flaw = Flaw { hint, ..Flaw::whole("is one of very many copies and waits") };
                batch.problems.push(flaw.problem(&name));
                continue;
            }
            match read::read(taking.folder, &name, self.settings.style) {
                Ok(Reading::Card(record)) => {
                    let is_of_its_own = record.uid.is_some() && taking.uids.is_new(record.uid.as_deref());
                    if is_of_its_own && matches!(taking.folder.fetch(&of), Ok(Some(_))) {
                        batch.changed.push(*record);
                    } else {
                        batch.copies.push(ConflictCopy { record: *record, of });
                    }
                }
                Ok(Reading::Group | Reading::Gone) => {}
                Err(flaw) => {
                    taking.unread = true;
                    batch.problems.push(flaw.problem(&name));
                }
            }
        }
        (taking.sink)(batch)
    }
}
