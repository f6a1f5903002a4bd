//! Contacts that a book knows by CRM id and the mirror does not: asked for, linked, or made anew once denied twice.

use crate::{
    contact::Contact,
    mirror::{AbsenceRow, Agreement, Attention, ContactId, OutboxAction, OutboxState, StopReason},
    reconcile::Limit,
    replica::{Diagnostic, ReplicaError, memory::Memory},
    sync::{
        SyncError,
        events::{Note, SyncEvent},
        participant::{CRM, Direction, Participant},
        testing::{CONFIRM, RunFixture, ada, participant, with_fixture},
    },
};

/// A CRM that holds "1002", which is agreed, and these.
fn crm(fixture: &mut RunFixture<'_>, held: &[(&str, Contact)]) -> Participant {
    if fixture.run.mirror.agreement_by_remote(CRM, "1002").unwrap().is_none() {
        let other = fixture.contact("other", &ada("CTO"));
        fixture.agree(CRM, "1002", other);
    }
    let mut memory = Memory::default();
    memory.put("1002", ada("CTO"));
    for (remote, contact) in held {
        memory.put(remote, contact.clone());
    }
    participant(CRM, memory)
}

/// A contact of a book's whose record there names a CRM id.
fn named(fixture: &mut RunFixture<'_>, uid: &str, crm_id: &str) -> ContactId {
    let id = fixture.contact(uid, &ada("CEO"));
    names(fixture, "cards", id, (uid, crm_id));
    id
}

fn names(fixture: &mut RunFixture<'_>, book: &str, id: ContactId, (uid, crm_id): (&str, &str)) {
    let agreement = fixture.agree(book, &format!("{uid}.vcf"), id);
    let marks = format!("{uid}|{crm_id}");
    fixture.run.mirror.put_agreement(book, &Agreement { marks, ..agreement }).unwrap();
}

fn ask(fixture: &mut RunFixture<'_>, participant: &mut Participant) -> Result<(), SyncError> {
    fixture.look_for_named(participant)
}

fn strikes(fixture: &RunFixture<'_>, remote: &str) -> Option<u32> {
    fixture.run.mirror.absence(CRM, remote).unwrap().map(|absence| absence.strikes)
}

fn linked(fixture: &RunFixture<'_>, id: ContactId) -> Option<String> {
    fixture.run.mirror.agreement(CRM, id).unwrap().map(|agreement| agreement.remote)
}

fn notices(fixture: &RunFixture<'_>) -> usize {
    fixture
        .told
        .borrow()
        .iter()
        .filter(|event| matches!(event, SyncEvent::Notice { .. } | SyncEvent::Failed { .. }))
        .count()
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

fn check(held: &[(&str, Contact)], prepare: fn(&mut RunFixture<'_>, &mut Participant), expected: &Fate) {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, held);
        let id = named(&mut fixture, "ada-1", "1001");
        prepare(&mut fixture, &mut crm);
        ask(&mut fixture, &mut crm).unwrap();
        let doubtful = fixture.doubtful.contains(&id);
        let linked = linked(&fixture, id).is_some_and(|remote| remote == "1001");
        assert_eq!(fixture.run.summary.failed, u64::from(doubtful), "{held:?}");
        assert!(!crm.is_halted());
        let found = Fate { linked, doubtful, strikes: strikes(&fixture, "1001"), notices: notices(&fixture) };
        assert_eq!(found, *expected, "{held:?}");
    });
}

