//! PUT, DELETE, GET: their conditions, what is refused and why, what is told of it.

use std::time::Duration;

use carnet::books::served::{Condition, Put};

use super::place::{BOOK, DEVICE, Place, card};

#[test]
fn conditions_are_kept_on_every_write() {
    let place = Place::new();
    let etag = place.given("u1");
    let weak = format!("W/{etag}");
    let listed = format!("\"x\", {etag}");
    // Whether a write with this condition goes through on a card that is there, and on one that is not.
    let cases: [(&str, &str, bool, bool); 9] = [
        ("If-Match", "*", true, false),
        ("If-Match", &etag, true, false),
        ("If-Match", &listed, true, false),
        ("If-Match", &weak, false, false),
        ("If-Match", "\"x\"", false, false),
        ("If-None-Match", "*", false, true),
        ("If-None-Match", &etag, false, true),
        ("If-None-Match", &weak, false, true),
        ("If-None-Match", "\"x\"", true, true),
    ];
    for (name, value, there, missing) in cases {
        let same = place.put("u1.vcf", &card("u1", "Given"), &[(name, value)]);
        assert_eq!(same.status, if there { 204 } else { 412 }, "PUT {name}: {value}");
        let new = place.put("u2.vcf", &card("u2", "New"), &[(name, value)]);
        assert_eq!(new.status, if missing { 201 } else { 412 }, "PUT new {name}: {value}");
        if missing {
            assert_eq!(place.ask("DELETE", &format!("{BOOK}u2.vcf"), &[], "").status, 204);
        }
        if !there {
            let kept = place.ask("DELETE", &format!("{BOOK}u1.vcf"), &[(name, value)], "");
            assert_eq!(kept.status, 412, "DELETE {name}: {value}");
        }
    }
    assert_eq!(place.put("u1.vcf", &card("u1", "Given"), &[("If-Match", "\"open")]).status, 400);
    assert_eq!(place.ask("DELETE", &format!("{BOOK}u1.vcf"), &[("If-Match", &etag)], "").status, 204);
    assert_eq!(place.ask("DELETE", &format!("{BOOK}u1.vcf"), &[], "").status, 404);
    assert_eq!(place.ask("DELETE", &format!("{BOOK}u1.vcf"), &[("If-Match", &etag)], "").status, 404);
    assert_eq!(place.ask("GET", &format!("{BOOK}u1.vcf"), &[], "").status, 404);
}

#[test]
fn a_card_comes_back_byte_for_byte_under_its_tag() {
    let place = Place::new();
    let odd = "BEGIN:VCARD\nVERSION:3.0\nUID:odd-1\nFN:A <b> & \u{e9}\nitem1.TEL:1\nitem1.X-ABLabel:_$!<Home>!$_\n\
               X-EMPTY:\nNOTE:two]]>\\, lines\n  folded\nEND:VCARD\n";
    let written = place.put("a%20b%3B%C3%A9@x.vcf", odd, &[]);
    assert_eq!(written.status, 201);
    let path = format!("{BOOK}a%20b%3B%C3%A9%40x.vcf");
    let got = place.ask("GET", &path, &[], "");
    assert_eq!((got.status, got.body.as_str(), &got.headers["etag"]), (200, odd, &written.headers["etag"]));
    assert_eq!(got.headers["content-type"], "text/vcard; charset=utf-8");
    let head = place.ask("HEAD", &path, &[], "");
    assert_eq!((head.status, &head.headers["content-length"]), (200, &odd.len().to_string()));
    let tag = written.headers["etag"].as_str();
    let cases = [
        ("If-None-Match", tag, 304),
        ("If-None-Match", "\"x\"", 200),
        ("If-Match", "\"x\"", 412),
        ("If-Match", tag, 200),
        ("Accept", "text/vcard;version=4.0", 406),
        ("Accept", "text/vcard", 200),
    ];
    for (name, value, status) in cases {
        assert_eq!(place.ask("GET", &path, &[(name, value)], "").status, status, "{name}: {value}");
    }
    // One spelling, wherever it is told.
    for answer in [place.propfind(BOOK, "1", "<D:getetag/>"), place.sync("")] {
        assert!(answer.body.contains(&format!("<D:href>{path}</D:href>")), "{answer:?}");
    }
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let place = Place::new();
    let etag = place.given("u1");
    let token = place.token();
    let again = place.put("u1.vcf", &card("u1", "Given"), &[]);
    assert_eq!((again.status, &again.headers["etag"], place.token()), (204, &etag, token.clone()));
    let changed = place.put("u1.vcf", &card("u1", "Changed"), &[]);
    assert!(changed.status == 204 && changed.headers["etag"] != etag && place.token() != token);
    // Nor do they come back under an old tag.
    let back = place.put("u1.vcf", &card("u1", "Given"), &[]);
    assert_ne!(back.headers["etag"], etag);
}

