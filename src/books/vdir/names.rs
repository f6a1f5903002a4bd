//! The names of files in a vdir: cards, and what stands for a card.

use super::read;
use crate::{
    books::{cards::Flaw, fs::SAVED},
    replica::Problem,
};

/// True for the names that hold cards: `*.vcf` in any case, not hidden.
pub fn is_card_name(name: &[u8]) -> bool {
    let ending = name.len().checked_sub(4).map(|dot| &name[dot..]);
    name.first() != Some(&b'.') && ending.is_some_and(|ending| ending.eq_ignore_ascii_case(b".vcf"))
}

/// True where a card may be under a name from which it cannot be read.
pub fn is_unreadable_name(name: &[u8]) -> bool {
    placeholder_of(name).is_some() || (is_card_name(name) && std::str::from_utf8(name).is_err())
}

/// The card whose place this file holds while its content is in a cloud only.
fn placeholder_of(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let apple = name.strip_prefix('.').and_then(|name| name.strip_suffix(".icloud"));
    let others = || [".nextcloud", ".owncloud"].iter().find_map(|ending| name.strip_suffix(ending));
    apple.or_else(others).filter(|card| is_card_name(card.as_bytes()))
}

/// The name of a card, if it is one; a name that a user should know of is told.
pub fn card_name(name: Vec<u8>, problems: &mut Vec<Problem>) -> Option<String> {
    if let Some(card) = placeholder_of(&name) {
        let hint = Some("have the cloud's program keep the folder on this machine".into());
        let flaw = Flaw { hint, ..Flaw::whole("is in the cloud and not on this machine") };
        problems.push(read::problem(card, flaw));
        return None;
    }
    if !is_card_name(&name) && !is_saved(&name) {
        return None;
    }
    match String::from_utf8(name) {
        Ok(name) if is_card_name(name.as_bytes()) => return Some(name),
        Ok(name) => problems.push(Problem {
            place: name,
            message: "was saved by another program in the instant that carnet wrote this contact".into(),
            hint: Some("take over what is missing from it, then delete it".into()),
            remote: None,
        }),
        Err(name) => problems.push(Problem {
            place: String::from_utf8_lossy(name.as_bytes()).escape_default().to_string(),
            message: "has a name that is not UTF-8 and is left alone".into(),
            hint: Some("rename it".into()),
            remote: None,
        }),
    }
    None
}

fn is_saved(name: &[u8]) -> bool {
    let saved = SAVED.as_bytes();
    name.windows(saved.len()).any(|part| part == saved)
}
