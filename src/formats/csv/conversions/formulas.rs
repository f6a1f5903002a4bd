//! Formulas and what a spreadsheet shows for them, as far as that can be told without being one.

use super::decimal::Decimal;
use crate::formats::csv::values::{is_plain_international, is_trigger};

/// A cell by its place, as formulas name it: column and row, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellPlace {
    /// From 1: `A`.
    pub column: usize,
    /// From 1, the file's first line.
    pub row: usize,
}

/// True where the text is a formula to some spreadsheet, and this is what one shows for it. `cell` knows the file's cells.
///
/// Sums are worked out. Of what is not, any number is believed to be the result, and of texts those that the formula itself
/// holds or that stand where it points: another text is a person's.
pub(super) fn is_result(formula: &str, shown: &str, cell: &dyn Fn(CellPlace) -> Option<String>) -> bool {
    let Some(body) = body(formula) else { return false };
    if is_error(shown) {
        return true;
    }
    if let Some(sum) = Sum::of(body) {
        return sum.shown_as(shown);
    }
    // `@Ada`, `- Ada`: no program works that out, and a telephone number is none.
    let is_certain = formula.starts_with(['=', '＝']) || is_call(body) || place(body).is_some();
    if !is_certain || is_plain_international(body) {
        return false;
    }
    let is_number = Decimal::readings(shown).iter().any(|number| number.is_shown_as(shown));
    let is_truth = super::truth(shown).is_some();
    is_number
        || is_truth
        || is_of_literals(body, shown)
        || place(body).and_then(cell).is_some_and(|text| text.trim() == shown)
}

/// What stands behind the character that makes it a formula; a leading sign belongs to the sum.
fn body(formula: &str) -> Option<&str> {
    let formula = formula.trim();
    let body =
        formula.strip_prefix(['=', '＝', '@', '＠']).or_else(|| formula.starts_with(is_trigger).then_some(formula));
    body.map(str::trim).filter(|body| !body.trim_matches(['=', '+', '-']).is_empty())
}

/// `SUM(A1)`.
fn is_call(body: &str) -> bool {
    let name = body.trim_start_matches('+').split_once('(').map_or("", |(name, _)| name);
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_'))
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `#NAME?`, `#DIV/0!`, `#NOM ?`, `Err:508`.
fn is_error(text: &str) -> bool {
    if let Some(number) = text.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some(name) = text.strip_prefix('#') else { return false };
    let word = name.trim_end_matches(['!', '?']).trim_end();
    let is_word = (1..=10).contains(&word.len()) && word.chars().all(|c| c.is_uppercase() || matches!(c, '/' | '0'));
    is_word && (word.len() < name.len() || matches!(word, "N/A" | "ND"))
}

/// `A1`, `$B$7`: the place that a formula which is nothing else points to.
fn place(body: &str) -> Option<CellPlace> {
    let body = body.trim_start_matches('+');
    let bare: String = body.chars().filter(|c| *c != '$').collect();
    let digits = bare.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = bare.split_at(digits);
    let is_column = (1..=3).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_alphabetic());
    let letter = |byte: u8| usize::from(byte.to_ascii_uppercase() - b'A') + 1;
    let row = row.parse().ok().filter(|row| *row > 0)?;
    is_column.then(|| CellPlace { column: letters.bytes().fold(0, |column, byte| column * 26 + letter(byte)), row })
}

/// True for one of the formula's own texts, or all of them joined: `=HYPERLINK("...";"Site")`, `="06"&"12"`.
fn is_of_literals(body: &str, shown: &str) -> bool {
    let literals: Vec<&str> = body.split('"').skip(1).step_by(2).filter(|text| !text.is_empty()).collect();
    literals.iter().any(|text| text.trim() == shown) || (!literals.is_empty() && literals.concat().trim() == shown)
}

/// A sum of numbers: `1+1`, `06-12`, `1/2*3`.
struct Sum(f64);

