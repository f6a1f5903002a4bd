//! The settings' mirror, opened for a run or a decision.
//!
//! One that others can read was put there by another program (Litestream makes what it restores readable by all): it is its
//! owner's alone from then on, and is treated as the restored copy that it is.

use std::path::Path;

use super::compose::{places, run_policy};
use crate::{
    config::Settings,
    contact::ids::MIRROR,
    mirror::Mirror,
    replica::Diagnostic,
    sync::{Events, RunOptions, SyncError, SyncEvent, SystemClock, doubt},
};

/// There is a mirror to look at.
///
/// # Errors
/// None was made yet.
pub fn something_ran(mirror: &Path) -> Result<(), SyncError> {
    if mirror.exists() {
        return Ok(());
    }
    let diagnostic = Diagnostic::new(format!("find the mirror {}: nothing ran yet", mirror.display()));
    Err(SyncError::Failed(diagnostic.hint("`carnet sync` makes the mirror and fills it")))
}

/// Opens the mirror; the caller has its lock.
pub(crate) fn open_mirror(
    settings: &Settings,
    options: &RunOptions,
    events: &mut Events<'_>,
) -> Result<Mirror, SyncError> {
    let path = &settings.mirror.path;
    let mut mirror = Mirror::open(path)?;
    if options.dry_run || !Mirror::others_can_read(path)? {
        return Ok(mirror);
    }
    let policy = run_policy(settings, &RunOptions { dry_run: false, ..options.clone() });
    doubt(&mut mirror, &places(settings), (policy, "restore"), &SystemClock, events)?;
    // Not before: whoever dies in between finds it readable again.
    Mirror::make_private(path)?;
    events(SyncEvent::Notice {
        replica: MIRROR.to_owned(),
        message: format!("{} could be read by others: it is its owner's alone now", path.display()),
        hint: Some(
            "another program put it there, so it is treated as a restored copy; `carnet restore FILE` is the \
                    way to put one back"
                .to_owned(),
        ),
    });
    Ok(mirror)
}
