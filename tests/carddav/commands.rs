//! `carnet check` and `carnet books discover` at real servers.

use std::collections::BTreeMap;

use crate::{desk::Desk, server};

#[test]
fn check_looks_and_with_leave_writes_a_card_that_goes_again() {
    for name in server::names() {
        let desk = Desk::new(&name, 2);
        let before = desk.other.listed();
        desk.says(&["check"], 0, &["phones", &desk.about.url, "0 cards", "this login may write"]);
        assert_eq!(desk.other.listed(), before, "{name}");
        let done = "a throwaway card was made, read back, changed and removed";
        let (code, told) = desk.carnet(&["check", "--write", "phones"]);
        assert!(code == 0 && told.contains(done), "{name}: {told}");
        if name == "radicale" {
            assert!(told.contains("NICKNAME"), "{name}: {told}");
        }
        assert_eq!(desk.other.listed(), before, "{name}");
        desk.says(&["sync"], 0, &[]);
        desk.says(&["check"], 0, &["2 cards"]);
        desk.says(&["check", "--write", "phones"], 0, &[done]);
        assert_eq!(desk.other.cards().len(), 2, "{name}");
        desk.is_quiet();
    }
}

#[test]
fn address_books_are_found_from_the_servers_root_and_from_the_principal() {
    for name in server::names() {
        let mut desk = Desk::new(&name, 1);
        let book = desk.about.url.clone();
        let base = desk.about.base.clone();
        let principal = format!("{}{}", base.trim_end_matches('/'), desk.about.principal);
        let mut found = BTreeMap::new();
        // SOGo's own root is a page; the web server in front of it has the well-known address.
        let addresses = [base, principal, book.clone()].into_iter().skip(usize::from(name == "sogo"));
        for url in addresses {
            desk.about.url.clone_from(&url);
            let (code, told) = desk.carnet(&["books", "discover", "phones", "-v"]);
            found.insert(url, code == 0 && told.contains(&book));
        }
        assert!(found.values().all(|found| *found), "{name}: {found:#?}");
    }
}
