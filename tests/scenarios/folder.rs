//! A story's book is the folder that its steps work on.

use std::path::Path;

use super::{place::Place, words::Outcome};

/// The folder is the book.
pub struct Folder;

impl Place for Folder {
    fn lines(&self) -> String {
        "kind = \"vdir\"\npath = \"cards\"\n".to_owned()
    }

    fn pull(&mut self, _: &Path) -> Outcome {
        Ok(())
    }

    fn push(&mut self, _: &Path) -> Outcome {
        Ok(())
    }

    fn asks_twice(&self) -> bool {
        false
    }
}
