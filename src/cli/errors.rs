//! From errors to words, hints and exit codes.

use std::io;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};

use super::{
    exit,
    messages::{Language, Said},
    output::{BAD, FAINT},
};
use crate::{
    config::{Fault, SettingsError, secrets::SecretError},
    contact::FilterError,
    daemon::DaemonError,
    http::{HttpError, dav::DavServerError},
    sandbox::SandboxError,
    sync::SyncError,
    views::MirrorError,
};

/// Why a command did not do what it was asked. Display reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A run.
    #[error(transparent)]
    Sync(SyncError),
    /// The mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// A `--where`.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// What the daemon listens to.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What devices are served by.
    #[error(transparent)]
    Serving(#[from] DavServerError),
    /// The practice CRM.
    #[error("{}", with_source(.0))]
    Sandbox(#[from] SandboxError),
    /// What was typed cannot be done.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// Something was not found, or a file could not be used.
    #[error("{message}")]
    Failed {
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Standard output is closed or full.
    #[error("write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl From<SyncError> for CliError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Refused(refused) => {
                let Said { message, hint } = Language::default().messages().refused(&refused);
                if refused.why.is_usage() { Self::Usage { message, hint } } else { Self::Failed { message, hint } }
            }
            other => Self::Sync(other),
        }
    }
}

impl CliError {
    /// A failure with a hint.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: Some(hint.into()) }
    }

    /// What was typed names nothing, or cannot be done.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// A failure over a file.
    pub fn file(verb: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::Failed { message: format!("{verb} {}: {error}", path.display()), hint: None }
    }

    /// The error where nothing stands before it: "failed to ...".
    fn whole(&self) -> String {
        match self {
            Self::Sync(error) => error.whole(),
            _ => format!("failed to {self}"),
        }
    }

    /// The public exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Secret(_) | Self::Filter(_) | Self::Usage { .. } => exit::USAGE,
            Self::Sync(error) | Self::Daemon(DaemonError::Lock(error)) => error.exit_code(),
            Self::Http(error) => error.exit_code(),
            Self::Serving(error) => error.exit_code(),
            Self::Mirror(_) | Self::Daemon(DaemonError::Signals(_)) | Self::Sandbox(_) | Self::Failed { .. } => {
                exit::FAILED
            }
            // `carnet list | head` is no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::DONE,
            Self::Output(_) => exit::FAILED,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Secret(error) => error.hint(),
            Self::Sync(error) => Language::default().messages().what_to_do(error),
            Self::Mirror(error) => error.hint(),
            Self::Filter(error) => Some(error.hint()),
            Self::Usage { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
            Self::Http(error) => Some(error.hint()),
            Self::Serving(error) => Some(error.hint()),
            Self::Sandbox(error) => error.hint().map(str::to_owned),
            Self::Daemon(DaemonError::Lock(error)) => Language::default().messages().what_to_do(error),
            Self::Daemon(DaemonError::Signals(_)) | Self::Output(_) => None,
        }
    }

    /// What a user reads, with colours to be stripped where they are not wanted; `None` where nothing is to be said.
    pub fn in_words(&self, colors: bool) -> Option<String> {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Sync(SyncError::Interrupted) => Some(format!("{}\n", self.whole())),
            Self::Settings(SettingsError::Invalid { file, text, faults }) => {
                let head = format!("{BAD}error{BAD:#}: failed to understand the settings file {}\n", file.display());
                let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                Some(faults.iter().fold(head, |words, fault| words + &snippet(&name, text, fault, colors)))
            }
            _ => {
                let hint = self.hint().map_or_else(String::new, |hint| format!("{FAINT}hint:{FAINT:#} {hint}\n"));
                Some(format!("{BAD}error{BAD:#}: {}\n{hint}", self.whole()))
            }
        }
    }

    /// The `error` object of `--json`.
    pub fn in_json(&self) -> Value {
        let mut object = json!({ "type": "error", "message": self.whole(), "exit_code": self.exit_code() });
        if let Some(hint) = self.hint() {
            object["hint"] = hint.into();
        }
        if let Self::Settings(SettingsError::Invalid { text, faults, .. }) = self {
            let line = |fault: &Fault| fault.span.as_ref().map(|span| line_of(text, span.start));
            object["faults"] = faults
                .iter()
                .map(|fault| json!({ "line": line(fault), "message": fault.message, "hint": fault.hint }))
                .collect();
        }
        object
    }
}

