//! What waits for a person, counted in one way for the summary of a run, its exit code and `carnet status`; and the guards
//! that stopped a part of a run, kept as questions until a run passes them.

use std::collections::BTreeMap;

use super::{
    SyncError,
    participant::{CRM, Participant},
    run::Run,
};
use crate::{
    mirror::{Mirror, MirrorError, OutboxRow, OutboxState, QuestionDetail, QuestionRow, State},
    replica::Diagnostic,
};

/// The kind of question whose replica's deletions are held.
pub(crate) const HELD: &str = "held_deletion";
/// The kind of question whose replica is neither believed nor written.
pub(crate) const STOPPED: &str = "stopped";

/// What a guard keeps from happening until a scan passes it, or a person says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Deletions that were seen in a replica are neither carried out elsewhere nor undone there.
    Deletions,
    /// The replica is neither believed nor written.
    All,
}

/// What a question of this kind guards; none for other questions.
pub fn guarded(kind: &str) -> Option<Guarded> {
    match kind {
        HELD => Some(Guarded::Deletions),
        STOPPED => Some(Guarded::All),
        _ => None,
    }
}

/// What waits, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// Conflicts that a person is to decide.
    pub conflicts: u64,
    /// Questions of every kind, those that only want to be seen too.
    pub questions: u64,
    /// Writes to the CRM that were refused, or that nobody can tell the end of. Those put to a person are questions.
    pub unsettled: u64,
}

impl Waits {
    /// All of it.
    pub fn total(self) -> u64 {
        self.conflicts + self.questions + self.unsettled
    }
}

/// The exit code of a run that came to its end. Source: operations.md, section 1.
///
/// What `carnet status` shows as waiting, a run does not pass over with 0.
pub fn exit_code(stopped: bool, failed: u64, waiting: u64) -> u8 {
    match (stopped, failed + waiting) {
        (true, _) => 7,
        (false, 0) => 0,
        (false, _) => 3,
    }
}

/// Counts what waits in a mirror.
///
/// # Errors
/// SQLite's.
pub fn waits(mirror: &Mirror) -> Result<Waits, MirrorError> {
    // Parked rows are among the questions.
    let unsettled = |row: &&OutboxRow| row.state != OutboxState::HeldForReview;
    Ok(Waits {
        conflicts: mirror.count_open_conflicts()?,
        questions: mirror.count_questions()?,
        unsettled: mirror.outbox(CRM)?.iter().filter(unsettled).count() as u64,
    })
}

/// What stopped parts of a run, by replica: which kind, and what a person is told.
pub(crate) type Guards = BTreeMap<String, (&'static str, Diagnostic)>;

impl Run<'_> {
    /// Writes down what was stopped for safety, and strikes off what no longer is.
    pub fn keep_guards(
        &mut self,
        participants: &[Participant],
        outcome: &Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        if let Err(SyncError::Safety(diagnostic)) = outcome {
            // The CRM as a whole: another account.
            self.guards.insert(CRM.to_owned(), (STOPPED, diagnostic.clone()));
        }
        for participant in participants {
            let guard = self.guards.get(&participant.name).cloned();
            let scanned =
                outcome.is_ok() && !participant.is_halted() && self.summary.scanned.contains_key(&participant.name);
            for kind in [HELD, STOPPED] {
                match &guard {
                    Some((tripped, diagnostic)) if *tripped == kind => {
                        self.keep_guard(&participant.name, kind, diagnostic)?
                    }
                    _ if scanned => self.mirror.clear_question(&participant.name, "", kind)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn keep_guard(&mut self, replica: &str, kind: &str, diagnostic: &Diagnostic) -> Result<(), SyncError> {
        // It waits since it was stopped first, however the numbers change.
        let before = self.mirror.question(replica, "", kind)?.filter(|row| row.state == State::Open);
        let row = QuestionRow {
            id: 0,
            run: before.map_or(self.id, |row| row.run),
            replica: replica.to_owned(),
            remote: String::new(),
            kind: kind.to_owned(),
            contact: None,
            text: diagnostic.message.clone(),
            state: State::Open,
        };
        let detail = QuestionDetail { todo: diagnostic.hint.clone(), ..QuestionDetail::default() };
        self.mirror.ask_with(&row, &detail)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::participant::Trust;
    use crate::sync::testing::{ada, participant, with_fixture};
    use crate::{
        mirror::{ConflictRow, OutboxAction},
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

    #[test]
    fn all_that_is_open_is_counted_once() {
        let check = |fill: &dyn Fn(&mut super::super::testing::RunFixture<'_>, i64), expected: [u64; 3]| {
            with_fixture(|mut fixture| {
                let id = fixture.contact("ada-1", &ada(""));
                fill(&mut fixture, id);
                let found = waits(&fixture.run.mirror).unwrap();
                assert_eq!([found.conflicts, found.questions, found.unsettled], expected);
                assert_eq!(found.total(), expected.iter().sum::<u64>());
            });
        };
        check(&|_, _| {}, [0, 0, 0]);
        for (state, expected) in [(State::Open, 1), (State::Settled, 0)] {
            check(
                &|fixture, contact| {
                    for kind in ["untaken", "ambiguous", "parked", HELD, "a later carnet's"] {
                        let (replica, remote, text) = ("crm".into(), "1".into(), "?".into());
                        let kind = kind.to_owned();
                        let row = QuestionRow { id: 0, run: 1, replica, remote, kind, contact: None, text, state };
                        fixture.run.mirror.ask(&row).unwrap();
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
            let fill = |fixture: &mut super::super::testing::RunFixture<'_>, id| {
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
                let rows = run.mirror.questions().unwrap();
                rows.into_iter().map(|row| (row.run, row.kind, row.text)).collect::<Vec<_>>()
            };
            let first = run.id;
            let trip = |run: &mut Run<'_>, message: &str| {
                run.guards.insert("cards".into(), (HELD, Diagnostic::new(message).hint("do this")));
            };
            trip(run, "9 are missing");
            assert_eq!(open(run, false, Ok(())), [(first, HELD.to_owned(), "9 are missing".to_owned())]);
            assert_eq!(run.mirror.question_detail(1).unwrap().todo.as_deref(), Some("do this"));
            run.id += 1;
            trip(run, "8 are missing");
            let held = vec![(first, HELD.to_owned(), "8 are missing".to_owned())];
            assert_eq!(open(run, false, Ok(())), held, "since the first run");
            run.guards.clear();
            assert_eq!(open(run, false, Ok(())), held, "it was not scanned");
            run.summary.scanned.insert("cards".into(), 1);
            assert_eq!(open(run, true, Ok(())), held, "the scan failed");
            assert_eq!(open(run, false, Err(SyncError::Interrupted)), held);
            assert_eq!(open(run, false, Ok(())), []);
        });
    }
}
