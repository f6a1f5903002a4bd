//! An address book that is gone, emptied or locked away between two runs: nobody is deleted, the other books go on, and the
//! reason is told.

use std::fs;

use crate::{desk::Desk, server};

/// A desk at rest, with a change in the CRM to come.
fn desk(name: &str) -> Desk {
    let mut desk = Desk::new(name, 12);
    if desk.server.makes_books() {
        let (home, _) = desk.about.url.trim_end_matches('/').rsplit_once('/').unwrap();
        let url = format!("{home}/trouble/");
        desk.other = desk.server.book(&url);
        desk.about.url = url;
    }
    desk.says(&["sync"], 0, &[]);
    desk.edit_in_crm("Fine here");
    desk
}

/// A run that stops at `phones` alone, once more too.
fn stops(desk: &Desk, code: i32, words: &[&str]) {
    let name = &desk.about.name;
    // Once it is known, `status` tells it.
    for (job_title, words) in [("Fine here", words), ("Fine there", &[])] {
        desk.edit_in_crm(job_title);
        desk.says(&["sync"], code, words);
        assert!(fs::read_to_string(desk.team("TITLE:Fine")).unwrap().contains(job_title), "{name}");
    }
    assert_eq!(desk.crm.count().unwrap(), 12, "{name}");
    // The marker is no card.
    let cards = fs::read_dir(desk.folder.path().join("team")).unwrap().flatten();
    assert_eq!(cards.filter(|entry| entry.path().extension().is_some_and(|it| it == "vcf")).count(), 12, "{name}");
    assert_eq!(
        desk.carnet(&["--json", "list"]).1.lines().filter(|line| line.contains("\"uid\"")).count(),
        12,
        "{name}"
    );
    desk.says(&["status"], 3, &words[..1]);
}

#[test]
fn an_address_book_that_was_deleted() {
    for name in server::names() {
        let desk = desk(&name);
        if !desk.server.makes_books() {
            continue;
        }
        let (status, _, text) = desk.other.ask("DELETE", &desk.about.url, &[], "");
        assert!(status.is_success(), "{name}: {status} {text}");
        stops(&desk, 7, &["the server does not have it", "no card is taken for deleted"]);
    }
}

#[test]
fn an_address_book_that_was_emptied() {
    for name in server::names() {
        let desk = desk(&name);
        desk.other.cards().iter().for_each(|card| desk.other.delete(card));
        stops(&desk, 7, &["phones"]);
        assert_eq!(desk.other.cards().len(), 0, "{name}: nothing is made there before somebody has said so");
    }
}

#[test]
fn a_login_that_changed() {
    for name in server::names() {
        // Xandikos asks for none.
        if name == "xandikos" {
            continue;
        }
        let mut desk = desk(&name);
        let right = std::mem::replace(&mut desk.about.password, "another".to_owned());
        stops(&desk, 3, &["the login was refused (401 Unauthorized)"]);
        desk.about.password = right;
        desk.says(&["sync"], 0, &[]);
        assert!(desk.phone("TITLE:Fine").contains("TITLE:Fine there"), "{name}");
        desk.is_quiet();
    }
}
