//! The plan in tables, and a simulated month.

use std::collections::BTreeMap;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("2026-01-{text}Z")).unwrap().with_timezone(&Utc)
}

/// Every so many minutes of the wall clock.
fn every(minutes: i64) -> Times {
    Box::new(move |after| {
        let seconds = minutes * 60;
        DateTime::from_timestamp((after.timestamp().div_euclid(seconds) + 1) * seconds, 0).unwrap()
    })
}

/// A machine whose wall clock showed `01T10:20:00` when it was started a thousand seconds ago.
struct Desk {
    plan: Plan,
    now: Now,
}

const BOTH: Books = Books { several: true, met_the_crm: true };

impl Desk {
    fn new(books: Books, last: Option<&str>) -> Self {
        let now = Now { wall: at("01T10:20:00"), up: Duration::from_secs(1000) };
        Self { plan: Plan::new(every(15), books, last.map(at), now), now }
    }

    /// One that has just run, and whose next time is 10:30.
    fn rested() -> Self {
        let mut desk = Self::new(BOTH, None);
        assert_eq!(desk.look(), Action::Start(Cause::Schedule, Scope::All));
        assert_eq!(desk.ends(Ended::Whole), Action::Wait);
        desk
    }

    fn decide(&mut self, event: Event) -> Action {
        self.plan.decide(event, self.now)
    }

    fn look(&mut self) -> Action {
        self.decide(Event::Look)
    }

    fn ends(&mut self, ended: Ended) -> Action {
        self.decide(Event::Ended(ended))
    }

    /// Both clocks go on.
    fn after(&mut self, seconds: f64) -> &mut Self {
        let span = Duration::from_secs_f64(seconds);
        self.now = Now { wall: self.now.wall + span, up: self.now.up + span };
        self
    }

    /// Somebody sets the clock.
    fn set(&mut self, wall: &str) -> &mut Self {
        self.now.wall = at(wall);
        self
    }

    /// Seconds until the deadline.
    fn left(&self) -> f64 {
        let Deadline { wall, up } = self.plan.deadline();
        let wall = wall.map(|at| (at - self.now.wall).as_seconds_f64());
        let up = up.map(|at| at.as_secs_f64() - self.now.up.as_secs_f64());
        wall.into_iter().chain(up).fold(f64::INFINITY, f64::min)
    }

    #[track_caller]
    fn starts_after(&mut self, seconds: f64, cause: Cause, scope: Scope) {
        assert!((self.left() - seconds).abs() < 0.01, "{} instead of {seconds}", self.left());
        if seconds > 0.1 {
            let early = seconds - 0.1;
            assert_eq!(self.after(early).look(), Action::Wait, "too early");
            self.after(0.1);
        }
        assert_eq!(self.look(), Action::Start(cause, scope));
    }
}

#[test]
fn a_missed_run_is_made_up_for_once() {
    let check = |last: Option<&str>, seconds: f64| {
        let mut desk = Desk::new(BOTH, last);
        desk.starts_after(seconds, Cause::Schedule, Scope::All);
        assert_eq!(desk.ends(Ended::Whole), Action::Wait, "{last:?}");
        assert!(desk.left() > 0.0, "{last:?}");
    };
    check(None, 0.0);
    check(Some("01T10:15:01"), 600.0);
    check(Some("01T10:14:00"), 0.0);
    check(Some("01T02:00:00"), 0.0);
    check(Some("31T00:00:00"), 600.0);
}

#[test]
fn sleep_is_one_run() {
    let mut desk = Desk::rested();
    // The machine sleeps for nine hours: both clocks go on.
    desk.after(9.0 * 3600.0);
    assert_eq!(desk.look(), Action::Start(Cause::Schedule, Scope::All));
    assert_eq!(desk.after(5.0).ends(Ended::Whole), Action::Wait);
    desk.starts_after(595.0, Cause::Schedule, Scope::All);
}

