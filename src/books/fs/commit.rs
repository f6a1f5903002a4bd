//! Writing one file so that nobody's edit is lost: stage a copy beside it, flush, then commit in one step of the file
//! system and look at what came out.
//!
//! An update exchanges the two names; what comes out must be the version that the new one was made from, else the two
//! are exchanged back. So there is no instant in which a user's save could be overwritten unseen. A program that
//! keeps the old file open and writes into it after the exchange is beyond this; hardly any editor does.
//!
//! Names of staged files say enough to finish or undo the step after a crash: see `recover`.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Uid},
    io::Errno,
};
use uuid::Uuid;

use super::{Digest, Digesting, Entry, Fingerprint, Folder, OpenFile, Unread};

/// More files than this are flushed by flushing the disk once.
const FLUSH_SINGLY_MAX: usize = 32;

/// Larger files are not digested: no book is, and a file without end would be read for ever.
const DIGEST_MAX: u64 = 8 << 30;

/// A file written beside its target and not yet in its place.
#[derive(Debug)]
pub struct Staged {
    temp: String,
    target: String,
    digest: Digest,
    fingerprint: Fingerprint,
}

impl Staged {
    /// The stamp it had when it was written.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// How a commit went.
#[derive(Debug)]
pub enum Outcome {
    /// It is in place; durable once the folder is flushed.
    Done,
    /// Another version was there (or none, or one where none should be). Nothing changed.
    Stale,
    /// The system refused. Nothing changed.
    Refused(io::Error),
    /// The system refused half-way: it may have happened. The next scan finishes or undoes it.
    Unsure(io::Error),
}

impl Folder {
    /// Writes a copy of what `target` is to be, not yet flushed. It gets the rights of `like`, else 0600.
    pub fn stage(&self, target: &str, bytes: &[u8], like: Option<&Entry>) -> io::Result<Staged> {
        self.stage_by(target, like, |out| out.write_all(bytes))
    }