#[test]
fn what_a_book_knows_by_id_is_asked_for_before_it_is_made() {
    let as_it_is: fn(&mut RunFixture<'_>, &mut Participant) = |_, _| {};
    let stranger = Contact { last_name: "Byron".into(), ..Contact::default() };
    check(&[("1001", ada("edited"))], as_it_is, &LINKED);
    check(&[("1001", stranger)], as_it_is, &NEW);
    check(&[], as_it_is, &DENIED);
    check(&[("1001", ada("CEO"))], |_, crm| crm.direction = Direction::ToReplica, &NEW);
    check(&[], |_, crm| crm.direction = Direction::ToReplica, &NEW);
    check(&[], |fixture, _| fixture.run.policy.force = true, &NEW);
    check(&[("1001", ada("CEO"))], |fixture, _| fixture.run.policy.force = true, &LINKED);
    let unreadable: fn(&mut RunFixture<'_>, &mut Participant) = |_, crm| {
        let mut memory = Memory::default();
        memory.faults.unreadable.insert("1001".to_owned());
        crm.replica = Box::new(memory);
    };
    check(&[], unreadable, &UNSURE);
    // A server that denies what it has just listed is not believed, and that is said too.
    check(&[], |_, crm| crm.replica = Box::new(Memory::default()), &Fate { notices: 2, ..UNSURE });
    let nobody_agreed: fn(&mut RunFixture<'_>, &mut Participant) = |fixture, _| {
        let other = fixture.run.mirror.agreement_by_remote(CRM, "1002").unwrap().unwrap().contact;
        fixture.run.mirror.delete_agreement(CRM, other).unwrap();
    };
    check(&[], nobody_agreed, &UNSURE);
}

#[test]
fn only_ids_that_are_nobodys_are_asked_for() {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[]);
        let other = fixture.run.mirror.agreement_by_remote(CRM, "1002").unwrap().unwrap().contact;
        fixture.agree("cards", "other.vcf", other);
        // A copied record, a record without an id, and one whose contact is agreed.
        let copy = named(&mut fixture, "copy", "1002");
        let plain = named(&mut fixture, "plain", "");
        let agreed = named(&mut fixture, "agreed", "1007");
        fixture.agree(CRM, "1003", agreed);
        ask(&mut fixture, &mut crm).unwrap();
        assert!(fixture.doubtful.is_empty());
        assert!(fixture.run.mirror.absences(CRM).unwrap().is_empty());
        assert_eq!([copy, plain].map(|id| linked(&fixture, id)), [None, None]);
    });
}

#[test]
fn one_that_is_denied_twice_is_put_to_a_person() {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[]);
        let id = named(&mut fixture, "ada-1", "1001");
        let mut fetch = |seconds: u64, doubtful: bool| {
            fixture.later(seconds);
            ask(&mut fixture, &mut crm).unwrap();
            assert_eq!(fixture.doubtful.contains(&id), doubtful, "after {seconds}");
        };
        fetch(0, true);
        fetch(CONFIRM - 1, true);
        fetch(1, false);
        assert_eq!(strikes(&fixture, "1001"), None);
        let agreement = fixture.run.mirror.agreement(CRM, id).unwrap().unwrap();
        assert!(agreement.detached && agreement.remote == "1001", "it holds the place, and is not made");
        let open = fixture.run.mirror.open_conflicts().unwrap();
        assert_eq!(open.iter().map(|row| (row.contact, row.field.as_deref())).collect::<Vec<_>>(), [(id, None)]);
    });
}

#[test]
fn one_that_is_found_after_a_denial_is_linked_and_the_denial_forgotten() {
    with_fixture(|mut fixture| {
        let id = named(&mut fixture, "ada-1", "1001");
        let mut empty = crm(&mut fixture, &[]);
        ask(&mut fixture, &mut empty).unwrap();
        assert_eq!(strikes(&fixture, "1001"), Some(1));
        let mut full = crm(&mut fixture, &[("1001", ada("CEO"))]);
        fixture.later(CONFIRM);
        ask(&mut fixture, &mut full).unwrap();
        assert_eq!((linked(&fixture, id).as_deref(), strikes(&fixture, "1001")), (Some("1001"), None));
        assert!(fixture.doubtful.is_empty());
    });
}

#[test]
fn denials_of_ids_that_nobody_waits_for_are_forgotten() {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[]);
        let id = named(&mut fixture, "ada-1", "1001");
        let run = fixture.run.id;
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
            fixture.run.mirror.put_absence(&row).unwrap();
        }
        let mut left = |expected: &[&str]| {
            ask(&mut fixture, &mut crm).unwrap();
            let rows = fixture.run.mirror.absences(CRM).unwrap();
            assert_eq!(rows.iter().map(|row| row.remote.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(fixture.run.mirror.absences("cards").unwrap().len(), 1);
        };
        // Those of agreed contacts are the scan's.
        left(&["1001", "1002"]);
        fixture.run.mirror.delete_contact(id, "").unwrap();
        fixture.run.mirror.delete_agreement("cards", id).unwrap();
        let mut left = |expected: &[&str]| {
            ask(&mut fixture, &mut crm).unwrap();
            let rows = fixture.run.mirror.absences(CRM).unwrap();
            assert_eq!(rows.iter().map(|row| row.remote.as_str()).collect::<Vec<_>>(), expected);
        };
        left(&["1002"]);
    });
}

