//! Fields that a server acknowledges and does not keep.

use crate::{
    contact::{Contact, Field, FieldSet},
    reconcile::merge::equal_normalised,
    sync::{SyncError, run::Run},
};

/// The name under which they are kept.
const UNSUPPORTED: &str = "crm.ignored";

impl Run<'_> {
    /// The scalars that this server has been seen to ignore.
    pub fn unsupported_fields(&self) -> Result<FieldSet, SyncError> {
        let names = self.mirror.fact(UNSUPPORTED)?.unwrap_or_default();
        Ok(names.split(' ').filter_map(Field::from_name).collect())
    }

    pub fn learn_unsupported_fields(
        &mut self,
        (before, meant): (&Contact, &Contact),
        read: &Contact,
    ) -> Result<(), SyncError> {
        let known = self.unsupported_fields()?;
        let sent = before.differing(meant).iter().filter(|field| !field.is_list());
        let (taken, other): (Vec<Field>, Vec<Field>) = sent.partition(|field| equal_normalised(meant, read, *field));
        let kept_as_it_was = other.into_iter().filter(|field| equal_normalised(before, read, *field));
        let now = known.less(taken.into_iter().collect()).or(kept_as_it_was.collect());
        if now != known {
            let names: Vec<&str> = now.iter().map(Field::name).collect();
            self.mirror.set_fact(UNSUPPORTED, &names.join(" "))?;
        }
        Ok(())
    }
}
