//! Names of properties, as requests ask for them and answers repeat them: any namespace, also one unknown here.

use std::borrow::Cow;

use super::element::{Element, Ns};

/// What declares the prefixes of [`Name::write`] on a document's root.
pub(super) const NAMESPACES: &str =
    "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\" xmlns:S=\"http://calendarserver.org/ns/\"";

/// A property's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name<'a> {
    /// Its namespace, if it is one that is known here.
    pub ns: Ns,
    /// Its namespace's name; empty for none.
    pub uri: Cow<'a, str>,
    /// Its name there.
    pub local: Cow<'a, str>,
}

impl Name<'static> {
    /// A name in a known namespace.
    pub const fn known(ns: Ns, local: &'static str) -> Self {
        let uri = match ns {
            Ns::Dav => "DAV:",
            Ns::CardDav => "urn:ietf:params:xml:ns:carddav",
            Ns::CalendarServer => "http://calendarserver.org/ns/",
            Ns::Other => "",
        };
        Self { ns, uri: Cow::Borrowed(uri), local: Cow::Borrowed(local) }
    }
}

impl<'a> Name<'a> {
    /// The name of an element.
    pub fn of(element: &Element<'a>) -> Self {
        Self { ns: element.ns, uri: element.uri.clone(), local: Cow::Borrowed(element.local) }
    }

    /// True for this name.
    pub fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    /// Writes `<name>INSIDE</name>`, or `<name/>` where nothing is inside. What is inside is XML already.
    pub fn write(&self, out: &mut String, inside: &str) {
        let (prefix, declared) = match self.ns {
            Ns::Dav => ("D:", false),
            Ns::CardDav => ("C:", false),
            Ns::CalendarServer => ("S:", false),
            Ns::Other if self.uri.is_empty() => ("", false),
            Ns::Other => ("X:", true),
        };
        out.push('<');
        self.push(out, prefix);
        if declared {
            let mut uri = String::new();
            escape_into(&mut uri, &self.uri);
            out.push_str(" xmlns:X=\"");
            out.push_str(&uri.replace('"', "&quot;"));
            out.push('"');
        }
        if inside.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(inside);
        out.push_str("</");
        self.push(out, prefix);
        out.push('>');
    }

    fn push(&self, out: &mut String, prefix: &str) {
        out.push_str(prefix);
        out.push_str(&self.local);
    }
}

/// Writes a text so that it is read back as it is: a CR as a reference, since XML turns a bare one into a line feed. What no
/// XML may hold is written as U+FFFD.
pub fn escape_into(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, char) in text.char_indices() {
        let reference = match char {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\r' => "&#13;",
            '\t' | '\n' => continue,
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        out.push_str(reference);
        plain = at + char.len_utf8();
    }
    out.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dav::element::read_document;
    use proptest::prelude::*;

    #[test]
    fn names_are_written_in_their_namespace() {
        let check = |uri: &str, inside: &str, expected: &str| {
            let name = Name { ns: Ns::of(uri), uri: uri.into(), local: "a".into() };
            let mut out = String::new();
            name.write(&mut out, inside);
            assert_eq!(out, expected);
        };
        check("DAV:", "", "<D:a/>");
        check("urn:ietf:params:xml:ns:carddav", "x", "<C:a>x</C:a>");
        check("http://calendarserver.org/ns/", "", "<S:a/>");
        check("", "x", "<a>x</a>");
        check("urn:\"x\"", "y", "<X:a xmlns:X=\"urn:&quot;x&quot;\">y</X:a>");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            uri in prop_oneof![Just("DAV:".to_owned()), Just(String::new()), "[ -~é]{1,8}"],
            text in "([ -~é\r\n\t]|\r\n){0,12}",
        ) {
            let name = Name { ns: Ns::of(&uri), uri: uri.as_str().into(), local: "b".into() };
            let (mut inside, mut out) = (String::new(), format!("<root {NAMESPACES}>"));
            escape_into(&mut inside, &text);
            name.write(&mut out, &inside);
            out.push_str("</root>");
            let root = read_document(&out).unwrap();
            prop_assert_eq!(&Name::of(&root.children[0]), &name);
            prop_assert_eq!(root.children[0].text.as_ref(), text.as_str());
        }
    }
}
