//! What the daemon does next: a state machine without a clock, a file or a thread. Times and chance are handed in.
//!
//! Two clocks: the wall's, which the schedule is about and which somebody may set, and the machine's uptime, sleep
//! included, which waits are measured by. One run at a time. Whatever asks for a run while one is at work gets one run
//! after it, however much it was.

use std::{fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::backoff::{self, Retry};

/// A book is left alone this long before its edits are synchronised: programs write in bursts.
pub const QUIET: Duration = Duration::from_secs(1);
/// A book that is never left alone is synchronised after this long all the same.
pub const QUIET_WAITED_MAX: Duration = Duration::from_secs(10);
/// Runs for edits take at most half of the time; after long ones, edits wait no longer than this.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A clock that is set back by less than this repeats no time of the schedule.
const SET_BACK_MAX: TimeDelta = TimeDelta::minutes(1);

/// The schedule's next time strictly after the one given.
pub type Times = Box<dyn Fn(DateTime<Utc>) -> DateTime<Utc> + Send>;

/// The present moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time of day.
    pub wall: DateTime<Utc>,
    /// Since the machine was started, sleep included.
    pub up: Duration,
}

/// Why a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its time has come, or has passed while the machine slept.
    Schedule,
    /// An earlier one failed.
    Retry,
    /// A book was edited.
    Edit,
    /// Somebody asked for it.
    Nudge,
    /// The settings were read again after a failure.
    Settings,
}

impl Cause {
    /// In a word, for logs.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Schedule => "schedule",
            Cause::Retry => "retry",
            Cause::Edit => "edit",
            Cause::Nudge => "nudge",
            Cause::Settings => "settings",
        }
    }
}

/// Which replicas take part in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of them.
    All,
    /// The books, among themselves: the CRM is in trouble and is tried again later.
    Books,
}

impl Scope {
    /// In a word, for logs.
    pub fn word(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Books => "books",
        }
    }
}

/// Whether the books may be synchronised among themselves while the CRM is in trouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Books {
    /// There is more than one.
    pub several: bool,
    /// The mirror knows the CRM's contacts already.
    pub met_the_crm: bool,
}

/// What has happened.
pub enum Event {
    /// A moment that was waited for has come, or the clock was set.
    Look,
    /// A watched book was edited.
    Edited,
    /// Something asks for a run.
    Nudged,
    /// A user asks for a run, paused or not.
    Insisted,
    /// A user wants no run that nobody insists on; or wants them again.
    Paused(bool),
    /// The settings were read again and are good: their schedule, and whether they name several books.
    Reloaded(Times, bool),
    /// The run is over.
    Ended(Ended),
    /// The daemon is to end.
    Stop,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end; some contacts may have failed.
    Whole,
    /// It was told to stop.
    Interrupted,
    /// The mirror was in use.
    Busy,
    /// It failed, and may succeed later; chance spreads the tries.
    Failed(Retry, u64),
    /// It failed, and only a user can help; each run at its time says so.
    Hopeless,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing before the deadline.
    Wait,
    /// Begin a run.
    Start(Cause, Scope),
    /// End the daemon.
    Leave,
}

/// When to look again, on either clock; none: not before something happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadline {
    /// The time of day.
    pub wall: Option<DateTime<Utc>>,
    /// The uptime.
    pub up: Option<Duration>,
}

/// Edits that wait for a run.
#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Duration,
    last: Duration,
}

/// A run at work.
#[derive(Debug, Clone, Copy)]
struct AtWork {
    cause: Cause,
    scope: Scope,
    since: Duration,
}

/// The daemon's plan.
pub struct Plan {
    times: Times,
    several_books: bool,
    /// The CRM and the mirror have agreed on something: who is who does not depend on which of them is met first.
    met_the_crm: bool,
    /// The schedule's next time.
    due: DateTime<Utc>,
    /// The last time of the schedule that is dealt with.
    done: DateTime<Utc>,
    /// The wall clock when it was last looked at.
    wall: DateTime<Utc>,
    at_work: Option<AtWork>,
    /// What failed is tried again then; until that, the schedule is the books' alone.
    retry: Option<(Duration, Retry)>,
    failures: u32,
    edits: Option<Burst>,
    asked: Option<Cause>,
    /// A user asked.
    insisted: bool,
    /// Nothing begins by itself.
    paused: bool,
    /// Edits wait until then.
    rested: Duration,
    stopping: bool,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("due", &self.due).field("at_work", &self.at_work).finish_non_exhaustive()
    }
}

impl Plan {
    /// The first run is the one that was missed since `last` began, at once, or else the schedule's next. Without any
    /// earlier run, at once.
    pub fn new(times: Times, books: Books, last: Option<DateTime<Utc>>, now: Now) -> Self {
        let next = times(now.wall);
        let due = match last {
            // A clock that was set back must not put the next run off.
            Some(last) => times(last.min(now.wall)).max(now.wall).min(next),
            None => now.wall,
        };
        Self {
            times,
            several_books: books.several,
            met_the_crm: books.met_the_crm,
            due,
            done: DateTime::UNIX_EPOCH,
            wall: now.wall,
            at_work: None,
            retry: None,
            failures: 0,
            edits: None,
            asked: None,
            insisted: false,
            paused: false,
            rested: Duration::ZERO,
            stopping: false,
        }
    }

