//! Other projects' cards, where the folder with them lies beside the project: none may be changed, lost or choked on, and an
//! independent reader must find the same telephones and e-mails in them.
//!
//! The folder is no part of the project. Without it there is nothing to try and the test says so by passing.

use std::{fs, path::Path};

use carnet::{
    contact::{Contact, Item, ItemType, identity::Identity},
    formats::vcard::{Card, Version, new_card, read, split, update},
};

use super::{laws::sorted, oracle};

fn files() -> Vec<(String, Vec<u8>)> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(corpus) = project.ancestors().map(|folder| folder.join("shared/vcard-corpus")).find(|path| path.is_dir())
    else {
        return Vec::new();
    };
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries(&corpus)
        .filter(|path| path.is_dir())
        .flat_map(|folder| entries(&folder).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("vcf")))
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a readable file")))
        .collect();
    files.sort();
    files
}

/// The contact with one thing of each kind changed.
fn edited(contact: &Contact) -> Contact {
    let mut edited = contact.clone();
    edited.last_name.push_str(" Ünal");
    edited.comment = "une note;\navec, tout".to_owned();
    edited.items.push(Item::new(ItemType::ProfessionalEmail, "new@example.com"));
    if edited.items.len() > 1 {
        edited.items.remove(0);
    }
    if let Some(address) = edited.addresses.first_mut() {
        address.city = "Nîmes".to_owned();
    }
    edited
}

#[test]
fn other_peoples_cards_keep_their_bytes() {
    for (name, bytes) in files() {
        let text = split::text(&bytes);
        let mut joined = Vec::new();
        for piece in split::cards(&text) {
            let raw = &text[piece.range];
            joined.extend_from_slice(raw);
            if piece.kind == split::Kind::Between {
                continue;
            }
            let Ok(mut card) = Card::parse(raw) else {
                assert!(piece.problem.is_some(), "{name}, line {}: a whole card is refused", piece.line);
                continue;
            };
            assert_eq!(card.to_bytes(), raw, "{name}");
            let contact = read(&card, None);
            assert_eq!(read(&card, Some(&contact)), contact, "{name}: what is known changes nothing");
            assert!(!update(&mut card, &contact, &contact), "{name}");
            check_edit(&name, card, &contact);
            check_new(&name, &contact);
        }
        assert_eq!(joined, text.as_ref(), "{name}");
    }
}

#[test]
fn an_independent_reader_agrees_on_other_peoples_cards() {
    let mut wrong = Vec::new();
    for (name, bytes) in files() {
        for (line, outcome) in oracle::compare(&bytes) {
            if let oracle::Outcome::Different(difference) = outcome {
                wrong.push(format!("{name}, line {line}: {difference}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cards differ\n{}", wrong.len(), wrong.join("\n"));
}

fn check_edit(name: &str, mut card: Card, contact: &Contact) {
    let wanted = edited(contact);
    update(&mut card, contact, &wanted);
    let bytes = card.to_bytes();
    let again = Card::parse(&bytes).expect("still a card");
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(sorted(read(&again, None)), sorted(wanted), "{name}\n{text:.3000}");
}

fn check_new(name: &str, contact: &Contact) {
    for version in [Version::V30, Version::V40] {
        let bytes = new_card(version, contact, &Identity::default()).to_bytes();
        let again = Card::parse(&bytes).expect("our own card");
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(sorted(read(&again, None)), sorted(contact.clone()), "{name}\n{text:.3000}");
    }
}
