//! One file of a vdir to a sighting.

use crate::{
    formats::vcard::Manner,
    replicas::{
        Problem, Sighting,
        cards::{self, Flaw, Single},
        files::{Digest, Folder, Stamp, Unread, remedy},
    },
};

use super::{FILE_MAX, state};

/// What a file holds.
#[derive(Debug)]
pub enum Reading {
    /// A contact.
    Card(Box<Sighting>),
    /// A group of contacts: left alone.
    Group,
    /// The file is not there.
    Gone,
}

/// Reads a file.
pub fn read(folder: &Folder, name: &str, manner: Manner) -> Result<Reading, Flaw> {
    let content = match folder.read(name, FILE_MAX) {
        Ok(content) => content,
        Err(Unread::Missing) => return Ok(Reading::Gone),
        Err(unread) => return Err(unread_flaw(&unread)),
    };
    let stamp = content.settled.then_some(&content.stamp);
    sight(name, &content.bytes, stamp, manner)
}

/// What these bytes say under that name.
pub fn sight(name: &str, bytes: &[u8], stamp: Option<&Stamp>, manner: Manner) -> Result<Reading, Flaw> {
    let single = Single::parse(bytes, manner)?;
    if single.card.is_group() {
        return Ok(Reading::Group);
    }
    let uid = single.card.uid().map(|uid| uid.to_string());
    let revision = state::revision(stamp, &Digest::of(bytes), uid.as_deref());
    Ok(Reading::Card(Box::new(cards::sighting(&single.card, name.to_owned(), revision))))
}

/// A file that was not read, as a flaw of it.
pub fn unread_flaw(unread: &Unread) -> Flaw {
    let hint = match unread {
        Unread::TooLarge => {
            Some(format!("cards of more than {} MiB are not read; is its photo very large?", FILE_MAX >> 20))
        }
        Unread::Failed(error) => Some(remedy(error).to_owned()),
        Unread::Missing | Unread::NotAFile => None,
    };
    Flaw { hint, ..Flaw::whole(unread.words()) }
}

/// A flaw as the port reports it.
pub fn problem(name: &str, flaw: Flaw) -> Problem {
    Problem { place: flaw.place(name), message: flaw.message, hint: flaw.hint, remote: Some(name.to_owned()) }
}

impl Reading {
    /// The contact, if it is one.
    pub fn card(self) -> Option<Box<Sighting>> {
        match self {
            Reading::Card(sighting) => Some(sighting),
            Reading::Group | Reading::Gone => None,
        }
    }
}
