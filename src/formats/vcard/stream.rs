//! The cards of a file one by one, in bounded memory.
//!
//! The same pieces as [`super::split::cards`] gives, but that bytes between cards come in portions and an oversized card
//! comes without its bytes. UTF-16 is transcoded as it is read.

use std::{
    io::{self, BufRead, BufReader, Read},
    ops::Range,
};

use super::{
    line::without_end,
    split::{self, CARD_MAX, Kind, State, Step},
};

/// How many bytes between cards are handed over at once at most, a line more or less.
const BETWEEN_MAX: usize = 1 << 20;

const BUFFER: usize = 1 << 16;

/// A piece of a file, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its bytes; empty for a card over 16 MB.
    pub bytes: Vec<u8>,
    /// Where in the [`text`] of the file it lies.
    pub range: Range<u64>,
    /// The line it begins on, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
    /// Why a card cannot be used.
    pub problem: Option<&'static str>,
}

/// Reads pieces from a file, a pipe, a body. Ends after an error.
pub struct Cards<R: Read> {
    source: BufReader<Source<R>>,
    state: State,
    /// The byte that ends a line; known once something was read.
    end: Option<u8>,
    piece: Vec<u8>,
    /// The line being read; its space is used again.
    line: Vec<u8>,
    is_oversized: bool,
    /// The line that the piece begins on, from 1.
    piece_line: usize,
    /// Lines read so far.
    lines: usize,
    /// Where the piece begins, and how far it was read.
    range: Range<u64>,
    /// A piece that was finished together with another one.
    ready: Option<Found>,
    is_done: bool,
}

impl<R: Read> Cards<R> {
    /// Reads from here on.
    pub fn new(source: R) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER, Source::new(source)),
            state: State::default(),
            end: None,
            piece: Vec::new(),
            line: Vec::new(),
            is_oversized: false,
            piece_line: 1,
            lines: 0,
            range: 0..0,
            ready: None,
            is_done: false,
        }
    }

    /// Takes the next line into the piece; gives the pieces that this finishes, the later one through `ready`.
    fn step(&mut self) -> io::Result<Option<Found>> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let end = self.line_end()?;
        let dropped = read_line(&mut self.source, end, &mut line)?;
        let finished = match split::glued(without_end(&line)) {
            Some(begin) => {
                let ended = self.take(&line[..begin], 0);
                self.lines -= 1;
                let begun = self.take(&line[begin..], dropped);
                if ended.is_some() {
                    self.ready = begun;
                    ended
                } else {
                    begun
                }
            }
            None => self.take(&line, dropped),
        };
        if line.capacity() <= BETWEEN_MAX {
            self.line = line;
        }
        Ok(finished)
    }

    /// Takes a line in, of which so many further bytes were not kept.
    fn take(&mut self, line: &[u8], dropped: u64) -> Option<Found> {
        let is_whole = dropped == 0;
        if line.is_empty() {
            self.is_done = true;
            let (kind, problem) = self.state.end();
            return self.finish(kind, problem, 0);
        }
        self.lines += 1;
        let mut finished = None;
        let mut from = 0;
        if let Step::Before { kind, problem } = self.state.before(without_end(line)) {
            from = split::byte_order_mark(line);
            self.push(&line[..from]);
            finished = self.finish(kind, problem, 0);
        }
        self.push(&line[from..]);
        self.range.end += dropped;
        self.is_oversized |= !is_whole;
        let after = usize::from(!is_whole || split::ends_line(line));
        if let Some(problem) = self.state.after(&line[from..]) {
            let card = self.finish(Kind::Card, problem, after);
            match finished {
                None => finished = card,
                Some(_) => self.ready = card,
            }
        } else if self.piece.len() > BETWEEN_MAX && self.state.end().0 == Kind::Between {
            let between = self.finish(Kind::Between, None, after);
            match finished {
                None => finished = between,
                Some(_) => self.ready = between,
            }
        }
        finished
    }

    fn push(&mut self, bytes: &[u8]) {
        self.range.end += bytes.len() as u64;
        if self.piece.len() + bytes.len() > CARD_MAX {
            self.is_oversized = true;
            self.piece = Vec::new();
        } else if !self.is_oversized {
            self.piece.extend_from_slice(bytes);
        }
    }

    /// Ends the piece; the next one begins `after` lines behind the present one.
    fn finish(&mut self, kind: Kind, problem: Option<&'static str>, after: usize) -> Option<Found> {
        let bytes = std::mem::take(&mut self.piece);
        let is_oversized = std::mem::take(&mut self.is_oversized);
        let line = std::mem::replace(&mut self.piece_line, (self.lines + after).max(1));
        let range = self.range.clone();
        self.range.start = range.end;
        if bytes.is_empty() && !is_oversized {
            return None;
        }
        let problem = if is_oversized && kind == Kind::Card { Some(split::TOO_LARGE) } else { problem };
        let bytes = if is_oversized { Vec::new() } else { bytes };
        Some(Found { bytes, range, line, kind, problem })
    }

    fn line_end(&mut self) -> io::Result<u8> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let start = loop {
            match self.source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let end = if !start.contains(&b'\n') && start.contains(&b'\r') { b'\r' } else { b'\n' };
        self.end = Some(end);
        Ok(end)
    }
}

