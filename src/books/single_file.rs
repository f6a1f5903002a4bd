//! What books that are one file have in common: where the file is, whether it is to be believed, reading it record by
//! record and putting a new version in its place.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use super::conflict_copies::copy_of;
use super::fs::{
    Digest, Digesting, Entry, Fingerprint, Folder, OpenFile, Outcome, Recovered, SAVED, Staged, StagedFile, Unread,
    refused, unsettled,
};
use crate::replica::{Diagnostic, Distrust, Problem, ReplicaError, Write, Written};

/// Larger files are refused: so many records are no address book.
const FILE_MAX: u64 = 8 << 30;
/// How often a file that others write meanwhile is read again.
const TRIES_MAX: usize = 3;

/// What a copy in the book's folder is.
const COPY: &str = "is a copy of this book that a sync program made of two versions; it is not read";

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

/// The file, open to be read record by record, with what is needed to replace it.
#[derive(Debug)]
pub struct OpenVersion {
    folder: Folder,
    /// None while the file does not exist.
    present: Option<(Entry, OpenFile)>,
}

impl OpenVersion {
    /// True unless the file was written since it was opened. One that was replaced stays as it was for those who opened it.
    pub fn is_still(&self) -> io::Result<bool> {
        let Some((_, OpenFile { file, fingerprint, .. })) = &self.present else { return Ok(true) };
        Ok(Fingerprint::of(&rustix::fs::fstat(file)?).same_content(fingerprint))
    }

    /// The file from its start; none while it does not exist.
    pub fn file(&self) -> io::Result<Option<File>> {
        let Some((_, OpenFile { file, .. })) = &self.present else { return Ok(None) };
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(Some(file))
    }

    /// The digest of its bytes; none while it does not exist.
    pub fn digest(&self) -> io::Result<Option<Digest>> {
        self.file()?.map(Digest::of_all).transpose()
    }

