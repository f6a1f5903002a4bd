//! The first requests of iOS, macOS, Thunderbird, Evolution and DAVx5, in their words.

use super::place::{Answer, BOOK, NAMESPACES, Place, card, sync_body};

const PRINCIPAL: &str = "/dav/marie%20phone/";

fn value(answer: &Answer, name: &str) -> String {
    let (_, all) = answer.read();
    all[0].property(name).unwrap_or_else(|| panic!("no {name} in {answer:?}"))
}

#[test]
fn ios_finds_its_book_from_wherever_it_begins() {
    let place = Place::new();
    for path in ["/.well-known/carddav", "/", "/principals/", "/dav/"] {
        // First without a password, and it gives none before it is asked for one.
        let body = "<A:propfind xmlns:A=\"DAV:\"><A:prop><A:current-user-principal/><A:principal-URL/>\
                    <A:resourcetype/></A:prop></A:propfind>";
        let refused = place.ask_as(None, "PROPFIND", path, &[("Depth", "0"), ("Brief", "t")], body);
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.headers["www-authenticate"], "Basic realm=\"carnet\", charset=\"UTF-8\"", "{path}");
        let found = place.ask("PROPFIND", path, &[("Depth", "0"), ("Brief", "t")], body);
        let (_, all) = found.read();
        assert_eq!((all.len(), all[0].href.as_str(), all[0].lack.len()), (1, path, 0), "{all:?}");
        assert_eq!(value(&found, "current-user-principal"), PRINCIPAL, "{path}");
    }
    for login in [None, Some((super::place::DEVICE, "secret"))] {
        let options = place.ask_as(login, "OPTIONS", PRINCIPAL, &[], "");
        assert_eq!((options.status, options.headers["dav"].as_str()), (200, "1, 3, addressbook"), "{login:?}");
    }
    let asked = "<C:addressbook-home-set/><C:directory-gateway/><D:displayname/><S:email-address-set/>\
                 <D:principal-collection-set/><D:principal-URL/><D:resource-id/><D:supported-report-set/>";
    let principal = place.propfind(PRINCIPAL, "0", asked);
    let told = &principal.read().1[0];
    assert_eq!(told.property("addressbook-home-set").as_deref(), Some(PRINCIPAL));
    assert_eq!(told.property("principal-URL").as_deref(), Some(PRINCIPAL));
    assert_eq!(told.property("principal-collection-set").as_deref(), Some("/dav/"));
    assert_eq!(told.lack, ["directory-gateway", "email-address-set", "resource-id"]);
}

#[test]
fn ios_and_macos_poll_and_read() {
    let place = Place::new();
    let asked = "<C:addressbook-description/><D:add-member/><D:bulk-requests/><D:current-user-privilege-set/>\
                 <D:displayname/><C:max-image-size/><C:max-resource-size/><D:owner/><D:quota-available-bytes/>\
                 <D:resource-id/><D:resourcetype/><D:supported-report-set/><D:sync-token/><S:getctag/>";
    let home = place.propfind(PRINCIPAL, "1", asked);
    let (_, all) = home.read();
    assert_eq!(all.iter().map(|told| told.href.as_str()).collect::<Vec<_>>(), [PRINCIPAL, BOOK]);
    assert_eq!(all[1].property("resourcetype").as_deref(), Some("collection addressbook"));
    assert_eq!(all[1].property("max-resource-size").as_deref(), Some("100000"));
    assert!(home.body.contains("<D:privilege><D:bind/></D:privilege>"));

    let uid = "D2A3-42";
    let written = place.put(&format!("{uid}.vcf"), &card(uid, "Ada"), &[("If-None-Match", "*")]);
    assert_eq!(written.status, 201);
    let before = value(&place.propfind(BOOK, "0", "<S:getctag/><D:sync-token/>"), "getctag");
    assert_eq!(before, place.token(), "one counter");
    let listed = place.propfind(BOOK, "1", "<D:getetag/>");
    let etag = &written.headers["etag"];
    assert_eq!(listed.lines(), ["contacts".to_owned(), format!("{uid}.vcf {etag}")]);

    let multiget = format!(
        "<B:addressbook-multiget xmlns:B=\"urn:ietf:params:xml:ns:carddav\" xmlns:A=\"DAV:\"><A:prop><A:getetag/>\
         <B:address-data/></A:prop><A:href>{BOOK}{uid}.vcf</A:href></B:addressbook-multiget>"
    );
    let read = place.ask("REPORT", BOOK, &[("Depth", "1"), ("Brief", "t")], multiget);
    assert_eq!(value(&read, "address-data"), card(uid, "Ada"), "every byte, line ends too");
    assert!(read.body.contains("&#13;\n"));
}

