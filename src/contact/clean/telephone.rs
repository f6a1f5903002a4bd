//! The number in what stands for a telephone: without a URI's scheme and a spreadsheet's guard, and only where there are
//! digits to dial. Sources: RFC 3966 (tel:), RFC 5724 (sms:), RFC 6350, 6.4.1.

use std::borrow::Cow;

use super::{tidied, unguarded};
use crate::contact::{Field, keys};

/// Schemes of numbers.
const SCHEMES: [&str; 9] = ["tel:", "sms:", "smsto:", "mms:", "fax:", "modem:", "callto:", "facetime:", "phone:"];

/// The number in a text; none where there are not two digits, the shortest that is dialled (15, 112, 3631).
pub fn telephone(text: &str) -> Option<String> {
    let tidy = tidied(text, Field::Items);
    let tidy = unguarded(tidy.trim());
    let bare = without_scheme(tidy);
    let number = if bare.contains('%') { percent_decoded(bare) } else { Cow::Borrowed(bare) };
    let number = if bare.len() < tidy.len() { number.split('?').next().unwrap_or_default() } else { &*number };
    let mut digits = number.chars().filter(|char| char.is_numeric());
    let is_number = digits.clone().count() >= 2 && digits.any(|digit| digit != '0') && !number.contains('@');
    is_number.then(|| number.trim().to_owned())
}

/// True for a text that is a whole number by itself, and no part of one: an area code, an extension.
pub(super) fn is_whole(text: &str) -> bool {
    let key = keys::phone(text);
    let digits = key.trim_start_matches('+').len();
    let written = text.chars().filter(char::is_ascii_digit).count();
    // No digit is behind a word or a second number.
    (8..=15).contains(&digits) && written <= digits + 4
}

fn without_scheme(text: &str) -> &str {
    for scheme in SCHEMES {
        if text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)) {
            return text[scheme.len()..].trim_start_matches('/').trim_start();
        }
    }
    text
}

/// `%2B33` is `+33`.
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            u8::from_str_radix(digits, 16).ok()
        });
        out.push(byte.unwrap_or(*first));
        rest = &tail[if byte.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}
