//! What keeps a write waiting, and what its answer, or the want of one, makes of it.

use std::time::Duration;

use super::Payload;
use crate::sync::push::Delivery;
use crate::{
    contact::{Address, AddressType, Contact, Field, FieldSet, Item, ItemType},
    mirror::{
        Agreement,
        OutboxAction::{self, Create, Delete, Update},
        OutboxRow,
        OutboxState::{self, HeldForReview, Refused, Sent, Unknown},
    },
    replica::{Action, Diagnostic, Write},
    sync::{
        events::{ChangeAction, SyncEvent},
        participant::CRM,
        testing::{SETTLE, ada, side, with_fixture},
    },
};

#[test]
fn waiting_is_counted_within_one_boot() {
    with_fixture(|fixture| {
        let check = |since: &str, long: u64, expected: Result<bool, String>| {
            assert_eq!(fixture.run.has_waited(since, Duration::from_secs(long)), expected, "{since}");
        };
        check("a 990.000", 10, Ok(true));
        check("a 990.000", 11, Ok(false));
        check("b 1.000", 10, Err("a 1000.000".to_owned()));
        check("", 10, Err("a 1000.000".to_owned()));
        check("b 1.000", 0, Ok(true));
    });
}

#[test]
fn what_keeps_a_contact_from_being_written_to_the_crm() {
    let check = |replica: &str, what: (OutboxAction, OutboxState), change: fn(&mut Payload), expected: bool| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            fixture.sent_with(replica, id, what, change);
            let stored = fixture.run.stored(id).unwrap();
            assert_eq!(fixture.outbox().must_wait(&stored).unwrap(), expected, "{replica} {what:?}");
        });
    };
    let as_it_stands = |_: &mut Payload| {};
    for what in [
        (Create, Sent),
        (Create, Unknown),
        (Create, HeldForReview),
        (Create, Refused),
        (Update, Sent),
        (Update, Unknown),
    ] {
        check(CRM, what, as_it_stands, true);
        check("cards", what, as_it_stands, false);
    }
    check(CRM, (Update, Refused), |sent| sent.version += 1, false);
    check(CRM, (Update, Unknown), |sent| sent.misses = 1, false);
    check(CRM, (Create, Unknown), |sent| sent.misses = 1, true);
}

#[test]
fn a_row_that_nobody_can_read_keeps_nothing_waiting() {
    for state in [Refused, Unknown] {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            fixture.sent(CRM, id, (Update, state));
            let mut row = fixture.rows(CRM).remove(0);
            row.payload = "of a later carnet".to_owned();
            fixture.run.mirror.update_outbox(&row).unwrap();
            let stored = fixture.run.stored(id).unwrap();
            assert!(!fixture.outbox().must_wait(&stored).unwrap(), "{state:?}");
        });
    }
}

#[test]
fn one_write_that_waits_is_enough() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent("cards", id, (Update, Sent));
        fixture.sent(CRM, id, (Create, Sent));
        let stored = fixture.run.stored(id).unwrap();
        assert!(fixture.outbox().must_wait(&stored).unwrap());
    });
}

#[test]
fn a_change_sent_three_times_rests_for_an_hour() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        let stored = fixture.run.stored(id).unwrap();
        for tries in 1..=3 {
            fixture.sent_with(CRM, id, (Update, Unknown), |sent| sent.misses = 1);
            assert_eq!(fixture.outbox().must_wait(&stored).unwrap(), tries == 3, "{tries}");
        }
        fixture.later(3_599);
        assert!(fixture.outbox().must_wait(&stored).unwrap());
        fixture.later(1);
        assert!(!fixture.outbox().must_wait(&stored).unwrap());
        let oldest = fixture.rows(CRM)[0].id;
        fixture.outbox().forget_old_tries(id).unwrap();
        assert!(fixture.rows(CRM).len() == 2 && fixture.rows(CRM).iter().all(|row| row.id != oldest));
        fixture.outbox().forget_old_tries(id).unwrap();
        assert_eq!(fixture.rows(CRM).len(), 2, "with the one to come there are three");
    });
}

