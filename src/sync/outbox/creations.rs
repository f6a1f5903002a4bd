//! Creations whose answer was lost. A POST is not repeatable: such a row is `unknown` until the contact is found in a
//! listing (adopted), is known not to have been made (sent again), or must be put to a user (parked). In a book it is
//! there or it is not.

use std::collections::HashSet;

use super::{Outbox, Payload};
use crate::{
    contact::{Contact, FieldSet, ids::MIRROR},
    mirror::{
        Agreement, Attention, AttentionKind, AttentionRow, ContactId, OutboxAction, OutboxRow, OutboxState, Stored,
    },
    reconcile::{all_equal_normalised, matching::Resemblance, merge::equal_normalised},
    replica::{Ids, RemoteContact},
    sync::{
        SyncError,
        events::ChangeAction,
        participant::{CRM, MergeSide},
        record::label,
        run::Step,
        scan::{intake::Intake, waiting::Waiting},
    },
};

/// The name under which the ids of newcomers are kept that may be what a lost creation made.
pub(crate) const HELD_BACK: &str = "crm.held_back";

impl Outbox<'_, '_> {
    /// The highest id ever seen in the CRM; what is made later gets a higher one.
    pub fn highest_crm_id(&self) -> Result<Option<i64>, SyncError> {
        Ok(self.run.mirror.fact("crm.highest_id")?.and_then(|id| id.parse().ok()))
    }

    /// Remembers an id seen in a listing, if it is the highest so far.
    pub fn saw_id(&mut self, id: i64) -> Result<(), SyncError> {
        if Some(id) > self.highest_crm_id()? {
            self.run.mirror.set_fact("crm.highest_id", &id.to_string())?;
        }
        Ok(())
    }

    /// The creations that nobody can tell the end of, oldest first.
    fn unexplained(&self) -> Result<Vec<(OutboxRow, Payload)>, SyncError> {
        let rows = self.run.mirror.outbox(self.replica)?.into_iter().filter(|row| row.action == OutboxAction::Create);
        let open = rows.filter(|row| matches!(row.state, OutboxState::Unknown | OutboxState::HeldForReview));
        Ok(open.filter_map(|row| Payload::of(&row).map(|sent| (row, sent))).collect())
    }

    /// True while nobody can tell the end of a creation.
    pub fn has_unknown_creation(&self) -> Result<bool, SyncError> {
        Ok(self.unexplained()?.iter().any(|(row, _)| row.state == OutboxState::Unknown))
    }

    /// True while nobody can tell the end of a creation of this contact.
    pub fn may_have_made(&self, contact: ContactId) -> Result<bool, SyncError> {
        Ok(self.unexplained()?.iter().any(|(row, _)| row.contact == contact))
    }

    /// Looks for lost creations among the newcomers of a whole reading; leaves those that are nobody's. True when some were
    /// held back, because they resemble a creation that is still unexplained.
    pub fn adopt_lost_creations(&mut self, side: &MergeSide<'_>, waiting: &mut Waiting) -> Result<bool, SyncError> {
        if self.run.mirror.count_outbox(side.name)? == 0 {
            if side.shares_ids() {
                self.note_held_back(&[])?;
            }
            return Ok(false);
        }
        let mut newcomers: Vec<RemoteContact> =
            waiting.take_all(self.run.mirror)?.into_iter().map(|observed| observed.record).collect();
        let held_back = self.adopt_among(side, &mut newcomers)?;
        for record in newcomers {
            waiting.push(self.run.mirror, record)?;
        }
        Ok(held_back)
    }

    fn adopt_among(&mut self, side: &MergeSide<'_>, newcomers: &mut Vec<RemoteContact>) -> Result<bool, SyncError> {
        newcomers.sort_by_key(|record| record.remote.parse::<i64>().unwrap_or(i64::MAX));
        let unsupported_fields = if side.shares_ids() { self.run.unsupported_fields()? } else { FieldSet::NONE };
        let tries = self.unexplained()?;
        let mut adopted = HashSet::new();
        for (row, first) in &tries {
            let has_record = || self.run.mirror.agreement(side.name, row.contact).map(|agreed| agreed.is_some());
            if adopted.contains(&row.contact) || (side.conduct.ids == Ids::Own && has_record()?) {
                // A second record of it is somebody else's matter.
                continue;
            }
            let uid = self.run.stored(row.contact)?.uid;
            let ours = |record: &RemoteContact| match &record.uid {
                Some(theirs) => *theirs == uid,
                None => is_the_same(side, &first.contact, &record.contact, unsupported_fields),
            };
            let newer = |record: &RemoteContact| {
                side.conduct.ids == Ids::Own || record.remote.parse::<i64>().ok() > row.highest_id
            };
            if let Some(found) = newcomers.iter().position(|record| newer(record) && ours(record)) {
                let record = newcomers.remove(found);
                // Sent several times: it is the try that it is most like, and of those the last.
                let sent = tries.iter().filter(|(other, _)| other.contact == row.contact).map(|(_, sent)| sent);
                let sent = sent.max_by_key(|sent| fields_alike(side, &sent.contact, &record)).unwrap_or(first);
                self.transact(|part| part.adopt(side, row, sent, record))?;
                adopted.insert(row.contact);
            }
        }
        let before = newcomers.len();
        if side.shares_ids() {
            self.hold_back(newcomers)?;
        }
        Ok(newcomers.len() < before)
    }

