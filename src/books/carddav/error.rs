//! What statuses and failures mean here, named by what to do next. Pure: the rules stand in one place, with their table.

use std::time::Duration;

use reqwest::header;

use crate::{
    dav::DavError,
    replica::{Diagnostic, Distrust, ReplicaError},
    transport::{Failure, RetryCause, WholeAnswer, status_words},
    xml::{Token, XmlReader},
};

/// What was asked, for words and meanings.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// "list the cards".
    pub what: &'a str,
    /// A write: what failed on its way may have happened.
    pub writes: bool,
}

impl<'a> Asked<'a> {
    /// A reading request.
    pub fn reading(what: &'a str) -> Self {
        Self { what, writes: false }
    }

    /// A writing request.
    pub fn writing(what: &'a str) -> Self {
        Self { what, writes: true }
    }
}

/// Whether a reading request is worth another try.
pub fn obstacle(answer: &WholeAnswer) -> Option<RetryCause> {
    match answer.status {
        429 => Some(RetryCause::Asked(answer.retry_after())),
        503 if answer.retry_after().is_some() => Some(RetryCause::Asked(answer.retry_after())),
        408 | 425 | 500 | 502..=504 => Some(RetryCause::Diagnostic),
        _ => None,
    }
}

/// A reading request that brought no answer.
pub fn of_read(what: &str, failure: &Failure) -> ReplicaError {
    ReplicaError::Unavailable(failed(what, failure))
}

/// A write that brought no answer: only what was never sent has surely not happened.
pub fn of_write(what: &str, failure: &Failure) -> ReplicaError {
    match failure {
        Failure::NotSent { .. } => ReplicaError::Unavailable(failed(what, failure)),
        Failure::TimedOut { .. } | Failure::Cut { .. } | Failure::TooLarge(_) => {
            ReplicaError::OutcomeUnknown(failed(what, failure))
        }
    }
}

fn failed(what: &str, failure: &Failure) -> Diagnostic {
    let hint = match failure {
        Failure::NotSent { .. } => "check the network and the book's url",
        Failure::TimedOut { .. } => "try again later, or raise the book's timeout",
        Failure::Cut { .. } | Failure::TooLarge(_) => "try again later",
    };
    Diagnostic::new(format!("{what}: {}", failure.words())).hint(hint)
}

/// A status other than those that whoever asked expects.
pub fn of_status(asked: &Asked<'_>, answer: &WholeAnswer) -> ReplicaError {
    let what = asked.what;
    let message = format!("{what}: the server answered {}", status_words(answer.status));
    let say = |hint: &str| Diagnostic::new(message.clone()).hint(hint);
    match answer.status {
        401 => ReplicaError::Login(login(what, answer)),
        300..=399 => {
            let to = answer.header(header::LOCATION).unwrap_or("nowhere");
            let message = format!("{what}: the server redirects to {to}, which is not followed");
            let error = Diagnostic::new(message).hint("if that is the book's new place, set the book's url to it");
            if asked.writes && matches!(answer.status, 302 | 303) {
                ReplicaError::OutcomeUnknown(error)
            } else if asked.writes {
                ReplicaError::Rejected(error)
            } else {
                ReplicaError::Unavailable(error)
            }
        }
        403 if asked.writes => ReplicaError::Rejected(say(FORBIDDEN_HINT)),
        403 => ReplicaError::Unavailable(say(FORBIDDEN_HINT)),
        404 | 410 => ReplicaError::Unavailable(say("check the book's url; no card is taken for deleted")),
        408 | 423 | 425 | 429 if asked.writes => ReplicaError::Deferred(say(&wait_hint(answer.retry_after()))),
        503 if asked.writes && answer.retry_after().is_some() => {
            ReplicaError::Deferred(say(&wait_hint(answer.retry_after())))
        }
        507 if asked.writes => ReplicaError::Deferred(say("the server's disk, or the user's share of it, is full")),
        400..=499 | 501 | 505 if asked.writes => {
            ReplicaError::Rejected(say("the server does not take this card; `carnet show` says what is in it"))
        }
        _ if asked.writes => ReplicaError::OutcomeUnknown(say("the next run looks whether it happened")),
        _ => ReplicaError::Unavailable(say(&wait_hint(answer.retry_after()))),
    }
}

