//! A server that answers as is written down, for what real servers do and the tested ones do not.

pub(super) mod server;

use std::collections::BTreeMap;

use secrecy::SecretString;

use self::server::{Reply, Scripted};
use super::{Carddav, CarddavSettings, Login};
use crate::{
    books::testing::{create, delete, update},
    formats::vcard::WriteStyle,
    replica::{memory::Known, *},
};

/// What carnet does, each in a run of its own.
#[derive(Debug, Clone, Copy)]
enum Do {
    /// It looks at the book.
    Scan,
    /// Another program changes `a.vcf` and makes `c.vcf`; then it looks.
    ScanChanged,
    /// It changes `a.vcf`.
    Edit,
    /// It makes a card.
    New,
    /// It removes `b.vcf`.
    Delete,
    /// It asks for `b.vcf`.
    Fetch,
    /// Another program removes `b.vcf`; then it looks.
    ScanGone,
    /// The card that it made is removed, and the server does not say so; then it looks.
    ScanUnsaid,
}
use Do::{Delete, Edit, Fetch, New, Scan, ScanChanged, ScanGone, ScanUnsaid};

/// A book of `a.vcf` and `b.vcf` that was looked at once, and what is remembered of it.
struct Book {
    server: Scripted,
    facts: BTreeMap<String, String>,
    known: Known,
    records: BTreeMap<String, RemoteContact>,
}

impl Book {
    fn new() -> Self {
        let server = Scripted::default();
        server.put("a.vcf", &card("a", "Ada"));
        server.put("b.vcf", &card("b", "Bob"));
        let (facts, known, records) = Default::default();
        let mut book = Self { server, facts, known, records };
        assert_eq!(book.does(Scan), "all: changed a.vcf b.vcf");
        book
    }

    fn does(&mut self, what: Do) -> String {
        let settings = CarddavSettings {
            name: "phones".into(),
            url: format!("https://dav.example{}", server::BOOK),
            login: Login::Basic { username: "ada".into(), password: SecretString::from("secret") },
            timeout: std::time::Duration::from_secs(60),
            concurrency: 2,
            ca_file: None,
            insecure_http: false,
            style: WriteStyle::default(),
            now: 1_800_000_000,
        };
        let mut replica = Carddav::over(settings, Box::new(self.server.clone())).expect("usable settings");
        replica.recall(&|name| self.facts.get(name).cloned());
        // Writes come after a look.
        let answer = match what {
            Scan => self.scan(&mut replica),
            ScanChanged => {
                self.server.put("a.vcf", &card("a", "Augusta"));
                self.server.put("c.vcf", &card("c", "Cleo"));
                self.scan(&mut replica)
            }
            ScanGone => {
                self.server.remove("b.vcf");
                self.scan(&mut replica)
            }
            ScanUnsaid => {
                self.server.forget(&made());
                self.scan(&mut replica)
            }
            Edit => {
                self.write(&mut replica, update(&self.records["a.vcf"], "a", |it| it.job_title = "Countess".into()))
            }
            New => self.write(&mut replica, create(1)),
            Delete => self.write(&mut replica, delete(&self.records["b.vcf"], "b")),
            Fetch => match wait(replica.fetch("b.vcf")) {
                Ok(Lookup::Found(_)) => "found".to_owned(),
                Ok(Lookup::Gone) => "gone".to_owned(),
                Ok(Lookup::Unclear(why)) => format!("unclear: {why}"),
                Err(error) => in_words(&error),
            },
        };
        self.facts = replica.learned().into_iter().collect();
        answer
    }

    fn scan(&mut self, replica: &mut Carddav) -> String {
        let (mut same, mut all) = (Vec::new(), Batch::default());
        let mut sink = |batch: Batch| {
            same.extend(batch.same);
            all.changed.extend(batch.changed);
            all.gone.extend(batch.gone);
            all.problems.extend(batch.problems);
            Ok(())
        };
        let scanned = match wait(replica.scan(&self.known, &mut sink)) {
            Ok(scanned) => scanned,
            Err(error) => return in_words(&error),
        };
        let mut said = if scanned.coverage == Coverage::Complete { "all:" } else { "changes:" }.to_owned();
        let mut say = |word: &str, mut names: Vec<String>| {
            names.sort();
            if !names.is_empty() {
                said += &format!(" {word} {}", names.join(" "));
            }
        };
        say("same", same);
        say("changed", all.changed.iter().map(|record| record.remote.clone()).collect());
        say("gone", all.gone);
        say(
            "problems",
            all.problems.into_iter().map(|problem| format!("{}: {}", problem.place, problem.message)).collect(),
        );
        self.known.keep(scanned.cursor);
        all.changed.into_iter().for_each(|record| self.note(record));
        said
    }

