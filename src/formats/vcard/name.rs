//! FN against N: whether the shown name is only the name's parts in some order, and what is shown when it must be made.

use super::{
    value::{View, clean, unescape},
    vocabulary,
    write::escape,
};
use crate::contact::{
    Contact, keys,
    person_name::{Order, PersonName, split},
};

/// N's components that are lists of titles: a bare comma and an escaped one part them alike.
const TITLES: std::ops::RangeInclusive<usize> = 3..=4;

/// N's components. Each may be a list (RFC 6350 6.2.2, erratum 3713): several family or given names are read as one text,
/// titles with commas between them.
pub(super) fn components(view: View<'_>) -> Vec<String> {
    let mut parts: Vec<String> = view.components().into_iter().map(String::from).collect();
    if !view.bytes().contains(&b',') {
        return parts;
    }
    for (at, raw) in view.raw_components().iter().enumerate() {
        let values = bare_commas(raw);
        if values.len() > 1 && !TITLES.contains(&at) {
            let values = values.into_iter().map(|value| clean(unescape(value.into(), view.version)).trim().to_owned());
            parts[at] = values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(" ");
        }
    }
    for part in parts.iter_mut().skip(*TITLES.start()).take(TITLES.count()) {
        *part = titles(part);
    }
    parts
}

/// The titles of one component, commas alone between them.
pub(super) fn titles(text: &str) -> String {
    if !text.contains(',') {
        return text.to_owned();
    }
    text.split(',').map(str::trim).filter(|title| !title.is_empty()).collect::<Vec<_>>().join(",")
}

/// Cuts at the commas that are not escaped.
fn bare_commas(raw: &str) -> Vec<&str> {
    let mut is_escape = false;
    raw.split(|char| {
        let is_cut = char == ',' && !is_escape;
        is_escape = char == '\\' && !is_escape;
        is_cut
    })
    .collect()
}

/// A component of N in 3.0 escaping.
pub(super) fn escaped(at: usize, part: &str) -> String {
    if TITLES.contains(&at) { escape(part).replace("\\,", ",") } else { escape(part) }
}

/// N's value, where components that say what they said keep their bytes.
pub(super) fn recomposed(view: Option<View<'_>>, parts: &[String]) -> String {
    let there = view.map(components).unwrap_or_default();
    let raw = view.map(|view| view.raw_components()).unwrap_or_default();
    let written = parts.iter().enumerate().map(|(at, part)| match (there.get(at), raw.get(at)) {
        (Some(same), Some(raw)) if same == part && !raw.contains(char::is_control) => raw.clone(),
        _ => escaped(at, part),
    });
    written.collect::<Vec<_>>().join(";")
}

/// True when the shown name holds nothing that the contact does not: its name in some order, its company, an item.
///
/// `parts` are N's components: family, given, additional, prefix, suffix.
pub(super) fn is_derived<T: AsRef<str>>(full: &str, parts: &[T], contact: &Contact) -> bool {
    if full.trim().is_empty() || is_plain(full, contact) {
        return true;
    }
    let folded = keys::text(full);
    is_arranged(&folded, parts)
        || is_arranged(&folded, &[&contact.last_name, &contact.first_name])
        || is_no_name(&folded, contact)
}

/// True when the folded text is the company or one of the items.
pub(super) fn is_no_name(folded: &str, contact: &Contact) -> bool {
    folded == keys::text(&contact.company) || contact.items.iter().any(|item| folded == keys::text(&item.value))
}

/// "First Last" to the letter.
fn is_plain(full: &str, contact: &Contact) -> bool {
    let (first, last) = (contact.first_name.as_str(), contact.last_name.as_str());
    full.strip_prefix(first)
        .and_then(|rest| if first.is_empty() { Some(rest) } else { rest.strip_prefix(' ') })
        .is_some_and(|rest| rest == last && !last.is_empty())
}

/// A longer shown name, in bytes, is taken for one of its own: its words are not looked up one by one.
const SHOWN_MAX: usize = 2_000;

/// True when the folded text has the words of family and given name, and of any of the other parts, in any order. Given and
/// further names may be short: "M." or "J.-P.".
pub(super) fn is_arranged<T: AsRef<str>>(folded: &str, parts: &[T]) -> bool {
    if folded.len() > SHOWN_MAX {
        return false;
    }
    let mut wanted = words_of(folded);
    let part = |at: usize| parts.get(at).map(|part| keys::text(part.as_ref())).unwrap_or_default();
    let (family, given) = (part(0), part(1));
    let has_family = words_of(&family).iter().all(|word| take(&mut wanted, word));
    if (family.is_empty() && given.is_empty()) || !has_family {
        return false;
    }
    let missing: Vec<String> = words_of(&given).into_iter().filter(|word| !take(&mut wanted, word)).collect();
    // Each further part is there as a whole or not at all.
    let mut further = Vec::new();
    for at in 2..parts.len() {
        // "Mme,Dr" in one component are two parts: a shown name may leave out one of them.
        for text in part(at).split(',') {
            let mut rest = wanted.clone();
            if words_of(text).iter().all(|word| take(&mut rest, word)) {
                wanted = rest;
            } else if at == 2 {
                further.extend(words_of(text));
            }
        }
    }
    let apart = wanted.iter().flat_map(|word| apart(word));
    let Some(mut initials) = apart.map(initials).collect::<Option<Vec<_>>>() else { return false };
    let mut stands_for = |word: &String| {
        let found = initials.iter().position(|letters| abbreviates(letters, word));
        found.map(|at| initials.swap_remove(at)).is_some()
    };
    let is_given = missing.iter().all(&mut stands_for);
    further.iter().for_each(|word| _ = stands_for(word));
    is_given && initials.is_empty()
}

