//! Runs: what was done when, and what it replaced.

use std::path::Path;

use super::{ContactId, Reader};
use crate::mirror::MirrorError;
pub use crate::mirror::{HistoryRow, RunRow};

/// A value that was replaced or lost.
pub struct Change {
    /// The number that an undo takes.
    pub id: i64,
    /// What was replaced, when and why.
    pub row: HistoryRow,
    /// The contact's name now; none where it is gone.
    pub name: Option<String>,
}

/// The newest runs, at most so many, the newest first.
///
/// # Errors
/// The mirror's.
pub fn latest(reader: &Reader, limit: usize) -> Result<Vec<RunRow>, MirrorError> {
    reader.mirror.runs(limit)
}

/// A run by its number, and what it replaced.
///
/// # Errors
/// The mirror's.
pub fn one(reader: &Reader, id: i64) -> Result<Option<(RunRow, Vec<Change>)>, MirrorError> {
    let Some(run) = reader.mirror.run(id)? else { return Ok(None) };
    Ok(Some((run, named(reader, reader.mirror.history_of_run(id)?)?)))
}

/// What was replaced of a contact, or of all; at most so many, the newest first.
///
/// # Errors
/// The mirror's.
pub fn changes(reader: &Reader, contact: Option<ContactId>, limit: usize) -> Result<Vec<Change>, MirrorError> {
    named(reader, reader.mirror.history(contact, limit)?)
}

fn named(reader: &Reader, rows: Vec<(i64, HistoryRow)>) -> Result<Vec<Change>, MirrorError> {
    let change = |(id, row): (i64, HistoryRow)| {
        let name = reader.mirror.contact(row.contact)?.map(|stored| stored.contact.display_name());
        Ok(Change { id, row, name: name.filter(|name| !name.is_empty()) })
    };
    rows.into_iter().map(change).collect()
}

/// The newest run of whatever command in the mirror of this path; none also where there is no mirror that can be read.
pub fn newest(path: &Path) -> Option<RunRow> {
    latest(&Reader::open(path).ok()?, 1).ok()?.pop()
}

/// True when the mirror of this path has agreed on something with this replica.
pub fn has_met(path: &Path, replica: &str) -> bool {
    Reader::open(path).and_then(|reader| reader.mirror.count_known(replica)).is_ok_and(|count| count > 0)
}
