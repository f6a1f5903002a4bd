//! An address as a card has it: ADR, its parameters and components beyond the CRM's five, and the LABEL lines of 3.0.
//!
//! Some of it says the place once more in other words: region, CC, GEO, TZ, LABEL, and the components of RFC 9554 (room,
//! floor, street number, district...). It belongs to the address that it stands with and goes when that one moves. Where it
//! is all that says the place, it is read as lines of the street.
//!
//! Sources: RFC 2426 3.2.1 and 3.2.2, RFC 6350 6.3.1, RFC 8605 (CC), RFC 9554 2.1.

use std::borrow::Cow;

use super::{
    Version, extra,
    property::Prop,
    value::{View, unescape},
    vocabulary::Types,
};
use crate::contact::{Address, AddressType, keys};

/// ADR's components that RFC 6350 has; RFC 9554 adds those that follow.
pub(super) const COMPONENTS: usize = 7;

/// The components of RFC 9554 that a street is read from where the older ones have none: number and name, then what is in
/// it, then what is about it.
const STREET_LINES: [&[usize]; 3] = [&[10, 11], &[12, 13, 9, 8, 7], &[14, 15, 16, 17]];

/// The address of an ADR or LABEL line, its type aside; none where it says no place.
pub(super) fn of(view: View<'_>) -> Option<Address> {
    let mut address = Address::new(AddressType::Other);
    if view.head.prop == Prop::PostalLabel {
        (address.street_address, address.street_address2) = two_lines(lines_of(&view.text()));
        return Some(address).filter(|address| !address.is_empty());
    }
    let parts = view.components();
    let part = |at: usize| parts.get(at).map(|part| part.to_string()).unwrap_or_default();
    (address.city, address.zip_code, address.country) = (part(3), part(5), part(6));
    let lines: Vec<String> = [2, 1, 0].map(part).into_iter().filter(|part| !part.is_empty()).collect();
    (address.street_address, address.street_address2) = match lines.is_empty() {
        false => two_lines(lines),
        true => two_lines(other_lines(view, &parts)),
    };
    Some(address).filter(|address| !address.is_empty())
}

/// True where the street is told by the newer components or by the label alone.
pub(super) fn is_told_otherwise(view: View<'_>) -> bool {
    let parts = view.components();
    parts.iter().take(3).all(|part| part.is_empty()) && !other_lines(view, &parts).is_empty()
}

/// The street's lines by the newer components, else by the label.
fn other_lines(view: View<'_>, parts: &[Cow<'_, str>]) -> Vec<String> {
    let line = |(at, components): (usize, &&[usize])| {
        let told = components.iter().filter_map(|at| parts.get(*at)).map(|part| part.trim());
        told.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(if at == 0 { " " } else { ", " })
    };
    let newer: Vec<String> = STREET_LINES.iter().enumerate().map(line).filter(|line| !line.is_empty()).collect();
    if !newer.is_empty() {
        return newer;
    }
    let said = keys::plain(&parts.iter().take(COMPONENTS).map(|part| part.as_ref()).collect::<Vec<_>>().join(" "));
    let said: Vec<&str> = said.split(' ').collect();
    let is_new = |line: &String| keys::plain(line).split(' ').any(|word| !said.contains(&word));
    label(view).map(|label| lines_of(&label).into_iter().filter(is_new).collect()).unwrap_or_default()
}

/// What the LABEL parameter says.
pub(super) fn label(view: View<'_>) -> Option<String> {
    let label = extra::uncaret(&view.param("LABEL")?);
    Some(unescape(label.into(), Version::V40).into_owned()).filter(|label| !label.trim().is_empty())
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The first line and the others.
fn two_lines(lines: Vec<String>) -> (String, String) {
    let lines = lines.join("\n");
    let (first, rest) = lines.split_once('\n').unwrap_or((&lines, ""));
    (first.to_owned(), rest.to_owned())
}

/// How far an address that changed is from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Moved {
    /// The same place, in other words or told more fully.
    No,
    /// Another street, number or postal code of the town.
    Street,
    /// Another town or country.
    Town,
}

/// Compares two states of one address.
pub(super) fn moved(old: &Address, new: &Address) -> Moved {
    let differs = |one: &str, other: &str| keys::plain(one) != keys::plain(other);
    let replaced = |one: &str, other: &str| !keys::plain(one).is_empty() && differs(one, other);
    let streets = |address: &Address| format!("{} {}", address.street_address, address.street_address2);
    let (old_street, new_street) = (streets(old), streets(new));
    let is_other_street = replaced(&old_street, &new_street);
    let is_other_code = !new.zip_code.is_empty() && replaced(&old.zip_code, &new.zip_code);
    let is_other_country = !new.country.is_empty() && replaced(&old.country, &new.country);
    // A town that is added to a street that stays only says more of it.
    let is_other_town = differs(&old.city, &new.city) && !(old.city.is_empty() && !is_other_street && !is_other_code);
    // Towns share their names: the code's first two characters are a part of the country almost everywhere.
    let start = |code: &str| keys::plain(code).chars().take(2).collect::<String>();
    let is_far = is_other_code && (new.city.is_empty() || start(&old.zip_code) != start(&new.zip_code));
    if is_other_country || is_other_town || is_far {
        Moved::Town
    } else if is_other_street || is_other_code {
        Moved::Street
    } else {
        Moved::No
    }
}

