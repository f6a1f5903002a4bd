//! Contacts that a book knows by CRM id and the mirror does not: asked for, linked, or made anew once denied twice.

use crate::{
    contact::Contact,
    mirror::{AbsenceRow, Agreement, ContactId},
    reconcile::Limit,
    replicas::{ReplicaError, Trouble, memory::Memory},
    sync::{
        desk::{CONFIRM, Desk, ada, at_desk, peer},
        error::SyncError,
        events::SyncEvent,
        peer::{CRM, Peer},
    },
};

/// A CRM that holds "1002", which is agreed, and these.
fn crm(desk: &mut Desk<'_>, held: &[(&str, Contact)]) -> Peer {
    if desk.engine.mirror.agreement_by_remote(CRM, "1002").unwrap().is_none() {
        let other = desk.contact("other", &ada("CTO"));
        desk.agree(CRM, "1002", other);
    }
    let mut memory = Memory::default();
    memory.put("1002", ada("CTO"));
    for (remote, contact) in held {
        memory.put(remote, contact.clone());
    }
    peer(CRM, memory)
}

/// A contact of a book's whose record there names a CRM id.
fn named(desk: &mut Desk<'_>, uid: &str, crm_id: &str) -> ContactId {
    let id = desk.contact(uid, &ada("CEO"));
    names(desk, "cards", id, (uid, crm_id));
    id
}

fn names(desk: &mut Desk<'_>, book: &str, id: ContactId, (uid, crm_id): (&str, &str)) {
    let agreement = desk.agree(book, &format!("{uid}.vcf"), id);
    let marks = format!("{uid}|{crm_id}");
    desk.engine.mirror.put_agreement(book, &Agreement { marks, ..agreement }).unwrap();
}

fn ask(desk: &mut Desk<'_>, peer: &mut Peer) -> Result<(), SyncError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(desk.engine.look_for_named(peer))
}

fn strikes(desk: &Desk<'_>, remote: &str) -> Option<u32> {
    desk.engine.mirror.absence(CRM, remote).unwrap().map(|absence| absence.strikes)
}

fn linked(desk: &Desk<'_>, id: ContactId) -> Option<String> {
    desk.engine.mirror.agreement(CRM, id).unwrap().map(|agreement| agreement.remote)
}

fn notices(desk: &Desk<'_>) -> usize {
    desk.told.borrow().iter().filter(|event| matches!(event, SyncEvent::Notice { .. })).count()
}

/// What one look makes of a contact whose record names "1001".
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    linked: bool,
    /// It may be in the CRM already, and is not made there in this run.
    doubtful: bool,
    strikes: Option<u32>,
    /// Said of the CRM as a whole.
    notices: usize,
}

const LINKED: Fate = Fate { linked: true, doubtful: false, strikes: None, notices: 0 };
const NEW: Fate = Fate { linked: false, doubtful: false, strikes: None, notices: 0 };
const UNSURE: Fate = Fate { linked: false, doubtful: true, strikes: None, notices: 1 };
const DENIED: Fate = Fate { linked: false, doubtful: true, strikes: Some(1), notices: 1 };

fn check(held: &[(&str, Contact)], prepare: fn(&mut Desk<'_>, &mut Peer), expected: &Fate) {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, held);
        let id = named(&mut desk, "ada-1", "1001");
        prepare(&mut desk, &mut crm);
        ask(&mut desk, &mut crm).unwrap();
        let doubtful = desk.engine.doubtful.contains(&id);
        let linked = linked(&desk, id).is_some_and(|remote| remote == "1001");
        assert_eq!(desk.engine.summary.failed, u64::from(doubtful), "{held:?}");
        assert!(!crm.halted);
        let found = Fate { linked, doubtful, strikes: strikes(&desk, "1001"), notices: notices(&desk) };
        assert_eq!(found, *expected, "{held:?}");
    });
}

