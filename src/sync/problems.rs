//! What failed in a run, by what there is to do about it, and what is kept of it until a run passes it.
//!
//! A folder with thousands of cards that cannot be written is one problem: the first few are told and kept by name, the
//! others are counted. What has waited since an earlier run is no news.

use std::collections::BTreeSet;

use super::{
    SyncError,
    events::{FailedSubject, Failure, Label, SyncEvent},
    participant::Participant,
    run::Run,
};
use crate::{
    contact::ids::{IMPORT, MIRROR},
    mirror::{Activity, Mirror, MirrorError, ProblemRow, ProblemSubject},
    replica::{Diagnostic, Problem},
};

/// So many of one kind are named; the others are counted.
const NAMED_MAX: usize = 5;
/// So many kinds of a replica are kept apart in one run.
const KINDS_MAX: usize = 20;

/// How much of a failure a user is told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Telling {
    /// All of it: the first of its kind.
    Whole,
    /// All but what to do, which was said with the first.
    Brief,
    /// Nothing, but for who wants to see each: so many failed in one way that they are counted.
    Counted,
    /// Likewise, though the first few are worth a line: it has waited since an earlier run.
    Known,
}

/// Where a failure is kept until it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In the table of problems: each run tries again.
    AsProblem,
    /// Elsewhere, where it waits already: in the outbox, or for the user's attention.
    Elsewhere,
    /// Nowhere: what it is about is given once, as an imported file is.
    Nowhere,
}

/// Failures that have the same remedy.
#[derive(Debug)]
struct Kind {
    failure: Failure,
    kept: Kept,
    /// Those that were not known from an earlier run.
    new: u64,
    /// Those that were told.
    told: u64,
    /// One reason for all of them, which lies not with any of them.
    of_the_place: bool,
}

impl Kind {
    fn is_whole(&self) -> bool {
        self.failure.subjects.first().is_some_and(FailedSubject::is_whole)
    }

    /// One row for all of them.
    fn is_folded(&self) -> bool {
        self.failure.count > NAMED_MAX as u64 || (self.of_the_place && self.failure.count > 1)
    }
}

/// What failed in a run.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kinds: Vec<Kind>,
    known: Vec<KnownProblem>,
    /// What was read, or written, to its end: what failed there before and not now is no problem any more.
    passed: BTreeSet<(String, Activity)>,
    /// What the run is at.
    at: Option<(String, Activity)>,
    /// The names of all replicas, in a run that all take part in: what is kept of others is of books that are no more.
    all: Option<BTreeSet<String>>,
}

/// A problem of an earlier run.
#[derive(Debug)]
struct KnownProblem {
    place: (String, Activity),
    remedy: String,
    /// Those who had it by name; none for a problem of many, which is anybody's.
    subject: Option<(String, String)>,
}

/// What there is to do about a failure; where nobody can say, what it is.
fn remedy<'t>(hint: Option<&'t str>, message: &'t str) -> &'t str {
    hint.unwrap_or(message)
}

