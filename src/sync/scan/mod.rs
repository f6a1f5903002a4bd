//! Reads one replica into the mirror.

pub(crate) mod baseline;
mod contested;
pub(crate) mod copies;
mod crowd;
#[cfg(test)]
mod delta_tests;
mod gathering;
pub(super) mod intake;
#[cfg(test)]
mod intake_tests;
pub(crate) mod known;
mod look;
pub(crate) mod missing;
#[cfg(test)]
mod missing_tests;
pub(crate) mod newcomers;
#[cfg(test)]
mod newcomers_tests;
mod revisit;
mod second_look;
pub(crate) mod spilling_index;
#[cfg(test)]
mod tests;
pub(crate) mod waiting;

pub use self::look::{Sight, look};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use self::{
    baseline::{MirrorBaseline, Of},
    gathering::{Gathering, Taking},
    intake::Intake,
    known::KnownRecords,
    missing::Absences,
    newcomers::Newcomers,
    waiting::Waiting,
};
use super::{
    SyncError,
    attention::{of_concern, of_distrust},
    events::SyncEvent,
    host::FailPoint,
    outbox::Outbox,
    participant::{MergeSide, Participant, Trust},
    run::{Run, Step, bump},
};
use crate::{
    contact::{Field, FieldSet},
    mirror::Activity,
    reconcile::{Census, guard},
    replica::{Coverage, Cursor, Diagnostic, Problem, RemoteId, ReplicaError, Scanned},
};

/// Edits committed at a time.
const EDITS_AT_ONCE: usize = 500;

/// The scan of one replica.
pub struct Scanner<'r, 'a> {
    run: &'r mut Run<'a>,
    participant: &'r mut Participant,
}

impl<'a> Step<'a> for Scanner<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl<'r, 'a> Scanner<'r, 'a> {
    pub fn new(run: &'r mut Run<'a>, participant: &'r mut Participant) -> Self {
        Self { run, participant }
    }

    /// Scans the replica and takes in what it holds. A book in trouble is halted and the others go on; an essential replica
    /// in trouble ends the run.
    pub async fn scan(&mut self) -> Result<(), SyncError> {
        // What was read can be read again; writes are another matter.
        self.run.reading_begun = self.run.uptime();
        self.run.mirror.set_durable(false)?;
        let scanned = self.scan_all().await;
        self.run.mirror.set_durable(true)?;
        scanned
    }

    async fn scan_all(&mut self) -> Result<(), SyncError> {
        let name = self.participant.name.clone();
        self.run.emit(SyncEvent::ScanStarted { replica: name.clone() });
        if self.participant.is_uncertain() && self.participant.answers_for_itself() {
            let unanswered = Outbox::new(self.run, &name).unanswered()?;
            self.participant.replica.unanswered(unanswered);
        }
        let straight_in = self.participant.shares_ids() && self.run.nobody_waits_for_the_crm()?;
        let gathering = Gathering::new(self.run.mirror, &name, straight_in)?;
        let (ended, gathering) = self.read(&name, gathering).await?;
        self.run.keep_facts(self.participant.replica.learned())?;
        let contacts = match &ended {
            // What was not shown is as it was.
            Ok(Scanned { coverage: Coverage::Delta, .. }) => gathering.present_count(),
            _ => gathering.known.shown_count(),
        };
        bump(&mut self.run.summary.scanned, &name, contacts);
        self.run.emit(SyncEvent::ScanFinished { replica: name, contacts, whole: ended.is_ok() });
        match ended {
            Ok(scanned) => {
                self.run.passed(&self.participant.name, Activity::Read);
                self.conclude(gathering, scanned).await
            }
            Err(error) => self.scan_failed(error),
        }
    }

    /// Has the replica scanned; what it handed over, and how the scan ended.
    async fn read(
        &mut self,
        name: &str,
        gathering: Gathering,
    ) -> Result<(Result<Scanned, ReplicaError>, Gathering), SyncError> {
        let (policy, conduct) = (self.participant.policy(), self.participant.conduct());
        let side = MergeSide { name, policy, conduct, replica: None };
        let count = gathering.known.count() + gathering.firm_cards.count();
        let failure = RefCell::new(None);
        let scan = RefCell::new(Taking { run: &mut *self.run, side, gathering });
        let baseline = MirrorBaseline { scan: &scan, of: Of::Replica(name), count, failure: &failure };
        let ended = {
            let mut sink = |batch| {
                scan.borrow_mut().take(batch).map_err(|error| {
                    failure.borrow_mut().get_or_insert(error);
                    crate::replica::Stopped
                })
            };
            self.participant.replica.scan(&baseline, &mut sink).await
        };
        if let Some(error) = failure.take() {
            return Err(error);
        }
        let mut taking = scan.into_inner();
        taking.flush()?;
        Ok((ended, taking.gathering))
    }

