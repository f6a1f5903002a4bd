//! Records that no agreement names: who they are taken for.

use super::intake::Intake;
use crate::{
    contact::{Contact, Item, ItemType},
    mirror::{
        Agreement, Ambiguity, Attention, AttentionKind, ContactId,
        OutboxAction::{Create, Update},
        OutboxState::{Refused, Unknown},
        Standing, State,
    },
    replica::{RemoteContact, memory::Memory},
    sync::{
        events::{ChangeAction, SyncEvent},
        participant::{CRM, Participant},
        testing::{RunFixture, ada, participant, seen, with_fixture},
    },
};
use std::collections::BTreeSet;

/// What is different from the usual before newcomers come.
type Prepare = fn(&mut RunFixture<'_>, &mut Participant);

fn person(name: &str, email: &str) -> Contact {
    let items = Some(email).filter(|email| !email.is_empty());
    let items = items.map(|email| Item::new(ItemType::ProfessionalEmail, email)).into_iter().collect();
    Contact { last_name: name.into(), items, ..Contact::default() }
}

/// The contacts that the mirror knows: "ada", in the CRM as "1001"; "byron", there and in the book; two called Petit, in neither;
/// "curie", who waits to be made in the CRM; "gauss", who does too although the book knows an id; "noether", deleted here
/// and let go by the CRM.
fn acquaintances(fixture: &mut RunFixture<'_>) {
    let ada = fixture.contact("ada", &person("Lovelace", "ada@example.com"));
    fixture.agree(CRM, "1001", ada);
    let byron = fixture.contact("byron", &person("Byron", "byron@example.com"));
    fixture.agree(CRM, "1002", byron);
    fixture.agree("cards", "byron.vcf", byron);
    fixture.contact("petit-1", &person("Petit", ""));
    fixture.contact("petit-2", &person("Petit", ""));
    fixture.contact("curie", &person("Curie", "curie@example.com"));
    let gauss = fixture.contact("gauss", &person("Carl Gauss", ""));
    let agreement = fixture.agree("cards", "gauss.vcf", gauss);
    let marks = "gauss|1200".to_owned();
    fixture.run.mirror.put_agreement("cards", &Agreement { marks, ..agreement }).unwrap();
    let noether = fixture.contact("noether", &person("Noether", "noether@example.com"));
    let agreement = fixture.agree(CRM, "1005", noether);
    fixture.run.mirror.put_agreement(CRM, &Agreement { detached: true, ..agreement }).unwrap();
    fixture.run.mirror.delete_contact(noether, "").unwrap();
}

fn of(fixture: &RunFixture<'_>, uid: &str) -> ContactId {
    fixture.run.mirror.contact_by_uid(uid).unwrap().unwrap().id
}

/// Who a newcomer is taken for.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    For(String),
    New,
    /// A user is asked, and these are named.
    Asked(Vec<String>),
    LeftAlone,
}

fn is(uid: &str) -> Taken {
    Taken::For(uid.to_owned())
}

fn asked(uids: &[&str]) -> Taken {
    Taken::Asked(uids.iter().map(|uid| (*uid).to_owned()).collect())
}

fn raise_ambiguous(fixture: &mut RunFixture<'_>, remote: &str) {
    let attention = Attention::Ambiguous { candidates: Vec::new(), reason: Ambiguity::Several, says: None };
    let row = fixture.run.open_attention("cards", remote, attention);
    fixture.run.mirror.raise(&row).unwrap();
}

fn taken(fixture: &RunFixture<'_>, name: &str, remote: &str, known: &[String]) -> Taken {
    let uid = |id: ContactId| fixture.run.stored(id).unwrap().uid;
    if let Some(agreement) = fixture.run.mirror.agreement_by_remote(name, remote).unwrap() {
        let uid = uid(agreement.contact);
        return if known.contains(&uid) { Taken::For(uid) } else { Taken::New };
    }
    let row = fixture.run.mirror.attention_to(name, remote, &AttentionKind::Ambiguous).unwrap();
    let row = row.filter(|row| row.state == State::Open);
    let word = |uid: String| if known.contains(&uid) || uid == "made" { uid } else { "fresh".to_owned() };
    row.map_or(Taken::LeftAlone, |row| {
        Taken::Asked(row.attention.candidates().iter().copied().map(uid).map(word).collect())
    })
}

