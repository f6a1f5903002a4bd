//! What a scan did not see. An absence is a question: the CRM is asked for the contact by id, and believed only at the
//! second "no", in a later run, while it still answers for others. A folder or file book is believed at once: its scan
//! read all of it and its marker was there.

use std::collections::HashSet;

use crate::{
    canary::Canary,
    mirror::{AbsenceRow, Agreement, ContactId},
    reconcile::{Base, Here, Kept, plan::WhenGone, verdict_when_gone},
    replicas::{Look, Trouble},
    sync::{
        engine::{Engine, label},
        error::SyncError,
        events::ChangeAction,
        peer::{MIRROR, Peer},
    },
};

impl Engine<'_> {
    /// Handles the agreed contacts that a scan did not see; `seen` are those it saw. True when it left out none that is
    /// there.
    pub async fn absences(
        &mut self,
        peer: &mut Peer,
        missing: Vec<String>,
        seen: &HashSet<String>,
    ) -> Result<bool, SyncError> {
        let (mut witness, mut whole) = (None, true);
        for remote in missing {
            self.check_stop()?;
            if !peer.is_crm() || Canary::DeleteOnMissing.sings() {
                self.transact(|engine| engine.gone(peer, &remote))?;
                continue;
            }
            match peer.replica.look(&remote).await? {
                Look::Found(sighting) => {
                    whole = false;
                    self.mirror.clear_absence(&peer.name, &remote)?;
                    let sighting = self.seen_alone(peer, *sighting)?;
                    self.transact(|engine| engine.intake(&peer.side(), sighting))?;
                }
                Look::Gone => {
                    if witness.is_none() {
                        witness = Some(self.answers_for_others(peer, seen.iter().min().map(String::as_str)).await?);
                    }
                    if witness == Some(true) || Canary::NoWitness.sings() {
                        self.transact(|engine| engine.strike(peer, &remote))?;
                    }
                }
                Look::Unclear(_) => whole = false,
            }
        }
        for absence in self.mirror.absences(&peer.name)? {
            if seen.contains(&absence.remote) {
                self.mirror.clear_absence(&peer.name, &absence.remote)?;
            }
        }
        Ok(whole)
    }

    /// A server that is unwell says 404 to everything: its "no" counts only if it says "yes" for a contact that it has.
    pub async fn answers_for_others(&mut self, peer: &mut Peer, listed: Option<&str>) -> Result<bool, SyncError> {
        // Of an empty CRM only a person knows that it is meant.
        let Some(known) = listed else { return Ok(self.care.force) };
        let well = matches!(peer.replica.look(known).await?, Look::Found(_));
        if !well {
            let message = "the server denies a contact that it has just listed; no absence is believed in this run";
            self.notice(&peer.name, Trouble::new(message));
        }
        Ok(well)
    }

    fn strike(&mut self, peer: &Peer, remote: &str) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(&peer.name, remote)? else { return Ok(()) };
        if Canary::OneStrike.sings() || self.denied_twice(&peer.name, remote, agreement.contact)? {
            self.mirror.clear_absence(&peer.name, remote)?;
            return self.gone(peer, remote);
        }
        Ok(())
    }

    /// Notes that a replica denies a contact; true when it does so for the second time, in a later run and after a while.
    pub fn denied_twice(&mut self, replica: &str, remote: &str, contact: ContactId) -> Result<bool, SyncError> {
        let before = self.mirror.absence(replica, remote)?;
        let mut first_uptime = self.uptime().to_string();
        if let Some(absence) = &before {
            match self.has_waited(&absence.first_uptime, self.care.confirm_after) {
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
    fn gone(&mut self, peer: &Peer, remote: &str) -> Result<(), SyncError> {
        let Some(agreement) = self.mirror.agreement_by_remote(&peer.name, remote)? else { return Ok(()) };
        let stored = self.stored(agreement.contact)?;
        if !peer.takes && !stored.deleted {
            // A book that only shows the mirror gets its card back.
            self.mirror.delete_agreement(&peer.name, stored.id)?;
            return Ok(());
        }
        let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
        let base = Base { theirs: &agreement.theirs, ours: &agreement.ours };
        let shown = peer.replica.shows(&agreement.ours);
        let verdict = match verdict_when_gone(base, &shown, here, &peer.policy()) {
            // Somebody's value still waits for a person's word.
            WhenGone::DeleteHere if self.is_disputed(stored.id)? => WhenGone::Conflict,
            verdict => verdict,
        };
        match verdict {
            WhenGone::DeleteHere => {
                self.remember_whole(&stored, &peer.name, "delete")?;
                self.mirror.delete_agreement(&peer.name, stored.id)?;
                self.mirror.delete_contact(stored.id, &self.host.stamp())?;
                self.changed(MIRROR, ChangeAction::Delete, label(&stored), Vec::new());
            }
            WhenGone::Forget => self.mirror.delete_agreement(&peer.name, stored.id)?,
            WhenGone::Conflict if peer.is_crm() => {
                // Made there again only when a person says so: the agreement stays, detached, and holds the place.
                self.whole_conflict(&stored, &peer.name, Kept::Open)?;
                self.mirror.put_agreement(&peer.name, &Agreement { detached: true, version: 0, ..agreement })?;
            }
            WhenGone::Conflict => {
                self.whole_conflict(&stored, &peer.name, Kept::Here)?;
                self.mirror.delete_agreement(&peer.name, stored.id)?;
            }
        }
        Ok(())
    }
}
