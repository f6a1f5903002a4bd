//! Text to records and cells, keeping every byte: concatenating contents and line ends gives back the text.
//!
//! The csv crate decides where records end and what cells say, as leniently as it does: a quotation mark counts only as
//! a cell's first character, what follows the closing one is taken as it is. A cell's place in the text, which a row
//! that is changed in part is written back from, only the crate's own engine, `csv_core`, tells. What the crate does that
//! a file edited in place cannot bear is made good here: it skips blank lines and a byte order mark, takes a lone `\r`
//! for a line end, and reads a quotation mark that is never closed to the end of the file without a word.

use std::{borrow::Cow, cell::RefCell, io::Read, ops::Range};

use csv::{QuoteStyle, Terminator};
use csv_core::ReadFieldResult;

/// A record's place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The physical line it begins on, from 1.
    pub line: usize,
    /// Its cells and delimiters.
    pub content: Range<usize>,
    /// Its line end; empty for a last record without one.
    pub end: Range<usize>,
}

/// A cell of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    /// As it stands in the file, quotation marks included.
    pub raw: Cow<'a, str>,
    /// What it says.
    pub text: Cow<'a, str>,
    /// Whether it began with a quotation mark.
    pub quoted: bool,
    /// Whether text follows its closing quotation mark.
    pub misquoted: bool,
}

impl Cell<'_> {
    /// A cell with nothing in it.
    pub const EMPTY: Cell<'static> =
        Cell { raw: Cow::Borrowed(""), text: Cow::Borrowed(""), quoted: false, misquoted: false };
}

/// A quotation mark that opens a cell of the record on this line is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclosed {
    pub line: usize,
}

/// The records of a text, from a byte offset on.
pub(super) struct Records<'a> {
    text: &'a str,
    /// Where the next record begins.
    at: usize,
    line: usize,
    newline: u8,
    reader: csv::Reader<Framed<'a>>,
    /// Where the reader's own count of bytes begins, less the line end before it.
    base: usize,
    cells: csv::ByteRecord,
}

/// A text between line ends that are not its own. The one before keeps the crate from looking for a byte order mark. Of
/// the two behind, a record takes the first as its end, and the second only if a quotation mark in it is never closed.
type Framed<'a> = std::io::Chain<std::io::Chain<&'a [u8], &'a [u8]>, &'a [u8]>;

impl<'a> Records<'a> {
    /// Reads from `at`, which is on physical line `line`. Lines end with `\n` or, as in Excel for old Macs, with a lone
    /// `\r`.
    pub fn new(text: &'a str, at: usize, line: usize, (delimiter, is_newline): (u8, bool)) -> Self {
        let (newline, ends): (u8, &[u8]) = if is_newline { (b'\n', b"\n\n") } else { (b'\r', b"\r\r") };
        let framed = ends[..1].chain(&text.as_bytes()[at..]).chain(ends);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .terminator(Terminator::Any(newline))
            .from_reader(framed);
        Self { text, at, line, newline, reader, base: at, cells: csv::ByteRecord::new() }
    }

    /// Where the record that begins at `at`, its line end included, ends; `None` if a quotation mark in it is not closed.
    fn end(&mut self) -> Option<usize> {
        if self.text.as_bytes()[self.at] == self.newline {
            return Some(self.at + 1);
        }
        // Reading from memory, bytes, any number of cells: nothing is left that could fail. If it did, no row would be lost.
        if !matches!(self.reader.read_byte_record(&mut self.cells), Ok(true)) {
            return None;
        }
        let behind = usize::try_from(self.reader.position().byte()).ok()? - 1 + self.base;
        (behind <= self.text.len() + 1).then_some(behind.min(self.text.len()))
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Unclosed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        let Some(end) = self.end() else {
            self.at = self.text.len();
            return Some(Err(Unclosed { line }));
        };
        let whole = &self.text[start..end];
        self.at = end;
        self.line += whole.bytes().filter(|byte| *byte == self.newline).count();
        let content = match self.newline {
            b'\n' => whole.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)),
            _ => whole.strip_suffix('\r'),
        };
        let content_end = start + content.unwrap_or(whole).len();
        Some(Ok(Record { line, content: start..content_end, end: content_end..end }))
    }
}

/// A record of more cells is no row of any table that is read here. What is behind this many is taken for one cell:
/// sixteen megabytes of delimiters are not to become a gigabyte of cells.
const CELLS_MAX: usize = 1 << 14;

/// The cells of a record's content; always at least one, and at most [`CELLS_MAX`].
pub(super) fn cells(content: &str, delimiter: u8) -> Vec<Cell<'_>> {
    if content.is_empty() {
        return vec![Cell::EMPTY];
    }
    ENGINE.with_borrow_mut(|kept| {
        let (_, engine) = match kept.take().filter(|(made_for, _)| *made_for == delimiter) {
            Some(made) => kept.insert(made),
            None => kept.insert((delimiter, engine(delimiter))),
        };
        cells_by(engine, content)
    })
}

