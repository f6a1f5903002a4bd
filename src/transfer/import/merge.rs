//! What an imported record makes of a contact that is known: its texts replace, its entries are added, nothing is cleared.

use crate::{
    contact::{
        Address, Contact, Field, FieldSet,
        clean::{decoded, tidied},
        keys,
        places::is_part_of,
    },
    reconcile::{
        Winner, apply_changes,
        matching::{MatchedBy, may_be_short_for},
    },
};

/// The contact with what the record says in the fields that it speaks of. A number or address that the contact has already
/// keeps the type it has: files are poor at telling types. What an earlier record of the same file has said in `settled`
/// fields stays: of two that contradict each other one must be the last word each time, or every import would change it.
pub(super) fn enriched(
    known: &Contact,
    read: &Contact,
    fields: FieldSet,
    (by, settled): (MatchedBy, FieldSet),
) -> Contact {
    let mut read = read.clone();
    for field in read.differing(known).iter().filter(|field| !field.is_list()) {
        let is_same = read.scalar(field).trim() == known.scalar(field).trim()
            || read.scalar(field) == tidied(&known.scalar(field), field)
            || read.scalar(field) == decoded(&known.scalar(field), field);
        if is_same {
            // Formats trim; white space alone is no news, nor is what nobody sees.
            read.set_scalar(field, &known.scalar(field));
        }
    }
    if !is_marked(by) {
        add_comment(known, &mut read);
    }
    if is_same_name(known, &read, by) {
        keep_the_better_name(known, &mut read);
    }
    if !is_marked(by) {
        for field in WORDS {
            keep_the_better_spelling(known, &mut read, field);
        }
    }
    let held: Vec<_> = known.items.iter().map(|item| (item.item_type.kind(), keys::item_value(item))).collect();
    read.items.retain(|item| !held.contains(&(item.item_type.kind(), keys::item_value(item))));
    // A part of an address that is there ("Orléans", "France") says nothing new.
    read.addresses.retain(|address| !known.addresses.iter().any(|held| is_part_of(address, held)));
    let mut known = known.clone();
    if fields.contains(Field::Addresses) {
        fill_addresses(&mut known, &mut read);
    }
    let known = &known;
    let nothing = Contact::default();
    let scalars: FieldSet = settled.iter().filter(|field| !field.is_list()).collect();
    let told = read.set_fields().and(fields).less(scalars);
    let mut known = known.clone();
    if settled.contains(Field::Extra) {
        make_room(&mut read.extra, &known.extra);
    } else if told.contains(Field::Extra) {
        make_room(&mut known.extra, &read.extra);
    }
    apply_changes((&nothing, &read), (&nothing, &known), (told, FieldSet::NONE), Winner::There).contact
}

/// A comment on somebody who is known is one more, unless it is in the one that is there, or has all of it.
fn add_comment(known: &Contact, read: &mut Contact) {
    let (held, new) = (known.comment.trim(), read.comment.trim());
    if held.is_empty() || new.is_empty() || new.contains(held) {
        return;
    }
    read.comment = if held.contains(new) { known.comment.clone() } else { format!("{held}\n{new}") };
}

/// A fuller address takes the place of the one known address that is a part of it, which keeps its type.
fn fill_addresses(known: &mut Contact, read: &mut Contact) {
    read.addresses.retain(|address| {
        let mut parts = known.addresses.iter_mut().filter(|held| is_part_of(held, address));
        let Some(held) = parts.next().filter(|held| !held.is_empty()) else { return true };
        if parts.next().is_some() {
            return true;
        }
        *held = Address { address_type: held.address_type.clone(), ..address.clone() };
        false
    });
}

