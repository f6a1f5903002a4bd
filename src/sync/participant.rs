//! A replica as a run sees it: the port, and how the settings want it treated.

use crate::{
    contact::{
        Contact, Filter,
        clean::{Cleaned, clean, clean_since},
    },
    reconcile::{Policy, Winner},
    replica::{
        Absence, Answers, Conduct, Ids, Lookup, Reading, RemoteContact, RemoteId, Replica, ReplicaError, Writes,
    },
};

pub use crate::contact::ids::CRM;

/// One replica of the run.
pub struct Participant {
    /// `crm` or the book's name.
    pub name: String,
    /// The port.
    pub replica: Box<dyn Replica>,
    /// Which way edits go.
    pub direction: Direction,
    /// A deletion here may delete there.
    pub deletes: bool,
    /// Which contacts belong into the book.
    pub filter: Filter,
    /// Which ones belonged there before the settings were changed, until the book has followed.
    pub filter_before: Option<Filter>,
    /// It shows the CRM's firms as company cards.
    pub shows_firms: bool,
    /// How many of these somebody has changed or removed there.
    pub firm_cards_altered: u64,
    /// Who wins conflicts: `Here` the mirror, `There` this replica.
    pub winner: Winner,
    /// The run ends where it is in trouble; the others of the run go on without one that is not essential.
    pub essential: bool,
    /// How far it is trusted in this run.
    pub trust: Trust,
    /// Its listing is known to have left out contacts that are there: nobody is made there on its word.
    pub incomplete: bool,
    /// Of some known records this run cannot say whether they are still there: nothing is agreed on unwritten.
    pub absence_open: bool,
    /// The names of records that could not be read: each may be the one that would be made.
    pub unreadable: Vec<RemoteId>,
}

/// Which way edits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    TwoWay,
    /// From the mirror to the replica.
    ToReplica,
    /// From the replica to the mirror.
    FromReplica,
}

/// How far a replica is trusted in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// In all.
    Full,
    /// Its deletions are held: neither carried out elsewhere nor undone there.
    NoDeletions,
    /// In nothing: it is neither believed nor written.
    Nothing,
}

impl Participant {
    /// A replica that is kept in step both ways.
    pub fn new(name: impl Into<String>, replica: Box<dyn Replica>, winner: Winner) -> Self {
        Self {
            name: name.into(),
            replica,
            direction: Direction::TwoWay,
            deletes: true,
            filter: Filter::default(),
            filter_before: None,
            shows_firms: false,
            firm_cards_altered: 0,
            winner,
            essential: false,
            trust: Trust::Full,
            incomplete: false,
            absence_open: false,
            unreadable: Vec::new(),
        }
    }

    /// Edits made there are taken.
    pub fn takes(&self) -> bool {
        self.direction != Direction::ToReplica
    }

    /// Edits made here are given.
    pub fn gives(&self) -> bool {
        self.direction != Direction::FromReplica
    }

    /// Neither believed nor written in this run.
    pub fn is_halted(&self) -> bool {
        self.trust == Trust::Nothing
    }

    /// How it behaves.
    pub fn conduct(&self) -> Conduct {
        self.replica.conduct()
    }

    /// What it leaves out is asked for by id.
    pub fn is_asked_by_id(&self) -> bool {
        self.conduct().absence == Absence::AskById
    }

    /// A write whose answer was lost may still take effect there.
    pub fn is_uncertain(&self) -> bool {
        self.conduct().writes == Writes::Uncertain
    }

    /// What answers a write is what that write left, and nothing that somebody else did.
    pub fn answers_for_itself(&self) -> bool {
        !self.is_uncertain() || self.conduct().answers == Answers::OwnWrite
    }

    /// Its ids are those that records of other replicas carry.
    pub fn shares_ids(&self) -> bool {
        self.conduct().ids == Ids::Shared
    }

    /// Asks for one record. Where the replica is not essential, its trouble leaves that record unclear, and nothing else.
    pub(crate) async fn look_up(&mut self, remote: &str) -> Result<Lookup, ReplicaError> {
        match self.replica.fetch(remote).await {
            Err(error) if !self.essential => Ok(Lookup::Unclear(error.to_string())),
            answer => answer,
        }
    }

    /// How its contacts are merged. Asked anew after a scan: a CSV file's columns say what it carries.
    pub fn policy(&self) -> Policy {
        let capabilities = self.replica.capabilities();
        Policy {
            fields: capabilities.fields,
            weak: capabilities.weak,
            winner: self.winner,
            takes: self.takes(),
            gives: self.gives(),
        }
    }

    /// The replica as the other side of a merge.
    pub(crate) fn side(&self) -> MergeSide<'_> {
        MergeSide { name: &self.name, policy: self.policy(), conduct: self.conduct(), replica: Some(&*self.replica) }
    }

    /// True when the contact belongs into this replica.
    pub fn wants(&self, contact: &Contact) -> bool {
        self.filter.matches(contact)
    }
}

/// What a merge needs to know of the other side.
#[derive(Clone, Copy)]
pub(crate) struct MergeSide<'a> {
    /// `crm` or the book's name.
    pub name: &'a str,
    /// How it is treated.
    pub policy: Policy,
    /// How it behaves.
    pub conduct: Conduct,
    /// Itself; none while its own scan has it.
    pub replica: Option<&'a dyn Replica>,
}

impl MergeSide<'_> {
    /// Its ids are those that records of other replicas carry.
    pub fn shares_ids(&self) -> bool {
        self.conduct.ids == Ids::Shared
    }

    /// What a record says, knowing its contact.
    pub fn interpret(&self, record: &RemoteContact, known: &Contact) -> Reading {
        let read = self.replica.and_then(|it| it.interpret(record, known));
        read.unwrap_or_else(|| Reading::plain(record.contact.clone()))
    }

    /// What a record's values mean: a book's are cleaned, the CRM's are taken as they are. A text that is no value stands in
    /// place of nothing that was agreed on.
    pub fn meant(&self, there: &Contact, agreed: Option<&Contact>) -> Cleaned {
        match agreed {
            _ if self.shares_ids() => Cleaned { contact: there.clone(), refused: Vec::new() },
            Some(agreed) => clean_since(there, agreed),
            None => clean(there),
        }
    }

    /// A contact as the replica can show it now.
    pub fn shown(&self, contact: &Contact) -> Contact {
        self.replica.map_or_else(|| contact.clone(), |it| it.shows(contact))
    }
}
