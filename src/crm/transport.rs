//! HTTP underneath the client: how it is built, how an answer is taken from it whole, and what its failures are called.
//!
//! Everything that could send a login elsewhere is switched off here: redirects, proxies of the environment, retries.

use std::{path::Path, time::Duration};

use reqwest::{Method, header};
use secrecy::{ExposeSecret, SecretString};

use super::{
    error::{CrmError, ErrorKind, Failure},
    retry,
    settings::ClientSettings,
    wire::{Answer, Exchange, Request, Verb, Wire},
};

/// The largest body that is read, decompressed.
pub const BODY_LEN_MAX: usize = 16 * 1024 * 1024;

/// Shorter than the keep-alive of common servers, so that a write is not sent into a connection they have just closed.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// HTTP, with one login.
pub struct Http {
    client: reqwest::Client,
    username: String,
    password: SecretString,
}

impl Http {
    /// HTTP as these settings want it; `tls`: it is for an https address.
    pub fn new(settings: &ClientSettings, tls: bool) -> Result<Self, CrmError> {
        let client = http_client(settings, tls)?;
        Ok(Self { client, username: settings.username.clone(), password: settings.password.clone() })
    }
}

impl Wire for Http {
    fn exchange<'a>(&'a self, request: Request<'a>) -> Exchange<'a> {
        Box::pin(async move {
            let Request { verb, url, etag, body, timeout } = request;
            let method = match verb {
                Verb::Get => Method::GET,
                Verb::Post => Method::POST,
                Verb::Put => Method::PUT,
                Verb::Delete => Method::DELETE,
            };
            let mut request = self
                .client
                .request(method, url)
                .basic_auth(&self.username, Some(self.password.expose_secret()))
                .header(header::CONTENT_TYPE, "application/xml")
                .header(header::ACCEPT, "application/xml");
            if let Some(etag) = etag {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(body) = body {
                request = request.body(body);
            }
            let response = request.send().await.map_err(|error| failure(&error, timeout))?;
            take_answer(response, timeout).await
        })
    }
}

/// Takes an answer to its end. Of an answer that is no success the status is enough: its body may be missing.
async fn take_answer(mut response: reqwest::Response, timeout: Duration) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let text = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let mut answer = Answer {
        status,
        etag: text(header::ETAG),
        location: text(header::LOCATION),
        retry_after: text(header::RETRY_AFTER).and_then(|value| retry::retry_after(&value, chrono::Utc::now())),
        content_type: text(header::CONTENT_TYPE),
        body: Vec::new(),
    };
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    answer.body.reserve_exact(told.min(BODY_LEN_MAX));
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= BODY_LEN_MAX => answer.body.extend_from_slice(&chunk),
            Ok(Some(_)) => break Err(Failure::TooLarge(BODY_LEN_MAX)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(failure(&error, timeout)),
        }
    };
    match end {
        Err(failure) if (200..=299).contains(&status) => Err(failure),
        Err(_) => {
            answer.body.clear();
            Ok(answer)
        }
        Ok(()) => Ok(answer),
    }
}

/// What a failure means. `timeout` is that of the request.
fn failure(error: &reqwest::Error, timeout: Duration) -> Failure {
    let place = error.url().map_or_else(|| "the server".to_owned(), place);
    if error.is_connect() || error.is_builder() {
        Failure::NotSent { place, cause: cause(error) }
    } else if error.is_timeout() {
        Failure::TimedOut { place, after: timeout }
    } else {
        Failure::Cut { place, cause: cause(error) }
    }
}

/// "host:port" and nothing else of the address.
fn place(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The HTTP client for these settings; `tls`: it is for an https address.
fn http_client(settings: &ClientSettings, tls: bool) -> Result<reqwest::Client, CrmError> {
    // Another part of the program may have installed one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(settings.timeout)
        // Well before the whole time is over, so that a server that is not there is told from one that is slow.
        .connect_timeout((settings.timeout / 2).min(Duration::from_secs(10)))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(settings.concurrency.max(1))
        .tcp_nodelay(true);
    builder = match &settings.ca_file {
        Some(path) => builder.tls_certs_merge(ca_certificates(path)?),
        None if tls => builder,
        // Plain HTTP needs no roots; reading the system's takes longer than the rest of the start.
        None => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| {
        CrmError::new(ErrorKind::Settings, format!("prepare HTTPS: {}", cause(&error)))
            .hint("check that the system's root certificates are installed, and crm.ca_file")
    })
}

/// The innermost cause: the outer ones repeat the address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn ca_certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, CrmError> {
    let refuse = |message: String| {
        CrmError::new(ErrorKind::Settings, format!("read crm.ca_file: {message}"))
            .hint("it names a file of certificates in PEM form")
    };
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(refuse("it holds no PEM certificate".to_owned())),
    }
}
