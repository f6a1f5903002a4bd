//! What a server that is unwell hides for a while, although it is there: one contact, everything that is asked for by id,
//! or an element in its listings.

use std::time::Duration;

use carnet::crm::Verb;
use tokio::time::Instant;

use crate::{mischief::Mischief, wire::contact_of, world::World};

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hidden {
    /// This contact, from listings and when it is asked for.
    One(i64),
    /// This contact from listings, and everyone who is asked for by id.
    All(i64),
    /// Every comment, from listings.
    Comments,
}

/// Something hidden, and until when.
#[derive(Debug, Clone, Copy)]
pub struct Veil {
    hidden: Hidden,
    until: Instant,
}

impl World {
    /// True when a listing may leave out what is there: not twice before a run has come to its end without. Two looks in a
    /// row that lie alike are the truth to whoever looks twice.
    pub fn may_leave_out(&mut self) -> bool {
        let may = !self.left_out;
        (self.left_out, self.left_out_now) = (true, true);
        may
    }

    /// Lets a veil down, if the mischief is of that kind.
    pub fn veil(&mut self, mischief: Option<Mischief>) {
        let ids = self.crm.store().ids().expect("the CRM's state");
        // With nobody else to ask for, a server that hides one is not found out.
        if ids.len() < 2 {
            return;
        }
        // One contact is hidden for less than the time between two looks; a server that denies everyone may do so for long.
        let (hidden, seconds) = match mischief {
            Some(Mischief::Hide) if self.may_leave_out() => (Hidden::One(self.dice.pick(&ids)), 25),
            Some(Mischief::Deny) => (Hidden::All(self.dice.pick(&ids)), 400),
            Some(Mischief::Bare) => (Hidden::Comments, 25),
            _ => return,
        };
        self.veil = Some(Veil { hidden, until: Instant::now() + Duration::from_secs(seconds) });
    }

    /// What is hidden now.
    pub fn veiled(&self) -> Option<Veil> {
        self.veil.filter(|veil| Instant::now() < veil.until)
    }
}

impl Veil {
    /// True when such a request is answered 404.
    pub fn denies(&self, verb: Verb, path: &str) -> bool {
        verb == Verb::Get
            && contact_of(path).is_some_and(|id| match self.hidden {
                Hidden::One(hidden) => id == hidden,
                Hidden::All(_) => true,
                Hidden::Comments => false,
            })
    }

    /// A listing as it is shown through the veil.
    pub fn over(&self, listing: &str) -> String {
        match self.hidden {
            Hidden::One(hidden) | Hidden::All(hidden) => without_contact(listing, hidden),
            Hidden::Comments => without_comments(listing),
        }
    }
}

fn without_contact(listing: &str, hidden: i64) -> String {
    let mut out = String::new();
    for part in listing.split_inclusive("</contact>") {
        let begin = part.find("<contact>").unwrap_or(part.len());
        let id = part[begin..].split("</id>").next().and_then(|head| head.rsplit('>').next());
        out += if id == Some(hidden.to_string().as_str()) { &part[..begin] } else { part };
    }
    out
}

fn without_comments(listing: &str) -> String {
    let mut parts = listing.split("<comment");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `<comment/>`, `<comment nil="true"/>` and `<comment>text</comment>`
        let tag = part.find('>').map_or(part.len(), |at| at + 1);
        let rest = if part[..tag].ends_with("/>") {
            &part[tag..]
        } else {
            part.split_once("</comment>").map_or("", |(_, rest)| rest)
        };
        out += rest;
    }
    out
}

#[test]
fn a_veil_takes_out_what_it_hides() {
    let listing =
        "<contacts><contact><id>1</id><comment>a</comment></contact><contact><id>2</id><comment/></contact></contacts>";
    let shown = "<contacts><contact><id>2</id><comment/></contact></contacts>";
    assert_eq!(without_contact(listing, 1), shown);
    assert_eq!(without_contact(listing, 3), listing);
    let bare = "<contacts><contact><id>1</id></contact><contact><id>2</id></contact></contacts>";
    assert_eq!(without_comments(listing), bare);
}
