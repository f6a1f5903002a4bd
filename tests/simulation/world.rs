//! Everything around the engine: the CRM's state, the books, the people, the clock, what may go wrong and what has.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use carnet::{
    contact::{Field, FieldSet},
    crm::Verb,
    mirror::Mirror,
    reconcile::{Limit, Prefer},
    replica::Capabilities,
    sandbox::{Direct, Lists, PastEnd, Quirk, SandboxSettings},
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    book::Shelf,
    dav_wire::{self, OnServer},
    desk::Desk,
    devices::{self, Phones},
    dice::Dice,
    firms::{self, Firms},
    is_kept,
    judge::Judge,
    ledger::Ledger,
    mischief::{Mischief, Rates},
    roles,
    servers::{self, LateCard},
    veil::Veil,
};

/// The world, shared between the runner, the wire, the host and the books.
pub type Shared = Arc<Mutex<World>>;

/// How long one request may take; the settle time is twice this.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// More requests than this in one run, and the run is taken to go on for ever.
const REQUESTS_MAX: u32 = 3_000;

/// A write that the server carries out later than its client has given it up.
pub struct LateCommit {
    pub due: Instant,
    pub verb: Verb,
    pub path: String,
    pub body: String,
    /// What the last whole answer about the contact had said when it was sent.
    pub shown: Option<BTreeSet<String>>,
}

/// The world.
pub struct World {
    pub dice: Dice,
    pub crm: Direct,
    pub shelves: Vec<Shelf>,
    pub ledger: Ledger,
    /// The mirror, for all but the runs.
    pub beside: Mirror,
    /// What is thought of the requests.
    pub judge: Judge,
    pub rates: Rates,
    pub prefer: Prefer,
    pub crm_follows_deletions: bool,
    pub concurrency: usize,
    pub max_delete: Limit,
    /// How often somebody acts when there is an occasion, in 1,000.
    pub people_share: usize,
    pub people_names: u32,
    pub uids: u32,
    /// Books that are not there at present.
    pub books_away: BTreeSet<usize>,
    /// Books that show nothing at present, although they hold what they held.
    pub books_blank: BTreeSet<usize>,
    /// The mirror may be restored from a backup, or lost.
    pub restores: bool,
    /// What cards held that bore no CRM id when it was: who they are can only be guessed.
    pub unmarked: BTreeSet<String>,
    /// Until then the server says that it has nothing.
    pub lies_until: Option<Instant>,
    /// What the server hides.
    pub veil: Option<Veil>,
    /// A listing has left out what is there since the last run that came to its end without.
    pub left_out: bool,
    /// One of this run has.
    pub left_out_now: bool,
    /// The listings of the next run are thin.
    pub thin_next: bool,
    pub late: Vec<LateCommit>,
    /// Writes to cards that come to be done although nobody waits for them any more.
    pub late_cards: Vec<LateCard>,
    /// The server that the first book is on, behind the shipping client.
    pub dav: Option<OnServer>,
    /// People's telephones, which carnet serves.
    pub phones: Phones,
    /// How often something goes wrong at a server of cards, in 1,000.
    pub server_trouble: usize,
    /// Somebody changes contacts in the mirror itself.
    pub desk: Option<Desk>,
    /// The CRM has firms, and people have to do with them.
    pub firms: Option<Firms>,
    /// What the last whole answer about a contact said, in this run.
    pub shown_last: HashMap<i64, BTreeSet<String>>,
    /// Contacts that carnet made and may not know of yet.
    pub unacknowledged: BTreeSet<i64>,
    /// What people replaced or removed, by place (0: the CRM) and record.
    pub ended: HashMap<(usize, String), Vec<String>>,
    /// Values that stood in a contact when a person took another value out of it.
    pub revivable: BTreeSet<String>,
    /// Cards that carnet made and may not know of: the book's place and the card's name.
    pub unacknowledged_cards: BTreeSet<(usize, String)>,
    /// What carnet wrote into cards and may not know of.
    pub unacknowledged_values: BTreeSet<String>,
    /// What the mirror held after the last run.
    pub held: BTreeSet<String>,
    /// Contacts that carnet changed and may not know of yet.
    pub unsure_puts: BTreeSet<i64>,
    /// The wall clock's error, in seconds.
    pub wall_offset: i64,
    pub boots: u32,
    pub booted: Instant,
    /// The crash comes at the so-manieth point from here.
    pub crash_in: Option<u32>,
    /// The disk is full at the so-manieth transaction from here.
    pub full_in: Option<u32>,
    pub crashed: Arc<Notify>,
    pub crash_points: BTreeMap<&'static str, u64>,
    pub requests: u32,
    pub writes: u32,
    pub trace: Vec<String>,
    pub keeps_trace: bool,
    /// Values whose loss cannot be prevented, by reason.
    pub excused: BTreeMap<&'static str, u64>,
}

