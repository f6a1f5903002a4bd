//! Whole runs on the settings' mirror, CRM and books.

use super::{
    compose::{Composed, compose, run_policy},
    lock::{lock_file, locked},
    open::open_mirror,
};
use crate::{
    config::Settings,
    mirror::Mirror,
    sync::{Events, RunInputs, RunOptions, Source, Stop, Summary, SyncError, SystemClock, run_on},
};

/// One run on the settings' mirror, CRM and books.
///
/// # Errors
/// Why the run ended early; whatever was committed before stays, and the next run goes on from there.
pub async fn run(
    settings: &Settings,
    options: &RunOptions,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    run_with(settings, options, stop, events, None).await
}

/// A run that also takes in contacts of a source beside the replicas.
pub(crate) async fn run_with<'s>(
    settings: &Settings,
    options: &RunOptions,
    stop: &Stop,
    events: &mut Events<'_>,
    source: Option<&'s mut (dyn Source + 's)>,
) -> Result<Summary, SyncError> {
    let path = &settings.mirror.path;
    let mut lock = lock_file(path)?;
    let _held = lock.try_write().map_err(|_| locked(path))?;
    let ran = async {
        let mut mirror = open_mirror(settings, options, events)?;
        run_in(&mut mirror, settings, options, stop, events, source).await
    };
    ran.await.map_err(|error| error.examined(path))
}

/// A run on the settings' CRM and books, and on a mirror that nobody else works on.
pub(crate) async fn run_in<'s>(
    mirror: &mut Mirror,
    settings: &Settings,
    options: &RunOptions,
    stop: &Stop,
    events: &mut Events<'_>,
    source: Option<&'s mut (dyn Source + 's)>,
) -> Result<Summary, SyncError> {
    let Composed { participants, account, _sandbox } = compose(settings, options).await?;
    let inputs = RunInputs { mirror, participants, account, source };
    run_on(inputs, run_policy(settings, options), options, (&SystemClock, stop), events).await
}
