//! Waits for whatever happens, asks the plan what follows, and does it. It never blocks: runs have threads of their own.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Local, TimeDelta, Utc};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    DaemonError, DaemonHandle, Nudge, Pause, Wording,
    alarm::Alarm,
    backoff::Retry,
    log, now,
    plan::{Action, Books, Cause, Ended, Event, Plan, Scope, Times},
    resting::Resting,
    shown,
    signals::Signals,
    state::{DaemonState, LastRun, Running},
    systemd::Manager,
    watching::{Seen, Watcher},
    wished,
    worker::{Job, Listeners, Order, Outcome, RunHandle},
};
use crate::{
    app::{self, DaemonLock, DaemonNote, WatchedBook},
    config::{Environment, Settings, SettingsError, schedule::Schedule, secrets},
    sync::{CRM, Mode, RunOptions, Stop, Summary, SyncError, SyncEvent, exit, stamp},
    views::runs::{has_met, newest},
};

/// A run waits so long for a mirror that is in use before it gives way to the schedule of tries.
const BUSY_WAIT: Duration = Duration::from_secs(3);

/// Exit codes of runs after which a daemon that is started tries at once, whatever the schedule.
const HAS_FAILED: [i32; 5] = [1, 2, 4, 5, 7];

/// The daemon of one mirror.
pub struct Daemon {
    settings: Arc<Settings>,
    /// The `-c` flag.
    named: Option<PathBuf>,
    wording: Wording,
    lock: DaemonLock,
    job: Job,
    nudge: Nudge,
    pause: Pause,
    listeners: Listeners,
    state: DaemonState,
    publish_state: watch::Sender<DaemonState>,
    publish_settings: watch::Sender<Arc<Settings>>,
    /// The books in trouble.
    resting: Resting,
    /// The books on servers that take part in the run at work.
    on_servers: BTreeSet<String>,
    /// The mirror was in use when the last run was to begin; it is said once.
    told_busy: bool,
}

impl Daemon {
    /// A daemon on these settings, which holds its mirror's lock for daemons. `named` is the `-c` flag; the log speaks with
    /// `wording`.
    ///
    /// # Errors
    /// Another daemon holds the lock, or it cannot be made.
    pub fn begin(settings: Settings, named: Option<&Path>, wording: Wording) -> Result<Self, DaemonError> {
        let lock = DaemonLock::take(&settings.mirror.path).map_err(DaemonError::Lock)?;
        let settings = Arc::new(settings);
        let state = DaemonState::new(Utc::now());
        let listeners = Listeners::default();
        listeners.add(log::listener(wording));
        Ok(Self {
            named: named.map(Path::to_owned),
            wording,
            lock,
            job: Arc::new(synchronise),
            nudge: Nudge::default(),
            pause: Pause::default(),
            listeners,
            publish_state: watch::Sender::new(state.clone()),
            publish_settings: watch::Sender::new(Arc::clone(&settings)),
            state,
            settings,
            resting: Resting::default(),
            on_servers: BTreeSet::new(),
            told_busy: false,
        })
    }

    /// To see it and to ask it for runs, while it lives.
    pub fn handle(&self) -> DaemonHandle {
        DaemonHandle {
            state: self.publish_state.subscribe(),
            settings: self.publish_settings.subscribe(),
            nudge: self.nudge.clone(),
            pause: self.pause.clone(),
            listeners: self.listeners.clone(),
        }
    }

    /// Runs `sync` whenever the plan says so, until SIGTERM or SIGINT. SIGHUP reads the settings again. Needs a runtime of
    /// its own: a signal may end it at any time.
    ///
    /// # Errors
    /// Only before the first run.
    pub async fn run(mut self) -> Result<(), DaemonError> {
        let stop = Stop::new();
        let signals = Signals::install(&stop).map_err(DaemonError::Signals)?;
        self.ask_password_once().await;
        let mirror = &self.settings.mirror.path;
        let books = Books { several: several_books(&self.settings), met_the_crm: has_met(mirror, CRM) };
        let plan = Plan::new(times(&self.settings.sync.schedule), books, last_run(&self.settings), now());
        info!(schedule = %self.settings.sync.schedule, next = %next(&plan), "the daemon is ready");
        self.supervise(plan, &signals, &stop).await;
        info!("the daemon stops");
        Ok(())
    }

