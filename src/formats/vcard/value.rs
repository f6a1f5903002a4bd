//! A content line's value as text: transfer encoding, character set, escapes, components.
//!
//! Order matters: components are cut before quoted-printable is decoded (`=3B` is a semicolon of the text), and after the
//! character set is (a Shift_JIS letter may hold a backslash byte). Base64 is decoded where it wraps a text, as SyncML clients
//! do; pictures and keys never are.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    Version,
    property::{Head, Params, Prop, Wrapping, words},
};

/// A content line, looked at.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub content: &'a [u8],
    pub head: &'a Head,
    pub version: Version,
}

impl<'a> View<'a> {
    /// The group, as spelt; empty when there is none.
    pub fn group(&self) -> &'a [u8] {
        &self.content[..self.head.group]
    }

    /// The property's name, as spelt, without the group.
    pub fn name(&self) -> &'a [u8] {
        &self.content[self.head.name.clone()]
    }

    /// The parameters, in order.
    pub fn params(&self) -> Params<'a> {
        self.head.params(self.content)
    }

    /// The first parameter of this name, without quotes.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.params().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        Some(in_charset(bare, None))
    }

    /// True when a parameter of this name has this word among its values.
    pub fn has(&self, name: &str, word: &str) -> bool {
        self.params()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .any(|(_, value)| words(value).any(|found| found.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// The value's bytes as they stand.
    pub fn bytes(&self) -> &'a [u8] {
        &self.content[self.head.colon + 1..]
    }

    /// True for base64 that stays base64: a picture, a key, whatever is no text.
    pub fn is_blob(&self) -> bool {
        self.head.wrapping == Wrapping::Base64 && !is_text(self.head.prop)
    }

    /// The whole value as text, unescaped.
    pub fn text(&self) -> Cow<'a, str> {
        self.finished(self.escaped())
    }

    fn finished(&self, part: Cow<'a, str>) -> Cow<'a, str> {
        let is_loose = self.version == Version::V21 && self.head.wrapping == Wrapping::Plain;
        clean(unescape(if is_loose { loosely_unescaped(part) } else { part }, self.version))
    }

    /// The whole value decoded but with its escapes still on.
    pub fn escaped(&self) -> Cow<'a, str> {
        self.decoded(self.bytes())
    }

    /// The value's components (cut at `;`), unescaped.
    pub fn components(&self) -> Vec<Cow<'a, str>> {
        self.cut(b';')
    }

    /// The components as they stand, escapes and all; none where an encoding lies over them or the version has escapes of
    /// its own.
    pub fn raw_components(&self) -> Vec<String> {
        if self.head.wrapping != Wrapping::Plain || self.version == Version::V21 {
            return Vec::new();
        }
        let text = self.escaped();
        cut(text.as_bytes(), b';', self.version).into_iter().map(|range| text[range].to_owned()).collect()
    }

    /// The values of a list (cut at `,`), unescaped and trimmed, empty ones left out.
    pub fn list(&self) -> Vec<String> {
        let values = self.cut(b',');
        values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    fn cut(&self, separator: u8) -> Vec<Cow<'a, str>> {
        let finish = |part| self.finished(part);
        if self.head.wrapping == Wrapping::QuotedPrintable {
            return cut(self.bytes(), separator, self.version)
                .into_iter()
                .map(|range| finish(self.decoded(&self.bytes()[range])))
                .collect();
        }
        match self.escaped() {
            Cow::Borrowed(text) => {
                let ranges = cut(text.as_bytes(), separator, self.version);
                ranges.into_iter().map(|range| finish(Cow::Borrowed(&text[range]))).collect()
            }
            Cow::Owned(text) => {
                let ranges = cut(text.as_bytes(), separator, self.version);
                ranges.into_iter().map(|range| finish(Cow::Owned(text[range].to_owned()))).collect()
            }
        }
    }

    fn decoded(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        let charset = || self.param("CHARSET");
        match self.head.wrapping {
            Wrapping::QuotedPrintable => {
                Cow::Owned(in_charset(&from_quoted_printable(bytes), charset().as_deref()).into_owned())
            }
            // A plain ASCII or UTF-8 value is read as such even where CHARSET says so in other words.
            Wrapping::Plain if bytes.is_ascii() => in_charset(bytes, None),
            Wrapping::Plain if self.head.colon == self.head.name.end => in_charset(bytes, None),
            Wrapping::Plain => in_charset(bytes, charset().as_deref()),
            Wrapping::Base64 => match Some(bytes).filter(|_| is_text(self.head.prop)).and_then(from_base64) {
                Some(text) => Cow::Owned(in_charset(&text, charset().as_deref()).into_owned()),
                None => in_charset(bytes, None),
            },
        }
    }
}

