//! One .csv file with a row a contact, in any dialect that `formats::csv` knows or is told.
//!
//! A row is known by its UID, else by its CRM id, else by a name made from what it says (see `record_ids`). Rows, cells
//! and columns that do not change keep their bytes; all writes of a push are one new version of the file. A row that
//! cannot be read makes the scan promise nothing about absences: it might be the one that is missed.
//!
//! The file is read row by row, several times over; what is held of each row is a few dozen bytes of hashes. A file
//! that is byte for byte the one that was agreed on is not read for its rows at all.

mod draft;
mod rows;
mod scan;
mod unchanged;

use std::{
    cell::OnceCell,
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
};

use self::{
    draft::{Done, Draft, Failure},
    rows::{HashedRows, KnownRows, MadeRows, RowState, remote_contact, row_keys},
};
use super::{
    FILES,
    fs::{Digest, Digesting, Staged},
    record_ids::{Hashed, KnownHashes, NameHash, name_hash},
    single_file::{OpenVersion, Replaced, SingleFile, until_settled},
};
use crate::{
    contact::Contact,
    formats::csv::{CellPlace, CsvError, Profile, Table},
    replica::{
        Action, Baseline, Capabilities, Conduct, Diagnostic, LocalFuture, Lookup, Reading, RemoteContact, Replica,
        ReplicaError, Scanned, Sink, Write, Written,
    },
};

/// One .csv file.
#[derive(Debug)]
pub struct CsvFile {
    name: String,
    file: SingleFile,
    /// How it is read, and made; none for what the file says itself, and carnet's own dialect.
    profile: Option<Profile>,
    /// What its columns can hold, once they were looked at.
    columns: OnceCell<Capabilities>,
    /// How the file is read, as last scanned or written; none of its rows.
    table: Option<Table>,
    index: Index,
}

/// The rows of the file as last scanned or written, in hashes, in the file's order.
#[derive(Debug, Default)]
struct Index {
    /// The digest of the file that they are the rows of; none if they are only known to be in use.
    digest: Option<Digest>,
    rows: Vec<RowState>,
    /// What those are recognised by that are not called by their marks.
    made: MadeRows,
}

impl CsvFile {
    /// The book in this file, which need not exist yet.
    pub fn new(name: String, path: std::path::PathBuf, profile: Option<Profile>) -> Self {
        let file = SingleFile::new(name.clone(), path);
        Self { name, file, profile, columns: OnceCell::new(), table: None, index: Index::default() }
    }

    /// How the file is read.
    fn frame(&self, version: &OpenVersion) -> Result<Table, ReplicaError> {
        match self.source(version)? {
            Some(mut file) => {
                Table::frame(&mut file, self.profile.as_ref()).map_err(|error| self.failed("read", error))
            }
            None => Ok(Table::new(self.own_profile())),
        }
    }

    /// The file from its start; none where it holds nothing.
    fn source(&self, version: &OpenVersion) -> Result<Option<File>, ReplicaError> {
        let file = || if version.is_blank()? { Ok(None) } else { version.file() };
        file().map_err(|error: io::Error| self.file.refused("read", &error))
    }

    /// The text of a cell, as the file stands; none where it cannot be read.
    fn cell(&self, place: CellPlace) -> Option<String> {
        let table = self.table.as_ref()?;
        let source = self.source(&self.file.open_to_look().ok()??).ok()??;
        table.cell(source, place)
    }

    fn digest(&self, version: &OpenVersion) -> Result<Option<Digest>, ReplicaError> {
        version.digest().map_err(|error| self.file.refused("read", &error))
    }

    fn own_profile(&self) -> &Profile {
        self.profile.as_ref().unwrap_or(Profile::carnet())
    }

    fn failed(&self, action: &str, error: CsvError) -> ReplicaError {
        if let CsvError::Unreadable(error) | CsvError::Output(error) = &error {
            return self.file.refused(action, error);
        }
        let message = format!("{action} {}: {error}", self.file.path().display());
        ReplicaError::Rejected(Diagnostic { message, hint: error.hint() })
    }

    fn columns_of(&self, table: &Table) -> Capabilities {
        let identity = table.has_uid() || table.has_crm_id();
        Capabilities { fields: table.fields(), weak: table.weak(), identity }
    }

