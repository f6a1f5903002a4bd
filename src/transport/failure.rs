//! Why no usable answer came, and how that is told from reqwest's errors.

use std::time::Duration;

/// Why no usable answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was sent: name, connection or TLS failed.
    NotSent {
        /// "host:port".
        place: String,
        /// Why, in the system's words.
        cause: String,
    },
    /// No whole answer in time.
    TimedOut {
        /// "host:port".
        place: String,
        /// The time.
        after: Duration,
    },
    /// The connection broke after something was sent.
    Cut {
        /// "host:port".
        place: String,
        /// Why, in the system's words.
        cause: String,
    },
    /// The answer is larger than what is read, in bytes.
    TooLarge(usize),
}

impl Failure {
    /// In words that name the place and nothing else of the address.
    pub fn words(&self) -> String {
        match self {
            Failure::NotSent { place, cause } => format!("could not connect to {place}: {cause}"),
            Failure::TimedOut { place, after } => {
                format!("no whole answer from {place} within {} s", after.as_secs_f32())
            }
            Failure::Cut { place, cause } => format!("the connection to {place} broke: {cause}"),
            Failure::TooLarge(limit) => format!("the answer is larger than {} MiB", limit / (1024 * 1024)),
        }
    }

    /// What a failure of reqwest means; `timeout` is that of the request.
    pub fn of(error: &reqwest::Error, timeout: Duration) -> Failure {
        let place = error.url().map_or_else(|| "the server".to_owned(), place);
        if error.is_connect() || error.is_builder() {
            Failure::NotSent { place, cause: cause(error) }
        } else if error.is_timeout() {
            Failure::TimedOut { place, after: timeout }
        } else {
            Failure::Cut { place, cause: cause(error) }
        }
    }
}

/// "404 Not Found".
pub fn status_words(status: u16) -> String {
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// "host:port" and nothing else of the address.
fn place(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The innermost cause: the outer ones repeat the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}
