//! What a spreadsheet makes of an agreed value is no edit: the row says what was agreed on, whatever the cell has become.

use super::{
    conversions::{CellPlace, is_made_of},
    values::{is_digits, is_named_french},
};
use crate::contact::{Address, Contact, Field, Item, ItemKind};

/// What stands in a row, beside what it says as [`Contact`].
#[derive(Clone, Copy)]
pub struct RowCells<'a> {
    /// Cells of it were put right, so that a zero or a plus sign may have been added to a number without one.
    pub repaired: bool,
    /// Numbers whose digits are gone: the texts in their places.
    pub lost: &'a [Item],
    /// The file's cells, by their places.
    pub cell: &'a dyn Fn(CellPlace) -> Option<String>,
}

/// A row, read knowing what was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsAgreed {
    /// What its cells say.
    pub there: Contact,
    /// The same with the agreed values in place of what a program made of them.
    pub told: Contact,
    /// Every lost number is an agreed one.
    pub is_all_told: bool,
}

/// Reads a row knowing what was agreed on.
pub fn as_agreed(mut there: Contact, known: &Contact, cells: RowCells<'_>) -> AsAgreed {
    let typed = !is_named_french(&there.country);
    let held = |zip: &str| known.addresses.iter().any(|address| address.zip_code == zip);
    for address in there.addresses.iter_mut().filter(|address| !held(&address.zip_code)) {
        // What somebody types into a row that was agreed on is what stands there: 1000 is a postal code in Brussels.
        if typed
            && !is_named_french(&address.country)
            && let Some(bare) = bare_zip(&address.zip_code, cells.repaired)
            && !known.addresses.iter().any(|known| is_agreed(&known.zip_code, &address.zip_code, Some(bare), cells))
        {
            address.zip_code = bare.to_owned();
        }
    }
    let mut told = there.clone();
    for field in Field::ALL.into_iter().filter(|field| !field.is_list()) {
        let agreed = known.scalar(field);
        if is_agreed(&agreed, &there.scalar(field), None, cells) {
            told.set_scalar(field, &agreed);
        }
    }
    restore_addresses(&mut told.addresses, &known.addresses, cells);
    let is_all_told = restore_items(&mut told.items, &known.items, cells);
    AsAgreed { there, told, is_all_told }
}

/// True where a cell with this text holds the agreed value: a program rewrote it, or `raw` is the cell's own text.
fn is_agreed(agreed: &str, text: &str, raw: Option<&str>, cells: RowCells<'_>) -> bool {
    let is_made = |text: &str| is_made_of(agreed, text, cells.cell);
    agreed != text && (is_made(text) || raw.is_some_and(|raw| raw == agreed || is_made(raw)))
}

/// A postal code as it may stand in its cell.
fn bare_zip(zip: &str, repaired: bool) -> Option<&str> {
    zip.strip_prefix('0').filter(|bare| repaired && bare.len() == 4 && is_digits(bare))
}

fn restore_addresses(addresses: &mut [Address], known: &[Address], cells: RowCells<'_>) {
    let mut open: Vec<&Address> = known.iter().filter(|address| !addresses.contains(address)).collect();
    for address in addresses.iter_mut().filter(|address| !known.contains(address)) {
        let alike = |agreed: &Address| {
            let same = agreed.parts().into_iter().zip(address.parts()).filter(|(agreed, text)| agreed == text);
            same.count() + rewritten(agreed, address, cells).into_iter().filter(|is_rewritten| *is_rewritten).count()
        };
        let of_type = open.iter().enumerate().filter(|(_, agreed)| agreed.address_type == address.address_type);
        // The first of those that are as much alike.
        let best = of_type.rev().max_by_key(|(_, agreed)| alike(agreed)).map(|(place, _)| place);
        let Some(agreed) = best.map(|place| open.remove(place)) else { continue };
        let rewritten = rewritten(agreed, address, cells);
        for ((part, agreed), _) in address.parts_mut().into_iter().zip(agreed.parts()).zip(rewritten).filter(|it| it.1)
        {
            agreed.clone_into(part);
        }
    }
}

/// Which parts of the address a program made of the agreed ones.
fn rewritten(agreed: &Address, address: &Address, cells: RowCells<'_>) -> [bool; 5] {
    let raw = bare_zip(&address.zip_code, cells.repaired);
    let (agreed, texts) = (agreed.parts(), address.parts());
    std::array::from_fn(|part| is_agreed(agreed[part], texts[part], raw.filter(|_| part == ZIP_CODE), cells))
}

/// The place of the postal code among the parts.
const ZIP_CODE: usize = 2;

