//! The records of a file one by one, in bounded memory: decoded as it is read, cut as [`super::records`] cuts a whole text.

use std::{collections::VecDeque, io::Read};

use super::{
    charset::Encoding,
    error::CsvError,
    records::{Record, Records},
    sniff::Found,
};

/// Text that is decoded before its records are looked for.
const PORTION: usize = 1 << 18;
/// A record of more bytes is taken for one whose quotation mark is never closed.
const RECORD_MAX: usize = 16 << 20;

/// A record with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its cells and delimiters.
    pub content: String,
    /// Its line end; empty for a last record without one.
    pub end: &'static str,
    /// The physical line it begins on, from 1.
    pub line: usize,
}

/// The records from the header on. Ends after an error.
pub(super) struct Lines<R> {
    text: Text<R>,
    buffer: String,
    /// Bytes of the text before the header that are still to be dropped.
    skipped: usize,
    cut: (u8, bool),
    /// The line that the first record of the buffer is on.
    line: usize,
    ready: VecDeque<Record>,
    /// Where what was made ready ends.
    behind: usize,
    is_done: bool,
}

impl<R: Read> Lines<R> {
    /// Reads a file that lies behind its byte order mark.
    pub fn new(source: R, found: &Found<'_>) -> Self {
        Self {
            text: Text::new(source, found.encoding),
            buffer: String::new(),
            skipped: found.header.start,
            cut: (found.delimiter, found.is_newline),
            line: found.header_line,
            ready: VecDeque::new(),
            behind: 0,
            is_done: false,
        }
    }

    fn refill(&mut self) -> Result<(), CsvError> {
        self.buffer.drain(..std::mem::take(&mut self.behind));
        // A record that did not fit is looked for again in twice as much, not in a little more each time.
        let enough = PORTION.max(2 * self.buffer.len());
        while !self.text.is_at_end && self.buffer.len() < enough {
            self.text.read(&mut self.buffer)?;
            let skipped = self.skipped.min(self.buffer.len());
            self.buffer.drain(..skipped);
            self.skipped -= skipped;
        }
        let is_at_end = self.text.is_at_end;
        for record in Records::new(&self.buffer, 0, self.line, self.cut) {
            match record {
                Ok(record) if is_at_end || !record.end.is_empty() => {
                    self.behind = record.end.end;
                    self.ready.push_back(record);
                }
                Err(unclosed) if is_at_end => {
                    // What is before it is given first.
                    if self.ready.is_empty() {
                        return Err(CsvError::UnclosedQuote(unclosed.line));
                    }
                    break;
                }
                Ok(_) | Err(_) => break,
            }
        }
        if self.ready.is_empty() && self.buffer.len() > RECORD_MAX {
            return Err(CsvError::UnclosedQuote(self.line));
        }
        let newline = if self.cut.1 { '\n' } else { '\r' };
        self.line += self.buffer[..self.behind].matches(newline).count();
        self.is_done = is_at_end && self.behind == self.buffer.len();
        Ok(())
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Line, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            if self.is_done {
                return None;
            }
            if let Err(error) = self.refill() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
        let Record { line, content, end } = self.ready.pop_front()?;
        let end = match &self.buffer[end] {
            "\r\n" => "\r\n",
            "\n" => "\n",
            "\r" => "\r",
            _ => "",
        };
        Some(Ok(Line { content: self.buffer[content].to_owned(), end, line }))
    }
}

/// A file's text, portion by portion.
struct Text<R> {
    source: R,
    encoding: Encoding,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    is_at_end: bool,
}

impl<R: Read> Text<R> {
    fn new(source: R, encoding: Encoding) -> Self {
        Self { source, encoding, decoder: encoding.decoder(), raw: vec![0; 1 << 16], is_at_end: false }
    }

    /// Adds what comes next.
    fn read(&mut self, text: &mut String) -> Result<(), CsvError> {
        let count = match self.source.read(&mut self.raw) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            other => other.map_err(CsvError::Unreadable)?,
        };
        self.is_at_end = count == 0;
        let undecodable = CsvError::Undecodable(self.encoding);
        let Some(room) = self.decoder.max_utf8_buffer_length_without_replacement(count) else {
            return Err(undecodable);
        };
        text.reserve(room);
        let (result, _) = self.decoder.decode_to_string_without_replacement(&self.raw[..count], text, self.is_at_end);
        match result {
            encoding_rs::DecoderResult::InputEmpty => Ok(()),
            encoding_rs::DecoderResult::OutputFull | encoding_rs::DecoderResult::Malformed(..) => Err(undecodable),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::csv::profile::Profile;

    /// Gives its bytes a few at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn lines(source: impl Read, encoding: Encoding, is_newline: bool) -> Vec<Result<(String, usize), String>> {
        let (delimiter, header, header_line, profile) = (b';', 0..0, 1, Profile::carnet());
        Lines::new(source, &Found { encoding, delimiter, is_newline, header, header_line, profile })
            .map(|line| line.map(|line| (line.content, line.line)).map_err(|error| error.to_string()))
            .collect()
    }

    fn whole(text: &str) -> Vec<Result<(String, usize), String>> {
        Records::new(text, 0, 1, (b';', text.contains('\n')))
            .map(|record| match record {
                Ok(record) => Ok((text[record.content].to_owned(), record.line)),
                Err(unclosed) => Err(CsvError::UnclosedQuote(unclosed.line).to_string()),
            })
            .collect()
    }

    #[test]
    fn records_longer_than_a_portion_are_whole() {
        let row = format!("a;\"{}\"\r\nb;c\n", "é\n".repeat(PORTION));
        let text = row.repeat(2);
        assert_eq!(lines(text.as_bytes(), Encoding::Utf8, true), whole(&text));
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_does_not_fill_the_memory() {
        let text = format!("a;b\nc;\"d\n{}", "e;f\n".repeat(10 << 20));
        let found = lines(text.as_bytes(), Encoding::Utf8, true);
        let expected = CsvError::UnclosedQuote(2).to_string();
        assert_eq!(found, [Ok(("a;b".to_owned(), 1)), Err(expected)]);
    }

    #[test]
    fn what_is_not_valid_ends_the_reading() {
        assert!(lines(&b"a\nb\xFF\n"[..], Encoding::Utf8, true).last().is_some_and(Result::is_err));
        assert!(lines(&b"a\0\n\0b"[..], Encoding::Utf16Le, true).last().is_some_and(Result::is_err));
    }

    proptest! {
        #[test]
        fn the_same_records_as_at_once(text in "[a;\"\r\n é𝄞]{0,60}", size in 1..9_usize) {
            for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be] {
                let bytes = encoding.encode(&text).unwrap();
                let found = lines(Trickle(&bytes, size), encoding, text.contains('\n'));
                prop_assert_eq!(found, whole(&text));
            }
        }
    }
}
