//! Reads `DAV:multistatus` (RFC 4918, 13; RFC 6578, 6.2), response by response.

use super::element::{Element, Ns, Scope, opened, read_inside};
use crate::xml::{NotWhole, Token, XmlReader};

/// Why a text is no multistatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DavError {
    /// Not one whole XML document.
    #[error("{0}")]
    NotWhole(#[from] NotWhole),
    /// XML, of something else.
    #[error("the XML's root element is not `DAV:multistatus`")]
    WrongRoot,
    /// A response that names nothing.
    #[error("a response names no resource")]
    NoHref,
}

/// What is said of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    /// Its address as written.
    pub href: String,
    /// The status of the whole resource, where one is given: 404 of what is gone, 507 of a listing that was cut.
    pub status: Option<u16>,
    /// Its properties, by status.
    pub propstats: Vec<PropStat<'a>>,
}

/// Properties that share a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropStat<'a> {
    /// Their status.
    pub status: u16,
    /// `DAV:prop`.
    pub prop: Element<'a>,
}

impl<'a> Response<'a> {
    /// A property that the resource has.
    pub fn property(&self, ns: Ns, local: &str) -> Option<&Element<'a>> {
        let good = self.propstats.iter().filter(|propstat| (200..=299).contains(&propstat.status));
        good.flat_map(|propstat| &propstat.prop.children).find(|property| property.is(ns, local))
    }

    /// The text of a property that the resource has; none for an empty one.
    pub fn text(&self, ns: Ns, local: &str) -> Option<String> {
        let text = self.property(ns, local).map(|property| property.trimmed().to_owned());
        text.filter(|text| !text.is_empty())
    }

    /// True where the resource itself is denied.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, Some(404 | 410))
    }

    /// True for an address book (RFC 6352, 5.2).
    pub fn is_address_book(&self) -> bool {
        self.property(Ns::Dav, "resourcetype").is_some_and(|kind| kind.holds(Ns::CardDav, "addressbook"))
    }

    /// True for a collection.
    pub fn is_collection(&self) -> bool {
        self.property(Ns::Dav, "resourcetype").is_some_and(|kind| kind.holds(Ns::Dav, "collection"))
    }
}

/// What stands behind the responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    /// `DAV:sync-token`.
    pub sync_token: Option<String>,
}

/// Hands the responses over one by one. Only at the end is it known that the document is whole: what was taken before an
/// error is not to be believed.
pub fn read_multistatus<'a>(text: &'a str, take: &mut dyn FnMut(Response<'a>)) -> Result<Tail, DavError> {
    let mut reader = XmlReader::new(text);
    let mut scope = Scope::default();
    let Some(Token::Open { name, attributes, .. }) = reader.next_token()? else { return Err(DavError::WrongRoot) };
    let (root, _) = opened(name, attributes, &mut scope);
    if !root.is(Ns::Dav, "multistatus") {
        return Err(DavError::WrongRoot);
    }
    let mut tail = Tail::default();
    while let Some(token) = reader.next_token()? {
        let Token::Open { name, attributes, .. } = token else { continue };
        let child = opened(name, attributes, &mut scope);
        let child = read_inside(&mut reader, &mut scope, child)?;
        if child.is(Ns::Dav, "response") {
            responses(child, take)?;
        } else if child.is(Ns::Dav, "sync-token") {
            tail.sync_token = Some(child.trimmed().to_owned()).filter(|token| !token.is_empty());
        }
    }
    Ok(tail)
}

/// A `DAV:response` may name several resources that share a status.
fn responses<'a>(element: Element<'a>, take: &mut dyn FnMut(Response<'a>)) -> Result<(), DavError> {
    let mut hrefs: Vec<String> = element.all(Ns::Dav, "href").map(|href| href.trimmed().to_owned()).collect();
    let status = element.child(Ns::Dav, "status").and_then(|status| status_of(&status.text));
    let mut propstats = Vec::new();
    for child in element.children {
        if !child.is(Ns::Dav, "propstat") {
            continue;
        }
        // A status that cannot be read is none that says yes.
        let status = child.child(Ns::Dav, "status").and_then(|status| status_of(&status.text)).unwrap_or(500);
        if let Some(prop) = child.children.into_iter().find(|child| child.is(Ns::Dav, "prop")) {
            propstats.push(PropStat { status, prop });
        }
    }
    hrefs.retain(|href| !href.is_empty());
    let last = hrefs.pop().ok_or(DavError::NoHref)?;
    for href in hrefs {
        take(Response { href, status, propstats: propstats.clone() });
    }
    take(Response { href: last, status, propstats });
    Ok(())
}

