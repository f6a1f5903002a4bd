//! Reads one replica into the mirror. Newcomers of the CRM are committed as they come, so that an interrupted first pull
//! is not lost; edits wait until the whole scan has passed the guard.

pub(super) mod copies;
pub(super) mod intake;
mod missing;
#[cfg(test)]
mod missing_tests;
mod newcomers;
#[cfg(test)]
mod newcomers_tests;
mod ping_pong;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::{
    engine::{Engine, bump},
    error::SyncError,
    events::SyncEvent,
    host::FailPoint,
    participant::{CRM, MergeSide, Participant},
    waits::HELD,
};
use crate::{
    contact::FieldSet,
    reconcile::{Census, guard},
    replica::{self, Batch, Diagnostic, Known, Lookup, PageNote, RemoteContact, ReplicaError, Scan},
};

/// Contacts committed at a time while a scan runs: large enough for few fsyncs, small enough for little memory.
const COMMITTED_AT_ONCE: usize = 1_000;
/// Edits committed at a time.
const EDITS_AT_ONCE: usize = 500;
/// Records asked for one by one because a listing left out fields that they had.
const SECOND_LOOKS_MAX: usize = 25;

/// The fact that the CRM refused the login last time.
const LOGIN_REFUSED: &str = "crm.login_refused";

/// What a scan has gathered so far.
struct Gathering<'k> {
    known: &'k Known,
    /// The CRM as the other side of a merge; none for books, whose edits are looked at when the scan is over.
    crm: Option<MergeSide<'k>>,
    /// Newcomers may go straight in: nobody in the mirror could be one of them.
    straight_in: bool,
    seen: HashSet<String>,
    /// Known contacts that say something new, or may.
    edits: Vec<RemoteContact>,
    /// How many there were; once the guard has tripped only their number matters.
    edited: u64,
    /// Known contacts that say nothing new under another revision.
    quiet: Vec<RemoteContact>,
    newcomers: Vec<RemoteContact>,
    /// Contacts that the listing showed twice: the later counts.
    repeats: Vec<RemoteContact>,
    notes: Vec<PageNote>,
    pages: u32,
}

impl<'k> Gathering<'k> {
    fn new(known: &'k Known, crm: Option<MergeSide<'k>>, straight_in: bool) -> Self {
        Self {
            known,
            crm,
            straight_in,
            seen: HashSet::with_capacity(known.revisions.len()),
            edits: Vec::new(),
            edited: 0,
            quiet: Vec::new(),
            newcomers: Vec::new(),
            repeats: Vec::new(),
            notes: Vec::new(),
            pages: 0,
        }
    }

    fn known_count(&self) -> u64 {
        self.known.revisions.len() as u64
    }
}

