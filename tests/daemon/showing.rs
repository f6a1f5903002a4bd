//! What the daemon shows of itself: in its log, and to `carnet status`.

use std::fs;

use super::process::{Desk, Running};

#[test]
fn status_tells_when_the_daemon_runs_next() {
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = Desk::practice("schedule = \"@yearly\"");
    let good = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    assert_eq!(desk.run(&["-q", "sync"]).code, 0);
    let next = |desk: &Desk| {
        let out = desk.run(&["status"]).out;
        out.lines().find_map(|line| line.strip_prefix("next run  ").map(str::to_owned)).unwrap()
    };
    assert!(next(&desk).ends_with("-01-01 00:00:00 (if `carnet daemon` ran; it does not)"), "{}", next(&desk));

    let text =
        good.replace("\"sandbox\"", &format!("\"http://127.0.0.1:{port}/1\"\nusername = \"x\"\npassword = \"x\""));
    desk.settings(&text.replace("@yearly", "every 1s"));
    let daemon = Running::daemon(&desk, &[]);
    const FAILED: &str = "the run failed and will be tried again";
    let mut told = daemon.wait_for(FAILED);
    // By then it may have tried again, and failed again.
    let shown = next(&desk);
    let count: usize =
        shown.split(' ').nth(3).and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{shown}"));
    for _ in 1..count {
        told += &daemon.wait_for(FAILED);
    }
    // Not the schedule's next second, but the retry's.
    let at = told.lines().last().unwrap().split("next=").nth(1).unwrap()[..19].replace('T', " ");
    let runs = if count == 1 { "run" } else { "runs" };
    assert_eq!(shown, format!("{at} after {count} failed {runs} (daemon, process {})", daemon.id()));
    let stamps = told.lines().map(|line| line.split(' ').next().unwrap());
    assert!(stamps.clone().all(|stamp| chrono::DateTime::parse_from_rfc3339(stamp).is_ok()), "{told}");
}

#[test]
fn log_lines_are_in_local_time_throughout() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let mut command = desk.command(&["daemon"]);
    command.env("TZ", "Asia/Kolkata");
    let daemon = Running::of(command);
    let told = daemon.wait_for("waiting next=");
    assert!(told.lines().all(|line| line.split(' ').next().unwrap().ends_with("+05:30")), "{told}");
    assert!(told.trim_end().ends_with("+05:30"), "{told}");
}
