//! A copy of the settings' mirror in a file of its own, made while a daemon or a run may be writing.
//!
//! It needs no lock. The file is written beside its place, readable by its owner alone, read through, and put there whole.

use std::{fs, io, path::Path};

use super::{
    open::something_ran,
    own_files::{OwnFile, own_file},
};
use crate::{
    config::{Book, Settings},
    mirror::{Looked, Mirror},
    sync::SyncError,
};

/// Why there is no backup.
#[derive(Debug)]
pub enum BackupError {
    /// The file is one that this carnet lives on.
    OwnFile(OwnFile),
    /// There is such a file already, and it was not to be replaced.
    Exists,
    /// The file cannot be written.
    File(io::Error),
    /// The mirror, or its copy.
    Sync(SyncError),
}

/// Copies the mirror into `file`; what the copy says of itself.
///
/// # Errors
/// There is no mirror, it is not sound, or the file cannot be written. Nothing is there then that was not before.
pub fn backup(settings: &Settings, file: &Path, replaces: bool) -> Result<Looked, BackupError> {
    if let Some(own) = own_file(file, settings) {
        return Err(BackupError::OwnFile(own));
    }
    let is_in = |book: &&Book| book.path().is_some_and(|folder| is_inside(file, folder));
    if let Some(book) = settings.books.iter().find(is_in) {
        // Whoever shares the book would be given the mirror.
        return Err(BackupError::OwnFile(OwnFile::Book(book.name.clone())));
    }
    if file.is_dir() {
        return Err(BackupError::File(io::ErrorKind::IsADirectory.into()));
    }
    if !replaces && file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists);
    }
    let path = &settings.mirror.path;
    something_ran(path).map_err(BackupError::Sync)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // tempfile makes it readable by its owner alone.
    let temp = tempfile::Builder::new().prefix(".carnet-backup-").suffix(".tmp").tempfile_in(folder);
    let temp = temp.map_err(BackupError::File)?.into_temp_path();
    let looked = Mirror::copy_to(path, &temp).map_err(|error| BackupError::Sync(SyncError::Mirror(error)))?;
    let persisted = if replaces { temp.persist(file) } else { temp.persist_noclobber(file) };
    persisted.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists,
        _ => BackupError::File(error.error),
    })?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::File)?;
    Ok(looked)
}

/// True for a file of this folder.
fn is_inside(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    matches!((parent.canonicalize(), folder.canonicalize()), (Ok(parent), Ok(folder)) if parent == folder)
}