#[test]
fn what_a_book_knows_by_id_is_asked_for_before_it_is_made() {
    let as_it_is: fn(&mut Desk<'_>, &mut Peer) = |_, _| {};
    let stranger = Contact { last_name: "Byron".into(), ..Contact::default() };
    check(&[("1001", ada("edited"))], as_it_is, &LINKED);
    check(&[("1001", stranger)], as_it_is, &NEW);
    check(&[], as_it_is, &DENIED);
    check(&[("1001", ada("CEO"))], |_, crm| crm.takes = false, &NEW);
    check(&[], |_, crm| crm.takes = false, &NEW);
    check(&[], |desk, _| desk.engine.care.force = true, &NEW);
    check(&[("1001", ada("CEO"))], |desk, _| desk.engine.care.force = true, &LINKED);
    let unreadable: fn(&mut Desk<'_>, &mut Peer) = |_, crm| {
        let mut memory = Memory::default();
        memory.faults.unreadable.insert("1001".to_owned());
        crm.replica = Box::new(memory);
    };
    check(&[], unreadable, &UNSURE);
    // A server that denies what it has just listed is not believed, and that is said too.
    check(&[], |_, crm| crm.replica = Box::new(Memory::default()), &Fate { notices: 2, ..UNSURE });
    let nobody_agreed: fn(&mut Desk<'_>, &mut Peer) = |desk, _| {
        let other = desk.engine.mirror.agreement_by_remote(CRM, "1002").unwrap().unwrap().contact;
        desk.engine.mirror.delete_agreement(CRM, other).unwrap();
    };
    check(&[], nobody_agreed, &UNSURE);
}

#[test]
fn only_ids_that_are_nobodys_are_asked_for() {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[]);
        // A copied record, a record without an id, and one whose contact is agreed.
        let copy = named(&mut desk, "copy", "1002");
        let plain = named(&mut desk, "plain", "");
        let agreed = named(&mut desk, "agreed", "1007");
        desk.agree(CRM, "1003", agreed);
        ask(&mut desk, &mut crm).unwrap();
        assert!(desk.engine.doubtful.is_empty());
        assert!(desk.engine.mirror.absences(CRM).unwrap().is_empty());
        assert_eq!([copy, plain].map(|id| linked(&desk, id)), [None, None]);
    });
}

#[test]
fn one_that_is_denied_twice_is_put_to_a_person() {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[]);
        let id = named(&mut desk, "ada-1", "1001");
        let mut look = |seconds: u64, doubtful: bool| {
            desk.later(seconds);
            ask(&mut desk, &mut crm).unwrap();
            assert_eq!(desk.engine.doubtful.contains(&id), doubtful, "after {seconds}");
        };
        look(0, true);
        look(CONFIRM - 1, true);
        look(1, false);
        assert_eq!(strikes(&desk, "1001"), None);
        let agreement = desk.engine.mirror.agreement(CRM, id).unwrap().unwrap();
        assert!(agreement.detached && agreement.remote == "1001", "it holds the place, and is not made");
        let open = desk.engine.mirror.open_conflicts().unwrap();
        assert_eq!(open.iter().map(|row| (row.contact, row.field.as_deref())).collect::<Vec<_>>(), [(id, None)]);
    });
}

#[test]
fn one_that_is_found_after_a_denial_is_linked_and_the_denial_forgotten() {
    at_desk(|mut desk| {
        let id = named(&mut desk, "ada-1", "1001");
        let mut empty = crm(&mut desk, &[]);
        ask(&mut desk, &mut empty).unwrap();
        assert_eq!(strikes(&desk, "1001"), Some(1));
        let mut full = crm(&mut desk, &[("1001", ada("CEO"))]);
        desk.later(CONFIRM);
        ask(&mut desk, &mut full).unwrap();
        assert_eq!((linked(&desk, id).as_deref(), strikes(&desk, "1001")), (Some("1001"), None));
        assert!(desk.engine.doubtful.is_empty());
    });
}

#[test]
fn denials_of_ids_that_nobody_waits_for_are_forgotten() {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[]);
        let id = named(&mut desk, "ada-1", "1001");
        let run = desk.engine.run;
        for (replica, remote) in [(CRM, "1000"), (CRM, "1001"), (CRM, "1002"), ("cards", "1000")] {
            let row = AbsenceRow {
                replica: replica.to_owned(),
                remote: remote.to_owned(),
                contact: id,
                strikes: 1,
                first_at: String::new(),
                first_uptime: "a 1000.000".to_owned(),
                last_run: run,
            };
            desk.engine.mirror.put_absence(&row).unwrap();
        }
        let mut left = |expected: &[&str]| {
            ask(&mut desk, &mut crm).unwrap();
            let rows = desk.engine.mirror.absences(CRM).unwrap();
            assert_eq!(rows.iter().map(|row| row.remote.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(desk.engine.mirror.absences("cards").unwrap().len(), 1);
        };
        // Those of agreed contacts are the scan's.
        left(&["1001", "1002"]);
        desk.engine.mirror.delete_contact(id, "").unwrap();
        desk.engine.mirror.delete_agreement("cards", id).unwrap();
        let mut left = |expected: &[&str]| {
            ask(&mut desk, &mut crm).unwrap();
            let rows = desk.engine.mirror.absences(CRM).unwrap();
            assert_eq!(rows.iter().map(|row| row.remote.as_str()).collect::<Vec<_>>(), expected);
        };
        left(&["1002"]);
    });
}

