//! What people typed, and what they saw when they typed it. Every value is a text of its own, so that it can be looked
//! for wherever it may have ended up.
//!
//! A value is superseded once somebody who saw it wrote something else in its place, or deleted its contact. A value that
//! nobody saw before writing over it is not: it must survive, or be among the conflicts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::world::Place;

/// What a value was typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The name that the contact is known by in these tests; never edited.
    Name,
    /// A single value: the later one takes the place of the earlier.
    JobTitle,
    /// Likewise.
    Comment,
    /// An entry of the list of items, by the CRM's type code.
    Item(&'static str),
}

impl Field {
    /// True for entries of a list, of which there may be several.
    pub fn is_list(self) -> bool {
        matches!(self, Field::Item(_))
    }
}

/// A value as it was typed.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The name of the contact.
    pub contact: String,
    /// Where in the contact.
    pub field: Field,
    /// What: a text that occurs nowhere else.
    pub text: String,
    /// Where it was typed.
    pub place: Place,
    /// Somebody who saw it replaced or deleted it.
    pub superseded: bool,
    /// Typed over what carnet wrote just before it was killed, or overwritten so: which of the two stands may be either,
    /// if the one typed is kept somewhere.
    pub is_unsure: bool,
}

/// All that was typed in one history.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// In the order of typing.
    pub typed: Vec<Typed>,
    /// Contacts that somebody deleted somewhere.
    pub deleted: BTreeSet<String>,
    /// Set while carnet has been killed and not started again: what it wrote last, it does not know of, so that an edit
    /// over that is to it an edit beside it. Such a value may lose; it is then among the conflicts.
    pub is_unsure: bool,
    count: u32,
}

impl Ledger {
    /// A text that was never used: letters and digits that no format breaks up or rewrites.
    pub fn fresh(&mut self, field: Field) -> String {
        self.count += 1;
        let count = self.count;
        match field {
            Field::Name => format!("zk{count:06}"),
            Field::Item("27") => format!("zv{count:06}@example.org"),
            Field::Item(_) => format!("0199{count:06}"),
            Field::JobTitle | Field::Comment => format!("zv{count:06}"),
        }
    }

    /// Notes a value typed by somebody who saw `seen` there; single values that they saw are superseded by it.
    pub fn type_in(&mut self, place: Place, contact: &str, field: Field, text: &str, seen: &BTreeSet<String>) {
        if !field.is_list() {
            self.supersede(|typed| typed.contact == contact && typed.field == field && seen.contains(typed.token()));
        }
        let (contact, text) = (contact.to_owned(), text.to_owned());
        self.typed.push(Typed { contact, field, text, place, superseded: false, is_unsure: self.is_unsure });
    }

    /// Notes that somebody took an entry out of a list, or wrote another in its place.
    pub fn take_out(&mut self, contact: &str, token: &str) {
        self.supersede(|typed| typed.contact == contact && typed.token() == token);
    }

    /// Notes that somebody deleted a contact of which they saw `seen`.
    pub fn delete(&mut self, contact: &str, seen: &BTreeSet<String>) {
        self.deleted.insert(contact.to_owned());
        self.supersede(|typed| typed.contact == contact && seen.contains(typed.token()));
    }

    fn supersede(&mut self, which: impl Fn(&Typed) -> bool) {
        for typed in self.typed.iter_mut().filter(|typed| which(typed)) {
            typed.superseded = true;
            typed.is_unsure |= self.is_unsure;
        }
    }

    /// The contacts, with the values in them that nobody has knowingly replaced.
    pub fn living(&self) -> BTreeMap<&str, Vec<&Typed>> {
        let mut contacts: BTreeMap<&str, Vec<&Typed>> = BTreeMap::new();
        for typed in &self.typed {
            let values = contacts.entry(&typed.contact).or_default();
            if !typed.superseded {
                values.push(typed);
            }
        }
        contacts
    }
}

impl Typed {
    /// The part of the text by which it is found again.
    pub fn token(&self) -> &str {
        self.text.split('@').next().unwrap_or(&self.text)
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Typed { contact, field, text, place, superseded: _, is_unsure: _ } = self;
        write!(out, "{text} ({field:?} of {contact}, typed in {place:?})")
    }
}

/// The texts of a ledger that stand in some other text, whatever surrounds them.
pub fn tokens(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| is_token(word)).map(str::to_owned).collect()
}

/// True for the names of contacts.
pub fn is_name(token: &str) -> bool {
    token.starts_with("zk")
}

fn is_token(word: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    ["zk", "zv", "0199"].iter().any(|head| word.strip_prefix(head).is_some_and(|rest| digits(rest, 6)))
}

#[test]
fn tokens_are_found_whatever_surrounds_them() {
    let found = tokens("TEL;TYPE=WORK:0199000003\nFN:zk000001 \"zv000002@example.org\" 01990000034 zk00001x");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["0199000003", "zk000001", "zv000002"]);
}

#[test]
fn only_what_was_seen_is_superseded() {
    let mut ledger = Ledger::default();
    let (name, first, second, third) =
        ("zk000001", ledger.fresh(Field::JobTitle), ledger.fresh(Field::JobTitle), ledger.fresh(Field::JobTitle));
    let seen = |text: &str| BTreeSet::from([text.to_owned()]);
    ledger.type_in(Place::Crm, name, Field::JobTitle, &first, &BTreeSet::new());
    ledger.type_in(Place::Cards, name, Field::JobTitle, &second, &seen("nothing"));
    ledger.type_in(Place::Cards, name, Field::JobTitle, &third, &seen(&second));
    let living: Vec<&str> = ledger.living()[name].iter().map(|typed| typed.text.as_str()).collect();
    assert_eq!(living, [first.as_str(), third.as_str()]);
    ledger.delete(name, &seen(&third));
    assert_eq!(ledger.living()[name].len(), 1, "the first was not seen by who deleted");
}
