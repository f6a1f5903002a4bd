//! Items to their slots: columns of a type in order, labelled entries where they already stand.

use super::{
    codec::{Codec, Line, Number},
    layout::{ItemSlot, Sort, labels_item},
    plan::{Sight, Step, choose, fit},
    profile::{Labels, Profile},
    slots::{Held, distinct},
    write::Miss,
};
use crate::contact::{Item, ItemType};

impl Codec<'_> {
    /// Makes the row hold these items.
    pub fn write_items(&self, line: &mut Line<'_>, wanted: &[Item], missed: &mut Vec<Miss>) {
        let french = self.is_french(line);
        let mut open: Vec<&Item> = Vec::new();
        for item in wanted {
            match self.carried_number(&item.value, item.item_type.kind(), french) {
                Number::Value { .. } => open.push(item),
                Number::Nothing => {}
                Number::Lost => missed.push(Miss::Unreadable(item.item_type.clone())),
            }
        }
        let slots = &self.layout.items;
        let sorts = distinct(slots.iter().map(|slot| &slot.sort));
        let own: Vec<&ItemType> =
            sorts.iter().filter_map(|sort| if let Sort::Column(types) = sort { types.first() } else { None }).collect();
        for sort in &sorts {
            let class: Vec<&ItemSlot> = slots.iter().filter(|slot| slot.sort == **sort).collect();
            let (ours, rest): (Vec<&Item>, Vec<&Item>) = open.into_iter().partition(|item| match sort {
                // A type that has columns of its own goes there.
                Sort::Column(types) => {
                    types[0] == item.item_type || (types.contains(&item.item_type) && !own.contains(&&item.item_type))
                }
                Sort::Label(group) => labels_item(self.profile, *group, &item.item_type),
            });
            open = rest;
            match sort {
                Sort::Column(types) => {
                    let rank = |item: &&Item| types.iter().position(|of| *of == item.item_type).unwrap_or(0);
                    let chosen = choose(&ours.iter().map(rank).collect::<Vec<_>>(), class.len());
                    let (fitting, over): (Vec<_>, Vec<_>) =
                        ours.into_iter().enumerate().partition(|(at, _)| chosen.contains(at));
                    let fitting: Vec<&Item> = fitting.into_iter().map(|(_, item)| item).collect();
                    self.write_item_columns(line, &class, &fitting, french);
                    open.extend(over.into_iter().map(|(_, item)| item));
                }
                Sort::Label(group) => {
                    let left = self.write_labelled_items(line, &class, *group, &ours, french);
                    open.extend(left);
                }
            }
        }
        missed.extend(open.into_iter().map(|item| Miss::Item(item.item_type.clone())));
    }

    fn write_item_columns(&self, line: &mut Line<'_>, class: &[&ItemSlot], wanted: &[&Item], french: bool) {
        let held: Vec<String> = class
            .iter()
            .flat_map(|slot| self.held_item(line, slot, french, false).entries().to_vec())
            .map(|item| item.value)
            .collect();
        let unchanged = held.len() == wanted.len()
            && held.iter().zip(wanted).all(|(held, item)| self.comes_back_as(item, french, held));
        for (at, slot) in class.iter().enumerate() {
            if unchanged {
                break;
            }
            self.set_item(line, slot, wanted.get(at).copied(), french);
        }
    }

    fn write_labelled_items<'w>(
        &self,
        line: &mut Line<'_>,
        class: &[&ItemSlot],
        group: usize,
        wanted: &[&'w Item],
        french: bool,
    ) -> Vec<&'w Item> {
        let held: Vec<Held<Item>> = class.iter().map(|slot| self.held_item(line, slot, french, false)).collect();
        let same = |slot: usize, index: usize, entry: usize, strict: bool| {
            let there = &held[slot].entries()[index];
            let guessed = held[slot].is_guessed();
            let type_fits = if strict {
                !guessed && there.item_type == wanted[entry].item_type
            } else {
                guessed && there.item_type.kind() == wanted[entry].item_type.kind()
            };
            type_fits && self.comes_back_as(wanted[entry], french, &there.value)
        };
        let akin = |slot: usize, entry: usize| self.labels_exactly(line, class[slot], group, &wanted[entry].item_type);
        let sights: Vec<Sight> = held.iter().map(Sight::of).collect();
        let (steps, left) = fit(&sights, wanted.len(), same, akin);
        for (slot, step) in class.iter().zip(steps) {
            match step {
                Step::Keep => {}
                Step::Clear => {
                    let full = !self.plain(line.cell(slot.value)).is_empty();
                    for column in std::iter::once(slot.value).chain(slot.label).filter(|_| full) {
                        self.put(line, column, "");
                    }
                }
                Step::Put(entry) => {
                    let item = wanted[entry];
                    if let (Some(column), false) = (slot.label, self.labels_exactly(line, slot, group, &item.item_type))
                    {
                        self.put(line, column, item_label(self.profile, group, &item.item_type));
                    }
                    self.set_item(line, slot, Some(item), french);
                }
            }
        }
        left.into_iter().map(|entry| wanted[entry]).collect()
    }

    fn set_item(&self, line: &mut Line<'_>, slot: &ItemSlot, item: Option<&Item>, french: bool) {
        let Some(item) = item else { return self.put(line, slot.value, "") };
        let kind = item.item_type.kind();
        let cell = line.cell(slot.value);
        let there = self.number(&cell.text, cell.quoted, kind, french);
        if there != self.carried_number(&item.value, kind, french) {
            line.set(slot.value, self.number_text(&item.value, kind));
        }
    }

    fn comes_back_as(&self, item: &Item, french: bool, value: &str) -> bool {
        matches!(self.carried_number(&item.value, item.item_type.kind(), french), Number::Value { text, .. } if text == value)
    }
}

/// The label that is written for an item type; "" for one that the group has no label for.
fn item_label<'p>(profile: &'p Profile, group: usize, item_type: &ItemType) -> &'p str {
    match &profile.groups[group].labels {
        Labels::Items { known, .. } => known.iter().find(|(of, ..)| of == item_type).map_or("", |(_, label, _)| label),
        Labels::Addresses { .. } => "",
    }
}
