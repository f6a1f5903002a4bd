//! Requests that mean harm, and harmless ones beside them that are answered all the same.

use std::{
    io::{BufReader, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use carnet::http::dav::{DavLimits, DavServer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::place::{BOOK, DEVICE, Place, answer, card, send, settings};

fn impatient() -> Place {
    let limits = DavLimits {
        head_max: Duration::from_millis(300),
        stall_max: Duration::from_millis(300),
        body_max: Duration::from_secs(5),
        connections_max: 4,
    };
    Place::with(carnet::http::dav::DavSettings { limits, ..settings() })
}

/// What the server says until it closes the connection.
fn to_the_end(stream: &mut impl Read) -> String {
    let mut all = Vec::new();
    // A connection that is cut off has said what it had to say.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8(all).unwrap()
}

#[test]
fn documents_that_are_weapons_are_refused() {
    let place = Place::new();
    let deep = format!("<propfind xmlns=\"DAV:\">{}{}</propfind>", "<a>".repeat(50), "</a>".repeat(50));
    let entity = "<!DOCTYPE a [<!ENTITY x \"y\">]><propfind xmlns=\"DAV:\"><allprop/></propfind>";
    for method in ["PROPFIND", "REPORT", "PROPPATCH", "MKCOL"] {
        for body in [deep.as_str(), entity] {
            assert_eq!(place.ask(method, BOOK, &[("Depth", "0")], body).status, 400, "{method}");
        }
        let large = place.ask(method, BOOK, &[("Depth", "0")], " ".repeat((4 << 20) + 1));
        assert_eq!(large.status, 413, "{method}");
    }
}

#[test]
fn a_body_is_not_read_beyond_its_bound() {
    let place = Place::new();
    // Announced, and never sent.
    let mut stream = place.connect();
    let announced = format!("Content-Length: {}", 1_u64 << 40);
    let (name, value) = announced.split_once(": ").unwrap();
    let head = [("X", "y")];
    send_head(&mut stream, "PUT", &format!("{BOOK}x.vcf"), &[&head[..], &[(name, value)]].concat());
    let refused = answer(&mut BufReader::new(stream), false);
    assert_eq!((refused.status, refused.names("C:max-resource-size")), (403, true), "{refused:?}");
    // Not announced.
    let mut stream = place.connect();
    send_head(&mut stream, "PUT", &format!("{BOOK}x.vcf"), &[("Transfer-Encoding", "chunked")]);
    let chunk = format!("{:x}\r\n{}\r\n", 60_000, "x".repeat(60_000));
    let _ = stream.write_all(chunk.repeat(2).as_bytes());
    let refused = answer(&mut BufReader::new(stream), false);
    assert_eq!((refused.status, refused.names("C:max-resource-size")), (403, true), "{refused:?}");
    assert_eq!(place.sync("").read().1, []);
}

fn send_head(stream: &mut impl Write, method: &str, path: &str, headers: &[(&str, &str)]) {
    use base64::Engine;
    let shown = base64::engine::general_purpose::STANDARD.encode(format!("{DEVICE}:secret"));
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {shown}\r\n{headers}\r\n")
        .unwrap();
}

#[test]
fn who_dawdles_is_let_go_and_holds_nobody_up() {
    let place = impatient();
    let mut slow: Vec<_> = (0..4).map(|_| place.connect()).collect();
    slow[0].write_all(b"PROPFIND /dav/ HTTP/1.1\r\nHos").unwrap();
    slow[1].write_all(b"P").unwrap();
    send_head(&mut slow[2], "PUT", &format!("{BOOK}x.vcf"), &[("Content-Length", "100")]);
    slow[2].write_all(b"BEGIN:VCARD\r\n").unwrap();
    // All places are taken, and come free.
    assert_eq!(place.ask("GET", "/dav/", &[], "").status, 200);
    for (at, stream) in slow.iter_mut().enumerate() {
        let said = to_the_end(stream);
        assert_eq!(said.starts_with("HTTP/1.1 408"), at == 2, "{at}: {said}");
    }
    assert_eq!(place.sync("").read().1, []);
}

#[test]
fn heads_that_are_none_are_refused() {
    let place = Place::new();
    for head in [
        format!("GET /dav/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000)),
        "GET /dav/\r\n\r\n".to_owned(),
        "\u{0}\u{1}\r\n\r\n".to_owned(),
        "GET /dav/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!".to_owned(),
        "GET /dav/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n".to_owned(),
    ] {
        let mut stream = place.connect();
        let _ = stream.write_all(head.as_bytes());
        let said = to_the_end(&mut stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{:.40}: {said}", head.escape_debug());
    }
    assert_eq!(place.ask("GET", "/dav/", &[], "").status, 200);
}

#[test]
fn paths_lead_nowhere_else() {
    let place = Place::new();
    place.given("u1");
    for path in [
        "/dav/marie%20phone/contacts/..",
        "/dav/marie%20phone/contacts/../contacts/u1.vcf",
        "/dav/marie%20phone/contacts/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/dav/marie%20phone/contacts/..%5c..%5cx",
        "/dav/marie%20phone/contacts/u1.vcf%00",
        "/dav/marie%20phone/contacts/%ff%fe",
        "//etc/passwd",
        "/etc/passwd",
    ] {
        let answer = place.ask("GET", path, &[], "");
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
    let strange = place.put("..%5c..%5cx", &card("strange", "Strange"), &[]);
    assert_eq!(strange.status, 201, "a name is a name");
    let folder = place.store.parent().unwrap();
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().all(|file| file.to_str().unwrap().contains("carnet.devices.db")), "{files:?}");
}

#[test]
fn a_card_may_come_in_pieces() {
    let place = Place::new();
    let mut stream = place.connect();
    send_head(
        &mut stream,
        "PUT",
        &format!("{BOOK}x.vcf"),
        &[("Transfer-Encoding", "chunked"), ("Expect", "100-continue")],
    );
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let asked_on = answer(&mut reader, false);
    assert_eq!(asked_on.status, 100);
    for piece in card("x", "Pieces").as_bytes().chunks(40) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(&[piece, b"\r\n"].concat()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(&mut reader, false).status, 201);
    // Who may not come in is not asked on.
    let mut stream = place.connect();
    write!(stream, "PUT /dav/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").unwrap();
    assert_eq!(answer(&mut BufReader::new(stream), false).status, 401);
}

#[test]
fn one_connection_is_asked_many_times() {
    let place = Place::new();
    let stream = place.connect();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    for number in 0..20 {
        let uid = format!("k{number}");
        let path = format!("{BOOK}{uid}.vcf");
        send(&mut writer, Some((DEVICE, "secret")), ("PUT", &path), &[], card(&uid, "Kept").as_bytes());
        assert_eq!(answer(&mut reader, false).status, 201);
    }
}

#[test]
fn tls_is_spoken_and_its_certificate_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/security/tls");
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::copy(source.join("server.pem"), &chain).unwrap();
    std::fs::copy(source.join("server.key"), &key).unwrap();
    let settings = carnet::http::dav::DavSettings { certificate: Some((chain.clone(), key)), ..settings() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = folder.path().join("devices.db");
    let server = runtime.block_on(async { DavServer::open(settings, store, Arc::new(|| ())) }).unwrap();
    let (address, handle) = (server.address(), server.handle());
    runtime.spawn(server.serve());
    let ask = || {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(crate::security::server::AUTHORITY.as_bytes()) {
            roots.add(authority.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "127.0.0.1".try_into().unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(client, std::net::TcpStream::connect(address).unwrap());
        write!(stream, "OPTIONS / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        to_the_end(&mut stream)
    };
    assert!(ask().starts_with("HTTP/1.1 200"));
    handle.reload_certificate().unwrap();
    assert!(ask().starts_with("HTTP/1.1 200"));
    // A renewal that went wrong leaves the old certificate in use.
    std::fs::write(&chain, "half a file").unwrap();
    let error = handle.reload_certificate().err().unwrap();
    assert!(error.to_string().contains("chain.pem"), "{error}");
    assert!(ask().starts_with("HTTP/1.1 200"));
    // Plain HTTP is not answered there.
    let mut plain = std::net::TcpStream::connect(address).unwrap();
    plain.write_all(b"OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(
        !String::from_utf8_lossy(&{
            let mut said = Vec::new();
            let _ = plain.read_to_end(&mut said);
            said
        })
        .contains("HTTP/1.1")
    );
    runtime.shutdown_background();
}
