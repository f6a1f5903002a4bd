//! The names of files in a vdir: cards, and what stands for a card.

use crate::{
    books::{cards::Flaw, fs::SAVED},
    replica::Problem,
};

/// True for the names that hold cards: `*.vcf` in any case, not hidden.
pub fn is_card_name(name: &[u8]) -> bool {
    let ending = name.len().checked_sub(4).map(|dot| &name[dot..]);
    name.first() != Some(&b'.') && ending.is_some_and(|ending| ending.eq_ignore_ascii_case(b".vcf"))
}

/// What a name in the folder stands for.
pub enum Name {
    /// A card.
    Card(String),
    /// Nothing that a user should know of.
    Other,
    /// Something that a user should know of.
    Told {
        problem: Problem,
        /// A card may be under it that cannot be read.
        may_be_card: bool,
    },
}

impl Name {
    /// What this one stands for.
    pub fn of(name: Vec<u8>) -> Self {
        if let Some(card) = placeholder_of(&name) {
            let hint = Some("have the cloud's program keep the folder on this machine".into());
            let flaw = Flaw { hint, ..Flaw::whole("is in the cloud and not on this machine") };
            return Self::Told { problem: flaw.problem(card), may_be_card: true };
        }
        let is_card = is_card_name(&name);
        if !is_card && !is_saved(&name) {
            return Self::Other;
        }
        let (place, message, hint) = match String::from_utf8(name) {
            Ok(name) if is_card => return Self::Card(name),
            Ok(name) => {
                let message = "was saved by another program in the instant that carnet wrote this contact";
                (name, message, "take over what is missing from it, then delete it")
            }
            Err(name) => {
                let place = String::from_utf8_lossy(name.as_bytes()).escape_default().to_string();
                (place, "has a name that is not UTF-8 and is left alone", "rename it")
            }
        };
        let problem = Problem { place, message: message.into(), hint: Some(hint.into()), remote: None };
        Self::Told { problem, may_be_card: is_card }
    }
}

/// The card whose place this file holds while its content is in a cloud only.
fn placeholder_of(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let apple = name.strip_prefix('.').and_then(|name| name.strip_suffix(".icloud"));
    let others = || [".nextcloud", ".owncloud"].iter().find_map(|ending| name.strip_suffix(ending));
    apple.or_else(others).filter(|card| is_card_name(card.as_bytes()))
}

fn is_saved(name: &[u8]) -> bool {
    let saved = SAVED.as_bytes();
    name.windows(saved.len()).any(|part| part == saved)
}
