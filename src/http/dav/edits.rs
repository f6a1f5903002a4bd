//! Runs asked for after a device's edit: soon, many edits together, and not one run after the other.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::http::nudge::Nudges;

/// Asks for a run; called from the listener's threads, and quick.
pub type AskForRun = Arc<dyn Fn() + Send + Sync>;

/// The edits that no run was asked for yet.
#[derive(Clone)]
pub(super) struct Edits {
    ask: AskForRun,
    nudges: Arc<Mutex<Nudges>>,
    begun: Instant,
}

impl Edits {
    pub fn new(ask: AskForRun, begun: Instant) -> Self {
        Self { ask, nudges: Arc::default(), begun }
    }

    /// A device changed something. Needs a runtime; waits for nothing.
    pub fn made(&self) {
        let Some(at) = self.nudges(|nudges, now| nudges.join(now)) else { return };
        let edits = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(edits.begun + at).await;
            edits.nudges(Nudges::pass_on);
            (edits.ask)();
        });
    }

    fn nudges<T>(&self, act: impl FnOnce(&mut Nudges, Duration) -> T) -> T {
        act(&mut self.nudges.lock().unwrap_or_else(PoisonError::into_inner), self.begun.elapsed())
    }
}
