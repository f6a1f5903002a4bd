//! The port's contract, once, run against every replica that keeps its records itself.
//!
//! A subject is the storage; opening it again is the next run. What is only true of one kind of book is tested there.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use super::{csv_file, fs as files, vcard_file, vdir};
use crate::{
    contact::{Contact, Field, FieldSet, Item, ItemType},
    formats::csv::Profile,
    replica::{memory::Known, *},
};

/// Storage that outlives the replica's value.
pub(super) trait Subject {
    /// A new value on the same storage.
    fn open(&mut self) -> &mut dyn Replica;
    /// Another program replaces a text in the records.
    fn edit(&mut self, from: &str, to: &str);
    /// All that a write could change.
    fn print(&self) -> String;
}

/// Books in files.
pub(super) struct Files {
    dir: tempfile::TempDir,
    make: Box<dyn Fn(PathBuf) -> Box<dyn Replica>>,
    name: &'static str,
    open: Option<Box<dyn Replica>>,
}

impl Files {
    /// A book at `name` in a fresh folder.
    pub(super) fn new<R: Replica + 'static>(name: &'static str, make: impl Fn(PathBuf) -> R + 'static) -> Self {
        let make = Box::new(move |path| Box::new(make(path)) as Box<dyn Replica>);
        Self { dir: tempfile::tempdir().unwrap(), make, name, open: None }
    }

    /// Where the book is.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(self.name)
    }

    fn all(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl Subject for Files {
    fn open(&mut self) -> &mut dyn Replica {
        let fresh = (self.make)(self.path());
        self.open.insert(fresh).as_mut()
    }

    fn edit(&mut self, from: &str, to: &str) {
        for path in self.all() {
            let text = fs::read_to_string(&path).unwrap();
            if text.contains(from) {
                fs::write(&path, text.replace(from, to)).unwrap();
            }
        }
    }

    fn print(&self) -> String {
        use std::os::unix::fs::MetadataExt;
        self.all().iter().fold(String::new(), |mut out, path| {
            let data = fs::metadata(path).unwrap();
            let (bytes, name) = (fs::read(path).unwrap(), path.strip_prefix(self.dir.path()).unwrap());
            let stamp = (data.ino(), data.mtime(), data.mtime_nsec(), data.mode());
            writeln!(out, "{} {stamp:?} {}", name.display(), files::Digest::of(&bytes)).unwrap();
            out
        })
    }
}

struct InMemory(memory::Memory);

impl Subject for InMemory {
    fn open(&mut self) -> &mut dyn Replica {
        &mut self.0
    }

    fn edit(&mut self, from: &str, to: &str) {
        for remote in self.0.remotes() {
            if self.0.contact(&remote).is_some_and(|contact| contact.job_title == from) {
                self.0.edit(&remote, |contact| contact.job_title = to.into());
            }
        }
    }

    fn print(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// What a scan said.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) same: Vec<RemoteId>,
    pub(super) changed: Vec<RemoteContact>,
    pub(super) problems: Vec<Problem>,
    pub(super) everything: bool,
}

impl Seen {
    /// What the mirror knows after taking all of it.
    pub(super) fn known(&self, before: &Known) -> Known {
        let kept = before.revisions.iter().filter(|(remote, _)| self.same.contains(remote));
        let kept = kept.map(|(remote, revision)| (remote.clone(), revision.clone()));
        let new = self.changed.iter().map(|record| (record.remote.clone(), record.revision.clone()));
        Known { revisions: kept.chain(new).collect(), ..Known::default() }
    }

    /// "place: message", sorted.
    pub(super) fn problem_lines(&self) -> Vec<String> {
        let mut lines: Vec<_> =
            self.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.message)).collect();
        lines.sort();
        lines
    }
}

