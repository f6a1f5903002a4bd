//! No replica without the contract: the sources are searched for implementations of the port.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::cases;

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
}

/// The types of a text that implement the port.
fn replicas(text: &str) -> impl Iterator<Item = String> + '_ {
    let implementing = text.lines().filter(|line| line.starts_with("impl"));
    let types = implementing.filter_map(|line| line.split_once(" Replica for ").map(|(_, rest)| rest));
    types.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// Held to the same contract by `tests/carddav`, on real servers.
const ON_REAL_SERVERS: [&str; 1] = ["Carddav"];
/// Stands in for a book that cannot be used, and answers everything with the reason.
const STANDS_IN: [&str; 1] = ["Unusable"];

#[test]
fn every_replica_is_a_subject() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    // A module that only tests use is declared as one, in the file above it.
    let is_test_only = |path: &Path| {
        let declared = path.file_stem().map(|stem| format!("#[cfg(test)]\nmod {};", stem.to_string_lossy()));
        let declared = declared.map(|text| [text.replace("\nmod", "\npub(crate) mod"), text]).unwrap_or_default();
        all.iter().any(|(other, text)| {
            let above = other.parent() == path.parent() || Some(other.with_extension("").as_path()) == path.parent();
            above && declared.iter().any(|declared| text.contains(declared))
        })
    };
    // So is all that is in its folder.
    let shipped = all.iter().filter(|(path, _)| !path.ancestors().any(is_test_only));
    let implemented: BTreeSet<String> = shipped
        .flat_map(|(_, text)| replicas(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)))
        .collect();
    let held: BTreeSet<String> = cases()
        .iter()
        .filter_map(|case| case.of.rsplit("::").next())
        .chain(ON_REAL_SERVERS)
        .chain(STANDS_IN)
        .map(str::to_owned)
        .collect();
    assert_eq!(implemented, held, "add what is missing to `cases`, and a test that holds it to the contract");
}

#[test]
fn implementations_are_found() {
    let text = "impl Replica for Ours {\nimpl<R: Replica> Replica for Around<R> {\n    impl Replica for Inner {\n";
    assert_eq!(replicas(text).collect::<Vec<_>>(), ["Ours", "Around"]);
}