    /// The lock file that an office program keeps beside a file of this name while it has it open, if one is there.
    pub fn office_lock(&self, name: &str) -> io::Result<Option<String>> {
        for lock in [format!(".~lock.{name}#"), format!("~${name}")] {
            if self.folder.fetch(&lock)?.is_some() {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// True where its last line has an end, or there is none.
    pub fn ends_whole(&self) -> io::Result<bool> {
        let Some(mut file) = self.file()? else { return Ok(true) };
        // Two bytes: a line of UTF-16 ends with one of them.
        let size = file.seek(io::SeekFrom::End(0))?;
        file.seek(io::SeekFrom::Start(size.saturating_sub(2)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end.is_empty() || end.iter().any(|byte| matches!(byte, b'\n' | b'\r')))
    }

    /// True when it does not exist, or holds nothing but white space.
    pub fn is_blank(&self) -> io::Result<bool> {
        let Some(file) = self.file()? else { return Ok(true) };
        for byte in BufReader::new(file).bytes() {
            if !byte?.is_ascii_whitespace() {
                return Ok(false);
            }
        }
        Ok(true)
    }
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
    /// Links in the path are resolved here, once: the path is a user's own word, what lies in a folder is not.
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

    /// Opens the file for a scan, after finishing or undoing what a killed run left. `None`: there is no book yet.
    /// `agreed`: something was agreed with this book.
    pub fn open_to_scan(&mut self, agreed: bool) -> Result<Option<(OpenVersion, Vec<Problem>)>, ReplicaError> {
        let folder = self.open_folder()?;
        let mut problems = Vec::new();
        let version = match folder {
            Some(folder) => {
                problems = self.tidy(&folder)?;
                self.open(folder)?
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

    /// Opens the file for one look; `None` if it is missing.
    pub fn open_to_look(&self) -> Result<Option<OpenVersion>, ReplicaError> {
        self.open_folder()?.map_or(Ok(None), |folder| self.open(folder))
    }

    /// Opens the file to replace it; no other carnet writes to its folder until the version is dropped.
    pub fn open_to_write(&mut self) -> Result<OpenVersion, ReplicaError> {
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
            return self.open(folder)?.ok_or_else(|| self.distrusted());
        }
        if self.trust == Trust::FirstUse {
            return Ok(OpenVersion { folder, present: None });
        }
        Err(self.distrusted())
    }

    /// Writes a copy of what the file is to be, beside it.
    pub fn stage<E: From<io::Error>>(
        &self,
        version: &OpenVersion,
        write: impl FnOnce(&mut Digesting<File>) -> Result<(), E>,
    ) -> Result<Staged, E> {
        version.folder.stage_by(self.name(), version.present.as_ref().map(|(entry, _)| entry), write)
    }

    /// Opens what was staged.
    pub fn open_staged(&self, version: &OpenVersion, staged: &Staged) -> Result<File, ReplicaError> {
        version.folder.open_staged(staged).map_err(|error| self.refused("read", &error))
    }

    /// Throws away what was staged.
    pub fn discard(&self, version: &OpenVersion, staged: Staged) {
        version.folder.discard(staged);
    }

    /// Puts what was staged in the place of the version with the digest `expected`, durably; none where no file was.
    pub fn put(
        &mut self,
        version: &OpenVersion,
        staged: Staged,
        expected: Option<&Digest>,
    ) -> Result<Replaced, ReplicaError> {
        let folder = &version.folder;
        if let Err(error) = folder.flush(&[&staged]) {
            folder.discard(staged);
            return Err(self.refused("write", &error));
        }
        let outcome = match expected {
            Some(digest) => folder.commit_over(staged, digest),
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

    fn open(&self, folder: Folder) -> Result<Option<OpenVersion>, ReplicaError> {
        let Some(entry) = self.entry(&folder)? else { return Ok(None) };
        match folder.open_file(self.name(), FILE_MAX) {
            Ok(file) => Ok(Some(OpenVersion { folder, present: Some((entry, file)) })),
            Err(unread) => self.unread(unread),
        }
    }

    fn entry(&self, folder: &Folder) -> Result<Option<Entry>, ReplicaError> {
        match folder.fetch(self.name()).map_err(|error| self.refused("look at", &error))? {
            Some(entry) if entry.regular && !folder.trusts(&entry) => {
                Err(self.rejected("it belongs to another user".into()))
            }
            other => Ok(other),
        }
    }

    fn unread<V>(&self, unread: Unread) -> Result<Option<V>, ReplicaError> {
        match unread {
            Unread::Missing => Ok(None),
            Unread::Failed(error) => Err(self.refused("read", &error)),
            Unread::NotAFile | Unread::TooLarge => Err(self.rejected(format!("it {}", unread.words()))),
        }
    }

    fn rejected(&self, message: String) -> ReplicaError {
        ReplicaError::Rejected(Diagnostic::new(format!("read {}: {message}", self.path.display())))
    }

    fn tidy(&self, folder: &Folder) -> Result<Vec<Problem>, ReplicaError> {
        let name = self.name();
        let saved = format!("{name}{SAVED}");
        let is_copy = |found: &str| copy_of(found).is_some_and(|original| original == name);
        let wanted = |found: &[u8]| {
            StagedFile::may_be(found)
                || found.starts_with(saved.as_bytes())
                || std::str::from_utf8(found).is_ok_and(is_copy)
        };
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
        let told = |place: String| {
            let (message, hint) = match (place.starts_with(&saved), is_copy(&place)) {
                (true, _) => (
                    "was saved by another program in the instant that carnet wrote this book",
                    "take over what is missing from it, then delete it".to_owned(),
                ),
                (false, true) => (COPY, self.about_copy(&place)),
                (false, false) => return None,
            };
            Some(Problem { place, message: message.to_owned(), hint: Some(hint), remote: None })
        };
        Ok(text(&list()?).into_iter().filter_map(told).collect())
    }

    /// What to do about a copy that a sync program set beside the file.
    fn about_copy(&self, copy: &str) -> String {
        let copy = self.parent().join(copy);
        format!(
            "`carnet import --dry-run \"{}\"` shows what it says beyond the book, and without --dry-run takes it in; then \
             delete it",
            copy.display()
        )
    }

    /// A refusal of the system, about this file.
    pub fn refused(&self, action: &str, error: &io::Error) -> ReplicaError {
        refused(&format!("{action} {}", self.path.display()), error)
    }

    fn distrusted(&self) -> ReplicaError {
        ReplicaError::Untrusted(Distrust::NoFile { book: self.book.clone(), path: self.path.display().to_string() })
    }
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
