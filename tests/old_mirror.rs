//! A mirror that an earlier carnet wrote, with its questions in English, opened by this one: all of them are there under
//! their numbers, and each can be answered.

use std::{fs, path::Path};

use assert_cmd::Command;
use carnet::{
    mirror::{Ambiguity, Attention, AttentionKind, Mirror, Standing, StandingKind, StopReason},
    views::{
        Reader,
        attention::{self, Subject},
    },
};
use rusqlite::Connection;

/// The schema before what waits became parameters.
const BEFORE: [&str; 5] = [
    include_str!("../migrations/mirror/0001-initial/up.sql"),
    include_str!("../migrations/mirror/0002-uptimes/up.sql"),
    include_str!("../migrations/mirror/0003-question-details/up.sql"),
    include_str!("../migrations/mirror/0004-other-uids/up.sql"),
    include_str!("../migrations/mirror/0005-cursors/up.sql"),
];

/// Ada and Bob are known, Zoé's creation was lost.
const PEOPLE: &str = "
    INSERT INTO runs (command, started_at) VALUES ('sync', '2026-01-01T00:00:00Z');
    INSERT INTO contacts (uid, last_name, version, created_at, created_by, created_run, updated_at)
    VALUES ('u-1', 'Ada', 1, '', 'crm', 1, ''), ('u-2', 'Bob', 1, '', 'crm', 1, ''), ('u-3', 'Zoé', 1, '', 'cards', 1, '');
    INSERT INTO agreements (replica, contact, remote, revision, version) VALUES ('crm', 1, '1042', 'r', 1), ('crm', 2, '1043', 'r', 1);
    INSERT INTO outbox (replica, contact, action, state, payload, highest_id, sent_at)
    VALUES ('crm', 3, 'create', 'parked', '{}', 1043, '2026-01-01T00:00:00Z');
";

/// Who is who: the questions name a contact by its name and CRM id, where its UID stood.
const NAMES: [(&str, &str); 3] =
    [("contact u-1", "contact Ada (1042)"), ("contact u-2", "contact Bob (1043)"), ("contact u-3", "contact Zoé")];

