//! One .csv file with a row a contact, in any dialect that `formats::csv` knows or is told.
//!
//! A row is known by its UID, else by its CRM id, else by a name made from what it says (see `naming`). Rows, cells and
//! columns that do not change keep their bytes; all writes of a push are one new version of the file. A row that cannot
//! be read makes the scan promise nothing about absences: it might be the one that is missed.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use super::{
    FILES,
    fs::Digest,
    parallel::chunked_map,
    record_ids::{RecordKeys, assign_ids},
    revisions,
    single_file::{Replaced, SingleFile, Version, known_with, remotes_of, until_settled},
};
use crate::{
    contact::{Contact, Field, FieldSet, identity::Identity},
    formats::csv::{CsvError, Missed, NoteSort, Profile, Row, Table},
    replica::{
        Action, Baseline, Batch, Capabilities, Conduct, Coverage, Cursor, Diagnostic, LocalFuture, Lookup, Problem,
        RemoteContact, RemoteId, Replica, ReplicaError, Revision, Scanned, Sink, Write, Written,
    },
};

/// With fewer rows, a second thread costs more than it gives.
const THREAD_MIN: usize = 512;
/// Rows handed on at a time.
const CHUNK: usize = 512;

/// One .csv file.
#[derive(Debug)]
pub struct CsvFile {
    name: String,
    file: SingleFile,
    /// How it is read, and made; none for what the file says itself, and carnet's own dialect.
    profile: Option<Profile>,
    /// What its columns can hold, once they were looked at.
    columns: OnceCell<Capabilities>,
    /// The table as last scanned, for what its columns can show.
    scanned: Option<Table>,
    /// The names in use and their revisions, as last scanned or written.
    known: HashMap<RemoteId, Revision>,
}

impl CsvFile {
    /// The book in this file, which need not exist yet.
    pub fn new(name: String, path: std::path::PathBuf, profile: Option<Profile>) -> Self {
        let file = SingleFile::new(name.clone(), path);
        Self { name, file, profile, columns: OnceCell::new(), scanned: None, known: HashMap::new() }
    }

    fn table(&self, version: &Version) -> Result<Table, ReplicaError> {
        if version.bytes.trim_ascii().is_empty() {
            return Ok(Table::new(self.own_profile()));
        }
        Table::parse(&version.bytes, self.profile.as_ref()).map_err(|error| self.refused("read", &error))
    }

    fn own_profile(&self) -> &Profile {
        self.profile.as_ref().unwrap_or(Profile::carnet())
    }

    fn refused(&self, deed: &str, error: &CsvError) -> ReplicaError {
        let message = format!("{deed} {}: {error}", self.file.path().display());
        ReplicaError::Rejected(Diagnostic { message, hint: error.hint() })
    }

    fn columns_of(&self, table: &Table) -> Capabilities {
        let identity = table.has_uid() || table.has_crm_id();
        Capabilities { fields: table.fields(), weak: table.weak(), identity }
    }

    fn scan_now(&mut self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        self.known = revisions(baseline)?;
        let known = self.known.clone();
        let Some((version, problems)) = self.file.read_to_scan(&known)? else { return Ok(Scanned::complete()) };
        let table = self.table(&version)?;
        self.columns = OnceCell::from(self.columns_of(&table));
        let rows = Rows::of(&table, &self.known);
        let mut batch = Batch { problems, ..Batch::default() };
        let mut coverage = Coverage::Complete;
        for (row, remote, revision) in rows.rows {
            if let Some(ragged) = row.ragged {
                // It may be any of those that are missed.
                coverage = Coverage::Partial;
                batch.problems.push(Problem {
                    place: self.place(&row, None),
                    message: format!("has {} cells, the header {}", ragged.found, ragged.expected),
                    hint: Some("mend it: until then no row counts as removed".into()),
                    remote: None,
                });
                continue;
            }
            let Some(remote) = remote else {
                batch.problems.push(Problem {
                    place: self.place(&row, None),
                    message: "is marked as the same contact as an earlier row and is left alone".into(),
                    hint: Some("delete one of the two, or empty the cells `uid` and `id` of one".into()),
                    remote: mark(&row),
                });
                continue;
            };
            let same = known.get(&remote) == Some(&revision);
            // What was mended is told once, what is not believed every time.
            let notes = row.notes.iter().filter(|note| !same || note.sort == NoteSort::Refused);
            batch.problems.extend(notes.map(|note| Problem {
                place: self.place(&row, Some(&note.column)),
                message: note.message.into(),
                hint: None,
                remote: Some(remote.clone()),
            }));
            self.known.insert(remote.clone(), revision.clone());
            if same {
                batch.same.push(remote);
            } else {
                batch.changed.push(remote_contact(&table, row, remote, revision));
            }
            if batch.changed.len() >= CHUNK {
                sink(std::mem::take(&mut batch))?;
            }
        }
        sink(batch)?;
        self.scanned = Some(table);
        Ok(Scanned { coverage, cursor: Cursor::new() })
    }

