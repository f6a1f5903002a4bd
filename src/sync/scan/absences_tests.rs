//! Absences: asked about, believed at the second "no" of a later run, and what then follows.

use std::collections::HashSet;

use crate::{
    contact::{Contact, Field},
    mirror::ContactId,
    reconcile::{FieldConflict, Kept},
    replicas::{ReplicaError, Trouble, memory::Memory},
    sync::{
        desk::{CONFIRM, Desk, ada, at_desk, peer},
        error::SyncError,
        events::SyncEvent,
        peer::{CRM, Peer},
    },
};

/// A listing that showed `seen` and not "1001".
fn look(desk: &mut Desk<'_>, peer: &mut Peer, seen: &[&str]) {
    let seen: HashSet<String> = seen.iter().map(|remote| (*remote).to_owned()).collect();
    let missing = if seen.contains("1001") { vec![] } else { vec!["1001".to_owned()] };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(desk.engine.absences(peer, missing, &seen)).unwrap();
}

/// A CRM that holds "1002" only.
fn crm() -> Peer {
    let mut memory = Memory::default();
    memory.put("1002", ada("CTO"));
    peer(CRM, memory)
}

/// "1001" and "1002" are agreed with the replica; the first one's number here.
fn agreed(desk: &mut Desk<'_>, replica: &str) -> ContactId {
    let [id, other] = [("ada-1", "CEO"), ("other", "CTO")].map(|(uid, title)| desk.contact(uid, &ada(title)));
    desk.agree(replica, "1001", id);
    desk.agree(replica, "1002", other);
    id
}

fn strikes(desk: &Desk<'_>) -> Option<u32> {
    desk.engine.mirror.absence(CRM, "1001").unwrap().map(|absence| absence.strikes)
}

#[test]
fn an_absence_is_believed_at_the_second_look_in_a_later_run() {
    at_desk(|mut desk| {
        let id = agreed(&mut desk, CRM);
        let deleted = |desk: &Desk<'_>| desk.engine.stored(id).unwrap().deleted;
        look(&mut desk, &mut crm(), &["1002"]);
        assert_eq!((strikes(&desk), deleted(&desk)), (Some(1), false));
        desk.clock.seconds.set(1_000 + CONFIRM);
        desk.engine.reading_begun = desk.engine.host.uptime();
        look(&mut desk, &mut crm(), &["1002"]);
        assert_eq!((strikes(&desk), deleted(&desk)), (Some(2), false), "the same run");
        desk.clock.seconds.set(1_000);
        desk.later(CONFIRM - 1);
        look(&mut desk, &mut crm(), &["1002"]);
        assert_eq!((strikes(&desk), deleted(&desk)), (Some(3), false), "too soon");
        desk.boot("b");
        look(&mut desk, &mut crm(), &["1002"]);
        desk.later(CONFIRM - 1);
        look(&mut desk, &mut crm(), &["1002"]);
        assert!(!deleted(&desk), "the wait began anew with the boot");
        desk.later(1);
        look(&mut desk, &mut crm(), &["1002"]);
        assert_eq!((strikes(&desk), deleted(&desk)), (None, true));
        assert_eq!(desk.engine.summary.deleted.get("mirror"), Some(&1));
        assert_eq!(desk.engine.mirror.agreement(CRM, id).unwrap(), None);
    });
}

#[test]
fn a_no_counts_only_beside_a_yes() {
    let check = |force: bool, seen: &[&str], expected: Option<u32>, notices: usize| {
        at_desk(|mut desk| {
            agreed(&mut desk, CRM);
            desk.engine.care.force = force;
            look(&mut desk, &mut crm(), seen);
            assert_eq!(strikes(&desk), expected, "{seen:?}");
            let told = desk.told.borrow();
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
        at_desk(|mut desk| {
            let id = agreed(&mut desk, CRM);
            look(&mut desk, &mut crm(), &["1002"]);
            let mut memory = Memory::default();
            memory.put("1001", ada("edited"));
            memory.put("1002", ada("CTO"));
            if unreadable {
                memory.faults.unreadable.insert("1001".to_owned());
            }
            desk.later(CONFIRM);
            look(&mut desk, &mut peer(CRM, memory), seen);
            let stored = desk.engine.stored(id).unwrap();
            assert_eq!((stored.contact.job_title.as_str(), strikes(&desk)), expected);
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
    /// How many of them wait for a person's word.
    open: u64,
    history: usize,
}

/// Somebody's value waits for a person's word.
fn disputed(desk: &mut Desk<'_>, id: ContactId) {
    let (base, here, there) = ("CEO".to_owned(), "CEO".to_owned(), "CTO".to_owned());
    let stored = desk.engine.stored(id).unwrap();
    let conflict = FieldConflict { field: Field::JobTitle, base, here, there, kept: Kept::Open };
    desk.engine.conflict(&stored, "phone", &conflict).unwrap();
}

fn check_gone(name: &str, takes: bool, here: Option<&Contact>, expected: Fate) {
    check_gone_after(|_, _| {}, (name, takes), here, expected);
}

fn check_gone_after(
    prepare: fn(&mut Desk<'_>, ContactId),
    (name, takes): (&str, bool),
    here: Option<&Contact>,
    expected: Fate,
) {
    at_desk(|mut desk| {
        let id = agreed(&mut desk, name);
        prepare(&mut desk, id);
        match here {
            Some(contact) => drop(desk.engine.mirror.update_contact(id, contact, "").unwrap()),
            None => desk.engine.mirror.delete_contact(id, "").unwrap(),
        }
        let mut peer = Peer { name: name.to_owned(), takes, ..crm() };
        look(&mut desk, &mut peer, &["1002"]);
        desk.later(CONFIRM);
        look(&mut desk, &mut peer, &["1002"]);
        let left = desk.engine.mirror.agreement(name, id).unwrap();
        assert!(left.as_ref().is_none_or(|agreement| agreement.version == 0), "what is here is not agreed");
        let detached = left.map(|agreement| agreement.detached);
        let found = Fate {
            deleted: desk.engine.stored(id).unwrap().deleted,
            detached,
            conflicts: desk.engine.summary.conflicts,
            open: desk.engine.mirror.count_open_conflicts().unwrap(),
            history: desk.engine.mirror.history(Some(id), 9).unwrap().len(),
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
    at_desk(|mut desk| {
        let id = agreed(&mut desk, "cards");
        let mut memory = Memory::default();
        memory.faults.scan = Some(ReplicaError::Unavailable(Trouble::new("reach it")));
        look(&mut desk, &mut peer("cards", memory), &["1002"]);
        assert!(desk.engine.stored(id).unwrap().deleted);
    });
    at_desk(|mut desk| {
        let id = agreed(&mut desk, "cards");
        desk.engine.stop.request();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut peer = Peer { name: "cards".to_owned(), ..crm() };
        let ended = runtime.block_on(desk.engine.absences(&mut peer, vec!["1001".to_owned()], &HashSet::new()));
        assert!(matches!(ended, Err(SyncError::Interrupted)) && !desk.engine.stored(id).unwrap().deleted);
    });
}
