//! Address books in files, each a replica: folders of cards (vdir), single `.vcf` files, CSV tables.
//!
//! What they share: cards as records, which properties a book's programs have ever written, ids for records, and files
//! that are changed so that an edit in the same instant is not lost.

mod cards;
#[cfg(test)]
pub(crate) mod contract;
pub mod csv_file;
pub mod fs;
mod observed;
mod parallel;
mod record_ids;
mod single_file;
pub mod vcard_file;
pub mod vdir;

pub use observed::ObservedProperties;
