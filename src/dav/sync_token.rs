//! The sync token that carnet's own server gives: a URI (RFC 6578, 4) that names a book and how far its changes were told.

const SCHEME: &str = "data:,";

/// A token, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncToken {
    /// Which book it is of.
    pub book_id: String,
    /// Up to this change.
    pub counter: u64,
}

impl SyncToken {
    /// Reads a token that [`SyncToken::to_uri`] wrote, and no other spelling of it.
    pub fn read(uri: &str) -> Option<Self> {
        let (book_id, counter) = uri.strip_prefix(SCHEME)?.rsplit_once('-')?;
        let token = Self { book_id: book_id.to_owned(), counter: counter.parse().ok()? };
        (token.to_uri() == uri).then_some(token)
    }

    /// The token as a client keeps it.
    pub fn to_uri(&self) -> String {
        format!("{SCHEME}{}-{}", self.book_id, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_in_no_other_way() {
        let check = |uri: &str, expected: Option<(&str, u64)>| {
            let found = SyncToken::read(uri).map(|token| (token.book_id, token.counter));
            assert_eq!(found.as_ref().map(|(book, counter)| (book.as_str(), *counter)), expected, "{uri}");
        };
        check("data:,abc-7", Some(("abc", 7)));
        check("data:,a-b-0", Some(("a-b", 0)));
        for foreign in [
            "",
            "7",
            "abc-7",
            "data:,abc",
            "data:,abc-",
            "data:,abc-07",
            "data:,abc-+7",
            "data:,abc--7x",
            "data:,abc-7 ",
            "data:,abc-99999999999999999999",
            "http://sabre.io/ns/sync/7",
            "DATA:,abc-7",
        ] {
            check(foreign, None);
        }
    }
}
