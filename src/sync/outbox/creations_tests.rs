//! Creations whose answer was lost: found, sent again, or put to a user.

use super::Payload;
use crate::{
    contact::Contact,
    mirror::{
        OutboxAction::Create,
        OutboxState::{self, HeldForReview, Unknown},
    },
    replica::RemoteContact,
    sync::{
        events::{ChangeAction, SyncEvent},
        participant::CRM,
        testing::{CONFIRM, SETTLE, ada, seen, side, with_fixture},
    },
};

#[test]
fn the_highest_id_only_grows() {
    with_fixture(|mut fixture| {
        for (ids, expected) in [
            (vec!["x"], None),
            (vec!["7", "12", "9"], Some(12)),
            (vec!["11"], Some(12)),
            (vec![], Some(12)),
            (vec!["13"], Some(13)),
        ] {
            let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
            ids.iter().filter_map(|id| id.parse().ok()).for_each(|id| fixture.outbox().saw_id(id).unwrap());
            assert_eq!(fixture.outbox().highest_crm_id().unwrap(), expected);
        }
    });
}

/// Looks for the lost creation of "ada-1" among newcomers: what it became, who is left, and whether one was held back.
fn check_found(name: &str, newcomers: Vec<RemoteContact>, adopted: Option<&str>, left: &[&str], held: bool) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(name, id, (Create, Unknown));
        let mut newcomers = newcomers;
        assert_eq!(fixture.adopt_lost_creations(name, &mut newcomers), held);
        let agreement = fixture.run.mirror.agreement(name, id).unwrap();
        assert_eq!(agreement.as_ref().map(|agreement| agreement.remote.as_str()), adopted);
        assert_eq!(newcomers.iter().map(|record| record.remote.as_str()).collect::<Vec<_>>(), left);
        assert_eq!(fixture.rows(name).is_empty(), adopted.is_some());
        assert!(agreement.is_none_or(|agreement| !agreement.detached));
    });
}

#[test]
fn a_lost_creation_is_found_again() {
    let same = ada("ceo ");
    let other = Contact { last_name: "Byron".into(), ..Contact::default() };
    check_found(CRM, vec![], None, &[], false);
    check_found(CRM, vec![seen("1001", None, &same)], Some("1001"), &[], false);
    check_found(CRM, vec![seen("1000", None, &same)], None, &[], true);
    check_found(CRM, vec![seen("1001", None, &other)], None, &["1001"], false);
    check_found(CRM, vec![seen("1001", None, &ada("CTO"))], None, &[], true);
    check_found(CRM, vec![seen("x", None, &same)], None, &[], true);
    let filled_in = Contact { country: "France".into(), ..same.clone() };
    check_found(CRM, vec![seen("1001", None, &filled_in)], Some("1001"), &[], false);
    let several = vec![seen("10000", None, &same), seen("1002", None, &same), seen("1003", None, &other)];
    check_found(CRM, several, Some("1002"), &["1003", "10000"], false);
    check_found("cards", vec![seen("a.vcf", Some("ada-1"), &other)], Some("a.vcf"), &[], false);
    check_found("cards", vec![seen("a.vcf", Some("other"), &same)], None, &["a.vcf"], false);
}

/// A creation with a comment and no country is adopted as `found` by a CRM that ignores a field; the mirror then holds.
fn check_adopted(found: &Contact, unsupported_fields: &str, expected: &Contact) {
    with_fixture(|mut fixture| {
        let sent = Contact { comment: "vu".into(), ..ada("CEO") };
        let id = fixture.contact("ada-1", &sent);
        fixture.sent(CRM, id, (Create, HeldForReview));
        let row = fixture.rows(CRM).remove(0);
        fixture.outbox().raise_held_creation(&row).unwrap();
        fixture.run.mirror.set_fact("crm.ignored", unsupported_fields).unwrap();
        fixture.adopt_lost_creations(CRM, &mut vec![seen("1001", None, found)]);
        assert_eq!(fixture.run.stored(id).unwrap().contact, *expected, "{unsupported_fields}");
        assert_eq!(fixture.run.summary.conflicts, 0);
        assert!(fixture.run.mirror.open_attention().unwrap().is_empty(), "it was found after all");
        assert!(fixture.run.stored(id).unwrap().version > 1, "books that carry its id are behind");
    });
}

