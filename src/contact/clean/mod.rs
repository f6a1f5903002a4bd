//! A record's values as they are kept: one value an item, each once, nothing around it; what is no value of its kind is
//! left out. Books say "Ada <ada@example.com>", "01 .. / 06 ..", "n/a"; the mirror and the CRM hold what is meant.
//!
//! The books' own bytes are another matter: what stands there is agreed on as it stands.

mod mailbox;
mod markup;
mod telephone;

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use mailbox::mailbox;
pub use markup::{decode, decoded};
pub use telephone::{percent_decoded, telephone};

use super::{Address, Contact, Field, Item, ItemKind, countries, keys};

/// A contact whose values were cleaned, and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The contact.
    pub contact: Contact,
    /// What was no value of its kind.
    pub refused: Vec<Refused>,
}

/// A text that is no value of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The text of a field.
    Scalar(Field, String),
    /// A telephone, an e-mail address, an account.
    Item(Item),
    /// An address of which parts were left out, as it was.
    Address(Address),
}

impl Refused {
    /// What it is not, after its place.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Scalar(..) | Self::Address(_) => "says that there is no value",
            Self::Item(item) => match item.item_type.kind() {
                ItemKind::Email => "is no e-mail address",
                ItemKind::Phone | ItemKind::Fax => "is no telephone number",
                ItemKind::Account => "is no account",
            },
        }
    }
}

/// Cleans a contact's values.
pub fn clean(contact: &Contact) -> Cleaned {
    let (mut out, mut refused) = (contact.clone(), Vec::new());
    for field in Field::ALL.into_iter().filter(|field| is_text(*field)) {
        let text = contact.scalar(field);
        if is_placeholder(&text, field) {
            refused.push(Refused::Scalar(field, text.into_owned()));
            out.set_scalar(field, "");
        } else if let Cow::Owned(tidy) = tidied(&text, field) {
            out.set_scalar(field, &tidy);
        }
    }
    out.items.clear();
    for item in &contact.items {
        let pieces = split(&item.value, item.item_type.kind());
        if pieces.is_empty() && !item.value.trim().is_empty() {
            refused.push(Refused::Item(item.clone()));
        }
        for (_, value) in pieces {
            let item = Item { item_type: item.item_type.clone(), value };
            if !holds(&out.items, &item) {
                out.items.push(item);
            }
        }
    }
    out.addresses.clear();
    for address in &contact.addresses {
        let clean = clean_address(address, &mut refused);
        let key = keys::address(&clean);
        let is_twin = |other: &Address| other.address_type == clean.address_type && keys::address(other) == key;
        if !clean.is_empty() && (key.is_empty() || !out.addresses.iter().any(is_twin)) {
            out.addresses.push(clean);
        }
    }
    Cleaned { contact: out, refused }
}

/// The same of a record that was agreed on as `agreed`: a text that is no value and was not there then says nothing, so that
/// what it stands in place of stays.
pub fn clean_since(contact: &Contact, agreed: &Contact) -> Cleaned {
    let mut cleaned = clean(contact);
    if cleaned.refused.is_empty() {
        return cleaned;
    }
    let before = clean(agreed);
    let known = before.contact;
    cleaned.refused.retain(|refused| !before.refused.contains(refused));
    for refused in &cleaned.refused {
        match refused {
            Refused::Scalar(field, _) => cleaned.contact.set_scalar(*field, &known.scalar(*field)),
            Refused::Item(item) => {
                let is_open = |other: &&Item| !holds(&cleaned.contact.items, other);
                let of_type = |other: &&Item| other.item_type == item.item_type && is_open(other);
                let of_kind = |other: &&Item| other.item_type.kind() == item.item_type.kind() && is_open(other);
                let kept = known.items.iter().find(of_type).or_else(|| known.items.iter().find(of_kind));
                if let Some(kept) = kept.cloned() {
                    cleaned.contact.items.push(kept);
                }
            }
            Refused::Address(address) => keep_parts(&mut cleaned.contact.addresses, address, &known.addresses),
        }
    }
    cleaned
}

