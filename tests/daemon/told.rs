//! The settings' programs are told what is new, once, by the real processes.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::process::{Desk, Practice, Running};

const PATIENCE: Duration = Duration::from_secs(60);
const BROKEN: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Broken\r\n";

fn settings(desk: &Desk, more: &str) {
    desk.settings(&format!(
        "[crm]\nurl = \"sandbox\"\n[sync]\nschedule = \"@yearly\"\n\
         [[book]]\nname = \"cards\"\nkind = \"vdir\"\npath = \"cards\"\n[notify]\n{more}"
    ));
}

/// All that a program was told, in order.
fn told(desk: &Desk) -> Vec<Value> {
    let text = fs::read_to_string(desk.path("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn eventually(desk: &Desk, count: usize) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let told = told(desk);
        if told.len() >= count || Instant::now() > until {
            assert_eq!(told.len(), count, "{told:#?}");
            return told;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_waits_is_told_once_and_again_when_it_is_back() {
    let desk = Desk::with("");
    settings(&desk, "on_waiting = [\"sh\", \"-c\", \"cat >> told\"]\n");
    assert_eq!(desk.run(&["sync"]).code, 0);
    assert!(told(&desk).is_empty());
    let card = desk.path("cards/ada-lovelace.vcf");
    fs::write(&card, BROKEN).unwrap();
    assert_eq!(desk.run(&["sync", "--dry-run"]).code, 3);
    assert!(told(&desk).is_empty(), "a rehearsal tells nobody");
    for _ in 0..2 {
        assert_eq!(desk.run(&["sync"]).code, 3);
        assert_eq!(told(&desk).len(), 1);
    }
    let first = told(&desk).remove(0);
    assert_eq!(
        (&first["type"], &first["new"], &first["waiting"]),
        (&"waiting".into(), &1.into(), &1.into()),
        "{first}"
    );
    let matter = &first["matters"][0];
    assert_eq!((&matter["kind"], &matter["replica"]), (&"problem".into(), &"cards".into()), "{first}");
    assert!(first["subject"].as_str().unwrap().starts_with("carnet: 1 new thing waits"), "{first}");
    assert!(!first.to_string().contains("lovelace"), "{first}");
    // It goes away, and comes back; names are told where they are wanted.
    fs::remove_file(&card).unwrap();
    assert_eq!(desk.run(&["sync"]).code, 0);
    settings(&desk, "names = true\non_waiting = [\"sh\", \"-c\", \"cat >> told\"]\n");
    fs::write(&card, BROKEN).unwrap();
    assert_eq!(desk.run(&["sync"]).code, 3);
    assert!(told(&desk)[1].to_string().contains("lovelace"), "{:?}", told(&desk));
}

#[test]
fn a_program_that_fails_changes_no_run_and_is_tried_again() {
    let desk = Desk::with("");
    settings(&desk, "on_waiting = [\"sh\", \"-c\", \"exit 9\"]\n");
    assert_eq!(desk.run(&["sync"]).code, 0);
    fs::write(desk.path("cards/x.vcf"), BROKEN).unwrap();
    let partly = desk.run(&["sync"]);
    assert_eq!(partly.code, 3, "{}", partly.told);
    assert!(partly.told.contains("failed to tell of it") && partly.told.contains("exit status: 9"), "{}", partly.told);
    settings(&desk, "on_waiting = [\"sh\", \"-c\", \"cat >> told\"]\n");
    assert_eq!(desk.run(&["sync"]).code, 3);
    assert_eq!(told(&desk).len(), 1);
}

#[test]
fn a_failure_is_told_once_across_restarts_and_so_is_its_end() {
    let practice = Practice::new(3);
    let desk = Desk::with("");
    let text = |password: &str| {
        format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"{password}\"\n[sync]\nschedule = \"@yearly\"\n\
             [notify]\non_failure = [\"sh\", \"-c\", \"cat >> told\"]\n",
            practice.url()
        )
    };
    desk.settings(&text("wrong"));
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("the run failed and will be tried again");
    let first = eventually(&desk, 1).remove(0);
    assert_eq!((&first["type"], &first["exit_code"]), (&"failure".into(), &4.into()), "{first}");
    assert!(first["text"].as_str().unwrap().starts_with("failed to log in to the CRM"), "{first}");
    assert!(first["subject"].as_str().unwrap().ends_with("is not in step"), "{first}");
    drop(daemon);
    assert_eq!(desk.run(&["sync"]).code, 4);
    let daemon = Running::daemon(&desk, &[]);
    // It tries once at its start, and what was told is not told again.
    daemon.wait_for("the run failed and will be tried again");
    assert_eq!(told(&desk).len(), 1);
    desk.settings(&text("demo"));
    daemon.signal("HUP");
    daemon.wait_for("the run is done");
    let again = desk.run(&["sync"]);
    assert!(again.code == 0 && again.told.contains(") runs it"), "{}", again.told);
    let second = eventually(&desk, 2).remove(1);
    assert_eq!((&second["type"], &second["since"]), (&"recovered".into(), &first["since"]), "{second}");
    assert_eq!(desk.run(&["sync"]).code, 0);
    assert_eq!(told(&desk).len(), 2);
}
