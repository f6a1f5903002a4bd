//! Absences: asked about, believed at the second "no" of a later run, and what then follows.

use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Attention, ContactId},
    reconcile::{FieldConflict, Kept, Limit},
    replica::{Batch, Capabilities, Diagnostic, ReplicaError, memory::Memory},
    sync::{
        SyncError,
        events::SyncEvent,
        participant::{CRM, Direction, Participant},
        testing::{CONFIRM, RunFixture, ScriptedReplica, ada, participant, seen, with_fixture},
    },
};

/// A listing that showed `seen` and not "1001".
fn fetch(fixture: &mut RunFixture<'_>, participant: &mut Participant, seen: &[&str]) {
    let missing: &[&str] = if seen.contains(&"1001") { &[] } else { &["1001"] };
    fixture.judge_missing(participant, missing, seen).unwrap();
}

/// A CRM that holds "1002" only.
fn crm() -> Participant {
    named(CRM)
}

/// A replica that holds "1002" only.
fn named(name: &str) -> Participant {
    let mut memory = Memory::default();
    memory.put("1002", ada("CTO"));
    participant(name, memory)
}

/// "1001" and "1002" are agreed with the replica; the first one's number here.
fn agreed(fixture: &mut RunFixture<'_>, replica: &str) -> ContactId {
    let [id, other] = [("ada-1", "CEO"), ("other", "CTO")].map(|(uid, title)| fixture.contact(uid, &ada(title)));
    fixture.agree(replica, "1001", id);
    fixture.agree(replica, "1002", other);
    id
}

fn strikes(fixture: &RunFixture<'_>) -> Option<u32> {
    fixture.run.mirror.absence(CRM, "1001").unwrap().map(|absence| absence.strikes)
}

#[test]
fn an_absence_is_believed_at_the_second_look_in_a_later_run() {
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, CRM);
        let deleted = |fixture: &RunFixture<'_>| fixture.run.stored(id).unwrap().deleted;
        fetch(&mut fixture, &mut crm(), &["1002"]);
        assert_eq!((strikes(&fixture), deleted(&fixture)), (Some(1), false));
        fixture.clock.seconds.set(1_000 + CONFIRM);
        fixture.run.reading_begun = fixture.run.host.uptime();
        fetch(&mut fixture, &mut crm(), &["1002"]);
        assert_eq!((strikes(&fixture), deleted(&fixture)), (Some(2), false), "the same run");
        fixture.clock.seconds.set(1_000);
        fixture.later(CONFIRM - 1);
        fetch(&mut fixture, &mut crm(), &["1002"]);
        assert_eq!((strikes(&fixture), deleted(&fixture)), (Some(3), false), "too soon");
        fixture.boot("b");
        fetch(&mut fixture, &mut crm(), &["1002"]);
        fixture.later(CONFIRM - 1);
        fetch(&mut fixture, &mut crm(), &["1002"]);
        assert!(!deleted(&fixture), "the wait began anew with the boot");
        fixture.later(1);
        fetch(&mut fixture, &mut crm(), &["1002"]);
        assert_eq!((strikes(&fixture), deleted(&fixture)), (None, true));
        assert_eq!(fixture.run.summary.deleted.get("mirror"), Some(&1));
        assert_eq!(fixture.run.mirror.agreement(CRM, id).unwrap(), None);
    });
}

#[test]
fn a_no_counts_only_beside_a_yes() {
    let check = |force: bool, seen: &[&str], expected: Option<u32>, notices: usize| {
        with_fixture(|mut fixture| {
            agreed(&mut fixture, CRM);
            fixture.run.policy.force = force;
            fetch(&mut fixture, &mut crm(), seen);
            assert_eq!(strikes(&fixture), expected, "{seen:?}");
            let told = fixture.told.borrow();
            assert_eq!(told.iter().filter(|event| matches!(event, SyncEvent::Notice { .. })).count(), notices);
        });
    };
    check(false, &["1002"], Some(1), 0);
    // One is enough.
    check(false, &["1002", "1003"], Some(1), 0);
    check(false, &["1003"], None, 1);
    check(false, &[], None, 0);
    check(true, &[], Some(1), 0);
}

#[test]
fn what_answers_or_cannot_be_read_is_not_absent() {
    let check = |unreadable: bool, seen: &[&str], expected: (&str, Option<u32>)| {
        with_fixture(|mut fixture| {
            let id = agreed(&mut fixture, CRM);
            fetch(&mut fixture, &mut crm(), &["1002"]);
            let mut memory = Memory::default();
            memory.put("1001", ada("edited"));
            memory.put("1002", ada("CTO"));
            if unreadable {
                memory.faults.unreadable.insert("1001".to_owned());
            }
            fixture.later(CONFIRM);
            fetch(&mut fixture, &mut participant(CRM, memory), seen);
            let stored = fixture.run.stored(id).unwrap();
            assert_eq!((stored.contact.job_title.as_str(), strikes(&fixture)), expected);
        });
    };
    check(false, &["1002"], ("edited", None));
    check(true, &["1002"], ("CEO", Some(1)));
    // A listing's own records are taken in elsewhere.
    check(false, &["1001", "1002"], ("CEO", None));
}

/// What became of a contact that is gone from a book or, for certain, from the CRM.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    deleted: bool,
    /// Whether the agreement is detached; none where there is none left.
    detached: Option<bool>,
    conflicts: u64,
    /// How many of them wait for a user's decision.
    open: u64,
    history: usize,
}

