//! The answers to writes: what each makes of the row, the agreement and the run.

use super::Delivery;
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{
        Agreement, ContactId,
        OutboxAction::{Create, Delete, Update},
        OutboxState::{self, Refused, Sent, Unknown},
    },
    replica::{Action, Diagnostic, Distrust, RemoteContact, ReplicaError, Write, Written, memory::Memory},
    sync::{
        SyncError,
        events::{ChangeAction, SyncEvent},
        participant::{CRM, Participant},
        testing::{RunFixture, ScriptedReplica, ada, participant, seen, with_fixture},
    },
};

type Answer = Result<Written, ReplicaError>;

fn deliver(
    fixture: &mut RunFixture<'_>,
    participant: &mut Participant,
    delivery: Delivery,
    answer: Answer,
) -> Result<bool, SyncError> {
    fixture.record_answers(participant, vec![delivery], vec![answer])
}

fn delivery(fixture: &mut RunFixture<'_>, name: &str, id: ContactId, action: Action) -> Delivery {
    let what = match action {
        Action::Create { .. } => Create,
        Action::Update { .. } => Update,
        Action::Delete { .. } => Delete,
    };
    let row = (what != Delete).then(|| fixture.sent(name, id, (what, Sent)));
    let stored = fixture.run.stored(id).unwrap();
    let agreement = fixture.run.mirror.agreement(name, id).unwrap();
    let write = Write { uid: stored.uid.clone(), crm_id: None, action };
    Delivery { stored, agreement, write, fields: Vec::new(), waiting: FieldSet::NONE, row }
}

/// The contact as it stands, sent over what was agreed.
fn update(theirs: &Contact, contact: &Contact) -> Action {
    let (remote, revision) = ("1001".to_owned(), "r1".to_owned());
    let (theirs, contact, changed) = (theirs.clone(), contact.clone(), theirs.differing(contact));
    Action::Update { remote, revision, theirs, contact, changed, detail: None }
}

/// What became of a change of "1001" that was not written.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    again: Result<bool, u8>,
    rows: Vec<OutboxState>,
    failed: u64,
    halted: bool,
    /// The run ends with this exit code once the books are written; 0 for none.
    diagnostic: u8,
    revision: &'static str,
}

const POSTPONED: Fate =
    Fate { again: Ok(false), rows: vec![], failed: 1, halted: false, diagnostic: 0, revision: "r1" };

fn check_not_written(name: &str, error: ReplicaError, expected: &Fate) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree(name, "1001", id);
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let delivery = delivery(&mut fixture, name, id, update(&ada("CEO"), &ada("CTO")));
        let mut participant = participant(name, Memory::default());
        let again =
            deliver(&mut fixture, &mut participant, delivery, Err(error.clone())).map_err(|error| error.exit_code());
        let revision = fixture.run.mirror.agreement(name, id).unwrap().unwrap().revision;
        let found = Fate {
            again,
            rows: fixture.states(name),
            failed: fixture.run.summary.failed,
            halted: participant.is_halted(),
            diagnostic: fixture.trouble.as_ref().map_or(0, SyncError::exit_code),
            revision: ["r1", "r2", "changed"].into_iter().find(|known| *known == revision).unwrap_or("other"),
        };
        assert_eq!(found, *expected, "{name} {error:?}");
        let told = fixture.told.borrow().iter().filter(|event| matches!(event, SyncEvent::Failed { .. })).count();
        assert_eq!(told as u64, fixture.run.summary.failed);
    });
}

/// A contact that a user changes between the write of "CTO" and its answer: what is agreed on with the replica, and what
/// the next push sends there.
fn check_changed_meanwhile(name: &str, change: impl FnOnce(&mut RunFixture<'_>, ContactId), next: Option<&str>) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree(name, "1001", id);
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let delivery = delivery(&mut fixture, name, id, update(&ada("CEO"), &ada("CTO")));
        let mut participant = participant(name, Memory::default());
        change(&mut fixture, id);
        let answer = Ok(Some(seen("1001", None, &ada("CTO"))));
        assert!(!deliver(&mut fixture, &mut participant, delivery, answer).unwrap());
        let agreement = fixture.run.mirror.agreement(name, id).unwrap().unwrap();
        assert_eq!(agreement.theirs, ada("CTO"));
        let deliveries = fixture.plan_push(&mut participant);
        let sent = deliveries.first().map(|delivery| match &delivery.write.action {
            Action::Update { contact, .. } => contact.job_title.clone(),
            Action::Delete { .. } => "deleted".to_owned(),
            Action::Create { .. } => "created".to_owned(),
        });
        assert_eq!(sent.as_deref(), next, "{name}");
    });
}