/// Values as a line of cells without a line end: quoted where they must be, or all where `always` asks for it.
pub(super) fn joined<'v>(values: impl IntoIterator<Item = &'v str>, delimiter: u8, always: bool) -> String {
    let style = if always { QuoteStyle::Always } else { QuoteStyle::Necessary };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(style)
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(256)
        .from_writer(Vec::new());
    writer.write_record(values).expect("memory refuses no bytes, and a first record may have any length");
    let line = writer.into_inner().expect("memory refuses no bytes");
    let mut line = String::from_utf8(line).expect("texts with ASCII between them are a text");
    line.pop();
    line
}

/// A value as a cell: quoted where it must be, or where `always` asks for it.
pub(super) fn quote(value: &str, delimiter: u8, always: bool) -> String {
    // Of a line with nothing but an empty cell, the crate makes "", for it would skip a blank one.
    if value.is_empty() && !always { String::new() } else { joined([value], delimiter, always) }
}

thread_local! {
    /// The reader of cells that was used last, and its delimiter: making one takes longer than reading many rows,
    /// and a clone of one (csv-core 0.1.13) comes without its tables and reads nothing.
    static ENGINE: RefCell<Option<(u8, csv_core::Reader)>> = const { RefCell::new(None) };
}

/// A byte that no text has, as a line end: where records end was decided before.
const NO_BYTE: u8 = 0xff;

fn engine(delimiter: u8) -> csv_core::Reader {
    let terminator = csv_core::Terminator::Any(NO_BYTE);
    csv_core::ReaderBuilder::new().delimiter(delimiter).terminator(terminator).build()
}

fn cells_by<'a>(engine: &mut csv_core::Reader, content: &'a str) -> Vec<Cell<'a>> {
    engine.reset();
    // An empty line first: the engine looks for a byte order mark, which is a part of the cell, only at the very start.
    engine.read_field(&[NO_BYTE], &mut [0]);
    let mut cells = Vec::with_capacity(16);
    let mut text = vec![0; content.len() + 1];
    let (mut start, mut at, mut length) = (0, 0, 0);
    loop {
        let (result, read, written) = engine.read_field(&content.as_bytes()[at..], &mut text[length..]);
        at += read;
        length += written;
        match result {
            ReadFieldResult::Field { record_end } => {
                let behind = if record_end { at } else { at - 1 };
                cells.push(cell(&content[start..behind], &text[..length]));
                (start, length) = (at, 0);
                if cells.len() + 1 == CELLS_MAX && !record_end {
                    cells.push(Cell { raw: content[at..].into(), text: content[at..].into(), ..Cell::EMPTY });
                    return cells;
                }
            }
            // At the end of the content: the next call, with nothing to read, gives the last cell.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => text.resize(text.len() * 2, 0),
            ReadFieldResult::End => return cells,
        }
    }
}

fn cell<'a>(raw: &'a str, text: &[u8]) -> Cell<'a> {
    let quoted = raw.starts_with('"');
    let borrowed = if quoted { raw.get(1..raw.len().saturating_sub(1)) } else { Some(raw) };
    let text = match borrowed.filter(|borrowed| borrowed.as_bytes() == text) {
        Some(borrowed) => Cow::Borrowed(borrowed),
        None => Cow::Owned(String::from_utf8_lossy(text).into_owned()),
    };
    let misquoted = quoted && matches!(text, Cow::Owned(_)) && !is_closed_at_its_end(raw);
    Cell { raw: Cow::Borrowed(raw), text, quoted, misquoted }
}

