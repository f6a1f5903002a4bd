//! Trouble that the daemon lives through: no network, a full disk, kills.

use std::{fs, process::Command};

use super::process::{Desk, Practice, Running, program};

/// Settings with a folder of cards and a sheet.
fn office(url: &str, schedule: &str) -> Desk {
    Desk::with(&format!(
        "[crm]\nurl = \"{url}\"\nusername = \"demo\"\npassword = \"demo\"\nlists = \"replace\"\nconfirm_after = \"0s\"\n\
         [sync]\nschedule = \"{schedule}\"\n\
         [[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"team\"\n\
         [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet.csv\"\n"
    ))
}

/// Puts this comment into one card, as another program saves it; the card's name.
fn edit(desk: &Desk, card: usize, words: &str) -> String {
    let names = fs::read_dir(desk.path("team")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".vcf")).collect();
    names.sort();
    let path = desk.path("team").join(&names[card % names.len()]);
    let text = fs::read_to_string(&path).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with("TITLE") && !line.starts_with("END:"));
    let text: String =
        kept.chain([&*format!("TITLE:{words}"), "END:VCARD"]).map(|line| format!("{line}\r\n")).collect();
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), &path).unwrap();
    names.swap_remove(card % names.len())
}

#[test]
fn books_go_on_without_the_crm_which_then_learns_all() {
    let practice = Practice::new(6);
    let url = practice.url();
    let desk = office(&url, "@yearly");
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    practice.pause();
    edit(&desk, 0, "Sans réseau un");
    daemon.wait_for("the run failed and will be tried again");
    edit(&desk, 1, "Sans réseau deux");
    daemon.wait_for("waiting failures=1");
    let sheet = fs::read_to_string(desk.path("sheet.csv")).unwrap();
    assert!(sheet.contains("Sans réseau un") && sheet.contains("Sans réseau deux"), "{sheet}");
    practice.resume();
    daemon.signal("HUP");
    assert!(daemon.wait_for("the run is done").contains("updated=2"), "both reach the CRM");
    daemon.wait_for("waiting next=");
    assert_eq!(daemon.ends_after("TERM"), Some(0));
}

#[test]
fn a_server_in_trouble_is_left_out_for_a_while_and_asked_when_somebody_asks() {
    let practice = Practice::new(6);
    let desk = office(&practice.url(), "@yearly");
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    // Nobody listens at this port: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/dav/");
    desk.settings(&format!("{text}[[book]]\nname = \"phones\"\nkind = \"carddav\"\nurl = \"{url}\"\n"));
    let daemon = Running::daemon(&desk, &[]);
    let left_out = "the book could not be read; it is left out until then";
    daemon.wait_for(left_out);
    daemon.wait_for("waiting next=");
    let status = desk.run(&["status"]).out;
    assert!(status.contains("phones    in trouble, not tried again before 20"), "{status}");
    let status: serde_json::Value = serde_json::from_str(&desk.run(&["status", "--json"]).out).unwrap();
    assert!(status["daemon"]["resting"]["phones"].is_string(), "{status}");

    edit(&desk, 0, "Sans les téléphones");
    let done = daemon.wait_for("the run is done");
    assert!(done.contains("updated=3") && done.contains("failed=0"), "the others go on: {done}");
    daemon.wait_for("waiting next=");
    let asked = desk.run(&["sync"]);
    assert_eq!(asked.code, 3, "{}", asked.told);
    daemon.wait_for(left_out);
    assert_eq!(daemon.ends_after("TERM"), Some(0));
}

#[test]
fn a_full_disk_is_lived_through() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    // No file may grow beyond 64 KB.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 128; exec \"$0\" \"$@\""]).arg(program());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
    command.arg("-c").arg(desk.path("carnet.toml")).arg("daemon");
    let daemon = Running::of(command);
    let told = daemon.wait_for("the run failed and will be tried again");
    assert!(told.contains("ERROR") && told.contains("failures=1"), "{told}");
    let freed = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &daemon.id().to_string()]).status();
    assert!(freed.unwrap().success());
    daemon.signal("HUP");
    daemon.wait_for("the run is done");
    assert_eq!(desk.run(&["status"]).code, 0);
}

#[test]
fn kills_under_a_restarting_manager_leave_all_in_step() {
    let practice = Practice::new(12);
    let desk = office(&practice.url(), "every 1s");
    Running::daemon(&desk, &[]).wait_for("waiting next=");
    // Each is killed at another moment: as it begins, when it has seen the edit, while it writes.
    let moments = ["the daemon is ready", "updated", "the run is done", "the daemon is ready", "waiting next="];
    let mut edits = std::collections::BTreeMap::new();
    for (number, moment) in moments.iter().cycle().take(20).enumerate() {
        let daemon = Running::daemon(&desk, &[("CARNET_LOG", "carnet=debug".as_ref())]);
        let words = format!("Coup {number}");
        edits.insert(edit(&desk, number, &words), words);
        daemon.wait_for(moment);
    }
    // What a killed write has become of is found out, and then nothing is left to do.
    let last = (0..5).map(|_| desk.run(&["sync"])).find(|ran| ran.out.contains("nothing changed")).expect("in step");
    assert_eq!(last.code, 0, "{}{}", last.out, last.told);
    assert_eq!(edits.len(), 12);
    let sheet = fs::read_to_string(desk.path("sheet.csv")).unwrap();
    for (name, words) in edits {
        assert!(sheet.contains(&words), "{words}: {sheet}");
        assert!(fs::read_to_string(desk.path("team").join(&name)).unwrap().contains(&words), "{name}");
    }
    assert_eq!(practice.contacts(), 12, "nobody is made twice");
}

#[test]
fn the_mirror_is_not_replaced_under_a_daemon() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    assert_eq!(desk.run(&["backup", "copy.db"]).code, 0);
    for command in [&["restore", "copy.db"][..], &["repair", "--force"]] {
        let refused = desk.run(command);
        assert_eq!(refused.code, 11, "{command:?} {}", refused.told);
        assert!(
            refused.told.contains("failed to start: a daemon looks after HERE/carnet.db (process "),
            "{}",
            refused.told
        );
        assert!(refused.told.contains("hint: stop it (`systemctl stop carnet`)"), "{}", refused.told);
    }
    assert_eq!(daemon.ends_after("TERM"), Some(0));
    assert_eq!(desk.run(&["restore", "copy.db"]).code, 0);
}