    async fn supervise(&mut self, mut plan: Plan, signals: &Signals, stop: &Stop) {
        let (alarm, mut manager) = (Alarm::new(), Manager::new());
        let mut watcher = Watcher::new();
        watcher.watch(self.watched());
        manager.ready();
        let (plan, mut wishes) = (&mut plan, self.pause.wishes());
        let mut run: Option<RunHandle> = None;
        let mut event = Event::Look;
        loop {
            let has_ended = matches!(event, Event::Ended(_));
            match plan.decide(event, now()) {
                Action::Wait => {}
                Action::Start(cause, scope) => run = Some(self.start(cause, scope, stop)),
                Action::Leave => return,
            }
            self.note_unwatched(&watcher);
            self.publish(plan);
            manager.status((self.wording.state)(&self.state));
            if has_ended {
                self.say_what_follows(plan);
            }
            event = tokio::select! {
                // A stop comes before a run that is due in the same moment.
                biased;
                () = stop.wait(), if !self.state.stopping => {
                    manager.stopping();
                    self.state.stopping = true;
                    Event::Stop
                }
                outcome = ended(&mut run) => {
                    run = None;
                    // The run may have made a book's folder.
                    watcher.look_again();
                    self.take_outcome(&outcome)
                }
                seen = watcher.sees() => match seen {
                    // carnet makes folders, too: those that are there after a run are looked at with it.
                    Seen::Folder if run.is_some() => Event::Look,
                    Seen::Folder | Seen::Edit => Event::Edited,
                    Seen::Nothing => Event::Look,
                },
                () = signals.reload() => {
                    manager.reloading();
                    let read = self.reload(plan).await;
                    // A book that comes into sight may have been edited before.
                    if watcher.watch(self.watched()) != Seen::Nothing {
                        self.nudge.ask();
                    }
                    manager.ready();
                    read
                }
                () = manager.sign_due() => {
                    manager.alive();
                    Event::Look
                }
                () = self.nudge.asked() => Event::Nudged,
                () = self.nudge.insisted() => Event::Insisted,
                paused = wished(&mut wishes) => self.note_pause(paused),
                () = alarm.rings(plan.deadline(), now().up) => Event::Look,
            };
        }
    }

    fn watched(&self) -> Vec<WatchedBook> {
        if self.settings.sync.watch { app::watched_books(&self.settings) } else { Vec::new() }
    }

    /// Says once of each book that is not watched why that is so.
    fn note_unwatched(&mut self, watcher: &Watcher) {
        if self.state.unwatched == *watcher.unwatched() {
            return;
        }
        for (book, why) in watcher.unwatched().iter().filter(|(book, _)| !self.state.unwatched.contains_key(*book)) {
            warn!(book, "edits of this book are found at the schedule's times: {why}");
        }
        self.state.unwatched.clone_from(watcher.unwatched());
    }

    fn note_pause(&mut self, paused: bool) -> Event {
        if paused != self.state.paused.is_some() {
            info!("a user has runs {}", if paused { "wait" } else { "go on" });
            self.state.paused = paused.then(Utc::now);
        }
        Event::Paused(paused)
    }

    fn start(&mut self, cause: Cause, scope: Scope, stop: &Stop) -> RunHandle {
        self.state.running = Some(Running { since: Utc::now(), cause, scope });
        let left_out = self.resting.left_out(cause, now());
        self.on_servers = on_servers(&self.settings).difference(&left_out).cloned().collect();
        let order = Order { settings: Arc::clone(&self.settings), cause, scope, left_out, stop: stop.clone() };
        RunHandle::begin(Arc::clone(&self.job), order, self.listeners.clone())
    }

    /// Notes how a run ended, and says when it is tried again.
    fn take_outcome(&mut self, outcome: &Outcome) -> Event {
        let ended = judged(outcome, RandomState::new().hash_one(0_u8));
        let Some(Running { since: started, cause, scope }) = self.state.running.take() else {
            return Event::Ended(ended);
        };
        if ended == Ended::Busy {
            if let (Outcome::Failed(error), false) = (outcome, self.told_busy) {
                info!("waits to {error}");
            }
            self.told_busy = true;
            return Event::Ended(ended);
        }
        self.told_busy = false;
        let (exit_code, error) = match outcome {
            Outcome::Done(summary) => (summary.exit_code(), None),
            Outcome::Failed(error) => (error.exit_code(), Some(error.to_string())),
            Outcome::Panicked(words) => (exit::FAILED, Some(format!("finish a run: {words}"))),
        };
        let now = Utc::now();
        if let Outcome::Done(summary) = outcome {
            self.state.waiting = summary.waiting;
            let chance = RandomState::new().hash_one(1_u8);
            self.resting.take_end(summary, &self.on_servers, (super::now(), chance));
            self.say_who_rests();
            if scope == Scope::All {
                self.state.last_good = Some(now);
            }
        }
        self.state.last = Some(LastRun { started, ended: now, cause, scope, exit_code, error });
        Event::Ended(ended)
    }

