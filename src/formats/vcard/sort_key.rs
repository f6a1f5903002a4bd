//! What a name is sorted by: SORT-STRING (RFC 2426 3.6.5), and SORT-AS of N (RFC 6350 5.9).
//!
//! A key that only repeats the name, or a part of it, is kept as what it repeats
//! (`SORT-STRING;X-FOLLOWS=family,given:`), so that it follows the name, in each version's form. A key that says something
//! else (how a name is spoken) stays as it is.

use super::{
    extra,
    property::{Prop, words},
    value::View,
    write::escape,
};
use crate::contact::{Contact, keys};

const FOLLOWS: &str = "X-FOLLOWS";

/// The family name without the particles before it ("van der Harten").
const STEM: &str = "stem";

/// What SORT-AS of a line says.
pub(super) fn of_param(view: View<'_>) -> Option<String> {
    let (_, value) = view.params().find(|(name, _)| name.eq_ignore_ascii_case(b"SORT-AS"))?;
    let values: Vec<String> = words(value).map(|word| extra::uncaret(&String::from_utf8_lossy(word))).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The entry for a key of this contact; none for an empty one.
pub(super) fn entry(key: &str, contact: &Contact) -> Option<String> {
    let text = key.trim();
    if text.is_empty() {
        return None;
    }
    Some(match followed(text, contact) {
        Some(parts) => format!("SORT-STRING;{FOLLOWS}={}:", parts.join(",")),
        None => format!("SORT-STRING:{}", escape(text)),
    })
}

/// The entry, where it is a key, as the contact's names have it now.
pub(super) fn settled(entry: &str, contact: &Contact) -> Option<String> {
    if extra::prop(entry) != Prop::SortKey {
        return None;
    }
    if is_following(entry) { Some(entry.to_owned()) } else { self::entry(&extra::text(entry), contact) }
}

/// True for a key that repeats the name.
pub(super) fn is_following(entry: &str) -> bool {
    extra::param(entry, FOLLOWS).is_some()
}

/// The parts of the name that a text repeats.
fn followed(text: &str, contact: &Contact) -> Option<Vec<&'static str>> {
    // A comma parts the names in one version, a blank in the other.
    let folded = |text: &str| keys::text(&text.replace(',', " "));
    let text = folded(text);
    let parts = ["family", STEM, "given"].map(|part| (part, folded(&said(part, contact))));
    let said: Vec<&(&'static str, String)> = parts.iter().filter(|(_, said)| !said.is_empty()).collect();
    if let Some((part, _)) = said.iter().find(|(_, said)| *said == text) {
        return Some(vec![*part]);
    }
    let pairs = said.iter().flat_map(|first| said.iter().map(move |second| (first, second)));
    let is_pair =
        |((first, _), (second, _)): &(&&(&str, String), &&(&str, String))| (*first == "given") != (*second == "given");
    pairs
        .filter(is_pair)
        .find(|((_, first), (_, second))| text == format!("{first} {second}"))
        .map(|((first, _), (second, _))| vec![*first, *second])
}

fn said(part: &str, contact: &Contact) -> String {
    let family = contact.last_name.trim();
    match part {
        "family" => family.to_owned(),
        "given" => contact.first_name.trim().to_owned(),
        _ => {
            let is_particle = |word: &&str| word.starts_with(char::is_lowercase);
            let words: Vec<&str> = family.split_whitespace().collect();
            let particles = words.iter().take_while(|word| is_particle(word)).count();
            words[if particles < words.len() { particles } else { 0 }..].join(" ")
        }
    }
}

/// The key's parts for a contact; empty where there is nothing to sort by.
pub(super) fn parts(entry: &str, contact: &Contact) -> Vec<String> {
    let parts: Vec<String> = match extra::param(entry, FOLLOWS) {
        Some(parts) => parts.trim_matches('"').split(',').map(|part| said(part, contact)).collect(),
        None => extra::text(entry).split(',').map(|part| part.trim().to_owned()).collect(),
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

/// The text of SORT-STRING.
pub(super) fn text(entry: &str, contact: &Contact) -> String {
    let parts = parts(entry, contact);
    parts.join(if is_following(entry) { " " } else { "," })
}

/// The parameter SORT-AS, with its semicolon; empty for no parts.
pub(super) fn param(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!(";SORT-AS=\"{}\"", extra::caret(&parts.join(","))) }
}

/// SORT-AS of a text that became another one: it follows where it only repeated it, and goes with it where not.
pub(super) fn followed_param(view: View<'_>, old: &str, new: &str) -> String {
    let is_repeated = of_param(view).is_some_and(|key| keys::text(&key) == keys::text(old));
    if is_repeated && !new.is_empty() { param(&[new.to_owned()]) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_what_it_repeats() {
        let van = Contact { last_name: "van der Berg".into(), first_name: "Ada".into(), ..Contact::default() };
        for (key, expected, text) in [
            ("VAN DER BERG", "SORT-STRING;X-FOLLOWS=family:", "van der Berg"),
            ("Berg", "SORT-STRING;X-FOLLOWS=stem:", "Berg"),
            ("Berg, Ada", "SORT-STRING;X-FOLLOWS=stem,given:", "Berg Ada"),
            ("Ada van der Berg", "SORT-STRING;X-FOLLOWS=given,family:", "Ada van der Berg"),
            ("Bergue,Ada", "SORT-STRING:Bergue\\,Ada", "Bergue,Ada"),
        ] {
            let entry = entry(key, &van).unwrap();
            assert_eq!((entry.as_str(), super::text(&entry, &van).as_str()), (expected, text), "{key}");
            assert_eq!(self::entry(text, &van).as_deref(), Some(expected), "what is written is read");
        }
        assert_eq!(entry("  ", &van), None);
    }
}
