//! `carnet sync` beside a daemon, which makes the run and tells of it.

use std::{fs, os::unix::fs::PermissionsExt};

use super::process::{Desk, Running};

const QUIET: &str = "schedule = \"@yearly\"\nwatch = false";

fn retitle(desk: &Desk, title: &str) {
    let mut cards: Vec<_> = fs::read_dir(desk.path("cards")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cards.retain(|path| path.extension().is_some_and(|ending| ending == "vcf"));
    cards.sort();
    let text = fs::read_to_string(&cards[0]).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("TITLE") && !line.starts_with("END:")).collect();
    fs::write(&cards[0], format!("{}\r\nTITLE:{title}\r\nEND:VCARD\r\n", kept.join("\r\n"))).unwrap();
}

fn runs(desk: &Desk) -> Vec<String> {
    let mirror = rusqlite::Connection::open(desk.path("carnet.db")).unwrap();
    let mut select = mirror.prepare("SELECT command FROM runs ORDER BY id").unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn the_daemon_makes_the_run_and_it_is_told_like_any_other() {
    let desk = Desk::practice(QUIET);
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    assert_eq!(fs::metadata(desk.path("carnet.db.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    retitle(&desk, "Essayeuse");
    let followed = desk.run(&["sync", "-v"]);
    assert_eq!(followed.code, 0, "{}", followed.told);
    assert!(followed.told.contains(&format!("the daemon (process {}) runs it\n", daemon.id())), "{}", followed.told);
    assert!(followed.out.contains("Essayeuse") && followed.out.contains("1 updated"), "{}", followed.out);
    assert_eq!(runs(&desk), ["daemon", "daemon"]);
    // Line by line the report of a run of its own.
    retitle(&desk, "Relieuse");
    let followed = desk.run(&["sync", "--json"]).out;
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
    retitle(&desk, "Essayeuse");
    let own = desk.run(&["sync", "--json"]).out;
    assert_eq!(runs(&desk), ["daemon", "daemon", "daemon", "sync"]);
    let alike = |text: &str| text.replace("Relieuse", "T").replace("Essayeuse", "T").replace("\"run\":3", "\"run\":4");
    let sorted = |text: &str| {
        // Replicas are scanned side by side.
        let mut lines: Vec<String> = alike(text).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&followed), sorted(&own));
    assert!(own.contains("\"type\":\"summary\"") && own.contains("\"type\":\"change\""), "{own}");
}

#[test]
fn exit_codes_and_failures_are_the_runs() {
    let desk = Desk::practice(QUIET);
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    fs::write(desk.path("cards/broken.vcf"), "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Broken\r\n").unwrap();
    let partly = desk.run(&["sync"]);
    assert_eq!(partly.code, 3, "{}", partly.told);
    assert!(partly.told.contains("broken.vcf"), "{}", partly.told);
    // What the daemon would not do is the command's own.
    let rehearsed = desk.run(&["sync", "--dry-run"]);
    assert!(rehearsed.code == 3 && !rehearsed.told.contains("the daemon"), "{}", rehearsed.told);
    // Settings that the daemon does not have yet.
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&text.replace("watch", "max_delete = 5\nwatch"));
    let own = desk.run(&["sync"]);
    assert!(own.code == 3 && own.told.contains("goes by other settings"), "{}", own.told);
    daemon.signal("HUP");
    daemon.wait_for("read again");
    assert!(desk.run(&["sync"]).told.contains(") runs it\n"));
    // Nothing of a killed one stands in the way.
    drop(daemon);
    assert!(desk.path("carnet.db.sock").exists());
    assert_eq!(desk.run(&["sync"]).code, 3);
}

#[test]
fn an_interrupt_leaves_the_daemons_run_alone() {
    let desk = Desk::practice(QUIET);
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    let lock = fs::File::create(desk.path("carnet.db.lock")).unwrap();
    lock.lock().unwrap();
    let busy = desk.run(&["sync"]);
    assert_eq!(busy.code, 11, "{}", busy.told);
    let followed = Running::of(desk.command(&["sync", "--wait"]));
    followed.wait_for(") runs it");
    followed.wait_for("and is waited for");
    followed.signal("INT");
    followed.wait_for("the daemon's run goes on");
    assert_eq!(followed.ends(), Some(130));
    // One that loses its daemon before the run has begun makes the run.
    let alone = Running::of(desk.command(&["sync", "--wait"]));
    alone.wait_for("and is waited for");
    drop(daemon);
    drop(lock);
    assert_eq!(alone.ends(), Some(0));
    assert_eq!(runs(&desk).last().unwrap(), "sync");
}
