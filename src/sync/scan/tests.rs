//! One replica read into the mirror: what goes straight in, what waits for the guard, and what is asked for again.

use std::{cell::RefCell, rc::Rc};

use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{
        Agreement, Attention, AttentionKind,
        OutboxAction::{Create, Update},
        OutboxState::Unknown,
    },
    reconcile::Limit,
    replica::{Batch, Diagnostic, Distrust, Problem, Progress, RemoteContact, ReplicaError, Scanned, memory::Memory},
    sync::{
        SyncError,
        events::{Note, SyncEvent},
        participant::{CRM, Participant, Trust},
        problems::Telling,
        testing::{CONFIRM, RunFixture, SETTLE, ScriptedReplica, ada, participant, seen, with_fixture},
    },
};

fn scan(fixture: &mut RunFixture<'_>, participant: &mut Participant) -> Result<(), SyncError> {
    fixture.scan(participant)
}

/// So many contacts agreed with a replica as "1000", "1001"...
fn agreed(fixture: &mut RunFixture<'_>, replica: &str, count: usize) -> Vec<i64> {
    let ids = (1_000..1_000 + count).map(|n| {
        let id = fixture.contact(&format!("uid-{n}"), &ada("CEO"));
        fixture.agree(replica, &n.to_string(), id);
        id
    });
    ids.collect()
}

fn batch(changed: Vec<RemoteContact>) -> Batch {
    Batch { changed, ..Batch::default() }
}

/// What they show now, from "1000" on: these titles.
fn shown(titles: &[&str]) -> Vec<RemoteContact> {
    titles.iter().enumerate().map(|(n, title)| seen(&(1_000 + n).to_string(), None, &ada(title))).collect()
}

fn title(fixture: &RunFixture<'_>, id: i64) -> String {
    fixture.run.stored(id).unwrap().contact.job_title
}

fn notices(fixture: &RunFixture<'_>) -> usize {
    let said = |event: &&SyncEvent| matches!(event, SyncEvent::Notice { .. } | SyncEvent::Attention { .. });
    fixture.told.borrow().iter().filter(said).count()
}

fn cut(batches: Vec<Batch>, error: ReplicaError) -> ScriptedReplica {
    ScriptedReplica { ended: Err(error), ..ScriptedReplica::new(batches) }
}

#[test]
fn a_first_pull_is_kept_as_far_as_it_came() {
    let check = |name: &str, somebody_waits: bool, expected: u64, failed: bool| {
        with_fixture(|mut fixture| {
            let before = u64::from(somebody_waits);
            if somebody_waits {
                fixture.contact("ada-1", &ada("CEO"));
            }
            let error = ReplicaError::Unavailable(Diagnostic::new("reach it"));
            let mut participant = participant(name, cut(vec![batch(shown(&["a", "b"]))], error));
            assert_eq!(scan(&mut fixture, &mut participant).is_err(), failed, "{name}");
            assert_eq!(fixture.run.mirror.count_contacts().unwrap(), before + expected, "{name} {somebody_waits}");
            assert_eq!(fixture.run.summary.scanned.get(name), Some(&2));
            assert!(fixture.run.mirror.is_durable(), "what is written next is");
            let finished = SyncEvent::ScanFinished { replica: name.to_owned(), contacts: 2, whole: false };
            let told = fixture.told.borrow();
            assert_eq!(told[0], SyncEvent::ScanStarted { replica: name.to_owned() });
            assert!(told.contains(&finished));
        });
    };
    check(CRM, false, 2, true);
    check(CRM, true, 0, true);
    check("cards", false, 0, false);
}

