//! One pass over a card: the lines that differ from what they are to say are changed, added or taken out.
//!
//! Company and single texts are here; names are in `edit_name`, the lists in `edit_list`.

use std::collections::HashSet;

use super::{
    Version,
    card::Card,
    extra,
    name::{self, Named},
    property::Prop,
    read::{Reading, is_company},
    sort_key,
    update::without,
    value::View,
    vocabulary,
    write::{Value, escape},
};
use crate::contact::{Civility, Contact, ContactType};

/// A pass that is being made.
pub(super) struct Edit<'a> {
    pub card: &'a mut Card,
    pub reading: &'a Reading,
    pub target: &'a Contact,
    pub touched: bool,
    /// What FN is to say, once something asks for a change.
    pub full_name: Option<Shown<'a>>,
    /// The highest N of the groups `itemN`, once looked up.
    group_last: Option<u32>,
    /// Properties whose first line was added in this pass.
    added: Vec<Prop>,
}

/// What FN is to say.
pub(super) enum Shown<'a> {
    /// This text, under the head that the line has.
    Text(String),
    /// An entry of `extra`, head and all.
    Entry(&'a str),
}

impl<'a> Edit<'a> {
    pub fn new(card: &'a mut Card, reading: &'a Reading, target: &'a Contact) -> Self {
        Self { card, reading, target, touched: false, full_name: None, group_last: None, added: Vec::new() }
    }

    /// Makes the pass. False when there was nothing to change.
    pub fn run(mut self) -> bool {
        let company = is_company(self.target);
        let now = Kept::of(&self.reading.contact.extra, company);
        let wanted = Kept::of(&self.target.extra, company);
        self.name(&now, &wanted);
        self.organisation(&now, &wanted);
        let (places, contact) = (&self.reading.places, &self.reading.contact);
        for (place, name, prop, now, wanted) in [
            (places.title, "TITLE", Prop::Title, &contact.job_title, &self.target.job_title),
            (places.crm_country, "X-INCWO-COUNTRY", Prop::CrmCountry, &contact.country, &self.target.country),
            (places.crm_firm, "X-INCWO-FIRM-ID", Prop::CrmFirm, &contact.firm_id, &self.target.firm_id),
        ] {
            if now != wanted {
                self.set(place, name, prop, &Value::Text(wanted), wanted.is_empty());
            }
        }
        self.items();
        self.addresses();
        if contact.comment != self.target.comment {
            let comment = &self.target.comment;
            self.set(places.note, "NOTE", Prop::Note, &Value::Text(comment), comment.is_empty());
        }
        self.contact_type(&now, &wanted);
        self.extra_lines(&now, &wanted);
        self.set_full_name();
        self.touched
    }

    pub(super) fn entry_lines(&mut self, entry: &str) -> Vec<Vec<u8>> {
        let pen = self.card.pen();
        let mut group_last = self.group_last;
        let lines = extra::lines(entry, &self.target.extra, pen, || next_group(self.card, &mut group_last));
        self.group_last = group_last;
        lines
    }

    fn organisation(&mut self, now: &Kept<'_>, wanted: &Kept<'_>) {
        let (contact, target) = (&self.reading.contact, self.target);
        // What FN alone said is said by ORG once FN says something else.
        let is_said = self.reading.places.named_by_full != Some(Named::Company) || self.full_name.is_none();
        let is_same = contact.company == target.company && contact.job_department == target.job_department;
        if is_same && is_said && now.org == wanted.org {
            return;
        }
        let mut parts = vec![target.company.clone(), target.job_department.clone()];
        parts.extend(wanted.org.iter().cloned());
        trim(&mut parts);
        let place = self.reading.places.org;
        let value = self.recomposed(place, &parts);
        let is_key = |name: &[u8]| name.eq_ignore_ascii_case(b"SORT-AS");
        let sorted = place.and_then(|at| self.card.view(at)).filter(|view| view.params().any(|(name, _)| is_key(name)));
        match (place, sorted) {
            // What the old company was sorted by says nothing of another one.
            (Some(at), Some(view)) if contact.company != target.company && !parts.is_empty() => {
                let key = sort_key::followed_param(view, &contact.company, &target.company);
                let head = [head_without(view, |name, _| is_key(name)), key.into_bytes()].concat();
                let line = self.card.pen().line(&head, &Value::Escaped(&value));
                self.replace(at, line);
            }
            _ => self.set(place, "ORG", Prop::Org, &Value::Escaped(&value), parts.is_empty()),
        }
    }

