//! FN against N: whether the shown name is only the name's parts in some order, and what is shown when it must be made.

use crate::contact::{Contact, keys};

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

/// True when the folded text has the words of family and given name, and of any of the other parts, in any order.
pub(super) fn is_arranged<T: AsRef<str>>(folded: &str, parts: &[T]) -> bool {
    if folded.len() > SHOWN_MAX {
        return false;
    }
    let mut wanted = split(folded);
    let part = |at: usize| parts.get(at).map(|part| keys::text(part.as_ref())).unwrap_or_default();
    let (family, given) = (part(0), part(1));
    let mut has = |text: &str| split(text).iter().all(|word| take(&mut wanted, word));
    if (family.is_empty() && given.is_empty()) || !has(&family) || !has(&given) {
        return false;
    }
    // Each further part is there as a whole or not at all.
    for at in 2..parts.len().min(5) {
        // "Mme,Dr" in one component are two parts: a shown name may leave out one of them.
        for text in part(at).split(',') {
            let mut rest = wanted.clone();
            if split(text).iter().all(|word| take(&mut rest, word)) {
                wanted = rest;
            }
        }
    }
    wanted.is_empty()
}

fn split(folded: &str) -> Vec<String> {
    folded.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn take(words: &mut Vec<String>, word: &str) -> bool {
    words.iter().position(|other| other == word).map(|at| words.swap_remove(at)).is_some()
}

/// The shown name with the new names where it has the old ones; none where it has not, or a name came or went.
pub(super) fn renamed(full: &str, from: &Contact, to: &Contact) -> Option<String> {
    let mut full = full.to_owned();
    // The family's name from the end, the given one from the start: they may share their letters.
    if from.last_name != to.last_name {
        let at =
            full.rfind(from.last_name.as_str()).filter(|_| !from.last_name.is_empty() && !to.last_name.is_empty())?;
        full.replace_range(at..at + from.last_name.len(), &to.last_name);
    }
    if from.first_name != to.first_name {
        let at =
            full.find(from.first_name.as_str()).filter(|_| !from.first_name.is_empty() && !to.first_name.is_empty())?;
        full.replace_range(at..at + from.first_name.len(), &to.first_name);
    }
    Some(full)
}

/// First and last name from a shown name, for cards without N: the last word is the family's, with the particles before it
/// ("de la Tour") where small letters set them apart.
pub(super) fn from_full(full: &str) -> (String, String) {
    let full = full.trim();
    let is_start = |at: &usize| full[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let starts: Vec<usize> =
        full.char_indices().filter(|(_, char)| !char.is_whitespace()).map(|(at, _)| at).filter(is_start).collect();
    let is_small = |word: usize| full[starts[word]..].starts_with(char::is_lowercase);
    let mut family = starts.len().saturating_sub(1);
    if family > 0 && !is_small(family) {
        while family > 1 && is_small(family - 1) {
            family -= 1;
        }
    }
    let (first, last) = full.split_at(starts.get(family).copied().unwrap_or_default());
    (first.trim().to_owned(), last.to_owned())
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
        ] {
            assert_eq!(is_derived(full, &parts, &contact), expected, "{full}");
        }
        for (full, first, last) in [
            (" Ada King  Lovelace ", "Ada King", "Lovelace"),
            ("Marie-Ange de la Tour", "Marie-Ange", "de la Tour"),
            ("jean paul dupont", "jean paul", "dupont"),
            ("de la Tour", "de", "la Tour"),
            ("Taxi", "", "Taxi"),
            ("", "", ""),
        ] {
            assert_eq!(from_full(full), (first.to_owned(), last.to_owned()), "{full}");
        }
    }
}
