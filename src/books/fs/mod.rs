//! A folder and the files in it, as books need them: looked at cheaply, read without following anything, written so
//! that nobody's edit is lost.
//!
//! All goes through one handle of the folder: a disk mounted or taken away in between cannot divert a write. Links are
//! never followed. What the bytes mean is not known here.

mod commit;
mod fingerprint;
mod recover;

use std::{
    fs::{DirBuilder, File},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags},
    io::Errno,
};

pub use commit::{Outcome, SAVED, Staged};
pub use fingerprint::{Digest, Digesting, Fingerprint, STEP_COARSE, STEP_FINE};
pub use recover::{Recovered, StagedFile};

use crate::replica::{Diagnostic, ReplicaError};

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    owner: u32,
    /// False where two names cannot be exchanged in one step, or where a test wants to see how it goes without.
    atomic: bool,
}

/// A name in a folder, looked at without opening it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The file's stamp.
    pub fingerprint: Fingerprint,
    /// An ordinary file: no folder, link, pipe, socket or device.
    pub regular: bool,
    /// The user who owns it.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// No such name.
    Missing,
    /// A folder, link, pipe, socket or device.
    NotAFile,
    /// More bytes than are read.
    TooLarge,
    /// The system's refusal.
    Failed(io::Error),
}

/// A file's bytes and the stamp that it had before they were read.
#[derive(Debug)]
pub struct Content {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Taken before reading, so that a change while reading shows as another stamp afterwards.
    pub fingerprint: Fingerprint,
    /// True when `stamp` proves the bytes: see [`Fingerprint`].
    pub settled: bool,
}

/// A file opened for reading, and the stamp that it had then.
#[derive(Debug)]
pub struct OpenFile {
    /// To be read.
    pub file: File,
    /// As in [`Content`].
    pub fingerprint: Fingerprint,
    /// As in [`Content`].
    pub settled: bool,
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let owner = rustix::fs::fstat(&fd)?.st_uid;
        Ok(Self { fd, path: path.to_owned(), owner, atomic: true })
    }

    /// Makes a folder for its owner alone (0700), those above it too, and opens it. It may exist.
    pub fn make(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names in the folder that `wanted` takes, sorted; `.` and `..` never. Bytes, since not every name is text.
    pub fn names(&self, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Vec<Vec<u8>>> {
        let mut names = self.each_name()?.filter(|name| name.as_ref().is_ok_and(|name| wanted(name)) || name.is_err());
        let mut names: Vec<Vec<u8>> = names.by_ref().collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// All names in the folder, `.` and `..` left out, in the folder's own order.
    pub fn each_name(&self) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
        let entries = Dir::read_from(&self.fd)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_bytes().to_owned()));
        Ok(names.filter(|name| !matches!(name.as_deref(), Ok(b"." | b".."))))
    }

    /// Looks at a name; `None` if it is not there.
    pub fn fetch(&self, name: &str) -> io::Result<Option<Entry>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Entry {
                fingerprint: Fingerprint::of(&stat),
                regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
                owner: stat.st_uid,
                group: stat.st_gid,
                mode: stat.st_mode & 0o7777,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// True when the entry belongs to us or to the folder's owner, who could replace it anyway.
    pub fn trusts(&self, entry: &Entry) -> bool {
        entry.owner == self.owner || own_user().is_none_or(|own| own == entry.owner)
    }

    /// Reads an ordinary file of at most `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> Result<Content, Unread> {
        let OpenFile { file, fingerprint, settled } = self.open_file(name, limit)?;
        let mut bytes = Vec::with_capacity(usize::try_from(fingerprint.size()).unwrap_or(0).saturating_add(1));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Unread::Failed)?;
        if bytes.len() as u64 > limit {
            return Err(Unread::TooLarge);
        }
        Ok(Content { bytes, fingerprint, settled })
    }

    /// Opens an ordinary file of at most `limit` bytes.
    pub fn open_file(&self, name: &str, limit: u64) -> Result<OpenFile, Unread> {
        // Without NONBLOCK, opening a pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => Unread::Missing,
            Errno::LOOP | Errno::NXIO => Unread::NotAFile,
            other => Unread::Failed(other.into()),
        })?;
        let stat = rustix::fs::fstat(&fd).map_err(|error| Unread::Failed(error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Unread::NotAFile);
        }
        let fingerprint = Fingerprint::of(&stat);
        let settled = fingerprint.is_settled(std::time::SystemTime::now());
        if fingerprint.size() > limit {
            return Err(Unread::TooLarge);
        }
        Ok(OpenFile { file: File::from(fd), fingerprint, settled })
    }

    /// Keeps other carnets from writing to this folder until it is dropped. False if one is writing now.
    pub fn lock(&self) -> bool {
        // Where folders cannot be locked, the lock of the run itself has to do.
        !matches!(rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
    }

    /// As on a system that cannot exchange two names in one step.
    #[cfg(test)]
    pub(crate) fn without_exchange(mut self) -> Self {
        self.atomic = false;
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing it is not enough: a program that another thread is starting holds it, and its lock, for an instant more.
        let _ = rustix::fs::flock(&self.fd, FlockOperation::Unlock);
    }
}

impl Unread {
    /// In words, for a problem's message.
    pub fn words(&self) -> String {
        match self {
            Unread::Missing => "is not there any more".into(),
            Unread::NotAFile => "is no ordinary file and is left alone".into(),
            Unread::TooLarge => "is too large and is left alone".into(),
            Unread::Failed(error) => format!("cannot be read: {}", reason(error)),
        }
    }
}

