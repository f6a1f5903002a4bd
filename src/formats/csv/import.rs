//! A CSV file read once, for an import: nothing is written back.
//!
//! It differs from a book's reading in one point: where a column does not say whether a number is private, the row's
//! other cells may.

use super::{
    codec::Guess,
    error::CsvError,
    profile::Profile,
    table::{Recognised, Row, Table},
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
    /// Columns that are not read although they hold something, and in how many rows.
    pub unread: Vec<(String, usize)>,
}

/// Reads a file, by the profile given or by the built-in one that fits best.
///
/// # Errors
/// As [`Table::parse`].
pub fn import(bytes: &[u8], profile: Option<&Profile>) -> Result<Import, CsvError> {
    let table = Table::parse(bytes, profile)?;
    Ok(Import {
        rows: table.rows_guessing(Guess::ByRow).collect(),
        fields: table.fields(),
        recognised: table.recognised(),
        unread: table.unread(),
    })
}