/// Somebody's value waits for a user's decision.
fn disputed(fixture: &mut RunFixture<'_>, id: ContactId) {
    let (base, here, there) = ("CEO".to_owned(), "CEO".to_owned(), "CTO".to_owned());
    let stored = fixture.run.stored(id).unwrap();
    let conflict = FieldConflict { field: Field::JobTitle, base, here, there, kept: Kept::Open };
    fixture.run.conflict(&stored, "phone", &conflict).unwrap();
}

fn check_gone(name: &str, takes: bool, here: Option<&Contact>, expected: Fate) {
    check_gone_after(|_, _| {}, (name, takes), here, expected);
}

fn check_gone_after(
    prepare: fn(&mut RunFixture<'_>, ContactId),
    (name, takes): (&str, bool),
    here: Option<&Contact>,
    expected: Fate,
) {
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, name);
        prepare(&mut fixture, id);
        match here {
            Some(contact) => drop(fixture.run.mirror.update_contact(id, contact, "").unwrap()),
            None => fixture.run.mirror.delete_contact(id, "").unwrap(),
        }
        let mut participant = named(name);
        participant.direction = if takes { Direction::TwoWay } else { Direction::ToReplica };
        fetch(&mut fixture, &mut participant, &["1002"]);
        fixture.later(CONFIRM);
        fetch(&mut fixture, &mut participant, &["1002"]);
        let left = fixture.run.mirror.agreement(name, id).unwrap();
        assert!(left.as_ref().is_none_or(|agreement| agreement.version == 0), "what is here is not agreed");
        let detached = left.map(|agreement| agreement.detached);
        let found = Fate {
            deleted: fixture.run.stored(id).unwrap().deleted,
            detached,
            conflicts: fixture.run.summary.conflicts,
            open: fixture.run.mirror.count_open_conflicts().unwrap(),
            history: fixture.run.mirror.history(Some(id), 9).unwrap().len(),
        };
        assert_eq!(found, expected, "{name} {takes} {here:?}");
    });
}

#[test]
fn what_follows_from_an_absence() {
    let (same, edited) = (ada("CEO"), ada("edited"));
    let fate = |deleted, detached, history| Fate { deleted, detached, conflicts: 0, open: 0, history };
    for name in [CRM, "cards"] {
        check_gone(name, true, Some(&same), fate(true, None, 1));
        check_gone(name, true, None, fate(true, None, 0));
        check_gone(name, false, Some(&same), fate(false, None, 0));
        check_gone(name, false, None, fate(true, None, 0));
    }
    let kept = |detached, conflicts, open| Fate { conflicts, open, ..fate(false, detached, 1) };
    check_gone(CRM, true, Some(&edited), kept(Some(true), 1, 1));
    check_gone("cards", true, Some(&edited), kept(None, 1, 0));
    // The dispute is told beside it.
    check_gone_after(disputed, (CRM, true), Some(&same), kept(Some(true), 2, 2));
    check_gone_after(disputed, ("cards", true), Some(&same), kept(None, 2, 1));
}

#[test]
fn a_book_is_not_asked_again_and_a_stop_ends_the_asking() {
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, "cards");
        let mut memory = Memory::default();
        memory.faults.scan = Some(ReplicaError::Unavailable(Diagnostic::new("reach it")));
        fetch(&mut fixture, &mut participant("cards", memory), &["1002"]);
        assert!(fixture.run.stored(id).unwrap().deleted);
    });
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, "cards");
        fixture.run.stop.request();
        let mut participant = named("cards");
        let ended = fixture.judge_missing(&mut participant, &["1001"], &[]);
        assert!(matches!(ended, Err(SyncError::Interrupted)) && !fixture.run.stored(id).unwrap().deleted);
    });
}

#[test]
fn an_edit_that_the_place_cannot_show_outlives_a_deletion_that_is_being_asked_about() {
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, CRM);
        let fields = FieldSet::ALL.less(FieldSet::NONE.with(Field::JobDepartment));
        let mut memory = Memory::new(Capabilities { fields, weak: FieldSet::NONE, identity: false });
        memory.put("1002", ada("CTO"));
        let mut participant = participant(CRM, memory);
        fixture.run.policy.max_delete = Limit::Percent(100);
        let edited = Contact { job_department: "R&D".to_owned(), ..ada("CEO") };
        fixture.run.mirror.update_contact(id, &edited, "").unwrap();
        fixture.scan(&mut participant).unwrap();
        assert!(participant.absence_open && strikes(&fixture) == Some(1));
        assert!(fixture.plan_push(&mut participant).is_empty());
        fixture.later(CONFIRM);
        fixture.scan(&mut participant).unwrap();
        assert!(!participant.absence_open && strikes(&fixture).is_none());
        assert!(!fixture.run.stored(id).unwrap().deleted);
        assert_eq!(fixture.run.mirror.count_open_conflicts().unwrap(), 1);
    });
}

#[test]
fn whoever_would_go_is_kept_by_name_while_deletions_are_held() {
    with_fixture(|mut fixture| {
        let known = 1_000..1_010;
        let ids: Vec<ContactId> = known.map(|n| fixture.contact(&format!("uid-{n}"), &ada("CEO"))).collect();
        for (n, id) in (1_000..).zip(&ids) {
            fixture.agree("cards", &n.to_string(), *id);
        }
        let changed = (1_000..1_004).map(|n| seen(&n.to_string(), None, &ada("CEO"))).collect();
        let shows_four = ScriptedReplica::new(vec![Batch { changed, ..Batch::default() }]);
        fixture.scan(&mut participant("cards", shows_four)).unwrap();
        let Attention::HeldDeletions { missing, contacts, .. } = &fixture.run.guards["cards"] else {
            panic!("no deletions are held")
        };
        assert_eq!((*missing, contacts.as_slice()), (6, &ids[4..]));
    });
}
