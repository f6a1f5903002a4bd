//! A card of each client, what it must read as, and which of its lines a change may touch.
//!
//! `tests/cards/NAME.vcf` is a file as a client writes it, its people invented; `NAME.txt` tells what must come of it. A
//! change of the mapping shows as a difference of these texts: `CARNET_REWRITE_CARDS=1 cargo test cards` writes them anew,
//! to be read before they are committed. An independent reader (`vcard-rs`) must find the same telephones and e-mails.

mod corpus;
mod edits;
mod laws;
mod mutations;
mod oracle;
mod seeds;
mod shapes;
mod told;

use std::{fs, path::Path};

use carnet::{
    contact::identity::Identity,
    formats::vcard::{Card, Version, check, new_card, read},
};

/// Set to write the texts instead of comparing them.
const REWRITE: &str = "CARNET_REWRITE_CARDS";

/// The files of `tests/cards` with this ending, in order: (name without the ending, bytes).
fn files(extension: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cards");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .expect("the folder of cards")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a readable file"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_card_reads_and_changes_as_told() {
    let rewrites = std::env::var_os(REWRITE).is_some() && std::env::var_os("CI").is_none();
    let files = files("vcf");
    assert!(files.len() >= 60, "the cards were not found");
    let mut wrong = Vec::new();
    for (name, bytes) in &files {
        let found = told::file(bytes);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cards/{name}.txt"));
        if rewrites {
            fs::write(&path, &found).expect("a writable folder");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if let Some(difference) = first_difference(&expected, &found) {
            wrong.push(format!("{name}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{REWRITE}=1 writes what is found", wrong.join("\n"));
}

#[test]
fn every_text_has_its_card() {
    let cards: Vec<String> = files("vcf").into_iter().map(|(name, _)| name).collect();
    let texts: Vec<String> = files("txt").into_iter().map(|(name, _)| name).collect();
    assert_eq!(cards, texts);
}

/// The cards that carnet writes itself, line by line as the mapping's table has them.
#[test]
fn new_cards_are_written_as_the_table_has_them() {
    for (name, bytes) in files("vcf").into_iter().filter(|(name, _)| name.starts_with("carnet-")) {
        let card = Card::parse(&bytes).expect("a card");
        let identity = Identity { uid: card.uid(), crm_id: card.crm_id() };
        let written = new_card(card.version(), &read(&card, None), &identity).to_bytes();
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&bytes), "{name}");
        if card.version() == Version::V40 {
            assert_eq!(check::strict(&written), Ok(()), "{name}");
        }
    }
}

#[test]
fn an_independent_reader_finds_the_same_telephones_and_emails() {
    let (mut same, mut others, mut wrong) = (0, Vec::new(), Vec::new());
    for (name, bytes) in files("vcf") {
        for (line, outcome) in oracle::compare(&bytes) {
            match outcome {
                oracle::Outcome::Same => same += 1,
                oracle::Outcome::Tolerated(reason) => others.push(format!("{name}: {reason:?}")),
                oracle::Outcome::Unread => others.push(format!("{name}: unread")),
                oracle::Outcome::Different(difference) => wrong.push(format!("{name}, line {line}: {difference}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same >= 90, "only {same} cards were compared");
    // What it cannot be asked about: nested cards, base64 at the margin, no END line, CR alone, a line without a colon,
    // blanks behind a soft break.
    let expected = [
        "odd-agent: Agent",
        "odd-base64-at-the-margin: unread",
        "odd-begin-inside: unread",
        "odd-carriage-returns: unread",
        "odd-line-without-colon: unread",
        "odd-missing-end: unread",
        "odd-syncml-21: unread",
        "odd-utf-16-bare: unread",
    ];
    assert_eq!(others, expected);
}

fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let number = expected.lines().zip(found.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("nothing").to_owned();
    Some(format!("line {} of the text: expected {:?}, found {:?}", number + 1, line(expected), line(found)))
}
