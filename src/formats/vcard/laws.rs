//! The laws of the lens, and cards in each client's manner.

use proptest::prelude::*;

use super::{Card, Version, check, clients, new_card, read, update};
use crate::contact::{Address, AddressType, Civility, Contact, ContactType, Item, ItemType, identity::Identity, keys};

fn parse(text: &str) -> Card {
    Card::parse(text.as_bytes()).unwrap_or_else(|error| panic!("line {}: {error}\n{text}", error.line))
}

/// The contact with its lists sorted: the laws compare them as multisets.
fn sorted(mut contact: Contact) -> Contact {
    contact.items.sort_by(|one, other| (&one.item_type, &one.value).cmp(&(&other.item_type, &other.value)));
    contact.addresses.sort_by_key(|address| format!("{address:?}"));
    contact.extra.sort();
    contact
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        6 => proptest::string::string_regex("[A-Za-zéÉœ ,;:\\\\'\"=+-]{1,12}").expect("a valid pattern"),
        1 => proptest::string::string_regex("[ -~é\u{1f600}\n\t]{1,90}").expect("a valid pattern"),
    ]
}

fn line() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace('\n', " "))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("Ada"), Just("de Lovelace"), Just("Élodie"), Just("O'Neil; Jr"), Just(""), Just("Dupont, A")]
        .prop_map(str::to_owned)
}

fn address() -> impl Strategy<Value = Address> {
    let kind = prop_oneof![
        Just(AddressType::Personal),
        Just(AddressType::Professional),
        Just(AddressType::Other),
        Just(AddressType::Unlisted("77".into())),
    ];
    (kind, line(), text(), line(), line(), line()).prop_map(
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

fn item() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        8 => proptest::sample::select(ItemType::LISTED),
        1 => Just(ItemType::Unlisted("999".into())),
        1 => Just(ItemType::Unlisted("a;b:c".into())),
    ];
    let value = prop_oneof![
        Just("06 12 34 56 78".to_owned()),
        Just("01 23 45 67 89".to_owned()),
        Just("ada@example.com".to_owned()),
        Just("live:ada?x%41".to_owned()),
        Just("tel:01 23 45 67 89".to_owned()),
        Just("mailto:ada@example.com".to_owned()),
        line(),
    ];
    (kind, value).prop_map(|(item_type, value)| Item { item_type, value })
}