#[test]
fn many_at_once_say_that_the_listing_was_not_whole() {
    let check = |count: usize, limit: Limit, force: bool, halted: bool| {
        with_fixture(|mut fixture| {
            let mut crm = crm(&mut fixture, &[]);
            fixture.run.policy.max_delete = limit;
            fixture.run.policy.force = force;
            let ids: Vec<_> =
                (0..count).map(|n| named(&mut fixture, &format!("ada-{n}"), &(2_000 + n).to_string())).collect();
            ask(&mut fixture, &mut crm).unwrap();
            assert_eq!(crm.is_halted(), halted, "{count} {limit} {force}");
            let doubtful = ids.iter().filter(|id| fixture.doubtful.contains(id)).count();
            assert_eq!(doubtful, if halted || force { 0 } else { count });
            assert_eq!(fixture.run.mirror.absences(CRM).unwrap().len(), doubtful, "none was asked for");
            assert_eq!(fixture.run.summary.failed, doubtful as u64);
            assert_eq!(fixture.run.guards.contains_key(CRM), halted);
            if halted {
                let attention = Attention::Stopped { reason: StopReason::ListingLeavesOut { count: count as u64 } };
                let note = Note::Raised { remote: String::new(), attention };
                assert!(fixture.told.borrow().contains(&SyncEvent::Attention { replica: CRM.to_owned(), note }));
            }
        });
    };
    check(3, Limit::Percent(10), false, false);
    check(4, Limit::Percent(10), false, true);
    check(4, Limit::Percent(10), true, false);
    check(4, Limit::Count(4), false, false);
    check(4, Limit::Percent(100), false, false);
    // One in ten of all that the mirror holds.
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[]);
        for n in 0..40 {
            fixture.contact(&format!("plain-{n}"), &ada("CEO"));
        }
        for n in 0..4 {
            named(&mut fixture, &format!("ada-{n}"), &(2_000 + n).to_string());
        }
        ask(&mut fixture, &mut crm).unwrap();
        assert!(!crm.is_halted());
    });
}

#[test]
fn the_look_ends_where_the_run_or_the_crm_does() {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[]);
        let mut memory = Memory::default();
        memory.faults.scan = Some(ReplicaError::Unavailable(Diagnostic::new("reach it")));
        named(&mut fixture, "ada-1", "1001");
        assert!(matches!(ask(&mut fixture, &mut participant(CRM, memory)), Err(SyncError::Network(_))));
        fixture.run.stop.request();
        assert!(matches!(ask(&mut fixture, &mut crm), Err(SyncError::Interrupted)));
    });
}

#[test]
fn one_record_is_one_contact_even_if_two_name_it() {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[("1001", ada("CEO"))]);
        let [one, two] = ["ada-1", "ada-2"].map(|uid| named(&mut fixture, uid, "1001"));
        ask(&mut fixture, &mut crm).unwrap();
        assert_eq!([one, two].map(|id| linked(&fixture, id)), [Some("1001".to_owned()), None]);
        assert!(fixture.doubtful.is_empty(), "a copied record says nothing");
    });
}