    /// The same with what `write` writes.
    pub fn stage_by<E: From<io::Error>>(
        &self,
        target: &str,
        like: Option<&Entry>,
        write: impl FnOnce(&mut Digesting<File>) -> Result<(), E>,
    ) -> Result<Staged, E> {
        let temp = format!(".carnet-new-{}-{}.tmp", key(target), Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, &temp, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?;
        let file = File::from(fd);
        let mut out = Digesting::new(file);
        let written = write(&mut out).and_then(|()| {
            let (digest, file) = out.end();
            if let Some(like) = like {
                keep_rights(&file, like)?;
            }
            let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
            Ok(Staged { temp: temp.clone(), target: target.to_owned(), digest, fingerprint: Fingerprint::of(&stat) })
        });
        written.inspect_err(|_| self.drop_name(&temp))
    }

    /// Opens a staged file, to look at what was written.
    pub fn open_staged(&self, staged: &Staged) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, &staged.temp, flags, Mode::empty())?))
    }

    /// Makes staged files durable.
    pub fn flush(&self, staged: &[&Staged]) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if staged.len() > FLUSH_SINGLY_MAX {
            return Ok(rustix::fs::syncfs(&self.fd)?);
        }
        for file in staged {
            let fd = rustix::fs::openat(&self.fd, &file.temp, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::fsync(fd)?;
        }
        Ok(())
    }

    /// Makes commits durable.
    pub fn flush_names(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Throws a staged file away.
    pub fn discard(&self, staged: Staged) {
        self.drop_name(&staged.temp);
    }

    /// Puts a staged file where no file is.
    pub fn commit_new(&self, staged: Staged) -> Outcome {
        match self.move_to_free(&staged.temp, &staged.target) {
            Ok(()) => Outcome::Done,
            Err(error) => {
                self.drop_name(&staged.temp);
                if error == Errno::EXIST { Outcome::Stale } else { Outcome::Refused(error.into()) }
            }
        }
    }

    /// Puts a staged file where a file with the digest `expected` is.
    pub fn commit_over(&self, staged: Staged, expected: &Digest) -> Outcome {
        if !self.atomic {
            return self.compare_and_rename(&staged.temp, &staged.target, expected);
        }
        let swap = swap_name(&staged.target, &staged.digest);
        if let Err(error) = rustix::fs::renameat(&self.fd, &staged.temp, &self.fd, &swap) {
            self.drop_name(&staged.temp);
            return Outcome::Refused(error.into());
        }
        match self.exchange(&swap, &staged.target) {
            Ok(()) if self.digest(&swap).is_ok_and(|came_out| came_out == *expected) => self.clear(&swap),
            Ok(()) => self.exchange_back(&swap, &staged.target, &staged.digest),
            Err(error) if is_unsupported(error) => self.compare_and_rename(&swap, &staged.target, expected),
            Err(error) => {
                self.drop_name(&swap);
                if error == Errno::NOENT { Outcome::Stale } else { Outcome::Refused(error.into()) }
            }
        }
    }

    /// Removes the file with the digest `expected`.
    pub fn remove(&self, target: &str, expected: &Digest) -> Outcome {
        match self.digest(target) {
            Ok(present) if present == *expected => {}
            Ok(_) => return Outcome::Stale,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::Stale,
            Err(error) => return Outcome::Refused(error),
        }
        let swap = swap_name(target, expected);
        match rustix::fs::renameat(&self.fd, target, &self.fd, &swap) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Outcome::Stale,
            Err(error) => return Outcome::Refused(error.into()),
        }
        // Saved between the look and the renaming: the edit goes back.
        if !self.digest(&swap).is_ok_and(|came_out| came_out == *expected) {
            return match self.move_to_free(&swap, target).or_else(|_| self.set_aside(&swap, target).map(drop)) {
                Ok(()) => Outcome::Stale,
                Err(error) => Outcome::Unsure(error.into()),
            };
        }
        self.clear(&swap)
    }

    /// Ends a commit. While the old version is still about, the next scan may undo it: so it is not done yet.
    fn clear(&self, swap: &str) -> Outcome {
        match rustix::fs::unlinkat(&self.fd, swap, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Outcome::Done,
            Err(error) => Outcome::Unsure(error.into()),
        }
    }

    /// Undoes an exchange: what came out was not what the new version was made from.
    pub(super) fn exchange_back(&self, swap: &str, target: &str, ours: &Digest) -> Outcome {
        let undone = match self.exchange(swap, target) {
            Err(Errno::NOENT) => return settled(self.move_to_free(swap, target)),
            other => other,
        };
        if let Err(error) = undone {
            return Outcome::Unsure(error.into());
        }
        if self.digest(swap).is_ok_and(|came_out| came_out == *ours) {
            self.drop_name(swap);
            return Outcome::Stale;
        }
        // Saved yet again in between: the newest goes in place, the one before it is set aside.
        settled(self.exchange(swap, target).and_then(|()| self.set_aside(swap, target)).map(drop))
    }

    /// Renames a file to `TARGET.carnet-saved`, or such with a number, and gives that name.
    pub(super) fn set_aside(&self, name: &str, target: &str) -> Result<String, Errno> {
        let target = if target.len() > 200 { key(target) } else { target.to_owned() };
        let mut last = Errno::EXIST;
        for number in 1..100 {
            let saved = match number {
                1 => format!("{target}{SAVED}"),
                number => format!("{target}{SAVED}-{number}"),
            };
            match self.move_to_free(name, &saved) {
                Ok(()) => return Ok(saved),
                Err(Errno::EXIST) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Renames without ever replacing.
    pub(super) fn move_to_free(&self, from: &str, to: &str) -> Result<(), Errno> {
        let (fd, none) = (&self.fd, AtFlags::empty());
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        if self.atomic {
            match rustix::fs::renameat_with(fd, from, fd, to, RenameFlags::NOREPLACE) {
                Err(error) if is_unsupported(error) => {}
                other => return other,
            }
        }
        match rustix::fs::linkat(fd, from, fd, to, none) {
            Ok(()) => rustix::fs::unlinkat(fd, from, none),
            // No links either (FAT): the one place where another program could slip in between.
            Err(error) if is_unsupported(error) => match rustix::fs::statat(fd, to, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(fd, from, fd, to),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// The digest of an ordinary file's bytes. One that is larger than any book is none that was read or written here.
    pub(super) fn digest(&self, name: &str) -> io::Result<Digest> {
        match self.open_file(name, DIGEST_MAX) {
            Ok(OpenFile { file, .. }) => Digest::of_all(file.take(DIGEST_MAX)),
            Err(Unread::Missing) => Err(io::ErrorKind::NotFound.into()),
            Err(Unread::Failed(error)) => Err(error),
            Err(Unread::NotAFile | Unread::TooLarge) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(super) fn drop_name(&self, name: &str) {
        // What stays is found by the next scan.
        let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn exchange(&self, one: &str, other: &str) -> Result<(), Errno> {
        if !self.atomic {
            return Err(Errno::NOSYS);
        }
        rustix::fs::renameat_with(&self.fd, one, &self.fd, other, RenameFlags::EXCHANGE)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn exchange(&self, _one: &str, _other: &str) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    fn compare_and_rename(&self, temp: &str, target: &str, expected: &Digest) -> Outcome {
        let outcome = match self.digest(target) {
            Ok(present) if present == *expected => match rustix::fs::renameat(&self.fd, temp, &self.fd, target) {
                Ok(()) => return Outcome::Done,
                Err(error) => Outcome::Refused(error.into()),
            },
            Ok(_) => Outcome::Stale,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Stale,
            Err(error) => Outcome::Refused(error),
        };
        self.drop_name(temp);
        outcome
    }
}

/// What names of files set aside end in.
pub const SAVED: &str = ".carnet-saved";

/// What stands for a target in the names of its temporary files: it may be too long to be a part of them.
pub(super) fn key(target: &str) -> String {
    Digest::of(target.as_bytes()).short().to_owned()
}

fn swap_name(target: &str, digest: &Digest) -> String {
    format!(".carnet-swap-{}-{digest}-{}.tmp", key(target), &Uuid::new_v4().simple().to_string()[..8])
}

fn settled(done: Result<(), Errno>) -> Outcome {
    match done {
        Ok(()) => Outcome::Stale,
        Err(error) => Outcome::Unsure(error.into()),
    }
}

fn is_unsupported(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::PERM].contains(&error)
}

/// Gives a file the owner and the permission bits of the one that it replaces, as far as we may.
fn keep_rights(file: &File, like: &Entry) -> io::Result<()> {
    let own = rustix::fs::fstat(file)?;
    let owner = (own.st_uid != like.owner).then(|| Uid::from_raw(like.owner));
    let group = (own.st_gid != like.group).then(|| Gid::from_raw(like.group));
    // Only root may give files away; a group that we are not in stays ours. Neither is worth a lost write.
    let same_group = group.is_none() || rustix::fs::fchown(file, None, group).is_ok();
    let _ = owner.map(|owner| rustix::fs::fchown(file, Some(owner), None));
    // Another group must not get rights that were meant for the old one.
    let mode = if same_group { like.mode & 0o777 } else { like.mode & 0o707 };
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn folder(atomic: bool) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        (dir, if atomic { folder } else { folder.without_exchange() })
    }

    fn holds(dir: &tempfile::TempDir) -> Vec<(String, String)> {
        let mut all: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
            .collect();
        all.sort();
        all
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
    }

    #[test]
    fn each_commit_happens_whole_or_not_at_all() {
        for atomic in [true, false] {
            let (dir, folder) = folder(atomic);
            let staged = folder.stage("a", b"one", None).unwrap();
            folder.flush(&[&staged]).unwrap();
            assert!(matches!(folder.commit_new(staged), Outcome::Done));
            assert!(matches!(folder.commit_new(folder.stage("a", b"x", None).unwrap()), Outcome::Stale));

            let over = |text: &str, from: &str| {
                folder.commit_over(folder.stage("a", text.as_bytes(), None).unwrap(), &Digest::of(from.as_bytes()))
            };
            assert!(matches!(over("two", "one"), Outcome::Done));
            assert!(matches!(over("three", "one"), Outcome::Stale));
            assert_eq!(holds(&dir), pairs(&[("a", "two")]), "atomic: {atomic}");

            assert!(matches!(folder.remove("a", &Digest::of(b"one")), Outcome::Stale));
            assert!(matches!(folder.remove("a", &Digest::of(b"two")), Outcome::Done));
            assert!(matches!(folder.remove("a", &Digest::of(b"two")), Outcome::Stale));
            assert!(matches!(over("four", "two"), Outcome::Stale), "it is gone");
            assert_eq!(holds(&dir), [], "atomic: {atomic}");
        }
    }

    #[test]
    fn a_save_after_the_exchange_stays_in_place() {
        let (dir, folder) = folder(true);
        // As if our "ours" had been exchanged for a user's "first", and they then saved "second" over it.
        let swap = swap_name("a", &Digest::of(b"ours"));
        fs::write(dir.path().join(&swap), "first").unwrap();
        fs::write(dir.path().join("a"), "second").unwrap();
        assert!(matches!(folder.exchange_back(&swap, "a", &Digest::of(b"ours")), Outcome::Stale));
        assert_eq!(holds(&dir), pairs(&[("a", "second"), ("a.carnet-saved", "first")]));
    }

    #[test]
    fn rights_are_kept_and_new_files_are_private() {
        let (dir, folder) = folder(true);
        let path = dir.path().join("a");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(matches!(folder.commit_new(folder.stage("a", b"one", None).unwrap()), Outcome::Done));
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        let like = folder.fetch("a").unwrap();
        let staged = folder.stage("a", b"two", like.as_ref()).unwrap();
        assert!(matches!(folder.commit_over(staged, &Digest::of(b"one")), Outcome::Done));
        assert_eq!(mode(), 0o664);
    }

    #[test]
    fn many_are_flushed_at_once() {
        let (dir, folder) = folder(true);
        let staged: Vec<_> = (0..40).map(|n| folder.stage(&format!("f{n}"), b"x", None).unwrap()).collect();
        folder.flush(&staged.iter().collect::<Vec<_>>()).unwrap();
        for staged in staged {
            assert!(matches!(folder.commit_new(staged), Outcome::Done));
        }
        folder.flush_names().unwrap();
        assert_eq!(holds(&dir).len(), 40);
    }
}
