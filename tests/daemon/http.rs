//! The daemon over HTTP: health, metrics and nudge, with the real process and a client that speaks by hand.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use super::process::{Desk, Practice, Running};

const LISTEN: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

/// The port that the daemon says it listens on.
fn port(told: &str) -> u16 {
    let rest = told.split("are at http://127.0.0.1:").nth(1).unwrap_or_else(|| panic!("no address in {told}"));
    rest.split('/').next().unwrap().parse().unwrap()
}

/// The answer's code, head and body.
fn ask(port: u16, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // An answer may come before all is sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

fn get(port: u16, path: &str) -> (u16, String, String) {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"))
}

fn nudge(port: u16, token: &str) -> (u16, String, String) {
    let head = format!("POST /nudge HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n");
    ask(port, &format!("{head}Content-Length: 2\r\n\r\n{{}}"))
}

fn with_http(sync: &str) -> Desk {
    let desk = Desk::practice(sync);
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&format!("{text}{LISTEN}"));
    desk
}

#[test]
fn a_daemon_is_seen_and_nudged() {
    let desk = with_http("schedule = \"@yearly\"");
    let daemon = Running::daemon(&desk, &[]);
    let port = port(&daemon.wait_for("waiting next="));
    let (code, head, body) = get(port, "/healthz");
    assert_eq!(code, 200, "{body}");
    assert!(body.contains("\"status\":\"ok\"") && body.contains("\"failures\":0"), "{body}");
    assert!(head.contains("cache-control: no-store") && !head.contains("access-control"), "{head}");

    let token = fs::read_to_string(desk.path("nudge-token")).unwrap().trim().to_owned();
    assert_eq!(fs::metadata(desk.path("nudge-token")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(nudge(port, "x").0, 401);
    assert_eq!(ask(port, &format!("POST /nudge HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")).0, 401);
    for _ in 0..5 {
        let (code, _, body) = nudge(port, &token);
        assert_eq!(code, 202, "{body}");
        assert!(body.contains("\"run_at\":\"2"), "{body}");
    }
    daemon.wait_for("waiting next=");
    let (code, head, metrics) = get(port, "/metrics");
    assert!(code == 200 && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "carnet_runs_total{outcome=\"done\"} 2",
        "carnet_nudges_total 5",
        "carnet_contacts{place=\"cards\"} 250",
        "carnet_changes_total{place=\"mirror\",action=\"create\"} 250",
        "carnet_run_at_work 0",
    ] {
        assert!(metrics.lines().any(|other| other == line), "no {line} in {metrics}");
    }
    assert!(!metrics.contains(&token));
    // Its own name is what it answers to, and nothing else is there.
    assert_eq!(ask(port, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").0, 403);
    assert_eq!(get(port, "/").0, 404);
    assert_eq!(get(port, "/nudge").0, 405);
    let large = "x".repeat(80 * 1024);
    let head = format!("POST /nudge HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(ask(port, &format!("{head}Content-Length: {}\r\n\r\n{large}", large.len())).0, 413);

    // A head without end is cut off, and one that is too long is refused.
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(40 * 1024));
    assert_eq!(ask(port, &long).0, 431);
    let mut silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    silent.write_all(b"GET /he").unwrap();
    assert_eq!(silent.read(&mut [0; 64]).unwrap(), 0, "it is closed without an answer");

    // The token is read again with the settings, and what is taken out of them is closed.
    fs::write(desk.path("nudge-token"), "another-token-of-mine\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for("read again");
    assert_eq!(nudge(port, &token).0, 401);
    assert_eq!(nudge(port, "another-token-of-mine").0, 202);
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&text.replace(LISTEN, ""));
    daemon.signal("HUP");
    daemon.wait_for("listens no more");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    daemon.signal("TERM");
    let log = daemon.wait_for("the daemon stops");
    assert!(!log.contains(&token) && !log.contains("another-token"), "{log}");
}

#[test]
fn what_cannot_be_listened_to_ends_the_daemon_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let desk = Desk::practice("schedule = \"@yearly\"");
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&format!("{text}[http]\nlisten = \"{address}\"\n"));
    let refused = desk.run(&["daemon"]);
    assert_eq!(refused.code, 1, "{}", refused.told);
    assert!(
        refused.told.contains(&format!("failed to listen on {address}: Address already in use")),
        "{}",
        refused.told
    );
    assert!(refused.told.contains("hint: another program listens there"), "{}", refused.told);
    drop(taken);
    fs::write(desk.path("nudge-token"), "a-token-that-others-can-read").unwrap();
    fs::set_permissions(desk.path("nudge-token"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = desk.run(&["daemon"]);
    assert_eq!(refused.code, 2, "{}", refused.told);
    assert!(refused.told.contains("nudge-token: other users can read it\nhint: chmod 600"), "{}", refused.told);
    assert!(!desk.path("carnet.db").exists(), "no run was begun");
}

#[test]
fn a_refused_login_is_no_health_and_no_nudge_hastens_it() {
    let practice = Practice::new(3);
    let desk = Desk::with(&format!(
        "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"wrong\"\n[sync]\nschedule = \"@hourly\"\n{LISTEN}",
        practice.url()
    ));
    let daemon = Running::daemon(&desk, &[]);
    let port = port(&daemon.wait_for("the run failed and will be tried again"));
    let (code, _, body) = get(port, "/healthz");
    assert_eq!(code, 503);
    assert!(body.contains("\"reason\":\"login_refused\"") && body.contains("\"last_exit_code\":4"), "{body}");
    let token = fs::read_to_string(desk.path("nudge-token")).unwrap();
    let (code, head, _) = nudge(port, token.trim());
    assert!(code == 503 && head.contains("retry-after: "), "{head}");
    assert!(get(port, "/metrics").2.contains("carnet_runs_total{outcome=\"login_refused\"} 1\n"));
}