    fn scan_failed(&mut self, error: ReplicaError) -> Result<(), SyncError> {
        if self.participant.essential {
            return Err(error.into());
        }
        let diagnostic = match error {
            ReplicaError::Untrusted(distrust) => {
                self.run.halt(self.participant, of_distrust(distrust));
                return Ok(());
            }
            ReplicaError::Unavailable(diagnostic)
            | ReplicaError::Rejected(diagnostic)
            | ReplicaError::Deferred(diagnostic)
            | ReplicaError::OutcomeUnknown(diagnostic)
            | ReplicaError::Login(diagnostic) => diagnostic,
            other @ (ReplicaError::Stale(_) | ReplicaError::Stopped(_)) => Diagnostic::new(format!("read it: {other}")),
            ReplicaError::Partial(partial) => partial.reason,
        };
        self.participant.trust = Trust::Nothing;
        self.run.replica_failed(&self.participant.name, Activity::Read, diagnostic, 1);
        Ok(())
    }

    /// The scan ended well: judge it as a whole, then take in what waited.
    async fn conclude(&mut self, gathering: Gathering, scanned: Scanned) -> Result<(), SyncError> {
        self.run.reached(FailPoint::Scanned)?;
        let Gathering {
            mut known,
            mut edits,
            edited,
            mut newcomers,
            copies,
            repeats,
            gone,
            highest_id,
            control,
            doubts,
            firm_cards,
            unreadable,
            ..
        } = gathering;
        let was_named: BTreeSet<RemoteId> = gone.iter().cloned().collect();
        self.participant.unreadable = unreadable;
        let is_delta = scanned.coverage == Coverage::Delta;
        let waiting = self.revisit(scanned.coverage, &mut known, &gone, &mut newcomers).await?;
        let mut missing = self.missing(&known, gone, scanned.coverage)?;
        let control = self.control(control, &missing, scanned.coverage)?;
        let locally_deleted = self.part_detached(&mut missing)?;
        let edited = if self.participant.conduct().rereads { self.count_edits(&mut edits, doubts)? } else { edited };
        // A renamed file is a newcomer for each that is missing; what is left over is counted as gone.
        let moved = if self.participant.shares_ids() { 0 } else { newcomers.len() };
        let crowd = self.ask_for_crowd(&missing, &known).await?;
        let missing_count = ((missing.len() - crowd.not_gone()) as u64).saturating_sub(moved);
        let seen = if is_delta { known.count().saturating_sub(missing_count) } else { known.shown_count() };
        if !self.passes(&Census { known: known.count(), seen, missing: missing_count, edited }) {
            return Ok(());
        }
        if self.participant.trust == Trust::Full {
            self.run.take_firm_cards(self.participant, firm_cards, scanned.coverage).await?;
        }
        self.look_twice(&mut edits).await?;
        let older_than = self.take_edits(edits)?;
        let held_back = Outbox::new(self.run, &self.participant.name)
            .adopt_lost_creations(&self.participant.side(), &mut newcomers)?;
        let mut missing: BTreeSet<RemoteId> = missing.into_iter().collect();
        let passed_over = !newcomers.is_empty() && !self.participant.takes();
        let is_newcomer =
            |remote: &str| !known.contains(remote) && (known.was_shown(remote) || waiting.may_be_there(remote));
        if let Some(run) = older_than {
            self.not_in_a_copy(run, &mut missing)?;
        }
        let mut taking = Newcomers::new(self.run, self.participant, &mut missing, older_than.is_some());
        taking.take_all(newcomers, &is_newcomer)?;
        taking.take_conflict_copies(copies)?;
        let is_gone = |remote: &str| match scanned.coverage {
            Coverage::Complete => true,
            Coverage::Delta => was_named.contains(remote) || known.was_shown(remote),
            Coverage::Partial => known.was_shown(remote),
        };
        taking.forget_own_company_cards(&is_gone)?;
        self.take_edits(repeats)?;
        self.run.tell_left_out();
        if let Some(highest) = highest_id {
            Outbox::new(self.run, &self.participant.name).saw_id(highest)?;
        }
        let held = self.participant.trust == Trust::NoDeletions;
        if scanned.coverage == Coverage::Partial {
            self.say_unseen(known.count().saturating_sub(known.shown_count() - known.strangers() as u64));
        }
        self.participant.incomplete = held;
        self.participant.absence_open = held || scanned.coverage == Coverage::Partial;
        let (mut unanswered, mut found) = (false, BTreeSet::new());
        if !held {
            missing.extend(locally_deleted);
            let mut absences = Absences::new(self.run, self.participant).knowing(crowd.answers);
            let judged = absences.judge(missing, control.as_deref(), &|remote| known.was_shown(remote)).await?;
            self.participant.incomplete = !judged.whole;
            self.participant.absence_open |= judged.open;
            (unanswered, found) = (judged.unanswered, judged.found);
        }
        if scanned.coverage != Coverage::Partial {
            // What a delta does not show is as it was.
            let was_told = |remote: &str| is_delta || known.was_shown(remote) || found.contains(remote);
            Outbox::new(self.run, &self.participant.name).conclude_updates(&self.participant.side(), &was_told)?;
        }
        if self.participant.shares_ids() && !self.participant.incomplete {
            self.conclude_lost_creations(control.as_deref(), held_back).await?;
        }
        // Only now is all that the cursor covers in the mirror: whatever was not taken in is said again from the one before.
        let is_whole = scanned.coverage != Coverage::Partial && !waiting.unanswered();
        let taken_in = is_whole && !held && !unanswered && !passed_over;
        if taken_in { self.keep_cursor(scanned.cursor) } else { Ok(()) }
    }

