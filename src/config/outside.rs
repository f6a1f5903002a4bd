//! `[http]` and `[notify]`: how carnet is seen from outside, and how it tells a user that something is for them.

use std::{net::SocketAddr, path::PathBuf};

use toml::de::{DeTable, DeValue};

use super::{
    Environment,
    section::{Faults, Given, GivenValue, Section},
    values::Wrong,
};

pub(super) const HTTP_KEYS: [&str; 3] = ["listen", "allow_remote", "nudge_token_file"];
pub(super) const NOTIFY_KEYS: [&str; 3] = ["on_waiting", "on_failure", "names"];

/// `[http]`: health, metrics and nudge of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file with the token that a nudge must show; made where it is missing.
    pub nudge_token_file: PathBuf,
}

/// `[notify]`: programs that tell a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifySettings {
    /// Run when something new waits: a program and its arguments.
    pub on_waiting: Option<Vec<String>>,
    /// Run when runs fail, and when they are well again.
    pub on_failure: Option<Vec<String>>,
    /// Names of contacts and of their records are told, too.
    pub names: bool,
}

/// Reads `[http]`; none where nothing listens. `path` makes a path of a text; `token` is the token's file unless set.
pub(super) fn http<'f>(
    root: &'f DeTable<'f>,
    environment: Environment<'f>,
    faults: &'f Faults,
    path: impl Fn(&str) -> PathBuf,
    token: impl FnOnce() -> PathBuf,
) -> Option<HttpSettings> {
    let section = Section::top("http", root, &HTTP_KEYS, environment, faults);
    let allow_remote = section.flag("allow_remote").unwrap_or(false);
    let file = section.path("nudge_token_file").map(|text| path(&text));
    let listen = section.parsed("listen", |text| address(text, allow_remote))?;
    Some(HttpSettings { listen, nudge_token_file: file.unwrap_or_else(token) })
}

fn address(text: &str, allow_remote: bool) -> Result<SocketAddr, Wrong> {
    let example = || Some("such as \"127.0.0.1:9464\"".to_owned());
    let address: SocketAddr =
        text.trim().parse().map_err(|_| ("expected an IP address and a port".to_owned(), example()))?;
    if !allow_remote && !address.ip().is_loopback() {
        let hint = "listen on 127.0.0.1 behind a proxy that speaks https, or set allow_remote = true";
        return Err(("other machines could reach this address".to_owned(), Some(hint.to_owned())));
    }
    Ok(address)
}

/// Reads `[notify]`.
pub(super) fn notify<'f>(root: &'f DeTable<'f>, environment: Environment<'f>, faults: &'f Faults) -> NotifySettings {
    let section = Section::top("notify", root, &NOTIFY_KEYS, environment, faults);
    // Programs are named by the file alone, as those that print passwords are.
    let program = |key| {
        let given = section.in_file(key)?;
        program(&section, &given, "a list: the program, then its arguments, such as [\"sendmail\", \"office\"]")
    };
    NotifySettings {
        on_waiting: program("on_waiting"),
        on_failure: program("on_failure"),
        names: section.flag("names").unwrap_or(false),
    }
}

/// A program and its arguments, to be run without a shell.
pub(super) fn program(section: &Section<'_>, given: &Given<'_>, hint: &str) -> Option<Vec<String>> {
    if let GivenValue::File(DeValue::String(_)) = given.value {
        let message = "it is run without a shell and must be a list".to_owned();
        section.note(given.wrong((message, Some(hint.to_owned()))));
        return None;
    }
    let words = section.texts(given)?;
    if words.first().is_none_or(|program| program.is_empty()) {
        section.note(given.wrong(("it names no program".to_owned(), Some(hint.to_owned()))));
        return None;
    }
    Some(words)
}