impl Problems {
    fn note(
        &mut self,
        (replica, activity): (&str, Activity),
        subject: FailedSubject,
        hint: Option<&str>,
        (kept, alike): (Kept, bool),
    ) -> (Telling, bool) {
        let is_known = kept == Kept::AsProblem && self.knows((replica, activity), &subject, hint);
        let place = self.place((replica, activity), &subject, hint, kept);
        let is_first = place.is_none();
        let at = place.unwrap_or_else(|| {
            let hint = hint.map(str::to_owned);
            let failure = Failure { replica: replica.to_owned(), activity, count: 0, hint, subjects: Vec::new() };
            self.kinds.push(Kind { failure, kept, new: 0, told: 0, of_the_place: alike });
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[at];
        kind.of_the_place &= kind.failure.subjects.first().is_none_or(|first| first.message == subject.message);
        kind.failure.count += 1;
        if kind.failure.subjects.len() < NAMED_MAX {
            kind.failure.subjects.push(subject);
        }
        kind.new += u64::from(!is_known);
        let telling = match (is_known, kind.told) {
            (true, _) if kind.failure.count <= NAMED_MAX as u64 => Telling::Known,
            (true, _) => Telling::Counted,
            (false, 0) => Telling::Whole,
            (false, _) if kind.of_the_place && !is_first => Telling::Counted,
            (false, told) if told < NAMED_MAX as u64 => Telling::Brief,
            (false, _) => Telling::Counted,
        };
        kind.told += u64::from(matches!(telling, Telling::Whole | Telling::Brief));
        (telling, is_known)
    }

    fn knows(&self, (replica, activity): (&str, Activity), subject: &FailedSubject, hint: Option<&str>) -> bool {
        let FailedSubject { place, contact, message } = subject;
        let uid = contact.as_ref().map_or("", |label| label.uid.as_str());
        self.known.iter().any(|known| {
            (known.place.0.as_str(), known.place.1) == (replica, activity)
                && known.remedy == remedy(hint, message)
                && known.subject.as_ref().is_none_or(|known| *known == (place.clone(), uid.to_owned()))
        })
    }

    /// The kind that a failure is of.
    fn place(
        &self,
        (replica, activity): (&str, Activity),
        subject: &FailedSubject,
        hint: Option<&str>,
        kept: Kept,
    ) -> Option<usize> {
        let here = |kind: &Kind| {
            let Failure { replica: name, activity: tried, .. } = &kind.failure;
            name == replica && *tried == activity && kind.kept == kept && kind.is_whole() == subject.is_whole()
        };
        let same = |kind: &Kind| {
            let first = kind.failure.subjects.first().map_or("", |first| first.message.as_str());
            remedy(kind.failure.hint.as_deref(), first) == remedy(hint, &subject.message)
                && (!subject.is_whole() || first == subject.message)
        };
        let exact = self.kinds.iter().position(|kind| here(kind) && same(kind));
        exact.or_else(|| {
            let is_full = self.kinds.iter().filter(|kind| here(kind)).count() >= KINDS_MAX;
            is_full.then(|| self.kinds.iter().rposition(here)).flatten()
        })
    }

    /// What of the kinds is kept: the rows of one place.
    fn rows(
        &self,
        place: &(String, Activity),
        of_contact: &dyn Fn(&Label) -> Option<i64>,
        run: i64,
    ) -> Vec<ProblemRow> {
        let mut rows = Vec::new();
        for kind in self.kinds.iter().filter(|kind| kind.kept == Kept::AsProblem) {
            let Failure { replica, activity, count, hint, subjects } = &kind.failure;
            if (replica, activity) != (&place.0, &place.1) {
                continue;
            }
            let mut kept = subjects.iter().map(|FailedSubject { place, contact, message }| ProblemSubject {
                place: place.clone(),
                contact: contact.as_ref().and_then(of_contact),
                message: message.clone(),
            });
            let row = |first: ProblemSubject, others: Vec<ProblemSubject>, count: u64| ProblemRow {
                id: 0,
                replica: replica.clone(),
                activity: *activity,
                first,
                others,
                count,
                hint: hint.clone(),
                first_run: run,
                last_run: run,
            };
            if kind.is_folded()
                && let Some(first) = kept.next()
            {
                rows.push(row(first, kept.collect(), *count));
            } else {
                rows.extend(kept.map(|one| row(one, Vec::new(), 1)));
            }
        }
        rows
    }

    fn places(&self) -> BTreeSet<(String, Activity)> {
        let failed = self.kinds.iter().map(|kind| (kind.failure.replica.clone(), kind.failure.activity));
        failed.chain(self.passed.iter().cloned()).collect()
    }
}

/// The row of an earlier run that a new one goes on from.
fn before<'r>(rows: &'r [ProblemRow], new: &ProblemRow) -> Option<&'r ProblemRow> {
    let wanted = remedy(new.hint.as_deref(), &new.first.message);
    let same_remedy = |row: &&ProblemRow| remedy(row.hint.as_deref(), &row.first.message) == wanted;
    let same_subject = |row: &&ProblemRow| row.first.place == new.first.place && row.first.contact == new.first.contact;
    rows.iter().filter(same_remedy).find(|row| row.count > 1 || new.count > 1 || same_subject(row))
}

