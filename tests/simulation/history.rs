//! One seed, one history: some rounds of people, runs and trouble; then peace, until nothing moves; then the checks.

use std::{
    any::Any,
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use carnet::{
    crm::{Client, ClientSettings, ListsSetting, replica::CrmReplica},
    mirror::Mirror,
    sync::{self, CRM, Mode, Participant, RunInputs, RunOptions, RunPolicy, Stop, Summary, SyncError},
};
use tokio::{runtime::Runtime, time::Instant};

use crate::{
    book::{Shelf, SimulatedBook},
    checker,
    host::{Killed, SimulatedHost},
    ledger::{Fate, key},
    mutants::{self, Mutant, MutantHost, MutantReplica, MutantWire},
    people::words,
    wire::{SimulatedWire, URL},
    world::{Shared, TIMEOUT, World},
};

/// Runs after peace before a history that still moves is called restless.
const RUNS_TO_REST: usize = 60;

/// What a seed gave.
#[derive(Debug, Default)]
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

/// Lives a seed through, with a mistake or without. `folder` is its own.
pub fn live(seed: u64, folder: &Path, mutant: Option<Mutant>, keeps_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads");
    let (world, epoch) = runtime.block_on(async { (World::new(seed, keeps_trace), Instant::now()) });
    let history = History {
        runtime,
        world: Arc::new(Mutex::new(world)),
        mirror: folder.join("carnet.db"),
        epoch,
        mutant,
        backup: Mutex::default(),
        faults: Mutex::default(),
    };
    fs::write(&history.mirror, empty_mirror()).expect("a mirror's file");
    if let Some(desk) = &mut history.lock().desk {
        desk.mirror.clone_from(&history.mirror);
    }
    history.back_up();
    let mut outcome = Outcome::default();
    let lived = catch_unwind(AssertUnwindSafe(|| history.live(&mut outcome)));
    if let Err(panic) = lived {
        outcome.faults.push(format!("panic: {}", message(&*panic)));
    }
    let mut world = history.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcome.crash_points = std::mem::take(&mut world.crash_points);
    outcome.excused = std::mem::take(&mut world.excused);
    outcome.trace = std::mem::take(&mut world.trace);
    outcome.faults.splice(0..0, std::mem::take(&mut world.judge.faults));
    outcome
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The bytes of a mirror that nobody has used: opening an old one is faster than making one.
fn empty_mirror() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("empty.db");
        let mut mirror = Mirror::open(&path).expect("a new mirror");
        mirror.checkpoint().expect("a checkpoint");
        drop(mirror);
        fs::read(&path).expect("the mirror's bytes")
    })
}

struct History {
    runtime: Runtime,
    world: Shared,
    mirror: PathBuf,
    epoch: Instant,
    mutant: Option<Mutant>,
    backup: Mutex<Backup>,
    /// What was seen to be wrong on the way.
    faults: Mutex<Vec<String>>,
}

/// A copy of the mirror's files, and what had ended when it was made.
#[derive(Default)]
struct Backup {
    files: Vec<(PathBuf, Vec<u8>)>,
    ended: BTreeSet<String>,
}