/// "Total", "Sous-total 12": what a spreadsheet's last line is called.
pub fn is_total(contact: &Contact) -> bool {
    if !contact.items.is_empty() {
        return false;
    }
    let name = keys::person(contact);
    let mut words = name.split(' ').filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    let of_totals = ["total", "totaux", "totals", "sous", "sub", "grand", "general", "subtotal", "somme", "sum"];
    let is_total = words.clone().any(|word| of_totals[..3].contains(&word) || word == "subtotal" || word == "somme");
    is_total && words.all(|word| of_totals.contains(&word))
}

fn holds(items: &[Item], item: &Item) -> bool {
    let same = |other: &Item| {
        other.item_type == item.item_type
            && (other.value == item.value || keys::item_value(other) == keys::item_value(item))
    };
    items.iter().any(same)
}

/// Puts the parts back that a refused text stands in place of.
fn keep_parts(addresses: &mut Vec<Address>, refused: &Address, known: &[Address]) {
    let open = |other: &&Address| other.address_type == refused.address_type && !addresses.contains(other);
    let Some(known) = known.iter().find(open).cloned() else { return };
    let now = clean_address(refused, &mut Vec::new());
    let place = addresses.iter().position(|address| *address == now);
    let mut kept = now;
    for (part, (text, known)) in kept.parts_mut().into_iter().zip(refused.parts().into_iter().zip(known.parts())) {
        if is_placeholder(text, Field::Addresses) {
            part.clone_from(known);
        }
    }
    match place {
        Some(place) => addresses[place] = kept,
        None => addresses.push(kept),
    }
}

/// The values that a text holds, each with its place in it: several only where each is a value of its kind by itself, none
/// where nothing in it is one.
pub fn split(text: &str, kind: ItemKind) -> Vec<(std::ops::Range<usize>, String)> {
    let whole = || Some((0..text.len(), value(text, kind)?));
    match kind {
        ItemKind::Email if text.matches('@').count() > 1 => pieces(text, &mailbox::is_whole, kind),
        ItemKind::Phone | ItemKind::Fax if text.len() > 15 => pieces(text, &telephone::is_whole, kind),
        ItemKind::Email | ItemKind::Phone | ItemKind::Fax | ItemKind::Account => None,
    }
    .unwrap_or_else(|| whole().into_iter().collect())
}

/// What stands between values that share a cell.
const SEPARATORS: [&str; 10] = [" ::: ", "\n", ";", "|", ",", " / ", "/", " ou ", " or ", " et "];

type Pieces = Vec<(std::ops::Range<usize>, String)>;

fn pieces(text: &str, is_whole: &dyn Fn(&str) -> bool, kind: ItemKind) -> Option<Pieces> {
    for separator in SEPARATORS.iter().filter(|separator| text.contains(**separator)) {
        let mut found: Pieces = Vec::new();
        let is_sound = cut(text, separator, kind).into_iter().all(|place| {
            let piece = &text[place.clone()];
            let several =
                (piece.len() < text.len()).then(|| pieces(piece, is_whole, kind)).flatten().unwrap_or_default();
            let within = |inner: &std::ops::Range<usize>| place.start + inner.start..place.start + inner.end;
            found.extend(several.iter().map(|(inner, value)| (within(inner), value.clone())));
            let one = several.is_empty().then(|| value(piece, kind)).flatten().filter(|_| is_whole(piece));
            let is_one = one.is_some();
            found.extend(one.map(|value| (place, value)));
            is_one || !several.is_empty()
        });
        if is_sound && found.len() > 1 {
            return Some(found);
        }
    }
    None
}

/// The places of what stands between separators, blanks around it and empty ones left out. What is quoted is not cut, and
/// a name belongs to the address behind it: "Roux, Ada <ada@example.com>".
fn cut(text: &str, separator: &str, kind: ItemKind) -> Vec<std::ops::Range<usize>> {
    let mut places: Vec<std::ops::Range<usize>> = Vec::new();
    let mut is_open = false;
    let mut start = 0;
    for piece in text.split(separator) {
        let (from, to) = (start, start + piece.len());
        start = to + separator.len();
        let from = from + (piece.len() - piece.trim_start().len());
        let to = from.max(to - (piece.len() - piece.trim_end().len()));
        match places.last_mut().filter(|_| is_open) {
            Some(last) => last.end = to,
            None if from < to => places.push(from..to),
            None => continue,
        }
        let whole = places.last().map_or("", |place| &text[place.clone()]);
        is_open = whole.matches('"').count() % 2 == 1 || (kind == ItemKind::Email && !whole.contains('@'));
    }
    places
}

