//! A request of a device that has logged in, answered from the store. Plain values in and out, on a thread that may be
//! blocked; what each method does is in the files beside this one.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::{
    paths::{Paths, Resource},
    properties::Facts,
    reply::Reply,
    spool::Spool,
};
use crate::{
    books::served::{Device, DeviceStore, StoreError},
    dav::Multistatus,
    xml::decode,
};

/// A request, read whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub method: Method,
    /// As it was sent, still encoded.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's value, if it is text.
    pub fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.headers.get(name.into())?.to_str().ok().map(str::trim)
    }

    /// A header whose name has no constant.
    pub fn custom(&self, name: &'static str) -> Option<&str> {
        self.header(HeaderName::from_static(name))
    }

    /// The values of a header that is a list, joined.
    pub fn list(&self, name: impl Into<HeaderName>) -> Option<String> {
        let values: Vec<&str> =
            self.headers.get_all(name.into()).iter().map(|value| value.to_str().unwrap_or("\"")).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as text, whatever encoding it says it is in.
    pub fn text(&self) -> Result<std::borrow::Cow<'_, str>, Reply> {
        decode(&self.body, self.header(header::CONTENT_TYPE)).map_err(Reply::bad)
    }

    /// True where what a resource has not is not to be mentioned (RFC 8144; `Brief` is Microsoft's, which Apple sends).
    pub fn prefers_less(&self) -> bool {
        let prefers = self.list(HeaderName::from_static("prefer")).is_some_and(|all| {
            all.split([',', ';']).any(|word| word.trim().replace('"', "").eq_ignore_ascii_case("return=minimal"))
        });
        prefers || self.custom("brief").is_some_and(|value| value.eq_ignore_ascii_case("t"))
    }

    /// True for Thunderbird.
    pub fn is_of_thunderbird(&self) -> bool {
        self.header(header::USER_AGENT).is_some_and(|program| program.contains("Thunderbird/"))
    }
}

/// An answer, and whether the device's book changed.
#[derive(Debug)]
pub(super) struct Answered {
    pub reply: Reply,
    pub changed: bool,
}

/// A device at work on its book.
pub(super) struct Session<'s> {
    pub store: &'s mut DeviceStore,
    pub device: &'s Device,
    pub paths: &'s Paths,
    /// The largest card, in bytes.
    pub card_bytes_max: usize,
    /// Where answers wait that are too long for the memory.
    pub folder: &'s Path,
}

impl<'s> Session<'s> {
    /// An answer about resources, to be written.
    pub fn multistatus(&self) -> Multistatus<Spool> {
        Multistatus::new(Spool::new(self.folder))
    }

    /// What properties are told from.
    pub fn facts(&self) -> Facts<'s> {
        Facts { paths: self.paths, device: self.device, card_bytes_max: self.card_bytes_max }
    }

    /// Answers the request. Another device's paths are looked at before the method is, so that they answer alike to all.
    pub fn answer(&mut self, asked: &Asked) -> Result<Answered, StoreError> {
        let resource = self.paths.resource(&asked.path, &self.device.name);
        if resource == Resource::Foreign {
            let reply = Reply::text(axum::http::StatusCode::FORBIDDEN, "this is not this device's");
            return Ok(Answered { reply, changed: false });
        }
        let reply = match asked.method.as_str() {
            "PUT" => return self.put(asked, &resource),
            "DELETE" => return self.delete(asked, &resource),
            "GET" | "HEAD" => self.get(asked, &resource)?,
            "PROPFIND" => self.propfind(asked, &resource)?,
            "REPORT" => self.report(asked, &resource)?,
            "PROPPATCH" => self.proppatch(asked, &resource)?,
            "MKCOL" => self.mkcol(asked, &resource)?,
            _ => Reply::not_allowed(resource.allowed()),
        };
        Ok(Answered { reply, changed: false })
    }

    pub fn book(&self) -> String {
        self.paths.book(&self.device.name)
    }

    pub fn card(&self, name: &str) -> String {
        self.paths.card(&self.device.name, name)
    }
}

impl Resource {
    /// What may be asked of it.
    pub fn allowed(&self) -> &'static str {
        match self {
            Resource::Root | Resource::Principal => "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH",
            Resource::Book => "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, REPORT",
            Resource::Card(_) => "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, PUT, DELETE",
            Resource::Nothing | Resource::Foreign => "OPTIONS",
        }
    }
}
