//! A device at the daemon: added, served, its edit in the CRM, revoked.

use std::{
    io::BufReader,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use super::process::{Desk, Running};
use crate::dav::place::{Answer, answer, send};

const SETTINGS: &str = "[crm]\nurl = \"sandbox\"\n[sync]\nschedule = \"every 1h\"\n[carddav]\nlisten = \"127.0.0.1:0\"\n\
    [[book]]\nname = \"clients\"\nkind = \"devices\"\nwhere = { contact_type = \"client\" }\n";

/// A device's login.
struct Phone {
    user: &'static str,
    password: String,
    server: SocketAddr,
}

impl Phone {
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let path = format!("/dav/{}/contacts/{path}", self.user);
        send(&mut stream, Some((self.user, &self.password)), (method, &path), headers, body.as_bytes());
        answer(&mut BufReader::new(stream), false)
    }

    /// The names of its cards.
    fn cards(&self) -> Vec<String> {
        let body = "<propfind xmlns=\"DAV:\"><prop><getetag/></prop></propfind>";
        let told = self.ask("PROPFIND", "", &[("Depth", "1")], body).read().1;
        let name = |href: &str| href.rsplit('/').next().map(str::to_owned).filter(|name| !name.is_empty());
        told.iter().filter_map(|told| name(&told.href)).collect()
    }
}

