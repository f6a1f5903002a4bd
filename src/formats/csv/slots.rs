//! What the entries of a row hold: one item or address a slot, or several where a dialect joins them in one cell.

use super::{
    codec::{Codec, Guess, Line, Number, Text},
    layout::{AddressSlot, ItemSlot, Sort, labels_item},
    names::fold,
    profile::{Labels, Part},
    records::Cell,
    values,
};
use crate::{
    contact::{Address, AddressType, Item, ItemKind, ItemType},
    formats::labels,
};

/// What a slot of a row holds.
#[derive(Debug, Clone)]
pub(super) enum Held<T> {
    /// Something with a label that is none of ours: neither read nor written.
    Alone,
    /// A number whose digits are gone: what stands in its place.
    Lost(T),
    /// Its entries; none in an empty slot.
    Entries { entries: Vec<T>, guessed: bool, repaired: bool },
}

impl<T> Held<T> {
    /// The entries, if it can be read.
    pub fn entries(&self) -> &[T] {
        match self {
            Held::Entries { entries, .. } => entries,
            Held::Alone | Held::Lost(_) => &[],
        }
    }

    /// True when its type is a guess.
    pub fn is_guessed(&self) -> bool {
        matches!(self, Held::Entries { guessed: true, .. })
    }
}

/// What a label says.
enum Labelled<T> {
    Known(T),
    Guessed(T),
    Foreign,
}

