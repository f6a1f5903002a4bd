//! How many cells the rows of a table have and how they are quoted, and what that makes of them.

use std::fmt;

use super::{
    error::CsvError,
    records::{Cell, cells},
};

/// What keeps a row from being read. As text it follows "the row".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Too few or too many cells.
    Ragged {
        /// How many cells it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// Text stands behind the closing quotation mark of a cell: one too many, or one that is not doubled. It may have taken
    /// in the rows behind it up to the next quotation mark.
    Misquoted {
        /// The cell, from 1.
        cell: usize,
    },
    /// A cell in quotation marks holds as many delimiters and line ends as whole rows do.
    RowsInCell {
        /// The cell, from 1.
        cell: usize,
    },
}

impl Malformed {
    /// What to do about it, in words that stand alone.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Ragged { .. } => "a cell that holds the delimiter must be in quotation marks",
            Self::Misquoted { .. } | Self::RowsInCell { .. } => {
                "close each quotation mark that opens a cell before the next delimiter, and double those inside the cell"
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ragged { found, expected } => write!(f, "has {found} cells, the header {expected}"),
            Self::Misquoted { cell } => write!(f, "has text behind the closing quotation mark of cell {cell}"),
            Self::RowsInCell { cell } => write!(f, "has the rows behind it in cell {cell}, in quotation marks"),
        }
    }
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Row,
    Malformed(Malformed),
    /// No cell holds anything: kept, not a contact.
    Blank,
    Removed,
}