fn password_of(desk: &Desk, arguments: &[&str]) -> String {
    let ran = desk.run(&[&["--json", "devices"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.told);
    let object: Value = serde_json::from_str(&ran.out).unwrap();
    object["password"].as_str().unwrap().to_owned()
}

fn server_of(daemon: &Running) -> SocketAddr {
    let told = daemon.wait_for("address books for devices are at");
    let (_, address) = told.rsplit_once("http://").unwrap();
    address.split('/').next().unwrap().parse().unwrap()
}

#[test]
fn an_edit_on_a_telephone_is_in_the_crm_and_on_the_other_one_a_moment_later() {
    let desk = Desk::with(SETTINGS);
    let one = password_of(&desk, &["add", "marie", "--book", "clients"]);
    let two = password_of(&desk, &["add", "paul"]);
    assert_eq!(desk.run(&["sync", "-q"]).code, 0);
    let daemon = Running::daemon(&desk, &[]);
    let server = server_of(&daemon);
    daemon.wait_for("the daemon is ready");
    let marie = Phone { user: "marie", password: one, server };
    let paul = Phone { user: "paul", password: two, server };
    let (hers, his) = (marie.cards(), paul.cards());
    assert!(!hers.is_empty() && hers.len() < his.len(), "{} {}", hers.len(), his.len());

    let card = marie.ask("GET", &hers[0], &[], "").body;
    let edited = card.replace("\r\nREV:", "\r\nNOTE:seen at the fair\r\nX-PHONE:own\r\nREV:");
    let put = marie.ask("PUT", &hers[0], &[("Content-Type", "text/vcard")], &edited);
    assert_eq!(put.status, 204, "{put:?}");
    assert_eq!(marie.ask("GET", &hers[0], &[], "").body, edited);
    daemon.wait_for("the run is done");
    let history = desk.run(&["history", "--json"]).out;
    let said = |line: &str| line.contains("\"marie\"") && line.contains("seen at the fair");
    assert!(history.lines().any(said), "{history}");
    assert!(paul.ask("GET", &hers[0], &[], "").body.contains("NOTE:seen at the fair"));
    // Its own bytes, X- line and all: nothing else changed that contact.
    assert_eq!(marie.ask("GET", &hers[0], &[], "").body, edited);
    assert_eq!(desk.run(&["sync", "-q"]).code, 0);
    let last = desk.run(&["runs", "--json"]).out;
    let last: Value = serde_json::from_str(last.lines().next().unwrap()).unwrap();
    assert_eq!(last["outcome"], "done", "{last}");
    assert_eq!(daemon.ends_after("TERM"), Some(0));
}

#[test]
fn yesterdays_card_undoes_nothing() {
    let desk = Desk::with(SETTINGS);
    let (one, two) = (password_of(&desk, &["add", "marie"]), password_of(&desk, &["add", "paul"]));
    assert_eq!(desk.run(&["sync", "-q"]).code, 0);
    let daemon = Running::daemon(&desk, &[]);
    let server = server_of(&daemon);
    daemon.wait_for("the daemon is ready");
    let marie = Phone { user: "marie", password: one, server };
    let paul = Phone { user: "paul", password: two, server };
    let name = marie.cards().swap_remove(0);
    let yesterday = marie.ask("GET", &name, &[], "").body;
    let with = |card: &str, line: &str| card.replace("\r\nREV:", &format!("\r\n{line}\r\nREV:"));
    let write = |phone: &Phone, card: &str| {
        let put = phone.ask("PUT", &name, &[("Content-Type", "text/vcard")], card);
        assert_eq!(put.status, 204, "{put:?}");
        daemon.wait_for("the run is done");
    };
    write(&paul, &with(&paul.ask("GET", &name, &[], "").body, "NOTE:from Paul"));
    // Neither looked at the card nor says which one it had, as some programs do.
    write(&marie, &with(&yesterday, "TEL;TYPE=CELL:0700000001"));
    for phone in [&marie, &paul] {
        let card = phone.ask("GET", &name, &[], "").body;
        let user = phone.user;
        assert!(card.contains("NOTE:from Paul"), "{user}: {card}");
        assert!(card.replace(' ', "").contains("0700000001"), "{user}: {card}");
    }
    assert_eq!(daemon.ends_after("TERM"), Some(0));
}

#[test]
fn a_device_that_is_revoked_and_added_again_begins_anew() {
    let desk = Desk::with(SETTINGS);
    let old = password_of(&desk, &["add", "marie"]);
    assert_eq!(desk.run(&["sync", "-q"]).code, 0);
    let daemon = Running::daemon(&desk, &[]);
    let mut phone = Phone { user: "marie", password: old, server: server_of(&daemon) };
    let count = phone.cards().len();
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:new-1\r\nN:Neuve;Anne;;;\r\nFN:Anne Neuve\r\nEND:VCARD\r\n";
    assert_eq!(desk.run(&["devices", "revoke", "marie"]).code, 0);
    assert_eq!(phone.ask("GET", "", &[], "").status, 401);
    phone.password = password_of(&desk, &["add", "marie"]);
    assert_eq!(phone.cards().len(), 0);
    let put = phone.ask("PUT", "new-1.vcf", &[("Content-Type", "text/vcard")], card);
    assert_eq!(put.status, 201, "{put:?}");
    daemon.wait_for("the run is done");
    assert_eq!(phone.cards().len(), count + 1, "no contact was taken for one that she removed");
    assert_eq!(daemon.ends_after("TERM"), Some(0));
}

#[test]
fn devices_that_cannot_be_had_are_refused_in_words() {
    let desk = Desk::with(SETTINGS);
    let check = |arguments: &[&str], code: i32, words: &str| {
        let ran = desk.run(&[&["devices"], arguments].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.told);
        assert!(ran.told.contains(words), "{arguments:?}: {}", ran.told);
    };
    check(&[], 0, "there is no device yet");
    check(&["revoke", "marie"], 1, "failed to find a device named marie");
    check(&["password", "marie"], 1, "`carnet devices` lists them");
    check(&["add", "clients"], 2, "a book has this name");
    check(&["add", "ma rie"], 2, "letters, digits");
    check(&["add", "marie", "--book", "sales"], 2, "there is: clients");
    check(&["add", "marie"], 0, "");
    check(&["add", "marie"], 2, "there is one of this name");
    assert_eq!(desk.run(&["sync", "-q"]).code, 0);
    for command in [&["backup", "--force"][..], &["export", "--force", "--format", "csv"]] {
        let ran = desk.run(&[command, &["carnet.devices.db"]].concat());
        assert!(ran.code == 2 && ran.told.contains("it is the store of devices"), "{command:?}: {}", ran.told);
    }
    let with_profile = ["add", "paul", "--mobileconfig", "paul.mobileconfig"];
    check(&with_profile, 0, "");
    let profile = std::fs::read_to_string(desk.path("paul.mobileconfig")).unwrap();
    assert!(profile.contains("<string>/dav/paul/</string>"), "{profile}");
    check(&["password", "paul", "--mobileconfig", "paul.mobileconfig"], 1, "is there already");
}
