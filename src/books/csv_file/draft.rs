//! A new version of the table in the making. It holds the rows that writes are about, and nothing of the others but the
//! hashes of their names.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Seek},
};

use super::rows::{MadeRows, RowState, mark, remote_contact, row_keys};
use crate::{
    books::record_ids::{NameHash, digest_of, name_hash},
    contact::identity::Identity,
    formats::csv::{CsvError, Missed, Table},
    replica::{Action, RemoteContact, RemoteId, ReplicaError, Revision, Write, Written},
};

/// A new version of the table.
pub struct Draft {
    pub table: Table,
    /// The rows that were taken up: their records' numbers, and their indexes in the table.
    pub taken: HashMap<usize, usize>,
    /// The rows that were taken up or added by name, and the revisions they were read under.
    index: HashMap<RemoteId, (usize, Revision)>,
    /// The names of the other rows, sorted.
    others: Vec<NameHash>,
    pub missed: HashSet<Missed>,
    pub changed: bool,
}

/// A write made in the draft.
pub enum Done {
    /// The row of this index holds it now.
    Row(usize),
    Removed,
}

/// Why a write was not made.
pub enum Failure {
    Stale(Option<Box<RemoteContact>>),
    Csv(CsvError),
}

impl From<CsvError> for Failure {
    fn from(error: CsvError) -> Self {
        Failure::Csv(error)
    }
}

impl Draft {
    /// Over the file of this frame and these rows, with the rows taken up that the writes name in any way.
    pub fn new(
        table: Table,
        rows: &[RowState],
        source: Option<impl Read + Seek>,
        writes: &[Write],
    ) -> Result<Self, CsvError> {
        let names: HashMap<NameHash, String> =
            writes.iter().flat_map(names_in).map(|it| (name_hash(&it), it)).collect();
        let (mut wanted, mut others) = (HashMap::new(), Vec::new());
        for (number, (hash, _)) in rows.iter().enumerate().filter(|(_, (name, _))| *name != NameHash::default()) {
            match names.get(hash) {
                Some(name) => drop(wanted.insert(number, name)),
                None => others.push(*hash),
            }
        }
        others.sort_unstable();
        let (taken, index) = (HashMap::with_capacity(wanted.len()), HashMap::with_capacity(wanted.len()));
        let mut draft = Self { table, taken, index, others, missed: HashSet::new(), changed: false };
        let Some(source) = source.filter(|_| !wanted.is_empty()) else { return Ok(draft) };
        for (number, record) in draft.table.records(source)?.enumerate() {
            let record = record?;
            let Some(name) = wanted.remove(&number) else { continue };
            let at = draft.table.take_up(record);
            if let Some(row) = draft.table.row(at) {
                let revision = row_keys(&draft.table, &row).revision();
                draft.index.insert(name.clone(), (at, revision));
            }
            draft.taken.insert(number, at);
            if wanted.is_empty() {
                break;
            }
        }
        Ok(draft)
    }

    /// True if a row has this name.
    fn has(&self, name: &str) -> bool {
        self.index.contains_key(name) || self.others.binary_search(&name_hash(name)).is_ok()
    }

    /// Makes a write.
    pub fn write(&mut self, write: &Write) -> Result<Done, Failure> {
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
                let free = remote == &write.uid || !self.has(&write.uid);
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
        let keys = row_keys(&self.table, &row);
        let taken = |name: &str| self.has(name);
        let name = match (mark(&row), old) {
            (Some(mark), _) if !taken(&mark) => mark,
            (_, Some(old)) => old.clone(),
            (_, None) => keys.free_name(taken),
        };
        self.index.insert(name, (at, keys.revision()));
    }

    fn find(&self, remote: &str, revision: &Revision) -> Result<usize, Failure> {
        match self.index.get(remote) {
            // The digest tells the state; what the row is recognised by may have been put otherwise by an older program.
            Some((at, present)) if digest_of(present) == digest_of(revision) => Ok(*at),
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

    /// What the file says of each row written, as `read` reads it.
    pub fn answers(&self, read: &Table, done: Vec<Result<Done, ReplicaError>>) -> Vec<Result<Written, ReplicaError>> {
        let names: HashMap<usize, &RemoteId> = self.index.iter().map(|(name, (at, _))| (*at, name)).collect();
        let answer = |done: Done| match done {
            Done::Removed => Ok(None),
            Done::Row(at) => {
                let found = names.get(&at).and_then(|name| Some((read.reread(&self.table, at)?, (*name).clone())));
                // Written, and removed again by a later write of the same push.
                let (row, name) = found.ok_or(ReplicaError::Stale(None))?;
                let revision = row_keys(read, &row).revision();
                Ok(Some(remote_contact(read, row, name, revision)))
            }
        };
        done.into_iter().map(|done| done.and_then(answer)).collect()
    }

    /// All rows of the new version, from those of the old one. `made` are those that are not called by their marks.
    pub fn rows(&self, read: &Table, mut rows: Vec<RowState>, made: &mut MadeRows) -> Vec<RowState> {
        let names: HashMap<usize, &RemoteId> = self.index.iter().map(|(name, (at, _))| (*at, name)).collect();
        let mut row = |at: usize, old: NameHash| {
            made.remove(&old);
            let row = read.reread(&self.table, at)?;
            let Some(name) = names.get(&at) else { return Some(RowState::default()) };
            let row = row_keys(read, &row).hashed().renamed(name);
            if !row.is_called_by_mark() {
                made.insert(row.name, row);
            }
            Some((row.name, row.state()))
        };
        let mut number = 0;
        rows.retain_mut(|hashed| {
            let taken = self.taken.get(&number).map(|at| row(*at, hashed.0));
            number += 1;
            match taken {
                None => true,
                Some(now) => now.map(|now| *hashed = now).is_some(),
            }
        });
        let added: Vec<RowState> =
            (self.taken.len()..self.table.held()).filter_map(|at| row(at, NameHash::default())).collect();
        rows.reserve_exact(added.len());
        rows.extend(added);
        rows
    }

    /// True if these rows are all in the draft.
    pub fn holds_all(&self, rows: &[RowState]) -> bool {
        rows.len() <= self.table.held()
    }
}

/// The names that a write is about: its record, and those that the contact could already be known by.
fn names_in(write: &Write) -> impl Iterator<Item = String> {
    let remote = match &write.action {
        Action::Update { remote, .. } | Action::Delete { remote, .. } => Some(remote.clone()),
        Action::Create { .. } => None,
    };
    let id = write.crm_id.as_ref().map(|id| format!("id:{id}"));
    remote.into_iter().chain([write.uid.clone()]).chain(id)
}
