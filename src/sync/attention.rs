//! What waits for the user, counted in one way for the summary of a run, its exit code and `status`; and the guards that
//! stopped a part of a run, kept until a run passes them.

use std::collections::BTreeMap;

use super::{
    SyncError, exit,
    participant::{CRM, Participant},
    run::Run,
};
use crate::{
    mirror::{Attention, AttentionKind, AttentionRow, Mirror, MirrorError, OutboxRow, OutboxState, State, StopReason},
    reconcile::Concern,
    replica::{Diagnostic, Distrust},
};

/// What a guard keeps from happening until a scan passes it, or the user says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Deletions that were seen in a replica are neither carried out elsewhere nor undone there.
    Deletions,
    /// The replica is neither believed nor written.
    All,
}

/// What something of this kind guards; none for what is no guard.
pub fn guarded(kind: &AttentionKind) -> Option<Guarded> {
    match kind {
        AttentionKind::HeldDeletions => Some(Guarded::Deletions),
        AttentionKind::Stopped => Some(Guarded::All),
        AttentionKind::Ambiguous
        | AttentionKind::ConflictCopy
        | AttentionKind::LostCreation
        | AttentionKind::NotPersisted
        | AttentionKind::NoFirm
        | AttentionKind::Other(_) => None,
    }
}

/// What waits, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttentionCounts {
    /// Conflicts that the user is to decide.
    pub conflicts: u64,
    /// Rows of `attention` of every kind, those that only inform too.
    pub attention: u64,
    /// Writes to the CRM that were refused, or whose outcome is unknown. Those held for review are in `attention`.
    pub unsettled: u64,
    /// What failed and is tried again by each run; many for one reason are one.
    pub problems: u64,
}

impl AttentionCounts {
    /// All of it.
    pub fn total(self) -> u64 {
        self.conflicts + self.attention + self.unsettled + self.problems
    }
}

/// The exit code of a run that came to its end. Source: operations.md, section 1.
///
/// What `carnet status` shows as waiting, a run does not pass over with 0.
pub fn exit_code(stopped: bool, failed: u64, waiting: u64) -> u8 {
    match (stopped, failed + waiting) {
        (true, _) => exit::SAFETY,
        (false, 0) => exit::DONE,
        (false, _) => exit::PARTLY,
    }
}

/// Counts what waits in a mirror.
///
/// # Errors
/// SQLite's.
pub fn attention_counts(mirror: &Mirror) -> Result<AttentionCounts, MirrorError> {
    let unsettled = |row: &&OutboxRow| row.state != OutboxState::HeldForReview;
    Ok(AttentionCounts {
        conflicts: mirror.count_open_conflicts()?,
        attention: mirror.count_open_attention()?,
        unsettled: mirror.outbox(CRM)?.iter().filter(unsettled).count() as u64,
        problems: mirror.count_problems()?,
    })
}

/// What a guard's concern is to the user.
pub(crate) fn of_concern(concern: Concern) -> Attention {
    match concern {
        Concern::Emptied { known } => Attention::Stopped { reason: StopReason::Emptied { known } },
        Concern::MassEdit { edited, known } => Attention::Stopped { reason: StopReason::MassEdit { edited, known } },
        Concern::MassDeletion { missing, known, allowed } => {
            Attention::HeldDeletions { missing, known, allowed, contacts: Vec::new() }
        }
    }
}

/// What a replica that is not to be trusted is to the user.
pub(crate) fn of_distrust(distrust: Distrust) -> Attention {
    let reason = match distrust {
        Distrust::NoFolder { path, marker, .. } => StopReason::NoFolder { path, marker },
        Distrust::NoMarker { path, marker, .. } => StopReason::NoMarker { path, marker },
        Distrust::MarkerWentAway { path, marker, .. } => StopReason::MarkerWentAway { path, marker },
        Distrust::NoFile { path, .. } => StopReason::NoFile { path },
        Distrust::Other(Diagnostic { message, hint: todo }) => {
            let text = format!("failed to {message}");
            return Attention::Worded { kind: AttentionKind::Stopped, text, todo, candidates: Vec::new() };
        }
    };
    Attention::Stopped { reason }
}