#[test]
fn a_clock_that_is_set_neither_repeats_nor_starves_the_schedule() {
    // Forward by a day: one run, then the schedule again.
    let mut desk = Desk::rested();
    assert_eq!(desk.set("02T10:20:00").look(), Action::Start(Cause::Schedule, Scope::All));
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.left(), 600.0);
    // And back again: not a day of silence.
    assert_eq!(desk.set("01T10:21:00").look(), Action::Wait);
    desk.starts_after(540.0, Cause::Schedule, Scope::All);

    // A little back, just after a run at its time: that time is not repeated.
    assert_eq!(desk.after(0.5).ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.set("01T10:29:59").look(), Action::Wait);
    desk.starts_after(901.0, Cause::Schedule, Scope::All);

    // Back while a run is at work.
    let mut desk = Desk::rested();
    desk.starts_after(600.0, Cause::Schedule, Scope::All);
    assert_eq!(desk.set("01T04:00:00").ends(Ended::Whole), Action::Wait);
    desk.starts_after(900.0, Cause::Schedule, Scope::All);

    // A wait for a retry is not measured by a clock that is set.
    let mut desk = Desk::new(Books::default(), None);
    desk.look();
    desk.ends(Ended::Failed(Retry::Trouble, 0));
    assert_eq!(desk.set("20T10:00:00").look(), Action::Wait);
    desk.starts_after(60.0, Cause::Retry, Scope::All);
}

#[test]
fn edits_wait_until_the_book_is_left_alone() {
    let mut desk = Desk::rested();
    for _ in 0..1000 {
        assert_eq!(desk.after(0.001).decide(Event::Edited), Action::Wait);
    }
    desk.starts_after(1.0, Cause::Edit, Scope::All);
    assert_eq!(desk.after(2.0).ends(Ended::Whole), Action::Wait);
    assert!(desk.left() > 500.0, "a burst is one run");

    // A book that is never left alone.
    let mut desk = Desk::rested();
    let mut waited = 0.0;
    while desk.after(0.5).decide(Event::Edited) == Action::Wait {
        waited += 0.5;
        assert!(waited < 11.0);
    }
    assert!(waited >= 9.5, "{waited}");
    // It gets the half of the time, no more.
    desk.after(4.0).decide(Event::Edited);
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    desk.starts_after(4.0, Cause::Edit, Scope::All);
    // And never waits for long.
    desk.after(3600.0).decide(Event::Edited);
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    desk.starts_after(30.0, Cause::Edit, Scope::All);
}

#[test]
fn what_is_asked_for_during_a_run_is_one_run_after_it() {
    let check = |ask: fn() -> Event, cause: Cause| {
        let mut desk = Desk::new(BOTH, None);
        desk.look();
        for _ in 0..100 {
            assert_eq!(desk.after(0.1).decide(ask()), Action::Wait, "one at a time");
        }
        let mut action = desk.after(5.0).ends(Ended::Whole);
        if action == Action::Wait {
            action = desk.after(1.0).look();
        }
        assert_eq!(action, Action::Start(cause, Scope::All));
        assert_eq!(desk.after(5.0).ends(Ended::Whole), Action::Wait);
        assert!(desk.left() > 60.0, "exactly one");
    };
    check(|| Event::Edited, Cause::Edit);
    check(|| Event::Nudged, Cause::Nudge);
    assert_eq!(Desk::rested().decide(Event::Nudged), Action::Start(Cause::Nudge, Scope::All));
}

