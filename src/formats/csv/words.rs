//! The words that people and programs use for a civility and a contact type, read leniently and written in one way.
//!
//! A text outside these tables is never guessed at: it is not a civility, and what the contact had stays.

use super::names::fold;
use crate::{
    contact::{Civility, ContactType, person_name},
    formats::contact_types::name_of,
};

/// The language that a dialect writes its words in. Both are read everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// French.
    Fr,
    /// English.
    En,
    /// The reference's own codes, for programs; civilities in French.
    Codes,
}

/// What a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// Nothing.
    Nothing,
    /// A value.
    Value(T),
    /// Something that is not in the tables.
    Unknown,
}

/// Marks a code that would not read back as itself if it were written bare.
const CODE_MARK: char = '#';

/// Reads a civility: a French or English form of address, or a code in digits.
pub(super) fn civility(text: &str) -> Said<Civility> {
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    if let Some(civility) = person_name::civility(text) {
        return Said::Value(civility);
    }
    if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        return Said::Value(Civility::from_code(text));
    }
    marked_code(text).map_or(Said::Unknown, |code| Said::Value(Civility::from_code(code)))
}

/// Writes a civility.
pub(super) fn civility_word(civility: &Civility, language: Language) -> String {
    match (civility, language) {
        (Civility::Mr, Language::Fr | Language::Codes) => "M.".to_owned(),
        (Civility::Madam, Language::Fr | Language::Codes) => "Mme".to_owned(),
        (Civility::Miss, Language::Fr | Language::Codes) => "Mlle".to_owned(),
        (Civility::Mr, Language::En) => "Mr.".to_owned(),
        (Civility::Madam, Language::En) => "Mrs.".to_owned(),
        (Civility::Miss, Language::En) => "Miss".to_owned(),
        (Civility::Unlisted(code), _) => bare_or_marked(code, self::civility, civility),
    }
}

/// Reads a contact type: a French or English word, or a code (lower-case letters, digits and `_`).
pub(super) fn contact_type(text: &str) -> Said<ContactType> {
    let folded = fold(text);
    match folded.as_str() {
        "" => Said::Nothing,
        "client" | "clients" | "cliente" | "customer" | "customers" => Said::Value(ContactType::Client),
        "prospect" | "prospects" | "lead" | "leads" => Said::Value(ContactType::Prospect),
        "fournisseur" | "fournisseurs" | "supplier" | "suppliers" | "vendor" => Said::Value(ContactType::Supplier),
        "presse" | "press" | "journaliste" | "journalist" => Said::Value(ContactType::Press),
        "partenaire" | "partenaires" | "partner" | "partners" => Said::Value(ContactType::Partner),
        "personnel" | "salarie" | "salariee" | "employe" | "employee" | "staff" => Said::Value(ContactType::Staff),
        "perso" | "prive" | "private" | "personal" => Said::Value(ContactType::Personal),
        "autre" | "autres" | "other" => Said::Value(ContactType::Other),
        _ => marked_code(text).map_or(Said::Unknown, |code| Said::Value(ContactType::from_code(code))),
    }
}

/// Reads a contact type where codes are written: like [`contact_type`], and a bare code of the CRM's own is one too.
pub(super) fn contact_type_or_code(text: &str) -> Said<ContactType> {
    let code = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match contact_type(text) {
        Said::Unknown if code(text.trim()) => Said::Value(ContactType::from_code(text)),
        said => said,
    }
}

/// Writes a contact type; `None` for an unlisted one in a language, which has no word for it.
pub(super) fn contact_type_word(contact_type: &ContactType, language: Language) -> Option<String> {
    let name = name_of(contact_type);
    Some(match language {
        Language::Fr => name?.french.to_owned(),
        Language::En => name?.english.to_owned(),
        Language::Codes => match contact_type {
            ContactType::Unlisted(code) => bare_or_marked(code, contact_type_or_code, contact_type),
            listed => listed.code().to_owned(),
        },
    })
}

fn marked_code(text: &str) -> Option<&str> {
    text.trim().strip_prefix(CODE_MARK)
}

/// The code bare where it reads back as the same value, else with the mark.
fn bare_or_marked<T: PartialEq>(code: &str, read: impl Fn(&str) -> Said<T>, value: &T) -> String {
    match read(code) {
        Said::Value(back) if back == *value => code.to_owned(),
        _ => format!("{CODE_MARK}{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civilities_are_read_leniently_and_never_guessed() {
        let code = |code: &str| Said::Value(Civility::from_code(code));
        for (text, said) in [
            ("", Said::Nothing),
            ("  ", Said::Nothing),
            ("M.", code("17")),
            ("m", code("17")),
            ("Mr.", code("17")),
            ("MONSIEUR", code("17")),
            ("Mme.", code("18")),
            ("Ms", code("18")),
            ("Mrs.", code("18")),
            ("Melle", code("19")),
            ("Mademoiselle", code("19")),
            ("18", code("18")),
            ("42", code("42")),
            ("17.0", Said::Unknown),
            ("#x y", code("x y")),
            ("Dr", Said::Unknown),
            ("M. et Mme", Said::Unknown),
            ("Me", Said::Unknown),
            ("...", Said::Unknown),
        ] {
            assert_eq!(civility(text), said, "{text:?}");
        }
    }

    #[test]
    fn every_value_reads_back_as_it_was_written() {
        for language in [Language::Fr, Language::En, Language::Codes] {
            for value in Civility::LISTED.iter().cloned().chain(["42", "Dr", "M.", "#", ""].map(Civility::from_code)) {
                assert_eq!(civility(&civility_word(&value, language)), Said::Value(value));
            }
            for value in ContactType::LISTED {
                let word = contact_type_word(value, language).unwrap();
                assert_eq!(contact_type(&word), Said::Value(value.clone()), "{word}");
            }
        }
        for code in ["vip", "Client ", "VIP", "#vip", "lead", "a_1", "à"] {
            let value = ContactType::from_code(code);
            let word = contact_type_word(&value, Language::Codes).unwrap();
            assert_eq!(contact_type_or_code(&word), Said::Value(value), "{word}");
        }
        assert_eq!(contact_type_word(&ContactType::from_code("vip"), Language::Fr), None);
        assert_eq!(contact_type("vip"), Said::Unknown);
        assert_eq!(contact_type_or_code("Vip"), Said::Unknown);
    }
}
