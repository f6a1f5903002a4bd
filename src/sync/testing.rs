//! A run on an empty mirror, with a clock that only the test moves, and a door to each of its steps.

mod behaving;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashSet},
    rc::Rc,
    time::Duration,
};

use chrono::{DateTime, Utc};

pub(crate) use self::behaving::Heard;
use self::behaving::{BOOK, Behaving, conduct_of};
use super::{
    SyncError,
    events::SyncEvent,
    host::{Host, Uptime},
    options::Stop,
    outbox::{Outbox, Payload},
    participant::{CRM, MergeSide, Participant},
    push::{Delivery, Pusher},
    run::{Run, RunPolicy},
    scan::{Scanner, known::KnownRecords, missing::Absences, newcomers::Newcomers, waiting::Waiting},
};
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, ConflictRow, ContactId, ItemId, Mirror, OutboxAction, OutboxRow, OutboxState, State},
    reconcile::{Limit, Policy, Prefer, Winner},
    replica::{
        Baseline, Batch, Capabilities, Conduct, LocalFuture, Lookup, RemoteContact, Replica, ReplicaError, Scanned,
        Sink, Write, Written,
    },
};

pub(crate) const SETTLE: u64 = 10;
pub(crate) const CONFIRM: u64 = 60;

/// A clock that stands still until it is moved; a boot can be put in between.
pub(crate) struct Clock {
    pub(crate) boot: Cell<&'static str>,
    pub(crate) seconds: Cell<u64>,
}

impl Host for Clock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn uptime(&self) -> Uptime {
        Uptime::new(self.boot.get(), Duration::from_secs(self.seconds.get()))
    }
}

/// A run on an empty mirror, in its first run, 1000 seconds after boot "a".
pub(crate) struct RunFixture<'a> {
    pub(crate) run: Run<'a>,
    /// What the last push was unsure of, and what it ends the run with.
    pub(crate) doubtful: HashSet<ContactId>,
    pub(crate) trouble: Option<SyncError>,
    pub(crate) clock: &'a Clock,
    pub(crate) told: &'a RefCell<Vec<SyncEvent>>,
}

/// How careful the runs of tests are.
pub(crate) fn policy() -> RunPolicy {
    RunPolicy {
        firms: crate::sync::FirmPolicy::Off,
        max_delete: Limit::Percent(10),
        force: false,
        dry_run: false,
        confirm_after: Duration::from_secs(CONFIRM),
        settle_after: Duration::from_secs(SETTLE),
        prefer: Prefer::Crm,
        account: "demo".to_owned(),
    }
}