impl Sum {
    fn of(body: &str) -> Option<Self> {
        let mut rest = body;
        let (mut sum, mut sign, mut is_sum) = (0.0, 1.0, false);
        loop {
            let (negative, from) = signed(rest);
            let (mut product, mut from) = factor(from)?;
            while let Some(operator) = from.trim_start().chars().next().filter(|c| matches!(c, '*' | '/')) {
                let (is_negative, behind) = signed(&from.trim_start()[1..]);
                let (next, behind) = factor(behind)?;
                let next = if is_negative { -next } else { next };
                product = if operator == '*' { product * next } else { product / next };
                (from, is_sum) = (behind, true);
            }
            sum += sign * if negative { -product } else { product };
            rest = from.trim_start();
            match rest.chars().next() {
                None => break,
                Some(operator @ ('+' | '-')) => {
                    sign = if operator == '+' { 1.0 } else { -1.0 };
                    rest = &rest[1..];
                    is_sum = true;
                }
                Some(_) => return None,
            }
        }
        is_sum.then_some(Self(sum))
    }

    fn shown_as(&self, shown: &str) -> bool {
        let plain = shown.replace(',', ".");
        let is_number = Decimal::readings(shown).iter().any(|number| number.is_shown_as(shown));
        let close = |number: f64| (number - self.0).abs() <= self.0.abs() * 1e-9;
        is_number && plain.parse().is_ok_and(close)
    }
}

fn signed(text: &str) -> (bool, &str) {
    let text = text.trim_start();
    match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').map_or(text, str::trim_start)),
    }
}

fn factor(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    number.parse().ok().filter(|_| number.len() <= 20).map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(formula: &str, shown: &str, expected: bool) {
        let cell = |place: CellPlace| match (place.column, place.row) {
            (1, 1) => Some("id".to_owned()),
            (28, 7) => Some(" Lyon".to_owned()),
            _ => None,
        };
        assert_eq!(is_result(formula, shown, &cell), expected, "{formula} as {shown}");
    }

    #[test]
    fn what_a_formula_shows() {
        for (formula, shown) in [
            ("=1+1", "2"),
            ("=1/4", "0,25"),
            ("=2*-3", "-6"),
            ("+1-1", "0"),
            ("-2+5", "3"),
            ("+1-800-555-1212", "-2566"),
            ("=SUM(A1:A3)", "17"),
            ("+SUM(A1)", "0"),
            ("=A1", "id"),
            ("=$AB$7", "Lyon"),
            ("+A1", "id"),
            ("=A1", "0"),
            ("=HYPERLINK(\"https://x.example\")", "https://x.example"),
            ("=HYPERLINK(\"https://x.example\";\"Site\")", "Site"),
            ("=\"06\"&\"12\"", "0612"),
            ("=A1=B1", "TRUE"),
            ("=Ada", "#NAME?"),
            ("@ada", "#NAME?"),
            ("- pas une formule", "#NOM ?"),
            ("=1/0", "#DIV/0!"),
            ("=NA()", "#N/A"),
            ("=x(", "Err:508"),
        ] {
            check(formula, shown, true);
        }
    }

    #[test]
    fn what_a_person_types_over_a_formula() {
        for (formula, shown) in [
            ("=1+1", "7"),
            ("=1+1", "two"),
            ("=A1", "Paris"),
            ("=AB7", "id"),
            ("=SUM(A1:A3)", "seventeen"),
            ("=HYPERLINK(\"https://x.example\")", "https://y.example"),
            ("@ada", "7"),
            ("@ada", "ada"),
            ("- pas une formule", "12"),
            ("+33 6 39 98 00 01", "0639980002"),
            ("+33639980001", "639980002"),
            ("+33(0)639980001", "12"),
            ("-5", "7"),
            ("Ada", "#NAME?"),
            ("=", "2"),
            ("=1+1", "#2"),
            ("=1+1", "#salon"),
        ] {
            check(formula, shown, false);
        }
    }
}
