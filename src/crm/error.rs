//! What went wrong with a request, named by what may be done next.
//!
//! The rules are pure and stand here together: which statuses and failures of a write mean that nothing happened, and
//! which mean that it may have happened. No error holds a password, an address with one, or contact data; the server's
//! own words are kept apart from the message: whoever knows the contact takes its values out of them first.

use std::time::Duration;

use super::{
    redact::redact,
    xml::{self, XmlError},
};
use crate::{
    contact::Contact,
    transport::{Failure, status_words},
};

/// A failure, in words that read after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CrmError {
    /// What may be done next.
    pub kind: ErrorKind,
    /// What happened: a lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The server's own words where it refuses a record (4xx), which may repeat the contact's values: they are to be
    /// shown and kept through [`CrmError::in_words`] only.
    pub words: Option<String>,
}

/// What may be done after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The settings cannot be used.
    Settings,
    /// The login was refused: stop at once.
    Login,
    /// Nothing happened: the login is good, and its user may not do this. What is asked for next may be allowed.
    Forbidden,
    /// Nothing happened; a later try may succeed.
    Unavailable,
    /// Nothing happened; the same try will fail again.
    Rejected,
    /// Nothing happened: the contact is not there (any more).
    Gone,
    /// It may have happened.
    OutcomeUnknown,
}

impl CrmError {
    /// A failure without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, words: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, the server's own words in the message, without what these contacts say: as it was sent, as it was there.
    #[must_use]
    pub fn in_words(mut self, contacts: &[&Contact]) -> Self {
        if let Some(words) = self.words.take() {
            let words = contacts.iter().fold(words, |words, contact| redact(&words, contact));
            self.message = format!("{}: {words}", self.message);
        }
        self
    }
}

/// An answer without its body: what decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// What was being done: "read page 3 of the contacts".
    pub what: &'a str,
    /// The status.
    pub status: u16,
    /// `Retry-After`, if it was sent.
    pub retry_after: Option<Duration>,
    /// The body as text, "" if there is none.
    pub text: &'a str,
}

const URL_HINT: &str = "check crm.url: it should be https://www.incwo.com/ACCOUNT, your account's number at its end";

const LOGIN_HINT: &str = "check crm.username and the password, and that the account's settings in the CRM switch API access \
                          on and let this user read contacts";

const VANISHED_HINT: &str = "nothing was changed, and no contact is taken for deleted; try again later; if it stays so, \
                             see whether crm.url is still the account's address, and ask the CRM's support";

const GONE_HINT: &str = "it may have been deleted in the CRM; the next run looks again";

const CHANGE_HINT: &str =
    "change the contact accordingly; it is sent again once it has changed, and once an hour as it is";

const UNDELETED_HINT: &str =
    "clear away in the CRM what keeps it there, or delete it there yourself; it is tried again once an hour";

const FORBIDDEN_HINT: &str = "whoever administers the CRM gives its users their rights; it is tried again once an hour";

const REFUSED_HINT: &str = "see whether the CRM itself takes such a contact, and whether the user may change contacts";

/// A failed GET. Reading changes nothing, so that it is never unsettled.
pub fn of_read(what: &str, failure: &Failure) -> CrmError {
    // Which page was asked for first is chance, and says nothing of a server that cannot be reached.
    let message = match failure {
        Failure::NotSent { place, cause } => format!("connect to {place}: {cause}"),
        Failure::TimedOut { .. } | Failure::Cut { .. } | Failure::TooLarge(_) => {
            format!("{what}: {}", failure.words())
        }
    };
    CrmError::new(ErrorKind::Unavailable, message).hint(failure_hint(failure))
}

/// A failed write: only what was never sent has surely not happened.
pub fn of_write(what: &str, failure: &Failure) -> CrmError {
    let kind = match failure {
        Failure::NotSent { .. } => ErrorKind::Unavailable,
        Failure::TimedOut { .. } | Failure::Cut { .. } | Failure::TooLarge(_) => ErrorKind::OutcomeUnknown,
    };
    CrmError::new(kind, format!("{what}: {}", failure.words())).hint(failure_hint(failure))
}