pub(super) fn wait<T>(future: LocalFuture<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn try_scan(replica: &mut dyn Replica, known: &Known) -> Result<Seen, ReplicaError> {
    let mut seen = Seen::default();
    let mut sink = |batch: Batch| {
        seen.same.extend(batch.same);
        seen.changed.extend(batch.changed);
        seen.problems.extend(batch.problems);
        Ok(())
    };
    let scan = wait(replica.scan(known, &mut sink))?;
    seen.everything = scan.coverage == Coverage::Complete;
    seen.same.sort();
    seen.changed.sort_by(|one, other| one.remote.cmp(&other.remote));
    Ok(seen)
}

pub(super) fn scan(replica: &mut dyn Replica, known: &Known) -> Seen {
    try_scan(replica, known).unwrap()
}

pub(super) fn apply(replica: &mut dyn Replica, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
    let count = writes.len();
    let answers = wait(replica.apply(writes));
    assert_eq!(answers.len(), count, "one answer each");
    answers
}

/// A contact that every book can hold.
pub(super) fn contact(number: usize) -> Contact {
    Contact {
        last_name: format!("Name{number}"),
        first_name: "Élodie".into(),
        job_title: format!("Title{number}."),
        comment: "one\ntwo; three, \"four\"".into(),
        items: vec![
            Item::new(ItemType::ProfessionalPhone, format!("+33 1 23 45 67 {number:02}")),
            Item::new(ItemType::ProfessionalEmail, format!("n{number}@example.com")),
        ],
        ..Contact::default()
    }
}

pub(super) fn create(number: usize) -> Write {
    let uid = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &number.to_be_bytes()).to_string();
    Write { uid, crm_id: Some(format!("{}", 1000 + number)), action: Action::Create { contact: contact(number) } }
}

/// A change of what was seen. `uid` is the contact's in the mirror.
pub(super) fn update(seen: &RemoteContact, uid: &str, edit: impl FnOnce(&mut Contact)) -> Write {
    let mut contact = seen.contact.clone();
    edit(&mut contact);
    let changed = contact.differing(&seen.contact);
    let action = Action::Update {
        remote: seen.remote.clone(),
        revision: seen.revision.clone(),
        theirs: seen.contact.clone(),
        contact,
        changed,
        detail: None,
    };
    Write { uid: uid.to_owned(), crm_id: seen.crm_id.clone(), action }
}

pub(super) fn delete(seen: &RemoteContact, uid: &str) -> Write {
    let (remote, revision, theirs) = (seen.remote.clone(), seen.revision.clone(), seen.contact.clone());
    Write { uid: uid.to_owned(), crm_id: None, action: Action::Delete { remote, revision, theirs } }
}

/// Books have an order of their own for items.
fn sorted(contact: &Contact) -> Contact {
    let mut contact = contact.clone();
    contact.items.sort_by_key(Item::one_line);
    contact
}

fn uid(record: &RemoteContact) -> String {
    record.uid.clone().unwrap_or_else(|| format!("mirror-{}", record.remote))
}

fn written(answer: Result<Written, ReplicaError>) -> RemoteContact {
    answer.unwrap().expect("a sighting")
}

fn carried(contact: &Contact, fields: FieldSet) -> Contact {
    let mut out = Contact::default();
    out.copy_fields(contact, fields);
    out
}

/// The whole contract.
pub(super) fn check(subject: &mut dyn Subject) {
    starts_empty(subject);
    let known = creates(subject);
    rests(subject, &known);
    let known = updates(subject, known);
    let known = sees_edits(subject, known);
    deletes(subject, known);
    takes_many(subject);
}

fn starts_empty(subject: &mut dyn Subject) {
    let nothing = Known::default();
    let seen = scan(subject.open(), &nothing);
    assert!(seen.everything && seen.changed.is_empty() && seen.same.is_empty() && seen.problems.is_empty(), "{seen:?}");
    assert!(apply(subject.open(), Vec::new()).is_empty());
}

