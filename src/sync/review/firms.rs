//! A user's decisions on a company that no firm of the CRM is called.

use super::{
    Review,
    answer::{applied, refused},
    refused::{Applied, Effect, NoCandidate, Why},
};
use crate::{contact::ids::PERSON, mirror::AttentionRow, sync::SyncError};

impl Review<'_, '_> {
    /// The next run makes a firm of this company.
    pub(super) fn want_firm(&mut self, row: &AttentionRow) -> Result<Applied, SyncError> {
        let name = row.remote.clone();
        self.run.want_firm(&name)?;
        self.settle_answered(row)?;
        Ok(applied(row, Effect::FirmWanted { name }, true))
    }

    /// The contacts of this company belong to a firm that there is.
    pub(super) fn choose_firm(&mut self, row: &AttentionRow, id: &str) -> Result<Applied, SyncError> {
        let is_there = self.run.mirror.firm_revision(id)?.is_some();
        let name = self.run.mirror.firm_name(id)?.filter(|name| is_there && !name.is_empty());
        let Some(name) = name else {
            let (crm_id, reason) = (id.to_owned(), NoCandidate::NoFirm);
            return Err(refused(row, Why::NoCandidate { crm_id, reason, candidates: Vec::new() }));
        };
        let contacts = self.run.put_into_firm(&|company| company == row.remote, (id, &name), PERSON)?;
        self.settle_answered(row)?;
        Ok(applied(row, Effect::FirmChosen { name, contacts }, true))
    }
}
