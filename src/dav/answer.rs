//! Writes `DAV:multistatus` (RFC 4918, 13) and `DAV:error` (RFC 4918, 16), as [`super::read_multistatus`] reads them.

use std::fmt::Write;

use super::{
    element::Ns,
    name::{NAMESPACES, Name, escape_into},
};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// What is written of a multistatus is handed on in pieces of about so many bytes.
const PIECE: usize = 1 << 16;

/// A multistatus in the making; what is whole of it goes into `W`, so that a long one need not be in memory.
#[derive(Debug)]
pub struct Multistatus<W = String> {
    out: String,
    into: W,
    /// Bytes that are in `into`.
    passed_on: usize,
}

/// Properties that a resource has or has not, to be written as its propstats.
#[derive(Debug, Default)]
pub struct Found<'n> {
    /// What it has, as XML.
    have: String,
    /// What it was asked for and has not.
    lack: Vec<&'n Name<'n>>,
}

impl<'n> Found<'n> {
    /// A property that it has; what is inside is XML already.
    pub fn has(&mut self, name: &Name<'_>, inside: &str) {
        name.write(&mut self.have, inside);
    }

    /// A property that it has, as a text.
    pub fn has_text(&mut self, name: &Name<'_>, text: &str) {
        let mut inside = String::with_capacity(text.len() + text.len() / 16);
        escape_into(&mut inside, text);
        self.has(name, &inside);
    }

    /// A property that it has not.
    pub fn lacks(&mut self, name: &'n Name<'n>) {
        self.lack.push(name);
    }
}

impl Default for Multistatus {
    fn default() -> Self {
        Self::new(String::new())
    }
}

impl<W: Write> Multistatus<W> {
    /// Writes into this; where a piece cannot be taken, it is for `into` to remember.
    pub fn new(into: W) -> Self {
        Self { out: format!("{HEAD}<D:multistatus {NAMESPACES}>\n"), into, passed_on: 0 }
    }

    /// What is said of one resource; without `lacking`, what it has not is not mentioned (RFC 8144, 2.1).
    pub fn properties(&mut self, href: &str, found: &Found<'_>, lacking: bool) {
        self.open(href);
        let lack = if lacking { found.lack.as_slice() } else { &[] };
        if !found.have.is_empty() || lack.is_empty() {
            self.propstat(&found.have, "200 OK");
        }
        if !lack.is_empty() {
            let names = lack.iter().fold(String::new(), |mut names, name| {
                name.write(&mut names, "");
                names
            });
            self.propstat(&names, "404 Not Found");
        }
        self.close();
    }

    /// Properties that were not changed, and why.
    pub fn refused(&mut self, href: &str, names: &[Name<'_>], condition: Condition, why: &str) {
        self.open(href);
        let names = names.iter().fold(String::new(), |mut out, name| {
            name.write(&mut out, "");
            out
        });
        self.propstat_with(&names, "403 Forbidden", |out| {
            out.push_str("<D:error>");
            condition.name().write(out, "");
            out.push_str("</D:error>");
            text(out, "responsedescription", why);
        });
        self.close();
    }

    /// What is said of a whole resource: 404 of what is gone, 507 of a list that was cut.
    pub fn status(&mut self, href: &str, status: Status) {
        self.open(href);
        self.out.push_str("<D:status>HTTP/1.1 ");
        self.out.push_str(status.line());
        self.out.push_str("</D:status>");
        if status == Status::Cut {
            self.out.push_str("<D:error><D:number-of-matches-within-limits/></D:error>");
        }
        self.close();
    }

    /// How much there is so far.
    pub fn byte_count(&self) -> usize {
        self.passed_on + self.out.len()
    }

    /// The whole document.
    pub fn finish(mut self, sync_token: Option<&str>) -> W {
        if let Some(token) = sync_token {
            text(&mut self.out, "sync-token", token);
            self.out.push('\n');
        }
        self.out.push_str("</D:multistatus>\n");
        self.pass_on();
        self.into
    }

    fn pass_on(&mut self) {
        // It remembers itself what it could not take.
        let _ = self.into.write_str(&self.out);
        self.passed_on += self.out.len();
        self.out.clear();
    }

    fn open(&mut self, href: &str) {
        self.out.push_str("<D:response>");
        text(&mut self.out, "href", href);
    }

    fn close(&mut self) {
        self.out.push_str("</D:response>\n");
        if self.out.len() >= PIECE {
            self.pass_on();
        }
    }

    fn propstat(&mut self, inside: &str, status: &str) {
        self.propstat_with(inside, status, |_| ());
    }

    fn propstat_with(&mut self, inside: &str, status: &str, more: impl FnOnce(&mut String)) {
        self.out.push_str("<D:propstat><D:prop>");
        self.out.push_str(inside);
        self.out.push_str("</D:prop><D:status>HTTP/1.1 ");
        self.out.push_str(status);
        self.out.push_str("</D:status>");
        more(&mut self.out);
        self.out.push_str("</D:propstat>");
    }
}

/// The status of a whole resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is not there.
    NotFound,
    /// There is more of it than was told.
    Cut,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::NotFound => "404 Not Found",
            Status::Cut => "507 Insufficient Storage",
        }
    }
}

