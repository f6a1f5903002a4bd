//! A CSV file read once, for an import: nothing is written back, and no more than a portion of it is in memory.
//!
//! It is read three times: for its encoding; for what its columns hold, and whether all of it can be read; then row by row.
//! It differs from a book's reading in one point: where a column does not say whether a number is private, the row's
//! other cells may.

use std::io::{Cursor, Read, Seek, SeekFrom};

use super::{
    codec::{Codec, Guess},
    error::CsvError,
    layout::Layout,
    look::{Look, Looked, Rows, look_through},
    profile::Profile,
    records::cells,
    sniff::Candidates,
    stream::Lines,
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
    /// The rows, malformed ones included, blank ones not.
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
    let Looked { found, behind_mark, look, .. } = look_through(&mut source, profile.into())?;
    let layout = Layout::new(found.profile, look.names.clone(), &|column| look.civilities(column));
    let Look { header, line_end, counts, .. } = look;
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
        header_line: header.line,
        columns: columns().collect(),
    };
    let cell_line_end = if line_end == "\r" { "\r" } else { found.profile.cell_line_end };
    let profile = found.profile.clone();
    // What a whole name may say beside the family name, a row says or not.
    let fields = layout.fields().less(layout.fields_of_whole_names());
    Ok(Opened { fields, recognised, filled, rows, index: 0, layout, profile, cell_line_end })
}

/// The rows, malformed ones included, blank ones not. Ends after an error.
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
