//! A look at one replica that changes nothing, neither there nor here: whether it can be read, how many it holds, and
//! whether a run would believe it.

use std::{cell::RefCell, collections::BTreeSet};

use super::{
    baseline::{HasMirror, MirrorBaseline, Of},
    known::KnownRecords,
};
use crate::{
    mirror::Mirror,
    reconcile::{Census, Limit, guard},
    replica::{Batch, Coverage, Problem, RemoteId, ReplicaError},
    sync::{
        Direction, Participant, SyncError,
        attention::{of_concern, of_distrust},
        events::Stopped,
    },
};

/// What was seen of a replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// How many records it shows.
    pub contacts: u64,
    /// The records that cannot be read, or not for sure.
    pub problems: Vec<Problem>,
    /// Why a run would not believe it, or would hold its deletions.
    pub guard: Option<Stopped>,
}

/// Looks at a replica as the next run would, beside what the mirror knows of it. Edits are not judged: they can only be
/// told from what a program made of a value by taking them in.
///
/// # Errors
/// Why it cannot be read, or the mirror's.
pub async fn look(mirror: &Mirror, participant: &mut Participant, limit: Limit) -> Result<Sight, SyncError> {
    let replica = &mut participant.replica;
    replica.recall(&|name| mirror.fact(name).ok().flatten());
    let mut known = KnownRecords::with_capacity(mirror.count_known(&participant.name)?);
    mirror.for_each_known(&participant.name, &mut |remote, _| known.add(remote))?;
    let mut firm_cards = KnownRecords::with_capacity(mirror.count_firm_cards(&participant.name)?);
    mirror.for_each_firm_card(&participant.name, &mut |remote, _| firm_cards.add(remote))?;
    let (count, failure) = (known.count() + firm_cards.count(), RefCell::new(None));
    let looking = RefCell::new(Looking {
        mirror,
        known: known.sorted(),
        firm_cards: firm_cards.sorted(),
        gone: BTreeSet::new(),
        problems: Vec::new(),
    });
    let scanned = {
        let baseline = MirrorBaseline { scan: &looking, of: Of::Replica(&participant.name), count, failure: &failure };
        let mut sink = |batch| {
            looking.borrow_mut().take(batch);
            Ok(())
        };
        replica.scan(&baseline, &mut sink).await
    };
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let Looking { known, gone, problems, .. } = looking.into_inner();
    let stopped = |attention| Stopped { replica: participant.name.clone(), attention };
    match scanned {
        Ok(scanned) => {
            let census = census(&known, &gone, scanned.coverage);
            let guard = guard::judge(&census, limit).filter(|_| participant.direction != Direction::ToReplica);
            let contacts = match scanned.coverage {
                Coverage::Delta => census.seen + known.strangers() as u64,
                Coverage::Complete | Coverage::Partial => known.shown_count(),
            };
            Ok(Sight { contacts, problems, guard: guard.map(|concern| stopped(of_concern(concern))) })
        }
        Err(ReplicaError::Untrusted(distrust)) => {
            Ok(Sight { contacts: 0, problems, guard: Some(stopped(of_distrust(distrust))) })
        }
        Err(error) => Err(error.into()),
    }
}

/// How a scan stands beside what is known.
fn census(known: &KnownRecords, gone: &BTreeSet<RemoteId>, coverage: Coverage) -> Census {
    let missing = match coverage {
        // A renamed file is a newcomer for each that is missing.
        Coverage::Complete => known.count().saturating_sub(known.shown_count()),
        // What was not shown is as it was.
        Coverage::Delta => (gone.len() as u64).saturating_sub(known.strangers() as u64),
        Coverage::Partial => 0,
    };
    let seen = match coverage {
        Coverage::Complete => known.shown_count(),
        Coverage::Delta | Coverage::Partial => known.count().saturating_sub(missing),
    };
    Census { known: known.count(), seen, missing, edited: 0 }
}

/// What a look has seen so far.
struct Looking<'m> {
    mirror: &'m Mirror,
    known: KnownRecords,
    /// The cards of firms, which are no contacts.
    firm_cards: KnownRecords,
    /// Known records that are named gone.
    gone: BTreeSet<RemoteId>,
    problems: Vec<Problem>,
}

impl HasMirror for Looking<'_> {
    fn mirror(&self) -> &Mirror {
        self.mirror
    }
}

impl Looking<'_> {
    fn take(&mut self, batch: Batch) {
        let Batch { same, changed, gone, copies, problems, doubts, remarks: _, progress: _ } = batch;
        self.gone.extend(gone.into_iter().filter(|remote| self.known.contains(remote)));
        let changed = changed.into_iter().chain(copies.into_iter().map(|copy| copy.record));
        for remote in same.into_iter().chain(changed.map(|record| record.remote)) {
            if !self.firm_cards.contains(&remote) {
                self.known.show(&remote);
            }
        }
        for problem in problems.into_iter().chain(doubts.into_iter().map(|(_, problem)| problem)) {
            if let Some(remote) = problem.remote.as_ref().filter(|remote| !self.firm_cards.contains(remote)) {
                self.known.show(remote);
            }
            self.problems.push(problem);
        }
    }
}
