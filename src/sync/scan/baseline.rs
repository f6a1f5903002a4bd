//! The mirror as the baseline of a scan, asked while the scan's batches are taken in: both share the run.

use std::cell::RefCell;

use crate::{
    mirror::{Mirror, MirrorError},
    replica::{Baseline, Revision, Stopped},
    sync::SyncError,
};

/// What takes part in a scan beside the replica.
pub trait HasMirror {
    /// The mirror.
    fn mirror(&self) -> &Mirror;
}

/// What is known by name and revision.
#[derive(Debug, Clone, Copy)]
pub enum Of<'s> {
    /// The records of a replica.
    Replica(&'s str),
    /// The firms, whose cursor has this name.
    Firms(&'s str),
}

impl<'s> Of<'s> {
    fn cursor(self) -> &'s str {
        match self {
            Of::Replica(name) | Of::Firms(name) => name,
        }
    }
}

/// What the mirror knows of one replica.
pub struct MirrorBaseline<'s, S> {
    pub scan: &'s RefCell<S>,
    pub of: Of<'s>,
    pub count: u64,
    /// Why the run ended the scan, if it did.
    pub failure: &'s RefCell<Option<SyncError>>,
}

impl<S: HasMirror> MirrorBaseline<'_, S> {
    fn ask<T>(&self, question: impl FnOnce(&Mirror) -> Result<T, MirrorError>) -> Result<T, Stopped> {
        question(self.scan.borrow().mirror()).map_err(|error| {
            self.failure.borrow_mut().get_or_insert(error.into());
            Stopped
        })
    }
}

impl<S: HasMirror> Baseline for MirrorBaseline<'_, S> {
    fn count(&self) -> u64 {
        self.count
    }

    fn revision_of(&self, remote: &str) -> Result<Option<Revision>, Stopped> {
        self.ask(|mirror| match self.of {
            Of::Replica(name) => match mirror.revision_of(name, remote)? {
                Some(revision) => Ok(Some(revision)),
                None => mirror.firm_card_revision(name, remote),
            },
            Of::Firms(_) => mirror.firm_revision(remote),
        })
    }

    fn for_each(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        self.ask(|mirror| match self.of {
            Of::Replica(name) => {
                mirror.for_each_known(name, take)?;
                mirror.for_each_firm_card(name, take)
            }
            Of::Firms(_) => mirror.for_each_firm(&mut |id, _, revision| take(id, revision)),
        })
    }

    fn note(&self, name: &str) -> Result<Option<String>, Stopped> {
        self.ask(|mirror| mirror.cursor_note(self.of.cursor(), name))
    }

    fn for_each_note(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        self.ask(|mirror| mirror.for_each_cursor_note(self.of.cursor(), take))
    }
}