/// True where the quotation mark that closes a cell is its last character: those inside are doubled.
fn is_closed_at_its_end(raw: &str) -> bool {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(usize, &[&str])]) {
        let read: Vec<(usize, Vec<String>)> = Records::new(text, 0, 1, (b',', text.contains('\n')))
            .map(|record| record.unwrap())
            .map(|record| {
                (record.line, cells(&text[record.content], b',').into_iter().map(|c| c.text.into_owned()).collect())
            })
            .collect();
        let read: Vec<(usize, Vec<&str>)> =
            read.iter().map(|(line, cells)| (*line, cells.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(usize, Vec<&str>)> = expected.iter().map(|(line, cells)| (*line, cells.to_vec())).collect();
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn a_row_of_delimiters_does_not_fill_the_memory() {
        let text = ",".repeat(CELLS_MAX + 10);
        let cells = cells(&text, b',');
        assert_eq!((cells.len(), cells[CELLS_MAX - 1].raw.len()), (CELLS_MAX, 11));
        assert_eq!(cells[..CELLS_MAX].iter().map(|cell| cell.raw.len() + 1).sum::<usize>(), text.len() + 1);
    }

    #[test]
    fn records_and_their_lines() {
        check("a,b\nc,d\n", &[(1, &["a", "b"]), (2, &["c", "d"])]);
        check("a,b\r\nc,d", &[(1, &["a", "b"]), (2, &["c", "d"])]);
        check("\"a\nb\",c\nd,e", &[(1, &["a\nb", "c"]), (3, &["d", "e"])]);
        check("\"a\"\"b\",\"\"\n", &[(1, &["a\"b", ""])]);
        check("5\" pipe,x\n", &[(1, &["5\" pipe", "x"])]);
        check("\"a\"b\"c,x\n", &[(1, &["ab\"c", "x"])]);
        check("a,b\rc,d\r", &[(1, &["a", "b"]), (2, &["c", "d"])]);
        check("a\rb,c\n", &[(1, &["a\rb", "c"])]);
        check("\n,\n", &[(1, &[""]), (2, &["", ""])]);
        check("", &[]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_told_with_its_line() {
        let last = Records::new("a,b\nc,\"d\ne,f\n", 0, 1, (b',', true)).last();
        assert_eq!(last, Some(Err(Unclosed { line: 2 })));
    }

    #[test]
    fn what_the_crate_would_skip_is_kept() {
        check("\n\r\n\na\n\n", &[(1, &[""]), (2, &[""]), (3, &[""]), (4, &["a"]), (5, &[""])]);
        check("\r\ra\r\r", &[(1, &[""]), (2, &[""]), (3, &["a"]), (4, &[""])]);
        check("\u{feff}a,\u{feff}b\n\u{feff}\"c\n", &[(1, &["\u{feff}a", "\u{feff}b"]), (2, &["\u{feff}\"c"])]);
        for text in ["\"", "\"\n", "\"\r", "a,\"b\"\"", "\"a\n\n", "\"\"\"\r\n"] {
            assert_eq!(
                Records::new(text, 0, 1, (b',', text.contains('\n'))).next(),
                Some(Err(Unclosed { line: 1 })),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a;,\"\r\n é]{0,60}") {
            let mut glued = String::new();
            for record in Records::new(&text, 0, 1, (b';', text.contains('\n'))) {
                let Ok(record) = record else { return Ok(()) };
                let content = &text[record.content];
                let raws: Vec<_> = cells(content, b';').into_iter().map(|cell| cell.raw).collect();
                prop_assert_eq!(raws.join(";"), content);
                glued.push_str(content);
                glued.push_str(&text[record.end]);
            }
            prop_assert_eq!(glued, text);
        }

        /// Where there is no lone return, which the crate ends a record at, and no blank line, which it skips.
        #[test]
        fn the_csv_crate_reads_the_same(text in "[a;,\" é]{1,20}(\n[a;,\" é]{1,20}){0,3}") {
            let mut ours = Vec::new();
            for record in Records::new(&text, 0, 1, (b';', text.contains('\n'))) {
                let Ok(record) = record else { return Ok(()) };
                ours.push(cells(&text[record.content], b';').into_iter().map(|c| c.text.into_owned()).collect::<Vec<_>>());
            }
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false).flexible(true).delimiter(b';').from_reader(text.as_bytes());
            let theirs: Vec<Vec<String>> =
                reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn rows_are_read_as_they_were_written(
            rows in prop::collection::vec((
                prop::collection::vec("[a;\"\r\n é\u{feff}]{0,4}", 1..4), any::<bool>(), any::<bool>(), 0..2usize,
            ), 1..5),
        ) {
            let (mut text, mut expected) = (String::new(), Vec::new());
            for (values, always, crlf, blank) in &rows {
                let line = |text: &str| 1 + text.matches('\n').count();
                expected.push((line(&text), values.clone()));
                text += &joined(values.iter().map(String::as_str), b';', *always);
                text += if *crlf { "\r\n" } else { "\n" };
                for _ in 0..*blank {
                    expected.push((line(&text), vec![String::new()]));
                    text.push('\n');
                }
            }
            let read: Vec<_> = Records::new(&text, 0, 1, (b';', text.contains('\n'))).map(|record| record.unwrap()).map(|record| {
                let values = cells(&text[record.content], b';').into_iter().map(|cell| cell.text.into_owned());
                (record.line, values.collect::<Vec<_>>())
            }).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn a_quoted_value_reads_as_itself(value in "[a;,\"\r\n é]{0,30}", always: bool) {
            let raw = quote(&value, b';', always);
            let read = cells(&raw, b';');
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].text.as_ref(), value.as_str());
        }
    }
}
