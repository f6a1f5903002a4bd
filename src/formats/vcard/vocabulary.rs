//! The words of cards: what TYPEs, labels, prefixes, categories and messaging services mean, and what is written.
//!
//! Reading is lenient (English, French, each client's own words); writing uses one small set that every client knows.

use super::{CategoryLanguage, Version, property::words, value::View};
use crate::{
    contact::{AddressType, Civility, ContactType, ItemType, keys},
    formats::contact_types::name_of,
};

pub(super) use crate::{contact::person_name::civility, formats::labels::Types};

impl Types {
    /// What the line's own parameters say.
    pub(super) fn of(view: View<'_>) -> Types {
        let mut types = Types::NONE;
        for (name, value) in view.params() {
            if name.is_empty() || name.eq_ignore_ascii_case(b"TYPE") {
                types = words(value).fold(types, |types, word| types.or(type_word(word)));
            } else if name.eq_ignore_ascii_case(b"PREF") {
                types = types.or(Types::PREF);
            }
        }
        types
    }
}

/// True for a nameless 2.1 parameter that says how the value is encoded, not what it is.
pub(super) fn is_transfer_word(word: &[u8]) -> bool {
    [&b"QUOTED-PRINTABLE"[..], b"BASE64", b"8BIT", b"7BIT", b"UTF-8"].iter().any(|own| own.eq_ignore_ascii_case(word))
}

fn type_word(word: &[u8]) -> Types {
    let mut lower = [0; 16];
    if is_transfer_word(word) {
        return Types::NONE;
    }
    if word.len() > lower.len() {
        return own_word(word);
    }
    for (to, from) in lower.iter_mut().zip(word) {
        *to = from.to_ascii_lowercase();
    }
    match &lower[..word.len()] {
        b"home" | b"home1" | b"home2" | b"personal" | b"x-home" => Types::HOME,
        b"work" | b"work1" | b"work2" | b"business" | b"x-work" => Types::WORK,
        b"cell" | b"mobile" | b"x-mobile" | b"iphone" => Types::CELL,
        b"fax" | b"otherfax" => Types::FAX,
        b"homefax" => Types::HOME.or(Types::FAX),
        b"workfax" => Types::WORK.or(Types::FAX),
        b"main" | b"x-main" | b"main-number" | b"x-company_main" | b"company" => Types::MAIN,
        b"voice" => Types::VOICE,
        b"pref" => Types::PREF,
        b"internet" | b"postal" | b"parcel" | b"intl" | b"dom" | b"msg" => Types::NONE,
        b"other" | b"pager" | b"car" | b"isdn" | b"video" | b"text" | b"bbs" | b"modem" | b"pcs" | b"textphone" => {
            Types::OTHER
        }
        _ => own_word(word),
    }
}

/// A word that no version knows is what Android makes of a user's own label.
fn own_word(word: &[u8]) -> Types {
    let label = String::from_utf8_lossy(word);
    Types::OWN.or(Types::of_label(&label).unwrap_or_else(|| Types::of_own_label(&label)))
}

/// The prefix that is written for a civility; an unlisted one has none.
pub(super) fn prefix(civility: &Civility) -> Option<&'static str> {
    match civility {
        Civility::Mr => Some("M."),
        Civility::Madam => Some("Mme"),
        Civility::Miss => Some("Mlle"),
        Civility::Unlisted(_) => None,
    }
}

/// A category as a contact type, in French or English.
pub(super) fn contact_type(category: &str) -> Option<ContactType> {
    Some(match keys::text(category).as_str() {
        "client" | "cliente" | "clients" | "customer" | "customers" => ContactType::Client,
        "prospect" | "prospects" | "lead" | "leads" => ContactType::Prospect,
        "fournisseur" | "fournisseurs" | "supplier" | "suppliers" => ContactType::Supplier,
        "presse" | "press" => ContactType::Press,
        "partenaire" | "partenaires" | "partner" | "partners" => ContactType::Partner,
        "personnel" | "salarié" | "salariés" | "staff" => ContactType::Staff,
        "perso" | "personal" => ContactType::Personal,
        "autre" | "other" => ContactType::Other,
        _ => return None,
    })
}

/// The category that is written for a contact type; an unlisted one has none.
pub(super) fn category(contact_type: &ContactType, words: CategoryLanguage) -> Option<&'static str> {
    let name = name_of(contact_type)?;
    Some(match words {
        CategoryLanguage::French => name.french,
        CategoryLanguage::English => name.english,
    })
}

/// A messaging service by its name or URI scheme.
pub(super) fn messenger(word: &str) -> Option<ItemType> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    if is(&["skype", "skype-username"]) {
        Some(ItemType::Skype)
    } else if is(&["yahoo", "ymsgr"]) {
        Some(ItemType::Yahoo)
    } else if is(&["msn", "msnim", "windowslive"]) {
        Some(ItemType::Msn)
    } else if is(&["aim"]) {
        Some(ItemType::Aim)
    } else if is(&["icq"]) {
        Some(ItemType::Icq)
    } else {
        None
    }
}