fn value(text: &str, kind: ItemKind) -> Option<String> {
    match kind {
        ItemKind::Email => mailbox(text),
        ItemKind::Phone | ItemKind::Fax => telephone(text),
        ItemKind::Account => {
            let tidy = tidied(text, Field::Items);
            (!tidy.trim().is_empty() && !is_placeholder(&tidy, Field::Items)).then(|| tidy.into_owned())
        }
    }
}

fn is_text(field: Field) -> bool {
    match field {
        Field::LastName
        | Field::FirstName
        | Field::Comment
        | Field::JobTitle
        | Field::JobDepartment
        | Field::Country
        | Field::Company => true,
        Field::Civility | Field::ContactType | Field::FirmId => false,
        Field::Addresses | Field::Items | Field::Extra => false,
    }
}

/// What people and programs write where there is nothing to write. A word that is somebody's name, or a town's, is not
/// among them: Null, None and Aucun are people.
const NOTHING: [&str; 7] = ["n/a", "#n/a", "n.a.", "-", "--", "---", "–"];
const NOTHING_BUT_A_NAME: [&str; 14] = [
    "null", "<null>", "(null)", "nil", "none", "(none)", "néant", "neant", "aucun", "aucune", "inconnu", "inconnue",
    "unknown", "#ref!",
];

/// True for a text that says that there is nothing to say.
fn is_placeholder(text: &str, field: Field) -> bool {
    let text = text.trim();
    // The longest of them.
    if text.is_empty() || text.len() > 12 {
        return false;
    }
    let is_in = |list: &[&str]| {
        let folded = text.to_lowercase();
        list.contains(&folded.as_str())
    };
    match field {
        Field::Items => is_in(&NOTHING) || is_in(&NOTHING_BUT_A_NAME),
        Field::JobTitle | Field::JobDepartment => is_in(&NOTHING) || is_in(&NOTHING_BUT_A_NAME),
        _ => is_in(&NOTHING),
    }
}

fn clean_address(address: &Address, refused: &mut Vec<Refused>) -> Address {
    let mut clean = address.clone();
    let mut is_refused = false;
    for part in clean.parts_mut() {
        if is_placeholder(part, Field::Addresses) {
            is_refused = true;
            part.clear();
        } else if let Cow::Owned(tidy) = tidied(part, Field::Addresses) {
            *part = tidy;
        }
    }
    if let Some(name) = countries::name_of_code(clean.country.trim()) {
        name.clone_into(&mut clean.country);
    }
    if is_refused {
        refused.push(Refused::Address(address.clone()));
    }
    clean
}

/// True for characters that show nothing and that a copy from a web page brings along: marks of direction, joints of words.
pub fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Blanks that are no blanks to a program.
fn is_odd_blank(char: char) -> bool {
    matches!(char, '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// A text without what nobody sees in it, its accents composed. A comment keeps its blanks: French has them before colons.
pub fn tidied(text: &str, field: Field) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let is_odd = |char: char| is_invisible(char) || (field != Field::Comment && is_odd_blank(char));
    let mut tidy = Cow::Borrowed(text);
    if text.contains(is_odd) {
        let plain = text.chars().filter(|char| !is_invisible(*char));
        let plain = plain.map(|char| if field != Field::Comment && is_odd_blank(char) { ' ' } else { char });
        tidy = Cow::Owned(plain.collect::<String>().trim().to_owned());
    }
    if is_nfc_quick(tidy.chars()) != IsNormalized::Yes {
        let composed: String = tidy.nfc().collect();
        if composed != *tidy {
            tidy = Cow::Owned(composed);
        }
    }
    tidy
}

/// A text in which a spreadsheet's or a program's guard stands before a number or a formula, without it.
fn unguarded(text: &str) -> &str {
    let inner = text.strip_prefix("=\"").and_then(|inner| inner.strip_suffix('"'));
    let text = inner.filter(|inner| !inner.contains('"')).unwrap_or(text);
    let is_guarded = |rest: &&str| rest.starts_with(|char: char| char.is_ascii_digit() || "+=(@".contains(char));
    text.strip_prefix('\'').filter(is_guarded).unwrap_or(text)
}

#[cfg(test)]
mod tests;