    fn place(&self, row: &Row, column: Option<&str>) -> String {
        let (file, line) = (self.file.name(), row.line);
        column.map_or_else(|| format!("{file} line {line}"), |column| format!("{file} line {line}, column {column}"))
    }

    fn look_now(&self, remote: &str) -> Result<Lookup, ReplicaError> {
        let Some(version) = self.file.read_to_look()? else {
            return Ok(Lookup::Unclear("the book's file is missing".into()));
        };
        let table = self.table(&version)?;
        let rows = Rows::of(&table, &known_with(&self.known, [remote])).rows;
        let ragged = rows.iter().any(|(row, ..)| row.ragged.is_some());
        let found = rows.into_iter().find(|(_, name, _)| name.as_deref() == Some(remote));
        Ok(match found {
            Some((row, _, revision)) => {
                Lookup::Found(Box::new(remote_contact(&table, row, remote.to_owned(), revision)))
            }
            None if ragged => Lookup::Unclear("a row of the file cannot be read".into()),
            None => Lookup::Gone,
        })
    }

    fn apply_now(&mut self, writes: &[Write]) -> Vec<Result<Written, ReplicaError>> {
        let restless = self.file.restless();
        until_settled(writes, &restless, || self.try_apply(writes))
    }

    /// One new version of the file; `None` if another program wrote it meanwhile.
    fn try_apply(&mut self, writes: &[Write]) -> Result<Option<Vec<Result<Written, ReplicaError>>>, ReplicaError> {
        let version = self.file.read_to_write()?;
        let table = self.table(&version)?;
        if version.bytes.is_empty() && !table.profile().exports() {
            let message = format!(
                "make {}: nothing is written in the dialect {}",
                self.file.path().display(),
                table.profile().name()
            );
            return Err(ReplicaError::Rejected(Diagnostic::new(message).hint("choose another dialect for this book")));
        }
        let mut draft = Draft::new(table, &known_with(&self.known, remotes_of(writes)));
        let done: Vec<Result<Done, ReplicaError>> =
            writes.iter().map(|write| draft.write(write).map_err(|failure| self.words(failure))).collect();
        let (before, after) = (&version.bytes, draft.table.to_bytes());
        // Read again as the next scan will read it: what is answered is what is in the file.
        let read = if draft.changed && *before != after {
            Table::parse(&after, self.profile.as_ref()).map_err(|error| self.refused("write", &error))?
        } else {
            draft.changed = false;
            draft.table.clone()
        };
        if draft.changed && self.file.replace(&version, &after)? == Replaced::Again {
            return Ok(None);
        }
        self.tell_missed(&draft);
        self.known.clear();
        let answers = draft.answers(&read, done, &mut self.known);
        self.columns = OnceCell::from(self.columns_of(&read));
        Ok(Some(answers))
    }

    fn words(&self, failure: Failure) -> ReplicaError {
        match failure {
            Failure::Stale(there) => ReplicaError::Stale(there),
            Failure::Csv(error) => self.refused("write", &error),
        }
    }

    fn tell_missed(&self, draft: &Draft) {
        if !draft.missed.is_empty() {
            let mut what: Vec<&str> = draft.missed.iter().map(|missed| missed.what.as_str()).collect();
            what.sort_unstable();
            tracing::info!(book = self.name, "values without a column were not written: {}", what.join(", "));
        }
    }
}

