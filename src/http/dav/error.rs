//! Why address books cannot be served.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{books::served::StoreError, sync::exit};

/// Why address books cannot be served. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DavServerError {
    /// The address cannot be had.
    #[error("listen on {listen}: {source}")]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// Passwords would cross a network in the clear.
    #[error("serve address books on {listen}: there is no certificate, and no proxy in front that has one")]
    Plain {
        /// Where.
        listen: SocketAddr,
    },
    /// The certificate or its key cannot be used.
    #[error("use the certificate's file {}: {why}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The public address is none.
    #[error("use the public address {0:?}: it is not an http or https address")]
    PublicUrl(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DavServerError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            DavServerError::Bind { listen, source } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("another program listens there (`ss -ltnp` shows which); set another port, now {listen}")
                }
                io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; take a higher one".to_owned(),
                _ => "this machine may have no such address".to_owned(),
            },
            DavServerError::Plain { .. } => {
                "name a certificate and its key, or listen on 127.0.0.1, or name the proxy that devices come through"
                    .to_owned()
            }
            DavServerError::Certificate { .. } => {
                "both files are PEM: the certificate with its chain, and its key without a password".to_owned()
            }
            DavServerError::PublicUrl(_) => "write it like https://cards.example.org".to_owned(),
            DavServerError::Store(error) => {
                error.hint().unwrap_or("the device store stands beside the mirror").to_owned()
            }
        }
    }

    /// Somebody listens there already.
    pub fn is_taken(&self) -> bool {
        matches!(self, DavServerError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// The public exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            DavServerError::Bind { .. } | DavServerError::Store(_) => exit::FAILED,
            DavServerError::Plain { .. } | DavServerError::Certificate { .. } | DavServerError::PublicUrl(_) => {
                exit::USAGE
            }
        }
    }
}
