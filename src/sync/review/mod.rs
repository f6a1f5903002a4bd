//! A change of the mirror on a user's decision: in one transaction, a run of its own.
//!
//! It talks to no replica. What it changes is an ordinary edit, which the next `sync` carries to all of them.

pub(super) mod answer;
pub(super) mod candidates;
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
    run.mirror.begin()?;
    // Whatever ends this early takes the transaction with it: it is undone when the mirror is closed.
    run.id = run.mirror.begin_run(command, &host.stamp())?;
    let (answer, kept) = work(&mut run)?;
    if dry_run || !kept {
        run.mirror.undo()?;
        return Ok((answer, run.summary));
    }
    run.summary.run = run.id;
    let summary = serde_json::to_string(&run.summary).unwrap_or_default();
    let code = i32::from(run.summary.exit_code());
    run.mirror.finish_run(run.id, &host.stamp(), "done", code, &summary)?;
    run.mirror.commit()?;
    run.mirror.checkpoint()?;
    Ok((answer, run.summary))
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
