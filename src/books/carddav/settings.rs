//! Where a collection is, and how to log in there.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::formats::vcard::WriteStyle;

/// How to reach a book on a server.
#[derive(Debug, Clone)]
pub struct CarddavSettings {
    /// The book's name, for words.
    pub name: String,
    /// A collection, a principal or a server: https, or http on a literal loopback address.
    pub url: String,
    /// The login.
    pub login: Login,
    /// For one request, whole; larger cards get more.
    pub timeout: Duration,
    /// Requests in flight, at least 1.
    pub concurrency: usize,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Allows plain HTTP off the loopback.
    pub insecure_http: bool,
    /// How cards are read and written.
    pub style: WriteStyle,
    /// When this run began, in seconds since 1970.
    pub now: i64,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nobody: a server that asks for no login.
    None,
    /// RFC 7617.
    Basic {
        /// The name.
        username: String,
        /// The password, or an app's password.
        password: SecretString,
    },
    /// RFC 6750.
    Bearer(SecretString),
}
