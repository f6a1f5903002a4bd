//! What a scan did not see. An absence is a question: the CRM is asked for the contact by id, and believed only at the
//! second "no", in a later run, while it still answers for others. A folder or file book is believed at once: its scan
//! read all of it and its marker was there.

use std::collections::HashSet;

use crate::{
    mirror::{AbsenceRow, Agreement, ContactId},
    reconcile::{Base, Here, Kept, on_absence, plan::OnAbsence},
    replica::{Diagnostic, Lookup},
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        participant::{MIRROR, Participant},
    },
};

impl Engine<'_> {
    /// Handles the agreed contacts that a scan did not see; `seen` are those it saw. True when it left out none that is
    /// there.
    pub async fn absences(
        &mut self,
        participant: &mut Participant,
        missing: Vec<String>,
        seen: &HashSet<String>,
    ) -> Result<bool, SyncError> {
        let (mut control, mut whole) = (None, true);
        for remote in missing {
            self.check_stop()?;
            if !participant.is_crm() {
                self.transact(|engine| engine.gone(participant, &remote))?;
                continue;
            }
            match participant.replica.fetch(&remote).await? {
                Lookup::Found(record) => {
                    whole = false;
                    self.mirror.clear_absence(&participant.name, &remote)?;
                    let record = self.seen_alone(participant, *record)?;
                    self.transact(|engine| engine.intake(&participant.side(), record))?;
                }
                Lookup::Gone => {
                    if control.is_none() {
                        control =
                            Some(self.answers_for_others(participant, seen.iter().min().map(String::as_str)).await?);
                    }
                    if control == Some(true) {
                        self.transact(|engine| engine.missed_confirmation(participant, &remote))?;
                    }
                }
                Lookup::Unclear(_) => whole = false,
            }
        }
        for absence in self.mirror.absences(&participant.name)? {
            if seen.contains(&absence.remote) {
                self.mirror.clear_absence(&participant.name, &absence.remote)?;
            }
        }
        Ok(whole)
    }

    /// A server that is unwell says 404 to everything: its "no" counts only if it says "yes" for a contact that it has.
    pub async fn answers_for_others(
        &mut self,
        participant: &mut Participant,
        listed: Option<&str>,
    ) -> Result<bool, SyncError> {
        // Of an empty CRM only a person knows that it is meant.
        let Some(known) = listed else { return Ok(self.policy.force) };
        let well = matches!(participant.replica.fetch(known).await?, Lookup::Found(_));
        if !well {
            let message = "the server denies a contact that it has just listed; no absence is believed in this run";
            self.notice(&participant.name, Diagnostic::new(message));
        }
        Ok(well)
    }

    fn missed_confirmation(&mut self, participant: &Participant, remote: &str) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(&participant.name, remote)? else { return Ok(()) };
        if self.denied_twice(&participant.name, remote, agreement.contact)? {
            self.mirror.clear_absence(&participant.name, remote)?;
            return self.gone(participant, remote);
        }
        Ok(())
    }

    /// Notes that a replica denies a contact; true when it does so for the second time, in a later run and after a while.
    pub fn denied_twice(&mut self, replica: &str, remote: &str, contact: ContactId) -> Result<bool, SyncError> {
        let before = self.mirror.absence(replica, remote)?;
        let mut first_uptime = self.uptime().to_string();
        if let Some(absence) = &before {
            match self.has_waited(&absence.first_uptime, self.policy.confirm_after) {
                Ok(true) if absence.last_run != self.run => return Ok(true),
                Ok(_) => first_uptime.clone_from(&absence.first_uptime),
                Err(anew) => first_uptime = anew,
            }
        }
        let strikes = before.as_ref().map_or(1, |absence| absence.strikes + 1);
        let first_at = before.map_or_else(|| self.host.stamp(), |absence| absence.first_at);
        self.mirror.put_absence(&AbsenceRow {
            replica: replica.to_owned(),
            remote: remote.to_owned(),
            contact,
            strikes,
            first_at,
            first_uptime,
            last_run: self.run,
        })?;
        Ok(false)
    }

    /// A contact is gone from a replica, for certain.
    fn gone(&mut self, participant: &Participant, remote: &str) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(&participant.name, remote)? else { return Ok(()) };
        let stored = self.stored(agreement.contact)?;
        if !participant.takes && !stored.deleted {
            // A book that only shows the mirror gets its card back.
            self.mirror.delete_agreement(&participant.name, stored.id)?;
            return Ok(());
        }
        let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
        let base = Base { theirs: &agreement.theirs, ours: &agreement.ours };
        let shown = participant.replica.shows(&agreement.ours);
        let verdict = match on_absence(base, &shown, here, &participant.policy()) {
            // Somebody's value still waits for a person's word.
            OnAbsence::DeleteHere if self.is_disputed(stored.id)? => OnAbsence::Conflict,
            verdict => verdict,
        };
        match verdict {
            OnAbsence::DeleteHere => {
                self.remember_whole(&stored, &participant.name, "delete")?;
                self.mirror.delete_agreement(&participant.name, stored.id)?;
                self.mirror.delete_contact(stored.id, &self.host.stamp())?;
                self.changed(MIRROR, ChangeAction::Delete, label(&stored), Vec::new());
            }
            OnAbsence::Forget => self.mirror.delete_agreement(&participant.name, stored.id)?,
            OnAbsence::Conflict if participant.is_crm() => {
                // Made there again only when a person says so: the agreement stays, detached, and holds the place.
                self.whole_conflict(&stored, &participant.name, Kept::Open)?;
                self.mirror.put_agreement(&participant.name, &Agreement { detached: true, version: 0, ..agreement })?;
            }
            OnAbsence::Conflict => {
                self.whole_conflict(&stored, &participant.name, Kept::Here)?;
                self.mirror.delete_agreement(&participant.name, stored.id)?;
            }
        }
        Ok(())
    }
}
