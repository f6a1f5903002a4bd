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

/// True when the folded text has the words of family and given name, and of any of the other parts, in any order.
pub(super) fn is_arranged<T: AsRef<str>>(folded: &str, parts: &[T]) -> bool {
    let mut wanted = split(folded);
    let part = |at: usize| parts.get(at).map(|part| keys::text(part.as_ref())).unwrap_or_default();
    let (family, given) = (part(0), part(1));
    let mut has = |text: &str| split(text).iter().all(|word| take(&mut wanted, word));
    if (family.is_empty() && given.is_empty()) || !has(&family) || !has(&given) {
        return false;
    }
    // Each further part is there as a whole or not at all.
    for at in 2..parts.len().min(5) {
        let text = part(at);
        let mut rest = wanted.clone();
        if split(&text).iter().all(|word| take(&mut rest, word)) {
            wanted = rest;
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

/// First and last name from a shown name, for cards without N: the last word is the family's.
pub(super) fn from_full(full: &str) -> (String, String) {
    match full.trim().rsplit_once(char::is_whitespace) {
        Some((first, last)) => (first.trim().to_owned(), last.to_owned()),
        None => (String::new(), full.trim().to_owned()),
    }
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
        let parts = ["de Lovelace", "Ada", "King", "Dr", "Jr"];
        for (full, expected) in [
            ("Ada de Lovelace", true),
            ("DE LOVELACE, Ada", true),
            ("Dr Ada King de Lovelace Jr", true),
            ("Ada King de Lovelace", true),
            ("analytique", true),
            ("", true),
            ("Ada Lovelace", false),
            ("Tante Ada", false),
            ("Ada de Lovelace (compta)", false),
        ] {
            assert_eq!(is_derived(full, &parts, &contact), expected, "{full}");
        }
        assert_eq!(from_full(" Ada King  Lovelace "), ("Ada King".into(), "Lovelace".into()));
    }
}