fn check_with(
    prepare: Prepare,
    name: &str,
    records: &[RemoteContact],
    missing: (&[&str], &[&str]),
    expected: &[Taken],
) {
    with_fixture(|mut fixture| {
        acquaintances(&mut fixture);
        let mut participant = participant(name, Memory::default());
        prepare(&mut fixture, &mut participant);
        let mut known: Vec<String> = Vec::new();
        for uid in ["ada", "byron", "petit-1", "petit-2", "curie", "gauss", "noether"] {
            known.extend(fixture.run.mirror.contact_by_uid(uid).unwrap().map(|stored| stored.uid));
        }
        known.push(Intake::new(&mut fixture.run).crm_uid("1300"));
        let mut left: BTreeSet<String> = missing.0.iter().map(|remote| (*remote).to_owned()).collect();
        fixture.take_newcomers(&participant, records, &mut left);
        let found: Vec<Taken> = records.iter().map(|one| taken(&fixture, name, &one.remote, &known)).collect();
        assert_eq!(found, expected, "{name} {records:?}");
        assert!(left.iter().eq(missing.1), "{left:?}");
        // What was asked of them before is answered, unless it is asked again.
        let open = fixture.run.mirror.open_attention().unwrap().len();
        assert_eq!(open, expected.iter().filter(|taken| matches!(taken, Taken::Asked(_))).count(), "{records:?}");
        for row in fixture.run.mirror.open_attention().unwrap() {
            let Attention::Ambiguous { says, .. } = &row.attention else { continue };
            let record = records.iter().find(|one| one.remote == row.remote).map(|one| &one.contact);
            assert_eq!(says.as_deref(), record, "a user sees what it says");
        }
        let told = fixture.told.borrow();
        let new =
            |event: &&SyncEvent| matches!(event, SyncEvent::Change(change) if change.action == ChangeAction::Create);
        let revived = usize::from(expected.contains(&is("noether")));
        let made = expected.iter().filter(|taken| **taken == Taken::New).count();
        assert_eq!(told.iter().filter(new).count(), made + revived);
    });
}

/// One newcomer of the book, that a question was open about.
fn check(uid: Option<&str>, crm_id: Option<&str>, contact: &Contact, expected: Taken) {
    let open: Prepare = |fixture, _| {
        raise_ambiguous(fixture, "new.vcf");
    };
    let record = RemoteContact { crm_id: crm_id.map(str::to_owned), ..seen("new.vcf", uid, contact) };
    if matches!(expected, Taken::Asked(_)) {
        check_with(|_, _| {}, "cards", &[record], (&[], &[]), &[expected]);
    } else {
        check_with(open, "cards", &[record], (&[], &[]), &[expected]);
    }
}

#[test]
fn a_books_newcomer_is_somebody_we_know_or_new_or_a_question() {
    check(Some("ada"), None, &person("X", ""), is("ada"));
    check(Some("other"), None, &person("Lovelace", "ADA@example.com"), is("ada"));
    check(None, Some("1001"), &person("Ada Lovelace", ""), is("ada"));
    check(None, Some("1001"), &person("X", ""), asked(&["ada"]));
    check(None, None, &person("Petit", ""), asked(&["petit-1", "petit-2"]));
    check(Some("other"), Some("9999"), &person("X", ""), Taken::New);
    // Namesakes that one book keeps apart are two people.
    check(None, None, &person("Byron", ""), Taken::New);
    check(None, None, &person("Byron", "byron@example.com"), asked(&["byron"]));
    // What was deleted here and turns up again is that contact, back.
    check(Some("noether"), None, &person("X", ""), is("noether"));
    check(None, None, &person("Noether", ""), is("noether"));
    check(None, Some("1005"), &person("Emmy Noether", ""), is("noether"));
    check(None, None, &person("E. Noether", "emmy@example.com; noether@example.com"), is("noether"));
}

