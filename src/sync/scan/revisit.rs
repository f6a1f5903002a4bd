//! Records that wait for a user, met again. A complete scan shows them each time; a delta shows a record when it changes, so
//! that these are asked for by name: an answer can be carried out, and a record whose question is settled by what became
//! of its contact is taken in.

use std::collections::BTreeSet;

use super::{Scanner, known::KnownRecords, waiting::Waiting};
use crate::{
    replica::{Coverage, Lookup, RemoteId},
    sync::{SyncError, review::Review},
};

/// Records that wait and were not met in a scan.
pub(super) enum Unmet {
    /// These may be there; of all others the scan has said what there is to say.
    Some {
        /// What is said about them is kept.
        kept: BTreeSet<RemoteId>,
        /// The scan called some of them gone, and the replica did not answer for them.
        unanswered: bool,
    },
    /// Any of them may be there: a part was scanned.
    Any,
}

impl Unmet {
    /// True for a record that may be there although it was not met.
    pub fn may_be_there(&self, remote: &str) -> bool {
        match self {
            Self::Some { kept, .. } => kept.contains(remote),
            Self::Any => true,
        }
    }

    /// True where the scan has said something that has to be said again.
    pub fn unanswered(&self) -> bool {
        matches!(self, Self::Some { unanswered: true, .. })
    }
}

impl Scanner<'_, '_> {
    /// Asks for the records that wait for a user and that a delta did not show; those that are there are newcomers again.
    pub(super) async fn revisit(
        &mut self,
        coverage: Coverage,
        known: &mut KnownRecords,
        gone: &[RemoteId],
        newcomers: &mut Waiting,
    ) -> Result<Unmet, SyncError> {
        let (mut kept, mut unanswered) = (BTreeSet::new(), false);
        match coverage {
            Coverage::Complete => return Ok(Unmet::Some { kept, unanswered }),
            Coverage::Partial => return Ok(Unmet::Any),
            Coverage::Delta => {}
        }
        let gone: BTreeSet<&RemoteId> = gone.iter().collect();
        for remote in Review::new(self.run).records_asked_about(self.participant)? {
            if known.contains(&remote) || known.was_shown(&remote) {
                continue;
            }
            self.run.check_stop()?;
            let is_named = gone.contains(&remote);
            match self.participant.look_up(&remote).await? {
                Lookup::Found(record) => {
                    known.show(&record.remote);
                    newcomers.push(self.run.mirror, *record)?;
                }
                // A server that is unwell denies everything: it must have named the record too.
                Lookup::Gone if is_named || !self.participant.is_asked_by_id() => {}
                Lookup::Gone | Lookup::Unclear(_) => {
                    unanswered |= is_named;
                    kept.insert(remote);
                }
            }
        }
        Ok(Unmet::Some { kept, unanswered })
    }
}