    fn note(&mut self, record: RemoteContact) {
        self.known.revisions.insert(record.remote.clone(), record.revision.clone());
        self.records.insert(record.remote.clone(), record);
    }

    fn write(&mut self, replica: &mut Carddav, write: Write) -> String {
        // As in a run: it has looked before.
        let rules = self.server.without_rules();
        self.scan(replica);
        self.server.with_rules(rules);
        match wait(replica.apply(vec![write])).remove(0) {
            Ok(Some(record)) => {
                let said = format!("wrote {} {}", record.contact.first_name, record.contact.job_title);
                self.note(record);
                said.trim().to_owned()
            }
            Ok(None) => "removed".to_owned(),
            Err(error) => in_words(&error),
        }
    }
}

fn in_words(error: &ReplicaError) -> String {
    let (kind, said) = match error {
        ReplicaError::Unavailable(why) => ("unavailable", Some(why)),
        ReplicaError::Deferred(why) => ("deferred", Some(why)),
        ReplicaError::Rejected(why) => ("rejected", Some(why)),
        ReplicaError::OutcomeUnknown(why) => ("unknown", Some(why)),
        ReplicaError::Login(why) => ("login", Some(why)),
        ReplicaError::Untrusted(Distrust::Other(why)) => ("untrusted", Some(why)),
        ReplicaError::Stale(Some(there)) => return format!("stale, there is {}", there.contact.first_name),
        ReplicaError::Stale(None) => ("stale", None),
        ReplicaError::Untrusted(_) | ReplicaError::Partial(_) | ReplicaError::Stopped(_) => ("other", None),
    };
    said.map_or(kind.to_owned(), |said| format!("{kind}: {}", said.message))
}

/// Time passes when nobody has anything to do.
fn wait<T>(future: LocalFuture<'_, T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn card(uid: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name} Roux\r\nN:Roux;{name};;;\r\nEND:VCARD\r\n")
}

