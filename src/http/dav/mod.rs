//! carnet as a CardDAV server (RFC 6352): one device is one login, one principal and one address book.
//!
//! It speaks to the device store alone, never to the mirror: what a device writes is in its own book at once, and a run
//! reconciles it like an edit in any book. So there is no merging here, and nothing waits for a run.
//!
//! `listener` takes connections, `routes` reads requests and asks `login` who sends them; from there on a request is a plain
//! value that `session` answers from the store, on a thread that may be blocked. What only counts or compares is without a
//! clock: time is handed in as the uptime of the listener.

mod card;
mod certificate;
mod client_address;
mod collections;
mod edits;
mod error;
mod listener;
mod login;
mod password;
mod paths;
mod patient;
mod properties;
mod propfind;
mod read;
mod reply;
mod reports;
mod routes;
mod service;
mod session;
mod setup;
mod spool;
mod stores;
mod write;

use std::{net::IpAddr, net::SocketAddr, path::PathBuf, time::Duration};

pub use edits::AskForRun;
pub use error::DavServerError;
pub use listener::{DavHandle, DavServer};
pub use password::{PasswordError, hash_password};
pub use service::{DavService, examine};
pub use setup::Setup;

/// Where and how address books are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DavSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How devices reach it, if not by that address: its path stands before every path in answers.
    pub public_url: Option<String>,
    /// The certificate's chain and its key, both PEM. Without them, plain HTTP is spoken, on the loopback or to a proxy.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The proxies in front, which alone may say whose request they pass on.
    pub proxies: Vec<IpAddr>,
    /// The largest card that is taken, in bytes.
    pub card_bytes_max: usize,
    /// How long clients may take, and how many there may be.
    pub limits: DavLimits,
}

/// How long a client may take, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DavLimits {
    /// A request's head is there after this long; a connection without a request is closed after it.
    pub head_max: Duration,
    /// Within this, something of a body comes, or something of an answer is taken.
    pub stall_max: Duration,
    /// A body is there after this long.
    pub body_max: Duration,
    /// Connections at a time; more wait to be accepted.
    pub connections_max: usize,
}

impl Default for DavLimits {
    fn default() -> Self {
        Self {
            head_max: Duration::from_secs(30),
            stall_max: Duration::from_secs(30),
            body_max: Duration::from_secs(600),
            connections_max: 512,
        }
    }
}