/// The number in `HTTP/1.1 404 Not Found`.
pub fn status_of(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    words.next().filter(|word| word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("http/")))?;
    words.next()?.parse().ok().filter(|status| (100..=999).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each response in one line: href, status, etag, kind.
    fn read(text: &str) -> Result<(Vec<String>, Option<String>), DavError> {
        let mut lines = Vec::new();
        let tail = read_multistatus(text, &mut |response| {
            let etag = response.property(Ns::Dav, "getetag").map(|etag| etag.trimmed().to_owned());
            let kind = if response.is_address_book() { "book" } else { "" };
            let status = response.status.map(|status| status.to_string()).unwrap_or_default();
            lines.push(format!("{} {status} {} {kind}", response.href, etag.unwrap_or_default()).trim().to_owned());
        })?;
        Ok((lines, tail.sync_token))
    }

    const WHOLE: &str = "<?xml version=\"1.0\"?>\n<d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\">\
        <d:response><d:href>/b/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:addressbook/>\
        </d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>\
        <d:response><d:href>/b/a%20b.vcf</d:href><d:propstat><d:prop><d:getetag>\"1&amp;2\"</d:getetag></d:prop>\
        <d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><d:displayname/></d:prop>\
        <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>\
        <d:response><d:href>/b/x.vcf</d:href><d:href>/b/y.vcf</d:href><d:status>HTTP/1.1 404 Not Found</d:status>\
        </d:response><d:sync-token>data:,7</d:sync-token></d:multistatus>";

    #[test]
    fn a_whole_answer_is_read_response_by_response() {
        let expected = ["/b/   book", "/b/a%20b.vcf  \"1&2\"", "/b/x.vcf 404", "/b/y.vcf 404"];
        let (lines, token) = read(WHOLE).expect("a whole answer");
        assert_eq!(
            (lines.iter().map(String::as_str).collect::<Vec<_>>(), token.as_deref()),
            (expected.to_vec(), Some("data:,7"))
        );
    }

    #[test]
    fn an_answer_cut_at_any_byte_is_no_answer() {
        for at in 0..WHOLE.len() {
            assert!(read(&WHOLE[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_not_a_multistatus_is_an_error() {
        for text in [
            "",
            "<html><body/></html>",
            "<multistatus/>",
            "<multistatus xmlns=\"urn:x\"/>",
            "<d:multistatus xmlns:d=\"DAV:\"/><d:multistatus xmlns:d=\"DAV:\"/>",
            "<d:multistatus xmlns:d=\"DAV:\"><d:response/></d:multistatus>",
            "<!DOCTYPE x><d:multistatus xmlns:d=\"DAV:\"/>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("<multistatus xmlns=\"DAV:\"/>"), Ok((Vec::new(), None)));
    }

    #[test]
    fn prefixes_are_what_they_are_declared_to_be_where_they_stand() {
        let text = "<x:multistatus xmlns:x=\"DAV:\" xmlns=\"urn:other\"><x:response><x:href>/a</x:href>\
            <propstat/><x:propstat xmlns:y=\"urn:ietf:params:xml:ns:carddav\"><x:prop><getetag>no</getetag>\
            <getetag xmlns=\"DAV:\">yes</getetag><x:resourcetype><y:addressbook/></x:resourcetype></x:prop>\
            <x:status>HTTP/1.1 200</x:status></x:propstat></x:response></x:multistatus>";
        assert_eq!(read(text), Ok((vec!["/a  yes book".to_owned()], None)));
    }

    #[test]
    fn statuses_are_the_second_word() {
        for (line, status) in [
            ("HTTP/1.1 200 OK", Some(200)),
            (" HTTP/1.0  404 ", Some(404)),
            ("http/2 507", Some(507)),
            ("200 OK", None),
            ("HTTP/1.1 OK", None),
            ("", None),
        ] {
            assert_eq!(status_of(line), status, "{line}");
        }
    }
}
