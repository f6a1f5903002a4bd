//! The HTTP client, built once for each place.

use std::{path::Path, time::Duration};

use super::failure::cause;

/// Shorter than the keep-alive of common servers, so that a write is not sent into a connection they have just closed.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// How to reach one server.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions<'a> {
    /// For one request, whole.
    pub timeout: Duration,
    /// Connections kept open between requests; 0 for a new one each.
    pub connections: usize,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<&'a Path>,
    /// It is for an https address.
    pub tls: bool,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The file of certificates cannot be used.
    #[error("{0}")]
    CaFile(String),
    /// TLS cannot be used here.
    #[error("{0}")]
    Https(String),
}

/// The HTTP client for one server.
pub fn http_client(options: &ClientOptions<'_>) -> Result<reqwest::Client, ClientError> {
    // Another part of the program may have installed one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(options.timeout)
        // Well before the whole time is over, so that a server that is not there is told from one that is slow.
        .connect_timeout((options.timeout / 2).min(Duration::from_secs(10)))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(options.connections)
        .tcp_nodelay(true);
    builder = match options.ca_file {
        Some(path) => builder.tls_certs_merge(ca_certificates(path)?),
        None if options.tls => builder,
        // Plain HTTP needs no roots; reading the system's takes longer than the rest of the start.
        None => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| ClientError::Https(cause(&error)))
}

fn ca_certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let pem = std::fs::read(path).map_err(|error| ClientError::CaFile(error.to_string()))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(ClientError::CaFile("it holds no PEM certificate".to_owned())),
    }
}