impl<R: Read> Iterator for Cards<R> {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(found) = self.ready.take() {
            return Some(Ok(found));
        }
        while !self.is_done {
            match self.step() {
                Ok(Some(found)) => return Some(Ok(found)),
                Ok(None) => {}
                Err(error) => {
                    self.is_done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Reads up to the line's end. Gives how many bytes were dropped: those beyond what a card may have.
fn read_line(source: &mut impl BufRead, end: u8, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut dropped = 0;
    loop {
        let available = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let mut rest = available;
        let used = rest.skip_until(end).unwrap_or(available.len());
        let is_end = available[..used].last() == Some(&end);
        if line.len() + used <= CARD_MAX {
            line.extend_from_slice(&available[..used]);
        } else {
            dropped += used as u64;
        }
        source.consume(used);
        if is_end || used == 0 {
            return Ok(dropped);
        }
    }
}

/// The text of a file as UTF-8-like bytes, as [`split::text`] gives it.
pub fn text<R: Read>(source: R) -> impl Read {
    Source::new(source)
}

/// The bytes as UTF-8: as they come, or transcoded where they are UTF-16.
struct Source<R> {
    inner: R,
    decoder: Option<encoding_rs::Decoder>,
    has_begun: bool,
    is_at_end: bool,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
}

impl<R: Read> Source<R> {
    fn new(inner: R) -> Self {
        Self { inner, decoder: None, has_begun: false, is_at_end: false, raw: Vec::new(), text: Vec::new(), given: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.has_begun = true;
        // Enough to see the encoding, and for the caller to see how lines end.
        let mut start = Vec::with_capacity(BUFFER);
        self.inner.by_ref().take(BUFFER as u64).read_to_end(&mut start)?;
        match split::wide(&start) {
            Some(encoding) => {
                let mut decoder = encoding.new_decoder_with_bom_removal();
                let room = decoder.max_utf8_buffer_length(start.len()).unwrap_or(4 * BUFFER);
                self.text.resize(room, 0);
                let (_, _, written, _) = decoder.decode_to_utf8(&start, &mut self.text, false);
                self.text.truncate(written);
                self.decoder = Some(decoder);
            }
            None => self.text = start,
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        self.raw.resize(BUFFER, 0);
        let count = self.inner.read(&mut self.raw)?;
        self.is_at_end = count == 0;
        let room = decoder.max_utf8_buffer_length(count).unwrap_or(4 * BUFFER);
        self.text.resize(room, 0);
        let (_, _, written, _) = decoder.decode_to_utf8(&self.raw[..count], &mut self.text, self.is_at_end);
        self.text.truncate(written);
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.has_begun {
            self.begin()?;
        }
        while self.decoder.is_some() && self.given == self.text.len() && !self.is_at_end {
            self.decode()?;
        }
        let pending = &self.text[self.given..];
        if pending.is_empty() {
            return if self.decoder.is_some() { Ok(0) } else { self.inner.read(out) };
        }
        let count = pending.len().min(out.len());
        out[..count].copy_from_slice(&pending[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes a few at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn streamed(source: impl Read) -> Vec<Found> {
        Cards::new(source).map(|found| found.expect("reading from memory")).collect()
    }

    fn split_whole(input: &[u8]) -> Vec<Found> {
        let whole = |piece: split::Piece| Found {
            bytes: input[piece.range.clone()].to_vec(),
            range: piece.range.start as u64..piece.range.end as u64,
            line: piece.line,
            kind: piece.kind,
            problem: piece.problem,
        };
        split::cards(input).into_iter().map(whole).collect()
    }

    #[test]
    fn utf16_is_transcoded_on_the_way() {
        let text = "\u{feff}BEGIN:VCARD\r\nFN:É\u{1f600}\r\nEND:VCARD\r\n";
        for units in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(units).collect();
            for portion in [1, 3, 1000] {
                let found = streamed(Trickle(&bytes, portion));
                assert_eq!(found, split_whole(text.trim_start_matches('\u{feff}').as_bytes()));
                let bare = streamed(Trickle(&bytes[2..], portion));
                assert_eq!(bare, found);
            }
        }
    }

    #[test]
    fn carriage_returns_alone_end_lines() {
        let text = "BEGIN:VCARD\rFN:É\rEND:VCARD\rBEGIN:VCARD\rFN:b\rEND:VCARD\r";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for portion in [1, 3, 1000] {
            assert_eq!(streamed(Trickle(text.as_bytes(), portion)), split_whole(text.as_bytes()));
            assert_eq!(streamed(Trickle(&wide, portion)), split_whole(text.as_bytes()));
        }
        assert_eq!(streamed(text.as_bytes()).len(), 2);
    }

    #[test]
    fn an_oversized_card_stops_nobody() {
        let mut input = b"BEGIN:VCARD\nNOTE:".to_vec();
        input.resize(CARD_MAX + 10, b'x');
        input.extend_from_slice(b"\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\n");
        let found = streamed(&input[..]);
        let seen: Vec<_> = found.iter().map(|found| (found.bytes.len(), found.line, found.problem)).collect();
        assert_eq!(seen, [(0, 1, Some(split::TOO_LARGE)), (22, 4, None)]);
        let end = input.len() as u64;
        assert_eq!([found[0].range.clone(), found[1].range.clone()], [0..end - 22, end - 22..end]);
    }

    #[test]
    fn much_between_cards_comes_in_portions() {
        let input = "stray\n".repeat(500_000);
        let found = streamed(input.as_bytes());
        assert!(found.len() > 2 && found.iter().all(|found| found.bytes.len() <= BETWEEN_MAX + 6));
        assert_eq!(found.iter().map(|found| found.bytes.len()).sum::<usize>(), input.len());
    }

    #[test]
    fn an_error_ends_the_reading() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut cards = Cards::new(Broken);
        assert!(matches!(cards.next(), Some(Err(_))));
        assert!(cards.next().is_none());
    }

    proptest! {
        #[test]
        fn the_same_pieces_as_at_once(parts in proptest::collection::vec(prop_oneof![
            Just("BEGIN:VCARD\n"), Just("END:VCARD\r\n"), Just("END:VCARD"), Just("AGENT:\n"),
            Just("agent:begin:vcard\n"), Just("\n"), Just("x"), Just("\u{feff}"), Just(" "),
        ], 0..30), portion in 1..9_usize) {
            let input = parts.concat();
            prop_assert_eq!(streamed(Trickle(input.as_bytes(), portion)), split_whole(input.as_bytes()));
        }
    }
}
