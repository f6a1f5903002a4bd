//! What a run prints, to the letter.

use std::path::Path;

use clap::Parser;

use super::*;
use crate::{
    cli::{
        args::Cli,
        output::captured::{self, Written},
    },
    config::Environment,
    contact::Field,
    replica::Problem,
    sync::{
        Activity, Attention, AttentionKind,
        events::{FieldChange, Stopped},
    },
};

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn label(name: &str) -> Label {
    Label { uid: "u-1".into(), crm_id: Some("1042".into()), name: name.into() }
}

fn update() -> SyncEvent {
    let fields = vec![
        FieldChange { field: Field::JobTitle, old: "a".into(), new: "b".into() },
        FieldChange { field: Field::Comment, old: "".into(), new: "two\nlines\u{1b}[2J".into() },
    ];
    let contact = label("Élodie Durand");
    SyncEvent::Change(Change { place: "crm".into(), action: ChangeAction::Update, contact, fields })
}

fn scanned(replica: &str, contacts: u64, pages: u32) -> Vec<SyncEvent> {
    let name = || replica.to_owned();
    vec![
        SyncEvent::ScanStarted { replica: name() },
        SyncEvent::ScanProgress { replica: name(), contacts, pages, pages_expected: Some(pages) },
        SyncEvent::ScanFinished { replica: name(), contacts, whole: true },
    ]
}

/// Standard output and standard error of a run, typed as `carnet FLAGS sync` on a terminal.
fn told(flags: &str, dry_run: bool, events: Vec<SyncEvent>, summary: &Summary) -> (String, String) {
    told_to(true, flags, dry_run, events, summary)
}

fn told_to(terminal: bool, flags: &str, dry_run: bool, events: Vec<SyncEvent>, summary: &Summary) -> (String, String) {
    let words = format!("carnet {flags} status");
    let global = Cli::parse_from(words.split_whitespace()).global;
    let text = "[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"t\"\n\
                [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s\"\n";
    let nothing = |_: &str| None;
    let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
    let (mut out, written) = captured::output(false, global.json, global.quiet);
    let talk = Written::default();
    let mut report = Report::to(&mut out, (Box::new(talk.clone()), terminal), &global, &settings, dry_run);
    for event in events {
        report.event(event);
    }
    report.summary(summary).unwrap();
    (written.text(), talk.text())
}

