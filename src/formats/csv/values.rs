//! Cell texts that spreadsheets damage, mistake or run: telephones, postal codes, formulas.
//!
//! A repair is made only where one reading is possible; a number whose digits are gone is refused, so that it never
//! replaces a good one. Sources: formats.md 1.3; OWASP, "CSV Injection" (CWE-1236).

use std::borrow::Cow;

use super::{conversions::Day, names::fold};

/// What a spreadsheet made of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Damage {
    /// Nothing that can be seen.
    None,
    /// What was lost is certain: the number as it was.
    Repaired(String),
    /// Digits are gone for good.
    Lost,
}

/// Looks at a telephone or fax number. `french`: no country but France is named in the row.
pub(super) fn phone_damage(text: &str, french: bool) -> Damage {
    let text = text.trim();
    if is_scientific(text) || is_decimal_comma(text) || Day::is_date(text) {
        return Damage::Lost;
    }
    if let Some(number) = formula_text(text) {
        return Damage::Repaired(number.to_owned());
    }
    let digits = Some(without_decimals(text)).filter(|whole| whole.len() >= 9).unwrap_or(text);
    let lost_zero = french && digits.len() == 9 && is_digits(digits) && !digits.starts_with('0');
    let lost_plus = digits.len() == 11 && is_digits(digits) && digits.starts_with("33");
    match (lost_zero, lost_plus) {
        (true, _) => Damage::Repaired(format!("0{digits}")),
        (_, true) => Damage::Repaired(format!("+{digits}")),
        _ if digits.len() < text.len() => Damage::Repaired(digits.to_owned()),
        _ => Damage::None,
    }
}

/// "1042.0" is 1042: a program read the column as decimal numbers, for one cell of it is empty; no digit is lost.
pub(super) fn without_decimals(text: &str) -> &str {
    text.strip_suffix(".0").filter(|whole| is_digits(whole)).unwrap_or(text)
}

/// Looks at a postal code. `french`: the address names no country but France.
pub(super) fn zip_damage(text: &str, french: bool) -> Damage {
    let text = text.trim();
    if let Some(zip) = formula_text(text) {
        return Damage::Repaired(zip.to_owned());
    }
    let whole = without_decimals(text);
    if french && whole.len() == 4 && is_digits(whole) && !whole.starts_with('0') {
        return Damage::Repaired(format!("0{whole}"));
    }
    if whole.len() < text.len() { Damage::Repaired(whole.to_owned()) } else { Damage::None }
}

/// True for France under any name.
pub(super) fn is_named_french(country: &str) -> bool {
    !country.trim().is_empty() && is_french(country)
}

/// True for France under any name, and for no country at all.
pub(super) fn is_french(country: &str) -> bool {
    matches!(fold(country).as_str(), "" | "france" | "fr" | "fra" | "france metropolitaine")
}

/// A number so that a spreadsheet takes it for text: digits in groups. A number that already is one stays as it is.
pub(super) fn spaced(number: &str) -> Cow<'_, str> {
    let text = number.trim();
    let (plus, digits) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
    if plus && is_plain_international(digits) && (!digits.contains(' ') || digits.contains('-')) {
        if is_digits(digits) {
            return Cow::Owned(match digits.strip_prefix("33").filter(|rest| rest.len() == 9) {
                Some(rest) => format!("+33 {} {}", &rest[..1], pairs(&rest[1..])),
                None => format!("+{} {}", &digits[..2], pairs(&digits[2..])),
            });
        }
        return Cow::Owned(format!("+{}", digits.replace('-', " ")));
    }
    if let Some(rest) = digits.strip_prefix("00").filter(|rest| !plus && rest.len() >= 7 && is_digits(rest)) {
        return Cow::Owned(format!("00 {} {}", &rest[..2], pairs(&rest[2..])));
    }
    if !plus && is_digits(digits) && digits.len() >= 2 && (digits.starts_with('0') || digits.len() >= 9) {
        return Cow::Owned(match digits.strip_prefix("33").filter(|rest| rest.len() == 9) {
            Some(rest) => format!("33 {} {}", &rest[..1], pairs(&rest[1..])),
            None => pairs(digits),
        });
    }
    Cow::Borrowed(number)
}

