//! What is done to a card: an edit, a turn into another version, a reading.
//!
//! `=== card 4.0` has the lines between VERSION and END. `=== edit` says, a line each, what the CRM has now
//! (`last_name: Durand`, `address 1 city: Lyon`, `address 1: none`, `item 1: 01 99 00 00 01`), and `=== becomes` what the
//! card's lines are then. `=== turn 3.0` has the lines of a new card of the same contact in that version, `=== reads` what
//! the contact says, `=== left out` what no contact holds.

use carnet::{
    contact::{Address, AddressType, Contact, Field, identity::Identity},
    formats::vcard::{Card, Version, left_out, new_card, read, update},
};

use super::{Case, Part};

/// Tells a case; the error says what came out wrong.
pub fn tell(case: &Case) -> Result<(), String> {
    let (first, rest) = case.parts.split_first().ok_or("there is no card")?;
    let mut card = parse(&first.text, &first.argument)?;
    for part in rest {
        let found = match part.verb.as_str() {
            "edit" => {
                edit(&mut card, part)?;
                continue;
            }
            "becomes" => lines(&card.to_bytes()),
            "turn" => turned(&card, version(&part.argument)?)?,
            "reads" => told(&read(&card, None)),
            "left" => left_out(&card).into_iter().map(|what| format!("{what}\n")).collect(),
            other => return Err(format!("no such verb: {other}")),
        };
        if found.trim_end() != part.text.trim_end() {
            return Err(format!("=== {} {}\n{found}=== but expected\n{}", part.verb, part.argument, part.text));
        }
    }
    Ok(())
}

fn version(number: &str) -> Result<Version, String> {
    match number {
        "2.1" => Ok(Version::V21),
        "" | "3.0" => Ok(Version::V30),
        "4.0" => Ok(Version::V40),
        other => Err(format!("no such version: {other}")),
    }
}

fn parse(text: &str, number: &str) -> Result<Card, String> {
    let number = if number.is_empty() { "3.0" } else { number };
    let text = format!("BEGIN:VCARD\nVERSION:{number}\n{}\nEND:VCARD\n", text.trim_end());
    Card::parse(text.as_bytes()).map_err(|error| error.to_string())
}

/// The unfolded lines between VERSION and END.
fn lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace("\n ", "");
    let is_frame = |line: &&str| ["BEGIN:VCARD", "VERSION:", "END:VCARD"].iter().any(|frame| line.starts_with(frame));
    text.lines().filter(|line| !is_frame(line)).map(|line| format!("{line}\n")).collect()
}

/// A new card of the same contact. What it says must be what the first one says, and in its own version again, too.
fn turned(card: &Card, version: Version) -> Result<String, String> {
    let contact = read(card, None);
    let new = new_card(version, &contact, &Identity::default());
    let again = new_card(card.version(), &sorted(read(&new, None)), &Identity::default());
    for (what, card) in [("turned", &new), ("turned back", &again)] {
        let there = read(card, None);
        if sorted(there.clone()) != sorted(contact.clone()) {
            return Err(format!("{what}: {}instead of {}", told(&there), told(&contact)));
        }
    }
    Ok(lines(&new.to_bytes()))
}

fn sorted(mut contact: Contact) -> Contact {
    contact.extra.sort();
    contact
}

fn edit(card: &mut Card, part: &Part) -> Result<(), String> {
    let from = read(card, None);
    let mut to = from.clone();
    for line in part.text.lines().filter(|line| !line.trim().is_empty()) {
        let (place, value) = line.split_once(':').ok_or_else(|| format!("no colon: {line}"))?;
        change(&mut to, place.trim(), value.trim()).ok_or_else(|| format!("no such place: {line}"))?;
    }
    if !update(card, &from, &to) {
        return Err("nothing was changed".to_owned());
    }
    let mut there = read(card, None);
    let (there, to) = (sorted(std::mem::take(&mut there)), sorted(to));
    if there == to { Ok(()) } else { Err(format!("reads\n{}instead of\n{}", told(&there), told(&to))) }
}

fn change(contact: &mut Contact, place: &str, value: &str) -> Option<()> {
    let words: Vec<&str> = place.split(' ').collect();
    let number = |word: &str| word.parse::<usize>().ok()?.checked_sub(1);
    match words[..] {
        ["address", at] if value == "none" => _ = contact.addresses.remove(number(at)?),
        ["address", at, part] => {
            let address = contact.addresses.get_mut(number(at)?)?;
            let text = match part {
                "street" => &mut address.street_address,
                "street2" => &mut address.street_address2,
                "zip" => &mut address.zip_code,
                "city" => &mut address.city,
                "country" => &mut address.country,
                "type" => {
                    address.address_type = AddressType::LISTED.iter().find(|of| of.word() == value)?.clone();
                    return Some(());
                }
                _ => return None,
            };
            value.clone_into(text);
        }
        ["item", at] => value.clone_into(&mut contact.items.get_mut(number(at)?)?.value),
        [field] => {
            let field = Field::ALL.into_iter().find(|of| of.name() == field && !of.is_list())?;
            contact.set_scalar(field, value);
        }
        _ => return None,
    }
    Some(())
}

/// Everything that the contact says, a line each.
fn told(contact: &Contact) -> String {
    let mut lines = Vec::new();
    let scalars = Field::ALL.into_iter().filter(|field| !field.is_list());
    for field in scalars {
        let value = contact.scalar(field);
        lines.extend((!value.is_empty()).then(|| format!("{}: {value}", field.name())));
    }
    lines.extend(contact.items.iter().map(|item| format!("{}: {}", item.item_type.word(), item.value)));
    for address in &contact.addresses {
        let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
        let parts = [street_address, street_address2, zip_code, city, country];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        lines.push(format!("{} address: {}", address_type.word(), parts.join(" | ")));
    }
    lines.extend(contact.extra.iter().map(|entry| format!("kept: {entry}")));
    lines.iter().map(|line| line.replace('\n', "/") + "\n").collect()
}
