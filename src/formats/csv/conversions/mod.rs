//! What a spreadsheet makes of a text that it takes for something else, when it opens a file and saves it again: `007`
//! becomes 7, `1E5` becomes 100000, `1/2` a day, `=1+1` becomes 2. No program says that it did so, and nobody edited
//! anything.
//!
//! One direction only: 7 is made of 007, and 007 is what a person writes for 7. And a day is another one where it is
//! spelt as the one before, since a program that reads a day spells it in its own way.

mod dates;
mod decimal;
mod formulas;

pub(super) use dates::Day;
pub use formulas::CellPlace;

use decimal::Decimal;

/// True where a spreadsheet that read `agreed` may have written `now`. `cell` knows the file's cells, as it stands.
pub(super) fn is_made_of(agreed: &str, now: &str, cell: &dyn Fn(CellPlace) -> Option<String>) -> bool {
    let (agreed, now) = (agreed.trim(), now.trim());
    if agreed.is_empty() || now.is_empty() || agreed == now {
        return false;
    }
    is_number(agreed, now)
        || is_percentage(agreed, now)
        || is_money(agreed, now)
        || is_day(agreed, now)
        || is_time(agreed, now)
        || is_fraction(agreed, now)
        || truth(agreed).is_some_and(|value| truth(now) == Some(value) && !agreed.eq(now))
        // An apostrophe in front says that the rest is text: some programs keep it to themselves.
        || agreed.strip_prefix('\'') == Some(now)
        || formulas::is_result(agreed, now, cell)
}

fn is_number(agreed: &str, now: &str) -> bool {
    Decimal::readings(agreed).iter().any(|number| number.is_shown_as(now))
}

/// "100 %" is 100.00% to one program and 1 to another.
fn is_percentage(agreed: &str, now: &str) -> bool {
    let bare = |text: &str| text.strip_suffix('%').map(|number| number.trim_end().to_owned());
    let Some(agreed) = bare(agreed) else { return false };
    let same = |now: &str| Decimal::readings(&agreed).iter().any(|number| number.equals(now));
    bare(now).is_some_and(|now| same(&now))
        || Decimal::readings(&agreed).into_iter().any(|number| number.percent().is_shown_as(now))
}

/// "12 €" is 12,00 €, €12.00 or 12.
fn is_money(agreed: &str, now: &str) -> bool {
    let is_sign = |c: char| matches!(c, '€' | '$' | '£' | '¥');
    let amount = |text: &str| text.trim_start_matches(is_sign).trim_end_matches(is_sign).trim().to_owned();
    let sign = |text: &str| text.chars().find(|c| is_sign(*c));
    let same_sign = sign(agreed).is_some() && sign(now).is_none_or(|now| Some(now) == sign(agreed));
    same_sign && Decimal::readings(&amount(agreed)).iter().any(|number| number.equals(&amount(now)))
}

fn is_day(agreed: &str, now: &str) -> bool {
    let mut days = Day::readings(agreed);
    days.extend(Day::month_of_year(agreed));
    // A program that reads a day writes the month by its name, or the year.
    let is_twice_ambiguous = Day::is_ambiguous(agreed) && Day::is_ambiguous(now);
    if days.is_empty() || is_twice_ambiguous || shape(agreed) == shape(now) {
        return false;
    }
    let shown = Day::readings(now);
    let serial: Option<i64> = now.parse().ok().filter(|_| now.len() == 5);
    days.iter().any(|day| shown.iter().any(|shown| day.may_be(*shown)) || (serial.is_some() && day.serial() == serial))
}

/// A text with its letters and digits made alike.
fn shape(text: &str) -> String {
    let alike = |c: char| match c {
        c if c.is_ascii_digit() => '0',
        c if c.is_alphabetic() => 'a',
        other => other,
    };
    text.chars().map(alike).collect()
}

/// "12:30" is 12:30:00, or the part of the day that has gone by.
fn is_time(agreed: &str, now: &str) -> bool {
    let Some(seconds) = dates::seconds(agreed) else { return false };
    dates::seconds(now) == Some(seconds) || is_about(f64::from(seconds) / 86_400.0, now)
}

/// "1 1/2" is 1.5.
fn is_fraction(agreed: &str, now: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok().map(f64::from);
    let parts = agreed.split_once(' ').and_then(|(whole, part)| Some((whole, part.split_once('/')?)));
    let Some((whole, (above, below))) = parts else { return false };
    match (number(whole), number(above), number(below)) {
        (Some(whole), Some(above), Some(below)) if below > 0.0 => is_about(whole + above / below, now),
        _ => false,
    }
}

