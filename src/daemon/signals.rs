//! Signals as wishes: the first SIGINT or SIGTERM asks the run to stop after the request in hand, the second ends the
//! process at once; SIGHUP asks for the settings to be read again.

use std::{io, sync::Arc};

use tokio::sync::Notify;
use tracing::info;

use crate::sync::Stop;

/// The exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// What a user at a terminal is told on the first Ctrl-C.
const AGAIN: &str = "stopping after the request in hand; once more stops at once\n";

/// The daemon's signals.
pub struct Signals {
    reload: Arc<Notify>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub fn install(stop: &Stop) -> io::Result<Self> {
        let reload = Arc::new(Notify::new());
        hang_ups(Arc::clone(&reload))?;
        listen(stop, |_| info!("told to stop; the request in hand is finished first"));
        Ok(Self { reload })
    }

    /// None come but this one, when it is notified.
    #[cfg(test)]
    pub(super) fn only(reload: Arc<Notify>) -> Self {
        Self { reload }
    }

    /// Ends when the settings are to be read again. A SIGHUP during a run is not lost.
    pub async fn reload(&self) {
        self.reload.notified().await;
    }
}

/// Asks `stop` for a stop on the first SIGINT or SIGTERM, calling `first` with what to tell a user; on the second the
/// process ends. Needs a runtime.
pub fn listen(stop: &Stop, first: impl FnOnce(&'static str) + Send + 'static) {
    // At once: a signal that comes before the task begins is not to end the process.
    let Ok(mut ends) = Ends::new() else { return };
    let stop = stop.clone();
    tokio::spawn(async move {
        ends.next().await;
        stop.request();
        first(AGAIN);
        ends.next().await;
        std::process::exit(INTERRUPTED);
    });
}

/// SIGINT and SIGTERM, listened to without a pause between one and the next.
#[cfg(unix)]
struct Ends {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Ends {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Ends;

#[cfg(not(unix))]
impl Ends {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without signals there is nothing to hear, ever.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(unix)]
fn hang_ups(reload: Arc<Notify>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            reload.notify_one();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn hang_ups(_: Arc<Notify>) -> io::Result<()> {
    Ok(())
}
