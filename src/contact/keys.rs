//! Keys for matching: what two spellings of the same value have in common. Never shown, never sent, never stored in
//! place of a person's own text.

use unicode_normalization::UnicodeNormalization;

use super::{Address, Contact, Item, ItemKind};

/// Text folded for comparison: NFKC, lower case, white space collapsed to single spaces and trimmed.
pub fn text(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let folded: String =
        if plain { value.to_ascii_lowercase() } else { value.nfkc().collect::<String>().to_lowercase() };
    let mut out = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// An e-mail address folded; `mailto:` is cut.
pub fn email(value: &str) -> String {
    let folded = text(value);
    folded.strip_prefix("mailto:").unwrap_or(&folded).to_owned()
}

/// A telephone number as `+` and digits, French numbers and those of its overseas departments made international.
///
/// Everything from the first letter on is cut (extensions, remarks), but for a leading "tel"; a second number after
/// "/", ";" or "ou" is cut too. Short numbers stay as they are. No digit at all gives "".
pub fn phone(value: &str) -> String {
    let folded = text(value);
    let mut rest = folded.as_str();
    for lead in ["tel:", "tél. ", "tel. ", "tél", "tel", ":", "."] {
        rest = rest.strip_prefix(lead).unwrap_or(rest).trim_start();
    }
    let end = rest.find(|c: char| c.is_alphabetic() || c == '/' || c == ';').unwrap_or(rest.len());
    // "+33 (0)1 23": the trunk zero in brackets is not dialled after the country code.
    let number = rest[..end].replacen("(0)", "", usize::from(rest.starts_with('+') || rest.starts_with("00")));
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return String::new();
    }
    if number.trim_start().starts_with('+') {
        return format!("+{digits}");
    }
    if let Some(international) = digits.strip_prefix("00") {
        return format!("+{international}");
    }
    national(digits)
}

/// French national numbers (`0` and nine digits) with their country code.
fn national(digits: String) -> String {
    let Some(subscriber) = digits.strip_prefix('0').filter(|rest| rest.len() == 9) else {
        return if digits.len() == 11 && digits.starts_with("33") { format!("+{digits}") } else { digits };
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

/// An address folded, its type left out.
pub fn address(value: &Address) -> String {
    let Address { address_type: _, street_address, street_address2, zip_code, city, country } = value;
    text(&format!("{street_address} {street_address2} {zip_code} {city} {country}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_written_in_many_ways_are_one_number() {
        for (written, key) in [
            ("01 23 45 67 89", "+33123456789"),
            ("+33 (0)1 23 45 67 89", "+33123456789"),
            ("0033 1 23 45 67 89", "+33123456789"),
            ("33123456789", "+33123456789"),
            ("Tel : 01 23 45 67 89", "+33123456789"),
            ("Tél. 01.23.45.67.89", "+33123456789"),
            ("tel:+33-1-23-45-67-89", "+33123456789"),
            ("06-12-34-56-78 (perso)", "+33612345678"),
            ("01 23 45 67 89 poste 12", "+33123456789"),
            ("01 23 45 67 89 / 06 12 34 56 78", "+33123456789"),
            ("01 23 45 67 89 ou 06 12 34 56 78", "+33123456789"),
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
