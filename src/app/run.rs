//! Whole runs on the settings' mirror, CRM and books.

use std::time::Duration;

use super::{
    compose::{Composed, compose, run_policy},
    devices::with_devices,
    lock,
    open::open_mirror,
};
use crate::{
    config::Settings,
    mirror::Mirror,
    replica::Diagnostic,
    sync::{Events, RunInputs, RunOptions, Source, Stop, Summary, SyncError, SyncEvent, SystemClock, run_on},
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
    run_with(settings, options, (Duration::ZERO, stop), events, None).await
}

/// The same; while another carnet is at work on the mirror, it is waited for so long.
///
/// # Errors
/// As [`run`].
pub async fn run_when_free(
    settings: &Settings,
    options: &RunOptions,
    wait: Duration,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    run_with(settings, options, (wait, stop), events, None).await
}

/// The same on the calling thread, which waits for nothing else: a thread of the run's own.
///
/// # Errors
/// As [`run`]; the system gives nothing to wait with.
pub fn run_on_this_thread(
    settings: &Settings,
    options: &RunOptions,
    wait: Duration,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SyncError::Failed(Diagnostic::new(format!("wait for the network: {error}"))))?;
    let done = runtime.block_on(run_when_free(settings, options, wait, stop, events));
    // A password's prompt may still be read from.
    runtime.shutdown_background();
    done
}

/// A run that also takes in contacts of a source beside the replicas. While another carnet is at work on the mirror, it is
/// waited for so long, or until a stop is asked for.
pub(crate) async fn run_with<'s>(
    settings: &Settings,
    options: &RunOptions,
    (wait, stop): (Duration, &Stop),
    events: &mut Events<'_>,
    source: Option<&'s mut (dyn Source + 's)>,
) -> Result<Summary, SyncError> {
    let path = &settings.mirror.path;
    let _held = lock::take(path, &options.trigger, wait, stop, events)?;
    let settings = &with_present_devices(settings, events);
    let ran = async {
        let mut mirror = open_mirror(settings, options, events)?;
        run_in(&mut mirror, settings, options, stop, events, source).await
    };
    ran.await.map_err(|error| error.examined(path))
}

/// The settings with a book for each device. Where the store cannot be read the run goes on without them.
fn with_present_devices(settings: &Settings, events: &mut Events<'_>) -> Settings {
    with_devices(settings).unwrap_or_else(|error| {
        events(SyncEvent::Notice { replica: "devices".to_owned(), message: error.to_string(), hint: None });
        settings.clone()
    })
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