#[test]
fn a_card_without_a_uid_gets_one_and_no_tag() {
    let place = Place::new();
    let bare = card("x", "Bare").replace("UID:x\r\n", "");
    let written = place.put("bare.vcf", &bare, &[]);
    assert_eq!((written.status, written.headers.get("etag")), (201, None));
    let stored = place.ask("GET", &format!("{BOOK}bare.vcf"), &[], "").body;
    let uid = stored.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
    let token = place.token();
    // The same card again is the same card.
    assert_eq!(place.put("bare.vcf", &bare, &[]).status, 204);
    assert_eq!(place.token(), token);
    assert_eq!(place.put("bare.vcf", &bare.replace("Bare", "Edited"), &[]).status, 204);
    assert!(place.ask("GET", &format!("{BOOK}bare.vcf"), &[], "").body.contains(&uid));
}

#[test]
fn what_may_not_be_stored_is_refused_with_its_reason() {
    let place = Place::new();
    place.given("u1");
    let vcard = "text/vcard";
    let good = card("u2", "Good");
    let cases: [(&str, &str, String, u16, &str); 10] = [
        ("u2.vcf", "text/calendar", good.clone(), 403, "C:supported-address-data"),
        ("u2.vcf", "application/octet-stream", good.clone(), 403, "C:supported-address-data"),
        ("u2.vcf", vcard, "HAHA:YES".to_owned(), 403, "C:valid-address-data"),
        ("u2.vcf", vcard, String::new(), 403, "C:valid-address-data"),
        ("u2.vcf", vcard, format!("{good}{good}"), 403, "C:valid-address-data"),
        ("u2.vcf", vcard, good.replace("Good", "Go\u{1}od"), 403, "C:valid-address-data"),
        ("u2.vcf", vcard, good.replace("END:VCARD\r\n", ""), 403, "C:valid-address-data"),
        ("u2.vcf", vcard, good.replace("Good", &"x".repeat(100_000)), 403, "C:max-resource-size"),
        ("u2.vcf", vcard, card("u1", "Other"), 409, "C:no-uid-conflict"),
        ("u1.vcf", vcard, good.clone(), 409, "C:no-uid-conflict"),
    ];
    for (name, media_type, body, status, condition) in cases {
        let refused = place.ask("PUT", &format!("{BOOK}{name}"), &[("Content-Type", media_type)], &body);
        assert_eq!((refused.status, refused.names(condition)), (status, true), "{media_type} {condition}: {refused:?}");
        if status == 409 {
            assert!(refused.body.contains(&format!("<D:href>{BOOK}u1.vcf</D:href>")), "who holds it: {refused:?}");
        }
    }
    let token = place.token();
    for (path, status) in [(BOOK, 405), ("/dav/", 405), ("/dav/marie%20phone/other/x.vcf", 409), ("/x", 409)] {
        assert_eq!(place.ask("PUT", path, &[], &good).status, status, "{path}");
    }
    assert_eq!(place.ask("PUT", &format!("{BOOK}u2.vcf"), &[("Content-Encoding", "gzip")], &good).status, 415);
    assert_eq!(place.ask("PUT", &format!("{BOOK}u2.vcf"), &[("Content-Range", "bytes 0-1/2")], &good).status, 400);
    assert_eq!(place.sync("").lines().len(), 1);
    assert_eq!(place.token(), token);
    for media_type in ["text/x-vcard", "text/directory;profile=vCard", "text/vcard; charset=\"utf-8\""] {
        let taken = place.ask("PUT", &format!("{BOOK}u2.vcf"), &[("Content-Type", media_type)], &good);
        assert!(taken.status < 300, "{media_type}");
    }
}