/// A messaging service's X-SERVICE-TYPE and URI scheme.
pub(super) fn service(item_type: &ItemType) -> Option<(&'static str, &'static str)> {
    match item_type {
        ItemType::Skype => Some(("Skype", "skype")),
        ItemType::Yahoo => Some(("Yahoo", "ymsgr")),
        ItemType::Msn => Some(("MSN", "msnim")),
        ItemType::Aim => Some(("AIM", "aim")),
        ItemType::Icq => Some(("ICQ", "icq")),
        ItemType::PersonalPhone
        | ItemType::PersonalFax
        | ItemType::PersonalEmail
        | ItemType::PersonalCellPhone
        | ItemType::MainProfessionalPhone
        | ItemType::ProfessionalPhone
        | ItemType::ProfessionalFax
        | ItemType::ProfessionalEmail
        | ItemType::ProfessionalCellPhone
        | ItemType::Unlisted(_) => None,
    }
}

/// The TYPE words of a telephone, fax or e-mail. FAX and CELL come first: Thunderbird looks at the first word only.
fn item_words(item_type: &ItemType, version: Version) -> &'static [&'static str] {
    match item_type {
        ItemType::PersonalPhone => &["HOME", "VOICE"],
        ItemType::PersonalFax => &["FAX", "HOME"],
        ItemType::PersonalCellPhone => &["CELL", "HOME"],
        ItemType::MainProfessionalPhone => &["WORK", "MAIN"],
        ItemType::ProfessionalPhone => &["WORK", "VOICE"],
        ItemType::ProfessionalFax => &["FAX", "WORK"],
        ItemType::ProfessionalCellPhone => &["CELL", "WORK"],
        ItemType::PersonalEmail if version == Version::V40 => &["HOME"],
        ItemType::PersonalEmail => &["INTERNET", "HOME"],
        ItemType::ProfessionalEmail if version == Version::V40 => &["WORK"],
        ItemType::ProfessionalEmail => &["INTERNET", "WORK"],
        ItemType::Skype | ItemType::Yahoo | ItemType::Msn | ItemType::Aim | ItemType::Icq | ItemType::Unlisted(_) => {
            &[]
        }
    }
}

/// The parameters of a telephone, fax or e-mail line, with the leading `;`.
pub(super) fn item_params(item_type: &ItemType, version: Version, is_preferred: bool) -> String {
    let mut params = type_params(item_words(item_type, version), version, is_preferred);
    if *item_type == ItemType::MainProfessionalPhone && version == Version::V40 {
        params.push_str(";PREF=1");
    }
    params
}

/// The parameters of an address line, with the leading `;`.
pub(super) fn address_params(address_type: &AddressType, version: Version, is_preferred: bool) -> String {
    match address_type {
        AddressType::Personal => type_params(&["HOME"], version, is_preferred),
        AddressType::Professional => type_params(&["WORK"], version, is_preferred),
        AddressType::Other => type_params(&["OTHER"], version, is_preferred),
        AddressType::Unlisted(code) => format!(";X-INCWO-TYPE={}", param_value(code)),
    }
}

fn type_params(words: &[&str], version: Version, is_preferred: bool) -> String {
    let mut words = words.to_vec();
    if is_preferred {
        words.push("PREF");
    }
    match version {
        Version::V21 => format!(";{}", words.join(";")),
        Version::V30 => format!(";TYPE={}", words.join(",")),
        Version::V40 => format!(";TYPE={}", words.join(",").to_ascii_lowercase()),
    }
}

/// A parameter's value, quoted where it must be. Quotes and control characters cannot be said there and are left out.
pub(super) fn param_value(text: &str) -> String {
    let text: String = text.chars().filter(|char| !char.is_control() && *char != '"').collect();
    let is_bare = text.chars().all(|char| char.is_alphanumeric() || "-_./+^'".contains(char));
    if is_bare { text } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civilities_are_read_leniently() {
        for (text, expected) in [
            ("M.", Some(Civility::Mr)),
            ("MME.", Some(Civility::Madam)),
            ("Melle", Some(Civility::Miss)),
            ("M. et Mme", None),
            ("Dr", None),
            ("", None),
        ] {
            assert_eq!(civility(text), expected, "{text}");
        }
        for civility_ in Civility::LISTED {
            assert_eq!(prefix(civility_).and_then(civility).as_ref(), Some(civility_));
        }
        for contact_type_ in ContactType::LISTED {
            for words in [CategoryLanguage::French, CategoryLanguage::English] {
                assert_eq!(category(contact_type_, words).and_then(contact_type).as_ref(), Some(contact_type_));
            }
        }
    }
}
