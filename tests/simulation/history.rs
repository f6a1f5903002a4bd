//! One seed, one history: some rounds of people, runs and trouble; then peace, until nothing moves; then the checks.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use carnet::{
    contact::Contact,
    crm::{Client, ClientSettings, ListsSetting, replica::CrmReplica},
    mirror::Mirror,
    replica::Replica,
    sync::{self, CRM, FirmPolicy, Mode, Participant, RunInputs, RunOptions, RunPolicy, Stop, Summary, SyncError},
};
use tokio::{runtime::Runtime, time::Instant};

use crate::{
    book::{Shelf, SimulatedBook},
    checker, dav_wire, devices,
    host::{Killed, SimulatedHost},
    ledger::{Fate, key},
    mirrors::{Mirrors, Rows},
    mutants::{self, Mutant, MutantHost, MutantReplica, MutantWire},
    people::words,
    wire::{SimulatedWire, URL},
    world::{Shared, TIMEOUT, World},
};

/// Runs after peace before a history that still moves is called restless.
const RUNS_TO_REST: usize = 60;
/// In seconds, and some more.
const A_DAY: u64 = 90_000;

/// What a seed gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub crash_points: std::collections::BTreeMap<&'static str, u64>,
    pub excused: std::collections::BTreeMap<&'static str, u64>,
    pub runs: u64,
    pub trace: Vec<String>,
    /// What is wrong; empty if nothing.
    pub faults: Vec<String>,
}

/// How a run ended.
enum End {
    Done(Box<Summary>),
    Failed(SyncError),
    Killed,
}

