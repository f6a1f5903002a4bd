//! Which column of one header line holds what, and which columns may be added to it.
//!
//! Columns are told apart by name, and those of one name by their order. A table from which a user took columns away
//! is not given them back: only numbered brothers of columns that are there are added.

use super::{
    names::fold,
    pairing::{has, matches},
    profile::{GroupPart, Labels, Means, NUMBER_MAX, Part, Profile, address_part, scalar_word},
    whole_name, words,
};
use crate::{
    contact::{AddressType, Field, FieldSet, ItemType, person_name::Order},
    formats::labels,
};

/// How one header line is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// The header's cells, as written.
    pub header: Vec<String>,
    /// What each column is read as, for a user; `None`: kept, not read.
    pub read_as: Vec<Option<String>>,
    pub id: Option<usize>,
    pub uid: Option<usize>,
    pub display_name: Option<usize>,
    /// What a whole name begins with.
    pub order: Order,
    pub nickname: Option<usize>,
    /// A whole name may stand in the family name's column: not in carnet's own tables.
    pub reads_whole_names: bool,
    pub scalars: Vec<(Field, usize)>,
    /// In the order in which values of one type are read.
    pub items: Vec<ItemSlot>,
    pub addresses: Vec<AddressSlot>,
}

/// Where an item may stand.
#[derive(Debug, Clone)]
pub(super) struct ItemSlot {
    pub sort: Sort<ItemType>,
    pub value: usize,
    pub label: Option<usize>,
    order: (usize, u32),
}

/// Where an address may stand.
#[derive(Debug, Clone)]
pub(super) struct AddressSlot {
    pub sort: Sort<AddressType>,
    pub label: Option<usize>,
    parts: [Option<usize>; Part::ALL.len()],
    order: (usize, u32),
}

/// What decides an entry's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sort<T> {
    /// The column: the first of these; the others are shown there too.
    Column(Vec<T>),
    /// The label of this group.
    Label(usize),
}

impl AddressSlot {
    /// The column of a part.
    pub fn column(&self, part: Part) -> Option<usize> {
        self.parts[part as usize]
    }
}

impl Layout {
    /// Reads a header line. `is_civility` tells whether the column at an index holds civilities: asked only where the
    /// header has one "Titre" for two meanings.
    pub fn new(profile: &Profile, header: Vec<String>, is_civility: &dyn Fn(usize) -> bool) -> Layout {
        let width = header.len();
        let reads_whole_names = !profile.exact;
        let mut layout = Layout { header, read_as: vec![None; width], reads_whole_names, ..Layout::default() };
        let folded: Vec<String> = layout.header.iter().map(|name| fold(name)).collect();
        let matches = matches(profile, &folded, is_civility);
        let mut free = vec![true; width];
        for found in &matches {
            free[found.cell] = false;
            layout.place(profile, found.cell, found.column, found.number);
        }
        for cell in (0..width).filter(|cell| free[*cell]) {
            if profile.unlisted_codes {
                layout.place_unlisted(cell);
            } else if profile.label_words {
                layout.place_by_words(cell);
            }
        }
        layout.settle();
        layout
    }

    /// The header line that a new file of this profile gets.
    pub fn blank(profile: &Profile) -> Layout {
        let header =
            profile.columns.iter().filter(|column| !column.spare).filter_map(|column| column.names[0].written(1));
        Layout::new(profile, header.collect(), &|_| false)
    }

    /// How many columns of a header belong to the profile; what a dialect is recognised by.
    pub fn hits(profile: &Profile, folded: &[String]) -> usize {
        let matched = matches(profile, folded, &|_| false);
        let is_free = |cell: usize| profile.label_words && matched.iter().all(|found| found.cell != cell);
        let by_words =
            folded.iter().enumerate().filter(|(cell, name)| is_free(*cell) && labels::column(name).is_some());
        let known = matched.len() + by_words.count();
        let unlisted = |name: &&String| profile.unlisted_codes && unlisted(name).is_some();
        known + folded.iter().filter(unlisted).count()
    }

    /// True where a column holds this scalar field.
    pub fn has(&self, field: Field) -> bool {
        self.scalars.iter().any(|(known, _)| *known == field)
    }

