//! What may not be done to collections, said as the RFCs say it: no address book is made or removed, since a device has one;
//! no property is kept for programs.

use axum::http::{Method, StatusCode, header};

use super::{
    paths::Resource,
    properties::{PROTECTED, lacking_privilege},
    reply::Reply,
    session::{Asked, Session},
};
use crate::{
    books::served::StoreError,
    dav::{Condition, read_mkcol, read_proppatch},
};

/// The answer to OPTIONS, whoever asks for whatever: it tells nothing of anybody.
pub(super) fn options() -> Reply {
    Reply::of(StatusCode::OK).with(header::ALLOW, "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, REPORT")
}

/// Where programs look first, they are sent on; one that follows no redirect asks with PROPFIND and is answered in place.
pub(super) fn well_known(method: &Method, root: &str) -> Option<Reply> {
    let sends_on = matches!(*method, Method::GET | Method::HEAD);
    sends_on.then(|| Reply::of(StatusCode::MOVED_PERMANENTLY).with(header::LOCATION, root))
}

impl Session<'_> {
    /// Refused for every property (RFC 4918, 9.2): all or nothing, and it is nothing.
    pub(super) fn proppatch(&mut self, asked: &Asked, resource: &Resource) -> Result<Reply, StoreError> {
        let address = match resource {
            Resource::Root => asked.path.clone(),
            Resource::Principal => self.paths.principal(&self.device.name),
            Resource::Book => self.book(),
            Resource::Card(name) if self.store.member(self.device.id, name)?.is_some() => self.card(name),
            Resource::Card(_) | Resource::Nothing | Resource::Foreign => return Ok(Reply::not_found()),
        };
        let text = match asked.text() {
            Ok(text) => text,
            Err(reply) => return Ok(reply),
        };
        let names = match read_proppatch(&text) {
            Ok(names) => names,
            Err(error) => return Ok(Reply::bad(error)),
        };
        let (condition, why) = PROTECTED;
        let mut out = self.multistatus();
        out.refused(&address, &names, condition, why);
        Ok(Reply::multistatus(out.finish(None)))
    }

    /// Refused: a body that is not understood first, as RFC 5689, 3 has it.
    pub(super) fn mkcol(&mut self, asked: &Asked, resource: &Resource) -> Result<Reply, StoreError> {
        let text = match asked.text() {
            Ok(text) => text,
            Err(reply) => return Ok(reply),
        };
        if let Err(error) = read_mkcol(&text) {
            return Ok(Reply::bad(error));
        }
        let is_there = match resource {
            Resource::Root | Resource::Principal | Resource::Book => true,
            Resource::Card(name) => self.store.member(self.device.id, name)?.is_some(),
            Resource::Nothing | Resource::Foreign => false,
        };
        if is_there {
            return Ok(Reply::not_allowed(resource.allowed()));
        }
        let inside = lacking_privilege(&self.paths.principal(&self.device.name), "bind");
        let why = "a device has one address book, which carnet makes";
        Ok(Reply::refused(StatusCode::FORBIDDEN, Condition::NeedPrivileges, &inside, why))
    }
}