    /// The known records that the scan says, or suggests, are not there any more, by name.
    fn missing(
        &self,
        known: &KnownRecords,
        gone: Vec<RemoteId>,
        coverage: Coverage,
    ) -> Result<Vec<RemoteId>, SyncError> {
        let mut missing = Vec::new();
        match coverage {
            Coverage::Partial => {}
            Coverage::Delta => {
                missing.extend(gone.into_iter().filter(|remote| known.contains(remote)));
                // An absence is named once: what was denied once is looked at again until it is decided.
                let denied = self.run.mirror.absences(&self.participant.name)?.into_iter().map(|row| row.remote);
                missing.extend(denied.filter(|remote| known.contains(remote) && !known.was_shown(remote)));
            }
            Coverage::Complete if known.shown_count() == known.count() && self.nothing_new(known) => {}
            Coverage::Complete => self.run.mirror.for_each_known(&self.participant.name, &mut |remote, _| {
                if !known.was_shown(remote) {
                    missing.push(remote.to_owned());
                }
            })?,
        }
        missing.sort_unstable();
        missing.dedup();
        Ok(missing)
    }

    /// A record that the replica has if it is well: one that was shown, or that a delta had no reason to show.
    fn control(
        &self,
        shown: Option<RemoteId>,
        missing: &[RemoteId],
        coverage: Coverage,
    ) -> Result<Option<RemoteId>, SyncError> {
        if shown.is_some() || coverage != Coverage::Delta {
            return Ok(shown);
        }
        let is_missing = |remote: &str| missing.binary_search_by(|other| other.as_str().cmp(remote)).is_ok();
        Ok(self.run.mirror.first_followed(&self.participant.name, &is_missing)?)
    }

    /// Says how many known records a scan did not show that could not show all.
    fn say_unseen(&mut self, count: u64) {
        if count > 0 && !self.participant.is_asked_by_id() {
            let contacts = if count == 1 { "a contact is".to_owned() } else { format!("{count} contacts are") };
            let message = format!("{contacts} not shown, and not all could be read: none counts as removed");
            self.run.notice(&self.participant.name, Diagnostic::new(message));
        }
    }

    /// True where each shown record was known: then as many as are known is all of them.
    fn nothing_new(&self, known: &KnownRecords) -> bool {
        known.strangers() == 0
    }

    /// How many of the changed records say something new; each is read here, once, which may settle a doubt.
    fn count_edits(&mut self, edits: &mut Waiting, doubts: Vec<(Field, Problem)>) -> Result<u64, SyncError> {
        let (mut edited, mut place) = (0, 0);
        let mut rewritten: BTreeMap<RemoteId, FieldSet> = BTreeMap::new();
        let mut observed = Waiting::new(Waiting::OBSERVED, self.run.mirror)?;
        loop {
            let chunk = edits.chunk(self.run.mirror, place, EDITS_AT_ONCE)?;
            if chunk.is_empty() {
                *edits = observed;
                for (field, problem) in doubts {
                    let settled = problem.remote.as_ref().and_then(|remote| rewritten.get(remote));
                    if !settled.is_some_and(|fields| fields.contains(field)) {
                        self.run.problem(&self.participant.name, problem);
                    }
                }
                return Ok(edited);
            }
            place += chunk.len() as u64;
            for mut record in chunk {
                let side = self.participant.side();
                edited += u64::from(Intake::new(self.run).is_edit(&side, &mut record)?);
                if let Some(reading) = record.reading.as_ref().filter(|_| !doubts.is_empty()) {
                    rewritten.insert(record.record.remote.clone(), reading.rewritten);
                }
                observed.push(self.run.mirror, record)?;
            }
        }
    }

