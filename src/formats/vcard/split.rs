//! Bytes to cards: where each card of a file begins and ends.
//!
//! Nothing is thrown away: bytes between cards are pieces too, and the ranges of all pieces joined are the input.

use std::{borrow::Cow, ops::Range};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::line::{Physical, without_end};

/// The largest card that is read, in bytes.
pub const CARD_MAX: usize = 16 << 20;

/// How deep cards may lie in one another (AGENT).
pub const DEPTH_MAX: usize = 4;

/// What a piece of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A card, from its BEGIN line to its END line.
    Card,
    /// What lies before, between and after the cards: a byte order mark, blank lines, stray text.
    Between,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub range: Range<usize>,
    /// The line it begins on, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
    /// Why a card cannot be used, in words without any of its values.
    pub problem: Option<&'static str>,
}

/// The text of a file as UTF-8-like bytes: UTF-16 is transcoded, all else stays as it is.
pub fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    match wide(bytes) {
        Some(encoding) => {
            let (decoded, _) = encoding.decode_with_bom_removal(bytes);
            Cow::Owned(decoded.into_owned().into_bytes())
        }
        None => Cow::Borrowed(bytes),
    }
}

/// Which UTF-16 a file that begins with these four bytes is in. Old Macs write no byte order mark: then the zero bytes
/// beside the first letters tell.
pub(super) fn wide(start: &[u8]) -> Option<&'static Encoding> {
    let is_letter = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match (Encoding::for_bom(start), start) {
        (Some((encoding, _)), _) => Some(encoding).filter(|encoding| *encoding != UTF_8),
        (None, [0, one, 0, two, ..]) if is_letter(*one) && is_letter(*two) => Some(UTF_16BE),
        (None, [one, 0, two, 0, ..]) if is_letter(*one) && is_letter(*two) => Some(UTF_16LE),
        (None, _) => None,
    }
}

/// The cards of a file and what lies between them. UTF-16 is to be transcoded with [`text`] first.
pub fn cards(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut state = State::default();
    let (mut start, mut start_line) = (0, 1);
    let mut push = |range: Range<usize>, line: usize, kind, problem: Option<&'static str>| {
        if !range.is_empty() {
            let oversized = kind == Kind::Card && range.len() > CARD_MAX;
            let problem = if oversized { Some(TOO_LARGE) } else { problem };
            pieces.push(Piece { range, line, kind, problem });
        }
    };
    let mut line = 0;
    for physical in Physical::new(bytes) {
        line += usize::from(physical.start == 0 || ends_line(&bytes[..physical.start]));
        let content = without_end(&bytes[physical.clone()]);
        let mut from = physical.start;
        if let Step::Before { kind, problem } = state.before(content) {
            // A byte order mark on the BEGIN line belongs to what lies before the card.
            from += byte_order_mark(content);
            push(start..from, start_line, kind, problem);
            (start, start_line) = (from, line);
        }
        if let Some(problem) = state.after(&bytes[from..physical.end]) {
            push(start..physical.end, start_line, Kind::Card, problem);
            (start, start_line) = (physical.end, line + usize::from(ends_line(&bytes[..physical.end])));
        }
    }
    let (kind, problem) = state.end();
    push(start..bytes.len(), start_line, kind, problem);
    pieces
}

/// Why a card that is too large is not read.
pub const TOO_LARGE: &str = "card is larger than 16 MB";
const NO_END: &str = "card has no END:VCARD";
const TOO_DEEP: &str = "cards lie more than 4 deep in one another";

/// What a physical line means to the splitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Begin,
    End,
    /// `AGENT:` with nothing after it: a nested card may follow.
    Agent,
    /// `AGENT:BEGIN:VCARD`.
    AgentBegin,
    Blank,
    Other,
}

