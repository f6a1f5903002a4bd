//! Whether the daemon does what it is there for. Pure: the picture, the schedule and the time are handed in.

use chrono::{DateTime, Local, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{config::schedule::Schedule, daemon::DaemonState, sync::stamp};

/// So many times of the schedule may pass without a run that comes to its end.
const MISSED_MAX: usize = 3;
/// However close those times are, this long may pass.
const MISSED_FOR: TimeDelta = TimeDelta::minutes(5);
/// A run in which nothing happens for so long hangs: its requests end far sooner.
const SILENT_MAX: TimeDelta = TimeDelta::minutes(30);
/// A run that is due begins within this.
const LATE_MAX: TimeDelta = TimeDelta::minutes(2);

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The CRM refused the login, and it is tried rarely.
    LoginRefused,
    /// No run came to its end.
    NoRunSucceeds {
        /// Since then.
        since: DateTime<Utc>,
    },
    /// The run at work does nothing.
    RunHangs {
        /// Since then.
        since: DateTime<Utc>,
    },
    /// A run is due and does not begin.
    NoRunBegins {
        /// Since then.
        since: DateTime<Utc>,
    },
}

/// What is wrong, if anything. `stirred`: when something last happened in a run.
pub(super) fn judge(
    state: &DaemonState,
    schedule: &Schedule,
    stirred: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Trouble> {
    if state.is_login_refused() {
        return Some(Trouble::LoginRefused);
    }
    if let Some(running) = state.running {
        let since = stirred.map_or(running.since, |at| at.max(running.since));
        if now - since > SILENT_MAX {
            return Some(Trouble::RunHangs { since });
        }
        // A first run may take hours, and is at work.
        if state.failures == 0 {
            return None;
        }
    } else if let Some(due) = state.next.filter(|due| now - *due > LATE_MAX) {
        return Some(Trouble::NoRunBegins { since: due });
    }
    let since = state.last_good.unwrap_or(state.started);
    is_missed(schedule, since, now).then_some(Trouble::NoRunSucceeds { since })
}

fn is_missed(schedule: &Schedule, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let mut at = since.with_timezone(&Local);
    for _ in 0..MISSED_MAX {
        match schedule.next(&at) {
            Some(next) if next <= now => at = next,
            Some(_) | None => return false,
        }
    }
    now - since > MISSED_FOR
}

impl Trouble {
    fn word(self) -> &'static str {
        match self {
            Trouble::LoginRefused => "login_refused",
            Trouble::NoRunSucceeds { .. } => "no_run_succeeds",
            Trouble::RunHangs { .. } => "run_hangs",
            Trouble::NoRunBegins { .. } => "no_run_begins",
        }
    }

    fn text(self) -> String {
        match self {
            Trouble::LoginRefused => "the CRM refused the login; mend it, then reload the daemon (SIGHUP)".to_owned(),
            Trouble::NoRunSucceeds { since } => {
                format!("no run has come to its end since {}; see `carnet status` and the log", stamp(since))
            }
            Trouble::RunHangs { since } => format!("nothing has happened in a run since {}", stamp(since)),
            Trouble::NoRunBegins { since } => format!("a run was due at {} and has not begun", stamp(since)),
        }
    }
}

/// The public answer.
pub(super) fn object(state: &DaemonState, trouble: Option<Trouble>) -> Value {
    let last = state.last.as_ref();
    json!({
        "status": if trouble.is_none() { "ok" } else { "failing" },
        "reason": trouble.map(Trouble::word),
        "text": trouble.map(Trouble::text),
        "at_work": state.running.is_some(),
        "last_exit_code": last.map(|last| last.exit_code),
        "last_run": last.map(|last| stamp(last.ended)),
        "last_success": state.last_good.map(stamp),
        "next_run": state.next.map(stamp),
        "failures": state.failures,
        "waiting": state.waiting,
        "unwatched_books": state.unwatched.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{Cause, LastRun, Running, Scope};

    fn at(time: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(&format!("2026-03-02T{time}Z")).unwrap().with_timezone(&Utc)
    }

    fn state() -> DaemonState {
        DaemonState::new(at("08:00:00"))
    }

    fn check(state: &DaemonState, schedule: &str, now: &str, expected: Option<Trouble>) {
        let schedule = Schedule::parse(schedule).unwrap();
        let found = judge(state, &schedule, state.running.map(|running| running.since), at(now));
        assert_eq!(found, expected, "{now}");
    }

    #[test]
    fn three_missed_times_are_trouble_and_two_are_none() {
        let good = DaemonState { last_good: Some(at("09:02:00")), ..state() };
        check(&good, "*/15 * * * *", "09:44:00", None);
        check(&good, "*/15 * * * *", "09:45:00", Some(Trouble::NoRunSucceeds { since: at("09:02:00") }));
        check(&state(), "every 15m", "08:44:00", None);
        check(&state(), "every 15m", "08:46:00", Some(Trouble::NoRunSucceeds { since: at("08:00:00") }));
        // However often runs are to be.
        check(&good, "every 1s", "09:06:00", None);
        check(&good, "every 1s", "09:07:01", Some(Trouble::NoRunSucceeds { since: at("09:02:00") }));
        check(&good, "@yearly", "23:00:00", None);
    }

    #[test]
    fn a_run_at_work_is_believed_while_something_happens_in_it() {
        let running = Running { since: at("09:00:00"), cause: Cause::Schedule, scope: Scope::All };
        let at_work = DaemonState { running: Some(running), ..state() };
        check(&at_work, "every 1m", "09:29:00", None);
        check(&at_work, "every 1m", "09:31:00", Some(Trouble::RunHangs { since: at("09:00:00") }));
        let schedule = Schedule::parse("every 1m").unwrap();
        assert_eq!(judge(&at_work, &schedule, Some(at("11:50:00")), at("12:00:00")), None);
        // A try after many failures does not make it well.
        let retrying = DaemonState { failures: 2, ..at_work };
        check(&retrying, "every 1m", "09:01:00", Some(Trouble::NoRunSucceeds { since: at("08:00:00") }));
    }

    #[test]
    fn a_refused_login_and_a_run_that_does_not_begin_are_trouble_at_once() {
        let last = LastRun {
            started: at("09:00:00"),
            ended: at("09:00:01"),
            cause: Cause::Schedule,
            scope: Scope::All,
            exit_code: 4,
            error: Some("log in as ada@example.org".to_owned()),
        };
        let refused = DaemonState { failures: 1, last: Some(last), last_good: Some(at("08:55:00")), ..state() };
        check(&refused, "@hourly", "09:00:02", Some(Trouble::LoginRefused));
        let told = object(&refused, Some(Trouble::LoginRefused)).to_string();
        assert!(told.contains("\"reason\":\"login_refused\"") && !told.contains("ada@"), "{told}");
        let due = DaemonState { next: Some(at("09:00:00")), last_good: Some(at("08:59:00")), ..state() };
        check(&due, "@hourly", "09:02:00", None);
        check(&due, "@hourly", "09:02:01", Some(Trouble::NoRunBegins { since: at("09:00:00") }));
    }
}
