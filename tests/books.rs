//! `carnet books`, and books on servers as far as a made-up server will do: who is asked, with which login, and what is said
//! when that fails. What real servers do is in `tests/carddav`.

use std::{fs, path::Path};

use assert_cmd::Command;

use crate::{
    cli::settings,
    security::server::{Reply, Request, Server},
};

/// "ada:pw7f3a", as HTTP sends it.
const LOGIN: &str = "Basic YWRhOnB3N2YzYQ==";
const PASSWORD: &str = "pw7f3a";

const PRACTICE: &str = "[crm]\nurl = \"sandbox\"\nfirms = \"off\"\n[mirror]\npath = \"carnet.db\"\n";

/// Settings with a book on the server of this address, and the password in a file.
fn desk(url: &str, keys: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let book = format!("[[book]]\nname = \"phones\"\nkind = \"carddav\"\nurl = \"{url}\"\n{keys}\n");
    settings(folder.path(), &format!("{PRACTICE}{book}"));
    fs::write(folder.path().join("pw"), format!("{PASSWORD}\n")).unwrap();
    folder
}

const WITH_FILE: &str = "username = \"ada\"\npassword_file = \"pw\"";

/// Exit code, stdout and stderr, the folder's name cut out; the password is in neither.
fn carnet(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("carnet").unwrap();
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NO_COLOR", "1");
    command.envs(variables.iter().copied()).arg("-c").arg(folder.join("carnet.toml")).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&*folder.to_string_lossy(), "HERE");
    let (out, told) = (text(output.stdout), text(output.stderr));
    for form in [PASSWORD, &LOGIN[6..]] {
        assert!(!out.contains(form) && !told.contains(form), "the password is told:\n{out}{told}");
    }
    (output.status.code().unwrap_or(-1), out, told)
}