    /// The fields that the columns hold.
    pub fn fields(&self) -> FieldSet {
        let mut fields: FieldSet = self.scalars.iter().map(|(field, _)| *field).collect();
        if self.display_name.is_some() || self.nickname.is_some() {
            fields = fields.with(Field::LastName);
        }
        fields = fields.or(self.fields_of_whole_names());
        if !self.items.is_empty() {
            fields = fields.with(Field::Items);
        }
        if !self.addresses.is_empty() {
            fields = fields.with(Field::Addresses);
        }
        fields
    }

    /// Adds the columns that one more item of this type needs; the names added, none where none can be.
    pub fn grow_item(&mut self, profile: &Profile, item_type: &ItemType) -> Vec<String> {
        if profile.unlisted_codes && matches!(item_type, ItemType::Unlisted(_)) {
            let whole = ItemType::LISTED
                .iter()
                .all(|listed| self.items.iter().any(|slot| slot.sort == Sort::Column(vec![listed.clone()])));
            let wanted = Sort::Column(vec![item_type.clone()]);
            let number = self.items.iter().filter(|slot| slot.sort == wanted).map(|slot| slot.order.1).max();
            let number = number.unwrap_or(0) + 1;
            if !whole || number > NUMBER_MAX {
                return Vec::new();
            }
            return self.append(profile, vec![numbered(&format!("item_{}", escape(item_type.code())), number)]);
        }
        let brother = self.items.iter().filter(|slot| match &slot.sort {
            Sort::Column(types) => slot.order.0 < profile.columns.len() && types.contains(item_type),
            Sort::Label(group) => labels_item(profile, *group, item_type),
        });
        let Some(brother) = brother.max_by_key(|slot| slot.order.1).cloned() else { return Vec::new() };
        let names = match brother.sort {
            Sort::Column(_) => self.brothers(profile, brother.order, |means| matches!(means, Means::Item(_)), true),
            Sort::Label(group) => {
                self.brothers(profile, brother.order, |means| matches!(means, Means::Group(g, _) if *g == group), false)
            }
        };
        self.append(profile, names)
    }

    /// Adds the columns that one more address of this type needs; the names added, none where none can be.
    pub fn grow_address(&mut self, profile: &Profile, address_type: &AddressType) -> Vec<String> {
        if profile.unlisted_codes && matches!(address_type, AddressType::Unlisted(_)) {
            let of = |wanted: &AddressType| {
                let wanted = Sort::Column(vec![wanted.clone()]);
                self.addresses.iter().filter(move |slot| slot.sort == wanted).map(|slot| slot.order.1).max()
            };
            let whole = AddressType::LISTED.iter().all(|listed| of(listed).is_some());
            let number = of(address_type).unwrap_or(0) + 1;
            if !whole || number > NUMBER_MAX {
                return Vec::new();
            }
            let stem = numbered(&format!("address_{}", escape(address_type.code())), number);
            let parts = [Part::Street, Part::Street2, Part::ZipCode, Part::City, Part::Country];
            return self.append(profile, parts.map(|part| format!("{stem}_{}", part.word())).to_vec());
        }
        let brother = self.addresses.iter().filter(|slot| match &slot.sort {
            Sort::Column(types) => slot.order.0 < profile.columns.len() && types.contains(address_type),
            Sort::Label(group) => labels_address(profile, *group, address_type),
        });
        let Some(brother) = brother.max_by_key(|slot| slot.order.1).cloned() else { return Vec::new() };
        let names = self.brothers(
            profile,
            brother.order,
            |means| match (means, &brother.sort) {
                (Means::Address(of, _), Sort::Column(types)) => types.contains(of),
                (Means::Group(of, _), Sort::Label(group)) => of == group,
                _ => false,
            },
            false,
        );
        self.append(profile, names)
    }

    /// The names of the columns after the ones of this number, in the spelling that the header already has.
    fn brothers(
        &self,
        profile: &Profile,
        (column, number): (usize, u32),
        wanted: impl Fn(&Means) -> bool,
        only_this_column: bool,
    ) -> Vec<String> {
        let folded: Vec<String> = self.header.iter().map(|name| fold(name)).collect();
        let mut names = Vec::new();
        for (index, candidate) in profile.columns.iter().enumerate() {
            let Some(means) = &candidate.means else { continue };
            if !wanted(means) || (only_this_column && index != column) {
                continue;
            }
            let spelled = |number: u32| candidate.names.iter().find(|name| has(&folded, name, number));
            // Of columns that share one name, only the first is called by its number.
            let Some(spelling) = spelled(number).or_else(|| spelled(1)) else { continue };
            match spelling.written(number + 1) {
                Some(name) => names.push(name),
                None => return Vec::new(),
            }
        }
        names
    }

