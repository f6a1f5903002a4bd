//! Physical lines to logical ones, each with its raw bytes: joined again, they are the input.
//!
//! Folds are joined as bytes, since a fold may cut a UTF-8 character in two. Quoted-printable soft breaks, base64 lines
//! without indentation and nested cards (AGENT) are joined only where the head says so.

use std::{io::BufRead, ops::Range};

use super::{
    property::{Head, Prop, Wrapping},
    split::{self, Mark},
};

/// Physical lines with their line ends. A file without any LF counts CR as the line end (old Macs). An END and a BEGIN on one
/// line are two.
#[derive(Clone)]
pub(super) struct Physical<'a> {
    bytes: &'a [u8],
    at: usize,
    end: u8,
}

impl<'a> Physical<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let end = if !bytes.contains(&b'\n') && bytes.contains(&b'\r') { b'\r' } else { b'\n' };
        Self { bytes, at: 0, end }
    }
}

impl Iterator for Physical<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if start == self.bytes.len() {
            return None;
        }
        let mut rest = &self.bytes[start..];
        // The system's search for a byte, which a loop here is no match for; a slice never fails.
        self.at = start + rest.skip_until(self.end).unwrap_or(rest.len());
        if let Some(end) = split::glued(without_end(&self.bytes[start..self.at])) {
            self.at = start + end;
        }
        Some(start..self.at)
    }
}

/// The line without its line end; `\r\r\n`, which twice converted files have, is one.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &line[..end]
}

/// One logical line, by its places in the card's bytes.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// All its bytes, line ends included.
    pub raw: Range<usize>,
    /// Where the content of the first physical line ends.
    pub end: usize,
    /// The unfolded content where it is not simply `raw` without the line end.
    pub unfolded: Option<Vec<u8>>,
    /// The head; none for a line that is not a content line.
    pub head: Option<Head>,
    /// Which physical line of the card it begins on, from 0.
    pub number: usize,
}

/// The logical lines of a card or of a piece of one, each made into what the caller keeps.
pub(super) fn spans<T>(bytes: &[u8], make: impl Fn(Span) -> T) -> Vec<T> {
    let mut physical = Physical::new(bytes).peekable();
    let mut spans = Vec::with_capacity(24);
    let mut number = 0;
    while let Some(first) = physical.next() {
        let mut joined = Joined::new(bytes, first);
        let mut count = 1;
        while let Some(next) = physical.peek() {
            if !joined.takes(&bytes[next.clone()]) {
                break;
            }
            joined.raw.end = next.end;
            physical.next();
            count += 1;
        }
        spans.push(make(joined.finish(number)));
        number += count;
    }
    spans
}

/// How far a head is looked for, fold by fold: each time from the line's start, so that without an end a line of many
/// folds would take for ever.
const HEAD_MAX: usize = 8 << 10;

/// A logical line while its physical lines come in.
struct Joined<'a> {
    bytes: &'a [u8],
    raw: Range<usize>,
    /// Where the content of the first physical line ends.
    end: usize,
    unfolded: Option<Vec<u8>>,
    head: Option<Head>,
    agent: Option<Nested>,
}

/// How far into a nested card an AGENT line is.
struct Nested {
    depth: usize,
}

impl<'a> Joined<'a> {
    fn new(bytes: &'a [u8], raw: Range<usize>) -> Self {
        let content = without_end(&bytes[raw.clone()]);
        let head = Head::parse(content, false);
        let agent = match split::mark(content) {
            Mark::Agent => Some(Nested { depth: 0 }),
            Mark::AgentBegin => Some(Nested { depth: 1 }),
            Mark::Begin | Mark::End | Mark::Blank | Mark::Other => None,
        };
        Self { end: raw.start + content.len(), bytes, raw, unfolded: None, head, agent }
    }

    fn content(&self) -> &[u8] {
        self.unfolded.as_deref().unwrap_or_else(|| &self.bytes[self.raw.start..self.end])
    }

    fn unfolded(&mut self) -> &mut Vec<u8> {
        let content = &self.bytes[self.raw.start..self.end];
        self.unfolded.get_or_insert_with(|| content.to_vec())
    }

    /// Joins the physical line if it belongs to this logical one.
    fn takes(&mut self, next: &[u8]) -> bool {
        let content = without_end(next);
        if let Some(nested) = &mut self.agent {
            return match nested.step(content) {
                Some(true) => {
                    let unfolded = self.unfolded();
                    unfolded.extend_from_slice(content);
                    unfolded.push(b'\n');
                    true
                }
                Some(false) => false,
                None => {
                    self.agent = None;
                    self.takes(next)
                }
            };
        }
        let wrapping = self.head.as_ref().map_or(Wrapping::Plain, |head| head.wrapping);
        let is_mark = || matches!(split::mark(content), Mark::Begin | Mark::End);
        if wrapping == Wrapping::QuotedPrintable
            && let Some(before) = before_soft_break(self.content())
            && !is_mark()
        {
            let unfolded = self.unfolded();
            unfolded.truncate(before);
            unfolded.extend_from_slice(content);
            return true;
        }
        if let [b' ' | b'\t', rest @ ..] = content {
            self.unfolded().extend_from_slice(rest);
            if self.head.is_none() && self.content().len() < HEAD_MAX {
                self.head = Head::parse(self.content(), false);
            }
            return true;
        }
        if wrapping == Wrapping::Base64 && !content.is_empty() && content.iter().all(|byte| is_base64(*byte)) {
            self.unfolded().extend_from_slice(content);
            return true;
        }
        false
    }