impl World {
    /// A world from a seed: its people have not begun yet. To be called on a runtime whose clock stands.
    pub fn new(seed: u64, beside: Mirror, keeps_trace: bool) -> Self {
        let mut dice = Dice::new(seed);
        let settings = server(&mut dice, seed);
        let crm = Direct::new(settings).expect("a CRM without a file");
        let mut shelves = shelves(&mut dice);
        servers::furnish(seed, &shelves);
        let rates = Rates::of(&mut dice);
        let dav = dav_wire::furnish(seed, &shelves);
        let phones = devices::furnish(seed, &mut shelves);
        // Not where nobody can be deleted: there a restored mirror leaves one person in two contacts (seed 8199).
        // Nor where people have telephones: what those hold is not copied with it.
        let restores = dice.permille(150) && !crm.store().settings().has(Quirk::NoDeletion) && phones.all.is_empty();
        World {
            prefer: dice.pick(&[Prefer::Crm, Prefer::Crm, Prefer::Book, Prefer::Ask]),
            crm_follows_deletions: dice.permille(600),
            concurrency: 1 + dice.below(4),
            max_delete: if dice.permille(300) { Limit::Count(1) } else { Limit::Percent(100) },
            people_share: dice.pick(&[0, 20, 60, 150]),
            dice,
            crm,
            dav,
            phones,
            shelves,
            ledger: Ledger::default(),
            beside,
            judge: Judge::default(),
            rates,
            people_names: 0,
            uids: 0,
            held: BTreeSet::new(),
            books_away: BTreeSet::new(),
            books_blank: BTreeSet::new(),
            restores,
            unmarked: BTreeSet::new(),
            lies_until: None,
            veil: None,
            left_out: false,
            left_out_now: false,
            thin_next: false,
            late: Vec::new(),
            late_cards: Vec::new(),
            server_trouble: 40,
            desk: Desk::of(seed, restores),
            firms: Firms::of(seed, restores),
            shown_last: HashMap::new(),
            unacknowledged: BTreeSet::new(),
            ended: HashMap::new(),
            unsure_puts: BTreeSet::new(),
            revivable: BTreeSet::new(),
            unacknowledged_cards: BTreeSet::new(),
            unacknowledged_values: BTreeSet::new(),
            wall_offset: 0,
            boots: 1,
            booted: Instant::now(),
            crash_in: None,
            full_in: None,
            crashed: Arc::new(Notify::new()),
            crash_points: BTreeMap::new(),
            requests: 0,
            writes: 0,
            trace: Vec::new(),
            keeps_trace,
            excused: BTreeMap::new(),
        }
    }

    /// Writes down what happened, where a history is wanted.
    pub fn note(&mut self, text: impl Into<String>) {
        if self.keeps_trace {
            self.trace.push(text.into());
        }
    }

    /// An occasion for people to do something.
    pub fn people_act(&mut self) {
        while self.people_share > 0 && self.dice.permille(self.people_share) {
            self.somebody_acts();
        }
    }

    /// Counts a request of this run.
    ///
    /// # Panics
    /// When there are too many: no run goes on for ever.
    pub fn count_request(&mut self, verb: Verb) {
        self.requests += 1;
        self.writes += u32::from(verb != Verb::Get);
        assert!(self.requests <= REQUESTS_MAX, "a run has sent {REQUESTS_MAX} requests");
    }

