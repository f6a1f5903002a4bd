//! Many runs: on a schedule, one at a time, until told to stop.
//!
//! A run that fails is logged and tried again later; it never ends the daemon. A run missed while the machine slept or
//! the daemon was down is made up for once. Nothing is printed here, all of it goes to the log, where contacts are named
//! by id only above the debug level.

mod backoff;
pub mod log;
pub mod signals;

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
    time::Duration,
};

use chrono::{DateTime, Local, TimeDelta, Utc};
use tracing::{Instrument, info, warn};

use crate::{
    app,
    config::{Environment, Settings, SettingsError, schedule::Schedule, secrets},
    sync::{Mode, RunOptions, Stop, Summary, SyncError},
    views::runs::newest,
};
pub use log::Wording;

use backoff::Retry;
use signals::Signals;

/// Timers stand still while a machine sleeps: the clock on the wall is looked at this often.
const CLOCK_LOOK: Duration = Duration::from_secs(20);

/// Why the daemon cannot begin. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The system gives no signals.
    #[error("listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs `sync` on the settings' schedule until SIGTERM or SIGINT. SIGHUP reads the settings again; `named` is the `-c` flag;
/// the log speaks with `wording`.
///
/// # Errors
/// Only before the first run.
pub async fn run(settings: Settings, named: Option<&Path>, wording: Wording) -> Result<(), DaemonError> {
    let stop = Stop::new();
    let signals = Signals::install(&stop).map_err(DaemonError::Signals)?;
    let mut daemon = Daemon { settings, failures: 0, stop: stop.clone(), wording };
    daemon.ask_password_once().await;
    let mut due = first_due(&daemon.settings.sync.schedule, last_run(&daemon.settings), Utc::now());
    info!(schedule = %daemon.settings.sync.schedule, next = %shown(due), "the daemon is ready");
    loop {
        tokio::select! {
            // A stop comes before a run that is due in the same moment.
            biased;
            () = stop.wait() => break,
            () = signals.reload() => {
                daemon.reload(named).await;
                due = after_reload(&daemon.settings.sync.schedule, daemon.failures > 0, Utc::now());
                daemon.failures = 0;
                info!(next = %shown(due), "the settings were read again");
            }
            () = wall_clock(due) => {
                due = daemon.once().await;
                if !stop.requested() {
                    info!(next = %shown(due), "waiting");
                }
            }
        }
    }
    info!("the daemon stops");
    Ok(())
}

struct Daemon {
    settings: Settings,
    /// Runs that failed since the last that did not.
    failures: u32,
    stop: Stop,
    wording: Wording,
}

impl Daemon {
    /// One run; answers when the next is due.
    async fn once(&mut self) -> DateTime<Utc> {
        let options = RunOptions {
            mode: Mode::Sync,
            only: Vec::new(),
            dry_run: false,
            max_delete: None,
            force: false,
            trigger: "daemon".to_owned(),
        };
        // The run's number is known once it has begun; from then on every line carries it.
        let span = tracing::info_span!("run", id = tracing::field::Empty);
        let mut numbered = false;
        let (settings, wording) = (&self.settings, self.wording);
        let within = span.clone();
        let mut tell = |event| {
            if !numbered {
                numbered = true;
                within.record("id", last_run_number(settings));
            }
            log::event(&event, wording);
        };
        let outcome = app::run(settings, &options, &self.stop, &mut tell).instrument(span.clone()).await;
        let retry = span.in_scope(|| self.judge(&outcome));
        next_due(&self.settings.sync.schedule, retry, Utc::now())
    }

    /// Logs how a run ended and says when to try again, if before or after its time.
    fn judge(&mut self, outcome: &Result<Summary, SyncError>) -> Option<Duration> {
        let error = match outcome {
            Ok(summary) => {
                self.failures = 0;
                log::summary(summary, self.wording);
                return None;
            }
            Err(SyncError::Interrupted) => {
                info!("the run was stopped; what it did is kept");
                return None;
            }
            Err(error) => error,
        };
        log::error(error, self.wording);
        let chance = RandomState::new().hash_one(0u8);
        let retry = match error {
            SyncError::Locked(_) => Retry::Busy,
            SyncError::Login(_) => Retry::Login,
            SyncError::Network(_) | SyncError::Mirror(_) | SyncError::Output(_) | SyncError::Failed(_) => {
                Retry::Diagnostic
            }
            // Trying again cannot help: a user must act, and each run at its time says so.
            SyncError::Settings(_)
            | SyncError::Usage(_)
            | SyncError::Safety(_)
            | SyncError::OtherAccount { .. }
            | SyncError::Distrusted(_)
            | SyncError::Refused(_)
            | SyncError::Interrupted => return None,
        };
        if !matches!(retry, Retry::Busy) {
            self.failures = self.failures.saturating_add(1);
        }
        let delay = backoff::delay(retry, self.failures, chance);
        warn!(failures = self.failures, retry_in_s = delay.as_secs(), "the run failed and will be tried again");
        Some(delay)
    }

    /// Where the password comes from a prompt, a user is asked now and not before each run.
    async fn ask_password_once(&mut self) {
        let source = secrets::source(&self.settings, Environment::of_process());
        if matches!(source, secrets::Source::Prompt) {
            match secrets::read(&self.settings, source).await {
                Ok(password) => self.settings.crm.password.given = Some(password),
                Err(error) => {
                    let hint = error.hint().unwrap_or_default();
                    warn!(error = %error, hint, "there is no password yet");
                }
            }
        }
    }

