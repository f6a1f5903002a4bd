//! Addresses that say the same in more or fewer words: "Orléans", "France" and "170, rue de la République, 45000 Orléans,
//! FR" may be one place.

use crate::contact::{Address, countries, keys};

/// True where nothing that both name differs: the one may be the other.
pub(super) fn may_be_one_place(one: &Address, other: &Address) -> bool {
    parts(one).iter().zip(parts(other)).all(|(one, other)| one.is_empty() || other.is_empty() || *one == other)
}

/// True where an address says nothing that the other does not say.
pub(super) fn is_part_of(part: &Address, whole: &Address) -> bool {
    parts(part).iter().zip(parts(whole)).all(|(part, whole)| part.is_empty() || *part == whole)
}

/// What an address is compared by: street, code, town and country, each as it is looked up.
fn parts(address: &Address) -> [String; 4] {
    let Address { address_type: _, street_address, street_address2, zip_code, city, country } = address;
    let street = format!("{street_address} {street_address2}");
    let [street, zip_code, city] = [&street, zip_code, city].map(|text| keys::plain(&keys::text(text)));
    [street, zip_code, city, countries::country(country)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::AddressType;

    fn place([street, zip, city, country]: [&str; 4]) -> Address {
        let [street_address, zip_code, city, country] = [street, zip, city, country].map(str::to_owned);
        Address { street_address, zip_code, city, country, ..Address::new(AddressType::Other) }
    }

    #[test]
    fn an_address_may_say_less_of_the_same_place() {
        let whole = ["170, rue de la République", "45000", "Orléans", "France"];
        for (other, is_part, may_be) in [
            (whole, true, true),
            (["", "", "", "France"], true, true),
            (["", "", "ORLEANS", ""], true, true),
            (["170 rue de la Republique", "45000", "Orléans", "FR"], true, true),
            (["170, rue de la République", "45000", "Orléans", "Belgique"], false, false),
            (["12, rue Haute", "", "Orléans", ""], false, false),
            (["", "", "Lyon", ""], false, false),
            (["", "", "", ""], true, true),
        ] {
            assert_eq!(is_part_of(&place(other), &place(whole)), is_part, "{other:?}");
            assert_eq!(may_be_one_place(&place(whole), &place(other)), may_be, "{other:?}");
        }
        assert!(!is_part_of(&place(whole), &place(["", "", "Orléans", ""])), "it says more");
        assert!(may_be_one_place(&place(["1 rue A", "", "", ""]), &place(["", "", "Orléans", ""])));
    }
}