fn extra() -> impl Strategy<Value = Vec<String>> {
    let entry = proptest::sample::select(
        &[
            "N:;;King;Dr;Jr",
            "ORG:;;Salle 3;Étage",
            "CATEGORIES:Amis,VIP",
            "FN:Tante Ada",
            "FN;LANGUAGE=en:Aunt Ada",
            "ADR;TYPE=HOME:;;;;Rhône;;",
            "URL:http://example.com/a,b",
            "URL;X-ABLABEL=\"_$!<HomePage>!$_\":http://example.com",
            "URL;X-ABLABEL=\"mon ^'site^'\":http://example.com/2",
            "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwg",
            "BDAY:1815-12-10",
            "NOTE:encore\\nune",
            "TITLE:deuxième",
            "IMPP;X-SERVICE-TYPE=Jabber:xmpp:ada@example.com",
            "X-FOO;TYPE=a,b:un;deux\\;trois",
            "X-ABSHOWAS:COMPANY",
            "BDAY:--1210",
            "BDAY:1815",
            "BDAY;VALUE=text:vers 1815",
            "DEATHDATE:1852-11-27",
            "ANNIVERSARY:--0708",
            "ANNIVERSARY:1835-07-08T11:30:00Z",
            "ANNIVERSARY:1835",
            "X-ABDATE;type=pref;X-ABLABEL=\"_$!<Anniversary>!$_\":1835-07-08",
            "X-ABDATE;X-ABLABEL=\"Rencontre\":18330605",
            "GEO:51.51;-0.13",
            "GEO:geo:51.51,-0.13,20;u=35",
            "GEO:https://maps.example/x",
            "TZ:+01:00",
            "TZ:Europe/London",
            "KEY;ENCODING=b;TYPE=PGP:AAAA",
            "KEY;ENCODING=b;TYPE=SSH:AAAA",
            "KEY;ENCODING=b:AAAA",
            "KEY:https://keys.example/ada.asc",
            "KEY;TYPE=PGP:https://keys.example/ada.asc",
            "KEY:-----BEGIN-----\\nAAAA",
            "LOGO;TYPE=PNG:https://logo.example/a.png",
            "SOUND;ENCODING=b;TYPE=BASIC:AAAA",
            "RELATED;TYPE=spouse;PREF=1;VALUE=text:William",
            "RELATED;TYPE=friend,met;VALUE=text:Charles",
            "RELATED;VALUE=text:Mary\\, Lady",
            "RELATED;VALUE=text;X-ABLABEL=\"Marraine\":Mary",
            "RELATED;TYPE=agent:https://agent.example",
            "RELATED;TYPE=parent:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "AGENT:BEGIN:VCARD\\nFN:x\\nEND:VCARD",
            "X-SPOUSE:William",
            "X-EVOLUTION-SPOUSE:William",
            "CLASS:PRIVATE",
            "MAILER:Pine",
            "GENDER:F",
            "GENDER:O;autre",
            "GENDER:;elle",
            "KIND:location",
            "MEMBER:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "LANG;PREF=1:fr",
            "SOCIALPROFILE;SERVICE-TYPE=Mastodon;USERNAME=ada:https://social.example/@ada",
            "SOCIALPROFILE;TYPE=work;SERVICE-TYPE=Mastodon:https://social.example/@ada",
            "PRONOUNS;LANGUAGE=fr:elle",
            "CREATED:20240705T093412Z",
            "GRAMGENDER:FEMININE",
            "JSPROP;JSPTR=\"a/b\":\"x\"",
            "HOBBY:calcul",
            "XML:<a/>",
            "SORT-STRING:Lovelasse",
            "SORT-STRING:Lovelasse\\,Ada",
            "SORT-STRING;X-FOLLOWS=family:",
            "SORT-STRING;X-FOLLOWS=family,given:",
            "N:;;King;;Jr,PhD;Byron;II",
        ][..],
    );
    proptest::collection::vec(entry, 0..5).prop_map(|entries| {
        let mut entries: Vec<String> = entries.into_iter().map(str::to_owned).collect();
        entries.sort();
        entries.dedup();
        entries
    })
}

prop_compose! {
    fn contact()(
        civility in proptest::option::of(prop_oneof![
            Just(Civility::Mr), Just(Civility::Madam), Just(Civility::Miss), Just(Civility::Unlisted("42".into()))]),
        last_name in name(), first_name in name(), comment in text(), job_title in line(), job_department in line(),
        country in line(), firm_id in "[0-9]{0,3}", company in prop_oneof![Just(String::new()), Just("Ada".to_owned()), line()],
        contact_type in proptest::option::of(prop_oneof![
            proptest::sample::select(ContactType::LISTED), Just(ContactType::Unlisted("vip".into()))]),
        addresses in proptest::collection::vec(address(), 0..4),
        items in proptest::collection::vec(item(), 0..5),
        extra in extra(),
    ) -> Contact {
        let contact = Contact {
            civility, last_name, first_name, comment, job_title, job_department, country, contact_type, firm_id,
            addresses, items, company, extra,
        };
        canonical(contact)
    }
}