    fn contact_type(&mut self, now: &Kept<'_>, wanted: &Kept<'_>) {
        let Reading { contact, places } = self.reading;
        let target = self.target.contact_type.as_ref();
        let is_same_type = contact.contact_type.as_ref() == target;
        let set = |list: &[String]| list.iter().cloned().collect::<HashSet<_>>();
        let is_same_list = set(&now.categories) == set(&wanted.categories);
        if is_same_type && is_same_list {
            return;
        }
        let word = match &places.type_category {
            Some(word) if is_same_type => Some(word.as_str()),
            None if is_same_type && places.crm_type.is_some() => None,
            _ => target.and_then(|of| vocabulary::category(of, self.card.style().words)),
        };
        let list: Vec<String> = word.map(str::to_owned).into_iter().chain(wanted.categories.iter().cloned()).collect();
        let (head, others) = match places.categories.split_first() {
            Some((first, others)) => (Some(*first), others),
            None => (None, &[][..]),
        };
        for at in others {
            self.remove(*at);
        }
        if !list.is_empty() || head.is_some() {
            self.set(head, "CATEGORIES", Prop::Categories, &Value::List(&list), list.is_empty());
        }
        if !is_same_type {
            // Said to be none, where a category that stays would be read as the type.
            let is_denied = target.is_none() && list.iter().any(|word| vocabulary::contact_type(word).is_some());
            let code = target.map(ContactType::code).unwrap_or_default();
            let is_empty = code.is_empty() && !is_denied;
            self.set(places.crm_type, "X-INCWO-CONTACT-TYPE", Prop::CrmType, &Value::Text(code), is_empty);
        }
    }

    fn extra_lines(&mut self, now: &Kept<'_>, wanted: &Kept<'a>) {
        let places = &self.reading.places;
        let mut is_full_name_free = true;
        let wanted_lines: Vec<&str> = wanted.lines.iter().map(|(_, entry)| *entry).collect();
        let now_lines: Vec<&str> = now.lines.iter().map(|(_, entry)| *entry).collect();
        for gone in without(&now_lines, &wanted_lines) {
            let at = places.extra[now.lines[gone].0];
            if places.full_name == Some(at) {
                self.full_name.get_or_insert_with(|| Shown::Text(name::shown(self.target, &wanted.name)));
            } else {
                self.remove(at);
            }
        }
        if let Some(at) = places.full_name {
            let kept = now.lines.iter().find(|(index, _)| places.extra[*index] == at).map(|(_, entry)| *entry);
            is_full_name_free = kept.is_none_or(|entry| !wanted_lines.contains(&entry));
        }
        for new in without(&wanted_lines, &now_lines) {
            let entry = wanted_lines[new];
            if extra::prop(entry) == Prop::Fn && std::mem::replace(&mut is_full_name_free, false) {
                self.full_name = Some(Shown::Entry(entry));
                continue;
            }
            self.add_first_line(extra::prop(entry));
            for line in self.entry_lines(entry) {
                self.append(line);
            }
        }
    }

    /// Writes a value in its place, or a new line; an empty one takes the line out. Where other lines of the property
    /// stand, an emptied line stays, or the next one would be read in its place.
    pub(super) fn set(&mut self, place: Option<usize>, name: &str, prop: Prop, value: &Value<'_>, is_empty: bool) {
        let has_others = || self.card.views().any(|(at, view)| view.head.prop == prop && Some(at) != place);
        match place {
            Some(at) if is_empty && !(matters_which(prop) && has_others()) => self.remove(at),
            Some(at) => {
                let Some(head) = self.card.view(at).map(|view| head_without(view, |_, _| false)) else { return };
                let line = self.card.pen().line(&head, value);
                self.replace(at, line);
            }
            None if is_empty => {}
            None => {
                self.append(self.card.pen().line(name.as_bytes(), value));
                self.added.push(prop);
            }
        }
    }

