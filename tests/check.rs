//! `carnet check` says what `sync` would do: each trouble is met by both, with one exit code.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use carnet::sandbox::{Sandbox, SandboxSettings};

use crate::cli::{carnet, settings};

const BOOK: &str = "[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"cards\"\n";
const SHEET: &str = "[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"sheet.csv\"\n";

/// Both commands end with `code`, and `check` says `words`.
fn both(folder: &Path, code: i32, words: &str) {
    let (checked, out, told) = carnet(folder, &["check"]);
    assert!(out.contains(words), "{words:?} is not in:\n{out}{told}");
    let (ran, _, told) = carnet(folder, &["sync"]);
    assert_eq!((checked, ran), (code, code), "{out}\n{told}");
}

fn practice(folder: &Path, books: &str) {
    settings(folder, &format!("[crm]\nurl = \"sandbox\"\n[mirror]\npath = \"carnet.db\"\n{books}"));
}

#[test]
fn a_book_that_was_there_and_is_gone_stops_both() {
    let folder = tempfile::tempdir().unwrap();
    practice(folder.path(), BOOK);
    let (code, out, _) = carnet(folder.path(), &["check"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("no folder there yet; the first sync makes it"), "{out}");
    assert_eq!(carnet(folder.path(), &["sync"]).0, 0);
    let (code, out, _) = carnet(folder.path(), &["check"]);
    assert_eq!((code, out.contains("team      ok       250 contacts")), (0, true), "{out}");
    fs::rename(folder.path().join("cards"), folder.path().join("elsewhere")).unwrap();
    both(folder.path(), 7, "team has no folder at");
}

#[test]
fn an_emptied_book_stops_both() {
    let folder = tempfile::tempdir().unwrap();
    practice(folder.path(), SHEET);
    assert_eq!(carnet(folder.path(), &["sync"]).0, 0);
    let sheet = folder.path().join("sheet.csv");
    let header = fs::read_to_string(&sheet).unwrap().lines().next().unwrap().to_owned();
    fs::write(&sheet, header + "\r\n").unwrap();
    both(folder.path(), 7, "sheet is empty, and held 250 contacts before");
}

#[test]
fn another_accounts_mirror_stops_both() {
    let folder = tempfile::tempdir().unwrap();
    practice(folder.path(), "");
    assert_eq!(carnet(folder.path(), &["pull"]).0, 0);
    let text = "[crm]\nurl = \"http://127.0.0.1:9/7\"\nusername = \"demo\"\npassword = \"demo\"\n[mirror]\npath = \"carnet.db\"\n";
    settings(folder.path(), text);
    let (code, out, _) = carnet(folder.path(), &["check", "--offline"]);
    assert_eq!(code, 7, "{out}");
    assert!(out.contains("failed to go on: this mirror is a copy of the practice CRM"), "{out}");
    assert!(out.contains("use another mirror.path for another account"), "{out}");
}

#[test]
fn without_a_password_nobody_is_asked_and_nothing_is_called_well() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[crm]\nurl = \"http://127.0.0.1:9/7\"\nusername = \"demo\"\npassword_file = \"missing\"\n";
    settings(folder.path(), text);
    both(folder.path(), 2, "crm       warning  not asked: there is no password");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_and_a_server_that_is_down_have_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxSettings { contacts: 3, ..SandboxSettings::default() }).await.unwrap();
    let text = format!("[crm]\nurl = \"{}\"\nusername = \"demo\"\npassword = \"wrong\"\n", sandbox.url());
    settings(folder.path(), &text);
    tokio::task::block_in_place(|| both(folder.path(), 4, "failed to log in to the CRM"));
    sandbox.stop().await;
    tokio::task::block_in_place(|| both(folder.path(), 5, "failed to connect to 127.0.0.1"));
}

#[test]
fn a_folder_whose_parents_are_missing_too_may_be_a_typing_error() {
    let folder = tempfile::tempdir().unwrap();
    practice(folder.path(), "[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"nowhere/deep/team\"\n");
    let (code, out, _) = carnet(folder.path(), &["check"]);
    assert_eq!((code, out.contains("is the path right, and its disk mounted?")), (3, true), "{out}");
}

#[test]
fn a_mirror_that_is_a_folder_and_a_book_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    practice(folder.path(), BOOK);
    fs::create_dir(folder.path().join("carnet.db")).unwrap();
    fs::write(folder.path().join("cards"), "").unwrap();
    let (code, out, _) = carnet(folder.path(), &["check"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("mirror.path names a file"), "{out}");
    assert!(out.contains("the book's path must be a folder"), "{out}");
}

#[test]
fn the_listener_its_token_and_the_programs_that_are_told_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let check = |listen: &str, program: &str, code: i32, words: &[&str]| {
        let more = format!("[http]\nlisten = \"{listen}\"\n[notify]\non_failure = [\"{program}\", \"x\"]\n");
        practice(folder.path(), &more);
        let (ended, out, told) = carnet(folder.path(), &["check"]);
        assert_eq!(ended, code, "{out}{told}");
        for words in words {
            assert!(out.contains(words), "{words:?} is not in:\n{out}");
        }
    };
    let free = "127.0.0.1:0";
    check(
        free,
        "/bin/sh",
        0,
        &["http      ok       127.0.0.1:0 can be listened to", "notify    ok       on_failure: /bin/sh"],
    );
    assert!(!folder.path().join("nudge-token").exists(), "looking makes no token");
    let address = taken.local_addr().unwrap().to_string();
    check(&address, "/bin/sh", 1, &["failed to listen on 127.0.0.1:", "another program listens there"]);
    check(
        free,
        "./tell",
        1,
        &["notify    failed   on_failure: ", "No such file", "may be run, or take on_failure out"],
    );
    fs::write(folder.path().join("nudge-token"), "0123456789abcdef0123\n").unwrap();
    fs::set_permissions(folder.path().join("nudge-token"), PermissionsExt::from_mode(0o644)).unwrap();
    check(free, "/bin/sh", 1, &["nudge-token: other users can read it", "chmod 600 the file"]);
}

#[test]
fn a_password_file_that_others_can_read_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pw"), "demo\n").unwrap();
    fs::set_permissions(folder.path().join("pw"), PermissionsExt::from_mode(0o644)).unwrap();
    settings(folder.path(), "[crm]\nurl = \"http://127.0.0.1:9/7\"\nusername = \"demo\"\npassword_file = \"pw\"\n");
    let (code, out, _) = carnet(folder.path(), &["check", "--offline"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("HERE/pw: other users can read it") && out.contains("hint:    chmod 600 HERE/pw"), "{out}");
}
