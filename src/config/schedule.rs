//! When the daemon runs: a crontab line as cron(8) means it, `@hourly` and its kin, or `every 15m`.
//!
//! The calendar search is the `cron` crate's, but its own reading of lines and of daylight saving is not cron's: it
//! wants seconds, counts Sunday as 1, ANDs day-of-month with day-of-week, skips times in the spring gap and fires twice
//! in autumn. So lines are read here and handed over as plain numbers, and the crate searches wall-clock time as if it
//! were UTC; what that means as an instant is decided here. It lives beside the settings, not in the daemon, so that a
//! wrong schedule is shown with its line.

use std::{fmt, time::Duration};

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};

use super::parse_duration;

/// What a user can write; for hints.
pub const EXAMPLES: &str = "such as \"*/15 * * * *\", \"30 7 * * mon-fri\", \"@hourly\" or \"every 15m\"";

/// The shortest interval that makes sense against a server.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Times to run at. Pure: the present moment and its time zone are handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    times: Times,
}

/// Why a schedule's text is wrong: a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Times {
    /// Wall-clock times: those of any of the lines. Two lines where both day fields are restricted.
    Wall(Vec<cron::Schedule>),
    /// Multiples of this since 1970-01-01T00:00:00Z, so that the next one does not depend on when it was asked for.
    Every(Duration),
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// When it is none, or one whose time never comes (`0 0 30 2 *`).
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if let Some(interval) = text.strip_prefix("every ") {
            let interval = parse_duration(interval).map_err(ScheduleError)?;
            if interval < INTERVAL_MIN {
                return Err(ScheduleError(format!("the interval must be at least {INTERVAL_MIN:?}")));
            }
            return Ok(Self { text: text.to_owned(), times: Times::Every(interval) });
        }
        let line = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            word if word.starts_with('@') => return Err(ScheduleError(format!("`{word}` is not a known schedule"))),
            line => line,
        };
        let schedule = Self { text: text.to_owned(), times: Times::Wall(read_line(line)?) };
        // The longest wait of a line that comes at all is the eight years around a century without leap day.
        match schedule.next(&DateTime::<Utc>::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError("this date never comes".to_owned())),
        }
    }

    /// A run at every multiple of the interval, which is at least a second.
    pub fn every(interval: Duration) -> Self {
        let interval = interval.max(INTERVAL_MIN);
        Self { text: format!("every {}s", interval.as_secs()), times: Times::Every(interval) }
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The next time to run, strictly after `now`, in its time zone.
    ///
    /// Each wall-clock time comes once: where clocks go back, at its first occurrence. A time that clocks skip comes at
    /// the first instant after the gap. `None` only at the end of the calendar.
    pub fn next<Tz: TimeZone>(&self, now: &DateTime<Tz>) -> Option<DateTime<Tz>> {
        match &self.times {
            Times::Every(interval) => {
                let interval = i64::try_from(interval.as_millis()).ok()?;
                let millis = now.timestamp_millis().div_euclid(interval).checked_add(1)?.checked_mul(interval)?;
                now.timezone().timestamp_millis_opt(millis).single()
            }
            Times::Wall(lines) => {
                let mut wall = now.naive_local();
                // In the hour that is repeated, the wall clock's next times may all be past already.
                loop {
                    wall = lines.iter().filter_map(|line| line.after(&wall.and_utc()).next()).min()?.naive_utc();
                    let instant = instant_of(&now.timezone(), wall)?;
                    if instant > *now {
                        return Some(instant);
                    }
                }
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first instant at which clocks show this time or, where they skip it, the first after the gap.
fn instant_of<Tz: TimeZone>(zone: &Tz, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
    // No gap was ever longer than a day (Samoa, 2011), and all end on a whole minute.
    let minutes = (0..=24 * 60).map(|minutes| wall.checked_add_signed(TimeDelta::minutes(minutes)));
    minutes.flatten().find_map(|wall| {
        let found = zone.from_local_datetime(&wall);
        // At the very edge of a change some zones offer an instant that shows another time.
        [found.clone().earliest(), found.latest()].into_iter().flatten().find(|instant| instant.naive_local() == wall)
    })
}

/// A field of a crontab line.
struct Part {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const PARTS: [Part; 5] = [
    Part { name: "minute", first: 0, last: 59, names: &[] },
    Part { name: "hour", first: 0, last: 23, names: &[] },
    Part { name: "day of the month", first: 1, last: 31, names: &[] },
    Part { name: "month", first: 1, last: 12, names: &MONTHS },
    Part { name: "day of the week", first: 0, last: 7, names: &WEEKDAYS },
];

fn read_line(line: &str) -> Result<Vec<cron::Schedule>, ScheduleError> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[minute, hour, day, month, weekday] = fields.as_slice() else {
        let count = fields.len();
        return Err(ScheduleError(format!("a crontab line has 5 fields, this one has {count}")));
    };
    let [minutes, hours, days, months] =
        [(0, minute), (1, hour), (2, day), (3, month)].map(|(part, field)| PARTS[part].read(field).map(|n| join(&n)));
    let (minutes, hours, days, months) = (minutes?, hours?, days?, months?);
    let mut weekdays: Vec<u32> = PARTS[4].read(weekday)?.into_iter().map(|day| day % 7 + 1).collect();
    weekdays.sort_unstable();
    weekdays.dedup();
    let weekdays = join(&weekdays);
    // crontab(5): restricted means that the field does not begin with a star; `*/2` does.
    let either = !day.starts_with('*') && !weekday.starts_with('*');
    let lines = if either {
        vec![format!("0 {minutes} {hours} {days} {months} *"), format!("0 {minutes} {hours} * {months} {weekdays}")]
    } else {
        vec![format!("0 {minutes} {hours} {days} {months} {weekdays}")]
    };
    let read = |line: &String| line.parse().map_err(|_| ScheduleError("this date never comes".to_owned()));
    lines.iter().map(read).collect()
}

fn join(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

impl Part {
    /// The numbers that a field means: stars, numbers, names, ranges, steps, lists of them.
    fn read(&self, field: &str) -> Result<Vec<u32>, ScheduleError> {
        let mut numbers = Vec::new();
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (item, None),
            };
            let (from, to) = match (range, range.split_once('-')) {
                // 7 is Sunday once more: a star with a step must not count it twice.
                ("*", _) => (self.first, if self.last == 7 { 6 } else { self.last }),
                (_, Some((from, to))) => (self.number(from, false)?, self.number(to, true)?),
                (single, None) if step.is_none() => {
                    let number = self.number(single, false)?;
                    (number, number)
                }
                (single, None) => {
                    let last = self.last;
                    return Err(self.wrong(item, &format!("a step needs a range, such as {single}-{last}/2 or */2")));
                }
            };
            if from > to {
                return Err(self.wrong(item, "a range goes upwards; write two, separated by a comma"));
            }
            let step: u32 = match step.map(str::parse) {
                None => 1,
                Some(Ok(step @ 1..=59)) => step,
                Some(Ok(_) | Err(_)) => return Err(self.wrong(item, "a step is a number from 1 on")),
            };
            numbers.extend((from..=to).step_by(step as usize));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// A number or a name. At the end of a range Sunday is 7, so that `sat-sun` goes upwards.
    fn number(&self, word: &str, ends_range: bool) -> Result<u32, ScheduleError> {
        let lower = word.to_ascii_lowercase();
        if let Some(index) = self.names.iter().position(|name| *name == lower) {
            let number = self.first + u32::try_from(index).unwrap_or_default();
            return Ok(if ends_range && self.last == 7 && number == 0 { 7 } else { number });
        }
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        match word.parse() {
            Ok(number) if digits && (self.first..=self.last).contains(&number) => Ok(number),
            _ => Err(self.wrong(word, &format!("expected {} to {}", self.first, self.last))),
        }
    }

    fn wrong(&self, item: &str, why: &str) -> ScheduleError {
        ScheduleError(format!("`{item}` is no {}: {why}", self.name))
    }
}

#[cfg(test)]
mod tests;
