//! The lines of `check` for what is beside a run: the daemon's listener and its token, the programs that are told, variables
//! whose name no setting has, a password file that others can read.

use std::path::Path;

use super::line;
use crate::{
    app::{CheckLine, Verdict, daemon_of},
    config::{HttpSettings, Settings, secrets::Source, unknown_variables},
    http, notify,
};

/// All of them, as far as the settings name such things.
pub(super) fn lines(settings: &Settings) -> Vec<CheckLine> {
    let listener = settings.http.as_ref().map(|wanted| listener(wanted, &settings.mirror.path));
    let programs = [("on_waiting", &settings.notify.on_waiting), ("on_failure", &settings.notify.on_failure)];
    let programs = programs.into_iter().filter_map(|(key, argv)| Some(told(settings, key, argv.as_deref()?)));
    listener.into_iter().chain(programs).collect()
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
pub(super) fn variables(names: impl Iterator<Item = String>) -> Vec<CheckLine> {
    let line = |(name, meant): (String, Option<String>)| {
        let hint = match meant {
            Some(meant) => format!("did you mean ${meant}?"),
            None => "`man carnet` lists the variables; unset this one".to_owned(),
        };
        line("settings", Verdict::Warning, format!("nothing reads the variable ${name}"), Some(hint))
    };
    unknown_variables(names).into_iter().map(line).collect()
}

/// How a password that was read stands: its file may be open to others.
pub(super) fn password(source: &Source) -> Option<CheckLine> {
    let file = source.exposed_file()?;
    let message = format!("{}: other users can read it", source.describe());
    Some(line(super::PASSWORD, Verdict::Warning, message, Some(format!("chmod 600 {}", file.display()))))
}
