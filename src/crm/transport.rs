//! The wire that speaks HTTP, with one login.

use reqwest::{Method, header};
use secrecy::{ExposeSecret, SecretString};

use super::{
    error::{CrmError, ErrorKind},
    settings::ClientSettings,
    wire::{Answer, Exchange, Request, Verb, Wire},
};
use crate::transport::{BODY_LEN_MAX, ClientError, ClientOptions, Failure, WholeAnswer, http_client, take_whole};

/// HTTP, with one login.
pub struct Http {
    client: reqwest::Client,
    username: String,
    password: SecretString,
}

impl Http {
    /// HTTP as these settings want it; `tls`: it is for an https address.
    pub fn new(settings: &ClientSettings, tls: bool) -> Result<Self, CrmError> {
        let options = ClientOptions {
            timeout: settings.timeout,
            connections: settings.concurrency.max(1),
            ca_file: settings.ca_file.as_deref(),
            tls,
        };
        let client = http_client(&options).map_err(|error| {
            let (message, hint) = match error {
                ClientError::CaFile(reason) => {
                    (format!("read crm.ca_file: {reason}"), "it names a file of certificates in PEM form")
                }
                ClientError::Https(reason) => (
                    format!("prepare HTTPS: {reason}"),
                    "check that the system's root certificates are installed, and crm.ca_file",
                ),
            };
            CrmError::new(ErrorKind::Settings, message).hint(hint)
        })?;
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
            let response = request.send().await.map_err(|error| Failure::of(&error, timeout))?;
            Ok(answer(take_whole(response, BODY_LEN_MAX, timeout).await?))
        })
    }
}

fn answer(whole: WholeAnswer) -> Answer {
    let text = |name: header::HeaderName| whole.header(name).map(str::to_owned);
    Answer {
        status: whole.status,
        etag: text(header::ETAG),
        location: text(header::LOCATION),
        retry_after: whole.retry_after(),
        content_type: text(header::CONTENT_TYPE),
        body: whole.body,
    }
}