pub(crate) fn with_fixture(test: impl FnOnce(RunFixture<'_>)) {
    let clock = Clock { boot: Cell::new("a"), seconds: Cell::new(1_000) };
    let (stop, told) = (Stop::new(), RefCell::new(Vec::new()));
    let mut events = |event| told.borrow_mut().push(event);
    let mut mirror = Mirror::in_memory().unwrap();
    let mut run = Run::new(&mut mirror, policy(), &clock, &stop, &mut events);
    run.id = run.mirror.begin_run("sync", "").unwrap();
    test(RunFixture { run, doubtful: HashSet::new(), trouble: None, clock: &clock, told: &told });
}

fn on_this_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Lists the firms of the CRM.
pub(crate) fn list_firms(fixture: &mut RunFixture<'_>, participant: &mut Participant) {
    on_this_thread(fixture.run.list_firms(participant)).unwrap();
}

impl<'a> RunFixture<'a> {
    /// The CRM's outbox.
    pub(crate) fn outbox(&mut self) -> Outbox<'_, 'a> {
        self.outbox_of(CRM)
    }

    pub(crate) fn outbox_of<'r>(&'r mut self, replica: &'r str) -> Outbox<'r, 'a> {
        Outbox::new(&mut self.run, replica)
    }

    pub(crate) fn scan(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        on_this_thread(Scanner::new(&mut self.run, participant).scan())
    }

    /// Judges what is missing; `seen` were shown.
    pub(crate) fn judge_missing(
        &mut self,
        participant: &mut Participant,
        missing: &[&str],
        seen: &[&str],
    ) -> Result<bool, SyncError> {
        let missing = missing.iter().map(|remote| (*remote).to_owned()).collect();
        let is_there = |remote: &str| seen.contains(&remote);
        let mut absences = Absences::new(&mut self.run, participant);
        on_this_thread(absences.judge(missing, seen.iter().min().copied(), &is_there)).map(|judged| judged.whole)
    }

    pub(crate) fn denied_twice(&mut self, participant: &mut Participant, remote: &str, contact: ContactId) -> bool {
        Absences::new(&mut self.run, participant).denied_twice(remote, contact).unwrap()
    }

    /// Takes in newcomers; `missing` loses those that were only renamed.
    pub(crate) fn take_newcomers(
        &mut self,
        participant: &Participant,
        newcomers: &[RemoteContact],
        missing: &mut BTreeSet<String>,
    ) {
        let mut waiting = Waiting::new(Waiting::NEWCOMERS, self.run.mirror).unwrap();
        let mut known = KnownRecords::with_capacity(0).sorted();
        for record in newcomers {
            known.show(&record.remote);
            waiting.push(self.run.mirror, record.clone()).unwrap();
        }
        self.newcomers(participant, missing).take_all(waiting, &|remote| known.was_shown(remote)).unwrap();
    }

    pub(crate) fn newcomers<'n>(
        &'n mut self,
        participant: &'n Participant,
        missing: &'n mut BTreeSet<String>,
    ) -> Newcomers<'n, 'a> {
        Newcomers::new(&mut self.run, participant, missing, false)
    }

    /// Looks for lost creations among these; leaves those that are nobody's. True when some were held back.
    pub(crate) fn adopt_lost_creations(&mut self, name: &str, newcomers: &mut Vec<RemoteContact>) -> bool {
        let mut waiting = Waiting::new(Waiting::NEWCOMERS, self.run.mirror).unwrap();
        newcomers.drain(..).for_each(|record| waiting.push(self.run.mirror, record).unwrap());
        let held = self.outbox_of(name).adopt_lost_creations(&side(name), &mut waiting).unwrap();
        newcomers.extend(waiting.take_all(self.run.mirror).unwrap().into_iter().map(|observed| observed.record));
        held
    }

    /// Records the answers to writes.
    pub(crate) fn record_answers(
        &mut self,
        participant: &mut Participant,
        batch: Vec<Delivery>,
        answers: Vec<Result<Written, ReplicaError>>,
    ) -> Result<bool, SyncError> {
        let mut planned = HashSet::new();
        let mut pusher = Pusher::new(&mut self.run, participant, &mut planned);
        let again = pusher.settle(batch, answers);
        self.trouble = pusher.trouble;
        again
    }

    /// The pending writes.
    pub(crate) fn plan_push(&mut self, participant: &mut Participant) -> Vec<Delivery> {
        let pending = self.run.mirror.pending(&participant.name).unwrap();
        Pusher::new(&mut self.run, participant, &mut HashSet::new()).plan_push(&pending).unwrap().0
    }

    /// Pushes what is pending.
    pub(crate) fn push(&mut self, participant: &mut Participant) -> Result<Option<SyncError>, SyncError> {
        on_this_thread(Pusher::new(&mut self.run, participant, &mut HashSet::new()).push())
    }

    /// Has a book show the firms.
    pub(crate) fn push_firm_cards(&mut self, participant: &mut Participant) {
        on_this_thread(self.run.push_firm_cards(participant)).unwrap();
    }

    /// Asks for the contacts that records of books name.
    pub(crate) fn look_for_named(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        let mut planned = HashSet::new();
        let mut pusher = Pusher::new(&mut self.run, participant, &mut planned);
        let asked = on_this_thread(pusher.look_for_named());
        self.doubtful = pusher.doubtful;
        asked
    }
}

