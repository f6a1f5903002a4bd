//! Addresses to their slots: columns of a type in order, labelled entries where they already stand.

use super::{
    codec::{Codec, Line},
    layout::{AddressSlot, Sort, labels_address},
    plan::{Sight, Step, fit},
    profile::{Labels, Part, Profile},
    slots::{Held, distinct},
    write::Miss,
};
use crate::contact::{Address, AddressType};

impl Codec<'_> {
    /// Makes the row hold these addresses.
    pub fn write_addresses(&self, line: &mut Line<'_>, wanted: &[Address], missed: &mut Vec<Miss>) {
        let mut open: Vec<&Address> = wanted.iter().filter(|address| !address.is_empty()).collect();
        let slots = &self.layout.addresses;
        for sort in distinct(slots.iter().map(|slot| &slot.sort)) {
            let class: Vec<&AddressSlot> = slots.iter().filter(|slot| slot.sort == *sort).collect();
            match sort {
                Sort::Column(types) => {
                    let (ours, rest): (Vec<_>, Vec<_>) =
                        open.into_iter().partition(|address| types.contains(&address.address_type));
                    open = rest;
                    missed.extend(ours.iter().skip(class.len()).map(|of| Miss::Address(of.address_type.clone())));
                    self.write_address_columns(line, &class, &ours, missed);
                }
                Sort::Label(group) => {
                    let (ours, rest): (Vec<_>, Vec<_>) = open
                        .into_iter()
                        .partition(|address| labels_address(self.profile, *group, &address.address_type));
                    open = rest;
                    let left = self.write_labelled_addresses(line, &class, *group, &ours, missed);
                    open.extend(left);
                }
            }
        }
        missed.extend(open.into_iter().map(|address| Miss::Address(address.address_type.clone())));
    }

    fn write_address_columns(
        &self,
        line: &mut Line<'_>,
        class: &[&AddressSlot],
        wanted: &[&Address],
        missed: &mut Vec<Miss>,
    ) {
        let country = self.country(line).into_owned();
        let held: Vec<Held<Address>> = class.iter().map(|slot| self.held_address(line, slot)).collect();
        let full: Vec<usize> = (0..class.len()).filter(|at| !held[*at].entries().is_empty()).collect();
        let unchanged = full.len() == wanted.len()
            && full
                .iter()
                .zip(wanted)
                .all(|(at, address)| held[*at].entries() == [self.carried_address(class[*at], address, &country)]);
        for (at, slot) in class.iter().enumerate() {
            if unchanged {
                break;
            }
            self.set_address(line, slot, wanted.get(at).copied(), &country, missed);
        }
    }

    fn write_labelled_addresses<'w>(
        &self,
        line: &mut Line<'_>,
        class: &[&AddressSlot],
        group: usize,
        wanted: &[&'w Address],
        missed: &mut Vec<Miss>,
    ) -> Vec<&'w Address> {
        let country = self.country(line).into_owned();
        let held: Vec<Held<Address>> = class.iter().map(|slot| self.held_address(line, slot)).collect();
        let same = |slot: usize, index: usize, entry: usize, strict: bool| {
            let mut address = self.carried_address(class[slot], wanted[entry], &country);
            if !strict && held[slot].is_guessed() {
                address.address_type = held[slot].entries()[index].address_type.clone();
            }
            held[slot].entries()[index] == address && (!strict || !held[slot].is_guessed())
        };
        let akin = |slot: usize, entry: usize| {
            self.labels_address_exactly(line, class[slot], group, &wanted[entry].address_type)
        };
        let sights: Vec<Sight> = held.iter().map(Sight::of).collect();
        let (steps, left) = fit(&sights, wanted.len(), same, akin);
        for (slot, step) in class.iter().zip(steps) {
            match step {
                Step::Keep => {}
                Step::Clear => self.set_address(line, slot, None, &country, missed),
                Step::Put(entry) => {
                    let of = &wanted[entry].address_type;
                    if let (Some(column), false) = (slot.label, self.labels_address_exactly(line, slot, group, of)) {
                        self.put(line, column, address_label(self.profile, group, of));
                    }
                    self.set_address(line, slot, Some(wanted[entry]), &country, missed);
                }
            }
        }
        left.into_iter().map(|entry| wanted[entry]).collect()
    }

    fn set_address(
        &self,
        line: &mut Line<'_>,
        slot: &AddressSlot,
        address: Option<&Address>,
        country: &str,
        missed: &mut Vec<Miss>,
    ) {
        let held = self.held_address(line, slot);
        let Some(address) = address else {
            if held.entries().is_empty() {
                return;
            }
            // The label of an address that is gone would make an empty one.
            for column in Part::ALL.into_iter().filter_map(|part| slot.column(part)).chain(slot.label) {
                self.put(line, column, "");
            }
            return;
        };
        let carried = self.carried_address(slot, address, country);
        let parts = [
            (Part::Street, &address.street_address, &carried.street_address),
            (Part::Street2, &address.street_address2, &carried.street_address2),
            (Part::ZipCode, &address.zip_code, &carried.zip_code),
            (Part::City, &address.city, &carried.city),
            (Part::Country, &address.country, &carried.country),
        ];
        let lost = parts.iter().filter(|(_, wanted, carried)| !wanted.trim().is_empty() && carried.is_empty());
        missed.extend(lost.map(|(part, ..)| Miss::Part(address.address_type.clone(), *part)));
        if held.entries() == [carried] {
            return;
        }
        for (part, text) in self.address_cells(slot, address) {
            let Some(column) = slot.column(part) else { continue };
            let cell = line.cell(column);
            let same = self.plain(cell) == self.plain_text(&text.text) && (cell.quoted || !text.quoted);
            if !same {
                line.set(column, text);
            }
        }
    }
}

/// The label that is written for an address type; "" for one that the group has no label for.
fn address_label<'p>(profile: &'p Profile, group: usize, address_type: &AddressType) -> &'p str {
    match &profile.groups[group].labels {
        Labels::Addresses { known, .. } => {
            known.iter().find(|(of, ..)| of == address_type).map_or("", |(_, label, _)| label)
        }
        Labels::Items { .. } => "",
    }
}
