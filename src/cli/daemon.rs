//! `carnet daemon`: runs on a schedule, in the foreground, logging to stderr.

use chrono::{DateTime, Local, Utc};

use super::{
    context::Context,
    errors::CliError,
    exit,
    messages::{Language, Said},
    notify,
};
use crate::{
    daemon::{Daemon, DaemonState, Wording, socket::SocketServer},
    http::{HttpServer, dav::DavService},
};

/// What runs are told in where they are logged.
pub(super) const ENGLISH: Wording = Wording {
    note: |replica, note| {
        let Said { message, hint } = Language::English.messages().note(replica, note);
        (message, hint)
    },
    stopped: |part| Language::English.messages().stopped(part),
    hint: |error| Language::English.messages().what_to_do(error),
    state: |state| state_in_words(state),
};

/// `carnet daemon`.
pub fn run(context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("info");
    let settings = context.settings()?;
    let daemon = Daemon::begin(settings, context.global.config.as_deref(), ENGLISH)?;
    // Runs have threads of their own; the daemon itself only waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CliError::Failed { message: format!("wait for events: {error}"), hint: None })?;
    let ended = runtime.block_on(watched(daemon));
    // A prompt may still sit in a blocking read; the process is about to end anyway.
    runtime.shutdown_background();
    ended?;
    Ok(exit::DONE)
}

/// The daemon with all who look at it.
async fn watched(daemon: Daemon) -> Result<(), CliError> {
    // Before the first run: what cannot be listened to is said at once.
    let server = HttpServer::open(daemon.handle())?;
    let devices = DavService::open(daemon.handle())?;
    daemon.handle().listeners.add(notify::listener());
    tokio::spawn(server.serve());
    tokio::spawn(devices.serve());
    tokio::spawn(SocketServer::open(daemon.handle(), ENGLISH).serve());
    Ok(daemon.run().await?)
}

/// What the daemon is doing, for `systemctl status`: "next run 14:30, 2 things wait for you".
fn state_in_words(state: &DaemonState) -> String {
    let mut words = match (state.running, state.next) {
        _ if state.stopping => "stopping after the request in hand".to_owned(),
        (Some(_), _) => "a run is at work".to_owned(),
        (None, _) if state.paused.is_some() => "paused at the desk".to_owned(),
        (None, Some(next)) => format!("next run {}", clock(next)),
        (None, None) => "waiting".to_owned(),
    };
    match state.waiting {
        0 => {}
        1 => words += ", 1 thing waits for you",
        many => words += &format!(", {many} things wait for you"),
    }
    if let (Some(error), 1..) = (state.last.as_ref().and_then(|last| last.error.as_ref()), state.failures) {
        words += &format!("; failed to {error}");
    }
    words
}

/// A time of today as "14:30", another one with its date.
fn clock(at: DateTime<Utc>) -> String {
    let (at, now) = (at.with_timezone(&Local), Local::now());
    let format = if at.date_naive() == now.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.format(format).to_string()
}