/// "j.r.r." in three, where no hyphen makes one name of them.
fn apart(word: &str) -> Vec<&str> {
    if word.contains('-') { vec![word] } else { word.split_inclusive('.').collect() }
}

/// The letters of "m", "m." or "j.-p."; none for a word that is more than initials.
fn initials(word: &str) -> Option<Vec<char>> {
    let parts: Vec<&str> = word.split(['.', '-']).filter(|part| !part.is_empty()).collect();
    let letters: Option<Vec<char>> = parts.into_iter().map(only_letter).collect();
    letters.filter(|letters| !letters.is_empty())
}

fn only_letter(part: &str) -> Option<char> {
    let mut chars = part.chars();
    chars.next().filter(|char| char.is_alphabetic() && chars.next().is_none())
}

/// True where the letters are those that the word's parts begin with, or the first of them.
fn abbreviates(letters: &[char], word: &str) -> bool {
    let firsts: Vec<char> = word.split('-').filter_map(|part| part.chars().next()).collect();
    firsts == letters || (letters.len() == 1 && firsts.first() == letters.first())
}

fn words_of(folded: &str) -> Vec<String> {
    folded.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn take(words: &mut Vec<String>, word: &str) -> bool {
    words.iter().position(|other| other == word).map(|at| words.swap_remove(at)).is_some()
}

/// What is shown where nothing is: the names, with the second surname and the generation that RFC 9554 added to N. `rest` are
/// N's components from the third on.
pub(super) fn shown(contact: &Contact, rest: &[String]) -> String {
    let mut shown = contact.display_name();
    if contact.last_name.trim().is_empty() {
        return shown;
    }
    for part in rest.iter().skip(3).take(2).map(|part| part.trim()).filter(|part| !part.is_empty()) {
        // Some repeat the second surname among the family names.
        if !keys::text(&contact.last_name).ends_with(&keys::text(part)) {
            shown.extend([" ", part]);
        }
    }
    shown
}

/// Names a contact that has no names by what is shown, and completes N's components by it. `parts` may hold what N says
/// beside the names.
pub(super) fn from_full(full: &str, contact: &mut Contact, parts: &mut Vec<String>) -> Named {
    let PersonName { civility, title, first, last, suffix, company, is_guess, says_more: _ } =
        split(full, Order::GivenFirst);
    if !company.is_empty() && contact.company.trim().is_empty() {
        contact.company = company;
        return Named::Company;
    }
    let last = if company.is_empty() { last } else { company };
    parts.resize(parts.len().max(5), String::new());
    if parts[3].is_empty() {
        let prefix = civility.as_ref().filter(|_| contact.civility.is_none()).and_then(vocabulary::prefix);
        parts[3] = prefix
            .into_iter()
            .map(str::to_owned)
            .chain((!title.is_empty()).then_some(title))
            .collect::<Vec<_>>()
            .join(",");
        contact.civility = contact.civility.take().or(civility);
    }
    if parts[4].is_empty() {
        parts[4] = suffix;
    }
    (parts[0], parts[1]) = (last.clone(), first.clone());
    (contact.last_name, contact.first_name) = (last, first);
    if is_guess { Named::Guessed } else { Named::Person }
}

/// What a shown name was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A person.
    Person,
    /// A person; nothing but the order of the words says which is the family name.
    Guessed,
    /// A company.
    Company,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_names_are_recognised() {
        let contact = Contact {
            first_name: "Ada".into(),
            last_name: "de Lovelace".into(),
            company: "Analytique".into(),
            ..Contact::default()
        };
        let parts = ["de Lovelace", "Ada", "King", "Mme,Dr", "Jr,Esq."];
        for (full, expected) in [
            ("Ada de Lovelace", true),
            ("DE LOVELACE, Ada", true),
            ("Dr Ada King de Lovelace Jr", true),
            ("Ada King de Lovelace", true),
            ("analytique", true),
            ("", true),
            ("Ada de Lovelace Esq. Jr", true),
            ("Ada de Lovelace Esq.", true),
            ("Ada Lovelace", false),
            ("Tante Ada", false),
            ("Ada de Lovelace (compta)", false),
            ("A. de Lovelace", true),
            ("Ada K. de Lovelace", true),
            ("A.K. de Lovelace", true),
            ("Ada X. de Lovelace", false),
        ] {
            assert_eq!(is_derived(full, &parts, &contact), expected, "{full}");
        }
    }
}