impl History {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("the world")
    }

    fn live(&self, outcome: &mut Outcome) {
        {
            let mut world = self.lock();
            let told = format!("{:?} {:?} {:?}", world.crm.store().settings(), world.prefer, world.rates);
            world.note(told);
        }
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
        // Whatever waits for a time has it, twice: after a restart some waits begin anew.
        for _ in 0..2 {
            self.pass(7_200);
            if !self.comes_to_rest(outcome) {
                outcome.faults.push(format!("no rest after {RUNS_TO_REST} runs"));
            }
        }
        outcome.faults.append(&mut self.faults.lock().expect("the faults"));
        outcome.faults.extend(checker::check(&self.lock(), &self.mirror));
    }

    /// Runs until three of them have changed nothing; false if they go on for ever.
    fn comes_to_rest(&self, outcome: &mut Outcome) -> bool {
        let mut quiet = 0;
        for _ in 0..RUNS_TO_REST {
            self.pass(70);
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
    fn between(&self) {
        let seconds = self.lock().dice.pick(&[1, 5, 30, 70, 200, 900]);
        self.pass(seconds);
        let acts = self.lock().dice.below(4);
        (0..acts).for_each(|_| self.lock().somebody_acts());
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

    fn mirror_files(&self) -> impl Iterator<Item = PathBuf> {
        ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", self.mirror.display()))).into_iter()
    }

    fn back_up(&self) {
        let files = self.mirror_files().filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes))).collect();
        let ended = self.lock().ledger.ended();
        self.lock().note("*** the mirror is copied");
        *self.backup.lock().expect("the backup") = Backup { files, ended };
    }

    /// The mirror becomes what it was. What had been told it since is unknown to it again.
    fn restore(&self) {
        let backup = self.backup.lock().expect("the backup");
        let remembered = checker::remembered(&self.mirror);
        self.mirror_files().for_each(|path| drop(fs::remove_file(path)));
        for (path, bytes) in &backup.files {
            fs::write(path, bytes).expect("the mirror's file");
        }
        let mut world = self.lock();
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
    }

    /// Lets time go by, and what is late happen.
    fn pass(&self, seconds: u64) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(seconds)).await });
        self.runtime.block_on(async { self.lock().commit_late() });
    }

    /// Everything that a run without need must leave as it is.
    fn state(&self) -> Vec<String> {
        let mut state = checker::dump(&self.mirror);
        let world = self.lock();
        state.extend(world.shelves.iter().map(|shelf| format!("{:?}", shelf.contacts())));
        state
    }

    fn run(&self, forced: bool) -> End {
        {
            let mut world = self.lock();
            (world.requests, world.writes) = (0, 0);
            world.left_out_now = false;
            world.shown_last.clear();
            world.judge.begin_run(&self.mirror);
            world.note("--- run");
            if world.keeps_trace {
                let facts = checker::dump(&self.mirror).into_iter().filter(|row| row.contains("crm.lists"));
                world.trace.extend(facts);
            }
        }
        let crashed = self.lock().crashed.clone();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = crashed.notified() => End::Killed,
                    end = self.carry_out(forced) => end,
                }
            })
        }));
        self.lock().thin_next = false;
        self.lock().judge.end_run();
        let end = match outcome {
            Ok(end) => end,
            Err(panic) if panic.is::<Killed>() => End::Killed,
            Err(panic) => std::panic::resume_unwind(panic),
        };
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

    fn nothing_left_the_mirror(&self) {
        let now = checker::values_in_mirror(&self.mirror);
        let mut world = self.lock();
        let before = std::mem::replace(&mut world.held, now.clone());
        let left = checker::left_the_mirror(&world, &self.mirror, &before, &now);
        self.faults.lock().expect("the faults").extend(left);
    }

    async fn carry_out(&self, forced: bool) -> End {
        let mut mirror = match Mirror::open(&self.mirror) {
            Ok(mirror) => mirror,
            Err(error) => return End::Failed(error.into()),
        };
        let (ground, policy, options) = self.ground(&mut mirror, forced);
        let inner = SimulatedHost { world: self.world.clone(), epoch: self.epoch };
        let host = MutantHost { inner, mutant: self.mutant };
        let world = self.world.clone();
        let mut events = move |event: sync::SyncEvent| {
            let Ok(mut world) = world.lock() else { return };
            world.judge.heed(&event);
            if world.keeps_trace
                && !matches!(event, sync::SyncEvent::ScanProgress { .. } | sync::SyncEvent::PushProgress { .. })
            {
                world.note(format!("  {event:?}"));
            }
        };
        match sync::run_on(ground, policy, &options, (&host, &Stop::new()), &mut events).await {
            Ok(summary) => End::Done(Box::new(summary)),
            Err(error) => End::Failed(error),
        }
    }

    fn ground<'m>(&self, mirror: &'m mut Mirror, forced: bool) -> (RunInputs<'m, 'static>, RunPolicy, RunOptions) {
        let world = self.lock();
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
        let wire = MutantWire { inner: SimulatedWire(self.world.clone()), mutant: self.mutant };
        let client = Client::over(&settings, Box::new(wire)).expect("usable settings");
        let crm = CrmReplica::over(client, settings.lists);
        let crm = MutantReplica { inner: Box::new(crm), mutant: self.mutant };
        let crm = Participant::new(CRM, Box::new(crm), world.prefer.against_the_crm());
        let crm = Participant { deletes: world.crm_follows_deletions, essential: true, ..crm };
        let mut participants = vec![crm];
        for shelf in &world.shelves {
            let book = SimulatedBook { shelf: shelf.clone(), world: self.world.clone() };
            let name = format!("book-{}", shelf.number);
            participants.push(Participant::new(name, Box::new(book), world.prefer.against_a_book()));
        }
        let policy = mutants::policy(
            self.mutant,
            RunPolicy {
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
}
