//! The shape of the source tree, held: who may import whom, what stays pure, how files begin, how long files and functions
//! get, and which words are not used.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each folder may name of the crate beside itself: imports point inwards only. A module that is not here fails.
const IMPORTS: &[(&str, &[&str])] = &[
    ("contact", &[]),
    ("sandbox", &[]),
    ("xml", &[]),
    ("transport", &[]),
    ("dav", &["xml"]),
    ("formats", &["contact"]),
    ("reconcile", &["contact"]),
    ("replica", &["contact"]),
    ("sqlite", &[]),
    ("mirror", &["contact", "sqlite"]),
    ("crm", &["contact", "replica", "xml", "transport"]),
    ("books", &["contact", "formats", "replica", "sqlite", "dav", "transport", "xml"]),
    ("sync", &["contact", "reconcile", "replica", "mirror"]),
    ("transfer", &["contact", "formats", "reconcile", "replica", "mirror", "sync"]),
    ("views", &["contact", "reconcile", "mirror", "sync"]),
    ("config", &["contact", "formats", "reconcile"]),
    (
        "app",
        &[
            "contact",
            "sandbox",
            "formats",
            "reconcile",
            "replica",
            "mirror",
            "crm",
            "books",
            "sync",
            "transfer",
            "views",
            "config",
        ],
    ),
    ("daemon", &["config", "app", "sync", "views"]),
    ("notify", &["config", "sync", "views"]),
    // Of books, `served` alone: a test below.
    ("http", &["contact", "app", "config", "daemon", "sync", "views", "books", "dav", "formats", "xml"]),
    ("cli", &["contact", "config", "app", "daemon", "http", "notify", "transfer", "views", "sync", "sandbox"]),
];

/// What pure folders never name.
const IMPURE: &[&str] = &[
    "async fn",
    "std::fs",
    "std::net",
    "std::env",
    "tokio",
    "reqwest",
    "rusqlite",
    "SystemTime",
    "Instant",
    "Utc::now",
    "Atomic",
    "Mutex",
    "static mut",
];
const PURE: &[&str] = &["contact", "xml", "dav", "formats", "reconcile"];

/// Words that belong to some places only: the word, the places, and why.
const PLACES: &[(&str, &[&str], &str)] = &[
    ("is_crm", &["src/crm/", "src/app/"], "a run matches on conduct"),
    (
        "\"crm\".",
        &["src/crm/", "src/app/", "src/mirror/", "src/contact/ids.rs", "src/config/", "src/cli/"],
        "use ids::CRM",
    ),
    ("thread::sleep", &["src/books/vdir/", "src/sqlite/", "src/app/lock.rs"], "only a run's own thread may be blocked"),
    ("SystemTime::now", &["src/books/fs/", "src/books/vdir/", "src/crm/"], "time is handed in"),
    (
        "Utc::now",
        &["src/sync/host.rs", "src/daemon/", "src/http/", "src/cli/", "src/transport/answer.rs"],
        "time is handed in",
    ),
    ("unwrap()", &[], "say with `expect` why it cannot fail, or handle it"),
];

/// Words that the house does not use: they are archaic, a private language's, or say nothing.
const BANNED: &[&str] = &[
    "shall",
    "whom",
    "deed",
    "deeds",
    "thereof",
    "hereby",
    "whereby",
    "a person's word",
    "in the light of",
    "be it ever",
    "blackboard",
    "sings",
    "canaries",
];

const LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).expect("a folder of the sources").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// The folder of `src` that a file is in.
fn folder(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    (inside.components().count() > 1).then(|| first.to_owned())
}

/// The code without its unit tests, which may reach further (a test server, a temporary file).
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// A file that only the tests of the module that declares it use, or that such a file declares.
fn is_test_only(path: &Path, all: &[(PathBuf, String)]) -> bool {
    if path.ends_with("mod.rs") {
        return path.parent().is_some_and(|folder| is_test_only(&folder.with_extension("rs"), all));
    }
    let (Some(parent), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str())) else {
        return false;
    };
    let declares = |text: &str| {
        ["", "pub(crate) ", "pub(super) "].iter().any(|seen| text.contains(&format!("#[cfg(test)]\n{seen}mod {stem};")))
    };
    let declared = all
        .iter()
        .any(|(other, text)| (other.parent() == Some(parent) || other.with_extension("") == parent) && declares(text));
    let owners = [parent.with_extension("rs"), parent.join("mod.rs")];
    let in_tests = |(other, _): &(PathBuf, String)| owners.contains(other) && other != path && is_test_only(other, all);
    declared || all.iter().any(in_tests)
}

