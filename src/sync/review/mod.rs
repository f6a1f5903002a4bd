//! A change of the mirror on a user's decision: in one transaction, a run of its own.
//!
//! It talks to no replica. What it changes is an ordinary edit, which the next `sync` carries to all of them.

pub(super) mod answer;
pub(super) mod candidates;
pub(super) mod resolve;
pub(super) mod undo;

use super::{
    engine::{Engine, RunPolicy, label},
    error::SyncError,
    events::{ChangeAction, Events, Label, Summary},
    host::Host,
    options::Stop,
};
use crate::{
    contact::{Contact, ids::MIRROR},
    mirror::{Mirror, Stored},
};

/// Does `work` on a mirror that nobody else works on; it returns what it did, and whether that is worth a run. If not, or in a
/// dry run, nothing is written. `command` is the command's name for the run log.
///
/// # Errors
/// Those of `work`. Nothing is written then.
pub(crate) fn change_by_user<T>(
    mirror: Mirror,
    policy: RunPolicy,
    command: &str,
    host: &dyn Host,
    events: &mut Events<'_>,
    work: impl FnOnce(&mut Engine<'_>) -> Result<(T, bool), SyncError>,
) -> Result<(T, Summary), SyncError> {
    let (stop, dry_run) = (Stop::new(), policy.dry_run);
    let mut engine = Engine::new(mirror, policy, host, &stop, events);
    engine.mirror.begin()?;
    // Whatever ends this early takes the transaction with it: it is undone when the mirror is closed.
    engine.run = engine.mirror.begin_run(command, &host.stamp())?;
    let (answer, kept) = work(&mut engine)?;
    if dry_run || !kept {
        engine.mirror.undo()?;
        return Ok((answer, engine.summary));
    }
    engine.summary.run = engine.run;
    let summary = serde_json::to_string(&engine.summary).unwrap_or_default();
    let code = i32::from(engine.summary.exit_code());
    engine.mirror.finish_run(engine.run, &host.stamp(), "done", code, &summary)?;
    engine.mirror.commit()?;
    engine.mirror.checkpoint()?;
    Ok((answer, engine.summary))
}

impl Engine<'_> {
    /// Gives a living contact new content, with what it overwrites in the history. False when it had that content already.
    pub fn edit(&mut self, stored: &Stored, new: &Contact, source: &str) -> Result<bool, SyncError> {
        if stored.contact.differing(new).is_empty() {
            return Ok(false);
        }
        let fields = self.remember(stored, new, source)?;
        self.mirror.update_contact(stored.id, new, &self.host.stamp())?;
        self.changed(MIRROR, ChangeAction::Update, Label { name: new.display_name(), ..label(stored) }, fields);
        Ok(true)
    }

    /// Deletes a contact here; it is kept whole in the history, and the replicas follow by their policies.
    pub fn delete_here(&mut self, stored: &Stored, source: &str, kind: &str) -> Result<(), SyncError> {
        self.remember_whole(stored, source, kind)?;
        self.mirror.delete_contact(stored.id, &self.host.stamp())?;
        self.changed(MIRROR, ChangeAction::Delete, label(stored), Vec::new());
        Ok(())
    }
}