/// A status other than those that the reader of a GET expects.
pub fn of_read_status(verdict: &Verdict<'_>) -> CrmError {
    let Verdict { what, status, retry_after, .. } = verdict;
    let message = format!("{what}: the server answered {}", status_words(*status));
    match status {
        401 => login(*status),
        403 => CrmError::new(ErrorKind::Forbidden, message).hint(FORBIDDEN_HINT),
        300..=399 => redirect(what, *status, ErrorKind::Rejected),
        404 | 410 => CrmError::new(ErrorKind::Gone, message).hint(GONE_HINT),
        408 | 425 | 429 | 500..=599 => CrmError::new(ErrorKind::Unavailable, message).hint(wait_hint(*retry_after)),
        _ => CrmError::new(ErrorKind::Rejected, message).hint(URL_HINT),
    }
}

/// The same for the listing: a user who may not read it can do nothing at all.
pub fn of_listing(error: CrmError) -> CrmError {
    match error.kind {
        ErrorKind::Forbidden => login(403),
        ErrorKind::Settings
        | ErrorKind::Login
        | ErrorKind::Unavailable
        | ErrorKind::Rejected
        | ErrorKind::Gone
        | ErrorKind::OutcomeUnknown => error,
    }
}

/// A status that is no success, in answer to POST, PUT or DELETE.
///
/// 4xx is the server's word that it did nothing, 501 and 505 that it does not know how. Any other 5xx is not "it
/// failed": it may have failed after it was done. So may 302 and 303, which web servers send after a form was taken.
pub fn of_write_status(verdict: &Verdict<'_>) -> CrmError {
    let Verdict { what, status, retry_after, text } = verdict;
    let message = format!("{what}: the server answered {}", status_words(*status));
    let refused = |kind: ErrorKind, hint: &str| match xml::read_errors(text) {
        Some(words) => {
            let error = CrmError::new(kind, format!("{what}: {}", refusal_words(*status))).hint(hint);
            CrmError { words: Some(words), ..error }
        }
        None => CrmError::new(kind, message.clone()).hint(hint),
    };
    match status {
        401 => login(*status),
        403 => refused(ErrorKind::Forbidden, FORBIDDEN_HINT),
        302 | 303 => redirect(what, *status, ErrorKind::OutcomeUnknown),
        300..=399 => redirect(what, *status, ErrorKind::Rejected),
        404 | 410 => CrmError::new(ErrorKind::Gone, message).hint(GONE_HINT),
        408 | 425 | 429 => CrmError::new(ErrorKind::Unavailable, message).hint(wait_hint(*retry_after)),
        422 if xml::read_errors(text).is_some() => refused(ErrorKind::Rejected, CHANGE_HINT),
        400..=499 | 501 | 505 => refused(ErrorKind::Rejected, REFUSED_HINT),
        _ => CrmError::new(ErrorKind::OutcomeUnknown, message).hint("the next run looks whether it happened"),
    }
}

/// The same for a deletion: nothing that changes in the contact makes the server take it.
pub fn of_deletion(error: CrmError) -> CrmError {
    if error.kind == ErrorKind::Rejected { error.hint(UNDELETED_HINT) } else { error }
}

/// A write that was not sent because the server has asked for a pause that is not over.
pub fn paused(what: &str, wait: Duration) -> CrmError {
    let message = format!("{what}: the server has asked for a pause");
    CrmError::new(ErrorKind::Unavailable, message).hint(wait_hint(Some(wait)))
}

/// An answer whose text is not the XML asked for.
pub fn unreadable(what: &str, error: XmlError) -> CrmError {
    CrmError::new(ErrorKind::Unavailable, format!("{what}: {error}")).hint(match error {
        XmlError::WebPage | XmlError::WrongRoot(_) => URL_HINT,
        XmlError::Malformed(_) => {
            "try again later; if it stays so, lower crm.per_page, and check that crm.url is that of the API"
        }
        XmlError::Encoding => "ask the CRM's support: its answer is not in the encoding that it names",
        XmlError::Doctype | XmlError::TooDeep => {
            "check crm.url and what stands between here and the CRM: its API answers nothing of the kind"
        }
        XmlError::Record(_) => "correct the contact in the CRM",
    })
}

/// The first page of the listing is not there. Where nothing was ever read, the address is most likely not that of an
/// account; an address that has answered before is right, and the server is in trouble.
pub fn no_contacts(what: &str, status: u16, answered_before: bool) -> CrmError {
    let status = status_words(status);
    if answered_before {
        let message = format!("{what}: the server answered {status} where it has listed contacts before");
        return CrmError::new(ErrorKind::Unavailable, message).hint(VANISHED_HINT);
    }
    let message = format!("{what}: there are no contacts at that address ({status})");
    CrmError::new(ErrorKind::Rejected, message).hint(format!("most likely the address is wrong: {URL_HINT}"))
}

