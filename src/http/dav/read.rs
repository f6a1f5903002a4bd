//! GET and HEAD: a card's own bytes; of collections, a line for whoever looks with a browser.

use axum::http::{Method, StatusCode, header};

use super::{
    card::is_served,
    paths::Resource,
    reply::Reply,
    session::{Asked, Session},
};
use crate::{
    books::served::{Card, StoreError},
    dav::{Condition, Etags},
};

const WELCOME: &str = "carnet: an address book for programs that speak CardDAV; give them this address";

impl Session<'_> {
    pub(super) fn get(&mut self, asked: &Asked, resource: &Resource) -> Result<Reply, StoreError> {
        let name = match resource {
            Resource::Card(name) => name,
            Resource::Root | Resource::Principal | Resource::Book => return Ok(Reply::text(StatusCode::OK, WELCOME)),
            Resource::Nothing | Resource::Foreign => return Ok(Reply::not_found()),
        };
        if let Some(accepted) = asked.list(header::ACCEPT).filter(|accepted| !is_accepted(accepted)) {
            let why = format!("cards are text/vcard, version 3.0, and not {accepted}");
            return Ok(Reply::refused(StatusCode::NOT_ACCEPTABLE, Condition::SupportedConversion, "", &why));
        }
        let Some(member) = self.store.member(self.device.id, name)? else { return Ok(Reply::not_found()) };
        if !is_named(asked.list(header::IF_MATCH).as_deref(), &member.etag, Compared::Strongly).unwrap_or(true) {
            return Ok(Reply::of(StatusCode::PRECONDITION_FAILED));
        }
        if is_named(asked.list(header::IF_NONE_MATCH).as_deref(), &member.etag, Compared::Weakly).unwrap_or(false) {
            return Ok(Reply::of(StatusCode::NOT_MODIFIED).with(header::ETAG, quoted(&member.etag)));
        }
        // A HEAD tells nothing of the text, so the device has not seen it.
        if asked.method == Method::HEAD {
            return Ok(card(&member.etag).with_length(member.size));
        }
        let Some(Card { member, body }) = self.store.card(self.device.id, name)? else { return Ok(Reply::not_found()) };
        Ok(card(&member.etag).with_body(body))
    }
}

/// An answer that a card goes with.
fn card(etag: &str) -> Reply {
    let reply = Reply::of(StatusCode::OK).with(header::ETAG, quoted(etag));
    let reply = reply.with(header::CONTENT_TYPE, "text/vcard; charset=utf-8");
    reply.with(header::CONTENT_DISPOSITION, "attachment")
}

/// Weakly, for reading; strongly, for what must be the same byte for byte (RFC 9110, 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Strongly,
    Weakly,
}

/// Whether a header names this version; none without the header, or with one that is no list.
fn is_named(header: Option<&str>, etag: &str, compared: Compared) -> Option<bool> {
    Some(match Etags::read(header?)? {
        Etags::Any => true,
        Etags::Listed(listed) => {
            listed.iter().any(|one| one.opaque == etag && (compared == Compared::Weakly || !one.is_weak))
        }
    })
}

/// An ETag as HTTP has it.
pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// True where one of the accepted types is what cards are served as.
fn is_accepted(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let version = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("version").then(|| value.trim().trim_matches('"'))
        });
        matches!(media_type.as_str(), "" | "*/*" | "text/*") || is_served(&media_type, version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_served_or_not() {
        let check = |accepted: &str, expected: bool| assert_eq!(is_accepted(accepted), expected, "{accepted}");
        check("*/*", true);
        check("text/*;q=0.5", true);
        check("text/vcard", true);
        check("text/vcard;version=3.0", true);
        check("text/vcard; version=\"4.0\"", false);
        check("text/vcard;version=4.0, text/vcard;version=3.0", true);
        check("text/x-vcard", true);
        check("text/html", false);
        check("text/html, */*;q=0.1", true);
        check("", true);
    }

    #[test]
    fn weak_tags_are_good_for_reading_alone() {
        let check = |header: Option<&str>, strongly: Option<bool>, weakly: Option<bool>| {
            assert_eq!(is_named(header, "1-a", Compared::Strongly), strongly, "{header:?}");
            assert_eq!(is_named(header, "1-a", Compared::Weakly), weakly, "{header:?}");
        };
        check(None, None, None);
        check(Some("*"), Some(true), Some(true));
        check(Some("\"1-a\""), Some(true), Some(true));
        check(Some("W/\"1-a\""), Some(false), Some(true));
        check(Some("\"2-b\", \"1-a\""), Some(true), Some(true));
        check(Some("\"2-b\""), Some(false), Some(false));
        check(Some("\"2-b"), None, None);
    }
}