#[test]
fn what_was_refused_rests_for_an_hour() {
    for (action, deletion) in [(Create, false), (Update, false), (Delete, true)] {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            let stored = fixture.run.stored(id).unwrap();
            fixture.sent(CRM, id, (action, Refused));
            let check = |fixture: &mut crate::sync::testing::RunFixture<'_>, rests: bool| {
                assert_eq!(fixture.outbox().must_wait(&stored).unwrap(), rests, "{action:?}");
                assert_eq!(fixture.outbox().deletion_rests(&stored).unwrap(), rests && deletion, "{action:?}");
            };
            check(&mut fixture, true);
            fixture.later(3_599);
            check(&mut fixture, true);
            fixture.later(1);
            check(&mut fixture, false);
            // After a restart nobody can tell how long it was.
            fixture.boot("b");
            check(&mut fixture, false);
        });
    }
}

#[test]
fn changes_of_contacts_that_nobody_follows_any_more_are_closed() {
    #[derive(Clone, Copy, Debug)]
    enum Followed {
        Yes,
        Detached,
        No,
    }
    let check = |deleted: bool, followed: Followed, what: (OutboxAction, OutboxState), closed: bool| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            let agreement = fixture.agree(CRM, "1001", id);
            match followed {
                Followed::Yes => {}
                Followed::Detached => {
                    let agreement = Agreement { detached: true, ..agreement };
                    fixture.run.mirror.put_agreement(CRM, &agreement).unwrap();
                }
                Followed::No => fixture.run.mirror.delete_agreement(CRM, id).unwrap(),
            }
            fixture.sent(CRM, id, what);
            if deleted {
                fixture.run.mirror.delete_contact(id, "").unwrap();
            }
            fixture.outbox().close_forgotten().unwrap();
            assert_eq!(fixture.rows(CRM).is_empty(), closed, "deleted: {deleted}, {followed:?}, {what:?}");
        });
    };
    for followed in [Followed::Detached, Followed::No] {
        for what in [(Update, Unknown), (Update, Refused), (Create, Refused), (Delete, Refused)] {
            check(true, followed, what, true);
            check(false, followed, what, false);
        }
        // It may turn up there yet, as a contact that nobody knows.
        for what in [(Create, Unknown), (Create, HeldForReview), (Update, Sent)] {
            check(true, followed, what, false);
        }
    }
    // The deletion is still to be carried out there, and what it meets must be known for our own.
    check(true, Followed::Yes, (Update, Unknown), false);
    check(true, Followed::Yes, (Delete, Refused), false);
}

#[test]
fn a_write_is_written_down_before_it_leaves() {
    let write = |action| Write { uid: "ada-1".to_owned(), crm_id: None, action };
    let check = |name: &str, action: Action, expected: &[(OutboxAction, Vec<Field>)], refused_left: usize| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            fixture.run.mirror.set_fact("crm.highest_id", "1007").unwrap();
            fixture.sent(CRM, id, (Create, Refused));
            fixture.sent("cards", id, (Create, Refused));
            for _ in 0..3 {
                fixture.sent(CRM, id, (Update, Unknown));
            }
            let stored = fixture.run.stored(id).unwrap();
            let mut deliveries = [Delivery {
                stored,
                agreement: None,
                write: write(action.clone()),
                fields: vec![],
                waiting: FieldSet::NONE,
                row: None,
            }];
            fixture.outbox_of(name).about_to_write(name == CRM, &mut deliveries).unwrap();
            let rows: Vec<OutboxRow> = fixture.rows(name).into_iter().filter(|row| row.state == Sent).collect();
            let found: Vec<_> = rows.iter().map(|row| (row.action, Payload::of(row).unwrap().changed)).collect();
            assert_eq!(found, expected);
            let targets: Vec<_> = rows.iter().map(|row| Payload::of(row).unwrap().target).collect();
            let meant = matches!(action, Action::Update { .. }).then(|| ada("CTO"));
            assert!(targets.iter().all(|target| *target == meant), "{targets:?}");
            assert_eq!(deliveries[0].row, rows.first().map(|row| row.id));
            assert!(rows.iter().all(|row| row.highest_id == Some(1_007) && row.attempts == 1));
            assert!(rows.iter().all(|row| Payload::of(row).unwrap().misses == 0));
            let refused = |of: &str| fixture.states(of).iter().filter(|state| **state == Refused).count();
            let other = if name == CRM { "cards" } else { CRM };
            assert_eq!((refused(name), refused(other)), (refused_left, 1));
            let tries = fixture.states(CRM).iter().filter(|state| **state == Unknown).count();
            assert_eq!(tries, if name == CRM && !expected.is_empty() { 2 } else { 3 });
        });
    };
    let (remote, revision, theirs, contact) = ("1001".to_owned(), "r1".to_owned(), ada("CEO"), ada("CTO"));
    check(CRM, Action::Create { contact: contact.clone() }, &[(Create, vec![])], 0);
    check("cards", Action::Create { contact: contact.clone() }, &[(Create, vec![])], 0);
    check(CRM, Action::Delete { remote: remote.clone(), revision: revision.clone(), theirs: theirs.clone() }, &[], 1);
    let changed = FieldSet::NONE.with(Field::JobTitle);
    let update = Action::Update { remote, revision, theirs, contact, changed, detail: None };
    check(CRM, update, &[(Update, vec![Field::JobTitle])], 0);
}

