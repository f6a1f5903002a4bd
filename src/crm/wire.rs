//! What carries a request to the server and brings its answer back: the seam below the client.
//!
//! One implementation speaks HTTP (`transport`); a simulation hands in its own and decides what gets lost on the way. What
//! an answer means is not decided here.

use std::{borrow::Cow, future::Future, pin::Pin, time::Duration};

use super::xml::{self, XmlError};
use crate::{
    transport::Failure,
    xml::{decode, says_html},
};

/// The answer to come. It may be awaited on any thread.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// Carries requests, each exactly once: it never repeats one by itself and follows no redirect.
pub trait Wire: Send + Sync {
    /// Sends a request and takes its answer whole.
    fn exchange<'a>(&'a self, request: Request<'a>) -> Exchange<'a>;

    /// A number in 0..1 for the jitter of waits.
    fn chance(&self) -> f64 {
        crate::transport::chance()
    }
}

/// A request. Not `Debug`: its body is people's data.
pub struct Request<'a> {
    /// The verb.
    pub verb: Verb,
    /// The whole address.
    pub url: &'a str,
    /// `If-None-Match`, if anything.
    pub etag: Option<&'a str>,
    /// XML, UTF-8.
    pub body: Option<String>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// The verbs of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Make.
    Post,
    /// Change.
    Put,
    /// Remove.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 4] = [Verb::Get, Verb::Post, Verb::Put, Verb::Delete];

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
        }
    }
}

/// A whole answer. Not `Debug`: its body is people's data.
#[derive(Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `ETag`, verbatim.
    pub etag: Option<String>,
    /// `Location`, verbatim.
    pub location: Option<String>,
    /// `Content-Type`, verbatim.
    pub content_type: Option<String>,
    /// `Retry-After`, at most an hour.
    pub retry_after: Option<Duration>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; a web page is refused. What it holds decides: servers mislabel their XML.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, XmlError> {
        let html = says_html(self.content_type.as_deref());
        match decode(&self.body, self.content_type.as_deref()) {
            Ok(text) if !xml::is_web_page(&text, html) => Ok(text),
            Ok(_) => Err(XmlError::WebPage),
            Err(_) if html => Err(XmlError::WebPage),
            Err(error) => Err(error.into()),
        }
    }
}
