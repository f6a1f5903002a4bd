//! A replica in memory, for tests: keeps the port's contract to the letter, and fails when told to.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Absence, Action, Answers, Baseline, Batch, Capabilities, Conduct, Coverage, Cursor, Diagnostic, Ids, LocalFuture,
    Lookup, Problem, RemoteContact, Replica, ReplicaError, Revision, Scanned, Sink, Stopped, Write, Writes, Written,
};
use crate::contact::{Contact, FieldSet};

/// A replica in memory.
#[derive(Debug, Clone)]
pub struct Memory {
    capabilities: Capabilities,
    /// How it behaves.
    pub conduct: Conduct,
    /// Scans say what changed since their cursor, if they have one.
    pub deltas: bool,
    /// What the names of new records end with, after their UIDs.
    pub ending: &'static str,
    records: BTreeMap<String, Record>,
    /// When records were removed.
    removed: BTreeMap<String, u64>,
    /// Counts changes; gives revisions and names.
    clock: u64,
    /// How many writes have changed something, ours only.
    pub writes: u64,
    /// What goes wrong.
    pub faults: Faults,
}

/// What goes wrong, until it is switched off.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Every scan and every look ends with this.
    pub scan: Option<ReplicaError>,
    /// A scan breaks off after so many records.
    pub cut_after: Option<usize>,
    /// A scan promises nothing about absences.
    pub changes_only: bool,
    /// These records cannot be read; the scan reports them as problems.
    pub unreadable: BTreeSet<String>,
    /// A scan passes over these records without a word.
    pub hidden: BTreeSet<String>,
    /// Every write is answered with this and does nothing.
    pub apply: Option<ReplicaError>,
    /// Every write is done and answered `OutcomeUnknown`.
    pub lose_answers: bool,
}

#[derive(Debug, Clone)]
struct Record {
    revision: u64,
    uid: Option<String>,
    crm_id: Option<String>,
    contact: Contact,
}

impl Default for Memory {
    /// One that carries everything, identity included.
    fn default() -> Self {
        Self::new(Capabilities { fields: FieldSet::ALL, weak: FieldSet::NONE, identity: true })
    }
}