/// True for a parameter that says where an address was that has moved.
pub(super) fn is_left_behind(name: &[u8], moved: Moved) -> bool {
    let is = |names: &[&str]| names.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name));
    match moved {
        Moved::No => false,
        Moved::Street => is(&["GEO", "LABEL"]),
        Moved::Town => is(&["GEO", "LABEL", "CC", "TZ", "X-APPLE-SUBLOCALITY", "X-APPLE-SUBADMINISTRATIVEAREA"]),
    }
}

/// An ADR line with its types, to find the LABEL lines that are its own.
pub(super) struct Labelled<'a> {
    pub view: View<'a>,
    pub types: Types,
    pub address: &'a Address,
}

/// Which of the addresses a LABEL line belongs to: the one of its group, else of its types (a bare line is one of work),
/// else the one whose street it names. `taken` are those that have a label by their type.
pub(super) fn labelled(label: View<'_>, types: Types, addresses: &[Labelled<'_>], taken: &[usize]) -> Option<usize> {
    let text = keys::plain(&label.text());
    let names = |address: &Address| {
        let place = if address.street_address.is_empty() { &address.city } else { &address.street_address };
        let place = keys::plain(place);
        !place.is_empty() && format!(" {text} ").contains(&format!(" {place} "))
    };
    let is_of_group =
        |at: &usize| label.head.group > 0 && addresses[*at].view.group().eq_ignore_ascii_case(label.group());
    let bare = |types: Types| if types.is_none() { Types::WORK } else { types };
    let is_of_type = |at: &usize| bare(addresses[*at].types) == bare(types);
    let all = || 0..addresses.len();
    all()
        .find(is_of_group)
        .or_else(|| all().find(|at| is_of_type(at) && names(addresses[*at].address)))
        .or_else(|| all().find(|at| names(addresses[*at].address)))
        .or_else(|| all().find(|at| is_of_type(at) && !taken.contains(at)))
}

/// True where the label says no more than the address: its words in any order.
pub(super) fn only_repeats(label: &str, address: &Address, region: &str) -> bool {
    let said = keys::plain(&format!("{} {region}", keys::address(address)));
    let said: Vec<&str> = said.split(' ').collect();
    keys::plain(label).split(' ').all(|word| said.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(line: &str) -> Address {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        Address {
            street_address: parts[0].into(),
            zip_code: parts[1].into(),
            city: parts[2].into(),
            country: parts[3].into(),
            ..Address::new(AddressType::Professional)
        }
    }

    #[test]
    fn a_move_is_told_from_a_correction() {
        for (old, new, expected) in [
            ("1 rue A | 69003 | Lyon | France", "1 rue A | 69003 | LYON | FRANCE", Moved::No),
            ("1 rue A | 69003 | Lyon |", "1, rue A | 69003 | Lyon | France", Moved::No),
            (" | 69003 | Lyon | France", "1 rue A | 69003 | Lyon | France", Moved::No),
            ("1 rue A | | | France", "1 rue A | 69003 | Lyon | France", Moved::No),
            ("1 rue A | 69003 | Lyon | France", "1 rue A | 69003 | Lyon | ", Moved::No),
            ("1 rue A | 69003 | Lyon | France", "2 rue A | 69003 | Lyon | France", Moved::Street),
            ("1 rue A | 69003 | Lyon | France", "1 rue A | 69007 | Lyon | France", Moved::Street),
            ("1 rue A | 69003 | Lyon | France", " | 69003 | Lyon | France", Moved::Street),
            ("1 rue A | 69003 | Lyon | France", "1 rue A | 69003 | Bron | France", Moved::Town),
            ("1 rue A | 69003 | Lyon | France", "1 rue A | 69003 | Lyon | Suisse", Moved::Town),
            ("1 Oak Rd | 62701 | Springfield | USA", "9 Elm St | 97477 | Springfield | USA", Moved::Town),
            ("1 rue A | | | France", "2 rue B | 69003 | Lyon | France", Moved::Town),
            ("1 rue A | 69003 | | France", "1 rue A | 69007 | | France", Moved::Town),
        ] {
            assert_eq!(moved(&address(old), &address(new)), expected, "{old} -> {new}");
        }
    }
}