/// A refusal of the system as the port names it: whether a later try may succeed.
///
/// `action` reads after "failed to": "write ada.vcf".
pub fn refused(action: &str, error: &io::Error) -> ReplicaError {
    let diagnostic = Diagnostic::new(format!("{action}: {}", reason(error))).hint(remedy(error));
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename => ReplicaError::Rejected(diagnostic),
        _ => ReplicaError::Unavailable(diagnostic),
    }
}

/// The same in the middle of a write, which may have happened.
pub fn unsettled(action: &str, error: &io::Error) -> ReplicaError {
    ReplicaError::OutcomeUnknown(Diagnostic::new(format!("{action}: {}", reason(error))).hint(remedy(error)))
}

/// What to do about a refusal of the system.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "give this user the right to write there",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only",
        io::ErrorKind::NotADirectory => "the book's path must be a folder",
        io::ErrorKind::InvalidFilename => "this disk refuses such a name",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk",
        _ => "see the system's log, the disk may be failing; the next run tries again",
    }
}

/// The system's refusal as a lowercase fragment.
pub fn reason(error: &io::Error) -> String {
    let words = error.kind().to_string();
    if words == "uncategorized error" { error.to_string().to_lowercase() } else { words }
}

/// The user that this process writes as, where that can be told.
fn own_user() -> Option<u32> {
    static OWN: OnceLock<Option<u32>> = OnceLock::new();
    *OWN.get_or_init(|| {
        let process = std::fs::metadata("/proc/self");
        // Elsewhere: who owns what we make.
        process.or_else(|_| tempfile::tempfile()?.metadata()).ok().map(|metadata| metadata.uid())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn unread(folder: &Folder, name: &str) -> String {
        folder.read(name, 16).expect_err(name).words()
    }

    #[test]
    fn only_ordinary_files_within_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("a"), "0123456789abcdef").unwrap();
        std::fs::write(dir.path().join("long"), "0123456789abcdef!").unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        symlink("a", dir.path().join("link")).unwrap();
        rustix::fs::mknodat(&folder.fd, "pipe", FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();

        let content = folder.read("a", 16).unwrap();
        assert_eq!(content.bytes, b"0123456789abcdef");
        assert_eq!(content.fingerprint, folder.fetch("a").unwrap().unwrap().fingerprint);
        assert_eq!(unread(&folder, "long"), "is too large and is left alone");
        for other in ["folder", "link", "pipe"] {
            assert_eq!(unread(&folder, other), "is no ordinary file and is left alone", "{other}");
            assert!(!folder.fetch(other).unwrap().unwrap().regular, "{other}");
        }
        assert_eq!(unread(&folder, "none"), "is not there any more");
        assert!(folder.fetch("none").unwrap().is_none());
        assert_eq!(folder.names(|name| name != b"pipe").unwrap().len(), 4);
    }

    #[test]
    fn files_of_a_third_user_are_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "").unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        let ours = folder.fetch("a").unwrap().unwrap();
        let (own, landlord, stranger) = (ours.owner, ours.owner + 1, ours.owner + 2);
        let check = |folder: &Folder, owner: u32, expected: bool| {
            assert_eq!(folder.trusts(&Entry { owner, ..ours }), expected, "{owner} in a folder of {}", folder.owner);
        };
        check(&folder, own, true);
        check(&folder, landlord, false);
        // A folder of somebody else's who lets us in: his files and ours, and nobody else's.
        folder.owner = landlord;
        check(&folder, own, true);
        check(&folder, landlord, true);
        check(&folder, stranger, false);
    }

    #[test]
    fn a_made_folder_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("books/team");
        let folder = Folder::make(&path).unwrap();
        assert_eq!(folder.path(), path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(Folder::make(&path).is_ok(), "it may exist");
    }

    #[test]
    fn one_writer_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        assert!(first.lock());
        assert!(!Folder::open(dir.path()).unwrap().lock());
        // What a program holds between its start and its first instruction: another thread's, it knows of no lock.
        let started = rustix::io::dup(&first.fd).unwrap();
        drop(first);
        assert!(Folder::open(dir.path()).unwrap().lock());
        drop(started);
    }

    #[test]
    fn refusals_say_whether_to_try_again() {
        let named = |kind: io::ErrorKind| refused("write a.vcf", &kind.into());
        assert!(matches!(named(io::ErrorKind::PermissionDenied), ReplicaError::Rejected(_)));
        assert!(matches!(named(io::ErrorKind::StorageFull), ReplicaError::Unavailable(_)));
        assert_eq!(named(io::ErrorKind::PermissionDenied).to_string(), "write a.vcf: permission denied");
        let failing = io::Error::from_raw_os_error(5);
        for (error, settled) in [(refused("write a.vcf", &failing), true), (unsettled("write a.vcf", &failing), false)]
        {
            let (ReplicaError::Unavailable(diagnostic) | ReplicaError::OutcomeUnknown(diagnostic)) = &error else {
                panic!("a failing disk may work again: {error}")
            };
            assert_eq!(matches!(error, ReplicaError::Unavailable(_)), settled);
            assert!(diagnostic.hint.as_deref().is_some_and(|hint| hint.contains("failing")), "{diagnostic:?}");
        }
    }
}
