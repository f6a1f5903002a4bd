//! What a record is recognised by, in digests that are short enough to be held for each.

use std::fmt;

use super::{NameHash, PREFIX, name_hash};
use crate::contact::{Contact, ItemKind, keys};

/// Digests of the folded name, first e-mail, first telephone, and of the mark; zeros where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys {
    pub name: Short,
    pub email: Short,
    pub phone: Short,
    pub mark: Short,
}

/// Enough of a digest that two of a million texts hardly ever share it; zeros for an empty text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Short([u8; 6]);

impl Keys {
    /// None.
    pub const NONE: Self = {
        let none = Short([0; 6]);
        Self { name: none, email: none, phone: none, mark: none }
    };

    /// Those of a contact, its mark left out.
    pub fn of(contact: &Contact) -> Self {
        let first = |kind| contact.values(kind).next().unwrap_or_default();
        Self {
            name: Short::of(&keys::name(contact)),
            email: Short::of(&keys::email(first(ItemKind::Email))),
            phone: Short::of(&keys::phone(first(ItemKind::Phone))),
            mark: Short::default(),
        }
    }

    /// What an agreed record was known by. A name that is none of ours is a mark.
    pub fn known(remote: &str, revision: &str) -> Self {
        let mut parts = revision.split_once('/').map_or("", |(_, keys)| keys).split('-');
        let mut next = || Short::parse(parts.next().unwrap_or_default());
        let keys = Self { name: next(), email: next(), phone: next(), mark: next() };
        if keys.mark.some().is_none() && !remote.starts_with(PREFIX) {
            Self { mark: Short::of(remote), ..keys }
        } else {
            keys
        }
    }

    /// True if there is a name, an e-mail or a telephone.
    pub fn says_who(&self) -> bool {
        [self.name, self.email, self.phone].iter().any(|key| key.some().is_some())
    }
}

impl Short {
    /// Of a text.
    pub fn of(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self::of_name(name_hash(text)) }
    }

    /// Of the text with this hash.
    pub fn of_name(hash: NameHash) -> Self {
        let [a, b, c, d, e, f, _, _] = hash;
        Self([a, b, c, d, e, f])
    }

    /// As it is displayed; none for what is no such.
    pub fn parse(hex: &str) -> Self {
        let number = u64::from_str_radix(hex, 16).unwrap_or_default();
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Itself, unless there is none.
    pub fn some(self) -> Option<Self> {
        Some(self).filter(|short| *short != Self::default())
    }
}

/// Twelve hexadecimal digits; nothing for none.
impl fmt::Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.some().is_none() {
            return Ok(());
        }
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