    /// The guard's verdict on a whole scan; false when nothing of it may be believed.
    fn passes(&mut self, census: &Census) -> bool {
        let concern = guard::judge(census, self.run.policy.max_delete).filter(|_| !self.run.policy.force);
        let Some(concern) = concern else { return true };
        if concern.stops_everything() {
            self.run.halt(self.participant, of_concern(concern));
            return false;
        }
        self.participant.trust = Trust::NoDeletions;
        self.run.trip(&self.participant.name, of_concern(concern));
        true
    }

    /// Takes out the contacts that are not followed any more, which no guard counts. Given back are those that were
    /// deleted here: once they are surely gone there too, they can be forgotten.
    fn part_detached(&mut self, missing: &mut Vec<RemoteId>) -> Result<Vec<RemoteId>, SyncError> {
        let mut locally_deleted = Vec::new();
        let mut followed = Vec::with_capacity(missing.len());
        for remote in missing.drain(..) {
            match self.run.mirror.agreement_by_remote(&self.participant.name, &remote)? {
                Some(agreement) if !agreement.detached => followed.push(remote),
                Some(agreement) if self.run.stored(agreement.contact)?.deleted => locally_deleted.push(remote),
                Some(_) | None => {}
            }
        }
        *missing = followed;
        Ok(locally_deleted)
    }

    /// Takes the edits in. The run since which an older copy cannot have been told of anything, if it looks like one.
    fn take_edits(&mut self, edits: Waiting) -> Result<Option<i64>, SyncError> {
        let (mut place, mut older_than) = (0, None::<i64>);
        loop {
            let chunk = edits.chunk(self.run.mirror, place, EDITS_AT_ONCE)?;
            if chunk.is_empty() {
                return Ok(older_than);
            }
            place += chunk.len() as u64;
            let run = self.transact(|scanner| {
                let mut intake = Intake::new(scanner.run);
                for record in chunk {
                    intake.intake(&scanner.participant.side(), record)?;
                }
                Ok(intake.older_than)
            })?;
            older_than = older_than.into_iter().chain(run).min();
        }
    }

    /// A copy from before a run holds none of those that this run, or a later one, brought here: they are not removed, and are
    /// written anew.
    fn not_in_a_copy(&mut self, run: i64, missing: &mut BTreeSet<RemoteId>) -> Result<(), SyncError> {
        let name = self.participant.name.clone();
        let mut brought = Vec::new();
        for remote in missing.iter() {
            let Some(agreement) = self.run.mirror.agreement_by_remote(&name, remote)? else { continue };
            let (source, created) = self.run.mirror.origin(agreement.contact)?;
            if created >= run && source != name {
                brought.push((remote.clone(), agreement.contact));
            }
        }
        if brought.is_empty() {
            return Ok(());
        }
        let contacts = if brought.len() == 1 { "a contact".to_owned() } else { format!("{} contacts", brought.len()) };
        let message =
            format!("looks like an older copy: {contacts} added since then are not in it, and are written again");
        self.run.notice(&name, Diagnostic::new(message));
        self.transact(|scanner| {
            for (remote, contact) in brought {
                missing.remove(&remote);
                scanner.run.mirror.delete_agreement(&name, contact)?;
            }
            Ok(())
        })
    }

    fn keep_cursor(&mut self, cursor: Cursor) -> Result<(), SyncError> {
        if cursor.is_empty() {
            return Ok(());
        }
        self.transact(|scanner| {
            for (name, value) in cursor {
                scanner.run.mirror.put_cursor_note(&scanner.participant.name, &name, &value)?;
            }
            Ok::<_, SyncError>(())
        })?;
        if !self.run.policy.dry_run {
            self.participant.replica.taken_in();
        }
        Ok(())
    }

    /// A creation that a whole listing does not show was not made, if the server is well: it answers for a contact that it
    /// has listed.
    async fn conclude_lost_creations(&mut self, control: Option<&str>, held_back: bool) -> Result<(), SyncError> {
        if !Outbox::new(self.run, &self.participant.name).has_unknown_creation()? {
            return Ok(());
        }
        let well = match control {
            Some(listed) => Absences::new(self.run, self.participant).answers_for_others(Some(listed)).await?,
            None => true,
        };
        if well { Outbox::new(self.run, &self.participant.name).conclude_unknown(held_back) } else { Ok(()) }
    }
}
