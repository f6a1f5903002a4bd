//! Address books, each a replica: folders of cards (vdir), single `.vcf` files, CSV tables, collections on CardDAV servers.
//!
//! What they share: cards as records, which properties a book's programs have ever written, ids for records, and files
//! that are changed so that an edit in the same instant is not lost.

mod card_names;
mod card_uids;
pub mod carddav;
mod cards;
mod conflict_copies;
pub mod csv_file;
pub mod fs;
mod observed;
mod parallel;
mod record_ids;
pub mod served;
mod single_file;
#[cfg(test)]
mod testing;
pub mod vcard_file;
pub mod vdir;

pub use observed::ObservedProperties;
pub use vdir::is_card_name;

/// True for the names of carnet's own temporary files in a book's folder: what is renamed from or to one of them was
/// written or removed by carnet.
pub fn is_own_name(name: &[u8]) -> bool {
    fs::StagedFile::may_be(name)
}

use crate::replica::{Absence, Answers, Conduct, Ids, Writes};

/// How books in files behave: carnet reads and writes the storage itself.
const FILES: Conduct = Conduct {
    absence: Absence::Certain,
    writes: Writes::Atomic,
    answers: Answers::OwnWrite,
    ids: Ids::Own,
    abridges: false,
    rereads: true,
    restorable: true,
    // One fsync of the whole folder for all of them, and bounded memory.
    writes_at_once: 1_000,
};
