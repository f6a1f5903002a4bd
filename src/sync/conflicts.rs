//! Open conflicts while a run goes on: what they hold back, and which of them there is nothing left to say about.

use super::{SyncError, review::Review, run::Run};
use crate::{
    contact::Field,
    mirror::{Agreement, ConflictRow, ContactId},
    reconcile::Policy,
};

impl Run<'_> {
    /// The policy without the fields that wait for a user's decision on this contact and replica.
    pub fn less_conflicts(&self, policy: Policy, contact: ContactId, replica: &str) -> Result<Policy, SyncError> {
        let held = self.mirror.fields_in_conflict(contact, replica)?;
        let held = held.iter().filter_map(|name| Field::from_name(name)).collect();
        Ok(Policy { fields: policy.fields.less(held), ..policy })
    }

    /// True while a field of the contact waits for a user's decision.
    pub fn is_disputed(&self, contact: ContactId) -> Result<bool, SyncError> {
        let open = self.mirror.open_conflicts()?;
        Ok(open.iter().any(|conflict| conflict.contact == contact && conflict.field.is_some()))
    }

    /// Settles what there is nothing left to say about: open conflicts where both sides show the same by now or the contact
    /// is gone, and questions about creations that were found after all.
    pub fn close_obsolete(&mut self) -> Result<(), SyncError> {
        for row in self.mirror.open_conflicts()? {
            if self.is_obsolete(&row)? {
                self.mirror.settle_conflict(row.id, "here")?;
            }
        }
        Review::new(self).settle_explained()
    }

    fn is_obsolete(&self, row: &ConflictRow) -> Result<bool, SyncError> {
        let Some(stored) = self.mirror.contact(row.contact)?.filter(|stored| !stored.deleted) else { return Ok(true) };
        let agreement = self.mirror.agreement(&row.replica, row.contact)?;
        Ok(match row.field.as_deref().map(Field::from_name) {
            // The contact is there again.
            None => agreement.is_some_and(|agreement| !agreement.detached),
            Some(Some(field)) => {
                let differs = |agreement: &Agreement| stored.contact.differing(&agreement.theirs).contains(field);
                !agreement.as_ref().is_some_and(differs)
            }
            Some(None) => false,
        })
    }
}