#[test]
fn of_two_ids_that_one_contact_is_known_by_each_is_asked_for() {
    let check = |held: &[(&str, Contact)], expected: Option<&str>, doubtful: bool| {
        with_fixture(|mut fixture| {
            let mut crm = crm(&mut fixture, held);
            let id = named(&mut fixture, "ada-1", "1001");
            names(&mut fixture, "phone", id, ("ada-1", "1003"));
            for _ in 0..2 {
                ask(&mut fixture, &mut crm).unwrap();
                fixture.later(CONFIRM);
            }
            ask(&mut fixture, &mut crm).unwrap();
            assert_eq!((linked(&fixture, id).as_deref(), fixture.doubtful.contains(&id)), (expected, doubtful));
        });
    };
    check(&[("1001", ada("CEO"))], Some("1001"), false);
    check(&[("1003", ada("CEO"))], Some("1003"), false);
    check(&[("1001", ada("CEO")), ("1003", ada("CEO"))], Some("1001"), false);
    let stranger = Contact { last_name: "Byron".into(), ..Contact::default() };
    check(&[("1001", stranger), ("1003", ada("CEO"))], Some("1003"), false);
    // Gone under both: it holds the place until a user says what is to be.
    check(&[], Some("1003"), false);
}

#[test]
fn a_contact_that_is_itself_in_question_bears_no_witness() {
    let check = |change: fn(&mut RunFixture<'_>, Agreement)| {
        with_fixture(|mut fixture| {
            let mut crm = crm(&mut fixture, &[]);
            named(&mut fixture, "ada-1", "1001");
            let gone = fixture.contact("gone", &ada("CTO"));
            let agreement = fixture.agree(CRM, "1000", gone);
            change(&mut fixture, agreement);
            ask(&mut fixture, &mut crm).unwrap();
            assert_eq!(strikes(&fixture, "1001"), Some(1));
        });
    };
    check(|fixture, agreement| {
        fixture.run.mirror.put_agreement(CRM, &Agreement { detached: true, ..agreement }).unwrap();
    });
    check(|fixture, agreement| {
        fixture.denied_twice(&mut participant(CRM, Memory::default()), "1000", agreement.contact);
    });
}

/// "1001" has come from the CRM as somebody new, and a record that the mirror knows names it: are the two one now?
fn check_twin(prepare: fn(&mut RunFixture<'_>, &mut Participant, ContactId), joined: bool) {
    with_fixture(|mut fixture| {
        let mut crm = crm(&mut fixture, &[("1001", ada("CEO"))]);
        let twin = fixture.contact("twin", &Contact { first_name: "Ada".into(), ..ada("CEO") });
        fixture.agree(CRM, "1001", twin);
        let id = named(&mut fixture, "ada-1", "1001");
        prepare(&mut fixture, &mut crm, twin);
        let deleted = fixture.run.stored(twin).unwrap().deleted;
        ask(&mut fixture, &mut crm).unwrap();
        assert_eq!(linked(&fixture, id).is_some_and(|remote| remote == "1001"), joined);
        assert_eq!(fixture.run.stored(twin).unwrap().deleted, joined || deleted);
        let name = fixture.run.stored(id).unwrap().contact.first_name;
        assert_eq!(name == "Ada", joined, "what was read there is not lost");
        assert!(fixture.doubtful.is_empty());
    });
}

#[test]
fn a_contact_that_came_from_the_crm_as_somebody_new_is_joined_with_the_one_whose_record_names_it() {
    check_twin(|_, _, _| {}, true);
    check_twin(|_, crm, _| crm.direction = Direction::ToReplica, false);
    // A copied record; what is known of it beside what was read; somebody else; a creation that may have made it.
    check_twin(|fixture, _, twin| drop(fixture.agree("cards", "twin.vcf", twin)), false);
    let edited = |fixture: &mut RunFixture<'_>, _: &mut Participant, twin| {
        fixture.run.mirror.update_contact(twin, &ada("CTO"), "").map(drop).unwrap();
    };
    check_twin(edited, false);
    check_twin(|fixture, _, twin| fixture.run.mirror.delete_contact(twin, "").unwrap(), false);
    let stranger = |fixture: &mut RunFixture<'_>, _: &mut Participant, twin| {
        let byron = Contact { last_name: "Byron".into(), ..Contact::default() };
        fixture.run.mirror.update_contact(twin, &byron, "").unwrap();
        fixture.agree(CRM, "1001", twin);
    };
    check_twin(stranger, false);
    let lost = |fixture: &mut RunFixture<'_>, _: &mut Participant, _| {
        let id = fixture.run.mirror.contact_by_uid("ada-1").unwrap().unwrap().id;
        fixture.sent(CRM, id, (OutboxAction::Create, OutboxState::Unknown));
    };
    check_twin(lost, false);
}