/// What stopped parts of a run, by replica.
pub(crate) type Guards = BTreeMap<String, Attention>;

impl Run<'_> {
    /// Writes down what was stopped for safety, and strikes off what no longer is.
    pub fn keep_guards(
        &mut self,
        participants: &[Participant],
        outcome: &Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        // The CRM as a whole.
        let stopped = match outcome {
            Err(SyncError::OtherAccount { mirror, settings }) => {
                let (mirror, settings) = (mirror.clone(), settings.clone());
                Some(Attention::Stopped { reason: StopReason::OtherAccount { mirror, settings } })
            }
            Err(SyncError::Distrusted(distrust)) => Some(of_distrust(distrust.clone())),
            _ => None,
        };
        self.guards.extend(stopped.map(|attention| (CRM.to_owned(), attention)));
        for participant in participants {
            let guard = self.guards.get(&participant.name).cloned();
            let scanned =
                outcome.is_ok() && !participant.is_halted() && self.summary.scanned.contains_key(&participant.name);
            for kind in [AttentionKind::HeldDeletions, AttentionKind::Stopped] {
                match &guard {
                    Some(attention) if attention.kind() == kind => self.keep_guard(&participant.name, attention)?,
                    _ if scanned => self.mirror.clear_attention(&participant.name, "", &kind)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn keep_guard(&mut self, replica: &str, attention: &Attention) -> Result<(), SyncError> {
        // It waits since it was stopped first, however the numbers change.
        let before = self.mirror.attention_to(replica, "", &attention.kind())?;
        let run = before.filter(|row| row.state == State::Open).map_or(self.id, |row| row.run);
        let row = self.open_attention(replica, "", attention.clone());
        self.mirror.raise(&AttentionRow { run, ..row })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::participant::Trust;
    use crate::sync::testing::{RunFixture, ada, participant, with_fixture};
    use crate::{
        mirror::{Ambiguity, ConflictRow, OutboxAction},
        replica::memory::Memory,
    };

    #[test]
    fn what_waits_is_never_passed_over_with_0() {
        let check = |stopped, failed, waiting, expected| {
            assert_eq!(exit_code(stopped, failed, waiting), expected, "{stopped} {failed} {waiting}");
        };
        check(false, 0, 0, 0);
        check(false, 1, 0, 3);
        check(false, 0, 1, 3);
        check(false, 2, 5, 3);
        check(true, 0, 0, 7);
        check(true, 1, 1, 7);
    }

    fn one_of_each() -> [Attention; 5] {
        let newer = AttentionKind::Other("a later carnet's".into());
        [
            Attention::NotPersisted { fields: Vec::new(), tried: Vec::new() },
            Attention::Ambiguous { candidates: Vec::new(), reason: Ambiguity::Several, says: None },
            Attention::LostCreation,
            held(9),
            Attention::Worded { kind: newer, text: "?".into(), todo: None, candidates: Vec::new() },
        ]
    }

    fn held(missing: u64) -> Attention {
        Attention::HeldDeletions { missing, known: 10, allowed: 3, contacts: Vec::new() }
    }

    #[test]
    fn all_that_is_open_is_counted_once() {
        let check = |fill: &dyn Fn(&mut RunFixture<'_>, i64), expected: [u64; 3]| {
            with_fixture(|mut fixture| {
                let id = fixture.contact("ada-1", &ada(""));
                fill(&mut fixture, id);
                let found = attention_counts(fixture.run.mirror).unwrap();
                assert_eq!([found.conflicts, found.attention, found.unsettled], expected);
                assert_eq!(found.total(), expected.iter().sum::<u64>());
            });
        };
        check(&|_, _| {}, [0, 0, 0]);
        for (state, expected) in [(State::Open, 1), (State::Settled, 0)] {
            check(
                &|fixture, contact| {
                    for attention in one_of_each() {
                        let row = fixture.run.open_attention("crm", "1", attention);
                        fixture.run.mirror.raise(&AttentionRow { state, ..row }).unwrap();
                    }
                    let (replica, at, kept) = ("crm".into(), String::new(), "open".into());
                    let (field, base, here, there) = (None, None, None, None);
                    let row =
                        ConflictRow { id: 0, run: 1, at, contact, replica, field, base, here, there, kept, state };
                    fixture.run.mirror.add_conflict(&row).unwrap();
                },
                [expected, 5 * expected, 0],
            );
        }
        for (replica, state, expected) in [
            ("crm", OutboxState::Unknown, 1),
            ("crm", OutboxState::Refused, 1),
            ("crm", OutboxState::Sent, 1),
            ("crm", OutboxState::HeldForReview, 0),
            ("cards", OutboxState::Unknown, 0),
        ] {
            let fill = |fixture: &mut RunFixture<'_>, id| {
                fixture.sent(replica, id, (OutboxAction::Update, state));
            };
            check(&fill, [0, 0, expected]);
        }
    }

    #[test]
    fn a_guard_waits_until_a_scan_passes_it() {
        with_fixture(|mut fixture| {
            let run = &mut fixture.run;
            let mut participants = [participant("cards", Memory::default())];
            let mut open = |run: &mut Run<'_>, halted: bool, outcome: Result<(), SyncError>| {
                participants[0].trust = if halted { Trust::Nothing } else { Trust::Full };
                run.keep_guards(&participants, &outcome).unwrap();
                let rows = run.mirror.open_attention().unwrap();
                rows.into_iter().map(|row| (row.run, row.attention)).collect::<Vec<_>>()
            };
            let first = run.id;
            let trip = |run: &mut Run<'_>, missing: u64| {
                run.guards.insert("cards".into(), held(missing));
            };
            trip(run, 9);
            assert_eq!(open(run, false, Ok(())), [(first, held(9))]);
            run.id += 1;
            trip(run, 8);
            let held = vec![(first, held(8))];
            assert_eq!(open(run, false, Ok(())), held, "since the first run");
            run.guards.clear();
            assert_eq!(open(run, false, Ok(())), held, "it was not scanned");
            run.summary.scanned.insert("cards".into(), 1);
            assert_eq!(open(run, true, Ok(())), held, "the scan failed");
            assert_eq!(open(run, false, Err(SyncError::Interrupted)), held);
            assert_eq!(open(run, false, Ok(())), []);
        });
    }

    #[test]
    fn a_run_that_ends_for_safety_stops_the_crm() {
        let check = |error: SyncError, expected: Attention| {
            with_fixture(|mut fixture| {
                let participants = [participant(CRM, Memory::default()), participant("cards", Memory::default())];
                fixture.run.keep_guards(&participants, &Err(error)).unwrap();
                let rows = fixture.run.mirror.open_attention().unwrap();
                let found: Vec<_> = rows.into_iter().map(|row| (row.replica, row.remote, row.attention)).collect();
                assert_eq!(found, [(CRM.to_owned(), String::new(), expected)]);
            });
        };
        let (mirror, settings) = ("a".to_owned(), "b".to_owned());
        let reason = StopReason::OtherAccount { mirror: mirror.clone(), settings: settings.clone() };
        check(SyncError::OtherAccount { mirror, settings }, Attention::Stopped { reason });
        let words = Diagnostic::new("find it").hint("look");
        let (kind, todo) = (AttentionKind::Stopped, Some("look".to_owned()));
        let worded = Attention::Worded { kind, text: "failed to find it".into(), todo, candidates: Vec::new() };
        check(SyncError::Distrusted(Distrust::Other(words)), worded);
    }
}