#[test]
fn many_at_once_say_that_the_listing_was_not_whole() {
    let check = |count: usize, limit: Limit, force: bool, halted: bool| {
        at_desk(|mut desk| {
            let mut crm = crm(&mut desk, &[]);
            desk.engine.care.max_delete = limit;
            desk.engine.care.force = force;
            let ids: Vec<_> =
                (0..count).map(|n| named(&mut desk, &format!("ada-{n}"), &(2_000 + n).to_string())).collect();
            ask(&mut desk, &mut crm).unwrap();
            assert_eq!(crm.halted, halted, "{count} {limit} {force}");
            let doubtful = ids.iter().filter(|id| desk.engine.doubtful.contains(id)).count();
            assert_eq!(doubtful, if halted || force { 0 } else { count });
            assert_eq!(desk.engine.mirror.absences(CRM).unwrap().len(), doubtful, "none was asked for");
            assert_eq!(desk.engine.summary.failed, doubtful as u64);
            assert_eq!(desk.engine.guards.contains_key(CRM), halted);
            if halted {
                let told = format!("{:?}", desk.told.borrow());
                assert!(told.contains(&format!("{count} contacts")), "{told}");
                assert!(told.contains(&format!("--max-delete {count}")), "{told}");
            }
        });
    };
    check(3, Limit::Percent(10), false, false);
    check(4, Limit::Percent(10), false, true);
    check(4, Limit::Percent(10), true, false);
    check(4, Limit::Count(4), false, false);
    check(4, Limit::Percent(100), false, false);
    // One in ten of all that the mirror holds.
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[]);
        for n in 0..40 {
            desk.contact(&format!("plain-{n}"), &ada("CEO"));
        }
        for n in 0..4 {
            named(&mut desk, &format!("ada-{n}"), &(2_000 + n).to_string());
        }
        ask(&mut desk, &mut crm).unwrap();
        assert!(!crm.halted);
    });
}

#[test]
fn the_look_ends_where_the_run_or_the_crm_does() {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[]);
        let mut memory = Memory::default();
        memory.faults.scan = Some(ReplicaError::Unavailable(Trouble::new("reach it")));
        named(&mut desk, "ada-1", "1001");
        assert!(matches!(ask(&mut desk, &mut peer(CRM, memory)), Err(SyncError::Network(_))));
        desk.engine.stop.request();
        assert!(matches!(ask(&mut desk, &mut crm), Err(SyncError::Interrupted)));
    });
}

#[test]
fn one_record_is_one_contact_even_if_two_name_it() {
    at_desk(|mut desk| {
        let mut crm = crm(&mut desk, &[("1001", ada("CEO"))]);
        let [one, two] = ["ada-1", "ada-2"].map(|uid| named(&mut desk, uid, "1001"));
        ask(&mut desk, &mut crm).unwrap();
        assert_eq!([one, two].map(|id| linked(&desk, id)), [Some("1001".to_owned()), None]);
        assert!(desk.engine.doubtful.is_empty(), "a copied record says nothing");
    });
}

#[test]
fn of_two_ids_that_one_contact_is_known_by_each_is_asked_for() {
    let check = |held: &[(&str, Contact)], expected: Option<&str>, doubtful: bool| {
        at_desk(|mut desk| {
            let mut crm = crm(&mut desk, held);
            let id = named(&mut desk, "ada-1", "1001");
            names(&mut desk, "phone", id, ("ada-1", "1003"));
            for _ in 0..2 {
                ask(&mut desk, &mut crm).unwrap();
                desk.later(CONFIRM);
            }
            ask(&mut desk, &mut crm).unwrap();
            assert_eq!((linked(&desk, id).as_deref(), desk.engine.doubtful.contains(&id)), (expected, doubtful));
        });
    };
    check(&[("1001", ada("CEO"))], Some("1001"), false);
    check(&[("1003", ada("CEO"))], Some("1003"), false);
    check(&[("1001", ada("CEO")), ("1003", ada("CEO"))], Some("1001"), false);
    let stranger = Contact { last_name: "Byron".into(), ..Contact::default() };
    check(&[("1001", stranger), ("1003", ada("CEO"))], Some("1003"), false);
    // Gone under both: it holds the place until a person says what shall be.
    check(&[], Some("1003"), false);
}

#[test]
fn a_contact_that_is_itself_in_question_bears_no_witness() {
    let check = |change: fn(&mut Desk<'_>, Agreement)| {
        at_desk(|mut desk| {
            let mut crm = crm(&mut desk, &[]);
            named(&mut desk, "ada-1", "1001");
            let gone = desk.contact("gone", &ada("CTO"));
            let agreement = desk.agree(CRM, "1000", gone);
            change(&mut desk, agreement);
            ask(&mut desk, &mut crm).unwrap();
            assert_eq!(strikes(&desk, "1001"), Some(1));
        });
    };
    check(|desk, agreement| {
        desk.engine.mirror.put_agreement(CRM, &Agreement { detached: true, ..agreement }).unwrap();
    });
    check(|desk, agreement| {
        desk.engine.denied_twice(CRM, "1000", agreement.contact).unwrap();
    });
}