    /// Takes an event in, and says what to do now.
    pub fn decide(&mut self, event: Event, now: Now) -> Action {
        self.follow_the_clock(now.wall);
        match event {
            Event::Look => {}
            Event::Edited => {
                let first = self.edits.map_or(now.up, |burst| burst.first);
                self.edits = Some(Burst { first, last: now.up });
            }
            // A refused login is tried rarely, whoever asks: tries lock accounts.
            Event::Nudged | Event::Insisted if matches!(self.retry, Some((_, Retry::Login))) => {}
            Event::Nudged => self.asked = self.asked.or(Some(Cause::Nudge)),
            Event::Insisted => (self.asked, self.insisted) = (self.asked.or(Some(Cause::Nudge)), true),
            Event::Paused(paused) => self.paused = paused,
            Event::Reloaded(times, several_books) => {
                self.times = times;
                self.several_books = several_books;
                self.due = self.next_time();
                if self.failures > 0 {
                    self.retry = None;
                    self.asked = Some(Cause::Settings);
                }
            }
            Event::Ended(ended) => self.take_end(ended, now),
            Event::Stop => self.stopping = true,
        }
        self.next_action(now)
    }

    /// When to look again.
    pub fn deadline(&self) -> Deadline {
        if self.at_work.is_some() || self.paused {
            return Deadline::default();
        }
        let edits = self.edits.map(|burst| self.edits_due(burst));
        match self.retry {
            None => Deadline { wall: Some(self.due), up: edits },
            Some((at, _)) if self.books_go_on() => {
                Deadline { wall: Some(self.due), up: Some(edits.map_or(at, |edits| edits.min(at))) }
            }
            Some((at, _)) => Deadline { wall: None, up: Some(at) },
        }
    }

    /// The time of day at which the next run is expected, unless something asks for one before; none while one is at work, or
    /// paused.
    pub fn next(&self, now: Now) -> Option<DateTime<Utc>> {
        match (self.at_work, self.retry) {
            _ if self.paused => None,
            (Some(_), _) => None,
            (None, Some((at, _))) => {
                let left = TimeDelta::from_std(at.saturating_sub(now.up)).unwrap_or_default();
                Some(now.wall + left)
            }
            (None, None) => Some(self.due),
        }
    }

    /// Runs that failed since the last that did not.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn next_action(&mut self, now: Now) -> Action {
        if self.at_work.is_some() {
            return Action::Wait;
        }
        if self.stopping {
            return Action::Leave;
        }
        if self.paused && !self.insisted {
            return Action::Wait;
        }
        if let Some(cause) = self.asked {
            return self.start(cause, Scope::All, now);
        }
        let scope = match self.retry {
            Some((at, _)) if at <= now.up => return self.start(Cause::Retry, Scope::All, now),
            Some(_) if self.books_go_on() => Scope::Books,
            Some(_) => return Action::Wait,
            None => Scope::All,
        };
        if self.due <= now.wall {
            return self.start(Cause::Schedule, scope, now);
        }
        match self.edits {
            Some(burst) if self.edits_due(burst) <= now.up => self.start(Cause::Edit, scope, now),
            Some(_) | None => Action::Wait,
        }
    }

    fn start(&mut self, cause: Cause, scope: Scope, now: Now) -> Action {
        self.edits = None;
        if scope == Scope::All {
            (self.asked, self.insisted) = (None, false);
            self.retry = None;
        }
        if self.due <= now.wall {
            self.done = self.due;
        }
        self.at_work = Some(AtWork { cause, scope, since: now.up });
        Action::Start(cause, scope)
    }

    fn take_end(&mut self, ended: Ended, now: Now) {
        let Some(run) = self.at_work.take() else { return };
        let took = now.up.saturating_sub(run.since);
        self.rested = if run.cause == Cause::Edit { now.up + took.min(PAUSE_MAX) } else { now.up };
        // Times that have passed meanwhile are dealt with: the run was at work then.
        if self.due <= now.wall {
            self.done = self.due;
        }
        self.due = self.next_time();
        if run.scope == Scope::Books {
            // The CRM's next try stands. Trouble of the mirror shows in that one, too.
            if ended == Ended::Busy {
                self.edits = Some(Burst { first: now.up, last: now.up });
            }
            return;
        }
        match ended {
            Ended::Whole => {
                self.failures = 0;
                self.met_the_crm = true;
                self.asked = self.asked.filter(|cause| *cause != Cause::Settings);
            }
            Ended::Interrupted => {}
            Ended::Busy => self.retry = Some((now.up + backoff::delay(Retry::Busy, 1, 0), Retry::Busy)),
            Ended::Hopeless => self.failures = self.failures.saturating_add(1),
            Ended::Failed(retry, chance) => {
                self.failures = self.failures.saturating_add(1);
                self.retry = Some((now.up + backoff::delay(retry, self.failures, chance), retry));
            }
        }
        if self.asked == Some(Cause::Nudge) && matches!(self.retry, Some((_, Retry::Login))) {
            (self.asked, self.insisted) = (None, false);
        }
    }

    /// A clock that was set back leaves no time of the schedule out of reach.
    fn follow_the_clock(&mut self, wall: DateTime<Utc>) {
        let was = std::mem::replace(&mut self.wall, wall);
        if wall + SET_BACK_MAX < was {
            self.done = DateTime::UNIX_EPOCH;
            self.due = self.next_time();
        }
    }

    fn next_time(&self) -> DateTime<Utc> {
        let after = if self.done <= self.wall + SET_BACK_MAX { self.wall.max(self.done) } else { self.wall };
        (self.times)(after)
    }

    fn edits_due(&self, burst: Burst) -> Duration {
        (burst.last + QUIET).min(burst.first + QUIET_WAITED_MAX).max(self.rested)
    }

    /// True while the CRM alone is waited for.
    fn books_go_on(&self) -> bool {
        self.several_books && self.met_the_crm && matches!(self.retry, Some((_, Retry::Trouble | Retry::Login)))
    }
}

#[cfg(test)]
mod tests;
