//! A CSV file read once, for an import: nothing is written back, and no more than a portion of it is in memory.
//!
//! It is read three times: for its encoding; for what its columns hold, and whether all of it can be read; then row by row.
//! It differs from a book's reading in one point: where a column does not say whether a number is private, the row's
//! other cells may.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::{
    charset::{self, Encoding, Survey},
    codec::{Codec, Guess},
    error::CsvError,
    layout::{Layout, mostly_civilities},
    profile::Profile,
    records::cells,
    sniff::{Candidates, Found, HEAD_MAX, find},
    stream::Lines,
    table::{Filled, Recognised, Row, SAMPLE_MAX, Sort, check_delimiter},
};
use crate::contact::FieldSet;

/// A file that was looked through, and how it is read.
pub struct Opened<R> {
    /// What the columns carry: a row says nothing about other fields.
    pub fields: FieldSet,
    /// The dialect, encoding and delimiter found, and each column's reading.
    pub recognised: Recognised,
    /// The columns that hold something, read or not, in the file's order.
    pub filled: Vec<Filled>,
    lines: Lines<R>,
    layout: Layout,
    profile: Profile,
    shape: Shape,
    cell_line_end: &'static str,
}

/// A file's rows, and how they were read.
#[derive(Debug, Clone)]
pub struct Import {
    /// The rows, ragged ones included, blank ones not.
    pub rows: Vec<Row>,
    /// As in [`Opened`].
    pub fields: FieldSet,
    /// As in [`Opened`].
    pub recognised: Recognised,
    /// As in [`Opened`].
    pub filled: Vec<Filled>,
}

/// Reads a file that is in memory.
///
/// # Errors
/// As [`open`].
pub fn import<'p>(bytes: &[u8], profile: impl Into<Candidates<'p>>) -> Result<Import, CsvError> {
    let mut opened = open(Cursor::new(bytes), profile)?;
    let rows = opened.by_ref().collect::<Result<_, _>>()?;
    let Opened { fields, recognised, filled, .. } = opened;
    Ok(Import { rows, fields, recognised, filled })
}

/// Looks a file through, by the profile given or by the one that fits best. Then it gives its rows.
///
/// # Errors
/// When no header is found, the text is not valid in its encoding, a quotation mark is never closed, or it cannot be read.
pub fn open<'p, R: Read + Seek>(mut source: R, profile: impl Into<Candidates<'p>>) -> Result<Opened<R>, CsvError> {
    let (start, mark, survey, length) = survey(&mut source).map_err(CsvError::Unreadable)?;
    let found = find(&start, length, &survey, profile.into())?;
    let behind_mark = mark.map_or(0, |mark| mark.mark().len()) as u64;
    source.seek(SeekFrom::Start(behind_mark)).map_err(CsvError::Unreadable)?;
    let look = look(Lines::new(&mut source, &found, survey.has_newline()), &found)?;
    let civilities = |column: usize| {
        let texts: Vec<String> = look
            .sample
            .iter()
            .filter_map(|row| cells(row, found.delimiter).get(column).map(|cell| cell.text.clone().into_owned()))
            .collect();
        mostly_civilities(texts.iter().map(String::as_str))
    };
    let Look { header_line, line_end, counts, shape, .. } = look;
    let layout = Layout::new(found.profile, look.names, &civilities);
    source.seek(SeekFrom::Start(behind_mark)).map_err(CsvError::Unreadable)?;
    let mut lines = Lines::new(source, &found, survey.has_newline());
    // The header itself.
    lines.next().transpose()?;
    let columns = || layout.header.iter().cloned().zip(layout.read_as.iter().cloned());
    let filled = columns().zip(counts).filter(|(_, rows)| *rows > 0);
    let filled = filled.map(|((name, read_as), rows)| Filled { name, read_as, rows }).collect();
    let recognised = Recognised {
        profile: found.profile.name().to_owned(),
        title: found.profile.title.clone(),
        encoding: found.encoding,
        delimiter: char::from(found.delimiter),
        header_line,
        columns: columns().collect(),
    };
    let cell_line_end = if line_end == "\r" { "\r" } else { found.profile.cell_line_end };
    let profile = found.profile.clone();
    Ok(Opened { fields: layout.fields(), recognised, filled, lines, layout, profile, shape, cell_line_end })
}

/// The start of the file behind its byte order mark, that mark, what all of it tells, and its length in bytes.
fn survey(source: &mut (impl Read + Seek)) -> io::Result<(Vec<u8>, Option<Encoding>, Survey, usize)> {
    source.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    source.by_ref().take(HEAD_MAX as u64 + 4).read_to_end(&mut start)?;
    let mark = charset::marked(&start).map(|(encoding, _)| encoding);
    start.drain(..mark.map_or(0, |mark| mark.mark().len()));
    let mut survey = Survey::new(mark);
    survey.feed(&start);
    let mut length = start.len();
    let mut portion = vec![0; 1 << 16];
    loop {
        match source.read(&mut portion) {
            Ok(0) => break,
            Ok(count) => {
                survey.feed(&portion[..count]);
                length += count;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    survey.end();
    Ok((start, mark, survey, length))
}

/// How many cells a row should have.
#[derive(Debug, Clone, Copy)]
struct Shape {
    delimiter: u8,
    width: usize,
    named: usize,
    /// Records behind the header so far.
    index: usize,
}

/// What a first reading of all records tells.
struct Look {
    names: Vec<String>,
    header_line: usize,
    line_end: &'static str,
    /// In how many rows each column holds something.
    counts: Vec<usize>,
    /// The first rows.
    sample: Vec<String>,
    shape: Shape,
}

fn look(mut lines: Lines<impl Read>, found: &Found<'_>) -> Result<Look, CsvError> {
    let header = lines.next().ok_or(CsvError::Empty)??;
    let delimiter = found.delimiter;
    let names: Vec<String> = cells(&header.content, delimiter).into_iter().map(|cell| cell.text.into_owned()).collect();
    let named = names.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |at| at + 1);
    let shape = Shape { delimiter, width: names.len(), named, index: 0 };
    let (mut counts, mut sample) = (vec![0; shape.width], Vec::new());
    let (mut first, mut are_single) = (String::new(), true);
    for line in lines {
        let content = line?.content;
        let row = cells(&content, delimiter);
        let sort = Sort::of(&row, shape.width, named);
        if sort == Sort::Blank {
            continue;
        }
        are_single &= sort.is_single();
        if sort == Sort::Row {
            for (count, cell) in counts.iter_mut().zip(&row) {
                *count += usize::from(!cell.text.trim().is_empty());
            }
            if sample.len() < SAMPLE_MAX {
                sample.push(content.clone());
            }
        }
        if first.is_empty() {
            first = content;
        }
    }
    check_delimiter((header.line, delimiter, shape.width), &first, are_single)?;
    let line_end = if header.end.is_empty() { found.profile.line_end } else { header.end };
    Ok(Look { names, header_line: header.line, line_end, counts, sample, shape })
}

/// The rows, ragged ones included, blank ones not. Ends after an error.
impl<R: Read> Iterator for Opened<R> {
    type Item = Result<Row, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let codec = Codec {
            profile: &self.profile,
            layout: &self.layout,
            cell_line_end: self.cell_line_end,
            guess: Guess::ByRow,
        };
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let cells = cells(&line.content, self.shape.delimiter);
            let sort = Sort::of(&cells, self.shape.width, self.shape.named);
            let row = codec.row(self.shape.index, line.line, sort, cells);
            self.shape.index += 1;
            if let Some(row) = row {
                return Some(Ok(row));
            }
        }
    }
}
