//! What every replica keeps, whatever holds its records.

use carnet::{
    contact::{Contact, Field, FieldSet, ItemType},
    replica::{memory::Known, *},
};

use crate::{
    seen::{apply, contact, create, delete, no_such_record, scan, sorted, uid, update, wait, written},
    subject::Subject,
};

fn carried(contact: &Contact, fields: FieldSet) -> Contact {
    let mut out = Contact::default();
    out.copy_fields(contact, fields);
    out
}

/// The whole contract.
pub fn check(subject: &mut dyn Subject) {
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
    assert_eq!(seen.coverage, Coverage::Complete, "there is no cursor yet");
    assert!(seen.changed.is_empty() && seen.same.is_empty() && seen.problems.is_empty(), "{seen:?}");
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
    assert_eq!((seen.problems.len(), seen.coverage), (0, Coverage::Complete));

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
    assert_eq!((seen.unchanged(known).len(), seen.changed.len(), seen.problems.len()), (3, 0, 0), "{seen:?}");

    let replica = subject.open();
    let records = scan(replica, &Known::default()).changed;
    for record in &records {
        let uid = uid(record);
        let answer = written(apply(replica, vec![update(record, &uid, |_| {})]).remove(0));
        assert_eq!(&answer, record, "an update that changes nothing");
        let found = wait(replica.fetch(&record.remote)).unwrap();
        assert!(matches!(found, Lookup::Found(found) if *found == *record), "a look");
    }
    let nobody = no_such_record(replica.conduct());
    assert!(matches!(wait(replica.fetch(nobody)).unwrap(), Lookup::Gone));
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
    assert_eq!((seen.unchanged(&known).len(), seen.changed.as_slice()), (2, [new].as_slice()));
    let known = seen.known(&known);
    assert_eq!(scan(subject.open(), &known).unchanged(&known).len(), 3);
    known
}

fn sees_edits(subject: &mut dyn Subject, known: Known) -> Known {
    let old = scan(subject.open(), &Known::default()).changed;
    subject.edit("Title3.", "Chief");
    let seen = scan(subject.open(), &known);
    assert_eq!((seen.unchanged(&known).len(), seen.changed.len(), seen.problems.len()), (2, 1, 0), "{seen:?}");
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
    assert_eq!((seen.unchanged(&known).len(), seen.changed.len(), seen.problems.len()), (2, 0, 0));
    assert!(!seen.unchanged(&known).contains(&gone.remote));
    let again = apply(replica, vec![delete(gone, &uid), update(gone, &uid, |c| c.comment = "back?".into())]);
    assert!(again.iter().all(|answer| *answer == Err(ReplicaError::Stale(None))), "{again:?}");
    assert_eq!(subject.print(), before, "what is gone stays gone");
}

fn takes_many(subject: &mut dyn Subject) {
    let replica = subject.open();
    let few = scan(replica, &Known::default()).changed.len();
    let made = apply(replica, (100..400).map(create).collect());
    assert!(made.iter().all(Result::is_ok), "{:?}", made.iter().find(|answer| answer.is_err()));
    let known = scan(subject.open(), &Known::default()).known(&Known::default());
    assert_eq!(known.revisions.len(), few + 300);
    let before = subject.print();
    assert_eq!(scan(subject.open(), &known).unchanged(&known).len(), few + 300);
    assert_eq!(subject.print(), before);

    // One of them is stale, one is written twice: the others go through.
    let replica = subject.open();
    let all = scan(replica, &Known::default()).changed;
    let edit = |record: &RemoteContact| update(record, &uid(record), |c| c.comment = "new".into());
    let mut writes: Vec<Write> = all.iter().map(edit).collect();
    if let Action::Update { revision, theirs, .. } = &mut writes[7].action {
        *revision = revision.replace(|c: char| c.is_ascii_hexdigit(), "0");
        if replica.conduct().writes == Writes::Uncertain {
            // A server without preconditions can only be asked what it holds.
            theirs.job_title = "was never there".into();
        }
    }
    writes.push(update(&all[9], &uid(&all[9]), |contact| contact.comment = "twice".into()));
    let answers = apply(replica, writes);
    let failed: Vec<usize> = (0..answers.len()).filter(|index| answers[*index].is_err()).collect();
    assert_eq!(failed, [7, all.len()], "{:?}", answers.iter().find(|answer| answer.is_err()));
    assert!(failed.iter().all(|index| matches!(answers[*index], Err(ReplicaError::Stale(_)))));
    let seen = scan(subject.open(), &Known::default()).changed;
    assert_eq!(seen.iter().filter(|record| record.contact.comment == "new").count(), all.len() - 1);

    let replica = subject.open();
    scan(replica, &Known::default());
    let writes = seen.iter().map(|record| delete(record, &uid(record))).collect();
    let answers = apply(replica, writes);
    assert!(answers.iter().all(|answer| *answer == Ok(None)), "{:?}", answers.iter().find(|it| **it != Ok(None)));
    let known = Known::default();
    assert!(scan(subject.open(), &known).changed.is_empty());
    assert!(!subject.print().contains(".tmp"), "nothing is left over: {}", subject.print());
}
