//! Times as people read them: on the user's own clock, in one form everywhere. `--json` keeps RFC 3339.

use chrono::{DateTime, Local, Utc};

/// A moment on the user's own clock.
pub fn shown(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// An RFC 3339 time of the mirror; as it stands where it cannot be read.
pub fn local(at: &str) -> String {
    DateTime::parse_from_rfc3339(at).map_or_else(|_| at.to_owned(), |at| shown(at.to_utc()))
}
