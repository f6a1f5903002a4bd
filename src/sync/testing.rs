//! A desk to try the steps of a run at: an engine on an empty mirror, with a clock that only the test moves.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{
    engine::{Engine, RunPolicy},
    events::SyncEvent,
    host::{Host, Uptime},
    options::Stop,
    participant::{CRM, MergeSide, Participant},
    push::outbox::Payload,
};
use crate::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, ContactId, Mirror, OutboxAction, OutboxRow, OutboxState},
    reconcile::{Limit, Policy, Prefer, Winner},
    replica::{
        Batch, Capabilities, Known, LocalFuture, Lookup, RemoteContact, Replica, ReplicaError, Scan, Sink, Write,
        Written,
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

/// An engine on an empty mirror, in its first run, 1000 seconds after boot "a".
pub(crate) struct RunFixture<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) clock: &'a Clock,
    pub(crate) told: &'a RefCell<Vec<SyncEvent>>,
}

pub(crate) fn with_fixture(test: impl FnOnce(RunFixture<'_>)) {
    let clock = Clock { boot: Cell::new("a"), seconds: Cell::new(1_000) };
    let (stop, told) = (Stop::new(), RefCell::new(Vec::new()));
    let mut events = |event| told.borrow_mut().push(event);
    let policy = RunPolicy {
        max_delete: Limit::Percent(10),
        force: false,
        dry_run: false,
        confirm_after: Duration::from_secs(CONFIRM),
        settle_after: Duration::from_secs(SETTLE),
        account: "demo".to_owned(),
    };
    let mut engine = Engine::new(Mirror::in_memory().unwrap(), policy, &clock, &stop, &mut events);
    engine.run = engine.mirror.begin_run("sync", "").unwrap();
    test(RunFixture { engine, clock: &clock, told: &told });
}

impl RunFixture<'_> {
    /// So many seconds later, in a run of its own, a reading is begun.
    pub(crate) fn later(&mut self, seconds: u64) {
        self.clock.seconds.set(self.clock.seconds.get() + seconds);
        self.engine.run = self.engine.mirror.begin_run("sync", "").unwrap();
        self.engine.reading_begun = self.clock.uptime();
    }

    pub(crate) fn boot(&mut self, name: &'static str) {
        self.clock.boot.set(name);
        self.clock.seconds.set(0);
        self.later(0);
    }

    pub(crate) fn contact(&mut self, uid: &str, contact: &Contact) -> ContactId {
        self.engine.mirror.insert_contact(uid, contact, "cards", self.engine.run, "").unwrap()
    }

    pub(crate) fn agree(&mut self, replica: &str, remote: &str, contact: ContactId) -> Agreement {
        let stored = self.engine.stored(contact).unwrap();
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
        self.engine.mirror.put_agreement(replica, &agreement).unwrap();
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
        let stored = self.engine.stored(contact).unwrap();
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
        self.engine.mirror.put_outbox(&row).unwrap()
    }

    /// The states of a replica's rows, oldest first.
    pub(crate) fn states(&self, replica: &str) -> Vec<OutboxState> {
        self.rows(replica).iter().map(|row| row.state).collect()
    }

    pub(crate) fn rows(&self, replica: &str) -> Vec<OutboxRow> {
        self.engine.mirror.outbox(replica).unwrap()
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
    pub(crate) ended: Result<Scan, ReplicaError>,
    /// What it has under a name; of others it cannot say.
    pub(crate) looks: BTreeMap<&'static str, Option<RemoteContact>>,
    /// Whom it was asked for.
    pub(crate) asked: Rc<RefCell<Vec<String>>>,
    pub(crate) facts: Vec<(String, String)>,
    /// Somebody asks for a stop once so many batches are handed over.
    pub(crate) stops: Option<(usize, Stop)>,
}

impl ScriptedReplica {
    pub(crate) fn new(batches: Vec<Batch>) -> Self {
        Self {
            batches,
            ended: Ok(Scan::Everything),
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

    fn scan<'a>(&'a mut self, _: &'a Known, sink: &'a mut Sink<'_>) -> LocalFuture<'a, Result<Scan, ReplicaError>> {
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

    fn facts(&self) -> Vec<(String, String)> {
        self.facts.clone()
    }
}

pub(crate) fn participant(name: &str, replica: impl Replica + 'static) -> Participant {
    Participant {
        name: name.to_owned(),
        replica: Box::new(replica),
        takes: true,
        gives: true,
        deletes: true,
        filter: BTreeMap::new(),
        prefer: Prefer::Crm,
        halted: false,
        held: false,
        incomplete: false,
    }
}

pub(crate) fn side(name: &str) -> MergeSide<'_> {
    let policy =
        Policy { fields: FieldSet::CRM, weak: FieldSet::NONE, winner: Winner::There, takes: true, gives: true };
    MergeSide { name, policy, replica: None }
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
    }
}