impl Replica for CsvFile {
    fn capabilities(&self) -> Capabilities {
        *self.columns.get_or_init(|| {
            let version = self.file.read_to_look().ok().flatten();
            let table = version.and_then(|version| self.table(&version).ok());
            self.columns_of(&table.unwrap_or_else(|| Table::new(self.own_profile())))
        })
    }

    fn shows(&self, contact: &Contact) -> Contact {
        self.scanned.as_ref().map_or_else(|| contact.clone(), |table| table.shows(contact))
    }

    fn conduct(&self) -> Conduct {
        FILES
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move { self.scan_now(baseline, sink) })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move { self.look_now(remote) })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { self.apply_now(&writes) })
    }
}

/// The rows of a table with their names and revisions; no name for one marked like an earlier one, or ragged.
struct Rows {
    rows: Vec<(Row, Option<RemoteId>, Revision)>,
}

impl Rows {
    fn of(table: &Table, known: &HashMap<RemoteId, Revision>) -> Self {
        let says_something = |row: &Row| {
            row.ragged.is_some() || mark(row).is_some() || !row.notes.is_empty() || row.contact != Contact::default()
        };
        let rows: Vec<Row> = table.rows().filter(says_something).collect();
        let sound = rows.iter().filter(|row| row.ragged.is_none());
        let all: Vec<RecordKeys> = chunked_map(sound.collect(), THREAD_MIN, |part: Vec<&Row>| {
            part.into_iter().map(|row| marks(table, row)).collect()
        });
        let mut names = assign_ids(&all, known, &HashSet::new()).into_iter().zip(all);
        let rows = rows.into_iter().map(|row| match if row.ragged.is_some() { None } else { names.next() } {
            Some((name, marks)) => (row, name, marks.revision()),
            None => (row, None, Revision::new()),
        });
        Self { rows: rows.collect() }
    }
}

/// What marks a row as a certain contact's: its UID, else its CRM id.
fn mark(row: &Row) -> Option<String> {
    row.uid.clone().or_else(|| row.crm_id.as_ref().map(|id| format!("id:{id}")))
}

/// What a row is recognised by, and its revision; columns that are not read do not count.
fn marks(table: &Table, row: &Row) -> RecordKeys {
    let contact = serde_json::to_string(&row.contact).unwrap_or_default();
    let fields: Vec<&str> = fields(table, row).iter().map(Field::name).collect();
    let parts = [&contact, row.uid.as_deref().unwrap_or(""), row.crm_id.as_deref().unwrap_or(""), &fields.join(" ")];
    RecordKeys::new(mark(row).as_deref(), Digest::of(parts.join("\0").as_bytes()), &row.contact)
}

/// What a row says something about: a cell that was refused says nothing of its field.
fn fields(table: &Table, row: &Row) -> FieldSet {
    table.fields().less(row.keep)
}

fn remote_contact(table: &Table, row: Row, remote: RemoteId, revision: Revision) -> RemoteContact {
    let fields = fields(table, &row);
    let mut contact = Contact::default();
    contact.copy_fields(&row.contact, fields);
    RemoteContact { remote, revision, uid: row.uid, crm_id: row.crm_id, contact, fields, detail: None, source: None }
}

/// A new version of the table in the making.
struct Draft {
    table: Table,
    /// The rows by name, and the revisions they were read under.
    index: HashMap<RemoteId, (usize, Revision)>,
    removed: Vec<usize>,
    missed: HashSet<Missed>,
    changed: bool,
}

/// A write made in the draft.
enum Done {
    /// The row of this index holds it now.
    Row(usize),
    Removed,
}

enum Failure {
    Stale(Option<Box<RemoteContact>>),
    Csv(CsvError),
}

impl From<CsvError> for Failure {
    fn from(error: CsvError) -> Self {
        Failure::Csv(error)
    }
}

impl Draft {
    fn new(table: Table, known: &HashMap<RemoteId, Revision>) -> Self {
        let rows = Rows::of(&table, known).rows.into_iter();
        let index = rows.filter_map(|(row, name, revision)| Some((name?, (row.index, revision)))).collect();
        Self { table, index, removed: Vec::new(), missed: HashSet::new(), changed: false }
    }