    /// Tells whoever looks, where something is new.
    fn publish(&mut self, plan: &Plan) {
        let was = self.publish_state.borrow().clone();
        self.state.failures = plan.failures();
        // The moment of a retry is reckoned from two clocks, which need not agree to the millisecond.
        let expected = plan.next(now());
        let same = |(one, other): (DateTime<Utc>, DateTime<Utc>)| (one - other).abs() < TimeDelta::seconds(1);
        if !expected.zip(self.state.next).is_some_and(same) {
            self.state.next = expected;
        }
        let resting = self.resting.until(now());
        let is_as_it_was = resting.len() == self.state.resting.len()
            && resting.iter().all(|(book, until)| self.state.resting.get(book).is_some_and(|was| same((*was, *until))));
        if !is_as_it_was {
            self.state.resting = resting;
        }
        if self.state == was {
            return;
        }
        self.lock.tell(DaemonNote {
            pid: std::process::id(),
            started: stamp(self.state.started),
            next: self.state.next.map(stamp),
            failures: self.state.failures,
            resting: self.state.resting.iter().map(|(book, until)| (book.clone(), stamp(*until))).collect(),
            paused: self.state.paused.map(stamp),
        });
        self.publish_state.send_replace(self.state.clone());
    }

    /// Says in the log when the next run is expected, after one.
    fn say_what_follows(&self, plan: &Plan) {
        if self.state.running.is_some() || self.state.stopping || self.told_busy {
            return;
        }
        let failures = self.state.failures;
        if self.state.paused.is_some() {
            info!(failures, "waiting, paused");
            return;
        }
        match &self.state.last {
            Some(LastRun { error: Some(_), .. }) => {
                warn!(failures, next = %next(plan), "the run failed and will be tried again");
            }
            Some(_) | None if failures > 0 => info!(failures, next = %next(plan), "waiting"),
            Some(_) | None => info!(next = %next(plan), "waiting"),
        }
    }

    /// Says in the log which books are in trouble, and when they are tried again.
    fn say_who_rests(&self) {
        for (book, until) in self.resting.until(now()) {
            if self.on_servers.contains(&book) {
                warn!(book, until = %shown(until), "the book could not be read; it is left out until then, unless somebody asks");
            }
        }
    }

    /// Where the password comes from a prompt, a user is asked now and not before each run.
    async fn ask_password_once(&mut self) {
        let source = secrets::source(&self.settings, Environment::of_process());
        if matches!(source, secrets::Source::Prompt) {
            match secrets::read(&self.settings, source).await {
                Ok(password) => Arc::make_mut(&mut self.settings).crm.password.given = Some(password),
                Err(error) => {
                    let hint = error.hint().unwrap_or_default();
                    warn!(error = %error, hint, "there is no password yet");
                }
            }
        }
    }

    /// Reads the settings again; wrong ones are logged and the old ones stay.
    async fn reload(&mut self, plan: &Plan) -> Event {
        let mut settings = match Settings::load(self.named.as_deref()) {
            Ok(settings) => settings,
            Err(error) => {
                let line = wrong_line(&error);
                warn!(line, "the settings cannot be used; the old ones stay: failed to {error}");
                return Event::Look;
            }
        };
        if settings.mirror.path != self.settings.mirror.path {
            warn!(mirror = %self.settings.mirror.path.display(), "another mirror is another daemon's; the old one stays until this one is started again");
            settings.mirror.path.clone_from(&self.settings.mirror.path);
        }
        // What a user typed stands for the same login only.
        let own = &self.settings.crm;
        let same = settings.crm.url == own.url && settings.crm.username == own.username;
        settings.crm.password.given = own.password.given.clone().filter(|_| same);
        self.settings = Arc::new(settings);
        self.ask_password_once().await;
        self.publish_settings.send_replace(Arc::clone(&self.settings));
        self.resting.keep(&on_servers(&self.settings));
        let schedule = &self.settings.sync.schedule;
        let tried = if plan.failures() > 0 { "; what failed is tried at once" } else { "" };
        info!(schedule = %schedule, "the settings were read again{tried}");
        Event::Reloaded(times(schedule), several_books(&self.settings))
    }
}

