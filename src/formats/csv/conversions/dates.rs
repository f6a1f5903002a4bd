//! Dates and times as texts spell them: every day that some country's spreadsheet takes a text for.

/// A day; of some spellings, in no year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    year: Option<Year>,
    month: u32,
    day: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Year {
    Whole(u32),
    /// Two digits.
    Short(u32),
}

impl Year {
    fn may_be(self, other: Self) -> bool {
        let (Self::Whole(a) | Self::Short(a), Self::Whole(b) | Self::Short(b)) = (self, other);
        match (self, other) {
            (Self::Whole(_), Self::Whole(_)) => a == b,
            _ => a % 100 == b % 100,
        }
    }
}

/// The months in English and French, whole and as spreadsheets cut them short.
const MONTHS: [&[&str]; 12] = [
    &["jan", "january", "janv", "janvier"],
    &["feb", "february", "févr", "fevr", "février", "fevrier"],
    &["mar", "march", "mars"],
    &["apr", "april", "avr", "avril"],
    &["may", "mai"],
    &["jun", "june", "juin"],
    &["jul", "july", "juil", "juillet"],
    &["aug", "august", "août", "aout"],
    &["sep", "sept", "september", "septembre"],
    &["oct", "october", "octobre"],
    &["nov", "november", "novembre"],
    &["dec", "déc", "december", "décembre", "decembre"],
];

impl Day {
    /// Every day that the text may be, at most five.
    pub fn readings(text: &str) -> Vec<Self> {
        let parts = parts(without_midnight(text.trim()));
        let mut days = Vec::new();
        let mut add = |year: Option<Year>, month: Option<u32>, day: Option<u32>| {
            if let (Some(month), Some(day)) = (month, day)
                && (1..=12).contains(&month)
                && (1..=31).contains(&day)
            {
                days.push(Self { year, month, day });
            }
        };
        match parts.as_slice() {
            [first, second] => {
                let (named, other) = if first.month().is_some() { (first, second) } else { (second, first) };
                if let Some(month) = named.month() {
                    add(None, Some(month), other.small());
                    if let Some(year) = other.year() {
                        add(Some(year), Some(month), Some(1));
                    }
                } else {
                    add(None, second.small(), first.small());
                    add(None, first.small(), second.small());
                    for (year, month) in [(second, first), (first, second)] {
                        if let Some(year) = year.year().filter(|year| matches!(year, Year::Whole(_))) {
                            add(Some(year), month.small(), Some(1));
                        }
                    }
                }
            }
            [first, second, third] => {
                if let Some(month) = second.month() {
                    add(third.year(), Some(month), first.small());
                    add(first.year(), Some(month), third.small());
                } else if let Some(month) = first.month() {
                    add(third.year(), Some(month), second.small());
                } else {
                    if let Some(year) = first.year() {
                        add(Some(year), second.small(), third.small());
                    }
                    if let Some(year) = third.year() {
                        add(Some(year), second.small(), first.small());
                        add(Some(year), first.small(), second.small());
                    }
                }
            }
            _ => {}
        }
        days.dedup();
        days
    }

    /// The first of the month that "12/25" may be, since no month has 25 days in any order; it is shown as "déc-25".
    pub fn month_of_year(text: &str) -> Option<Self> {
        let parts = parts(text.trim());
        let [month, year] = parts.as_slice() else { return None };
        let (month, year) = (month.small().filter(|month| (1..=12).contains(month))?, year.year()?);
        matches!(year, Year::Short(13..)).then_some(Self { year: Some(year), month, day: 1 })
    }

    /// True for a text of two numbers: which is the month is for the reader to say.
    pub fn is_ambiguous(text: &str) -> bool {
        let parts = parts(text.trim());
        parts.len() == 2 && parts.iter().all(|part| part.small().is_some())
    }

    /// True for a whole date, or one with a month's name: no telephone number is written so.
    pub fn is_date(text: &str) -> bool {
        let parts = parts(without_midnight(text.trim()));
        let is_named = parts.iter().any(|part| part.month().is_some());
        let separators = text.chars().filter(|c| !c.is_alphanumeric()).collect::<String>();
        let is_spaced = separators.trim().is_empty() && !is_named;
        (parts.len() == 3 || is_named) && !is_spaced && !Self::readings(text).is_empty()
    }

    /// True where the two may be the same day.
    pub fn may_be(self, other: Self) -> bool {
        let same_year = self.year.zip(other.year).is_none_or(|(a, b)| a.may_be(b));
        same_year && (self.month, self.day) == (other.month, other.day)
    }

    /// The number that a spreadsheet counts the day by.
    pub fn serial(self) -> Option<i64> {
        let year = match self.year? {
            Year::Whole(year) => year,
            Year::Short(year) => 2000 + year,
        };
        let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, self.month, self.day)?;
        Some((date - chrono::NaiveDate::from_ymd_opt(1899, 12, 30)?).num_days())
    }
}

