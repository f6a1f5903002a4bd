//! Books on servers that are in trouble, each tried again less often while the others keep the schedule. Pure: times and chance
//! are handed in.
//!
//! A file is cheap to look at, and its edits are seen; a server that is down or refuses a login costs each run its time-outs and
//! its tries. Whoever asks for a run, or has the settings read again, has all of them tried at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    backoff::{self, Retry},
    plan::{Cause, Now},
};
use crate::sync::{Activity, Summary};

/// The books that rest.
#[derive(Debug, Default)]
pub struct Resting {
    books: BTreeMap<String, Rest>,
}

#[derive(Debug)]
struct Rest {
    /// Runs in a row that could not read it.
    failures: u32,
    /// The uptime before which no run takes it along by itself.
    until: Duration,
}

impl Resting {
    /// The books that a run made for this reason leaves out.
    pub fn left_out(&self, cause: Cause, now: Now) -> BTreeSet<String> {
        match cause {
            Cause::Nudge | Cause::Settings => BTreeSet::new(),
            Cause::Schedule | Cause::Retry | Cause::Edit => {
                let rest = self.books.iter().filter(|(_, rest)| rest.until > now.up);
                rest.map(|(name, _)| name.clone()).collect()
            }
        }
    }

    /// Takes in a run that came to its end, with those of `on_servers` that took part in it.
    pub fn take_end(&mut self, summary: &Summary, on_servers: &BTreeSet<String>, (now, chance): (Now, u64)) {
        let failed = unread(summary);
        for name in on_servers {
            if !failed.contains(name.as_str()) {
                self.books.remove(name);
                continue;
            }
            let rest = self.books.entry(name.clone()).or_insert(Rest { failures: 0, until: Duration::ZERO });
            rest.failures = rest.failures.saturating_add(1);
            rest.until = now.up + backoff::delay(Retry::Book, rest.failures, chance);
        }
    }

    /// Forgets the books that the settings name no more.
    pub fn keep(&mut self, on_servers: &BTreeSet<String>) {
        self.books.retain(|name, _| on_servers.contains(name));
    }

    /// Before which time of day each is not tried again by itself.
    pub fn until(&self, now: Now) -> BTreeMap<String, DateTime<Utc>> {
        let rest = self.books.iter().filter(|(_, rest)| rest.until > now.up);
        rest.map(|(name, rest)| {
            let left = TimeDelta::from_std(rest.until - now.up).unwrap_or_default();
            (name.clone(), now.wall + left)
        })
        .collect()
    }
}

/// The replicas that could not be read at all.
fn unread(summary: &Summary) -> BTreeSet<&str> {
    let whole = summary.failures.iter().filter(|failure| failure.activity == Activity::Read);
    let whole = whole.filter(|failure| failure.subjects.iter().any(|subject| subject.is_whole()));
    whole.map(|failure| failure.replica.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::events::{FailedSubject, Failure};

    fn at(minutes: u64) -> Now {
        let up = Duration::from_secs(minutes * 60);
        Now { wall: DateTime::UNIX_EPOCH + up, up }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A run that could not read these books, nor a card of `cards`.
    fn summary(failed: &[&str]) -> Summary {
        let subject = |place: &str| FailedSubject { place: place.into(), contact: None, message: "read it: no".into() };
        let failure = |replica: &str, activity, place: &str| Failure {
            replica: replica.to_owned(),
            activity,
            count: 1,
            hint: None,
            subjects: vec![subject(place)],
        };
        let mut failures: Vec<Failure> = failed.iter().map(|name| failure(name, Activity::Read, "")).collect();
        failures.push(failure("cards", Activity::Read, "ada.vcf"));
        failures.push(failure("cards", Activity::Write, ""));
        Summary { failures, ..Summary::default() }
    }

    #[test]
    fn a_book_in_trouble_is_tried_less_and_less_often() {
        let (mut resting, all) = (Resting::default(), names(&["phones", "cards"]));
        // Runs every 15 minutes, for two days: how long it is since the last try.
        let (mut waits, mut last) = (Vec::new(), 0);
        for minutes in (0..2 * 24 * 60).step_by(15) {
            let left_out = resting.left_out(Cause::Schedule, at(minutes));
            assert!(!left_out.contains("cards"), "one card, or a write, is not the book's trouble");
            let took_part: BTreeSet<String> = all.difference(&left_out).cloned().collect();
            if took_part.contains("phones") {
                waits.push(minutes - last);
                last = minutes;
            }
            resting.take_end(
                &summary(if left_out.is_empty() { &["phones"] } else { &[] }),
                &took_part,
                (at(minutes), 0),
            );
        }
        assert_eq!(waits, [0, 15, 30, 60, 120, 240, 360, 360, 360, 360, 360, 360]);
    }

    #[test]
    fn whoever_asks_has_it_tried_and_when_it_is_well_it_keeps_the_schedule() {
        let (mut resting, all) = (Resting::default(), names(&["phones"]));
        for minutes in [0, 20, 60] {
            resting.take_end(&summary(&["phones"]), &all, (at(minutes), 0));
        }
        let left_out = |resting: &Resting, cause| !resting.left_out(cause, at(61)).is_empty();
        assert!([Cause::Schedule, Cause::Edit, Cause::Retry].map(|cause| left_out(&resting, cause)) == [true; 3]);
        assert!([Cause::Nudge, Cause::Settings].map(|cause| left_out(&resting, cause)) == [false; 2]);
        assert_eq!(resting.until(at(61)), [("phones".to_owned(), at(120).wall)].into());
        // The clock was set meanwhile: the wait is by the uptime.
        let set = Now { wall: at(500).wall, ..at(61) };
        assert_eq!(resting.until(set), [("phones".to_owned(), at(559).wall)].into());
        resting.take_end(&summary(&[]), &names(&[]), (at(61), 0));
        assert!(left_out(&resting, Cause::Schedule), "a run without it says nothing of it");
        resting.take_end(&summary(&[]), &all, (at(61), 0));
        assert!(!left_out(&resting, Cause::Schedule) && resting.until(at(61)).is_empty());
        resting.take_end(&summary(&["phones"]), &all, (at(61), 0));
        resting.keep(&names(&["others"]));
        assert!(resting.until(at(61)).is_empty());
    }
}
