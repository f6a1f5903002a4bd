//! What a service manager hears: the real socket protocol of sd_notify(3), with the real process.

use std::{os::unix::net::UnixDatagram, path::Path, time::Duration};

use super::process::{Desk, Running};

/// The manager's end of the socket.
struct Manager(UnixDatagram);

impl Manager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(socket)
    }

    /// The next message that has this line, and the lines that came before it.
    #[track_caller]
    fn hears(&self, line: impl Fn(&str) -> bool) -> (String, Vec<String>) {
        let mut before = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let length = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("{error} after {before:?}"));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.lines().any(&line) {
                return (message, before);
            }
            before.extend(message.lines().map(str::to_owned));
        }
    }
}

#[test]
fn the_service_manager_is_told() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let socket = desk.path("notify");
    let manager = Manager::new(&socket);
    let environment = [("NOTIFY_SOCKET", &*socket), ("WATCHDOG_USEC", Path::new("200000"))];
    let daemon = Running::daemon(&desk, &environment);
    manager.hears(|line| line == "READY=1");
    manager.hears(|line| line == "STATUS=a run is at work");
    let (status, _) = manager.hears(|line| line.starts_with("STATUS=next run "));
    assert!(status.trim_end().ends_with("-01-01 00:00"), "{status}");
    for _ in 0..3 {
        manager.hears(|line| line == "WATCHDOG=1");
    }
    daemon.signal("HUP");
    let (reloading, _) = manager.hears(|line| line == "RELOADING=1");
    let moment = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(moment.parse::<u64>().unwrap() > 0);
    manager.hears(|line| line == "READY=1");
    daemon.signal("TERM");
    manager.hears(|line| line == "STOPPING=1");
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn no_sign_of_life_is_given_where_none_is_wanted() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let socket = desk.path("notify");
    let manager = Manager::new(&socket);
    let daemon = Running::daemon(&desk, &[("NOTIFY_SOCKET", &socket)]);
    daemon.wait_for("waiting next=");
    daemon.signal("TERM");
    let (_, before) = manager.hears(|line| line == "STOPPING=1");
    assert!(before.iter().all(|line| !line.starts_with("WATCHDOG")), "{before:?}");
}