#[test]
fn trouble_with_a_book_stops_that_book_only() {
    use ReplicaError::{Deferred, Login, OutcomeUnknown, Rejected, Stale, Unavailable, Untrusted};
    let diagnostic = || Diagnostic::new("do it");
    let check = |error: ReplicaError, message: &str, failed: u64, stopped: usize| {
        with_fixture(|mut fixture| {
            let mut participant = participant("cards", cut(vec![], error.clone()));
            scan(&mut fixture, &mut participant).unwrap();
            assert!(participant.is_halted(), "{error:?}");
            assert_eq!((fixture.run.summary.failed, fixture.run.summary.stopped.len()), (failed, stopped));
            let (replica, text) = ("cards".to_owned(), message.to_owned());
            let expected = if let Untrusted(_) = error {
                let (kind, candidates) = (AttentionKind::Stopped, Vec::new());
                let text = format!("failed to {text}");
                let attention = Attention::Worded { kind, text, todo: None, candidates };
                SyncEvent::Attention { replica, note: Note::Raised { remote: String::new(), attention } }
            } else {
                SyncEvent::Failed { replica, contact: None, message: text, hint: None, telling: Telling::Whole }
            };
            assert!(fixture.told.borrow().contains(&expected), "{error:?}");
        });
    };
    check(Untrusted(Distrust::Other(diagnostic())), "do it", 0, 1);
    for error in [Unavailable, Rejected, Deferred, OutcomeUnknown, Login] {
        check(error(diagnostic()), "do it", 1, 0);
    }
    check(Stale(None), "read it: it changed there in the meantime", 1, 0);
}

#[test]
fn what_a_replica_learned_is_kept_until_it_says_otherwise() {
    with_fixture(|mut fixture| {
        let mut reads = |name: &str, ended: Result<Scanned, ReplicaError>, learned: &str, expected: Option<&str>| {
            let facts = vec![("crm.login_refused".to_owned(), learned.to_owned())];
            let scripted = ScriptedReplica { ended, facts, ..ScriptedReplica::new(vec![]) };
            let _ = scan(&mut fixture, &mut participant(name, scripted));
            assert_eq!(fixture.run.mirror.fact("crm.login_refused").unwrap().as_deref(), expected);
        };
        let login = || Err(ReplicaError::Login(Diagnostic::new("log in")));
        reads(CRM, Ok(Scanned::complete()), "", None);
        reads(CRM, login(), "yes", Some("yes"));
        reads("cards", login(), "yes", Some("yes"));
        reads(CRM, Ok(Scanned::complete()), "", None);
    });
}

#[test]
fn edits_are_taken_and_rewritten_records_are_agreed_on_quietly() {
    for name in [CRM, "cards"] {
        with_fixture(|mut fixture| {
            let ids = agreed(&mut fixture, name, 3);
            let same = Batch { same: vec!["1002".to_owned()], ..batch(shown(&["edited", "CEO"])) };
            scan(&mut fixture, &mut participant(name, ScriptedReplica::new(vec![same]))).unwrap();
            assert_eq!([ids[0], ids[1], ids[2]].map(|id| title(&fixture, id)), ["edited", "CEO", "CEO"]);
            let revisions = ids.iter().map(|id| fixture.run.mirror.agreement(name, *id).unwrap().unwrap().revision);
            assert_eq!(revisions.collect::<Vec<_>>(), ["r2", "r2", "r1"], "{name}");
            assert_eq!(fixture.run.summary.updated.get("mirror"), Some(&1));
            assert!(fixture.run.mirror.absences(name).unwrap().is_empty());
        });
    }
}

#[test]
fn of_a_contact_that_is_listed_twice_the_later_counts() {
    for name in [CRM, "cards"] {
        with_fixture(|mut fixture| {
            let ids = agreed(&mut fixture, name, 1);
            let batches = vec![batch(shown(&["first"])), batch(shown(&["second"]))];
            scan(&mut fixture, &mut participant(name, ScriptedReplica::new(batches))).unwrap();
            assert_eq!((title(&fixture, ids[0]).as_str(), fixture.run.summary.scanned.get(name)), ("second", Some(&1)));
            // A newcomer, too, is one contact.
            let new = |title| batch(vec![seen("1007", None, &Contact { last_name: "Byron".into(), ..ada(title) })]);
            let same = Batch { same: vec!["1000".to_owned()], ..Batch::default() };
            scan(&mut fixture, &mut participant(name, ScriptedReplica::new(vec![same, new("first"), new("second")])))
                .unwrap();
            assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 2);
            let id = fixture.run.mirror.agreement_by_remote(name, "1007").unwrap().unwrap().contact;
            assert_eq!(title(&fixture, id), "second");
        });
    }
}

