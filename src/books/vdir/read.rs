//! One file of a vdir to a sighting.

use super::{FILE_MAX, state};
use crate::{
    books::{
        cards::{self, CardFile, Flaw},
        fs::{Digest, Fingerprint, Folder, Unread, remedy},
    },
    formats::vcard::WriteStyle,
    replica::RemoteContact,
};

/// What a file holds.
#[derive(Debug)]
pub enum Reading {
    /// A contact.
    Card(Box<RemoteContact>),
    /// A group of contacts: left alone.
    Group,
    /// The file is not there.
    Gone,
}

/// Reads a file.
pub fn read(folder: &Folder, name: &str, style: WriteStyle) -> Result<Reading, Flaw> {
    let content = match folder.read(name, FILE_MAX) {
        Ok(content) => content,
        Err(Unread::Missing) => return Ok(Reading::Gone),
        Err(unread) => return Err(unread_flaw(&unread)),
    };
    let fingerprint = content.settled.then_some(&content.fingerprint);
    sight(name, &content.bytes, fingerprint, style)
}

/// What these bytes say under that name.
pub fn sight(name: &str, bytes: &[u8], fingerprint: Option<&Fingerprint>, style: WriteStyle) -> Result<Reading, Flaw> {
    let single = CardFile::parse(bytes, style)?;
    if single.card.is_group() {
        return Ok(Reading::Group);
    }
    let uid = single.card.uid().map(|uid| uid.to_string());
    let revision = state::revision(fingerprint, &Digest::of(bytes), uid.as_deref());
    Ok(Reading::Card(Box::new(cards::remote_contact(&single.card, name.to_owned(), revision))))
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

impl Reading {
    /// The contact, if it is one.
    pub fn card(self) -> Option<Box<RemoteContact>> {
        match self {
            Reading::Card(record) => Some(record),
            Reading::Group | Reading::Gone => None,
        }
    }
}
