//! Devices that carnet serves itself: telephones that show what they last fetched, on which people edit, and which write with
//! or without a condition, lose answers, and are revoked.
//!
//! A telephone's screen is a shelf like any other: what is there and was not sent yet is the difference to what it holds. The
//! store is the shipping one, as a server would use it. A telephone sends before it fetches, as they do; an answer with cards
//! that gets lost on its way is beyond what a store can know of.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use carnet::{
    books::served::{Change, Condition, Deleted, DeviceId, DeviceStore, NewDevice, Put, Served},
    contact::{Contact, FieldSet, identity::Identity},
    formats::vcard::{self, Card, WriteStyle},
    reconcile::{Winner, apply_changes},
    replica::{
        Action, Baseline, Batch, Capabilities, Conduct, LocalFuture, Lookup, Reading, RemoteContact, Replica,
        ReplicaError, Scanned, Sink, Write, Written,
    },
};
use rusqlite::Connection;

use crate::{
    book::Shelf,
    dice::Dice,
    ledger::{Fate, key},
    people::words,
    world::{Shared, World},
};

/// The seeds in which books are devices' too.
pub const SEEDS: Range<u64> = 20_001..25_001;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    NotSent,
    AnswerLost,
}

/// A card as a telephone has it.
#[derive(Debug, Clone)]
struct Held {
    etag: String,
    text: Vec<u8>,
    contact: Contact,
}

/// What a telephone could not keep of what people did on it.
#[derive(Debug, Default)]
struct Lost {
    /// They typed it, and what the server has stands.
    typed: Vec<String>,
    /// It is shown again, whatever they did; what they took out of it is back.
    shown: Vec<String>,
    /// The card had been removed elsewhere, and is made again for what they edited in it.
    revived: Vec<String>,
}

/// A telephone.
pub struct Phone {
    /// Its screen.
    pub shelf: Shelf,
    pub device: DeviceId,
    store: DeviceStore,
    database: String,
    /// What it last fetched or sent, by name.
    held: BTreeMap<String, Held>,
    /// Cards that were sent for the first time, and of which it has heard nothing.
    unheard: BTreeSet<String>,
    /// Where it goes on from; none where it lists everything each time.
    token: Option<u64>,
    follows_tokens: bool,
    /// It says what it has edited.
    is_careful: bool,
}

/// The telephones of a history, and the name of the store that they share.
#[derive(Default)]
pub struct Phones {
    pub all: Vec<Phone>,
    name: String,
    trouble: usize,
}

fn open(name: &str) -> DeviceStore {
    let conn = Connection::open(name).expect("a database in memory");
    // One thread has all connections: none can wait for the other.
    conn.busy_timeout(std::time::Duration::ZERO).expect("a setting of the connection");
    DeviceStore::over(conn).expect("a store")
}

