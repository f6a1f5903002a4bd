//! Address books in files, each a replica: folders of cards (vdir), single `.vcf` files, CSV tables.
//!
//! What they share: cards as records, which properties a book's programs have ever written, ids for records, and files
//! that are changed so that an edit in the same instant is not lost.

mod cards;
pub mod csv_file;
pub mod fs;
mod observed;
mod parallel;
mod record_ids;
mod single_file;
#[cfg(test)]
mod testing;
pub mod vcard_file;
pub mod vdir;

pub use observed::ObservedProperties;

use std::collections::HashMap;

use crate::replica::{Absence, Baseline, Conduct, Ids, RemoteId, Revision, Stopped, Writes};

/// The agreed revision of each record of a book.
type Revisions = HashMap<RemoteId, Revision>;

fn revisions(baseline: &dyn Baseline) -> Result<Revisions, Stopped> {
    let mut revisions = Revisions::with_capacity(usize::try_from(baseline.count()).unwrap_or_default());
    baseline.for_each(&mut |remote, revision| {
        revisions.insert(remote.to_owned(), revision.to_owned());
    })?;
    Ok(revisions)
}

/// How books in files behave: carnet reads and writes the storage itself.
const FILES: Conduct = Conduct {
    absence: Absence::Certain,
    writes: Writes::Atomic,
    ids: Ids::Own,
    abridges: false,
    rereads: true,
    // One fsync of the whole folder for all of them, and bounded memory.
    writes_at_once: 2_500,
};
