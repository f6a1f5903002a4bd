//! `[http]` and `[notify]`: how carnet is seen from outside, and how it tells a user that something is for them.

use std::{net::SocketAddr, path::PathBuf};

use toml::de::{DeTable, DeValue};

use super::{
    Environment, Fault,
    section::{Faults, Given, GivenValue, Section},
    values::Wrong,
};

pub(super) const HTTP_KEYS: [&str; 5] = ["listen", "allow_remote", "nudge_token_file", "desk", "desk_url"];
pub(super) const NOTIFY_KEYS: [&str; 3] = ["on_waiting", "on_failure", "names"];

/// `[http]`: health, metrics and nudge of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file with the token that a nudge must show; made where it is missing.
    pub nudge_token_file: PathBuf,
    /// The page where the office settles what waits; none where it is not wanted.
    pub desk: Option<DeskSettings>,
}

/// The page where the office settles what waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskSettings {
    /// How browsers reach it through a proxy that speaks https, without a slash at the end; none on this machine alone.
    pub url: Option<String>,
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
    let url = section.parsed("desk_url", desk_url);
    let is_wanted = section.flag("desk").unwrap_or(false);
    let listen = section.parsed("listen", |text| address(text, allow_remote))?;
    if is_wanted && !listen.ip().is_loopback() {
        let hint = "listen on 127.0.0.1; for other machines set desk_url, behind a proxy that speaks https";
        section.note(Fault::new(section.span.clone(), "`http.desk`: it would go over the network in clear").hint(hint));
    }
    let desk = is_wanted.then_some(DeskSettings { url });
    Some(HttpSettings { listen, nudge_token_file: file.unwrap_or_else(token), desk })
}

/// What browsers compare with the page's own address: a scheme, a host and a port, without a path.
fn desk_url(text: &str) -> Result<String, Wrong> {
    let wrong = || {
        let hint = "such as \"https://desk.example.org\", of a proxy that passes /desk/ on";
        ("expected an https address without a path".to_owned(), Some(hint.to_owned()))
    };
    let url = url::Url::parse(text.trim()).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.scheme() != "https" || !bare || url.password().is_some() {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
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