/// A value with a leading apostrophe where a spreadsheet would run it, or where it has an apostrophe of its own.
/// `counts`: a telephone number without blanks may be taken for a number, so that no program finds an apostrophe in one.
pub(super) fn guarded(value: &str, counts: bool) -> Cow<'_, str> {
    let is_plain = |rest: &str| is_plain_international(rest) && (counts || is_text(rest));
    let international = value.strip_prefix('+').is_some_and(is_plain);
    if !international && value.starts_with(|c: char| c == '\'' || is_trigger(c)) {
        return Cow::Owned(format!("'{value}"));
    }
    Cow::Borrowed(value)
}

/// Takes back what [`guarded`] did. An apostrophe before anything else is the user's own.
pub(super) fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(|c: char| c == '\'' || is_trigger(c))).unwrap_or(text)
}

/// The characters that make a spreadsheet read a formula, full-width forms included.
pub(super) fn is_trigger(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
}

/// What may follow a "+" without the whole being a formula worth guarding: a telephone number and nothing else.
pub(super) fn is_plain_international(rest: &str) -> bool {
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    rest.starts_with(|c: char| c.is_ascii_digit())
        && (6..=21).contains(&rest.len())
        && digits >= 6
        && rest.bytes().all(|byte| byte.is_ascii_digit() || b" .()-".contains(&byte))
}

/// True where a spreadsheet can neither add nor subtract: spaces between the digits and no minus.
fn is_text(rest: &str) -> bool {
    rest.trim().contains(' ') && !rest.contains('-')
}

fn pairs(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 3 / 2);
    for (at, digit) in digits.chars().enumerate() {
        // An odd digit stands alone in front: "1 23 45 67".
        if at > 0 && (at % 2) == (digits.len() % 2) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// True for digits and nothing else, at least one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// "3.36E+10", "3,36E+10", "4E+11".
pub fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let Some(exponent) = exponent.strip_prefix('+') else { return false };
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    whole.len() == 1 && [whole, fraction, exponent].iter().all(|part| is_digits(part))
}

/// "612345,678": digits on both sides of one comma, as a French Excel shows a decimal number. Two whole numbers are two.
fn is_decimal_comma(text: &str) -> bool {
    text.split_once(',').is_some_and(|(whole, fraction)| {
        [whole, fraction].iter().all(|part| is_digits(part)) && (whole.len() < 9 || fraction.len() < 9)
    })
}

