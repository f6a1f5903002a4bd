//! Addresses in answers. Servers spell one resource in several ways (percent-encoded or raw, `@` or `%40`, with a host or
//! without, a bare name): what is compared is the path, decoded segment by segment.

use std::borrow::Cow;

/// A resource's path, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Href {
    segments: Vec<String>,
}

impl Href {
    /// The path of an address as an answer spells it; `base` is what a bare name is in.
    pub fn parse(href: &str, base: &Href) -> Self {
        let path = path(href);
        match path.strip_prefix('/') {
            Some(path) => Self { segments: segments(path) },
            None => Self { segments: base.segments.iter().cloned().chain(segments(path)).collect() },
        }
    }

    /// The path of an absolute address.
    pub fn of_path(path: &str) -> Self {
        Self { segments: segments(path.trim_start_matches('/')) }
    }

    /// Its parts, decoded.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The name of a resource directly in this collection; none for the collection itself, for what is deeper or elsewhere.
    pub fn name_of<'h>(&self, href: &'h Href) -> Option<&'h str> {
        let (name, folder) = href.segments.split_last()?;
        (folder == self.segments).then_some(name.as_str())
    }
}

/// The path of an address. A scheme that is not http's is a name with a colon in it.
fn path(href: &str) -> &str {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let start = href.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &href[scheme.len()..])
    });
    match rest {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => href,
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment).into_owned()).collect()
}

/// Decodes `%41`; what is no such thing is left as it is, since some servers write names raw.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return segment.into();
    }
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = pair.and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| {
            pair.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
        });
        match value {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    // Raw bytes of another encoding: the name is kept as it was spelled.
    String::from_utf8(out).map_or_else(|_| segment.into(), Cow::Owned)
}

/// A segment of a path, encoded: all but RFC 3986's unreserved characters.
pub fn encode_segment(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(href: &str, name: Option<&str>) {
        let book = Href::of_path("/dav/al%20ice/book/");
        let found = Href::parse(href, &book);
        assert_eq!(book.name_of(&found), name, "{href}");
    }

    #[test]
    fn one_resource_has_one_name_however_it_is_spelled() {
        check("/dav/al%20ice/book/a%20b%3B%C3%A9%40x.vcf", Some("a b;é@x.vcf"));
        check("/dav/al ice/book/a b;é@x.vcf", Some("a b;é@x.vcf"));
        check("https://host:8/dav/al%20ice/book/a%20b;%c3%a9@x.vcf", Some("a b;é@x.vcf"));
        check("HTTP://host/dav//al%20ice/book/h%i", Some("h%i"));
        check("a:b.vcf", Some("a:b.vcf"));
        check("mailto:x@y", Some("mailto:x@y"));
        check("/dav/al%20ice/book", None);
        check("/dav/al%20ice/book/", None);
        check("/dav/al%20ice/book/deeper/x.vcf", None);
        check("/dav/bob/book/x.vcf", None);
        check("https://host", None);
    }

    #[test]
    fn a_name_that_holds_a_slash_stays_one_segment() {
        let book = Href::of_path("/b/");
        let path_of = |name| format!("/b/{}", encode_segment(name));
        assert_eq!(path_of("x%2Fy.vcf"), "/b/x%252Fy.vcf");
        let slash = Href::parse("/b/x%2Fy.vcf", &book);
        assert_eq!(book.name_of(&slash), Some("x/y.vcf"));
        assert_eq!(path_of("x/y.vcf"), "/b/x%2Fy.vcf");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_found_again(name in "[^\u{0}]{1,20}") {
            let book = Href::of_path("/dav/é/");
            let path = format!("/dav/{}/{}", encode_segment("é"), encode_segment(&name));
            prop_assert!(path.is_ascii());
            let href = Href::parse(&path, &book);
            prop_assert_eq!(book.name_of(&href), Some(name.as_str()));
        }
    }
}