#[test]
fn who_may_read_only_is_told_so_and_changes_nothing() {
    let place = Place::new();
    let mut store = place.store();
    let id = place.id("printer");
    let body = card("u1", "Given");
    let put = store.put(id, "u1.vcf", "u1", body.as_bytes(), &Condition::None).unwrap();
    assert!(matches!(put, Put::Created { .. }));
    let printer = Some(("printer", "secret"));
    for (method, path, text) in [
        ("PUT", "/dav/printer/contacts/u1.vcf", card("u1", "Edited")),
        ("PUT", "/dav/printer/contacts/u2.vcf", card("u2", "New")),
        ("DELETE", "/dav/printer/contacts/u1.vcf", String::new()),
    ] {
        let refused = place.ask_as(printer, method, path, &[], text);
        assert_eq!((refused.status, refused.names("D:need-privileges")), (403, true), "{method} {path}");
    }
    let got = place.ask_as(printer, "GET", "/dav/printer/contacts/u1.vcf", &[], "");
    assert_eq!((got.status, got.body), (200, body));
    let asked = "<propfind xmlns=\"DAV:\"><prop><current-user-privilege-set/></prop></propfind>";
    let rights = place.ask_as(printer, "PROPFIND", "/dav/printer/contacts/", &[("Depth", "0")], asked);
    assert!(rights.body.contains("<D:read/>") && !rights.body.contains("write"), "{rights:?}");
}

#[test]
fn collections_are_neither_made_nor_removed_nor_renamed() {
    let place = Place::new();
    let made = "<mkcol xmlns=\"DAV:\"><set><prop><resourcetype><collection/></resourcetype></prop></set></mkcol>";
    let refused = place.ask("MKCOL", "/dav/marie%20phone/second/", &[], made);
    assert_eq!((refused.status, refused.names("D:need-privileges")), (403, true), "{refused:?}");
    assert_eq!(place.ask("MKCOL", "/dav/marie%20phone/second/", &[], "").status, 403);
    assert_eq!(place.ask("MKCOL", "/dav/marie%20phone/second/", &[], "<x").status, 400);
    assert_eq!(place.ask("MKCOL", BOOK, &[], made).status, 405);
    for path in [BOOK, "/dav/marie%20phone/", "/dav/"] {
        let refused = place.ask("DELETE", path, &[], "");
        assert_eq!((refused.status, refused.names("D:need-privileges")), (403, true), "{path}");
    }
    let renamed = "<propertyupdate xmlns=\"DAV:\"><set><prop><displayname>x</displayname></prop></set>\
                   <remove><prop><y xmlns=\"urn:z\"/></prop></remove></propertyupdate>";
    let refused = place.ask("PROPPATCH", BOOK, &[], renamed);
    assert_eq!(refused.status, 207);
    assert!(
        refused.body.contains("<D:displayname/><X:y xmlns:X=\"urn:z\"/></D:prop><D:status>HTTP/1.1 403"),
        "{refused:?}"
    );
    assert!(refused.names("D:cannot-modify-protected-property"));
    for method in ["COPY", "MOVE", "LOCK", "POST", "PATCH", "BREW"] {
        let refused = place.ask(method, BOOK, &[], "");
        assert_eq!(refused.status, 405, "{method}");
        assert!(refused.headers["allow"].contains("REPORT"), "{method}");
    }
}

#[test]
fn a_run_is_asked_for_after_an_edit_and_after_nothing_else() {
    let place = Place::new();
    place.propfind(BOOK, "1", "<D:getetag/>");
    place.put("bad.vcf", "no card", &[]);
    for number in 0..5 {
        place.given(&format!("u{number}"));
    }
    let runs = place.runs.lock().unwrap();
    runs.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(runs.try_recv().is_err(), "many edits are one run");
    // A run's own writes are seen by the device, and ask for none.
    assert_eq!(place.store().counts(place.id(DEVICE)).unwrap().waiting, 5);
}
