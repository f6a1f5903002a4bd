//! Scripted changes of a contact, and the lines of its card that differ afterwards.

use carnet::{
    contact::{AddressType, Contact, Item, ItemKind, ItemType},
    formats::vcard::{Card, read, update},
};

use super::laws;

/// A change's name, and what it does; one that does not apply leaves the contact as it is.
type Change = (&'static str, fn(&mut Contact));

/// The changes, each made in the card as it came.
pub const ALL: [Change; 9] = [
    ("a telephone changed", |contact| {
        if let Some(item) = telephone(contact) {
            item.value = "01 99 00 99 99".to_owned();
        }
    }),
    ("a telephone removed", |contact| {
        if let Some(at) = contact.items.iter().position(is_telephone) {
            contact.items.remove(at);
        }
    }),
    ("a telephone of another type", |contact| {
        if let Some(item) = telephone(contact) {
            let is_work = item.item_type == ItemType::ProfessionalPhone;
            item.item_type = if is_work { ItemType::PersonalPhone } else { ItemType::ProfessionalPhone };
        }
    }),
    ("an e-mail added", |contact| {
        contact.items.push(Item::new(ItemType::ProfessionalEmail, "nouvelle@adresse.example"));
    }),
    ("another family name", |contact| contact.last_name = "Nom-Nouveau".to_owned()),
    ("another title", |contact| contact.job_title = "Trésorière, par intérim".to_owned()),
    ("another town", |contact| {
        if let Some(address) = contact.addresses.first_mut() {
            address.city = "Bourg-Neuf".to_owned();
        }
    }),
    ("an address of another type", |contact| {
        if let Some(address) = contact.addresses.first_mut() {
            let is_other = address.address_type == AddressType::Other;
            address.address_type = if is_other { AddressType::Professional } else { AddressType::Other };
        }
    }),
    ("another comment", |contact| contact.comment = "Vue hier ; à rappeler.\nDemander le devis.".to_owned()),
];

fn is_telephone(item: &Item) -> bool {
    item.item_type.kind() == ItemKind::Phone
}

fn telephone(contact: &mut Contact) -> Option<&mut Item> {
    contact.items.iter_mut().find(|item| is_telephone(item))
}

/// Makes the change in the card and gives the lines that differ, `-` before and `+` after. The card must read as asked
/// afterwards, and write its new lines with its own line end.
pub fn made(raw: &[u8], card: &Card, from: &Contact, to: &Contact) -> Vec<String> {
    let mut card = card.clone();
    assert!(update(&mut card, from, to), "nothing was changed");
    let after = card.to_bytes();
    let again = Card::parse(&after).expect("still a card");
    assert_eq!(laws::sorted(read(&again, None)), laws::sorted(to.clone()), "{}", String::from_utf8_lossy(&after));
    difference(&physical(raw), &physical(&after))
}

/// Lines with their line ends; CR ends a line only where there is no LF.
fn physical(bytes: &[u8]) -> Vec<&[u8]> {
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    bytes.split_inclusive(|byte| *byte == end).collect()
}

/// The shortest way from one list of lines to the other.
fn difference(before: &[&[u8]], after: &[&[u8]]) -> Vec<String> {
    let (rows, columns) = (before.len() + 1, after.len() + 1);
    let mut common = vec![0_u32; rows * columns];
    for row in (0..before.len()).rev() {
        for column in (0..after.len()).rev() {
            common[row * columns + column] = if before[row] == after[column] {
                common[(row + 1) * columns + column + 1] + 1
            } else {
                common[(row + 1) * columns + column].max(common[row * columns + column + 1])
            };
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    while row < before.len() || column < after.len() {
        if row < before.len() && column < after.len() && before[row] == after[column] {
            (row, column) = (row + 1, column + 1);
        } else if row < before.len()
            && (column == after.len() || common[(row + 1) * columns + column] >= common[row * columns + column + 1])
        {
            lines.push(format!("- {}", shown(before[row], before)));
            row += 1;
        } else {
            lines.push(format!("+ {}", shown(after[column], before)));
            column += 1;
        }
    }
    lines
}

/// A line as text; its line end is told where it is not that of the card's first line.
fn shown(line: &[u8], card: &[&[u8]]) -> String {
    let cut = |line: &[u8]| line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    let (content, end) = line.split_at(cut(line));
    let own = card.first().map_or(&[][..], |first| &first[cut(first)..]);
    let mut text = String::new();
    for chunk in content.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    if end != own {
        text.push_str(&format!("{:?}", String::from_utf8_lossy(end)));
    }
    text
}