#[test]
fn answers_move_the_rows_of_that_contact_and_replica_only() {
    with_fixture(|mut fixture| {
        let (id, other) = (fixture.contact("ada-1", &ada("CEO")), fixture.contact("other", &ada("CTO")));
        for (replica, contact) in [(CRM, id), ("cards", id), (CRM, other)] {
            fixture.sent(replica, contact, (Create, Refused));
            fixture.sent(replica, contact, (Update, Sent));
        }
        fixture.outbox().lost(id, &Diagnostic::new("hear the answer")).unwrap();
        assert_eq!(fixture.states(CRM), [Refused, Unknown, Refused, Sent]);
        assert_eq!(fixture.rows(CRM)[1].error.as_deref(), Some("hear the answer"));
        assert_eq!(fixture.rows(CRM)[0].error, None);
        assert_eq!(fixture.states("cards"), [Refused, Sent]);
        fixture.outbox_of("cards").recover().unwrap();
        assert_eq!(
            (fixture.states("cards"), fixture.states(CRM)),
            (vec![Refused, Unknown], vec![Refused, Unknown, Refused, Sent])
        );
        fixture.outbox().close(id).unwrap();
        assert_eq!((fixture.states("cards"), fixture.states(CRM)), (vec![Refused, Unknown], vec![Refused, Sent]));
        let row = fixture.rows("cards")[0].id;
        fixture.outbox().withdraw(None).unwrap();
        fixture.outbox().withdraw(Some(row)).unwrap();
        assert_eq!(fixture.states("cards"), [Unknown]);
    });
}

#[test]
fn a_refusal_is_remembered_with_what_was_refused() {
    for (action, expected) in [
        (ChangeAction::Create, Create),
        (ChangeAction::Update, Update),
        (ChangeAction::Link, Update),
        (ChangeAction::Delete, Delete),
    ] {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            fixture.sent(CRM, id, (Update, Sent));
            let stored = fixture.run.stored(id).unwrap();
            fixture.outbox().refused(&stored, action, &Diagnostic::new("take it")).unwrap();
            let rows = fixture.rows(CRM);
            let found: Vec<_> = rows.iter().map(|row| (row.action, row.state, row.error.as_deref())).collect();
            assert_eq!(found, [(expected, Refused, Some("take it"))]);
        });
    }
}