    /// A point at which the process may be killed.
    pub fn crash_at(&mut self, point: &'static str) -> Crash {
        let now = self.kills_at(point);
        Crash(now.then(|| self.crashed.clone()))
    }

    /// True when the process is to die at this point.
    pub fn kills_at(&mut self, point: &'static str) -> bool {
        let Some(left) = &mut self.crash_in else { return false };
        if *left > 0 {
            *left -= 1;
            return false;
        }
        self.crash_in = None;
        *self.crash_points.entry(point).or_default() += 1;
        self.note(format!("*** killed: {point}"));
        true
    }

    /// Draws a mischief for a request.
    pub fn mischief(&mut self, verb: Verb) -> Option<Mischief> {
        let rates = self.rates.clone();
        rates.strike(&mut self.dice, verb)
    }

    /// Peace: nothing goes wrong any more, nobody acts.
    pub fn calm_down(&mut self) {
        self.rates = Rates::none();
        self.people_share = 0;
        self.server_trouble = 0;
        self.lies_until = None;
        self.veil = None;
        self.thin_next = false;
        self.books_away.clear();
        self.books_blank.clear();
        self.crash_in = None;
        self.full_in = None;
    }
}

/// A kill that is due, or not.
pub struct Crash(Option<Arc<Notify>>);

impl Crash {
    /// Where it is due, nothing comes after this.
    pub async fn happen(self) {
        if let Some(crashed) = self.0 {
            crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The books of a seed.
fn shelves(dice: &mut Dice) -> Vec<Shelf> {
    let all = Capabilities { fields: FieldSet::ALL, weak: FieldSet::NONE, identity: true };
    let plain = FieldSet::ALL.without(Field::JobDepartment).without(Field::Extra).without(Field::FirmId);
    let poor = Capabilities { fields: plain, weak: FieldSet::NONE, identity: false };
    match dice.below(4) {
        0 => vec![Shelf::new(0, poor)],
        1 => vec![Shelf::new(0, all), Shelf::new(1, poor)],
        _ => vec![Shelf::new(0, all)],
    }
}

/// How this seed's server answers.
fn server(dice: &mut Dice, seed: u64) -> SandboxSettings {
    let mut quirks = Vec::new();
    for quirk in [
        Quirk::NoPagination,
        Quirk::OmitEmpty,
        Quirk::Trim,
        Quirk::Normalise,
        Quirk::Capitals,
        Quirk::NoEtag,
        Quirk::NewestFirst,
        Quirk::PutEmpty,
        Quirk::IgnoresDepartment,
    ] {
        if dice.permille(200) {
            quirks.push(quirk);
        }
    }
    quirks.extend(dice.pick(&[None, None, Some(Quirk::PostIdOnly), Some(Quirk::PostEmpty)]));
    roles::assign(seed, &mut quirks);
    firms::assign(seed, &mut quirks);
    let settings = SandboxSettings {
        contacts: 0,
        seed,
        per_page: 1 + dice.below(5) as u32,
        account: "sim".to_owned(),
        lists: dice.pick(&[Lists::Replace, Lists::Replace, Lists::Ids, Lists::Append]),
        past_end: dice.pick(&[PastEnd::Empty, PastEnd::Repeat, PastEnd::NotFound]),
        quirks,
        ..SandboxSettings::default()
    };
    if is_kept(seed) { settings } else { odder(settings, seed) }
}

/// What a server may do besides: treat the two lists apart, take out what a list does not name, keep more of an entry than
/// the reference names, ask more of a new contact. By dice of their own.
fn odder(mut settings: SandboxSettings, seed: u64) -> SandboxSettings {
    let mut dice = Dice::new(seed ^ 0x0011_5715);
    if dice.permille(200) {
        settings.lists = Lists::Sync;
    }
    let apart = dice.pick(&[Lists::Replace, Lists::Ids, Lists::Append, Lists::Sync]);
    settings.addresses = dice.permille(400).then_some(apart);
    let quirks = [Quirk::EntryLabels, Quirk::MissingEntry404, Quirk::RequiresType];
    settings.quirks.extend(quirks.into_iter().filter(|_| dice.permille(300)));
    settings
}
