//! Creations whose answer was lost. A POST is not repeatable: such a row is `unknown` until the contact is found in a
//! listing (adopted), is known not to have been made (sent again), or must be put to a person (parked).

use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::{
    engine::{Engine, label},
    error::SyncError,
    events::ChangeAction,
    peer::{CRM, MIRROR, Side},
};
use crate::{
    contact::{Contact, FieldSet},
    mirror::{Agreement, ContactId, OutboxAction, OutboxRow, OutboxState, QuestionRow, State, Stored},
    reconcile::{Index, Pairing, same_text_everywhere},
    replicas::{Sighting, Trouble},
};

/// What an outbox row remembers of the write.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payload {
    /// The contact's version in the mirror when it was sent.
    version: i64,
    /// What was sent.
    contact: Contact,
    /// Listings that did not show it.
    #[serde(default)]
    misses: u32,
    /// When the last of them was read.
    #[serde(default)]
    missed_at: Option<String>,
}

impl Engine<'_> {
    /// Written down before the first byte of a POST leaves: whatever happens, it is looked for before it is repeated.
    pub fn about_to_create(&mut self, stored: &Stored) -> Result<(), SyncError> {
        self.close_outbox(stored.id)?;
        let row = self.row(stored, OutboxAction::Create, OutboxState::Sent)?;
        self.mirror.put_outbox(&row)?;
        Ok(())
    }

    fn row(&self, stored: &Stored, action: OutboxAction, state: OutboxState) -> Result<OutboxRow, SyncError> {
        let payload = Payload { version: stored.version, contact: stored.contact.clone(), misses: 0, missed_at: None };
        Ok(OutboxRow {
            id: 0,
            replica: CRM.to_owned(),
            contact: stored.id,
            action,
            state,
            payload: serde_json::to_string(&payload).unwrap_or_default(),
            highest_id: self.highest_crm_id()?,
            sent_at: self.clock.stamp(),
            attempts: 1,
            error: None,
        })
    }

    /// The highest id ever seen in the CRM; what is made later gets a higher one.
    fn highest_crm_id(&self) -> Result<Option<i64>, SyncError> {
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

    /// True when a write of this contact is under way, unexplained, parked, or was refused in this very form.
    pub fn must_wait(&self, stored: &Stored) -> Result<bool, SyncError> {
        let same = |row: &OutboxRow| payload(row).is_some_and(|sent| sent.version == stored.version);
        let rows = self.mirror.outbox_of(stored.id)?;
        Ok(rows.iter().any(|row| row.state != OutboxState::Refused || same(row)))
    }

    /// Drops the rows of a contact whose write is settled.
    pub fn close_outbox(&mut self, contact: ContactId) -> Result<(), SyncError> {
        for row in self.mirror.outbox_of(contact)? {
            self.mirror.delete_outbox(row.id)?;
        }
        Ok(())
    }

    /// Remembers that the CRM refused a contact as it stands: it is not sent again until it changes.
    pub fn refused(&mut self, stored: &Stored, action: OutboxAction, error: &Trouble) -> Result<(), SyncError> {
        self.close_outbox(stored.id)?;
        let row = self.row(stored, action, OutboxState::Refused)?;
        self.mirror.put_outbox(&OutboxRow { error: Some(error.message.clone()), ..row })?;
        Ok(())
    }

    /// Nobody knows whether a creation happened.
    pub fn lost(&mut self, contact: ContactId, error: &Trouble) -> Result<(), SyncError> {
        for mut row in self.mirror.outbox_of(contact)? {
            row.state = OutboxState::Unknown;
            row.error = Some(error.message.clone());
            self.mirror.update_outbox(&row)?;
        }
        Ok(())
    }

    /// What a crash left behind: nobody knows whether those were made.
    pub fn recover_outbox(&mut self) -> Result<(), SyncError> {
        for mut row in self.mirror.outbox(CRM)?.into_iter().filter(|row| row.state == OutboxState::Sent) {
            row.state = OutboxState::Unknown;
            self.mirror.update_outbox(&row)?;
        }
        Ok(())
    }

    /// Looks for lost creations among the newcomers of a whole listing; leaves those that are nobody's. True when some were
    /// held back, because they resemble a creation that is still unexplained.
    pub fn settle_unknown(&mut self, side: &Side<'_>, newcomers: &mut Vec<Sighting>) -> Result<bool, SyncError> {
        if self.mirror.count_outbox(CRM)? == 0 {
            return Ok(false);
        }
        newcomers.sort_by_key(|sighting| sighting.remote.parse::<i64>().unwrap_or(i64::MAX));
        let rows: Vec<OutboxRow> = self.mirror.outbox(CRM)?.into_iter().filter(is_unexplained).collect();
        for row in &rows {
            let Some(sent) = payload(row) else { continue };
            let newer = |sighting: &Sighting| sighting.remote.parse::<i64>().ok() > row.highest_id;
            let found =
                newcomers.iter().position(|sighting| newer(sighting) && is_the_same(&sent.contact, &sighting.contact));
            if let Some(found) = found {
                let sighting = newcomers.remove(found);
                self.transact(|engine| engine.adopt(side, row, &sent, sighting))?;
            }
        }
        let before = newcomers.len();
        self.hold_back(newcomers)?;
        Ok(newcomers.len() < before)
    }

    /// While a creation is unexplained, a newcomer that resembles it is not taken for somebody else.
    fn hold_back(&mut self, newcomers: &mut Vec<Sighting>) -> Result<(), SyncError> {
        let mut index = Index::default();
        for row in self.mirror.outbox(CRM)?.into_iter().filter(is_unexplained) {
            if let Some(sent) = payload(&row) {
                index.add(row.contact, "", None, &sent.contact);
            }
        }
        newcomers.retain(|sighting| index.find(None, None, &sighting.contact) == Pairing::None);
        Ok(())
    }

    fn adopt(&mut self, side: &Side<'_>, row: &OutboxRow, sent: &Payload, sighting: Sighting) -> Result<(), SyncError> {
        let stored = self.stored(row.contact)?;
        self.mirror.delete_outbox(row.id)?;
        let version = self.mirror.touch_contact(stored.id)?;
        let untouched = sent.contact == stored.contact && !stored.deleted;
        self.mirror.put_agreement(
            side.name,
            &Agreement {
                contact: stored.id,
                remote: sighting.remote.clone(),
                revision: sighting.revision,
                theirs: sighting.contact,
                ours: sent.contact.clone(),
                version: if untouched { version } else { 0 },
                detail: sighting.detail,
                detached: false,
                marks: String::new(),
            },
        )?;
        self.changed(MIRROR, ChangeAction::Link, label(&stored), Vec::new());
        Ok(())
    }

    /// After a whole listing: what was not found in two listings, after the settle time, was never made.
    pub fn conclude_unknown(&mut self, held_back: bool) -> Result<(), SyncError> {
        let now = self.clock.now();
        for mut row in self.mirror.outbox(CRM)?.into_iter().filter(|row| row.state == OutboxState::Unknown) {
            let Some(mut sent) = payload(&row) else { continue };
            let since = |stamp: &str| DateTime::parse_from_rfc3339(stamp).map(|then| now - then.to_utc());
            if since(&row.sent_at).is_ok_and(|age| age < self.care.settle_after) {
                continue;
            }
            if held_back || self.mirror.crm_newcomers_above(row.highest_id.unwrap_or(0))? > 0 {
                row.state = OutboxState::Parked;
                self.mirror.update_outbox(&row)?;
                self.ask_about_parked(&row)?;
                continue;
            }
            let long_enough = |stamp: &String| since(stamp).is_ok_and(|age| age >= TimeDelta::minutes(1));
            if sent.misses > 0 && sent.missed_at.as_ref().is_some_and(long_enough) {
                self.mirror.delete_outbox(row.id)?;
                continue;
            }
            if sent.misses == 0 {
                (sent.misses, sent.missed_at) = (1, Some(self.clock.stamp()));
                row.payload = serde_json::to_string(&sent).unwrap_or_default();
                self.mirror.update_outbox(&row)?;
            }
        }
        Ok(())
    }

    fn ask_about_parked(&mut self, row: &OutboxRow) -> Result<(), SyncError> {
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
            "look for it in the CRM; it is not sent again on its own",
        )
    }
}

fn is_unexplained(row: &OutboxRow) -> bool {
    matches!(row.state, OutboxState::Unknown | OutboxState::Parked)
}

fn payload(row: &OutboxRow) -> Option<Payload> {
    serde_json::from_str(&row.payload).ok()
}

/// The normalising comparison over what the CRM carries.
fn is_the_same(sent: &Contact, found: &Contact) -> bool {
    // What the server fills in by itself (a default type, a country) does not make it another contact.
    let told = FieldSet::CRM.and(sent.set_fields());
    !told.is_empty() && same_text_everywhere(sent, found, told)
}