#[test]
fn failures_are_tried_again_by_their_kind() {
    let alone = Books::default();
    let mut desk = Desk::new(alone, None);
    desk.look();
    for (failure, minutes) in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0].into_iter().enumerate() {
        assert_eq!(desk.ends(Ended::Failed(Retry::Trouble, 0)), Action::Wait);
        assert_eq!(desk.plan.failures() as usize, failure + 1);
        // An edit does not hasten it, a user does.
        assert_eq!(desk.decide(Event::Edited), Action::Wait);
        desk.starts_after(minutes * 60.0, Cause::Retry, Scope::All);
    }
    desk.ends(Ended::Failed(Retry::Trouble, 0));
    assert_eq!(desk.decide(Event::Nudged), Action::Start(Cause::Nudge, Scope::All));
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.plan.failures(), 0);

    // A refused login is tried rarely, whoever asks; new settings may be the cure.
    desk.after(600.0).look();
    desk.ends(Ended::Failed(Retry::Login, 0));
    assert_eq!(desk.decide(Event::Nudged), Action::Wait);
    assert!(desk.left() > 1800.0);
    assert_eq!(desk.decide(Event::Reloaded(every(15), false)), Action::Start(Cause::Settings, Scope::All));
    // Asked while it was at work, too.
    desk.decide(Event::Nudged);
    assert_eq!(desk.ends(Ended::Failed(Retry::Login, 0)), Action::Wait);
    desk.decide(Event::Reloaded(every(15), false));
    assert_eq!(desk.decide(Event::Reloaded(every(15), false)), Action::Wait, "one at a time");
    assert_eq!(desk.ends(Ended::Whole), Action::Wait, "it was the cure");

    // What only a user can mend is tried at its times.
    let mut desk = Desk::new(alone, None);
    desk.look();
    assert_eq!(desk.ends(Ended::Hopeless), Action::Wait);
    assert_eq!((desk.plan.failures(), desk.left()), (1, 600.0));
    assert_eq!(desk.ends(Ended::Whole), Action::Wait, "an end without a run changes nothing");
    assert_eq!(desk.plan.failures(), 1);
}

#[test]
fn a_day_without_network_is_lived_through() {
    let mut desk = Desk::rested();
    let (begun, mut dice) = (desk.now.up, Dice(1));
    let (mut tries, mut books) = (0, 0);
    desk.after(600.0);
    while desk.now.up - begun < Duration::from_secs(86_400) {
        match desk.look() {
            Action::Start(_, Scope::All) => {
                tries += 1;
                // A connection takes its time to fail.
                desk.after(30.0).ends(Ended::Failed(Retry::Trouble, dice.below(u64::MAX)));
            }
            Action::Start(_, Scope::Books) => {
                books += 1;
                desk.after(1.0).ends(Ended::Whole);
            }
            other => panic!("{other:?}"),
        }
        desk.after(desk.left());
    }
    assert!((24..60).contains(&tries), "{tries} tries in a day");
    assert!((80..=96).contains(&books), "the books keep their schedule: {books}");
    // It is back: within the hour everything is.
    let until = desk.now.up + Duration::from_secs(3600);
    while desk.look() != Action::Start(Cause::Retry, Scope::All) {
        desk.ends(Ended::Whole);
        desk.after(desk.left());
    }
    assert!(desk.now.up <= until);
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert_eq!((desk.plan.failures(), desk.plan.retry), (0, None));
}

#[test]
fn a_mirror_in_use_is_no_failure() {
    let mut desk = Desk::new(BOTH, None);
    desk.look();
    assert_eq!(desk.after(3.0).ends(Ended::Busy), Action::Wait);
    assert_eq!(desk.plan.failures(), 0);
    desk.starts_after(4.0, Cause::Retry, Scope::All);
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert!(desk.left() > 500.0);
}

