//! BDAY, DEATHDATE and ANNIVERSARY between the versions.
//!
//! An entry has the date with hyphens (`1980-03-09`), and one without its year as 4.0 has it (`--0309`). 4.0 writes no
//! hyphens (RFC 6350 4.3.1). 3.0 has no date without a year: Apple's X-APPLE-OMIT-YEAR names one that does not count. Less
//! than a day and a month (`1985`, `---12`) and a text are kept in an X- line there.

use super::turn::Entry;

/// The year that Apple's programs write for none.
const NO_YEAR: &str = "1604";

const OMIT_YEAR: &str = "X-APPLE-OMIT-YEAR";

/// The label of Apple's programs for an anniversary.
const ANNIVERSARY_LABEL: &str = "_$!<Anniversary>!$_";

/// True for Apple's line of an anniversary, and for what it is in 4.0.
fn is_labelled(entry: &Entry) -> bool {
    entry.label.as_deref() == Some(ANNIVERSARY_LABEL)
}

/// Takes out what another version needs beside the date.
pub(super) fn settle(entry: &mut Entry) {
    match entry.name.as_str() {
        "ANNIVERSARY" if is_labelled(entry) => entry.rename("X-ABDATE"),
        "X-ABDATE" if !is_labelled(entry) => return,
        _ => {}
    }
    if entry.is_of("text") {
        return;
    }
    let value = std::mem::take(&mut entry.value);
    let Some(date) = Moment::parse(value.trim()) else {
        // Neither a day nor a part of one: words.
        if value.chars().any(|char| !char.is_ascii_digit() && !"-:+.,TZ".contains(char)) {
            entry.say_kind("text");
        }
        entry.value = value;
        return;
    };
    entry.drop_value_type(&["date", "date-time", "date-and-or-time"]);
    let omitted = date.year.is_some() && entry.param(OMIT_YEAR) == date.year;
    if omitted {
        entry.take(OMIT_YEAR);
    }
    entry.value = Moment { year: date.year.filter(|_| !omitted), ..date }.entry();
}

/// Gives the date a version's form.
pub(super) fn turn(entry: &mut Entry, is_new: bool) {
    if entry.name == "X-ABDATE" {
        match (is_labelled(entry), is_new) {
            (false, _) => return,
            (true, true) => entry.rename("ANNIVERSARY"),
            (true, false) => {}
        }
    }
    let value = std::mem::take(&mut entry.value);
    let date = Moment::parse(value.trim()).filter(|_| !entry.is_of("text"));
    entry.value = match date {
        Some(date) if is_new => date.basic(),
        Some(date) if date.year.is_none() => {
            entry.params.insert(0, (OMIT_YEAR.to_owned(), NO_YEAR.to_owned()));
            Moment { year: Some(NO_YEAR), ..date }.entry()
        }
        Some(_) => value,
        None => {
            if !is_new && entry.name == "BDAY" {
                entry.hide();
            }
            value
        }
    };
    if !is_new && entry.name == "ANNIVERSARY" {
        entry.hide();
    }
}

/// A day, and what is said of the time.
#[derive(Clone, Copy)]
struct Moment<'a> {
    year: Option<&'a str>,
    month: &'a str,
    day: &'a str,
    /// From its T on; empty where none is said.
    time: &'a str,
}

impl<'a> Moment<'a> {
    /// A day with its month, with or without a year and hyphens; none for anything else.
    fn parse(text: &'a str) -> Option<Self> {
        let (date, time) = text.find(['T', 't']).map_or((text, ""), |at| text.split_at(at));
        if !date.is_ascii() || !is_time(time) {
            return None;
        }
        let (year, rest) = match date.strip_prefix("--") {
            Some(rest) => (None, rest),
            None if date.len() >= 8 => (Some(&date[..4]), date[4..].strip_prefix('-').unwrap_or(&date[4..])),
            None => return None,
        };
        let (month, day) = match rest.len() {
            4 => rest.split_at(2),
            5 => rest.split_once('-').filter(|(month, _)| month.len() == 2)?,
            _ => return None,
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_date = is_number(year.unwrap_or_default()) && is_number(month) && is_number(day);
        let is_date = is_date && ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
        is_date.then_some(Self { year, month, day, time })
    }

    fn entry(&self) -> String {
        let Self { year, month, day, time } = self;
        match year {
            Some(year) => format!("{year}-{month}-{day}{}", extended(time)),
            None => format!("--{month}{day}{}", basic(time)),
        }
    }

    fn basic(&self) -> String {
        let Self { year, month, day, time } = self;
        format!("{}{month}{day}{}", year.unwrap_or("--"), basic(time))
    }
}

fn is_time(time: &str) -> bool {
    time.is_empty()
        || (time.len() >= 3 && time[1..].bytes().all(|byte| byte.is_ascii_digit() || b":+-.,Zz".contains(&byte)))
}

/// The time without its colons.
fn basic(time: &str) -> String {
    time.replace(':', "")
}

/// The time with colons between its pairs of digits, in the zone, too.
fn extended(time: &str) -> String {
    let mut out = String::with_capacity(time.len() + 4);
    let mut digits = 0;
    let mut is_fraction = false;
    for char in time.chars().filter(|char| *char != ':') {
        if char.is_ascii_digit() && !is_fraction {
            if digits > 0 && digits % 2 == 0 {
                out.push(':');
            }
            digits += 1;
        } else if !char.is_ascii_digit() {
            (digits, is_fraction) = (0, matches!(char, '.' | ','));
        }
        out.push(char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_respelt() {
        for (text, entry, basic) in [
            ("1980-03-09", "1980-03-09", "19800309"),
            ("19800309", "1980-03-09", "19800309"),
            ("--03-09", "--0309", "--0309"),
            ("--0309", "--0309", "--0309"),
            ("20100304T0900", "2010-03-04T09:00", "20100304T0900"),
            ("2010-03-04T09:00:00.25+0130", "2010-03-04T09:00:00.25+01:30", "20100304T090000.25+0130"),
            ("20100304T090000Z", "2010-03-04T09:00:00Z", "20100304T090000Z"),
        ] {
            let moment = Moment::parse(text).expect(text);
            assert_eq!((moment.entry().as_str(), moment.basic().as_str()), (entry, basic), "{text}");
        }
        for text in ["1985", "1985-04", "---12", "--04", "circa 1800", "1980-13-01", "T10", "", "é980-03-09"] {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
    }
}