/// Looks at a physical line without its line end.
pub(super) fn mark(content: &[u8]) -> Mark {
    match content.first() {
        None => Mark::Blank,
        Some(b'B' | b'b') if is(content, b"BEGIN:VCARD") => Mark::Begin,
        Some(b'E' | b'e') if is(content, b"END:VCARD") => Mark::End,
        Some(b'A' | b'a') if content.len() >= 6 && content[..5].eq_ignore_ascii_case(b"AGENT") => {
            match content.iter().position(|byte| *byte == b':').map(|colon| content[colon + 1..].trim_ascii()) {
                Some(b"") => Mark::Agent,
                Some(value) if is(value, b"BEGIN:VCARD") => Mark::AgentBegin,
                _ => Mark::Other,
            }
        }
        Some(_) => Mark::Other,
    }
}

fn is(content: &[u8], word: &[u8]) -> bool {
    content.trim_ascii_end().eq_ignore_ascii_case(word)
}

/// True where another line begins behind these bytes.
pub(super) fn ends_line(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'\n' | b'\r'))
}

/// Where the second line begins of one that ends a card and begins the next: files that were put together with no line end
/// between them.
pub(super) fn glued(content: &[u8]) -> Option<usize> {
    let (end, rest) = content.split_at_checked(b"END:VCARD".len())?;
    let is_begin = || mark(rest[byte_order_mark(rest)..].trim_ascii_start()) == Mark::Begin;
    (end.eq_ignore_ascii_case(b"END:VCARD") && is_begin()).then_some(end.len())
}