#[test]
fn books_go_on_while_the_crm_is_in_trouble() {
    let mut desk = Desk::rested();
    desk.starts_after(600.0, Cause::Schedule, Scope::All);
    for _ in 0..7 {
        desk.ends(Ended::Failed(Retry::Trouble, 0));
        desk.decide(Event::Nudged);
    }
    // It is 10:30, and the CRM is asked again at 11:30.
    assert_eq!(desk.ends(Ended::Failed(Retry::Trouble, 0)), Action::Wait);
    desk.after(10.0).decide(Event::Edited);
    desk.starts_after(1.0, Cause::Edit, Scope::Books);
    assert_eq!(desk.after(1.0).ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.plan.failures(), 8, "the CRM is in trouble still");
    desk.starts_after(888.0, Cause::Schedule, Scope::Books);
    // Not lost where the mirror is in use.
    assert_eq!(desk.after(3.0).ends(Ended::Busy), Action::Wait);
    desk.starts_after(1.0, Cause::Edit, Scope::Books);
    assert_eq!(desk.ends(Ended::Failed(Retry::Trouble, 0)), Action::Wait);
    assert_eq!(desk.plan.failures(), 8);
    assert_eq!(desk.after(1796.0).look(), Action::Start(Cause::Schedule, Scope::Books));
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    desk.starts_after(900.0, Cause::Retry, Scope::All);
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.plan.failures(), 0);
    let check = |books: Books| {
        let mut desk = Desk::new(books, None);
        desk.look();
        desk.ends(Ended::Failed(Retry::Login, 0));
        assert_eq!(desk.decide(Event::Edited), Action::Wait, "{books:?}");
        desk.starts_after(3600.0, Cause::Retry, Scope::All);
    };
    check(Books { several: false, met_the_crm: true });
    check(Books { several: true, met_the_crm: false });
}

#[test]
fn a_stop_comes_first_and_lets_the_run_finish() {
    assert_eq!(Desk::new(BOTH, None).decide(Event::Stop), Action::Leave);
    let mut desk = Desk::new(BOTH, None);
    desk.look();
    desk.decide(Event::Nudged);
    assert_eq!(desk.decide(Event::Stop), Action::Wait);
    assert_eq!(desk.ends(Ended::Interrupted), Action::Leave);
}

