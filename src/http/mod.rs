//! The daemon seen and asked over HTTP: health, metrics, nudge.
//!
//! It stands outside the daemon and names its [`crate::daemon::DaemonHandle`] alone; the command line puts the two together,
//! so the daemon knows of no listener. It answers in the daemon's own thread: a supervisor that is stuck answers nothing.
//!
//! Nothing that it says is personal: counts, times, and the names that the settings give to books. No answer may be read by
//! another site's page in a browser: there is no CORS header, on a loopback address the Host must be one, and a nudge needs
//! the token.

pub mod dav;
pub mod desk;
mod health;
mod listening;
mod metrics;
mod nudge;
mod routes;
mod serve;
mod text;
mod throttle;
mod token;

use std::{io, net::SocketAddr, path::PathBuf};

pub use serve::{HttpServer, examine};

use crate::sync::exit;

/// Why nothing can be listened to. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be had.
    #[error("listen on {listen}: {source}")]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// The token cannot be read or made.
    #[error("use the token for nudges in {}: {why}", file.display())]
    Token {
        /// Its file.
        file: PathBuf,
        /// What is wrong.
        why: String,
        /// What to do.
        hint: &'static str,
    },
}

impl HttpError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            HttpError::Token { hint, .. } => (*hint).to_owned(),
            HttpError::Bind { listen, source } => match source.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "another program listens there (`ss -ltnp` shows which); set another port in [http] listen, now {listen}"
                ),
                io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; take a higher one".to_owned(),
                io::ErrorKind::AddrNotAvailable => "this machine has no such address; see [http] listen".to_owned(),
                _ => "see [http] listen in the settings; without that line nothing is listened to".to_owned(),
            },
        }
    }

    /// Somebody listens there already.
    pub fn is_taken(&self) -> bool {
        matches!(self, HttpError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// The public exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            HttpError::Bind { .. } => exit::FAILED,
            HttpError::Token { .. } => exit::USAGE,
        }
    }
}
