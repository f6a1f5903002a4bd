//! An answer, taken to its end or not at all.

use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName};

use super::{Failure, retry_after};

/// The largest body that is read, decompressed.
pub const BODY_LEN_MAX: usize = 16 * 1024 * 1024;

/// A whole answer. Not `Debug`: its body is people's data.
pub struct WholeAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl WholeAnswer {
    /// A header's text; none where it is missing or no text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Retry-After`, at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header(header::RETRY_AFTER).and_then(|value| retry_after(value, chrono::Utc::now()))
    }

    /// True for 2xx.
    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// Takes an answer to its end, of at most `limit` bytes. Of an answer that is no success the status is enough: its body may be
/// missing. `timeout` is that of the request.
pub async fn take_whole(
    mut response: reqwest::Response,
    limit: usize,
    timeout: Duration,
) -> Result<WholeAnswer, Failure> {
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut answer = WholeAnswer { status, headers, body: Vec::new() };
    answer.body.reserve_exact(told.min(limit));
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= limit => answer.body.extend_from_slice(&chunk),
            Ok(Some(_)) => break Err(Failure::TooLarge(limit)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(Failure::of(&error, timeout)),
        }
    };
    match end {
        Err(failure) if answer.is_success() => Err(failure),
        Err(_) => {
            answer.body.clear();
            Ok(answer)
        }
        Ok(()) => Ok(answer),
    }
}