/// The telephones of this seed, whose shelves come after the others.
pub fn furnish(seed: u64, shelves: &mut Vec<Shelf>) -> Phones {
    if !SEEDS.contains(&seed) {
        return Phones::default();
    }
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut dice = Dice::new(seed ^ 0x00DE_71CE);
    let name = format!("file:/devices-{}?vfs=memdb", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut phones = Phones { all: Vec::new(), name, trouble: dice.pick(&[0, 100, 250]) };
    for _ in 0..dice.pick(&[1, 1, 2]) {
        let all = Capabilities { fields: FieldSet::ALL, weak: FieldSet::NONE, identity: true };
        let shelf = Shelf::new(shelves.len(), all);
        shelf.lock().ending = ".vcf";
        let mut store = open(&phones.name);
        let device = store.add(&NewDevice::of(&format!("phone-{}", shelf.number)), 0).expect("a device");
        shelves.push(shelf.clone());
        let (follows_tokens, is_careful) = (dice.permille(600), dice.permille(400));
        let phone = Phone {
            shelf,
            device,
            store,
            database: phones.name.clone(),
            held: BTreeMap::new(),
            unheard: BTreeSet::new(),
            token: None,
            follows_tokens,
            is_careful,
        };
        phones.all.push(phone);
    }
    phones
}

fn parse(text: &[u8]) -> Card {
    Card::parse(text).expect("a card")
}

impl Held {
    fn new(etag: String, text: Vec<u8>) -> Self {
        let contact = vcard::read(&parse(&text), None);
        Self { etag, text, contact }
    }

    /// The text that the telephone sends for a contact on its screen.
    fn edited(&self, contact: &Contact) -> Vec<u8> {
        let mut card = parse(&self.text);
        vcard::update(&mut card, &self.contact, contact);
        card.to_bytes()
    }
}

impl Phone {
    /// The names of cards that people made, changed or removed since it last sent them.
    fn unsent(&self) -> BTreeSet<String> {
        let shown: BTreeMap<String, Contact> = self.shelf.contacts().into_iter().collect();
        let changed =
            shown.iter().filter(|(name, contact)| self.held.get(*name).is_none_or(|it| it.contact != **contact));
        let removed = self.held.keys().filter(|name| !shown.contains_key(*name));
        // What nothing was heard of is sent again, also where people have taken it back since.
        changed.map(|(name, _)| name).chain(removed).chain(&self.unheard).cloned().collect()
    }

    fn show(&mut self, name: &str, held: Held) {
        self.shelf.lock().put(name, held.contact.clone());
        self.held.insert(name.to_owned(), held);
    }

    fn forget(&mut self, name: &str) {
        self.shelf.lock().remove(name);
        self.held.remove(name);
    }

    fn condition(&self, held: Option<&Held>) -> Condition {
        match held {
            None => Condition::NoneMatchAny,
            Some(held) if self.is_careful => Condition::Match(vec![held.etag.clone()]),
            Some(_) => Condition::None,
        }
    }

    /// Sends one card; false if the telephone hears nothing of it. What people typed and the telephone gave up is given back.
    fn send(&mut self, name: &str, mishap: Option<Mishap>) -> (bool, Lost) {
        let (shown, held) = (self.shelf.lock().contact(name).cloned(), self.held.get(name).cloned());
        let condition = self.condition(held.as_ref());
        if mishap == Some(Mishap::NotSent) {
            return (false, Lost::default());
        }
        let is_new = held.is_none();
        let Some(shown) = shown else {
            let condition = if is_new { Condition::None } else { condition };
            let deleted = self.store.delete(self.device, name, &condition).expect("a store");
            if mishap == Some(Mishap::AnswerLost) {
                return (false, Lost::default());
            }
            let shown = match deleted {
                // It changed since: the telephone shows it again.
                Deleted::Failed(_) => held.map(|held| words(&held.contact)).unwrap_or_default(),
                Deleted::Gone | Deleted::Missing => Vec::new(),
            };
            self.held.remove(name);
            self.unheard.remove(name);
            self.fetch(name);
            return (true, Lost { shown, ..Lost::default() });
        };
        let text = match &held {
            Some(held) => held.edited(&shown),
            None => {
                let identity = Identity { uid: Some(format!("of-{name}")), crm_id: None };
                vcard::new_card(WriteStyle::default(), &shown, &identity).to_bytes()
            }
        };
        let uid = parse(&text).uid().expect("a UID");
        let was_removed = !is_new && self.store.member(self.device, name).expect("a store").is_none();
        let revived = if was_removed { words(&shown) } else { Vec::new() };
        let put = self.store.put(self.device, name, &uid, &text, &condition).expect("a store");
        if mishap == Some(Mishap::AnswerLost) {
            self.unheard.insert(name.to_owned());
            return (false, Lost { revived, ..Lost::default() });
        }
        self.unheard.remove(name);
        match put {
            Put::Created { etag } | Put::Replaced { etag } | Put::Same { etag } => {
                self.show(name, Held::new(etag, text));
                (true, Lost { revived, ..Lost::default() })
            }
            Put::Failed(_) => (true, Lost { revived, ..self.merge(name, &shown, held.as_ref()) }),
            // The contact is there under another name meanwhile: the telephone gives its own card up.
            Put::UidHeldBy(_) => {
                self.forget(name);
                (true, Lost { typed: words(&shown), revived, ..Lost::default() })
            }
            Put::OtherUid => panic!("a telephone that gives a card another UID"),
        }
    }

    /// A careful telephone was told that the card has changed: it carries its edit over, and sends it with the next ones.
    /// Gives back what it gave up: where both have changed a text, that of the server stands.
    fn merge(&mut self, name: &str, shown: &Contact, held: Option<&Held>) -> Lost {
        let before = held.map(|held| held.contact.clone()).unwrap_or_default();
        self.held.remove(name);
        let Some(card) = self.store.card(self.device, name).expect("a store") else {
            // It is gone there: what people edited is a new card.
            return Lost::default();
        };
        let now = Held::new(card.member.etag, card.body);
        let fields = (FieldSet::ALL, FieldSet::NONE);
        let merged = apply_changes((&before, shown), (&before, &now.contact), fields, Winner::Here);
        let after = words(&merged.contact);
        self.shelf.lock().put(name, merged.contact);
        self.held.insert(name.to_owned(), now);
        let typed = words(shown).into_iter().filter(|text| !after.contains(text)).collect();
        Lost { typed, shown: after, revived: Vec::new() }
    }

    fn fetch(&mut self, name: &str) {
        match self.store.card(self.device, name).expect("a store") {
            Some(card) => self.show(name, Held::new(card.member.etag, card.body)),
            None => self.forget(name),
        }
    }

    /// Fetches what changed; everything that people did was sent.
    fn poll(&mut self) {
        if self.follows_tokens {
            let mut changes = Vec::new();
            // For the first time it lists everything, and drops what is not there.
            let limit = self.token.map(|_| 3);
            let part = self.store.changes_since(self.device, self.token, limit, true, |change| changes.push(change));
            let part = part.expect("a store").expect("its own token");
            if self.token.is_none() {
                let is_there = |name: &String| {
                    changes
                        .iter()
                        .any(|change| matches!(change, Change::Changed { member, .. } if member.name == *name))
                };
                let gone: Vec<String> = self.held.keys().filter(|name| !is_there(name)).cloned().collect();
                gone.iter().for_each(|name| self.forget(name));
            }
            self.token = Some(part.counter);
            for change in changes {
                match change {
                    Change::Changed { member, body } => {
                        self.show(&member.name, Held::new(member.etag, body.expect("the text")));
                    }
                    Change::Gone { name } => self.forget(&name),
                }
            }
            if part.is_cut {
                self.poll();
            }
            return;
        }
        let mut members = Vec::new();
        self.store.members(self.device, |member| members.push(member)).expect("a store");
        let is_there = |name: &String| members.iter().any(|member| member.name == *name);
        let gone: Vec<String> = self.held.keys().filter(|name| !is_there(name)).cloned().collect();
        gone.iter().for_each(|name| self.forget(name));
        for member in members {
            if self.held.get(&member.name).is_none_or(|held| held.etag != member.etag) {
                self.fetch(&member.name);
            }
        }
    }

    /// What the store has of it: the cards' names and etags.
    pub fn served(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let take = |member: carnet::books::served::Member| drop(found.insert(member.name, member.etag));
        open(&self.database).members(self.device, take).expect("a store");
        found
    }

    /// The same as the telephone believes it to be.
    pub fn believed(&self) -> BTreeMap<String, String> {
        self.held.iter().map(|(name, held)| (name.clone(), held.etag.clone())).collect()
    }
}

impl World {
    /// An occasion for a telephone: it sends what people did, or fetches what changed, or both, or is out of reach.
    pub fn a_phone_may_sync(&mut self) {
        let mut phones = std::mem::take(&mut self.phones);
        if !phones.all.is_empty() {
            let at = self.dice.below(phones.all.len());
            match self.dice.below(5) {
                0 | 1 => self.phone_syncs(&mut phones.all[at], phones.trouble, false),
                2 => self.phone_syncs(&mut phones.all[at], phones.trouble, true),
                _ => {}
            }
        }
        self.phones = phones;
    }

    /// In peace: every telephone sends and fetches everything.
    pub fn phones_sync(&mut self) {
        let mut phones = std::mem::take(&mut self.phones);
        for phone in &mut phones.all {
            // What a careful telephone has carried over is sent once more.
            (0..2).for_each(|_| self.phone_syncs(phone, 0, true));
        }
        self.phones = phones;
    }

    fn phone_syncs(&mut self, phone: &mut Phone, trouble: usize, fetches: bool) {
        let number = phone.shelf.number;
        for name in phone.unsent() {
            let strikes = trouble > 0 && self.dice.permille(trouble);
            let mishap = strikes.then(|| self.dice.pick(&[Mishap::NotSent, Mishap::AnswerLost]));
            let (is_heard, lost) = phone.send(&name, mishap);
            self.note(format!("phone {number} sends {name}: {mishap:?}, {lost:?}"));
            self.revivable.extend(lost.revived.iter().map(|text| key(text)));
            let is_gone =
                |text: &&String| self.ledger.typed.get(&key(text)).is_some_and(|(_, fate)| *fate != Fate::Live);
            let back: Vec<String> = lost.shown.iter().filter(is_gone).cloned().collect();
            lost.typed.iter().chain(&back).for_each(|text| self.excuse(text));
            if !is_heard {
                return;
            }
        }
        if fetches && phone.unsent().is_empty() {
            phone.poll();
            self.note(format!("phone {number} fetches"));
        }
    }

    /// A telephone is revoked of which nothing is unsent and nothing waits for a run.
    pub fn a_phone_is_revoked(&mut self) {
        let is_idle = |phone: &Phone| {
            let counts = phone.store.counts(phone.device).expect("a store");
            phone.unsent().is_empty() && counts.waiting == 0
        };
        if !self.phones.all.last().is_some_and(is_idle) {
            return;
        }
        let Some(mut phone) = self.phones.all.pop() else { return };
        self.note(format!("*** phone {} is revoked", phone.shelf.number));
        phone.store.revoke(&format!("phone-{}", phone.shelf.number)).expect("a store");
        self.shelves.pop();
    }

    fn excuse(&mut self, text: &str) {
        if let Some((_, fate)) = self.ledger.typed.get_mut(&key(text)) {
            *fate = Fate::Excused;
        }
    }
}

/// The telephone's book as a run has it.
pub struct SimulatedDevice {
    inner: Served,
    number: usize,
    world: Shared,
}

/// The book of the telephone whose shelf this is, if it is one's.
pub fn book(world: &Shared, phones: &Phones, shelf: &Shelf) -> Option<SimulatedDevice> {
    let phone = phones.all.iter().find(|phone| phone.shelf.number == shelf.number)?;
    let name = format!("book-{}", shelf.number);
    let inner = Served::new(name, phone.device, WriteStyle::default(), open(&phones.name));
    Some(SimulatedDevice { inner, number: shelf.number, world: world.clone() })
}

impl SimulatedDevice {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("the world")
    }
}

