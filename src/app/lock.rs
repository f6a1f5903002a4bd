//! The mirror's lock: one carnet works on a mirror at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use fd_lock::RwLock;

use crate::{replica::Diagnostic, sync::SyncError};

pub(crate) fn lock_file(mirror: &Path) -> Result<RwLock<File>, SyncError> {
    let path = lock_path(mirror);
    let failed = |error: std::io::Error| {
        SyncError::Failed(
            Diagnostic::new(format!("open {}: {error}", path.display())).hint("the mirror's folder must be writable"),
        )
    };
    if let Some(folder) = path.parent() {
        // The mirror's folder, made here first: for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut open = OpenOptions::new();
    open.create(true).truncate(false).write(true).mode(0o600);
    Ok(RwLock::new(open.open(&path).map_err(failed)?))
}

fn lock_path(mirror: &Path) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

pub(crate) fn locked(mirror: &Path) -> SyncError {
    SyncError::Locked(
        Diagnostic::new(format!("start: another carnet works on {}", mirror.display()))
            .hint("wait until it is done, or stop it; `carnet status` reads without the lock"),
    )
}