#[test]
fn a_record_that_cannot_be_read_counts_as_seen() {
    with_fixture(|mut fixture| {
        agreed(&mut fixture, "cards", 2);
        let problem = |remote: Option<&str>| {
            let (place, message) = ("ada.vcf line 7".to_owned(), "cannot be read".to_owned());
            Problem { place, message, hint: None, remote: remote.map(str::to_owned) }
        };
        let problems = vec![problem(Some("1001")), problem(None)];
        let shows = Batch { problems, ..batch(shown(&["CEO"])) };
        scan(&mut fixture, &mut participant("cards", ScriptedReplica::new(vec![shows]))).unwrap();
        assert_eq!((fixture.run.summary.failed, fixture.run.mirror.count_contacts().unwrap()), (2, 2));
    });
}

#[test]
fn an_interrupted_first_pull_is_kept_by_the_thousand() {
    for (count, kept) in [(999, 0), (1_000, 1_000)] {
        with_fixture(|mut fixture| {
            let stops = Some((1, fixture.run.stop.clone()));
            let batches = vec![batch(shown(&vec!["a"; count])), Batch::default()];
            let ended =
                scan(&mut fixture, &mut participant(CRM, ScriptedReplica { stops, ..ScriptedReplica::new(batches) }));
            assert!(matches!(ended, Err(SyncError::Interrupted)));
            assert_eq!(fixture.run.mirror.count_contacts().unwrap(), kept);
        });
    }
}

#[test]
fn too_many_edits_at_once_are_a_question() {
    let check = |name: &str, count: usize, edited: usize, force: bool, taken: usize| {
        with_fixture(|mut fixture| {
            let ids = agreed(&mut fixture, name, count);
            fixture.run.policy.force = force;
            let mut titles = vec!["CEO"; count];
            titles[..edited].fill("edited");
            let mut participant = participant(name, ScriptedReplica::new(vec![batch(shown(&titles))]));
            scan(&mut fixture, &mut participant).unwrap();
            let now = ids.iter().filter(|id| title(&fixture, **id) == "edited").count();
            assert_eq!((now, participant.is_halted()), (taken, taken == 0), "{name} {count} {edited} {force}");
        });
    };
    for name in [CRM, "cards"] {
        check(name, 30, 25, false, 25);
        check(name, 30, 26, false, 0);
        check(name, 30, 26, true, 26);
        check(name, 52, 26, false, 26);
    }
}

/// What a scan that shows only so many of these leaves.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    left: u64,
    held: bool,
    halted: bool,
    edit_taken: bool,
}

const HELD: Fate = Fate { left: 10, held: true, halted: false, edit_taken: true };

