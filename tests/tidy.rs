//! The shape of the source tree, held: who may import whom, what stays pure, how files begin and how long they get.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each folder may name of the crate beside itself: imports point inwards only.
const IMPORTS: &[(&str, &[&str])] = &[
    ("contact", &[]),
    ("formats", &["contact"]),
    ("reconcile", &["contact"]),
    ("crm", &["contact"]),
    ("replicas", &["contact", "formats", "reconcile", "crm"]),
    ("mirror", &["contact", "replicas"]),
    ("config", &["contact", "reconcile", "formats"]),
    ("sandbox", &["contact"]),
    ("sync", &["contact", "formats", "reconcile", "crm", "replicas", "mirror", "config", "sandbox"]),
    ("daemon", &["contact", "config", "sync", "mirror"]),
    ("cli", &["contact", "formats", "reconcile", "replicas", "mirror", "config", "sandbox", "sync", "daemon"]),
];

/// What pure folders never name.
const IMPURE: &[&str] =
    &["async fn", "std::fs", "std::net", "tokio", "reqwest", "rusqlite", "SystemTime", "Instant::now", "Utc::now"];
const PURE: &[&str] = &["contact", "formats", "reconcile"];
const LINES_MAX: usize = 500;

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

fn is_test_only(path: &Path, all: &[(PathBuf, String)]) -> bool {
    let (Some(parent), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str())) else {
        return false;
    };
    let declared = format!("#[cfg(test)]\nmod {stem};");
    all.iter().any(|(other, text)| {
        (other.parent() == Some(parent) || other.with_extension("") == parent) && text.contains(&declared)
    })
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
            if allowed.contains_key(name.as_str()) && name != own && !may.contains(&name.as_str()) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
    }
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

#[test]
fn the_import_reader_reads_both_forms() {
    let text = "use crate::{\n    contact::{Contact, keys},\n    mirror,\n};\nlet x = crate::crm::xml::read();";
    assert_eq!(named(text), ["contact", "mirror", "", "crm"]);
}
