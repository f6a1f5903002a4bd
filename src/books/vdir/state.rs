//! A vdir's revisions: `STAMP/DIGEST/UID`. The stamp lets an unchanged file be known unread, the digest says what was
//! agreed on, and the UID's digest lets a second file with the same UID be noticed without reading the first.

use crate::{
    books::{
        card_uids::uid_key,
        fs::{Digest, Fingerprint},
    },
    replica::Revision,
};

/// A revision taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State<'a> {
    fingerprint: &'a str,
    digest: &'a str,
    uid: &'a str,
}

impl<'a> State<'a> {
    /// Takes a revision apart; what is not one of ours equals nothing.
    pub fn parse(revision: &'a str) -> Self {
        let mut parts = revision.split('/');
        let mut next = || parts.next().unwrap_or("");
        Self { fingerprint: next(), digest: next(), uid: next() }
    }

    /// The digest of the bytes agreed on.
    pub fn digest(&self) -> Option<Digest> {
        Digest::parse(self.digest)
    }

    /// The UID's key, as [`uid_key`] gives it.
    pub fn uid(&self) -> Option<&'a str> {
        Some(self.uid).filter(|uid| !uid.is_empty())
    }

    /// The stamp; none where it proves nothing.
    pub fn fingerprint(&self) -> Option<&'a str> {
        Some(self.fingerprint).filter(|fingerprint| !fingerprint.is_empty())
    }
}

/// A revision; `stamp` is left out where it proves nothing yet.
pub fn revision(fingerprint: Option<&Fingerprint>, digest: &Digest, uid: Option<&str>) -> Revision {
    let fingerprint = fingerprint.map(Fingerprint::to_string).unwrap_or_default();
    format!("{fingerprint}/{digest}/{}", uid.map(uid_key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::fs::Folder;

    #[test]
    fn revisions_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let fingerprint = Folder::open(dir.path()).unwrap().fetch("a").unwrap().unwrap().fingerprint;
        let digest = Digest::of(b"x");
        let whole = revision(Some(&fingerprint), &digest, Some("U"));
        assert_eq!(State::parse(&whole).fingerprint(), Some(fingerprint.to_string().as_str()));
        assert_eq!(State::parse(&whole).digest(), Some(digest.clone()));
        assert_eq!(State::parse(&whole).uid(), Some(uid_key("u ").as_str()));

        let bare = revision(None, &digest, None);
        assert_eq!(State::parse(&bare).fingerprint(), None);
        assert_eq!(State::parse(&bare).uid(), None);
        for foreign in ["", "W/\"etag\"", "a/b/c/d"] {
            assert_eq!(State::parse(foreign).digest(), None, "{foreign}");
        }
    }
}
