//! Records that something names as a known contact, and that all else makes somebody else: a copied id, a namesake, a
//! company behind the telephone of one of its people, a son who bears his father's name. They are left to a user.

use super::matching::{MatchedBy, are_apart, could_be};
use crate::contact::{Contact, ItemKind, keys, places::may_be_one_place};

/// Why a record is not the contact that it was recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// It bears this mark of the contact, and nothing else of it.
    Mark(&'static str),
    /// One of them is a company.
    Company,
    /// They share a name, and a birthday or a generation keeps them apart.
    Generation,
    /// They share a name and the telephone of a house, and each has a mailbox of their own.
    Mailbox,
}

/// Why a record is somebody else than the known contact that it was recognised as, if so. `has_both_marks`: it bears the UID
/// and the CRM id of the contact, which is a user's own word.
pub fn stranger(known: &Contact, by: MatchedBy, has_both_marks: bool, read: &Contact) -> Option<Stranger> {
    match by {
        MatchedBy::Uid | MatchedBy::OtherUid => {
            (!has_both_marks && !could_be(known, read)).then_some(Stranger::Mark("UID"))
        }
        MatchedBy::CrmId => None,
        MatchedBy::Name if are_two_generations(known, read) => Some(Stranger::Generation),
        MatchedBy::Name => are_namesakes(known, read).then_some(Stranger::Mark("name")),
        MatchedBy::Email if says_company(known) != says_company(read) => Some(Stranger::Company),
        MatchedBy::Email => opposed_generations(known, read).then_some(Stranger::Generation),
        MatchedBy::Phone if is_company(known) != is_company(read) => Some(Stranger::Company),
        MatchedBy::Phone if are_two_generations(known, read) => Some(Stranger::Generation),
        MatchedBy::Phone => are_of_one_house(known, read).then_some(Stranger::Mailbox),
    }
}

/// Two who share a name and not one of the things that both have; the company that both are of is one such thing. A part
/// of an address contradicts none.
fn are_namesakes(known: &Contact, read: &Contact) -> bool {
    let company = keys::plain(&known.company);
    let of_one_company = !company.is_empty() && company == keys::plain(&read.company);
    let in_one_place =
        known.addresses.iter().any(|held| read.addresses.iter().any(|told| may_be_one_place(held, told)));
    let without_places = |contact: &Contact| Contact {
        addresses: if in_one_place { Vec::new() } else { contact.addresses.clone() },
        ..contact.clone()
    };
    !of_one_company && are_apart(&without_places(known), &without_places(read))
}

/// A company has no names, or its card says what it is.
fn is_company(contact: &Contact) -> bool {
    (keys::person(contact).is_empty() && !contact.company.trim().is_empty()) || says_company(contact)
}

/// Its card says that it is a company. Sources: RFC 6350, 6.1.4; Apple's address book.
fn says_company(contact: &Contact) -> bool {
    let says =
        |name: &str, word: &str| value(contact, name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word));
    says("KIND", "org") || says("X-ABSHOWAS", "COMPANY")
}

/// Two who have no mailbox in common, and a birthday or a generation each, or one of them a generation: only a telephone
/// that is carried about makes them one then.
fn are_two_generations(known: &Contact, read: &Contact) -> bool {
    let told_apart = generation(known) != generation(read) && !share_mobile(known, read);
    let is_new = generation(read).is_some() || strange_mailbox(known, read);
    opposed_generations(known, read)
        || (!share_mailbox(known, read) && ((told_apart && is_new) || opposed_birthdays(known, read)))
}

/// Both have mailboxes, none in common, and what they share is the telephone of a house.
fn are_of_one_house(known: &Contact, read: &Contact) -> bool {
    let phones = |contact: &Contact| -> Vec<String> { contact.values(ItemKind::Phone).map(keys::phone).collect() };
    let held = phones(known);
    let mut shared = phones(read).into_iter().filter(|phone| held.contains(phone));
    strange_mailbox(known, read) && shared.all(|phone| is_landline(&phone))
}

/// A French number that is nobody's own.
fn is_landline(key: &str) -> bool {
    key.strip_prefix("+33").is_some_and(|rest| rest.starts_with(['1', '2', '3', '4', '5', '9']))
}