    fn append(&mut self, profile: &Profile, names: Vec<String>) -> Vec<String> {
        if !names.is_empty() {
            let header = self.header.iter().chain(&names).cloned().collect();
            // What a single "Titre" was found to be stays so: the question is answered by the present reading.
            let civility = self.scalars.iter().find(|(field, _)| *field == Field::Civility).map(|(_, cell)| *cell);
            *self = Layout::new(profile, header, &|cell| civility == Some(cell));
        }
        names
    }

    fn place(&mut self, profile: &Profile, cell: usize, column: usize, number: u32) {
        let Some(means) = &profile.columns[column].means else { return };
        let words = match means {
            Means::Id => {
                self.id = Some(cell);
                "id".to_owned()
            }
            Means::Uid => {
                self.uid = Some(cell);
                "uid".to_owned()
            }
            Means::DisplayName => {
                self.display_name = Some(cell);
                self.order = whole_name::order(&fold(&self.header[cell]));
                "display name".to_owned()
            }
            Means::Nickname => {
                self.nickname = Some(cell);
                "the name of whoever has no other".to_owned()
            }
            Means::Scalar(field) => {
                self.scalars.push((*field, cell));
                scalar_word(*field).to_owned()
            }
            Means::Item(types) => {
                let order = (column, number);
                self.items.push(ItemSlot { sort: Sort::Column(types.clone()), value: cell, label: None, order });
                types[0].word().to_owned()
            }
            Means::Address(address_type, part) => {
                let sort = Sort::Column(vec![address_type.clone()]);
                self.address_slot(sort, (column, number)).parts[*part as usize] = Some(cell);
                format!("{} {}", address_type.word(), part.word())
            }
            Means::Group(group, part) => self.place_labelled(profile, cell, (column, number), *group, *part),
        };
        self.read_as[cell] = Some(words);
    }

    fn place_labelled(
        &mut self,
        profile: &Profile,
        cell: usize,
        order: (usize, u32),
        group: usize,
        part: GroupPart,
    ) -> String {
        let name = &profile.groups[group].name;
        if let Labels::Addresses { .. } = profile.groups[group].labels {
            let slot = self.address_slot(Sort::Label(group), order);
            return match part {
                GroupPart::Label | GroupPart::Value => {
                    slot.label = Some(cell);
                    format!("{name} {} label", order.1)
                }
                GroupPart::Address(part) => {
                    slot.parts[part as usize] = Some(cell);
                    format!("{name} {} {}", order.1, part.word())
                }
            };
        }
        let known = self.items.iter().position(|slot| slot.sort == Sort::Label(group) && slot.order.1 == order.1);
        let at = known.unwrap_or_else(|| {
            self.items.push(ItemSlot { sort: Sort::Label(group), value: usize::MAX, label: None, order });
            self.items.len() - 1
        });
        let slot = &mut self.items[at];
        if part == GroupPart::Label {
            slot.label = Some(cell);
            return format!("{name} {} label", order.1);
        }
        slot.value = cell;
        format!("{name} {}", order.1)
    }

    /// Places a column that no profile names and whose own words say what it holds. It has no brothers.
    fn place_by_words(&mut self, cell: usize) {
        let Some((types, _)) = labels::column(&self.header[cell]) else { return };
        self.read_as[cell] = Some(types[0].word().to_owned());
        let order = (usize::MAX, u32::try_from(cell).unwrap_or(u32::MAX));
        self.items.push(ItemSlot { sort: Sort::Column(types), value: cell, label: None, order });
    }

    fn place_unlisted(&mut self, cell: usize) {
        match unlisted(self.header[cell].trim()) {
            Some(Unlisted::Item(item_type, number)) => {
                self.read_as[cell] = Some(item_type.word().to_owned());
                let order = (usize::MAX, number);
                self.items.push(ItemSlot { sort: Sort::Column(vec![item_type]), value: cell, label: None, order });
            }
            Some(Unlisted::Address(address_type, number, part)) => {
                self.read_as[cell] = Some(format!("{} {}", address_type.word(), part.word()));
                let slot = self.address_slot(Sort::Column(vec![address_type]), (usize::MAX, number));
                slot.parts[part as usize].get_or_insert(cell);
            }
            None => {}
        }
    }