/// What a record says otherwise than the contact has it, by name; another spelling (capitals, spaces) is no other word.
pub(super) fn contradictions(known: &Contact, read: &Contact, fields: FieldSet, by: MatchedBy) -> Vec<String> {
    if fields.is_empty() {
        // Nearly every record is the first of its person: nothing need be folded to compare it.
        return Vec::new();
    }
    let fields = if is_same_name(known, read, by) { fields.less(NAMES) } else { fields };
    let says_otherwise = |field: &Field| {
        let fold = if WORDS.contains(field) { keys::plain } else { keys::text };
        let (known, read) = (fold(&known.scalar(*field)), fold(&read.scalar(*field)));
        !known.is_empty() && !read.is_empty() && known != read
    };
    let scalars = fields.iter().filter(|field| !field.is_list()).filter(says_otherwise);
    let mut names: Vec<String> = scalars.map(|field| field.name().to_owned()).collect();
    if fields.contains(Field::Extra) {
        let stands_alone = |entry: &&String| is_ousted(entry, &read.extra);
        names.extend(known.extra.iter().filter(stands_alone).map(|entry| property(entry).to_owned()));
    }
    names
}

pub(super) const NAMES: FieldSet = FieldSet::NONE.with(Field::LastName).with(Field::FirstName);

/// What is known however it was typed, beside names.
const WORDS: [Field; 4] = [Field::JobTitle, Field::JobDepartment, Field::Company, Field::Country];

/// Who bears the contact's own UID or CRM id was written by somebody who means each letter.
pub(super) fn is_marked(by: MatchedBy) -> bool {
    match by {
        MatchedBy::Uid | MatchedBy::CrmId => true,
        MatchedBy::OtherUid | MatchedBy::Email | MatchedBy::Phone | MatchedBy::Name => false,
    }
}

/// True when both are called the same, however it was typed.
fn is_same_name(known: &Contact, read: &Contact, by: MatchedBy) -> bool {
    !is_marked(by) && (keys::person(known) == keys::person(read) || may_be_short_for(known, read))
}

/// Of two ways to write a name the fuller one stands: "Hélène Dupré" for "DUPRE H."; of two as good the one that is known.
fn keep_the_better_name(known: &Contact, read: &mut Contact) {
    let letters = |contact: &Contact| keys::person(contact).chars().filter(|char| *char != ' ').count();
    let is_fuller = letters(read) > letters(known);
    let turned = |one: &str, other: &str| !one.trim().is_empty() && keys::plain(one) == keys::plain(other);
    if turned(&known.last_name, &read.first_name) || turned(&known.first_name, &read.last_name) {
        std::mem::swap(&mut read.last_name, &mut read.first_name);
    }
    for field in NAMES.iter() {
        let is_same = keys::plain(&known.scalar(field)) == keys::plain(&read.scalar(field));
        if is_same {
            keep_the_better_spelling(known, read, field);
        } else if !is_fuller {
            read.set_scalar(field, &known.scalar(field));
        }
    }
}

/// Of two spellings of one text the more careful one stands, and of two as good the one that is known.
fn keep_the_better_spelling(known: &Contact, read: &mut Contact, field: Field) {
    let (held, new) = (known.scalar(field), read.scalar(field));
    if keys::plain(&held) == keys::plain(&new) && spelling_quality(&new) <= spelling_quality(&held) {
        let held = held.into_owned();
        read.set_scalar(field, &held);
    }
}

/// How carefully a text was typed: its accents, then capitals where they belong.
fn spelling_quality(text: &str) -> (usize, bool) {
    let accents = text.chars().filter(|char| !char.is_ascii() && char.is_alphabetic()).count();
    let is_mixed = text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase);
    (accents, is_mixed)
}

/// Properties of which a card has one: another value takes the place of the one that is there.
/// Source: RFC 6350, the cardinality `*1`, and what programs show one of.
const SINGLE: [&str; 16] = [
    "ANNIVERSARY",
    "BDAY",
    "CLASS",
    "FN",
    "GENDER",
    "GEO",
    "KIND",
    "LOGO",
    "N",
    "ORG",
    "PHOTO",
    "SORT-STRING",
    "TZ",
    "X-ABSHOWAS",
    "X-PHONETIC-FIRST-NAME",
    "X-PHONETIC-LAST-NAME",
];

/// Takes out the entries that coming ones take the place of.
fn make_room(extra: &mut Vec<String>, coming: &[String]) {
    extra.retain(|entry| !is_ousted(entry, coming));
}

