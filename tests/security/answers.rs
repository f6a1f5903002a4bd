//! Answers of a server that is broken or hostile: refused or set aside, memory bounded, and nobody else is concerned.

use std::{
    fs,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use super::{
    Desk, book,
    server::{Reply, Request, Server, page},
};

const GOOD: &str = "<contact><id>7</id><last_name>Lovelace</last_name></contact>";

/// Pulls from a server whose first page this is; the mirror then holds nobody.
fn refused(what: &str, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let crm = Server::start(move |_| Reply::xml(body.clone()));
    let desk = Desk::new(&crm.url(), "");
    let ran = desk.run(&["pull"]);
    assert_eq!(ran.code, 5, "{what}: {}", ran.told);
    assert_eq!(desk.count("SELECT count(*) FROM contacts"), 0, "{what}");
}

#[test]
fn an_account_that_is_suddenly_not_there_is_the_servers_trouble() {
    let (gone, now) = (Arc::new(AtomicBool::new(true)), GOOD);
    let away = gone.clone();
    let crm = Server::start(move |_| if away.load(Ordering::SeqCst) { Reply::status(404) } else { page(1, now) });
    let desk = Desk::new(&crm.url(), &book("cards", "vdir", "cards"));
    let first = desk.run(&["sync"]);
    assert_eq!(first.code, 1, "{}", first.told);
    assert!(first.told.contains("there are no contacts at that address (404 Not Found)"), "{}", first.told);
    assert!(first.told.contains("hint: most likely the address is wrong: check crm.url"), "{}", first.told);
    gone.store(false, Ordering::SeqCst);
    assert_eq!(desk.run(&["sync"]).code, 0);
    gone.store(true, Ordering::SeqCst);
    let files = desk.all_files().len();
    for _ in 0..3 {
        let ran = desk.run(&["sync"]);
        assert_eq!(ran.code, 5, "{}", ran.told);
        assert!(ran.told.contains("answered 404 Not Found where it has listed contacts before"), "{}", ran.told);
        assert!(ran.told.contains("hint: nothing was changed, and no contact is taken for deleted"), "{}", ran.told);
    }
    assert_eq!((desk.count("SELECT count(*) FROM crm_contacts"), desk.all_files().len()), (1, files));
    gone.store(false, Ordering::SeqCst);
    let ran = desk.run(&["sync"]);
    assert!(ran.code == 0 && ran.out.contains("nothing changed"), "{}", ran.said());
}

#[test]
fn documents_that_are_weapons_are_refused() {
    let wrapped = |head: &str, inside: &str| format!("<?xml version=\"1.0\"?>{head}<contacts>{inside}</contacts>");
    let mut laughs = String::from("<!ENTITY l0 \"lol\">");
    for level in 1..40 {
        laughs += &format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10));
    }
    let laughs = format!("<!DOCTYPE contacts [{laughs}]>");
    refused("a document type", wrapped("<!DOCTYPE contacts>", GOOD));
    refused("a document type in small letters", wrapped("<!doctype contacts>", GOOD));
    refused(
        "a file",
        wrapped("<!DOCTYPE c [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>", &GOOD.replace("Love", "&x;")),
    );
    refused("a parameter entity", wrapped("<!DOCTYPE c [<!ENTITY % x SYSTEM \"http://127.0.0.1/\"> %x;]>", GOOD));
    refused("a billion laughs", wrapped(&laughs, &GOOD.replace("Love", "&l39;")));
    refused("depth", "<contacts>".to_owned() + &"<a>".repeat(1_000_000));
    refused("depth in a record", wrapped("", &format!("<contact><id>7</id>{}", "<a>".repeat(1_000_000))));
    refused("size", wrapped("", &" ".repeat(16 << 20)));
    refused("UTF-16 that hides a document type", {
        let text = wrapped("<!DOCTYPE contacts>", GOOD);
        b"\xff\xfe".iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<_>>()
    });
}

