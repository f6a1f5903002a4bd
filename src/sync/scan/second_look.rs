//! Records of a listing that leaves out what they had, asked for one by one.

use super::{
    Scanner,
    intake::{CHANGED, Observed},
    waiting::Waiting,
};
use crate::{
    contact::FieldSet,
    replica::{Diagnostic, Lookup, RemoteContact},
    sync::{SyncError, participant::Participant, run::Run},
};

/// Records asked for one by one because a listing left out fields that they had.
const SECOND_LOOKS_MAX: usize = 25;

impl Scanner<'_, '_> {
    /// A listing that leaves out an element has not said that it is empty: such records are asked for one by one, and
    /// what a single record leaves out is empty. Too many of them, and the listing is an abridged one: nothing is cleared.
    pub(super) async fn look_twice(&mut self, edits: &mut Waiting) -> Result<(), SyncError> {
        if !self.participant.conduct().abridges || edits.is_empty() {
            return Ok(());
        }
        let mut asked = 0;
        let mut out: Vec<Observed> = Vec::new();
        for observed in edits.take_all(self.run.mirror)? {
            let doubtful = self.run.lost_a_field(self.participant, &observed.record)?;
            asked += usize::from(doubtful);
            if doubtful && asked <= SECOND_LOOKS_MAX {
                out.push(self.second_look(observed.record).await?.into());
            } else {
                out.push(observed);
            }
        }
        for record in out {
            edits.push(self.run.mirror, record)?;
        }
        if asked > SECOND_LOOKS_MAX {
            let message =
                format!("{asked} contacts came without fields that they had; those fields were left as they are");
            self.run.notice(&self.participant.name, Diagnostic::new(message));
        }
        Ok(())
    }

    async fn second_look(&mut self, record: RemoteContact) -> Result<RemoteContact, SyncError> {
        Ok(match self.participant.look_up(&record.remote).await? {
            Lookup::Found(mut single) => {
                single.fields = FieldSet::CRM;
                let since = single.contact.differing(&record.contact).and(record.fields);
                // The listing's revision is the one that the next listing will be compared with; but of one that changed
                // since, the listing is not what is agreed on.
                single.revision = if since.is_empty() { record.revision } else { CHANGED.to_owned() };
                *single
            }
            Lookup::Gone | Lookup::Unclear(_) => self.run.seen_alone(self.participant, record)?,
        })
    }
}

impl Run<'_> {
    /// A record asked for alone, to be taken in. Where it leaves out what it held, the next listing must be looked at, also
    /// if it shows what the last one showed: what the record does say has moved the agreement on.
    pub fn seen_alone(&self, participant: &Participant, mut record: RemoteContact) -> Result<RemoteContact, SyncError> {
        if participant.conduct().abridges && self.lost_a_field(participant, &record)? {
            CHANGED.clone_into(&mut record.revision);
        }
        Ok(record)
    }

    fn lost_a_field(&self, participant: &Participant, record: &RemoteContact) -> Result<bool, SyncError> {
        let unstated = FieldSet::CRM.less(record.fields);
        if unstated.is_empty() {
            return Ok(false);
        }
        let agreement = self.mirror.agreement_by_remote(&participant.name, &record.remote)?;
        Ok(agreement.is_some_and(|agreement| !agreement.theirs.set_fields().and(unstated).is_empty()))
    }
}