    /// An empty line for the model's own value, so that the further line about to be added is not read as that.
    fn add_first_line(&mut self, prop: Prop) {
        let places = &self.reading.places;
        let (place, name) = match prop {
            Prop::N => (places.name, "N"),
            Prop::Org => (places.org, "ORG"),
            Prop::Title => (places.title, "TITLE"),
            Prop::Note => (places.note, "NOTE"),
            _ => return,
        };
        let is_there = place.is_some_and(|at| self.card.view(at).is_some());
        if !is_there && !self.added.contains(&prop) {
            self.set(None, name, prop, &Value::Text(""), false);
        }
    }

    fn recomposed(&self, place: Option<usize>, parts: &[String]) -> String {
        match place.and_then(|at| self.card.view(at)) {
            Some(view) => recomposed(view, parts),
            None => parts.iter().map(|part| escape(part)).collect::<Vec<_>>().join(";"),
        }
    }

    pub fn replace(&mut self, at: usize, line: Vec<u8>) {
        self.card.replace(at, line);
        self.touched = true;
    }

    pub fn append(&mut self, line: Vec<u8>) {
        self.card.append(line);
        self.touched = true;
    }

    /// Takes a line out, and what is left of its group if that only described it.
    pub fn remove(&mut self, at: usize) {
        let group = self.card.view(at).map(|view| view.group().to_ascii_lowercase()).unwrap_or_default();
        self.card.remove(at);
        self.touched = true;
        let of_group: Vec<(usize, bool)> = self
            .card
            .views()
            .filter(|(_, view)| !group.is_empty() && view.group().eq_ignore_ascii_case(&group))
            .map(|(at, view)| (at, matches!(view.head.prop, Prop::Label | Prop::AbAdr)))
            .collect();
        if of_group.iter().all(|(_, is_remark)| *is_remark) {
            of_group.iter().for_each(|(at, _)| self.card.remove(*at));
        }
    }

    /// A group's name that the card does not use.
    pub fn new_group(&mut self) -> String {
        next_group(self.card, &mut self.group_last)
    }
}

/// Higher numbers in a group's name are not counted on from.
const GROUP_MAX: u32 = 1_000_000;

fn next_group(card: &Card, last: &mut Option<u32>) -> String {
    let highest = || {
        let numbers = card.views().filter_map(|(_, view)| {
            let group = std::str::from_utf8(view.group()).ok()?.to_ascii_lowercase();
            group.strip_prefix("item")?.parse::<u32>().ok()
        });
        numbers.filter(|number| *number < GROUP_MAX).max().unwrap_or(0)
    };
    let number = last.unwrap_or_else(highest) + 1;
    *last = Some(number);
    format!("item{number}")
}

/// Properties of which the first line is the model's and the others go to `extra`.
fn matters_which(prop: Prop) -> bool {
    matches!(prop, Prop::N | Prop::Org | Prop::Title | Prop::Note)
}

/// The lines N and FN of a new card.
pub(super) fn name_lines(card: &mut Card, target: &Contact) {
    let wanted = Kept::of(&target.extra, is_company(target));
    let own = wanted.lines.iter().find(|(_, entry)| extra::prop(entry) == Prop::Fn);
    let pen = card.pen();
    let key = wanted.sort_key.filter(|_| pen.version == Version::V40);
    let key = key.map(|(_, entry)| sort_key::param(&sort_key::parts(entry, target))).unwrap_or_default();
    let parts = name::recomposed(None, &name_parts(target, &wanted.name));
    card.append(pen.line(format!("N{key}").as_bytes(), &Value::Escaped(&parts)));
    match own {
        Some((_, entry)) => {
            extra::lines(entry, &[], pen, || "item1".to_owned()).into_iter().for_each(|line| card.append(line));
        }
        None => card.append(pen.line(b"FN", &Value::Text(&name::shown(target, &wanted.name)))),
    }
}

