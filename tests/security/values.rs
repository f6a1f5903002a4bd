//! Hostile values on their way through cards, sheets and XML: nothing gets in beside them, and they come back as they were.

use super::{
    Desk, Practice, book,
    server::{Server, page},
};

/// What people with ill will put into a name.
const HOSTILE: &[&str] = &[
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "'=1",
    "\u{ff1d}1+1",
    "]]></last_name><id>1</id>",
    "&#0;",
    "&lt;id&gt;",
    "<!--",
    "a;b,c\"d",
    "x\nEND:VCARD\nX-EVIL:1",
    "x\nBEGIN:VCARD",
    "x\\nTEL:1",
    "\"\"\"",
    "x\n=1+1",
    "\u{202e}txt",
    "%n{}",
    "$(id)",
    "'; DROP TABLE contacts; --",
];

fn lines() -> String {
    let line = |(at, text): (usize, &&str)| {
        let items = serde_json::json!([{ "type_id": "27", "value": format!("a{at}@example.com") }]);
        let contact = serde_json::json!({ "uid": format!("u{at}"), "last_name": text.replace('\n', " "),
            "comment": text, "job_title": text.replace('\n', " "), "contact_items": items });
        contact.to_string() + "\n"
    };
    HOSTILE.iter().enumerate().map(line).collect()
}

#[test]
fn hostile_values_stay_values() {
    let practice = Practice::with_contacts(0);
    let books = book("cards", "vdir", "cards") + &book("one", "vcard", "all.vcf") + &book("sheet", "csv", "sheet.csv");
    let desk = Desk::new(&practice.url(), &format!("lists = \"replace\"{books}"));
    desk.write("in.jsonl", lines());
    let ran = desk.run(&["import", "in.jsonl"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    // The CRM holds the very texts.
    let store = practice.sandbox.store();
    let ids = store.ids().unwrap();
    let mut held: Vec<String> = ids.iter().map(|id| store.value(*id, "comment").unwrap().unwrap()).collect();
    let mut expected: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    held.sort();
    expected.sort();
    assert_eq!(held, expected);
    // One card is one card, and no line of it comes from a value.
    let card_lines = |text: &str, line: &str| text.lines().filter(|found| found.trim_end() == line).count();
    let all = desk.read("all.vcf");
    assert_eq!((card_lines(&all, "BEGIN:VCARD"), card_lines(&all, "END:VCARD")), (HOSTILE.len(), HOSTILE.len()));
    for path in super::walk(&desk.path("cards")).iter().filter(|path| path.extension().is_some()) {
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!((card_lines(&text, "BEGIN:VCARD"), card_lines(&text, "END:VCARD")), (1, 1), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("X-EVIL") || line.starts_with("TEL")), "{text}");
    }
    // Nothing is news to anybody.
    let again = desk.run(&["--json", "sync"]);
    let nothing = serde_json::json!({});
    let summary = again.summary();
    assert_eq!((again.code, &summary["created"], &summary["updated"]), (0, &nothing, &nothing), "{}", again.said());
}

#[test]
fn formulas_are_guarded_for_spreadsheets_alone_and_come_back() {
    let desk = Desk::new("http://127.0.0.1:9/1", "");
    desk.write("in.jsonl", lines());
    assert_eq!(desk.run(&["import", "--no-push", "in.jsonl"]).code, 0);
    for (format, spreadsheet) in [
        ("csv", true),
        ("excel-fr", true),
        ("google", false),
        ("outlook", false),
        ("outlook-fr", false),
        ("thunderbird", false),
    ] {
        let name = format!("{format}.csv");
        assert_eq!(desk.run(&["export", "--format", format, &name]).code, 0, "{format}");
        let bytes = std::fs::read(desk.path(&name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let delimiter = if text.lines().next().unwrap().contains(';') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), HOSTILE.len() + 1, "{format}: one row a contact");
        let run = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}']);
        let found = rows.iter().skip(1).any(|row| row.iter().any(run));
        assert_eq!(found, !spreadsheet, "{format}");
        let back = desk.run(&["--json", "import", "--no-push", &name]);
        let summary = back.summary();
        assert_eq!(summary["updated"], serde_json::json!({}), "{format}: {}", back.said());
    }
}

#[test]
fn enormous_values_are_taken_or_named_and_break_nothing() {
    let practice = Practice::with_contacts(2);
    let desk = Desk::new(&practice.url(), &book("cards", "vdir", "cards"));
    let cell = "x".repeat(10 << 20);
    desk.write("big.csv", format!("last_name,comment\nBig,{cell}\nSmall,y\n"));
    desk.write(
        "big.vcf",
        format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:big\r\nFN:B\r\nN:B;;;;\r\nNOTE:{}\r\nEND:VCARD\r\n",
            "y".repeat(5 << 20)
        ),
    );
    for (file, posts) in [("big.csv", 1), ("big.vcf", 0)] {
        let ran = desk.run(&["--json", "import", file]);
        assert_eq!((ran.code, &ran.summary()["requests"]["POST"]), (3, &posts.into()), "{file}: {}", ran.told);
        assert!(ran.out.contains("write `comment`: it is longer than 64 KiB"), "{file}");
    }
    // What cannot be sent is named, waits, and is neither sent nor looked for again.
    let ran = desk.run(&["--json", "sync"]);
    let summary = ran.summary();
    assert_eq!(
        (ran.code, &summary["requests"]["POST"], &summary["waiting"]),
        (3, &0.into(), &2.into()),
        "{}",
        ran.said()
    );
    assert_eq!(desk.count("SELECT count(*) FROM contacts"), 5);
    assert_eq!(practice.sandbox.store().count().unwrap(), 3);
}

#[test]
fn a_file_name_moves_no_cursor() {
    let crm = Server::start(|_| page(1, ""));
    let desk = Desk::new(&crm.url(), &book("cards", "vdir", "cards"));
    desk.write("cards/a\u{1b}[2J\u{9b}1m\nerror: forged.vcf", "no card");
    let ran = desk.run(&["sync"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(!ran.said().contains(['\u{1b}', '\u{9b}']) && !ran.said().contains("\nerror: forged"), "{:?}", ran.said());
}