/// What a card can say of the contact: no empty entries, none twice, nothing in `extra` that goes without saying.
fn canonical(mut contact: Contact) -> Contact {
    contact.addresses.retain(|address| !address.is_empty());
    if contact.comment.trim().is_empty() {
        contact.comment.clear();
    }
    let mut seen = Vec::new();
    contact.items.retain(|item| {
        let is_new = !item.value.trim().is_empty() && !seen.contains(item);
        seen.push(item.clone());
        is_new
    });
    let nameless = contact.first_name.trim().is_empty() && contact.last_name.trim().is_empty();
    contact.extra.retain(|entry| match entry.as_str() {
        // A shown name of its own is only told from a name where there is one.
        "FN:Tante Ada" | "FN;LANGUAGE=en:Aunt Ada" => !nameless,
        "SORT-STRING;X-FOLLOWS=family:" => {
            !contact.last_name.trim().is_empty() && keys::text(&contact.last_name) != keys::text(&contact.first_name)
        }
        "SORT-STRING;X-FOLLOWS=family,given:" => {
            let (last, first) = (&contact.last_name, &contact.first_name);
            !last.trim().is_empty() && !first.trim().is_empty() && !last.contains(',') && last != first
        }
        // Two of these complete the one N, and a name is sorted by one key.
        "N:;;King;Dr;Jr" | "SORT-STRING:Lovelasse" | "SORT-STRING:Lovelasse\\,Ada" => true,
        "X-ABSHOWAS:COMPANY" => !nameless || contact.company.trim().is_empty(),
        _ => true,
    });
    let mut is_first = (true, true);
    contact.extra.retain(|entry| match entry.split([';', ':']).next() {
        Some("N") => std::mem::replace(&mut is_first.0, false),
        Some("SORT-STRING") => std::mem::replace(&mut is_first.1, false),
        _ => true,
    });
    contact
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(contact in contact()) {
        for version in [Version::V30, Version::V40] {
            let bytes = new_card(version, &contact, &Identity::default()).to_bytes();
            let card = Card::parse(&bytes).expect("our own card");
            let mut found = read(&card, None);
            // Entries that complete N, ORG or FN stand where these do.
            found.extra.sort();
            prop_assert_eq!(found, contact.clone(), "{}", String::from_utf8_lossy(&bytes));
            prop_assert_eq!(card.to_bytes(), bytes.clone());
            if version == Version::V40 {
                prop_assert_eq!(check::strict(&bytes), Ok(()), "{}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn an_updated_card_reads_as_asked(one in contact(), other in contact()) {
        for version in [Version::V30, Version::V40] {
            let mut card = new_card(version, &one, &Identity::default());
            let before = String::from_utf8_lossy(&card.to_bytes()).into_owned();
            update(&mut card, &one, &other);
            let bytes = card.to_bytes();
            let card = Card::parse(&bytes).expect("our own card");
            let after = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(sorted(read(&card, None)), sorted(other.clone()), "{}{}", before, after);
        }
    }

    #[test]
    fn nothing_changed_changes_nothing(contact in contact(), text in cards()) {
        let mut card = parse(text);
        for known in [None, Some(&contact)] {
            let there = read(&card, known);
            prop_assert!(!update(&mut card, &there, &there));
            prop_assert_eq!(card.to_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn any_clients_card_takes_any_contact(contact in contact(), text in cards()) {
        let mut card = parse(text);
        let mut contact = contact;
        if card.version() == Version::V21 {
            // 2.1 cannot tell a list's comma from a text's.
            contact.extra.clear();
        }
        let before = read(&card, None);
        update(&mut card, &before, &contact);
        let bytes = card.to_bytes();
        let card = Card::parse(&bytes).expect("still a card");
        prop_assert_eq!(sorted(read(&card, None)), sorted(contact), "{}", String::from_utf8_lossy(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_cards_are_refused_or_kept(
        text in cards(), contact in contact(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), prop_oneof![
            any::<u8>(), proptest::sample::select(&b";:,\\\"=.\r\n \t%^"[..])]), 1..12),
    ) {
        let mut bytes = text.as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(mut card) = Card::parse(&bytes) {
            prop_assert_eq!(card.to_bytes(), super::split::text(&bytes).into_owned());
            let there = read(&card, Some(&contact));
            prop_assert!(!update(&mut card, &there, &there));
            update(&mut card, &there, &contact);
            prop_assert!(Card::parse(&card.to_bytes()).is_ok());
        }
    }
}

/// Lines as people and programs have them, whose values are turned between the versions.
fn kept_line() -> impl Strategy<Value = String> {
    let pattern = |pattern: &str| proptest::string::string_regex(pattern).expect("a valid pattern");
    let day = "(19[0-9]{2}|--)-?(0[1-9]|1[0-2])-?([0-2][1-9]|30)(T[0-2][0-9]:?[0-5][0-9]Z?)?";
    prop_oneof![
        pattern(&format!("(BDAY|DEATHDATE|ANNIVERSARY|X-ANNIVERSARY)(;VALUE=date)?:{day}")),
        pattern("BDAY;X-APPLE-OMIT-YEAR=1604:160[34]-0[1-9]-1[0-9]"),
        pattern("GEO:(geo:)?-?[0-9]{1,2}\\.[0-9]{1,4}[;,][0-9]{1,3}(;u=[0-9])?"),
        pattern("TZ(;VALUE=(text|utc-offset))?:([+-][01][0-9]:?([03]0)?|Z|[A-Z][a-z]{2,5}/[A-Z][a-z]{2,6})"),
        pattern("(KEY|PHOTO|SOUND)(;TYPE=(PGP|jpeg|home|WAV))?(;VALUE=uri)?:https://[a-z]{1,6}\\.example/[a-z]{0,4}"),
        pattern("(KEY|LOGO);ENCODING=b(;TYPE=(PGP|x509|png|image/png))?:[A-Z]{4,8}"),
        pattern("(KEY|LOGO|SOUND):data:(image/[a-z]{3}|application/pgp-keys|audio/ogg)?;base64,[A-Z]{4}"),
        pattern(
            "(RELATED|X-ABRELATEDNAMES)(;TYPE=(spouse|friend,met|pref|work))?(;PREF=[12])?(;VALUE=text)?:[A-Z][a-z]{1,8}"
        ),
        pattern("RELATED(;TYPE=(agent|child))?:urn:uuid:[0-9a-f]{8}"),
        pattern("AGENT(;VALUE=uri)?:(https://[a-z]{2,5}\\.example|BEGIN:VCARD\\\\nFN:a)"),
        pattern("(X-GENDER|GENDER):(M|F|male|Female|O;[a-z]{2,4}|;?[a-z]{2,6})"),
        pattern(
            "(X-SOCIALPROFILE|SOCIALPROFILE)(;(TYPE|SERVICE-TYPE)=(twitter|work|pref))?(;x-user=a)?:https://a\\.example"
        ),
        pattern("(X-)?(CLASS|MAILER|LANG|PRONOUNS|HOBBY|XML|KIND|CREATED|JSPROP):[a-z]{2,8}"),
        pattern("X-ADDRESSBOOKSERVER-(KIND|MEMBER):[a-z]{2,8}"),
        pattern("(X-SPOUSE|X-EVOLUTION-SPOUSE|SORT-STRING):[A-Z][a-z]{2,8}"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_is_turned_there_and_back(line in kept_line(), is_new in any::<bool>()) {
        let version = if is_new { "4.0" } else { "3.0" };
        let text = format!("BEGIN:VCARD\nVERSION:{version}\nN:Roux;Ada;;;\nFN:Ada Roux\n{line}\nEND:VCARD\n");
        let contact = read(&parse(&text), None);
        let mut there = contact.clone();
        for version in [Version::V30, Version::V40, Version::V30] {
            let bytes = new_card(version, &there, &Identity::default()).to_bytes();
            there = read(&Card::parse(&bytes).expect("our own card"), None);
            prop_assert_eq!(&there, &contact, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// A few bare cards beside those of the clients.
const BARE: [&str; 5] = [
    "BEGIN:VCARD\nVERSION:3.0\nFN:Ada x\nFN;LANGUAGE=fr:y\nFN:Ada x\nADR:BP 1;;;Albi;;;\nADR;TYPE=HOME:BP 2;b;c\\nd;Albi;;;\n\
     TEL:tel:+33199000001\nCATEGORIES:a,b\nCATEGORIES:b,c\nEND:VCARD\n",
    "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n",
    "BEGIN:VCARD\nVERSION:2.1\nEND:VCARD\n",
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:x\r\nEND:VCARD\r\n",
    "BEGIN:VCARD\nVERSION:3.0\nFN:x y\nNOTE:\nNOTE:z\nORG:a;b;c\nORG:d\nTITLE:t\nTITLE:u\nEND:VCARD\n",
];

fn cards() -> impl Strategy<Value = &'static str> {
    proptest::sample::select([&clients::ALL[..], &BARE].concat())
}
