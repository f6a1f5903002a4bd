//! What a scan did not see. An absence is a question: the CRM is asked for the contact by id, and believed only at the
//! second "no", in a later run, while it still answers for others. A folder or file book is believed at once: its scan
//! read all of it and its marker was there.

use std::collections::HashSet;

use super::{
    engine::{Engine, label},
    error::SyncError,
    events::ChangeAction,
    peer::{MIRROR, Peer},
};
use crate::{
    canary::Canary,
    mirror::{AbsenceRow, Agreement},
    reconcile::{Base, Here, Kept, plan::WhenGone, verdict_when_gone},
    replicas::{Look, Trouble},
};

impl Engine<'_> {
    /// Handles the agreed contacts that a whole scan did not see; `seen` are those it saw.
    pub async fn absences(
        &mut self,
        peer: &mut Peer,
        missing: Vec<String>,
        seen: &HashSet<String>,
    ) -> Result<(), SyncError> {
        let mut witness = None;
        for remote in missing {
            self.check_stop()?;
            if !peer.is_crm() || Canary::DeleteOnMissing.sings() {
                self.transact(|engine| engine.gone(peer, &remote))?;
                continue;
            }
            match peer.replica.look(&remote).await? {
                Look::Found(sighting) => {
                    self.mirror.clear_absence(&peer.name, &remote)?;
                    self.transact(|engine| engine.intake(&peer.side(), *sighting))?;
                }
                Look::Gone => {
                    if witness.is_none() {
                        witness = Some(self.answers_for_others(peer, seen).await?);
                    }
                    if witness == Some(true) || Canary::NoWitness.sings() {
                        self.transact(|engine| engine.strike(peer, &remote))?;
                    }
                }
                Look::Unclear(_) => {}
            }
        }
        for absence in self.mirror.absences(&peer.name)? {
            if seen.contains(&absence.remote) {
                self.mirror.clear_absence(&peer.name, &absence.remote)?;
            }
        }
        Ok(())
    }

    /// A server that is unwell says 404 to everything: its "no" counts only if it says "yes" for a contact that it has.
    async fn answers_for_others(&mut self, peer: &mut Peer, seen: &HashSet<String>) -> Result<bool, SyncError> {
        // Of an empty CRM only a person knows that it is meant.
        let Some(known) = seen.iter().min() else { return Ok(self.care.force) };
        let well = matches!(peer.replica.look(known).await?, Look::Found(_));
        if !well {
            let message = "the server denies a contact that it has just listed; no absence is believed in this run";
            self.notice(&peer.name, Trouble::new(message));
        }
        Ok(well)
    }

    fn strike(&mut self, peer: &Peer, remote: &str) -> Result<(), SyncError> {
        let before = self.mirror.absence(&peer.name, remote)?;
        let Some(agreement) = self.mirror.agreement_by_remote(&peer.name, remote)? else { return Ok(()) };
        if Canary::OneStrike.sings() {
            return self.gone(peer, remote);
        }
        let mut first_uptime = self.uptime().to_string();
        if let Some(absence) = &before {
            match self.has_waited(&absence.first_uptime, self.care.confirm_after) {
                Ok(true) if absence.last_run != self.run => {
                    self.mirror.clear_absence(&peer.name, remote)?;
                    return self.gone(peer, remote);
                }
                Ok(_) => first_uptime.clone_from(&absence.first_uptime),
                Err(anew) => first_uptime = anew,
            }
        }
        let first_at = before.as_ref().map_or_else(|| self.host.stamp(), |absence| absence.first_at.clone());
        self.mirror.put_absence(&AbsenceRow {
            replica: peer.name.clone(),
            remote: remote.to_owned(),
            contact: agreement.contact,
            strikes: before.map_or(1, |absence| absence.strikes + 1),
            first_at,
            first_uptime,
            last_run: self.run,
        })?;
        Ok(())
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
        match verdict_when_gone(base, here, &peer.policy()) {
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