/// Brings the rows of one place up to date. `passed`: what failed there before and not now is no problem any more.
fn update(mirror: &mut Mirror, old: &[ProblemRow], new: Vec<ProblemRow>, passed: bool) -> Result<(), MirrorError> {
    let mut gone_on = BTreeSet::new();
    for row in new {
        let before = before(old, &row);
        let first_run = before.map_or(row.first_run, |before| before.first_run);
        let (mut id, mut count) = (0, row.count);
        if let Some(before) = before {
            if !passed && before.count > row.count {
                // A run that did not come to its end has met some of them only.
                gone_on.insert(before.id);
                continue;
            }
            if gone_on.insert(before.id) {
                (id, count) = (before.id, row.count);
            }
        }
        mirror.put_problem(&ProblemRow { id, first_run, count, ..row })?;
    }
    for row in old.iter().filter(|row| passed && !gone_on.contains(&row.id)) {
        mirror.forget_problem(row.id)?;
    }
    Ok(())
}

impl Run<'_> {
    /// Learns what has failed in earlier runs and waits.
    pub fn recall_problems(&mut self) -> Result<(), SyncError> {
        for row in self.mirror.problems()? {
            let ProblemRow { replica, activity, first, count, hint, .. } = row;
            let stored = first.contact.map(|id| self.mirror.contact(id)).transpose()?.flatten();
            let uid = stored.map_or_else(String::new, |stored| stored.uid);
            let remedy = remedy(hint.as_deref(), &first.message).to_owned();
            let subject = (count == 1).then_some((first.place, uid));
            self.problems.known.push(KnownProblem { place: (replica, activity), remedy, subject });
        }
        Ok(())
    }

    /// The run is at this replica.
    pub fn is_at(&mut self, replica: &str, activity: Activity) {
        self.problems.at = Some((replica.to_owned(), activity));
    }

    /// A replica was read, or written, to the end: what failed there before and not in this run is no problem any more.
    pub fn passed(&mut self, replica: &str, activity: Activity) {
        self.problems.passed.insert((replica.to_owned(), activity));
    }

    /// All replicas take part: what is kept of any other is of a book that is no more.
    pub fn all_take_part(&mut self, participants: &[Participant]) {
        let names = participants.iter().map(|participant| participant.name.clone());
        self.problems.all = Some(names.chain([MIRROR.to_owned()]).collect());
    }

    /// Tells of a record that could not be used.
    pub fn problem(&mut self, replica: &str, problem: Problem) {
        let (place, message) = (problem.place.clone(), problem.message.clone());
        let subject = FailedSubject { place, contact: None, message };
        let kept = if replica == IMPORT { Kept::Nowhere } else { Kept::AsProblem };
        let hint = problem.hint.as_deref();
        let (telling, is_known) = self.problems.note((replica, Activity::Read), subject, hint, (kept, false));
        self.count_failed(1, is_known);
        self.emit(SyncEvent::Problem { replica: replica.to_owned(), problem, telling });
    }

    /// Tells of a write that was refused or could not be made; the contact waits, and the next run tries again.
    pub fn failed(&mut self, participant: &Participant, contact: Label, diagnostic: Diagnostic) {
        let alike = !participant.is_uncertain();
        self.tell_failed((&participant.name, Activity::Write), Some(contact), diagnostic, (Kept::AsProblem, alike), 1);
    }

    /// Tells of a write that failed and that waits elsewhere already.
    pub fn failed_and_noted(&mut self, replica: &str, contact: Label, diagnostic: Diagnostic) {
        self.tell_failed((replica, Activity::Write), Some(contact), diagnostic, (Kept::Elsewhere, false), 1);
    }

    /// Tells that a replica as a whole could not be read or written, or not for so many contacts.
    pub fn replica_failed(&mut self, replica: &str, activity: Activity, diagnostic: Diagnostic, count: u64) {
        self.tell_failed((replica, activity), None, diagnostic, (Kept::AsProblem, false), count);
    }

    fn tell_failed(
        &mut self,
        place: (&str, Activity),
        contact: Option<Label>,
        diagnostic: Diagnostic,
        (kept, alike): (Kept, bool),
        count: u64,
    ) {
        let Diagnostic { message, hint } = diagnostic;
        let subject = FailedSubject { place: String::new(), contact: contact.clone(), message: message.clone() };
        let (telling, is_known) = self.problems.note(place, subject, hint.as_deref(), (kept, alike));
        self.count_failed(count, is_known);
        self.emit(SyncEvent::Failed { replica: place.0.to_owned(), contact, message, hint, telling });
    }

    fn count_failed(&mut self, count: u64, is_known: bool) {
        self.summary.failed += count;
        self.summary.failed_before += if is_known { count } else { 0 };
    }

    /// Says how many failed beside those that were told, and puts all of them into the summary.
    pub fn sum_problems(&mut self) {
        let untold: Vec<(Failure, u64)> = self
            .problems
            .kinds
            .iter()
            .map(|kind| (kind.failure.clone(), kind.new - kind.told))
            .filter(|(_, untold)| *untold > 0)
            .collect();
        for (Failure { replica, activity, .. }, count) in untold {
            self.emit(SyncEvent::FailedAlike { replica, activity, count });
        }
        self.summary.failures = self.problems.kinds.iter().map(|kind| kind.failure.clone()).collect();
    }

    /// Keeps what failed until a run passes it, and forgets what this one has passed. A run that ended early is a problem
    /// of the replica that it was at.
    pub fn keep_problems(&mut self, outcome: &Result<(), SyncError>) -> Result<(), SyncError> {
        match outcome {
            Ok(()) => self.passed(MIRROR, Activity::Write),
            Err(error) => self.note_end(error),
        }
        let (problems, id) = (std::mem::take(&mut self.problems), self.id);
        let places = problems.places();
        let kept = self.mirror.transact(|mirror| {
            for place in places {
                let of_contact =
                    |label: &Label| mirror.contact_by_uid(&label.uid).ok().flatten().map(|stored| stored.id);
                let new = problems.rows(&place, &of_contact, id);
                let old = mirror.problems_of(&place.0, place.1)?;
                update(mirror, &old, new, problems.passed.contains(&place))?;
            }
            if let Some(names) = problems.all.as_ref().filter(|_| outcome.is_ok()) {
                for row in mirror.problems()?.iter().filter(|row| !names.contains(&row.replica)) {
                    mirror.forget_problem(row.id)?;
                }
            }
            Ok::<(), MirrorError>(())
        });
        self.problems = problems;
        Ok(kept?)
    }

    fn note_end(&mut self, error: &SyncError) {
        let (place, diagnostic) = match error {
            SyncError::Login(diagnostic) | SyncError::Network(diagnostic) | SyncError::Failed(diagnostic) => {
                (self.problems.at.clone(), diagnostic.clone())
            }
            SyncError::Mirror(error) => (None, Diagnostic { message: error.to_string(), hint: error.hint() }),
            // What is wrong with the settings or a command is told where they are used; a guard waits for attention; an
            // interruption is no failure.
            SyncError::Settings(_)
            | SyncError::Usage(_)
            | SyncError::Safety(_)
            | SyncError::OtherAccount { .. }
            | SyncError::Distrusted(_)
            | SyncError::Refused(_)
            | SyncError::Locked(_)
            | SyncError::Interrupted
            | SyncError::Output(_) => return,
        };
        let (replica, activity) = place.unwrap_or_else(|| (MIRROR.to_owned(), Activity::Write));
        let subject = FailedSubject { place: String::new(), contact: None, message: diagnostic.message };
        self.problems.note((&replica, activity), subject, diagnostic.hint.as_deref(), (Kept::AsProblem, false));
    }
}

#[cfg(test)]
mod tests;
