//! Looking over a table: once for what its rows are known by, once more for those that changed.

use std::collections::{HashMap, HashSet};

use super::{
    CsvFile, Index,
    rows::{HashedRows, identity_mark, mark, remote_contact, row_keys, says_something},
    unchanged::{NOTE, Unchanged},
};
use crate::{
    books::{
        fs::Digest,
        record_ids::{Hashed, KnownHashes, NameHash, assign, name_hash, names_of},
        single_file::OpenVersion,
    },
    formats::csv::{NoteSort, Record, Row, Table},
    replica::{Baseline, Batch, Coverage, Problem, RemoteId, ReplicaError, Scanned, Sink},
};
use std::cell::OnceCell;

/// Rows handed on at a time.
const CHUNK: usize = 512;

/// The rows of a scan and what is known of them.
struct Looked {
    rows: HashedRows,
    /// Whose state is the agreed one.
    same: Vec<bool>,
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
            self.index.rows = made;
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
        self.index = Index { digest, rows: looked.rows.rows };
        self.table = Some(table);
        Ok(Scanned { coverage, cursor: vec![(NOTE.to_owned(), note.unwrap_or_default())] })
    }

    fn note(&self, digest: &Digest, rows: &[Hashed], columns: &crate::replica::Capabilities) -> String {
        let seals = rows.iter().filter(|row| !row.is_nothing()).map(Hashed::seal);
        Unchanged::new(self, digest, seals.fold(0, u128::wrapping_add), columns).to_note()
    }

    /// Reads what the rows are known by, and gives them their names.
    fn look(&self, table: &Table, version: &OpenVersion, baseline: &dyn Baseline) -> Result<Looked, ReplicaError> {
        let source = self.source(version)?;
        let mut rows = HashedRows::read(table, source).map_err(|error| self.failed("read", error))?;
        let mut known = Vec::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
        baseline.for_each(&mut |remote, revision| known.push(Hashed::known(remote, revision)))?;
        let known = KnownHashes::new(known);
        let assigned = assign(&rows.rows, &known, |_| false);
        let is_same = |(row, name): (&Hashed, &NameHash)| known.get(*name).is_some_and(|known| known.is_unchanged(row));
        let same = rows.rows.iter().zip(&assigned.names).map(is_same).collect();
        let own = |row: &Hashed, index: usize, name: NameHash| {
            name == NameHash::default() || row.may_be_called(name, assigned.numbers.get(&index).copied())
        };
        let named = rows.rows.iter().zip(&assigned.names).enumerate();
        let others: HashSet<NameHash> =
            named.filter(|(index, (row, name))| !own(row, *index, **name)).map(|(_, (_, name))| *name).collect();
        let names = names_of(others, baseline)?;
        rows.take_names(&assigned, &known);
        Ok(Looked { rows, same, names })
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
            let hashed = looked.rows.rows.get(index).unwrap_or(&Hashed::NOTHING);
            let same = looked.same.get(index).copied().unwrap_or_default();
            if same && !looked.rows.refused.contains(&index) {
                batch.same.extend(looked.same_name(table, &record, hashed));
            } else if let Some(row) = table.read(index, &record).filter(says_something) {
                coverage = if row.ragged.is_some() { Coverage::Partial } else { coverage };
                let problems = batch.problems.len();
                self.take(table, row, looked, (hashed, same), &mut batch);
                is_whole &= batch.problems.len() == problems;
            }
            if batch.changed.len() >= CHUNK || batch.same.len() >= 8 * CHUNK {
                sink(std::mem::take(&mut batch))?;
            }
        }
        sink(batch)?;
        Ok((coverage, is_whole))
    }

    /// Takes a row into a batch.
    fn take(&self, table: &Table, row: Row, looked: &Looked, (hashed, same): (&Hashed, bool), batch: &mut Batch) {
        if let Some(ragged) = row.ragged {
            // It may be any of those that are missed.
            batch.problems.push(Problem {
                place: self.place(&row, None),
                message: format!("has {} cells, the header {}", ragged.found, ragged.expected),
                hint: Some("mend it: until then no row counts as removed".into()),
                remote: None,
            });
            return;
        }
        let keys = row_keys(table, &row);
        let name = keys.named(hashed).or_else(|| looked.names.get(&hashed.name).cloned());
        let Some(remote) = name.filter(|_| hashed.name != NameHash::default()) else {
            batch.problems.push(Problem {
                place: self.place(&row, None),
                message: "is marked as the same contact as an earlier row and is left alone".into(),
                hint: Some("delete one of the two, or empty the cells `uid` and `id` of one".into()),
                remote: mark(&row),
            });
            return;
        };
        // What was mended is told once, what is not believed every time.
        let notes = row.notes.iter().filter(|note| !same || note.sort == NoteSort::Refused);
        batch.problems.extend(notes.map(|note| Problem {
            place: self.place(&row, Some(&note.column)),
            message: note.message.into(),
            hint: None,
            remote: Some(remote.clone()),
        }));
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
    fn same_name(&self, table: &Table, record: &Record, hashed: &Hashed) -> Option<RemoteId> {
        if let Some(name) = self.names.get(&hashed.name) {
            return Some(name.clone());
        }
        let mark = identity_mark(&table.identity(record)).map(|mark| mark.trim().to_owned());
        mark.into_iter().chain([hashed.made_name()]).find(|name| name_hash(name) == hashed.name)
    }
}
