//! Looking over a table: once for what its rows are known by, once more for those that changed.

use std::collections::HashMap;

use super::{
    CsvFile, Index,
    rows::{HashedRows, KnownRows, RowState, identity_mark, mark, remote_contact, row_keys, says_something},
    unchanged::{NOTE, Unchanged},
};
use crate::{
    books::{
        fs::Digest,
        record_ids::{Hashed, KnownHashes, NameHash, name_hash, names_of, seal, state_hash},
        single_file::OpenVersion,
    },
    contact::Field,
    formats::csv::{NoteSort, Record, Row, Table},
    replica::{Baseline, Batch, Coverage, Problem, RemoteId, ReplicaError, Scanned, Sink},
};
use std::cell::OnceCell;

/// Rows handed on at a time.
const CHUNK: usize = 512;

/// The rows of a scan and what is known of them.
struct Looked {
    rows: HashedRows,
    known: KnownRows,
    /// Names that do not follow from the rows themselves.
    names: HashMap<NameHash, RemoteId>,
}

impl CsvFile {
    pub(super) fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        (self.table, self.index) = (None, Index::default());
        let Some((version, problems)) = self.file.open_to_scan(baseline.count() > 0)? else {
            return Ok(Scanned::complete());
        };
        let batch = Batch { problems, ..Batch::default() };
        let digest = self.digest(&version)?;
        if let Some(digest) = &digest
            && let Some((columns, made)) = Unchanged::recall(self, digest, baseline)?
        {
            self.columns = OnceCell::from(columns);
            self.index.made = made;
            sink(batch)?;
            return Ok(Scanned { coverage: Coverage::Delta, cursor: Vec::new() });
        }
        let table = self.frame(&version)?;
        let columns = self.columns_of(&table);
        self.columns = OnceCell::from(columns);
        let looked = self.look(&table, &version, baseline)?;
        let (coverage, is_whole) = self.hand_over(&table, &version, &looked, batch, sink)?;
        if !version.is_still().map_err(|error| self.file.refused("read", &error))? {
            return Err(self.file.restless());
        }
        let note = digest.as_ref().filter(|_| is_whole).map(|digest| self.note(digest, &looked.rows.rows, &columns));
        self.index = Index { digest, made: looked.rows.made(), rows: looked.rows.rows };
        self.table = Some(table);
        Ok(Scanned { coverage, cursor: vec![(NOTE.to_owned(), note.unwrap_or_default())] })
    }

    fn note(&self, digest: &Digest, rows: &[RowState], columns: &crate::replica::Capabilities) -> String {
        let seals = rows.iter().filter(|row| **row != RowState::default()).map(|(name, state)| seal(*name, *state));
        Unchanged::new(self, digest, seals.fold(0, u128::wrapping_add), columns).to_note()
    }

    /// Reads what the rows are known by, and gives them their names.
    fn look(&self, table: &Table, version: &OpenVersion, baseline: &dyn Baseline) -> Result<Looked, ReplicaError> {
        let source = self.source(version)?;
        let mut known = Vec::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
        baseline.for_each(&mut |remote, revision| known.push((name_hash(remote), state_hash(revision))))?;
        let mut known = KnownRows::new(known);
        let mut rows = HashedRows::read(table, source, &mut known).map_err(|error| self.failed("read", error))?;
        if rows.others.is_empty() {
            return Ok(Looked { rows, known, names: HashMap::new() });
        }
        let mut open = Vec::new();
        baseline.for_each(&mut |remote, revision| {
            if known.is_open(name_hash(remote)) {
                open.push(Hashed::known(remote, revision));
            }
        })?;
        rows.name_others(&KnownHashes::new(open), &known);
        let others = rows.others.iter().map(|(_, row)| row);
        let others = others.filter(|row| row.name != NameHash::default() && !row.is_called_by_itself());
        let names = names_of(others.map(|row| row.name).collect(), baseline)?;
        Ok(Looked { rows, known, names })
    }

    /// Hands over all rows. What the scan covered, and whether nothing is left to be said of the file the next time.
    fn hand_over(
        &self,
        table: &Table,
        version: &OpenVersion,
        looked: &Looked,
        mut batch: Batch,
        sink: &mut Sink<'_>,
    ) -> Result<(Coverage, bool), ReplicaError> {
        let (mut coverage, mut is_whole) = (Coverage::Complete, true);
        let Some(source) = self.source(version)? else {
            sink(batch)?;
            return Ok((coverage, is_whole));
        };
        let records = table.records(source).map_err(|error| self.failed("read", error))?;
        for (index, record) in records.enumerate() {
            let record = record.map_err(|error| self.failed("read", error))?;
            let (name, state) = looked.rows.rows.get(index).copied().unwrap_or_default();
            let same = looked.known.state(name) == Some(state);
            if same && !looked.rows.refused.contains(&index) {
                batch.same.extend(looked.same_name(table, &record, index, name));
            } else if let Some(row) = table.read(index, &record).filter(says_something) {
                coverage = if row.flaw().is_some() { Coverage::Partial } else { coverage };
                let told = batch.count_told();
                self.take(table, row, looked, (index, name, same), &mut batch);
                is_whole &= batch.count_told() == told;
            }
            if batch.changed.len() >= CHUNK || batch.same.len() >= 8 * CHUNK {
                sink(std::mem::take(&mut batch))?;
            }
        }
        sink(batch)?;
        Ok((coverage, is_whole))
    }

    /// Takes a row into a batch.
    fn take(
        &self,
        table: &Table,
        row: Row,
        looked: &Looked,
        (index, hash, same): (usize, NameHash, bool),
        batch: &mut Batch,
    ) {
        if let Some(message) = row.flaw() {
            // It may be any of those that are missed.
            batch.problems.push(Problem {
                place: self.place(&row, None),
                message,
                hint: Some(match row.malformed {
                    Some(malformed) => format!("{}; until then no row counts as removed", malformed.hint()),
                    None => "mend it: until then no row counts as removed".into(),
                }),
                remote: None,
            });
            return;
        }
        let keys = row_keys(table, &row);
        let name = looked.name(index, hash, || mark(&row).map(|mark| mark.trim().to_owned()));
        let Some(remote) = name.filter(|_| hash != NameHash::default()) else {
            batch.problems.push(Problem {
                place: self.place(&row, None),
                message: "is marked as the same contact as an earlier row and is left alone".into(),
                hint: Some("delete one of the two, or empty the cells `uid` and `id` of one".into()),
                remote: mark(&row),
            });
            return;
        };
        for note in &row.notes {
            let problem = Problem {
                place: self.place(&row, Some(&note.column)),
                message: note.message.into(),
                hint: None,
                remote: Some(remote.clone()),
            };
            match note.sort {
                // A row that changed is read once more, knowing what was agreed on.
                NoteSort::Lost if !same => batch.doubts.push((Field::Items, problem)),
                NoteSort::Lost | NoteSort::Refused => batch.problems.push(problem),
                // Told once: it was read all the same.
                NoteSort::Repaired if same => {}
                NoteSort::Repaired => batch.remarks.push(problem),
            }
        }
        if same {
            batch.same.push(remote);
        } else {
            batch.changed.push(remote_contact(table, row, remote, keys.revision()));
        }
    }

    fn place(&self, row: &Row, column: Option<&str>) -> String {
        let (file, line) = (self.file.name(), row.line);
        column.map_or_else(|| format!("{file} line {line}"), |column| format!("{file} line {line}, column {column}"))
    }
}

impl Looked {
    /// The name of a row that did not change, without the rest of it.
    fn same_name(&self, table: &Table, record: &Record, index: usize, hash: NameHash) -> Option<RemoteId> {
        self.name(index, hash, || identity_mark(&table.identity(record)).map(|mark| mark.trim().to_owned()))
    }

    /// The name with this hash: one that only the mirror knows, the row's mark, or one made from the row.
    fn name(&self, index: usize, hash: NameHash, mark: impl FnOnce() -> Option<String>) -> Option<RemoteId> {
        if let Some(name) = self.names.get(&hash) {
            return Some(name.clone());
        }
        let is_it = |name: &String| name_hash(name) == hash;
        mark().filter(is_it).or_else(|| self.rows.other(index).map(Hashed::made_name).filter(is_it))
    }
}
