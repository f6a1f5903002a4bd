//! What carries a request to the server and brings its answer back: the seam below the client.
//!
//! One implementation speaks HTTP; a simulation hands in its own and decides what gets lost on the way.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{Method, header};
use secrecy::ExposeSecret;
use url::Url;

use super::settings::{CarddavSettings, Login};
use crate::{
    replica::Diagnostic,
    transport::{ClientError, ClientOptions, Failure, WholeAnswer, http_client, take_whole},
};

/// The largest answer that is read, decompressed: a listing of 100,000 cards, or 50 cards with pictures.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// The answer to come. It may be awaited on any thread.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<WholeAnswer, Failure>> + Send + 'a>>;

/// Carries requests, each exactly once: it never repeats one by itself and follows no redirect.
pub trait DavWire: Send + Sync {
    /// Sends a request to a path of the server at `base` and takes its answer whole.
    fn exchange<'a>(&'a self, base: &'a Url, request: &'a DavRequest, timeout: Duration) -> Exchange<'a>;

    /// Uses no connection twice from now on.
    fn unpool(&self) {}

    /// A number in 0..1 for the jitter of waits.
    fn chance(&self) -> f64 {
        crate::transport::chance()
    }
}

/// A request to a path of the server.
pub struct DavRequest {
    /// The verb.
    pub method: &'static str,
    /// The path, encoded.
    pub path: String,
    /// Headers beside the login.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl DavRequest {
    /// A request without a body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: None }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body of XML.
    #[must_use]
    pub fn xml(mut self, body: String) -> Self {
        self.body = Some(body.into_bytes());
        self.header("content-type", "application/xml; charset=utf-8")
    }

    /// With a card.
    #[must_use]
    pub fn card(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("content-type", "text/vcard; charset=utf-8")
    }
}

/// HTTP, with one login.
pub struct Http {
    pooled: reqwest::Client,
    /// A new connection for each request: one server ends each after an answer, and does not say so.
    unpooled: reqwest::Client,
    is_unpooled: AtomicBool,
    login: Login,
}

impl Http {
    /// HTTP as these settings want it; `tls`: it is for an https address.
    pub fn new(settings: &CarddavSettings, tls: bool) -> Result<Self, Diagnostic> {
        let options = ClientOptions {
            timeout: settings.timeout,
            connections: settings.concurrency.max(1),
            ca_file: settings.ca_file.as_deref(),
            tls,
        };
        let refuse = |error: ClientError| match error {
            ClientError::CaFile(reason) => Diagnostic::new(format!("read ca_file of book {}: {reason}", settings.name))
                .hint("it names a file of certificates in PEM form"),
            ClientError::Https(reason) => Diagnostic::new(format!("prepare HTTPS: {reason}"))
                .hint("check that the system's root certificates are installed, and the book's ca_file"),
        };
        let pooled = http_client(&options).map_err(refuse)?;
        let unpooled = http_client(&ClientOptions { connections: 0, ..options }).map_err(refuse)?;
        let (is_unpooled, login) = (AtomicBool::new(false), settings.login.clone());
        Ok(Self { pooled, unpooled, is_unpooled, login })
    }
}

impl DavWire for Http {
    fn exchange<'a>(&'a self, base: &'a Url, request: &'a DavRequest, timeout: Duration) -> Exchange<'a> {
        Box::pin(async move {
            let DavRequest { method, path, headers, body } = request;
            let mut url = base.clone();
            url.set_path(path);
            // The verbs are this folder's own.
            let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
            let http = if self.is_unpooled.load(Ordering::Relaxed) { &self.unpooled } else { &self.pooled };
            let mut sending = http.request(method, url).timeout(timeout);
            sending = match &self.login {
                Login::None => sending,
                Login::Basic { username, password } => sending.basic_auth(username, Some(password.expose_secret())),
                Login::Bearer(token) => sending.bearer_auth(token.expose_secret()),
            };
            for (name, value) in headers {
                sending = sending.header(*name, value);
            }
            if let Some(body) = body {
                sending = sending.body(body.clone());
            } else if request.method == "PUT" {
                sending = sending.header(header::CONTENT_LENGTH, "0");
            }
            let response = sending.send().await.map_err(|error| Failure::of(&error, timeout))?;
            take_whole(response, ANSWER_LEN_MAX, timeout).await
        })
    }

    fn unpool(&self) {
        self.is_unpooled.store(true, Ordering::Relaxed);
    }
}