/// True if each lost number is one of those that were agreed on, and is back among the items.
fn restore_items(items: &mut Vec<Item>, known: &[Item], cells: RowCells<'_>) -> bool {
    let mut open: Vec<&Item> = known.iter().filter(|item| !items.contains(item)).collect();
    let mut agreed = |item: &Item, raw: Option<&str>| {
        let is_it =
            |agreed: &&Item| agreed.item_type == item.item_type && is_agreed(&agreed.value, &item.value, raw, cells);
        open.iter().position(is_it).map(|place| open.remove(place).value.clone())
    };
    for item in items.iter_mut().filter(|item| !known.contains(item)) {
        let numeric = matches!(item.item_type.kind(), ItemKind::Phone | ItemKind::Fax);
        let raw = item.value.strip_prefix(['0', '+']).filter(|raw| cells.repaired && numeric && is_digits(raw));
        if let Some(value) = agreed(item, raw) {
            item.value = value;
        }
    }
    let found: Vec<Option<Item>> =
        cells.lost.iter().map(|lost| Some(Item::new(lost.item_type.clone(), agreed(lost, None)?))).collect();
    let is_all_told = found.iter().all(Option::is_some);
    items.extend(found.into_iter().flatten());
    is_all_told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{AddressType, ItemType};

    fn contact(zip: &str, phone: &str) -> Contact {
        let address =
            Address { zip_code: zip.into(), city: "Bruxelles".into(), ..Address::new(AddressType::Professional) };
        let items = vec![Item::new(ItemType::ProfessionalPhone, phone)];
        Contact { addresses: vec![address], items, ..Contact::default() }
    }

    fn read(there: Contact, known: &Contact, repaired: bool, lost: &[Item]) -> AsAgreed {
        let cell = |place: CellPlace| (place == CellPlace { column: 1, row: 1 }).then(|| "id".to_owned());
        as_agreed(there, known, RowCells { repaired, lost, cell: &cell })
    }

    #[test]
    fn what_was_agreed_comes_back() {
        let check = |known: (&str, &str), there: (&str, &str), repaired: bool, expected: (&str, &str)| {
            let known = contact(known.0, known.1);
            let found = read(contact(there.0, there.1), &known, repaired, &[]);
            assert_eq!(found.told, contact(expected.0, expected.1), "{there:?} of {known:?}");
        };
        let (belgian, french) = (("1000", "612345678"), ("01000", "0612345678"));
        // The program took the quotation marks off, and the reader put a zero back that never was there.
        check(belgian, french, true, belgian);
        check(("1000", "33612345678"), ("1000", "+33612345678"), true, ("1000", "33612345678"));
        // The program took the zero away, and nothing told the reader.
        check(french, belgian, false, french);
        check(("01000", "+33612345678"), ("1000", "33612345678"), false, ("01000", "+33612345678"));
        check(("00186", "12"), ("186", "12"), false, ("00186", "12"));
        // Whoever types the zero means it.
        check(belgian, french, false, french);
        // Another number is another number.
        check(belgian, ("2000", "0712345678"), false, ("2000", "0712345678"));
        // No zero is put before what somebody types into an agreed row, unless the address is in France.
        check(belgian, ("02000", "0712345678"), true, ("2000", "0712345678"));
        check(french, ("2000", "712345678"), false, ("2000", "712345678"));
        check(belgian, belgian, true, belgian);
    }

    #[test]
    fn every_field_is_looked_at_and_an_edit_beside_it_counts() {
        let mut known = contact("00186", "0612345678");
        (known.comment, known.job_title, known.firm_id) = ("=1+1".into(), "1/2".into(), "331".into());
        known.addresses[0].street_address = "=A1".into();
        known.items.push(Item::new(ItemType::Icq, "007"));
        let mut there = contact("186", "612345678");
        (there.comment, there.job_title, there.firm_id) = ("2".into(), "02/01/26".into(), "331.0".into());
        there.addresses[0].street_address = "id".into();
        there.items.push(Item::new(ItemType::Icq, "7"));
        let found = read(there.clone(), &known, false, &[]);
        assert_eq!((&found.told, &found.there), (&known, &there));
        there.addresses[0].city = "Roma".into();
        there.comment = "3".into();
        let mut expected = known.clone();
        expected.addresses[0].city = "Roma".into();
        expected.comment = "3".into();
        assert_eq!(read(there, &known, false, &[]).told, expected);
    }

    #[test]
    fn a_lost_number_is_found_again() {
        let known = contact("00186", "0612345678");
        let lost = |text: &str| vec![Item::new(ItemType::ProfessionalPhone, text)];
        let there = || Contact { items: Vec::new(), ..known.clone() };
        let found = read(there(), &known, false, &lost("6,12E+08"));
        assert_eq!((found.told == known, found.is_all_told), (true, true));
        let found = read(there(), &known, false, &lost("6,13E+08"));
        assert_eq!((found.told == there(), found.is_all_told), (true, false));
    }

    #[test]
    fn each_address_is_compared_with_its_own() {
        let address = |street: &str, zip: &str| Address {
            street_address: street.into(),
            zip_code: zip.into(),
            ..Address::new(AddressType::Other)
        };
        let with = |addresses: Vec<Address>| Contact { addresses, ..Contact::default() };
        let known = with(vec![address("1 via A", "00186"), address("2 via B", "00184")]);
        let there = with(vec![address("2 via B", "184"), address("1 via A", "186")]);
        let mut expected = known.clone();
        expected.addresses.reverse();
        assert_eq!(read(there, &known, false, &[]).told, expected);
    }
}
