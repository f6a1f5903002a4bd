//! A copy put in the mirror's place, under its lock. The mirror that was there stays beside it, whole.
//!
//! All that may fail is done on a file of its own beside the mirror; putting that in place is `mirror/replace.rs`'s matter.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    compose::{account, places, run_policy},
    lock,
    own_files::{OwnFile, own_file},
};
use crate::{
    config::Settings,
    mirror::{Looked, Mirror, MirrorError, Present, beside, forget_file},
    replica::Diagnostic,
    sync::{Doubted, Events, Host, Mode, RunOptions, Stop, SyncError, SystemClock, doubt},
};

/// The command's name in the run log, and beside the lock.
const RESTORE: &str = "restore";

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    /// What the copy says of itself.
    pub looked: Looked,
    /// Where the mirror is now that was there before.
    pub kept: Option<PathBuf>,
    /// What of it waits for a user.
    pub doubted: Doubted,
}

/// Puts the copy `file` in the mirror's place. `force`: even one of another account.
///
/// # Errors
/// The file is no sound mirror, a later carnet's or another account's (exit 7); the mirror is locked (exit 11) or in use. The
/// present mirror is in place then, as it was.
pub fn restore(settings: &Settings, file: &Path, force: bool, events: &mut Events<'_>) -> Result<Restored, SyncError> {
    let path = &settings.mirror.path;
    if own_file(file, settings) == Some(OwnFile::Mirror) {
        let same = Diagnostic::new(format!("restore {}: it is the mirror itself", file.display()));
        return Err(SyncError::Usage(same.hint("name a file that `carnet backup` made")));
    }
    lock::no_daemon(path)?;
    let _held = lock::take(path, RESTORE, Duration::ZERO, &Stop::new(), events)?;
    let new = beside(path, ".restoring");
    forget_file(&new)?;
    let restored = put_back(settings, (file, &new), force, events);
    if restored.is_err() {
        // Why it failed says more than whatever removing what is left of it may say.
        let _ = forget_file(&new);
    }
    restored
}

fn put_back(
    settings: &Settings,
    (file, new): (&Path, &Path),
    force: bool,
    events: &mut Events<'_>,
) -> Result<Restored, SyncError> {
    Mirror::create_empty(new)?;
    let looked = Mirror::copy_to(file, new).map_err(unusable)?;
    refuse_other_account(&looked, &account(settings), force)?;
    let present = Present::hold(&settings.mirror.path)?;
    let mut mirror = Mirror::open(new)?;
    mirror.number_from(&present.numbers())?;
    let doubted = doubt(
        &mut mirror,
        &places(settings),
        (run_policy(settings, &RunOptions::new(Mode::MirrorOnly, RESTORE)), RESTORE),
        &SystemClock,
        events,
    )?;
    mirror.into_one_file(new)?;
    let kept = free_name(&settings.mirror.path, "before-restore", &SystemClock);
    let was_there = present.replace(new, &kept)?;
    Ok(Restored { looked, kept: was_there.then_some(kept), doubted })
}

/// The copy is at fault, not the mirror that is in place.
fn unusable(error: MirrorError) -> SyncError {
    match error {
        MirrorError::Unsound { .. } | MirrorError::NotSqlite { .. } | MirrorError::NotOurs { .. } => {
            let hint = "nothing was changed; take another copy, or an older one";
            SyncError::Failed(Diagnostic::new(error.to_string()).hint(hint))
        }
        MirrorError::Io { .. } => SyncError::Failed(Diagnostic::new(error.to_string()).hint("nothing was changed")),
        error => error.into(),
    }
}

fn refuse_other_account(looked: &Looked, account: &str, force: bool) -> Result<(), SyncError> {
    match &looked.account {
        Some(copied) if copied != account && !force => {
            let message = format!("go on: the copy is of {copied}, and the settings name {account}");
            let hint = "nothing was changed; if this is meant, add --force: `carnet sync` will ask once more";
            Err(SyncError::Safety(Diagnostic::new(message).hint(hint)))
        }
        _ => Ok(()),
    }
}

/// A name beside the mirror that says when it was replaced, and by what.
pub(super) fn free_name(path: &Path, why: &str, host: &dyn Host) -> PathBuf {
    let stamp = host.now().format("%Y%m%dT%H%M%SZ");
    let mut names = (1..).map(|number| match number {
        1 => beside(path, &format!(".{why}-{stamp}")),
        _ => beside(path, &format!(".{why}-{stamp}-{number}")),
    });
    names.find(|name| !name.exists()).unwrap_or_else(|| unreachable!("there are numbers without end"))
}
