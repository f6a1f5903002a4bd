//! The CRM's firms as the mirror has them.

use super::Reader;
use crate::{mirror::MirrorError, reconcile::firms::key};

/// A firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firm {
    /// Its id in the CRM.
    pub id: String,
    /// Its name; "" where it has none.
    pub name: String,
    /// How many living contacts it has.
    pub contacts: u64,
}

/// The firms whose name holds a text, by name; case, accents and signs do not matter.
///
/// # Errors
/// The mirror's.
pub fn firms(reader: &Reader, text: &str) -> Result<Vec<Firm>, MirrorError> {
    let (mirror, wanted) = (&reader.mirror, key(text));
    let mut found = Vec::new();
    mirror.for_each_firm(&mut |id, name, _| {
        let sort = key(name);
        if sort.contains(&wanted) {
            found.push((sort, id.to_owned(), name.to_owned()));
        }
    })?;
    found.sort_unstable();
    let counted = |(_, id, name): (String, String, String)| {
        let contacts = mirror.count_members(&id)?;
        Ok(Firm { id, name, contacts })
    };
    found.into_iter().map(counted).collect()
}