/// How many bytes of a UTF-8 byte order mark the line begins with.
pub(super) fn byte_order_mark(content: &[u8]) -> usize {
    if content.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// What happens before a line.
pub(super) enum Step {
    /// The piece so far ends here, and a card begins.
    Before { kind: Kind, problem: Option<&'static str> },
    /// The line belongs to the piece so far.
    Same,
}

/// Where in a file the splitting is. Each line goes to `before`, then to `after`.
#[derive(Default)]
pub(super) struct State {
    /// 0 outside of cards.
    depth: usize,
    agent: bool,
    too_deep: bool,
}

impl State {
    /// Looks whether a card begins on this line.
    pub fn before(&mut self, content: &[u8]) -> Step {
        let is_begin = if self.depth == 0 {
            let skip = byte_order_mark(content);
            mark(content[skip..].trim_ascii_start()) == Mark::Begin
        } else {
            mark(content) == Mark::Begin
        };
        if !is_begin || (self.depth > 0 && self.agent) {
            return Step::Same;
        }
        let step = if self.depth == 0 {
            Step::Before { kind: Kind::Between, problem: None }
        } else {
            Step::Before { kind: Kind::Card, problem: Some(NO_END) }
        };
        *self = State::default();
        step
    }

    /// Takes the line in; the answer is the finished card's problem when the card ends with this line.
    pub fn after(&mut self, line: &[u8]) -> Option<Option<&'static str>> {
        let mark = mark(if self.depth == 0 { without_end(line).trim_ascii_start() } else { without_end(line) });
        let agent = std::mem::replace(&mut self.agent, false);
        match mark {
            Mark::Begin => self.depth += 1,
            Mark::Agent => self.agent = self.depth > 0,
            Mark::AgentBegin if self.depth > 0 => self.depth += 1,
            Mark::Blank => self.agent = agent,
            Mark::End if self.depth > 1 => self.depth -= 1,
            Mark::End if self.depth == 1 => {
                let problem = self.too_deep.then_some(TOO_DEEP);
                *self = State::default();
                return Some(problem);
            }
            Mark::AgentBegin | Mark::End | Mark::Other => {}
        }
        self.too_deep |= self.depth > DEPTH_MAX + 1;
        None
    }

    /// What the last piece is.
    pub fn end(&self) -> (Kind, Option<&'static str>) {
        if self.depth == 0 { (Kind::Between, None) } else { (Kind::Card, Some(NO_END)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: &[(&str, usize, Kind, Option<&str>)]) {
        let found: Vec<_> = cards(input.as_bytes())
            .into_iter()
            .map(|piece| (input[piece.range].to_owned(), piece.line, piece.kind, piece.problem))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(text, line, kind, problem)| ((*text).to_owned(), *line, *kind, *problem)).collect();
        assert_eq!(found, expected, "{input:?}");
    }

    #[test]
    fn cards_are_found() {
        let card = "BEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\n";
        check(card, &[(card, 1, Kind::Card, None)]);
        check(
            "\u{feff}begin:vcard \nend:VCARD\n\n\nBEGIN:VCARD\nEND:VCARD",
            &[
                ("\u{feff}", 1, Kind::Between, None),
                ("begin:vcard \nend:VCARD\n", 1, Kind::Card, None),
                ("\n\n", 3, Kind::Between, None),
                ("BEGIN:VCARD\nEND:VCARD", 5, Kind::Card, None),
            ],
        );
        check(
            "BEGIN:VCARD\nFN:a\nBEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\n",
            &[
                ("BEGIN:VCARD\nFN:a\n", 1, Kind::Card, Some(NO_END)),
                ("BEGIN:VCARD\nEND:VCARD\n", 3, Kind::Card, None),
                ("BEGIN:VCARD\n", 5, Kind::Card, Some(NO_END)),
            ],
        );
        check("stray\n", &[("stray\n", 1, Kind::Between, None)]);
        check(
            "BEGIN:VCARD\nEND:VCARDBEGIN:VCARD\nEND:vcard\u{feff}begin:vcard\nEND:VCARD",
            &[
                ("BEGIN:VCARD\nEND:VCARD", 1, Kind::Card, None),
                ("BEGIN:VCARD\nEND:vcard", 2, Kind::Card, None),
                ("\u{feff}", 3, Kind::Between, None),
                ("begin:vcard\nEND:VCARD", 3, Kind::Card, None),
            ],
        );
        check("", &[]);
        let old_mac = "BEGIN:VCARD\rFN:a\rEND:VCARD\r";
        check(old_mac, &[(old_mac, 1, Kind::Card, None)]);
    }

    #[test]
    fn agents_are_nested_up_to_a_depth() {
        let nested = |depth: usize| {
            format!(
                "BEGIN:VCARD\n{}FN:x\n{}END:VCARD\n",
                "AGENT:\nBEGIN:VCARD\n".repeat(depth),
                "END:VCARD\n".repeat(depth)
            )
        };
        check(&nested(DEPTH_MAX), &[(&nested(DEPTH_MAX), 1, Kind::Card, None)]);
        check(&nested(DEPTH_MAX + 1), &[(&nested(DEPTH_MAX + 1), 1, Kind::Card, Some(TOO_DEEP))]);
        let inline = "BEGIN:VCARD\nAGENT:BEGIN:VCARD\nEND:VCARD\nEND:VCARD\n";
        check(inline, &[(inline, 1, Kind::Card, None)]);
    }

    #[test]
    fn utf16_is_transcoded() {
        let utf16: Vec<u8> =
            "\u{feff}BEGIN:VCARD\r\nFN:É\r\n".encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(text(&utf16).as_ref(), "BEGIN:VCARD\r\nFN:É\r\n".as_bytes());
        assert!(matches!(text(b"\xef\xbb\xbfBEGIN"), Cow::Borrowed(_)));
        let bare: Vec<u8> = "BEGIN:VCARD\rFN:É\r".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&bare).as_ref(), "BEGIN:VCARD\rFN:É\r".as_bytes());
        assert!(matches!(text(b"\0BEGIN:VCARD"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn pieces_joined_are_the_input(parts in proptest::collection::vec(prop_oneof![
            Just("BEGIN:VCARD\n"), Just("END:VCARD\r\n"), Just("END:VCARD"), Just("AGENT:\n"),
            Just("agent:begin:vcard\n"), Just("\n"), Just("x"), Just("\u{feff}"), Just(" "), Just("\r"),
        ], 0..30)) {
            let input = parts.concat();
            let pieces = cards(input.as_bytes());
            let joined: String = pieces.iter().map(|piece| &input[piece.range.clone()]).collect();
            prop_assert_eq!(&joined, &input);
            for piece in pieces {
                let before = input[..piece.range.start].matches('\n').count();
                prop_assert!(piece.range.start == 0 || !input.contains('\n') || piece.line == before + 1);
            }
        }
    }
}