fn check_missing(known: usize, shows: usize, newcomers: usize, prepare: fn(&mut RunFixture<'_>), expected: &Fate) {
    with_fixture(|mut fixture| {
        let ids = agreed(&mut fixture, "cards", known);
        prepare(&mut fixture);
        let mut titles = vec!["CEO"; shows];
        titles.iter_mut().take(1).for_each(|title| *title = "edited");
        let mut records = shown(&titles);
        for n in 0..newcomers {
            let stranger = Contact { last_name: format!("Byron {n}"), ..Contact::default() };
            records.push(seen(&format!("new-{n}"), None, &stranger));
        }
        let mut participant = participant("cards", ScriptedReplica::new(vec![batch(records)]));
        scan(&mut fixture, &mut participant).unwrap();
        let found = Fate {
            left: fixture.run.mirror.count_contacts().unwrap(),
            held: participant.trust == Trust::NoDeletions,
            halted: participant.is_halted(),
            edit_taken: title(&fixture, ids[0]) == "edited",
        };
        assert_eq!(found, *expected, "{known} {shows} {newcomers}");
        assert_eq!(fixture.run.guards.contains_key("cards"), expected.held || expected.halted);
        assert_eq!(fixture.run.summary.stopped.len(), usize::from(expected.held || expected.halted));
        assert_eq!(notices(&fixture), fixture.run.summary.stopped.len());
    });
}

#[test]
fn too_many_deletions_are_held_and_the_rest_flows() {
    let as_it_is: fn(&mut RunFixture<'_>) = |_| {};
    let force: fn(&mut RunFixture<'_>) = |fixture| fixture.run.policy.force = true;
    check_missing(10, 7, 0, as_it_is, &Fate { left: 7, held: false, ..HELD });
    check_missing(10, 6, 0, as_it_is, &HELD);
    check_missing(10, 6, 0, force, &Fate { left: 6, held: false, ..HELD });
    check_missing(
        10,
        6,
        0,
        |fixture| fixture.run.policy.max_delete = Limit::Count(4),
        &Fate { left: 6, held: false, ..HELD },
    );
    check_missing(10, 0, 0, as_it_is, &Fate { halted: true, held: false, edit_taken: false, ..HELD });
    check_missing(10, 0, 0, force, &Fate { left: 0, held: false, edit_taken: false, ..HELD });
    // A renamed file is a newcomer for each that is missing.
    check_missing(10, 6, 1, as_it_is, &Fate { left: 7, held: false, ..HELD });
    check_missing(10, 5, 1, as_it_is, &Fate { left: 11, ..HELD });
}

#[test]
fn newcomers_of_the_crm_make_up_for_no_absence() {
    with_fixture(|mut fixture| {
        agreed(&mut fixture, CRM, 10);
        let mut records = shown(&["CEO"; 6]);
        records.push(seen("2000", None, &Contact { last_name: "Byron".into(), ..Contact::default() }));
        let looks = ["1006", "1007", "1008", "1009"].map(|gone| (gone, None)).into();
        let mut participant = participant(CRM, ScriptedReplica { looks, ..ScriptedReplica::new(vec![batch(records)]) });
        scan(&mut fixture, &mut participant).unwrap();
        assert!(participant.trust == Trust::NoDeletions && fixture.run.mirror.absences(CRM).unwrap().is_empty());
        assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 11);
    });
}

#[test]
fn a_list_of_changes_says_nothing_of_absences() {
    with_fixture(|mut fixture| {
        agreed(&mut fixture, "cards", 3);
        let scripted =
            ScriptedReplica { ended: Ok(Scanned::partial()), ..ScriptedReplica::new(vec![batch(shown(&["edited"]))]) };
        scan(&mut fixture, &mut participant("cards", scripted)).unwrap();
        assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 3);
    });
}

#[test]
fn what_is_followed_no_more_is_no_absence() {
    let check = |deleted: bool, left: bool| {
        with_fixture(|mut fixture| {
            // No guard counts them.
            let ids = agreed(&mut fixture, "cards", 6);
            for id in &ids[1..] {
                let agreement = fixture.run.mirror.agreement("cards", *id).unwrap().unwrap();
                if deleted {
                    fixture.run.mirror.delete_contact(*id, "").unwrap();
                }
                fixture.run.mirror.put_agreement("cards", &Agreement { detached: true, ..agreement }).unwrap();
            }
            let mut participant = participant("cards", ScriptedReplica::new(vec![batch(shown(&["CEO"]))]));
            scan(&mut fixture, &mut participant).unwrap();
            assert_eq!(participant.trust, Trust::Full);
            for id in &ids[1..] {
                assert_eq!(fixture.run.mirror.agreement("cards", *id).unwrap().is_some(), left, "deleted: {deleted}");
                assert_eq!(fixture.run.stored(*id).unwrap().deleted, deleted);
            }
        });
    };
    check(true, false);
    check(false, true);
}

/// A listing that leaves out the titles of so many contacts, and what is known of "1000" when asked for alone.
fn check_thin(count: usize, alone: Option<Option<&str>>, expected: (&str, &str), asked: usize) {
    check_thin_since(count, alone, "Ada", expected, asked);
}

/// The same, with the first name that it has by the time it is asked for.
fn check_thin_since(count: usize, alone: Option<Option<&str>>, since: &str, expected: (&str, &str), asked: usize) {
    with_fixture(|mut fixture| {
        let ids = agreed(&mut fixture, CRM, count);
        let fields = FieldSet::CRM.without(Field::JobTitle);
        // What they do say is taken all the same.
        let thin = |mut record: RemoteContact| {
            record.contact.first_name = "Ada".to_owned();
            RemoteContact { fields, ..record }
        };
        let mut scripted = ScriptedReplica::new(vec![batch(shown(&vec![""; count]).into_iter().map(thin).collect())]);
        if let Some(found) = alone {
            let found = found.map(|title| {
                let mut found = RemoteContact { revision: "alone".into(), ..thin(seen("1000", None, &ada(title))) };
                since.clone_into(&mut found.contact.first_name);
                found
            });
            scripted.looks.insert("1000", found);
        }
        let names: Rc<RefCell<Vec<String>>> = scripted.asked.clone();
        fixture.run.policy.force = true;
        scan(&mut fixture, &mut participant(CRM, scripted)).unwrap();
        let agreement = fixture.run.mirror.agreement(CRM, ids[0]).unwrap().unwrap();
        assert_eq!((title(&fixture, ids[0]).as_str(), agreement.revision.as_str()), expected, "{alone:?}");
        assert_eq!((names.borrow().len(), notices(&fixture)), (asked.min(25), usize::from(asked > 25)));
        assert!(ids[1..].iter().all(|id| title(&fixture, *id) == "CEO"));
        assert_eq!(fixture.run.stored(ids[0]).unwrap().contact.first_name, since);
        assert!(ids[1..].iter().all(|id| fixture.run.stored(*id).unwrap().contact.first_name == "Ada"));
    });
}

#[test]
fn what_a_listing_leaves_out_is_asked_for_alone() {
    check_thin(1, Some(Some("CTO")), ("CTO", "r2"), 1);
    check_thin(1, Some(Some("")), ("", "r2"), 1);
    // The next listing must be looked at again, whatever it shows.
    check_thin(1, Some(None), ("CEO", "changed"), 1);
    check_thin(1, None, ("CEO", "changed"), 1);
    check_thin(25, None, ("CEO", "changed"), 25);
    check_thin(26, None, ("CEO", "changed"), 26);
    // Nor is the listing what is agreed on where the contact changed after it.
    check_thin_since(1, Some(Some("CTO")), "Augusta", ("CTO", "changed"), 1);
}

#[test]
fn nobody_is_asked_for_who_lost_nothing() {
    let check = |name: &str, there: &str, stated: FieldSet| {
        with_fixture(|mut fixture| {
            let ids = agreed(&mut fixture, name, 1);
            let agreement = fixture.run.mirror.agreement(name, ids[0]).unwrap().unwrap();
            fixture.run.mirror.update_contact(ids[0], &ada(there), "").unwrap();
            let (theirs, ours) = (ada(there), ada(there));
            fixture.run.mirror.put_agreement(name, &Agreement { theirs, ours, version: 0, ..agreement }).unwrap();
            let edited = Contact { first_name: "Ada".into(), ..ada(there) };
            let record = RemoteContact { fields: stated, ..seen("1000", None, &edited) };
            let scripted = ScriptedReplica::new(vec![batch(vec![record])]);
            let asked = scripted.asked.clone();
            scan(&mut fixture, &mut participant(name, scripted)).unwrap();
            assert!(asked.borrow().is_empty(), "{name}");
            assert_eq!(fixture.run.stored(ids[0]).unwrap().contact.first_name, "Ada");
        });
    };
    check(CRM, "CEO", FieldSet::CRM);
    check(CRM, "", FieldSet::CRM.without(Field::JobTitle));
    check("cards", "CEO", FieldSet::CRM.without(Field::JobTitle));
}

#[test]
fn pages_are_remembered_once_all_is_taken_in() {
    let batches = || {
        let progress = |expected| Progress { steps: 1, expected };
        let last = Batch { progress: progress(Some(2)), ..Batch::default() };
        vec![Batch { progress: progress(None), ..batch(shown(&["a"])) }, Batch::default(), last]
    };
    let cursor = vec![("page/1".to_owned(), "note".to_owned())];
    with_fixture(|mut fixture| {
        let ended = Ok(Scanned { cursor: cursor.clone(), ..Scanned::complete() });
        scan(&mut fixture, &mut participant(CRM, ScriptedReplica { ended, ..ScriptedReplica::new(batches()) }))
            .unwrap();
        assert_eq!(fixture.run.mirror.cursor_note(CRM, "page/1").unwrap().as_deref(), Some("note"));
        let read: Vec<u32> = fixture.told.borrow().iter().filter_map(pages_read).collect();
        assert_eq!(read, [1, 1, 2]);
    });
    with_fixture(|mut fixture| {
        let error = ReplicaError::Unavailable(Diagnostic::new("reach it"));
        scan(&mut fixture, &mut participant(CRM, cut(batches(), error))).unwrap_err();
        assert_eq!(fixture.run.mirror.cursor_note(CRM, "page/1").unwrap(), None);
    });
}

fn pages_read(event: &SyncEvent) -> Option<u32> {
    match event {
        SyncEvent::ScanProgress { pages, .. } => Some(*pages),
        _ => None,
    }
}

#[test]
fn lost_writes_are_judged_by_a_whole_reading_of_their_replica() {
    for (name, ended, misses) in [
        (CRM, Ok(Scanned::complete()), [1, 1]),
        (CRM, Err(ReplicaError::Unavailable(Diagnostic::new("reach it"))), [0, 0]),
        ("cards", Ok(Scanned::complete()), [0, 0]),
    ] {
        with_fixture(|mut fixture| {
            let ids = agreed(&mut fixture, "phone", 2);
            fixture.sent(CRM, ids[0], (Create, Unknown));
            fixture.sent(CRM, ids[1], (Update, Unknown));
            fixture.sent("cards", ids[1], (Update, Unknown));
            fixture.later(SETTLE);
            let shows = batch(vec![seen("1207", None, &Contact { last_name: "Byron".into(), ..Contact::default() })]);
            let shows = if misses == [1, 1] { Batch::default() } else { shows };
            let _ = scan(
                &mut fixture,
                &mut participant(name, ScriptedReplica { ended, ..ScriptedReplica::new(vec![shows]) }),
            );
            assert_eq!(fixture.misses(), misses, "{name}");
            assert_eq!(fixture.rows("cards").is_empty(), name == "cards");
            assert_eq!(fixture.outbox().highest_crm_id().unwrap(), None, "of ids that a book or half a listing has");
        });
    }
}

#[test]
fn the_highest_id_of_a_whole_listing_is_kept() {
    with_fixture(|mut fixture| {
        scan(&mut fixture, &mut participant(CRM, ScriptedReplica::new(vec![batch(shown(&["a", "b"]))]))).unwrap();
        assert_eq!(fixture.outbox().highest_crm_id().unwrap(), Some(1_001));
    });
}

#[test]
fn what_a_scan_told_of_a_books_programs_is_kept() {
    for (name, expected) in [("cards", Some("new")), (CRM, Some("new"))] {
        with_fixture(|mut fixture| {
            fixture.run.mirror.set_fact("habits", "old").unwrap();
            let scripted =
                ScriptedReplica { facts: vec![("habits".into(), "new".into())], ..ScriptedReplica::new(vec![]) };
            scan(&mut fixture, &mut participant(name, scripted)).unwrap();
            assert_eq!(fixture.run.mirror.fact("habits").unwrap().as_deref(), expected, "{name}");
        });
    }
}

#[test]
fn a_stop_ends_a_scan_between_two_batches() {
    with_fixture(|mut fixture| {
        fixture.run.stop.request();
        let ended = scan(&mut fixture, &mut participant(CRM, ScriptedReplica::new(vec![batch(shown(&["a"]))])));
        assert!(matches!(ended, Err(SyncError::Interrupted)));
        assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 0);
    });
}

#[test]
fn waits_are_measured_from_the_beginning_of_the_reading() {
    with_fixture(|mut fixture| {
        let id = agreed(&mut fixture, CRM, 2)[0];
        let mut memory = Memory::default();
        memory.put("1001", ada("CEO"));
        let mut crm = participant(CRM, memory);
        scan(&mut fixture, &mut crm).unwrap();
        fixture.clock.seconds.set(fixture.clock.seconds.get() + CONFIRM);
        fixture.run.id = fixture.run.mirror.begin_run("sync", "").unwrap();
        scan(&mut fixture, &mut crm).unwrap();
        assert!(fixture.run.stored(id).unwrap().deleted);
    });
}
