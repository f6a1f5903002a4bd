//! Files: who may read those that carnet makes, and what it does with those that others put in its way.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
};

use super::{Desk, Practice, book, walk};

/// The names in a folder that anybody but the owner may do anything with.
fn open_to_others(folder: &Path, except: &[&str]) -> Vec<String> {
    let others = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o077 != 0;
    let found = walk(folder).into_iter().filter(|path| others(path));
    let names = found.map(|path| path.strip_prefix(folder).unwrap().display().to_string());
    names.filter(|name| !except.contains(&name.as_str())).collect()
}

fn books() -> String {
    book("cards", "vdir", "books/cards")
        + &book("one", "vcard", "files/all.vcf")
        + &book("sheet", "csv", "sheets/all.csv")
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let practice = Practice::with_contacts(3);
    let desk = Desk::new(&practice.url(), &books());
    desk.settings(&desk.read("carnet.toml").replace("state/carnet.db", "state/deep/carnet.db"));
    assert_eq!(desk.run_carelessly(&["sync"]).code, 0);
    assert_eq!(desk.run_carelessly(&["export", "all.vcf"]).code, 0);
    assert_eq!(desk.run_carelessly(&["export", "all.csv"]).code, 0);
    let own = [".lock", ""].map(|tail| desk.path(&format!("state/deep/carnet.db{tail}")));
    assert!(own.iter().all(|path| path.exists()), "{own:?}");
    assert_eq!(open_to_others(desk.folder.path(), &[]), Vec::<String>::new());
    // What a person has opened to colleagues stays so, and is no reason to open anything else.
    let card = walk(&desk.path("books/cards")).into_iter().find(|path| path.extension().is_some()).unwrap();
    fs::set_permissions(&card, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(&card, fs::read_to_string(&card).unwrap().replace("FN:", "NOTE:seen\r\nFN:")).unwrap();
    let _ = desk.run_carelessly(&["sync"]);
    let name = card.strip_prefix(desk.folder.path()).unwrap().display().to_string();
    assert_eq!(open_to_others(desk.folder.path(), &[]), [name]);
}

#[test]
fn so_are_new_settings_and_the_practice_crm() {
    let desk = Desk::new("sandbox", &book("cards", "vdir", "cards"));
    assert_eq!(desk.run_carelessly(&["sync"]).code, 0);
    assert_eq!(desk.run_carelessly(&["init", "new.toml"]).code, 0);
    assert!(desk.path("new.toml").exists());
    assert_eq!(open_to_others(desk.folder.path(), &[]), Vec::<String>::new());
}

#[test]
fn the_log_beside_an_open_mirror_is_its_owners_too() {
    // While the run waits for an answer, SQLite's own files are there to be looked at.
    let desk = std::sync::Arc::new(Desk::new("http://127.0.0.1:1/1", ""));
    let (folder, seen) = (desk.path("state"), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let note = seen.clone();
    let crm = super::server::Server::start(move |_| {
        let modes = walk(&folder).into_iter().map(|path| {
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
            (path.file_name().unwrap().to_string_lossy().into_owned(), mode)
        });
        note.lock().unwrap().extend(modes);
        super::server::page(1, "<contact><id>7</id><last_name>L</last_name></contact>")
    });
    desk.settings(&desk.read("carnet.toml").replace("http://127.0.0.1:1/1", &crm.url()));
    assert_eq!(desk.run_carelessly(&["pull"]).code, 0);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let expected =
        ["carnet.db", "carnet.db-shm", "carnet.db-wal", "carnet.db.lock"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(seen, expected);
}

fn card(uid: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\nEND:VCARD\r\n")
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_stands_in_for_a_card_is_left_alone_and_nobody_is_deleted() {
    let practice = Practice::with_contacts(12);
    let desk = Desk::new(&practice.url(), &format!("deletes = \"allow\"{}", book("cards", "vdir", "cards")));
    assert_eq!(desk.run(&["sync"]).code, 0);
    let mut cards: Vec<_> = walk(&desk.path("cards")).into_iter().filter(|path| path.extension().is_some()).collect();
    cards.sort();
    // Someone puts other things in the places of cards. What a link leads to is a stranger's business.
    let secret = card("canary-uid", "Canary Secret");
    desk.write("private/secret.vcf", &secret);
    desk.write("private/folder/inner.vcf", &secret);
    let instead: [&dyn Fn(&Path); 6] = [
        &|path| symlink(desk.path("private/secret.vcf"), path).unwrap(),
        &|path| symlink(desk.path("private/folder"), path).unwrap(),
        &|path| symlink("/dev/zero", path).unwrap(),
        &|path| fifo(path),
        &|path| fs::create_dir(path).unwrap(),
        &|path| fs::write(path, card("big", &"x".repeat(17 << 20))).unwrap(),
    ];
    for (path, put) in cards.iter().zip(instead) {
        fs::remove_file(path).unwrap();
        put(path);
    }
    // Only root can give files away; elsewhere the unit test of `Folder::trusts` stands for it.
    let given = chown(&cards[6], Some(54321), None).is_ok();
    symlink(desk.path("private/secret.vcf"), desk.path("cards/new-link.vcf")).unwrap();
    fifo(&desk.path("cards/new-pipe.vcf"));
    fifo(&desk.path("cards/.carnet-new-0000000000000000-0.tmp"));
    let swap = format!("cards/.carnet-swap-0000000000000000-{}-0.tmp", "0".repeat(32));
    symlink(desk.path("private/secret.vcf"), desk.path(&swap)).unwrap();
    // As a leftover of a killed run, a file without end.
    let endless = format!("cards/.carnet-swap-0000000000000000-{}-1.tmp", "0".repeat(32));
    fs::File::create(desk.path(&endless)).unwrap().set_len(1 << 40).unwrap();
    let expected = 6 + 2 + usize::from(given);
    for _ in 0..2 {
        let ran = desk.run(&["--json", "sync", "--force"]);
        assert_eq!(ran.code, 3, "{}", ran.said());
        for path in cards.iter().take(6 + usize::from(given)) {
            let name = path.file_name().unwrap().to_string_lossy();
            assert!(ran.out.contains(&*name), "{name} is reported: {}", ran.said());
        }
        assert!(ran.out.matches("left alone").count() >= expected, "{}", ran.said());
        assert_eq!(ran.summary()["deleted"], serde_json::json!({}), "{}", ran.said());
    }
    assert_eq!(practice.sandbox.store().count().unwrap(), 12);
    assert_eq!(desk.count("SELECT count(*) FROM contacts WHERE deleted_at IS NULL"), 12);
    assert_eq!(desk.count("SELECT count(*) FROM contacts WHERE last_name LIKE '%Canary%'"), 0);
    assert_eq!(desk.read("private/secret.vcf"), secret);
    assert!(cards.iter().take(3).all(|path| fs::symlink_metadata(path).unwrap().is_symlink()));
}

#[test]
fn what_stands_in_for_a_whole_book_stops_that_book() {
    for kind in ["vcard", "csv"] {
        let practice = Practice::with_contacts(3);
        let desk = Desk::new(&practice.url(), &format!("deletes = \"allow\"{}", book("one", kind, "one.file")));
        assert_eq!(desk.run(&["sync"]).code, 0);
        let path = desk.path("one.file");
        let instead: [&dyn Fn(); 3] = [&|| fifo(&path), &|| fs::create_dir(&path).unwrap(), &|| {
            fs::File::create(&path).unwrap().set_len(1 << 40).unwrap()
        }];
        for put in instead {
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
            put();
            let ran = desk.run(&["--json", "sync"]);
            assert!(![0, -1, 101].contains(&ran.code), "{kind}: {ran:?}");
            assert_eq!(practice.sandbox.store().count().unwrap(), 3);
            assert_eq!(desk.count("SELECT count(*) FROM contacts WHERE deleted_at IS NULL"), 3);
        }
    }
}

#[test]
fn names_of_files_are_carnets_own() {
    let long = "x".repeat(300);
    let uids = [
        "../../evil",
        "/etc/evil",
        "..",
        ".hidden",
        "CON",
        "con",
        "nul",
        "COM1",
        "-rf",
        "a b",
        "a/b",
        "a\\b",
        "a:b",
        &long,
        "Twin",
        "tWin",
        "\u{e9}",
        "e\u{301}",
        "nul\u{1}byte",
        "$(touch evil)",
        "*",
        "carnet-book",
        "%2e%2e%2fevil",
    ];
    let practice = Practice::with_contacts(1);
    let desk = Desk::new(&practice.url(), &book("cards", "vdir", "in/cards"));
    let lines: String = uids
        .iter()
        .enumerate()
        .map(|(at, uid)| serde_json::json!({ "uid": uid, "last_name": format!("Nom{at}") }).to_string() + "\n")
        .collect();
    desk.write("all.jsonl", lines);
    let ran = desk.run(&["import", "all.jsonl"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let names: Vec<String> = fs::read_dir(desk.path("in/cards"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".carnet-book")
        .collect();
    assert_eq!(names.len(), uids.len() + 1, "{names:?}");
    for name in &names {
        let stem = name.strip_suffix(".vcf").unwrap();
        let plain = stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(plain && stem.len() <= 64 && !stem.starts_with('-') && stem != "con" && stem != "nul", "{name}");
    }
    // All of them are read back as who they are.
    let again = desk.run(&["--json", "sync"]);
    assert_eq!((again.code, &again.summary()["created"]), (0, &serde_json::json!({})), "{}", again.said());
    assert!(!desk.path("evil").exists() && !desk.path("in/evil.vcf").exists() && !desk.path("evil.vcf").exists());
    assert_eq!(practice.sandbox.store().count().unwrap(), uids.len() + 1);
}
