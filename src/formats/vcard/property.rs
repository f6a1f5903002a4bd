//! The part of a content line before its value: `group.name;parameters`.
//!
//! Only places are kept, never copies: the spelling of the card stays as it is. vCard 2.1 writes parameters without a
//! name (`TEL;HOME;VOICE:`), which come out here with an empty name.

use std::ops::Range;

/// The properties that carnet looks at; all others are `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prop {
    Begin,
    End,
    Version,
    Uid,
    Rev,
    ProdId,
    N,
    Fn,
    Org,
    Title,
    Note,
    Tel,
    Email,
    Adr,
    Impp,
    /// A messaging property of its own: X-AIM, X-SKYPE...
    XMessenger,
    Categories,
    Kind,
    /// The address as it is written on a letter, in 2.1 and 3.0.
    PostalLabel,
    /// SORT-STRING.
    SortKey,
    Label,
    AbAdr,
    ShowAs,
    CrmId,
    CrmItem,
    CrmCivility,
    CrmCountry,
    CrmFirm,
    CrmType,
    /// X-INCWO- and something this version does not know: ours, never handed on.
    CrmOther,
    Agent,
    Other,
    /// Not a content line: blank, no colon, text outside the card.
    Opaque,
}

const NAME_MAX: usize = 24;

impl Prop {
    fn of(name: &[u8]) -> Prop {
        if name.len() > NAME_MAX {
            return if name[..8].eq_ignore_ascii_case(b"X-INCWO-") { Prop::CrmOther } else { Prop::Other };
        }
        let mut upper = [0; NAME_MAX];
        for (to, from) in upper.iter_mut().zip(name) {
            *to = from.to_ascii_uppercase();
        }
        match &upper[..name.len()] {
            b"BEGIN" => Prop::Begin,
            b"END" => Prop::End,
            b"VERSION" => Prop::Version,
            b"UID" => Prop::Uid,
            b"REV" => Prop::Rev,
            b"PRODID" => Prop::ProdId,
            b"N" => Prop::N,
            b"FN" => Prop::Fn,
            b"ORG" => Prop::Org,
            b"TITLE" => Prop::Title,
            b"NOTE" => Prop::Note,
            b"TEL" | b"X-MS-TEL" => Prop::Tel,
            b"EMAIL" => Prop::Email,
            b"ADR" => Prop::Adr,
            b"IMPP" => Prop::Impp,
            b"X-AIM" | b"X-ICQ" | b"X-MSN" | b"X-YAHOO" | b"X-SKYPE" | b"X-SKYPE-USERNAME" => Prop::XMessenger,
            b"CATEGORIES" => Prop::Categories,
            b"KIND" | b"X-KIND" | b"X-ADDRESSBOOKSERVER-KIND" => Prop::Kind,
            b"LABEL" => Prop::PostalLabel,
            b"SORT-STRING" => Prop::SortKey,
            b"X-ABLABEL" => Prop::Label,
            b"X-ABADR" => Prop::AbAdr,
            b"X-ABSHOWAS" => Prop::ShowAs,
            b"X-INCWO-ID" => Prop::CrmId,
            b"X-INCWO-ITEM" => Prop::CrmItem,
            b"X-INCWO-CIVILITY" => Prop::CrmCivility,
            b"X-INCWO-COUNTRY" => Prop::CrmCountry,
            b"X-INCWO-FIRM-ID" => Prop::CrmFirm,
            b"X-INCWO-CONTACT-TYPE" => Prop::CrmType,
            b"AGENT" => Prop::Agent,
            upper if upper.starts_with(b"X-INCWO-") => Prop::CrmOther,
            _ => Prop::Other,
        }
    }
}

/// How the value's bytes are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    Plain,
    QuotedPrintable,
    Base64,
}

/// Where the parts of a line are in its unfolded content.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub prop: Prop,
    pub wrapping: Wrapping,
    /// Length of the group; 0 when there is none.
    pub group: usize,
    pub name: Range<usize>,
    /// The colon's place: parameters lie between the name and it, the value after it.
    pub colon: usize,
}

impl Head {
    /// Reads the head, or nothing when the colon is missing or what is before it is not a name.
    ///
    /// With `lenient`, an unbalanced quote does not hide the colon: 2.1 knows no quotes.
    pub fn parse(content: &[u8], lenient: bool) -> Option<Head> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        // Nearly always the first byte that is none of a name's ends it.
        let plain = content.iter().position(|byte| !is_name(byte))?;
        let name_end = plain + content[plain..].iter().position(|byte| matches!(byte, b':' | b';'))?;
        let full = content[..name_end].trim_ascii();
        if full.is_empty() || (name_end != plain && !full.iter().all(is_name)) {
            return None;
        }
        let start = content[..name_end].len() - content[..name_end].trim_ascii_start().len();
        let dot = full.iter().rposition(|byte| *byte == b'.');
        let (group, name) = match dot {
            Some(dot) if start == 0 => (dot, dot + 1..full.len()),
            Some(_) => return None,
            None => (0, start..start + full.len()),
        };
        if name.is_empty() {
            return None;
        }
        let colon = if content[name_end] == b':' {
            name_end
        } else {
            colon(content, name_end)
                .or_else(|| content.iter().position(|byte| *byte == b':').filter(|_| lenient))
                .filter(|colon| *colon > name_end)?
        };
        let prop = Prop::of(&content[name.clone()]);
        let mut head = Head { prop, wrapping: Wrapping::Plain, group, name, colon };
        if colon > name_end {
            head.wrapping = wrapping(head.params(content));
        }
        Some(head)
    }

    /// The parameters, as (name, value) slices; a nameless one has an empty name. Quotes are still on.
    pub fn params<'a>(&self, content: &'a [u8]) -> Params<'a> {
        Params { rest: &content[self.name.end..self.colon] }
    }
}