impl RunFixture<'_> {
    /// So many seconds later, in a run of its own, a reading is begun.
    pub(crate) fn later(&mut self, seconds: u64) {
        self.clock.seconds.set(self.clock.seconds.get() + seconds);
        self.run.id = self.run.mirror.begin_run("sync", "").unwrap();
        self.run.reading_begun = self.clock.uptime();
    }

    pub(crate) fn boot(&mut self, name: &'static str) {
        self.clock.boot.set(name);
        self.clock.seconds.set(0);
        self.later(0);
    }

    pub(crate) fn contact(&mut self, uid: &str, contact: &Contact) -> ContactId {
        self.run.mirror.insert_contact(uid, contact, "cards", self.run.id, "").unwrap()
    }

    pub(crate) fn agree(&mut self, replica: &str, remote: &str, contact: ContactId) -> Agreement {
        let stored = self.run.stored(contact).unwrap();
        let agreement = Agreement {
            contact,
            remote: remote.to_owned(),
            revision: "r1".to_owned(),
            theirs: stored.contact.clone(),
            ours: stored.contact,
            version: stored.version,
            detail: None,
            detached: false,
            marks: String::new(),
        };
        self.run.mirror.put_agreement(replica, &agreement).unwrap();
        agreement
    }

    /// A write of the contact as it stands, sent now.
    pub(crate) fn sent(&mut self, replica: &str, contact: ContactId, what: (OutboxAction, OutboxState)) -> i64 {
        self.sent_with(replica, contact, what, |_| {})
    }

    pub(crate) fn sent_with(
        &mut self,
        replica: &str,
        contact: ContactId,
        (action, state): (OutboxAction, OutboxState),
        change: impl FnOnce(&mut Payload),
    ) -> i64 {
        let stored = self.run.stored(contact).unwrap();
        let mut payload = Payload {
            version: stored.version,
            contact: stored.contact.clone(),
            target: Some(stored.contact),
            changed: vec![Field::LastName, Field::JobTitle],
            misses: 0,
            missed_uptime: String::new(),
        };
        change(&mut payload);
        let row = OutboxRow {
            id: 0,
            replica: replica.to_owned(),
            contact,
            action,
            state,
            payload: payload.text(),
            highest_id: Some(1_000),
            sent_at: String::new(),
            sent_uptime: self.clock.uptime().to_string(),
            attempts: 1,
            error: (state == OutboxState::Unknown).then(|| "no answer".to_owned()),
        };
        self.run.mirror.put_outbox(&row).unwrap()
    }

    /// The states of a replica's rows, oldest first.
    pub(crate) fn states(&self, replica: &str) -> Vec<OutboxState> {
        self.rows(replica).iter().map(|row| row.state).collect()
    }

    pub(crate) fn rows(&self, replica: &str) -> Vec<OutboxRow> {
        self.run.mirror.outbox(replica).unwrap()
    }

    pub(crate) fn misses(&self) -> Vec<u32> {
        self.rows(CRM).iter().map(|row| Payload::of(row).unwrap().misses).collect()
    }
}

pub(crate) fn ada(title: &str) -> Contact {
    Contact { last_name: "Lovelace".into(), job_title: title.into(), ..Contact::default() }
}

/// A replica that shows and answers what a test says, word for word.
pub(crate) struct ScriptedReplica {
    pub(crate) batches: Vec<Batch>,
    pub(crate) ended: Result<Scanned, ReplicaError>,
    /// What it has under a name; of others it cannot say.
    pub(crate) looks: BTreeMap<&'static str, Option<RemoteContact>>,
    /// The records it was asked for.
    pub(crate) asked: Rc<RefCell<Vec<String>>>,
    pub(crate) facts: Vec<(String, String)>,
    /// Somebody asks for a stop once so many batches are handed over.
    pub(crate) stops: Option<(usize, Stop)>,
}

