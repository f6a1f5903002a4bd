//! Numbers as texts spell them and as spreadsheets show them, to the digit: no floating point, which would find two long
//! numbers equal that differ.

/// A decimal number: its digits without zeros at either end, and where the point stands. Zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    /// How many digits stand before the point; negative where zeros follow it.
    point: i32,
}

/// No spreadsheet takes a longer text for a number, and no exponent is larger.
const LENGTH_MAX: usize = 64;
/// A spreadsheet's numbers have so many digits.
const DIGITS: usize = 15;
/// Excel shows so many of a fraction at least.
const FRACTION_DIGITS_MIN: usize = 9;
/// What separates groups of three digits, in one country or another.
const GROUP_SEPARATORS: [char; 7] = [' ', '\u{a0}', '\u{202f}', '\'', '’', ',', '.'];

impl Decimal {
    fn new(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Option<Self> {
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let end = all.iter().rposition(|digit| *digit != b'0').map_or(leading, |last| last + 1);
        let digits = all[leading..end.max(leading)].to_vec();
        let point = if digits.is_empty() { 0 } else { i32::try_from(whole.len() - leading.min(whole.len())).ok()? };
        let zeros_behind = if leading > whole.len() { i32::try_from(leading - whole.len()).ok()? } else { 0 };
        let point = if digits.is_empty() { 0 } else { point - zeros_behind + exponent };
        Some(Self { negative: negative && !digits.is_empty(), digits, point })
    }

    /// Every number that some spreadsheet takes a text for: `1.000` is one or a thousand.
    pub fn readings(text: &str) -> Vec<Self> {
        let text = text.trim();
        if text.len() > LENGTH_MAX {
            return Vec::new();
        }
        let (negative, rest) = match text.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['E', 'e']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
            None => (rest, Some(0)),
        };
        let Some(exponent) = exponent else { return Vec::new() };
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        let mut readings: Vec<Self> = Self::new(negative, whole, fraction, exponent).into_iter().collect();
        for separator in GROUP_SEPARATORS.into_iter().filter(|separator| mantissa.contains(*separator)) {
            let (groups, fraction) = match mantissa.rsplit_once(['.', ',']) {
                Some((groups, fraction)) if !mantissa[groups.len()..].starts_with(separator) => (groups, fraction),
                _ => (mantissa, ""),
            };
            if is_grouped(groups, separator) {
                readings.extend(Self::new(negative, &groups.replace(separator, ""), fraction, exponent));
            }
        }
        readings
    }

    /// A hundredth of it.
    pub fn percent(mut self) -> Self {
        self.point -= if self.digits.is_empty() { 0 } else { 2 };
        self
    }

    /// True where a spreadsheet may show the number so: as short as can be, or rounded with an exponent.
    pub fn is_shown_as(&self, shown: &str) -> bool {
        let (negative, rest) = shown.strip_prefix('-').map_or((false, shown), |rest| (true, rest));
        if negative != self.negative || rest.len() > LENGTH_MAX {
            return false;
        }
        if let Some((mantissa, exponent)) = rest.split_once(['E', 'e']) {
            return self.is_rounded_as(mantissa, exponent);
        }
        let (whole, fraction) = rest.split_once(['.', ',']).unwrap_or((rest, ""));
        let is_short = (whole == "0" || !whole.starts_with('0')) && !whole.is_empty();
        // pandas and others that read numbers as fractions write 331 as 331.0.
        let is_ended = fraction == "0" || !fraction.ends_with('0') && fraction.is_empty() != rest.contains(['.', ',']);
        let Some(now) = Self::new(negative, whole, fraction, 0).filter(|_| is_short && is_ended) else { return false };
        now == *self || self.is_cut_to(&now, whole.len())
    }

    /// True for the same number, however many zeros it is shown with: an amount of money, a percentage.
    pub fn equals(&self, shown: &str) -> bool {
        Self::readings(shown).contains(self)
    }

