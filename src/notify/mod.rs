//! Telling a user, by programs of the settings, that something new waits, or that runs fail.
//!
//! What was told is remembered beside the mirror, so that each matter is told once, whoever runs next; one that went away
//! and came back is new. Only what a program took (exit code 0) counts as told. Words come from the face that hands them in.
//!
//! Without `names = true` a program gets ids, counts and carnet's own words: what it does with them, such as mail, leaves
//! this machine, and names of contacts and of their cards are personal data.

mod hook;
mod matters;
mod memory;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tracing::{debug, warn};

use crate::{
    config::Settings,
    sync::{SyncError, stamp},
    views::{MirrorError, attention::Item, problems::Problem, status::UnsettledWrite},
};
use memory::Memory;

/// More new matters than this are only counted.
const MATTERS_MAX: usize = 50;

/// What is told of.
#[derive(Debug, Clone, Copy)]
pub enum Matter<'v> {
    /// A conflict or a question.
    Item(&'v Item),
    /// What failed and is tried again.
    Problem(&'v Problem),
    /// A write to the CRM whose end is not known.
    Write(&'v UnsettledWrite),
}

/// The words of the face that hands them in.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// What waits, and what to do; with names, or without.
    pub matter: fn(matter: Matter<'_>, names: bool) -> (String, Option<String>),
    /// So many new things wait, of so many.
    pub waiting: fn(new: usize, all: usize) -> String,
    /// Runs fail, of this account.
    pub failing: fn(account: &str) -> String,
    /// They are well again.
    pub recovered: fn(account: &str) -> String,
    /// What to do about an error.
    pub hint: fn(error: &SyncError) -> Option<String>,
}

/// How a run ended, as far as this matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It came to its end; of all replicas, or not.
    Whole {
        /// Of all of them.
        all: bool,
    },
    /// It failed.
    Failed(RunFailure),
    /// It was stopped, or did not get the mirror: nothing is known.
    Nothing,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// The public exit code.
    pub exit_code: u8,
    /// It reads after "failed to".
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl End {
    /// Of a run that ended with this error.
    pub fn of(error: &SyncError, words: Words) -> Self {
        match error {
            SyncError::Interrupted | SyncError::Locked(_) | SyncError::Usage(_) | SyncError::Refused(_) => End::Nothing,
            SyncError::Settings(_)
            | SyncError::Login(_)
            | SyncError::Network(_)
            | SyncError::Safety(_)
            | SyncError::OtherAccount { .. }
            | SyncError::Distrusted(_)
            | SyncError::Mirror(_)
            | SyncError::Output(_)
            | SyncError::Failed(_) => End::Failed(RunFailure {
                exit_code: error.exit_code(),
                message: error.to_string(),
                hint: (words.hint)(error),
            }),
        }
    }
}

/// The program that these arguments would run.
///
/// # Errors
/// Why none would be.
pub fn examine(settings: &Settings, argv: &[String]) -> Result<PathBuf, String> {
    hook::find(argv, settings.file.parent())
}

/// Tells of a run that ended at `now`, where there is something new to tell. What goes wrong is logged.
pub async fn after_run(settings: &Settings, end: &End, words: Words, now: DateTime<Utc>) {
    let notify = &settings.notify;
    if notify.on_waiting.is_none() && notify.on_failure.is_none() || *end == End::Nothing {
        return;
    }
    let path = memory::path(&settings.mirror.path);
    let mut memory = Memory::read(&path);
    if let Some(program) = &notify.on_failure {
        tell_of_failure(settings, program, (end, now), words, &mut memory).await;
    }
    if let (Some(program), End::Whole { .. }) = (&notify.on_waiting, end)
        && let Err(error) = tell_what_waits(settings, program, words, &mut memory).await
    {
        warn!("failed to see what waits, to tell of it: {error}");
    }
    if let Err(error) = memory.write(&path) {
        warn!("failed to note in {} what was told: {error}; it will be told again", path.display());
    }
}

async fn tell_of_failure(
    settings: &Settings,
    program: &[String],
    (end, now): (&End, DateTime<Utc>),
    words: Words,
    memory: &mut Memory,
) {
    let account = settings.account();
    match end {
        End::Failed(failure) => {
            if !memory.failed(failure.exit_code, now) {
                return;
            }
            let RunFailure { exit_code, message, hint } = failure;
            let subject = (words.failing)(account);
            let mut told =
                object(settings, "failure", &subject, &body(&format!("failed to {message}"), hint.as_deref()));
            told["exit_code"] = (*exit_code).into();
            told["since"] = memory.failing_since().map(stamp).into();
            if tell(settings, program, &told).await {
                memory.failure_is_told();
            }
        }
        End::Whole { all: true } => {
            let Some(since) = memory.recovers() else { return memory.is_well() };
            let subject = (words.recovered)(account);
            let mut told = object(settings, "recovered", &subject, &subject);
            told["since"] = stamp(since).into();
            if tell(settings, program, &told).await {
                memory.is_well();
            }
        }
        End::Whole { all: false } | End::Nothing => {}
    }
}

async fn tell_what_waits(
    settings: &Settings,
    program: &[String],
    words: Words,
    memory: &mut Memory,
) -> Result<(), MirrorError> {
    let names = settings.notify.names;
    let waiting = matters::Waiting::read(&settings.mirror.path)?;
    let all = waiting.all();
    let keys: Vec<String> = all.iter().map(|matter| matters::key(*matter)).collect();
    memory.still_there(&keys);
    // What the user has answered already is no news.
    let new: Vec<usize> =
        (0..all.len()).filter(|at| !memory.is_told(&keys[*at]) && !matters::is_answered(all[*at])).collect();
    if new.is_empty() {
        return Ok(());
    }
    let subject = (words.waiting)(new.len(), all.len());
    let (mut text, mut objects) = (String::new(), Vec::new());
    for at in new.iter().take(MATTERS_MAX) {
        let (said, hint) = (words.matter)(all[*at], names);
        text += &body(&said, hint.as_deref());
        objects.push(matters::object(all[*at], (said, hint), names));
    }
    let mut told = object(settings, "waiting", &subject, &text);
    told["waiting"] = all.len().into();
    told["new"] = new.len().into();
    told["matters"] = objects.into();
    if tell(settings, program, &told).await {
        memory.told(new.into_iter().map(|at| keys[at].clone()));
    }
    Ok(())
}

/// What every program is told.
fn object(settings: &Settings, kind: &str, subject: &str, text: &str) -> Value {
    json!({
        "type": kind, "account": settings.account(), "mirror": settings.mirror.path, "subject": subject, "text": text,
    })
}

fn body(message: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| format!("{message}\n"), |hint| format!("{message}\n  {hint}\n"))
}

/// True once the program has taken it.
async fn tell(settings: &Settings, program: &[String], told: &Value) -> bool {
    let done = hook::run(program, settings.file.parent(), format!("{told}\n").into_bytes(), hook::LIMIT).await;
    let name = program.first().map_or("", String::as_str);
    match &done {
        Ok(()) => debug!(program = name, kind = %told["type"], "told"),
        Err(why) => warn!(program = name, "failed to tell of it, which is tried again after the next run: {why}"),
    }
    done.is_ok()
}