impl Sort {
    /// `named`: how many columns there are up to the last one with a name. Cells that a row lacks beyond it, and empty
    /// ones that it has too many of, change nothing: old Thunderbird ends its header with a comma, spreadsheets end rows
    /// with many.
    pub fn of(cells: &[Cell<'_>], (width, named): (usize, usize), delimiter: u8) -> Sort {
        if cells.iter().all(|cell| cell.text.trim().is_empty()) {
            return Sort::Blank;
        }
        if let Some(at) = cells.iter().position(|cell| cell.misquoted) {
            return Sort::Malformed(Malformed::Misquoted { cell: at + 1 });
        }
        let found = cells.len();
        let surplus = cells.iter().skip(width).any(|cell| !cell.text.trim().is_empty());
        if found < named || surplus {
            return Sort::Malformed(Malformed::Ragged { found, expected: width });
        }
        match cells.iter().position(|cell| holds_rows(cell, named, delimiter)) {
            Some(at) => Sort::Malformed(Malformed::RowsInCell { cell: at + 1 }),
            None => Sort::Row,
        }
    }

    /// True for a row with a single cell where the header has more.
    pub fn is_single(self) -> bool {
        matches!(self, Sort::Malformed(Malformed::Ragged { found: 1, .. }))
    }
}

/// In a table of fewer columns, a text of some lines has as many commas.
const WIDE: usize = 8;

/// True for a cell that two stray quotation marks, rows apart, made of all between them.
fn holds_rows(cell: &Cell<'_>, named: usize, delimiter: u8) -> bool {
    if !cell.quoted || named < WIDE {
        return false;
    }
    let count = |wanted: u8| cell.text.bytes().filter(|byte| *byte == wanted).count();
    let rows = count(b'\n').max(count(b'\r'));
    rows > 0 && count(delimiter) >= rows * (named - 1)
}

/// How many rows are looked at to find out what a column holds.
pub(super) const SAMPLE_MAX: usize = 1000;
/// So many rows Excel looks at together when it saves a table.
const BLOCK: usize = 16;

/// How many rows there are from this one to the last that Excel looks at together with it; the file's first line is 0.
pub(super) fn rows_to_block_end(number: usize) -> usize {
    BLOCK - number % BLOCK
}

/// What Excel makes of rows whose last cells are empty: of each sixteen, the cells behind the last one that any row fills
/// are left out, with their delimiters (Microsoft: "Column delimiters are missing in an Excel spreadsheet that is saved
/// as text"). So rows are sound if all of a block are equally short. One that is shorter than those around it may have
/// lost a cell anywhere. `block`: the rows of one, whole.
pub(super) fn settle(block: &mut [Sort]) {
    let short = |sort: &Sort| match sort {
        Sort::Malformed(Malformed::Ragged { found, expected }) if found < expected && *found > 1 => Some(*found),
        Sort::Row | Sort::Malformed(_) | Sort::Blank | Sort::Removed => None,
    };
    let mut lengths = block.iter().filter(|sort| **sort != Sort::Blank).map(short);
    let first = lengths.next().flatten();
    if first.is_some() && lengths.all(|length| length == first) {
        block.iter_mut().filter(|sort| matches!(sort, Sort::Malformed(_))).for_each(|sort| *sort = Sort::Row);
    }
}

/// A header with one delimiter over rows with another: every row would be ragged, and no count of cells explains why.
/// `first` is the first row that is not blank, `are_single`: each of them has one cell.
pub(super) fn check_delimiter(
    (line, delimiter, width): (usize, u8, usize),
    first: &str,
    are_single: bool,
) -> Result<(), CsvError> {
    if width < 2 || !are_single || first.is_empty() {
        return Ok(());
    }
    let other = b";,\t|".iter().find(|other| **other != delimiter && cells(first, **other).len() == width);
    other.map_or(Ok(()), |other| {
        Err(CsvError::MixedDelimiters { line, header: char::from(delimiter), rows: char::from(*other) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of cells of a block, 0 for a blank row, 6 for a whole one, 7 for one that is misquoted; which of them are read then.
    fn check(block: &[usize], read: &str) {
        let sort = |found: &usize| match *found {
            0 => Sort::Blank,
            6 => Sort::Row,
            7 => Sort::Malformed(Malformed::Misquoted { cell: 1 }),
            8 => Sort::Malformed(Malformed::Ragged { found: 8, expected: 6 }),
            found => Sort::Malformed(Malformed::Ragged { found, expected: 6 }),
        };
        let mut sorts: Vec<Sort> = block.iter().map(sort).collect();
        settle(&mut sorts);
        let word = |sort: &Sort| match sort {
            Sort::Row => 'r',
            Sort::Malformed(_) => '!',
            Sort::Blank | Sort::Removed => '.',
        };
        assert_eq!(sorts.iter().map(word).collect::<String>(), read, "{block:?}");
    }

    #[test]
    fn rows_that_excel_left_short_together_are_sound() {
        check(&[4; 16], &"r".repeat(16));
        check(&[4, 0, 4], "r.r");
        check(&[4], "r");
        check(&[6, 6, 4], "rr!");
        check(&[4, 5, 4], "!!!");
        check(&[4, 4, 7], "!!!");
        check(&[4, 4, 8], "!!!");
        check(&[1, 1], "!!");
        check(&[0, 0], "..");
        check(&[], "");
        assert_eq!([0, 1, 15, 16].map(rows_to_block_end), [16, 15, 1, 16]);
    }

    #[test]
    fn quotation_marks_that_open_or_close_in_the_wrong_place_make_no_row() {
        let sort = |row: &str, width: usize| Sort::of(&cells(row, b','), (width, width), b',');
        let misquoted = |cell| Sort::Malformed(Malformed::Misquoted { cell });
        assert_eq!(sort("a,\"b\nc\"\"d\"", 2), Sort::Row);
        assert_eq!(sort("a,5\" pipe", 2), Sort::Row);
        assert_eq!(sort("a,\"oops\n\"b\",c", 3), misquoted(2));
        assert_eq!(sort("\"a\" b,c", 2), misquoted(1));
        assert_eq!(sort("\"a \\\"b\\\" c\",d", 2), misquoted(1));
        // Two strays in the same column.
        let rows = |width: usize| format!("a,\"oops{0}\nb,5\"{0}", ",x".repeat(width - 2));
        assert_eq!(sort(&rows(9), 9), Sort::Malformed(Malformed::RowsInCell { cell: 2 }));
        assert_eq!(sort("a,\"b, c,\nd, e\",,,,,,", 8), Sort::Row);
    }
}
