//! CSV files, in every dialect that address books and CRMs write: recognised, read, edited in place, exported.
//!
//! `profile` says what a dialect's columns are called, `sniff` finds out which dialect a file has, `layout` pairs one
//! header with a profile, `shape` what a row's count of cells tells, `codec`, `slots`, `read` and `write*` turn rows into contacts and back, `table` keeps a file's
//! bytes. The law that all of it serves: reading what was written gives [`Table::carries`] of it, and nothing else moves.
//!
//! `Contact::extra` is vCard text and is not carried by CSV.

mod agreed;
mod charset;
mod codec;
mod conversions;
mod description;
#[cfg(test)]
mod dialects;
mod edit;
mod error;
mod export;
mod foreign_words;
mod import;
#[cfg(test)]
mod laws;
mod layout;
mod look;
mod names;
mod pairing;
mod plan;
mod profile;
mod quoting;
mod read;
mod records;
mod shape;
mod slots;
mod sniff;
mod stream;
mod table;
mod values;
mod whole_name;
mod words;
mod write;
mod write_addresses;
mod write_items;

pub use agreed::{AsAgreed, RowCells, as_agreed};
pub use charset::Encoding;
pub use conversions::CellPlace;
pub use description::ProfileFault;
pub use edit::{Record, Records};
pub use error::CsvError;
pub use export::{Exported, Widths, export};
pub use import::{Import, Opened, import, open};
pub use profile::Profile;
pub use read::{Note, NoteSort};
pub use shape::Malformed;
pub use sniff::Candidates;
pub use table::{Filled, Recognised, Row, Table};
pub use write::Missed;
