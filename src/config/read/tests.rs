//! What a settings file means, and every way in which it can be wrong.

use super::*;
use crate::{
    config::{BookKind, DeskSettings, Direction, NotifySettings, books::BOOK_KEYS},
    contact::Filter,
    formats::csv::Profile,
};

const NOTHING: fn(&str) -> Option<String> = |_| None;

pub fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let owned: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let lookup = move |name: &str| owned.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Settings::parse(Path::new("/etc/carnet/carnet.toml"), text, Environment::from_fn(&lookup))
}

/// The faults as "line: message | hint".
pub fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let SettingsError::Invalid { faults, .. } = parse_with(text, variables).expect_err("this is wrong") else {
        panic!("no faults")
    };
    let line = |fault: &Fault| fault.span.as_ref().map_or(0, |span| text[..span.start].lines().count().max(1));
    faults
        .iter()
        .map(|fault| {
            let at_line_start = fault.span.as_ref().is_some_and(|span| text[..span.start].ends_with('\n'));
            let hint = fault.hint.as_deref().map(|hint| format!(" | {hint}")).unwrap_or_default();
            format!("{}: {}{hint}", line(fault) + usize::from(at_line_start), fault.message)
        })
        .collect()
}

#[test]
fn the_least_that_works_is_the_sandbox() {
    let settings = parse_with("[crm]\nurl = \"sandbox\"\n", &[]).unwrap();
    assert_eq!(settings.crm.url, CrmUrl::Sandbox);
    assert_eq!(settings.crm.username, "demo");
    assert_eq!(settings.crm.concurrency, 4);
    assert_eq!(settings.crm.requests_per_second, None);
    assert_eq!(settings.crm.timeout, Duration::from_secs(60));
    assert_eq!(settings.mirror.path, Path::new("/etc/carnet/carnet.db"));
    assert_eq!(settings.sync.max_delete, Limit::Percent(10));
    assert_eq!(settings.sync.prefer, Prefer::Crm);
    assert_eq!(settings.sync.schedule.as_str(), "every 900s");
    assert!(settings.books.is_empty());
}

#[test]
fn every_documented_key_is_read() {
    let text = include_str!("../../../config/carnet.toml");
    let settings = parse_with(text, &[]).unwrap();
    assert_eq!(settings.crm.url, CrmUrl::Http("https://www.incwo.com/123456".to_owned()));
    assert_eq!(settings.crm.requests_per_second, Some(10));
    // Uncommenting every key that is shown commented out must give a file that is understood as well.
    let everything: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) || rest.starts_with("[[") => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let shown: Vec<&str> = everything.lines().filter_map(|line| Some(line.split_once(" = ")?.0.trim())).collect();
    let outside = [&outside::HTTP_KEYS[..], &outside::NOTIFY_KEYS].concat();
    for key in [&CRM_KEYS[..], &MIRROR_KEYS, &SYNC_KEYS, &VCARD_KEYS, &BOOK_KEYS, &outside].concat() {
        assert!(shown.contains(&key), "config/carnet.toml does not show `{key}`");
    }
    let settings = parse_with(&everything, &[]).unwrap();
    assert_eq!(settings.vcard, WriteStyle::default(), "what is shown is the default");
    assert!(settings.http.is_some() && settings.notify.on_waiting.is_some() && settings.notify.on_failure.is_some());
    assert!(settings.books.len() >= 5);
    assert!(settings.crm.password.command.is_some() && settings.crm.password.inline.is_some());
}