#[test]
fn a_lost_change_is_recognised_by_what_stands_there() {
    let check =
        |replica: &str, what: (OutboxAction, OutboxState), there: Contact, expected: (&str, &str), left: usize| {
            with_fixture(|mut fixture| {
                let id = fixture.contact("ada-1", &Contact { last_name: "Byron".into(), ..ada("old") });
                let agreement = fixture.agree(CRM, "1001", id);
                fixture.run.mirror.update_contact(id, &ada("new"), "").unwrap();
                fixture.sent(replica, id, what);
                let stored = fixture.run.stored(id).unwrap();
                let agreement = fixture.outbox().recognise_ours(&side(CRM), &stored, agreement, &there).unwrap();
                let Contact { last_name, job_title, .. } = &agreement.ours;
                assert_eq!((last_name.as_str(), job_title.as_str()), expected, "{replica} {what:?}");
                let taken = |field, sent: &str| agreement.ours.scalar(field) == sent;
                if taken(Field::JobTitle, "new") {
                    assert_eq!(agreement.theirs.job_title, there.job_title);
                }
                assert_eq!(fixture.rows(replica).len(), left, "{replica} {what:?}");
            });
        };
    let half = Contact { last_name: "Byron".into(), ..ada("NEW") };
    check(CRM, (Update, Unknown), ada("NEW"), ("Lovelace", "new"), 0);
    check(CRM, (Update, Sent), ada("new"), ("Lovelace", "new"), 0);
    check(CRM, (Update, Unknown), half, ("Byron", "new"), 1);
    check(CRM, (Update, Refused), ada("new"), ("Byron", "old"), 1);
    check(CRM, (Create, Unknown), ada("new"), ("Byron", "old"), 1);
    check("cards", (Update, Unknown), ada("new"), ("Byron", "old"), 1);
}

/// A lost change of the telephones, each a figure, and what stands there now: the agreement's two sides and the rows left.
fn check_list((was, sent): (&str, &str), there: &str, (theirs, ours): (&str, &str), left: usize) {
    let phones = |figures: &str| -> Contact {
        let items = figures.chars().map(|n| Item::new(ItemType::ProfessionalPhone, format!("019900000{n}")));
        Contact { items: items.collect(), ..ada("CEO") }
    };
    let cities = |contact: Contact| -> Contact {
        let at = |item: &Item| Address { city: item.value.clone(), ..Address::new(AddressType::Professional) };
        Contact { addresses: contact.items.iter().map(at).collect(), items: vec![], ..contact }
    };
    let check = |field: Field, list: &dyn Fn(&str) -> Contact| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &list(was));
            let agreement = fixture.agree(CRM, "1001", id);
            fixture.run.mirror.update_contact(id, &list(sent), "").unwrap();
            fixture.sent_with(CRM, id, (Update, Unknown), |sent| sent.changed = vec![field]);
            let stored = fixture.run.stored(id).unwrap();
            let agreement = fixture.outbox().recognise_ours(&side(CRM), &stored, agreement, &list(there)).unwrap();
            assert_eq!((agreement.theirs, agreement.ours), (list(theirs), list(ours)), "{field:?} {there}");
            assert_eq!(fixture.rows(CRM).len(), left);
        });
    };
    check(Field::Items, &phones);
    check(Field::Addresses, &|figures| cities(phones(figures)));
}

#[test]
fn a_lost_change_of_a_list_is_recognised_by_what_came_with_it() {
    check_list(("1", "12"), "12", ("12", "12"), 0);
    check_list(("1", "12"), "1", ("1", "1"), 1);
    // Somebody went on from there: that is theirs.
    check_list(("1", "12"), "123", ("12", "12"), 0);
    check_list(("1", "12"), "2", ("12", "12"), 0);
    check_list(("1", "12"), "3", ("1", "1"), 1);
    // Somebody may have typed one of the new ones there: the other one is not lost.
    check_list(("1", "123"), "12", ("1", "1"), 1);
    // What a server keeps although it was taken out is still owed.
    check_list(("1", "2"), "12", ("21", "21"), 0);
}

/// A lost change that only spells a title otherwise, to a record that says this: the title that is agreed on as ours.
fn check_spelling(replica: &'static str, there: &str, expected: &str) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("ceo"));
        let agreement = fixture.agree(replica, "ada.vcf", id);
        fixture.run.mirror.update_contact(id, &ada("CEO"), "").unwrap();
        fixture.sent_with(replica, id, (Update, Sent), |sent| sent.changed = vec![Field::JobTitle]);
        let stored = fixture.run.stored(id).unwrap();
        let mut outbox = fixture.outbox_of(replica);
        let agreement = outbox.recognise_ours(&side(replica), &stored, agreement, &ada(there)).unwrap();
        assert_eq!(agreement.ours.job_title, expected, "{replica} {there}");
    });
}

