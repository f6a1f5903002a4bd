//! Where requests go, and where they never go.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use super::{
    Desk, Practice, book,
    server::{AUTHORITY, Reply, Request, Server, page},
};

const ADA: &str = "<contact><id>7</id><last_name>Lovelace</last_name><first_name>Ada</first_name></contact>";

/// A CRM with one contact that redirects one verb elsewhere.
fn redirecting(verb: &'static str, status: u16, elsewhere: &str) -> Server {
    let elsewhere = elsewhere.to_owned();
    Server::start(move |request: &Request| match request.method.as_str() {
        method if method == verb => {
            let path = request.target.trim_start_matches("/1");
            Reply::status(status).header("Location", &format!("{elsewhere}{path}"))
        }
        "GET" if request.target.starts_with("/1/contacts.xml") => page(1, ADA),
        _ => Reply::xml(ADA),
    })
}

#[test]
fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        for verb in ["GET", "PUT", "POST"] {
            let canary = Server::canary();
            let crm = redirecting(verb, status, &canary.url());
            let desk = Desk::new(&crm.url(), &book("cards", "vdir", "cards"));
            let first = desk.run(&["sync"]);
            if verb == "GET" {
                assert_ne!(first.code, 0, "{status}");
            } else {
                assert_eq!(first.code, 0, "{}", first.told);
                let card =
                    super::walk(&desk.path("cards")).into_iter().find(|path| path.extension().is_some()).unwrap();
                let text = std::fs::read_to_string(&card).unwrap();
                std::fs::write(&card, text.replace("FN:", "TITLE:Analyst\r\nFN:")).unwrap();
                desk.write(
                    "cards/new.vcf",
                    "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:n\r\nFN:New\r\nN:New;;;;\r\nEND:VCARD\r\n",
                );
                let second = desk.run(&["sync"]);
                assert_ne!(second.code, 0, "{verb} {status}: {}", second.said());
            }
            assert!(!crm.lines(verb).is_empty(), "{verb} {status} was tried");
            assert_eq!(canary.connections(), 0, "{verb} {status} went elsewhere: {:?}", canary.seen());
        }
    }
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let canary = Server::canary();
    let proxy = format!("http://127.0.0.1:{}", canary.port());
    let practice = Practice::with_contacts(3);
    let mut desk = Desk::new(&practice.url(), "");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        desk = desk.with(name, &proxy).with(&name.to_lowercase(), &proxy);
    }
    let ran = desk.run(&["pull"]);
    assert_eq!((ran.code, canary.connections()), (0, 0), "{}", ran.told);
    // Nor for an address that a proxy would be needed for: the name does not exist, and only the proxy could say so.
    desk.settings("[crm]\nurl = \"https://crm.invalid/1\"\nusername = \"demo\"\ntimeout = \"2s\"\n[mirror]\npath = \"state/b.db\"\n");
    let ran = desk.run(&["pull"]);
    assert!(ran.code != 0 && canary.connections() == 0, "{:?}", canary.seen());
}

#[test]
fn plain_http_goes_to_the_loopback_alone() {
    let canary = Server::canary();
    let port = canary.port();
    for url in [
        format!("http://127.0.0.1.example.com:{port}/1"),
        format!("http://localhost.example.com:{port}/1"),
        format!("http://localhost.evil:{port}/1"),
        format!("http://localhost.:{port}/1"),
        format!("http://localhost:{port}/1"),
        format!("http://127.0.0.1@evil.example:{port}/1"),
        format!("http://127.0.0.1:{port}@evil.example/1"),
        format!("http://canary-name:canary-secret@127.0.0.1:{port}/1"),
        format!("http://0.0.0.0:{port}/1"),
        format!("http://0:{port}/1"),
        format!("http://[::]:{port}/1"),
        format!("http://[::ffff:127.0.0.1]:{port}/1"),
        format!("http://128.0.0.1:{port}/1"),
        format!("http://10.0.0.1:{port}/1"),
        format!("http:{port}"),
        format!("ftp://127.0.0.1:{port}/1"),
        "file:///etc/passwd".to_owned(),
        format!("http://127.0.0.1:{port}/1?to=http://evil.example"),
        format!("http://127.0.0.1:{port}/1#@evil.example"),
    ] {
        let desk = Desk::new(&url, "timeout = \"2s\"");
        for command in ["pull", "sync"] {
            let ran = desk.run(&["-vvv", command]);
            assert_eq!(ran.code, 2, "{url}: {}", ran.told);
            assert!(!ran.said().contains("canary-secret"), "{url}: {}", ran.said());
        }
    }
    assert_eq!(canary.connections(), 0, "{:?}", canary.seen());
}

