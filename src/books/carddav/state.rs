//! Revisions of cards on a server: `DIGEST/UID/ETAG`.
//!
//! An ETag alone proves little: one server gives a card that was deleted and made again its old one, three change it where
//! nothing changed. The digest says what was agreed on, and the UID's key lets a second card with the same UID be noticed
//! without reading the first.

use crate::{
    books::{card_uids::uid_key, fs::Digest},
    replica::Revision,
};

/// A revision taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State<'a> {
    digest: &'a str,
    uid: &'a str,
    etag: &'a str,
}

impl<'a> State<'a> {
    /// Takes a revision apart; what is not one of ours equals nothing.
    pub fn parse(revision: &'a str) -> Self {
        let mut parts = revision.splitn(3, '/');
        let mut next = || parts.next().unwrap_or("");
        Self { digest: next(), uid: next(), etag: next() }
    }

    /// The digest of what was agreed on.
    pub fn digest(&self) -> Option<Digest> {
        Digest::parse(self.digest)
    }

    /// The UID's key.
    pub fn uid(&self) -> Option<&'a str> {
        Some(self.uid).filter(|uid| !uid.is_empty())
    }

    /// True where our own write left it, and nobody has read it back.
    pub fn is_unproved(&self) -> bool {
        self.etag.is_empty() && !self.digest.is_empty()
    }

    /// True where the server still names the state that was agreed on.
    pub fn has_etag(&self, etag: Option<&str>) -> bool {
        !self.etag.is_empty() && etag.map(etag_key) == Some(self.etag)
    }
}

/// A revision; without an ETag where the server's is not proved to be that of these bytes.
pub fn revision(etag: Option<&str>, digest: &Digest, uid: Option<&str>) -> Revision {
    format!("{}/{}/{}", digest.as_str(), uid.map(uid_key).unwrap_or_default(), etag.map(etag_key).unwrap_or_default())
}

/// What an ETag says, however it is spelled: some list it without its quotes, some call it weak, and web servers that compress
/// an answer mark it.
pub fn etag_key(etag: &str) -> &str {
    let bare = etag.trim();
    let bare = bare.strip_prefix("W/").unwrap_or(bare).trim_matches('"');
    bare.strip_suffix("-gzip").unwrap_or(bare)
}

/// The ETag as If-Match takes it: one strong quoted one; none where the server has only a weak one, which never matches.
pub fn strong(etag: &str) -> Option<String> {
    let etag = etag.trim();
    let plain = !etag.starts_with("W/") && !etag.is_empty() && etag.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    plain.then(|| format!("\"{}\"", etag.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_read_back() {
        let digest = Digest::of(b"x");
        let whole = revision(Some("\"a/b\""), &digest, Some("U"));
        let state = State::parse(&whole);
        assert_eq!((state.digest(), state.uid()), (Some(digest.clone()), Some(uid_key("u ").as_str())));
        for same in ["\"a/b\"", "a/b", "W/\"a/b\"", "\"a/b-gzip\""] {
            assert!(state.has_etag(Some(same)), "{same}");
        }
        assert!(!state.has_etag(Some("\"a/c\"")) && !state.has_etag(None));
        let bare = revision(None, &digest, None);
        assert!(!State::parse(&bare).has_etag(None) && !State::parse(&bare).has_etag(Some("\"\"")));
        assert_eq!(State::parse(&bare).uid(), None);
        assert_eq!(State::parse("W/\"etag\"").digest(), None);
    }

    #[test]
    fn preconditions_name_one_strong_etag() {
        for (etag, expected) in
            [("\"x\"", Some("\"x\"")), ("x", Some("\"x\"")), ("W/\"x\"", None), ("", None), ("a\nb", None)]
        {
            assert_eq!(strong(etag).as_deref(), expected, "{etag}");
        }
    }
}
