//! The mirror built anew from the CRM and the books, writing to neither: for one that is damaged or lost.
//!
//! It is what a first `sync` does without its pushes, into a file beside the mirror that then takes its place. The past of the
//! damaged one is taken along as far as it can be read, and its file stays beside.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{lock, restore::free_name, run::run_in};
use crate::{
    config::Settings,
    mirror::{Looked, Mirror, MirrorError, Present, Saved, beside, forget_file},
    sync::{Events, Mode, RunOptions, Stop, Summary, SyncError, SystemClock, settle_first},
};

/// The command's name in the run log, and beside the lock.
const REPAIR: &str = "repair";

/// What a repair did.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// The run that built it.
    pub summary: Summary,
    /// What of the damaged mirror's past could be read.
    pub saved: Saved,
    /// Where that one is now.
    pub kept: Option<PathBuf>,
}

/// What a sound mirror says of itself; none where there is something to repair.
///
/// # Errors
/// It cannot be looked at, for another reason than what is in it.
pub fn sound_mirror(settings: &Settings) -> Result<Option<Looked>, SyncError> {
    match Mirror::look_at(&settings.mirror.path) {
        Ok(looked) => Ok(Some(looked)),
        Err(MirrorError::Unsound { .. } | MirrorError::NotSqlite { .. } | MirrorError::TooOld { found: 0, .. }) => {
            Ok(None)
        }
        Err(MirrorError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Builds the mirror anew.
///
/// # Errors
/// Those of a run that reads everything, and of a restore; the mirror that was there is in place then.
pub async fn repair(settings: &Settings, stop: &Stop, events: &mut Events<'_>) -> Result<Repaired, SyncError> {
    let path = &settings.mirror.path;
    lock::no_daemon(path)?;
    let _held = lock::take(path, REPAIR, Duration::ZERO, &Stop::new(), events)?;
    let new = beside(path, ".repairing");
    forget_file(&new)?;
    let repaired = built(settings, &new, stop, events).await;
    if repaired.is_err() {
        // Why it failed says more than whatever removing what is left of it may say.
        let _ = forget_file(&new);
    }
    repaired
}

async fn built(settings: &Settings, new: &Path, stop: &Stop, events: &mut Events<'_>) -> Result<Repaired, SyncError> {
    let path = &settings.mirror.path;
    let mut mirror = Mirror::open(new)?;
    let (saved, uids) = mirror.salvage(path)?;
    let before = mirror.last_run()?.map_or(0, |run| run.id);
    settle_first(&mut mirror, &SystemClock)?;
    let options = RunOptions::new(Mode::Rebuild, REPAIR);
    let summary = run_in(&mut mirror, settings, &options, stop, events, None).await?;
    mirror.rename_salvaged(&uids, before)?;
    mirror.into_one_file(new)?;
    let kept = free_name(path, "before-repair", &SystemClock);
    let was_there = Present::hold(path)?.replace(new, &kept)?;
    Ok(Repaired { summary, saved, kept: was_there.then_some(kept) })
}