#[test]
fn new_settings_bring_a_new_schedule() {
    let mut desk = Desk::rested();
    assert_eq!(desk.decide(Event::Reloaded(every(60), true)), Action::Wait);
    desk.starts_after(2400.0, Cause::Schedule, Scope::All);
    assert_eq!(desk.decide(Event::Reloaded(every(1), true)), Action::Wait, "while one is at work");
    assert_eq!(desk.after(90.0).ends(Ended::Whole), Action::Wait);
    desk.starts_after(30.0, Cause::Schedule, Scope::All);
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What became of a month.
#[derive(Default)]
struct Month {
    runs: u64,
    by: BTreeMap<&'static str, u64>,
    /// Times of the schedule that a run began at.
    served: BTreeMap<i64, u64>,
}

/// Lives through 31 days, four runs an hour: runs take up to twenty minutes, fail, meet a mirror in use; people edit and ask, the
/// machine sleeps, the clock is set, the settings are read again.
fn month(seed: u64) -> Month {
    let mut dice = Dice(seed);
    let mut month = Month::default();
    let mut desk = Desk::new(BOTH, Some("01T10:16:00"));
    let begun = desk.now.up;
    let (mut ends, mut owed): (Option<Duration>, Option<Duration>) = (None, None);
    let mut action = desk.look();
    while desk.now.up - begun < Duration::from_secs(31 * 86_400) {
        if let Action::Start(cause, scope) = action {
            assert!(ends.is_none(), "one at a time");
            month.runs += 1;
            *month.by.entry(cause.word()).or_default() += 1;
            if cause == Cause::Schedule {
                *month.served.entry(desk.plan.done.timestamp()).or_default() += 1;
            }
            // Whatever was edited before is in this run, unless that was for the CRM and it is waited for.
            if scope == Scope::All {
                owed = None;
            }
            let took = if dice.below(50) == 0 { 60 + dice.below(1200) } else { 1 + dice.below(20) };
            ends = Some(desk.now.up + Duration::from_secs(took));
        }
        // What happens next: the end of the run, the deadline, or something from outside before either.
        let deadline = desk.left();
        let end = ends.map_or(f64::INFINITY, |end| end.as_secs_f64() - desk.now.up.as_secs_f64());
        let outside = dice.below(1_200_000) as f64 / 1000.0;
        let step = deadline.min(end).min(outside);
        assert!(step.is_finite());
        desk.after(step.max(0.0));
        let event = if step == end {
            ends = None;
            Event::Ended(match dice.below(20) {
                0 | 1 => Ended::Failed(Retry::Trouble, dice.below(u64::MAX)),
                2 => Ended::Busy,
                3 if dice.below(20) == 0 => Ended::Failed(Retry::Login, dice.below(u64::MAX)),
                4 if dice.below(5) == 0 => Ended::Hopeless,
                _ => Ended::Whole,
            })
        } else if step == deadline {
            Event::Look
        } else {
            match dice.below(40) {
                0 => {
                    desk.after(dice.below(40_000) as f64);
                    Event::Look
                }
                1 => {
                    // Under a minute either way, as time servers do.
                    desk.now.wall += TimeDelta::milliseconds(dice.below(100_000) as i64 - 50_000);
                    Event::Look
                }
                2 => Event::Reloaded(every(15), true),
                3..6 => Event::Nudged,
                _ => {
                    owed = owed.or(Some(desk.now.up));
                    Event::Edited
                }
            }
        };
        action = desk.decide(event);
        if desk.plan.at_work.is_none() && desk.plan.retry.is_none() {
            let left = (desk.plan.due - desk.now.wall).as_seconds_f64();
            assert!(0.0 < left && left <= 16.0 * 60.0, "seed {seed}: the next run is {left} s away");
        }
        assert!(ends.is_some() || matches!(action, Action::Start(..)) || desk.left() < 12.1 * 3600.0, "never silent");
        if let Some(since) = owed.filter(|_| ends.is_none() && desk.plan.retry.is_none()) {
            let waits = desk.now.up.saturating_sub(since);
            let most = QUIET_WAITED_MAX + PAUSE_MAX + Duration::from_secs(45_000);
            assert!(waits <= most, "an edit waits for {waits:?}");
        }
    }
    month
}

#[test]
fn a_month_of_trouble_misses_and_repeats_nothing() {
    let mut causes = BTreeMap::<&str, u64>::new();
    for seed in 0..40 {
        let month = month(seed);
        assert!(month.runs > 2500, "{} runs with seed {seed}", month.runs);
        let twice: Vec<_> = month.served.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "seed {seed}: times that came twice: {twice:?}");
        month.by.into_iter().for_each(|(cause, count)| *causes.entry(cause).or_default() += count);
    }
    assert!(causes.len() == 5 && causes.values().all(|count| *count > 20), "{causes:?}");
}

#[test]
fn while_paused_nothing_begins_by_itself() {
    let mut desk = Desk::rested();
    assert_eq!(desk.decide(Event::Paused(true)), Action::Wait);
    assert_eq!((desk.plan.deadline(), desk.plan.next(desk.now)), (Deadline::default(), None));
    assert_eq!(desk.after(3600.0).look(), Action::Wait, "its times pass");
    assert_eq!(desk.decide(Event::Edited), Action::Wait);
    assert_eq!(desk.after(60.0).decide(Event::Nudged), Action::Wait, "a device writes");
    assert_eq!(desk.decide(Event::Insisted), Action::Start(Cause::Nudge, Scope::All), "a user asks");
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert_eq!(desk.after(3600.0).decide(Event::Nudged), Action::Wait);
    assert_eq!(desk.decide(Event::Paused(false)), Action::Start(Cause::Nudge, Scope::All), "once for all of it");
    assert_eq!(desk.ends(Ended::Whole), Action::Wait);
    assert!(desk.plan.next(desk.now).is_some());
    // What was asked for while a run is at work is made after it, paused meanwhile or not.
    desk.decide(Event::Insisted);
    desk.decide(Event::Paused(true));
    assert_eq!(desk.decide(Event::Insisted), Action::Wait);
    assert_eq!(desk.ends(Ended::Whole), Action::Start(Cause::Nudge, Scope::All));
    desk.decide(Event::Stop);
    assert_eq!(desk.ends(Ended::Interrupted), Action::Leave);
}