/// True for the number, shown with at least nine digits of a fraction that goes on.
fn is_about(number: f64, now: &str) -> bool {
    is_number(&format!("{number:.15}"), now)
}

/// What a spreadsheet takes for true or false.
fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "vrai" | "wahr" | "verdadero" | "vero" | "waar" => Some(true),
        "false" | "faux" | "falsch" | "falso" | "onwaar" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(agreed: &str, now: &str) -> bool {
        is_made_of(agreed, now, &|_| None)
    }

    #[test]
    fn what_programs_make_of_a_text_is_no_edit() {
        for (agreed, now) in [
            ("=1+1", "2"),
            ("007", "7"),
            ("00186", "186"),
            ("1E5", "100000"),
            ("1.10", "1.1"),
            ("0612345678", "612345678"),
            ("+33612345678", "33612345678"),
            ("331", "331.0"),
            ("12345678901234567890", "1.23456789012346E+019"),
            ("1 000", "1000"),
            ("100 %", "100.00%"),
            ("100 %", "1"),
            ("12,5 %", "12.50%"),
            ("12,5 %", "0,125"),
            ("12 €", "12,00 €"),
            ("$5", "5.00"),
            ("1/2", "02/01/26"),
            ("1/2", "1-Feb"),
            ("12/25", "déc-25"),
            ("12.05.20", "05/12/20"),
            ("12.05.20", "2020/12/05"),
            ("29/11/2026", "11/29/26"),
            ("29/11/2026", "46355"),
            ("2026-11-29", "2026/11/29"),
            ("12:30", "12:30:00"),
            ("12:30", "0.520833333333333"),
            ("12:30", "0,520833333"),
            ("9:05", "09:05:00 AM"),
            ("1 1/2", "1.5"),
            ("VRAI", "TRUE"),
            ("faux", "FALSE"),
            ("True", "TRUE"),
            ("''x", "'x"),
            ("'=1+1", "=1+1"),
            ("'t Hoen", "t Hoen"),
            (" 007 ", "7"),
        ] {
            assert!(made(agreed, now), "{agreed} -> {now}");
        }
    }

    #[test]
    fn what_a_person_types_is_an_edit() {
        for (agreed, now) in [
            ("100001", "100000"),
            ("8", "7"),
            ("7", "007"),
            ("1.1", "1.10"),
            ("2", "=1+1"),
            ("TRUE", "FALSE"),
            ("VRAI", "1"),
            ("1/2", "2/1"),
            ("1/2", "02/01"),
            ("1/1", "1/10"),
            ("1.1", "1.12"),
            ("05/12/20", "12/05/20"),
            ("29/11/2026", "30/11/2026"),
            ("29/11/2026", "46356"),
            ("12:30", "12:31:00"),
            ("12:30", "0.52"),
            ("100 %", "90.00%"),
            ("100 %", "100"),
            ("12 €", "13,00 €"),
            ("12 €", "$12"),
            ("12", "12 €"),
            ("1 1/2", "1.6"),
            ("x", "'x"),
            ("NA", ""),
            ("", "0"),
            ("un deux", "un trois"),
            ("+33 6 39 98 00 01", "0639980002"),
        ] {
            assert!(!made(agreed, now), "{agreed} -> {now}");
        }
    }

    proptest! {
        /// Whole numbers that a spreadsheet holds to the digit: one is never taken for another.
        #[test]
        fn a_number_is_only_taken_for_itself(
            a in 0_u64..1_000_000_000_000_000, b in 0_u64..1_000_000_000_000_000, near in -3_i64..3,
        ) {
            let padded = format!("00{a}");
            for other in [b, a.saturating_add_signed(near)].into_iter().filter(|other| *other != a) {
                prop_assert!(!made(&a.to_string(), &other.to_string()));
                prop_assert!(!made(&padded, &other.to_string()));
            }
            prop_assert!(made(&padded, &a.to_string()));
        }

        /// Nothing that is not a number, a day, a time or a formula comes of anything but an apostrophe.
        #[test]
        fn words_are_left_alone(a in "[a-z]{1,6}( [a-z]{1,6}){0,2}", b in "[a-zA-Z0-9 /.:'=+-]{0,12}") {
            prop_assume!(truth(&a).is_none() && Day::readings(&a).is_empty());
            prop_assert!(!made(&a, &b));
        }

        #[test]
        fn no_text_makes_it_panic(
            a in any::<String>(), b in any::<String>(),
            c in "[-+=0-9eE.,/:% €'A$#!]{0,16}", d in "[-+=0-9eE.,/:% €'A$#!]{0,16}",
        ) {
            made(&a, &b);
            made(&c, &d);
        }
    }
}