fn colon(content: &[u8], from: usize) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in content.iter().enumerate().skip(from) {
        match byte {
            b'"' => quoted = !quoted,
            b':' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn wrapping(params: Params<'_>) -> Wrapping {
    for (name, value) in params {
        if !(name.is_empty() || name.eq_ignore_ascii_case(b"ENCODING")) {
            continue;
        }
        if value.eq_ignore_ascii_case(b"QUOTED-PRINTABLE") {
            return Wrapping::QuotedPrintable;
        }
        if value.eq_ignore_ascii_case(b"BASE64") || (!name.is_empty() && value.eq_ignore_ascii_case(b"B")) {
            return Wrapping::Base64;
        }
    }
    Wrapping::Plain
}

/// The parameters of one line, in order.
#[derive(Clone)]
pub(super) struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.rest.iter().position(|byte| *byte == b';')? + 1;
            let body = &self.rest[start..];
            let (mut quoted, mut equals) = (false, None);
            let end = body.iter().enumerate().position(|(at, byte)| {
                match byte {
                    b'"' => quoted = !quoted,
                    b'=' if equals.is_none() => equals = Some(at),
                    b';' => return !quoted,
                    _ => {}
                }
                false
            });
            let (segment, rest) = body.split_at(end.unwrap_or(body.len()));
            self.rest = rest;
            return Some(match equals {
                Some(equals) => (segment[..equals].trim_ascii(), segment[equals + 1..].trim_ascii()),
                None if segment.trim_ascii().is_empty() => continue,
                None => (&[], segment.trim_ascii()),
            });
        }
    }
}

/// The single words of a parameter's value: `a,b`, `a\,b`, `"a,b"` and `"a","b"` are two.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b',' | b'"' | b'\\')).map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Group, property, parameters, value.
    type Parts<'a> = (&'a str, Prop, &'a [(&'a str, &'a str)], &'a str);

    fn check(content: &str, expected: Option<Parts<'_>>) {
        let bytes = content.as_bytes();
        let head = Head::parse(bytes, true);
        let text = |slice: &[u8]| String::from_utf8_lossy(slice).into_owned();
        let params: Vec<_> =
            head.iter().flat_map(|head| head.params(bytes)).map(|(name, value)| (text(name), text(value))).collect();
        let found = head.as_ref().map(|head| (&content[..head.group], head.prop, &content[head.colon + 1..]));
        assert_eq!(found, expected.map(|(group, prop, _, value)| (group, prop, value)), "{content}");
        let wanted: Vec<_> = expected
            .iter()
            .flat_map(|(_, _, params, _)| params.iter())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(params, wanted, "{content}");
    }

    #[test]
    fn heads_are_taken_apart() {
        check("TEL:1", Some(("", Prop::Tel, &[], "1")));
        check(
            "item1.tel;type=HOME;type=\"a;b:c\":2:3",
            Some(("item1", Prop::Tel, &[("type", "HOME"), ("type", "\"a;b:c\"")], "2:3")),
        );
        check("TEL;HOME;VOICE:x", Some(("", Prop::Tel, &[("", "HOME"), ("", "VOICE")], "x")));
        check("NOTE;X=\"open:y", Some(("", Prop::Note, &[("X", "\"open")], "y")));
        check("X-FOO ; TYPE = a :y", Some(("", Prop::Other, &[("TYPE", "a")], "y")));
        check("X-INCWO-SOMETHING-VERY-LONG-INDEED:1", Some(("", Prop::CrmOther, &[], "1")));
        check("no colon", None);
        check(":x", None);
        check("Hello world: x", None);
        check("", None);
        check(".:x", None);
    }

    #[test]
    fn wrappings_are_seen() {
        for (content, expected) in [
            ("NOTE;ENCODING=QUOTED-PRINTABLE:x", Wrapping::QuotedPrintable),
            ("NOTE;quoted-printable:x", Wrapping::QuotedPrintable),
            ("PHOTO;ENCODING=b:x", Wrapping::Base64),
            ("PHOTO;BASE64:x", Wrapping::Base64),
            ("PHOTO;B:x", Wrapping::Plain),
            ("NOTE:x", Wrapping::Plain),
        ] {
            assert_eq!(Head::parse(content.as_bytes(), true).map(|head| head.wrapping), Some(expected), "{content}");
        }
    }
}
