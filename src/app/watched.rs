//! Which folders and files of the settings' books are worth watching, and which names in them.

use std::{ffi::OsString, path::PathBuf};

pub use crate::books::{is_card_name, is_own_name};
use crate::config::{BookPlace, Direction, Settings};

/// A book whose edits can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedBook {
    /// Its name.
    pub name: String,
    /// The folder that it is, or is in.
    pub folder: PathBuf,
    /// The one file that it is; none for a folder of cards.
    pub file: Option<OsString>,
}

/// The books whose edits are believed. One that is only written is nobody's to edit.
pub fn watched_books(settings: &Settings) -> Vec<WatchedBook> {
    let mut watched = Vec::new();
    for book in settings.books.iter().filter(|book| book.direction != Direction::ToBook) {
        // As the book itself: a link in its path is a user's own word.
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let (folder, file) = match &book.place {
            BookPlace::Vdir(path) => (Some(real(path)), None),
            BookPlace::Vcard(path) | BookPlace::Csv(path) => {
                let path = real(path);
                (path.parent().map(PathBuf::from), path.file_name().map(OsString::from))
            }
            // A server tells nobody: the schedule finds what changed there.
            BookPlace::Carddav(_) => (None, None),
            // Whoever serves it asks for a run.
            BookPlace::Devices => (None, None),
        };
        watched.extend(folder.map(|folder| WatchedBook { name: book.name.clone(), folder, file }));
    }
    watched
}
