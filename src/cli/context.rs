//! What a command works with: the global flags, the settings, the mirror, the outputs, and a runtime to wait in.

use std::{io::Write, path::Path};

use tracing_subscriber::{
    EnvFilter,
    fmt::{format::Writer, time::FormatTime},
};

use super::{
    args::{Global, LogFormat},
    errors::CliError,
    output::{Output, choose_color},
};
use crate::{app, config::Settings, sync::SyncError, views::Reader};

/// What a command works with.
pub struct Context {
    /// The flags of every command.
    pub global: Global,
    /// Standard output.
    pub out: Output,
}

impl Context {
    /// For these flags. Sets the process's colours.
    pub fn new(global: Global) -> Self {
        choose_color(global.color);
        Self { out: Output::new(&global), global }
    }

    /// The settings as the file has them.
    ///
    /// # Errors
    /// When there are none or they are wrong.
    pub fn settings(&self) -> Result<Settings, CliError> {
        Ok(Settings::load(self.global.config.as_deref())?)
    }

    /// The settings with a book for each device, where books matter. A store that cannot be read is a run's to tell.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub fn settings_with_devices(&self) -> Result<Settings, CliError> {
        let settings = self.settings()?;
        Ok(app::with_devices(&settings).unwrap_or(settings))
    }

    /// The settings' mirror, to be read.
    ///
    /// # Errors
    /// When there is none yet or it cannot be read.
    pub fn reader(&self, settings: &Settings) -> Result<Reader, CliError> {
        Ok(Reader::open(&settings.mirror.path)?)
    }

    /// Sends log lines to stderr from this level on, if neither `-v` nor `$CARNET_LOG` says otherwise.
    pub fn start_logging(&self, level: &str) {
        let level = match self.global.verbose {
            _ if self.global.quiet => "error",
            0 | 1 => level,
            2 => "debug",
            _ => "trace",
        };
        // The libraries below are chatty, and the HTTP ones log headers at trace level.
        let own = || EnvFilter::new(format!("warn,carnet={level},hyper=warn,reqwest=warn,rustls=warn"));
        let filter = std::env::var("CARNET_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or_else(own);
        let builder =
            tracing_subscriber::fmt().with_timer(OwnClock).with_env_filter(filter).with_writer(std::io::stderr);
        let colors = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        // A second subscriber in one process is a test's; the first one stays.
        let _ = match self.global.log_format {
            LogFormat::Text => builder.with_ansi(colors).with_target(false).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        };
    }

    /// Threads to wait in.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn runtime(&self) -> Result<tokio::runtime::Runtime, CliError> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::Failed { message: format!("start the program's threads: {error}"), hint: None })
    }

    /// The same error; a failure of the mirror is looked into: is it the file, or its disk?
    pub fn examined(&self, error: CliError) -> CliError {
        let path = |error: &CliError| match error {
            CliError::Mirror(_) | CliError::Sync(SyncError::Mirror(_)) => Some(self.settings().ok()?.mirror.path),
            _ => None,
        };
        match (path(&error), error) {
            (Some(path), CliError::Mirror(error)) => CliError::Mirror(error.examined(&path)),
            (Some(path), CliError::Sync(error)) => CliError::Sync(error.examined(&path)),
            (_, error) => error,
        }
    }

    /// Says what went wrong, on stderr and with `--json` on stdout too; answers the exit code.
    pub fn complain(&mut self, error: &CliError) -> u8 {
        let colors = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        if let Some(words) = error.in_words(colors) {
            // Nothing is left to complain to where these fail.
            let _ = write!(anstream::stderr(), "{words}");
            if self.out.json {
                let _ = self.out.object(&error.in_json());
            }
        }
        error.exit_code()
    }

    /// True where a user can be asked, and reads what is said.
    pub fn is_conversation(&self) -> bool {
        use std::io::IsTerminal;
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks yes or no on the terminal. `--yes` says yes; without a terminal the answer is `otherwise`.
    pub fn confirm(&self, question: &str, otherwise: bool) -> bool {
        if self.global.yes {
            return true;
        }
        if !self.is_conversation() {
            return otherwise;
        }
        dialoguer::Confirm::new().with_prompt(question).default(false).interact().unwrap_or(false)
    }

    /// A word on stderr, unless `--quiet`.
    pub fn talk(&self, text: &str) {
        if !self.global.quiet {
            // Talk is not worth failing for.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }
}

/// Log lines are stamped by the user's own clock, with its offset: RFC 3339.
struct OwnClock;

impl FormatTime for OwnClock {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{}", chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}

/// A path that names standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}
