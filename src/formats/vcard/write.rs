//! Text to content lines: escapes, quoted-printable for 2.1, folds.
//!
//! No line can be smuggled in: whatever the text holds, one call gives one logical line.

use super::{
    Version,
    value::{clean, unescape},
};

/// The longest physical line, in octets, line end not counted (RFC 2426 2.6, RFC 6350 3.2).
const WIDTH: usize = 75;

/// What a line's value is written from.
pub(super) enum Value<'a> {
    /// One text.
    Text(&'a str),
    /// Components, joined by `;`.
    Components(&'a [String]),
    /// A list, joined by `,`.
    List(&'a [String]),
    /// A URI or a number: as it stands, control characters dropped.
    Plain(&'a str),
    /// A value in 3.0 escaping of a property that carnet does not know.
    Escaped(&'a str),
}

/// Writes lines in a card's own manner.
#[derive(Clone, Copy)]
pub(super) struct LineWriter {
    pub version: Version,
    pub eol: &'static str,
}

impl LineWriter {
    /// A content line with its folds and line end. `head` is group, name and parameters, without ENCODING and CHARSET.
    pub fn line(self, head: &[u8], value: &Value<'_>) -> Vec<u8> {
        let mut line = head.to_vec();
        match self.version {
            Version::V30 | Version::V40 => {
                line.push(b':');
                line.extend_from_slice(escaped(value).as_bytes());
                self.folded(&line)
            }
            Version::V21 => self.line21(line, value),
        }
    }

    /// A line whose value is base64: folded the same way in every version.
    pub fn base64(self, head: &[u8], value: &str) -> Vec<u8> {
        let mut line = head.to_vec();
        line.push(b':');
        line.extend(value.bytes().filter(u8::is_ascii_graphic));
        self.folded(&line)
    }

    fn line21(self, mut line: Vec<u8>, value: &Value<'_>) -> Vec<u8> {
        let parts: Vec<String> = match value {
            Value::Text(text) | Value::Plain(text) => vec![tidy(text)],
            Value::Components(parts) => parts.iter().map(|part| tidy(part)).collect(),
            Value::List(values) => vec![tidy(&values.join(","))],
            Value::Escaped(text) => components30(text),
        };
        // A semicolon has a meaning between components only. In a text, `\;` alone must not be taken for an escape.
        let is_text = matches!(value, Value::Text(_) | Value::Plain(_) | Value::List(_));
        let (seen, written) = if is_text { ("\\;", "\\\\;") } else { (";", "\\;") };
        let is_plain = parts.iter().all(|part| part.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\\'));
        let length: usize = parts.iter().map(String::len).sum();
        // A short value is not worth an encoding, even behind a long head.
        if is_plain && (line.len() + length < WIDTH || length < WIDTH / 2) {
            line.push(b':');
            let parts: Vec<String> = parts.iter().map(|part| part.replace(seen, written)).collect();
            line.extend_from_slice(parts.join(";").as_bytes());
            line.extend_from_slice(self.eol.as_bytes());
            return line;
        }
        line.extend_from_slice(b";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:");
        let mut width = line.len();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                line.push(b';');
                width += 1;
            }
            for byte in part.replace(seen, written).replace('\n', "\r\n").bytes() {
                self.quoted(byte, is_text, &mut line, &mut width);
            }
        }
        line.extend_from_slice(self.eol.as_bytes());
        line
    }

    fn quoted(self, byte: u8, is_text: bool, line: &mut Vec<u8>, width: &mut usize) {
        let begins_line = *width + 4 > WIDTH;
        if begins_line {
            line.push(b'=');
            line.extend_from_slice(self.eol.as_bytes());
            *width = 0;
        }
        // A space would be lost at a line's end, and a line must not look like BEGIN, END or AGENT.
        let is_risky = begins_line && byte.is_ascii_alphabetic();
        if (b'!'..=b'~').contains(&byte) && !matches!(byte, b'=' | b'\\') && (is_text || byte != b';') && !is_risky {
            line.push(byte);
            *width += 1;
        } else {
            line.extend_from_slice(format!("={byte:02X}").as_bytes());
            *width += 3;
        }
    }

    fn folded(self, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(line.len() + line.len() / 32 + 4);
        let mut rest = line;
        let mut room = WIDTH;
        while rest.len() > room {
            // Continuation bytes of a character stay with its first one.
            let cut = (1..=room).rev().find(|at| rest[*at] & 0xc0 != 0x80).unwrap_or(room);
            out.extend_from_slice(&rest[..cut]);
            out.extend_from_slice(self.eol.as_bytes());
            out.push(b' ');
            rest = &rest[cut..];
            room = WIDTH - 1;
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(self.eol.as_bytes());
        out
    }
}

fn tidy(text: &str) -> String {
    clean(text.into()).into_owned()
}

fn escaped(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => escape(text),
        Value::Components(parts) => parts.iter().map(|part| escape(part)).collect::<Vec<_>>().join(";"),
        Value::List(values) => values.iter().map(|value| escape(value)).collect::<Vec<_>>().join(","),
        Value::Plain(text) | Value::Escaped(text) => tidy(text).replace('\n', ""),
    }
}

/// Text with 3.0 and 4.0 escapes.
pub(in crate::formats) fn escape(text: &str) -> String {
    let text = clean(text.into());
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\\' | ';' | ',' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            char => out.push(char),
        }
    }
    out
}

/// The components of a value in 3.0 escaping, unescaped.
pub(super) fn components30(escaped: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_escape = false;
    for char in escaped.chars() {
        if char == ';' && !is_escape {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(char);
        }
        is_escape = char == '\\' && !is_escape;
    }
    parts.into_iter().map(|part| tidy(&unescape(part.into(), Version::V30))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::vcard::{line::spans, value::View};

    const EOL: &str = "\r\n";

    /// What a written line reads as.
    fn reading<T>(version: Version, raw: &[u8], look: impl Fn(View<'_>) -> T) -> T {
        let spans = spans(raw, |span| span);
        assert_eq!(spans.len(), 1, "one logical line: {}", String::from_utf8_lossy(raw));
        let head = spans[0].head.as_ref().expect("a content line");
        look(View { content: spans[0].content(raw), head, version })
    }

    #[test]
    fn lines_are_folded_and_escaped() {
        let pen = LineWriter { version: Version::V30, eol: EOL };
        assert_eq!(pen.line(b"NOTE", &Value::Text("a;b,c\\d\ne\x07")), b"NOTE:a\\;b\\,c\\\\d\\ne\r\n");
        let long = pen.line(b"NOTE", &Value::Text(&"é".repeat(60)));
        assert!(long.split(|byte| *byte == b'\n').all(|line| std::str::from_utf8(line).is_ok() && line.len() <= 76));
        let pen = LineWriter { version: Version::V21, eol: "\n" };
        assert_eq!(
            pen.line(b"NOTE", &Value::Text("é\n")),
            b"NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=A9=0D=0A\n"
        );
        assert_eq!(pen.line(b"TEL;HOME", &Value::Text("01;2")), b"TEL;HOME:01;2\n");
        assert_eq!(pen.line(b"N", &Value::Components(&["a;b".into(), "c".into()])), b"N:a\\;b;c\n");
        let long = format!("TEL;X-CUSTOM({})", "x".repeat(80));
        assert_eq!(pen.line(long.as_bytes(), &Value::Text("01 02")), format!("{long}:01 02\n").as_bytes());
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        let text = proptest::string::string_regex("([ -~éœ\u{1f600}\n\t\\\\;,=:]|END:VCARD|BEGIN:VCARD){0,60}");
        proptest::collection::vec(text.expect("a valid pattern"), 1..6)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in texts(), crlf in any::<bool>()) {
            for version in [Version::V21, Version::V30, Version::V40] {
                let pen = LineWriter { version, eol: if crlf { EOL } else { "\n" } };
                let raw = pen.line(b"N", &Value::Components(&texts));
                let components = |view: View<'_>| view.components().into_iter().map(String::from).collect::<Vec<_>>();
                prop_assert_eq!(reading(version, &raw, components), texts.clone(), "{:?}", version);
                let raw = pen.line(b"NOTE", &Value::Text(&texts[0]));
                prop_assert_eq!(reading(version, &raw, |view| view.text().into_owned()), texts[0].clone());
            }
        }
    }
}
