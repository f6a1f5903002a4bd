//! A CSV file read once, for an import: nothing is written back.
//!
//! It differs from a book's reading in one point: where a column does not say whether a number is private, the row's
//! other cells may.

use super::{
    codec::Guess,
    error::CsvError,
    sniff::Candidates,
    table::{Filled, Recognised, Row, Table},
};
use crate::contact::FieldSet;

/// A file's rows, and how they were read.
#[derive(Debug, Clone)]
pub struct Import {
    /// The rows, ragged ones included, blank ones not.
    pub rows: Vec<Row>,
    /// What the columns carry: a row says nothing about other fields.
    pub fields: FieldSet,
    /// The dialect, encoding and delimiter found, and each column's reading.
    pub recognised: Recognised,
    /// The columns that hold something, read or not, in the file's order.
    pub filled: Vec<Filled>,
}

/// Reads a file, by the profile given or by the one that fits best.
///
/// # Errors
/// As [`Table::parse`].
pub fn import<'p>(bytes: &[u8], profile: impl Into<Candidates<'p>>) -> Result<Import, CsvError> {
    let table = Table::parse(bytes, profile)?;
    Ok(Import {
        rows: table.rows_guessing(Guess::ByRow).collect(),
        fields: table.fields(),
        recognised: table.recognised(),
        filled: table.filled(),
    })
}
