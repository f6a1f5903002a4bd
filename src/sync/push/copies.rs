//! Copies that sync programs set beside records, once a user has answered for them: each is removed under the revision that
//! was read. One that has changed since stays, and is asked about anew.

use super::Pusher;
use crate::{
    mirror::Activity,
    replica::{Action, RemoteContact, ReplicaError, Write},
    sync::{
        SyncError,
        events::{Note, SyncEvent},
        participant::Trust,
    },
};

impl Pusher<'_, '_> {
    /// Removes the replica's copies that are done with.
    pub(super) async fn remove_copies(&mut self) -> Result<(), SyncError> {
        let name = self.participant.name.clone();
        let (mine, others) = std::mem::take(&mut self.run.copies_done).into_iter().partition(|(of, _)| *of == name);
        self.run.copies_done = others;
        let may_remove = self.participant.gives() && self.participant.trust == Trust::Full;
        for (_, record) in mine {
            let remote = record.remote.clone();
            let note = match may_remove {
                false => Note::CopyStays { remote },
                true if self.run.policy.dry_run => Note::CopyRemoved { remote },
                true => match self.remove(record).await {
                    Ok(_) => Note::CopyRemoved { remote },
                    Err(ReplicaError::Stale(_)) => Note::CopyStays { remote },
                    Err(ReplicaError::Rejected(diagnostic) | ReplicaError::Unavailable(diagnostic)) => {
                        self.run.replica_failed(&name, Activity::Write, diagnostic, 1);
                        continue;
                    }
                    // Of a file that may or may not be gone the next scan says which.
                    Err(
                        ReplicaError::Deferred(_)
                        | ReplicaError::Partial(_)
                        | ReplicaError::OutcomeUnknown(_)
                        | ReplicaError::Login(_)
                        | ReplicaError::Untrusted(_)
                        | ReplicaError::Stopped(_),
                    ) => Note::CopyStays { remote },
                },
            };
            self.run.emit(SyncEvent::Attention { replica: name.clone(), note });
        }
        Ok(())
    }

    async fn remove(&mut self, record: RemoteContact) -> Result<Option<RemoteContact>, ReplicaError> {
        let RemoteContact { remote, revision, uid, contact: theirs, .. } = record;
        let action = Action::Delete { remote, revision, theirs };
        let write = Write { uid: uid.unwrap_or_default(), crm_id: None, action };
        self.participant.replica.apply(vec![write]).await.pop().unwrap_or(Err(ReplicaError::Stale(None)))
    }
}
