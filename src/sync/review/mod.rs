//! A change of the mirror on a user's decision: in one transaction, a run of its own.
//!
//! It talks to no replica. What it changes is an ordinary edit, which the next `sync` carries to all of them.

pub(super) mod answer;
pub(super) mod candidates;
mod firms;
mod not_persisted;
pub(crate) mod noted;
pub(super) mod refused;
pub(super) mod resolve;
pub(super) mod undo;

use super::{
    error::SyncError,
    events::{Events, Summary},
    host::Host,
    options::Stop,
    run::{Run, RunPolicy},
};
use crate::mirror::Mirror;

/// Does `work` on a mirror that nobody else works on; it returns what it did, and whether that is worth a run. If not, or in a
/// dry run, nothing is written. `command` is the command's name for the run log.
///
/// # Errors
/// Those of `work`. Nothing is written then.
pub(crate) fn change_by_user<T>(
    mirror: &mut Mirror,
    policy: RunPolicy,
    command: &str,
    host: &dyn Host,
    events: &mut Events<'_>,
    work: impl FnOnce(&mut Run<'_>) -> Result<(T, bool), SyncError>,
) -> Result<(T, Summary), SyncError> {
    let (stop, dry_run) = (Stop::new(), policy.dry_run);
    let mut run = Run::new(mirror, policy, host, &stop, events);
    run.recall_firms()?;
    run.mirror.begin()?;
    let done = run.logged(command, work).and_then(|(answer, kept)| {
        let kept = kept && !dry_run;
        if kept {
            run.mirror.commit()?;
        }
        Ok((answer, kept))
    });
    if !matches!(done, Ok((_, true))) {
        // Why it failed says more than whatever undoing what is left of it may say.
        let undone = run.mirror.undo();
        if done.is_ok() {
            undone?;
        }
    }
    let (answer, kept) = done?;
    if kept {
        run.mirror.checkpoint()?;
    }
    Ok((answer, run.summary))
}

impl Run<'_> {
    /// Does `work`, and if it is worth it, notes it in the run log.
    fn logged<T>(
        &mut self,
        command: &str,
        work: impl FnOnce(&mut Self) -> Result<(T, bool), SyncError>,
    ) -> Result<(T, bool), SyncError> {
        self.id = self.mirror.begin_run(command, &self.host.stamp())?;
        let (answer, kept) = work(self)?;
        if kept && !self.policy.dry_run {
            self.summary.run = self.id;
            let summary = serde_json::to_string(&self.summary).unwrap_or_default();
            let code = i32::from(self.summary.exit_code());
            self.mirror.finish_run(self.id, &self.host.stamp(), "done", code, &summary)?;
        }
        Ok((answer, kept))
    }
}

/// A user's decisions, carried out.
pub(crate) struct Review<'r, 'a> {
    run: &'r mut Run<'a>,
}

impl<'r, 'a> Review<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>) -> Self {
        Self { run }
    }
}