/// Replica, record, kind, contact, text and detail of a question.
type Question = (&'static str, &'static str, &'static str, Option<i64>, &'static str, &'static str);

const OPEN: [Question; 12] = [
    (
        "crm",
        "u-3",
        "parked",
        Some(3),
        "contact u-3 may or may not have been created in the CRM: its answer was lost",
        "",
    ),
    (
        "cards",
        "x.vcf",
        "ambiguous",
        None,
        "x.vcf could be 2 known contacts; it was left alone",
        r#"{"candidates":[1,2]}"#,
    ),
    (
        "cards",
        "y.vcf",
        "ambiguous",
        None,
        "y.vcf looks like a copy of ada.vcf; it was left alone",
        r#"{"candidates":[1]}"#,
    ),
    (
        "cards",
        "z.vcf",
        "ambiguous",
        None,
        "z.vcf carries the CRM id of a contact with which it has nothing in common; it was left alone",
        r#"{"candidates":[2]}"#,
    ),
    ("cards", "o.vcf", "ambiguous", None, "o.vcf was a copy of a contact that is deleted; it was left alone", ""),
    ("cards", "p.vcf", "ambiguous", None, "p.vcf is one of two", r#"{"candidates":[1,2]}"#),
    (
        "crm",
        "u-1",
        "untaken",
        Some(1),
        "the CRM does not show job_title, contact_items of contact u-1 as the mirror has it",
        "",
    ),
    ("crm", "u-2", "untaken", Some(2), "the CRM shows another birthday", ""),
    (
        "cards",
        "",
        "held_deletion",
        None,
        "30 of 100 contacts are missing from cards; 10 may go without a word",
        r#"{"todo":"nothing was deleted; if this is meant, run `carnet sync --max-delete 30`"}"#,
    ),
    (
        "sheet",
        "",
        "stopped",
        None,
        "sheet is empty, and held 9 contacts before",
        r#"{"todo":"look at it first; if this is meant, run `carnet sync --force`"}"#,
    ),
    (
        "phone",
        "",
        "stopped",
        None,
        "use book \"phone\": there is no marker file at /b",
        r#"{"todo":"is its disk mounted?"}"#,
    ),
    ("crm", "", "a later carnet's", None, "the quota is reached", ""),
];

const ANSWERED: [Question; 4] = [
    ("cards", "a.vcf", "same_as", Some(1), "a person said who a.vcf is", ""),
    ("cards", "b.vcf", "new", None, "a person said who b.vcf is", ""),
    ("cards", "c.vcf", "copy", Some(2), "a person said that c.vcf is a copy", r#"{"digest":"d1"}"#),
    ("crm", "u-2", "apart", Some(2), "a person said that no newcomer of the CRM is contact u-2", ""),
];

fn old_mirror(path: &Path) {
    let old = Connection::open(path).unwrap();
    for sql in BEFORE {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch(PEOPLE).unwrap();
    let insert = |(replica, remote, kind, contact, text, detail): Question, state: &str| {
        let sql = "INSERT INTO questions (run, replica, remote, kind, contact, text, state, detail)
                   VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, ''))";
        old.execute(sql, rusqlite::params![replica, remote, kind, contact, text, state, detail]).unwrap();
    };
    // The first number was used and is free again; it must not be given to anything else.
    insert(("crm", "gone", "untaken", None, "", ""), "settled");
    old.execute("DELETE FROM questions", []).unwrap();
    OPEN.into_iter().for_each(|question| insert(question, "open"));
    ANSWERED.into_iter().for_each(|question| insert(question, "settled"));
    old.pragma_update(None, "user_version", 5).unwrap();
}

fn worded(kind: AttentionKind, text: &str, todo: Option<&str>, candidates: &[i64]) -> Attention {
    Attention::Worded { kind, text: text.to_owned(), todo: todo.map(str::to_owned), candidates: candidates.to_vec() }
}

#[test]
fn every_question_and_answer_is_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carnet.db");
    old_mirror(&path);
    let mut mirror = Mirror::open(&path).unwrap();
    let rows = mirror.open_attention().unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.replica.as_str(), row.remote.as_str(), row.contact)).collect();
    assert_eq!(found, OPEN.map(|(replica, remote, _, contact, ..)| (replica, remote, contact)));
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), (2..14).collect::<Vec<_>>());
    let ambiguous =
        |candidates: &[i64], reason| Attention::Ambiguous { candidates: candidates.to_vec(), reason, says: None };
    let mut found: Vec<Attention> = rows.iter().map(|row| row.attention.clone()).collect();
    let expected = [
        Attention::LostCreation,
        ambiguous(&[1, 2], Ambiguity::Several),
        ambiguous(&[1], Ambiguity::CopyOf { record: "ada.vcf".into() }),
        ambiguous(&[2], Ambiguity::ForeignId),
        ambiguous(&[], Ambiguity::CopyOfDeleted),
        worded(AttentionKind::Ambiguous, "p.vcf is one of two", None, &[1, 2]),
    ];
    assert_eq!(found.drain(..6).collect::<Vec<_>>(), expected);
    let later = AttentionKind::Other("a later carnet's".into());
    let no_marker = "use book \"phone\": there is no marker file at /b";
    let fields = ["job_title", "contact_items"].map(|name| carnet::contact::Field::from_name(name).unwrap());
    let expected = [
        Attention::NotPersisted { fields: fields.to_vec(), tried: Vec::new() },
        worded(AttentionKind::NotPersisted, "the CRM shows another birthday", None, &[]),
        Attention::HeldDeletions { missing: 30, known: 100, allowed: 10, contacts: Vec::new() },
        Attention::Stopped { reason: StopReason::Emptied { known: 9 } },
        worded(AttentionKind::Stopped, no_marker, Some("is its disk mounted?"), &[]),
        worded(later, "the quota is reached", None, &[]),
    ];
    assert_eq!(found, expected);

    let said = |record: &str, kind| mirror.standing("cards", record, kind).unwrap();
    assert_eq!(said("a.vcf", StandingKind::SameAs), Some(Standing::SameAs { contact: 1 }));
    assert_eq!(said("b.vcf", StandingKind::New), Some(Standing::New));
    let copy = Standing::Copy { contact: 2, digest: "d1".into() };
    assert_eq!(said("c.vcf", StandingKind::Copy), Some(copy));
    assert_eq!(mirror.standing("crm", "u-2", StandingKind::Apart).unwrap(), Some(Standing::Apart));

    // Raised again with the same parameters, it waits since it was raised first.
    for row in rows {
        assert!(!mirror.raise(&carnet::mirror::AttentionRow { run: 9, ..row.clone() }).unwrap(), "{row:?}");
    }
}

#[test]
fn every_question_is_shown_in_the_same_words_and_can_be_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carnet.db");
    old_mirror(&path);
    drop(Mirror::open(&path).unwrap());
    fs::write(folder.path().join("carnet.toml"), "[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n").unwrap();
    let carnet = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("carnet").unwrap();
        command.env_clear().env("NO_COLOR", "1").arg("-c").arg(folder.path().join("carnet.toml"));
        let output = command.args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    };
    let (_, listed) = carnet(&["--json", "conflicts"]);
    let listed: Vec<serde_json::Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.len(), OPEN.len());
    for (object, (number, (_, _, kind, _, text, detail))) in listed.iter().zip((2..).zip(OPEN)) {
        assert_eq!(object["number"], format!("q{number}"));
        let text = NAMES.iter().fold(text.to_owned(), |text, (uid, name)| text.replace(uid, name));
        assert_eq!((&object["kind"], &object["text"]), (&kind.into(), &text.as_str().into()));
        let todo = serde_json::from_str::<serde_json::Value>(detail).map(|detail| detail["todo"].clone());
        assert_eq!(object["todo"], todo.unwrap_or_default(), "{text}");
    }
    for (number, (_, _, kind, ..)) in (2..).zip(OPEN) {
        let answer = match kind {
            "parked" => &["--create"][..],
            "ambiguous" if number % 2 == 0 => &["--same-as", "1042"],
            "ambiguous" => &["--new"],
            _ => &["--dismiss"],
        };
        let id = format!("q{number}");
        let (code, told) = carnet(&[&["conflicts", "resolve", &id], answer].concat());
        assert_eq!(code, Some(0), "{id}: {told}");
    }
    let left = attention::items(&Reader::open(&path).unwrap(), false).unwrap();
    assert!(left.iter().all(|item| matches!(item.subject, Subject::Conflict { .. })), "{left:?}");
}