/// The most memory that a pull takes whose first page this is, in MiB.
fn memory_for(first: String) -> u64 {
    let (arrived, arrival) = mpsc::channel::<()>();
    let (go_on, going_on) = mpsc::channel::<()>();
    let (arrived, going_on) = (Mutex::new(arrived), Mutex::new(going_on));
    let crm = Server::start(move |request| {
        if request.target.ends_with("page=1") {
            return Reply::xml(first.clone());
        }
        // The first page was read to its end before this one was asked for.
        arrived.lock().unwrap().send(()).unwrap();
        going_on.lock().unwrap().recv().unwrap();
        page(2, GOOD)
    });
    let desk = Desk::new(&crm.url(), "");
    let mut child = desk.command(&["pull"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    arrival.recv_timeout(Duration::from_secs(60)).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(desk.count("SELECT count(*) FROM contacts"), 1, "the good one of the second page");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn a_record_of_millions_of_elements_costs_little_memory() {
    let head = "<contacts><pagination><total_pages>2</total_pages></pagination><contact><id>8</id>";
    for bomb in ["<a/>", "<contact_items><contact_item/></contact_items>", "&amp;x"] {
        let inside = bomb.repeat((15 << 20) / bomb.len());
        let peak = memory_for(format!("{head}<comment/>{inside}</contact></contacts>"));
        assert!(peak < 128, "{bomb}: {peak} MiB");
    }
}

const BAD_IDS: &[&str] = &[
    "1/../2",
    "../1",
    "1?x",
    "1#x",
    "-1",
    "+1",
    "1 2",
    "1.0",
    "0x1",
    "1%2f2",
    "1\n2",
    "1&#10;2",
    "\u{ff11}",
    "01",
    "",
    "1234567890123456789012345678901234567890",
];

/// Every request is for a page, for all contacts, or for one of a plain number.
fn only_plain_paths(crm: &Server) {
    for request in crm.seen() {
        let path = request.target.strip_prefix("/1/contacts").unwrap();
        let plain = |path: &str| {
            let id = path.strip_prefix('/').and_then(|path| path.strip_suffix(".xml"));
            id.is_some_and(|id| !id.is_empty() && id.len() < 20 && id.bytes().all(|byte| byte.is_ascii_digit()))
        };
        assert!(path == ".xml" || path.starts_with(".xml?page=") || plain(path), "{}", request.line());
    }
}

#[test]
fn ids_of_a_listing_are_digits_or_nothing() {
    let records: String =
        BAD_IDS.iter().map(|id| format!("<contact><id>{id}</id><last_name>Bad</last_name></contact>")).collect();
    let crm = Server::start(move |request| match request.target.contains("page=1") {
        true => page(1, &format!("{records}{GOOD}")),
        false => Reply::xml(GOOD),
    });
    let desk = Desk::new(&crm.url(), &format!("confirm_after = \"0s\"{}", book("cards", "vdir", "cards")));
    for _ in 0..2 {
        let ran = desk.run(&["--json", "sync"]);
        assert_eq!((ran.code, &ran.summary()["failed"]), (3, &BAD_IDS.len().into()), "{}", ran.said());
    }
    assert_eq!(desk.count("SELECT count(*) FROM contacts"), 1);
    only_plain_paths(&crm);
}

#[test]
fn ids_of_an_answer_to_a_post_are_digits_or_nothing() {
    for id in BAD_IDS {
        let canary = Server::canary();
        // In the body, in the address of the new contact here, and in one elsewhere.
        let answers = [
            Reply::xml(format!("<contact><id>{id}</id></contact>")),
            Reply::status(201).header("Location", &format!("/1/contacts/{}", id.escape_default())),
            Reply::status(201).header("Location", &format!("{}/contacts/{}", canary.url(), id.escape_default())),
        ];
        for answer in answers {
            let crm = Server::start(move |request: &Request| match request.method.as_str() {
                "POST" => answer.clone(),
                _ if request.target.contains("page=") => page(1, GOOD),
                _ => Reply::xml(GOOD),
            });
            let desk = Desk::new(&crm.url(), &book("cards", "vdir", "cards"));
            desk.write("cards/n.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:n\r\nFN:N\r\nN:N;;;;\r\nEND:VCARD\r\n");
            let ran = desk.run(&["sync"]);
            assert_ne!(ran.code, 0, "{id:?}: {}", ran.said());
            assert_eq!((crm.lines("POST").len(), canary.connections()), (1, 0), "{id:?}");
            only_plain_paths(&crm);
        }
    }
    // An id in an address elsewhere is an id of ours: it is asked for here.
    let canary = Server::canary();
    let location = format!("{}/contacts/9.xml", canary.url());
    let crm = Server::start(move |request| match request.method.as_str() {
        "POST" => Reply::status(201).header("Location", &location),
        _ if request.target.contains("page=") => page(1, GOOD),
        _ => Reply::xml(GOOD.replace("<id>7", "<id>9").replace("Lovelace", "N")),
    });
    let desk = Desk::new(&crm.url(), &book("cards", "vdir", "cards"));
    desk.write("cards/n.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:n\r\nFN:N\r\nN:N;;;;\r\nEND:VCARD\r\n");
    assert_eq!(desk.run(&["sync"]).code, 0);
    assert!(crm.lines("GET").contains(&"GET /1/contacts/9.xml".to_owned()) && canary.connections() == 0);
}

#[test]
fn a_poisoned_record_of_ten_thousand_stops_nobody() {
    let long = format!("<comment>{}</comment>", "x".repeat((64 << 10) + 1));
    let poison = [
        "<comment>&nope;</comment>",
        "<comment>a & b</comment>",
        "<comment>&#0;</comment>",
        "<comment>\u{1}</comment>",
        "<comment><b>x</b></comment>",
        "<last_name/><last_name/>",
        "<id>5</id>",
        &long,
    ];
    let records: String = (1..=10_000)
        .map(|id| {
            let spoilt = if id % 1_000 == 500 { poison.get(id / 1_000).copied().unwrap_or_default() } else { "" };
            format!("<contact><id>{id}</id><first_name>F{id}</first_name>{spoilt}</contact>")
        })
        .collect();
    let crm = Server::start(move |_| page(1, &records));
    let desk = Desk::new(&crm.url(), "");
    let ran = desk.run(&["--json", "pull"]);
    assert_eq!((ran.code, &ran.summary()["failed"]), (3, &poison.len().into()), "{}", ran.told);
    assert_eq!(desk.count("SELECT count(*) FROM contacts"), 10_000 - poison.len() as i64);
}
