//! A change of the mirror by a person's word: under the mirror's lock, in one transaction, a run of its own.
//!
//! It talks to no replica. What it changes is an ordinary edit, which the next `sync` carries to all of them.

pub(super) mod answer;
pub(super) mod candidates;
pub(super) mod resolve;
pub(super) mod undo;

use crate::{
    config::Settings,
    contact::Contact,
    mirror::{Mirror, Stored},
    replicas::Trouble,
    sync::{
        assemble::care,
        engine::{Engine, label},
        error::SyncError,
        events::{ChangeAction, Events, Label, Summary},
        host::Host,
        options::{Mode, RunOptions, Stop},
        peer::MIRROR,
        run::{lock_file, locked},
    },
};

/// The history's name for a person who resolved a conflict.
pub(in crate::sync) const PERSON: &str = "person";

/// How a change by hand is made.
pub(in crate::sync) struct Manner<'a> {
    /// The command's name for the run log.
    pub command: &'a str,
    /// Say, do not write.
    pub dry_run: bool,
    /// A person's word on a mass deletion and on later edits.
    pub force: bool,
    /// The time.
    pub host: &'a dyn Host,
}

/// Does `work` on the settings' mirror; it answers what it did, and whether that is worth a run. If not, nothing is written.
///
/// # Errors
/// There is no mirror yet; another carnet works on it; those of `work`. Nothing is written then.
pub(in crate::sync) fn by_hand<T>(
    settings: &Settings,
    manner: &Manner<'_>,
    events: &mut Events<'_>,
    work: impl FnOnce(&mut Engine<'_>) -> Result<(T, bool), SyncError>,
) -> Result<(T, Summary), SyncError> {
    let path = &settings.mirror.path;
    if !path.exists() {
        let trouble = Trouble::new(format!("find the mirror {}: nothing ran yet", path.display()));
        return Err(SyncError::Failed(trouble.hint("`carnet sync` makes the mirror and fills it")));
    }
    let mut lock = lock_file(path)?;
    let _held = lock.try_write().map_err(|_| locked(path))?;
    let options = RunOptions {
        mode: Mode::MirrorOnly,
        only: Vec::new(),
        dry_run: manner.dry_run,
        max_delete: None,
        force: manner.force,
        trigger: manner.command.to_owned(),
    };
    let stop = Stop::new();
    let mut engine = Engine::new(Mirror::open(path)?, care(settings, &options), manner.host, &stop, events);
    engine.mirror.begin()?;
    // Whatever ends this early takes the transaction with it: it is undone when the mirror is closed.
    engine.run = engine.mirror.begin_run(manner.command, &manner.host.stamp())?;
    let (answer, kept) = work(&mut engine)?;
    if manner.dry_run || !kept {
        engine.mirror.undo()?;
        return Ok((answer, engine.summary));
    }
    engine.summary.run = engine.run;
    let summary = serde_json::to_string(&engine.summary).unwrap_or_default();
    let code = i32::from(engine.summary.exit_code());
    engine.mirror.finish_run(engine.run, &manner.host.stamp(), "done", code, &summary)?;
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
