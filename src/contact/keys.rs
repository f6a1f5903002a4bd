//! Keys for matching: what two spellings of the same value have in common. Never shown, never sent, never stored in
//! place of a user's own text.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{
    Address, Contact, Item, ItemKind,
    clean::{is_invisible, mailbox},
    places,
};

/// Text folded for comparison: NFKC, lower case, white space collapsed to single spaces and trimmed.
pub fn text(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let folded: String = if plain {
        value.to_ascii_lowercase()
    } else {
        value.nfkc().filter(|char| !is_invisible(*char)).collect::<String>().to_lowercase()
    };
    let mut out = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// An e-mail address folded, without the name, the comment or the scheme that stands beside it.
pub fn email(value: &str) -> String {
    let folded = text(value);
    mailbox(&folded).unwrap_or(folded)
}

/// A telephone number as `+` and digits, French numbers and those of its overseas departments made international.
///
/// Everything from the first letter on is cut (extensions, remarks), but for a leading "tel"; a second number after
/// "/", ";" or "ou" is cut too. A "/" after an area code ("034441/ 2 22 67") or between pairs is a separator like any
/// other. Short numbers stay as they are. No digit at all gives "".
pub fn phone(value: &str) -> String {
    let folded = text(value);
    let mut rest = folded.as_str();
    for lead in ["'", "tel:", "tél. ", "tel. ", "tél", "tel", ":", "."] {
        rest = rest.strip_prefix(lead).unwrap_or(rest).trim_start();
    }
    let end = rest.find(|c: char| c.is_alphabetic() || c == ';').unwrap_or(rest.len());
    // "+33 (0)1 23": the trunk zero in brackets is not dialled after the country code.
    let number = rest[..end].replacen("(0)", "", usize::from(is_international(rest)));
    let number = if number.contains('/') { before_second_number(&number) } else { number };
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return String::new();
    }
    if number.trim_start().starts_with('+') {
        return international(&digits);
    }
    if let Some(digits) = digits.strip_prefix("00") {
        return international(digits);
    }
    national(digits)
}

/// Countries whose numbers have a zero in front at home and never behind the country's code: who writes it there means
/// the number without. Italy's stays.
const TRUNK_ZERO: [&str; 24] = [
    "33", "31", "32", "41", "43", "44", "46", "49", "61", "64", "81", "82", "90", "91", "212", "213", "262", "353",
    "358", "381", "385", "590", "594", "596",
];

/// A number from its country's code on.
fn international(digits: &str) -> String {
    for country in TRUNK_ZERO {
        if let Some(subscriber) = digits.strip_prefix(country).and_then(|rest| rest.strip_prefix('0')) {
            return format!("+{country}{subscriber}");
        }
    }
    format!("+{digits}")
}

/// True for the key of a French mobile number.
pub fn is_french_mobile(key: &str) -> bool {
    key.len() == 12 && (key.starts_with("+336") || key.starts_with("+337"))
}

/// The first number of a text with slashes. What follows a slash belongs to it only where an area code stands before and
/// no number of its own behind: two contacts that are taken for one are worse than one that is not recognised.
fn before_second_number(text: &str) -> String {
    let pieces = || text.split('/').skip_while(|piece| digits_in(piece) == 0);
    // "01/23/45/67/89"
    if pieces().all(|piece| digits_in(piece) == 2) {
        return text.replace('/', " ");
    }
    let first = pieces().next().unwrap_or_default();
    let mut number = first.to_owned();
    for piece in pieces().skip(1) {
        let begins = piece.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
        if !is_area_code(&number) || begins.starts_with(['0', '+']) {
            break;
        }
        number.push_str(piece);
    }
    if digits_in(&number) <= DIGITS_MAX { number } else { first.to_owned() }
}

/// No number of the world has more digits. Source: ITU-T E.164, 6.1.
const DIGITS_MAX: usize = 15;

