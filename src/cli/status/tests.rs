//! What `carnet status` says, to the letter.

use std::path::Path;

use super::*;
use crate::{
    cli::{messages::Language, output::captured},
    config::Environment,
    contact::Contact,
    mirror::{
        AbsenceRow, Activity, Agreement, Attention, AttentionKind, AttentionRow, Mirror, OutboxAction, OutboxRow,
        OutboxState, ProblemRow, ProblemSubject, State,
    },
    sync::events::Label,
};

#[test]
fn the_next_run_is_what_the_daemon_says() {
    let nothing = |_: &str| None;
    let text = "[crm]\nurl = \"sandbox\"\n[sync]\nschedule = \"every 1h\"";
    let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
    let now = DateTime::parse_from_rfc3339("2026-01-01T10:20:00Z").unwrap().with_timezone(&Utc);
    let check = |next: Option<&str>, failures: u32, expected: &str| {
        let daemon = DaemonNote {
            pid: 7,
            started: "".into(),
            next: next.map(str::to_owned),
            failures,
            resting: Default::default(),
            paused: None,
        };
        let status = status(&Mirror::in_memory().unwrap().into(), asked(&settings)).unwrap();
        let shown = Shown::new(status, Some(daemon), &settings, now);
        let at = shown.next.map(|next| next.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string());
        let words = shown.next_run().unwrap().replace(&at.unwrap_or("NEVER".into()), "NEXT");
        assert_eq!(anstream::adapter::strip_str(&words).to_string(), expected);
    };
    check(Some("2026-01-01T10:36:04Z"), 0, "NEXT (daemon, process 7)");
    check(Some("2026-01-01T10:36:04Z"), 3, "NEXT after 3 failed runs (daemon, process 7)");
    check(None, 0, "at work now (daemon, process 7)");
    let (at, resting) = ("2026-01-01T10:00:00Z", Default::default());
    let paused = Some(at.to_owned());
    let daemon = DaemonNote { pid: 7, started: "".into(), next: None, failures: 0, resting, paused };
    let status = status(&Mirror::in_memory().unwrap().into(), asked(&settings)).unwrap();
    let words = Shown::new(status, Some(daemon), &settings, now).next_run().unwrap();
    let expected = format!("paused since {} (daemon, process 7; the desk has it go on)", clock::local(at));
    assert_eq!(anstream::adapter::strip_str(&words).to_string(), expected);
}