impl Memory {
    /// An empty replica.
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            conduct: Conduct {
                absence: Absence::Certain,
                writes: Writes::Atomic,
                answers: Answers::Present,
                ids: Ids::Own,
                abridges: false,
                rereads: true,
                restorable: false,
                writes_at_once: 100,
            },
            deltas: false,
            ending: "",
            records: BTreeMap::new(),
            removed: BTreeMap::new(),
            clock: 0,
            writes: 0,
            faults: Faults::default(),
        }
    }

    /// A user writes a contact there, new or over the old one.
    pub fn put(&mut self, remote: &str, contact: Contact) {
        let old = self.records.remove(remote);
        let (uid, crm_id) = old.map_or((None, None), |old| (old.uid, old.crm_id));
        self.store(remote, uid, crm_id, &contact);
    }

    /// A user changes a contact there. Nothing if it is not there.
    pub fn edit(&mut self, remote: &str, edit: impl FnOnce(&mut Contact)) {
        if let Some(mut contact) = self.contact(remote).cloned() {
            edit(&mut contact);
            self.put(remote, contact);
        }
    }

    /// A user removes a contact there.
    pub fn remove(&mut self, remote: &str) {
        if self.records.remove(remote).is_some() {
            self.clock += 1;
            self.removed.insert(remote.to_owned(), self.clock);
        }
    }

    /// What is there under this name.
    pub fn contact(&self, remote: &str) -> Option<&Contact> {
        self.records.get(remote).map(|record| &record.contact)
    }

    /// The CRM id that the record of this name carries.
    pub fn crm_id(&self, remote: &str) -> Option<&str> {
        self.records.get(remote)?.crm_id.as_deref()
    }

    /// All names there, in order.
    pub fn remotes(&self) -> Vec<String> {
        self.records.keys().cloned().collect()
    }

    fn store(&mut self, remote: &str, uid: Option<String>, crm_id: Option<String>, contact: &Contact) -> RemoteContact {
        self.clock += 1;
        let mut carried = Contact::default();
        carried.copy_fields(contact, self.capabilities.fields);
        let record = Record { revision: self.clock, uid, crm_id, contact: carried };
        let stored = self.remote_contact(remote, &record);
        self.records.insert(remote.to_owned(), record);
        self.removed.remove(remote);
        stored
    }

    fn remote_contact(&self, remote: &str, record: &Record) -> RemoteContact {
        RemoteContact {
            remote: remote.to_owned(),
            revision: text(record.revision),
            uid: record.uid.clone(),
            crm_id: record.crm_id.clone(),
            contact: record.contact.clone(),
            fields: self.capabilities.fields,
            detail: None,
            source: None,
            edited: None,
        }
    }

    fn scan_now(&self, baseline: &dyn Baseline, sink: &mut Sink<'_>) -> Result<Scanned, ReplicaError> {
        if let Some(error) = &self.faults.scan {
            return Err(error.clone());
        }
        let since = baseline.note(CLOCK)?.and_then(|clock| clock.parse::<u64>().ok()).filter(|_| self.deltas);
        let shown = self.records.iter().filter(|(_, record)| since.is_none_or(|since| record.revision > since));
        let mut covered = self.clock;
        for (seen, (remote, record)) in shown.enumerate() {
            if self.faults.cut_after == Some(seen) {
                return Err(ReplicaError::Unavailable(Diagnostic::new("the reading was cut off")));
            }
            let mut batch = Batch::default();
            if self.faults.hidden.contains(remote) {
                continue;
            } else if self.faults.unreadable.contains(remote) {
                covered = covered.min(record.revision - 1);
                let remote = Some(remote.clone());
                let place = format!("record {}", seen + 1);
                batch.problems.push(Problem { place, message: "cannot be read".into(), hint: None, remote });
            } else if baseline.revision_of(remote)?.is_some_and(|revision| revision == text(record.revision)) {
                batch.same.push(remote.clone());
            } else {
                batch.changed.push(self.remote_contact(remote, record));
            }
            sink(batch)?;
        }
        let cursor = if self.deltas { vec![(CLOCK.to_owned(), covered.to_string())] } else { Cursor::new() };
        let Some(since) = since else {
            let believed = self.conduct.absence == Absence::Certain;
            let is_unread = self.records.keys().any(|remote| self.faults.unreadable.contains(remote));
            let is_partial = self.faults.changes_only || (believed && is_unread);
            let coverage = if is_partial { Coverage::Partial } else { Coverage::Complete };
            return Ok(Scanned { coverage, cursor });
        };
        let gone = self.removed.iter().filter(|(_, clock)| **clock > since).map(|(remote, _)| remote.clone());
        sink(Batch { gone: gone.collect(), ..Batch::default() })?;
        Ok(Scanned { coverage: Coverage::Delta, cursor })
    }

    /// Carries out one write.
    ///
    /// # Errors
    /// As the port says, and what it was told to fail with.
    pub fn write(&mut self, write: Write) -> Result<Written, ReplicaError> {
        if let Some(error) = &self.faults.apply {
            return Err(error.clone());
        }
        let Write { uid, crm_id, action } = write;
        let before = self.clock;
        let (uid, crm_id) = if self.capabilities.identity { (Some(uid), crm_id) } else { (None, None) };
        let written = match action {
            Action::Create { contact } => {
                let name = uid.clone().unwrap_or_else(|| format!("m{}", self.clock + 1));
                let remote = format!("{name}{}", self.ending);
                if let Some(record) = self.records.get(&remote) {
                    return Err(ReplicaError::Stale(Some(Box::new(self.remote_contact(&remote, record)))));
                }
                Some(self.store(&remote, uid, crm_id, &contact))
            }
            Action::Update { remote, revision, theirs: _, contact, changed, detail: _ } => {
                let record = self.current(&remote, &revision)?.clone();
                let mut to = record.contact.clone();
                to.copy_fields(&contact, changed.and(self.capabilities.fields));
                let (uid, crm_id) = (record.uid.clone().or(uid), crm_id.or(record.crm_id.clone()));
                if to == record.contact && uid == record.uid && crm_id == record.crm_id {
                    Some(self.remote_contact(&remote, &record))
                } else {
                    Some(self.store(&remote, uid, crm_id, &to))
                }
            }
            Action::Delete { remote, revision, theirs: _ } => {
                self.current(&remote, &revision)?;
                self.remove(&remote);
                None
            }
        };
        self.writes += u64::from(self.clock != before);
        if self.faults.lose_answers {
            return Err(ReplicaError::OutcomeUnknown(Diagnostic::new("the answer was lost")));
        }
        Ok(written)
    }

    fn current(&self, remote: &str, revision: &Revision) -> Result<&Record, ReplicaError> {
        match self.records.get(remote) {
            Some(record) if text(record.revision) == *revision => Ok(record),
            Some(record) => Err(ReplicaError::Stale(Some(Box::new(self.remote_contact(remote, record))))),
            None => Err(ReplicaError::Stale(None)),
        }
    }
}

