//! A mirror that is older than the world: restored from a copy, or brought here by another program.
//!
//! What it says of replicas is a state in common that is only further back than usual, and merges by it as ever. What it
//! holds beyond them is another matter: whether that travelled since, and was undone since, it cannot know. So that
//! - a value that no replica has is not sent: each side keeps its own, until a user decides;
//! - a contact that no replica has is not made in the CRM, until a user says so;
//! - a contact that was deleted because a user asked carnet for it stays where it still is;
//! - a write that was under way is looked for, with its wait begun anew;
//! - what was denied once, noted once, or a place to go on reading from, counts for nothing.
//!
//! And whoever wrote last may have sent something that the mirror knows nothing of and that has not come to be there yet:
//! nobody is made in the CRM before that must be over.

use crate::{
    contact::{FieldSet, ids::MIRROR},
    mirror::{Agreement, ContactId, Mirror, OutboxState, Pending, Stored},
    reconcile::{FieldConflict, Kept},
    replica::Diagnostic,
    sync::{
        SyncError,
        events::Events,
        host::Host,
        outbox::{Outbox, Payload},
        participant::CRM,
        review::change_by_user,
        run::{Run, RunPolicy},
    },
};

/// Under which the mirror remembers, as an uptime, since when it has been restored; gone once all is over that may have been
/// under way then.
const RESTORED: &str = "mirror.restored";

/// So many of a contact's last changes are looked at.
const CHANGES_LOOKED_AT: usize = 20;

/// The places that a mirror is kept in step with, by how they stand to it.
#[derive(Debug, Clone)]
pub struct Places {
    /// The CRM and the books whose edits are taken: what one of them has, the world has.
    pub sources: Vec<String>,
    /// Those that are written.
    pub written: Vec<String>,
}

/// What of a restored mirror waits for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubted {
    /// Values that no replica has.
    pub values: u64,
    /// Contacts that no replica has.
    pub contacts: u64,
    /// Deletions that a user asked carnet for, and that were not carried out in a replica: the contact stays there.
    pub deletions: u64,
    /// Decisions that no run had carried out.
    pub decisions: u64,
}

/// Has a mirror that was restored doubt what it holds beyond the replicas. `command` is the name for the run log.
///
/// # Errors
/// The mirror's. Nothing is written then.
pub fn doubt(
    mirror: &mut Mirror,
    places: &Places,
    (policy, command): (RunPolicy, &str),
    host: &dyn Host,
    events: &mut Events<'_>,
) -> Result<Doubted, SyncError> {
    let work = |run: &mut Run<'_>| Ok((run.doubt(places)?, true));
    Ok(change_by_user(mirror, policy, command, host, events, work)?.0)
}

/// Has a mirror that is built anew wait, before anybody is made in the CRM, until what was sent before must be over.
///
/// # Errors
/// The mirror's.
pub fn settle_first(mirror: &mut Mirror, host: &dyn Host) -> Result<(), SyncError> {
    Ok(mirror.set_fact(RESTORED, &host.uptime().to_string())?)
}

