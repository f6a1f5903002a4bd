//! What is kept of what fails, run after run.

use super::*;
use crate::{
    replica::memory::Memory,
    sync::testing::{RunFixture, participant, with_fixture},
};

fn unreadable(place: &str) -> Problem {
    let hint = Some("restore it".to_owned());
    Problem { place: place.into(), message: "is empty".into(), hint, remote: None }
}

/// Ends a run in which these were met, and begins the next; what is kept by then, what was told of each, and how much of
/// that failed anew.
fn next(fixture: &mut RunFixture<'_>, outcome: Result<(), SyncError>) -> (Vec<ProblemRow>, Vec<Telling>, u64) {
    let run = &mut fixture.run;
    run.sum_problems();
    run.keep_problems(&outcome).unwrap();
    run.problems = Problems::default();
    run.recall_problems().unwrap();
    run.id += 1;
    let told = fixture.told.take().into_iter().filter_map(|event| match event {
        SyncEvent::Problem { telling, .. } | SyncEvent::Failed { telling, .. } => Some(telling),
        _ => None,
    });
    let failed = std::mem::take(&mut run.summary.failed) - std::mem::take(&mut run.summary.failed_before);
    (run.mirror.problems().unwrap(), told.collect(), failed)
}

fn kept(rows: &[ProblemRow]) -> Vec<(&str, u64, i64, i64)> {
    rows.iter().map(|row| (row.first.place.as_str(), row.count, row.first_run, row.last_run)).collect()
}

#[test]
fn a_file_that_stays_unreadable_is_one_thing_that_waits() {
    with_fixture(|mut fixture| {
        let meet = |fixture: &mut RunFixture<'_>, places: &[&str]| {
            places.iter().for_each(|place| fixture.run.problem("team", unreadable(place)));
            fixture.run.passed("team", Activity::Read);
            next(fixture, Ok(()))
        };
        let (rows, told, failed) = meet(&mut fixture, &["a.vcf", "b.vcf"]);
        assert_eq!((kept(&rows), failed), (vec![("a.vcf", 1, 1, 1), ("b.vcf", 1, 1, 1)], 2));
        assert_eq!(told, [Telling::Whole, Telling::Brief]);
        let (rows, told, failed) = meet(&mut fixture, &["b.vcf", "c.vcf"]);
        assert_eq!((kept(&rows), failed), (vec![("b.vcf", 1, 1, 2), ("c.vcf", 1, 2, 2)], 1));
        assert_eq!(told, [Telling::Known, Telling::Whole]);
        let (rows, told, failed) = meet(&mut fixture, &[]);
        assert_eq!((rows, told, failed), (vec![], vec![], 0));
    });
}

#[test]
fn what_was_not_looked_at_stays() {
    with_fixture(|mut fixture| {
        fixture.run.problem("team", unreadable("a.vcf"));
        next(&mut fixture, Ok(()));
        // Another book, a run that ends early, a run without this book.
        fixture.run.passed("sheet", Activity::Read);
        fixture.run.passed("team", Activity::Write);
        next(&mut fixture, Err(SyncError::Interrupted));
        fixture.run.problem("team", unreadable("b.vcf"));
        let (rows, ..) = next(&mut fixture, Ok(()));
        assert_eq!(kept(&rows), [("a.vcf", 1, 1, 1), ("b.vcf", 1, 3, 3)]);
        // The book is in the settings no more.
        fixture.run.all_take_part(&[participant("sheet", Memory::default())]);
        assert_eq!(next(&mut fixture, Ok(())).0, []);
    });
}

#[test]
fn thousands_that_fail_for_one_reason_are_one_problem() {
    with_fixture(|mut fixture| {
        let meet = |fixture: &mut RunFixture<'_>, count: usize, outcome: Result<(), SyncError>| {
            for number in 0..count {
                fixture.run.problem("team", unreadable(&format!("{number:04}.vcf")));
            }
            if outcome.is_ok() {
                fixture.run.passed("team", Activity::Read);
            }
            next(fixture, outcome)
        };
        let (rows, told, failed) = meet(&mut fixture, 5_000, Ok(()));
        assert_eq!((kept(&rows), rows[0].others.len(), failed), (vec![("0000.vcf", 5_000, 1, 1)], 4, 5_000));
        assert_eq!(told.iter().filter(|told| **told != Telling::Counted).count(), 5);
        let more = |event: &SyncEvent| matches!(event, SyncEvent::FailedAlike { count: 4_995, .. });
        assert!(!fixture.told.borrow().iter().any(more), "it was taken with the others");
        let (rows, told, failed) = meet(&mut fixture, 3, Err(SyncError::Interrupted));
        assert_eq!((kept(&rows), failed), (vec![("0000.vcf", 5_000, 1, 1)], 0), "it met three of them only");
        assert!(told.iter().all(|told| *told == Telling::Known));
        let (rows, ..) = meet(&mut fixture, 2, Ok(()));
        assert_eq!(kept(&rows), [("0000.vcf", 1, 1, 3), ("0001.vcf", 1, 1, 3)]);
    });
}

#[test]
fn a_file_that_takes_no_write_is_told_once_and_not_for_each_contact() {
    with_fixture(|mut fixture| {
        let sheet = participant("sheet", Memory::default());
        for uid in ["a", "b", "c"] {
            let label = Label { uid: uid.into(), ..Label::default() };
            let locked = Diagnostic::new("write s.csv: it is open elsewhere").hint("close it");
            fixture.run.failed(&sheet, label, locked);
        }
        let (rows, told, failed) = next(&mut fixture, Ok(()));
        assert_eq!((kept(&rows), failed), (vec![("", 3, 1, 1)], 3));
        assert_eq!(told, [Telling::Whole, Telling::Counted, Telling::Counted]);
    });
}

#[test]
fn a_run_that_ends_early_is_a_problem_until_one_does_not() {
    with_fixture(|mut fixture| {
        let down = || SyncError::Network(Diagnostic::new("reach it").hint("wait"));
        fixture.run.is_at("crm", Activity::Read);
        let (rows, ..) = next(&mut fixture, Err(down()));
        assert_eq!((rows[0].replica.as_str(), kept(&rows)), ("crm", vec![("", 1, 1, 1)]));
        for ended in [Err(SyncError::Interrupted), Err(down())] {
            fixture.run.is_at("crm", Activity::Read);
            assert_eq!(next(&mut fixture, ended).0.len(), 1);
        }
        fixture.run.passed("crm", Activity::Read);
        assert_eq!(next(&mut fixture, Ok(())).0, []);
    });
}
