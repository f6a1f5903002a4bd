//! What a scan has said, and the writes that a run would make of it.

use std::collections::BTreeSet;

use carnet::{
    contact::{Contact, Item, ItemType},
    replica::{memory::Known, *},
};

pub use crate::time::wait;

/// What a scan said.
#[derive(Debug)]
pub struct Seen {
    pub same: Vec<RemoteId>,
    pub changed: Vec<RemoteContact>,
    pub gone: Vec<RemoteId>,
    pub problems: Vec<Problem>,
    pub coverage: Coverage,
    pub cursor: Cursor,
}

impl Seen {
    /// Known records that are there as they were. A delta passes over them, or says so.
    pub fn unchanged(&self, before: &Known) -> Vec<RemoteId> {
        if self.coverage != Coverage::Delta {
            return self.same.clone();
        }
        let said: BTreeSet<&RemoteId> = self.changed.iter().map(|record| &record.remote).chain(&self.gone).collect();
        let unread = |remote: &RemoteId| self.problems.iter().any(|problem| problem.remote.as_ref() == Some(remote));
        before.revisions.keys().filter(|remote| !said.contains(remote) && !unread(remote)).cloned().collect()
    }

    /// What the mirror knows after taking all of it, the cursor last.
    pub fn known(&self, before: &Known) -> Known {
        let mut kept = self.unchanged(before);
        kept.extend(self.problems.iter().filter_map(|problem| problem.remote.clone()));
        let kept = before.revisions.iter().filter(|(remote, _)| kept.contains(remote));
        let kept = kept.map(|(remote, revision)| (remote.clone(), revision.clone()));
        let new = self.changed.iter().map(|record| (record.remote.clone(), record.revision.clone()));
        let mut known = Known { revisions: kept.chain(new).collect(), notes: before.notes.clone() };
        known.keep(self.cursor.clone());
        known
    }
}

/// A scan that comes to its end, and what is true of each.
pub fn scan(replica: &mut dyn Replica, known: &Known) -> Seen {
    let (mut same, mut changed, mut gone, mut problems) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut sink = |batch: Batch| {
        same.extend(batch.same);
        changed.extend(batch.changed);
        gone.extend(batch.gone);
        problems.extend(batch.problems);
        Ok(())
    };
    let Scanned { coverage, cursor } = wait(replica.scan(known, &mut sink)).unwrap();
    same.sort();
    gone.sort();
    changed.sort_by(|one: &RemoteContact, other| one.remote.cmp(&other.remote));
    problems.sort_by(|one: &Problem, other| one.place.cmp(&other.place));
    assert!(coverage != Coverage::Partial || !problems.is_empty(), "it is told what keeps it from being read");
    if coverage == Coverage::Delta {
        assert!(!known.notes.is_empty(), "a delta goes on from a cursor");
        let is_said =
            |remote: &RemoteId| same.contains(remote) || changed.iter().any(|record| record.remote == *remote);
        assert!(!gone.iter().any(is_said), "what is gone is not there: {gone:?}");
    } else {
        assert!(gone.is_empty(), "an absence says it: {gone:?}");
    }
    for record in &changed {
        assert_ne!(known.revisions.get(&record.remote), Some(&record.revision), "an agreed revision is no change");
    }
    assert!(same.iter().all(|remote| known.revisions.contains_key(remote)), "only what is known can be the same");
    Seen { same, changed, gone, problems, coverage, cursor }
}

/// As many writes at a time as the replica takes.
pub fn apply(replica: &mut dyn Replica, writes: Vec<Write>) -> Vec<Result<Written, ReplicaError>> {
    let count = writes.len();
    let mut answers = Vec::new();
    let mut writes = writes.into_iter().peekable();
    loop {
        let batch = writes.by_ref().take(replica.conduct().writes_at_once).collect();
        answers.extend(wait(replica.apply(batch)));
        if writes.peek().is_none() {
            break;
        }
    }
    assert_eq!(answers.len(), count, "one answer each");
    answers
}

/// A contact that every replica can hold.
pub fn contact(number: usize) -> Contact {
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

pub fn create(number: usize) -> Write {
    let uid = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &number.to_be_bytes()).to_string();
    Write { uid, crm_id: Some(format!("{}", 1000 + number)), action: Action::Create { contact: contact(number) } }
}

/// A change of what was seen. `uid` is the contact's in the mirror.
pub fn update(seen: &RemoteContact, uid: &str, edit: impl FnOnce(&mut Contact)) -> Write {
    let mut contact = seen.contact.clone();
    edit(&mut contact);
    let changed = contact.differing(&seen.contact);
    let action = Action::Update {
        remote: seen.remote.clone(),
        revision: seen.revision.clone(),
        theirs: seen.contact.clone(),
        contact,
        changed,
        detail: seen.detail.clone(),
    };
    Write { uid: uid.to_owned(), crm_id: seen.crm_id.clone(), action }
}

pub fn delete(seen: &RemoteContact, uid: &str) -> Write {
    let (remote, revision, theirs) = (seen.remote.clone(), seen.revision.clone(), seen.contact.clone());
    Write { uid: uid.to_owned(), crm_id: None, action: Action::Delete { remote, revision, theirs } }
}

/// Replicas have an order of their own for items.
pub fn sorted(contact: &Contact) -> Contact {
    let mut contact = contact.clone();
    contact.items.sort_by_key(Item::one_line);
    contact
}

pub fn uid(record: &RemoteContact) -> String {
    record.uid.clone().unwrap_or_else(|| format!("mirror-{}", record.remote))
}

pub fn written(answer: Result<Written, ReplicaError>) -> RemoteContact {
    answer.unwrap().expect("a record read back")
}

/// A name that no record of this replica bears.
pub fn no_such_record(conduct: Conduct) -> &'static str {
    match conduct.ids {
        Ids::Shared => "99999999",
        Ids::Own => "no-such-record.vcf",
    }
}
