//! The daemon as a process: one a mirror, signals, the service manager, and a mirror that others use.

mod asking;
mod desk;
mod devices;
mod http;
mod manager;
mod process;
mod showing;
mod told;
mod trouble;
mod watching;

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use process::{Desk, Running};

#[test]
fn one_daemon_a_mirror() {
    let desk = Desk::practice("schedule = \"every 1h\"");
    let first = Running::daemon(&desk, &[]);
    first.wait_for("the run is done");
    let second = desk.run(&["daemon"]);
    assert_eq!(second.code, 11, "{}", second.told);
    let who = format!("failed to start: another daemon looks after HERE/carnet.db (process {}, since 2", first.id());
    assert!(second.told.contains(&who), "{}", second.told);
    // A run beside it is another matter.
    assert_eq!(desk.run(&["sync"]).code, 0);
    for name in ["carnet.db.daemon.lock", "carnet.db.lock"] {
        assert_eq!(fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    // Nothing of a killed one stands in the way.
    drop(first);
    let third = Running::daemon(&desk, &[]);
    third.wait_for("the daemon is ready");
    assert_eq!(third.ends_after("TERM"), Some(0));
}

#[test]
fn a_mirror_in_use_is_waited_for() {
    let desk = Desk::practice("schedule = \"every 1h\"");
    let lock = fs::File::create(desk.path("carnet.db.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(desk.path("carnet.db.lock"), r#"{"pid":4711,"command":"import","since":"2026-01-01T00:00:00Z"}"#)
        .unwrap();
    let refused = desk.run(&["sync"]);
    assert_eq!(refused.code, 11);
    assert!(refused.told.contains("HERE/carnet.db (process 4711, `carnet import`, since 20"), "{}", refused.told);

    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waits to start: another carnet works on");
    let waiting = Running::of(desk.command(&["-q", "sync", "--wait=100"]));
    let told = Running::of(desk.command(&["sync", "--wait"]));
    told.wait_for("and is waited for");
    drop(lock);
    let done = daemon.wait_for("the run is done");
    assert!(!done.contains("ERROR") && !done.contains("WARN"), "{done}");
    assert_eq!((waiting.ends(), told.ends()), (Some(0), Some(0)));
}

#[test]
fn new_settings_are_taken_or_said_to_be_wrong() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("the run is done");
    let good = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&format!("{good}\nrubbish = 1\n"));
    daemon.signal("HUP");
    let told = daemon.wait_for("the settings cannot be used; the old ones stay");
    assert!(!told.contains("read again"), "{told}");
    desk.settings(&good.replace("@yearly", "@daily"));
    daemon.signal("HUP");
    let told = daemon.wait_for("the settings were read again");
    assert!(told.contains("schedule=@daily"), "{told}");
    assert_eq!(daemon.ends_after("INT"), Some(0));
}

#[test]
fn a_refused_login_is_told_once_and_new_settings_are_tried_at_once() {
    let practice = process::Practice::new(3);
    let text = |password: &str| {
        format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"{password}\"\n[sync]\nschedule = \"every 1s\"\n",
            practice.url()
        )
    };
    let desk = Desk::with(&text("wrong"));
    let daemon = Running::daemon(&desk, &[]);
    let told = daemon.wait_for("the run failed and will be tried again");
    assert_eq!(told.matches("refused").count(), 1, "{told}");
    desk.settings(&text("demo"));
    daemon.signal("HUP");
    daemon.wait_for("what failed is tried at once");
    daemon.wait_for("the run is done");
}

#[test]
fn a_daemon_that_is_started_after_a_refused_login_tries_once_at_once() {
    let practice = process::Practice::new(3);
    let text = |password: &str| {
        format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"{password}\"\n[sync]\nschedule = \"@yearly\"\n",
            practice.url()
        )
    };
    let desk = Desk::with(&text("wrong"));
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("the run failed and will be tried again");
    assert_eq!(daemon.ends_after("TERM"), Some(0));
    desk.settings(&text("demo"));
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("the run is done");
    assert_eq!(daemon.ends_after("TERM"), Some(0));
    // After a run that was good, the schedule's time is waited for.
    let daemon = Running::daemon(&desk, &[]);
    let told = daemon.wait_for("the daemon is ready");
    assert!(!told.contains("next=now") && told.contains("-01-01T00:00:00"), "{told}");
}

#[test]
fn settings_mirror_and_credential_of_a_service_are_found() {
    let practice = process::Practice::new(3);
    let desk = Desk::with(&format!("[crm]\nurl = \"{}\"\nusername = \"demo\"\n", practice.url()));
    for folder in ["etc", "state", "secrets"] {
        fs::create_dir(desk.path(folder)).unwrap();
    }
    fs::rename(desk.path("carnet.toml"), desk.path("etc/carnet.toml")).unwrap();
    fs::write(desk.path("secrets/crm-password"), "demo\n").unwrap();
    let mut command = Command::new(process::program());
    command.env_clear().current_dir(desk.path("secrets")).arg("sync");
    let folders =
        [("CONFIGURATION_DIRECTORY", "etc"), ("STATE_DIRECTORY", "state"), ("CREDENTIALS_DIRECTORY", "secrets")];
    command.envs(folders.map(|(name, folder)| (name, desk.path(folder))));
    assert_eq!(Running::of(command).ends(), Some(0));
    assert!(desk.path("state/carnet.db").exists());
}