/// One run, on the run's own thread.
fn synchronise(order: &Order, tell: &mut dyn FnMut(SyncEvent)) -> Result<Summary, SyncError> {
    let Order { settings, scope, left_out, stop, .. } = order;
    let names = |settings: &Settings| {
        let books = settings.books.iter().map(|book| &book.name).filter(|name| !left_out.contains(*name));
        books.cloned().collect::<Vec<String>>()
    };
    let only = match scope {
        Scope::All if left_out.is_empty() => Vec::new(),
        Scope::All => {
            // Devices come and go: the daemon's own settings have none.
            let present = app::with_devices(settings).unwrap_or_else(|_| Settings::clone(settings));
            std::iter::once(CRM.to_owned()).chain(names(&present)).collect()
        }
        // Whoever serves devices asks for a whole run.
        Scope::Books => names(settings),
    };
    let options = RunOptions { only, ..RunOptions::new(Mode::Sync, "daemon") };
    app::run_on_this_thread(settings, &options, BUSY_WAIT, stop, tell)
}

/// Ends with the run; without one, never.
async fn ended(run: &mut Option<RunHandle>) -> Outcome {
    match run {
        Some(run) => run.ended().await,
        None => std::future::pending().await,
    }
}

/// What the plan is to know of the end of a run.
fn judged(outcome: &Outcome, chance: u64) -> Ended {
    match outcome {
        Outcome::Done(_) => Ended::Whole,
        Outcome::Panicked(_) => Ended::Failed(Retry::Trouble, chance),
        Outcome::Failed(error) => match error {
            SyncError::Interrupted => Ended::Interrupted,
            SyncError::Locked(_) => Ended::Busy,
            SyncError::Login(_) => Ended::Failed(Retry::Login, chance),
            SyncError::Network(_) | SyncError::Mirror(_) | SyncError::Output(_) | SyncError::Failed(_) => {
                Ended::Failed(Retry::Trouble, chance)
            }
            SyncError::Settings(_)
            | SyncError::Usage(_)
            | SyncError::Safety(_)
            | SyncError::OtherAccount { .. }
            | SyncError::Distrusted(_)
            | SyncError::Refused(_) => Ended::Hopeless,
        },
    }
}

/// The line of the settings file to look at; 0 where no line is to blame.
fn wrong_line(error: &SettingsError) -> usize {
    let SettingsError::Invalid { text, faults, .. } = error else { return 0 };
    let start = faults.first().and_then(|fault| fault.span.as_ref()).map(|span| span.start);
    start.map_or(0, |start| text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1)
}

/// When the last run of whatever command began. None if there never was one, or if it failed: what made it fail may be
/// mended, and a start is a user's wish to see. One that was killed counts; else it might be killed again and again.
fn last_run(settings: &Settings) -> Option<DateTime<Utc>> {
    let run = newest(&settings.mirror.path)?;
    if run.exit_code.is_some_and(|code| HAS_FAILED.contains(&code)) {
        return None;
    }
    DateTime::parse_from_rfc3339(&run.started_at).ok().map(|at| at.with_timezone(&Utc))
}

fn on_servers(settings: &Settings) -> BTreeSet<String> {
    settings.books.iter().filter(|book| book.server().is_some()).map(|book| book.name.clone()).collect()
}

fn several_books(settings: &Settings) -> bool {
    settings.books.len() > 1
}

/// The schedule's times on this machine's own clock. A calendar that ends is looked at again in a day.
fn times(schedule: &Schedule) -> Times {
    let schedule = schedule.clone();
    Box::new(move |after| {
        let next = schedule.next(&after.with_timezone(&Local)).map(|next| next.with_timezone(&Utc));
        next.unwrap_or(after + TimeDelta::days(1))
    })
}

fn next(plan: &Plan) -> String {
    plan.next(now()).map_or_else(|| "now".to_owned(), shown)
}

#[cfg(test)]
mod tests;
