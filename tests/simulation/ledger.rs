//! What people typed. Every value is unique, so that it can be followed wherever it goes.

use std::collections::{BTreeMap, BTreeSet};

/// What a value is, as far as it matters where it can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    LastName,
    FirstName,
    JobTitle,
    Department,
    Comment,
    Email,
    Phone,
    Street,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nobody took it away: it must be somewhere.
    Live,
    /// A person who saw it put another in its place, or removed it: it must be nowhere.
    Gone,
    /// It went with a whole contact that a person deleted: it may come back with an edit that somebody else made.
    GoneWhole,
    /// The same, in a book whose deletions the CRM does not follow: the CRM may keep it.
    Detached,
    /// One of the cases that cannot be guaranteed, counted apart.
    Excused,
}

/// Every value ever typed.
#[derive(Debug, Default)]
pub struct Ledger {
    pub typed: BTreeMap<String, (Kind, Fate)>,
    /// The mirror was restored, and has not met all places since: what goes now may be back by their union.
    pub relearning: bool,
    next: u32,
}

impl Ledger {
    /// A value that nobody has typed before: as it is typed.
    pub fn fresh(&mut self, kind: Kind) -> String {
        self.next += 1;
        let n = self.next;
        let text = match kind {
            Kind::LastName => format!("Nom{n}q"),
            Kind::FirstName => format!("Pre{n}q"),
            Kind::JobTitle => format!("Titre {n}q"),
            Kind::Department => format!("Service {n}q"),
            Kind::Comment => format!("Note {n}q"),
            Kind::Email => format!("mail{n}q@a.example"),
            Kind::Phone => {
                format!("01 {:02} {:02} {:02} {:02}", 10 + n / 1_000_000 % 80, n / 10_000 % 100, n / 100 % 100, n % 100)
            }
            Kind::Street => format!("{n}q rue Haute"),
        };
        self.typed.insert(key(&text), (kind, Fate::Live));
        text
    }

    /// The values that are no more.
    pub fn ended(&self) -> BTreeSet<String> {
        self.typed.iter().filter(|(_, (_, fate))| *fate != Fate::Live).map(|(text, _)| text.clone()).collect()
    }

    /// A person took these values away. What is gone already stays as it is, and what is excused stays excused.
    pub fn end(&mut self, texts: impl IntoIterator<Item = String>, fate: Fate) {
        let fate = if self.relearning { Fate::Excused } else { fate };
        for text in texts {
            if let Some((_, present)) = self.typed.get_mut(&key(&text))
                && *present != Fate::Excused
                && (*present == Fate::Live || !matches!(fate, Fate::Live | Fate::Gone))
            {
                *present = fate;
            }
        }
    }
}

/// A value as it is compared: servers trim, regroup and capitalise.
pub fn key(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.chars().all(|c| c.is_ascii_digit() || " .+-()".contains(c)) && !digits.is_empty() {
        return digits
            .strip_prefix("33")
            .filter(|rest| rest.len() == 9)
            .map_or(digits.clone(), |rest| format!("0{rest}"));
    }
    text.split_whitespace().collect::<String>().to_lowercase()
}