fn login(status: u16) -> CrmError {
    CrmError::new(ErrorKind::Login, format!("log in to the CRM: the login was refused ({})", status_words(status)))
        .hint(LOGIN_HINT)
}

fn refusal_words(status: u16) -> String {
    match status {
        422 => "the server refused it".to_owned(),
        _ => format!("the server refused it ({})", status_words(status)),
    }
}

fn redirect(what: &str, status: u16, kind: ErrorKind) -> CrmError {
    let message = format!("{what}: the server redirects elsewhere ({}), which is not followed", status_words(status));
    CrmError::new(kind, message).hint(URL_HINT)
}

fn wait_hint(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("the server asks to wait {} s", wait.as_secs()),
        None => "the server is unwell; try again later".to_owned(),
    }
}

fn failure_hint(failure: &Failure) -> &'static str {
    match failure {
        Failure::NotSent { .. } => "check the network and crm.url",
        Failure::TimedOut { .. } => "try again later, or raise crm.timeout",
        Failure::Cut { .. } => "try again later",
        Failure::TooLarge(_) => "lower crm.per_page",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_different_things_to_reads_and_writes() {
        use ErrorKind::{Forbidden, Gone, Login, OutcomeUnknown, Rejected, Unavailable};
        for (status, read, write) in [
            (301, Rejected, Rejected),
            (302, Rejected, OutcomeUnknown),
            (307, Rejected, Rejected),
            (400, Rejected, Rejected),
            (401, Login, Login),
            (403, Forbidden, Forbidden),
            (404, Gone, Gone),
            (405, Rejected, Rejected),
            (409, Rejected, Rejected),
            (408, Unavailable, Unavailable),
            (410, Gone, Gone),
            (422, Rejected, Rejected),
            (429, Unavailable, Unavailable),
            (500, Unavailable, OutcomeUnknown),
            (501, Unavailable, Rejected),
            (502, Unavailable, OutcomeUnknown),
            (503, Unavailable, OutcomeUnknown),
            (505, Unavailable, Rejected),
        ] {
            let verdict = Verdict { what: "try", status, retry_after: None, text: "" };
            assert_eq!(of_read_status(&verdict).kind, read, "read {status}");
            assert_eq!(of_write_status(&verdict).kind, write, "write {status}");
        }
    }

    #[test]
    fn only_what_was_not_sent_has_surely_not_happened() {
        assert_eq!(
            of_write("x", &Failure::NotSent { place: "h:1".into(), cause: "refused".into() }).kind,
            ErrorKind::Unavailable
        );
        assert_eq!(
            of_write("x", &Failure::Cut { place: "h:1".into(), cause: "reset".into() }).kind,
            ErrorKind::OutcomeUnknown
        );
        assert_eq!(
            of_write("x", &Failure::TimedOut { place: "h:1".into(), after: Duration::from_secs(1) }).kind,
            ErrorKind::OutcomeUnknown
        );
        assert_eq!(
            of_read("x", &Failure::Cut { place: "h:1".into(), cause: "reset".into() }).kind,
            ErrorKind::Unavailable
        );
    }

    #[test]
    fn every_failure_says_what_to_do_next() {
        use super::xml::Fault;
        let place = || "crm.example:443".to_owned();
        let failures = [
            Failure::NotSent { place: place(), cause: "Connection refused".into() },
            Failure::TimedOut { place: place(), after: Duration::from_secs(30) },
            Failure::Cut { place: place(), cause: "reset".into() },
        ];
        let words = failures.iter().flat_map(|failure| [of_read("read x", failure), of_write("make x", failure)]);
        let words: Vec<CrmError> = words.collect();
        assert!(words.iter().all(|error| error.message.contains("crm.example:443")), "{words:?}");
        let unread = [
            XmlError::Encoding,
            XmlError::WebPage,
            XmlError::Malformed(3),
            XmlError::Doctype,
            XmlError::TooDeep,
            XmlError::WrongRoot("contacts"),
            XmlError::Record(Fault::Entity),
        ];
        let statuses = [302, 307, 400, 401, 403, 404, 410, 418, 422, 429, 500, 501, 503];
        let verdict = |status| Verdict { what: "try", status, retry_after: None, text: "" };
        let refused = "<errors><error>no</error></errors>";
        let all = words
            .into_iter()
            .chain(unread.map(|error| unreadable("read x", error)))
            .chain(statuses.map(|status| of_read_status(&verdict(status))))
            .chain(statuses.map(|status| of_write_status(&verdict(status))))
            .chain([of_write_status(&Verdict { text: refused, ..verdict(422) }), no_contacts("try", 404, false)])
            .chain([no_contacts("try", 404, true)]);
        for error in all {
            assert!(error.hint.is_some(), "{error:?}");
        }
    }

    #[test]
    fn a_right_that_is_missing_is_the_logins_only_where_nothing_can_be_read() {
        let forbidden = |text| Verdict { what: "update contact 5", status: 403, retry_after: None, text };
        assert_eq!(of_listing(of_read_status(&forbidden(""))).kind, ErrorKind::Login);
        let denied = CrmError::new(ErrorKind::Unavailable, "x");
        assert_eq!(of_listing(denied.clone()), denied);
        let said = of_write_status(&forbidden("<errors><error>You may not</error></errors>"));
        assert_eq!(said.kind, ErrorKind::Forbidden);
        let message = "update contact 5: the server refused it (403 Forbidden): You may not";
        assert_eq!(said.in_words(&[]).to_string(), message);
        let silent = of_write_status(&forbidden("<html>no</html>"));
        assert_eq!(silent.to_string(), "update contact 5: the server answered 403 Forbidden");
    }

    #[test]
    fn whoever_refuses_says_why_and_what_helps() {
        let check = |status: u16, deletes: bool, message: &str, hint: &str| {
            let text = "<errors><error>Contact has invoices</error></errors>";
            let error = of_write_status(&Verdict { what: "write it", status, retry_after: None, text });
            let error = if deletes { of_deletion(error) } else { error }.in_words(&[]);
            assert_eq!((error.to_string().as_str(), error.hint.as_deref()), (message, Some(hint)));
        };
        check(422, false, "write it: the server refused it: Contact has invoices", CHANGE_HINT);
        check(422, true, "write it: the server refused it: Contact has invoices", UNDELETED_HINT);
        check(409, false, "write it: the server refused it (409 Conflict): Contact has invoices", REFUSED_HINT);
        check(409, true, "write it: the server refused it (409 Conflict): Contact has invoices", UNDELETED_HINT);
        check(403, true, "write it: the server refused it (403 Forbidden): Contact has invoices", FORBIDDEN_HINT);
    }

    #[test]
    fn a_listing_that_is_not_there_is_a_wrong_address_only_if_it_never_was() {
        let check = |answered_before: bool, kind: ErrorKind, message: &str, hint: &str| {
            let error = no_contacts("read page 1 of the contacts", 404, answered_before);
            assert_eq!((error.kind, error.message.as_str()), (kind, message));
            assert!(error.hint.as_deref().is_some_and(|words| words.contains(hint)), "{error:?}");
        };
        let never = "read page 1 of the contacts: there are no contacts at that address (404 Not Found)";
        check(false, ErrorKind::Rejected, never, "most likely the address is wrong: check crm.url");
        let before =
            "read page 1 of the contacts: the server answered 404 Not Found where it has listed contacts before";
        check(
            true,
            ErrorKind::Unavailable,
            before,
            "nothing was changed, and no contact is taken for deleted; try again",
        );
    }

    #[test]
    fn words_come_from_the_server_and_waits_are_told() {
        let text = "<errors><error>Last name is missing</error></errors>";
        let refused = of_write_status(&Verdict { what: "create a contact", status: 422, retry_after: None, text });
        assert_eq!(refused.to_string(), "create a contact: the server refused it", "nothing of what may be personal");
        let ada = Contact { first_name: "Last".into(), ..Contact::default() };
        let refused = refused.in_words(&[&Contact::default(), &ada]);
        assert_eq!(refused.to_string(), "create a contact: the server refused it: … name is missing");
        let wait = Some(Duration::from_secs(30));
        let busy = of_write_status(&Verdict { what: "create a contact", status: 429, retry_after: wait, text: "" });
        assert_eq!(busy.hint.as_deref(), Some("the server asks to wait 30 s"));
        assert_eq!(busy.to_string(), "create a contact: the server answered 429 Too Many Requests");
    }
}