fn creates(subject: &mut dyn Subject) -> Known {
    let replica = subject.open();
    scan(replica, &Known::default());
    let answers: Vec<RemoteContact> =
        apply(replica, vec![create(1), create(2), create(3)]).into_iter().map(written).collect();
    for (number, record) in (1..).zip(&answers) {
        assert!(
            sorted(&record.contact).differing(&sorted(&contact(number))).and(record.fields).is_empty(),
            "{record:?}"
        );
        assert_eq!(record.contact, carried(&record.contact, record.fields), "nothing outside its fields");
        assert!(record.uid.as_ref().is_none_or(|uid| *uid == create(number).uid));
    }
    // What was read back is what the next run sees.
    let mut expected = answers;
    expected.sort_by(|one, other| one.remote.cmp(&other.remote));
    let seen = scan(subject.open(), &Known::default());
    assert_eq!(seen.changed, expected);
    assert_eq!((seen.problems.len(), seen.everything), (0, true));

    // It exists already, where that can be told.
    if seen.changed.iter().any(|record| record.uid.is_none()) {
        return seen.known(&Known::default());
    }
    let before = subject.print();
    let replica = subject.open();
    scan(replica, &Known::default());
    let again = apply(replica, vec![create(2)]).remove(0);
    assert!(matches!(&again, Err(ReplicaError::Stale(Some(there))) if there.uid == Some(create(2).uid)), "{again:?}");
    assert_eq!(subject.print(), before);
    seen.known(&Known::default())
}

/// Nothing to do does nothing.
fn rests(subject: &mut dyn Subject, known: &Known) {
    let before = subject.print();
    let seen = scan(subject.open(), known);
    assert_eq!((seen.same.len(), seen.changed.len(), seen.problems.len()), (3, 0, 0), "{seen:?}");

    let replica = subject.open();
    let records = scan(replica, &Known::default()).changed;
    for record in &records {
        let uid = uid(record);
        let answer = written(apply(replica, vec![update(record, &uid, |_| {})]).remove(0));
        assert_eq!(&answer, record, "an update that changes nothing");
        let found = wait(replica.fetch(&record.remote)).unwrap();
        assert!(matches!(found, Lookup::Found(found) if *found == *record), "a look");
    }
    assert!(matches!(wait(replica.fetch("no-such-record.vcf")).unwrap(), Lookup::Gone));
    assert_eq!(subject.print(), before);
}

fn updates(subject: &mut dyn Subject, known: Known) -> Known {
    let replica = subject.open();
    let old = scan(replica, &Known::default()).changed.remove(1);
    let uid = uid(&old);
    let edit = |contact: &mut Contact| {
        contact.comment = "changed".into();
        for item in contact.items.iter_mut().filter(|item| item.item_type == ItemType::ProfessionalPhone) {
            item.value = "+33 9 00 00 00 00".into();
        }
    };
    let new = written(apply(replica, vec![update(&old, &uid, edit)]).remove(0));
    let mut expected = old.contact.clone();
    edit(&mut expected);
    assert_eq!(sorted(&new.contact), sorted(&expected));
    assert_ne!(new.revision, old.revision);

    // From what was before: nothing happens, and it is told what is there.
    let before = subject.print();
    let replica = subject.open();
    scan(replica, &known);
    for write in [update(&old, &uid, |contact| contact.comment = "lost?".into()), delete(&old, &uid)] {
        let answer = apply(replica, vec![write]).remove(0);
        assert!(
            matches!(&answer, Err(ReplicaError::Stale(there)) if there.as_deref().is_none_or(|there| *there == new)),
            "{answer:?}"
        );
    }
    assert_eq!(subject.print(), before);

    let seen = scan(subject.open(), &known);
    assert_eq!((seen.same.len(), seen.changed.as_slice()), (2, [new].as_slice()));
    let known = seen.known(&known);
    assert_eq!(scan(subject.open(), &known).same.len(), 3);
    known
}

fn sees_edits(subject: &mut dyn Subject, known: Known) -> Known {
    let old = scan(subject.open(), &Known::default()).changed;
    subject.edit("Title3.", "Chief");
    let seen = scan(subject.open(), &known);
    assert_eq!((seen.same.len(), seen.changed.len(), seen.problems.len()), (2, 1, 0), "{seen:?}");
    let edited = &seen.changed[0];
    assert_eq!(edited.contact.job_title, "Chief");
    let old = old.iter().find(|old| old.remote == edited.remote).expect("it keeps its name");
    assert_eq!(edited.contact.differing(&old.contact), FieldSet::NONE.with(Field::JobTitle));

    let before = subject.print();
    let uid = uid(old);
    let replica = subject.open();
    scan(replica, &known);
    for write in [update(old, &uid, |contact| contact.comment = "lost?".into()), delete(old, &uid)] {
        let answer = apply(replica, vec![write]).remove(0);
        assert!(matches!(answer, Err(ReplicaError::Stale(_))), "{answer:?}");
    }
    assert_eq!(subject.print(), before, "another's edit stays");
    seen.known(&known)
}