#[test]
fn what_is_changed_between_a_write_and_its_answer_is_sent_next() {
    let nobody = |_: &mut RunFixture<'_>, _| {};
    let edited = |fixture: &mut RunFixture<'_>, id| {
        fixture.run.mirror.update_contact(id, &ada("Chair"), "").unwrap();
    };
    let deleted = |fixture: &mut RunFixture<'_>, id| fixture.run.mirror.delete_contact(id, "").unwrap();
    for name in [CRM, "cards"] {
        check_changed_meanwhile(name, nobody, None);
        check_changed_meanwhile(name, edited, Some("Chair"));
        check_changed_meanwhile(name, deleted, Some("deleted"));
    }
}

#[test]
fn what_is_decided_between_a_write_and_its_answer_is_still_owed() {
    let acme = |title: &str| Contact { company: "ACME".into(), ..ada(title) };
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        // The company is in conflict: each side keeps its own.
        let agreement = fixture.agree("cards", "1001", id);
        let agreement = Agreement { theirs: acme("CEO"), ..agreement };
        fixture.run.mirror.put_agreement("cards", &agreement).unwrap();
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let delivery = delivery(&mut fixture, "cards", id, update(&acme("CEO"), &acme("CTO")));
        let mut participant = participant("cards", Memory::default());
        // It is resolved in favour of the mirror: both sides are said to know the replica's value.
        let resolved = Agreement { ours: acme("CEO"), version: 0, ..agreement };
        fixture.run.mirror.put_agreement("cards", &resolved).unwrap();
        fixture.run.mirror.touch_contact(id).unwrap();
        let answer = Ok(Some(seen("1001", None, &acme("CTO"))));
        deliver(&mut fixture, &mut participant, delivery, answer).unwrap();
        let deliveries = fixture.plan_push(&mut participant);
        let Action::Update { contact, changed, .. } = &deliveries[0].write.action else { panic!("no update") };
        assert_eq!((contact, *changed), (&ada("CTO"), FieldSet::NONE.with(Field::Company)));
    });
}

#[test]
fn what_a_write_that_was_not_done_leaves_behind() {
    use ReplicaError::{Deferred, Login, OutcomeUnknown, Rejected, Stale, Unavailable, Untrusted};
    let diagnostic = || Diagnostic::new("do it");
    let there = Contact { company: "ACME".into(), ..ada("CEO") };
    for name in [CRM, "cards"] {
        let stale = Stale(Some(Box::new(seen("1001", None, &there))));
        check_not_written(name, stale, &Fate { again: Ok(true), failed: 0, revision: "r2", ..POSTPONED });
        check_not_written(name, Stale(None), &Fate { revision: "changed", ..POSTPONED });
        check_not_written(name, Deferred(diagnostic()), &POSTPONED);
        check_not_written(name, OutcomeUnknown(diagnostic()), &Fate { rows: vec![Unknown], ..POSTPONED });
        check_not_written(
            name,
            Untrusted(Distrust::Other(diagnostic())),
            &Fate { failed: 0, halted: true, ..POSTPONED },
        );
    }
    check_not_written(CRM, Login(diagnostic()), &Fate { again: Err(4), failed: 0, ..POSTPONED });
    check_not_written("cards", Login(diagnostic()), &Fate { halted: true, ..POSTPONED });
    check_not_written(CRM, Rejected(diagnostic()), &Fate { rows: vec![Refused], ..POSTPONED });
    check_not_written("cards", Rejected(diagnostic()), &POSTPONED);
    check_not_written(CRM, Unavailable(diagnostic()), &Fate { halted: true, diagnostic: 5, ..POSTPONED });
    check_not_written("cards", Unavailable(diagnostic()), &POSTPONED);
}