/// Bytes as text: the named character set, else UTF-8 if valid, else windows-1252.
fn in_charset<'a>(bytes: &'a [u8], charset: Option<&str>) -> Cow<'a, str> {
    if let Some(encoding) = charset.and_then(|label| named(label, bytes)) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The character set of this name, where the bytes can be in it: "US-ASCII" says nothing of bytes beyond ASCII, text
/// without a zero byte is no UTF-16, and a few old names stand for "not decoded at all".
fn named(label: &str, bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
    let is_wide = [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE].contains(&encoding);
    let is_empty_word = encoding == encoding_rs::REPLACEMENT || label.trim().to_ascii_lowercase().ends_with("ascii");
    (encoding != encoding_rs::UTF_8 && !is_empty_word && (!is_wide || bytes.contains(&0))).then_some(encoding)
}

/// True for what is text to the model, however it is wrapped.
fn is_text(prop: Prop) -> bool {
    use Prop::{Adr, Categories, Email, Fn, N, Note, Org, Tel, Title};
    matches!(prop, N | Fn | Org | Title | Note | Tel | Email | Adr | Categories)
}

/// What the base64 wraps; none for what is no base64, or no text.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    // Folds leave blanks, and not everybody pads.
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let out = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(digits).ok()?;
    (!out.is_empty() && !out.contains(&0)).then_some(out)
}

fn from_quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'=', [high, low, after @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                out.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                after
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

/// The ranges between unescaped separators.
fn cut(bytes: &[u8], separator: u8, version: Version) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::with_capacity(8);
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'\\' && (version != Version::V21 || matches!(bytes.get(at + 1), Some(b';' | b','))) {
            at += 2;
        } else {
            if bytes[at] == separator {
                ranges.push(start..at);
                start = at + 1;
            }
            at += 1;
        }
    }
    ranges.push(start..bytes.len());
    ranges
}

/// Takes the escapes off. 3.0 and 4.0 know `\\ \; \, \n \N`, and `\:` which some programs write; 2.1 knows only `\;`. A
/// backslash before anything else is a backslash.
pub(super) fn unescape(text: Cow<'_, str>, version: Version) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let escaped = match (char, chars.peek(), version) {
            ('\\', Some(';'), _) => Some(';'),
            ('\\', Some(next @ ('\\' | ',' | ':')), Version::V30 | Version::V40) => Some(*next),
            ('\\', Some('n' | 'N'), Version::V30 | Version::V40) => Some('\n'),
            _ => None,
        };
        if escaped.is_some() {
            chars.next();
        }
        out.push(escaped.unwrap_or(char));
    }
    Cow::Owned(out)
}

/// What phones and converters write in 2.1 cards although 2.1 has no such escapes: `\n` and `\,`. Nothing is touched in a
/// value that looks like a path (`C:\new`, `\\server\name`), nor in a quoted-printable one, which needs no escapes.
fn loosely_unescaped(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_path = || text.contains(":\\") || text.contains("\\\\");
    if !["\\n", "\\N", "\\,"].iter().any(|escape| text.contains(escape)) || is_path() {
        return text;
    }
    text.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").into()
}

