//! vCard 2.1, 3.0 and 4.0: a lossless layer of lines, and the lens between a card and a contact.
//!
//! A card is kept as its bytes (`split`, `line`, `head`, `value`, `write`); [`read`] looks at it as a contact, and
//! [`update`] changes only the lines of what differs. Four laws, each a property test:
//! - the raw lines joined are the input;
//! - what is written is read: `read(new_card(version, contact, _), None) == contact`;
//! - `read(update(card, from, to)) == to`;
//! - `update(card, from, from)` leaves every byte as it was.
//!
//! Contacts are compared here with their addresses, items and `extra` as multisets: a card that is updated in place keeps
//! the order of its lines. [`new_card`] keeps the contact's order. The laws hold for contacts that a card can say: empty
//! items and addresses and control characters are not written, and a `street_address` of several lines comes back as
//! `street_address` and `street_address2`.

mod address;
mod agreed;
mod card;
mod channel;
pub mod check;
#[cfg(test)]
mod clients;
mod content;
mod edit;
mod edit_address;
mod edit_list;
mod edit_name;
mod extra;
mod labels;
#[cfg(test)]
mod laws;
mod left_out;
mod line;
mod name;
mod property;
mod read;
mod sort_key;
pub mod split;
pub mod stream;
mod style;
mod turn;
mod turn_date;
mod turn_related;
mod turn_value;
mod update;
mod value;
mod vocabulary;
mod write;

use crate::contact::{Contact, Field, FieldSet};

pub use card::{Card, CardError, set_identity};
pub use content::{ContentLine, Keep};
pub use left_out::left_out;
pub use read::{is_name_guessed, read, read_agreed, unread};
pub use style::{CategoryLanguage, DefaultContext, Messengers, Rev, WriteStyle};
pub use update::{new_card, update, update_known};
pub(super) use write::escape;

/// What a card carries: everything.
pub const CARRIED: FieldSet = FieldSet::ALL;

/// The properties of a contact's kept lines that cards of this version do not know, one name a line: they are written with
/// `X-` before their names, which few programs read.
pub fn disguised(contact: &Contact, version: Version) -> Vec<String> {
    contact.extra.iter().filter_map(|entry| extra::disguised(entry, version)).collect()
}

/// Of that, what clients drop: its absence from a card clears nothing.
pub const WEAK: FieldSet =
    FieldSet::NONE.with(Field::Civility).with(Field::ContactType).with(Field::Country).with(Field::FirmId);

/// A version of the vCard format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// vCard 2.1 (1996): read, and updated in place.
    V21,
    /// RFC 2426, what every program reads.
    #[default]
    V30,
    /// RFC 6350.
    V40,
}

impl Version {
    /// As the VERSION line has it.
    fn number(self) -> &'static str {
        match self {
            Version::V21 => "2.1",
            Version::V30 => "3.0",
            Version::V40 => "4.0",
        }
    }
}
