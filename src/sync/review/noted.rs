//! Decisions made while another run is at work: noted at once, and carried out before the next run does anything else,
//! each as a run of its own, so that the run log and `undo` know it like any other.

use super::{
    Review, change_by_user,
    refused::{Applied, Refused, Why},
};
use crate::{
    contact::ids::MIRROR,
    mirror::{Decision, ItemId, Mirror, NotedDecision, State},
    sync::{
        SyncError,
        events::{Note, SyncEvent},
        host::Host,
        run::RunPolicy,
    },
};

/// The command's name in the run log.
pub(crate) const RESOLVE: &str = "resolve";

/// Notes a decision, in place of an earlier one on the same item, if it makes sense at present. `mirror` may be written to
/// by a run at the same time: this is one short transaction.
///
/// # Errors
/// The decision makes no sense for that item ([`SyncError::Refused`]); the mirror fails.
pub(crate) fn note(
    mirror: &mut Mirror,
    policy: RunPolicy,
    host: &dyn Host,
    (item, decision): (ItemId, &Decision),
) -> Result<(), SyncError> {
    let policy = RunPolicy { dry_run: true, ..policy };
    mirror.transact(|mirror| {
        change_by_user(mirror, policy, RESOLVE, host, &mut |_| {}, |run| {
            Ok((Review::new(run).decide(item, decision)?, false))
        })?;
        let was_open = state(mirror, item)? == Some(State::Open);
        Ok(mirror.note_decision(item, was_open, decision, &host.stamp())?)
    })
}

/// What came of noting a decision beside others who decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noting {
    /// It is noted, or taken back.
    Done,
    /// Since it was looked at, somebody else has decided, or taken a decision back. Nothing was written.
    Overtaken,
}

/// Notes a decision like [`note`], if what is noted on the item is still `seen` and it waits; without a decision, what is
/// noted is taken back.
///
/// # Errors
/// As [`note`].
pub(crate) fn note_as_seen(
    mirror: &mut Mirror,
    policy: RunPolicy,
    host: &dyn Host,
    (item, decision): (ItemId, Option<&Decision>),
    seen: Option<&Decision>,
) -> Result<Noting, SyncError> {
    mirror.transact(|mirror| {
        let noted = mirror.noted_decisions()?.into_iter().find(|noted| noted.item == item);
        let stands = noted.and_then(|noted| noted.decision);
        if stands.as_ref() != seen || state(mirror, item)? != Some(State::Open) {
            return Ok(Noting::Overtaken);
        }
        match decision {
            Some(decision) => note(mirror, policy, host, (item, decision))?,
            None => mirror.forget_decision(item)?,
        }
        Ok(Noting::Done)
    })
}