/// Line ends as `\n`, no other control characters but tabs: what a contact's text may hold.
pub(super) fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_dropped = |byte: u8| byte < b' ' && !matches!(byte, b'\n' | b'\t') || byte == 0x7f;
    // All of it, without a stop at the first one: that goes many bytes at a time.
    if !text.bytes().fold(false, |found, byte| found | is_dropped(byte)) {
        return text;
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(lines.chars().filter(|char| !u8::try_from(*char).is_ok_and(is_dropped)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, line: &[u8], expected: &[&str]) {
        let head = Head::parse(line, true).expect("a content line");
        let view = View { content: line, head: &head, version };
        assert_eq!(view.components(), expected, "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn components_are_cut_and_unescaped() {
        check(Version::V30, br"N:a\;b;c\,d,e;\\;f\nG\N", &["a;b", "c,d,e", "\\", "f\nG\n"]);
        check(Version::V40, br"N:C:\Temp\:x", &["C:\\Temp:x"]);
        check(Version::V21, br"N:a\;b;C:\new\\;d\,e", &["a;b", "C:\\new\\;d\\,e"]);
        check(Version::V21, br"N:a\nb\Nc;d\, e;\\srv\new;\x", &["a\nb\nc", "d, e", "\\\\srv\\new", "\\x"]);
        check(Version::V21, br"N;QUOTED-PRINTABLE:a\nb\,c", &["a\\nb\\,c"]);
        check(Version::V30, b"N:", &[""]);
        check(Version::V30, b"NOTE:a\rb\x00c", &["a\nbc"]);
    }

    #[test]
    fn encodings_are_taken_off() {
        check(Version::V21, b"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=89=3B;x=zz=4", &["É;", "x=zz=4"]);
        check(Version::V21, b"N;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:=C9", &["É"]);
        check(Version::V21, b"N;QUOTED-PRINTABLE:=C9", &["É"]);
        check(Version::V30, b"N:\xc9", &["É"]);
        check(Version::V30, b"N;CHARSET=windows-1251:\xc9", &["Й"]);
        check(Version::V30, b"N;CHARSET=Shift_JIS:\x83\x5c;b", &["ソ", "b"]);
        check(Version::V21, b"NOTE;QUOTED-PRINTABLE:a=0D=0Ab", &["a\nb"]);
        check(Version::V21, b"N;CHARSET=HZ-GB-2312;QUOTED-PRINTABLE:=C3=89", &["É"]);
        check(Version::V21, b"N;CHARSET=US-ASCII;QUOTED-PRINTABLE:=C3=89", &["É"]);
        check(Version::V21, b"N;ENCODING=BASE64;CHARSET=ISO-8859-1:6Tt6", &["é", "z"]);
        check(Version::V30, b"N;ENCODING=b:RHVwb250O0plYW4=", &["Dupont", "Jean"]);
        check(Version::V30, b"N;ENCODING=b:Dupont!", &["Dupont!"]);
        check(Version::V30, b"X-A;ENCODING=b:RHVwb250", &["RHVwb250"]);
        check(Version::V30, b"N;CHARSET=UTF-7:\xc3\x89", &["É"]);
        check(Version::V30, b"N;CHARSET=UTF-16:\xc3\x89", &["É"]);
        check(Version::V30, b"N;CHARSET=UTF-8:\xc9", &["É"]);
        check(Version::V30, b"N;CHARSET=\"KOI8-R\":\xea", &["Й"]);
        check(Version::V30, b"N;CHARSET=GBK:\xc0\xee", &["李"]);
    }

    #[test]
    fn lists_are_cut() {
        let line = br"CATEGORIES:a, b\,c,,d";
        let head = Head::parse(line, true).expect("a content line");
        assert_eq!(View { content: line, head: &head, version: Version::V30 }.list(), ["a", "b,c", "d"]);
    }
}