#[test]
fn thunderbird_lists_once_and_then_follows() {
    let place = Place::new();
    let agent = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0");
    let body = "<propfind xmlns=\"DAV:\" xmlns:card=\"urn:ietf:params:xml:ns:carddav\"><prop><resourcetype/><displayname/>\
                <current-user-privilege-set/><card:addressbook-home-set/></prop></propfind>";
    let found = place.ask("PROPFIND", BOOK, &[("Depth", "0"), agent], body);
    assert_eq!(found.read().1[0].lack, ["addressbook-home-set"]);
    // A new card is 4.0, whatever is advertised, and goes in without a condition.
    let four = card("tb-1", "Tb").replace("3.0", "4.0");
    let written = place.ask("PUT", &format!("{BOOK}tb-1.vcf"), &[("Content-Type", "text/vcard"), agent], &four);
    assert_eq!(written.status, 201);
    let token = place.token();
    let edited = four.replace("FN:Tb", "FN:Tbird");
    assert_eq!(place.ask("PUT", &format!("{BOOK}tb-1.vcf"), &[agent], &edited).status, 204);
    let changes =
        place.ask("REPORT", BOOK, &[("Depth", "1"), agent], sync_body(&token, "<D:getetag/><C:address-data/>", ""));
    let (next, all) = changes.read();
    assert_eq!((all.len(), all[0].property("address-data")), (1, Some(edited)));
    assert_eq!(place.ask("DELETE", &format!("{BOOK}tb-1.vcf"), &[agent], "").status, 204);
    assert_eq!(place.sync(&next.unwrap()).lines(), ["tb-1.vcf 404"]);
    // It never recovers from a 403 and begins anew at a 400.
    let stale = sync_body("data:,other-1", "<D:getetag/>", "");
    for (agents, status) in [(&[agent][..], 400), (&[], 403)] {
        let refused = place.ask("REPORT", BOOK, agents, &stale);
        assert_eq!((refused.status, refused.names("D:valid-sync-token")), (status, true));
    }
    let device = place.store().device(super::place::DEVICE).unwrap().unwrap();
    assert!(device.program.is_some_and(|program| program.contains("Thunderbird/128.0")));
    assert!(device.last_seen_at.is_some());
}

#[test]
fn evolution_lists_by_etag_and_writes_without_conditions() {
    let place = Place::new();
    let minimal = ("Prefer", "return=minimal");
    let asked = format!(
        "<D:propfind {NAMESPACES}><D:prop><D:resourcetype/><D:current-user-privilege-set/><S:getctag/>\
         <C:supported-address-data/><D:quota-used-bytes/></D:prop></D:propfind>"
    );
    let found = place.ask("PROPFIND", BOOK, &[("Depth", "0"), minimal], asked);
    assert!(found.read().1[0].lack.is_empty() && !found.body.contains("HTTP/1.1 404"), "{found:?}");
    assert_eq!(found.headers["preference-applied"], "return=minimal");
    assert!(found.body.contains("<C:address-data-type content-type=\"text/vcard\" version=\"3.0\"/>"));
    let created = place.put("eds.vcf", &card("eds", "Eds"), &[("If-None-Match", "*")]);
    assert_eq!(created.status, 201);
    assert_eq!(place.put("eds.vcf", &card("eds", "Changed"), &[]).status, 204);
    let multiget = format!(
        "<C:addressbook-multiget {NAMESPACES}><D:prop><D:getetag/><C:address-data/></D:prop>\
         <D:href>{BOOK}eds.vcf</D:href><D:href>{BOOK}gone.vcf</D:href></C:addressbook-multiget>"
    );
    let read = place.ask("REPORT", BOOK, &[minimal], multiget);
    let (_, all) = read.read();
    assert_eq!(all[0].property("address-data"), Some(card("eds", "Changed")));
    assert_eq!((all.len(), all[1].status), (2, Some(404)));
}

#[test]
fn davx5_is_told_what_it_may_do() {
    let place = Place::new();
    let asked = "<D:resourcetype/><D:displayname/><D:current-user-privilege-set/><C:addressbook-description/>\
                 <C:addressbook-home-set/><D:current-user-principal/>";
    let found = place.propfind(BOOK, "0", asked);
    assert!(found.headers["dav"].contains("addressbook"));
    let sets = place.propfind(BOOK, "0", "<D:supported-report-set/><C:supported-address-data/><D:sync-token/>");
    for report in ["<D:sync-collection/>", "<C:addressbook-multiget/>", "<C:addressbook-query/>"] {
        assert!(sets.body.contains(&format!("<D:supported-report><D:report>{report}")), "{report}");
    }
    assert!(!sets.body.contains("4.0"), "it would write 4.0");
    let etag = place.given("dx");
    let stale = place.put("dx.vcf", &card("dx", "Stale"), &[("If-Match", "\"stale\"")]);
    assert_eq!(stale.status, 412);
    assert_eq!(place.put("dx.vcf", &card("dx", "Right"), &[("If-Match", &etag)]).status, 204);
    let refused = place.ask_as(
        Some(("printer", "secret")),
        "PUT",
        "/dav/printer/contacts/x.vcf",
        &[("If-None-Match", "*")],
        card("x", "X"),
    );
    assert_eq!((refused.status, refused.names("D:need-privileges")), (403, true));
}