/// What people write to keep a leading zero in a spreadsheet, `="0612345678"`: the text that the formula shows.
fn formula_text(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.is_empty() && !inner.contains('"')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn phones() {
        let repaired = |number: &str| Damage::Repaired(number.into());
        for (text, french, damage) in [
            ("0612345678", true, Damage::None),
            ("612345678", true, repaired("0612345678")),
            ("912345678", false, Damage::None),
            ("33612345678", true, repaired("+33612345678")),
            ("33612345678", false, repaired("+33612345678")),
            ("612345678.0", true, repaired("0612345678")),
            ("33612345678.0", true, repaired("+33612345678")),
            ("3.36E+10", true, Damage::Lost),
            ("3,36E+10", false, Damage::Lost),
            ("4E+11", true, Damage::Lost),
            ("612345,678", true, Damage::Lost),
            ("0612345678,0123456789", true, Damage::None),
            ("01,23,45,67,89", true, Damage::None),
            ("05/11/2024", true, Damage::Lost),
            ("2024-11-05", true, Damage::Lost),
            ("05-11-20-24", true, Damage::None),
            ("05/12/20", true, Damage::Lost),
            ("12.05.20", true, Damage::Lost),
            ("1-Feb", true, Damage::Lost),
            ("06/39/98/00/01", true, Damage::None),
            ("06.39.98.00.01", true, Damage::None),
            ("030/12/3456", true, Damage::None),
            ("30/13/2024", true, Damage::None),
            ("=\"0612345678\"", true, repaired("0612345678")),
            ("=\"\"", true, Damage::None),
            ("=\"06\"&\"12\"", true, Damage::None),
            ("3615", true, Damage::None),
            ("", true, Damage::None),
            ("E+", true, Damage::None),
            ("+33 6 12 34 56 78", true, Damage::None),
            ("demander Ada", true, Damage::None),
        ] {
            assert_eq!(phone_damage(text, french), damage, "{text}");
        }
    }

    #[test]
    fn postal_codes() {
        for (text, french, damage) in [
            ("1310", true, Damage::Repaired("01310".into())),
            ("1310.0", true, Damage::Repaired("01310".into())),
            ("1310", false, Damage::None),
            ("75001", true, Damage::None),
            ("0131", true, Damage::None),
            ("SW1A", true, Damage::None),
            (".0", true, Damage::None),
            ("=\"01310\"", false, Damage::Repaired("01310".into())),
            ("", true, Damage::None),
        ] {
            assert_eq!(zip_damage(text, french), damage, "{text}");
        }
        assert!(is_french("") && is_french("FRANCE ") && !is_french("Belgique"));
    }

    #[test]
    fn numbers_are_spaced_so_that_they_stay_text() {
        for (number, written) in [
            ("0123456789", "01 23 45 67 89"),
            ("+33123456789", "+33 1 23 45 67 89"),
            ("+3225551212", "+32 25 55 12 12"),
            ("+1-800-555-1212", "+1 800 555 1212"),
            ("+33 1 23 45 67 89", "+33 1 23 45 67 89"),
            ("33123456789", "33 1 23 45 67 89"),
            ("0033123456789", "00 33 1 23 45 67 89"),
            ("0032225551212", "00 32 2 25 55 12 12"),
            ("01.23.45.67.89", "01.23.45.67.89"),
            ("3615", "3615"),
            ("0", "0"),
            ("+1-1", "+1-1"),
            ("06 poste 12", "06 poste 12"),
        ] {
            assert_eq!(spaced(number), written);
            assert_eq!(spaced(written), written, "twice");
        }
    }

    #[test]
    fn formulas_are_guarded_and_telephones_are_not() {
        for (value, text) in [
            ("=1+1", "'=1+1"),
            ("+33 1 23 45 67 89", "+33 1 23 45 67 89"),
            ("+33123456789", "'+33123456789"),
            ("+1-1", "'+1-1"),
            ("+1-800-555-1212", "'+1-800-555-1212"),
            ("@ada", "'@ada"),
            ("＝1", "'＝1"),
            ("'t Hoen", "''t Hoen"),
            ("Ada", "Ada"),
            ("", ""),
        ] {
            assert_eq!(guarded(value, false), text);
            assert_eq!(unguarded(text), value);
        }
        assert_eq!(unguarded("'t Hoen"), "'t Hoen", "a person's own apostrophe");
        assert_eq!(guarded("+33123456789", true), "+33123456789");
        assert_eq!(guarded("+1-1", true), "'+1-1");
    }

    proptest! {
        #[test]
        fn the_guard_can_be_taken_back(value in "['=+@a1 -]{0,12}") {
            for counts in [true, false] {
                let text = guarded(&value, counts);
                prop_assert_eq!(unguarded(&text), value.as_str());
            }
        }

        #[test]
        fn nothing_that_is_written_runs(value in "[-'=+@a1 ()]{0,14}") {
            let spaced = spaced(&value);
            let text = guarded(&spaced, false);
            let runs = text.starts_with(is_trigger);
            prop_assert!(!runs || text.strip_prefix('+').is_some_and(|rest| is_plain_international(rest) && is_text(rest)));
        }
    }
}