    /// True where the number has more digits than are kept.
    fn is_cut_to(&self, now: &Self, whole: usize) -> bool {
        let is_whole = self.point >= 0 && self.digits.len() <= usize::try_from(self.point).unwrap_or(0);
        let kept = if is_whole { DIGITS } else { now.digits.len().max(FRACTION_DIGITS_MIN) };
        let is_as_long = !is_whole || usize::try_from(self.point) == Ok(whole);
        let cut = Self { digits: trimmed(&self.digits[..kept.min(self.digits.len())]), ..self.clone() };
        self.digits.len() > kept && is_as_long && (self.rounded(kept) == *now || cut == *now)
    }

    /// `6,12E+08`, `1.23456789012346E+019`.
    fn is_rounded_as(&self, mantissa: &str, exponent: &str) -> bool {
        let Some(exponent) = exponent_of(exponent).filter(|_| exponent.starts_with(['+', '-'])) else { return false };
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        let now = Self::new(self.negative, whole, fraction, exponent);
        whole.len() == 1 && now == Some(self.rounded(whole.len() + fraction.len()))
    }

    /// With at most so many digits.
    fn rounded(&self, count: usize) -> Self {
        if self.digits.len() <= count {
            return self.clone();
        }
        let mut digits = self.digits[..count].to_vec();
        let mut point = self.point;
        if self.digits[count] >= b'5' {
            match digits.iter().rposition(|digit| *digit != b'9') {
                Some(last) => {
                    digits[last] += 1;
                    digits.truncate(last + 1);
                }
                None => {
                    digits = vec![b'1'];
                    point += 1;
                }
            }
        }
        Self { digits: trimmed(&digits), point, ..*self }
    }
}

fn trimmed(digits: &[u8]) -> Vec<u8> {
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    digits[..end].to_vec()
}

fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_small = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_small)
}

/// "1 000 000": groups of three behind a first one.
fn is_grouped(text: &str, separator: char) -> bool {
    let mut groups = text.split(separator);
    let first = groups.next().map_or(0, str::len);
    (1..=3).contains(&first) && text.contains(separator) && groups.all(|group| group.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str, expected: bool) {
        let is_shown = Decimal::readings(text).iter().any(|number| number.is_shown_as(shown));
        assert_eq!(is_shown, expected, "{text} as {shown}");
    }

    #[test]
    fn numbers_are_shown_short_or_rounded() {
        for (text, shown) in [
            ("007", "7"),
            ("1.10", "1.1"),
            ("1,10", "1.1"),
            ("1.5", "1,5"),
            ("1E5", "100000"),
            ("1e-3", "0.001"),
            ("1E5", "1.00E+05"),
            ("+33612345678", "33612345678"),
            ("331", "331.0"),
            ("-0", "0"),
            ("000", "0"),
            (".50", "0.5"),
            ("-05", "-5"),
            ("\u{2212}5", "-5"),
            ("1 000", "1000"),
            ("1\u{202f}000,50", "1000,5"),
            ("1.000", "1000"),
            ("1,234.50", "1234.5"),
            ("1'000'000", "1000000"),
            ("0612345678", "6,12E+08"),
            ("0612345678", "6E+08"),
            ("999999", "1.00E+06"),
            ("12345678901234567890", "1.23456789012346E+019"),
            ("12345678901234567890", "1.23457E+19"),
            ("12345678901234567890", "12345678901234600000"),
            ("1234567890123456", "1234567890123450"),
            ("3.14159265358979323846", "3.14159265358979"),
            ("3.14159265358979", "3.141592654"),
        ] {
            check(text, shown, true);
        }
    }

    #[test]
    fn another_number_is_another_number() {
        for (text, shown) in [
            ("100001", "100000"),
            ("7", "8"),
            ("7", "-7"),
            ("186", "00186"),
            ("1.1", "1.10"),
            ("1000", "1 000"),
            ("1234567890123", "1234567890120"),
            ("12345678901234567890", "1234567890123460000"),
            ("0612345678", "6,13E+08"),
            ("0612345678", "6,12E+09"),
            ("0612345678", "61,2E+07"),
            ("3.14159", "3.14"),
            ("12", "12."),
            ("12", "12,00"),
            ("1 00", "100"),
            ("06 12 34 56 78", "612345678"),
            ("", "0"),
            ("E5", "100000"),
            ("Ada", "0"),
        ] {
            check(text, shown, false);
        }
        assert!(Decimal::readings(&"9".repeat(65)).is_empty());
    }
}