#[test]
fn a_renamed_record_is_the_one_that_is_missing() {
    let as_it_is: Prepare = |_, _| {};
    let byron = [seen("new.vcf", None, &person("Byron", "byron@example.com"))];
    check_with(as_it_is, "cards", &byron, (&["a.vcf", "byron.vcf"], &["a.vcf"]), &[is("byron")]);
    check_with(as_it_is, "cards", &byron, (&["a.vcf"], &["a.vcf"]), &[asked(&["byron"])]);
    let detached: Prepare = |fixture, _| {
        let agreement = fixture.run.mirror.agreement_by_remote("cards", "byron.vcf").unwrap().unwrap();
        fixture.run.mirror.put_agreement("cards", &Agreement { detached: true, ..agreement }).unwrap();
        raise_ambiguous(fixture, "new.vcf");
    };
    check_with(detached, "cards", &byron, (&["a.vcf"], &["a.vcf"]), &[is("byron")]);
}

#[test]
fn newcomers_of_one_reading_are_known_to_each_other() {
    let as_it_is: Prepare = |_, _| {};
    let twice = |contact: Contact| [seen("one.vcf", None, &contact), seen("two.vcf", None, &contact)];
    let x = person("X", "x@example.com");
    check_with(as_it_is, "cards", &twice(x), (&[], &[]), &[Taken::New, asked(&["fresh"])]);
    // Only one of them is the one who is back.
    check_with(as_it_is, "cards", &twice(person("Noether", "")), (&[], &[]), &[is("noether"), Taken::New]);
    let uids = [seen("one.vcf", Some("made"), &person("X", "")), seen("two.vcf", Some("made"), &person("Y", ""))];
    check_with(as_it_is, "cards", &uids, (&[], &[]), &[Taken::New, asked(&["made"])]);
    let id =
        |remote: &str, name: &str| RemoteContact { crm_id: Some("77".into()), ..seen(remote, None, &person(name, "")) };
    let ids = [id("one.vcf", "Max Planck"), id("two.vcf", "Planck")];
    check_with(as_it_is, "cards", &ids, (&[], &[]), &[Taken::New, asked(&["fresh"])]);
}

#[test]
fn a_namesake_that_carnet_may_have_made_itself_is_asked_about_until_that_is_answered() {
    let byron = || [seen("new.vcf", None, &person("Byron", ""))];
    let none: (&[&str], &[&str]) = (&[], &[]);
    check_with(|_, _| {}, "cards", &byron(), none, &[Taken::New]);
    let lost: Prepare = |fixture, _| {
        let id = of(fixture, "byron");
        fixture.sent("cards", id, (Create, Unknown));
    };
    check_with(lost, "cards", &byron(), none, &[asked(&["byron"])]);
    let other_contact: Prepare = |fixture, _| {
        let id = of(fixture, "ada");
        fixture.sent("cards", id, (Create, Unknown));
    };
    check_with(other_contact, "cards", &byron(), none, &[Taken::New]);
    with_fixture(|mut fixture| {
        acquaintances(&mut fixture);
        let cards = participant("cards", Memory::default());
        let id = of(&fixture, "byron");
        let row = fixture.sent("cards", id, (Create, Unknown));
        let take = |fixture: &mut RunFixture<'_>| {
            fixture.take_newcomers(&cards, &byron(), &mut BTreeSet::new());
            taken(fixture, "cards", "new.vcf", &["byron".to_owned()])
        };
        assert_eq!(take(&mut fixture), asked(&["byron"]));
        fixture.run.mirror.delete_outbox(row).unwrap();
        assert_eq!(take(&mut fixture), asked(&["byron"]));
        said_of(&mut fixture, &Standing::New);
        assert_eq!(take(&mut fixture), Taken::New);
    });
}

