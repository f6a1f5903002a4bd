//! What a page sends: short, url-encoded, and with the token that only the session's own pages have.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
};

/// Bytes of a form; a comment may be long.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// The fields of a form, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a request's form; none where it is too long or something else.
    pub async fn read(headers: &HeaderMap, body: Body) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        if kind.split(';').next()?.trim() != "application/x-www-form-urlencoded" {
            return None;
        }
        Some(Self::parse(&to_bytes(body, FORM_BYTES_MAX).await.ok()?))
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(bytes);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first field of this name; "" where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The token of a session's pages. Whoever does not know the session's secret cannot make it.
pub(super) fn token(session: &str) -> String {
    hash(session).to_hex().to_string()
}

/// True for the session's own token; as long for any other.
pub(super) fn is_token(session: &str, sent: &str) -> bool {
    blake3::Hash::from_hex(sent).is_ok_and(|sent| sent == hash(session))
}

fn hash(session: &str) -> blake3::Hash {
    blake3::Hash::from(blake3::derive_key("carnet desk: token of forms, 2026", session.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_a_browser_writes_them() {
        let form = Form::parse("a=1&b=%C3%A9t%C3%A9+%26&a=2&c".as_bytes());
        assert_eq!([form.get("a"), form.get("b"), form.get("c"), form.get("d")], ["1", "été &", "", ""]);
    }

    #[test]
    fn a_token_is_its_sessions_alone() {
        assert!(is_token("one", &token("one")));
        for sent in ["", "x", &token("two"), "one"] {
            assert!(!is_token("one", sent), "{sent}");
        }
    }
}
