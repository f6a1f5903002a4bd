//! The lines of `check` for what is beside a run: the daemon's listener and its token, the programs that are told, variables
//! whose name no setting has, a password file that others can read, passwords in clear.

use std::path::Path;

use super::line;
use crate::{
    app::{CheckLine, Verdict, daemon_of},
    config::{
        Environment, HttpSettings, ServingSettings, Settings,
        secrets::{Source, book_source},
        unknown_variables,
    },
    http, notify,
};

/// All of them, as far as the settings name such things.
pub(super) fn lines(settings: &Settings) -> Vec<CheckLine> {
    let listener = settings.http.as_ref().map(|wanted| listener(wanted, &settings.mirror.path));
    let programs = [("on_waiting", &settings.notify.on_waiting), ("on_failure", &settings.notify.on_failure)];
    let programs = programs.into_iter().filter_map(|(key, argv)| Some(told(settings, key, argv.as_deref()?)));
    let serving = settings.carddav.as_ref().map(|wanted| serving(wanted, &settings.mirror.path));
    listener.into_iter().chain(serving).chain(programs).collect()
}

/// Whether the daemon could listen, and nudges have a token.
fn listener(wanted: &HttpSettings, mirror: &Path) -> CheckLine {
    match http::examine(wanted) {
        Ok(()) => line("http", Verdict::Ok, format!("{} can be listened to", wanted.listen), None),
        Err(error) if error.is_taken() && daemon_of(mirror).is_some() => line(
            "http",
            Verdict::Ok,
            format!("something listens on {}: most likely this mirror's daemon", wanted.listen),
            None,
        ),
        Err(error) => line("http", Verdict::Failed, format!("failed to {error}"), Some(error.hint())),
    }
}

/// Whether devices could be served.
fn serving(wanted: &ServingSettings, mirror: &Path) -> CheckLine {
    match http::dav::examine(wanted) {
        Ok(()) => line("carddav", Verdict::Ok, format!("devices can be served at {}", wanted.address()), None),
        Err(error) if error.is_taken() && daemon_of(mirror).is_some() => line(
            "carddav",
            Verdict::Ok,
            format!("something listens on {}: most likely this mirror's daemon", wanted.listen),
            None,
        ),
        Err(error) => line("carddav", Verdict::Failed, format!("failed to {error}"), Some(error.hint())),
    }
}

fn told(settings: &Settings, key: &str, argv: &[String]) -> CheckLine {
    match notify::examine(settings, argv) {
        Ok(program) => line("notify", Verdict::Ok, format!("{key}: {}", program.display()), None),
        Err(why) => {
            let hint = format!("name a program that is there and may be run, or take {key} out of [notify]");
            line("notify", Verdict::Failed, format!("{key}: {why}"), Some(hint))
        }
    }
}

/// A line for each variable that begins as carnet's do and that nothing reads.
pub(super) fn variables(names: impl Iterator<Item = String>, settings: &Settings) -> Vec<CheckLine> {
    let line = |(name, meant): (String, Option<String>)| {
        let hint = match meant {
            Some(meant) => format!("did you mean ${meant}?"),
            None => "`man carnet` lists the variables; unset this one".to_owned(),
        };
        line("settings", Verdict::Warning, format!("nothing reads the variable ${name}"), Some(hint))
    };
    unknown_variables(names, settings).into_iter().map(line).collect()
}

/// How a password that was read stands: its file may be open to others.
pub(super) fn password(subject: &str, source: &Source) -> Option<CheckLine> {
    let file = source.exposed_file()?;
    let message = format!("{}: other users can read it", source.describe());
    Some(line(subject, Verdict::Warning, message, Some(format!("chmod 600 {}", file.display()))))
}

/// What is doubtful in how books log in to their servers.
pub(super) fn books(settings: &Settings) -> Vec<CheckLine> {
    let environment = Environment::of_process();
    let on_servers = settings.books.iter().filter_map(|book| Some((book, book.server()?)));
    let lines = on_servers.flat_map(|(book, server)| {
        let source = book_source(&book.name, server, environment);
        let open = source.and_then(|source| password(&book.name, &source));
        let plain = server.insecure_http.then(|| plain_http(&book.name, &server.url));
        open.into_iter().chain(plain)
    });
    lines.collect()
}

/// The warning that passwords may travel in clear.
pub(super) fn plain_http(subject: &str, url: &str) -> CheckLine {
    let message = if url.starts_with("http://") {
        "insecure_http is set: the password goes over the network in clear"
    } else {
        "insecure_http is set, though the address is https"
    };
    let hint = "take insecure_http out of the settings".to_owned();
    line(subject, Verdict::Warning, message.to_owned(), Some(hint))
}
