//! A device's book as a run meets it, beyond the contract of all replicas: names that are taken, writes that a device was
//! faster at, and what a scan can say where it cannot read all.

use super::*;
use crate::{
    books::{
        card_names::file_name,
        testing::{apply, contact, create, update, wait},
    },
    replica::{Action, Batch, Coverage, Cursor, memory::Known},
};

const BLIND: Condition = Condition::None;

struct Book {
    dir: tempfile::TempDir,
    device: DeviceId,
}

/// What a scan said.
struct Said {
    changed: Vec<RemoteContact>,
    gone: Vec<String>,
    unread: usize,
    coverage: Coverage,
    cursor: Cursor,
}

impl Book {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = DeviceStore::open(&dir.path().join("d.db")).unwrap();
        let device = store.add(&NewDevice::of("phone"), 0).unwrap();
        Self { dir, device }
    }

    fn store(&self) -> DeviceStore {
        DeviceStore::open(&self.dir.path().join("d.db")).unwrap()
    }

    fn replica(&self) -> Served {
        Served::new("phone", self.device, WriteStyle::default(), self.store())
    }

    fn put(&self, name: &str, uid: &str, text: &str) {
        self.store().put(self.device, name, uid, text.as_bytes(), &BLIND).unwrap();
    }

    fn scan(&self, known: &Known) -> Said {
        let (mut changed, mut gone, mut unread) = (Vec::new(), Vec::new(), 0);
        let mut replica = self.replica();
        let mut sink = |batch: Batch| {
            changed.extend(batch.changed);
            gone.extend(batch.gone);
            unread += batch.problems.len();
            Ok(())
        };
        let scanned = wait(replica.scan(known, &mut sink)).unwrap();
        Said { changed, gone, unread, coverage: scanned.coverage, cursor: scanned.cursor }
    }

    /// What the mirror knows after a run made the card of this number.
    fn with_card(&self, number: usize) -> (Known, RemoteContact) {
        let mut known = Known::default();
        let made = apply(&mut self.replica(), vec![create(number)]).remove(0).unwrap().expect("a record");
        known.revisions.insert(made.remote.clone(), made.revision.clone());
        let cursor = self.scan(&known).cursor;
        known.keep(cursor);
        (known, made)
    }
}

fn card(uid: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\nEND:VCARD\r\n")
}

#[test]
fn a_new_card_takes_no_other_ones_place() {
    let book = Book::new();
    let uid = create(1).uid;
    book.put(&file_name(&uid), "other", &card("other", "Other"));
    let made = apply(&mut book.replica(), vec![create(1)]).remove(0).unwrap().expect("a record");
    assert_ne!(made.remote, file_name(&uid));
    assert_eq!(made.uid.as_deref(), Some(uid.as_str()));
    // The device has a card with this UID already, under a name of its own.
    let second = create(2).uid;
    book.put("X.vcf", &second, &card(&second, "Mine"));
    let Err(ReplicaError::Stale(Some(there))) = apply(&mut book.replica(), vec![create(2)]).remove(0) else {
        panic!("it is there already")
    };
    assert_eq!((there.remote.as_str(), there.contact.last_name.as_str()), ("X.vcf", "Mine"));
}

#[test]
fn who_was_faster_is_told_with_what_it_had_edited() {
    let book = Book::new();
    let (_, made) = book.with_card(1);
    let text = String::from_utf8(book.store().card(book.device, &made.remote).unwrap().unwrap().body).unwrap();
    let next = update(&made, &create(1).uid, |contact| contact.job_title = "New".into());
    let written = apply(&mut book.replica(), vec![next.clone()]).remove(0).unwrap().expect("a record");
    // The device has not seen that.
    book.put(&made.remote, &create(1).uid, &text.replace("Name1", "Mine"));
    let later = update(&written, &create(1).uid, |contact| contact.job_title = "Newer".into());
    for write in [
        later,
        Write {
            action: Action::Delete {
                remote: written.remote.clone(),
                revision: written.revision.clone(),
                theirs: written.contact.clone(),
            },
            ..next
        },
    ] {
        let Err(ReplicaError::Stale(Some(there))) = apply(&mut book.replica(), vec![write]).remove(0) else {
            panic!("the device was faster")
        };
        assert_eq!(there.edited.as_deref(), Some(text.as_bytes()));
        let reading = book.replica().interpret(&there, &written.contact).expect("a reading");
        assert_eq!(reading.edited.map(|edited| edited.job_title), Some(contact(1).job_title));
        assert_eq!((reading.there.last_name.as_str(), reading.there.job_title), ("Mine", contact(1).job_title));
    }
}