/// Carries out what was noted; what there is to tell of it. What makes no sense any more is forgotten and told.
///
/// # Errors
/// The mirror's: what was carried out before stays.
pub(crate) fn carry_out(mirror: &mut Mirror, policy: &RunPolicy, host: &dyn Host) -> Result<Vec<SyncEvent>, SyncError> {
    let mut told = Vec::new();
    for noted in mirror.noted_decisions()? {
        let item = noted.item;
        // Told to the replica's name, as long as it is known.
        let replica = replica(mirror, item)?.unwrap_or_else(|| MIRROR.to_owned());
        // A dry run works on a copy: there, too, it is carried out.
        let policy = RunPolicy { dry_run: false, ..policy.clone() };
        let mut events = Vec::new();
        let done = change_by_user(mirror, policy, RESOLVE, host, &mut |event| events.push(event), |run| {
            run.mirror.forget_decision(item)?;
            Ok((Review::new(run).decide_as_noted(&noted)?, true))
        });
        match done {
            Ok((applied, _)) => {
                told.append(&mut events);
                told.push(SyncEvent::Attention { replica, note: Note::CarriedOut(applied) });
            }
            Err(SyncError::Refused(refused)) => {
                mirror.forget_decision(item)?;
                told.push(SyncEvent::Attention { replica, note: Note::Dropped(*refused) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

impl Review<'_, '_> {
    fn decide_as_noted(&mut self, noted: &NotedDecision) -> Result<Applied, SyncError> {
        let NotedDecision { item, was_open, decision, .. } = noted;
        let refused = |why| Refused { item: *item, why }.into();
        let Some(decision) = decision else { return Err(refused(Why::UnknownDecision)) };
        // What was settled since has other values than those that were decided on.
        if *was_open && state(self.run.mirror, *item)? == Some(State::Settled) {
            return Err(refused(Why::Settled));
        }
        self.decide(*item, decision)
    }
}

fn state(mirror: &Mirror, item: ItemId) -> Result<Option<State>, SyncError> {
    Ok(match item {
        ItemId::Conflict(id) => mirror.conflict(id)?.map(|row| row.state),
        ItemId::Attention(id) => mirror.attention(id)?.map(|row| row.state),
    })
}

fn replica(mirror: &Mirror, item: ItemId) -> Result<Option<String>, SyncError> {
    Ok(match item {
        ItemId::Conflict(id) => mirror.conflict(id)?.map(|row| row.replica),
        ItemId::Attention(id) => mirror.attention(id)?.map(|row| row.replica),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Contact, Keep},
        mirror::{Ambiguity, Attention, AttentionKind, ContactId, Standing, StandingKind},
        sync::{
            Effect,
            events::{Change, ChangeAction},
            testing::{RunFixture, ada, title_in_conflict, with_fixture},
        },
    };

    const KEEP_CRM: Decision = Decision::Keep { keep: Keep::Crm };
    const KEEP_BOOK: Decision = Decision::Keep { keep: Keep::Book };

    /// A contact whose job title is in conflict with the CRM: "here" there, "there" in the CRM.
    fn conflict(fixture: &mut RunFixture<'_>) -> (ContactId, ItemId) {
        let id = fixture.contact("ada-1", &ada("here"));
        (id, title_in_conflict(fixture.run.mirror, id, "crm", "1001"))
    }

    fn ambiguous(fixture: &mut RunFixture<'_>, candidates: Vec<ContactId>) -> ItemId {
        let attention = Attention::Ambiguous { candidates, reason: Ambiguity::Several, says: None };
        let row = fixture.run.open_attention("cards", "x.vcf", attention);
        fixture.run.mirror.raise(&row).unwrap();
        ItemId::Attention(fixture.run.mirror.open_attention().unwrap()[0].id)
    }

    fn say(fixture: &mut RunFixture<'_>, item: ItemId, decision: &Decision) -> Result<(), SyncError> {
        let policy = fixture.run.policy.clone();
        note(fixture.run.mirror, policy, fixture.clock, (item, decision))
    }

    fn next_run(fixture: &mut RunFixture<'_>) -> Vec<SyncEvent> {
        let policy = fixture.run.policy.clone();
        carry_out(fixture.run.mirror, &policy, fixture.clock).unwrap()
    }

    fn title(fixture: &RunFixture<'_>, id: ContactId) -> String {
        fixture.run.stored(id).unwrap().contact.job_title
    }

    fn why(refused: Result<(), SyncError>) -> Why {
        match refused {
            Err(SyncError::Refused(refused)) => refused.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whoever_decides_second_has_decided_nothing() {
        with_fixture(|mut fixture| {
            let (_, item) = conflict(&mut fixture);
            let say = |fixture: &mut RunFixture<'_>, decision: Option<&Decision>, seen: Option<&Decision>| {
                let policy = fixture.run.policy.clone();
                note_as_seen(fixture.run.mirror, policy, fixture.clock, (item, decision), seen).unwrap()
            };
            let stands = |fixture: &RunFixture<'_>| {
                fixture.run.mirror.noted_decisions().unwrap().into_iter().find_map(|noted| noted.decision)
            };
            assert_eq!(say(&mut fixture, Some(&KEEP_CRM), None), Noting::Done);
            // Somebody else looked at it before.
            assert_eq!(say(&mut fixture, Some(&KEEP_BOOK), None), Noting::Overtaken);
            assert_eq!(stands(&fixture), Some(KEEP_CRM));
            // Who sees the answer may change it, or take it back, once.
            assert_eq!(say(&mut fixture, Some(&KEEP_BOOK), Some(&KEEP_CRM)), Noting::Done);
            assert_eq!(say(&mut fixture, None, Some(&KEEP_CRM)), Noting::Overtaken);
            assert_eq!(say(&mut fixture, None, Some(&KEEP_BOOK)), Noting::Done);
            assert_eq!(stands(&fixture), None);
            assert!(fixture.run.mirror.conflict(1).unwrap().unwrap().state == State::Open, "it waits again");
            assert_eq!(say(&mut fixture, Some(&KEEP_CRM), None), Noting::Done);
            next_run(&mut fixture);
            // What a run has carried out is decided no more by who did not see that.
            assert_eq!(say(&mut fixture, Some(&KEEP_BOOK), Some(&KEEP_CRM)), Noting::Overtaken);
            assert_eq!(say(&mut fixture, Some(&KEEP_BOOK), None), Noting::Overtaken);
        });
    }

    #[test]
    fn a_decision_is_noted_and_the_next_run_carries_it_out() {
        with_fixture(|mut fixture| {
            let (id, item) = conflict(&mut fixture);
            say(&mut fixture, item, &KEEP_CRM).unwrap();
            assert_eq!(title(&fixture, id), "here", "nothing but the note is written");
            assert_eq!(fixture.run.mirror.open_conflicts().unwrap().len(), 1);
            let before = fixture.run.mirror.last_run().unwrap().unwrap().id;

            let told = next_run(&mut fixture);
            assert_eq!(title(&fixture, id), "there");
            assert!(fixture.run.mirror.open_conflicts().unwrap().is_empty());
            let run = fixture.run.mirror.last_run().unwrap().unwrap();
            assert_eq!((run.id, run.command.as_str(), run.exit_code), (before + 1, RESOLVE, Some(0)));
            let changes = fixture.run.mirror.history_of_run(run.id).unwrap();
            assert_eq!((changes.len(), changes[0].1.source.as_str()), (1, "person"), "it can be taken back");
            let summary: serde_json::Value = serde_json::from_str(&run.summary.unwrap()).unwrap();
            assert_eq!((&summary["updated"]["mirror"], &summary["run"]), (&1.into(), &run.id.into()));

            let effect = Effect::Scalar { field: crate::contact::Field::JobTitle, value: "there".into() };
            let note = Note::CarriedOut(Applied { item, effect, to_sync: true });
            let [SyncEvent::Change(Change { action: ChangeAction::Update, .. }), last] = &told[..] else {
                panic!("{told:?}")
            };
            assert_eq!(*last, SyncEvent::Attention { replica: "crm".into(), note });
            assert_eq!(next_run(&mut fixture), [], "once");
        });
    }

    #[test]
    fn the_last_decision_on_an_item_counts_and_others_keep_their_order() {
        with_fixture(|mut fixture| {
            let (id, item) = conflict(&mut fixture);
            let bob = fixture.contact("bob-1", &Contact { last_name: "Byron".into(), ..Contact::default() });
            let question = ambiguous(&mut fixture, vec![id, bob]);
            say(&mut fixture, item, &KEEP_CRM).unwrap();
            say(&mut fixture, question, &Decision::SameAs { contact: bob }).unwrap();
            say(&mut fixture, item, &KEEP_BOOK).unwrap();
            let told = next_run(&mut fixture);
            let carried_out: Vec<ItemId> = told
                .iter()
                .filter_map(|event| match event {
                    SyncEvent::Attention { note: Note::CarriedOut(applied), .. } => Some(applied.item),
                    _ => None,
                })
                .collect();
            assert_eq!((title(&fixture, id).as_str(), carried_out), ("here", vec![question, item]));
            let said = fixture.run.mirror.standing("cards", "x.vcf", StandingKind::SameAs).unwrap();
            assert_eq!(said, Some(Standing::SameAs { contact: bob }), "the next scan takes it");
        });
    }

    #[test]
    fn what_makes_no_sense_is_refused_at_once_and_notes_nothing() {
        with_fixture(|mut fixture| {
            let (id, item) = conflict(&mut fixture);
            let question = ambiguous(&mut fixture, vec![id]);
            for (item, decision, expected) in [
                (ItemId::Conflict(9), KEEP_CRM, Why::NotFound),
                (item, Decision::Dismiss, Why::NoValue),
                (question, KEEP_CRM, Why::NoConflict),
                (question, Decision::Create, Why::OtherKind(AttentionKind::Ambiguous)),
                (question, Decision::SameAs { contact: 99 }, Why::SameAsDeleted),
            ] {
                assert_eq!(why(say(&mut fixture, item, &decision)), expected);
            }
            assert!(fixture.run.mirror.noted_decisions().unwrap().is_empty());
        });
    }

    #[test]
    fn a_decision_that_was_overtaken_is_forgotten_and_told() {
        /// What happens between the decision and the run.
        type Meanwhile = fn(&mut RunFixture<'_>, ContactId, ItemId);
        let check = |meanwhile: Meanwhile, expected: Why| {
            with_fixture(|mut fixture| {
                let (id, item) = conflict(&mut fixture);
                say(&mut fixture, item, &KEEP_CRM).unwrap();
                meanwhile(&mut fixture, id, item);
                let before = fixture.run.mirror.last_run().unwrap();
                let note = Note::Dropped(Refused { item, why: expected.clone() });
                assert_eq!(next_run(&mut fixture), [SyncEvent::Attention { replica: "crm".into(), note }]);
                assert_ne!(title(&fixture, id), "there");
                assert!(fixture.run.mirror.noted_decisions().unwrap().is_empty());
                assert_eq!(fixture.run.mirror.last_run().unwrap(), before, "it is no run");
            });
        };
        // Both sides have agreed on a third value.
        let settled: Meanwhile = |fixture, id, _| {
            fixture.run.mirror.update_contact(id, &ada("third"), "").unwrap();
            fixture.agree("crm", "1001", id);
            fixture.run.close_obsolete().unwrap();
        };
        check(settled, Why::Settled);
        let deleted: Meanwhile = |fixture, id, _| fixture.run.mirror.delete_contact(id, "").unwrap();
        check(deleted, Why::ContactDeleted);
    }

    #[test]
    fn a_settled_conflict_is_decided_anew_as_it_was_meant() {
        with_fixture(|mut fixture| {
            let (id, item) = conflict(&mut fixture);
            let ItemId::Conflict(row) = item else { unreachable!() };
            fixture.run.mirror.settle_conflict(row, "here").unwrap();
            say(&mut fixture, item, &KEEP_CRM).unwrap();
            assert_eq!(next_run(&mut fixture).len(), 2);
            assert_eq!(title(&fixture, id), "there");
        });
    }

    #[test]
    fn a_decision_of_a_newer_carnet_is_forgotten_and_told() {
        with_fixture(|mut fixture| {
            let (_, item) = conflict(&mut fixture);
            say(&mut fixture, item, &KEEP_CRM).unwrap();
            let noted = NotedDecision { decision: None, ..fixture.run.mirror.noted_decisions().unwrap().remove(0) };
            let refused = Review::new(&mut fixture.run).decide_as_noted(&noted).map(drop);
            assert_eq!(why(refused), Why::UnknownDecision);
        });
    }
}
