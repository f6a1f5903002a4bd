//! The state of everything: the last run, what each replica holds and is owed, what waits for the user.

use std::path::Path;

use super::{
    Reader,
    attention::{self, Item},
    problems::{self, Problem, label},
};
use crate::{
    contact::{Filter, ids::CRM},
    mirror::{ContactId, Mirror, MirrorError, OutboxRow, Pending},
    sync::{self, AttentionCounts, events::Label},
};

pub use crate::mirror::{OutboxAction, OutboxState, RunRow};

/// So many companies are named.
const COMPANIES_SHOWN_MAX: usize = 3;

/// The state of everything.
#[derive(Debug)]
pub struct Status {
    /// Living contacts of the mirror.
    pub contacts: u64,
    /// The newest run, if there ever was one.
    pub last: Option<RunRow>,
    /// Living contacts with a company, which the CRM has no place for: how many, and the first few companies.
    pub companies: (u64, Vec<String>),
    /// The replicas, in the order in which they were asked for.
    pub replicas: Vec<ReplicaStatus>,
    /// What waits, conflicts first.
    pub items: Vec<Item>,
    /// What failed and is tried again by each run.
    pub problems: Vec<Problem>,
    /// The same and the writes that are unsettled, in numbers: what the exit code of a run counts.
    pub counts: AttentionCounts,
}

/// The state of one replica.
#[derive(Debug, Default)]
pub struct ReplicaStatus {
    /// `crm` or the book's name.
    pub name: String,
    /// Contacts that it holds.
    pub held: u64,
    /// Contacts to be created there.
    pub create: u64,
    /// Contacts to be updated there.
    pub update: u64,
    /// Contacts to be deleted there.
    pub delete: u64,
    /// Contacts that were deleted here and stay there, where deletions are not followed.
    pub staying: u64,
    /// Contacts that it said once that it has no more; it is asked again.
    pub missing: u64,
    /// Writes whose outcome is unknown, or that were refused.
    pub unsettled: Vec<UnsettledWrite>,
    /// What it does not keep as it is sent, by property or field.
    pub alters: Vec<String>,
}

/// A write whose outcome is unknown, or that was refused.
#[derive(Debug)]
pub struct UnsettledWrite {
    /// What was to be done.
    pub action: OutboxAction,
    /// What is known of it.
    pub state: OutboxState,
    /// When it was sent: RFC 3339, UTC.
    pub sent_at: String,
    /// What went wrong, in the server's words.
    pub error: Option<String>,
    /// Whose.
    pub contact: Label,
}

impl UnsettledWrite {
    /// True where it waits here; one that is held for review waits among what the user is asked.
    pub fn is_shown_here(&self) -> bool {
        self.state != OutboxState::HeldForReview
    }
}

/// The writes to the CRM that wait, and are not asked about.
///
/// # Errors
/// The mirror's.
pub fn unsettled_in_crm(reader: &Reader) -> Result<Vec<UnsettledWrite>, MirrorError> {
    let mut writes = unsettled(&reader.mirror, CRM)?;
    writes.retain(UnsettledWrite::is_shown_here);
    Ok(writes)
}

fn unsettled(mirror: &Mirror, name: &str) -> Result<Vec<UnsettledWrite>, MirrorError> {
    let write = |OutboxRow { action, state, sent_at, error, contact, .. }| {
        Ok(UnsettledWrite { action, state, sent_at, error, contact: label(mirror, contact)? })
    };
    mirror.outbox(name)?.into_iter().map(write).collect()
}

/// Living contacts of the mirror of this path, and what waits there, in numbers; none where it cannot be read.
pub fn counts(path: &Path) -> Option<(u64, AttentionCounts)> {
    let mirror = Reader::open(path).ok()?.mirror;
    Some((mirror.count_contacts().ok()?, sync::attention_counts(&mirror).ok()?))
}

/// A replica that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'n> {
    /// `crm` or the book's name.
    pub name: &'n str,
    /// The fact that says what it does not keep as it is sent, if it may be such a one.
    pub alters: Option<String>,
    /// What belongs in it; all contacts, unless said.
    pub filter: Option<&'n Filter>,
}

/// Reads the state of the mirror and of these replicas.
///
/// # Errors
/// The mirror's.
pub fn status<'n>(reader: &Reader, asked: impl Iterator<Item = Asked<'n>>) -> Result<Status, MirrorError> {
    let mirror = &reader.mirror;
    Ok(Status {
        contacts: mirror.count_contacts()?,
        last: mirror.last_run()?,
        // Where firms are known, those that lack one are asked about.
        companies: if mirror.count_firms()? == 0 { mirror.companies(COMPANIES_SHOWN_MAX)? } else { (0, Vec::new()) },
        replicas: asked.map(|asked| replica(mirror, &asked)).collect::<Result<_, _>>()?,
        items: attention::items(reader, false)?,
        problems: problems::problems(reader)?,
        counts: sync::attention_counts(mirror)?,
    })
}

fn replica(mirror: &Mirror, Asked { name, alters, filter }: &Asked<'_>) -> Result<ReplicaStatus, MirrorError> {
    let alters = alters.as_ref().map(|fact| mirror.fact(fact)).transpose()?.flatten().unwrap_or_default();
    let mut replica = ReplicaStatus {
        name: (*name).to_owned(),
        alters: alters.split_whitespace().map(str::to_owned).collect(),
        held: mirror.count_agreements(name)?,
        staying: mirror.locally_deleted_in(name)?.len() as u64,
        missing: mirror.absences(name)?.len() as u64,
        ..ReplicaStatus::default()
    };
    replica.unsettled = unsettled(mirror, name)?;
    for (contact, pending) in mirror.pending(name)? {
        match pending {
            Pending::Create if !belongs(mirror, contact, *filter)? => {}
            Pending::Create => replica.create += 1,
            Pending::Update => replica.update += 1,
            Pending::Delete => replica.delete += 1,
        }
    }
    Ok(replica)
}

/// True where a contact that a replica does not have is to be there.
fn belongs(mirror: &Mirror, contact: ContactId, filter: Option<&Filter>) -> Result<bool, MirrorError> {
    let Some(filter) = filter.filter(|filter| **filter != Filter::default()) else { return Ok(true) };
    Ok(mirror.contact(contact)?.is_some_and(|stored| filter.matches(&stored.contact)))
}
