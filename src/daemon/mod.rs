//! Many runs: one at a time, each on a thread of its own, when the schedule, an edit, a nudge or a failure asks for one,
//! until told to stop.
//!
//! `plan` decides, without a clock; `supervisor` waits for what happens, carries out what was decided, and publishes a
//! [`DaemonState`] at each change. A run that fails or panics is logged and tried again later; it never ends the daemon. A run
//! missed while the machine slept or the daemon was down is made up for once. Nothing is printed here, all of it goes to
//! the log, where contacts are named by id only above the debug level.
//!
//! A face of the daemon (health, metrics, hooks) needs only a [`DaemonHandle`].

mod alarm;
mod backoff;
#[cfg(target_os = "linux")]
mod descriptor;
pub mod log;
mod plan;
mod resting;
pub mod signals;
pub mod socket;
mod state;
mod supervisor;
mod systemd;
mod watching;
mod worker;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Local, Utc};
use rustix::time::ClockId;
use tokio::sync::{Notify, watch};

use crate::{config::Settings, sync::SyncError};
pub use log::Wording;
pub use plan::{Cause, Scope};
pub use state::{DaemonState, LastRun, Running};
pub use supervisor::Daemon;
pub use worker::{Listener, Listeners, News, Order, Outcome};

use plan::Now;

/// Why the daemon cannot begin. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The system gives no signals.
    #[error("listen for signals: {0}")]
    Signals(std::io::Error),
    /// Another daemon looks after this mirror, or the lock that says so cannot be made.
    #[error(transparent)]
    Lock(SyncError),
}

/// What others need of a daemon: to see it, and to ask it for a run.
#[derive(Clone)]
pub struct DaemonHandle {
    /// What it is doing; a new picture at each change.
    pub state: watch::Receiver<DaemonState>,
    /// The settings that it goes by; new ones when they were read again.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Asks for a run.
    pub nudge: Nudge,
    /// Has runs wait.
    pub pause: Pause,
    /// Hear of its runs.
    pub listeners: Listeners,
}

/// Asks the daemon for a run. However often it is asked before a run begins, it is one run; asked while one is at work, it
/// is one more after it. Where the login was refused nobody's asking hastens the next try.
#[derive(Debug, Clone, Default)]
pub struct Nudge {
    asked: Arc<Notify>,
    insisted: Arc<Notify>,
}

impl Nudge {
    /// Asks for a run; while the daemon is paused it waits.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Asks for a run in a user's name, also while the daemon is paused.
    pub fn insist(&self) {
        self.insisted.notify_one();
    }

    /// Ends when somebody has asked.
    async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Ends when a user has asked.
    async fn insisted(&self) {
        self.insisted.notified().await;
    }
}

/// Has runs wait that nobody asks for by hand: those of the schedule, after edits, for devices and webhooks.
#[derive(Debug, Clone)]
pub struct Pause(watch::Sender<bool>);

impl Default for Pause {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Pause {
    /// Has them wait, or go on.
    pub fn set(&self, paused: bool) {
        self.0.send_replace(paused);
    }

    fn wishes(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

/// The next wish. It never ends without one.
async fn wished(wishes: &mut watch::Receiver<bool>) -> bool {
    if wishes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *wishes.borrow_and_update()
}

/// The present moment.
fn now() -> Now {
    let up = rustix::time::clock_gettime(ClockId::Boottime);
    let whole = u64::try_from(up.tv_sec).unwrap_or_default();
    Now { wall: Utc::now(), up: Duration::new(whole, u32::try_from(up.tv_nsec).unwrap_or_default()) }
}

/// A moment as log lines are stamped: by the user's own clock, with its offset.
fn shown(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