#[test]
fn the_crms_newcomers_can_only_be_contacts_that_it_does_not_hold_yet() {
    let as_it_is: Prepare = |_, _| {};
    let crm =
        |remote: &str, contact: &Contact| RemoteContact { crm_id: Some(remote.into()), ..seen(remote, None, contact) };
    let check = |prepare, contact: &Contact, remote: &str, expected: Taken| {
        check_with(prepare, CRM, &[crm(remote, contact)], (&[], &[]), &[expected]);
    };
    let curie = person("Curie", "curie@example.com");
    check(as_it_is, &curie, "1100", is("curie"));
    check(as_it_is, &person("Lovelace", "ada@example.com"), "1100", Taken::New);
    check(as_it_is, &person("Petit", ""), "1100", Taken::New);
    check(as_it_is, &person("Noether", ""), "1100", Taken::New);
    check(as_it_is, &person("Gauss", ""), "1200", is("gauss"));
    check(as_it_is, &person("X", ""), "1200", Taken::New);
    // Two books know it by different ids.
    let twice: Prepare = |fixture, _| {
        let gauss = of(fixture, "gauss");
        let agreement = fixture.agree("phone", "gauss.vcf", gauss);
        let marks = "gauss|1201".to_owned();
        fixture.run.mirror.put_agreement("phone", &Agreement { marks, ..agreement }).unwrap();
    };
    check(twice, &person("Gauss", ""), "1200", is("gauss"));
    check(twice, &person("Gauss", ""), "1201", is("gauss"));
    // The same contact of a mirror that was lost.
    let lost: Prepare = |fixture, _| {
        let uid = Intake::new(&mut fixture.run).crm_uid("1300");
        fixture.contact(&uid, &ada("CEO"));
    };
    with_fixture(|mut fixture| {
        check(lost, &person("X", ""), "1300", is(&Intake::new(&mut fixture.run).crm_uid("1300")))
    });
    // It was made there anew since, and a book knows it by the new id.
    let made_anew: Prepare = |fixture, _| {
        let uid = Intake::new(&mut fixture.run).crm_uid("1300");
        let id = fixture.contact(&uid, &ada("CEO"));
        let agreement = fixture.agree("cards", "ada.vcf", id);
        let marks = format!("{uid}|1301");
        fixture.run.mirror.put_agreement("cards", &Agreement { marks, ..agreement }).unwrap();
    };
    check(made_anew, &person("X", ""), "1300", Taken::New);
    with_fixture(|mut fixture| {
        check(made_anew, &ada("CTO"), "1301", is(&Intake::new(&mut fixture.run).crm_uid("1300")))
    });
    let apart: Prepare = |fixture, _| {
        fixture.run.remember_standing(CRM, "curie", &Standing::Apart).unwrap();
    };
    check(apart, &curie, "1100", Taken::New);
    check_with(as_it_is, CRM, &[crm("1100", &curie), crm("1101", &curie)], (&[], &[]), &[is("curie"), Taken::New]);
    let x = person("X", "x@example.com");
    check_with(as_it_is, CRM, &[crm("1100", &x), crm("1101", &x)], (&[], &[]), &[Taken::New, Taken::New]);
}

