//! Texts as books have them, and what is kept of each.

use super::*;
use crate::contact::{AddressType, ItemType};

fn values(text: &str, kind: ItemKind) -> Vec<String> {
    split(text, kind).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn an_e_mail_is_its_address() {
    for (text, expected) in [
        ("ada@example.com", &["ada@example.com"][..]),
        (" Ada@Example.com ", &["Ada@Example.com"]),
        ("Ada Roux <ada@example.com>", &["ada@example.com"]),
        ("\"Roux, Ada\" <ada@example.com>", &["ada@example.com"]),
        ("Roux, Ada <ada@example.com>, bea@example.com", &["ada@example.com", "bea@example.com"]),
        ("\"Roux, Ada\" <ada@example.com>; Bea <bea@example.com>", &["ada@example.com", "bea@example.com"]),
        ("<ada@example.com>", &["ada@example.com"]),
        ("ada@example.com <ada@example.com>", &["ada@example.com"]),
        ("ada@example.com (at home)", &["ada@example.com"]),
        ("Ada (ada@example.com)", &["ada@example.com"]),
        ("mailto:ada@example.com?subject=x", &["ada@example.com"]),
        ("MAILTO:ada%2Bx@example.com", &["ada+x@example.com"]),
        ("SMTP:ada@example.com", &["ada@example.com"]),
        ("'ada@example.com'", &["ada@example.com"]),
        ("E-mail : ada@example.com", &["ada@example.com"]),
        ("ada@example.com.", &["ada@example.com"]),
        ("\u{202a}ada@example.com\u{200b}", &["ada@example.com"]),
        ("ada@example.com; bea@example.com", &["ada@example.com", "bea@example.com"]),
        ("ada@example.com,bea@example.com;", &["ada@example.com", "bea@example.com"]),
        ("ada@example.com / bea@example.com", &["ada@example.com", "bea@example.com"]),
        ("ada@example.com\nbea@example.com", &["ada@example.com", "bea@example.com"]),
        ("ada@example.com ::: bea@example.com", &["ada@example.com", "bea@example.com"]),
        ("a/b@example.com", &["a/b@example.com"]),
        ("\"a b\"@example.com", &["\"a b\"@example.com"]),
        ("o'neil@example.com", &["o'neil@example.com"]),
        ("ada@example.com?", &["ada@example.com"]),
        // Not right, and yet somebody's: nothing is let go.
        ("ada @example.com", &["ada @example.com"]),
        ("ada@example.com bea@example.com", &["ada@example.com bea@example.com"]),
        ("ada@bea@example.com", &["ada@bea@example.com"]),
        ("n/a", &[]),
        ("@", &[]),
        ("@ada", &[]),
        ("ada@", &[]),
        ("ada.example.com", &[]),
        ("/o=ExchangeLabs/ou=x/cn=Recipients/cn=ada", &[]),
        ("", &[]),
    ] {
        assert_eq!(values(text, ItemKind::Email), expected, "{text}");
    }
}

#[test]
fn a_telephone_has_digits_and_is_one_number() {
    for (text, expected) in [
        ("01 99 00 12 34", &["01 99 00 12 34"][..]),
        ("15", &["15"]),
        ("3631", &["3631"]),
        ("'+33199001234", &["+33199001234"]),
        ("=\"0199001234\"", &["0199001234"]),
        ("sms:+33639981234?body=x", &["+33639981234"]),
        ("FAX:+33199001234", &["+33199001234"]),
        ("callto://+33199001234", &["+33199001234"]),
        ("tel:+33%2D1%2D99%2D00%2D12%2D34", &["+33-1-99-00-12-34"]),
        ("\u{202a}+33 6 39 98 12 34\u{202c}", &["+33 6 39 98 12 34"]),
        ("06\u{a0}39\u{a0}98\u{202f}12\u{a0}34", &["06 39 98 12 34"]),
        ("01 99 00 12 34 / 06 39 98 12 34", &["01 99 00 12 34", "06 39 98 12 34"]),
        ("0199001234/0639981234", &["0199001234", "0639981234"]),
        ("01 99 00 12 34, 06 39 98 12 34", &["01 99 00 12 34", "06 39 98 12 34"]),
        ("01 99 00 12 34; 06 39 98 12 34 (perso)", &["01 99 00 12 34", "06 39 98 12 34 (perso)"]),
        ("01 99 00 12 34 ou 06 39 98 12 34", &["01 99 00 12 34", "06 39 98 12 34"]),
        ("01 99 00 12 34\n\n06 39 98 12 34", &["01 99 00 12 34", "06 39 98 12 34"]),
        ("01 99 00 12 34 ::: 01 99 00 12 35; 06 39 98 12 34", &["01 99 00 12 34", "01 99 00 12 35", "06 39 98 12 34"]),
        ("01/99/00/12/34", &["01/99/00/12/34"]),
        ("034441/ 2 22 67", &["034441/ 2 22 67"]),
        ("+33639981234,,5#", &["+33639981234,,5#"]),
        ("01 99 00 12 34 / 35", &["01 99 00 12 34 / 35"]),
        ("+33 1 99 00 12 34;ext=12", &["+33 1 99 00 12 34;ext=12"]),
        ("01 99 00 12 34 poste 12", &["01 99 00 12 34 poste 12"]),
        ("1-800-FLOWERS", &["1-800-FLOWERS"]),
        ("0", &[]),
        ("0000000000", &[]),
        ("-", &[]),
        ("N/A", &[]),
        ("demander Ada", &[]),
        ("ada12@example.com", &[]),
        ("", &[]),
    ] {
        assert_eq!(values(text, ItemKind::Phone), expected, "{text}");
    }
}

#[test]
fn each_piece_has_its_place() {
    for text in ["01 99 00 12 34 /  06 39 98 12 34;", "a@b.example; c@d.example", " 01 99 00 12 34 "] {
        let kind = if text.contains('@') { ItemKind::Email } else { ItemKind::Phone };
        for (place, value) in split(text, kind) {
            assert_eq!(text[place].trim(), value, "{text}");
        }
    }
}

fn person(items: &[(ItemType, &str)]) -> Contact {
    let items = items.iter().map(|(item_type, value)| Item::new(item_type.clone(), *value)).collect();
    Contact { last_name: "Roux".into(), items, ..Contact::default() }
}

#[test]
fn a_contact_holds_each_value_once_and_no_text_that_is_none() {
    use ItemType::{PersonalCellPhone as Cell, PersonalEmail as Email, PersonalPhone as Phone};
    let contact = Contact {
        first_name: "E\u{301}lodie\u{200b}".into(),
        job_title: "N/A".into(),
        company: "-".into(),
        comment: "Vu\u{a0}: oui".into(),
        addresses: ["Lens", "LENS", "n/a"]
            .map(|city| Address { city: city.into(), ..Address::new(AddressType::Personal) })
            .to_vec(),
        ..person(&[(Cell, "06 39 98 12 34"), (Cell, "+33639981234"), (Phone, "0639981234"), (Email, "none")])
    };
    let Cleaned { contact: clean, refused } = clean(&contact);
    assert_eq!((clean.first_name.as_str(), clean.job_title.as_str(), clean.company.as_str()), ("Élodie", "", ""));
    assert_eq!(clean.comment, contact.comment);
    assert_eq!(clean.items, [contact.items[0].clone(), contact.items[2].clone()]);
    assert_eq!(clean.addresses, contact.addresses[..1]);
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert_eq!(super::clean(&clean), Cleaned { contact: clean.clone(), refused: Vec::new() });
    let named = Contact { last_name: "Null".into(), first_name: "None".into(), ..Contact::default() };
    assert_eq!(super::clean(&named).contact, named);
}

#[test]
fn what_is_no_value_takes_nothing_away() {
    use ItemType::{ProfessionalEmail as Email, ProfessionalPhone as Phone};
    let town = |city: &str, zip: &str| Address {
        city: city.into(),
        zip_code: zip.into(),
        ..Address::new(AddressType::Professional)
    };
    let agreed = Contact {
        job_title: "Juriste".into(),
        addresses: vec![town("Lens", "62300")],
        ..person(&[(Email, "Ada <ada@example.com>"), (Phone, "01 99 00 12 34")])
    };
    let there = Contact {
        job_title: "n/a".into(),
        addresses: vec![town("Lens", "-")],
        ..person(&[(Email, "bea@example.com"), (Phone, "-")])
    };
    let cleaned = clean_since(&there, &agreed);
    assert_eq!(cleaned.refused.len(), 3);
    let expected = person(&[(Email, "bea@example.com"), (Phone, "01 99 00 12 34")]);
    assert_eq!(cleaned.contact, Contact { items: expected.items, ..clean(&agreed).contact });
    let cleaned = clean_since(&there, &there);
    assert_eq!(cleaned, Cleaned { refused: Vec::new(), ..clean(&there) });
}