#[test]
fn status_counts_what_is_pending_and_what_waits() {
    let text = "[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"t\"\n[sync]\nschedule = \"every 1h\"";
    let nothing = |_: &str| None;
    let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
    let mut mirror = Mirror::in_memory().unwrap();
    let at = "2026-01-01T00:00:00Z";
    let run = mirror.begin_run("sync", at).unwrap();
    mirror.finish_run(run, at, "done", 3, "{}").unwrap();
    let contact = Contact { last_name: "Durand".into(), ..Contact::default() };
    let id = mirror.insert_contact("u-1", &contact, "crm", run, at).unwrap();
    let agreement = Agreement {
        contact: id,
        remote: "1042".into(),
        revision: "r".into(),
        theirs: contact.clone(),
        ours: contact,
        version: 1,
        detail: None,
        detached: false,
        marks: String::new(),
    };
    mirror.put_agreement("crm", &agreement).unwrap();
    let worded = |kind: AttentionKind, text: &str, todo: Option<&str>| Attention::Worded {
        kind,
        text: text.to_owned(),
        todo: todo.map(str::to_owned),
        candidates: Vec::new(),
    };
    let ambiguous = AttentionRow {
        id: 0,
        run,
        replica: "team".into(),
        remote: "a.vcf".into(),
        contact: None,
        attention: worded(AttentionKind::Ambiguous, "a.vcf could be two contacts", None),
        state: State::Open,
    };
    mirror.raise(&ambiguous).unwrap();
    let attention = Attention::HeldDeletions { missing: 30, known: 100, allowed: 10, contacts: Vec::new() };
    mirror.raise(&AttentionRow { remote: String::new(), attention, ..ambiguous }).unwrap();
    let lost = OutboxRow {
        id: 0,
        replica: "crm".into(),
        contact: id,
        action: OutboxAction::Update,
        state: OutboxState::Unknown,
        payload: "{}".into(),
        highest_id: None,
        sent_at: at.into(),
        sent_uptime: "boot 1.000".into(),
        attempts: 1,
        error: Some("change contact 1042: no whole answer within 60 s".into()),
    };
    mirror.put_outbox(&lost).unwrap();
    let absence = AbsenceRow {
        replica: "team".into(),
        remote: "b.vcf".into(),
        contact: id,
        strikes: 1,
        first_at: at.into(),
        first_uptime: String::new(),
        last_run: run,
    };
    mirror.put_absence(&absence).unwrap();
    let subject = |place: &str, contact: Option<i64>, message: &str| ProblemSubject {
        place: place.into(),
        contact,
        message: message.into(),
    };
    let unreadable = ProblemRow {
        id: 0,
        replica: "team".into(),
        activity: Activity::Read,
        first: subject("broken.vcf line 1", None, "has no END:VCARD"),
        others: Vec::new(),
        count: 1,
        hint: Some("mend or restore the card".into()),
        first_run: run,
        last_run: run,
    };
    mirror.put_problem(&unreadable).unwrap();
    let (first, others) =
        (subject("", Some(id), "write s.csv: no space"), vec![subject("", Some(99), "write s.csv: no space")]);
    let activity = Activity::Write;
    mirror.put_problem(&ProblemRow { activity, first, others, count: 147, hint: None, ..unreadable.clone() }).unwrap();
    let first = subject("", None, "open /x/team: permission denied");
    mirror.put_problem(&ProblemRow { first, hint: None, ..unreadable }).unwrap();
    let now = DateTime::parse_from_rfc3339("2026-01-01T10:20:00Z").unwrap().with_timezone(&Utc);
    let status = Shown::new(status(&mirror.into(), asked(&settings)).unwrap(), None, &settings, now);
    insta::assert_snapshot!(serde_json::to_string_pretty(&status.object(Language::English.messages())).unwrap(), @r#"
    {
      "conflicts": [],
      "contacts": 1,
      "daemon": null,
      "exit_code": 3,
      "last_run": {
        "command": "sync",
        "exit_code": 3,
        "finished_at": "2026-01-01T00:00:00Z",
        "outcome": "done",
        "run": 1,
        "started_at": "2026-01-01T00:00:00Z",
        "summary": {},
        "type": "run"
      },
      "next_run": "2026-01-01T11:00:00Z",
      "out_of_the_crm": {
        "company": {
          "contacts": 0,
          "values": []
        }
      },
      "problems": [
        {
          "activity": "read",
          "count": 1,
          "hint": "mend or restore the card",
          "replica": "team",
          "run": 1,
          "since": "2026-01-01T00:00:00Z",
          "subjects": [
            {
              "message": "has no END:VCARD",
              "place": "broken.vcf line 1"
            }
          ],
          "text": "broken.vcf line 1: has no END:VCARD",
          "type": "problem"
        },
        {
          "activity": "write",
          "count": 147,
          "hint": null,
          "replica": "team",
          "run": 1,
          "since": "2026-01-01T00:00:00Z",
          "subjects": [
            {
              "contact": {
                "crm_id": "1042",
                "name": "Durand",
                "uid": "u-1"
              },
              "message": "failed to write s.csv: no space"
            },
            {
              "message": "failed to write s.csv: no space"
            }
          ],
          "text": "147 contacts could not be written: failed to write s.csv: no space (Durand (1042), and 146 more)",
          "type": "problem"
        },
        {
          "activity": "read",
          "count": 1,
          "hint": null,
          "replica": "team",
          "run": 1,
          "since": "2026-01-01T00:00:00Z",
          "subjects": [
            {
              "message": "failed to open /x/team: permission denied"
            }
          ],
          "text": "failed to open /x/team: permission denied",
          "type": "problem"
        }
      ],
      "questions": [
        {
          "command": "carnet conflicts resolve q1 --same-as CONTACT (or --new)",
          "id": 1,
          "kind": "ambiguous",
          "remote": "a.vcf",
          "replica": "team",
          "since": "2026-01-01T00:00:00Z",
          "text": "a.vcf could be two contacts"
        },
        {
          "command": "nothing was deleted; if this is meant, run `carnet sync --max-delete 30`",
          "id": 2,
          "kind": "held_deletion",
          "remote": "",
          "replica": "team",
          "since": "2026-01-01T00:00:00Z",
          "text": "30 of 100 contacts are missing from team; 10 may go without a word"
        }
      ],
      "replicas": [
        {
          "alters": [],
          "held": 1,
          "missing": 0,
          "pending": {
            "create": 0,
            "delete": 0,
            "update": 0
          },
          "replica": "crm",
          "staying": 0,
          "unsettled": [
            {
              "action": "update",
              "contact": {
                "crm_id": "1042",
                "name": "Durand",
                "uid": "u-1"
              },
              "error": "change contact 1042: no whole answer within 60 s",
              "sent_at": "2026-01-01T00:00:00Z",
              "state": "unknown",
              "todo": "nothing to type: the next runs look whether it was taken, and send it again if it was not"
            }
          ]
        },
        {
          "alters": [],
          "held": 0,
          "missing": 1,
          "pending": {
            "create": 1,
            "delete": 0,
            "update": 0
          },
          "replica": "team",
          "staying": 0,
          "unsettled": []
        }
      ],
      "type": "status",
      "waiting": 6
    }
    "#);
    assert_eq!(status.code(), 3);
    let (mut out, written) = captured::output(true, false, false);
    status.print(&mut out).unwrap();
    let next = clock::shown(status.next.unwrap());
    let text = written.text().replace(&local(at), "THEN").replace(&next, "NEXT");
    insta::assert_snapshot!(text, @r"
    mirror    1 contact
    last run  THEN sync (run 1): done (exit code 3)
    next run  NEXT (if `carnet daemon` ran; it does not)
    crm       1 contact, 1 write unsettled, see below
    team      0 contacts, 1 to create, 1 not found there, looked for again
    waiting   team a.vcf could be two contacts  since THEN
              carnet conflicts resolve q1 --same-as CONTACT (or --new)
    waiting   team: deletions are held: 30 of 100 contacts are missing from team; 10 may go without a word  since THEN
              nothing was deleted; if this is meant, run `carnet sync --max-delete 30`
    waiting   crm change of Durand (1042): the answer was lost (change contact 1042: no whole answer within 60 s)  since THEN
              nothing to type: the next runs look whether it was taken, and send it again if it was not
    waiting   team: broken.vcf line 1: has no END:VCARD  since THEN
              mend or restore the card
    waiting   team: 147 contacts could not be written: failed to write s.csv: no space (Durand (1042), and 146 more)  since THEN
              nothing to type: each run tries again, and this goes once one succeeds
    waiting   team: failed to open /x/team: permission denied  since THEN
              nothing to type: each run tries again, and this goes once one succeeds
    ");
}

#[test]
fn what_a_books_server_alters_stands_below_the_book() {
    let text = "[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"phones\"\nkind = \"carddav\"\nurl = \"https://a.example/\"\n\
                [[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"t\"\n";
    let nothing = |_: &str| None;
    let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
    let mut mirror = Mirror::in_memory().unwrap();
    mirror.set_fact(&alters_fact("phones"), "NICKNAME PHOTO company").unwrap();
    mirror.set_fact(&alters_fact("team"), "not a server's").unwrap();
    let status = Shown::new(status(&mirror.into(), asked(&settings)).unwrap(), None, &settings, Utc::now());
    let object = status.object(Language::English.messages());
    let alters = |place: usize| &object["replicas"][place]["alters"];
    assert_eq!(*alters(1), json!(["NICKNAME", "PHOTO", "company"]));
    assert_eq!((alters(0), alters(2)), (&json!([]), &json!([])));
    assert_eq!(status.code(), 0, "nothing waits for that");
    let (mut out, written) = captured::output(true, false, false);
    status.print(&mut out).unwrap();
    let books: Vec<String> =
        written.text().lines().filter(|line| line.starts_with(['p', 't'])).map(str::to_owned).collect();
    let altered = "phones    the server does not keep as sent: NICKNAME, PHOTO, company; carnet does";
    assert_eq!(books, ["phones    0 contacts", altered, "team      0 contacts"]);
}

#[test]
fn what_becomes_of_a_write_is_said_in_plain_words() {
    let check = |action: OutboxAction, state: OutboxState, words: &str, todo: &str| {
        let contact = Label { uid: "u-1".into(), ..Label::default() };
        let write = UnsettledWrite { action, state, sent_at: String::new(), error: None, contact };
        let messages = Language::English.messages();
        assert_eq!(anstream::adapter::strip_str(&unsettled(&write, "crm", messages)).to_string(), words);
        assert!(messages.unsettled_todo(&write).contains(todo), "{}", messages.unsettled_todo(&write));
    };
    use OutboxAction::{Create, Delete, Update};
    use OutboxState::{HeldForReview, Refused, Sent, Unknown};
    check(Create, Unknown, "crm creation of u-1: the answer was lost", "only if it is not there");
    check(Update, Unknown, "crm change of u-1: the answer was lost", "look whether it was taken");
    check(Update, Refused, "crm change of u-1: refused", "change the contact");
    check(Delete, Refused, "crm deletion of u-1: refused", "delete it in the CRM itself");
    check(Create, Sent, "crm creation of u-1: under way, or cut off", "looks what became of it");
    check(Create, HeldForReview, "crm creation of u-1: it may or may not have been made", "carnet conflicts");
}