    /// Makes sure that table and index are those of the file, for someone who asks for these records beside the known ones.
    fn look_through(
        &mut self,
        version: &OpenVersion,
        digest: Option<&Digest>,
        asked: impl Iterator<Item = Hashed>,
    ) -> Result<(), ReplicaError> {
        if self.table.is_some() && self.index.digest.is_some() && self.index.digest.as_ref() == digest {
            return Ok(());
        }
        let table = self.frame(version)?;
        let source = self.source(version)?;
        let Index { rows, made, .. } = std::mem::take(&mut self.index);
        let plain = rows.iter().filter(|(name, _)| *name != NameHash::default() && !made.contains_key(name));
        let plain = plain.map(|(name, state)| Hashed::marked(*name, *state));
        let known: Vec<Hashed> = made.values().copied().chain(asked).chain(plain).collect();
        let mut names = KnownRows::new(known.iter().map(|row| (row.name, row.state())).collect());
        let looked = HashedRows::read(&table, source, &mut names);
        let mut rows = looked.map_err(|error| self.failed("read", error))?;
        let open = known.into_iter().filter(|row| names.is_open(row.name)).collect();
        rows.name_others(&KnownHashes::new(open), &names);
        self.index = Index { digest: digest.cloned(), made: rows.made(), rows: rows.rows };
        self.table = Some(table);
        Ok(())
    }

    fn look_now(&mut self, remote: &str) -> Result<Lookup, ReplicaError> {
        let Some(version) = self.file.open_to_look()? else {
            return Ok(Lookup::Unclear("the book's file is missing".into()));
        };
        let digest = self.digest(&version)?;
        self.look_through(&version, digest.as_ref(), [Hashed::known(remote, "")].into_iter())?;
        let (Some(table), Some(source)) = (&self.table, self.source(&version)?) else { return Ok(Lookup::Gone) };
        let hash = name_hash(remote);
        let Some(place) = self.index.rows.iter().position(|(name, _)| *name == hash) else {
            return Ok(if table.has_malformed_rows() {
                Lookup::Unclear("a row of the file cannot be read".into())
            } else {
                Lookup::Gone
            });
        };
        let mut records = table.records(source).map_err(|error| self.failed("read", error))?;
        let record = records.nth(place).transpose().map_err(|error| self.failed("read", error))?;
        let Some(row) = record.and_then(|record| table.read(place, &record)) else { return Ok(Lookup::Gone) };
        let revision = row_keys(table, &row).revision();
        Ok(Lookup::Found(Box::new(remote_contact(table, row, remote.to_owned(), revision))))
    }

    fn apply_now(&mut self, writes: &[Write]) -> Vec<Result<Written, ReplicaError>> {
        let restless = self.file.restless();
        until_settled(writes, &restless, || self.try_apply(writes))
    }

    /// Refuses to write a sheet that is open in an office program: whoever saves it there would undo what was written.
    fn check_not_open(&self, version: &OpenVersion) -> Result<(), ReplicaError> {
        let lock = version.office_lock(self.file.name()).map_err(|error| self.file.refused("look at", &error))?;
        let Some(lock) = lock else { return Ok(()) };
        let path = self.file.path().display();
        let diagnostic = Diagnostic::new(format!("write {path}: it is open in another program ({lock} is there)"));
        let hint = "close it there, and the next run writes it; what a crashed program left behind may be removed";
        Err(ReplicaError::Unavailable(diagnostic.hint(hint)))
    }

    /// One new version of the file; `None` if another program wrote it meanwhile.
    fn try_apply(&mut self, writes: &[Write]) -> Result<Option<Vec<Result<Written, ReplicaError>>>, ReplicaError> {
        let version = self.file.open_to_write()?;
        self.check_not_open(&version)?;
        let digest = self.digest(&version)?;
        self.look_through(&version, digest.as_ref(), named_by(writes))?;
        let Some(table) = self.table.take() else { return Ok(None) };
        if digest.is_none() && !table.profile().exports() {
            let (path, dialect) = (self.file.path().display(), table.profile().name());
            let diagnostic = Diagnostic::new(format!("make {path}: nothing is written in the dialect {dialect}"));
            return Err(ReplicaError::Rejected(diagnostic.hint("choose another dialect for this book")));
        }
        let source = self.source(&version)?;
        let draft = Draft::new(table.clone(), &self.index.rows, source, writes);
        let mut draft = draft.map_err(|error| self.failed("read", error))?;
        let done: Vec<Result<Done, ReplicaError>> =
            writes.iter().map(|write| draft.write(write).map_err(|failure| self.words(failure))).collect();
        self.tell_missed(&draft);
        let read = if draft.changed {
            let Some(read) = self.put(&version, digest.as_ref(), &draft, &table)? else { return Ok(None) };
            read
        } else {
            (table, digest)
        };
        Ok(Some(self.answered(draft, done, read)))
    }