fn is_key(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn the_demo_is_understood() {
    let text = include_str!("../../../config/demo.toml");
    let settings = parse_with(text, &[]).unwrap();
    assert_eq!(settings.crm.url, CrmUrl::Sandbox);
    assert_eq!(settings.mirror.path, Path::new("/etc/carnet/../demo/carnet.db"));
    let books: Vec<(&str, BookKind)> = settings.books.iter().map(|book| (book.name.as_str(), book.kind())).collect();
    assert_eq!(books, [("cards", BookKind::Vdir), ("sheet", BookKind::Csv)]);
}

#[test]
fn books_are_read() {
    let text = r#"
        crm = { url = "sandbox" }
        [[book]]
        name = "team"
        kind = "vdir"
        path = "~/team"
        direction = "to-book"
        where = { contact_type = ["client", "perso"], civility_label_id = "madam" }
        version = "4.0"
        [[book]]
        name = "sheet"
        kind = "csv"
        path = "sheet.csv"
        dialect = "outlook-fr"
    "#;
    let settings = parse_with(text, &[("HOME", "/home/ada")]).unwrap();
    let team = settings.book("team").unwrap();
    assert_eq!(team.path(), Some(Path::new("/home/ada/team")));
    assert_eq!((team.direction, team.version.as_str()), (Direction::ToBook, "4.0"));
    let expected = [("contact_type", "client"), ("contact_type", "perso"), ("civility_label_id", "18")];
    assert_eq!(Ok(&team.where_), Filter::parse(expected).as_ref());
    let sheet = settings.book("sheet").unwrap();
    assert_eq!(sheet.dialect.as_ref().map(Profile::name), Some("outlook-fr"));
    assert_eq!(sheet.direction, Direction::TwoWay);
}

#[test]
fn a_filter_that_nobody_can_match_is_refused() {
    let text = "crm.url = \"sandbox\"\n[[book]]\nname = \"a\"\nkind = \"csv\"\npath = \"x.csv\"\n\
                where = { civility_label_id = [\"Madam\", \"99\"], contact_type = [\"vip\", \"\"] }\n";
    insta::assert_debug_snapshot!(faults(text, &[]), @r#"
    [
        "6: `book.where.civility_label_id`: there is no \"99\" | known here: mr, madam, miss",
        "6: `book.where.contact_type`: there is no \"vip\" | known here: client, prospect, supplier, press, partner, staff, perso, other",
    ]
    "#);
}

#[test]
fn cards_are_written_in_the_manner_asked_for() {
    let with = |keys: &str| format!("[crm]\nurl = \"sandbox\"\n[vcard]\n{keys}");
    let settings = parse_with(&with("default_context = \"home\"\nim = \"both\"\ncategories = \"en\"\n"), &[]).unwrap();
    let expected = WriteStyle {
        default_context: DefaultContext::Home,
        messengers: Messengers::Both,
        words: CategoryLanguage::English,
        ..WriteStyle::default()
    };
    assert_eq!(settings.vcard, expected);
    let settings = parse_with(&with(""), &[("CARNET_VCARD_IM", "both")]).unwrap();
    assert_eq!(settings.vcard.messengers, Messengers::Both);
    insta::assert_debug_snapshot!(faults(&with("default_contex = \"home\"\nim = \"booth\"\ncategories = 1\n"), &[]), @r#"
    [
        "4: unknown key `default_contex` in [vcard] | did you mean `default_context`? known here: default_context, im, categories",
        "5: `vcard.im`: expected one of impp, both | did you mean \"both\"?",
        "6: `vcard.categories`: expected a text in quotes, found a whole number",
    ]
    "#);
}

#[test]
fn the_environment_comes_before_the_file() {
    let text = "[crm]\nurl = \"https://a.example/1\"\nusername = \"file\"\n[sync]\nmax_delete = 5\n";
    let variables = [
        ("CARNET_CRM_URL", "https://b.example/2"),
        ("CARNET_CRM_USERNAME", ""),
        ("CARNET_CRM_CONCURRENCY", "8"),
        ("CARNET_CRM_INSECURE_HTTP", "true"),
        ("CARNET_MIRROR_PATH", "/data/m.db"),
        ("CARNET_SYNC_MAX_DELETE", "7%"),
        ("CARNET_CRM_PASSWORD", "not read here"),
    ];
    let settings = parse_with(text, &variables).unwrap();
    assert_eq!(settings.crm.url, CrmUrl::Http("https://b.example/2".to_owned()));
    assert_eq!(settings.crm.username, "file");
    assert_eq!(settings.crm.concurrency, 8);
    assert!(settings.crm.insecure_http);
    assert_eq!(settings.mirror.path, Path::new("/data/m.db"));
    assert_eq!(settings.sync.max_delete, Limit::Percent(7));
    assert!(settings.crm.password.inline.is_none());
    insta::assert_debug_snapshot!(faults(text, &[("CARNET_CRM_CONCURRENCY", "many"), ("CARNET_SYNC_PREFER", "me")]), @r#"
    [
        "0: $CARNET_CRM_CONCURRENCY: expected a whole number from 1 to 32",
        "0: $CARNET_SYNC_PREFER: expected one of crm, book, ask",
    ]
    "#);
}

#[test]
fn the_mirror_of_a_service_lies_in_its_state_folder() {
    let check = |section: &str, variables: &[(&str, &str)], expected: &str| {
        let settings = parse_with(&format!("[crm]\nurl = \"sandbox\"\n{section}"), variables).unwrap();
        assert_eq!(settings.mirror.path, Path::new(expected), "{section} {variables:?}");
    };
    let service = [("STATE_DIRECTORY", "/var/lib/carnet:/var/lib/more")];
    check("", &[], "/etc/carnet/carnet.db");
    check("", &service, "/var/lib/carnet/carnet.db");
    check("[mirror]\npath = \"own.db\"", &service, "/etc/carnet/own.db");
    check("", &[("STATE_DIRECTORY", "/var/lib/carnet"), ("CARNET_MIRROR_PATH", "/srv/c.db")], "/srv/c.db");
}

#[test]
fn edits_are_watched_for_unless_that_is_switched_off() {
    let watch = |section: &str| parse_with(&format!("[crm]\nurl = \"sandbox\"\n{section}"), &[]).unwrap().sync.watch;
    assert!(watch("") && watch("[sync]\nwatch = true"));
    assert!(!watch("[sync]\nwatch = false"));
}

#[test]
fn requests_are_unlimited_on_the_loopback_only() {
    let check = |rest: &str, expected: Option<u32>| {
        let settings = parse_with(&format!("[crm]\nusername = \"u\"\n{rest}"), &[]).unwrap();
        assert_eq!(settings.crm.requests_per_second, expected, "{rest}");
    };
    check("url = \"https://a.example/1\"", Some(10));
    check("url = \"http://127.0.0.1:1/1\"", None);
    check("url = \"http://[::1]:1/1\"", None);
    check("url = \"http://127.0.0.1:1/1\"\nrequests_per_second = 3", Some(3));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_the_way_out() {
    let text = r#"
colour = "blue"
[crm]
urll = "sandbox"
username = 7
timeout = "60"
lists = "prob"
concurrency = 0
password_command = "pass show incwo"
password = 1234
[mirror]
path = ""
[sync]
schedule = "* * * *"
max_delete = "ten"
prefer = "crmm"
[[book]]
name = "crm"
kind = "vdir"
path = "a"
[[book]]
kind = "vdir"
name = "phone"
path = "b"
version = 3.0
where = { contact_type = ["clients"], city = "Paris", comment = [] }
[[book]]
name = "phone"
kind = "vcard"
path = "c"
"#;
    insta::assert_debug_snapshot!(faults(text, &[]), @r#"
    [
        "2: unknown key `colour` | known here: crm, mirror, sync, http, notify, carddav, vcard, book, csv",
        "3: `crm.url` is missing | the CRM's address, such as https://www.incwo.com/123456, or \"sandbox\"",
        "4: unknown key `urll` in [crm] | did you mean `url`? known here: url, username, password_command, password_file, password, concurrency, requests_per_second, per_page, timeout, confirm_after, ca_file, insecure_http, lists, deletes, firms",
        "5: `crm.username`: expected a text in quotes, found a whole number",
        "6: `crm.timeout`: expected a duration such as \"60s\", \"2m\" or \"1h30m\"",
        "7: `crm.lists`: expected one of probe, replace, append, ids | did you mean \"probe\"?",
        "8: `crm.concurrency`: expected a whole number from 1 to 32",
        "9: `crm.password_command`: it is run without a shell and must be a list | a list: the program, then its arguments, such as [\"pass\", \"show\", \"incwo\"]",
        "10: `crm.password`: expected a text in quotes, found a whole number",
        "12: `mirror.path`: expected a text that is not empty",
        "14: `sync.schedule`: a crontab line has 5 fields, this one has 4 | such as \"*/15 * * * *\", \"30 7 * * mon-fri\", \"@hourly\" or \"every 15m\"",
        "15: `sync.max_delete`: expected a number of contacts, or a percentage from 0% to 100%",
        "16: `sync.prefer`: expected one of crm, book, ask | did you mean \"crm\"?",
        "18: `book.name`: `crm` is carnet's own word, no book can have it as its name",
        "25: `book.version`: expected a text in quotes, found a number with a point",
        "26: `book.where.contact_type`: there is no \"clients\" | did you mean \"client\"?",
        "26: unknown key `city` in [book.where] | known here: civility_label_id, last_name, first_name, comment, job_title, job_department, country, contact_type, firm_id, company",
        "26: `book.where.comment`: an empty list would match nobody",
        "28: there are two books named `phone`",
    ]
    "#);
}

#[test]
fn variables_that_nothing_reads_are_found() {
    let names = [
        "CARNET_SYNC_SHEDULE",
        "CARNET_CRM_PASSWORD",
        "CARNET_CONFIG",
        "CARNET_LOG",
        "CARNET_HTTP_LISTEN",
        "HOME",
        "CARNET_CRM_PASSWORD_COMMAND",
        "CARNET_CRM_USERNAM",
        "CARNET_COLOUR_OF_THE_SKY",
        "CARNET_MIRROR_PATH",
        "CARNET_BOOK_MY_PHONE_PASSWORD",
        "CARNET_BOOK_MY_PHONE_PASSWORD_FILE",
        "CARNET_BOOK_MY_PHONES_PASSWORD",
        "CARNET_BOOK_SHEET_PASSWORD",
    ];
    let text = "crm.url = \"sandbox\"\n[[book]]\nname = \"my-phone\"\nkind = \"carddav\"\nurl = \"https://a.example/\"\n\
                [[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n";
    let settings = parse_with(text, &[]).unwrap();
    let found = unknown_variables(names.into_iter().map(str::to_owned), &settings);
    let found: Vec<(&str, Option<&str>)> = found.iter().map(|(name, meant)| (&**name, meant.as_deref())).collect();
    let expected = [
        ("CARNET_BOOK_MY_PHONES_PASSWORD", Some("CARNET_BOOK_MY_PHONE_PASSWORD")),
        ("CARNET_BOOK_SHEET_PASSWORD", Some("CARNET_BOOK_MY_PHONE_PASSWORD")),
        ("CARNET_COLOUR_OF_THE_SKY", None),
        ("CARNET_CRM_PASSWORD_COMMAND", Some("CARNET_CRM_PASSWORD_FILE")),
        ("CARNET_CRM_USERNAM", Some("CARNET_CRM_USERNAME")),
        ("CARNET_SYNC_SHEDULE", Some("CARNET_SYNC_SCHEDULE")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_and_paths_of_books_are_unique() {
    let text = "crm.url = \"sandbox\"\n[[book]]\nname = \"a\"\nkind = \"csv\"\npath = \"x.csv\"\n\
                [[book]]\nname = \"a\"\nkind = \"csv\"\npath = \"y.csv\"\n\
                [[book]]\nname = \"b\"\nkind = \"csv\"\npath = \"books/.././x.csv\"\n";
    insta::assert_debug_snapshot!(faults(text, &[]), @r#"
    [
        "7: there are two books named `a`",
        "13: the books `a` and `b` have the same path",
    ]
    "#);
}

#[test]
fn another_users_home_folder_is_not_taken_for_a_folder_beside_the_settings() {
    let text = "[crm]\nurl = \"sandbox\"\npassword_file = \"~ada/pw\"\nca_file = \"~/ca.pem\"\n[mirror]\npath = \"~ada\"\n\
                [http]\nlisten = \"127.0.0.1:9\"\nnudge_token_file = \"~\"\n\
                [[book]]\nname = \"a\"\nkind = \"csv\"\npath = \"./~ada/x.csv\"\ndialect = \"~ada/mine.toml\"\n";
    insta::assert_debug_snapshot!(faults(text, &[]), @r#"
    [
        "3: `crm.password_file`: another user's home folder, ~ada, is not looked up | write the whole path, or ./~ada for a folder of that name",
        "6: `mirror.path`: another user's home folder, ~ada, is not looked up | write the whole path, or ./~ada for a folder of that name",
        "14: `book.dialect`: another user's home folder, ~ada, is not looked up | write the whole path, or ./~ada for a folder of that name",
    ]
    "#);
}

#[test]
fn broken_toml_and_wrong_shapes_are_said() {
    insta::assert_debug_snapshot!(faults("[crm\nurl = \"sandbox\"\n", &[]), @r#"
    [
        "1: unclosed table, expected `]`",
    ]
    "#);
    insta::assert_debug_snapshot!(faults("crm = 1\nmirror = []\n[book]\nname = \"a\"\n", &[]), @r#"
    [
        "1: `crm` must be a table, [crm], not a whole number",
        "2: `mirror` must be a table, [mirror], not a list",
        "3: `book` must be a list of tables | write [[book]]",
        "0: `crm.url` is missing | the CRM's address, such as https://www.incwo.com/123456, or \"sandbox\"",
    ]
    "#);
    insta::assert_debug_snapshot!(faults("", &[]), @r#"
    [
        "0: `crm.url` is missing | the CRM's address, such as https://www.incwo.com/123456, or \"sandbox\"",
    ]
    "#);
}

#[test]
fn no_secret_leaves_by_an_error() {
    let texts = [
        "[crm]\npassword = \"hunter2\"\nurll = \"https://me:hunter2@x/1\"\n",
        "[crm]\npassword = \"hunter2\nurl = 1",
        "crm = { password = 'hunter2', usr = 1 }",
        "[crm]\nurl = \"https://me:hunter2@x/1\"\nusername = \"u\"",
        "[[book]]\nname = \"a\"\nkind = \"carddav\"\nurl = \"https://me:hunter2@x/\"\npassword = \"hunter2\"\nusr = 1\n",
        "[[book]]\nname = \"a\"\nkind = \"vdir\"\npath = \"a\"\npassword = \"hunter2\"\n",
    ];
    for text in texts {
        let error = parse_with(text, &[]).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.hint());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let book =
        "[[book]]\nname = \"a\"\nkind = \"carddav\"\nurl = \"https://x/\"\nusername = \"u\"\npassword = \"hunter2\"\n";
    let settings = parse_with(&format!("[crm]\nurl = \"sandbox\"\npassword = \"hunter2\"\n{book}"), &[]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn no_text_panics() {
    let text = include_str!("../../../config/carnet.toml");
    for (cut, _) in text.char_indices() {
        let _ = Settings::parse(Path::new("carnet.toml"), &text[..cut], Environment::from_fn(&NOTHING));
    }
}

#[test]
fn what_is_seen_from_outside_and_told() {
    let with = |lines: &str| format!("[crm]\nurl = \"sandbox\"\n{lines}");
    let settings = parse_with(&with(""), &[]).unwrap();
    assert_eq!((&settings.http, &settings.notify), (&None, &NotifySettings::default()));
    let text = with("[mirror]\npath = \"/var/lib/carnet/a.db\"\n[http]\nlisten = \"[::1]:9464\"\n");
    let http = parse_with(&text, &[]).unwrap().http.unwrap();
    assert!(http.listen.ip().is_loopback());
    assert_eq!(http.nudge_token_file, Path::new("/var/lib/carnet/nudge-token"));
    let remote = parse_with(&with("[http]\nlisten = \"0.0.0.0:80\"\nallow_remote = true\n"), &[]).unwrap();
    assert!(remote.http.is_some());
    let notify = with("[notify]\non_waiting = [\"tell\", \"office\"]\nnames = true\n");
    let notify = parse_with(&notify, &[]).unwrap().notify;
    assert_eq!((notify.on_waiting.unwrap(), notify.names), (vec!["tell".to_owned(), "office".to_owned()], true));

    let check = |lines: &str, expected: &str| assert_eq!(faults(&with(lines), &[]), [expected], "{lines}");
    check(
        "[http]\nlisten = \"localhost:9464\"",
        "4: `http.listen`: expected an IP address and a port | such as \"127.0.0.1:9464\"",
    );
    check(
        "[http]\nlisten = \"0.0.0.0:9464\"",
        "4: `http.listen`: other machines could reach this address | listen on 127.0.0.1 behind a proxy that speaks \
         https, or set allow_remote = true",
    );
    check(
        "[http]\nlistne = \"127.0.0.1:1\"",
        "4: unknown key `listne` in [http] | did you mean `listen`? known here: listen, allow_remote, nudge_token_file, desk, \
         desk_url",
    );
    let of_desk = |lines: &str| {
        let text = with(&format!("[http]\nlisten = \"127.0.0.1:1\"\n{lines}"));
        parse_with(&text, &[]).unwrap().http.unwrap().desk
    };
    assert_eq!(of_desk("desk_url = \"https://desk.example.org\""), None);
    assert_eq!(of_desk("desk = true"), Some(DeskSettings { url: None }));
    let url = Some("https://desk.example.org".to_owned());
    assert_eq!(of_desk("desk = true\ndesk_url = \"https://Desk.example.org:443/\""), Some(DeskSettings { url }));
    check(
        "[http]\nlisten = \"0.0.0.0:1\"\nallow_remote = true\ndesk = true",
        "3: `http.desk`: it would go over the network in clear | listen on 127.0.0.1; for other machines set desk_url, \
         behind a proxy that speaks https",
    );
    for url in ["http://desk.example.org", "https://desk.example.org/a", "https://a@desk.example.org", "desk"] {
        check(
            &format!("[http]\nlisten = \"127.0.0.1:1\"\ndesk_url = \"{url}\""),
            "5: `http.desk_url`: expected an https address without a path | such as \"https://desk.example.org\", of a \
             proxy that passes /desk/ on",
        );
    }
    let list = "a list: the program, then its arguments, such as [\"sendmail\", \"office\"]";
    check(
        "[notify]\non_waiting = \"tell office\"",
        &format!("4: `notify.on_waiting`: it is run without a shell and must be a list | {list}"),
    );
    check("[notify]\non_failure = []", &format!("4: `notify.on_failure`: it names no program | {list}"));
}

#[test]
fn settings_are_told_from_others_but_not_by_their_secrets() {
    let digest = |text: &str, variables: &[(&str, &str)]| parse_with(text, variables).unwrap().digest;
    let with = |lines: &str| format!("[crm]\nurl = \"sandbox\"\n{lines}");
    let plain = digest(&with(""), &[]);
    assert_eq!(digest(&with(""), &[("CARNET_CRM_PASSWORD", "x"), ("HOME", "/")]), plain);
    assert_ne!(digest(&with("timeout = \"9s\""), &[]), plain);
    assert_ne!(digest(&with(""), &[("CARNET_SYNC_PREFER", "book")]), plain);
    assert_eq!(digest(&with("password = \"aa\""), &[]), digest(&with("password = \"bb\""), &[]));
    let book = |timeout: &str, password: &str| {
        let server = "kind = \"carddav\"\nurl = \"https://a.example/\"\nusername = \"u\"";
        with(&format!("[[book]]\nname = \"a\"\n{server}\ntimeout = \"{timeout}\"\npassword = \"{password}\"\n"))
    };
    let plain = digest(&book("9s", "aa"), &[]);
    assert_eq!(digest(&book("9s", "bb"), &[("CARNET_BOOK_A_PASSWORD", "x")]), plain);
    assert_ne!(digest(&book("8s", "aa"), &[]), plain);
}
