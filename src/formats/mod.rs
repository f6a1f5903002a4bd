//! Contact to bytes and back: vCard and CSV.

mod contact_types;
pub mod csv;
pub mod foreign;
pub mod jsonl;
mod labels;
pub mod recognise;
pub mod vcard;