/// Group, name and parameters of a line, without those that say how the old value was written and those that `drop` names.
pub(super) fn head_without(view: View<'_>, drop: impl Fn(&[u8], &[u8]) -> bool) -> Vec<u8> {
    let mut head = view.content[..view.head.name.end].to_vec();
    for (name, value) in view.params() {
        let is_encoding = name.eq_ignore_ascii_case(b"ENCODING") || name.eq_ignore_ascii_case(b"CHARSET");
        if is_encoding || (name.is_empty() && vocabulary::is_transfer_word(value)) || drop(name, value) {
            continue;
        }
        head.push(b';');
        if !name.is_empty() {
            head.extend_from_slice(name);
            head.push(b'=');
        }
        head.extend_from_slice(value);
    }
    head
}

/// The components in 3.0 escaping. One that says what it said keeps its bytes: in N and ADR a bare comma is not an escaped
/// one.
pub(super) fn recomposed(view: View<'_>, parts: &[String]) -> String {
    let (there, raw) = (view.components(), view.raw_components());
    let written = parts.iter().enumerate().map(|(at, part)| match (there.get(at), raw.get(at)) {
        (Some(same), Some(raw)) if same == part && !raw.contains(char::is_control) => raw.clone(),
        _ => escape(part),
    });
    written.collect::<Vec<_>>().join(";")
}

pub(super) fn prefix(civility: &Option<Civility>) -> Option<&'static str> {
    civility.as_ref().and_then(vocabulary::prefix)
}

/// N's components. `rest` are those from the third on, without the civility.
pub(super) fn name_parts(contact: &Contact, rest: &[String]) -> Vec<String> {
    let mut parts = vec![contact.last_name.clone(), contact.first_name.clone()];
    parts.extend(rest.iter().cloned());
    parts.resize(parts.len().max(5), String::new());
    if let Some(prefix) = prefix(&contact.civility) {
        parts[3] = if parts[3].is_empty() { prefix.to_owned() } else { format!("{prefix},{}", parts[3]) };
    }
    parts
}

fn trim(parts: &mut Vec<String>) {
    while parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
}

/// A contact's `extra` sorted by what the entries belong to.
pub(super) struct Kept<'a> {
    /// N from its third component on.
    pub name: Vec<String>,
    /// ORG from its third component on.
    org: Vec<String>,
    categories: Vec<String>,
    /// What the name is sorted by, with its place in `extra`.
    pub sort_key: Option<(usize, &'a str)>,
    /// All others with their places in `extra`.
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Kept<'a> {
    fn of(entries: &'a [String], is_company: bool) -> Kept<'a> {
        let mut kept =
            Kept { name: Vec::new(), org: Vec::new(), categories: Vec::new(), sort_key: None, lines: Vec::new() };
        let mut seen = HashSet::new();
        for (at, entry) in entries.iter().enumerate() {
            let says = |word: &str| extra::text(entry).trim().eq_ignore_ascii_case(word);
            match extra::prop(entry) {
                Prop::N if is_rest(entry) => merge(&mut kept.name, &extra::components(entry)[2..]),
                Prop::SortKey if kept.sort_key.is_none() => kept.sort_key = Some((at, entry)),
                Prop::Org if is_rest(entry) => merge(&mut kept.org, &extra::components(entry)[2..]),
                Prop::Categories => {
                    // The same category from two books is one.
                    let values = extra::values(entry).into_iter();
                    kept.categories.extend(values.filter(|value| seen.insert(value.clone())));
                }
                Prop::Kind if says("individual") || (is_company && says("org")) => {}
                Prop::ShowAs if is_company && says("company") => {}
                _ => kept.lines.push((at, entry)),
            }
        }
        for at in [1, 2] {
            if let Some(titles) = kept.name.get_mut(at) {
                *titles = name::titles(titles);
            }
        }
        trim(&mut kept.name);
        trim(&mut kept.org);
        kept
    }
}

/// True for `N:;;...` and `ORG:;;...`, which complete the first line of their name.
fn is_rest(entry: &str) -> bool {
    let parts = extra::components(entry);
    parts.len() > 2 && parts[..2].iter().all(String::is_empty)
}

fn merge(parts: &mut Vec<String>, others: &[String]) {
    parts.resize(parts.len().max(others.len()), String::new());
    for (part, other) in parts.iter_mut().zip(others) {
        if part.is_empty() {
            part.clone_from(other);
        }
    }
}