/// Lives a seed through, with a mistake or without.
pub fn live(seed: u64, mutant: Option<Mutant>, keeps_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads");
    let Mirrors { own, beside } = Mirrors::take();
    let (world, epoch) = runtime.block_on(async { (World::new(seed, beside, keeps_trace), Instant::now()) });
    let mut history = History {
        runtime,
        world: Arc::new(Mutex::new(world)),
        mirror: own,
        epoch,
        mutant,
        backup: None,
        doubts: seed.is_multiple_of(2),
        state: None,
        faults: Vec::new(),
    };
    let mut outcome = Outcome::default();
    let lived = catch_unwind(AssertUnwindSafe(|| history.live(&mut outcome)));
    let History { world, mirror, .. } = history;
    let world = Arc::into_inner(world).expect("a world that no run holds any more");
    let world = world.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcome.crash_points = world.crash_points;
    outcome.excused = world.excused;
    outcome.trace = world.trace;
    outcome.faults.splice(0..0, world.judge.faults);
    match lived {
        Ok(()) => Mirrors { own: mirror, beside: world.beside }.give_back(),
        // Nobody knows what such a history has left behind.
        Err(panic) => outcome.faults.push(format!("panic: {}", message(&*panic))),
    }
    outcome
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

struct History {
    runtime: Runtime,
    world: Shared,
    /// One connection for all runs: a process that is killed is a run that is dropped, and what it had not committed is
    /// rolled back, as SQLite does with a file that is opened again.
    mirror: Mirror,
    epoch: Instant,
    mutant: Option<Mutant>,
    backup: Option<Backup>,
    /// What is restored is told so.
    doubts: bool,
    /// The mirror's state when it was last asked for, and how many rows had been changed until then.
    state: Option<(u64, u64)>,
    /// What was seen to be wrong on the way.
    faults: Vec<String>,
}

/// A copy of the mirror, and what had ended when it was made.
struct Backup {
    rows: Rows,
    ended: BTreeSet<String>,
}

impl History {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("the world")
    }

    fn live(&mut self, outcome: &mut Outcome) {
        self.back_up();
        {
            let mut world = self.lock();
            let told = format!("{:?} {:?} {:?}", world.crm.store().settings(), world.prefer, world.rates);
            world.note(told);
        }
        self.lock().people_have_marked();
        self.lock().people_have_firms();
        let rounds = 4 + self.lock().dice.below(6);
        let at_first = 2 + self.lock().dice.below(6);
        (0..at_first).for_each(|_| self.lock().somebody_acts());
        for _ in 0..rounds {
            self.prepare();
            self.run(false);
            outcome.runs += 1;
            self.between();
        }
        self.lock().calm_down();
        self.lock().note("--- peace");
        // Whatever waits for a time has it, twice: after a restart some waits begin anew. Firms are listed again in a day.
        let lists_daily = self.lock().firms.is_some() || self.lock().dav.is_some();
        let waits: &[u64] = if lists_daily { &[7_200, 7_200, A_DAY] } else { &[7_200, 7_200] };
        for wait in waits {
            self.pass(*wait);
            if !self.comes_to_rest(outcome) {
                outcome.faults.push(format!("no rest after {RUNS_TO_REST} runs"));
            }
        }
        outcome.faults.append(&mut self.faults);
        outcome.faults.extend(checker::check(&self.lock(), &self.mirror));
    }

    /// Runs until three of them have changed nothing; false if they go on for ever.
    fn comes_to_rest(&mut self, outcome: &mut Outcome) -> bool {
        let mut quiet = 0;
        for _ in 0..RUNS_TO_REST {
            self.pass(70);
            self.lock().phones_sync();
            let before = self.state();
            let end = self.run(true);
            outcome.runs += 1;
            let writes = self.lock().writes;
            let still = matches!(end, End::Done(_)) && writes == 0 && before == self.state();
            quiet = if still { quiet + 1 } else { 0 };
            if quiet == 3 {
                return true;
            }
        }
        false
    }

    /// Draws what the next run has to live with.
    fn prepare(&self) {
        let mut world = self.lock();
        let away = world.dice.permille(60);
        let books = world.shelves.len();
        world.books_away.clear();
        if away {
            let place = world.dice.below(books);
            world.books_away.insert(place);
        }
        world.books_blank.clear();
        // With a mirror that does not know the book, cards would be written beside those that it does not show.
        if !world.restores && world.dice.permille(40) {
            let place = world.dice.below(books);
            world.books_blank.insert(place);
            world.note(format!("*** book {place} shows nothing"));
        }
        world.crash_in = world.dice.permille(450).then(|| world.dice.below(40) as u32);
        world.full_in = world.dice.permille(50).then(|| world.dice.below(12) as u32);
        if world.dice.permille(50) {
            world.wall_offset = world.dice.pick(&[-86_400, 0, 86_400]);
        }
    }

    /// What happens between two runs.
    fn between(&mut self) {
        let seconds = self.lock().dice.pick(&[1, 5, 30, 70, 200, 900]);
        self.pass(seconds);
        let acts = self.lock().dice.below(4);
        (0..acts).for_each(|_| self.lock().somebody_acts());
        self.lock().people_act_on_firms();
        self.phones_between_runs();
        let restores = self.lock().restores;
        if restores {
            let chance = self.lock().dice.below(6);
            match chance {
                0 => self.back_up(),
                1 => self.restore(),
                _ => {}
            }
        }
    }

    fn phones_between_runs(&self) {
        let mut world = self.lock();
        if world.phones.all.is_empty() {
            return;
        }
        (0..2).for_each(|_| world.a_phone_may_sync());
        if world.dice.permille(20) {
            world.a_phone_is_revoked();
        }
    }

    fn back_up(&mut self) {
        self.lock().note("*** the mirror is copied");
        let (restores, ended) = {
            let world = self.lock();
            (world.restores, world.ledger.ended())
        };
        self.backup = restores.then(|| Backup { rows: Rows::of(&self.mirror), ended });
    }

    /// The mirror becomes what it was. What had been told it since is unknown to it again.
    fn restore(&mut self) {
        let backup = self.backup.take().expect("a backup");
        let remembered = checker::remembered(&self.mirror);
        backup.rows.put_into(&self.mirror);
        if self.doubts {
            self.doubt();
        }
        let mut world = self.world.lock().expect("the world");
        world.held = checker::values_in_mirror(&self.mirror);
        world.note("*** the mirror is restored");
        let shelves = world.shelves.clone();
        let unmarked = shelves.iter().flat_map(Shelf::unmarked).flat_map(|contact| words(&contact));
        world.unmarked.extend(unmarked.map(|text| key(&text)));
        let strangers = checker::strangers(&world, &self.mirror);
        world.unmarked.extend(strangers);
        world.ledger.relearning = true;
        world.thin_next = world.dice.permille(400);
        // Two states with nothing in common become their union: what went since then may be back.
        let since: Vec<String> = world.ledger.ended().into_iter().filter(|text| !backup.ended.contains(text)).collect();
        world.ledger.end(since.into_iter().chain(remembered), Fate::Excused);
        let ids = world.crm.store().ids().expect("the CRM's state");
        world.unacknowledged.extend(ids);
        let cards: Vec<(usize, String)> = world
            .shelves
            .iter()
            .flat_map(|shelf| shelf.contacts().into_iter().map(|(remote, _)| (shelf.number, remote)))
            .collect();
        world.unacknowledged_cards.extend(cards);
        drop(world);
        self.backup = Some(backup);
    }

    /// As `carnet restore` does it; in the other histories somebody has copied the file back by hand.
    fn doubt(&mut self) {
        let (inputs, policy, _) = inputs(&mut self.mirror, &self.world, None, false);
        let sources: Vec<String> = inputs.participants.iter().map(|participant| participant.name.clone()).collect();
        let places = sync::Places { written: sources.clone(), sources };
        let host = SimulatedHost { world: self.world.clone(), epoch: self.epoch };
        let told = &mut |_| {};
        let mirror = &mut self.mirror;
        let doubted = self.runtime.block_on(async { sync::doubt(mirror, &places, (policy, "restore"), &host, told) });
        let doubted = doubted.expect("a mirror that can be written");
        self.lock().note(format!("*** {doubted:?}"));
    }

    /// Lets time go by, and what is late happen.
    fn pass(&self, seconds: u64) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(seconds)).await });
        self.runtime.block_on(async { self.lock().commit_late() });
    }

    /// Everything that a run without need must leave as it is.
    fn state(&mut self) -> (u64, Vec<Vec<(String, Contact)>>) {
        let world = self.world.lock().expect("the world");
        // Where no row was changed, it is what it was.
        let changes = [&self.mirror, &world.beside].map(|mirror| mirror.connection().total_changes()).iter().sum();
        let known = self.state.filter(|(then, _)| *then == changes);
        let (_, mirror) = *self.state.insert(known.unwrap_or_else(|| (changes, checker::digest(&self.mirror))));
        (mirror, world.shelves.iter().map(Shelf::contacts).collect())
    }

    fn run(&mut self, forced: bool) -> End {
        {
            let mut world = self.lock();
            (world.requests, world.writes) = (0, 0);
            world.left_out_now = false;
            world.shown_last.clear();
            world.judge.begin_run();
            world.firms_before_a_run();
            world.note("--- run");
            if world.keeps_trace {
                world.trace.extend(checker::facts_about_lists(&self.mirror));
            }
        }
        let crashed = self.lock().crashed.clone();
        let run = carry_out(&mut self.mirror, &self.world, (self.epoch, self.mutant), forced);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = crashed.notified() => End::Killed,
                    end = run => end,
                }
            })
        }));
        self.lock().thin_next = false;
        let end = match outcome {
            Ok(end) => end,
            Err(panic) if panic.is::<Killed>() => End::Killed,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if matches!(end, End::Killed) {
            self.mirror.recover().expect("what was not committed is undone");
        }
        assert!(self.mirror.connection().is_autocommit(), "a run has left a transaction open");
        self.nothing_left_the_mirror();
        let mut world = self.lock();
        match &end {
            End::Done(summary) => {
                world.left_out &= world.left_out_now;
                let told =
                    format!("run done, {} waiting, {} failed {:?}", summary.waiting, summary.failed, summary.stopped);
                world.note(told);
                let waits = checker::outbox_waits(&self.mirror);
                if !waits && summary.stopped.is_empty() && summary.failed == 0 {
                    world.unacknowledged.clear();
                    world.unacknowledged_cards.clear();
                    world.unacknowledged_values.clear();
                    world.unsure_puts.clear();
                    world.ledger.relearning = false;
                }
            }
            End::Failed(error) => {
                let told = format!("run failed: {error}");
                world.note(told);
            }
            End::Killed => {
                if world.dice.permille(300) {
                    world.boots += 1;
                    world.booted = self.runtime.block_on(async { Instant::now() });
                    world.note("*** rebooted");
                }
            }
        }
        end
    }

    fn nothing_left_the_mirror(&mut self) {
        let now = checker::values_in_mirror(&self.mirror);
        let mut world = self.world.lock().expect("the world");
        let left = checker::left_the_mirror(&world, &self.mirror, &world.held, &now);
        world.held = now;
        self.faults.extend(left);
    }
}

