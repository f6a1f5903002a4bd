//! What the daemon is doing, for whoever shows it: health, metrics, `systemctl status`, `carnet status`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::plan::{Cause, Scope};
use crate::sync::exit;

/// A picture of the daemon. A new one is published at each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonState {
    /// Since when it lives.
    pub started: DateTime<Utc>,
    /// The run at work.
    pub running: Option<Running>,
    /// The last run that ended.
    pub last: Option<LastRun>,
    /// When the last run of all replicas came to its end; none before the first of this daemon.
    pub last_good: Option<DateTime<Utc>>,
    /// Runs that failed since then.
    pub failures: u32,
    /// When the next run is expected, unless something asks for one before; none while one is at work.
    pub next: Option<DateTime<Utc>>,
    /// What waits for the user, as `status` counts it, after the last run that came to its end.
    pub waiting: u64,
    /// The books in trouble that are not tried again by themselves before this time; the others keep the schedule.
    pub resting: BTreeMap<String, DateTime<Utc>>,
    /// The books whose edits are seen by the schedule alone, or not all at once, and why.
    pub unwatched: BTreeMap<String, String>,
    /// Since a user wants no run that nobody asks for by hand; it ends with the daemon.
    pub paused: Option<DateTime<Utc>>,
    /// It was told to stop, and will once the run at work is over.
    pub stopping: bool,
}

/// A run at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why.
    pub cause: Cause,
    /// Of what.
    pub scope: Scope,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// Why it was made.
    pub cause: Cause,
    /// Of what.
    pub scope: Scope,
    /// The exit code that `carnet sync` would have had.
    pub exit_code: u8,
    /// Why it failed: it reads after "failed to". None where it came to its end.
    pub error: Option<String>,
}

impl DaemonState {
    /// True while the daemon waits after a refused login.
    pub fn is_login_refused(&self) -> bool {
        self.failures > 0 && self.last.as_ref().is_some_and(|last| last.exit_code == exit::LOGIN)
    }

    /// A daemon that has just begun.
    pub(crate) fn new(started: DateTime<Utc>) -> Self {
        Self {
            started,
            running: None,
            last: None,
            last_good: None,
            failures: 0,
            next: None,
            waiting: 0,
            resting: BTreeMap::new(),
            unwatched: BTreeMap::new(),
            paused: None,
            stopping: false,
        }
    }
}