#[test]
fn odd_spellings_of_the_loopback_reach_the_loopback() {
    for host in ["2130706433", "0x7f.1", "127.1", "127.0.0.1"] {
        let crm = Server::start(|_| page(1, ADA));
        let desk = Desk::new(&format!("http://{host}:{}/1", crm.port()), "");
        let ran = desk.run(&["pull"]);
        assert_eq!((ran.code, crm.lines("GET").len()), (0, 1), "{host}: {}", ran.told);
    }
}

#[test]
fn certificates_are_always_checked() {
    let crm = Server::start_tls(|_| page(1, ADA));
    let url = |host: &str| format!("https://{host}:{}/1", crm.port());
    // Nobody that this machine trusts has signed it.
    let ran = Desk::new(&url("127.0.0.1"), "timeout = \"5s\"").run(&["pull"]);
    assert!([2, 5].contains(&ran.code), "{}", ran.told);
    // The authority is known, the name is not the one it signed for; plain http being allowed changes nothing.
    let desk = Desk::new(&url("localhost"), "timeout = \"5s\"\nca_file = \"ca.pem\"\ninsecure_http = true");
    desk.write("ca.pem", AUTHORITY);
    let ran = desk.run(&["pull"]);
    assert_eq!(ran.code, 5, "{}", ran.told);
    assert!(crm.seen().is_empty(), "no request was written: {:?}", crm.seen());
    assert!(crm.connections() >= 1, "it was tried");
    // One's own authority may be named.
    let desk = Desk::new(&url("127.0.0.1"), "ca_file = \"ca.pem\"");
    desk.write("ca.pem", AUTHORITY);
    let ran = desk.run(&["pull"]);
    assert_eq!(ran.code, 0, "{}", ran.told);
    assert_eq!(crm.lines("GET"), ["GET /1/contacts.xml?page=1"]);
}

#[test]
fn no_setting_turns_certificates_off() {
    for setting in ["insecure", "insecure_tls", "verify", "verify_tls", "tls_verify", "danger_accept_invalid_certs"] {
        let ran = Desk::new("https://127.0.0.1:9/1", &format!("{setting} = true")).run(&["check"]);
        assert_eq!(ran.code, 2, "{setting}: {}", ran.said());
        assert!(ran.told.contains("unknown key"), "{setting}: {}", ran.told);
    }
    for path in super::walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = if path.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
        for word in ["danger_accept_invalid", "tls_danger", ".dangerous()", "ServerCertVerifier"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn no_header_is_smuggled_in() {
    let crm = Server::start(|request| {
        let quiet = page(1, ADA).header("ETag", "\"a\u{e9}b\"");
        if request.target.ends_with("page=1") { quiet } else { Reply::status(404) }
    });
    let desk = Desk::new(&crm.url(), "").with("CARNET_CRM_PASSWORD", "x\r\nX-Evil: password");
    let text = desk.read("carnet.toml").replace("\"demo\"", "\"demo\\r\\nX-Evil name\"");
    desk.settings(&text);
    for _ in 0..2 {
        desk.run(&["pull"]);
    }
    assert!(!crm.seen().is_empty());
    for request in crm.seen() {
        assert!(!request.head.to_lowercase().contains("evil"), "{}", request.head);
    }
}

#[test]
fn no_page_is_served_unasked() {
    let practice = Practice::with_contacts(1);
    // Not to other machines, unless that is said twice.
    let desk = Desk::new(&practice.url(), "[http]\nlisten = \"0.0.0.0:0\"");
    let ran = desk.run(&["sync"]);
    assert!(ran.code == 2 && ran.told.contains("other machines could reach this address"), "{}", ran.told);
    // And without that section the daemon, at work, holds no socket open for others.
    let desk = Desk::new(&practice.url(), "[sync]\nschedule = \"every 1h\"");
    let mut child = desk.command(&["daemon"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let done = lines.map_while(Result::ok).any(|line| line.contains("the run is done"));
    let (own, listening) = (sockets_of(child.id()), listening());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(done);
    assert!(listening.iter().all(|inode| !own.contains(inode)), "{own:?} {listening:?}");
    assert!(!listening.is_empty(), "the practice CRM at least listens");
}

/// The inodes of a process's sockets.
fn sockets_of(process: u32) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{process}/fd")).unwrap().filter_map(Result::ok);
    let names = links.filter_map(|link| Some(fs::read_link(link.path()).ok()?.to_string_lossy().into_owned()));
    names.filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

/// The inodes of all TCP sockets of this machine that listen.
fn listening() -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1)).map(|row| row.split_whitespace());
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.collect();
        (cells.get(3) == Some(&"0A")).then(|| cells.get(9).map(|inode| (*inode).to_owned()))?
    })
    .collect()
}