/// Seconds since midnight of a time of day: "12:30", "9:05:00 PM".
pub fn seconds(text: &str) -> Option<u32> {
    let upper = text.trim().to_ascii_uppercase();
    let (time, afternoon) = match (upper.strip_suffix("PM"), upper.strip_suffix("AM")) {
        (Some(time), _) => (time.trim_end(), Some(true)),
        (_, Some(time)) => (time.trim_end(), Some(false)),
        (None, None) => (upper.as_str(), None),
    };
    let parts: Vec<u32> = time.split(':').map(number).collect::<Option<_>>()?;
    let (&hours, &minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, *seconds),
        _ => return None,
    };
    let hours = match afternoon {
        Some(true) if (1..12).contains(&hours) => hours + 12,
        Some(false) if hours == 12 => 0,
        Some(_) | None => hours,
    };
    (hours < 1000 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// Apple's Numbers writes a day with its midnight.
fn without_midnight(text: &str) -> &str {
    text.strip_suffix("00:00:00").map_or(text, |date| date.trim_end_matches([' ', 'T']))
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A part of a date.
struct Part<'t>(&'t str);

impl Part<'_> {
    /// A day or a month's number.
    fn small(&self) -> Option<u32> {
        number(self.0).filter(|_| self.0.len() <= 2)
    }

    fn year(&self) -> Option<Year> {
        let year = number(self.0)?;
        match self.0.len() {
            2 => Some(Year::Short(year)),
            4 => Some(Year::Whole(year)).filter(|_| (1900..2100).contains(&year)),
            _ => None,
        }
    }

    fn month(&self) -> Option<u32> {
        if self.0.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let name = self.0.to_lowercase();
        let found = MONTHS.iter().position(|names| names.contains(&name.as_str()))?;
        u32::try_from(found + 1).ok()
    }
}

/// The parts of a date, two or three; none of a text that is none.
fn parts(text: &str) -> Vec<Part<'_>> {
    if text.len() > 24 {
        return Vec::new();
    }
    let is_separator = |c: char| matches!(c, '/' | '-' | '.' | ' ' | '\u{a0}' | ',');
    let mut parts: Vec<Part<'_>> = text.split(is_separator).filter(|part| !part.is_empty()).map(Part).collect();
    if let [only] = parts.as_slice()
        && let Some(at) = only.0.find(|c: char| c.is_ascii_digit()).filter(|at| *at >= 3)
    {
        // "MARCH1": a gene to a biologist, a day to Excel.
        parts = vec![Part(&only.0[..at]), Part(&only.0[at..])];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let days = Day::readings(b);
        Day::readings(a).iter().any(|a| days.iter().any(|b| a.may_be(*b)))
    }

    #[test]
    fn one_day_in_many_spellings() {
        for (a, b) in [
            ("1/2", "02/01/26"),
            ("1/2", "1-Feb"),
            ("1/2", "01-févr"),
            ("1/2", "2-Jan"),
            ("29/11/2026", "11/29/26"),
            ("12.05.20", "05/12/20"),
            ("12.05.20", "2020/12/05"),
            ("2026-11-29", "2026/11/29"),
            ("2026-11-29", "29/11/2026 00:00:00"),
            ("12-05-20", "2012-05-20"),
            ("MARCH1", "1-Mar"),
            ("SEPT2", "2-sept."),
            ("DEC1", "01-déc"),
            ("mars 2026", "mars-26"),
            ("12/25", "25-Dec"),
            ("5 mai 2026", "05/05/2026"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("1/2", "03/01/26"),
            ("29/11/2026", "11/29/25"),
            ("29/11/2026", "29/11/1926"),
            ("1.5", "1.6"),
            ("13/13/20", "01/01/21"),
            ("Marc 1", "1-Mar"),
            ("Avril Dupont", "1-Apr"),
            ("Juliette 3", "3-Jul"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
        let month = Day::month_of_year("12/25").unwrap();
        assert!(Day::readings("déc-25").iter().any(|day| day.may_be(month)));
        assert!(["1/2", "13/25", "12/2025", "x/25"].iter().all(|text| Day::month_of_year(text).is_none()));
        assert_eq!(Day::readings("29/11/2026").iter().map(|day| day.serial()).collect::<Vec<_>>(), [Some(46_355)]);
    }

    #[test]
    fn no_telephone_number_is_written_so() {
        for text in [
            "05/12/20",
            "2020/12/05",
            "12.05.20",
            "2020-12-05",
            "12-May-20",
            "1-Feb",
            "01-févr",
            "févr-26",
            "05/11/2024",
            "12 mai 2020",
            "1-Feb-2026",
            "Feb 1, 2026",
            "05/12/2020 00:00:00",
        ] {
            assert!(Day::is_date(text), "{text}");
        }
        for text in [
            "06.39.98.00.01",
            "06/39/98/00/01",
            "06 39 98 00 01",
            "12 05 20",
            "36/30",
            "3615",
            "030/12/3456",
            "30/13/2024",
            "05-11-20-24",
            "demander Mai",
            "01 99 00 00 01 / 06 39 98 00 01",
            "",
        ] {
            assert!(!Day::is_date(text), "{text}");
        }
    }

    #[test]
    fn times_of_day() {
        for (text, expected) in [
            ("12:30", Some(45_000)),
            ("12:30:00", Some(45_000)),
            ("12:30:00 PM", Some(45_000)),
            ("12:30 am", Some(1_800)),
            ("9:05:07 pm", Some(75_907)),
            ("26:30", Some(95_400)),
            ("12:60", None),
            ("12", None),
            ("a:b", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