#[test]
fn an_adopted_contact_is_read_in_the_light_of_what_was_sent() {
    let sent = Contact { comment: "vu".into(), ..ada("CEO") };
    check_adopted(&sent, "", &sent);
    // The server's way of writing is no edit, and what it never keeps, nobody has taken out.
    check_adopted(&Contact { comment: "vu".into(), ..ada("ceo ") }, "", &sent);
    check_adopted(&ada("CEO"), "comment", &sent);
    let in_france = Contact { country: "France".into(), ..sent.clone() };
    check_adopted(&in_france, "", &in_france);
    check_adopted(&in_france, "country", &in_france);
}

#[test]
fn what_a_book_adopts_is_agreed_as_it_was_sent() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent("cards", id, (Create, Unknown));
        fixture.adopt_lost_creations("cards", &mut vec![seen("a.vcf", Some("ada-1"), &ada("CEO"))]);
        assert_eq!(fixture.run.mirror.agreement("cards", id).unwrap().unwrap().version, 0, "to be looked at again");
    });
}

/// A creation was lost, the contact changed here from one title to another, and was perhaps sent again; then the book shows
/// a card after all.
fn check_turned_up(titles: [&str; 2], again: bool, card: &str, expected: &str) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada(titles[0]));
        fixture.sent("cards", id, (Create, Unknown));
        fixture.outbox_of("cards").conclude_updates(&side("cards"), &|_| true).unwrap();
        fixture.run.mirror.update_contact(id, &ada(titles[1]), "").unwrap();
        if again {
            fixture.sent("cards", id, (Create, Unknown));
            fixture.outbox_of("cards").conclude_updates(&side("cards"), &|_| true).unwrap();
        }
        let twin = seen("b.vcf", Some("ada-1"), &ada(card));
        let mut newcomers = vec![seen("a.vcf", Some("ada-1"), &ada(card)), twin];
        fixture.adopt_lost_creations("cards", &mut newcomers);
        assert_eq!(fixture.run.stored(id).unwrap().contact.job_title, expected, "{titles:?} {again} {card}");
        assert_eq!(fixture.run.mirror.agreement("cards", id).unwrap().unwrap().remote, "a.vcf");
        assert_eq!((newcomers.len(), fixture.rows("cards").len()), (1, 0), "the rest is somebody else's matter");
        assert_eq!(fixture.run.summary.conflicts, 0);
    });
}

#[test]
fn a_card_that_turns_up_late_is_compared_with_what_was_sent() {
    check_turned_up(["CEO", "CTO"], false, "CEO", "CTO");
    check_turned_up(["", "CTO"], false, "", "CTO");
    check_turned_up(["CEO", ""], false, "CEO", "");
    // Which of two tries it was, is told by what it says.
    check_turned_up(["CEO", "CTO"], true, "CEO", "CTO");
    check_turned_up(["CEO", "CTO"], true, "CTO", "CTO");
    check_turned_up(["", "CTO"], true, "", "CTO");
    check_turned_up(["CEO", ""], true, "CEO", "");
}

#[test]
fn a_lost_creation_of_a_contact_that_is_gone_is_forgotten() {
    with_fixture(|mut fixture| {
        let [deleted, agreed] = ["a", "b"].map(|uid| fixture.contact(uid, &ada("CEO")));
        fixture.sent("cards", deleted, (Create, Unknown));
        fixture.sent("cards", agreed, (Create, Unknown));
        fixture.outbox_of("cards").conclude_updates(&side("cards"), &|_| true).unwrap();
        assert_eq!(fixture.rows("cards").len(), 2, "a book that shows nobody may show them yet");
        fixture.run.mirror.delete_contact(deleted, "").unwrap();
        fixture.agree("cards", "b.vcf", agreed);
        fixture.outbox_of("cards").conclude_updates(&side("cards"), &|_| true).unwrap();
        assert!(fixture.rows("cards").is_empty());
    });
}

#[test]
fn a_second_card_does_not_take_the_place_of_the_first() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent("cards", id, (Create, Unknown));
        fixture.agree("cards", "new.vcf", id);
        let mut newcomers = vec![seen("old.vcf", None, &ada("CEO"))];
        fixture.adopt_lost_creations("cards", &mut newcomers);
        let held = fixture.run.mirror.agreement("cards", id).unwrap().unwrap().remote;
        assert_eq!((held.as_str(), newcomers.len(), fixture.rows("cards").len()), ("new.vcf", 1, 1));
    });
}