#[test]
fn a_file_that_says_what_it_said_was_not_written() {
    check_spelling("cards", "ceo", "ceo");
    check_spelling("cards", "CEO", "CEO");
    // A server may have made that of what it was sent.
    check_spelling(CRM, "ceo", "CEO");
    check_spelling(CRM, "Ceo", "CEO");
}

#[test]
fn what_comes_to_stand_there_after_a_lost_change_had_its_time_is_somebody_elses() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        let agreement = fixture.agree(CRM, "1001", id);
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        fixture.sent_with(CRM, id, (Update, Unknown), |sent| sent.misses = 1);
        let stored = fixture.run.stored(id).unwrap();
        let same = fixture.outbox().recognise_ours(&side(CRM), &stored, agreement.clone(), &ada("CTO")).unwrap();
        assert_eq!((same, fixture.rows(CRM).len()), (agreement, 1));
    });
}

#[test]
fn a_lost_change_of_a_record_that_was_left_out_is_not_concluded() {
    let check = |detached: bool, told: &str, misses: u32| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            let agreement = fixture.agree(CRM, "1001", id);
            fixture.run.mirror.put_agreement(CRM, &Agreement { detached, ..agreement }).unwrap();
            fixture.sent(CRM, id, (Update, Unknown));
            fixture.later(SETTLE);
            fixture.outbox().conclude_updates(&side(CRM), &|remote| remote == told).unwrap();
            assert_eq!(fixture.misses(), [misses], "{detached} {told}");
        });
    };
    check(false, "1001", 1);
    check(false, "1002", 0);
    // Nothing is sent there any more.
    check(true, "1002", 1);
}

#[test]
fn a_lost_change_is_forgotten_once_nothing_is_owed() {
    let check = |is_in_step: bool, misses: u32, expected: &[u32]| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            let mut agreement = fixture.agree(CRM, "1001", id);
            agreement.version -= i64::from(!is_in_step);
            fixture.run.mirror.put_agreement(CRM, &agreement).unwrap();
            fixture.sent_with(CRM, id, (Update, Unknown), |sent| sent.misses = misses);
            fixture.outbox().conclude_updates(&side(CRM), &|_| true).unwrap();
            assert_eq!(fixture.misses(), expected, "{is_in_step} {misses}");
        });
    };
    check(true, 1, &[]);
    check(false, 1, &[1]);
    // It may still come there, over what was written since.
    check(true, 0, &[0]);
}

#[test]
fn a_lost_change_may_be_sent_again_after_the_settle_time() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(CRM, id, (Update, Unknown));
        fixture.sent(CRM, id, (Create, Unknown));
        fixture.sent("cards", id, (Update, Unknown));
        fixture.sent("cards", id, (Update, Sent));
        fixture.outbox_of("cards").conclude_updates(&side("cards"), &|_| true).unwrap();
        assert_eq!(fixture.states("cards"), [Sent], "a file is written or it is not");
        fixture.later(SETTLE - 1);
        fixture.outbox_of(CRM).conclude_updates(&side(CRM), &|_| true).unwrap();
        assert_eq!(fixture.misses(), [0, 0]);
        fixture.boot("b");
        fixture.outbox_of(CRM).conclude_updates(&side(CRM), &|_| true).unwrap();
        assert_eq!((fixture.misses(), fixture.rows(CRM)[0].sent_uptime.as_str()), (vec![0, 0], "b 0.000"));
        fixture.later(SETTLE);
        fixture.outbox_of(CRM).conclude_updates(&side(CRM), &|_| true).unwrap();
        assert_eq!(fixture.misses(), [1, 0]);
        assert_eq!(fixture.run.summary.failed, 0);
    });
}

#[test]
fn the_third_lost_change_is_told_once() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        for tries in 1..=3 {
            fixture.sent(CRM, id, (Update, Unknown));
            fixture.later(SETTLE);
            fixture.outbox_of(CRM).conclude_updates(&side(CRM), &|_| true).unwrap();
            fixture.outbox_of(CRM).conclude_updates(&side(CRM), &|_| true).unwrap();
            assert_eq!(fixture.run.summary.failed, u64::from(tries == 3), "{tries}");
        }
        let failed = |event: &&SyncEvent| matches!(event, SyncEvent::Failed { .. });
        assert_eq!(fixture.told.borrow().iter().filter(failed).count(), 1);
    });
}