#[test]
fn what_a_scan_can_say_where_it_cannot_read_all() {
    let book = Book::new();
    book.put("bad.vcf", "bad", "BEGIN:VCARD\r\n");
    let said = book.scan(&Known::default());
    // Nothing is known, so that nothing can be missing: the next scan goes on from here.
    assert_eq!((said.coverage, said.unread, said.cursor.is_empty()), (Coverage::Delta, 1, false));
    let (known, made) = book.with_card(1);
    let said = book.scan(&known);
    assert_eq!((said.coverage, said.unread, said.changed.len()), (Coverage::Delta, 1, 0));
    // All of it has to be read: it may hold what is missing.
    let lost = Known { revisions: known.revisions.clone(), ..Known::default() };
    assert_eq!(book.scan(&lost).coverage, Coverage::Partial);
    book.store().delete(book.device, "bad.vcf", &BLIND).unwrap();
    let said = book.scan(&known);
    assert_eq!((said.coverage, said.unread, said.gone), (Coverage::Delta, 0, vec!["bad.vcf".to_owned()]));
    assert_eq!(book.scan(&lost).coverage, Coverage::Complete);
    assert!(said.changed.iter().all(|record| record.remote != made.remote));
}

#[test]
fn a_card_that_came_and_went_between_two_scans_is_called_gone() {
    let book = Book::new();
    let (mut known, _) = book.with_card(1);
    // Made after the scan, so that the cursor does not cover it.
    let made = apply(&mut book.replica(), vec![create(2)]).remove(0).unwrap().expect("a record");
    known.revisions.insert(made.remote.clone(), made.revision);
    book.store().delete(book.device, &made.remote, &BLIND).unwrap();
    let said = book.scan(&known);
    assert_eq!((said.coverage, said.changed.len(), said.gone), (Coverage::Delta, 0, vec![made.remote]));
}

#[test]
fn another_book_of_the_name_is_read_whole() {
    let book = Book::new();
    let (known, _) = book.with_card(1);
    assert_eq!(book.scan(&known).coverage, Coverage::Delta);
    book.store().forget_tokens().unwrap();
    assert_eq!(book.scan(&known).coverage, Coverage::Complete);
    book.store().revoke("phone").unwrap();
    let device = book.store().add(&NewDevice::of("phone"), 0).unwrap();
    let again = Book { device, ..book };
    assert_eq!(again.scan(&known).coverage, Coverage::Complete);
}

#[test]
fn a_long_book_is_read_in_parts() {
    let book = Book::new();
    let made = apply(&mut book.replica(), (0..2_500).map(create).collect());
    assert!(made.iter().all(Result::is_ok));
    let said = book.scan(&Known::default());
    assert_eq!((said.coverage, said.changed.len()), (Coverage::Complete, 2_500));
    let mut known = Known::default();
    known.revisions.extend(said.changed.into_iter().map(|record| (record.remote, record.revision)));
    known.keep(said.cursor);
    let names: Vec<String> = known.revisions.keys().take(1_500).cloned().collect();
    let mut store = book.store();
    for name in &names {
        store.delete(book.device, name, &BLIND).unwrap();
    }
    let said = book.scan(&known);
    assert_eq!((said.coverage, said.changed.len(), said.gone.len()), (Coverage::Delta, 0, 1_500));
}
