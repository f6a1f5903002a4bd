//! The revision of a record: a digest of what its elements say, not of how the text is laid out.
//!
//! The same record must digest equal in a listing and in a single answer, so that reading one never looks like an edit:
//! indentation, attributes other than `nil`, comments and the form of empty elements are left out.

use std::fmt;

use super::nil::is_nil;
use crate::xml::{Token, is_blank};

/// 16 bytes of BLAKE3, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of plain bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        Self(short)
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The digest of a record's inside. `buffer` is scratch space, kept by the caller so that a page needs one only.
pub fn of_tape(tape: &[Token<'_>], buffer: &mut Vec<u8>) -> Digest {
    buffer.clear();
    let mut rest = tape;
    while let Some((token, tail)) = rest.split_first() {
        match token {
            Token::Open { name, attributes, .. } => {
                buffer.push(if is_nil(attributes) { 1 } else { 2 });
                buffer.extend_from_slice(name.as_bytes());
                // A name never holds this byte, a text may follow it directly.
                buffer.push(0);
                rest = tail;
            }
            Token::Close { .. } => {
                buffer.push(3);
                rest = tail;
            }
            Token::Text(_) | Token::Cdata(_) | Token::Reference(_) => {
                let length = rest
                    .iter()
                    .position(|token| matches!(token, Token::Open { .. } | Token::Close { .. }))
                    .unwrap_or(rest.len());
                let (run, after) = rest.split_at(length);
                add_text(run, buffer);
                rest = after;
            }
        }
    }
    Digest::of(buffer)
}

/// White space that stands alone between two tags is layout.
fn add_text(run: &[Token<'_>], buffer: &mut Vec<u8>) {
    if run.iter().all(|token| matches!(token, Token::Text(text) if is_blank(text))) {
        return;
    }
    for token in run {
        match token {
            Token::Text(text) | Token::Cdata(text) => buffer.extend_from_slice(text.as_bytes()),
            Token::Reference(name) => {
                buffer.push(b'&');
                buffer.extend_from_slice(name.as_bytes());
                buffer.push(b';');
            }
            Token::Open { .. } | Token::Close { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{NotWhole, XmlReader};

    fn digest(text: &str) -> Digest {
        let mut walker = XmlReader::new(text);
        let mut tape = Vec::new();
        let read = walker.next_token().and_then(|_| walker.take_inside(&mut tape));
        assert_eq!(read, Ok::<(), NotWhole>(()));
        of_tape(&tape, &mut Vec::new())
    }

    #[test]
    fn layout_does_not_count_and_content_does() {
        let plain = digest("<c><id>1</id><a></a><l><e>x &amp; y</e></l></c>");
        for same in [
            "<c>\n  <id type=\"integer\">1</id>\n <a/>\n <l type=\"array\">\n<e>x &amp; y</e>\n </l></c>",
            "<c><!-- note --><id>1</id><a> </a><l><e>x &amp; y</e></l></c>",
        ] {
            assert_eq!(digest(same), plain, "{same}");
        }
        for other in [
            "<c><id>1</id><a nil=\"true\"/><l><e>x &amp; y</e></l></c>",
            "<c><id>1</id><l><e>x &amp; y</e></l></c>",
            "<c><id>1</id><a></a><l><e>x  &amp; y</e></l></c>",
            "<c><id>1</id><a></a><l></l><e>x &amp; y</e></c>",
            "<c><a></a><id>1</id><l><e>x &amp; y</e></l></c>",
        ] {
            assert_ne!(digest(other), plain, "{other}");
        }
    }

    #[test]
    fn digests_survive_their_text() {
        let digest = Digest::of(b"ada");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(digest.to_string().len(), 32);
        assert_eq!(Digest::parse("xyz"), None);
        assert_eq!(Digest::parse(&"G".repeat(32)), None);
    }
}
