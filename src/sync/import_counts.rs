//! What became of the records of an imported file, in numbers that add up: every record is counted once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::events::FieldChange;

/// The records of an imported file by what became of them. The five add up to the cards or rows of the file, cards that
/// describe groups and blank rows left out. A part of `--json`'s summary, under `import`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Contacts that the mirror did not hold, or held no more.
    pub new: u64,
    /// Known contacts that the file says something new about.
    pub updated: u64,
    /// Known contacts that the file says nothing new about.
    pub same: u64,
    /// Records that could be several known contacts: left for a user.
    pub ambiguous: u64,
    /// Records that could not be read, or say nothing.
    pub refused: u64,
    /// How many of the updated changed in each field, by the reference's name.
    pub fields: BTreeMap<String, u64>,
    /// Why records were refused, and how many for each reason.
    pub reasons: BTreeMap<String, u64>,
    /// Cells that were left out of records that were taken.
    pub cells_refused: u64,
    /// Cells in which a spreadsheet's damage was put right.
    pub cells_repaired: u64,
    /// The columns that hold something, in the file's order; none for files that are no tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
}

/// A column of an imported table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, as the file has it.
    pub name: String,
    /// What it was read as; none where it was not read.
    pub read_as: Option<String>,
    /// In how many rows it holds something.
    pub rows: u64,
}

/// Reasons that are counted each; the rest together.
const REASONS_MAX: usize = 20;
const OTHER_REASONS: &str = "other reasons";

impl ImportCounts {
    /// Counts a record that was not taken.
    pub fn refuse(&mut self, reason: &str) {
        self.refused += 1;
        // Reasons may hold places; a file of rubbish must not make a summary of its own size.
        let room = self.reasons.len() < REASONS_MAX || self.reasons.contains_key(reason);
        *self.reasons.entry(if room { reason } else { OTHER_REASONS }.to_owned()).or_default() += 1;
    }

    /// Counts a known contact that changed in these fields.
    pub fn update(&mut self, changes: &[FieldChange]) {
        self.updated += 1;
        for change in changes {
            *self.fields.entry(change.field.name().to_owned()).or_default() += 1;
        }
    }

    /// "3 new, 2 updated (job_title 2, company 1), 5 same, 0 ambiguous, 1 refused", and the cells if there were any.
    pub fn in_words(&self) -> String {
        let Self { new, updated, same, ambiguous, refused, cells_refused, cells_repaired, .. } = self;
        let mut fields: Vec<(&String, &u64)> = self.fields.iter().collect();
        fields.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), name.as_str()));
        let fields: Vec<String> = fields.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        let mut words =
            format!("{new} new, {updated} updated{fields}, {same} same, {ambiguous} ambiguous, {refused} refused");
        for (count, action) in [(cells_refused, "left out"), (cells_repaired, "put right")] {
            if *count > 0 {
                let cells = if *count == 1 { "cell" } else { "cells" };
                words += &format!("; {count} {cells} {action}");
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Field;

    #[test]
    fn the_five_numbers_are_always_told() {
        let mut counts = ImportCounts::default();
        assert_eq!(counts.in_words(), "0 new, 0 updated, 0 same, 0 ambiguous, 0 refused");
        let change = |field: Field| FieldChange { field, old: String::new(), new: String::new() };
        counts.update(&[change(Field::JobTitle), change(Field::Company)]);
        counts.update(&[change(Field::JobTitle)]);
        counts.refuse("no");
        (counts.new, counts.cells_repaired, counts.cells_refused) = (3, 2, 1);
        let words = "3 new, 2 updated (job_title 2, company 1), 0 same, 0 ambiguous, 1 refused; 1 cell left out; 2 cells put right";
        assert_eq!(counts.in_words(), words);
        assert_eq!(counts.reasons["no"], 1);
        (0..100).for_each(|number| counts.refuse(&format!("not at {number}")));
        assert_eq!((counts.reasons.len(), counts.reasons[OTHER_REASONS]), (21, 81));
    }
}