    fn address_slot(&mut self, sort: Sort<AddressType>, order: (usize, u32)) -> &mut AddressSlot {
        let known = self.addresses.iter().position(|slot| slot.sort == sort && slot.order.1 == order.1);
        let at = known.unwrap_or_else(|| {
            self.addresses.push(AddressSlot { sort, label: None, parts: [None; Part::ALL.len()], order });
            self.addresses.len() - 1
        });
        &mut self.addresses[at]
    }

    /// Drops what has a label and no value, and puts the slots in reading order.
    fn settle(&mut self) {
        // Beside one half of the name, a whole name could neither be read nor kept in step.
        if self.has(Field::FirstName) != self.has(Field::LastName)
            && let Some(column) = self.display_name.take()
        {
            self.read_as[column] = None;
        }
        // A whole address that nothing else stands beside is written, too: as a street of several lines.
        for slot in &mut self.addresses {
            if slot.parts.iter().flatten().count() == 1 {
                let [street, formatted] = [Part::Street as usize, Part::Formatted as usize];
                slot.parts[street] = slot.parts[street].or(slot.parts[formatted].take());
            }
        }
        self.items.retain(|slot| slot.value != usize::MAX);
        self.addresses.retain(|slot| slot.parts.iter().any(Option::is_some));
        self.items.sort_by_key(|slot| slot.order);
        self.addresses.sort_by_key(|slot| slot.order);
    }
}

/// True where a column with a label of this group can say this item type.
pub(super) fn labels_item(profile: &Profile, group: usize, item_type: &ItemType) -> bool {
    matches!(&profile.groups[group].labels, Labels::Items { known, .. } if known.iter().any(|(of, ..)| of == item_type))
}

/// True where a column with a label of this group can say this address type.
pub(super) fn labels_address(profile: &Profile, group: usize, address_type: &AddressType) -> bool {
    matches!(&profile.groups[group].labels, Labels::Addresses { known, .. }
        if known.iter().any(|(of, ..)| of == address_type))
}

/// True when most of a column's values that are not empty are civilities.
pub(super) fn mostly_civilities<'a>(values: impl Iterator<Item = &'a str>) -> bool {
    let (mut known, mut unknown) = (0usize, 0usize);
    for value in values {
        match words::civility(value) {
            words::Said::Nothing => {}
            words::Said::Value(_) => known += 1,
            words::Said::Unknown => unknown += 1,
        }
    }
    known > unknown
}

/// A column that carnet's own dialect adds for a code that the reference does not list.
enum Unlisted {
    Item(ItemType, u32),
    Address(AddressType, u32, Part),
}

fn unlisted(name: &str) -> Option<Unlisted> {
    if let Some(rest) = name.strip_prefix("item_") {
        let (code, number) = split_number(rest);
        return Some(Unlisted::Item(ItemType::from_code(&unescape(code)?), number));
    }
    let (rest, part) = Part::ALL.into_iter().find_map(|part| {
        let rest = name.strip_prefix("address_")?.strip_suffix(part.word())?.strip_suffix('_')?;
        Some((rest, address_part(part.word())?))
    })?;
    let (code, number) = split_number(rest);
    Some(Unlisted::Address(AddressType::from_code(&unescape(code)?), number, part))
}

fn numbered(stem: &str, number: u32) -> String {
    if number == 1 { stem.to_owned() } else { format!("{stem}_{number}") }
}

fn split_number(text: &str) -> (&str, u32) {
    let number = text.rsplit_once('_').and_then(|(code, number)| Some((code, number.parse().ok()?)));
    number.filter(|(_, number)| (2..=NUMBER_MAX).contains(number)).unwrap_or((text, 1))
}

/// A code so that it can stand in a column name: what is no digit as `%` and two hexadecimal digits. Letters too, so
/// that a user's own `item_count` is no code.
fn escape(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    for byte in code.bytes() {
        if byte.is_ascii_digit() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(high)? << 4 | digit(low)?);
                rest = after;
            }
            (b'0'..=b'9', after) => {
                bytes.push(*first);
                rest = after;
            }
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}