#[test]
fn a_person_has_said_who_it_is() {
    let byron = || [seen("new.vcf", None, &person("Byron", "byron@example.com"))];
    let none: (&[&str], &[&str]) = (&[], &[]);
    let (same, new): (Prepare, Prepare) =
        (|fixture, _| same_as(fixture, "ada"), |fixture, _| said_of(fixture, &Standing::New));
    check_with(same, "cards", &byron(), none, &[is("ada")]);
    check_with(new, "cards", &byron(), none, &[Taken::New]);
    // A copy is left alone, and asked about once its contact is gone.
    with_fixture(|mut fixture| {
        acquaintances(&mut fixture);
        let id = of(&fixture, "byron");
        same_as(&mut fixture, "byron");
        let cards = participant("cards", Memory::default());
        let take = |fixture: &mut RunFixture<'_>| {
            fixture.take_newcomers(&cards, &byron(), &mut BTreeSet::new());
            taken(fixture, "cards", "new.vcf", &["byron".to_owned()])
        };
        assert_eq!([take(&mut fixture), take(&mut fixture)], [Taken::LeftAlone, Taken::LeftAlone]);
        fixture.run.mirror.delete_contact(id, "").unwrap();
        assert_eq!(take(&mut fixture), asked(&[]));
    });
}

fn same_as(fixture: &mut RunFixture<'_>, uid: &str) {
    let contact = of(fixture, uid);
    said_of(fixture, &Standing::SameAs { contact });
}

fn said_of(fixture: &mut RunFixture<'_>, standing: &Standing) {
    fixture.run.remember_standing("cards", "new.vcf", standing).unwrap();
}

#[test]
fn a_book_that_only_shows_the_mirror_brings_nobody() {
    let silent: Prepare = |_, participant| participant.direction = crate::sync::Direction::ToReplica;
    check_with(silent, "cards", &[seen("new.vcf", None, &person("X", ""))], (&[], &[]), &[Taken::LeftAlone]);
    check_with(silent, "cards", &[seen("new.vcf", Some("ada"), &person("X", ""))], (&[], &[]), &[Taken::LeftAlone]);
}

#[test]
fn questions_about_records_that_are_not_met_any_more_are_dropped() {
    with_fixture(|mut fixture| {
        raise_ambiguous(&mut fixture, "old.vcf");
        let copy = Standing::Copy { contact: 1, digest: "d".into() };
        for standing in [Standing::New, Standing::SameAs { contact: 1 }, copy] {
            fixture.run.remember_standing("cards", "old.vcf", &standing).unwrap();
        }
        fixture.take_newcomers(&participant("cards", Memory::default()), &[], &mut BTreeSet::new());
        assert!(fixture.run.mirror.open_attention().unwrap().is_empty());
        assert!(fixture.run.mirror.records_with_standing("cards").unwrap().is_empty());
    });
}

#[test]
fn a_first_crm_id_puts_the_books_behind() {
    for (name, uid, version) in [(CRM, "curie", 2), ("cards", "ada", 1), ("cards", "curie", 1)] {
        with_fixture(|mut fixture| {
            acquaintances(&mut fixture);
            let id = of(&fixture, uid);
            let contact = fixture.run.stored(id).unwrap().contact;
            fixture.take_newcomers(
                &participant(name, Memory::default()),
                &[seen("1100", None, &contact)],
                &mut BTreeSet::new(),
            );
            assert_eq!(fixture.run.stored(id).unwrap().version, version, "{name}");
            let told = fixture.told.borrow();
            let linked = |event: &&SyncEvent| matches!(event, SyncEvent::Change(change) if change.action == ChangeAction::Link && change.contact.uid == uid);
            assert_eq!(told.iter().filter(linked).count(), 1);
        });
    }
}

#[test]
fn nobody_waits_for_the_crm_when_all_are_agreed_and_nothing_is_under_way() {
    let check = |agreed: bool, row: bool, expected: bool| {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada", &ada("CEO"));
            if agreed {
                fixture.agree(CRM, "1001", id);
            }
            if row {
                fixture.sent(CRM, id, (Update, Refused));
            }
            assert_eq!(fixture.run.nobody_waits_for_the_crm().unwrap(), expected);
        });
    };
    check(true, false, true);
    check(false, false, false);
    check(true, true, false);
    check(false, true, false);
}
