//! What card programs make of an agreed value when they save a card, though nobody edited it: a card that is read knowing
//! what was agreed on says that.
//!
//! - ical.js (Thunderbird) takes no escape off `\;`, and puts one on its backslash: `\\;` comes back.
//! - khard drops the empty company in front of a department (`ORG:;Sales` -> `ORG:Sales`).
//! - Evolution keeps a picture in a file of its own machine and leaves the file's address in the card.
//! - Dates, parameters and pictures come back in another spelling.

use std::borrow::Cow;

use super::extra;
use crate::contact::{Address, Contact};

/// A text as agreed: without the backslashes that came to stand before its semicolons.
pub(super) fn text(there: &mut String, known: &str) {
    if there.contains("\\;") && known.contains(';') && !known.contains("\\;") {
        *there = there.replace("\\;", ";");
    }
}

/// The scalar texts and the streets as agreed.
pub(super) fn texts(there: &mut Contact, known: &Contact) {
    for (text_there, known) in [
        (&mut there.last_name, &known.last_name),
        (&mut there.first_name, &known.first_name),
        (&mut there.company, &known.company),
        (&mut there.job_department, &known.job_department),
        (&mut there.job_title, &known.job_title),
        (&mut there.comment, &known.comment),
    ] {
        text(text_there, known);
    }
    for address in there.addresses.iter_mut().filter(|address| !known.addresses.contains(address)) {
        let agreed = known.addresses.iter().find(|known| without_backslashes(known) == without_backslashes(address));
        if let Some(agreed) = agreed {
            address.clone_from(agreed);
        }
    }
}

fn without_backslashes(address: &Address) -> Address {
    let bare = |text: &str| text.replace("\\;", ";");
    let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
    Address {
        address_type: address_type.clone(),
        street_address: bare(street_address),
        street_address2: bare(street_address2),
        zip_code: bare(zip_code),
        city: bare(city),
        country: bare(country),
    }
}

/// The components of ORG as agreed, where the card has all of them but the empty ones.
pub(super) fn organisation<'a>(there: Vec<Cow<'a, str>>, known: &'a Contact) -> Vec<Cow<'a, str>> {
    if there.is_empty() || (!known.company.is_empty() && !known.job_department.is_empty()) {
        return there;
    }
    let units = known.extra.iter().find(|entry| entry.starts_with("ORG:;;"));
    let units = units.map(|entry| extra::components(entry)).unwrap_or_default();
    let units = units.into_iter().skip(2).map(Cow::Owned);
    let whole: Vec<Cow<'a, str>> = [Cow::Borrowed(known.company.as_str()), Cow::Borrowed(&known.job_department)]
        .into_iter()
        .chain(units)
        .collect();
    let full = |parts: &[Cow<'_, str>]| -> Vec<String> {
        parts.iter().filter(|part| !part.is_empty()).map(|part| part.to_string()).collect()
    };
    let used = there.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    let is_packed = there[..used].iter().all(|part| !part.is_empty()) && used > 0;
    if is_packed && full(&there) == full(&whole) { whole } else { there }
}