impl Run<'_> {
    fn doubt(&mut self, places: &Places) -> Result<Doubted, SyncError> {
        self.mirror.forget_cursors()?;
        self.mirror.forget_absences()?;
        let mut doubted = Doubted { decisions: self.mirror.forget_noted()? as u64, ..Doubted::default() };
        for replica in &places.written {
            self.doubt_writes(replica)?;
            for (id, what) in self.mirror.pending(replica)? {
                match what {
                    Pending::Create if replica == CRM => doubted.contacts += u64::from(self.doubt_creation(id)?),
                    // What a book lacks, another replica has.
                    Pending::Create => {}
                    Pending::Delete => doubted.deletions += u64::from(self.doubt_deletion(replica, id, places)?),
                    Pending::Update if !places.sources.contains(replica) => {}
                    Pending::Update => doubted.values += self.doubt_values(replica, id, places)?,
                }
            }
        }
        self.mirror.set_fact(RESTORED, &self.uptime().to_string())?;
        Ok(doubted)
    }

    /// Nobody can tell what became of the writes that were under way, nor how long ago that is.
    fn doubt_writes(&mut self, replica: &str) -> Result<(), SyncError> {
        for mut row in self.mirror.outbox(replica)? {
            row.state = if row.state == OutboxState::Sent { OutboxState::Unknown } else { row.state };
            row.sent_uptime.clear();
            if let Some(mut sent) = Payload::of(&row) {
                (sent.misses, sent.missed_uptime) = (0, String::new());
                row.payload = sent.text();
            }
            self.mirror.update_outbox(&row)?;
        }
        Ok(())
    }

    /// A contact that neither the CRM nor a book has is put to a user. True if this one is.
    fn doubt_creation(&mut self, id: ContactId) -> Result<bool, SyncError> {
        if !self.mirror.agreements_of(id)?.is_empty() {
            return Ok(false);
        }
        let stored = self.stored(id)?;
        Outbox::new(self, CRM).hold_creation(&stored)?;
        Ok(true)
    }

    /// A contact that was deleted here alone may have been brought back since: where it is, it stays. A deletion that came from
    /// a replica is another matter: that one shows the contact, or does not. True if this one stays.
    fn doubt_deletion(&mut self, replica: &str, id: ContactId, places: &Places) -> Result<bool, SyncError> {
        let changes = self.mirror.history(Some(id), CHANGES_LOOKED_AT)?;
        let whole = changes.iter().map(|(_, change)| change).find(|change| change.field.is_none());
        if whole.is_some_and(|change| places.sources.contains(&change.source)) {
            return Ok(false);
        }
        let Some(agreement) = self.mirror.agreement(replica, id)? else { return Ok(false) };
        self.mirror.put_agreement(replica, &Agreement { detached: true, ..agreement })?;
        Ok(true)
    }

    /// The values of a contact that would be sent to this replica and that no other one has are put to a user; how many.
    fn doubt_values(&mut self, replica: &str, id: ContactId, places: &Places) -> Result<u64, SyncError> {
        let (stored, agreements) = (self.stored(id)?, self.mirror.agreements_of(id)?);
        let Some((_, agreement)) = agreements.iter().find(|(name, _)| name == replica) else { return Ok(0) };
        let carried = if replica == CRM { FieldSet::CRM } else { FieldSet::ALL };
        let mut own = carried.and(stored.contact.differing(&agreement.ours));
        for (name, other) in &agreements {
            if places.sources.contains(name) && !other.detached {
                own = own.and(differing_both(&stored, other));
            }
        }
        let held = self.mirror.fields_in_conflict(id, replica)?;
        let mut count = 0;
        for field in own.iter().filter(|field| !held.iter().any(|name| name == field.name())) {
            let conflict = FieldConflict {
                field,
                base: agreement.theirs.describe(field),
                here: stored.contact.describe(field),
                there: agreement.theirs.describe(field),
                kept: Kept::Open,
            };
            self.conflict(&stored, replica, &conflict)?;
            count += 1;
        }
        Ok(count)
    }

    /// True while something may be under way to the CRM that the mirror knows nothing of.
    pub fn settles_after_restore(&mut self) -> Result<bool, SyncError> {
        let Some(since) = self.mirror.fact(RESTORED)? else { return Ok(false) };
        match self.has_waited(&since, self.policy.settle_after) {
            Ok(true) => self.mirror.forget_fact(RESTORED)?,
            Ok(false) => return Ok(true),
            Err(anew) => {
                self.mirror.set_fact(RESTORED, &anew)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Says how many contacts wait for that.
    pub fn say_settling(&mut self, count: usize) {
        if count > 0 {
            let contacts = if count == 1 { "a new contact".to_owned() } else { format!("{count} new contacts") };
            let message = format!(
                "{contacts} not made in the CRM yet: the mirror was restored, and what was sent before may still come to be \
                 there"
            );
            let after = self.policy.settle_after.as_secs();
            let hint = format!("a run that begins {after} s after this one, or later, makes what is not there by then");
            self.notice(MIRROR, Diagnostic::new(message).hint(hint));
        }
    }
}

/// The fields in which a contact is neither as a replica has it nor as it was agreed on there.
fn differing_both(stored: &Stored, agreement: &Agreement) -> FieldSet {
    stored.contact.differing(&agreement.ours).and(stored.contact.differing(&agreement.theirs))
}
