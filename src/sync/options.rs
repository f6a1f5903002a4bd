//! What a run is asked for, and the wish to stop it.

use tokio::sync::watch;

use crate::{contact::ids::CRM, reconcile::Limit};

/// Which of a run's steps are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The CRM into the mirror, nothing else.
    Pull,
    /// The mirror into the CRM, nothing else.
    Push,
    /// Scan all, push all.
    Sync,
    /// Scan all, push nothing.
    Rebuild,
    /// Neither: only what a file brings into the mirror.
    MirrorOnly,
}

impl Mode {
    /// True when the replica of this name is read.
    pub fn reads(self, replica: &str) -> bool {
        replica != CRM || matches!(self, Mode::Pull | Mode::Sync | Mode::Rebuild)
    }

    /// True when the replica of this name is written.
    pub fn writes(self, replica: &str) -> bool {
        match self {
            Mode::Push | Mode::Sync => true,
            Mode::Rebuild => false,
            Mode::Pull | Mode::MirrorOnly => replica != CRM,
        }
    }
}

/// What a run is asked for.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The steps.
    pub mode: Mode,
    /// Names of the replicas to take part (`crm` or books); empty for all.
    pub only: Vec<String>,
    /// Say what would be done, write nothing.
    pub dry_run: bool,
    /// Instead of the settings' limit.
    pub max_delete: Option<Limit>,
    /// A user's decision that an emptied, much edited or different replica is meant.
    pub force: bool,
    /// The command's name for the run log: `sync`, `daemon`...
    pub trigger: String,
}

impl RunOptions {
    /// A run of these steps, on all replicas, with nothing said beyond the settings. `trigger` is the command's name.
    pub fn new(mode: Mode, trigger: &str) -> Self {
        let (only, trigger) = (Vec::new(), trigger.to_owned());
        Self { mode, only, dry_run: false, max_delete: None, force: false, trigger }
    }
}

/// A wish to stop, shared between the run and whoever hears the signal. The request in hand is finished first.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Nobody wishes to stop yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Asks for a stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// True once a stop was asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends once a stop is asked for.
    pub async fn wait(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
