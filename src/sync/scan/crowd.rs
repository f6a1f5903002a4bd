//! A crowd that a listing did not show: more contacts than may be deleted without a user's decision. A listing that shifts
//! while it is read leaves out many that are there, so that each is asked for by its id before anybody is alarmed.

use std::collections::BTreeMap;

use super::{Scanner, known::KnownRecords};
use crate::{
    replica::{Lookup, RemoteId},
    sync::{SyncError, events::SyncEvent},
};

/// So many are asked for. A listing that leaves out more is no listing.
const ASKED_MAX: usize = 1_000;
/// So many without a clear answer end the asking: the server is unwell.
const UNCLEAR_MAX: usize = 3;

/// What each of a crowd answered.
#[derive(Default)]
pub(super) struct Crowd {
    pub answers: BTreeMap<RemoteId, Lookup>,
}

impl Crowd {
    /// How many are not gone, as far as is known.
    pub fn not_gone(&self) -> usize {
        self.answers.values().filter(|answer| !is_gone(answer)).count()
    }
}

fn is_gone(answer: &Lookup) -> bool {
    match answer {
        Lookup::Gone => true,
        Lookup::Found(_) | Lookup::Unclear(_) => false,
    }
}

impl Scanner<'_, '_> {
    /// Asks for the missing ones, where so many are that the guard would hold them: until it would hold them whatever the
    /// others answer. Nobody is asked where nothing at all was shown, or where an absence is believed unasked.
    pub(super) async fn ask_for_crowd(
        &mut self,
        missing: &[RemoteId],
        known: &KnownRecords,
    ) -> Result<Crowd, SyncError> {
        let mut crowd = Crowd::default();
        let allowed = self.run.policy.max_delete.allowed(known.count());
        let is_crowd = missing.len() as u64 > allowed && missing.len() <= ASKED_MAX && known.shown_count() > 0;
        if !is_crowd || self.run.policy.force || !self.participant.is_asked_by_id() {
            return Ok(crowd);
        }
        let total = missing.len() as u64;
        let (mut gone, mut unclear) = (0, 0);
        for remote in missing {
            self.run.check_stop()?;
            let answer = self.participant.look_up(remote).await?;
            match &answer {
                Lookup::Found(_) => {}
                Lookup::Gone => gone += 1,
                Lookup::Unclear(_) => unclear += 1,
            }
            crowd.answers.insert(remote.clone(), answer);
            if gone > allowed || unclear >= UNCLEAR_MAX {
                break;
            }
            let (replica, done) = (self.participant.name.clone(), crowd.answers.len() as u64);
            self.run.emit(SyncEvent::AskProgress { replica, done, total });
        }
        self.run.emit(SyncEvent::AskProgress { replica: self.participant.name.clone(), done: total, total });
        Ok(crowd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        replica::{Absence, memory::Memory},
        sync::{
            participant::{CRM, Trust},
            testing::{ada, participant, with_fixture},
        },
    };

    /// Of 30 contacts some are gone, some left out and some unclear: what is then trusted, and how many were asked for.
    fn check([gone, hidden, unclear]: [usize; 3], force: bool, expected: (Trust, Option<u64>)) {
        with_fixture(|mut fixture| {
            let mut memory = Memory::default();
            memory.conduct.absence = Absence::AskById;
            let names: Vec<String> = (1_001..=1_030).map(|number| number.to_string()).collect();
            for name in &names {
                let id = fixture.contact(&format!("uid-{name}"), &ada("CEO"));
                fixture.agree(CRM, name, id);
                memory.put(name, ada("CEO"));
            }
            let mut rest = names.into_iter();
            rest.by_ref().take(gone).for_each(|name| memory.remove(&name));
            memory.faults.hidden.extend(rest.by_ref().take(hidden + unclear));
            let unread: Vec<String> = memory.faults.hidden.iter().rev().take(unclear).cloned().collect();
            memory.faults.unreadable.extend(unread);
            fixture.run.policy.force = force;
            let mut crm = participant(CRM, memory);
            fixture.scan(&mut crm).unwrap();
            let told = fixture.told.borrow();
            let asked = told.iter().filter(|event| matches!(event, SyncEvent::AskProgress { .. })).count() as u64;
            assert_eq!((crm.trust, asked.checked_sub(1)), expected, "{gone} gone, {hidden} hidden, {unclear} unclear");
            assert_eq!(fixture.run.summary.stopped.len(), usize::from(expected.0 != Trust::Full));
            assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 30);
            assert!(crm.trust != Trust::Full || crm.incomplete == (hidden + unclear > 0));
        });
    }

    #[test]
    fn a_crowd_is_asked_for_before_anybody_is_alarmed() {
        check([0, 20, 0], false, (Trust::Full, Some(20)));
        check([3, 10, 0], false, (Trust::Full, Some(13)));
        // One more than may go, and it is enough.
        check([4, 10, 0], false, (Trust::NoDeletions, Some(3)));
        check([12, 0, 0], false, (Trust::NoDeletions, Some(3)));
        // A server that is unwell is not asked thirty times.
        check([0, 0, 20], false, (Trust::NoDeletions, Some(2)));
        check([1, 5, 2], false, (Trust::Full, Some(8)));
    }

    #[test]
    fn nobody_is_asked_for_without_need() {
        check([3, 0, 0], false, (Trust::Full, None));
        check([0, 2, 1], false, (Trust::Full, None));
        check([30, 0, 0], false, (Trust::Nothing, None));
        check([0, 30, 0], false, (Trust::Nothing, None));
        check([0, 20, 0], true, (Trust::Full, None));
    }
}
