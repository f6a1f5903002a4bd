//! REPORT and PROPFIND: what is told, and what is not understood.

use carnet::books::served::Condition;

use super::place::{BOOK, DEVICE, NAMESPACES, Place, card, sync_body};

#[test]
fn a_query_finds_what_its_filter_takes() {
    let place = Place::new();
    for (uid, name) in [("u1", "Ada Lovelace"), ("u2", "Charles Babbage"), ("u3", "\u{c9}lodie")] {
        assert_eq!(place.put(&format!("{uid}.vcf"), &card(uid, name), &[]).status, 201);
    }
    let query = |filter: &str, more: &str| {
        let body = format!(
            "<C:addressbook-query {NAMESPACES}><D:prop><C:address-data><C:prop name=\"FN\"/></C:address-data></D:prop>\
             {filter}{more}</C:addressbook-query>"
        );
        place.ask("REPORT", BOOK, &[], body)
    };
    let by_name = |text: &str| {
        format!("<C:filter><C:prop-filter name=\"FN\"><C:text-match>{text}</C:text-match></C:prop-filter></C:filter>")
    };
    assert_eq!(query(&by_name("LOVE"), "").lines(), ["u1.vcf"]);
    assert_eq!(query(&by_name("\u{e9}lo"), "").lines(), ["u3.vcf"]);
    assert_eq!(query(&by_name("nobody"), "").lines(), [""; 0]);
    assert_eq!(query("<C:filter/>", "").lines(), ["u1.vcf", "u2.vcf", "u3.vcf"]);
    assert_eq!(query("", "").lines().len(), 3);
    let part = query(&by_name("ada"), "").read().1[0].property("address-data").unwrap();
    assert_eq!(part, "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Lovelace\r\nEND:VCARD\r\n");
    let cut = query("<C:filter/>", "<C:limit><C:nresults>2</C:nresults></C:limit>");
    assert_eq!(cut.lines(), ["contacts 507", "u1.vcf", "u2.vcf"]);
    let odd = "<C:filter><C:comp-filter name=\"VCARD\"/></C:filter>";
    let refused = query(odd, "");
    assert_eq!((refused.status, refused.names("C:supported-filter")), (403, true));
    let octets = by_name("x").replace("text-match>x", "text-match collation=\"i;octet\">x");
    assert!(query(&octets, "").names("C:supported-collation"));
}

#[test]
fn a_multiget_answers_each_address_once_in_order() {
    let place = Place::new();
    for uid in ["u1", "u2", "a b"] {
        let name = format!("{}.vcf", uid.replace(' ', "%20"));
        assert_eq!(place.put(&name, &card(uid, uid), &[]).status, 201);
    }
    let body = |data: &str, hrefs: &[String]| {
        let hrefs: String = hrefs.iter().map(|href| format!("<D:href>{href}</D:href>")).collect();
        format!(
            "<C:addressbook-multiget {NAMESPACES}><D:prop><D:getetag/>{data}</D:prop>{hrefs}</C:addressbook-multiget>"
        )
    };
    let hrefs: Vec<String> = vec![
        format!("{BOOK}u2.vcf"),
        format!("{BOOK}gone.vcf"),
        "/dav/bob/contacts/u1.vcf".to_owned(),
        format!("{BOOK}a b.vcf"),
        BOOK.to_owned(),
        format!("http://localhost{BOOK}u1.vcf"),
        "../../bob/contacts/u1.vcf".to_owned(),
    ];
    for data in ["<C:address-data/>", ""] {
        let told = place.ask("REPORT", BOOK, &[], body(data, &hrefs)).read().1;
        let names: Vec<(&str, Option<u16>)> = told.iter().map(|told| (told.href.as_str(), told.status)).collect();
        let first = format!("{BOOK}u2.vcf");
        let (spaced, last) = (format!("{BOOK}a%20b.vcf"), format!("{BOOK}u1.vcf"));
        let expected = [
            (first.as_str(), None),
            (hrefs[1].as_str(), Some(404)),
            (hrefs[2].as_str(), Some(404)),
            (&spaced, None),
            (BOOK, Some(404)),
            (&last, None),
            (hrefs[6].as_str(), Some(404)),
        ];
        assert_eq!(names, expected, "{data}");
        assert_eq!(told[0].property("address-data").is_some(), !data.is_empty());
    }
    for (data, status) in [
        ("<C:address-data content-type=\"text/vcard\" version=\"3.0\"/>", 207),
        ("<C:address-data content-type=\"text/vcard\" version=\"4.0\"/>", 403),
        ("<C:address-data content-type=\"application/vcard+json\"/>", 403),
    ] {
        let answer = place.ask("REPORT", BOOK, &[], body(data, &hrefs[..1]));
        assert_eq!((answer.status, answer.names("C:supported-address-data")), (status, status == 403), "{data}");
    }
}

