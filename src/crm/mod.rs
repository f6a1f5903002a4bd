//! The CRM's HTTP/XML API: one client for the five actions of the reference, its XML, and how its listing is walked.
//!
//! The API has no version, no change date and no idempotency key, so this folder only ever says what it read and what
//! the server answered, named by what may be done next ([`ErrorKind`]). What to make of it is decided outside.
//! Deliberately not here: the mirror, agreements, retries of writes.

mod client;
mod contacts;
mod error;
mod listing;
pub mod lists;
mod pagination;
mod probe;
mod redact;
pub mod replica;
mod revisions;
mod settings;
#[cfg(test)]
pub(crate) mod stub;
mod transport;
mod wire;
mod xml;

pub use crate::transport::Failure;
pub use client::Client;
pub use contacts::Created;
pub use error::{CrmError, ErrorKind};
pub use listing::{Arrived, Content, FreshPage, Listing, Remembered, RememberedPage};
pub use probe::{PROBE_NAME, is_probe};
pub use revisions::Revisions;
pub use settings::{ClientSettings, ListsSetting};
pub use wire::{Answer, Exchange, Request, Verb, Wire};
pub use xml::{Digest, Fault, PageRecord, Record, Unwritable, create_body, id_key, list_body, update_body};

/// How many contacts a body of the listing holds, read as the client reads it; none if it is not one whole page. A door
/// for fuzzing the reader: nothing else comes through it.
#[doc(hidden)]
pub fn contacts_of_page(body: &[u8]) -> Option<usize> {
    let text = crate::xml::decode(body, None).ok()?;
    xml::read_page(&text, |_| None).ok().map(|page| page.records.len())
}
