//! The practice CRM without its socket: a request in, an answer out, in the caller's own time.
//!
//! A simulation that decides for itself what gets lost on the wire, and when, asks here. The answers are those that the
//! server gives over HTTP; only the login and the media type are not looked at.

use axum::http::{HeaderMap, HeaderValue, header};

use super::{
    SandboxError, SandboxSettings, Store,
    chance::Chance,
    faults::Mishap,
    open,
    route::route,
    server::{Asked, Server},
};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectAnswer {
    /// The status.
    pub status: u16,
    /// The headers by their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The practice CRM without its socket.
#[derive(Debug, Clone)]
pub struct Direct {
    server: Server,
}

impl Direct {
    /// A practice CRM with these settings; port and faults do not matter.
    ///
    /// # Errors
    /// The state could not be opened.
    pub fn new(settings: SandboxSettings) -> Result<Self, SandboxError> {
        Ok(Self { server: Server::new(open(settings)?) })
    }

    /// Its insides.
    pub fn store(&self) -> Store {
        self.server.store()
    }

    /// Answers a request at once. `path`: with its query. `mishap`: a listing that is shifted or lied about; others are the
    /// caller's to make.
    ///
    /// # Errors
    /// The state could not be read or written.
    pub fn respond(
        &self,
        method: &str,
        path: &str,
        if_none_match: Option<&str>,
        body: &[u8],
        mishap: Option<Mishap>,
    ) -> Result<DirectAnswer, SandboxError> {
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        let store = self.store();
        let route = route(method, place, query, &store.settings().account);
        let mut headers = HeaderMap::new();
        if let Some(etag) = if_none_match.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let asked = Asked { route, headers, body: body.to_vec().into() };
        let chance = Chance::for_occasion(store.settings().seed, path, 0);
        let (status, headers, body) = self.server.action(&asked, mishap, chance)?.into_parts();
        Ok(DirectAnswer { status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_without_a_socket() {
        let crm = Direct::new(SandboxSettings { contacts: 3, ..SandboxSettings::default() }).unwrap();
        let ask =
            |method: &str, path: &str, body: &str| crm.respond(method, path, None, body.as_bytes(), None).unwrap();
        let listing = ask("GET", "/demo/contacts.xml?page=1", "");
        assert_eq!((listing.status, String::from_utf8(listing.body).unwrap().matches("<contact>").count()), (200, 3));
        let made = ask("POST", "/demo/contacts.xml", "<contact><last_name>Ada</last_name></contact>");
        assert_eq!(made.status, 201);
        assert!(made.headers.iter().any(|(name, value)| name == "location" && value == "/demo/contacts/1004.xml"));
        assert_eq!(ask("DELETE", "/demo/contacts/1004.xml", "").status, 200);
        assert_eq!(ask("GET", "/demo/contacts/1004.xml", "").status, 404);
        let firm = ask("POST", "/demo/firms.xml", "<firm><name>Ada &amp; fils</name></firm>");
        assert_eq!((firm.status, crm.store().firm_name(901).unwrap().as_deref()), (201, Some("Ada & fils")));
        let none = crm.respond("GET", "/demo/firms.xml", None, b"", Some(Mishap::Lie)).unwrap();
        assert!(!String::from_utf8(none.body).unwrap().contains("<firm>"));
    }
}