impl Engine<'_> {
    /// Scans one replica and takes in what it holds. A book in trouble is halted and the others go on; a CRM in trouble
    /// ends the run.
    pub async fn scan(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        // What was read can be read again; writes are another matter.
        self.reading_begun = self.uptime();
        self.mirror.set_durable(false)?;
        let scanned = self.scan_all(participant).await;
        self.mirror.set_durable(true)?;
        scanned
    }

    async fn scan_all(&mut self, participant: &mut Participant) -> Result<(), SyncError> {
        self.emit(SyncEvent::ScanStarted { replica: participant.name.clone() });
        let pages = if participant.is_crm() { self.mirror.pages()? } else { Default::default() };
        let login_refused = participant.is_crm() && self.mirror.fact(LOGIN_REFUSED)?.is_some();
        let known = Known { revisions: self.mirror.known(&participant.name)?, pages, login_refused };
        let straight_in = participant.is_crm() && self.nobody_waits_for_the_crm()?;
        let name = participant.name.clone();
        let crm = participant.is_crm().then(|| MergeSide { name: CRM, policy: participant.policy(), replica: None });
        let mut gathering = Gathering::new(&known, crm, straight_in);
        let mut failure = None;
        let ended = {
            let mut sink = |batch: Batch| {
                self.take(&name, &mut gathering, batch).map_err(|error| {
                    let diagnostic = Diagnostic::new(error.to_string());
                    failure = Some(error);
                    ReplicaError::Rejected(diagnostic)
                })
            };
            participant.replica.scan(&known, &mut sink).await
        };
        if let Some(error) = failure {
            return Err(error);
        }
        self.flush(&name, &mut gathering)?;
        self.remember_login(login_refused, &ended)?;
        bump(&mut self.summary.scanned, &name, gathering.seen.len() as u64);
        self.emit(SyncEvent::ScanFinished { replica: name, contacts: gathering.seen.len() as u64 });
        match ended {
            Ok(scan) => self.conclude(participant, gathering, scan).await,
            Err(error) => self.scan_failed(participant, error),
        }
    }

    /// A refused login is tried on one request next time, not on as many as may be in flight.
    fn remember_login(&mut self, before: bool, ended: &Result<Scan, ReplicaError>) -> Result<(), SyncError> {
        match (before, ended) {
            (false, Err(ReplicaError::Login(_))) => Ok(self.mirror.set_fact(LOGIN_REFUSED, "yes")?),
            (true, Ok(_)) => Ok(self.mirror.forget_fact(LOGIN_REFUSED)?),
            _ => Ok(()),
        }
    }

    /// One batch, while the scan runs.
    fn take(&mut self, replica: &str, gathering: &mut Gathering<'_>, batch: Batch) -> Result<(), SyncError> {
        self.check_stop()?;
        let Batch { same, changed, problems, page, pages_expected } = batch;
        for problem in problems {
            gathering.seen.extend(problem.remote.clone());
            self.problem(replica, problem);
        }
        gathering.seen.extend(same);
        for record in changed {
            let again = !gathering.seen.insert(record.remote.clone());
            if again {
                gathering.repeats.push(record);
            } else if gathering.known.revisions.contains_key(&record.remote) {
                self.take_known(gathering, record)?;
            } else {
                gathering.newcomers.push(record);
            }
        }
        gathering.pages += u32::from(page.is_some());
        // An empty page past the end is not worth a row.
        gathering.notes.extend(page.filter(|page| !page.remotes.is_empty()));
        let ready = gathering.quiet.len() + if gathering.straight_in { gathering.newcomers.len() } else { 0 };
        if ready >= COMMITTED_AT_ONCE {
            self.flush(replica, gathering)?;
        }
        let contacts = gathering.seen.len() as u64;
        let replica = replica.to_owned();
        self.emit(SyncEvent::ScanProgress { replica, contacts, pages: gathering.pages, pages_expected });
        Ok(())
    }

    fn take_known(&mut self, gathering: &mut Gathering<'_>, record: RemoteContact) -> Result<(), SyncError> {
        if let Some(crm) = &gathering.crm
            && !self.is_edit(crm, &record)?
        {
            gathering.quiet.push(record);
            return Ok(());
        }
        gathering.edited += 1;
        let tripped = gathering.crm.is_some()
            && !self.policy.force
            && guard::mass_edit(gathering.edited, gathering.known_count()).is_some();
        if !tripped {
            gathering.edits.push(record);
        }
        Ok(())
    }

    /// Commits what needs no judgement: newcomers that may go straight in, and new revisions of unchanged contacts.
    fn flush(&mut self, replica: &str, gathering: &mut Gathering<'_>) -> Result<(), SyncError> {
        let quiet = std::mem::take(&mut gathering.quiet);
        let newcomers = if gathering.straight_in { std::mem::take(&mut gathering.newcomers) } else { Vec::new() };
        if quiet.is_empty() && newcomers.is_empty() {
            return Ok(());
        }
        let crm = gathering.crm;
        self.transact(|engine| {
            for record in newcomers {
                engine.insert(replica, record)?;
            }
            for record in quiet {
                if let Some(crm) = &crm {
                    engine.intake(crm, record)?;
                }
            }
            Ok(())
        })
    }

    fn note_pages(&mut self, notes: Vec<PageNote>) -> Result<(), SyncError> {
        for note in notes {
            self.mirror.put_page(&note)?;
        }
        Ok(())
    }

    fn scan_failed(&mut self, participant: &mut Participant, error: ReplicaError) -> Result<(), SyncError> {
        match error {
            error if participant.is_crm() => Err(error.into()),
            ReplicaError::Untrusted(diagnostic) => {
                self.halt(participant, diagnostic);
                Ok(())
            }
            other => {
                participant.halted = true;
                self.summary.failed += 1;
                let diagnostic = match other {
                    ReplicaError::Unavailable(diagnostic)
                    | ReplicaError::Rejected(diagnostic)
                    | ReplicaError::Deferred(diagnostic)
                    | ReplicaError::OutcomeUnknown(diagnostic)
                    | ReplicaError::Login(diagnostic)
                    | ReplicaError::Untrusted(diagnostic) => diagnostic,
                    ReplicaError::Stale(_) => Diagnostic::new(other.to_string()),
                };
                self.notice(&participant.name, diagnostic);
                Ok(())
            }
        }
    }

    /// The scan ended well: judge it as a whole, then take in what waited.
    async fn conclude(
        &mut self,
        participant: &mut Participant,
        gathering: Gathering<'_>,
        scan: Scan,
    ) -> Result<(), SyncError> {
        self.reached(FailPoint::Scanned)?;
        let known_count = gathering.known_count();
        let Gathering { known, crm, seen, edits, mut edited, mut newcomers, repeats, notes, .. } = gathering;
        let mut missing: Vec<String> = match scan {
            Scan::Everything => known.revisions.keys().filter(|remote| !seen.contains(*remote)).cloned().collect(),
            Scan::Changes => Vec::new(),
        };
        missing.sort_unstable();
        let locally_deleted = self.part_detached(&participant.name, &mut missing)?;
        if crm.is_none() {
            edited = 0;
            for record in &edits {
                edited += u64::from(self.is_edit(&participant.side(), record)?);
            }
        }
        // A renamed file is a newcomer for each that is missing; what is left over is counted as gone.
        let moved = if participant.is_crm() { 0 } else { newcomers.len() as u64 };
        let missing_count = (missing.len() as u64).saturating_sub(moved);
        let census = Census { known: known_count, seen: seen.len() as u64, missing: missing_count, edited };
        if !self.passes(participant, &census) {
            return Ok(());
        }
        if !participant.is_crm() {
            // What the scan told of the book's programs is worth keeping even where nothing is pushed.
            self.keep_facts(participant.replica.facts())?;
        }
        let edits = self.look_twice(participant, edits).await?;
        self.take_edits(participant, edits)?;
        let held_back = self.settle_unknown(&participant.side(), &mut newcomers)?;
        self.take_newcomers(participant, newcomers, &mut missing)?;
        self.take_edits(participant, repeats)?;
        if participant.is_crm() {
            self.saw_crm_ids(seen.iter())?;
        }
        self.conclude_updates(&participant.name)?;
        self.transact(|engine| engine.note_pages(notes))?;
        participant.incomplete = participant.held;
        if !participant.held {
            missing.extend(locally_deleted);
            participant.incomplete = !self.absences(participant, missing, &seen).await?;
        }
        if participant.is_crm() && !participant.incomplete {
            self.conclude_lost_creations(participant, &seen, held_back).await?;
        }
        Ok(())
    }

    /// The guard's word on a whole scan; false when nothing of it may be believed.
    fn passes(&mut self, participant: &mut Participant, census: &Census) -> bool {
        let concern = guard::judge(census, self.policy.max_delete).filter(|_| !self.policy.force);
        let Some(concern) = concern else { return true };
        let diagnostic = Diagnostic::new(concern.message(&participant.name)).hint(concern.hint());
        if concern.stops_everything() {
            self.halt(participant, diagnostic);
            return false;
        }
        participant.held = true;
        self.summary.stopped.push(diagnostic.message.clone());
        self.guards.insert(participant.name.clone(), (HELD, diagnostic.clone()));
        self.notice(&participant.name, diagnostic);
        true
    }

    /// Takes out the contacts that are not followed any more, which no guard counts. Given back are those that were
    /// deleted here: once they are surely gone there too, they can be forgotten.
    fn part_detached(&mut self, replica: &str, missing: &mut Vec<String>) -> Result<Vec<String>, SyncError> {
        let mut locally_deleted = Vec::new();
        let mut followed = Vec::with_capacity(missing.len());
        for remote in missing.drain(..) {
            match self.mirror.agreement_by_remote(replica, &remote)? {
                Some(agreement) if !agreement.detached => followed.push(remote),
                Some(agreement) if self.stored(agreement.contact)?.deleted => locally_deleted.push(remote),
                Some(_) | None => {}
            }
        }
        *missing = followed;
        Ok(locally_deleted)
    }

    fn take_edits(&mut self, participant: &Participant, edits: Vec<RemoteContact>) -> Result<(), SyncError> {
        let mut edits = edits.into_iter().peekable();
        while edits.peek().is_some() {
            self.transact(|engine| {
                for record in edits.by_ref().take(EDITS_AT_ONCE) {
                    engine.intake(&participant.side(), record)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A listing that leaves out an element has not said that it is empty: such records are asked for one by one, and
    /// what a single record leaves out is empty. Too many of them, and the listing is an abridged one: nothing is cleared.
    async fn look_twice(
        &mut self,
        participant: &mut Participant,
        edits: Vec<RemoteContact>,
    ) -> Result<Vec<RemoteContact>, SyncError> {
        if !participant.is_crm() {
            return Ok(edits);
        }
        let mut asked = 0;
        let mut out = Vec::with_capacity(edits.len());
        for record in edits {
            if !self.lost_a_field(participant, &record)? {
                out.push(record);
                continue;
            }
            asked += 1;
            if asked > SECOND_LOOKS_MAX {
                out.push(record);
                continue;
            }
            match participant.replica.fetch(&record.remote).await? {
                Lookup::Found(mut single) => {
                    single.fields = FieldSet::CRM;
                    // The listing's revision is the one that the next listing will be compared with.
                    single.revision.clone_from(&record.revision);
                    out.push(*single);
                }
                Lookup::Gone | Lookup::Unclear(_) => out.push(self.seen_alone(participant, record)?),
            }
        }
        if asked > SECOND_LOOKS_MAX {
            let message =
                format!("{asked} contacts came without fields that they had; those fields were left as they are");
            self.notice(&participant.name, Diagnostic::new(message));
        }
        Ok(out)
    }

    /// A record asked for alone, to be taken in. Where it leaves out what it held, the next listing shall be looked at.
    pub fn seen_alone(&self, participant: &Participant, mut record: RemoteContact) -> Result<RemoteContact, SyncError> {
        if participant.is_crm()
            && self.lost_a_field(participant, &record)?
            && let Some(agreement) = self.mirror.agreement_by_remote(&participant.name, &record.remote)?
        {
            record.revision = agreement.revision;
        }
        Ok(record)
    }

    fn lost_a_field(&self, participant: &Participant, record: &RemoteContact) -> Result<bool, SyncError> {
        let unstated = FieldSet::CRM.less(record.fields);
        if unstated.is_empty() {
            return Ok(false);
        }
        let agreement = self.mirror.agreement_by_remote(&participant.name, &record.remote)?;
        Ok(agreement.is_some_and(|agreement| !agreement.theirs.set_fields().and(unstated).is_empty()))
    }
}
