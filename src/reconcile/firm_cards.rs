//! Firms as company cards of a book: what such a card says, whose it is, and what is to become of one that says something else.
//!
//! A card of a firm is the CRM's: a book shows it. Only what carnet writes there is looked after; what a program adds beside
//! it (a photo, a note) stays.

use super::changes;
use crate::contact::{AddressType, Contact, Field, FieldSet, FirmDetails, Item, ItemType};

/// What is looked after in the card of a firm. With a person's name it would be a person's card.
pub const KEPT: FieldSet = FieldSet::NONE
    .with(Field::LastName)
    .with(Field::FirstName)
    .with(Field::Company)
    .with(Field::JobDepartment)
    .with(Field::Addresses)
    .with(Field::Items);

/// The property that says of which firm a card is, whatever else is known: carnet's own.
const MARK: &str = "X-CARNET-FIRM";

/// The card of a firm.
pub fn card(id: &str, name: &str, details: &FirmDetails) -> Contact {
    let mut addresses = details.addresses.clone();
    for address in &mut addresses {
        if let AddressType::Unlisted(_) = address.address_type {
            address.address_type = AddressType::Professional;
        }
    }
    addresses.retain(|address| !address.is_empty());
    Contact {
        company: name.to_owned(),
        addresses,
        items: details.items.iter().filter_map(item).collect(),
        extra: vec![format!("{MARK}:{id}")],
        ..Contact::default()
    }
}

/// The firm that a card says it is of.
pub fn firm_of(card: &Contact) -> Option<&str> {
    card.extra.iter().find_map(|line| line.strip_prefix(MARK)?.strip_prefix(':')).map(str::trim)
}

/// An item of a firm. What the codes of firms mean is not known: the value tells, or the item is left out.
fn item(item: &Item) -> Option<Item> {
    let value = item.value.trim();
    let item_type = match &item.item_type {
        _ if value.is_empty() => return None,
        ItemType::Unlisted(_) if is_email(value) => ItemType::ProfessionalEmail,
        ItemType::Unlisted(_) if is_phone(value) => ItemType::ProfessionalPhone,
        ItemType::Unlisted(_) => return None,
        listed => listed.clone(),
    };
    Some(Item::new(item_type, item.value.clone()))
}

fn is_email(value: &str) -> bool {
    value
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !value.contains([' ', '/']))
}

fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    digits >= 3 && value.chars().all(|letter| letter.is_ascii_digit() || " +-./()\u{a0}\u{202f}".contains(letter))
}

/// What a card of a firm is found to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// What it is known to say.
    AsKnown,
    /// What it is to say; that was not known.
    AsWanted,
    /// Something else.
    Altered,
}

/// What is known of the card, what it says now, and what it is to say.
pub fn met(known: Option<&Contact>, now: &Contact, wanted: &Contact) -> Met {
    let same = |other: &Contact| changes(other, now, KEPT, FieldSet::NONE).is_empty();
    if known.is_some_and(same) {
        Met::AsKnown
    } else if same(wanted) {
        Met::AsWanted
    } else {
        Met::Altered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Address;

    fn details(items: &[(&str, &str)]) -> FirmDetails {
        let address = Address { city: "Lyon".into(), ..Address::new(AddressType::from_code("77")) };
        let items = items.iter().map(|(code, value)| Item::new(ItemType::from_code(code), *value)).collect();
        FirmDetails { addresses: vec![Address::new(AddressType::Other), address], items }
    }

    /// The items of a firm, by code and value, and what its card has.
    fn check(code: &str, value: &str, expected: Option<ItemType>) {
        let card = card("7", "Roux SA", &details(&[(code, value)]));
        let items: Vec<ItemType> = card.items.into_iter().map(|item| item.item_type).collect();
        assert_eq!(items, Vec::from_iter(expected), "{code} {value}");
    }

    #[test]
    fn the_value_says_what_an_item_of_unknown_code_is() {
        check("71", "+33 (0)4 78 00 00 00", Some(ItemType::ProfessionalPhone));
        check("73", "contact@roux.example", Some(ItemType::ProfessionalEmail));
        check("24", "call us", Some(ItemType::ProfessionalPhone));
        check("74", "https://roux.example", None);
        check("74", "https://a@roux.example/", None);
        check("75", "12", None);
        check("71", " ", None);
    }

    #[test]
    fn a_card_says_whose_it_is() {
        let card = card("344", "Roux SA", &details(&[]));
        assert_eq!((firm_of(&card), firm_of(&Contact::default())), (Some("344"), None));
        assert_eq!(card.addresses.len(), 1, "an empty address says nothing");
        assert_eq!(card.addresses[0].address_type, AddressType::Professional);
        assert_eq!(FirmDetails::parse(&details(&[("71", "1")]).to_text()), details(&[("71", "1")]));
        assert_eq!(
            (FirmDetails::default().to_text(), FirmDetails::parse("{")),
            (String::new(), FirmDetails::default())
        );
    }

    #[test]
    fn what_a_program_adds_beside_is_no_alteration() {
        let wanted = card("7", "Roux SA", &details(&[("71", "04 78 00 00 00")]));
        let old = Contact { company: "Roux".into(), ..wanted.clone() };
        let noted = Contact { comment: "VIP".into(), extra: vec!["PHOTO:x".into()], ..old.clone() };
        assert_eq!(met(Some(&old), &noted, &wanted), Met::AsKnown);
        assert_eq!(met(Some(&old), &wanted, &wanted), Met::AsWanted);
        assert_eq!(met(None, &wanted, &wanted), Met::AsWanted);
        assert_eq!(met(None, &old, &wanted), Met::Altered);
        for altered in [
            Contact { last_name: "Roux".into(), ..old.clone() },
            Contact { items: Vec::new(), ..old.clone() },
            Contact { addresses: Vec::new(), ..old.clone() },
            Contact { company: "X".into(), ..old.clone() },
        ] {
            assert_eq!(met(Some(&old), &altered, &wanted), Met::Altered);
        }
    }
}
