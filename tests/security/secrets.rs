//! Who learns the password and who learns about people: the server, and nobody who reads logs, errors, JSON or the list
//! of processes.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
};

use carnet::sandbox::SandboxSettings;

use super::{
    Desk, Practice, RUN_MAX, Ran, book, program,
    server::{Reply, Request, Server, page},
};

const PASSWORD: &str = "cana/ry+7f3a9c21";

/// The password in every form that something could write it in: as it is, with the login as HTTP sends it, in an address.
fn forms() -> Vec<String> {
    // Base64 of "demo:cana/ry+7f3a9c21".
    let forms = [PASSWORD, "7f3a9c21", "ZGVtbzpjYW5hL3J5KzdmM2E5YzIx", "cana%2Fry", "cana\\/ry"];
    forms.map(str::to_owned).to_vec()
}

fn told_nothing(what: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{what} tells the password:\n{text}");
    }
}

/// How the password reaches the program: a line of the settings, an environment variable, a file to write.
struct Source {
    name: &'static str,
    setting: &'static str,
    variable: Option<(&'static str, &'static str)>,
    file: Option<&'static str>,
}

const SOURCES: &[Source] = &[
    Source { name: "environment", setting: "", variable: Some(("CARNET_CRM_PASSWORD", PASSWORD)), file: None },
    Source {
        name: "file of the environment",
        setting: "",
        variable: Some(("CARNET_CRM_PASSWORD_FILE", "secret/pw")),
        file: Some("secret/pw"),
    },
    Source {
        name: "credential",
        setting: "",
        variable: Some(("CREDENTIALS_DIRECTORY", "secret")),
        file: Some("secret/crm-password"),
    },
    Source { name: "file", setting: "password_file = \"secret/pw\"", variable: None, file: Some("secret/pw") },
    Source {
        name: "command",
        setting: "password_command = [\"cat\", \"secret/pw\"]",
        variable: None,
        file: Some("secret/pw"),
    },
    Source { name: "settings", setting: "password = \"cana/ry+7f3a9c21\"", variable: None, file: None },
];

fn desk(source: &Source, url: &str) -> Desk {
    let more = format!("{}\ntimeout = \"5s\"{}", source.setting, book("cards", "vdir", "cards"));
    let mut desk = Desk::new(url, &more);
    desk.environment.clear();
    if let Some((name, value)) = source.variable {
        desk = desk.with(name, value);
    }
    if let Some(file) = source.file {
        desk.write(file, format!("{PASSWORD}\n"));
        // What others could read is warned about.
        desk.make_private(file);
    }
    desk.with("CARNET_LOG", "trace").with("RUST_LOG", "trace").with("RUST_BACKTRACE", "full")
}

