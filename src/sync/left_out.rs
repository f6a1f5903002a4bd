//! Texts of a book that are no values of their kind: told once a scan, not once a cell.

use std::collections::BTreeMap;

use super::run::Run;
use crate::{contact::clean::Refused, replica::Diagnostic};

/// What was left out of a book's records since its scan began.
#[derive(Debug, Default)]
pub struct LeftOut {
    replica: String,
    /// How many, by what they are not.
    counts: BTreeMap<&'static str, u64>,
    /// The record of the first.
    first: String,
}

impl LeftOut {
    /// Notes what was left out of a record.
    pub fn note(&mut self, replica: &str, remote: &str, refused: &[Refused]) {
        if refused.is_empty() {
            return;
        }
        if self.replica != replica {
            *self = Self { replica: replica.to_owned(), first: remote.to_owned(), counts: BTreeMap::new() };
        }
        for refused in refused {
            *self.counts.entry(refused.words()).or_default() += 1;
        }
    }

    /// "3 values left out, the first in ada.vcf: 2 is no telephone number, 1 is no e-mail address"
    fn in_words(&self) -> String {
        let all: u64 = self.counts.values().sum();
        let values = if all == 1 { "value" } else { "values" };
        let kinds: Vec<String> = self.counts.iter().map(|(words, count)| format!("{count} {words}")).collect();
        // A row's own name says nothing to a user.
        let first = Some(&self.first).filter(|first| !first.starts_with("row:"));
        let first = first.map(|first| format!(", the first in {first}")).unwrap_or_default();
        format!("{all} {values} left out{first}: {}", kinds.join(", "))
    }
}

impl Run<'_> {
    /// Tells what was left out of a book in its scan.
    pub fn tell_left_out(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if !left_out.counts.is_empty() {
            let hint = "what stands there is left as it is; put a value in its place, or nothing";
            self.notice(&left_out.replica, Diagnostic::new(left_out.in_words()).hint(hint));
        }
    }
}