    fn write(&mut self, write: &Write) -> Result<Done, Failure> {
        match &write.action {
            Action::Create { contact } => {
                let id = write.crm_id.as_ref().map(|id| format!("id:{id}"));
                if let Some(name) =
                    [Some(&write.uid), id.as_ref()].into_iter().flatten().find(|name| self.index.contains_key(*name))
                {
                    return Err(self.stale(name));
                }
                let identity = Identity { uid: Some(write.uid.clone()), crm_id: write.crm_id.clone() };
                let (at, missed) = self.table.push(contact, &identity)?;
                self.missed.extend(missed);
                self.changed = true;
                self.renamed(at, None);
                Ok(Done::Row(at))
            }
            Action::Update { remote, revision, theirs: _, contact, changed, detail: _ } => {
                let at = self.find(remote, revision)?;
                let row = self.table.row(at).ok_or(Failure::Stale(None))?;
                let mut to = row.contact.clone();
                to.copy_fields(contact, *changed);
                // A UID that another row has already would make two of one.
                let free = remote == &write.uid || !self.index.contains_key(&write.uid);
                let identity = Identity { uid: free.then(|| write.uid.clone()), crm_id: write.crm_id.clone() };
                self.missed.extend(self.table.update(at, &row.contact, &to, &identity)?);
                self.changed = true;
                self.renamed(at, Some(remote));
                Ok(Done::Row(at))
            }
            Action::Delete { remote, revision, theirs: _ } => {
                let at = self.find(remote, revision)?;
                self.table.remove(at);
                self.index.remove(remote);
                self.removed.push(at);
                self.changed = true;
                Ok(Done::Removed)
            }
        }
    }

    /// Notes the name that a written row has from now on: its mark if it is the only one with it, else the old one.
    fn renamed(&mut self, at: usize, old: Option<&RemoteId>) {
        let Some(row) = self.table.row(at) else { return };
        if let Some(old) = old {
            self.index.remove(old);
        }
        let marks = marks(&self.table, &row);
        let taken = |name: &str| self.index.contains_key(name);
        let name = match (mark(&row), old) {
            (Some(mark), _) if !taken(&mark) => mark,
            (_, Some(old)) => old.clone(),
            (_, None) => marks.free_name(taken),
        };
        self.index.insert(name, (at, marks.revision()));
    }

    fn find(&self, remote: &str, revision: &Revision) -> Result<usize, Failure> {
        match self.index.get(remote) {
            Some((at, present)) if present == revision => Ok(*at),
            Some(_) => Err(self.stale(remote)),
            None => Err(Failure::Stale(None)),
        }
    }

    fn stale(&self, remote: &str) -> Failure {
        let there = self.index.get(remote).and_then(|(at, revision)| Some((self.table.row(*at)?, revision)));
        Failure::Stale(
            there
                .map(|(row, revision)| Box::new(remote_contact(&self.table, row, remote.to_owned(), revision.clone()))),
        )
    }

    /// What the file says of each row written, and of all rows for the next write.
    fn answers(
        &self,
        read: &Table,
        done: Vec<Result<Done, ReplicaError>>,
        known: &mut HashMap<RemoteId, Revision>,
    ) -> Vec<Result<Written, ReplicaError>> {
        let mut removed = self.removed.clone();
        removed.sort_unstable();
        // Rows that went are not in the file that was read again.
        let moved = |at: usize| if self.changed { at - removed.partition_point(|gone| *gone < at) } else { at };
        let mut names: HashMap<usize, &RemoteId> = HashMap::new();
        for (name, (at, revision)) in &self.index {
            known.insert(name.clone(), revision.clone());
            names.insert(*at, name);
        }
        let answer = |done: Done| match done {
            Done::Removed => Ok(None),
            Done::Row(at) => {
                let found = names.get(&at).and_then(|name| Some((read.row(moved(at))?, (*name).clone())));
                // Written, and removed again by a later write of the same push.
                let (row, name) = found.ok_or(ReplicaError::Stale(None))?;
                let revision = marks(read, &row).revision();
                Ok(Some(remote_contact(read, row, name, revision)))
            }
        };
        done.into_iter().map(|done| done.and_then(answer)).collect()
    }
}

#[cfg(test)]
mod tests;
