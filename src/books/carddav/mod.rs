//! An address book on a CardDAV server (RFC 6352) as a replica.
//!
//! Five real servers agree on hardly anything, so that nothing is believed that was not looked at: a card is read before and
//! after it is written, a token that was answered may not have been known, an absence is asked about, and an answer that is
//! not what CardDAV says is trouble, never an empty address book. Group cards are left alone.
//! Deliberately not here: addressbook-query, MOVE and limits, which servers answer wrongly; redirects.

mod apply;
mod client;
mod collection;
mod cursor;
mod discovery;
mod error;
mod fetched;
mod read_back;
mod reading;
mod scan;
mod sending;
mod service;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod trial;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use self::{client::DavClient, collection::Collection, reading::Outcome};
pub use self::{
    discovery::{Found, Step, discover},
    settings::{CarddavSettings, Login},
    trial::{Learned, Trial, try_out},
    wire::{DavRequest, DavWire, Exchange},
};
use super::{ObservedProperties, cards};
use crate::{
    contact::Contact,
    formats::vcard,
    replica::{
        Absence, Answers, Baseline, Capabilities, Conduct, Diagnostic, Ids, LocalFuture, Lookup, Reading,
        RemoteContact, Replica, ReplicaError, Scanned, Sink, Unanswered, Write, Writes, Written,
    },
};

/// How an address book on a server behaves.
const SERVER: Conduct = Conduct {
    absence: Absence::AskById,
    writes: Writes::Uncertain,
    answers: Answers::OwnWrite,
    ids: Ids::Own,
    abridges: false,
    rereads: true,
    restorable: true,
    writes_at_once: 50,
};

/// An address book on a server.
pub struct Carddav {
    settings: CarddavSettings,
    client: DavClient,
    /// The address book, once it is found; its path as it was found in an earlier run.
    collection: Option<Collection>,
    observed: ObservedProperties,
    /// What the server does not keep as it is sent.
    alters: BTreeSet<String>,
    /// Writes of which nobody knows the end.
    unanswered: Vec<Unanswered>,
    /// Cards of the last scan that our own writes left, and that nobody had read back.
    unproved: BTreeSet<String>,
    /// Writes that the server is given at once.
    writes_at_once: usize,
    /// All is to be listed, whatever the server counts.
    relist: bool,
    /// The tokens from which a later scan may count: the one of the scan before, and that of this run's scan.
    counted_from: Vec<String>,
    /// Tokens since which carnet has made cards. A server need not name a card that was made and removed since a token
    /// (RFC 6578, 3.5.2): from these, all is listed.
    made_since: BTreeSet<String>,
    /// The server could not be reached by a write of this run.
    down: Option<Diagnostic>,
}

impl Carddav {
    /// The book of these settings. Nothing is sent yet.
    pub fn new(settings: CarddavSettings) -> Result<Self, Diagnostic> {
        let client = DavClient::new(&settings)?;
        Ok(Self::assembled(settings, client))
    }

    /// The same over a wire of the caller's instead of HTTP.
    pub fn over(settings: CarddavSettings, wire: Box<dyn DavWire>) -> Result<Self, Diagnostic> {
        let client = DavClient::over(&settings, wire)?;
        Ok(Self::assembled(settings, client))
    }

    fn assembled(settings: CarddavSettings, client: DavClient) -> Self {
        Self {
            writes_at_once: settings.concurrency,
            settings,
            client,
            collection: None,
            observed: ObservedProperties::default(),
            alters: BTreeSet::new(),
            unanswered: Vec::new(),
            unproved: BTreeSet::new(),
            relist: false,
            counted_from: Vec::new(),
            made_since: BTreeSet::new(),
            down: None,
        }
    }

    /// The name under which is kept what a book's server does not hold: words for a user, by property.
    pub fn alters_fact(book: &str) -> String {
        format!("book.{book}.alters")
    }

    fn fact(&self, name: &str) -> String {
        format!("book.{}.{name}", self.settings.name)
    }

