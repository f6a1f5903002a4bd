//! What books that are one file have in common: where the file is, whether it is to be believed, reading it whole and
//! putting a new version in its place.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    Revisions,
    fs::{Content, Digest, Entry, Folder, Outcome, Recovered, SAVED, StagedFile, Unread, refused, unsettled},
};
use crate::replica::{Action, Diagnostic, Distrust, Problem, RemoteId, ReplicaError, Revision, Write, Written};

/// Larger files are refused: they are read whole.
const FILE_MAX: u64 = 256 << 20;
/// How often a file that others write meanwhile is read again.
const TRIES_MAX: usize = 3;

/// A book in one file.
#[derive(Debug)]
pub struct SingleFile {
    book: String,
    path: PathBuf,
    trust: Trust,
}

/// What the last scan found of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// No scan yet: a missing file is not made.
    Unscanned,
    /// Nothing was ever agreed with this book: it may be made.
    FirstUse,
    /// It was there.
    There,
}

/// The file as it was read, with what is needed to replace it.
#[derive(Debug)]
pub struct Version {
    folder: Folder,
    /// None while the file does not exist.
    present: Option<(Entry, Digest)>,
    /// Its bytes; empty while it does not exist.
    pub bytes: Vec<u8>,
}

/// How putting a new version in place went.
#[derive(Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is in place, durably.
    Done,
    /// Another program wrote the file meanwhile: read it again.
    Again,
}

impl SingleFile {
    /// The book of this name in this file, which need not exist yet.
    ///
    /// Links in the path are resolved here, once: the path is a person's own word, what lies in a folder is not.
    pub fn new(book: String, path: PathBuf) -> Self {
        let path = path.canonicalize().unwrap_or(path);
        Self { book, path, trust: Trust::Unscanned }
    }

    /// The file's own name, for words and places.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file for a scan, after finishing or undoing what a killed run left. `None`: there is no book yet.
    pub fn read_to_scan(&mut self, known: &Revisions) -> Result<Option<(Version, Vec<Problem>)>, ReplicaError> {
        let agreed = !known.is_empty();
        let folder = self.open_folder()?;
        let mut problems = Vec::new();
        let version = match folder {
            Some(folder) => {
                problems = self.tidy(&folder)?;
                self.read(folder)?
            }
            None => None,
        };
        self.trust = match (&version, agreed) {
            (Some(_), _) => Trust::There,
            (None, false) => Trust::FirstUse,
            (None, true) => return Err(self.distrusted()),
        };
        Ok(version.map(|version| (version, problems)))
    }

    /// Reads the file for one look; `None` if it is missing.
    pub fn read_to_look(&self) -> Result<Option<Version>, ReplicaError> {
        self.open_folder()?.map_or(Ok(None), |folder| self.read(folder))
    }

    /// Reads the file to replace it; no other carnet writes to its folder until the version is dropped.
    pub fn read_to_write(&mut self) -> Result<Version, ReplicaError> {
        let folder = match self.open_folder()? {
            Some(folder) => folder,
            None if self.trust == Trust::FirstUse => {
                Folder::make(self.parent()).map_err(|error| self.refused("make the folder of", &error))?
            }
            None => return Err(self.distrusted()),
        };
        if !folder.lock() {
            let diagnostic =
                Diagnostic::new(format!("write to book \"{}\": another carnet is writing to it", self.book));
            return Err(ReplicaError::Unavailable(diagnostic.hint("wait until the other run has ended")));
        }
        if folder.fetch(self.name()).map_err(|error| self.refused("look at", &error))?.is_some() {
            // Gone again at once: the next try says so.
            return self.read(folder)?.ok_or_else(|| self.distrusted());
        }
        if self.trust == Trust::FirstUse {
            return Ok(Version { folder, present: None, bytes: Vec::new() });
        }
        Err(self.distrusted())
    }

    /// Puts a new version where the one read is, durably.
    pub fn replace(&mut self, version: &Version, bytes: &[u8]) -> Result<Replaced, ReplicaError> {
        let Version { folder, present, bytes: _ } = version;
        let like = present.as_ref().map(|(entry, _)| entry);
        let staged = folder.stage(self.name(), bytes, like).map_err(|error| self.refused("write", &error))?;
        if let Err(error) = folder.flush(&[&staged]) {
            folder.discard(staged);
            return Err(self.refused("write", &error));
        }
        let outcome = match present {
            Some((_, digest)) => folder.commit_over(staged, digest),
            None => folder.commit_new(staged),
        };
        let unsettled = |error: &io::Error| unsettled(&format!("write {}", self.path.display()), error);
        match outcome {
            Outcome::Done => folder.flush_names().map_err(|error| unsettled(&error))?,
            Outcome::Stale => return Ok(Replaced::Again),
            Outcome::Refused(error) => return Err(self.refused("write", &error)),
            Outcome::Unsure(error) => return Err(unsettled(&error)),
        }
        self.trust = Trust::There;
        Ok(Replaced::Done)
    }

