//! Where watching is not built for the system: the schedule finds the edits.

use std::collections::BTreeMap;

use super::Seen;
use crate::app::WatchedBook;

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Watcher {
    unwatched: BTreeMap<String, String>,
}

impl Watcher {
    /// Nothing to say yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says so of each book.
    pub fn watch(&mut self, books: Vec<WatchedBook>) -> Seen {
        let why = |book: WatchedBook| (book.name, "this system's way of watching is not built in".to_owned());
        self.unwatched = books.into_iter().map(why).collect();
        Seen::Nothing
    }

    /// The books that are not watched, and why.
    pub fn unwatched(&self) -> &BTreeMap<String, String> {
        &self.unwatched
    }

    /// Nothing to look at.
    pub fn look_again(&mut self) -> Seen {
        Seen::Nothing
    }

    /// Never ends.
    pub async fn sees(&mut self) -> Seen {
        std::future::pending().await
    }
}