    /// Puts the draft in the file's place. How the file is read from now on, as the next scan will read it, and its
    /// digest; `None` if another program wrote it meanwhile.
    fn put(
        &mut self,
        version: &OpenVersion,
        digest: Option<&Digest>,
        draft: &Draft,
        before: &Table,
    ) -> Result<Option<(Table, Option<Digest>)>, ReplicaError> {
        let source = self.source(version)?;
        let (staged, is_of_digest) =
            self.stage(version, source, digest, draft).map_err(|error| self.failed("write", error))?;
        if !is_of_digest {
            self.file.discard(version, staged);
            return Ok(None);
        }
        let now = staged.digest().clone();
        if Some(&now) == digest {
            self.file.discard(version, staged);
            return Ok(Some((before.clone(), Some(now))));
        }
        let read = match draft.table.kept_frame(draft.taken.keys().copied()) {
            Some(read) => Ok(read),
            None => self.file.open_staged(version, &staged).and_then(|mut file| {
                Table::frame(&mut file, self.profile.as_ref()).map_err(|error| self.failed("write", error))
            }),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.file.discard(version, staged);
                return Err(error);
            }
        };
        match self.file.put(version, staged, digest)? {
            Replaced::Done => Ok(Some((read, Some(now)))),
            Replaced::Again => Ok(None),
        }
    }

    /// Writes the draft beside the file; false if what was copied is not the version with that digest.
    fn stage(
        &self,
        version: &OpenVersion,
        source: Option<File>,
        digest: Option<&Digest>,
        draft: &Draft,
    ) -> Result<(Staged, bool), CsvError> {
        let mut source = source.map(|file| Digesting::new(BufReader::new(file)));
        let staged = self.file.stage::<CsvError>(version, |out| {
            let mut out = BufWriter::with_capacity(1 << 16, out);
            draft.table.copy(source.as_mut(), &draft.taken, &mut out)?;
            Ok(out.flush()?)
        })?;
        let is_of_digest = source.is_none_or(|source| Some(&source.digest()) == digest);
        Ok((staged, is_of_digest))
    }

    /// The answers, read from what was written.
    fn answered(
        &mut self,
        draft: Draft,
        done: Vec<Result<Done, ReplicaError>>,
        (read, digest): (Table, Option<Digest>),
    ) -> Vec<Result<Written, ReplicaError>> {
        let answers = draft.answers(&read, done);
        let Index { rows, mut made, .. } = std::mem::take(&mut self.index);
        let rows = draft.rows(&read, rows, &mut made);
        // Where the columns changed, the other rows have to be read anew.
        let digest = digest.filter(|_| draft.holds_all(&rows) || read.reads_like(&draft.table));
        self.index = Index { digest, rows, made };
        self.columns = OnceCell::from(self.columns_of(&read));
        self.table = Some(read);
        answers
    }

    fn words(&self, failure: Failure) -> ReplicaError {
        match failure {
            Failure::Stale(there) => ReplicaError::Stale(there),
            Failure::Csv(error) => self.failed("write", error),
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

/// The records that writes name, in the state that they are to have.
fn named_by(writes: &[Write]) -> impl Iterator<Item = Hashed> {
    writes.iter().filter_map(|write| match &write.action {
        Action::Update { remote, revision, .. } | Action::Delete { remote, revision, .. } => {
            Some(Hashed::known(remote, revision))
        }
        Action::Create { .. } => None,
    })
}

impl Replica for CsvFile {
    fn capabilities(&self) -> Capabilities {
        *self.columns.get_or_init(|| {
            let version = self.file.open_to_look().ok().flatten();
            let table = version.and_then(|version| self.frame(&version).ok());
            self.columns_of(&table.unwrap_or_else(|| Table::new(self.own_profile())))
        })
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        rows::interpret(record, known, &|place| self.cell(place))
    }

    fn shows(&self, contact: &Contact) -> Contact {
        self.table.as_ref().map_or_else(|| contact.clone(), |table| table.shows(contact))
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

#[cfg(test)]
mod tests;