/// The crate's folders that a text names, in `use crate::{a::x, b}` and in paths.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        };
        let (mut depth, mut word) = (0, String::new());
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.push(std::mem::take(&mut word)),
                c if depth == 0 => word.push(c),
                _ => {}
            }
        }
        names.push(word);
    }
    names.iter().map(|name| name.trim().split("::").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn imports_point_inwards() {
    let allowed: BTreeMap<&str, &[&str]> = IMPORTS.iter().copied().collect();
    let all = sources();
    let mut wrong = Vec::new();
    for (path, text) in &all {
        let Some(own) = folder(path).filter(|_| !is_test_only(path, &all)) else { continue };
        let may = allowed.get(own.as_str()).unwrap_or_else(|| panic!("{own} is not in the import table"));
        for name in named(shipped(text)) {
            if !name.is_empty() && name != own && !may.contains(&name.as_str()) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_server_for_devices_names_their_store_alone() {
    let all = sources();
    let mut lines = all
        .iter()
        .filter(|(path, _)| folder(path).is_some_and(|own| own == "http"))
        .flat_map(|(path, text)| {
            shipped(text).lines().filter(|line| line.contains("books")).map(move |line| (path, line))
        })
        .filter(|(_, line)| !line.trim_start().starts_with("//") && line.contains("books::"))
        .peekable();
    assert!(lines.peek().is_some(), "the server was not found");
    let wrong: Vec<_> = lines.filter(|(_, line)| !line.contains("books::served::")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_folders_stay_pure() {
    let all = sources();
    let mut wrong = Vec::new();
    for (path, text) in &all {
        if folder(path).is_none_or(|own| !PURE.contains(&own.as_str())) || is_test_only(path, &all) {
            continue;
        }
        for word in IMPURE {
            if shipped(text).lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word)) {
                wrong.push(format!("{} names {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_begin_with_what_they_are_for_and_stay_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with //!", path.display()));
        }
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("{} has more than {LINES_MAX} lines", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Code lines of a shipped file, without comments, numbered from 1.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = shipped(text).lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn words_stay_where_they_belong() {
    let all = sources();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (path, text) in &all {
        let name = path.strip_prefix(root).expect("a path of the project").display().to_string();
        if !name.starts_with("src/") || is_test_only(path, &all) || name.contains("/testing.rs") {
            continue;
        }
        for (word, places, why) in PLACES {
            if places.iter().any(|place| name.starts_with(place)) {
                continue;
            }
            let found = code(text).filter(|(_, line)| line.contains(word));
            wrong.extend(found.map(|(at, _)| format!("{name}:{at} names {word}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// True where the word stands by itself.
fn says(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let beside = [text[..at].chars().next_back(), text[at + word.len()..].chars().next()];
        beside.iter().all(|side| side.is_none_or(|c| !c.is_alphanumeric() && c != '_'))
    })
}

#[test]
fn the_house_speaks_plainly() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            let found = BANNED.iter().filter(|word| says(&line, word));
            wrong.extend(found.map(|word| format!("{}:{} says {word}", path.display(), at + 1)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The functions of a text that are longer than allowed, with their lines. rustfmt closes each at its own indentation.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut words = line.split_whitespace().skip_while(|word| {
            ["const", "async", "unsafe"].contains(word) || *word == "pub" || word.starts_with("pub(")
        });
        if words.next() != Some("fn") || line.trim_end().ends_with(['}', ';']) {
            continue;
        }
        let close = format!("{indent}}}");
        let length = lines[at..].iter().position(|line| *line == close).unwrap_or_default() + 1;
        if length > FUNCTION_LINES_MAX {
            long.push((words.next().unwrap_or_default().to_owned(), length));
        }
    }
    long
}

#[test]
fn functions_stay_short() {
    let all = sources();
    let mut wrong = Vec::new();
    for (path, text) in all.iter().filter(|(path, _)| !is_test_only(path, &all)) {
        let long = long_functions(shipped(text));
        wrong.extend(long.iter().map(|(name, lines)| format!("{}: {name} has {lines} lines", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_long_function_is_seen() {
    let body = "        x();\n".repeat(FUNCTION_LINES_MAX);
    let text = format!("impl A {{\n    pub(crate) async fn long(&self) {{\n{body}    }}\n\n    fn short() {{}}\n}}\n");
    assert_eq!(long_functions(&text), [("long(&self)".to_owned(), FUNCTION_LINES_MAX + 2)]);
}

#[test]
fn the_import_reader_reads_both_forms() {
    let text = "use crate::{\n    contact::{Contact, keys},\n    mirror,\n};\nlet x = crate::crm::xml::read();";
    assert_eq!(named(text), ["contact", "mirror", "", "crm"]);
}