#[test]
fn nothing_is_held_back_where_nothing_is_unexplained() {
    with_fixture(|mut fixture| {
        let mut newcomers = vec![seen("1001", None, &ada("CEO"))];
        assert!(!fixture.adopt_lost_creations(CRM, &mut newcomers));
        assert_eq!(newcomers.len(), 1);
    });
}

#[test]
fn in_a_crm_that_had_nobody_any_newcomer_may_be_the_lost_creation() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(CRM, id, (Create, Unknown));
        let mut row = fixture.rows(CRM).remove(0);
        fixture.run.mirror.delete_outbox(row.id).unwrap();
        row.highest_id = None;
        fixture.run.mirror.put_outbox(&row).unwrap();
        let run = fixture.run.id;
        let other = fixture.run.mirror.insert_contact("other", &ada("CTO"), CRM, run, "").unwrap();
        fixture.agree(CRM, "1", other);
        fixture.later(SETTLE);
        fixture.outbox().conclude_unknown(false).unwrap();
        assert_eq!(fixture.states(CRM), [HeldForReview]);
    });
}

#[test]
fn what_the_server_added_to_an_adopted_contact_is_taken() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(CRM, id, (Create, Unknown));
        let found = Contact { country: "France".into(), ..ada("CEO") };
        fixture.adopt_lost_creations(CRM, &mut vec![seen("1001", None, &found)]);
        assert_eq!(fixture.run.stored(id).unwrap().contact, found);
        let linked =
            |event: &SyncEvent| matches!(event, SyncEvent::Change(change) if change.action == ChangeAction::Link);
        assert!(fixture.told.borrow().iter().any(linked));
    });
}

#[test]
fn a_creation_was_never_made_if_two_listings_after_the_settle_time_do_not_show_it() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(CRM, id, (Create, Unknown));
        let mut fetch = |seconds: u64, left: &[u32]| {
            fixture.later(seconds);
            fixture.outbox().conclude_unknown(false).unwrap();
            assert_eq!(fixture.misses(), left, "after {seconds}");
        };
        fetch(SETTLE - 1, &[0]);
        fetch(1, &[1]);
        fetch(CONFIRM - 1, &[1]);
        fetch(1, &[]);
    });
}

#[test]
fn another_boot_begins_the_waits_anew() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.sent(CRM, id, (Create, Unknown));
        fixture.boot("b");
        fixture.outbox().conclude_unknown(false).unwrap();
        assert_eq!((fixture.misses(), fixture.rows(CRM)[0].sent_uptime.as_str()), (vec![0], "b 0.000"));
        fixture.later(SETTLE);
        fixture.outbox().conclude_unknown(false).unwrap();
        assert_eq!(fixture.misses(), [1]);
        fixture.boot("c");
        fixture.outbox().conclude_unknown(false).unwrap();
        fixture.later(SETTLE);
        fixture.outbox().conclude_unknown(false).unwrap();
        let missed = Payload::of(&fixture.rows(CRM)[0]).unwrap().missed_uptime;
        assert_eq!((fixture.misses(), missed.as_str()), (vec![1], "c 10.000"));
    });
}

#[test]
fn a_creation_that_a_newcomer_may_explain_is_put_to_a_person() {
    let check =
        |held_back: bool, newcomer: Option<(&str, &str)>, state: OutboxState, expected: (OutboxState, usize)| {
            with_fixture(|mut fixture| {
                let id = fixture.contact("ada-1", &ada("CEO"));
                fixture.sent(CRM, id, (Create, state));
                if let Some((remote, source)) = newcomer {
                    let run = fixture.run.id;
                    let other = fixture.run.mirror.insert_contact("other", &ada("CTO"), source, run, "").unwrap();
                    fixture.agree(CRM, remote, other);
                }
                fixture.later(SETTLE);
                fixture.outbox().conclude_unknown(held_back).unwrap();
                let waiting = fixture.run.mirror.open_attention().unwrap().len();
                assert_eq!((fixture.states(CRM)[0], waiting), expected, "{held_back} {newcomer:?}");
            });
        };
    check(false, None, Unknown, (Unknown, 0));
    check(true, None, Unknown, (HeldForReview, 1));
    check(false, Some(("1001", CRM)), Unknown, (HeldForReview, 1));
    check(false, Some(("1000", CRM)), Unknown, (Unknown, 0));
    check(false, Some(("1001", "cards")), Unknown, (Unknown, 0));
    check(true, None, HeldForReview, (HeldForReview, 0));
}
