//! A first reading of a file, in bounded memory: what its bytes tell of its encoding, and what its records tell of its
//! shape. Its rows themselves are read again, one by one.

use std::{
    collections::VecDeque,
    io::{self, Read, Seek, SeekFrom},
};

use super::{
    charset::{self, Encoding, Survey},
    error::CsvError,
    layout::mostly_civilities,
    records::{Cell, cells},
    shape::{Malformed, SAMPLE_MAX, Sort, check_delimiter, rows_to_block_end, settle},
    sniff::{Candidates, Found, HEAD_MAX, find, head},
    stream::{Line, Lines},
};

/// A file that was looked through.
pub(super) struct Looked<'p> {
    pub found: Found<'p>,
    /// The length of its byte order mark.
    pub behind_mark: u64,
    /// What stands before the header.
    pub before: String,
    pub look: Look,
}

/// Looks a file through, by the profile given or by the one that fits best.
pub(super) fn look_through<'p>(
    source: &mut (impl Read + Seek),
    candidates: Candidates<'p>,
) -> Result<Looked<'p>, CsvError> {
    let (start, mark, survey, length) = survey(source).map_err(CsvError::Unreadable)?;
    let found = find(&start, length, &survey, candidates)?;
    let behind_mark = mark.map_or(0, |mark| mark.mark().len()) as u64;
    let mut before = head(found.encoding, &start).unwrap_or_default();
    before.truncate(found.header.start);
    source.seek(SeekFrom::Start(behind_mark)).map_err(CsvError::Unreadable)?;
    let look = look(Lines::new(source, &found), &found)?;
    Ok(Looked { found, behind_mark, before, look })
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
pub(super) struct Rows<R> {
    lines: Lines<R>,
    pub delimiter: u8,
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
    pub fn behind_header(mut lines: Lines<R>, delimiter: u8) -> Result<(Line, Self), CsvError> {
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
        if matches!(first, Some(Sort::Malformed(_))) && !is_beside_header {
            let sorts = self.ready.iter().map(|(line, _)| self.sort(&cells(&line.content, self.delimiter)));
            let mut sorts: Vec<Sort> = sorts.collect();
            settle(&mut sorts);
            self.ready.iter_mut().zip(sorts).for_each(|((_, sort), settled)| *sort = Some(settled));
        }
    }

    /// What these cells are, looked at alone.
    pub fn sort(&self, cells: &[Cell<'_>]) -> Sort {
        Sort::of(cells, (self.width, self.named), self.delimiter)
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
pub(super) struct Look {
    pub header: Line,
    pub names: Vec<String>,
    pub line_end: &'static str,
    /// In how many rows each column holds something.
    pub counts: Vec<usize>,
    /// The first rows.
    sample: Vec<String>,
    /// How many records the first rows are among; none where all of them are.
    pub sampled: Option<usize>,
    /// Every cell that was looked at is quoted.
    pub quote_always: bool,
    pub has_final_line_end: bool,
    /// A row has cells beyond the header's.
    pub is_overlong: bool,
    /// A row is not read.
    pub is_malformed: bool,
    /// The cells with question marks, where the encoding lacks characters.
    pub questioned: String,
    delimiter: u8,
}

/// So many bytes of rows are looked at to find out what a column holds.
const SAMPLE_BYTES_MAX: usize = 1 << 20;

impl Look {
    /// True when a column holds little but civilities.
    pub fn civilities(&self, column: usize) -> bool {
        let texts: Vec<String> = self
            .sample
            .iter()
            .filter_map(|row| cells(row, self.delimiter).get(column).map(|cell| cell.text.clone().into_owned()))
            .collect();
        mostly_civilities(texts.iter().map(String::as_str))
    }

    /// Takes in one record behind the header.
    fn take(&mut self, content: &str, cells: &[Cell<'_>], sort: Sort, sampled: &mut usize) {
        match sort {
            Sort::Row => {
                for (count, cell) in self.counts.iter_mut().zip(cells) {
                    *count += usize::from(!cell.text.trim().is_empty());
                }
                *sampled += content.len();
                if self.sample.len() < SAMPLE_MAX && *sampled < SAMPLE_BYTES_MAX {
                    self.quote_always &= cells.iter().all(|cell| cell.quoted);
                    self.sample.push(content.to_owned());
                }
            }
            Sort::Malformed(malformed) => {
                self.is_malformed = true;
                self.is_overlong |= matches!(malformed, Malformed::Ragged { found, expected } if found > expected);
            }
            Sort::Blank | Sort::Removed => {}
        }
    }
}

fn look(lines: Lines<impl Read>, found: &Found<'_>) -> Result<Look, CsvError> {
    let delimiter = found.delimiter;
    let (header, mut rows) = Rows::behind_header(lines, delimiter)?;
    let header_cells = cells(&header.content, delimiter);
    let mut look = Look {
        names: header_cells.iter().map(|cell| cell.text.clone().into_owned()).collect(),
        line_end: if header.end.is_empty() { found.profile.line_end } else { header.end },
        counts: vec![0; header_cells.len()],
        sample: Vec::new(),
        sampled: None,
        quote_always: header_cells.iter().all(|cell| cell.quoted),
        has_final_line_end: !header.end.is_empty(),
        is_overlong: false,
        is_malformed: false,
        questioned: String::new(),
        delimiter,
        header: header.clone(),
    };
    let lacks_characters = found.encoding.encode("\u{1d11e}").is_none();
    let (mut first, mut are_single, mut sampled, mut number) = (String::new(), true, 0, 0);
    while let Some(row) = rows.next() {
        let (Line { content, end, .. }, sort) = row?;
        let row = cells(&content, delimiter);
        let sort = sort.unwrap_or_else(|| rows.sort(&row));
        look.has_final_line_end = !end.is_empty();
        look.take(&content, &row, sort, &mut sampled);
        number += 1;
        if look.sampled.is_none() && (look.sample.len() == SAMPLE_MAX || sampled >= SAMPLE_BYTES_MAX) {
            look.sampled = Some(number);
        }
        if lacks_characters {
            row.iter().filter(|cell| cell.raw.contains('?')).for_each(|cell| {
                look.questioned.push_str(&cell.raw);
                look.questioned.push('\n');
            });
        }
        if sort == Sort::Blank {
            continue;
        }
        are_single &= sort.is_single();
        if first.is_empty() {
            first = content;
        }
    }
    check_delimiter((header.line, delimiter, look.names.len()), &first, are_single)?;
    Ok(look)
}
