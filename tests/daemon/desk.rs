//! The desk as the daemon serves it: coming in, deciding, and what is refused, with a client that speaks by hand. What a browser
//! makes of it is `tests/browser`'s matter.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use super::process::{Desk, Running};

/// A folder whose daemon has the desk on a port of its own.
fn with_desk() -> (Desk, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = Desk::practice("schedule = \"@yearly\"\nprefer = \"ask\"\nwatch = false");
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&format!("{text}[http]\nlisten = \"127.0.0.1:{port}\"\ndesk = true\n"));
    (desk, port)
}

/// The answer's code, head and body.
fn ask(port: u16, line: &str, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let length = body.len();
    let host = format!("Host: 127.0.0.1:{port}\r\n{head}{kind}\r\nContent-Length: {length}");
    stream.write_all(format!("{line} HTTP/1.1\r\n{host}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// What stands in a text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1.split_once(after).unwrap().0
}

#[test]
fn a_decision_at_the_desk_is_carried_out_by_the_next_run() {
    let (desk, port) = with_desk();
    let daemon = Running::daemon(&desk, &[]);
    daemon.wait_for("waiting next=");
    // Both sides change one field: the embedded practice CRM by its own file, while nobody uses it.
    let crm = carnet::sandbox::SandboxSettings {
        state: Some(desk.path("practice-crm.db")),
        ..carnet::sandbox::SandboxSettings::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(carnet::sandbox::Sandbox::start(crm)).unwrap();
    let id = sandbox.store().ids().unwrap()[0];
    sandbox.store().edit(id, "job_title", "Géomètre").unwrap();
    runtime.block_on(sandbox.stop());
    let cards = fs::read_dir(desk.path("cards")).unwrap().map(|entry| entry.unwrap().path());
    let words = format!("X-INCWO-ID:{id}\r\n");
    let card = cards.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&words))).unwrap();
    let text = fs::read_to_string(&card).unwrap();
    let others: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with("TITLE:")).collect();
    fs::write(&card, others.join("\r\n").replace("END:VCARD", "TITLE:Arpenteur\r\nEND:VCARD")).unwrap();
    assert_eq!(desk.run(&["sync"]).code, 3);

    let invited = desk.run(&["desk", "--name", "Marie", "--no-open"]);
    let login = between(&invited.out, &format!("http://127.0.0.1:{port}/desk/enter?login="), "\n").to_owned();
    assert_eq!(fs::metadata(desk.path("carnet.desk")).unwrap().permissions().mode() & 0o777, 0o700);
    let origin = format!("Origin: http://127.0.0.1:{port}\r\n");
    let (code, head, _) = ask(port, "POST /desk/enter", &origin, &format!("login={login}"));
    assert_eq!(code, 303, "{head}");
    let cookie = format!("Cookie: {}\r\n", between(&head, "set-cookie: ", ";"));
    let (code, head, page) = ask(port, "GET /desk/waiting", &format!("{cookie}Accept-Language: fr\r\n"), "");
    assert!(code == 200 && head.contains("default-src 'none'"), "{head}");
    assert!(page.contains("Garder celui du carnet\u{a0}: «\u{a0}Arpenteur\u{a0}»"), "{page}");
    let token = between(&page, "name=\"token\" value=\"", "\"");
    let sent = format!("token={token}&item=1&seen=&answer=book");
    assert_eq!(ask(port, "POST /desk/waiting/answer", &cookie, &sent).0, 403, "no origin");
    let from_there = format!("{cookie}{origin}");
    let (code, head, _) = ask(port, "POST /desk/waiting/answer", &from_there, &sent);
    assert!(code == 303 && head.contains("location: /desk/waiting?page=1#m-1"), "{head}");
    // Said a second time from the same old page, it is told instead.
    let (_, head, _) = ask(port, "POST /desk/waiting/answer", &from_there, &sent.replace("book", "crm"));
    assert!(head.contains("late=1"), "{head}");
    assert_eq!(desk.run(&["sync"]).code, 0);
    assert!(desk.run(&["show", &id.to_string()]).out.contains("Arpenteur"));
    let log = {
        daemon.signal("TERM");
        daemon.wait_for("the daemon stops")
    };
    assert!(!log.contains(&login) && !log.contains("Arpenteur"), "{log}");
}

#[test]
fn the_desk_is_there_only_where_the_settings_want_it() {
    let desk = Desk::practice("schedule = \"@yearly\"");
    let refused = desk.run(&["desk"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.told.contains("failed to find the desk: the settings do not want one\nhint: set listen"),
        "{}",
        refused.told
    );
    let text = fs::read_to_string(desk.path("carnet.toml")).unwrap();
    desk.settings(&format!("{text}[http]\nlisten = \"127.0.0.1:0\"\ndesk = true\n"));
    assert!(desk.run(&["desk"]).told.contains("its port is another one each time"));
    assert!(!desk.path("carnet.desk").exists());
    desk.settings(&format!("{text}[http]\nlisten = \"127.0.0.1:0\"\ndesk = true\ndesk_url = \"https://a.example\"\n"));
    let invited = desk.run(&["desk"]);
    assert!(invited.out.starts_with("https://a.example/desk/enter?login="), "{}", invited.out);
    assert!(invited.told.contains("no daemon is at work"), "{}", invited.told);
}
