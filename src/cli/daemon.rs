//! `carnet daemon`: runs on a schedule, in the foreground, logging to stderr.

use super::{
    context::Context,
    errors::CliError,
    exit,
    messages::{Language, Said},
};
use crate::daemon::{self, Wording};

/// What runs are told in where they are logged.
pub(super) const ENGLISH: Wording = Wording {
    note: |replica, note| {
        let Said { message, hint } = Language::English.messages().note(replica, note);
        (message, hint)
    },
    stopped: |part| Language::English.messages().stopped(part),
    hint: |error| Language::English.messages().what_to_do(error),
};

/// `carnet daemon`.
pub fn run(context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("info");
    let settings = context.settings()?;
    let named = context.global.config.clone();
    let runtime = context.runtime()?;
    let ended = runtime.block_on(daemon::run(settings, named.as_deref(), ENGLISH));
    // A prompt may still sit in a blocking read; the process is about to end anyway.
    runtime.shutdown_background();
    ended?;
    Ok(exit::DONE)
}