    /// The address book; found out about where the settings name a server or a principal.
    async fn collection(&mut self) -> Result<Collection, ReplicaError> {
        if let Some(collection) = &self.collection {
            return Ok(collection.clone());
        }
        let path = discovery::find_one(&self.client, &self.settings.name).await?;
        Ok(self.collection.insert(Collection::new(self.client.clone(), &path)).clone())
    }

    async fn fetch_now(&mut self, name: &str) -> Result<Lookup, ReplicaError> {
        let collection = self.collection().await?;
        let card = match reading::read_one(&collection, name).await? {
            Outcome::Card(card) => card,
            Outcome::Unread(diagnostic) => return Ok(Lookup::Unclear(diagnostic.message)),
            Outcome::Missing => {
                // A server that has lost the address book denies every card.
                collection.is_well().await?;
                return Ok(Lookup::Gone);
            }
        };
        Ok(match card.read(name, self.settings.style) {
            Ok(fetched::Kind::Contact(record)) => Lookup::Found(record),
            Ok(fetched::Kind::Group) => Lookup::Unclear(format!("{name} is a group now")),
            Err(flaw) => Lookup::Unclear(format!("{} {}", flaw.place(name), flaw.message)),
        })
    }
}

/// A fact that is so or is forgotten.
fn flag(is_so: bool) -> String {
    if is_so { "1".to_owned() } else { String::new() }
}

impl Replica for Carddav {
    fn capabilities(&self) -> Capabilities {
        // Cards have their UID to be known by: nobody's card is rewritten to carry our marks.
        Capabilities { fields: vcard::CARRIED, weak: vcard::WEAK, identity: false }
    }

    fn conduct(&self) -> Conduct {
        SERVER
    }

    fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let observed = known(&ObservedProperties::fact(&self.settings.name)).unwrap_or_default();
        self.observed = ObservedProperties::parse(&observed);
        let alters = known(&Self::alters_fact(&self.settings.name)).unwrap_or_default();
        let drops = known(&self.fact("drops")).unwrap_or_default();
        self.alters = read_back::learned(&alters, &drops);
        if known(&self.fact("alone")).as_deref() == Some("1") {
            self.writes_at_once = 1;
        }
        if known(&self.fact("unpooled")).as_deref() == Some("1") {
            self.client.unpool();
        }
        self.relist = known(&self.fact("relist")).as_deref() == Some("1");
        self.made_since = known(&self.fact("made")).unwrap_or_default().lines().map(str::to_owned).collect();
        let found = known(&self.fact("collection")).unwrap_or_default();
        if let Some((url, path)) = found.split_once(' ')
            && url == self.client.base().as_str()
        {
            self.collection = Some(Collection::new(self.client.clone(), path));
        }
    }

    fn learned(&self) -> Vec<(String, String)> {
        let found = self.collection.as_ref();
        let found = found.map(|collection| format!("{} {}", self.client.base(), collection.path)).unwrap_or_default();
        vec![
            (ObservedProperties::fact(&self.settings.name), self.observed.to_text()),
            (Self::alters_fact(&self.settings.name), read_back::words(&self.alters)),
            (self.fact("drops"), read_back::dropped(&self.alters)),
            (self.fact("alone"), flag(self.writes_at_once == 1)),
            (self.fact("unpooled"), flag(self.client.is_unpooled())),
            (self.fact("relist"), flag(self.relist)),
            (self.fact("made"), self.made_since.iter().map(String::as_str).collect::<Vec<_>>().join("\n")),
            (self.fact("collection"), found),
        ]
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        let reading = cards::interpret(record.source.as_deref()?, self.settings.style, &self.observed, known)?;
        let shown = reading.told.as_ref().unwrap_or(&reading.there);
        match read_back::told(known, shown, &self.alters, self.unproved.contains(&record.remote)) {
            Some(told) => Some(Reading { told: Some(told), ..reading }),
            None => Some(reading),
        }
    }

    fn unanswered(&mut self, writes: Vec<Unanswered>) {
        self.unanswered = writes;
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(self.scan_now(baseline, sink))
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(self.fetch_now(remote))
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(self.apply_now(writes))
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        self.client.requests()
    }
}