#[test]
fn a_written_record_that_leaves_out_what_it_held_is_looked_at_in_the_next_listing() {
    with_fixture(|mut fixture| {
        let before = Contact { comment: "old".into(), ..ada("CEO") };
        let id = fixture.contact("ada-1", &before);
        fixture.agree(CRM, "1001", id);
        let here = Contact { job_title: "CTO".into(), ..before.clone() };
        fixture.run.mirror.update_contact(id, &here, "").unwrap();
        let delivery = delivery(&mut fixture, CRM, id, update(&before, &here));
        let read = RemoteContact { fields: FieldSet::CRM.without(Field::Comment), ..seen("1001", None, &ada("CTO")) };
        deliver(&mut fixture, &mut participant(CRM, Memory::default()), delivery, Ok(Some(read))).unwrap();
        let agreement = fixture.run.mirror.agreement(CRM, id).unwrap().unwrap();
        // Neither the record as it was before the write, nor the one that does not say what became of the comment.
        assert_eq!((agreement.theirs.job_title.as_str(), agreement.revision.as_str()), ("CTO", "changed"));
        assert_eq!(fixture.run.stored(id).unwrap().contact.comment, "old");
    });
}

#[test]
fn a_creation_that_is_stale_without_an_agreement_only_fails() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        let delivery = delivery(&mut fixture, "cards", id, Action::Create { contact: ada("CEO") });
        let answer = Err(ReplicaError::Stale(None));
        assert!(!deliver(&mut fixture, &mut participant("cards", Memory::default()), delivery, answer).unwrap());
        assert_eq!((fixture.states("cards"), fixture.run.summary.failed), (vec![], 1));
    });
}

#[test]
fn a_replica_is_stopped_once_whatever_the_batch_holds() {
    with_fixture(|mut fixture| {
        let mut participant = participant("cards", Memory::default());
        let ids = ["ada-1", "ada-2"].map(|uid| fixture.contact(uid, &ada("CEO")));
        let batch = ids.map(|id| delivery(&mut fixture, "cards", id, Action::Create { contact: ada("CEO") }));
        let answers = ids.map(|_| Err(ReplicaError::Untrusted(Distrust::Other(Diagnostic::new("find the marker")))));
        assert!(!fixture.record_answers(&mut participant, batch.into(), answers.into()).unwrap());
        assert_eq!((fixture.run.summary.stopped.len(), fixture.states("cards")), (1, vec![]));
    });
}

#[test]
fn one_stale_write_among_others_asks_for_another_round() {
    with_fixture(|mut fixture| {
        let mut participant = participant("cards", Memory::default());
        let ids = ["1001", "1002", "1003"].map(|remote| {
            let id = fixture.contact(remote, &ada("CEO"));
            fixture.agree("cards", remote, id);
            id
        });
        let batch = ids.map(|id| delivery(&mut fixture, "cards", id, update(&ada("CEO"), &ada("CEO"))));
        let postponed = || Err(ReplicaError::Deferred(Diagnostic::new("wait")));
        let stale = Err(ReplicaError::Stale(Some(Box::new(seen("1002", None, &ada("CEO"))))));
        let answers = vec![postponed(), stale, postponed()];
        assert!(fixture.record_answers(&mut participant, batch.into(), answers).unwrap());
    });
}

