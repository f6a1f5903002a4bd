//! Reads one replica into the mirror. Newcomers of the CRM are committed as they come, so that an interrupted first pull
//! is not lost; edits wait until the whole scan has passed the guard.

mod absences;
#[cfg(test)]
mod absences_tests;
mod alternation;
pub(super) mod copies;
pub(super) mod intake;
mod newcomers;
#[cfg(test)]
mod newcomers_tests;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::{
    contact::FieldSet,
    reconcile::{Census, guard},
    replicas::{Batch, Known, Look, PageNote, ReplicaError, Scan, Sighting, Trouble},
    sync::{
        engine::{Engine, bump},
        error::SyncError,
        events::SyncEvent,
        host::Moment,
        peer::{CRM, Peer, Side},
        waits::HELD,
    },
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
    crm: Option<Side<'k>>,
    /// Newcomers may go straight in: nobody in the mirror could be one of them.
    straight_in: bool,
    seen: HashSet<String>,
    /// Known contacts that say something new, or may.
    edits: Vec<Sighting>,
    /// How many there were; once the guard has tripped only their number matters.
    edited: u64,
    /// Known contacts that say nothing new under another revision.
    quiet: Vec<Sighting>,
    newcomers: Vec<Sighting>,
    /// Contacts that the listing showed twice: the later counts.
    repeats: Vec<Sighting>,
    notes: Vec<PageNote>,
    pages: u32,
}

