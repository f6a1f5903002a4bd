//! What becomes of a contact's company and of its firm's id when one of them changes: the company is the name of the firm
//! that the id names, unless somebody typed one that no firm has.

use crate::contact::keys;

/// A contact's firm: its id in the CRM, and the company's name as cards and sheets show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Firm<'a> {
    /// "" for none.
    pub id: &'a str,
    /// "" for none.
    pub company: &'a str,
}

/// The firms whose name is a company's, under the normalising comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Named {
    /// None.
    #[default]
    Nobody,
    /// One: its id and its name as the CRM spells it.
    One {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// Several: which is meant cannot be told.
    Several,
}

/// What is known of the firms that a change is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The name behind the id that the contact had.
    pub before: Option<String>,
    /// The name behind the id that it has now.
    pub now: Option<String>,
    /// The firms of the company that it has now.
    pub typed: Named,
}

/// By which names of companies are compared: without case, accents, signs and further blanks. A name of signs alone is compared
/// as it stands.
pub fn key(name: &str) -> String {
    let key = keys::unaccented(name)
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .fold(String::new(), |mut key, part| {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(part);
            key
        });
    if key.is_empty() { name.trim().to_owned() } else { key }
}

/// The firm's id and the company that a contact is to have after a change; what it had before, and what it has now.
///
/// An id that changed brings its name along. A company that was typed brings the id of the one firm of that name along, and
/// clears it where it was taken out. Whatever cannot be told stays as it was typed, and waits for a user.
pub fn follow(before: Firm<'_>, now: Firm<'_>, names: &Names) -> (String, String) {
    let own = names.now.as_deref().filter(|name| !name.is_empty());
    let kept = || (now.id.to_owned(), now.company.to_owned());
    let shown = |id: &str| (id.to_owned(), own.unwrap_or_default().to_owned());
    let is_own = own.is_some_and(|name| key(name) == key(now.company));
    let showed = before.company.is_empty() || names.before.as_deref().is_some_and(|name| name == before.company);
    match (before.id != now.id, before.company != now.company) {
        (false, false) => kept(),
        // The name of the firm that it was is not that of the one that it is.
        (true, false) if showed || is_own => shown(now.id),
        (_, true) if is_own => shown(now.id),
        (true, false) => kept(),
        // Taken out of the card: out of the firm; what no firm is called uncovers the firm's name.
        (false, true) if now.company.is_empty() && showed => (String::new(), String::new()),
        (_, true) if now.company.is_empty() => shown(now.id),
        (moved, true) => match &names.typed {
            Named::One { id, name } if !moved || now.id.is_empty() => (id.clone(), name.clone()),
            Named::One { .. } | Named::Nobody | Named::Several => kept(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Firm 1 is A, 2 is Bé & Cie; D is the name of two.
    fn name_of(id: &str) -> Option<String> {
        [("1", "A"), ("2", "Bé & Cie"), ("3", "D"), ("4", "D"), ("5", ""), ("6", "***")]
            .into_iter()
            .find_map(|(known, name)| (known == id).then(|| name.to_owned()))
    }

    fn named(company: &str) -> Named {
        match key(company).as_str() {
            "a" => Named::One { id: "1".into(), name: "A".into() },
            "be cie" => Named::One { id: "2".into(), name: "Bé & Cie".into() },
            "d" => Named::Several,
            _ => Named::Nobody,
        }
    }

    fn check(before: (&str, &str), now: (&str, &str), expected: (&str, &str)) {
        let names = Names { before: name_of(before.0), now: name_of(now.0), typed: named(now.1) };
        let firm = |(id, company)| Firm { id, company };
        let (id, company) = follow(firm(before), firm(now), &names);
        assert_eq!((id.as_str(), company.as_str()), expected, "{before:?} -> {now:?}");
    }

    #[test]
    fn an_id_brings_its_name_along() {
        check(("", ""), ("1", ""), ("1", "A"));
        check(("1", "A"), ("2", "A"), ("2", "Bé & Cie"));
        check(("1", "A"), ("", "A"), ("", ""));
        check(("1", "A"), ("9", "A"), ("9", ""));
        check(("9", ""), ("1", ""), ("1", "A"));
        check(("1", "A"), ("5", "A"), ("5", ""));
    }

    #[test]
    fn a_typed_company_brings_its_id_along() {
        check(("", ""), ("", "be et cie"), ("", "be et cie"));
        check(("", ""), ("", "BE & CIE"), ("2", "Bé & Cie"));
        check(("1", "A"), ("1", "bé cie"), ("2", "Bé & Cie"));
        check(("1", "A"), ("1", ""), ("", ""));
        check(("1", "A"), ("1", "a."), ("1", "A"));
        check(("3", "D"), ("3", "d"), ("3", "D"));
        check(("6", "***"), ("6", ""), ("", ""));
    }

    #[test]
    fn what_cannot_be_told_stays_as_it_was_typed() {
        check(("1", "A"), ("1", "New"), ("1", "New"));
        check(("1", "A"), ("1", "D"), ("1", "D"));
        check(("1", "New"), ("2", "New"), ("2", "New"));
        check(("1", "A"), ("2", "New"), ("2", "New"));
        check(("", ""), ("1", "New"), ("1", "New"));
        check(("", ""), ("1", "Bé & Cie"), ("1", "Bé & Cie"));
        check(("1", "New"), ("1", "New"), ("1", "New"));
    }

    #[test]
    fn a_name_that_no_firm_has_goes_and_uncovers_the_firms() {
        check(("1", "New"), ("1", ""), ("1", "A"));
        check(("1", "New"), ("1", "a"), ("1", "A"));
        check(("", "New"), ("", ""), ("", ""));
        check(("1", "Bé & Cie"), ("2", "Bé & Cie"), ("2", "Bé & Cie"));
        check(("", ""), ("2", "bé & cie"), ("2", "Bé & Cie"));
    }

    #[test]
    fn names_are_compared_without_case_accents_and_signs() {
        let same = |one: &str, other: &str| assert_eq!(key(one), key(other));
        same("Durand, Colin & fils", "DURAND COLIN  fils");
        same("L’Hénaff S.A.", "l'henaff s a");
        assert_ne!(key("Durand"), key("Dupond"));
        assert_eq!(key(" "), "");
        assert_ne!(key("***"), key("---"));
    }
}
