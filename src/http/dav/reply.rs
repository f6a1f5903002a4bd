//! Answers: a status, some headers, a body that is there whole.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use tracing::warn;

use super::{
    spool::{Content, Spool},
    stores::Trouble,
};
use crate::dav::{Condition, error};

/// What the server can do (RFC 4918, 18; RFC 6352, 6.1). Not class 2: nothing can be locked. Not extended-mkcol: no address
/// book can be made.
pub(super) const CLASSES: &str = "1, 3, addressbook";
const XML: &str = "application/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Content,
    /// Of the body that a HEAD does not get, where it is not there to be counted.
    length: Option<u64>,
}

impl Reply {
    /// An answer without a body.
    pub fn of(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Content::Bytes(Vec::new()), length: None }
    }

    /// An answer in a few words.
    pub fn text(status: StatusCode, text: &str) -> Self {
        Self::of(status).with(header::CONTENT_TYPE, TEXT).with_body(format!("{text}\n").into_bytes())
    }

    /// 207, or that there is no room for it.
    pub fn multistatus(body: Spool) -> Self {
        match body.into_content() {
            Ok(body) => Self { body, ..Self::of(StatusCode::MULTI_STATUS) }.with(header::CONTENT_TYPE, XML),
            Err(error) => {
                warn!("failed to keep a long answer beside the device store: {error}");
                Self::later(StatusCode::SERVICE_UNAVAILABLE, 60, "there is no room for the answer")
            }
        }
    }

    /// The same, said to be without what the program has no use for where it was asked to be (RFC 7240, 3).
    pub fn abridged(self, is_abridged: bool) -> Self {
        let applied = HeaderName::from_static("preference-applied");
        if is_abridged { self.with(applied, "return=minimal") } else { self }
    }

    /// A precondition that does not hold; `inside` is XML.
    pub fn refused(status: StatusCode, condition: Condition, inside: &str, why: &str) -> Self {
        Self::of(status).with(header::CONTENT_TYPE, XML).with_body(error(condition, inside, why).into_bytes())
    }

    /// A request that is not understood.
    pub fn bad(why: impl std::fmt::Display) -> Self {
        Self::text(StatusCode::BAD_REQUEST, &format!("this request is not understood: {why}"))
    }

    /// Nothing is there.
    pub fn not_found() -> Self {
        Self::text(StatusCode::NOT_FOUND, "there is nothing here")
    }

    /// The method is not for what is there.
    pub fn not_allowed(allowed: &str) -> Self {
        Self::text(StatusCode::METHOD_NOT_ALLOWED, &format!("allowed here: {allowed}")).with(header::ALLOW, allowed)
    }

    /// No login, or a wrong one. The same for both, and always.
    pub fn login() -> Self {
        Self::text(StatusCode::UNAUTHORIZED, "log in with a device's name and password")
            .with(header::WWW_AUTHENTICATE, "Basic realm=\"carnet\", charset=\"UTF-8\"")
    }

    /// Not now.
    pub fn later(status: StatusCode, seconds: u64, why: &str) -> Self {
        Self::text(status, why).with(header::RETRY_AFTER, seconds.to_string())
    }

    /// What the store's trouble means to a client: never that a card is not there.
    pub fn trouble(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Store(crate::books::served::StoreError::NoDevice) => Self::login(),
            Trouble::Store(error) if error.is_passing() => {
                Self::later(StatusCode::SERVICE_UNAVAILABLE, 5, "the device store is busy")
            }
            Trouble::Store(_) | Trouble::Panicked => {
                Self::text(StatusCode::INTERNAL_SERVER_ERROR, "carnet cannot answer; its log says why")
            }
        }
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Content::Bytes(body);
        self
    }

    /// For a HEAD: how long the body would be.
    #[must_use]
    pub fn with_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer to a HEAD says how long the body would be, and has none.
    pub fn into_response(self, is_head: bool) -> Response {
        let length = self.length.filter(|_| is_head).unwrap_or(self.body.len());
        let mut response = Response::new(if is_head { Body::empty() } else { self.body.into_body() });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            // What is written here is printable; a value that is not would be left out rather than stop the answer.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        if !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in [
            (HeaderName::from_static("dav"), CLASSES),
            (header::CACHE_CONTROL, "private, no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