const FORBIDDEN_HINT: &str =
    "this login may not do it: see who owns the address book, or set direction = \"from-book\"";

fn login(what: &str, answer: &WholeAnswer) -> Diagnostic {
    let offers = answer.header(header::WWW_AUTHENTICATE).unwrap_or_default().to_ascii_lowercase();
    let message = format!("{what}: the login was refused (401 Unauthorized)");
    let hint = if !offers.is_empty() && !offers.contains("basic") && !offers.contains("bearer") {
        "the server offers neither Basic nor Bearer logins; switch Basic on there"
    } else {
        "check the book's username and password; many servers want an app password here, not the usual one"
    };
    Diagnostic::new(message).hint(hint)
}

/// What to do about a server that asks for time.
pub fn wait_hint(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("the server asks to wait {} s", wait.as_secs()),
        None => "the server is unwell; try again later".to_owned(),
    }
}

/// An answer that is not what a CardDAV server says.
pub fn unreadable(what: &str, error: &DavError) -> ReplicaError {
    let hint = match error {
        DavError::NotWhole(_) => "try again later; the answer was cut on its way, or comes from something in between",
        DavError::WrongRoot | DavError::NoHref => "check the book's url: it is not a CardDAV server that answers there",
    };
    ReplicaError::Unavailable(Diagnostic::new(format!("{what}: {error}")).hint(hint))
}

/// The collection is not one that can be believed.
pub fn distrusted(message: String, hint: &str) -> ReplicaError {
    ReplicaError::Untrusted(Distrust::Other(Diagnostic::new(message).hint(hint)))
}

/// True where an error's body names this condition (RFC 4918, 16).
pub fn names_condition(answer: &WholeAnswer, local: &str) -> bool {
    let Ok(text) = std::str::from_utf8(&answer.body) else { return false };
    let mut reader = XmlReader::new(text);
    while let Ok(Some(token)) = reader.next_token() {
        if let Token::Open { name, .. } = token
            && name.rsplit(':').next() == Some(local)
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn answer(status: u16, body: &str) -> WholeAnswer {
        WholeAnswer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn kind(error: &ReplicaError) -> &'static str {
        match error {
            ReplicaError::Unavailable(_) => "unavailable",
            ReplicaError::Deferred(_) => "deferred",
            ReplicaError::Rejected(_) => "rejected",
            ReplicaError::OutcomeUnknown(_) => "unknown",
            ReplicaError::Login(_) => "login",
            ReplicaError::Untrusted(_) => "untrusted",
            ReplicaError::Stale(_) | ReplicaError::Partial(_) | ReplicaError::Stopped(_) => "other",
        }
    }

    #[test]
    fn statuses_mean_different_things_to_reads_and_writes() {
        for (status, read, write) in [
            (301, "unavailable", "rejected"),
            (302, "unavailable", "unknown"),
            (400, "unavailable", "rejected"),
            (401, "login", "login"),
            (403, "unavailable", "rejected"),
            (404, "unavailable", "unavailable"),
            (409, "unavailable", "rejected"),
            (412, "unavailable", "rejected"),
            (413, "unavailable", "rejected"),
            (423, "unavailable", "deferred"),
            (429, "unavailable", "deferred"),
            (500, "unavailable", "unknown"),
            (501, "unavailable", "rejected"),
            (502, "unavailable", "unknown"),
            (503, "unavailable", "unknown"),
            (507, "unavailable", "deferred"),
        ] {
            let found = answer(status, "");
            assert_eq!(kind(&of_status(&Asked::reading("x"), &found)), read, "read {status}");
            assert_eq!(kind(&of_status(&Asked::writing("x"), &found)), write, "write {status}");
        }
    }

    #[test]
    fn conditions_are_found_under_any_prefix() {
        let body =
            "<d:error xmlns:d=\"DAV:\"><card:no-uid-conflict><d:href>/x</d:href></card:no-uid-conflict></d:error>";
        assert!(names_condition(&answer(409, body), "no-uid-conflict"));
        assert!(!names_condition(&answer(409, body), "valid-address-data"));
        assert!(!names_condition(&answer(409, "no-uid-conflict"), "no-uid-conflict"));
    }
}