    fn finish(self, number: usize) -> Span {
        let head = match self.head {
            Some(head) => Some(head),
            None => Head::parse(self.content(), true),
        };
        Span { raw: self.raw, end: self.end, unfolded: self.unfolded, head, number }
    }
}

/// How long the content is without the `=` that has a quoted-printable value go on, and the blanks that some mail programs
/// put behind it.
pub(super) fn before_soft_break(content: &[u8]) -> Option<usize> {
    content.trim_ascii_end().strip_suffix(b"=").map(<[u8]>::len)
}

impl Nested {
    /// `Some(true)`: the line belongs to the nested card; `Some(false)`: it is over; `None`: there is no nested card.
    fn step(&mut self, content: &[u8]) -> Option<bool> {
        match (split::mark(content), self.depth) {
            (_, usize::MAX) => Some(false),
            (Mark::Begin, depth) | (Mark::AgentBegin, depth @ 1..) => {
                self.depth = depth + 1;
                Some(true)
            }
            (Mark::Blank, 0) => Some(true),
            (_, 0) => None,
            (Mark::End, 1) => {
                self.depth = usize::MAX;
                Some(true)
            }
            (Mark::End, depth) => {
                self.depth = depth - 1;
                Some(true)
            }
            (Mark::Agent | Mark::Blank | Mark::Other, _) => Some(true),
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

impl Span {
    /// The content: unfolded, without the line end. `bytes` are those that the line was found in.
    pub fn content<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        self.unfolded.as_deref().unwrap_or_else(|| &bytes[self.raw.start..self.end])
    }

    /// What the line is.
    pub fn prop(&self) -> Prop {
        self.head.as_ref().map_or(Prop::Opaque, |head| head.prop)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents(input: &[u8]) -> Vec<String> {
        spans(input, |span| String::from_utf8_lossy(span.content(input)).into_owned())
    }

    #[test]
    fn lines_are_joined_as_their_heads_say() {
        for (input, expected) in [
            ("A:1\r\nB:2", &["A:1", "B:2"][..]),
            ("A:1\rB:2\r", &["A:1", "B:2"]),
            ("NOTE:on\r\n e\r\n\ttwo\r\n", &["NOTE:onetwo"]),
            ("NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\n b=\r\nc\r\nX:1\n", &["NOTE;ENCODING=QUOTED-PRINTABLE:a bc", "X:1"]),
            ("NOTE;QUOTED-PRINTABLE:a=\nEND:VCARD\n", &["NOTE;QUOTED-PRINTABLE:a=", "END:VCARD"]),
            ("NOTE;QUOTED-PRINTABLE:a= \nb=\t\r\nc\n", &["NOTE;QUOTED-PRINTABLE:abc"]),
            ("NOTE:a=\nb\n", &["NOTE:a=", "b"]),
            ("END:VCARDBEGIN:VCARD\nFN:x\n", &["END:VCARD", "BEGIN:VCARD", "FN:x"]),
            ("PHOTO;BASE64:AAAA\nBBBB=\n\nX:1\n", &["PHOTO;BASE64:AAAABBBB=", "", "X:1"]),
            ("TEL;TYPE=\"a\n b\":1\n", &["TEL;TYPE=\"ab\":1"]),
            ("AGENT:\nBEGIN:VCARD\nFN:x\nEND:VCARD\nX:1\n", &["AGENT:BEGIN:VCARD\nFN:x\nEND:VCARD\n", "X:1"]),
            ("AGENT:\nX:1\n", &["AGENT:", "X:1"]),
        ] {
            assert_eq!(contents(input.as_bytes()), expected, "{input:?}");
        }
    }

    #[test]
    fn a_fold_may_cut_a_character() {
        assert_eq!(contents(b"FN:\xc3\r\n \xa9\r\n"), ["FN:\u{e9}"]);
    }

    proptest! {
        #[test]
        fn raw_slices_joined_are_the_input(input in proptest::collection::vec(prop_oneof![
            Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"\r".to_vec()), Just(b" ".to_vec()),
            Just(b"AGENT:".to_vec()), Just(b"BEGIN:VCARD".to_vec()), Just(b"END:VCARD".to_vec()),
            Just(b"NOTE;QUOTED-PRINTABLE:a=".to_vec()), Just(b"PHOTO;BASE64:AA".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ], 0..40)) {
            let input = input.concat();
            let joined: Vec<u8> = spans(&input, |span| input[span.raw].to_vec()).concat();
            prop_assert_eq!(joined, input);
        }
    }
}
