//! An answer on its way to HTTP: status, body, ETag, framing.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    object::{Object, Shape},
    settings::{Quirk, SandboxSettings},
    xml_write,
};

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's status code.
    pub status: u16,
    /// Empty for none.
    pub body: Vec<u8>,
    headers: Vec<(header::HeaderName, String)>,
    html: bool,
    latin1: bool,
}

impl Answer {
    /// Without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, body: Vec::new(), headers: Vec::new(), html: false, latin1: false }
    }

    /// With a document as its body.
    pub fn xml(status: u16, body: Vec<u8>, settings: &SandboxSettings) -> Self {
        Self { body, latin1: settings.has(Quirk::Latin1), ..Self::empty(status) }
    }

    /// A web page, as something in front of the server sends while it is away: not even XML.
    pub fn web_page() -> Self {
        let page =
            "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body><p>Back soon.<br></body></html>\n";
        Self { body: page.as_bytes().to_vec(), html: true, ..Self::empty(200) }
    }

    /// With one contact or firm.
    pub fn object<const N: usize>(
        status: u16,
        shape: &Shape<N>,
        object: &Object<N>,
        settings: &SandboxSettings,
    ) -> Self {
        Self::xml(status, xml_write::document(shape, object, settings), settings)
    }

    /// With a sentence for each error.
    pub fn errors<T: AsRef<str>>(status: u16, errors: &[T], settings: &SandboxSettings) -> Self {
        let errors: Vec<String> = errors.iter().map(|error| error.as_ref().to_owned()).collect();
        Self::xml(status, xml_write::errors_document(&errors, settings), settings)
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With its ETag; 304 without a body when the client has it already.
    #[must_use]
    pub fn revalidated(self, if_none_match: &str, settings: &SandboxSettings) -> Self {
        if settings.has(Quirk::NoEtag) || self.status != 200 {
            return self;
        }
        let digest = blake3::hash(&self.body).to_hex();
        let etag = format!("W/\"{}\"", &digest[..32]);
        let opaque = etag.trim_start_matches("W/");
        let mut known = if_none_match.split(',').map(str::trim);
        let answer = match known.any(|tag| tag == "*" || tag.trim_start_matches("W/") == opaque) {
            true => Self::empty(304),
            false => self,
        };
        answer.with(header::ETAG, &etag)
    }

    /// Status, headers by their names in lower case, and body.
    pub fn into_parts(self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let media = self.media();
        let mut headers: Vec<(String, String)> =
            self.headers.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
        headers.push((header::CONTENT_TYPE.as_str().to_owned(), media.to_owned()));
        (self.status, headers, self.body)
    }

    fn media(&self) -> &'static str {
        match (self.html, self.latin1) {
            (true, _) => "text/html; charset=utf-8",
            (false, true) => "application/xml; charset=ISO-8859-1",
            (false, false) => "application/xml; charset=utf-8",
        }
    }

    /// As HTTP; `chunked` hides the body's length.
    pub fn into_response(self, chunked: bool) -> Response {
        let media = self.media();
        let bodiless = self.body.is_empty();
        let body = Body::from(self.body);
        let body = if chunked { Body::from_stream(body.into_data_stream()) } else { body };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !bodiless {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