fn share_mobile(known: &Contact, read: &Contact) -> bool {
    let held: Vec<String> = known.values(ItemKind::Phone).map(keys::phone).collect();
    let mut mobiles = read.values(ItemKind::Phone).map(keys::phone).filter(|phone| keys::is_french_mobile(phone));
    mobiles.any(|phone| held.contains(&phone))
}

fn mailboxes(contact: &Contact) -> Vec<String> {
    contact.values(ItemKind::Email).map(keys::email).collect()
}

fn share_mailbox(known: &Contact, read: &Contact) -> bool {
    let held = mailboxes(known);
    mailboxes(read).iter().any(|mailbox| held.contains(mailbox))
}

fn strange_mailbox(known: &Contact, read: &Contact) -> bool {
    let (held, told) = (mailboxes(known), mailboxes(read));
    !held.is_empty() && !told.is_empty() && !told.iter().any(|mailbox| held.contains(mailbox))
}

/// Both say of which generation they are, and not the same.
fn opposed_generations(known: &Contact, read: &Contact) -> bool {
    generation(known).zip(generation(read)).is_some_and(|(known, read)| known != read)
}

/// What follows a name to tell a son from his father. Source: RFC 6350, 6.2.2, the suffixes of N.
const GENERATIONS: [(&str, u8); 10] = [
    ("sr", 1),
    ("senior", 1),
    ("pere", 1),
    ("jr", 2),
    ("junior", 2),
    ("fils", 2),
    ("ii", 2),
    ("iii", 3),
    ("iv", 4),
    ("v", 5),
];

/// The generation that a card's N names, or the last word of the family name, from 1.
fn generation(contact: &Contact) -> Option<u8> {
    let of = |word: &str| GENERATIONS.iter().find(|(known, _)| *known == word).map(|(_, number)| *number);
    let suffix = value(contact, "N").and_then(|value| value.split(';').nth(4)).map(keys::plain);
    let by_suffix = suffix.and_then(|suffix| suffix.split(' ').find_map(of));
    let name = || keys::plain(&contact.last_name);
    by_suffix.or_else(|| name().rsplit_once(' ').filter(|(_, word)| *word != "v").and_then(|(_, word)| of(word)))
}

/// Both say when they were born, and not the same; a day without its year is any year's.
fn opposed_birthdays(known: &Contact, read: &Contact) -> bool {
    let day = |contact| -> Option<String> {
        let digits: String =
            value(contact, "BDAY")?.chars().take_while(|c| *c != 'T').filter(char::is_ascii_digit).collect();
        matches!(digits.len(), 4 | 8).then_some(digits)
    };
    day(known).zip(day(read)).is_some_and(|(known, read)| !known.ends_with(&read) && !read.ends_with(&known))
}