/// True for an entry of which a card has one, where another of its kind comes and this one does not.
fn is_ousted(entry: &String, coming: &[String]) -> bool {
    let single = property(entry);
    SINGLE.contains(&single) && !coming.contains(entry) && coming.iter().any(|new| property(new) == single)
}

/// The property's name of an entry of `extra`.
fn property(entry: &str) -> &str {
    entry.split([';', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Item, ItemType};

    #[test]
    fn a_record_adds_and_replaces_and_never_clears() {
        let known = Contact {
            last_name: " Durand ".into(),
            job_title: "Acheteuse".into(),
            comment: "kept".into(),
            items: vec![Item::new(ItemType::ProfessionalCellPhone, "06 39 98 00 01")],
            ..Contact::default()
        };
        let read = Contact {
            last_name: "Durand".into(),
            job_title: "Directrice".into(),
            items: vec![
                Item::new(ItemType::PersonalCellPhone, "+33639980001"),
                Item::new(ItemType::ProfessionalEmail, "d@example.com"),
            ],
            ..Contact::default()
        };
        let new = enriched(&known, &read, FieldSet::ALL, (MatchedBy::Uid, FieldSet::NONE));
        assert_eq!(new.last_name, known.last_name);
        assert_eq!((new.job_title.as_str(), new.comment.as_str()), ("Directrice", "kept"));
        assert_eq!(new.items, [known.items[0].clone(), read.items[1].clone()]);
        assert_eq!(enriched(&new, &read, FieldSet::ALL, (MatchedBy::Uid, FieldSet::NONE)), new);
        let settled = enriched(&known, &read, FieldSet::ALL, (MatchedBy::Uid, FieldSet::ALL));
        assert_eq!((settled.job_title.as_str(), settled.items.len()), ("Acheteuse", 2));
    }

    #[test]
    fn what_a_file_does_not_speak_of_stays() {
        let known = Contact { comment: "kept".into(), ..Contact::default() };
        let read = Contact { last_name: "Durand".into(), comment: "not said".into(), ..Contact::default() };
        let fields = FieldSet::ALL.without(Field::Comment);
        let new = enriched(&known, &read, fields, (MatchedBy::Uid, FieldSet::NONE));
        assert_eq!(new, Contact { last_name: "Durand".into(), ..known });
    }

    #[test]
    fn of_a_property_that_a_card_has_once_there_is_one() {
        let check = |known: &[&str], read: &[&str], settled: FieldSet, expected: &[&str], otherwise: &[&str]| {
            let of = |extra: &[&str]| Contact {
                extra: extra.iter().map(|entry| (*entry).to_owned()).collect(),
                ..Contact::default()
            };
            let new = enriched(&of(known), &of(read), FieldSet::ALL, (MatchedBy::Uid, settled));
            assert_eq!(new.extra, expected, "{known:?} {read:?}");
            assert_eq!(enriched(&new, &of(read), FieldSet::ALL, (MatchedBy::Uid, settled)), new, "once is enough");
            assert_eq!(contradictions(&of(known), &of(read), FieldSet::ALL, MatchedBy::Uid), otherwise);
        };
        let known = ["URL:a", "PHOTO;ENCODING=b:old", "BDAY:1980-01-01"];
        let read = ["PHOTO;ENCODING=b;TYPE=PNG:new", "URL:b", "BDAY:1980-01-01"];
        let added = ["URL:a", "BDAY:1980-01-01", "PHOTO;ENCODING=b;TYPE=PNG:new", "URL:b"];
        check(&known, &read, FieldSet::NONE, &added, &["PHOTO"]);
        let kept = ["URL:a", "PHOTO;ENCODING=b:old", "BDAY:1980-01-01", "URL:b"];
        check(&known, &read, FieldSet::ALL, &kept, &["PHOTO"]);
        check(&known, &[], FieldSet::NONE, &known, &[]);
        check(&[], &["PHOTO:a", "PHOTO:b"], FieldSet::NONE, &["PHOTO:a", "PHOTO:b"], &[]);
        check(&["PHOTO:a", "PHOTO:b"], &["PHOTO:b"], FieldSet::NONE, &["PHOTO:b"], &["PHOTO"]);
    }

    #[test]
    fn another_spelling_is_no_contradiction() {
        let named =
            |name: &str, job: &str| Contact { last_name: name.into(), job_title: job.into(), ..Contact::default() };
        for (known, read, expected) in [
            (named("DURAND", "Acheteuse"), named("Durand ", ""), &[][..]),
            (named("Durand", "Acheteuse"), named("Durand", "Directrice"), &["job_title"]),
            (named("Durand", ""), named("Durand", "Directrice"), &[]),
        ] {
            assert_eq!(contradictions(&known, &read, FieldSet::ALL, MatchedBy::Uid), expected, "{known:?} {read:?}");
        }
        let fields = FieldSet::NONE.with(Field::LastName);
        assert!(
            contradictions(&named("a", "b"), &named("a", "c"), fields, MatchedBy::Uid).is_empty(),
            "only what the file speaks of"
        );
    }

    #[test]
    fn of_two_ways_to_write_a_name_the_better_one_stands() {
        let named = |(last, first): (&str, &str)| Contact {
            last_name: last.into(),
            first_name: first.into(),
            ..Contact::default()
        };
        for (known, read, expected) in [
            (("Dupré", "Hélène"), ("DUPRE", "HELENE"), ("Dupré", "Hélène")),
            (("DUPRE", "HELENE"), ("Dupré", "Hélène"), ("Dupré", "Hélène")),
            (("Dupré", "Hélène"), ("Hélène", "Dupré"), ("Dupré", "Hélène")),
            (("Dupré", "Hélène"), ("Dupré", "H."), ("Dupré", "Hélène")),
            (("Dupré", "H."), ("Dupré", "Hélène"), ("Dupré", "Hélène")),
            (("Dupré", ""), ("Dupré", "Hélène"), ("Dupré", "Hélène")),
            (("Dupré-Martin", "Hélène"), ("Dupré", "Hélène"), ("Dupré-Martin", "Hélène")),
            (("Monéron", "A."), ("Anaïs", "Monéron"), ("Monéron", "Anaïs")),
            (("Thénégnon", "É."), ("thenegnon", "elodie"), ("Thénégnon", "elodie")),
        ] {
            let new = enriched(&named(known), &named(read), FieldSet::ALL, (MatchedBy::Email, FieldSet::NONE));
            assert_eq!(new, named(expected), "{known:?} {read:?}");
            assert!(contradictions(&named(known), &named(read), FieldSet::ALL, MatchedBy::Email).is_empty());
            let marked = enriched(&named(known), &named(read), FieldSet::ALL, (MatchedBy::CrmId, FieldSet::NONE));
            assert_eq!(marked, named(read), "who bears the id is taken by the letter");
        }
        let other =
            contradictions(&named(("Dupré", "Hélène")), &named(("Dupré", "Luc")), FieldSet::ALL, MatchedBy::Name);
        assert_eq!(other, ["first_name"]);
    }

    #[test]
    fn texts_and_places_in_capitals_are_no_news() {
        let contact = |job: &str, company: &str, street: &str| Contact {
            job_title: job.into(),
            company: company.into(),
            addresses: vec![Address {
                street_address: street.into(),
                ..Address::new(crate::contact::AddressType::Professional)
            }],
            ..Contact::default()
        };
        let known = contact("Développeuse", "Sté Lambert", "12, rue de l’Église");
        let shouted = contact("DEVELOPPEUSE", "STE LAMBERT", "12 RUE DE L EGLISE");
        let enrich =
            |known: &Contact, read: &Contact, by: MatchedBy| enriched(known, read, FieldSet::ALL, (by, FieldSet::NONE));
        assert_eq!(enrich(&known, &shouted, MatchedBy::Phone), known);
        assert!(contradictions(&known, &shouted, FieldSet::ALL, MatchedBy::Phone).is_empty());
        let improved = enrich(&shouted, &known, MatchedBy::Phone);
        assert_eq!((improved.job_title, improved.company), (known.job_title.clone(), known.company.clone()));
        assert_eq!(enrich(&known, &shouted, MatchedBy::Uid).job_title, "DEVELOPPEUSE", "by the letter");
    }
}