/// Nothing that the program made holds the password.
fn kept_nowhere(source: &Source, desk: &Desk) {
    for (path, bytes) in desk.all_files() {
        let own = path.ends_with("carnet.toml") || path.parent().is_some_and(|folder| folder.ends_with("secret"));
        if !own {
            told_nothing(&format!("{}: {}", source.name, path.display()), &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn the_password_is_told_to_the_server_alone() {
    let login = SandboxSettings { contacts: 3, password: PASSWORD.to_owned(), ..SandboxSettings::default() };
    let practice = Practice::new(login);
    for source in SOURCES {
        let desk = desk(source, &practice.url());
        let ran = desk.run(&["-vvv", "sync"]);
        assert_eq!(ran.code, 0, "{}: {}", source.name, ran.told);
        assert!(ran.told.contains("TRACE"), "{}: the log was on", source.name);
        let mut said = ran.said();
        for arguments in [
            &["-vvv", "--json", "sync"][..],
            &["-vvv", "--log-format", "json", "sync"],
            &["-vvv", "check"],
            &["export", "all.vcf"],
            &["--json", "export", "-"],
            &["--json", "status"],
            &["--json", "runs"],
            &["--json", "history"],
            &["--json", "list"],
        ] {
            let ran = desk.run(arguments);
            assert_eq!(ran.code, 0, "{} {arguments:?}: {}", source.name, ran.told);
            said += &ran.said();
        }
        told_nothing(source.name, &said);
        kept_nowhere(source, &desk);
    }
}

#[test]
fn a_login_that_fails_does_not_tell_the_password() {
    let refusing = Practice::with_contacts(1);
    let crash = Server::start(|_| Reply::hang_up());
    let page = Server::start(|request| Reply::status(200).body(format!("<html>{}</html>", request.head)));
    let echo = Server::start(|request| Reply::status(500).body(request.head.clone()));
    let nobody = "http://127.0.0.1:9/1".to_owned();
    let tls = format!("https://127.0.0.1:{}/1", crash.port());
    for (url, code) in [(refusing.url(), 4), (crash.url(), 5), (page.url(), 5), (echo.url(), 5), (nobody, 5), (tls, 5)]
    {
        // One source is enough to see errors; another shows that it makes no difference.
        for source in [&SOURCES[0], &SOURCES[4]] {
            let desk = desk(source, &url);
            for arguments in [&["-vvv", "--json", "sync"][..], &["-vvv", "check"], &["status"], &["--json", "runs"]] {
                let ran = desk.run(arguments);
                if arguments.contains(&"sync") {
                    assert_eq!(ran.code, code, "{url}: {}", ran.told);
                }
                told_nothing(&format!("{url} {arguments:?}"), &ran.said());
            }
            kept_nowhere(source, &desk);
        }
    }
}

#[test]
fn a_source_that_fails_does_not_tell_the_password() {
    for (source, spoilt) in [(1, "two\nlines "), (3, "two\nlines "), (4, "two\nlines ")] {
        let desk = desk(&SOURCES[source], "http://127.0.0.1:9/1");
        desk.write("secret/pw", format!("{spoilt}{PASSWORD}\n"));
        let ran = desk.run(&["-vvv", "--json", "pull"]);
        assert_eq!(ran.code, 2, "{}", ran.told);
        told_nothing(SOURCES[source].name, &ran.said());
    }
    // A typo beside it, a value of the wrong type, a file that others can read.
    let desk = desk(&SOURCES[5], "http://127.0.0.1:9/1");
    let text = desk.read("carnet.toml");
    for spoilt in [
        text.replace("timeout", "timeuot"),
        text.replace("password = \"cana/ry+7f3a9c21\"", "password = [\"cana/ry+7f3a9c21\"]"),
        text.replace("password = \"cana/ry+7f3a9c21\"", "password = \"cana/ry+7f3a9c21"),
        text.replace("http://127", "https://demo:cana/ry+7f3a9c21@127").replace("timeout", "timeuot"),
        text.replace("http://127", "http://demo:cana/ry+7f3a9c21@127"),
    ] {
        assert_ne!(spoilt, text);
        desk.settings(&spoilt);
        for arguments in [&["-vvv", "pull"][..], &["--json", "pull"], &["check"]] {
            let ran = desk.run(arguments);
            assert_eq!(ran.code, 2, "{spoilt}");
            told_nothing(&spoilt, &ran.said());
        }
    }
    desk.settings(&text);
    fs::set_permissions(desk.path("carnet.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let ran = desk.run(&["-vvv", "--json", "pull"]);
    assert_eq!(ran.code, 2);
    told_nothing("a file that others can read", &ran.said());
}

/// The arguments of a process and of those that it started, as everyone on the machine can read them.
fn arguments_of(process: u32) -> String {
    let mut text = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            text += &arguments_of(child);
        }
    }
    text
}

#[test]
fn the_process_list_does_not_show_the_password() {
    for source in SOURCES {
        let (arrived, arrival) = mpsc::channel::<()>();
        let (go_on, going_on) = mpsc::channel::<()>();
        let (arrived, going_on) = (Mutex::new(arrived), Mutex::new(going_on));
        let crm = Server::start(move |_| {
            arrived.lock().unwrap().send(()).unwrap();
            going_on.lock().unwrap().recv().unwrap();
            page(1, "")
        });
        let desk = desk(source, &crm.url());
        let mut child = desk.command(&["pull"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        arrival.recv().unwrap();
        let shown = arguments_of(child.id());
        go_on.send(()).unwrap();
        assert!(child.wait().unwrap().success(), "{}", source.name);
        assert!(shown.contains("carnet.toml"), "{shown}");
        told_nothing(source.name, &shown);
    }
    // There is no flag to type it in: only such that say where it is.
    let help = Ran::of(&Command::new(program()).args(["init", "--help"]).output().unwrap());
    assert!(help.out.contains("--username"), "{}", help.out);
    let flags = help.out.split_whitespace().filter(|word| word.contains("--password"));
    let unexpected: Vec<&str> =
        flags.filter(|flag| !["--password-file", "--password-command"].contains(flag)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

/// Values that no line of a log may hold.
const PERSON: &[&str] =
    &["Zebulonix", "Quarkovitch", "zeb@canary.example", "99 88 77 66", "Rue du Canari", "Serinologue"];

fn person(id: u32) -> String {
    format!(
        "<contact><id>{id}</id><last_name>Quarkovitch</last_name><first_name>Zebulonix</first_name>\
         <job_title>Serinologue</job_title><contact_addresses type=\"array\"><contact_address><id>1</id>\
         <address_type>21</address_type><street_address>3 Rue du Canari</street_address></contact_address>\
         </contact_addresses><contact_items type=\"array\"><contact_item><id>2</id><type_id>24</type_id>\
         <value>01 99 88 77 66</value></contact_item><contact_item><id>3</id><type_id>27</type_id>\
         <value>zeb@canary.example</value></contact_item></contact_items></contact>"
    )
}

/// A CRM that refuses every write in words that repeat what it was sent, and whose listing has a spoilt record.
fn indiscreet() -> Server {
    Server::start(|request: &Request| {
        match request.method.as_str() {
        "GET" if request.target.starts_with("/1/contacts.xml") => {
            let spoilt = person(8).replace("Serinologue", "Serinologue &nope;");
            page(1, &format!("{}{spoilt}", person(7)))
        }
        "GET" => Reply::xml(person(7)),
        _ => Reply::status(422).header("Content-Type", "application/xml").body(
            "<errors><error>zeb@canary.example is taken by Zebulonix Quarkovitch</error><error>01 99 88 77 66 too</error></errors>",
        ),
    }
    })
}

/// Runs the daemon until its first run is done; what it logged.
fn log_of_a_run(desk: &Desk, arguments: &[&str]) -> String {
    let all = [arguments, &["daemon"]].concat();
    let mut child = desk.command(&all).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut log = String::new();
    let mut told = false;
    while let Ok(line) = lines.recv_timeout(RUN_MAX) {
        if !told && (line.contains("the run is done") || line.contains("will be tried again")) {
            told = true;
            assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        }
        log += &line;
        log.push('\n');
    }
    // It may be at an end already.
    let _ = child.kill();
    child.wait().unwrap();
    assert!(told, "{log}");
    log
}

#[test]
fn stderr_names_people_by_id_alone_where_nobody_sits() {
    let crm = indiscreet();
    let books = format!("lists = \"replace\"\n{}", book("cards", "vdir", "cards"));
    let desk = Desk::new(&crm.url(), &books);
    assert_eq!(desk.run(&["-q", "sync"]).code, 3);
    let card = super::walk(&desk.path("cards")).into_iter().find(|path| path.extension().is_some()).unwrap();
    let text = fs::read_to_string(&card).unwrap();
    fs::write(&card, text.replace("Serinologue", "Serinologue en chef")).unwrap();
    let new = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:z2\r\nFN:Zebulonix Quarkovitch\r\nN:Quarkovitch;Zebulonix;;;\r\n\
               TEL:07 99 88 77 66\r\nEND:VCARD\r\n";
    desk.write("cards/new.vcf", new);
    desk.write("cards/cut.vcf", new.replace("END:VCARD", "").replace("z2", "z3"));
    let ran = desk.run(&["sync"]);
    assert_eq!(ran.code, 3, "{}", ran.told);
    for said in ["crm: contact 7: failed to", "crm: contact z2: failed to", "cut.vcf"] {
        assert!(ran.told.contains(said), "{said}:\n{}", ran.told);
    }
    for value in PERSON {
        assert!(!ran.told.contains(value), "stderr tells {value}:\n{}", ran.told);
    }
}

#[test]
fn logs_name_people_by_id_alone() {
    let crm = indiscreet();
    let books = format!(
        "lists = \"replace\"\n[sync]\nschedule = \"every 1s\"{}{}",
        book("cards", "vdir", "cards"),
        book("sheet", "csv", "sheet.csv")
    );
    for level in ["info", "trace"] {
        let desk = Desk::new(&crm.url(), &books).with("CARNET_LOG", level);
        assert_eq!(desk.run(&["-q", "sync"]).code, 3);
        let card = super::walk(&desk.path("cards")).into_iter().find(|path| path.extension().is_some()).unwrap();
        let text = fs::read_to_string(&card).unwrap();
        assert!(text.contains("Zebulonix"), "{text}");
        // An edit that the CRM refuses, a new card that it refuses, broken cards, a row with too few cells.
        fs::write(&card, text.replace("Serinologue", "Serinologue en chef")).unwrap();
        let new = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:z2\r\nFN:Zebulonix Quarkovitch\r\nN:Quarkovitch;Zebulonix;;;\r\n\
                   TEL:07 99 88 77 66\r\nEND:VCARD\r\n";
        desk.write("cards/new.vcf", new);
        desk.write("cards/cut.vcf", new.replace("END:VCARD", "").replace("z2", "z3"));
        desk.write("cards/odd.vcf", new.replace("z2", "z4").replace("TEL:", "TEL 07 Zebulonix\r\nN;"));
        let sheet = desk.read("sheet.csv");
        desk.write("sheet.csv", format!("{sheet}Quarkovitch,Zebulonix\r\n"));
        for arguments in [&[][..], &["--log-format", "json"]] {
            let log = log_of_a_run(&desk, arguments);
            // What was refused is not sent again.
            assert_eq!(
                log.matches("the server refused it: ").count(),
                if arguments.is_empty() { 2 } else { 0 },
                "{log}"
            );
            assert!(log.contains("cut.vcf"), "{log}");
            for value in PERSON {
                assert!(!log.contains(value), "{level} {arguments:?} tells {value}:\n{log}");
            }
        }
    }
}