/// A book does these, while its server answers by these rules: what came of each, and what was asked, in order.
fn check(does: &[Do], rules: &[(&'static str, Reply)], expected: &[&str], asked: &str) {
    let mut book = Book::new();
    book.server.with_rules(rules.to_vec());
    book.server.asked();
    let said: Vec<String> = does.iter().map(|what| book.does(*what)).collect();
    assert_eq!(said, expected, "{does:?} {rules:?}");
    let found = book.server.asked();
    assert!(asked == "..." || found == asked, "{does:?} {rules:?}\n asked: {found}\nexpected: {asked}");
    assert!(
        book.server.without_rules().iter().all(|(kind, _)| kind.ends_with('*')),
        "{does:?} {rules:?}: a rule is left"
    );
}

/// The name of the card that it makes.
fn made() -> String {
    crate::books::card_names::file_name(&create(1).uid)
}

fn says(status: u16, body: &str) -> Reply {
    Reply::Says(status, body.to_owned())
}

/// No token is known: it looks at everything.
const FORGETS: (&str, Reply) = ("changes*", Reply::With(403, "x", "y"));

#[test]
fn a_book_that_is_well() {
    check(&[Scan], &[], &["changes:"], "changes");
    check(&[ScanChanged, Scan], &[], &["changes: changed a.vcf c.vcf", "changes:"], "changes multiget changes");
    check(&[Edit], &[], &["wrote Ada Countess"], "changes multiget PUT multiget");
    check(&[Delete], &[], &["removed"], "changes multiget DELETE multiget GET");
    check(&[New], &[], &["wrote Élodie Title1."], "changes multiget PUT multiget");
    check(&[Fetch], &[], &["found"], "multiget");
    let all = "all: same b.vcf changed a.vcf c.vcf";
    check(&[ScanChanged], &[FORGETS], &[all], "changes look list changes multiget");
}

#[test]
fn what_is_gone() {
    check(&[ScanGone], &[], &["changes: gone b.vcf"], "changes look");
    let lost = ("look", Reply::Instead("<C:addressbook/>", ""));
    let no_book = "untrusted: use the address book at /dav/book/: what is there is no address book";
    check(&[ScanGone], std::slice::from_ref(&lost), &[no_book], "changes look");
    check(&[Scan], &[FORGETS, lost], &[no_book], "changes look");
    let denied = "untrusted: use the address book at /dav/book/: the server does not have it";
    check(&[Scan], &[FORGETS, ("look", says(404, ""))], &[denied], "changes look");
    let nothing = ("multiget", Reply::Multi(String::new()));
    check(&[Fetch], &[nothing.clone(), ("GET", says(404, ""))], &["gone"], "multiget GET look");
    check(&[Fetch], &[nothing, ("GET", says(404, "")), ("look", says(410, ""))], &[denied], "multiget GET look");
    let all = "unavailable: read cards: the server answered 404 Not Found";
    check(&[Fetch], &[("multiget", says(404, ""))], &[all], "multiget");
    // Made and removed since its token, a server need not name it.
    let (wrote, listed) = ("wrote Élodie Title1.", "all: same a.vcf b.vcf");
    check(
        &[New, ScanUnsaid, Scan],
        &[],
        &[wrote, listed, "changes:"],
        "changes multiget PUT multiget look list changes changes",
    );
}

#[test]
fn changes_are_followed_to_their_end_and_doubted() {
    let part = server::changed("a.vcf", 3) + &server::status(server::BOOK, 507) + "<sync-token>data:,3</sync-token>";
    let both = "changes: changed a.vcf c.vcf";
    check(&[ScanChanged], &[("changes", Reply::Multi(part))], &[both], "changes changes multiget");
    let all = "all: same b.vcf changed a.vcf c.vcf";
    for unknown in [Reply::Multi(String::new()), says(400, ""), says(409, ""), says(412, "")] {
        check(&[ScanChanged], &[("changes", unknown)], &[all], "changes look list changes multiget");
    }
    let one = Reply::Multi(server::shown("a.vcf", 3, &card("a", "Augusta")));
    check(&[ScanChanged], &[("multiget", one)], &[both], "changes multiget GET");
    check(
        &[ScanChanged],
        &[("multiget", says(500, "")), ("multiget", says(500, "")), ("multiget", says(500, ""))],
        &[both],
        "changes multiget multiget multiget GET GET",
    );
}

#[test]
fn what_is_no_answer_is_trouble_for_each_kind_of_request() {
    let page = says(200, "<html><body>Sign in to this network</body></html>");
    let foreign = says(207, "<html xmlns=\"http://www.w3.org/1999/xhtml\"></html>");
    let cut = says(207, "<multistatus xmlns=\"DAV:\"><response>");
    let read_answers = [
        (page, "the server answered 200 OK"),
        (foreign, "the XML's root element is not `DAV:multistatus`"),
        (cut, "the XML is cut or malformed at byte 36"),
    ];
    for (answer, words) in read_answers {
        for (does, kind, what, rules) in [
            (Scan, "changes", "ask for changed cards", vec![]),
            (Scan, "look", "look at the address book", vec![FORGETS]),
            (Scan, "list", "list the cards", vec![FORGETS]),
            (Fetch, "multiget", "read cards", vec![]),
        ] {
            let rules = [rules, vec![(kind, answer.clone())]].concat();
            check(&[does], &rules, &[&format!("unavailable: {what}: {words}")], "...");
        }
    }
    let page = says(200, "<html><body>Sign in to this network</body></html>");
    for (does, kind, answer) in [
        (Edit, "PUT", "unknown: write a.vcf: the server acknowledged it and does not show it"),
        (Delete, "DELETE", "unknown: delete b.vcf: the server acknowledged it and does not show it"),
    ] {
        check(&[does], &[(kind, page.clone())], &[answer], "...");
    }
    check(
        &[Fetch],
        &[("multiget", Reply::Multi(String::new())), ("GET", page)],
        &["unclear: b.vcf holds no card"],
        "multiget GET",
    );
}

#[test]
fn a_redirect_is_not_followed_and_says_where_to() {
    for status in [301, 302, 307, 308] {
        let moved = Reply::With(status, "location", "https://elsewhere.example/dav/");
        let to = "the server redirects to https://elsewhere.example/dav/, which is not followed";
        check(
            &[Scan],
            &[("changes", moved.clone())],
            &[&format!("unavailable: ask for changed cards: {to}")],
            "changes",
        );
        let kind = if status == 302 { "unknown" } else { "rejected" };
        check(&[Edit], &[("PUT", moved)], &[&format!("{kind}: write a.vcf: {to}")], "...");
    }
}

#[test]
fn logins_and_waits() {
    let refused = "the login was refused (401 Unauthorized)";
    check(
        &[ScanChanged],
        &[("multiget", says(401, ""))],
        &[&format!("login: read cards: {refused}")],
        "changes multiget",
    );
    check(&[Edit], &[("PUT", says(401, ""))], &[&format!("login: write a.vcf: {refused}")], "changes multiget PUT");
    let (soon, late) = (Reply::With(429, "retry-after", "7"), Reply::With(503, "retry-after", "3600"));
    check(&[Scan], &[("changes", soon.clone())], &["changes:"], "changes changes");
    let words = "the server answered 503 Service Unavailable";
    check(&[Scan], &[("changes", late.clone())], &[&format!("unavailable: ask for changed cards: {words}")], "changes");
    check(&[Edit], &[("PUT", late)], &[&format!("deferred: write a.vcf: {words}")], "changes multiget PUT");
    let words = "the server answered 429 Too Many Requests";
    check(&[Edit], &[("PUT", soon)], &[&format!("deferred: write a.vcf: {words}")], "changes multiget PUT");
    // Another write has the book.
    check(&[Edit], &[("PUT", says(423, ""))], &["wrote Ada Countess"], "changes multiget PUT PUT multiget");
    check(&[Edit], &[("PUT*", says(423, ""))], &["deferred: write a.vcf: the server answered 423 Locked"], "...");
}

#[test]
fn writes_are_what_shows_and_not_what_is_answered() {
    let unshown = |name: &str| format!("unknown: write {name}: the server acknowledged it and does not show it");
    check(&[Edit], &[("PUT", says(204, ""))], &[&unshown("a.vcf")], "changes multiget PUT multiget");
    check(&[New], &[("PUT", says(201, ""))], &[&unshown(&made())], "changes multiget PUT multiget GET");
    let kept = "unknown: delete b.vcf: the server acknowledged it and does not show it";
    check(&[Delete], &[("DELETE", says(204, ""))], &[kept], "changes multiget DELETE multiget");
    // Radicale's limit.
    let refused = "rejected: write a.vcf: the server refused the card (412 Precondition Failed)";
    check(&[Edit], &[("PUT", says(412, ""))], &[refused], "changes multiget PUT multiget");
    let conflict =
        says(409, "<error xmlns=\"DAV:\"><C:no-uid-conflict xmlns:C=\"urn:ietf:params:xml:ns:carddav\"/></error>");
    let taken = format!("deferred: write {}: the server has another card with its UID", made());
    let asked = "changes multiget PUT look list multiget";
    check(&[New, Scan], &[("PUT", conflict)], &[&taken, "all: same a.vcf b.vcf"], asked);
    // It failed inside, or the connection ended, and nothing came of it.
    for nothing in [says(500, ""), Reply::Cut] {
        check(
            &[Edit],
            &[("PUT", nothing.clone())],
            &["wrote Ada Countess"],
            "changes multiget PUT multiget PUT multiget",
        );
        check(
            &[Delete],
            &[("DELETE", nothing)],
            &["removed"],
            "changes multiget DELETE multiget multiget DELETE multiget GET",
        );
    }
    check(&[Edit], &[("PUT", Reply::Does(500))], &["wrote Ada Countess"], "changes multiget PUT multiget");
    check(&[Delete], &[("DELETE", Reply::Does(500))], &["removed"], "changes multiget DELETE multiget GET");
}

#[test]
fn a_card_of_that_name_is_not_written_over() {
    // Ours, of a write that was given up.
    let mut book = Book::new();
    book.server.put(&made(), &card(&create(1).uid, "Eve"));
    book.server.with_rules(vec![("PUT*", Reply::Heedless)]);
    assert_eq!(book.does(New), "stale, there is Eve");
    // Somebody else's.
    let mut book = Book::new();
    book.server.put(&made(), &card("e", "Eve"));
    book.server.with_rules(vec![("PUT*", Reply::Heedless)]);
    assert_eq!(book.does(New), "wrote Élodie Title1.");
    assert!(book.server.text(&made()).contains("Eve"));
}

#[test]
fn a_card_that_a_user_is_asked_about_is_named_when_it_goes() {
    let mut book = Book::new();
    book.server.put("d.vcf", &card("d", "Dora"));
    assert_eq!(book.does(Scan), "changes: changed d.vcf");
    book.known.revisions.remove("d.vcf");
    assert_eq!(book.does(Scan), "changes:");
    book.server.remove("d.vcf");
    assert_eq!(book.does(Scan), "changes: gone d.vcf");
    // Nobody has ever seen this one.
    book.server.put("e.vcf", &card("e", "Eve"));
    book.server.remove("e.vcf");
    assert_eq!(book.does(Scan), "changes:");
}
