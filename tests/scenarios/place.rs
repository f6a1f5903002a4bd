//! Where the book `cards` of a story is. Its steps work on a folder: the book itself, or a working copy of one elsewhere.

use std::path::Path;

use super::words::Outcome;

/// Where the book is.
pub trait Place {
    /// The lines of the settings that say so.
    fn lines(&self) -> String;

    /// Has the folder show what is there. A file that is as it was stays untouched.
    fn pull(&mut self, folder: &Path) -> Outcome;

    /// Has what was done in the folder be done there.
    fn push(&mut self, folder: &Path) -> Outcome;

    /// True where one look does not prove a deletion: carnet looks again before it believes one.
    fn asks_twice(&self) -> bool;
}