/// An error with what it comes from, where it does not say so itself.
fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The line, from 1, of a byte of the text.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// A fault with the line that it is about.
fn snippet(name: &str, text: &str, fault: &Fault, colors: bool) -> String {
    let Some(span) = fault.span.clone() else {
        let hint = fault.hint.as_ref().map_or_else(String::new, |hint| format!("{FAINT}hint:{FAINT:#} {hint}\n"));
        return format!("  {}\n{hint}", fault.message);
    };
    let theme = if colors { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let shown = Shown { fault, span, source: NamedSource::new(name, text.to_owned()) };
    let mut words = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_context_lines(1).without_cause_chain();
    // Writing into a string cannot fail; if miette gave up all the same, the bare message is better than nothing.
    if handler.render_report(&mut words, &shown).is_err() {
        words = format!("  line {}: {}\n", line_of(text, shown.span.start), fault.message);
    }
    words
}

/// A fault as miette wants it.
#[derive(Debug)]
struct Shown<'f> {
    fault: &'f Fault,
    span: std::ops::Range<usize>,
    source: NamedSource<String>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.fault.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        // A table's span is all of its lines; its first line is enough to find it.
        let text = self.source.inner();
        let length = text[self.span.clone()].lines().next().map_or(0, str::len).max(1);
        Some(Box::new(std::iter::once(LabeledSpan::new(Some("here".to_owned()), self.span.start, length))))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::{Environment, Settings, secrets::Owner},
        replica::Diagnostic,
    };

    fn settings_error(text: &str) -> CliError {
        let nothing = |_: &str| None;
        Settings::parse(Path::new("/etc/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap_err().into()
    }

    #[test]
    fn settings_errors_show_the_line_without_the_secrets() {
        let error = settings_error(
            "[crm]\nurl = \"sandbox\"\npassword = \"hunter2\"\ntimeuot = \"60s\"\n[[book]]\nname = \"a\"\n",
        );
        insta::assert_snapshot!(anstream::adapter::strip_str(&error.in_words(false).unwrap()).to_string(), @r#"
    error: failed to understand the settings file /etc/carnet.toml
      × unknown key `timeuot` in [crm]
       ╭─[carnet.toml:4:1]
     3 │ password = *********
     4 │ timeuot = "60s"
       · ───┬───
       ·    ╰── here
     5 │ [[book]]
       ╰────
      help: did you mean `timeout`? known here: url, username, password_command, password_file, password,
            concurrency, requests_per_second, per_page, timeout, confirm_after, ca_file, insecure_http, lists,
            deletes, firms
      × `book.kind` is missing
       ╭─[carnet.toml:5:1]
     4 │ timeuot = "60s"
     5 │ [[book]]
       · ────┬───
       ·     ╰── here
     6 │ name = "a"
       ╰────
      help: one of vdir, vcard, csv, carddav, devices
      × `book.path` is missing
       ╭─[carnet.toml:5:1]
     4 │ timeuot = "60s"
     5 │ [[book]]
       · ────┬───
       ·     ╰── here
     6 │ name = "a"
       ╰────
      help: the folder of a vdir, the file of the others
    "#);
        insta::assert_snapshot!(error.in_json(), @r#"{"exit_code":2,"faults":[{"hint":"did you mean `timeout`? known here: url, username, password_command, password_file, password, concurrency, requests_per_second, per_page, timeout, confirm_after, ca_file, insecure_http, lists, deletes, firms","line":4,"message":"unknown key `timeuot` in [crm]"},{"hint":"one of vdir, vcard, csv, carddav, devices","line":5,"message":"`book.kind` is missing"},{"hint":"the folder of a vdir, the file of the others","line":5,"message":"`book.path` is missing"}],"hint":"did you mean `timeout`? known here: url, username, password_command, password_file, password, concurrency, requests_per_second, per_page, timeout, confirm_after, ca_file, insecure_http, lists, deletes, firms","message":"failed to understand the settings file /etc/carnet.toml: unknown key `timeuot` in [crm]","type":"error"}"#);
    }

    #[test]
    fn exit_codes_are_the_contracts() {
        let trouble = || Diagnostic::new("x");
        let check = |error: CliError, expected: u8| assert_eq!(error.exit_code(), expected, "{error}");
        check(settings_error(""), 2);
        check(SecretError::NoSource(Owner::Crm).into(), 2);
        check(CliError::Usage { message: "x".into(), hint: None }, 2);
        check(FilterError::UnknownField { name: "x".into(), known: vec![] }.into(), 2);
        check(MirrorError::Aborted.into(), 1);
        check(CliError::failed("x", "y"), 1);
        check(SyncError::Settings(trouble()).into(), 2);
        check(SyncError::Login(trouble()).into(), 4);
        check(SyncError::Network(trouble()).into(), 5);
        check(SyncError::Safety(trouble()).into(), 7);
        check(SyncError::Locked(trouble()).into(), 11);
        check(SyncError::Interrupted.into(), 130);
        check(io::Error::from(io::ErrorKind::BrokenPipe).into(), 0);
        check(io::Error::from(io::ErrorKind::StorageFull).into(), 1);
    }

    #[test]
    fn errors_read_after_failed_to_and_hints_follow() {
        let error = CliError::failed("open the door", "turn the key");
        let words = anstream::adapter::strip_str(&error.in_words(false).unwrap()).to_string();
        assert_eq!(words, "error: failed to open the door\nhint: turn the key\n");
        assert_eq!(CliError::from(io::Error::from(io::ErrorKind::BrokenPipe)).in_words(false), None);
    }
}