/// The agreed entry that the card's one is made of; none where it is an entry of its own.
pub(super) fn entry<'k>(there: &str, known: &'k Contact) -> Option<&'k String> {
    let mut alike = None;
    for entry in &known.extra {
        if entry == there {
            return None;
        }
        if alike.is_none() && extra::is_rewritten(there, entry) {
            alike = Some(entry);
        }
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{AddressType, Item, ItemType},
        formats::vcard::{Card, read, update_known},
    };

    fn card(lines: &str) -> Card {
        let text = format!("BEGIN:VCARD\nVERSION:3.0\nN:Roux;Ada;;;\nFN:Ada Roux\n{lines}END:VCARD\n");
        Card::parse(text.as_bytes()).expect("a card")
    }

    /// A card that was agreed on, and the same saved by a program: it says what it said.
    fn check(before: &str, after: &str) {
        let known = read(&card(before), None);
        assert_eq!(read(&card(after), Some(&known)), known, "{after}");
    }

    #[test]
    fn what_a_program_makes_of_an_agreed_line_is_no_edit() {
        check("NOTE:un \\; deux\n", "NOTE:un \\\\; deux\n");
        check("NOTE:un\\; deux\\, trois\n", "NOTE:un\\\\; deux\\, trois\n");
        check("TITLE:a\\;b\n", "TITLE:a\\\\;b\n");
        check("ADR;TYPE=HOME:;;1\\;2 rue A;Lyon;;69003;\n", "ADR;TYPE=HOME:;;1\\\\\\;2 rue A;Lyon;;69003;\n");
        check("ROLE:a\\;b\n", "ROLE:a\\\\;b\n");
        check("URL:http://a.example/b,c\n", "URL:http://a.example/b\\,c\n");
        check("ORG:;Sales\n", "ORG:Sales\n");
        check("ORG:;Sales;Floor 2\n", "ORG:Sales;Floor 2\n");
        check("ORG:Roux SA;Sales\n", "ORG:Roux SA;Sales;\n");
        check("PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n", "PHOTO;VALUE=uri:file:///home/ada/photo.jpeg\n");
        check("PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n", "PHOTO;ENCODING=b:AAAA\n");
        check("PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n", "PHOTO:data:image/jpeg\\;base64\\,AAAA\n");
        check("PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n", "PHOTO;VALUE=uri:data:image/jpeg;base64\\,AAAA\n");
        check("KEY:data:application/pgp-keys;base64,AAAA\n", "KEY:data:application/pgp-keys;base64\\,AAAA\n");
        check("BDAY:1980-03-09\n", "BDAY:19800309\n");
        check("BDAY:1980-03-09\n", "BDAY;VALUE=DATE:1980-03-09\n");
        check("URL;type=HOME:http://a.example\n", "URL;TYPE=home:http://a.example\n");
        check("X-ABDATE;X-ABLABEL=x:2\n", "X-ABDATE;X-ABLABEL=X:2\n");
        check("IMPP;X-SERVICE-TYPE=ICQ:aim:123456\n", "IMPP:aim:123456\n");
        check(
            "TEL;TYPE=WORK:01 99 00 00 01\n",
            "TEL;X-EVOLUTION-E164=0199000001;TYPE=WORK:01 99 00 00 01\nX-KIND:individual\n",
        );
    }

    /// What the card says where it was edited, too.
    fn edited(before: &str, after: &str, change: impl FnOnce(&mut Contact)) {
        let known = read(&card(before), None);
        let mut expected = known.clone();
        change(&mut expected);
        assert_eq!(read(&card(after), Some(&known)), expected, "{after}");
    }

    #[test]
    fn what_a_person_writes_is_an_edit() {
        edited("NOTE:un \\; deux\n", "NOTE:un \\\\; deux\\\\; trois\n", |to| to.comment = "un ; deux; trois".into());
        edited("NOTE:un, deux\n", "NOTE:un \\\\; deux\n", |to| to.comment = "un \\; deux".into());
        edited("NOTE:a \\\\; b\\; c\n", "NOTE:a \\\\; b\\\\; c\n", |to| to.comment = "a \\; b\\; c".into());
        edited("ORG:;Sales\n", "ORG:Salle\n", |to| (to.company, to.job_department) = ("Salle".into(), String::new()));
        edited("ORG:;Sales\n", "ORG:Roux SA;Sales\n", |to| to.company = "Roux SA".into());
        edited("ORG:Roux SA\n", "ORG:;Roux SA\n", |to| {
            (to.company, to.job_department) = (String::new(), "Roux SA".into());
        });
        edited("PHOTO;ENCODING=b:AAAA\n", "PHOTO;ENCODING=b:BBBB\n", |to| {
            to.extra = vec!["PHOTO;ENCODING=b:BBBB".into()]
        });
        edited("BDAY:1980-03-09\n", "BDAY:19800310\n", |to| to.extra = vec!["BDAY:1980-03-10".into()]);
        edited("URL:http://a.example\n", "URL;TYPE=WORK:http://a.example\n", |to| {
            to.extra = vec!["URL;TYPE=WORK:http://a.example".into()];
        });
    }

    #[test]
    fn a_picture_on_another_machine_is_none() {
        for line in ["PHOTO;VALUE=uri:file:///home/ada/a.jpeg\n", "LOGO:file:///a.png\n", "PHOTO;VALUE=URI:FILE:///a\n"]
        {
            assert_eq!(read(&card(line), None).extra, Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_new_picture_takes_the_place_of_the_address_of_the_old_one() {
        let known = read(&card("PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n"), None);
        let mut saved = card("PHOTO;VALUE=uri:file:///home/ada/a.jpeg\n");
        let from = read(&saved, Some(&known));
        let to = Contact { extra: vec!["PHOTO;ENCODING=b;TYPE=JPEG:BBBB".into()], ..from.clone() };
        assert!(update_known(&mut saved, &from, &to));
        assert_eq!(read(&saved, None), to);
        let text = String::from_utf8(saved.to_bytes()).unwrap();
        assert!(!text.contains("file:"), "{text}");
    }

    #[test]
    fn a_changed_number_loses_what_evolution_noted_of_the_old_one() {
        let mut saved = card("TEL;X-EVOLUTION-E164=\"0199000001,+33\";TYPE=WORK,VOICE:01 99 00 00 01\n");
        let from = read(&saved, None);
        let items = vec![Item::new(ItemType::ProfessionalPhone, "01 99 00 00 02")];
        assert!(update_known(&mut saved, &from, &Contact { items, ..from.clone() }));
        let text = String::from_utf8(saved.to_bytes()).unwrap();
        assert!(text.contains("TEL;TYPE=WORK,VOICE:01 99 00 00 02\n"), "{text}");
    }

    #[test]
    fn an_address_is_compared_without_its_backslashes() {
        let address = |street: &str| Address { street_address: street.into(), ..Address::new(AddressType::Other) };
        let with = |street: &str| Contact { addresses: vec![address(street)], ..Contact::default() };
        let mut there = with("1\\;2 rue A");
        texts(&mut there, &with("1;2 rue A"));
        assert_eq!(there, with("1;2 rue A"));
        texts(&mut there, &with("3 rue A"));
        assert_eq!(there, with("1;2 rue A"));
    }
}
