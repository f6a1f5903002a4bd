//! Who is let in, and who is not.

use carnet::{
    books::served::NewDevice,
    http::dav::{DavServer, DavServerError, hash_password},
};

use super::place::{BOOK, DEVICE, Place, card, settings};

const METHODS: [&str; 9] = ["GET", "HEAD", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MOVE"];

#[test]
fn nobody_is_told_anything_without_a_right_login() {
    let place = Place::new();
    place.given("u1");
    let paths = ["/", "/dav/", "/dav/bob/", BOOK, "/dav/marie%20phone/contacts/u1.vcf", "/dav/nobody/", "/x"];
    for method in METHODS {
        for path in paths {
            let refused = place.ask_as(None, method, path, &[], "");
            assert_eq!(refused.status, 401, "{method} {path}");
            assert_eq!(refused.headers["www-authenticate"], "Basic realm=\"carnet\", charset=\"UTF-8\"");
        }
    }
    let mut seen = Vec::new();
    for (device, password) in
        [(DEVICE, "wrong"), (DEVICE, ""), ("nobody", "secret"), ("bob ", "secret"), ("MARIE PHONE", "secret")]
    {
        let refused = place.ask_as(Some((device, password)), "PROPFIND", "/dav/", &[], "");
        seen.push((refused.status, refused.body, refused.headers.into_keys().collect::<Vec<_>>()));
    }
    seen.dedup();
    assert_eq!((seen.len(), seen[0].0), (1, 401), "{seen:#?}");
}

#[test]
fn another_devices_place_answers_alike_whether_it_is_there_or_not() {
    let place = Place::new();
    let mut store = place.store();
    let body = card("b1", "Bob's");
    store.put(place.id("bob"), "b1.vcf", "b1", body.as_bytes(), &carnet::books::served::Condition::None).unwrap();
    for method in METHODS {
        let mut seen = Vec::new();
        for path in [
            "/dav/bob/",
            "/dav/bob/contacts/",
            "/dav/bob/contacts/b1.vcf",
            "/dav/nobody/contacts/b1.vcf",
            "/dav/../etc/passwd",
            "/dav/%2e%2e/%2e%2e/etc/passwd",
        ] {
            let refused = place.ask(method, path, &[], card("b2", "Mine"));
            seen.push((refused.status, refused.body));
        }
        seen.dedup();
        assert_eq!((seen.len(), seen[0].0), (1, 403), "{method}: {seen:?}");
    }
    assert_eq!(store.look(place.id("bob")).unwrap().count, 1);
}

#[test]
fn wrong_logins_are_slowed_and_right_ones_go_on() {
    let place = Place::new();
    assert_eq!(place.ask("GET", "/dav/", &[], "").status, 200);
    let guess = |number: u32| {
        let password = format!("guess {number}");
        place.ask_as(Some((DEVICE, &password)), "GET", "/dav/", &[], "")
    };
    let statuses: Vec<u16> = (0..12).map(|number| guess(number).status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    assert!(guess(99).headers["retry-after"].parse::<u64>().unwrap() <= 31);
    assert_eq!(place.ask_as(Some(("bob", "secret")), "GET", "/dav/", &[], "").status, 429, "the same address");
    assert_eq!(place.ask("GET", "/dav/", &[], "").status, 200, "it was right a moment ago");
    // What a client says of its address counts for nothing.
    let claimed = place.ask_as(Some(("bob", "secret")), "GET", "/dav/", &[("X-Forwarded-For", "192.0.2.1")], "");
    assert_eq!(claimed.status, 429);
}

#[test]
fn many_right_logins_at_once_are_all_right() {
    let place = Place::new();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..30).map(|_| scope.spawn(|| place.ask("GET", "/dav/", &[], "").status)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 30]);
}

#[test]
fn behind_a_named_proxy_each_client_is_its_own() {
    let mut settings = settings();
    settings.proxies.push("127.0.0.1".parse().unwrap());
    let place = Place::with(settings);
    let guess = |from: &str, password: &str| {
        place.ask_as(Some(("bob", password)), "GET", "/dav/", &[("X-Forwarded-For", from)], "").status
    };
    for number in 0..10 {
        assert_eq!(guess("203.0.113.1", &format!("guess {number}")), 401);
    }
    assert_eq!(guess("203.0.113.1", "secret"), 429);
    assert_eq!(guess("203.0.113.2", "secret"), 200);
}

#[test]
fn a_revoked_device_and_an_old_password_are_out_at_once() {
    let place = Place::new();
    let ask = |password: &str| place.ask_as(Some(("bob", password)), "GET", "/dav/bob/", &[], "").status;
    assert_eq!(ask("secret"), 200);
    let mut store = place.store();
    store.set_password("bob", &hash_password("another").unwrap()).unwrap();
    assert_eq!((ask("secret"), ask("another")), (401, 200));
    store.revoke("bob").unwrap();
    assert_eq!(ask("another"), 401);
    let again = NewDevice { password_hash: hash_password("third").unwrap(), ..NewDevice::of("bob") };
    store.add(&again, 0).unwrap();
    assert_eq!((ask("another"), ask("third")), (401, 200));
}

#[test]
fn a_store_that_was_put_in_the_others_place_is_the_one_that_is_asked() {
    let place = Place::new();
    place.given("u1");
    let other = Place::new();
    other.given("u2");
    drop(other.store());
    let names = place.sync("").read().1;
    assert_eq!(names[0].href, format!("{BOOK}u1.vcf"));
    // As `restore` does it: written beside, then renamed.
    let beside = place.store.with_extension("new");
    rusqlite::Connection::open(&other.store).unwrap().execute("VACUUM INTO ?1", [beside.to_str().unwrap()]).unwrap();
    for log in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{log}", place.store.display()));
    }
    std::fs::rename(&beside, &place.store).unwrap();
    let names = place.sync("").read().1;
    assert_eq!(names[0].href, format!("{BOOK}u2.vcf"));
    place.given("u3");
    assert_eq!(place.store().look(place.id(DEVICE)).unwrap().count, 2);
}

#[test]
fn passwords_do_not_cross_a_network_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.listen = "0.0.0.0:0".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let open = |settings| DavServer::open(settings, folder.path().join("devices.db"), std::sync::Arc::new(|| ()));
    let refused = open(settings.clone()).err().unwrap();
    assert!(matches!(refused, DavServerError::Plain { .. }), "{refused}");
    assert_eq!(refused.exit_code(), 2);
    settings.proxies.push("127.0.0.1".parse().unwrap());
    assert!(open(settings).is_ok());
}
