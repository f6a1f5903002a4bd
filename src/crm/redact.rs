//! A server's words about a contact that it refuses, without the contact's own values. Pure.
//!
//! They go into errors, logs and the mirror; a server likes to repeat there what it was sent ("ada@example.com is taken").
//! Whose record it is, is said by its id beside them.

use std::collections::HashSet;

use crate::contact::{Address, Contact, Item};

/// What stands for a value.
const HIDDEN: &str = "…";

/// Words of the reference's element names and of the sentences that a Rails application refuses a record with: that a
/// contact holds one says nothing about it, and without it nobody knows what was refused. In English and in French.
const VOCABULARY: &str = "\
    contact contacts civility label id last first name comment job title department country type firm address addresses \
    street zip code city item items value \
    a allowed already and at be been blank both can cannot characters email empty exist for has have in included invalid \
    is it least list long maximum minimum missing must no not number of one or phone required reserved short t taken the \
    to too unknown valid without \
    adresse au caractères champ civilité court dans de des deux doit déjà est et existe inclus incluse invalide l la le les \
    liste manque moins n nom nombre non numéro obligatoire ou pas pays peut plus prénom rempli sans sont téléphone trop \
    utilisé valide ville vide être";

/// Numbers of so many digits are somebody's, however the server writes them.
const DIGITS_MIN: usize = 6;

/// The words without anything that the contact says, case and order aside, and without any e-mail address or long number.
pub fn redact(words: &str, contact: &Contact) -> String {
    // Prose is hidden as a whole: word by word it would take half of what the server says with it.
    let prose = contact.comment.trim();
    let is_prose = prose.contains(char::is_whitespace);
    let words = if is_prose { words.replace(prose, HIDDEN) } else { words.to_owned() };
    let telling = values(contact).into_iter().chain((!is_prose).then_some(prose)).flat_map(telling);
    let named = [&contact.last_name, &contact.first_name].into_iter().filter(|name| tokens(name).count() == 1);
    let hidden: HashSet<String> = telling.chain(named.map(|name| name.to_lowercase())).collect();
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

/// The words of a value that say something about whoever has it.
fn telling(value: &str) -> impl Iterator<Item = String> {
    let words = tokens(value).map(|(token, _)| token.to_lowercase());
    words.filter(|word| !VOCABULARY.split(' ').any(|known| known == word))
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
    fn a_harmless_word_of_the_contact_hides_no_reason() {
        let check = |edit: fn(&mut Contact), words: &str, expected: &str| {
            let mut contact = Contact::default();
            edit(&mut contact);
            assert_eq!(redact(words, &contact), expected);
        };
        let listed = "Contact items type is not included in the list";
        check(|it| it.items.push(Item::new(ItemType::ProfessionalPhone, "sans type")), listed, listed);
        check(|it| it.job_title = "Contact".into(), listed, listed);
        check(|it| it.comment = "a".into(), "Last name is taken by a", "Last name is taken by a");
        check(|it| it.comment = "Lyre".into(), "Comment Lyre is too long", "Comment … is too long");
        check(
            |it| it.last_name = "de la Tour".into(),
            "la Tour : n'est pas inclus dans la liste",
            "la … : n'est pas inclus dans la liste",
        );
        // A whole name is somebody's, also where it is such a word.
        check(|it| it.last_name = "Long".into(), "Long, Ada is taken", "…, Ada is taken");
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