/// True for the beginning of a number that cannot be a whole one: "034441", "+49 30".
fn is_area_code(text: &str) -> bool {
    // Country and area code together have at most eight digits, an area code with its trunk zero has six.
    if is_international(text) {
        return digits_in(text.strip_prefix("00").unwrap_or(text)) <= 8;
    }
    text.trim_start_matches(['(', ' ']).starts_with('0') && digits_in(text) <= 6
}

fn is_international(text: &str) -> bool {
    text.starts_with('+') || text.starts_with("00")
}

fn digits_in(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// French national numbers (`0` and nine digits, or nine whose zero a spreadsheet has lost) with their country code.
fn national(digits: String) -> String {
    let Some(subscriber) = Some(digits.strip_prefix('0').unwrap_or(&digits)).filter(|rest| rest.len() == 9) else {
        let is_whole =
            digits.starts_with("33") && (digits.len() == 11 || (digits.len() == 12 && digits.starts_with("330")));
        return if is_whole { international(&digits) } else { digits };
    };
    let country = match &subscriber[..3] {
        "590" | "690" | "691" => "590",
        "596" | "696" | "697" => "596",
        "594" | "694" => "594",
        // 06 39 98 is kept for fiction, and dialled as a number of mainland France.
        "639" if subscriber.starts_with("63998") => "33",
        "262" | "692" | "693" | "263" | "269" | "639" => "262",
        _ => "33",
    };
    format!("+{country}{subscriber}")
}

/// An item's value by its kind: telephone and fax by number, e-mail and accounts folded.
///
/// A telephone without any digit is compared as text, so that two remarks are not one number.
pub fn item_value(item: &Item) -> String {
    match item.item_type.kind() {
        ItemKind::Phone | ItemKind::Fax => Some(phone(&item.value)).filter(|key| !key.is_empty()),
        ItemKind::Email => Some(email(&item.value)),
        ItemKind::Account => None,
    }
    .unwrap_or_else(|| text(&item.value))
}

/// Both names folded and sorted, so that "Ada Lovelace" and "Lovelace Ada" are one; "" when both are empty.
pub fn name(contact: &Contact) -> String {
    let joined = text(&format!("{} {}", contact.first_name, contact.last_name));
    let mut words: Vec<&str> = joined.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

/// The words of both names as a careless typist has them, in alphabetical order: without accents, hyphens, apostrophes
/// and dots. "Hélène DUPRÉ-LŒUIL", "dupre loeuil helene". "" when both names are empty.
pub fn person(contact: &Contact) -> String {
    let plain = plain(&format!("{} {}", contact.first_name, contact.last_name));
    let mut words: Vec<&str> = plain.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

/// A name folded as [`person`] does, its words in their order.
pub fn plain(name: &str) -> String {
    // A name in other signs alone is still a name.
    let parts = |char: char| char.is_whitespace() || char.is_ascii_punctuation() || "’‘‐‑–—·".contains(char);
    let unaccented = unaccented(name);
    unaccented.split(parts).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Lower case without accents: "Élodie Cœur" is "elodie coeur".
pub fn unaccented(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut plain = String::with_capacity(text.len());
    for char in text.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase) {
        match char {
            'œ' => plain.push_str("oe"),
            'æ' => plain.push_str("ae"),
            'ß' => plain.push_str("ss"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            other => plain.push(other),
        }
    }
    plain
}

/// An address by its parts, its type left out.
pub fn address(value: &Address) -> String {
    let parts = places::parts(value);
    parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_however_it_was_typed() {
        for (first, last, person) in [
            ("Hélène", "DUPRÉ-LŒUIL", "dupre helene loeuil"),
            ("HELENE", "dupre loeuil", "dupre helene loeuil"),
            ("Jeanne", "d’Arc", "arc d jeanne"),
            ("jeanne", "D'ARC", "arc d jeanne"),
            ("J.-P.", "Nguyễn", "j nguyen p"),
            ("", "Ø Straße", "o strasse"),
            ("李", "☺", "☺ 李"),
            (" ", "-", ""),
        ] {
            let contact = Contact { first_name: first.into(), last_name: last.into(), ..Contact::default() };
            assert_eq!(super::person(&contact), person, "{first} {last}");
        }
    }

    #[test]
    fn phones_written_in_many_ways_are_one_number() {
        for (written, key) in [
            ("01 23 45 67 89", "+33123456789"),
            ("123456789", "+33123456789"),
            ("012345678", "012345678"),
            ("+33 (0)1 23 45 67 89", "+33123456789"),
            ("0033 1 23 45 67 89", "+33123456789"),
            ("33123456789", "+33123456789"),
            ("+330123456789", "+33123456789"),
            ("+33 0 1 23 45 67 89", "+33123456789"),
            ("00 33 0 1 23 45 67 89", "+33123456789"),
            ("33 0 1 23 45 67 89", "+33123456789"),
            ("(+33) 01 23 45 67 89", "+33123456789"),
            ("'+33123456789", "+33123456789"),
            ("\u{202a}+32 2 555 12 12\u{202c}", "+3225551212"),
            ("+49 034441 22267", "+493444122267"),
            ("+39 06 1234567", "+39061234567"),
            ("Tel : 01 23 45 67 89", "+33123456789"),
            ("Tél. 01.23.45.67.89", "+33123456789"),
            ("tel:+33-1-23-45-67-89", "+33123456789"),
            ("06-12-34-56-78 (perso)", "+33612345678"),
            ("01 23 45 67 89 poste 12", "+33123456789"),
            ("01 23 45 67 89 / 06 12 34 56 78", "+33123456789"),
            ("01 23 45 67 89 ou 06 12 34 56 78", "+33123456789"),
            ("01 23 45 67 89 / 90", "+33123456789"),
            ("01 23 45 67 89/", "+33123456789"),
            ("01/23/45/67/89", "+33123456789"),
            ("034441/ 2 22 67", "03444122267"),
            ("034441 2 22 67", "03444122267"),
            ("034441/ 2 22 67 / 68", "03444122267"),
            ("(034441) / 2 22 68", "03444122268"),
            ("034441/22267 / 0171/1234567", "03444122267"),
            ("+49 34441/22267", "+493444122267"),
            ("+49 (0)34441/22267", "+493444122267"),
            ("0049/34441/22267", "+493444122267"),
            ("+49 30 1234567/+49 30 1234568", "+49301234567"),
            ("02/555.12.12", "025551212"),
            ("0475/12.34.56", "+33475123456"),
            // Neither extensions nor a short number before a whole one make a longer one.
            ("4512/4513", "4512"),
            ("0123/0612345678", "0123"),
            ("23 45 67 89 / 23 45 67 90", "23456789"),
            ("034441/12345678901234", "034441"),
            ("/ 06 12 34 56 78", "+33612345678"),
            ("/", ""),
            ("0590 12 34 56", "+590590123456"),
            ("0692123456", "+262692123456"),
            ("0639123456", "+262639123456"),
            ("06 39 98 00 03", "+33639980003"),
            ("+32 2 555 12 12", "+3225551212"),
            ("3615", "3615"),
            ("demander Ada", ""),
        ] {
            assert_eq!(phone(written), key, "{written}");
        }
    }

    #[test]
    fn names_and_texts_fold() {
        assert_eq!(text("  E\u{301}lodie\u{a0} DUPONT "), "élodie dupont");
        let contact = |first: &str, last: &str| Contact {
            first_name: first.into(),
            last_name: last.into(),
            ..Contact::default()
        };
        assert_eq!(name(&contact("Ada", "Lovelace")), name(&contact("LOVELACE", "ada")));
        assert_eq!(name(&Contact::default()), "");
        assert_eq!(email("mailto:Ada@Example.com "), "ada@example.com");
    }
}