/// A precondition that does not hold, as RFC 4918, 3253, 3744, 6352 and 6578 name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// PROPFIND is not answered to any depth.
    FinitePropfind,
    /// The property is the server's.
    ProtectedProperty,
    /// There is no such report here.
    SupportedReport,
    /// The sync token is nobody's.
    ValidSyncToken,
    /// The privilege is not granted.
    NeedPrivileges,
    /// The filter is not known.
    SupportedFilter,
    /// The collation is not known.
    SupportedCollation,
    /// The media type, or its version, is not served or taken.
    SupportedData,
    /// The card cannot be had as this media type.
    SupportedConversion,
    /// The body is not a card.
    ValidData,
    /// The card is too large.
    MaxSize,
    /// Another card has the UID.
    NoUidConflict,
}

impl Condition {
    fn name(self) -> Name<'static> {
        let (ns, local) = match self {
            Condition::FinitePropfind => (Ns::Dav, "propfind-finite-depth"),
            Condition::ProtectedProperty => (Ns::Dav, "cannot-modify-protected-property"),
            Condition::SupportedReport => (Ns::Dav, "supported-report"),
            Condition::ValidSyncToken => (Ns::Dav, "valid-sync-token"),
            Condition::NeedPrivileges => (Ns::Dav, "need-privileges"),
            Condition::SupportedFilter => (Ns::CardDav, "supported-filter"),
            Condition::SupportedCollation => (Ns::CardDav, "supported-collation"),
            Condition::SupportedData => (Ns::CardDav, "supported-address-data"),
            Condition::SupportedConversion => (Ns::CardDav, "supported-address-data-conversion"),
            Condition::ValidData => (Ns::CardDav, "valid-address-data"),
            Condition::MaxSize => (Ns::CardDav, "max-resource-size"),
            Condition::NoUidConflict => (Ns::CardDav, "no-uid-conflict"),
        };
        Name::known(ns, local)
    }
}

/// `DAV:error` with this precondition; `inside` is XML already, `why` is for whoever reads it.
pub fn error(condition: Condition, inside: &str, why: &str) -> String {
    let mut out = format!("{HEAD}<D:error {NAMESPACES}>");
    condition.name().write(&mut out, inside);
    text(&mut out, "responsedescription", why);
    out.push_str("</D:error>\n");
    out
}

/// `<D:href>` of an address.
pub fn href(address: &str) -> String {
    let mut out = String::new();
    text(&mut out, "href", address);
    out
}

fn text(out: &mut String, local: &str, text: &str) {
    out.push_str("<D:");
    out.push_str(local);
    out.push('>');
    escape_into(out, text);
    out.push_str("</D:");
    out.push_str(local);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dav::{element::read_document, read_multistatus};

    const ETAG: Name<'static> = Name::known(Ns::Dav, "getetag");
    const DATA: Name<'static> = Name::known(Ns::CardDav, "address-data");

    #[test]
    fn what_lacks_is_named_unless_less_is_preferred() {
        let unknown = Name { ns: Ns::Other, uri: "urn:x".into(), local: "y".into() };
        let check = |has: bool, lacks: bool, lacking: bool, expected: &[u16]| {
            let mut found = Found::default();
            if has {
                found.has_text(&ETAG, "\"1\"");
            }
            if lacks {
                found.lacks(&unknown);
            }
            let mut written = Multistatus::default();
            written.properties("/a", &found, lacking);
            let (text, mut statuses) = (written.finish(None), Vec::new());
            read_multistatus(&text, &mut |response| {
                statuses.extend(response.propstats.iter().map(|propstat| propstat.status));
            })
            .unwrap();
            assert_eq!(statuses, expected, "{text}");
        };
        check(true, true, true, &[200, 404]);
        check(true, true, false, &[200]);
        check(false, true, true, &[404]);
        check(false, true, false, &[200]);
        check(false, false, true, &[200]);
    }

    #[test]
    fn errors_are_whole_documents() {
        let text = error(Condition::NoUidConflict, &href("/a b"), "another card <x> & \"y\"");
        let root = read_document(&text).unwrap();
        assert!(root.is(Ns::Dav, "error"));
        let conflict = root.child(Ns::CardDav, "no-uid-conflict").unwrap();
        assert_eq!(conflict.child(Ns::Dav, "href").unwrap().text, "/a b");
        assert_eq!(root.child(Ns::Dav, "responsedescription").unwrap().text, "another card <x> & \"y\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            cards in proptest::collection::vec(("[ -~é]{1,12}", "([ -~é\t\r\n]|\r\n){1,40}", any::<bool>()), 0..6),
            token in proptest::option::of("[!-~]{1,12}"),
        ) {
            let (etag, mut written) = (ETAG, Multistatus::default());
            for (href, data, is_there) in &cards {
                if *is_there {
                    let mut found = Found::default();
                    found.has_text(&ETAG, "\"1\"");
                    found.has_text(&DATA, data);
                    found.lacks(&etag);
                    written.properties(href, &found, true);
                } else {
                    written.status(href, Status::NotFound);
                }
            }
            let text = written.finish(token.as_deref());
            let mut read = Vec::new();
            let tail = read_multistatus(&text, &mut |response| {
                let data = response.property(Ns::CardDav, "address-data").map(|data| data.text.clone().into_owned());
                read.push((response.href.clone(), data, response.status));
            });
            let expected: Vec<_> = cards
                .iter()
                .filter(|(href, ..)| !href.trim().is_empty())
                .map(|(href, data, is_there)| {
                    (href.trim().to_owned(), is_there.then(|| data.clone()), (!is_there).then_some(404))
                })
                .collect();
            // An address of blanks alone is none, which no server writes.
            prop_assume!(expected.len() == cards.len());
            prop_assert_eq!(read, expected);
            prop_assert_eq!(tail.unwrap().sync_token, token);
        }
    }
}
