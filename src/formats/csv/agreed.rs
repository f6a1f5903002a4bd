//! What a spreadsheet makes of an agreed number is no edit: a postal code or telephone number that lost its zero, its plus
//! sign or its quotation marks is the agreed one again, whichever way it was read.

use super::values::{is_digits, is_named_french};
use crate::contact::{Contact, ItemKind};

/// True where [`as_agreed`] may read a row in another way. `repaired`: cells of it were put right.
pub fn may_be_agreed(there: &Contact, repaired: bool) -> bool {
    let is_short = |text: &str, lengths: &[usize]| lengths.contains(&text.len()) && is_digits(text);
    repaired
        || there.addresses.iter().any(|address| is_short(&address.zip_code, &[4]))
        || there.items.iter().any(|item| is_numeric(item.item_type.kind()) && is_short(&item.value, &[9, 11]))
}

/// What a row says, with numbers that are the agreed ones but for what a spreadsheet takes away in the agreed spelling.
/// `repaired`: cells of the row were put right, so that a zero or a plus sign may have been added to a number without one.
pub fn as_agreed(mut there: Contact, known: &Contact, repaired: bool) -> Contact {
    let held = |zip: &str| known.addresses.iter().any(|address| address.zip_code == zip);
    let french = is_named_french(&there.country);
    for address in there.addresses.iter_mut().filter(|address| !held(&address.zip_code)) {
        let zip = &address.zip_code;
        let padded = Some(format!("0{zip}")).filter(|_| zip.len() == 4 && is_digits(zip));
        let bare = zip.strip_prefix('0').filter(|bare| repaired && bare.len() == 4 && is_digits(bare));
        // What somebody types into a row that was agreed on is what stands there: 1000 is a postal code in Brussels.
        let typed = !french && !is_named_french(&address.country);
        if let Some(agreed) = padded.into_iter().chain(bare.map(str::to_owned)).find(|zip| held(zip)) {
            address.zip_code = agreed;
        } else if let Some(bare) = bare.filter(|_| typed).map(str::to_owned) {
            address.zip_code = bare;
        }
    }
    let held = |value: &str| known.items.iter().any(|item| is_numeric(item.item_type.kind()) && item.value == value);
    let numbers = there.items.iter_mut().filter(|item| is_numeric(item.item_type.kind()) && !held(&item.value));
    for item in numbers {
        let value = &item.value;
        let whole = match value.len() {
            9 if is_digits(value) => Some(format!("0{value}")),
            11 if is_digits(value) => Some(format!("+{value}")),
            _ => None,
        };
        let bare = value.strip_prefix(['0', '+']).filter(|bare| repaired && is_digits(bare));
        if let Some(agreed) = whole.into_iter().chain(bare.map(str::to_owned)).find(|value| held(value)) {
            item.value = agreed;
        }
    }
    there
}

fn is_numeric(kind: ItemKind) -> bool {
    matches!(kind, ItemKind::Phone | ItemKind::Fax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Address, AddressType, Item, ItemType};

    fn contact(zip: &str, phone: &str) -> Contact {
        let address =
            Address { zip_code: zip.into(), city: "Bruxelles".into(), ..Address::new(AddressType::Professional) };
        let items = vec![Item::new(ItemType::ProfessionalPhone, phone)];
        Contact { addresses: vec![address], items, ..Contact::default() }
    }

    #[test]
    fn what_was_agreed_comes_back() {
        let check = |known: (&str, &str), read: (&str, &str), repaired: bool, expected: (&str, &str)| {
            let (known, read, expected) =
                (contact(known.0, known.1), contact(read.0, read.1), contact(expected.0, expected.1));
            assert!(read == expected || may_be_agreed(&read, repaired));
            assert_eq!(as_agreed(read, &known, repaired), expected);
        };
        let (belgian, french) = (("1000", "612345678"), ("01000", "0612345678"));
        // The program took the quotation marks off, and the reader put a zero back that never was there.
        check(belgian, french, true, belgian);
        check(("1000", "33612345678"), ("1000", "+33612345678"), true, ("1000", "33612345678"));
        // The program took the zero away, and nothing told the reader.
        check(french, belgian, false, french);
        check(("01000", "+33612345678"), ("1000", "33612345678"), false, ("01000", "+33612345678"));
        // Whoever types the zero means it.
        check(belgian, french, false, french);
        // Another number is another number.
        check(belgian, ("2000", "0712345678"), false, ("2000", "0712345678"));
        // No zero is put before what somebody types into an agreed row, unless the address is in France.
        check(belgian, ("02000", "0712345678"), true, ("2000", "0712345678"));
        check(french, ("2000", "712345678"), false, ("2000", "712345678"));
        check(belgian, belgian, true, belgian);
    }
}
