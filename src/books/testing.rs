//! What the tests of the books share: a scan's words, a run's writes, and files on a real disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::vdir;
use crate::{
    contact::{Contact, Item, ItemType},
    replica::{memory::Known, *},
};

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
        seen.problems.extend(batch.doubts.into_iter().map(|(_, problem)| problem));
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

/// The settings of a book in a test.
pub(super) fn settings(path: PathBuf) -> vdir::BookSettings {
    vdir::BookSettings { name: "team".into(), path, style: crate::formats::vcard::WriteStyle::default() }
}

/// Writes a file in a test's book.
pub(super) fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(folder.join(name), text).unwrap();
}