impl Replica for Memory {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn conduct(&self) -> Conduct {
        self.conduct
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move { self.scan_now(baseline, sink) })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move {
            if let Some(error) = &self.faults.scan {
                return Err(error.clone());
            }
            if self.faults.unreadable.contains(remote) {
                return Ok(Lookup::Unclear("the record cannot be read".into()));
            }
            Ok(match self.records.get(remote) {
                Some(record) => Lookup::Found(Box::new(self.remote_contact(remote, record))),
                None => Lookup::Gone,
            })
        })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { writes.into_iter().map(|write| self.write(write)).collect() })
    }
}

/// The note of the cursor: the clock up to which all was said.
const CLOCK: &str = "clock";

/// A baseline in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The agreed revision of each record.
    pub revisions: BTreeMap<String, Revision>,
    /// The cursor's notes.
    pub notes: BTreeMap<String, String>,
}

impl Known {
    /// Takes over where a scan wants to go on from.
    pub fn keep(&mut self, cursor: Cursor) {
        for (name, value) in cursor {
            if value.is_empty() {
                self.notes.remove(&name)
            } else {
                self.notes.insert(name, value)
            };
        }
    }
}

impl Baseline for Known {
    fn count(&self) -> u64 {
        self.revisions.len() as u64
    }

    fn revision_of(&self, remote: &str) -> Result<Option<Revision>, Stopped> {
        Ok(self.revisions.get(remote).cloned())
    }

    fn for_each(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        self.revisions.iter().for_each(|(remote, revision)| take(remote, revision));
        Ok(())
    }

    fn note(&self, name: &str) -> Result<Option<String>, Stopped> {
        Ok(self.notes.get(name).cloned())
    }

    fn for_each_note(&self, take: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        self.notes.iter().for_each(|(name, value)| take(name, value));
        Ok(())
    }
}

fn text(revision: u64) -> Revision {
    format!("r{revision}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Field;

    fn named(last_name: &str) -> Contact {
        Contact { last_name: last_name.into(), company: "X".into(), ..Contact::default() }
    }

    #[test]
    fn it_carries_only_what_it_is_told_to() {
        let fields = FieldSet::ALL.without(Field::Company);
        let mut memory = Memory::new(Capabilities { fields, weak: FieldSet::NONE, identity: false });
        memory.put("a", named("Noether"));
        assert_eq!(memory.contact("a").map(|contact| contact.company.as_str()), Some(""));
        memory.edit("a", |contact| contact.first_name = "Emmy".into());
        assert_eq!(memory.contact("a").map(Contact::display_name).as_deref(), Some("Emmy Noether"));
        memory.remove("a");
        assert!(memory.remotes().is_empty());
    }

    #[test]
    fn a_cut_scan_is_an_error_after_whole_batches() {
        let mut memory = Memory::default();
        memory.put("a", named("A"));
        memory.put("b", named("B"));
        memory.faults.cut_after = Some(1);
        let mut seen = 0;
        let result = memory.scan_now(&Known::default(), &mut |batch| {
            seen += batch.changed.len();
            Ok(())
        });
        assert!(matches!(result, Err(ReplicaError::Unavailable(_))));
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_lost_answer_hides_a_write_that_happened() {
        let mut memory = Memory { faults: Faults { lose_answers: true, ..Faults::default() }, ..Memory::default() };
        let write = Write { uid: "u".into(), crm_id: None, action: Action::Create { contact: named("A") } };
        assert!(matches!(memory.write(write), Err(ReplicaError::OutcomeUnknown(_))));
        assert_eq!((memory.remotes(), memory.writes), (vec!["u".to_owned()], 1));
    }
}
