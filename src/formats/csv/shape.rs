//! How many cells the rows of a table have, and what that makes of them.

use super::{
    error::CsvError,
    records::{Cell, cells},
};

/// A row with too few or too many cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ragged {
    /// How many cells it has.
    pub found: usize,
    /// How many the header has.
    pub expected: usize,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Row,
    Ragged(Ragged),
    /// No cell holds anything: kept, not a contact.
    Blank,
    Removed,
}

impl Sort {
    /// `named`: how many columns there are up to the last one with a name. Cells that a row lacks beyond it, and empty
    /// ones that it has too many of, change nothing: old Thunderbird ends its header with a comma, spreadsheets end rows
    /// with many.
    pub fn of(cells: &[Cell<'_>], width: usize, named: usize) -> Sort {
        if cells.iter().all(|cell| cell.text.trim().is_empty()) {
            return Sort::Blank;
        }
        let found = cells.len();
        let surplus = cells.iter().skip(width).any(|cell| !cell.text.trim().is_empty());
        if found < named || surplus { Sort::Ragged(Ragged { found, expected: width }) } else { Sort::Row }
    }

    /// True for a row with a single cell where the header has more.
    pub fn is_single(self) -> bool {
        matches!(self, Sort::Ragged(Ragged { found: 1, .. }))
    }
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
        Sort::Ragged(Ragged { found, expected }) if found < expected && *found > 1 => Some(*found),
        Sort::Row | Sort::Ragged(_) | Sort::Blank | Sort::Removed => None,
    };
    let mut lengths = block.iter().filter(|sort| **sort != Sort::Blank).map(short);
    let first = lengths.next().flatten();
    if first.is_some() && lengths.all(|length| length == first) {
        block.iter_mut().filter(|sort| matches!(sort, Sort::Ragged(_))).for_each(|sort| *sort = Sort::Row);
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

    /// The counts of cells of a block, 0 for a blank row and 6 for a whole one; which of them are read then.
    fn check(block: &[usize], read: &str) {
        let sort = |found: &usize| match *found {
            0 => Sort::Blank,
            6 => Sort::Row,
            found => Sort::Ragged(Ragged { found, expected: 6 }),
        };
        let mut sorts: Vec<Sort> = block.iter().map(sort).collect();
        settle(&mut sorts);
        let word = |sort: &Sort| match sort {
            Sort::Row => 'r',
            Sort::Ragged(_) => '!',
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
        check(&[1, 1], "!!");
        check(&[0, 0], "..");
        check(&[], "");
        assert_eq!([0, 1, 15, 16].map(rows_to_block_end), [16, 15, 1, 16]);
    }
}
