//! A CSV file read once, for an import: nothing is written back, and no more than a portion of it is in memory.
//!
//! It is read three times: for its encoding; for what its columns hold, and whether all of it can be read; then row by row.
//! It differs from a book's reading in one point: where a column does not say whether a number is private, the row's
//! other cells may.

use std::{
    collections::VecDeque,
    io::{self, Cursor, Read, Seek, SeekFrom},
};

use super::{
    charset::{self, Encoding, Survey},
    codec::{Codec, Guess},
    error::CsvError,
    layout::{Layout, mostly_civilities},
    profile::Profile,
    records::{Cell, cells},
    shape::{SAMPLE_MAX, Sort, check_delimiter, rows_to_block_end, settle},
    sniff::{Candidates, Found, HEAD_MAX, find},
    stream::{Line, Lines},
    table::{Filled, Recognised, Row},
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
    rows: Rows<R>,
    /// Records behind the header so far.
    index: usize,
    layout: Layout,
    profile: Profile,
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
    let look = look(Lines::new(&mut source, &found), &found)?;
    let civilities = |column: usize| {
        let texts: Vec<String> = look
            .sample
            .iter()
            .filter_map(|row| cells(row, found.delimiter).get(column).map(|cell| cell.text.clone().into_owned()))
            .collect();
        mostly_civilities(texts.iter().map(String::as_str))
    };
    let Look { header_line, line_end, counts, .. } = look;
    let layout = Layout::new(found.profile, look.names, &civilities);
    source.seek(SeekFrom::Start(behind_mark)).map_err(CsvError::Unreadable)?;
    let (_, rows) = Rows::behind_header(Lines::new(source, &found), found.delimiter)?;
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
    Ok(Opened { fields: layout.fields(), recognised, filled, rows, index: 0, layout, profile, cell_line_end })
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

/// The records behind a header, each with what its count of cells tells.
struct Rows<R> {
    lines: Lines<R>,
    delimiter: u8,
    width: usize,
    /// How many columns there are up to the last one with a name.
    named: usize,
    /// The next record's number, the header's line being its line less one.
    number: usize,
    header_number: usize,
    /// Records of one block, each with what it is where its neighbours tell.
    ready: VecDeque<(Line, Option<Sort>)>,
    failure: Option<CsvError>,
}

impl<R: Read> Rows<R> {
    /// The header, and what is behind it.
    fn behind_header(mut lines: Lines<R>, delimiter: u8) -> Result<(Line, Self), CsvError> {
        let header = lines.next().ok_or(CsvError::Empty)??;
        let names = cells(&header.content, delimiter);
        let named = names.iter().rposition(|cell| !cell.text.trim().is_empty()).map_or(0, |at| at + 1);
        let (width, header_number) = (names.len(), header.line - 1);
        let (number, ready, failure) = (header_number + 1, VecDeque::new(), None);
        let rows = Self { lines, delimiter, width, named, number, header_number, ready, failure };
        Ok((header, rows))
    }

    /// Reads a block of rows and settles what they are, if that takes a look at all of them.
    fn refill(&mut self) {
        let rows = rows_to_block_end(self.number);
        let is_beside_header = self.number + rows == self.header_number + rows_to_block_end(self.header_number);
        while self.ready.len() < rows {
            match self.lines.next() {
                None => break,
                Some(Err(failure)) => {
                    self.failure = Some(failure);
                    break;
                }
                Some(Ok(line)) => self.ready.push_back((line, None)),
            }
        }
        self.number += self.ready.len();
        // Rows beside the header, which is as wide as the table, cannot have been left short together.
        let mut sorts = self.ready.iter().map(|(line, _)| self.sort(&cells(&line.content, self.delimiter)));
        let first = sorts.find(|sort| *sort != Sort::Blank);
        if matches!(first, Some(Sort::Ragged(_))) && !is_beside_header {
            let sorts = self.ready.iter().map(|(line, _)| self.sort(&cells(&line.content, self.delimiter)));
            let mut sorts: Vec<Sort> = sorts.collect();
            settle(&mut sorts);
            self.ready.iter_mut().zip(sorts).for_each(|((_, sort), settled)| *sort = Some(settled));
        }
    }

    /// What these cells are, looked at alone.
    fn sort(&self, cells: &[Cell<'_>]) -> Sort {
        Sort::of(cells, self.width, self.named)
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<(Line, Option<Sort>), CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && self.failure.is_none() {
            self.refill();
        }
        self.ready.pop_front().map(Ok).or_else(|| self.failure.take().map(Err))
    }
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
}

/// So many bytes of rows are looked at to find out what a column holds.
const SAMPLE_BYTES_MAX: usize = 1 << 20;

fn look(lines: Lines<impl Read>, found: &Found<'_>) -> Result<Look, CsvError> {
    let delimiter = found.delimiter;
    let (header, mut rows) = Rows::behind_header(lines, delimiter)?;
    let names: Vec<String> = cells(&header.content, delimiter).into_iter().map(|cell| cell.text.into_owned()).collect();
    let (mut counts, mut sample, mut sampled) = (vec![0; names.len()], Vec::new(), 0);
    let (mut first, mut are_single) = (String::new(), true);
    while let Some(row) = rows.next() {
        let (Line { content, .. }, sort) = row?;
        let row = cells(&content, delimiter);
        let sort = sort.unwrap_or_else(|| rows.sort(&row));
        if sort == Sort::Blank {
            continue;
        }
        are_single &= sort.is_single();
        if sort == Sort::Row {
            for (count, cell) in counts.iter_mut().zip(&row) {
                *count += usize::from(!cell.text.trim().is_empty());
            }
            sampled += content.len();
            if sample.len() < SAMPLE_MAX && sampled < SAMPLE_BYTES_MAX {
                sample.push(content.clone());
            }
        }
        if first.is_empty() {
            first = content;
        }
    }
    check_delimiter((header.line, delimiter, names.len()), &first, are_single)?;
    let line_end = if header.end.is_empty() { found.profile.line_end } else { header.end };
    Ok(Look { names, header_line: header.line, line_end, counts, sample })
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
            let (line, sort) = match self.rows.next()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            let cells = cells(&line.content, self.rows.delimiter);
            let sort = sort.unwrap_or_else(|| self.rows.sort(&cells));
            let row = codec.row(self.index, line.line, sort, cells);
            self.index += 1;
            if let Some(row) = row {
                return Some(Ok(row));
            }
        }
    }
}