fn response(href: &str, properties: &str) -> String {
    format!(
        "<d:response><d:href>{href}</d:href><d:propstat><d:prop>{properties}</d:prop>\
         <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
}

fn multistatus(responses: &str) -> Reply {
    let namespaces = "xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\"";
    let body = format!("<?xml version=\"1.0\"?><d:multistatus {namespaces}>{responses}</d:multistatus>");
    Reply::status(207).header("Content-Type", "application/xml; charset=utf-8").body(body)
}

/// A server of ada's, with these address books: name in the address and name for people.
fn server(books: &'static [(&'static str, &'static str)]) -> Server {
    Server::start(move |request: &Request| {
        let head = request.head.to_lowercase();
        if !request.head.contains(LOGIN) {
            return Reply::status(401).header("WWW-Authenticate", "Basic realm=\"dav\"");
        }
        let book = |(path, name): &(&str, &str)| {
            let kind = "<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>";
            response(&format!("/ada/{path}/"), &format!("{kind}<d:displayname>{name}</d:displayname>"))
        };
        match (request.target.as_str(), head.contains("depth: 1")) {
            ("/", _) => multistatus(&response(
                "/",
                "<d:current-user-principal><d:href>/ada/</d:href></d:current-user-principal>",
            )),
            ("/ada/", false) => multistatus(&response(
                "/ada/",
                "<c:addressbook-home-set><d:href>/ada/</d:href></c:addressbook-home-set>",
            )),
            ("/ada/", true) => multistatus(&books.iter().map(book).collect::<String>()),
            (target, false) => match books.iter().find(|(path, _)| target == format!("/ada/{path}/")) {
                Some(found) => multistatus(&book(found)),
                None => Reply::status(404),
            },
            _ => Reply::status(404),
        }
    })
}

fn root(server: &Server) -> String {
    format!("http://127.0.0.1:{}/", server.port())
}

#[test]
fn the_books_are_listed_for_people_and_programs() {
    let folder = desk("https://dav.example.com/", "direction = \"to-book\"");
    let text = fs::read_to_string(folder.path().join("carnet.toml")).unwrap();
    settings(folder.path(), &format!("{text}[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"cards\"\n"));
    for arguments in [&["books"][..], &["books", "list"]] {
        let (code, out, _) = carnet(folder.path(), &[], arguments);
        assert_eq!(code, 0);
        insta::allow_duplicates! {
            insta::assert_snapshot!(out, @r"
            phones	carddav	to-book	https://dav.example.com/
            team	vdir	two-way	HERE/cards
            ");
        }
    }
    let (_, out, _) = carnet(folder.path(), &[], &["books", "--json"]);
    insta::assert_snapshot!(out, @r#"
    {"direction":"to-book","kind":"carddav","name":"phones","type":"book","url":"https://dav.example.com/"}
    {"direction":"two-way","kind":"vdir","name":"team","path":"HERE/cards","type":"book"}
    "#);
    settings(folder.path(), PRACTICE);
    let (code, out, told) = carnet(folder.path(), &[], &["books"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(told.starts_with("the settings name no book"), "{told}");
}

#[test]
fn the_address_books_of_a_server_are_found() {
    let one = server(&[("contacts", "Contacts")]);
    let folder = desk(&root(&one), WITH_FILE);
    let found = |folder: &Path, arguments: &[&str], port: u16| {
        let (code, out, told) = carnet(folder, &[], arguments);
        let port = format!(":{port}/");
        (code, out.replace(&port, ":PORT/"), told.replace(&port, ":PORT/"))
    };
    let (code, out, told) = found(folder.path(), &["books", "discover", "phones"], one.port());
    assert_eq!((code, out.as_str()), (0, "http://127.0.0.1:PORT/ada/contacts/\tContacts\n"));
    assert_eq!(told, "to name it for good: set url = \"http://127.0.0.1:PORT/ada/contacts/\" of book phones\n");
    let (_, out, _) = found(folder.path(), &["books", "discover", "phones", "--json", "-q"], one.port());
    insta::assert_snapshot!(out, @r#"{"is_set":false,"name":"Contacts","type":"address_book","url":"http://127.0.0.1:PORT/ada/contacts/"}"#);
    let (_, _, told) = found(folder.path(), &["books", "discover", "phones", "-v"], one.port());
    assert!(told.contains("logged in as /ada/") && told.contains("address books are at /ada/"), "{told}");
    assert!(told.contains("list the address books at http://127.0.0.1:PORT/ada/: 1 found"), "{told}");

    let folder = desk(&format!("{}ada/contacts/", root(&one)), WITH_FILE);
    let (code, _, told) = found(folder.path(), &["books", "discover", "phones"], one.port());
    assert_eq!((code, told.as_str()), (0, "the url of book phones is right\n"));

    let two = server(&[("contacts", "Contacts"), ("family", "Family \u{1b}[2J")]);
    let folder = desk(&root(&two), WITH_FILE);
    let (code, out, told) = found(folder.path(), &["books", "discover", "phones"], two.port());
    assert_eq!((code, told.as_str()), (0, "set the url of book phones to that of one of them\n"));
    assert_eq!(out.lines().nth(1), Some("http://127.0.0.1:PORT/ada/family/\tFamily  [2J"), "it moves no cursor");

    let none = server(&[]);
    let (code, out, told) = carnet(desk(&root(&none), WITH_FILE).path(), &[], &["books", "discover", "phones"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(told.contains("failed to find an address book on the server of book phones: there is none"), "{told}");
}

#[test]
fn what_stands_in_the_way_has_its_exit_code() {
    let one = server(&[("contacts", "Contacts")]);
    let refused = format!("{WITH_FILE}\n").replace("ada", "eve");
    for (url, keys, book, code, words) in [
        (root(&one), refused.as_str(), "phones", 4, "the login was refused (401 Unauthorized)"),
        ("http://127.0.0.1:9/".to_owned(), WITH_FILE, "phones", 5, "could not connect to 127.0.0.1:9"),
        (root(&one), "username = \"ada\"", "phones", 2, "failed to find a password for book phones"),
        (
            root(&one),
            "username = \"ada\"\npassword_file = \"none\"",
            "phones",
            2,
            "failed to read the password file HERE/none",
        ),
        (root(&one), WITH_FILE, "phone", 2, "failed to find a book named phone"),
    ] {
        let (ended, out, told) = carnet(desk(&url, keys).path(), &[], &["books", "discover", book]);
        assert_eq!((ended, out.as_str()), (code, ""), "{told}");
        assert!(told.contains(words), "{words:?} is not in:\n{told}");
    }
}

#[test]
fn the_login_goes_to_the_books_own_server_alone() {
    let stranger = Server::canary();
    let elsewhere = format!("http://127.0.0.1:{}/ada/", stranger.port());
    let moved = Server::start(move |_| Reply::status(301).header("Location", &elsewhere));
    let folder = desk(&root(&moved), WITH_FILE);
    for arguments in [&["-vvv", "books", "discover", "phones"][..], &["-vvv", "check"], &["-vvv", "sync"]] {
        let (code, out, told) = carnet(folder.path(), &[], arguments);
        assert_ne!(code, 0, "{out}{told}");
        assert!(format!("{out}{told}").contains("which is not followed"), "{out}{told}");
    }
    assert_eq!(stranger.connections(), 0);
    assert!(moved.connections() > 0);
}

#[test]
fn sources_of_a_books_password_reach_the_server_and_nobody_else() {
    let one = server(&[("contacts", "Contacts")]);
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("phones-password"), PASSWORD).unwrap();
    let credentials = credentials.path().to_string_lossy().into_owned();
    // What the CRM's password is, no other program is given.
    let command = format!("password_command = [\"sh\", \"-c\", \"printf {PASSWORD}$CARNET_CRM_PASSWORD\"]");
    let wrong = "password_file = \"carnet.toml\"";
    for (keys, variables) in [
        (wrong, vec![("CREDENTIALS_DIRECTORY", credentials.as_str()), ("CARNET_BOOK_PHONES_PASSWORD", "x")]),
        (wrong, vec![("CARNET_BOOK_PHONES_PASSWORD_FILE", "/dev/stdin"), ("CARNET_BOOK_PHONES_PASSWORD", "x")]),
        (wrong, vec![("CARNET_BOOK_PHONES_PASSWORD", PASSWORD)]),
        (&*command, vec![("CARNET_CRM_PASSWORD", "x")]),
        ("password_file = \"pw\"", vec![]),
        ("password = \"pw7f3a\"", vec![]),
    ] {
        let folder = desk(&root(&one), &format!("username = \"ada\"\n{keys}"));
        let file = folder.path().join("pw").to_string_lossy().into_owned();
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, if *value == "/dev/stdin" { &*file } else { value }))
            .collect();
        let (code, out, told) = carnet(folder.path(), &variables, &["-vvv", "books", "discover", "phones"]);
        assert_eq!((code, out.lines().count()), (0, 1), "{keys}: {told}");
    }
    let before = one.connections();
    let folder = desk(&root(&one), "token_command = [\"cat\", \"pw\"]");
    assert_eq!(carnet(folder.path(), &[], &["books", "discover", "phones"]).0, 4);
    let seen = one.seen();
    assert!(one.connections() > before && seen.last().unwrap().head.contains(&format!("Bearer {PASSWORD}")));
}

#[test]
fn a_book_without_its_password_fails_by_itself() {
    let one = server(&[("contacts", "Contacts")]);
    let folder =
        desk(&root(&one), "username = \"ada\"\npassword_command = [\"sh\", \"-c\", \"echo asked >> log; exit 1\"]");
    let text = fs::read_to_string(folder.path().join("carnet.toml")).unwrap();
    settings(folder.path(), &format!("{text}[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"cards\"\n"));
    let (code, out, told) = carnet(folder.path(), &[], &["sync"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("phones: failed to run the password command `sh`: exit status: 1"), "{told}");
    assert!(out.contains("team    250 created"), "the others go on: {out}");
    let asked = || fs::read_to_string(folder.path().join("log")).unwrap().lines().count();
    assert_eq!(asked(), 1);
    for arguments in [&["sync", "--only", "crm,team"][..], &["pull"], &["push"], &["status"], &["books"]] {
        carnet(folder.path(), &[], arguments);
    }
    assert_eq!(asked(), 1, "a book that takes no part needs no password");
    let (code, out, _) = carnet(folder.path(), &[], &["check"]);
    assert_eq!((code, asked()), (1, 2), "it is asked for once a check");
    assert!(out.contains("phones    failed   failed to run the password command"), "{out}");
    assert_eq!(one.connections(), 0);
}

#[test]
fn a_check_that_is_offline_asks_no_server() {
    let one = server(&[("contacts", "Contacts")]);
    let folder = desk(&root(&one), WITH_FILE);
    let (code, out, _) = carnet(folder.path(), &[], &["check", "--offline"]);
    assert!(code == 3 && out.contains("phones    ok       not asked (--offline)"), "{out}");
    assert!(out.contains("phones    warning  password_file, HERE/pw: other users can read it"), "{out}");
    assert_eq!(one.connections(), 0);
    for (arguments, words) in [
        (["check", "--write", "phone"], "failed to find a book named phone"),
        (["check", "--write", "team"], "failed to ask the server of book team: it is a vdir, on this machine"),
    ] {
        let text = format!("{}[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"cards\"\n", {
            fs::read_to_string(desk(&root(&one), WITH_FILE).path().join("carnet.toml")).unwrap()
        });
        settings(folder.path(), &text);
        let (code, out, told) = carnet(folder.path(), &[], &arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{told}");
        assert!(told.contains(words), "{told}");
    }
    let folder = desk(&root(&one), &format!("{WITH_FILE}\ndirection = \"from-book\""));
    let (code, _, told) = carnet(folder.path(), &[], &["check", "--write", "phones"]);
    assert!(code == 2 && told.contains("failed to try writing to book phones: it is only read"), "{told}");
    assert_eq!(one.connections(), 0);
}