#[test]
fn changes_are_followed_from_token_to_token() {
    let place = Place::new();
    let first = place.sync("").read();
    assert_eq!(first.1, []);
    let etag = place.given("u1");
    place.given("u2");
    let both = place.sync(&first.0.clone().unwrap());
    assert_eq!(both.lines(), [format!("u1.vcf {etag}"), both.lines()[1].clone()]);
    let token = both.read().0.unwrap();
    assert_eq!(place.sync(&token).read(), (Some(token.clone()), Vec::new()), "nothing happened");
    // What a run writes is seen like anything else.
    let body = card("u3", "By a run");
    place.store().put(place.id(DEVICE), "u3.vcf", "u3", body.as_bytes(), &Condition::None).unwrap();
    place.ask("DELETE", &format!("{BOOK}u1.vcf"), &[], "");
    place.given("u4");
    place.ask("DELETE", &format!("{BOOK}u4.vcf"), &[], "");
    let names: Vec<String> =
        place.sync(&token).lines().iter().map(|line| line.split(" \"").next().unwrap().to_owned()).collect();
    assert_eq!(names, ["u3.vcf", "u1.vcf 404", "u4.vcf 404"], "a device knows what it has itself written");
    let names: Vec<String> = place.sync("").read().1.into_iter().map(|told| told.href).collect();
    assert_eq!(names, [format!("{BOOK}u2.vcf"), format!("{BOOK}u3.vcf")], "the first time, members alone");
    for depth in ["0", "1"] {
        let body = sync_body(&token, "<D:getetag/>", "");
        assert_eq!(place.ask("REPORT", BOOK, &[("Depth", depth)], body).lines().len(), 3, "{depth}");
    }
}

#[test]
fn a_page_of_changes_leads_to_the_next() {
    let place = Place::new();
    for number in 0..7 {
        place.given(&format!("u{number}"));
    }
    let (mut token, mut pages, mut all) = (String::new(), 0, Vec::new());
    loop {
        let limit = "<D:limit><D:nresults>3</D:nresults></D:limit>";
        let page = place.ask("REPORT", BOOK, &[], sync_body(&token, "<C:address-data/>", limit));
        let (next, told) = page.read();
        pages += 1;
        token = next.unwrap();
        let is_cut = told.iter().any(|told| told.href == BOOK && told.status == Some(507));
        all.extend(told.into_iter().filter(|told| told.href != BOOK).map(|told| told.href));
        if !is_cut {
            break;
        }
        assert!(page.names("D:number-of-matches-within-limits"), "{page:?}");
    }
    let expected: Vec<String> = (0..7).map(|number| format!("{BOOK}u{number}.vcf")).collect();
    assert_eq!((pages, all, token), (3, expected, place.token()));
}

