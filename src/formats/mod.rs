//! Contact to bytes and back: vCard and CSV.

pub mod csv;
pub mod identity;
pub mod jsonl;
pub mod recognise;
pub mod vcard;