    /// Reads the settings again; wrong ones are logged and the old ones stay.
    async fn reload(&mut self, named: Option<&Path>) {
        match Settings::load(named) {
            Ok(mut settings) => {
                // What a user typed stands for the same login only.
                let same =
                    settings.crm.url == self.settings.crm.url && settings.crm.username == self.settings.crm.username;
                settings.crm.password.given = self.settings.crm.password.given.take().filter(|_| same);
                self.settings = settings;
                self.ask_password_once().await;
            }
            Err(error) => {
                let line = wrong_line(&error);
                warn!(error = %error, line, "the settings cannot be used; the old ones stay");
            }
        }
    }
}

/// The line of the settings file to look at; 0 where no line is to blame.
fn wrong_line(error: &SettingsError) -> usize {
    let SettingsError::Invalid { text, faults, .. } = error else { return 0 };
    let start = faults.first().and_then(|fault| fault.span.as_ref()).map(|span| span.start);
    start.map_or(0, |start| text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1)
}

/// When the last run of whatever command began, if there ever was one.
fn last_run(settings: &Settings) -> Option<DateTime<Utc>> {
    let run = newest(&settings.mirror.path)?;
    DateTime::parse_from_rfc3339(&run.started_at).ok().map(|at| at.with_timezone(&Utc))
}

/// The number of the run that is at work: the newest, since it holds the lock.
fn last_run_number(settings: &Settings) -> Option<i64> {
    newest(&settings.mirror.path).map(|run| run.id)
}

/// The first run: the one that was missed meanwhile, at once; else the next. Without any earlier run, at once.
fn first_due(schedule: &Schedule, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    match last {
        // A clock that was set back must not put the next run off.
        Some(last) => scheduled(schedule, last.min(now)).max(now).min(scheduled(schedule, now)),
        None => now,
    }
}

/// The run after one that just ended: the next at its time, or a retry.
fn next_due(schedule: &Schedule, retry: Option<Duration>, now: DateTime<Utc>) -> DateTime<Utc> {
    match retry.and_then(|delay| TimeDelta::from_std(delay).ok()) {
        Some(delay) => now + delay,
        None => scheduled(schedule, now),
    }
}

/// After new settings: at once if the old ones failed, for this may be the cure.
fn after_reload(schedule: &Schedule, failed: bool, now: DateTime<Utc>) -> DateTime<Utc> {
    if failed { now } else { scheduled(schedule, now) }
}

/// The schedule's next time on this machine's own clock. A calendar that ends is looked at again in a day.
fn scheduled(schedule: &Schedule, after: DateTime<Utc>) -> DateTime<Utc> {
    let next = schedule.next(&after.with_timezone(&Local)).map(|next| next.with_timezone(&Utc));
    next.unwrap_or(after + TimeDelta::days(1))
}

/// Ends when the clock on the wall has reached this time, however long the machine slept.
async fn wall_clock(due: DateTime<Utc>) {
    while let Ok(left) = (due - Utc::now()).to_std() {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(CLOCK_LOOK)).await;
    }
}

fn shown(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Diagnostic;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn hourly() -> Schedule {
        Schedule::parse("every 1h").unwrap()
    }

    #[test]
    fn a_missed_run_is_made_up_for_once() {
        let now = at("2026-01-01T10:20:00Z");
        let check = |last: Option<&str>, expected: &str| {
            assert_eq!(first_due(&hourly(), last.map(at), now), at(expected), "{last:?}");
        };
        check(None, "2026-01-01T10:20:00Z");
        check(Some("2026-01-01T10:00:01Z"), "2026-01-01T11:00:00Z");
        check(Some("2026-01-01T09:30:00Z"), "2026-01-01T10:20:00Z");
        check(Some("2025-12-01T00:00:00Z"), "2026-01-01T10:20:00Z");
        check(Some("2027-01-01T00:00:00Z"), "2026-01-01T11:00:00Z");
    }

    #[test]
    fn the_next_run_is_at_its_time_or_a_retry() {
        let now = at("2026-01-01T10:20:00Z");
        assert_eq!(next_due(&hourly(), None, now), at("2026-01-01T11:00:00Z"));
        assert_eq!(next_due(&hourly(), Some(Duration::from_secs(60)), now), at("2026-01-01T10:21:00Z"));
        assert_eq!(after_reload(&hourly(), true, now), now);
        assert_eq!(after_reload(&hourly(), false, now), at("2026-01-01T11:00:00Z"));
    }

    #[test]
    fn failures_are_counted_and_never_end_it() {
        let nothing = |_: &str| None;
        let text = "[crm]\nurl = \"sandbox\"";
        let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
        let wording = Wording { note: |_, _| (String::new(), None), stopped: |_| String::new(), hint: SyncError::hint };
        let mut daemon = Daemon { settings, failures: 0, stop: Stop::new(), wording };
        let mut check = |outcome: Result<Summary, SyncError>, retried: bool, failures: u32| {
            let shown = format!("{outcome:?}");
            assert_eq!(daemon.judge(&outcome).is_some(), retried, "{shown}");
            assert_eq!(daemon.failures, failures, "{shown}");
        };
        let diagnostic = || Diagnostic::new("x");
        check(Err(SyncError::Network(diagnostic())), true, 1);
        check(Err(SyncError::Login(diagnostic())), true, 2);
        check(Err(SyncError::Locked(diagnostic())), true, 2);
        check(Err(SyncError::Safety(diagnostic())), false, 2);
        check(Err(SyncError::Settings(diagnostic())), false, 2);
        check(Err(SyncError::Interrupted), false, 2);
        check(Ok(Summary::default()), false, 0);
    }

    #[tokio::test]
    async fn a_time_that_is_past_is_not_waited_for() {
        wall_clock(at("2020-01-01T00:00:00Z")).await;
    }
}
