//! What crontab lines mean, on ordinary days and on those when clocks change.

use chrono::{FixedOffset, MappedLocalTime, NaiveDate};

use super::*;

/// Europe/Paris in 2026, by hand: summer time from 29 March 01:00 UTC to 25 October 01:00 UTC.
#[derive(Debug, Clone, Copy)]
struct Paris;

impl Paris {
    fn summer() -> (NaiveDateTime, NaiveDateTime) {
        let at = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap().and_hms_opt(1, 0, 0).unwrap();
        (at(3, 29), at(10, 25))
    }

    fn offset(hours: i32) -> FixedOffset {
        FixedOffset::east_opt(hours * 3600).unwrap()
    }
}

impl TimeZone for Paris {
    type Offset = FixedOffset;

    fn from_offset(_: &FixedOffset) -> Self {
        Paris
    }

    fn offset_from_local_date(&self, _: &NaiveDate) -> MappedLocalTime<FixedOffset> {
        MappedLocalTime::None
    }

    fn offset_from_local_datetime(&self, wall: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        let fits = |hours: i32| {
            let offset = Self::offset(hours);
            (self.offset_from_utc_datetime(&(*wall - TimeDelta::hours(hours.into()))) == offset).then_some(offset)
        };
        match (fits(2), fits(1)) {
            (Some(summer), Some(winter)) => MappedLocalTime::Ambiguous(summer, winter),
            (Some(only), None) | (None, Some(only)) => MappedLocalTime::Single(only),
            (None, None) => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, _: &NaiveDate) -> FixedOffset {
        Self::offset(1)
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> FixedOffset {
        let (from, to) = Self::summer();
        Self::offset(if (from..to).contains(utc) { 2 } else { 1 })
    }
}

fn paris(instant: &str) -> DateTime<Paris> {
    DateTime::parse_from_rfc3339(instant).unwrap().with_timezone(&Paris)
}

/// The next runs after `now`, as RFC 3339 in Paris.
fn check(line: &str, now: &str, expected: &[&str]) {
    let schedule = Schedule::parse(line).unwrap();
    let mut now = paris(now);
    for expected in expected {
        now = schedule.next(&now).unwrap();
        let shown = now.fixed_offset().to_rfc3339();
        assert_eq!(shown, *expected, "{line}");
    }
}

#[test]
fn next_is_strictly_after_now() {
    check("*/15 * * * *", "2026-06-01T10:00:00+02:00", &["2026-06-01T10:15:00+02:00", "2026-06-01T10:30:00+02:00"]);
    check("*/15 * * * *", "2026-06-01T09:59:59.999+02:00", &["2026-06-01T10:00:00+02:00"]);
    check("0 0 1 1 *", "2026-12-31T23:59:00+01:00", &["2027-01-01T00:00:00+01:00", "2028-01-01T00:00:00+01:00"]);
    check("@daily", "2026-06-01T00:00:00+02:00", &["2026-06-02T00:00:00+02:00"]);
    check("@hourly", "2026-06-01T10:30:00+02:00", &["2026-06-01T11:00:00+02:00"]);
    check("every 15m", "2026-06-01T10:07:00+02:00", &["2026-06-01T10:15:00+02:00", "2026-06-01T10:30:00+02:00"]);
    check("every 90s", "2026-06-01T10:00:00+02:00", &["2026-06-01T10:01:30+02:00"]);
}

#[test]
fn weekdays_are_crons() {
    // 2026-06-01 is a Monday.
    let monday = "2026-06-01T12:00:00+02:00";
    check("0 8 * * 0", monday, &["2026-06-07T08:00:00+02:00"]);
    check("0 8 * * 7", monday, &["2026-06-07T08:00:00+02:00"]);
    check("0 8 * * SUN", monday, &["2026-06-07T08:00:00+02:00"]);
    check("0 8 * * 1", monday, &["2026-06-08T08:00:00+02:00"]);
    check("0 8 * * mon-fri", monday, &["2026-06-02T08:00:00+02:00", "2026-06-03T08:00:00+02:00"]);
    check(
        "0 8 * * 5-7",
        monday,
        &[
            "2026-06-05T08:00:00+02:00",
            "2026-06-06T08:00:00+02:00",
            "2026-06-07T08:00:00+02:00",
            "2026-06-12T08:00:00+02:00",
        ],
    );
    check("0 8 * * sat-sun", monday, &["2026-06-06T08:00:00+02:00", "2026-06-07T08:00:00+02:00"]);
    check("0 8 * jul *", monday, &["2026-07-01T08:00:00+02:00"]);
}

#[test]
fn either_day_counts_when_both_are_restricted() {
    let monday = "2026-06-01T12:00:00+02:00";
    check(
        "0 0 3 * fri",
        monday,
        &["2026-06-03T00:00:00+02:00", "2026-06-05T00:00:00+02:00", "2026-06-12T00:00:00+02:00"],
    );
    // A field that begins with a star restricts nothing in this sense: even days that are Fridays.
    check("0 0 */2 * fri", monday, &["2026-06-05T00:00:00+02:00", "2026-06-19T00:00:00+02:00"]);
}

#[test]
fn in_spring_a_skipped_time_comes_at_the_end_of_the_gap() {
    let before = "2026-03-29T00:30:00+01:00";
    check("30 2 * * *", before, &["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]);
    check("*/30 * * * *", "2026-03-29T01:30:00+01:00", &["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]);
    check("0 3 * * *", before, &["2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"]);
    check("0 2 * * *", before, &["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]);
    check("every 30m", "2026-03-29T01:30:00+01:00", &["2026-03-29T03:00:00+02:00"]);
}

#[test]
fn in_autumn_each_time_on_the_clock_comes_once() {
    let before = "2026-10-25T01:45:00+02:00";
    check("30 2 * * *", before, &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]);
    check(
        "*/30 * * * *",
        before,
        &["2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"],
    );
    // Asked in the second 02:15, the next 02:30 is the one that was already had.
    check("30 2 * * *", "2026-10-25T02:15:00+01:00", &["2026-10-26T02:30:00+01:00"]);
    check("0 3 * * *", before, &["2026-10-25T03:00:00+01:00"]);
    check("every 30m", "2026-10-25T02:30:00+02:00", &["2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"]);
}

#[test]
fn wrong_lines_say_what_is_wrong() {
    let check = |line: &str, expected: &str| {
        assert_eq!(Schedule::parse(line).unwrap_err().to_string(), expected, "{line}");
    };
    check("", "a crontab line has 5 fields, this one has 0");
    check("0 */5 * * * *", "a crontab line has 5 fields, this one has 6");
    check("60 * * * *", "`60` is no minute: expected 0 to 59");
    check("* 24 * * *", "`24` is no hour: expected 0 to 23");
    check("* * 0 * *", "`0` is no day of the month: expected 1 to 31");
    check("* * * 13 *", "`13` is no month: expected 1 to 12");
    check("* * * * 8", "`8` is no day of the week: expected 0 to 7");
    check("* * L * *", "`L` is no day of the month: expected 1 to 31");
    check("+5 * * * *", "`+5` is no minute: expected 0 to 59");
    check("* 22-6 * * *", "`22-6` is no hour: a range goes upwards; write two, separated by a comma");
    check("5/15 * * * *", "`5/15` is no minute: a step needs a range, such as 5-59/2 or */2");
    check("*/0 * * * *", "`*/0` is no minute: a step is a number from 1 on");
    check("1,,2 * * * *", "`` is no minute: expected 0 to 59");
    check("0 0 30 2 *", "this date never comes");
    check("@reboot", "`@reboot` is not a known schedule");
    check("every 0s", "the interval must be at least 1s");
    check("every fortnight", "expected a duration such as \"60s\", \"2m\" or \"1h30m\"");
}

#[test]
fn leap_days_are_waited_for() {
    check("0 0 29 2 *", "2026-06-01T00:00:00+02:00", &["2028-02-29T00:00:00+01:00"]);
}

/// On days without a change, another reading of the same lines agrees: `croner`, set up as crontab(5) has it.
#[test]
fn croner_agrees_on_ordinary_days() {
    let lines = [
        "*/15 * * * *",
        "7 3 * * *",
        "0 9-17/2 * * mon-fri",
        "0 0 13 * fri",
        "30 4 1,15 * 5",
        "0 22 * * 1-5",
        "23 0-20/2 * * *",
        "5 4 * * sun",
        "0 0,12 1 */2 *",
        "15 14 1 * *",
        "0 0 31 * *",
        "59 23 28-31 * *",
        "1,2,3 5 * 2,8 6",
    ];
    for line in lines {
        let ours = Schedule::parse(line).unwrap();
        let theirs: croner::Cron = line.parse().unwrap();
        let mut now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap().with_timezone(&Utc);
        for _ in 0..200 {
            let expected = theirs.find_next_occurrence(&now, false).unwrap();
            assert_eq!(ours.next(&now).unwrap(), expected, "{line} after {now}");
            now = expected;
        }
    }
}

/// A line with one time a day runs on every day of a year with both changes, and once.
#[test]
fn a_fixed_time_comes_once_a_day_all_year() {
    for minute in (0..24 * 60).step_by(30) {
        let schedule = Schedule::parse(&format!("{} {} * * *", minute % 60, minute / 60)).unwrap();
        let mut now = paris("2026-01-01T00:00:00+01:00") - TimeDelta::seconds(1);
        let mut days = Vec::new();
        while let Some(next) = schedule.next(&now).filter(|next| *next < paris("2027-01-01T00:00:00+01:00")) {
            assert!(next > now);
            days.push(next.date_naive());
            now = next;
        }
        assert_eq!(days.len(), 365, "minute {minute}");
        days.dedup();
        assert_eq!(days.len(), 365, "minute {minute}");
    }
}