fn deletes(subject: &mut dyn Subject, known: Known) {
    let replica = subject.open();
    let all = scan(replica, &Known::default()).changed;
    let gone = &all[0];
    let uid = uid(gone);
    assert_eq!(apply(replica, vec![delete(gone, &uid)]).remove(0), Ok(None));
    assert!(matches!(wait(replica.fetch(&gone.remote)).unwrap(), Lookup::Gone));
    let before = subject.print();
    let replica = subject.open();
    let seen = scan(replica, &known);
    assert_eq!((seen.same.len(), seen.changed.len(), seen.everything), (2, 0, true));
    assert!(!seen.same.contains(&gone.remote));
    let again = apply(replica, vec![delete(gone, &uid), update(gone, &uid, |c| c.comment = "back?".into())]);
    assert!(again.iter().all(|answer| *answer == Err(ReplicaError::Stale(None))), "{again:?}");
    assert_eq!(subject.print(), before, "what is gone stays gone");
}

fn takes_many(subject: &mut dyn Subject) {
    let replica = subject.open();
    let few = scan(replica, &Known::default()).changed.len();
    let made = apply(replica, (100..400).map(create).collect());
    assert!(made.iter().all(Result::is_ok));
    let known = scan(subject.open(), &Known::default()).known(&Known::default());
    assert_eq!(known.revisions.len(), few + 300);
    let before = subject.print();
    assert_eq!(scan(subject.open(), &known).same.len(), few + 300);
    assert_eq!(subject.print(), before);

    // One of them is stale, one is written twice: the others go through.
    let replica = subject.open();
    let all = scan(replica, &Known::default()).changed;
    let edit = |record: &RemoteContact| update(record, &uid(record), |c| c.comment = "new".into());
    let mut writes: Vec<Write> = all.iter().map(edit).collect();
    if let Action::Update { revision, .. } = &mut writes[7].action {
        *revision = revision.replace(|c: char| c.is_ascii_hexdigit(), "0");
    }
    writes.push(update(&all[9], &uid(&all[9]), |contact| contact.comment = "twice".into()));
    let answers = apply(replica, writes);
    let failed: Vec<usize> = (0..answers.len()).filter(|index| answers[*index].is_err()).collect();
    assert_eq!(failed, [7, all.len()]);
    assert!(failed.iter().all(|index| matches!(answers[*index], Err(ReplicaError::Stale(_)))));
    let seen = scan(subject.open(), &Known::default()).changed;
    assert_eq!(seen.iter().filter(|record| record.contact.comment == "new").count(), all.len() - 1);

    let replica = subject.open();
    scan(replica, &Known::default());
    let writes = seen.iter().map(|record| delete(record, &uid(record))).collect();
    assert!(apply(replica, writes).into_iter().all(|answer| answer == Ok(None)));
    let known = Known::default();
    assert!(scan(subject.open(), &known).changed.is_empty());
    assert!(!subject.print().contains(".tmp"), "nothing is left over: {}", subject.print());
}

#[test]
fn memory_keeps_the_contract() {
    check(&mut InMemory(memory::Memory::default()));
}

#[test]
fn vdir_keeps_the_contract() {
    check(&mut Files::new("books/team", |path| vdir::Vdir::new(settings(path))));
}

#[test]
fn vcard_file_keeps_the_contract() {
    check(&mut Files::new("books/all.vcf", |path| vcard_file::VcardFile::new(settings(path))));
}

#[test]
fn csv_files_keep_the_contract_in_each_dialect() {
    for profile in ["carnet", "google", "outlook-fr", "thunderbird", "excel-fr"] {
        let made = |path| csv_file::CsvFile::new("team".into(), path, Profile::named(profile).cloned());
        check(&mut Files::new("books/all.csv", made));
    }
}

/// The settings of a book in a test.
pub(super) fn settings(path: PathBuf) -> vdir::BookSettings {
    vdir::BookSettings { name: "team".into(), path, style: crate::formats::vcard::WriteStyle::default() }
}

/// Writes a file in a test's book.
pub(super) fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(folder.join(name), text).unwrap();
}