/// One run, with what the mirror knows and the world is.
async fn carry_out(
    mirror: &mut Mirror,
    world: &Shared,
    (epoch, mutant): (Instant, Option<Mutant>),
    forced: bool,
) -> End {
    let (inputs, policy, options) = inputs(mirror, world, mutant, forced);
    let inner = SimulatedHost { world: world.clone(), epoch };
    let host = MutantHost { inner, mutant };
    let mut events = |event: sync::SyncEvent| {
        let Ok(mut world) = world.lock() else { return };
        world.judge.heed(&event);
        if world.keeps_trace
            && !matches!(event, sync::SyncEvent::ScanProgress { .. } | sync::SyncEvent::PushProgress { .. })
        {
            world.note(format!("  {event:?}"));
        }
    };
    match sync::run_on(inputs, policy, &options, (&host, &Stop::new()), &mut events).await {
        Ok(summary) => End::Done(Box::new(summary)),
        Err(error) => End::Failed(error),
    }
}

fn inputs<'m>(
    mirror: &'m mut Mirror,
    shared: &Shared,
    mutant: Option<Mutant>,
    forced: bool,
) -> (RunInputs<'m, 'static>, RunPolicy, RunOptions) {
    let world = shared.lock().expect("the world");
    let settings = ClientSettings {
        base_url: URL.to_owned(),
        username: "sim".to_owned(),
        password: "sim".to_owned().into(),
        concurrency: world.concurrency,
        requests_per_second: None,
        per_page: None,
        timeout: TIMEOUT,
        ca_file: None,
        insecure_http: false,
        lists: ListsSetting::Probe,
    };
    let wire = MutantWire { inner: SimulatedWire(shared.clone()), mutant };
    let client = Client::over(&settings, Box::new(wire)).expect("usable settings");
    let crm = CrmReplica::over(client, settings.lists);
    let crm = MutantReplica { inner: Box::new(crm), mutant };
    let crm = Participant::new(CRM, Box::new(crm), world.prefer.against_the_crm());
    let crm = Participant { deletes: world.crm_follows_deletions, essential: true, ..crm };
    let mut participants = vec![crm];
    for shelf in &world.shelves {
        let name = format!("book-{}", shelf.number);
        let book: Box<dyn Replica> = match world.dav.as_ref().filter(|_| shelf.number == 0) {
            Some(book) => {
                let now = 1_767_261_600 + book.seconds() as i64 + world.wall_offset;
                Box::new(dav_wire::book(shared, name.clone(), now, mutant))
            }
            None => match devices::book(shared, &world.phones, shelf) {
                Some(device) => Box::new(device),
                None => Box::new(SimulatedBook { shelf: shelf.clone(), world: shared.clone() }),
            },
        };
        participants.push(Participant::new(name, book, world.prefer.against_a_book()));
    }
    let policy = mutants::policy(
        mutant,
        RunPolicy {
            firms: world.firms.as_ref().map_or(FirmPolicy::Off, |firms| firms.policy),
            max_delete: world.max_delete,
            force: forced,
            dry_run: false,
            confirm_after: Duration::from_secs(60),
            settle_after: TIMEOUT * 2,
            prefer: world.prefer,
            account: "sim".to_owned(),
        },
    );
    let options = RunOptions {
        mode: Mode::Sync,
        only: Vec::new(),
        dry_run: false,
        max_delete: None,
        force: forced,
        trigger: "simulation".to_owned(),
    };
    (RunInputs::new(mirror, participants, "the simulated CRM".to_owned()), policy, options)
}
