//! The files that a carnet lives on, which nothing else may be written over.

use std::path::Path;

use super::devices::device_store;
use crate::{config::Settings, mirror::beside};

/// What of a carnet's own a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnFile {
    /// This book.
    Book(String),
    /// The mirror, or what lies beside it and belongs to it.
    Mirror,
    /// The devices that are served and their cards, or what lies beside that file and belongs to it.
    Devices,
    /// The settings.
    Settings,
    /// What the practice CRM keeps.
    PracticeCrm,
}

/// A database, and what SQLite and the lock put beside it, by the ends of their names.
const AND_BESIDE: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];

/// What of the settings' own this file is; none for any other.
pub fn own_file(file: &Path, settings: &Settings) -> Option<OwnFile> {
    let same =
        |other: &Path| file == other || matches!((file.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    let is_of = |database: &Path| AND_BESIDE.iter().any(|end| same(&beside(database, end)));
    if let Some(book) = settings.books.iter().find(|book| book.path().is_some_and(same)) {
        return Some(OwnFile::Book(book.name.clone()));
    }
    if is_of(&settings.mirror.path) {
        return Some(OwnFile::Mirror);
    }
    if is_of(&device_store(&settings.mirror.path)) {
        return Some(OwnFile::Devices);
    }
    if same(&settings.file) {
        return Some(OwnFile::Settings);
    }
    settings.practice_crm().is_some_and(|state| same(&state)).then_some(OwnFile::PracticeCrm)
}