    /// The answer where the file changes faster than it can be written.
    pub fn restless(&self) -> ReplicaError {
        let diagnostic = Diagnostic::new(format!("write {}: another program keeps writing it", self.path.display()));
        ReplicaError::Unavailable(diagnostic.hint("close the other program, or wait"))
    }

    fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn open_folder(&self) -> Result<Option<Folder>, ReplicaError> {
        if self.name().is_empty() {
            let diagnostic = Diagnostic::new(format!("use book \"{}\": its path names no file", self.book));
            return Err(ReplicaError::Rejected(diagnostic.hint("name the file in the book's `path`, in UTF-8")));
        }
        match Folder::open(self.parent()) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.refused("open the folder of", &error)),
        }
    }

    fn read(&self, folder: Folder) -> Result<Option<Version>, ReplicaError> {
        let rejected = |message: String| {
            ReplicaError::Rejected(Diagnostic::new(format!("read {}: {message}", self.path.display())))
        };
        let entry = match folder.fetch(self.name()).map_err(|error| self.refused("look at", &error))? {
            Some(entry) if entry.regular && !folder.trusts(&entry) => {
                return Err(rejected("it belongs to another user".into()));
            }
            Some(entry) => entry,
            None => return Ok(None),
        };
        match folder.read(self.name(), FILE_MAX) {
            Ok(Content { bytes, .. }) => {
                let present = Some((entry, Digest::of(&bytes)));
                Ok(Some(Version { folder, present, bytes }))
            }
            Err(Unread::Missing) => Ok(None),
            Err(Unread::Failed(error)) => Err(self.refused("read", &error)),
            Err(unread @ (Unread::NotAFile | Unread::TooLarge)) => Err(rejected(format!("it {}", unread.words()))),
        }
    }

    fn tidy(&self, folder: &Folder) -> Result<Vec<Problem>, ReplicaError> {
        let name = self.name();
        let saved = format!("{name}{SAVED}");
        let wanted = |found: &[u8]| StagedFile::may_be(found) || found.starts_with(saved.as_bytes());
        let list = || folder.names(wanted).map_err(|error| self.refused("list the folder of", &error));
        let names = list()?;
        let text = |names: &[Vec<u8>]| -> Vec<String> {
            names.iter().filter_map(|name| String::from_utf8(name.clone()).ok()).collect()
        };
        let leftovers: Vec<StagedFile> =
            text(&names).iter().filter_map(|name| StagedFile::parse(name)).filter(|found| found.is_for(name)).collect();
        // Another carnet at work keeps its files.
        if !leftovers.is_empty() && folder.lock() {
            for leftover in &leftovers {
                // The agreed version of the whole file is not known: what differs is kept.
                match folder.recover(leftover, Some(name), |_| false) {
                    Ok(Recovered::Cleared | Recovered::PutBack | Recovered::Saved(_)) => {}
                    Err(error) => return Err(self.refused("clear up beside", &error)),
                }
            }
        }
        let kept = text(&list()?).into_iter().filter(|found| found.starts_with(&saved));
        Ok(kept
            .map(|place| Problem {
                place,
                message: "was saved by another program in the instant that carnet wrote this book".into(),
                hint: Some("take over what is missing from it, then delete it".into()),
                remote: None,
            })
            .collect())
    }

    fn refused(&self, deed: &str, error: &io::Error) -> ReplicaError {
        refused(&format!("{deed} {}", self.path.display()), error)
    }

    fn distrusted(&self) -> ReplicaError {
        ReplicaError::Untrusted(Distrust::NoFile { book: self.book.clone(), path: self.path.display().to_string() })
    }
}

/// The names in use, and others that are asked for: a record keeps the name it was agreed under.
pub fn known_with<'a>(
    known: &HashMap<RemoteId, Revision>,
    remotes: impl IntoIterator<Item = &'a str>,
) -> HashMap<RemoteId, Revision> {
    let mut known = known.clone();
    for remote in remotes {
        known.entry(remote.to_owned()).or_default();
    }
    known
}

/// The records that writes name.
pub fn remotes_of(writes: &[Write]) -> impl Iterator<Item = &str> {
    writes.iter().filter_map(|write| match &write.action {
        Action::Update { remote, .. } | Action::Delete { remote, .. } => Some(remote.as_str()),
        Action::Create { .. } => None,
    })
}

/// Tries to make all writes one new version of the file; a try answers `None` if another program wrote it meanwhile.
pub fn until_settled(
    writes: &[Write],
    restless: &ReplicaError,
    mut try_apply: impl FnMut() -> Result<Option<Vec<Result<Written, ReplicaError>>>, ReplicaError>,
) -> Vec<Result<Written, ReplicaError>> {
    if writes.is_empty() {
        return Vec::new();
    }
    for _ in 0..TRIES_MAX {
        match try_apply() {
            Ok(Some(answers)) => return answers,
            Ok(None) => {}
            Err(error) => return writes.iter().map(|_| Err(error.clone())).collect(),
        }
    }
    writes.iter().map(|_| Err(restless.clone())).collect()
}
