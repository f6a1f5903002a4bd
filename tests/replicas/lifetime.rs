//! One value of a replica after the other: what it asks to be kept, how a run ends it, and what it leaves alone.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use carnet::{
    contact::Contact,
    replica::{memory::Known, *},
};

use crate::{
    seen::{apply, create, scan, sorted, uid, update, wait, written},
    subject::Subject,
};

pub fn check(subject: &mut dyn Subject) {
    let replica = subject.open();
    scan(replica, &Known::default());
    assert!(apply(replica, (1..=3).map(create).collect()).iter().all(Result::is_ok));
    remembers(subject);
    is_stopped(subject);
    clears_up(subject);
    interprets(subject);
    is_always_the_same(subject);
}

/// What was learned is kept by name; an empty value is forgotten.
fn keep(facts: &mut BTreeMap<String, String>, replica: &dyn Replica) {
    let learned = replica.learned();
    let names: BTreeSet<&String> = learned.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), learned.len(), "each name once: {learned:?}");
    facts.extend(learned);
    facts.retain(|_, value| !value.is_empty());
}

/// A scan and an update, of a replica that may have to find something out for them: its requests.
fn adds_a_number(replica: &mut dyn Replica, number: &str) -> u64 {
    let record = scan(replica, &Known::default()).changed.remove(0);
    let sent = |replica: &dyn Replica| replica.requests().values().sum::<u64>();
    let edit = |contact: &mut Contact| contact.items[0].value = number.into();
    written(apply(replica, vec![update(&record, &uid(&record), edit)]).remove(0));
    sent(replica)
}

/// What it has learned comes back to it, and it need not find it out again; without, or with nonsense, it works too.
fn remembers(subject: &mut dyn Subject) {
    let mut facts = BTreeMap::new();
    let replica = subject.open();
    replica.recall(&|_| None);
    let at_first = adds_a_number(replica, "+33 1 00 00 00 01");
    keep(&mut facts, replica);

    let replica = subject.open();
    replica.recall(&|name| facts.get(name).cloned());
    let recalled = facts.clone();
    keep(&mut facts, replica);
    assert_eq!(facts, recalled, "recalled and not used, it stays what it was");
    let later = adds_a_number(replica, "+33 1 00 00 00 02");
    keep(&mut facts, replica);
    assert_eq!(facts, recalled, "nothing new was learned");
    assert!(if facts.is_empty() { later == at_first } else { later < at_first }, "{later} after {at_first}, {facts:?}");

    let replica = subject.open();
    replica.recall(&|_| Some("?".to_owned()));
    assert_eq!(adds_a_number(replica, "+33 1 00 00 00 03"), at_first, "what means nothing is not known");
}

/// A baseline of a run that has ended.
struct Ended;

impl Baseline for Ended {
    fn count(&self) -> u64 {
        3
    }

    fn revision_of(&self, _: &str) -> Result<Option<Revision>, Stopped> {
        Err(Stopped)
    }

    fn for_each(&self, _: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        Err(Stopped)
    }

    fn note(&self, _: &str) -> Result<Option<String>, Stopped> {
        Err(Stopped)
    }

    fn for_each_note(&self, _: &mut dyn FnMut(&str, &str)) -> Result<(), Stopped> {
        Err(Stopped)
    }
}

/// Where the run takes no more, the scan ends with that and hands nothing over any more.
fn is_stopped(subject: &mut dyn Subject) {
    let before = subject.print();
    let batches = Cell::new(0);
    let mut count = |_| {
        batches.set(batches.get() + 1);
        Ok(())
    };
    wait(subject.open().scan(&Known::default(), &mut count)).unwrap();
    let all = batches.get();
    assert!(all > 0, "three records are shown");
    for last in 1..=all {
        batches.set(0);
        let mut sink = |_| {
            batches.set(batches.get() + 1);
            if batches.get() == last { Err(Stopped) } else { Ok(()) }
        };
        let replica = subject.open();
        assert_eq!(wait(replica.scan(&Known::default(), &mut sink)), Err(ReplicaError::Stopped(Stopped)));
        assert_eq!(batches.get(), last);
        // The same value can be scanned again, from the start.
        assert_eq!(scan(replica, &Known::default()).changed.len(), 3);
    }
    let ended = wait(subject.open().scan(&Ended, &mut |_| Ok(())));
    assert_eq!(ended, Err(ReplicaError::Stopped(Stopped)), "the run has ended before");
    assert_eq!(subject.print(), before, "a scan never writes contacts");
}

/// There is nothing to clear up, before a scan and after it, once and again.
fn clears_up(subject: &mut dyn Subject) {
    let before = subject.print();
    let replica = subject.open();
    wait(replica.clear_up());
    let seen = scan(replica, &Known::default());
    wait(replica.clear_up());
    wait(replica.clear_up());
    assert_eq!(scan(replica, &Known::default()).changed, seen.changed);
    assert_eq!(subject.print(), before);
}

/// A record read knowing what it says says just that, however often it is asked, and shows what it can hold.
fn interprets(subject: &mut dyn Subject) {
    let replica = subject.open();
    for record in scan(replica, &Known::default()).changed {
        let (said, fields) = (&record.contact, record.fields);
        assert!(replica.shows(said).differing(said).and(fields).is_empty(), "it shows what it holds");
        let nonsense = RemoteContact { source: Some(b"\xff\0 no record".to_vec()), ..record.clone() };
        assert!(replica.interpret(&nonsense, said).is_none_or(|read| read.told.is_none()), "nonsense");
        for known in [said, &Contact::default()] {
            let Some(read) = replica.interpret(&record, known) else { continue };
            assert!(sorted(&read.there).differing(&sorted(said)).and(fields).is_empty(), "{read:?}");
            assert_eq!(replica.interpret(&record, known), Some(read));
        }
    }
}

/// How it behaves and what it holds does not change from one value to the next.
fn is_always_the_same(subject: &mut dyn Subject) {
    let replica = subject.open();
    let conduct = replica.conduct();
    scan(replica, &Known::default());
    let capabilities = replica.capabilities();
    assert!(capabilities.fields.and(capabilities.weak) == capabilities.weak, "what is weak is carried");
    assert!(conduct.writes_at_once > 0);
    let replica = subject.open();
    scan(replica, &Known::default());
    assert_eq!((replica.conduct(), replica.capabilities()), (conduct, capabilities));
}