impl ScriptedReplica {
    pub(crate) fn new(batches: Vec<Batch>) -> Self {
        Self {
            batches,
            ended: Ok(Scanned::complete()),
            looks: BTreeMap::new(),
            asked: Rc::default(),
            facts: Vec::new(),
            stops: None,
        }
    }
}

impl Replica for ScriptedReplica {
    fn capabilities(&self) -> Capabilities {
        Capabilities { fields: FieldSet::CRM, weak: FieldSet::NONE, identity: false }
    }

    fn conduct(&self) -> Conduct {
        BOOK
    }

    fn scan<'a>(
        &'a mut self,
        _: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move {
            for (handed, batch) in self.batches.drain(..).enumerate() {
                if let Some((_, stop)) = self.stops.as_ref().filter(|(after, _)| *after == handed) {
                    stop.request();
                }
                sink(batch)?;
            }
            self.ended.clone()
        })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        self.asked.borrow_mut().push(remote.to_owned());
        Box::pin(async move {
            Ok(match self.looks.get(remote) {
                Some(Some(record)) => Lookup::Found(Box::new(record.clone())),
                Some(None) => Lookup::Gone,
                None => Lookup::Unclear("no answer".to_owned()),
            })
        })
    }

    fn apply<'a>(&'a mut self, _: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async { Vec::new() })
    }

    fn learned(&self) -> Vec<(String, String)> {
        self.facts.clone()
    }
}

/// A replica that behaves as the CRM or as a book, by its name.
pub(crate) fn participant(name: &str, replica: impl Replica + 'static) -> Participant {
    heard_participant(name, replica).0
}

/// The same, and what it is asked to do.
pub(crate) fn heard_participant(name: &str, replica: impl Replica + 'static) -> (Participant, Heard) {
    let winner = if name == CRM { Winner::There } else { Winner::Here };
    let heard = Heard::default();
    let replica = Box::new(Behaving(replica, conduct_of(name), heard.clone()));
    (Participant { essential: name == CRM, ..Participant::new(name, replica, winner) }, heard)
}

/// A contact's job title is in conflict with a replica that knows it by this id: "here" in the mirror, "there" in the replica,
/// "before" when they were last the same. The contact has it already.
pub(crate) fn title_in_conflict(mirror: &mut Mirror, contact: ContactId, replica: &str, remote: &str) -> ItemId {
    let agreement = Agreement {
        contact,
        remote: remote.to_owned(),
        revision: "r1".to_owned(),
        theirs: ada("there"),
        ours: ada("before"),
        version: 0,
        detail: None,
        detached: false,
        marks: String::new(),
    };
    mirror.put_agreement(replica, &agreement).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let row = ConflictRow {
        id: 0,
        run: 1,
        at: String::new(),
        contact,
        replica: replica.to_owned(),
        field: text("job_title"),
        base: text("before"),
        here: text("here"),
        there: text("there"),
        kept: "open".to_owned(),
        state: State::Open,
    };
    ItemId::Conflict(mirror.add_conflict(&row).unwrap())
}

pub(crate) fn side(name: &str) -> MergeSide<'_> {
    let policy =
        Policy { fields: FieldSet::CRM, weak: FieldSet::NONE, winner: Winner::There, takes: true, gives: true };
    MergeSide { name, policy, conduct: conduct_of(name), replica: None }
}

pub(crate) fn seen(remote: &str, uid: Option<&str>, contact: &Contact) -> RemoteContact {
    RemoteContact {
        remote: remote.to_owned(),
        revision: "r2".to_owned(),
        uid: uid.map(str::to_owned),
        crm_id: None,
        contact: contact.clone(),
        fields: FieldSet::CRM,
        detail: None,
        source: None,
        edited: None,
    }
}
