//! The files that a carnet lives on, which nothing else may be written over.

use std::path::Path;

use crate::{config::Settings, mirror::beside};

/// What of a carnet's own a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnFile {
    /// This book.
    Book(String),
    /// The mirror, or what lies beside it and belongs to it.
    Mirror,
    /// The settings.
    Settings,
    /// What the practice CRM keeps.
    PracticeCrm,
}

/// What SQLite and the lock put beside the mirror, by the ends of their names.
const BESIDE_THE_MIRROR: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];

/// What of the settings' own this file is; none for any other.
pub fn own_file(file: &Path, settings: &Settings) -> Option<OwnFile> {
    let same =
        |other: &Path| file == other || matches!((file.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    let mirror = &settings.mirror.path;
    let is_mirror = BESIDE_THE_MIRROR.iter().any(|end| same(&beside(mirror, end)));
    if let Some(book) = settings.books.iter().find(|book| book.path().is_some_and(same)) {
        return Some(OwnFile::Book(book.name.clone()));
    }
    if is_mirror {
        return Some(OwnFile::Mirror);
    }
    if same(&settings.file) {
        return Some(OwnFile::Settings);
    }
    settings.practice_crm().is_some_and(|state| same(&state)).then_some(OwnFile::PracticeCrm)
}
