//! Small inputs that people were let down by, each with its right outcome: `tests/cases/KIND/NAME.txt`, a folder a kind.
//!
//! A case begins with a line that says what is right and why. Then come its parts, each under a line `=== VERB ARGUMENT`;
//! the first verb says who tells it: `cards.rs` what is done to a card, `imports.rs` what is done to the practice CRM.
//! `CARNET_CASE=names/ cargo test --test all cases -- --nocapture` runs one kind and prints the table.

mod cards;
mod imports;

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

/// A case, cut into its parts.
pub struct Case {
    /// `KIND/NAME`.
    pub name: String,
    pub parts: Vec<Part>,
}

/// What stands under one line `=== VERB ARGUMENT`.
pub struct Part {
    pub verb: String,
    pub argument: String,
    /// Whole lines, each with its line feed.
    pub text: String,
}

impl Case {
    fn read(root: &Path, path: &Path) -> Self {
        let name = path.strip_prefix(root).expect("a case").with_extension("").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).expect("a case is UTF-8");
        let (what, parts) = text.split_once("=== ").unwrap_or_else(|| panic!("{name}: no part begins with \"=== \""));
        assert!(!what.trim().is_empty(), "{name}: the first line says what is right");
        let part = |part: &str| {
            let (head, text) = part.split_once('\n').unwrap_or((part, ""));
            let (verb, argument) = head.split_once(' ').unwrap_or((head, ""));
            Part { verb: verb.to_owned(), argument: argument.to_owned(), text: text.to_owned() }
        };
        let parts =
            format!("\n{parts}").split("\n=== ").map(|text| part(text.strip_prefix('\n').unwrap_or(text))).collect();
        Self { name, parts }
    }

    fn kind(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    async fn tell(&self) -> Result<(), String> {
        let told = match self.parts[0].verb.as_str() {
            "card" => cards::tell(self),
            _ => imports::tell(self).await,
        };
        told.map_err(|wrong| format!("{}: {wrong}", self.name))
    }
}

/// All cases whose names begin as `CARNET_CASE` says.
fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = |path: &Path| fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    let kinds = entries(&root).filter(|path| path.is_dir());
    let mut files: Vec<_> = kinds.flat_map(|kind| entries(&kind).collect::<Vec<_>>()).collect();
    files.sort();
    let wanted = std::env::var("CARNET_CASE").unwrap_or_default();
    files.iter().map(|file| Case::read(&root, file)).filter(|case| case.name.starts_with(&wanted)).collect()
}

#[tokio::test]
async fn every_case_comes_out_right() {
    let (mut wrong, mut kinds) = (Vec::new(), BTreeMap::<String, (usize, usize)>::new());
    for case in cases() {
        let told = case.tell().await;
        let (right, all) = kinds.entry(case.kind().to_owned()).or_default();
        *right += usize::from(told.is_ok());
        *all += 1;
        wrong.extend(told.err());
    }
    let mut table = String::new();
    for (kind, (right, all)) in &kinds {
        let _ = writeln!(table, "{kind:24} {right:4} of {all:4} right");
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n\n"));
}
