//! Times, fields and values as people of a language write them. Pure: the present and the time zone are handed in.

use chrono::{DateTime, Datelike, TimeZone};

use super::words::{Language, Words, fill};
use crate::contact::{AddressType, Civility, ContactType, Field, ItemType};

/// Short names of months.
const MONTHS: [(&str, &str); 12] = [
    ("Jan", "janv."),
    ("Feb", "févr."),
    ("Mar", "mars"),
    ("Apr", "avr."),
    ("May", "mai"),
    ("Jun", "juin"),
    ("Jul", "juil."),
    ("Aug", "août"),
    ("Sep", "sept."),
    ("Oct", "oct."),
    ("Nov", "nov."),
    ("Dec", "déc."),
];

/// A moment as a part of a sentence: "today at 14:30".
pub(super) fn moment<Z: TimeZone>(language: Language, at: &DateTime<Z>, now: &DateTime<Z>) -> String {
    let words = language.words();
    let local = at.naive_local();
    let days = (local.date() - now.naive_local().date()).num_days();
    let time = local.format("%H:%M").to_string();
    let sentence = match days {
        0 => words.at_today,
        -1 => words.at_yesterday,
        1 => words.at_tomorrow,
        _ => words.at_date,
    };
    let (english, french) = MONTHS[local.month0() as usize % 12];
    let date = match (language, local.day()) {
        (Language::English, day) => format!("{day} {english} {}", local.year()),
        (Language::French, 1) => format!("1er {french} {}", local.year()),
        (Language::French, day) => format!("{day} {french} {}", local.year()),
    };
    fill(sentence, &[("date", &date), ("time", &time)])
}

/// What a field is called.
pub(super) fn field_name(words: &Words, field: Field) -> &'static str {
    match field {
        Field::Civility => words.civility,
        Field::LastName => words.last_name,
        Field::FirstName => words.first_name,
        Field::Comment => words.comment,
        Field::JobTitle => words.job_title,
        Field::JobDepartment => words.job_department,
        Field::Country => words.country,
        Field::ContactType => words.contact_type,
        Field::FirmId => words.firm_id,
        Field::Addresses => words.addresses,
        Field::Items => words.items,
        Field::Company => words.company,
        Field::Extra => words.extra,
    }
}

/// A field by the reference's name, or what an entry of a list is by its type; another name as it stands.
pub(super) fn named_field<'a>(words: &Words, name: &'a str) -> &'a str {
    let field = Field::from_name(name).map(|field| field_name(words, field));
    field.or_else(|| entry_type(words, name)).unwrap_or(name)
}

fn entry_type(words: &Words, word: &str) -> Option<&'static str> {
    item_type(words, &ItemType::from_word(word)).or_else(|| address_type(words, &AddressType::from_word(word)))
}

/// A field's value, or one entry of a list, as it is shown: codes and types in words.
pub(super) fn value(words: &Words, field: Option<Field>, text: &str) -> String {
    match field {
        Some(Field::Civility) => civility(words, &Civility::from_code(text)).unwrap_or(text).to_owned(),
        Some(Field::ContactType) => contact_type(words, &ContactType::from_code(text)).unwrap_or(text).to_owned(),
        Some(Field::Items | Field::Addresses) => entry(words, text),
        _ => text.to_owned(),
    }
}

/// "professional_phone: 01 99 00 00 01" with its type in words.
fn entry(words: &Words, text: &str) -> String {
    let Some((kind, rest)) = text.split_once(": ") else { return text.to_owned() };
    match entry_type(words, kind) {
        Some(word) => fill(words.entry, &[("kind", word), ("value", rest)]),
        None => text.to_owned(),
    }
}

/// A civility's word; none for a code that is not listed.
pub(super) fn civility(words: &Words, code: &Civility) -> Option<&'static str> {
    match code {
        Civility::Mr => Some(words.mr),
        Civility::Madam => Some(words.madam),
        Civility::Miss => Some(words.miss),
        Civility::Unlisted(_) => None,
    }
}

/// A contact type's word; none for a code that is not listed.
pub(super) fn contact_type(words: &Words, code: &ContactType) -> Option<&'static str> {
    Some(match code {
        ContactType::Client => words.client,
        ContactType::Prospect => words.prospect,
        ContactType::Supplier => words.supplier,
        ContactType::Press => words.press,
        ContactType::Partner => words.partner,
        ContactType::Staff => words.staff,
        ContactType::Personal => words.personal_contact,
        ContactType::Other => words.other,
        ContactType::Unlisted(_) => return None,
    })
}

fn item_type(words: &Words, code: &ItemType) -> Option<&'static str> {
    Some(match code {
        ItemType::PersonalPhone => words.personal_phone,
        ItemType::PersonalFax => words.personal_fax,
        ItemType::PersonalEmail => words.personal_email,
        ItemType::PersonalCellPhone => words.personal_cell,
        ItemType::MainProfessionalPhone => words.main_phone,
        ItemType::ProfessionalPhone => words.work_phone,
        ItemType::ProfessionalFax => words.work_fax,
        ItemType::ProfessionalEmail => words.work_email,
        ItemType::ProfessionalCellPhone => words.work_cell,
        ItemType::Skype => "Skype",
        ItemType::Yahoo => "Yahoo",
        ItemType::Msn => "MSN",
        ItemType::Aim => "AIM",
        ItemType::Icq => "ICQ",
        ItemType::Unlisted(_) => return None,
    })
}

fn address_type(words: &Words, code: &AddressType) -> Option<&'static str> {
    Some(match code {
        AddressType::Personal => words.personal,
        AddressType::Professional => words.professional,
        AddressType::Other => words.other_address,
        AddressType::Unlisted(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn moments_are_said_as_the_language_does() {
        let check = |then: &str, english: &str, french: &str| {
            let now = at("2026-03-02T09:00:00Z");
            assert_eq!(moment(Language::English, &at(then), &now), english);
            assert_eq!(moment(Language::French, &at(then), &now), french);
        };
        check("2026-03-02T08:05:00Z", "today at 08:05", "aujourd’hui à 08:05");
        check("2026-03-01T23:59:00Z", "yesterday at 23:59", "hier à 23:59");
        check("2026-03-03T00:01:00Z", "tomorrow at 00:01", "demain à 00:01");
        check("2026-02-01T10:00:00Z", "on 1 Feb 2026 at 10:00", "le 1er févr. 2026 à 10:00");
        check("2025-12-24T10:00:00Z", "on 24 Dec 2025 at 10:00", "le 24 déc. 2025 à 10:00");
    }

    #[test]
    fn codes_are_shown_in_words_and_unlisted_ones_as_they_stand() {
        let check = |field: Field, text: &str, expected: &str| {
            assert_eq!(value(Language::French.words(), Some(field), text), expected);
        };
        check(Field::Civility, "18", "Mme");
        check(Field::Civility, "99", "99");
        check(Field::ContactType, "perso", "Personnel");
        check(Field::ContactType, "vip", "vip");
        check(Field::Items, "professional_phone: 01 99 00 00 01", "Tél. professionnel\u{a0}: 01 99 00 00 01");
        check(Field::Items, "999: x: y", "999: x: y");
        check(
            Field::Addresses,
            "professional: 3 rue X, 75001 Paris",
            "Adresse professionnelle\u{a0}: 3 rue X, 75001 Paris",
        );
        check(Field::JobTitle, "client: x", "client: x");
    }
}