impl Codec<'_> {
    /// What an item slot holds. `personal`: the row is about a private person.
    pub fn held_item(&self, line: &Line<'_>, slot: &ItemSlot, french: bool, personal: bool) -> Held<Item> {
        let cell = line.cell(slot.value);
        let (item_type, guessed) = match &slot.sort {
            Sort::Column(types) => (self.guessed_type(types, personal), types.len() > 1),
            Sort::Label(group) => match self.item_label(line, slot, *group, personal) {
                Labelled::Known(item_type) => (item_type, false),
                Labelled::Guessed(item_type) => (item_type, true),
                Labelled::Foreign if self.is_unused(line, slot) => {
                    return Held::Entries { entries: Vec::new(), guessed: false, repaired: false };
                }
                Labelled::Foreign => return Held::Alone,
            },
        };
        let (mut entries, mut repaired) = (Vec::new(), false);
        let text = self.shown_address(line, slot, item_type.kind()).unwrap_or(&cell.text);
        for piece in self.pieces(text, matches!(slot.sort, Sort::Label(_))) {
            match self.number(piece, cell.quoted, item_type.kind(), french) {
                Number::Value { text, repaired: mended } => {
                    repaired |= mended;
                    entries.push(Item::new(item_type.clone(), text));
                }
                Number::Nothing => {}
                Number::Lost => return Held::Lost(Item::new(item_type, piece)),
            }
        }
        Held::Entries { entries, guessed, repaired }
    }

    /// Where Outlook has an Exchange's own name of a mailbox ("/o=ExchangeLabs/..."): the address in what it shows for it, two
    /// columns on.
    fn shown_address<'l>(&self, line: &'l Line<'_>, slot: &ItemSlot, kind: ItemKind) -> Option<&'l str> {
        let own = self.plain_text(&line.cell(slot.value).text);
        let is_own = kind == ItemKind::Email && own.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("/o="));
        let mut beside = (slot.value + 1..=slot.value + 2).map(|column| &*line.cell(column).text);
        if is_own { beside.find(|text| text.contains('@')) } else { None }
    }

    /// What an address slot holds.
    pub fn held_address(&self, line: &Line<'_>, slot: &AddressSlot) -> Held<Address> {
        let (address_type, guessed) = match &slot.sort {
            Sort::Column(types) => (types[0].clone(), false),
            Sort::Label(group) => match self.address_label(line, slot, *group) {
                Labelled::Known(address_type) => (address_type, false),
                Labelled::Guessed(address_type) => (address_type, true),
                Labelled::Foreign => return Held::Alone,
            },
        };
        let part_cells: Vec<(Part, &Cell<'_>)> = Part::ALL
            .into_iter()
            .filter_map(|part| slot.column(part).map(|column| (part, line.cell(column))))
            .collect();
        let split = matches!(slot.sort, Sort::Label(_));
        let count = part_cells.iter().map(|(_, cell)| self.pieces(&cell.text, split).count()).max().unwrap_or(0);
        let country = self.country(line);
        let (mut entries, mut repaired) = (Vec::new(), false);
        for index in 0..count {
            let cells = part_cells.iter().map(|(part, cell)| {
                let piece = self.pieces(&cell.text, split).nth(index).unwrap_or("");
                (*part, Text { text: piece.to_owned(), quoted: cell.quoted })
            });
            let (address, mended) = self.address_of(slot, address_type.clone(), cells, &country);
            if !address.is_empty() {
                repaired |= mended;
                entries.push(address);
            }
        }
        Held::Entries { entries, guessed, repaired }
    }

    /// The cells that an address is written as in this slot, each with its part.
    pub fn address_cells(&self, slot: &AddressSlot, address: &Address) -> Vec<(Part, Text)> {
        let Address { address_type: _, street_address, street_address2, zip_code, city, country } = address;
        let has = |part| slot.column(part).is_some();
        let (second, third) = match street_address2.split_once('\n') {
            Some((second, third)) if has(Part::Street3) => (second, third),
            _ => (street_address2.as_str(), ""),
        };
        let both = format!("{street_address}\n{street_address2}");
        Part::ALL
            .into_iter()
            .filter(|part| has(*part))
            .map(|part| {
                let text = match part {
                    Part::Street if has(Part::Street2) || street_address2.is_empty() => self.text(street_address),
                    Part::Street => self.text(&both),
                    Part::Street2 => self.text(second),
                    Part::Street3 => self.text(third),
                    Part::ZipCode => self.zip_text(zip_code),
                    Part::City => self.text(city),
                    Part::Country => self.text(country),
                    Part::Formatted => self.text(""),
                };
                (part, text)
            })
            .collect()
    }

    /// The address that comes back when this one is written in this slot.
    pub fn carried_address(&self, slot: &AddressSlot, address: &Address, country: &str) -> Address {
        let cells = self.address_cells(slot, address).into_iter();
        self.address_of(slot, address.address_type.clone(), cells, country).0
    }

    /// What the label of an item slot says.
    pub fn labels_exactly(&self, line: &Line<'_>, slot: &ItemSlot, group: usize, item_type: &ItemType) -> bool {
        matches!(self.item_label(line, slot, group, false), Labelled::Known(known) if known == *item_type)
    }

    /// True when the label of an address slot says this type.
    pub fn labels_address_exactly(
        &self,
        line: &Line<'_>,
        slot: &AddressSlot,
        group: usize,
        address_type: &AddressType,
    ) -> bool {
        matches!(self.address_label(line, slot, group), Labelled::Known(known) if known == *address_type)
    }

    fn address_of(
        &self,
        slot: &AddressSlot,
        address_type: AddressType,
        cells: impl Iterator<Item = (Part, Text)>,
        contact_country: &str,
    ) -> (Address, bool) {
        let mut address = Address::new(address_type);
        let (mut third, mut formatted) = (String::new(), String::new());
        let mut zip = None;
        for (part, Text { text, quoted }) in cells {
            let plain = self.plain_text(&text).into_owned();
            match part {
                Part::Street => address.street_address = plain,
                Part::Street2 => address.street_address2 = plain,
                Part::Street3 => third = plain,
                Part::ZipCode => zip = Some((text, quoted)),
                Part::City => address.city = plain,
                Part::Country => address.country = plain,
                Part::Formatted => formatted = plain,
            }
        }
        if !third.is_empty() {
            address.street_address2 = format!("{}\n{third}", address.street_address2);
        }
        if slot.column(Part::Street2).is_none()
            && let Some((first, second)) = address.street_address.split_once('\n')
        {
            (address.street_address2, address.street_address) = (second.to_owned(), first.to_owned());
        }
        let country = if address.country.is_empty() { contact_country } else { &address.country };
        let mut repaired = false;
        if let Some((text, quoted)) = zip {
            (address.zip_code, repaired) = self.zip(&text, quoted, values::is_french(country));
        }
        if address.is_empty() {
            address.street_address = formatted;
        }
        (address, repaired)
    }

    /// The texts that a cell joins.
    fn pieces<'c>(&self, text: &'c str, split: bool) -> impl Iterator<Item = &'c str> {
        let separator = self.profile.joined.as_deref().filter(|separator| split && text.contains(separator));
        let mut rest = Some(text);
        let separator = separator.map(str::to_owned);
        std::iter::from_fn(move || {
            let text = rest?;
            match separator.as_deref().and_then(|separator| text.split_once(separator)) {
                Some((piece, after)) => {
                    rest = Some(after);
                    Some(piece)
                }
                None => rest.take(),
            }
        })
    }

    fn is_unused(&self, line: &Line<'_>, slot: &ItemSlot) -> bool {
        self.plain(line.cell(slot.value)).is_empty()
            && slot.label.is_none_or(|label| self.plain(line.cell(label)).is_empty())
    }

    fn item_label(&self, line: &Line<'_>, slot: &ItemSlot, group: usize, personal: bool) -> Labelled<ItemType> {
        let Labels::Items { known, unknown } = &self.profile.groups[group].labels else { return Labelled::Foreign };
        let label = self.label(line, slot.label);
        if let Some((item_type, ..)) = known.iter().find(|(_, _, labels)| labels.contains(&label)) {
            return Labelled::Known(item_type.clone());
        }
        let Some(unknown) = unknown else { return Labelled::Foreign };
        if !label.is_empty()
            && let Some(item_type) = labels::item_type(&label, &line.cell(slot.value).text, unknown.kind(), personal)
                .filter(|item_type| labels_item(self.profile, group, item_type))
        {
            return Labelled::Guessed(item_type);
        }
        let private = counterpart(unknown).filter(|private| personal && labels_item(self.profile, group, private));
        Labelled::Guessed(private.unwrap_or_else(|| unknown.clone()))
    }

    fn address_label(&self, line: &Line<'_>, slot: &AddressSlot, group: usize) -> Labelled<AddressType> {
        let Labels::Addresses { known, unknown } = &self.profile.groups[group].labels else { return Labelled::Foreign };
        let label = self.label(line, slot.label);
        match (known.iter().find(|(_, _, labels)| labels.contains(&label)), unknown) {
            (Some((address_type, ..)), _) => Labelled::Known(address_type.clone()),
            (None, Some(unknown)) => Labelled::Guessed(unknown.clone()),
            (None, None) => Labelled::Foreign,
        }
    }

    /// A label folded, the mark of the preferred entry cut.
    fn label(&self, line: &Line<'_>, column: Option<usize>) -> String {
        let label = column.map_or_else(String::new, |column| fold(&self.plain(line.cell(column))));
        label.strip_prefix("* ").map_or(label.clone(), str::to_owned)
    }

    fn guessed_type(&self, types: &[ItemType], personal: bool) -> ItemType {
        counterpart(&types[0])
            .filter(|private| personal && self.guess == Guess::ByRow && types.contains(private))
            .unwrap_or_else(|| types[0].clone())
    }
}

/// The private type beside a professional one.
fn counterpart(item_type: &ItemType) -> Option<ItemType> {
    match item_type {
        ItemType::ProfessionalPhone => Some(ItemType::PersonalPhone),
        ItemType::ProfessionalCellPhone => Some(ItemType::PersonalCellPhone),
        ItemType::ProfessionalFax => Some(ItemType::PersonalFax),
        ItemType::ProfessionalEmail => Some(ItemType::PersonalEmail),
        ItemType::PersonalPhone
        | ItemType::PersonalFax
        | ItemType::PersonalEmail
        | ItemType::PersonalCellPhone
        | ItemType::MainProfessionalPhone
        | ItemType::Skype
        | ItemType::Yahoo
        | ItemType::Msn
        | ItemType::Aim
        | ItemType::Icq
        | ItemType::Unlisted(_) => None,
    }
}

/// Every sort once, in order.
pub(super) fn distinct<'a, T: PartialEq>(sorts: impl Iterator<Item = &'a Sort<T>>) -> Vec<&'a Sort<T>> {
    let mut seen: Vec<&Sort<T>> = Vec::new();
    for sort in sorts {
        if !seen.contains(&sort) {
            seen.push(sort);
        }
    }
    seen
}
