//! What holds for every table and every contact.

use proptest::prelude::*;

use super::*;
use crate::contact::{Address, AddressType, Civility, Contact, ContactType, Field, Item, ItemType, identity::Identity};

/// Texts that CSV, spreadsheets and dialects could stumble over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        4 => "[a-zA-ZéÉ' -]{1,8}",
        1 => "[a;,|\t\"'\n =+@é:{}*]{1,8}",
        1 => Just("Dupont ::: Durand".to_owned()),
        1 => Just("12345".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[0-9]{4,12}",
        2 => "[+]?[0-9 .()-]{6,14}",
        1 => Just("3.36E+10".to_owned()),
        1 => Just("612345,678".to_owned()),
        1 => Just("33612345678".to_owned()),
        2 => "[a-z]{1,5}@[a-z]{1,5}\\.fr",
        1 => "[a;,\"\n ='é]{1,6}",
    ]
}

fn item_type() -> impl Strategy<Value = ItemType> {
    prop_oneof![
        9 => prop::sample::select(ItemType::LISTED.to_vec()),
        1 => prop::sample::select(vec!["999", "a_2", "x y", "", "é"]).prop_map(ItemType::from_code),
    ]
}

fn address_type() -> impl Strategy<Value = AddressType> {
    prop_oneof![
        6 => prop::sample::select(AddressType::LISTED.to_vec()),
        1 => prop::sample::select(vec!["29", "a_2"]).prop_map(AddressType::from_code),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    let zip = prop_oneof![Just(String::new()), "[0-9]{4,5}", text()];
    let country = prop_oneof![Just(String::new()), Just("France".to_owned()), Just("Belgique".to_owned())];
    (address_type(), text(), text(), zip, text(), country).prop_map(
        |(address_type, street_address, street_address2, zip_code, city, country)| Address {
            address_type,
            street_address,
            street_address2,
            zip_code,
            city,
            country,
        },
    )
}

fn contact() -> impl Strategy<Value = Contact> {
    let civility = prop::option::of(prop::sample::select(vec!["17", "18", "19", "42", "Dr", "M."]));
    let contact_type = prop::option::of(prop::sample::select(vec!["client", "perso", "other", "vip", "Client "]));
    let items = prop::collection::vec((item_type(), value()).prop_map(|(of, value)| Item::new(of, value)), 0..6);
    (
        (civility, text(), text(), text(), text(), text()),
        (text(), contact_type, "[0-9]{0,4}", text()),
        prop::collection::vec(address(), 0..4),
        items,
    )
        .prop_map(|(one, two, addresses, items)| Contact {
            civility: one.0.map(Civility::from_code),
            last_name: one.1,
            first_name: one.2,
            comment: one.3,
            job_title: one.4,
            job_department: one.5,
            country: two.0,
            contact_type: two.1.map(ContactType::from_code),
            firm_id: two.2,
            company: two.3,
            addresses: addresses.into_iter().filter(|address| !address.is_empty()).collect(),
            items,
            extra: Vec::new(),
        })
}

fn cell() -> impl Strategy<Value = String> {
    let words =
        vec!["Work", "* Bureau", "Home Fax", "Yacht", "Skype", "Dr", "Mme", "Client", "a ::: b", "VIP;Client", "1310"];
    prop_oneof![3 => Just(String::new()), 2 => text(), 2 => value(), 2 => prop::sample::select(words).prop_map(str::to_owned)]
}

/// A profile's name: a whole profile would drown a failure's report.
fn dialect() -> impl Strategy<Value = &'static str> {
    prop::sample::select(Profile::all().iter().map(Profile::name).collect::<Vec<_>>())
}

/// Lists as multisets that keep the order within a type.
fn settled(mut contact: Contact) -> Contact {
    contact.items.sort_by(|one, other| one.item_type.cmp(&other.item_type));
    contact.addresses.sort_by(|one, other| one.address_type.cmp(&other.address_type));
    contact
}

/// Lists as multisets.
fn sorted(contact: Contact) -> Contact {
    let mut contact = settled(contact);
    contact.items.sort_by(|one, other| (&one.item_type, &one.value).cmp(&(&other.item_type, &other.value)));
    contact.addresses.sort_by_key(|address| format!("{address:?}"));
    contact
}

fn identity() -> Identity {
    Identity { uid: Some("c0ffee00-0000-4000-8000-000000000001".into()), crm_id: Some("812".into()) }
}

fn reread(table: &Table, index: usize) -> Row {
    let again = Table::parse(&table.to_bytes(), Some(table.profile())).unwrap();
    let same = again.row(index).unwrap();
    assert_eq!(table.row(index).unwrap().contact, same.contact, "the written file reads as the table does");
    same
}