impl<'k> Gathering<'k> {
    fn new(known: &'k Known, crm: Option<Side<'k>>, straight_in: bool) -> Self {
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
    pub async fn scan(&mut self, peer: &mut Peer) -> Result<(), SyncError> {
        // What was read can be read again; writes are another matter.
        self.reading_begun = self.uptime();
        self.mirror.set_durable(false)?;
        let scanned = self.scan_all(peer).await;
        self.mirror.set_durable(true)?;
        scanned
    }

    async fn scan_all(&mut self, peer: &mut Peer) -> Result<(), SyncError> {
        self.emit(SyncEvent::ScanStarted { replica: peer.name.clone() });
        let pages = if peer.is_crm() { self.mirror.pages()? } else { Default::default() };
        let login_refused = peer.is_crm() && self.mirror.fact(LOGIN_REFUSED)?.is_some();
        let known = Known { revisions: self.mirror.known(&peer.name)?, pages, login_refused };
        let straight_in = peer.is_crm() && self.nobody_waits_for_the_crm()?;
        let name = peer.name.clone();
        let crm = peer.is_crm().then(|| Side { name: CRM, policy: peer.policy(), replica: None });
        let mut gathering = Gathering::new(&known, crm, straight_in);
        let mut failure = None;
        let ended = {
            let mut sink = |batch: Batch| {
                self.take(&name, &mut gathering, batch).map_err(|error| {
                    let trouble = Trouble::new(error.to_string());
                    failure = Some(error);
                    ReplicaError::Rejected(trouble)
                })
            };
            peer.replica.scan(&known, &mut sink).await
        };
        if let Some(error) = failure {
            return Err(error);
        }
        self.flush(&name, &mut gathering)?;
        self.remember_login(login_refused, &ended)?;
        bump(&mut self.summary.scanned, &name, gathering.seen.len() as u64);
        self.emit(SyncEvent::ScanFinished { replica: name, contacts: gathering.seen.len() as u64 });
        match ended {
            Ok(scan) => self.conclude(peer, gathering, scan).await,
            Err(error) => self.scan_failed(peer, error),
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
        for sighting in changed {
            let again = !gathering.seen.insert(sighting.remote.clone());
            if again {
                gathering.repeats.push(sighting);
            } else if gathering.known.revisions.contains_key(&sighting.remote) {
                self.take_known(gathering, sighting)?;
            } else {
                gathering.newcomers.push(sighting);
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

    fn take_known(&mut self, gathering: &mut Gathering<'_>, sighting: Sighting) -> Result<(), SyncError> {
        if let Some(crm) = &gathering.crm
            && !self.is_edit(crm, &sighting)?
        {
            gathering.quiet.push(sighting);
            return Ok(());
        }
        gathering.edited += 1;
        let tripped = gathering.crm.is_some()
            && !self.care.force
            && guard::mass_edit(gathering.edited, gathering.known_count()).is_some();
        if !tripped {
            gathering.edits.push(sighting);
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
            for sighting in newcomers {
                engine.insert(replica, sighting)?;
            }
            for sighting in quiet {
                if let Some(crm) = &crm {
                    engine.intake(crm, sighting)?;
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

    fn scan_failed(&mut self, peer: &mut Peer, error: ReplicaError) -> Result<(), SyncError> {
        match error {
            error if peer.is_crm() => Err(error.into()),
            ReplicaError::Unsafe(trouble) => {
                self.halt(peer, trouble);
                Ok(())
            }
            other => {
                peer.halted = true;
                self.summary.failed += 1;
                let trouble = match other {
                    ReplicaError::Unavailable(trouble)
                    | ReplicaError::Rejected(trouble)
                    | ReplicaError::Postponed(trouble)
                    | ReplicaError::Unsettled(trouble)
                    | ReplicaError::Login(trouble)
                    | ReplicaError::Unsafe(trouble) => trouble,
                    ReplicaError::Stale(_) => Trouble::new(other.to_string()),
                };
                self.notice(&peer.name, trouble);
                Ok(())
            }
        }
    }

    /// The scan ended well: judge it as a whole, then take in what waited.
    async fn conclude(&mut self, peer: &mut Peer, gathering: Gathering<'_>, scan: Scan) -> Result<(), SyncError> {
        self.reached(Moment::Scanned)?;
        let known_count = gathering.known_count();
        let Gathering { known, crm, seen, edits, mut edited, mut newcomers, repeats, notes, .. } = gathering;
        let mut missing: Vec<String> = match scan {
            Scan::Everything => known.revisions.keys().filter(|remote| !seen.contains(*remote)).cloned().collect(),
            Scan::Changes => Vec::new(),
        };
        missing.sort_unstable();
        let let_go = self.part_detached(&peer.name, &mut missing)?;
        if crm.is_none() {
            edited = 0;
            for sighting in &edits {
                edited += u64::from(self.is_edit(&peer.side(), sighting)?);
            }
        }
        // A renamed file is a newcomer for each that is missing; what is left over is counted as gone.
        let moved = if peer.is_crm() { 0 } else { newcomers.len() as u64 };
        let missing_count = (missing.len() as u64).saturating_sub(moved);
        let census = Census { known: known_count, seen: seen.len() as u64, missing: missing_count, edited };
        if !self.passes(peer, &census) {
            return Ok(());
        }
        if !peer.is_crm() {
            // What the scan told of the book's programs is worth keeping even where nothing is pushed.
            self.keep_facts(peer.replica.facts())?;
        }
        let edits = self.look_twice(peer, edits).await?;
        self.take_edits(peer, edits)?;
        let held_back = self.settle_unknown(&peer.side(), &mut newcomers)?;
        self.take_newcomers(peer, newcomers, &mut missing)?;
        self.take_edits(peer, repeats)?;
        if peer.is_crm() {
            self.saw_crm_ids(seen.iter())?;
        }
        self.conclude_updates(&peer.name)?;
        self.transact(|engine| engine.note_pages(notes))?;
        peer.incomplete = peer.held;
        if !peer.held {
            missing.extend(let_go);
            peer.incomplete = !self.absences(peer, missing, &seen).await?;
        }
        if peer.is_crm() && !peer.incomplete {
            self.conclude_lost_creations(peer, &seen, held_back).await?;
        }
        Ok(())
    }

    /// The guard's word on a whole scan; false when nothing of it may be believed.
    fn passes(&mut self, peer: &mut Peer, census: &Census) -> bool {
        let concern = guard::judge(census, self.care.max_delete).filter(|_| !self.care.force);
        let Some(concern) = concern else { return true };
        let trouble = Trouble::new(concern.message(&peer.name)).hint(concern.hint());
        if concern.stops_everything() {
            self.halt(peer, trouble);
            return false;
        }
        peer.held = true;
        self.summary.stopped.push(trouble.message.clone());
        self.guards.insert(peer.name.clone(), (HELD, trouble.clone()));
        self.notice(&peer.name, trouble);
        true
    }

    /// Takes out the contacts that are not followed any more, which no guard counts. Given back are those that were
    /// deleted here: once they are surely gone there too, they can be forgotten.
    fn part_detached(&mut self, replica: &str, missing: &mut Vec<String>) -> Result<Vec<String>, SyncError> {
        let mut let_go = Vec::new();
        let mut followed = Vec::with_capacity(missing.len());
        for remote in missing.drain(..) {
            match self.mirror.agreement_by_remote(replica, &remote)? {
                Some(agreement) if !agreement.detached => followed.push(remote),
                Some(agreement) if self.stored(agreement.contact)?.deleted => let_go.push(remote),
                Some(_) | None => {}
            }
        }
        *missing = followed;
        Ok(let_go)
    }

    fn take_edits(&mut self, peer: &Peer, edits: Vec<Sighting>) -> Result<(), SyncError> {
        let mut edits = edits.into_iter().peekable();
        while edits.peek().is_some() {
            self.transact(|engine| {
                for sighting in edits.by_ref().take(EDITS_AT_ONCE) {
                    engine.intake(&peer.side(), sighting)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A listing that leaves out an element has not said that it is empty: such records are asked for one by one, and
    /// what a single record leaves out is empty. Too many of them, and the listing is an abridged one: nothing is cleared.
    async fn look_twice(&mut self, peer: &mut Peer, edits: Vec<Sighting>) -> Result<Vec<Sighting>, SyncError> {
        if !peer.is_crm() {
            return Ok(edits);
        }
        let mut asked = 0;
        let mut out = Vec::with_capacity(edits.len());
        for sighting in edits {
            if !self.lost_a_field(peer, &sighting)? {
                out.push(sighting);
                continue;
            }
            asked += 1;
            if asked > SECOND_LOOKS_MAX {
                out.push(sighting);
                continue;
            }
            match peer.replica.look(&sighting.remote).await? {
                Look::Found(mut single) => {
                    single.fields = FieldSet::CRM;
                    // The listing's revision is the one that the next listing will be compared with.
                    single.revision.clone_from(&sighting.revision);
                    out.push(*single);
                }
                Look::Gone | Look::Unclear(_) => out.push(self.seen_alone(peer, sighting)?),
            }
        }
        if asked > SECOND_LOOKS_MAX {
            let message =
                format!("{asked} contacts came without fields that they had; those fields were left as they are");
            self.notice(&peer.name, Trouble::new(message));
        }
        Ok(out)
    }

    /// A record asked for alone, to be taken in. Where it leaves out what it held, the next listing shall be looked at.
    pub fn seen_alone(&self, peer: &Peer, mut sighting: Sighting) -> Result<Sighting, SyncError> {
        if peer.is_crm()
            && self.lost_a_field(peer, &sighting)?
            && let Some(agreement) = self.mirror.agreement_by_remote(&peer.name, &sighting.remote)?
        {
            sighting.revision = agreement.revision;
        }
        Ok(sighting)
    }

    fn lost_a_field(&self, peer: &Peer, sighting: &Sighting) -> Result<bool, SyncError> {
        let unstated = FieldSet::CRM.less(sighting.fields);
        if unstated.is_empty() {
            return Ok(false);
        }
        let agreement = self.mirror.agreement_by_remote(&peer.name, &sighting.remote)?;
        Ok(agreement.is_some_and(|agreement| !agreement.theirs.set_fields().and(unstated).is_empty()))
    }
}
