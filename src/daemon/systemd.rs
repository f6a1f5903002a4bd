//! What the service manager is told, where there is one (`$NOTIFY_SOCKET`). It never gets in the way: what cannot be told is
//! left untold.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The manager, and the signs of life that it wants.
#[derive(Debug)]
pub struct Manager {
    watchdog: Option<Interval>,
    /// The last line told.
    status: String,
}

impl Manager {
    /// As the environment says. Needs a runtime.
    pub fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|limit| {
            let mut signs = interval((limit / 2).max(Duration::from_millis(1)));
            signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
            signs
        });
        Self { watchdog, status: String::new() }
    }

    /// The daemon is up, or has read its settings again.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The settings are being read again.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(moment) => tell(&[NotifyState::Reloading, moment]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// It was told to stop.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// What it is doing.
    pub fn status(&mut self, line: String) {
        if self.status != line {
            tell(&[NotifyState::Status(&line)]);
            self.status = line;
        }
    }

    /// Ends when a sign of life is due; where none is wanted, never.
    pub async fn sign_due(&mut self) {
        match &mut self.watchdog {
            Some(signs) => drop(signs.tick().await),
            None => std::future::pending().await,
        }
    }

    /// A sign of life.
    pub fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}
