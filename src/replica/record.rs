//! A contact as a replica holds it, and a record that could not be used.

use crate::contact::{Contact, FieldSet};

/// What the replica calls a contact: the CRM's id, a file name, a card's UID. Opaque outside the replica.
pub type RemoteId = String;

/// The state of a contact in its replica, compared for equality only. Opaque outside the replica.
pub type Revision = String;

/// A contact as a replica holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteContact {
    /// Its name there.
    pub remote: RemoteId,
    /// Its state there.
    pub revision: Revision,
    /// The UID written in the record, if the replica's records carry one.
    pub uid: Option<String>,
    /// The CRM's id written in the record, if any (X-INCWO-ID, the CSV's `id` column). The CRM's own: its remote.
    pub crm_id: Option<String>,
    /// The contact; fields outside `fields` are empty and mean nothing.
    pub contact: Contact,
    /// What this record says something about.
    pub fields: FieldSet,
    /// What the replica wants to be handed back with a later write, and people may query: JSON. The CRM keeps here the
    /// elements that the reference does not name and the ids of list entries.
    pub detail: Option<String>,
    /// The record's own bytes, where [`super::Replica::interpret`] can tell more from them.
    pub source: Option<Vec<u8>>,
    /// The bytes of the version that its author has edited, where that is another one than was agreed on; empty where the
    /// author had never seen the record. [`super::Replica::interpret`] reads them.
    pub edited: Option<Vec<u8>>,
}

/// A record read knowing its contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says: a number whose type the record does not say keeps the type it has.
    pub there: Contact,
    /// What it is to be taken to say, where that is something else: a program that never writes a property has not removed
    /// it.
    pub told: Option<Contact>,
    /// What a program of the replica rewrote by itself: it is taken to say what `told` has, and is written so again.
    pub rewritten: FieldSet,
    /// What its author has edited, where that is not what was agreed on: what differs between the two is nobody's edit.
    pub edited: Option<Contact>,
}

impl Reading {
    /// A record that speaks for itself.
    pub fn plain(there: Contact) -> Self {
        Self { there, told: None, rewritten: FieldSet::NONE, edited: None }
    }

    /// What it says to whoever meets it for the first time: what a program rewrote counts as it was.
    pub fn said(&self) -> &Contact {
        self.told.as_ref().filter(|_| !self.rewritten.is_empty()).unwrap_or(&self.there)
    }
}

/// One contact, asked for by name.
#[derive(Debug)]
pub enum Lookup {
    /// It is there.
    Found(Box<RemoteContact>),
    /// The replica says that it has no such contact.
    Gone,
    /// No answer that means anything; ask again another time.
    Unclear(String),
}

/// A record that could not be used, in words for a user. Never holds the record's own values.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Where: "page 3, contact 812", "ada.vcf line 7", "row 12, column phone".
    pub place: String,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The known contact it concerns, if that much could be read: it counts as seen.
    pub remote: Option<RemoteId>,
}