    /// While a creation is unexplained, a newcomer that resembles it is not taken for somebody else.
    fn hold_back(&mut self, newcomers: &mut Vec<RemoteContact>) -> Result<(), SyncError> {
        let mut lost = Resemblance::default();
        for (_, sent) in self.unexplained()? {
            lost.add(&sent.contact);
        }
        let held: Vec<String> =
            newcomers.extract_if(.., |record| lost.has(&record.contact)).map(|record| record.remote).collect();
        self.note_held_back(&held)
    }

    /// The ids of contacts that may be what a lost creation made: a user who is asked about it may name one of them.
    fn note_held_back(&mut self, ids: &[String]) -> Result<(), SyncError> {
        self.run.keep_facts(vec![(HELD_BACK.to_owned(), ids.join(" "))])
    }

    fn adopt(
        &mut self,
        side: &MergeSide<'_>,
        row: &OutboxRow,
        sent: &Payload,
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let stored = self.run.stored(row.contact)?;
        self.close(row.contact)?;
        if side.shares_ids() {
            self.run.mirror.settle_attention(CRM, &stored.uid, &AttentionKind::LostCreation)?;
            // Books that carry the CRM's id are now behind.
            self.run.mirror.touch_contact(stored.id)?;
        }
        let stored = self.run.stored(row.contact)?;
        // What it shows beyond what was sent, somebody put there since, or the server did: it is taken at once.
        let there = side.interpret(&record, &sent.contact).said().clone();
        let same: FieldSet =
            FieldSet::ALL.iter().filter(|field| equal_normalised(&sent.contact, &there, *field)).collect();
        let mut theirs = sent.contact.clone();
        theirs.copy_fields(&there, same);
        if side.shares_ids() {
            // What it never keeps, nobody has taken out.
            theirs.copy_fields(&there, self.run.unsupported_fields()?);
            let unset = FieldSet::ALL.less(sent.contact.set_fields());
            theirs.copy_fields(&Contact::default(), unset);
        }
        let agreement = Agreement {
            contact: stored.id,
            remote: record.remote.clone(),
            revision: record.revision.clone(),
            theirs,
            ours: sent.contact.clone(),
            version: 0,
            detail: record.detail.clone(),
            detached: false,
            marks: String::new(),
        };
        Intake::new(self.run).merge_in(side, &stored, Some(&agreement), record)?;
        self.run.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// True while a book may yet show what a lost creation made there: a reading that shows nobody, as of a folder that is
    /// not mounted, tells nothing about a card that nobody was agreed on. Then what was sent tells what was edited since.
    pub fn may_turn_up(&self, row: &OutboxRow) -> Result<bool, SyncError> {
        let agreed = self.run.mirror.agreement(&row.replica, row.contact)?.is_some();
        Ok(!agreed && !self.run.stored(row.contact)?.deleted)
    }

    /// After a whole listing: what was not found in two listings, after the settle time, was never made.
    pub fn conclude_unknown(&mut self, held_back: bool) -> Result<(), SyncError> {
        for (row, sent) in self.unexplained()? {
            if row.state == OutboxState::Unknown {
                self.conclude_creation(row, sent, held_back)?;
            }
        }
        Ok(())
    }

    fn conclude_creation(&mut self, mut row: OutboxRow, mut sent: Payload, held_back: bool) -> Result<(), SyncError> {
        match self.run.has_waited(&row.sent_uptime, self.run.policy.settle_after) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(anew) => {
                row.sent_uptime = anew;
                return Ok(self.run.mirror.update_outbox(&row)?);
            }
        }
        if held_back || self.run.mirror.crm_newcomers_above(row.highest_id.unwrap_or(0))? > 0 {
            row.state = OutboxState::HeldForReview;
            self.run.mirror.update_outbox(&row)?;
            return self.raise_held_creation(&row);
        }
        if sent.misses > 0 {
            match self.run.has_waited(&sent.missed_uptime, self.run.policy.confirm_after) {
                Ok(true) => return Ok(self.run.mirror.delete_outbox(row.id)?),
                Ok(false) => return Ok(()),
                Err(anew) => sent.missed_uptime = anew,
            }
        } else {
            (sent.misses, sent.missed_uptime) = (1, self.run.uptime().to_string());
        }
        row.payload = sent.text();
        Ok(self.run.mirror.update_outbox(&row)?)
    }

    /// Whether a contact was made is for a user to say, whatever was sent so far.
    pub fn hold_creation(&mut self, stored: &Stored) -> Result<(), SyncError> {
        self.close(stored.id)?;
        let row = self.row(stored, (OutboxAction::Create, OutboxState::HeldForReview), &super::payload(stored))?;
        self.run.mirror.put_outbox(&row)?;
        self.raise_held_creation(&row)
    }

    pub(crate) fn raise_held_creation(&mut self, row: &OutboxRow) -> Result<(), SyncError> {
        let stored = self.run.stored(row.contact)?;
        let raised = self.run.open_attention(CRM, &stored.uid, Attention::LostCreation);
        self.run.raise(AttentionRow { contact: Some(stored.id), ..raised })
    }
}

/// How many fields of a record are as they were sent.
fn fields_alike(side: &MergeSide<'_>, sent: &Contact, found: &RemoteContact) -> usize {
    let reading = side.interpret(found, sent);
    FieldSet::ALL.iter().filter(|field| equal_normalised(sent, reading.said(), *field)).count()
}

/// The normalising comparison over what the replica carries, and is not known to ignore.
fn is_the_same(side: &MergeSide<'_>, sent: &Contact, found: &Contact, unsupported_fields: FieldSet) -> bool {
    // What the server fills in by itself (a default type, a country) does not make it another contact.
    let told = side.policy.fields.and(sent.set_fields()).less(unsupported_fields.less(found.set_fields()));
    !told.is_empty() && all_equal_normalised(sent, found, told)
}
