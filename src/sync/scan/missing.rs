//! What a scan did not see. An absence is a question: the CRM is asked for the contact by id, and believed only at the
//! second "no", in a later run, while it still answers for others. A folder or file book is believed at once: its scan
//! read all of it and its marker was there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mirror::{AbsenceRow, Agreement, ContactId},
    reconcile::{Base, Here, Kept, on_absence, plan::OnAbsence},
    replica::{Diagnostic, Lookup, RemoteId},
    sync::{
        SyncError,
        participant::Participant,
        run::{Run, Step},
        scan::intake::{Intake, of_edited},
    },
};

/// What came of asking about absences.
pub(crate) struct Judged {
    /// The scan left out none that is there, as far as is known.
    pub whole: bool,
    /// Those that it left out, and that are there.
    pub found: BTreeSet<RemoteId>,
    /// Of some nobody could say whether they are there: they are to be named again.
    pub unanswered: bool,
    /// Of some it is not decided yet, whatever the reason, whether they are there.
    pub open: bool,
}

/// What one replica's scan did not show.
pub(crate) struct Absences<'r, 'a> {
    run: &'r mut Run<'a>,
    participant: &'r mut Participant,
    /// What some have answered in this run already.
    answers: BTreeMap<RemoteId, Lookup>,
}