#[test]
fn a_creation_that_was_done_is_agreed_on() {
    let check = |name: &str, version: i64, crm_id: Option<&str>, fields: FieldSet| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            fixture.sent(name, id, (Create, Refused));
            let delivery = delivery(&mut fixture, name, id, Action::Create { contact: ada("CEO") });
            let written = Some(crate::replica::RemoteContact { fields, ..seen("1001", None, &ada("CEO")) });
            assert!(!deliver(&mut fixture, &mut participant(name, Memory::default()), delivery, Ok(written)).unwrap());
            let agreement = fixture.run.mirror.agreement(name, id).unwrap().unwrap();
            assert_eq!((agreement.remote.as_str(), agreement.revision.as_str()), ("1001", "r2"));
            assert_eq!((agreement.version, fixture.run.stored(id).unwrap().version), (version, version), "{name}");
            assert!(fixture.rows(name).is_empty() && !agreement.detached);
            assert_eq!(fixture.run.summary.created.get(name), Some(&1));
            let told = fixture.told.borrow();
            let [SyncEvent::Change(change)] = told.as_slice() else { panic!("{told:?}") };
            assert_eq!((change.action, change.contact.crm_id.as_deref()), (ChangeAction::Create, crm_id));
        });
    };
    // Books that carry the CRM's id are then behind.
    check(CRM, 2, Some("1001"), FieldSet::CRM);
    check("cards", 1, None, FieldSet::CRM);
    check(CRM, 2, Some("1001"), FieldSet::CRM.without(Field::Comment));
}

#[test]
fn a_change_that_was_done_touches_nothing_else() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree(CRM, "1001", id);
        let version = fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let delivery = delivery(&mut fixture, CRM, id, update(&ada("CEO"), &ada("CTO")));
        let written = Ok(Some(seen("1001", None, &ada("CTO"))));
        deliver(&mut fixture, &mut participant(CRM, Memory::default()), delivery, written).unwrap();
        let agreement = fixture.run.mirror.agreement(CRM, id).unwrap().unwrap();
        assert_eq!((agreement.version, fixture.run.stored(id).unwrap().version), (version, version));
        assert_eq!((agreement.theirs, fixture.run.summary.updated.get(CRM)), (ada("CTO"), Some(&1)));
    });
}

#[test]
fn a_deletion_that_was_done_ends_the_agreement() {
    for agreed in [true, false] {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            if agreed {
                fixture.agree(CRM, "1001", id);
            }
            let (remote, revision, theirs) = ("1001".to_owned(), "r1".to_owned(), ada("CEO"));
            let delivery = delivery(&mut fixture, CRM, id, Action::Delete { remote, revision, theirs });
            deliver(&mut fixture, &mut participant(CRM, Memory::default()), delivery, Ok(None)).unwrap();
            assert_eq!(fixture.run.mirror.agreement(CRM, id).unwrap(), None);
            assert_eq!(fixture.run.summary.deleted.get(CRM), Some(&1));
        });
    }
}

#[test]
fn what_was_learnt_beside_a_write_is_kept() {
    with_fixture(|mut fixture| {
        let mut scripted = ScriptedReplica::new(vec![]);
        scripted.facts = vec![("crm.lists".to_owned(), "ids".to_owned())];
        fixture.run.mirror.set_fact("crm.lists", "append").unwrap();
        fixture.record_answers(&mut participant(CRM, scripted), vec![], vec![]).unwrap();
        assert_eq!(fixture.run.mirror.fact("crm.lists").unwrap().as_deref(), Some("ids"));
    });
}

/// A change of the title to "new" and what was read back; afterwards the mirror holds, and of the CRM is known that it
/// ignores.
fn check_read_back(
    known: &str,
    read: &Contact,
    (title, country): (&str, &str),
    unsupported_fields: &str,
    not_persisted: bool,
) {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("old"));
        let agreement = fixture.agree(CRM, "1001", id);
        fixture.run.mirror.set_fact("crm.ignored", known).unwrap();
        fixture.run.mirror.put_agreement(CRM, &Agreement { theirs: ada("old"), ..agreement }).unwrap();
        fixture.run.mirror.update_contact(id, &ada("new"), "").unwrap();
        let mut participant = participant(CRM, Memory::default());
        let sent = delivery(&mut fixture, CRM, id, update(&ada("old"), &ada("new")));
        deliver(&mut fixture, &mut participant, sent, Ok(Some(seen("1001", None, read)))).unwrap();
        let Contact { job_title, country: at, .. } = fixture.run.stored(id).unwrap().contact;
        assert_eq!((job_title.as_str(), at.as_str()), (title, country), "{read:?}");
        let fact = fixture.run.mirror.fact("crm.ignored").unwrap().unwrap_or_default();
        assert_eq!(fact, unsupported_fields, "{read:?}");
        let open = |fixture: &RunFixture<'_>| fixture.run.mirror.open_attention().unwrap().len();
        assert_eq!(
            (open(&fixture), fixture.run.summary.failed),
            (usize::from(not_persisted), u64::from(not_persisted))
        );
        // The next change is taken: nothing is left to be said.
        let here = fixture.run.stored(id).unwrap().contact;
        let sent = delivery(&mut fixture, CRM, id, update(read, &here));
        deliver(&mut fixture, &mut participant, sent, Ok(Some(seen("1001", None, &here)))).unwrap();
        assert_eq!(open(&fixture), 0);
    });
}

