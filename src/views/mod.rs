//! What any face shows, read from the mirror as plain data: contacts, runs and what they replaced, what waits for the user,
//! two sides next to each other, the state of everything.
//!
//! It says nothing in words and prints nothing: a terminal and a web page show the same, each in its own way.

pub mod attention;
pub mod clock;
pub mod comparison;
pub mod contacts;
pub mod firms;
pub mod problems;
pub mod runs;
pub mod status;

use std::path::Path;

use crate::mirror::Mirror;
pub use crate::mirror::{ContactId, MirrorError, State, beside};

/// A mirror that is looked at and never changed.
pub struct Reader {
    mirror: Mirror,
}

impl Reader {
    /// Opens the mirror of this path, while a run may be writing to it.
    ///
    /// # Errors
    /// There is none yet, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, MirrorError> {
        Ok(Self { mirror: Mirror::open_read_only(path)? })
    }
}

impl From<Mirror> for Reader {
    fn from(mirror: Mirror) -> Self {
        Self { mirror }
    }
}