/// A contact that a row can be recognised by: not every cell is empty.
fn named(mut contact: Contact) -> Contact {
    contact.last_name = "Lovelace".into();
    contact
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_not_changed_stay(
        body in "([a;,|\t\"'=é0-9 ]{0,12}(\r\n|\n|\r)?){0,8}",
        header in prop::sample::select(vec![
            "Nom;Prénom;E-mail\r\n", "\"Nom\",\"Prénom\",\"Titre\"\n", "Prénom|Nom de famille\n", "sep=;\nNom;Ville\n",
            "first_name\tlast_name\tx\n", "Notes:\n\nFirst Name,Last Name,URL\n", "Nom;Prénom\r",
        ]),
        encoding in prop::sample::select(Encoding::ALL.to_vec()),
    ) {
        let text = format!("{header}{body}");
        let bytes = match encoding {
            Encoding::Utf16Le | Encoding::Utf16Be => [encoding.mark(), &encoding.encode(&text).unwrap()].concat(),
            other => other.encode(&text).unwrap(),
        };
        if let Ok(table) = Table::parse(&bytes, None) {
            prop_assert_eq!(table.to_bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), start in "(Nom;Prénom;Mobile\n)?") {
        let bytes = [start.as_bytes(), &bytes].concat();
        if let Ok(table) = Table::parse(&bytes, None) {
            prop_assert_eq!(table.to_bytes(), bytes);
            let _ = table.rows().count();
        }
    }

    #[test]
    fn what_is_written_reads_as_what_the_table_carries(contact in contact(), dialect in dialect()) {
        let profile = Profile::named(dialect).unwrap();
        let mut table = Table::new(profile);
        let contact = named(contact);
        let carried = table.carries(&contact);
        prop_assert_eq!(&profile.carries(&contact), &carried);
        let (index, _) = table.push(&contact, &identity()).unwrap();
        prop_assert_eq!(&reread(&table, index).contact, &carried, "{}", profile.name());
        prop_assert_eq!(&table.carries(&carried), &carried, "carried twice: {}", profile.name());
    }

    #[test]
    fn the_own_dialect_loses_nothing(contact in contact()) {
        let mut table = Table::new(Profile::carnet());
        let contact = named(contact);
        let (index, missed) = table.push(&contact, &identity()).unwrap();
        prop_assert!(missed.is_empty());
        let row = reread(&table, index);
        prop_assert_eq!(settled(row.contact), settled(contact));
        prop_assert_eq!(Identity { uid: row.uid, crm_id: row.crm_id }, identity());
        prop_assert!(row.notes.is_empty());
    }

    #[test]
    fn an_updated_row_reads_as_what_the_table_carries(
        before in contact(), after in contact(), dialect in dialect(), other in contact(),
    ) {
        let profile = Profile::named(dialect).unwrap();
        let (before, after, other) = (named(before), named(after), named(other));
        let mut table = Table::new(profile);
        let (index, _) = table.push(&before, &Identity::default()).unwrap();
        let (beside, _) = table.push(&other, &Identity::default()).unwrap();
        let mut table = Table::parse(&table.to_bytes(), Some(profile)).unwrap();
        let (from, neighbour) = (table.row(index).unwrap().contact, table.row(beside).unwrap().contact);
        table.update(index, &from, &after, &Identity::default()).unwrap();
        let row = reread(&table, index);
        // A type that the file does not say is guessed the same for both, and a doctor stays a doctor.
        prop_assert_eq!(sorted(row.contact), sorted(table.carries(&after)), "{}", profile.name());
        prop_assert_eq!(reread(&table, beside).contact, neighbour);
    }

    #[test]
    fn a_table_of_some_columns_carries_what_it_has(
        before in contact(), after in contact(), dialect in dialect(),
        order in Just((0..120usize).collect::<Vec<_>>()).prop_shuffle(), share in 2..100usize,
    ) {
        let profile = Profile::named(dialect).unwrap();
        let names = super::layout::Layout::blank(profile).header;
        let names: Vec<&str> =
            order.iter().take(share).filter_map(|at| names.get(*at)).map(String::as_str).chain(["Couleur"]).collect();
        let Ok(mut table) = Table::parse(names.join(";").as_bytes(), Some(profile)) else { return Ok(()) };
        let Ok((index, _)) = table.push(&before, &identity()) else {
            prop_assert!(table.rows().next().is_none());
            return Ok(());
        };
        let from = table.row(index).unwrap().contact;
        prop_assert_eq!(&from, &table.carries(&before), "{}: {}", profile.name(), names.join(";"));
        if table.update(index, &from, &after, &Identity::default()).is_err() {
            prop_assert_eq!(table.row(index).unwrap().contact, from);
            return Ok(());
        }
        let row = table.row(index).unwrap();
        prop_assert!(row.contact.set_fields().less(table.fields()).is_empty());
        prop_assert_eq!(sorted(row.contact), sorted(table.carries(&after)), "{}: {}", profile.name(), names.join(";"));
    }

    /// Rows in nobody's manner. Types are left out: a user's label that says nothing stays, whatever the CRM knows.
    #[test]
    fn a_row_of_any_cells_takes_an_update(
        after in contact(), dialect in dialect(), row in prop::collection::vec(cell(), 120),
    ) {
        let profile = Profile::named(dialect).unwrap();
        let names = super::layout::Layout::blank(profile).header;
        let quote = |text: &String| super::records::quote(text, b',', false);
        let cells: Vec<String> = row.iter().take(names.len()).map(quote).collect();
        let text = format!("{}\n{}\n", names.join(","), cells.join(","));
        let mut table = Table::parse(text.as_bytes(), Some(profile)).unwrap();
        let Some(before) = table.rows().next() else { return Ok(()) };
        let (bytes, after) = (table.to_bytes(), named(after));
        table.update(before.index, &before.contact, &before.contact, &Identity::default()).unwrap();
        prop_assert_eq!(table.to_bytes(), bytes);
        let missed = table.update(before.index, &before.contact, &after, &Identity::default()).unwrap();
        let (read, carried) = (reread(&table, before.index).contact, table.carries(&after));
        let kept = |field: &Field| before.keep.contains(*field) && !field.is_list();
        for field in table.fields().iter().filter(|field| !kept(field)) {
            let without_types = |contact: &Contact| {
                let mut values: Vec<String> = match field {
                    Field::Items => contact.items.iter().map(|item| item.value.clone()).collect(),
                    Field::Addresses => contact
                        .addresses
                        .iter()
                        .map(|address| format!("{:?}", Address { address_type: AddressType::Other, ..address.clone() }))
                        .collect(),
                    scalar => vec![contact.scalar(scalar).into_owned()],
                };
                values.sort();
                values
            };
            prop_assert_eq!(without_types(&read), without_types(&carried), "{} {} {:?} {}", dialect, text, missed, String::from_utf8_lossy(&table.to_bytes()));
        }
    }

    #[test]
    fn an_update_to_what_is_there_changes_no_byte(contact in contact(), dialect in dialect()) {
        let profile = Profile::named(dialect).unwrap();
        let mut table = Table::new(profile);
        let (index, _) = table.push(&named(contact), &Identity::default()).unwrap();
        let bytes = table.to_bytes();
        let mut table = Table::parse(&bytes, Some(profile)).unwrap();
        let from = table.row(index).unwrap().contact;
        table.update(index, &from, &from.clone(), &Identity::default()).unwrap();
        prop_assert_eq!(table.to_bytes(), bytes);
    }

    #[test]
    fn an_export_reads_as_the_tables_would(contacts in prop::collection::vec(contact(), 0..5), dialect in dialect()) {
        let profile = Profile::named(dialect).unwrap();
        let contacts: Vec<Contact> = contacts.into_iter().map(named).collect();
        let mut widths = Widths::new(profile);
        contacts.iter().for_each(|contact| widths.measure(contact));
        let mut bytes = Vec::new();
        let rows = contacts.iter().map(|contact| (contact.clone(), identity()));
        let exported = export(rows, &widths, &mut bytes).unwrap();
        prop_assert_eq!(exported.rows, contacts.len());
        let read: Vec<Contact> =
            Table::parse(&bytes, Some(profile)).unwrap().rows().map(|row| sorted(row.contact)).collect();
        let carried: Vec<Contact> = contacts.iter().map(|contact| sorted(profile.carries(contact))).collect();
        prop_assert_eq!(read, carried);
    }

    #[test]
    fn a_dialect_is_recognised_under_any_delimiter_and_encoding(
        contact in contact(),
        dialect in dialect(),
        delimiter in prop::sample::select(b";,\t|".to_vec()),
        encoding in prop::sample::select(vec![Encoding::Utf8, Encoding::Utf16Le, Encoding::Windows1252, Encoding::Macintosh]),
    ) {
        let profile = Profile::named(dialect).unwrap();
        let mut written = profile.clone();
        written.delimiter = delimiter;
        let mut table = Table::new(&written);
        table.push(&named(contact), &Identity::default()).unwrap();
        // A code point that an encoding lacks (’ in MacRoman is there, N° is not) makes the file UTF-8.
        let text = String::from_utf8(table.to_bytes()).unwrap();
        let text = text.trim_start_matches('\u{feff}');
        let Some(body) = encoding.encode(text) else { return Ok(()) };
        let bytes = if encoding == Encoding::Utf16Le { [encoding.mark(), &body].concat() } else { body };
        let recognised = Table::parse(&bytes, None).unwrap().recognised();
        prop_assert_eq!(recognised.profile, profile.name());
        prop_assert_eq!(recognised.delimiter, char::from(delimiter));
    }
}
