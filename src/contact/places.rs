//! Addresses that say the same in more or fewer words: "Orléans", "France" and "170, rue de la République, 45000 Orléans,
//! FR" may be one place.

use super::{Address, countries, keys};

/// True where nothing that both name differs: the one may be the other.
pub fn may_be_one_place(one: &Address, other: &Address) -> bool {
    parts(one).iter().zip(parts(other)).all(|(one, other)| one.is_empty() || other.is_empty() || *one == other)
}

/// True where an address says nothing that the other does not say.
pub fn is_part_of(part: &Address, whole: &Address) -> bool {
    parts(part).iter().zip(parts(whole)).all(|(part, whole)| part.is_empty() || *part == whole)
}

/// What an address is compared by: street, code, town and country, each as it is looked up.
pub fn parts(address: &Address) -> [String; 4] {
    let Address { address_type: _, street_address, street_address2, zip_code, city, country } = address;
    let street = keys::plain(&keys::text(&format!("{street_address} {street_address2}")));
    [street, code(zip_code), town(city), countries::country(country)]
}

/// A postal code without blanks and without the sign of its country: "45 000", "F-45000".
fn code(zip_code: &str) -> String {
    let folded = keys::text(zip_code);
    let is_sign = |sign: &str| sign.len() <= 2 && sign.bytes().all(|byte| byte.is_ascii_lowercase());
    let behind =
        folded.split_once('-').filter(|(sign, rest)| is_sign(sign) && rest.starts_with(|c: char| c.is_ascii_digit()));
    let code = behind.map_or(folded.as_str(), |(_, code)| code);
    keys::plain(code).replace(' ', "")
}

/// A town without what the French post adds for those who fetch their mail: "Orléans Cedex 2".
fn town(city: &str) -> String {
    let plain = keys::plain(&keys::text(city));
    let mut words: Vec<&str> = plain.split(' ').collect();
    if let Some(cedex) = words.iter().position(|word| *word == "cedex").filter(|place| *place > 0) {
        let is_number = words.get(cedex + 1).is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        words.drain(cedex..=cedex + usize::from(is_number));
    }
    words.join(" ")
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
            (["170 RUE DE LA REPUBLIQUE", "45 000", "Orleans Cedex 2", "FRA"], true, true),
            (["", "F-45000", "", ""], true, true),
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
