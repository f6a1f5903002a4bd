//! Temporary files that a killed run left: each step that it was in is finished or undone from the file's name and
//! bytes alone.
//!
//! `.carnet-new-KEY-*.tmp` was never in place: it goes. `.carnet-swap-KEY-DIGEST-*.tmp` may hold, besides what we wrote
//! and what it was made from, a version that a user saved in that instant: that goes back in place or is set aside
//! as `NAME.carnet-saved`. It is never deleted.

use std::io;

use super::{Digest, Folder, Outcome, commit::key};

/// A temporary file of a run that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedFile {
    name: String,
    key: String,
    /// What carnet wrote, or meant to remove. None for a file that was never in place.
    swap: Option<Digest>,
}

/// What became of a left-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// It held nothing that is not elsewhere.
    Cleared,
    /// A user's version is in its place again.
    PutBack,
    /// A user's version was set aside under this name.
    Saved(String),
}

impl StagedFile {
    /// True for names that may be left-overs; for a first sieve.
    pub fn may_be(name: &[u8]) -> bool {
        name.starts_with(b".carnet-") && name.ends_with(b".tmp")
    }

    /// The left-over of this name, if it is one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let inner = name.strip_prefix(".carnet-")?.strip_suffix(".tmp")?;
        let parts: Vec<&str> = inner.split('-').collect();
        let (key, swap) = match parts[..] {
            ["new", key, _] => (key, None),
            ["swap", key, digest, _] => (key, Some(Digest::parse(digest)?)),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), key: key.to_owned(), swap })
    }

    /// True if this is the file that it was to replace.
    pub fn is_for(&self, target: &str) -> bool {
        self.key == key(target)
    }
}

impl Folder {
    /// Finishes or undoes the step that the left-over was part of.
    ///
    /// `target` is the file's name, if that is still known; `agreed` says of a digest whether the mirror already holds
    /// that version of it.
    pub fn recover(
        &self,
        leftover: &StagedFile,
        target: Option<&str>,
        agreed: impl Fn(&Digest) -> bool,
    ) -> io::Result<Recovered> {
        let StagedFile { name, key, swap } = leftover;
        let Some(ours) = swap else {
            self.drop_name(name);
            return Ok(Recovered::Cleared);
        };
        let held = match self.digest(name) {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recovered::Cleared),
            Err(error) => return Err(error),
        };
        let present = target.map(|target| self.digest(target));
        let elsewhere = present.as_ref().is_some_and(|present| present.as_ref().is_ok_and(|present| *present == held));
        if held == *ours || elsewhere || agreed(&held) {
            self.drop_name(name);
            return Ok(Recovered::Cleared);
        }
        let (Some(target), Some(present)) = (target, present) else {
            return Ok(Recovered::Saved(self.set_aside(name, key)?));
        };
        match present {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.move_to_free(name, target).is_ok() => {
                Ok(Recovered::PutBack)
            }
            Ok(present) if present == *ours => match self.exchange_back(name, target, ours) {
                Outcome::Done | Outcome::Stale => Ok(Recovered::PutBack),
                Outcome::Refused(error) | Outcome::Unsure(error) => Err(error),
            },
            _ => Ok(Recovered::Saved(self.set_aside(name, target)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A swap file holding `held`, the target holding `present`; ours is "ours", agreed is "old".
    fn check(held: &str, present: Option<&str>, known: bool, expected: (Recovered, &[(&str, &str)])) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let name = format!(".carnet-swap-{}-{}-0.tmp", key("a"), Digest::of(b"ours"));
        fs::write(dir.path().join(&name), held).unwrap();
        if let Some(present) = present {
            fs::write(dir.path().join("a"), present).unwrap();
        }
        let leftover = StagedFile::parse(&name).unwrap();
        assert!(leftover.is_for("a") && !leftover.is_for("b") && StagedFile::may_be(name.as_bytes()));
        let recovered =
            folder.recover(&leftover, known.then_some("a"), |digest| *digest == Digest::of(b"old")).unwrap();
        let after: Vec<_> = folder
            .names(|_| true)
            .unwrap()
            .into_iter()
            .map(|name| String::from_utf8(name).unwrap())
            .map(|name| (name.clone(), fs::read_to_string(dir.path().join(&name)).unwrap()))
            .collect();
        let after: Vec<_> = after.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!((recovered, after.as_slice()), expected, "{held} {present:?}");
    }

    #[test]
    fn a_persons_version_is_never_deleted() {
        use Recovered::{Cleared, PutBack, Saved};
        check("ours", Some("old"), true, (Cleared, &[("a", "old")]));
        check("old", Some("ours"), true, (Cleared, &[("a", "ours")]));
        check("old", None, true, (Cleared, &[]));
        check("edit", Some("ours"), true, (PutBack, &[("a", "edit")]));
        check("edit", None, true, (PutBack, &[("a", "edit")]));
        check("edit", Some("edit"), true, (Cleared, &[("a", "edit")]));
        let saved = || Saved("a.carnet-saved".into());
        check("edit", Some("newer"), true, (saved(), &[("a", "newer"), ("a.carnet-saved", "edit")]));
        let unknown = format!("{}.carnet-saved", key("a"));
        check("edit", None, false, (Saved(unknown.clone()), &[(&unknown, "edit")]));
    }

    #[test]
    fn only_our_own_names_are_touched() {
        for foreign in [".carnet-.tmp", ".carnet-swap-x.tmp", ".carnet-swap-k-nodigest-0.tmp", "a.vcf", ".carnet-book"]
        {
            assert_eq!(StagedFile::parse(foreign), None, "{foreign}");
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let staged = folder.stage("a", b"cut sho", None).unwrap();
        drop(staged);
        let names = folder.names(StagedFile::may_be).unwrap();
        let leftover = StagedFile::parse(std::str::from_utf8(&names[0]).unwrap()).unwrap();
        assert!(leftover.is_for("a"));
        assert_eq!(folder.recover(&leftover, Some("a"), |_| false).unwrap(), Recovered::Cleared);
        assert!(folder.names(|_| true).unwrap().is_empty());
    }
}
