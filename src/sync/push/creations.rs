//! Creations whose answer was lost. A POST is not repeatable: such a row is `unknown` until the contact is found in a
//! listing (adopted), is known not to have been made (sent again), or must be put to a person (parked). In a book it is
//! there or it is not.

use std::collections::HashSet;

use super::outbox::Payload;
use crate::{
    contact::{Contact, FieldSet},
    mirror::{Agreement, OutboxAction, OutboxRow, OutboxState, QuestionRow, State},
    reconcile::{all_equal_normalised, matching::Resemblance, merge::equal_normalised},
    replica::RemoteContact,
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        participant::{CRM, MIRROR, MergeSide, Participant},
    },
};

impl Engine<'_> {
    /// The highest id ever seen in the CRM; what is made later gets a higher one.
    pub fn highest_crm_id(&self) -> Result<Option<i64>, SyncError> {
        Ok(self.mirror.fact("crm.highest_id")?.and_then(|id| id.parse().ok()))
    }

    /// Remembers the highest id seen in a listing.
    pub fn saw_crm_ids<'i>(&mut self, ids: impl Iterator<Item = &'i String>) -> Result<(), SyncError> {
        let highest = ids.filter_map(|id| id.parse::<i64>().ok()).max();
        if let Some(highest) = highest.filter(|highest| Some(*highest) > self.highest_crm_id().ok().flatten()) {
            self.mirror.set_fact("crm.highest_id", &highest.to_string())?;
        }
        Ok(())
    }

    /// The creations that nobody can tell the end of, oldest first.
    fn unexplained(&self, replica: &str) -> Result<Vec<(OutboxRow, Payload)>, SyncError> {
        let rows = self.mirror.outbox(replica)?.into_iter().filter(|row| row.action == OutboxAction::Create);
        let open = rows.filter(|row| matches!(row.state, OutboxState::Unknown | OutboxState::HeldForReview));
        Ok(open.filter_map(|row| Payload::of(&row).map(|sent| (row, sent))).collect())
    }

    /// Looks for lost creations among the newcomers of a whole reading; leaves those that are nobody's. True when some were
    /// held back, because they resemble a creation that is still unexplained.
    pub fn settle_unknown(
        &mut self,
        side: &MergeSide<'_>,
        newcomers: &mut Vec<RemoteContact>,
    ) -> Result<bool, SyncError> {
        if self.mirror.count_outbox(side.name)? == 0 {
            return Ok(false);
        }
        newcomers.sort_by_key(|record| record.remote.parse::<i64>().unwrap_or(i64::MAX));
        let unsupported_fields = if side.is_crm() { self.unsupported_fields()? } else { FieldSet::NONE };
        for (row, sent) in self.unexplained(side.name)? {
            let uid = self.stored(row.contact)?.uid;
            let ours = |record: &RemoteContact| match &record.uid {
                Some(theirs) => *theirs == uid,
                None => is_the_same(side, &sent.contact, &record.contact, unsupported_fields),
            };
            let newer = |record: &RemoteContact| !side.is_crm() || record.remote.parse::<i64>().ok() > row.highest_id;
            if let Some(found) = newcomers.iter().position(|record| newer(record) && ours(record)) {
                let record = newcomers.remove(found);
                self.transact(|engine| engine.adopt(side, &row, &sent, record))?;
            }
        }
        let before = newcomers.len();
        if side.is_crm() {
            self.hold_back(newcomers)?;
        }
        Ok(newcomers.len() < before)
    }

    /// While a creation is unexplained, a newcomer that resembles it is not taken for somebody else.
    fn hold_back(&mut self, newcomers: &mut Vec<RemoteContact>) -> Result<(), SyncError> {
        let mut lost = Resemblance::default();
        for (_, sent) in self.unexplained(CRM)? {
            lost.add(&sent.contact);
        }
        newcomers.retain(|record| !lost.has(&record.contact));
        Ok(())
    }

    fn adopt(
        &mut self,
        side: &MergeSide<'_>,
        row: &OutboxRow,
        sent: &Payload,
        record: RemoteContact,
    ) -> Result<(), SyncError> {
        let stored = self.stored(row.contact)?;
        self.mirror.delete_outbox(row.id)?;
        if side.is_crm() {
            self.mirror.answer_question(CRM, &stored.uid, "parked")?;
            // Books that carry the CRM's id are now behind.
            self.mirror.touch_contact(stored.id)?;
        }
        let stored = self.stored(row.contact)?;
        // What it shows beyond what was sent, somebody put there since, or the server did: it is taken at once.
        let there = side.reading(&record, &sent.contact);
        let same: FieldSet =
            FieldSet::ALL.iter().filter(|field| equal_normalised(&sent.contact, &there, *field)).collect();
        let mut theirs = sent.contact.clone();
        theirs.copy_fields(&there, same);
        if side.is_crm() {
            // What it never keeps, nobody has taken out.
            theirs.copy_fields(&there, self.unsupported_fields()?);
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
        self.merge_in(side, &stored, Some(&agreement), record)?;
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// A creation that a whole listing does not show was not made, if the server is well: it answers for a contact that it
    /// has listed.
    pub async fn conclude_lost_creations(
        &mut self,
        participant: &mut Participant,
        seen: &HashSet<String>,
        held_back: bool,
    ) -> Result<(), SyncError> {
        if !self.unexplained(&participant.name)?.iter().any(|(row, _)| row.state == OutboxState::Unknown) {
            return Ok(());
        }
        let well = match seen.iter().min() {
            Some(listed) => self.answers_for_others(participant, Some(listed)).await?,
            None => true,
        };
        if well { self.conclude_unknown(held_back) } else { Ok(()) }
    }

    /// After a whole listing: what was not found in two listings, after the settle time, was never made.
    pub fn conclude_unknown(&mut self, held_back: bool) -> Result<(), SyncError> {
        for (row, sent) in self.unexplained(CRM)? {
            if row.state == OutboxState::Unknown {
                self.conclude_creation(row, sent, held_back)?;
            }
        }
        Ok(())
    }

    fn conclude_creation(&mut self, mut row: OutboxRow, mut sent: Payload, held_back: bool) -> Result<(), SyncError> {
        match self.has_waited(&row.sent_uptime, self.policy.settle_after) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(anew) => {
                row.sent_uptime = anew;
                return Ok(self.mirror.update_outbox(&row)?);
            }
        }
        if held_back || self.mirror.crm_newcomers_above(row.highest_id.unwrap_or(0))? > 0 {
            row.state = OutboxState::HeldForReview;
            self.mirror.update_outbox(&row)?;
            return self.raise_held_creation(&row);
        }
        if sent.misses > 0 {
            match self.has_waited(&sent.missed_uptime, self.policy.confirm_after) {
                Ok(true) => return Ok(self.mirror.delete_outbox(row.id)?),
                Ok(false) => return Ok(()),
                Err(anew) => sent.missed_uptime = anew,
            }
        } else {
            (sent.misses, sent.missed_uptime) = (1, self.uptime().to_string());
        }
        row.payload = sent.text();
        Ok(self.mirror.update_outbox(&row)?)
    }

    pub(crate) fn raise_held_creation(&mut self, row: &OutboxRow) -> Result<(), SyncError> {
        let stored = self.stored(row.contact)?;
        self.ask(
            QuestionRow {
                id: 0,
                run: self.run,
                replica: CRM.to_owned(),
                remote: stored.uid.clone(),
                kind: "parked".to_owned(),
                contact: Some(stored.id),
                text: format!(
                    "contact {} may or may not have been created in the CRM: its answer was lost",
                    stored.uid
                ),
                state: State::Open,
            },
            "look for it in the CRM; `carnet conflicts` says how to answer. It is not sent again on its own",
        )
    }
}

/// The normalising comparison over what the replica carries, and is not known to ignore.
fn is_the_same(side: &MergeSide<'_>, sent: &Contact, found: &Contact, unsupported_fields: FieldSet) -> bool {
    // What the server fills in by itself (a default type, a country) does not make it another contact.
    let told = side.policy.fields.and(sent.set_fields()).less(unsupported_fields.less(found.set_fields()));
    !told.is_empty() && all_equal_normalised(sent, found, told)
}