#[test]
fn what_the_crm_makes_of_a_change_is_read_back_and_learnt() {
    check_read_back("", &ada("new"), ("new", ""), "", false);
    check_read_back("", &ada("NEW "), ("new", ""), "", false);
    check_read_back("", &ada("old"), ("new", ""), "job_title", true);
    check_read_back("comment", &ada("old"), ("new", ""), "comment job_title", true);
    check_read_back("comment job_title", &ada("new"), ("new", ""), "comment", false);
    // Somebody edited it after us.
    check_read_back("", &ada("theirs"), ("theirs", ""), "", true);
    check_read_back("", &Contact { country: "France".into(), ..ada("new") }, ("new", "France"), "", false);
}

#[test]
fn what_a_book_does_not_keep_is_no_matter_of_the_crm() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree("cards", "1001", id);
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let sent = delivery(&mut fixture, "cards", id, update(&ada("CEO"), &ada("CTO")));
        let read = seen("1001", None, &ada("CEO"));
        deliver(&mut fixture, &mut participant("cards", Memory::default()), sent, Ok(Some(read))).unwrap();
        assert_eq!(fixture.run.mirror.fact("crm.ignored").unwrap(), None);
        assert!(fixture.run.mirror.open_attention().unwrap().is_empty() && fixture.run.summary.failed == 0);
        assert_eq!(fixture.run.stored(id).unwrap().contact, ada("CTO"));
    });
}

#[test]
fn a_creation_that_may_turn_up_beside_the_new_record_is_remembered() {
    for (action, expected) in
        [(Action::Create { contact: ada("CEO") }, &[Unknown][..]), (update(&ada(""), &ada("CEO")), &[])]
    {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            if matches!(action, Action::Update { .. }) {
                fixture.agree("cards", "1001", id);
            }
            fixture.sent("cards", id, (Create, Unknown));
            fixture.sent("cards", id, (Create, Refused));
            let delivery = delivery(&mut fixture, "cards", id, action);
            let mut cards = participant("cards", Memory::default());
            deliver(&mut fixture, &mut cards, delivery, Ok(Some(seen("1001", None, &ada("CEO"))))).unwrap();
            assert_eq!(fixture.states("cards"), expected);
        });
    }
}

#[test]
fn a_write_to_the_crm_stores_its_agreement_once() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree(CRM, "1001", id);
        fixture.run.mirror.update_contact(id, &ada("CTO"), "").unwrap();
        let delivery = delivery(&mut fixture, CRM, id, update(&ada("CEO"), &ada("CTO")));
        let noted = "CREATE TEMP TABLE stored (n);
                     CREATE TEMP TRIGGER made AFTER INSERT ON main.agreements BEGIN INSERT INTO stored VALUES (1); END;
                     CREATE TEMP TRIGGER put AFTER UPDATE ON main.agreements BEGIN INSERT INTO stored VALUES (1); END";
        fixture.run.mirror.connection().execute_batch(noted).unwrap();
        let answer = Ok(Some(seen("1001", None, &ada("CTO"))));
        deliver(&mut fixture, &mut participant(CRM, Memory::default()), delivery, answer).unwrap();
        let count = "SELECT count(*) FROM stored";
        let stored: i64 = fixture.run.mirror.connection().query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!((stored, fixture.rows(CRM).len()), (1, 0));
    });
}
