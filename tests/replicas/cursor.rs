//! Where a scan goes on from, and what an absence means in it.

use carnet::replica::{Absence, Coverage, Ids, Lookup, memory::Known};

use crate::{
    seen::{Seen, apply, create, delete, scan, uid, update, wait, written},
    subject::Subject,
};

pub fn check(subject: &mut dyn Subject) {
    let known = three_records(subject);
    let (before, after) = goes_on(subject, known);
    means_nothing_elsewhere(subject, &before);
    names_what_came_back(subject, after);
    unreadable_records_are_named_again(subject);
}

/// What is known of three new records.
fn three_records(subject: &mut dyn Subject) -> Known {
    let replica = subject.open();
    scan(replica, &Known::default());
    let made = apply(replica, (1..=3).map(create).collect());
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    let seen = scan(subject.open(), &Known::default());
    assert_eq!((seen.coverage, seen.changed.len()), (Coverage::Complete, 3));
    seen.known(&Known::default())
}

/// From the cursor before, a scan says everything again; from its own, nothing that was said. Gives back both.
fn goes_on(subject: &mut dyn Subject, before: Known) -> (Known, Known) {
    let records = scan(subject.open(), &Known::default()).changed;
    let titled = |title: &str| records.iter().find(|record| record.contact.job_title == title).unwrap();
    let (ours, theirs, gone) = (titled("Title1."), titled("Title2."), titled("Title3."));
    let replica = subject.open();
    scan(replica, &before);
    let edited = update(ours, &uid(ours), |contact| contact.comment = "new".into());
    written(apply(replica, vec![edited]).remove(0));
    assert_eq!(apply(replica, vec![delete(gone, &uid(gone))]), [Ok(None)]);
    subject.edit("Title2.", "Chief");

    let first = scan(subject.open(), &before);
    let mut changed: Vec<&String> = first.changed.iter().map(|record| &record.remote).collect();
    changed.sort();
    let mut expected = vec![&ours.remote, &theirs.remote];
    expected.sort();
    assert_eq!(changed, expected);
    match first.coverage {
        Coverage::Delta => assert_eq!(first.gone, std::slice::from_ref(&gone.remote), "a delta names what is gone"),
        Coverage::Complete => assert!(!first.same.contains(&gone.remote), "what was not shown is gone"),
        Coverage::Partial => unreachable!("every scan of this suite reads all"),
    }
    assert!(matches!(wait(subject.open().fetch(&gone.remote)).unwrap(), Lookup::Gone));

    // The run was killed before it kept the cursor.
    assert_eq!(said(&scan(subject.open(), &before)), said(&first));
    // It was kept.
    let after = first.known(&before);
    let rest = scan(subject.open(), &after);
    // One that shows all of what changed may still say that nothing did.
    assert!(rest.coverage == first.coverage || rest.coverage == Coverage::Delta, "{rest:?}");
    assert_eq!((rest.changed.len(), rest.gone.len(), rest.problems.len()), (0, 0, 0), "{rest:?}");
    assert_eq!(rest.unchanged(&after).len(), 2);
    if rest.coverage == Coverage::Delta {
        assert!(rest.same.is_empty(), "a delta passes over what did not change");
    }
    // Nor does the one after that say more.
    assert_eq!(said(&scan(subject.open(), &rest.known(&after))), said(&rest));
    // An older cursor covers all that came since.
    assert_eq!(said(&scan(subject.open(), &before)), said(&first));
    (before, after)
}

/// A cursor that a replica cannot read, of another version or of a storage that was replaced, is none.
fn means_nothing_elsewhere(subject: &mut dyn Subject, before: &Known) {
    let notes = before.notes.keys().map(|name| (name.clone(), "?".to_owned())).collect();
    let seen = scan(subject.open(), &Known { notes, ..Known::default() });
    assert_eq!((seen.coverage, seen.changed.len(), seen.same.len()), (Coverage::Complete, 2, 0));
}

/// A record that went and came back under its name is there.
fn names_what_came_back(subject: &mut dyn Subject, known: Known) {
    let replica = subject.open();
    scan(replica, &known);
    let conduct = replica.conduct();
    let back = written(apply(replica, vec![create(3)]).remove(0));
    let seen = scan(subject.open(), &known);
    assert_eq!(seen.changed, std::slice::from_ref(&back));
    let known = seen.known(&known);
    assert_eq!(known.revisions.len(), 3);

    let replica = subject.open();
    scan(replica, &known);
    assert_eq!(apply(replica, vec![delete(&back, &uid(&back))]), [Ok(None)]);
    let again = written(apply(replica, vec![create(3)]).remove(0));
    let seen = scan(subject.open(), &known);
    assert!(seen.gone.iter().all(|remote| *remote != again.remote), "{seen:?}");
    assert_eq!(seen.known(&known).revisions.len(), 3);
    if conduct.ids == Ids::Shared {
        assert_ne!(again.remote, back.remote, "an id is never given twice");
    }
    if conduct.absence == Absence::AskById {
        assert!(matches!(wait(subject.open().fetch(&again.remote)).unwrap(), Lookup::Found(_)), "it answers by id");
    }
}

/// A record that cannot be read is a problem in each scan until it can be, and no cursor covers it.
fn unreadable_records_are_named_again(subject: &mut dyn Subject) {
    let mut known = scan(subject.open(), &Known::default()).known(&Known::default());
    if !subject.spoil("Title1.", false) {
        return;
    }
    for _ in 0..3 {
        let seen = scan(subject.open(), &known);
        assert_eq!((seen.problems.len(), seen.changed.len(), seen.gone.len()), (1, 0, 0), "{seen:?}");
        let unread = seen.problems[0].remote.clone().unwrap();
        assert!(known.revisions.contains_key(&unread), "it is told which one");
        assert_eq!(seen.unchanged(&known).len(), 2, "the others are not concerned");
        let believed = subject.open().conduct().absence == Absence::Certain;
        assert!(!believed || seen.coverage != Coverage::Complete, "it may hold what is missing");
        assert!(!matches!(wait(subject.open().fetch(&unread)).unwrap(), Lookup::Gone), "it is there");
        known = seen.known(&known);
    }
    assert!(subject.spoil("Title1.", true));
    let seen = scan(subject.open(), &known);
    assert!(seen.problems.is_empty() && seen.gone.is_empty(), "{seen:?}");
    assert_eq!(seen.unchanged(&known).len() + seen.changed.len(), 3);
}

/// What a scan said, without its problems' order.
fn said(seen: &Seen) -> impl PartialEq + std::fmt::Debug + use<> {
    (seen.coverage, seen.same.clone(), seen.changed.clone(), seen.gone.clone(), seen.problems.clone())
}