#[test]
fn a_token_of_another_book_is_known_as_such() {
    let place = Place::new();
    place.given("u1");
    let token = place.token();
    let (book, counter) = token.rsplit_once('-').unwrap();
    let counter: u64 = counter.parse().unwrap();
    for foreign in [
        format!("{book}-{}", counter + 1),
        format!("{token}x"),
        format!("{book}x-{counter}"),
        "data:,".to_owned(),
        "http://sabre.io/ns/sync/1".to_owned(),
        "99E22386-0183-4F41-8FB1-3A3A2B3C0E2F".to_owned(),
    ] {
        let refused = place.sync(&foreign);
        assert_eq!((refused.status, refused.names("D:valid-sync-token")), (403, true), "{foreign}");
    }
    // A device of the same name that was added anew.
    let mut store = place.store();
    let device = store.device(DEVICE).unwrap().unwrap();
    store.revoke(DEVICE).unwrap();
    let new = carnet::books::served::NewDevice {
        password_hash: device.password_hash,
        ..carnet::books::served::NewDevice::of(DEVICE)
    };
    store.add(&new, 0).unwrap();
    assert_eq!(place.sync(&token).status, 403);
}

#[test]
fn a_propfind_tells_what_there_is() {
    let place = Place::new();
    place.given("u1");
    let ask = |path: &str, depth: &str, body: &str| place.ask("PROPFIND", path, &[("Depth", depth)], body);
    let all = "<propfind xmlns=\"DAV:\"><allprop/></propfind>";
    for body in ["", all] {
        let told = &ask(BOOK, "1", body).read().1;
        assert_eq!(told[0].property("displayname").as_deref(), Some("Contacts"), "{body}");
        assert_eq!(told[1].property("getcontenttype").as_deref(), Some("text/vcard; charset=utf-8"));
        assert_eq!(told[1].property("getcontentlength"), Some(card("u1", "Given").len().to_string()));
        assert!(told.iter().all(|told| told.lack.is_empty()));
    }
    let names = ask(BOOK, "0", "<propfind xmlns=\"DAV:\"><propname/></propfind>");
    assert!(names.body.contains("<S:getctag/>") && names.body.contains("<D:sync-token/>"), "{names:?}");
    let odd = place.propfind(&format!("{BOOK}u1.vcf"), "0", "<D:getetag/><C:address-data/><y xmlns=\"urn:z\"/>");
    assert_eq!(odd.read().1[0].lack, ["address-data", "y"], "a card's text is no property");
    let deep = ask(BOOK, "infinity", all);
    assert_eq!((deep.status, deep.names("D:propfind-finite-depth")), (403, true));
    assert_eq!(place.ask("PROPFIND", BOOK, &[], all).read().1.len(), 2, "without a depth");
    assert_eq!(ask(BOOK, "2", all).status, 400);
    for path in ["/dav/marie%20phone/contacts/none.vcf", "/dav/marie%20phone/other/", "/x"] {
        assert_eq!(ask(path, "0", all).status, 404, "{path}");
    }
}

#[test]
fn what_is_not_understood_is_said_so() {
    let place = Place::new();
    for (method, body, status) in [
        ("PROPFIND", "<propfind xmlns=\"DAV:\">", 400),
        ("PROPFIND", "<x/>", 400),
        ("PROPFIND", "{}", 400),
        ("PROPPATCH", "", 400),
        ("REPORT", "", 400),
        ("REPORT", "<expand-property xmlns=\"DAV:\"/>", 403),
        ("REPORT", "<addressbook-multiget xmlns=\"urn:ietf:params:xml:ns:carddav\"/>", 400),
        ("REPORT", "<sync-collection xmlns=\"DAV:\"/>", 400),
    ] {
        assert_eq!(place.ask(method, BOOK, &[], body).status, status, "{method} {body}");
    }
    let body = sync_body("", "<D:getetag/>", "");
    assert_eq!(place.ask("REPORT", BOOK, &[("Depth", "infinity")], &body).status, 400);
    assert!(place.ask("REPORT", "/dav/", &[], &body).names("D:supported-report"));
    assert_eq!(place.ask("REPORT", "/dav/marie%20phone/other/", &[], &body).status, 404);
}
