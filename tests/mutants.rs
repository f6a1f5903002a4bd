//! The planted mistakes of `tests/mutants`: each still applies, says what it is, is small and touches the program alone.
//! Whether the histories catch them is for `tests/mutants/run` to say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CHANGED_MAX: usize = 6;

fn patches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants");
    let entries = fs::read_dir(folder).expect("the folder of the patches").map(|entry| entry.expect("an entry").path());
    let mut patches: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect();
    patches.sort();
    assert!(patches.len() >= 18, "the patches were not found");
    patches
}

/// What is wrong with a patch's text.
fn wrong(name: &str, number: usize, text: &str) -> Vec<String> {
    let (header, diff) = text.split_once("diff --git ").unwrap_or((text, ""));
    let mut wrong = Vec::new();
    if !name.starts_with(&format!("{number:02}-")) {
        wrong.push(format!("{name} is not number {number}"));
    }
    let sentence = header.trim();
    if sentence.lines().count() != 1 || !sentence.ends_with('.') || sentence.len() > 120 {
        wrong.push(format!("{name} does not begin with a sentence that states the mistake"));
    }
    let paths = format!("diff --git {diff}");
    let paths = paths.lines().filter_map(|line| line.strip_prefix("diff --git a/"));
    if diff.is_empty() || paths.into_iter().any(|path| !path.starts_with("src/")) {
        wrong.push(format!("{name} touches more or less than src/"));
    }
    let is_change = |line: &&str| {
        let head = line.starts_with("--- ") || line.starts_with("+++ ");
        !head && (line.starts_with('-') || line.starts_with('+'))
    };
    let changed = diff.lines().filter(is_change).count();
    if !(1..=CHANGED_MAX).contains(&changed) {
        wrong.push(format!("{name} changes {changed} lines"));
    }
    wrong
}

#[test]
fn every_planted_mistake_still_applies() {
    let mut faults = Vec::new();
    for (at, path) in patches().iter().enumerate() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        faults.extend(wrong(&name, at + 1, &fs::read_to_string(path).expect("a patch")));
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).arg(path).current_dir(env!("CARGO_MANIFEST_DIR"));
        let checked = git.output().expect("git runs");
        if !checked.status.success() {
            faults.push(format!("{name} does not apply: {}", String::from_utf8_lossy(&checked.stderr)));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_no_planted_mistake_is_told() {
    let diff = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(wrong("01-a.patch", 1, &format!("It is wrong.\n\n{diff}")).is_empty());
    assert_eq!(wrong("02-a.patch", 1, &format!("wrong\n{}", diff.replace("src/", "tests/"))).len(), 3);
    assert_eq!(wrong("01-a.patch", 1, "It is wrong.\n").len(), 2);
}