impl<'a> Step<'a> for Absences<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl<'r, 'a> Absences<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>, participant: &'r mut Participant) -> Self {
        Self { run, participant, answers: BTreeMap::new() }
    }

    /// The same, with what some have answered in this run already.
    pub fn knowing(self, answers: BTreeMap<RemoteId, Lookup>) -> Self {
        Self { answers, ..self }
    }

    /// Handles the agreed contacts that are missing; `control` is one that was shown, and `is_there` says of each whether it
    /// is known to be there.
    pub async fn judge(
        &mut self,
        missing: BTreeSet<RemoteId>,
        control: Option<&str>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Result<Judged, SyncError> {
        let mut judged = Judged { whole: true, found: BTreeSet::new(), unanswered: false, open: false };
        let mut well = None;
        for remote in &missing {
            self.run.check_stop()?;
            if !self.participant.is_asked_by_id() {
                self.transact(|part| part.gone(remote))?;
                continue;
            }
            let answer = match self.answers.remove(remote) {
                Some(answer) => answer,
                None => self.participant.look_up(remote).await?,
            };
            match answer {
                Lookup::Found(record) => {
                    judged.whole = false;
                    judged.found.insert(remote.clone());
                    self.run.mirror.clear_absence(&self.participant.name, remote)?;
                    let record = self.run.seen_alone(self.participant, *record)?;
                    self.transact(|part| Intake::new(part.run).intake(&part.participant.side(), record))?;
                }
                Lookup::Gone => {
                    if well.is_none() {
                        well = Some(self.answers_for_others(control).await?);
                    }
                    if well == Some(true) {
                        judged.open |= !self.transact(|part| part.denied(remote))?;
                    } else {
                        (judged.unanswered, judged.open) = (true, true);
                    }
                }
                Lookup::Unclear(_) => judged = Judged { whole: false, unanswered: true, open: true, ..judged },
            }
        }
        for absence in self.run.mirror.absences(&self.participant.name)? {
            if is_there(&absence.remote) && !missing.contains(&absence.remote) {
                self.run.mirror.clear_absence(&self.participant.name, &absence.remote)?;
            }
        }
        Ok(judged)
    }

    /// A server that is unwell says 404 to everything: its "no" counts only if it says "yes" for a contact that it has.
    pub async fn answers_for_others(&mut self, control: Option<&str>) -> Result<bool, SyncError> {
        // Of an empty CRM only a user knows that it is meant.
        let Some(known) = control else { return Ok(self.run.policy.force) };
        let well = matches!(self.participant.look_up(known).await?, Lookup::Found(_));
        if !well {
            let message = "the server denies a contact that it has just listed; no absence is believed in this run";
            self.run.notice(&self.participant.name, Diagnostic::new(message));
        }
        Ok(well)
    }

    /// A replica that is well denies an agreed contact; true when that decides it.
    fn denied(&mut self, remote: &str) -> Result<bool, SyncError> {
        let Some(agreement) = self.run.mirror.agreement_by_remote(&self.participant.name, remote)? else {
            return Ok(true);
        };
        let is_decided = self.denied_twice(remote, agreement.contact)?;
        if is_decided {
            self.run.mirror.clear_absence(&self.participant.name, remote)?;
            self.gone(remote)?;
        }
        Ok(is_decided)
    }

    /// Notes that a replica denies a contact; true when it does so for the second time, in a later run and after a while.
    pub fn denied_twice(&mut self, remote: &str, contact: ContactId) -> Result<bool, SyncError> {
        let replica = &self.participant.name;
        let before = self.run.mirror.absence(replica, remote)?;
        let mut first_uptime = self.run.uptime().to_string();
        if let Some(absence) = &before {
            match self.run.has_waited(&absence.first_uptime, self.run.policy.confirm_after) {
                Ok(true) if absence.last_run != self.run.id => return Ok(true),
                Ok(_) => first_uptime.clone_from(&absence.first_uptime),
                Err(anew) => first_uptime = anew,
            }
        }
        let strikes = before.as_ref().map_or(1, |absence| absence.strikes + 1);
        let first_at = before.map_or_else(|| self.run.host.stamp(), |absence| absence.first_at);
        self.run.mirror.put_absence(&AbsenceRow {
            replica: replica.to_owned(),
            remote: remote.to_owned(),
            contact,
            strikes,
            first_at,
            first_uptime,
            last_run: self.run.id,
        })?;
        Ok(false)
    }

    /// A contact is gone from a replica, for certain.
    fn gone(&mut self, remote: &str) -> Result<(), SyncError> {
        let Some(agreement) = self.run.mirror.agreement_by_remote(&self.participant.name, remote)? else {
            return Ok(());
        };
        let stored = self.run.stored(agreement.contact)?;
        if !self.participant.takes() && !stored.deleted {
            // A book that only shows the mirror gets its card back.
            self.run.mirror.delete_agreement(&self.participant.name, stored.id)?;
            return Ok(());
        }
        let here = if stored.deleted { Here::Deleted(&stored.contact) } else { Here::Living(&stored.contact) };
        // Who removed a card that was changed since has not seen that change.
        let edited = self.participant.replica.removed(remote, &agreement.theirs);
        let before = edited.map(|edited| of_edited(&self.participant.side(), &agreement, edited));
        let before = before.as_ref().unwrap_or(&agreement);
        let theirs = self.participant.side().meant(&before.theirs, None).contact;
        let base = Base { theirs: &theirs, ours: &before.ours };
        let shown = self.participant.replica.shows(&before.ours);
        let verdict = match on_absence(base, &shown, here, &self.participant.policy()) {
            // Somebody's value still waits for a user's decision.
            OnAbsence::DeleteHere if self.run.is_disputed(stored.id)? => OnAbsence::Conflict,
            verdict => verdict,
        };
        self.run.keep_beside(&stored, &agreement)?;
        match verdict {
            OnAbsence::DeleteHere => {
                self.run.mirror.delete_agreement(&self.participant.name, stored.id)?;
                self.run.delete_here(&stored, &self.participant.name, "delete")?;
            }
            OnAbsence::Forget => self.run.mirror.delete_agreement(&self.participant.name, stored.id)?,
            OnAbsence::Conflict if self.participant.shares_ids() => {
                // Made there again only when a user says so: the agreement stays, detached, and holds the place.
                self.run.whole_conflict(&stored, &self.participant.name, Kept::Open)?;
                self.run
                    .mirror
                    .put_agreement(&self.participant.name, &Agreement { detached: true, version: 0, ..agreement })?;
            }
            OnAbsence::Conflict => {
                self.run.whole_conflict(&stored, &self.participant.name, Kept::Here)?;
                self.run.mirror.delete_agreement(&self.participant.name, stored.id)?;
            }
        }
        Ok(())
    }
}
