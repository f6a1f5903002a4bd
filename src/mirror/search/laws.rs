//! A filter means the same to the mirror's tables as to a contact at hand.

use std::cell::Cell;

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{RngSeed, TestCaseError, TestRunner},
};

use crate::{
    contact::{Address, AddressType, Civility, Contact, ContactType, Field, Filter, Item, ItemType},
    mirror::{Mirror, Search},
};

/// Texts that are the same in one way of comparing and different in another: case beyond ASCII, composed letters,
/// letters that grow with their case, white space, and what SQL would read as something else.
const TEXTS: &str = "|||| |durand|Durand|DURAND |du rand|du\u{a0} rand|éluard|ÉLUARD|E\u{301}luard|eluard|straße\
                     |STRASSE|STRAẞE|İzmir|i\u{307}zmir|izmir|ΟΔΟΣ|οδος|οδοσ|\u{fb01}n|FIN|%|_|'|?|NULL|17|a\0b";
const CODES: [&str; 12] = ["17", "18", "client", "perso", "20", "22", "24", "27", "430", "99", "Client", ""];

/// Fields and values, a field once for each of its values.
type Pairs = Vec<(&'static str, String)>;

fn text() -> impl Strategy<Value = String> {
    let texts: Vec<&str> = TEXTS.split('|').collect();
    prop_oneof![9 => select(texts).prop_map(str::to_owned), 1 => any::<String>()]
}

fn contact() -> impl Strategy<Value = Contact> {
    let code = || select(&CODES[..]);
    let scalars = proptest::collection::vec(text(), Field::ALL.len());
    let codes = (proptest::option::of(code()), proptest::option::of(code()));
    let addresses = proptest::collection::vec((code(), proptest::collection::vec(text(), 5)), 0..3);
    let items = proptest::collection::vec((code(), text()), 0..3);
    (scalars, codes, addresses, items).prop_map(|(scalars, (civility, contact_type), addresses, items)| {
        let mut contact = Contact::default();
        for (field, text) in Field::ALL.into_iter().zip(&scalars) {
            contact.set_scalar(field, text);
        }
        contact.civility = civility.map(Civility::from_code);
        contact.contact_type = contact_type.map(ContactType::from_code);
        contact.addresses = addresses.into_iter().map(|(code, parts)| address(code, parts)).collect();
        contact.items = items.into_iter().map(|(code, value)| Item::new(ItemType::from_code(code), value)).collect();
        contact
    })
}

fn address(code: &str, parts: Vec<String>) -> Address {
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Address {
        address_type: AddressType::from_code(code),
        street_address: next(),
        street_address2: next(),
        zip_code: next(),
        city: next(),
        country: next(),
    }
}

/// A field and some values that it may have.
fn field() -> impl Strategy<Value = Pairs> {
    let names: Vec<&'static str> = Filter::names().collect();
    let values = proptest::collection::vec((text(), any::<Index>()), 1..8);
    (select(names), values).prop_map(|(name, values)| {
        let value = |(text, index): (String, Index)| {
            let one_of = |values: &[&str]| (*index.get(values)).to_owned();
            match name {
                "civility_label_id" => one_of(&["17", "Madam", "miss", ""]),
                "contact_type" => one_of(&["client", "PERSO", "other", ""]),
                "address_type" => one_of(&["20", "other", "professional", ""]),
                "type_id" => one_of(&["24", "professional_email", "Skype", ""]),
                _ => text,
            }
        };
        values.into_iter().map(|given| (name, value(given))).collect()
    })
}

#[test]
fn the_tables_and_the_contacts_agree() {
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1852),
        ..ProptestConfig::default()
    };
    let contacts = proptest::collection::vec(contact(), 1..12);
    let filter = proptest::collection::vec(field(), 0..4).prop_map(|fields| fields.concat());
    let filters = proptest::collection::vec(filter, 1..8);
    let (found, left_out) = (Cell::new(0), Cell::new(0));
    let agree = |(contacts, filters): (Vec<Contact>, Vec<Pairs>)| {
        let mut mirror = Mirror::in_memory().unwrap();
        let mut ids = Vec::new();
        for (at, contact) in contacts.iter().enumerate() {
            ids.push(mirror.insert_contact(&format!("uid-{at}"), contact, "crm", 1, "2026-01-01").unwrap());
        }
        for pairs in filters {
            let filter = Filter::parse(pairs.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
            let mut in_tables = mirror.matching(&Search { filter: filter.clone(), ..Search::default() }).unwrap();
            in_tables.sort_unstable();
            let fitting = ids.iter().zip(&contacts).filter(|(_, contact)| filter.matches(contact));
            let at_hand: Vec<i64> = fitting.map(|(id, _)| *id).collect();
            prop_assert_eq!(&in_tables, &at_hand, "{:?}", pairs);
            if !pairs.is_empty() {
                found.set(found.get() + at_hand.len());
                left_out.set(left_out.get() + ids.len() - at_hand.len());
            }
        }
        Ok::<(), TestCaseError>(())
    };
    TestRunner::new(config).run(&(contacts, filters), agree).unwrap();
    // Filters that find nobody, or everybody, agree easily.
    assert!(found.get() > 1000 && left_out.get() > 1000, "{} found, {} left out", found.get(), left_out.get());
}
