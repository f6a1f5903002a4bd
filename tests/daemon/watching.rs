//! Edits of books, seen by the real daemon and carried to a real CRM over HTTP.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::process::{Desk, Practice, Running};

/// A CRM, a folder of its contacts' cards and a sheet of them, and the daemon, which has just synchronised them.
struct Office {
    practice: Practice,
    desk: Desk,
    daemon: Running,
}

impl Office {
    fn new(more: &str) -> Self {
        let practice = Practice::new(20);
        let desk = Desk::with(&format!(
            "[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"demo\"\nlists = \"replace\"\n[sync]\nschedule = \"@yearly\"\n{more}\n\
             [[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"books/team\"\n\
             [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"books/sheet.csv\"\n",
            practice.url()
        ));
        let daemon = Running::daemon(&desk, &[]);
        daemon.wait_for("waiting next=");
        Self { practice, desk, daemon }
    }

    fn cards(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.desk.path("books/team")).unwrap().map(|entry| entry.unwrap().path());
        let mut cards: Vec<_> = names.filter(|path| path.extension().is_some_and(|ending| ending == "vcf")).collect();
        cards.sort();
        cards
    }

    /// Another program saves a card with this title.
    fn retitle(&self, card: &PathBuf, title: &str) {
        let text = fs::read_to_string(card).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("TITLE") && !line.starts_with("END:"));
        let text: String =
            kept.chain([&*format!("TITLE:{title}"), "END:VCARD"]).map(|line| format!("{line}\r\n")).collect();
        let beside = card.with_extension("vcf.new");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, card).unwrap();
    }

    fn runs(&self) -> i64 {
        let mirror = rusqlite::Connection::open(self.desk.path("carnet.db")).unwrap();
        mirror.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn an_edit_leaves_within_seconds_and_is_one_run() {
    let office = Office::new("");
    assert_eq!(office.runs(), 1, "what the first run wrote is no edit");
    let before = Instant::now();
    office.retitle(&office.cards()[0], "Essayeuse Une");
    let done = office.daemon.wait_for("waiting next=");
    // The limit is far above what it takes where nothing else runs.
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
    assert!(done.contains("updated=3"), "mirror, CRM and sheet: {done}");
    let sheet = fs::read_to_string(office.desk.path("books/sheet.csv")).unwrap();
    assert!(sheet.contains("Essayeuse Une"), "{sheet}");
    // The sheet is edited; what carnet wrote to it meanwhile was no edit of anybody's.
    fs::write(office.desk.path("books/sheet.csv"), sheet.replace("Essayeuse Une", "Essayeuse Deux")).unwrap();
    assert!(office.daemon.wait_for("waiting next=").contains("updated=3"));
    // A burst.
    for (number, card) in office.cards().iter().enumerate() {
        office.retitle(card, &format!("Rang {number}"));
    }
    assert!(office.daemon.wait_for("waiting next=").contains("updated=60"));
    // Somebody reads everything, and the next edit finds no other run in between.
    office.cards().iter().for_each(|card| drop(fs::read(card).unwrap()));
    office.retitle(&office.cards()[1], "Lu et approuvé");
    assert!(office.daemon.wait_for("waiting next=").contains("updated=3"));
    assert_eq!(office.runs(), 5);
    assert_eq!(office.daemon.ends_after("TERM"), Some(0));
    drop(office.practice);
}

#[test]
fn an_edit_during_a_run_is_seen_by_the_next() {
    let office = Office::new("");
    // While this run waits for the mirror, and so before it has read anything, and after.
    let lock = fs::File::create(office.desk.path("carnet.db.lock")).unwrap();
    lock.lock().unwrap();
    office.retitle(&office.cards()[0], "Avant");
    office.daemon.wait_for("waits to start");
    office.retitle(&office.cards()[1], "Pendant");
    drop(lock);
    let mut updated = 0;
    while updated < 6 {
        let done = office.daemon.wait_for("the run is done");
        let count = done.split("updated=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse::<u32>();
        updated += count.unwrap();
    }
    assert_eq!(updated, 6);
}

#[test]
fn a_folder_made_again_is_watched_and_switching_off_is_obeyed() {
    let office = Office::new("");
    let (team, away) = (office.desk.path("books/team"), office.desk.path("books/away"));
    fs::rename(&team, &away).unwrap();
    fs::create_dir(&team).unwrap();
    for name in fs::read_dir(&away).unwrap().map(|entry| entry.unwrap().file_name()) {
        fs::copy(away.join(&name), team.join(&name)).unwrap();
    }
    office.daemon.wait_for("waiting next=");
    office.retitle(&office.cards()[2], "Revenue");
    assert!(office.daemon.wait_for("the run is done").contains("updated=3"));
    office.daemon.wait_for("waiting next=");

    let text = fs::read_to_string(office.desk.path("carnet.toml")).unwrap();
    office.desk.settings(&text.replace("@yearly\"", "@yearly\"\nwatch = false"));
    office.daemon.signal("HUP");
    office.daemon.wait_for("read again");
    let runs = office.runs();
    office.retitle(&office.cards()[3], "Inaperçue");
    office.desk.settings(&text);
    office.daemon.signal("HUP");
    office.daemon.wait_for("read again");
    // What comes into sight may have been edited before.
    assert!(office.daemon.wait_for("the run is done").contains("updated=3"));
    assert_eq!(office.runs(), runs + 1);
}
