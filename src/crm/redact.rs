//! A server's words about a contact that it refuses, without the contact's own values. Pure.
//!
//! They go into errors, logs and the mirror; a server likes to repeat there what it was sent ("ada@example.com is taken").
//! Whose record it is, is said by its id beside them.

use std::collections::HashSet;

use crate::contact::{Address, Contact, Item};

/// What stands for a value.
const HIDDEN: &str = "…";

/// Numbers of so many digits are somebody's, however the server writes them.
const DIGITS_MIN: usize = 6;

/// The words without anything that the contact says, case and order aside, and without any e-mail address or long number.
pub fn redact(words: &str, contact: &Contact) -> String {
    // Prose is hidden as a whole: word by word it would take half of what the server says with it.
    let prose = contact.comment.trim();
    let words = if prose.is_empty() { words.to_owned() } else { words.replace(prose, HIDDEN) };
    let hidden: HashSet<String> =
        values(contact).into_iter().flat_map(tokens).map(|(token, _)| token.to_lowercase()).collect();
    let mut out = String::with_capacity(words.len());
    for chunk in words.split_inclusive(char::is_whitespace) {
        if chunk.contains('@') {
            out.push_str(HIDDEN);
            out.push_str(&chunk[chunk.trim_end_matches(|c: char| !c.is_alphanumeric()).len()..]);
            continue;
        }
        for (token, behind) in tokens(chunk) {
            let number = token.len() >= DIGITS_MIN && token.bytes().all(|byte| byte.is_ascii_digit());
            let hide = !token.is_empty() && (number || hidden.contains(&token.to_lowercase()));
            out.push_str(if hide { HIDDEN } else { token });
            out.push_str(behind);
        }
    }
    out
}

/// The texts of a contact that are looked for word by word. Codes of the reference's lists name nobody.
fn values(contact: &Contact) -> Vec<&str> {
    let Contact {
        civility: _,
        last_name,
        first_name,
        comment: _,
        job_title,
        job_department,
        country,
        contact_type: _,
        firm_id: _,
        addresses,
        items,
        company,
        // Never sent to the CRM.
        extra: _,
    } = contact;
    let mut values: Vec<&str> = vec![last_name, first_name, job_title, job_department, country, company];
    for Address { address_type: _, street_address, street_address2, zip_code, city, country } in addresses {
        values.extend([street_address, street_address2, zip_code, city, country].map(String::as_str));
    }
    values.extend(items.iter().map(|Item { item_type: _, value }| value.as_str()));
    values
}

/// Letters and digits that stand together, each with what follows it; the first may be empty.
fn tokens(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let next = rest[end..].find(char::is_alphanumeric).map_or(rest.len(), |next| end + next);
        let found = (&rest[..end], &rest[end..next]);
        rest = &rest[next..];
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{AddressType, Civility, ItemType};

    fn check(words: &str, expected: &str) {
        let contact = Contact {
            civility: Some(Civility::Madam),
            last_name: "Lévy & fils".into(),
            first_name: "Li".into(),
            comment: "is a friend".into(),
            addresses: vec![Address { city: "Bourg".into(), ..Address::new(AddressType::Professional) }],
            items: vec![
                Item::new(ItemType::ProfessionalPhone, "01 99 00 12 34"),
                Item::new(ItemType::ProfessionalEmail, "li@example.com"),
            ],
            ..Contact::default()
        };
        assert_eq!(redact(words, &contact), expected);
    }

    #[test]
    fn what_the_contact_says_is_not_repeated() {
        check("Last name is missing", "Last name is missing");
        check("Email li@example.com is taken.", "Email … is taken.");
        check("\"other@example.com\" is taken", "…\" is taken");
        check("LI LÉVY exists, fils too (Bourg)", "… … exists, … too (…)");
        check("Phone 01 99 00 12 34 is taken", "Phone … … … … … is taken");
        check("Phone 0199001234 (or +33199001234) is taken", "Phone … (or +…) is taken");
        check("18 is no civility, 24 no type", "18 is no civility, 24 no type");
        check("comment (is a friend) is too long", "comment (…) is too long");
        check("Linked", "Linked");
        check("", "");
        check("  ;. ", "  ;. ");
    }
}