#[test]
fn a_first_sync_is_a_few_calm_lines() {
    let events = [scanned("crm", 250, 5), scanned("team", 0, 0), scanned("sheet", 1, 0), vec![update()]].concat();
    let summary = Summary {
        run: 1,
        created: counts(&[("mirror", 250), ("team", 250), ("sheet", 249)]),
        updated: counts(&[("crm", 1)]),
        ..Summary::default()
    };
    let (out, talk) = told("", false, events, &summary);
    insta::assert_snapshot!(out, @r#"
    crm     250 contacts, 5 pages
    team    0 cards
    sheet   1 row
    mirror  250 created
    crm     1 updated
    team    250 created
    sheet   249 created
    "#);
    assert_eq!(talk, "");
}

#[test]
fn what_was_not_read_is_not_said_to_be_empty() {
    let finished = SyncEvent::ScanFinished { replica: "crm".into(), contacts: 0, whole: false };
    let (out, _) = told("", false, vec![finished], &Summary::default());
    assert_eq!(out, "nothing changed\n");
}

#[test]
fn a_second_sync_says_that_nothing_changed() {
    let (out, _) = told("", false, scanned("crm", 250, 5), &Summary { run: 2, ..Summary::default() });
    insta::assert_snapshot!(out, @r#"
    crm     250 contacts, 5 pages
    nothing changed
    "#);
}

#[test]
fn a_dry_run_shows_each_change_and_says_that_it_wrote_nothing() {
    let summary = Summary { updated: counts(&[("crm", 1)]), dry_run: true, ..Summary::default() };
    let (out, _) = told("", true, vec![update()], &summary);
    insta::assert_snapshot!(out, @r#"
    crm  update  Élodie Durand (1042)  job_title: "a" -> "b", comment: "" -> "two\nlines [2J"
    crm     1 to update
    dry run: nothing was written
    "#);
    let (verbose, _) = told("-v", false, vec![update()], &summary);
    assert!(verbose.starts_with("crm  update  Élodie Durand (1042)  job_title: "), "{verbose}");
}

/// As a replica says it itself.
fn too_many_deletions() -> Stopped {
    let (kind, text) = (AttentionKind::Stopped, "team: too many deletions".into());
    Stopped { replica: "team".into(), attention: Attention::Worded { kind, text, todo: None, candidates: Vec::new() } }
}

#[test]
fn troubles_are_told_on_stderr_and_their_sum_on_stdout() {
    let problem = |number: u32| SyncEvent::Problem {
        replica: "sheet".into(),
        problem: Problem {
            place: format!("row {number}"),
            message: "has 3 cells".into(),
            hint: Some("mend the row".into()),
            remote: None,
        },
        telling: match number {
            1 => Telling::Whole,
            2..=3 => Telling::Brief,
            4..=24 => Telling::Counted,
            _ => Telling::Known,
        },
    };
    let mut events: Vec<SyncEvent> = (1..=25).map(problem).collect();
    events.push(SyncEvent::FailedAlike { replica: "sheet".into(), activity: Activity::Read, count: 21 });
    events.push(SyncEvent::Failed {
        replica: "crm".into(),
        contact: Some(label("Ada")),
        message: "save it: last name is too long".into(),
        hint: Some("shorten it".into()),
        telling: Telling::Whole,
    });
    events.push(SyncEvent::Failed {
        replica: "team".into(),
        contact: None,
        message: "open /x/team: permission denied".into(),
        hint: None,
        telling: Telling::Whole,
    });
    events.push(SyncEvent::Notice { replica: "team".into(), message: "the marker is missing".into(), hint: None });
    events.push(SyncEvent::Conflict(ConflictNote {
        replica: "crm".into(),
        contact: label("Ada"),
        field: Some(Field::Comment),
        here: "x".into(),
        there: "y".into(),
        kept: "there".into(),
    }));
    let summary =
        Summary { conflicts: 1, failed: 26, waiting: 1, stopped: vec![too_many_deletions()], ..Summary::default() };
    let (out, talk) = told("", false, events.clone(), &summary);
    insta::assert_snapshot!(out, @r#"
    crm  conflict  Ada (1042)  comment: mirror "x", crm "y"; crm's is kept
    1 conflict: every value is kept, see `carnet conflicts --all`
    26 failed: see above
    1 waits for you: see `carnet status`
    "#);
    insta::assert_snapshot!(talk, @r#"
    warning: sheet: row 1: has 3 cells
    hint: mend the row
    warning: sheet: row 2: has 3 cells
    warning: sheet: row 3: has 3 cells
    warning: sheet: 21 more could not be read for the same reason; -v names each
    warning: crm: Ada (1042): failed to save it: last name is too long
    hint: shorten it
    warning: team: failed to open /x/team: permission denied
    warning: team: the marker is missing
    stopped: team: too many deletions
    "#);
    let (out, talk) = told("-q", false, events.clone(), &summary);
    assert_eq!(out, "");
    assert!(!talk.contains("marker") && talk.contains("failed to save it"), "{talk}");
    let (_, talk) = told("-v", false, events, &summary);
    assert!(talk.contains("row 25") && !talk.contains("more could"), "{talk}");
}

#[test]
fn where_nobody_sits_stderr_names_people_by_id_alone() {
    let failed = |crm_id: Option<&str>| SyncEvent::Failed {
        replica: "crm".into(),
        contact: Some(Label { crm_id: crm_id.map(Into::into), ..label("Élodie Durand") }),
        message: "save it: no".into(),
        hint: None,
        telling: Telling::Whole,
    };
    let conflict = SyncEvent::Conflict(ConflictNote {
        replica: "crm".into(),
        contact: label("Élodie Durand"),
        field: Some(Field::Comment),
        here: "Élodie".into(),
        there: "Durand".into(),
        kept: "there".into(),
    });
    let events = [failed(Some("1042")), failed(None), conflict, update()].to_vec();
    let summary = Summary { failed: 2, ..Summary::default() };
    for flags in ["", "-v"] {
        let (_, talk) = told_to(false, flags, false, events.clone(), &summary);
        let expected = "warning: crm: contact 1042: failed to save it: no\n\
                        warning: crm: contact u-1: failed to save it: no\n";
        assert_eq!(talk, expected, "{flags}");
    }
    let (_, talk) = told_to(true, "", false, events, &summary);
    assert!(talk.starts_with("warning: crm: Élodie Durand (1042): failed"), "{talk}");
}

#[test]
fn a_photo_in_conflict_fills_no_screen() {
    let conflict = SyncEvent::Conflict(ConflictNote {
        replica: "crm".into(),
        contact: label("Ada"),
        field: Some(Field::Extra),
        here: "é".repeat(200),
        there: "x".repeat(5_000),
        kept: "open".into(),
    });
    let (out, _) = told("", false, vec![conflict], &Summary::default());
    let line = out.lines().next().unwrap();
    assert!(line.contains(&format!("mirror \"{}\", crm \"{}...\"", "é".repeat(200), "x".repeat(200))), "{line}");
}

#[test]
fn json_is_one_object_a_line_and_ends_with_the_summary() {
    let events = [scanned("crm", 250, 5), vec![update()]].concat();
    let summary = Summary { run: 7, ..Summary::default() };
    let (out, talk) = told("--json", false, events.clone(), &summary);
    let types: Vec<String> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["event", "event", "change", "summary"]);
    assert_eq!(talk, "");
    let (out, _) = told("--json -v", false, events, &summary);
    assert!(out.contains("scan_progress"));
}
