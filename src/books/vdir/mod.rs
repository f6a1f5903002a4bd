//! A folder with one vCard file a contact, as vdirsyncer, khard and many others keep it.
//!
//! A file that cannot be used (a link, a pipe, someone else's, too large, broken, two cards in one) is reported and
//! counts as seen: it is never "deleted" and never written to. Groups are left alone. The folder carries a marker file;
//! a folder that lost it is an unmounted disk until a user says otherwise.

mod apply;
mod copies;
mod known;
mod names;
mod read;
mod scan;
mod state;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub use names::is_card_name;

use super::{
    FILES, ObservedProperties, cards,
    fs::{Folder, Outcome, refused},
};
use crate::{
    contact::Contact,
    formats::vcard::{self, WriteStyle, split},
    replica::{
        Baseline, Capabilities, Conduct, Distrust, LocalFuture, Lookup, Reading, RemoteContact, Replica, ReplicaError,
        Scanned, Sink, Write, Written,
    },
};

/// The file that says that a folder is a book, so that the mount point of a missing disk is not taken for one.
pub const MARKER: &str = ".carnet-book";

/// Files of more bytes are left alone: a card has at most so many, and a telephone's photo of 8 MB is 11 MB of base64.
pub const FILE_MAX: u64 = split::CARD_MAX as u64;

/// A file of more bytes is a large one.
const LARGE: u64 = 1 << 20;
/// Of large files, one scan reads so many bytes at most, or a single one: the next run reads the others. What a scan reads
/// is in memory until it has been judged as a whole.
const LARGE_AT_ONCE: u64 = 32 << 20;

/// Where a book of vCards is and how it is written.
#[derive(Debug, Clone)]
pub struct BookSettings {
    /// Its name, for words.
    pub name: String,
    /// The folder, or the file.
    pub path: PathBuf,
    /// How cards are read and written.
    pub style: WriteStyle,
}

/// A folder with one vCard file a contact.
#[derive(Debug)]
pub struct Vdir {
    settings: BookSettings,
    observed: ObservedProperties,
    trust: Trust,
}

/// What the last scan found of the folder as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// No scan yet: without a marker nothing is written.
    Unscanned,
    /// Nothing was ever agreed with this book: it may be made and marked.
    FirstUse,
    /// It was marked.
    Marked,
}

impl Vdir {
    /// The book in this folder, which need not exist yet.
    pub fn new(settings: BookSettings) -> Self {
        Self { settings, observed: ObservedProperties::default(), trust: Trust::Unscanned }
    }

    fn open(&self) -> io::Result<Option<Folder>> {
        match Folder::open(&self.settings.path) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn refused(&self, action: &str, error: &io::Error) -> ReplicaError {
        refused(&format!("{action} {}", self.settings.path.display()), error)
    }

    /// The folder may be gone or another one; nothing on it is to be believed. Says why, of the book, its folder and the
    /// folder's marker.
    fn distrusted(&self, why: impl FnOnce(String, String, String) -> Distrust) -> ReplicaError {
        let BookSettings { name, path, .. } = &self.settings;
        let marker = path.join(MARKER).display().to_string();
        ReplicaError::Untrusted(why(name.clone(), path.display().to_string(), marker))
    }

    fn is_marked(&self, folder: &Folder) -> Result<bool, ReplicaError> {
        let entry = folder.fetch(MARKER).map_err(|error| self.refused("look at the marker of", &error))?;
        Ok(entry.is_some_and(|entry| entry.regular))
    }

    fn mark(&self, folder: &Folder) -> Result<(), ReplicaError> {
        let text = format!(
            "This folder is a book of carnet. Without this file carnet neither believes nor writes to it,\n\
             so that the mount point of a missing disk is not taken for an emptied book.\n\
             book = {:?}\nid = {}\n",
            self.settings.name,
            uuid::Uuid::new_v4()
        );
        let outcome = folder.stage(MARKER, text.as_bytes(), None).map(|staged| folder.commit_new(staged));
        match outcome {
            // Stale: it is there by now.
            Ok(Outcome::Done | Outcome::Stale) => Ok(()),
            Ok(Outcome::Refused(error) | Outcome::Unsure(error)) | Err(error) => {
                Err(self.refused("write the marker of", &error))
            }
        }
    }

    fn look_now(&self, remote: &str) -> Result<Lookup, ReplicaError> {
        if !names::is_card_name(remote.as_bytes()) || remote.contains(['/', '\0']) {
            return Ok(Lookup::Gone);
        }
        let Some(folder) = self.open().map_err(|error| self.refused("open", &error))? else {
            return Ok(Lookup::Unclear("the book's folder is missing".into()));
        };
        Ok(match read::read(&folder, remote, self.settings.style) {
            Ok(read::Reading::Card(record)) => Lookup::Found(record),
            Ok(read::Reading::Group) => Lookup::Unclear(format!("{remote} is a group now")),
            Ok(read::Reading::Gone) if self.is_marked(&folder)? => Lookup::Gone,
            Ok(read::Reading::Gone) => Lookup::Unclear("the book's folder lost its marker".into()),
            Err(flaw) => Lookup::Unclear(format!("{} {}", flaw.place(remote), flaw.message)),
        })
    }
}

impl Replica for Vdir {
    fn capabilities(&self) -> Capabilities {
        // Cards have their file's name to be known by: nobody's card is rewritten to carry our marks.
        Capabilities { fields: vcard::CARRIED, weak: vcard::WEAK, identity: false }
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        cards::interpret(record.source.as_deref()?, self.settings.style, &self.observed, known)
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
        Box::pin(async move { self.apply_now(writes) })
    }
}