/// The value of a contact's first line of this name.
fn value<'c>(contact: &'c Contact, name: &str) -> Option<&'c str> {
    let lines = contact.extra.iter().filter_map(|line| line.split_once(':'));
    lines.filter(|(head, _)| head.split(';').next() == Some(name)).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Item, ItemType};

    fn person(email: &str, phone: &str, extra: &[&str]) -> Contact {
        let items = [(ItemType::PersonalEmail, email), (ItemType::PersonalPhone, phone)];
        Contact {
            last_name: "Arnaud".into(),
            first_name: "Joël".into(),
            items: items.into_iter().filter(|(_, value)| !value.is_empty()).map(|(t, v)| Item::new(t, v)).collect(),
            extra: extra.iter().map(|line| (*line).to_owned()).collect(),
            ..Contact::default()
        }
    }

    fn at(city: &str, street: &str, contact: Contact) -> Contact {
        let place =
            Address { city: city.into(), street_address: street.into(), ..Address::new(AddressType::Professional) };
        Contact { addresses: vec![place], ..contact }
    }

    fn company(name: &str, phone: &str) -> Contact {
        Contact { last_name: String::new(), first_name: String::new(), company: name.into(), ..person("", phone, &[]) }
    }

    fn check(known: Contact, by: MatchedBy, read: Contact, expected: Option<Stranger>) {
        assert_eq!(stranger(&known, by, false, &read), expected, "{known:?} {by:?} {read:?}");
    }

    #[test]
    fn a_name_alone_makes_two_people_one_only_where_nothing_speaks_against_it() {
        let (a, b) = ("01 99 00 00 01", "01 99 00 00 02");
        let name = Some(Stranger::Mark("name"));
        check(person("", a, &[]), MatchedBy::Name, person("", b, &[]), name);
        check(person("a@example.com", a, &[]), MatchedBy::Name, person("", b, &[]), name);
        check(person("", a, &[]), MatchedBy::Name, person("a@example.com", "", &[]), None);
        check(person("", a, &[]), MatchedBy::Name, person("", "+33199000001", &[]), None);
        check(at("Lyon", "", person("", "", &[])), MatchedBy::Name, at("Paris", "", person("", "", &[])), name);
        let whole = || at("Lyon", "1 rue Haute", person("", "", &[]));
        check(whole(), MatchedBy::Name, at("LYON", "", person("", "", &[])), None);
        let of_one = |contact: Contact| Contact { company: "Scierie".into(), ..contact };
        check(of_one(person("", a, &[])), MatchedBy::Name, of_one(person("", b, &[])), None);
    }

    #[test]
    fn a_company_is_none_of_its_people() {
        let phone = "01 99 00 00 01";
        check(person("", phone, &[]), MatchedBy::Phone, company("Scierie", phone), Some(Stranger::Company));
        check(company("Scierie", phone), MatchedBy::Phone, person("", phone, &[]), Some(Stranger::Company));
        check(company("Scierie", phone), MatchedBy::Phone, company("Scierie du Val", phone), None);
        let marked = Contact { extra: vec!["KIND:org".into()], ..person("a@example.com", phone, &[]) };
        check(person("a@example.com", phone, &[]), MatchedBy::Email, marked, Some(Stranger::Company));
        // Without a company it is a number, and somebody's.
        check(person("", phone, &[]), MatchedBy::Phone, company("", phone), None);
    }

    #[test]
    fn a_house_has_one_telephone_and_each_a_mailbox() {
        for (phone, expected) in [("01 99 00 00 01", Some(Stranger::Mailbox)), ("06 39 98 00 01", None)] {
            let read = person("b@example.com", phone, &[]);
            check(person("a@example.com", phone, &[]), MatchedBy::Phone, read.clone(), expected);
            check(person("", phone, &[]), MatchedBy::Phone, read, None);
        }
    }

    #[test]
    fn a_son_is_not_his_father() {
        let phone = "01 99 00 00 01";
        let (sr, jr) = (["N:;;;;Sr.", "BDAY:1950-05-05"], ["N:;;;;Jr.", "BDAY:1980-08-08"]);
        let apart = Some(Stranger::Generation);
        for by in [MatchedBy::Phone, MatchedBy::Name, MatchedBy::Email] {
            check(person("a@example.com", phone, &sr), by, person("b@example.com", phone, &jr), apart);
            check(person("a@example.com", phone, &sr), by, person("a@example.com", phone, &sr), None);
            check(person("a@example.com", phone, &sr), by, person("a@example.com", phone, &[]), None);
        }
        check(person("a@example.com", phone, &[]), MatchedBy::Phone, person("b@example.com", phone, &jr[..1]), apart);
        check(person("a@example.com", phone, &[]), MatchedBy::Phone, person("", phone, &jr[..1]), apart);
        check(person("", phone, &jr[..1]), MatchedBy::Phone, person("a@example.com", phone, &[]), None);
        let mobile = "06 39 98 00 01";
        check(person("", mobile, &[]), MatchedBy::Phone, person("", mobile, &jr[..1]), None);
        let named = |name: &str| Contact { last_name: name.into(), ..person("", phone, &[]) };
        check(named("Arnaud père"), MatchedBy::Phone, named("Arnaud fils"), apart);
        check(person("", phone, &sr[1..]), MatchedBy::Phone, person("", phone, &jr[1..]), apart);
        check(person("", phone, &["BDAY:19500505"]), MatchedBy::Phone, person("", phone, &sr[1..]), None);
        check(person("", phone, &["BDAY:--0505"]), MatchedBy::Phone, person("", phone, &sr[1..]), None);
        check(person("", phone, &["BDAY;VALUE=date:1950-05-06"]), MatchedBy::Phone, person("", phone, &sr[1..]), apart);
        // Who bears the id is taken by the letter.
        check(person("", phone, &sr), MatchedBy::Uid, person("", phone, &jr), None);
    }
}
