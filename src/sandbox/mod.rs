//! A practice CRM to try things on: the server side of the API reference, over real HTTP on the loopback.
//!
//! It is written from the reference alone and imports neither `crm` nor `replicas`: two independent readings, so that one
//! misreading cannot hide in both. What the reference leaves open is a setting; what may go wrong is a fault. It holds
//! invented people only and listens on 127.0.0.1 only: it is no server for real data.

mod answer;
mod chance;
mod change;
mod direct;
mod faults;
mod firm_desk;
mod listener;
mod object;
mod route;
mod rows;
mod seed;
mod serve;
mod server;
mod settings;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod xml_read;
mod xml_write;

use std::{io, path::PathBuf, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub use chance::Chance;
pub use direct::{Direct, DirectAnswer};
pub use faults::{FAULT_NAMES, Fault, Mishap, Share};
pub use object::{Entry, Firm, Record, Value};
pub use serve::serve;
pub use settings::{Lists, PastEnd, Quirk, SandboxSettings, UnknownName};
pub use store::{LOG_MAX, LoggedRequest, Outcome, Store};

use self::{
    listener::{ConnectionCutter, FaultyListener},
    server::Server,
    state::State,
};

/// Requests under way have this long to end when the sandbox is stopped.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Why the practice CRM does not run: reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken or may not be used.
    #[error("listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of the state file cannot be made.
    #[error("make the folder for {}", path.display())]
    Folder {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The state file cannot be opened.
    #[error("open the practice CRM's state {}", path.display())]
    Open {
        /// The state file; empty for one in memory.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The state cannot be read or written.
    #[error("read or write the practice CRM's state")]
    State(#[from] rusqlite::Error),
    /// The system lets us not wait for signals, or print.
    #[error("run the practice CRM")]
    Io(#[from] io::Error),
}

impl SandboxError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Listen { .. } => Some("choose another port with --port, or 0 for any free one"),
            Self::Folder { .. } => Some("choose a folder that you may write to"),
            Self::Open { .. } => {
                Some("if it is no file of the practice CRM, choose another; if it is broken, delete it")
            }
            Self::State(_) | Self::Io(_) => None,
        }
    }
}

/// A practice CRM at work; dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    store: Store,
    port: u16,
    /// Dropped or sent: the server stops.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Sandbox {
    /// Opens the state (new ones are seeded), binds 127.0.0.1 and serves in a task of the present runtime.
    pub async fn start(settings: SandboxSettings) -> Result<Self, SandboxError> {
        let port = settings.port;
        let listen = |source| SandboxError::Listen { port, source };
        // Before the state, so that a taken port leaves no file behind.
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        let opened = tokio::task::spawn_blocking(move || open(settings)).await;
        let store = opened.map_err(|error| io::Error::other(error.to_string()))??;
        let router = Router::new().fallback(server::handle).with_state(Server::new(store.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            axum::serve(FaultyListener(listener), router.into_make_service_with_connect_info::<ConnectionCutter>())
                .with_graceful_shutdown(async move {
                    // An error means that the sender was dropped, which asks for the same.
                    let _ = stopped.await;
                });
        let task = tokio::spawn(async move {
            // axum's server ends without an error, by its own documentation.
            let _ = serving.await;
        });
        Ok(Self { store, port, stop, task })
    }

    /// The base address that a client is given: `http://127.0.0.1:PORT/demo`.
    pub fn url(&self) -> String {
        let account = &self.store.settings().account;
        let account = if account.is_empty() { "demo" } else { account };
        format!("http://127.0.0.1:{}/{account}", self.port)
    }

    /// Its insides, for tests and for a user's doings at the CRM.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Ends the requests under way, then stops; after two seconds it stops all the same.
    pub async fn stop(self) {
        let Self { store: _, port: _, stop, mut task } = self;
        drop(stop);
        if tokio::time::timeout(STOP_MAX, &mut task).await.is_err() {
            task.abort();
        }
    }
}

fn open(settings: SandboxSettings) -> Result<Store, SandboxError> {
    let path = settings.state.clone();
    if let Some(path) = &path
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder).map_err(|source| SandboxError::Folder { path: path.clone(), source })?;
    }
    let people = || seed::people(settings.seed, settings.contacts);
    let wish = seed::FirmSeed {
        seed: settings.seed,
        count: settings.firms as usize,
        odd: settings.has(Quirk::OddFirms),
        dangling: settings.has(Quirk::FirmsDangling),
    };
    let state = State::open(path.as_deref(), people, |named| seed::firms(named, wish))
        .map_err(|source| SandboxError::Open { path: path.unwrap_or_default(), source })?;
    Ok(Store::new(settings, state))
}