impl Replica for SimulatedDevice {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn conduct(&self) -> Conduct {
        self.inner.conduct()
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        self.inner.recall(known);
    }

    fn learned(&self) -> Vec<(String, String)> {
        self.inner.learned()
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        self.inner.interpret(record, known)
    }

    fn removed(&self, remote: &str, known: &Contact) -> Option<Contact> {
        self.inner.removed(remote, known)
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        let world = self.world.clone();
        Box::pin(async move {
            world.lock().expect("the world").people_act();
            // They go on while it is read.
            let mut watched = |batch: Batch| {
                let taken = sink(batch);
                let mut world = world.lock().expect("the world");
                world.people_act();
                if world.people_share > 0 {
                    world.a_phone_may_sync();
                }
                taken
            };
            let scanned = self.inner.scan(baseline, &mut watched).await;
            let crash = world.lock().expect("the world").crash_at("device, after a scan");
            crash.happen().await;
            scanned
        })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        self.inner.fetch(remote)
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(writes.len());
            for write in writes {
                self.lock().people_act();
                let crash = self.lock().crash_at("device, before a write");
                crash.happen().await;
                let held = match &write.action {
                    Action::Update { theirs, .. } => words(theirs),
                    Action::Create { .. } | Action::Delete { .. } => Vec::new(),
                };
                let answer = self.inner.apply(vec![write]).await.remove(0);
                if answer.is_ok() {
                    self.lock().writes += 1;
                }
                if let Ok(Some(written)) = &answer {
                    let new = words(&written.contact).into_iter().filter(|text| !held.contains(text));
                    let mut world = self.lock();
                    world.unacknowledged_values.extend(new);
                    let card = (self.number, written.remote.clone());
                    world.unacknowledged_cards.insert(card);
                }
                let crash = self.lock().crash_at("device, after a write");
                crash.happen().await;
                answers.push(answer);
            }
            answers
        })
    }

    fn taken_in(&mut self) {
        self.inner.taken_in();
    }
}
