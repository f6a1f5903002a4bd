//! One pass over a card: the lines that differ from what they are to say are changed, added or taken out.
//!
//! Names, company and single texts are here; the lists are in `edit_list`.

use std::collections::HashSet;

use super::{
    card::Card,
    extra, name,
    property::Prop,
    read::{Reading, is_company},
    update::without,
    value::View,
    vocabulary,
    write::{Value, escape},
};
use crate::contact::{Civility, Contact, ContactType, keys};

/// A pass that is being made.
pub(super) struct Edit<'a> {
    pub card: &'a mut Card,
    pub reading: &'a Reading,
    pub target: &'a Contact,
    pub touched: bool,
    /// What FN is to say, once something asks for a change.
    full_name: Option<Shown<'a>>,
    /// The highest N of the groups `itemN`, once looked up.
    group_last: Option<u32>,
    /// Properties whose first line was added in this pass.
    added: Vec<Prop>,
}

/// What FN is to say.
enum Shown<'a> {
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

    fn name(&mut self, now: &Kept<'_>, wanted: &Kept<'_>) {
        let Reading { contact, places } = self.reading;
        let target = self.target;
        let names_changed = contact.last_name != target.last_name || contact.first_name != target.first_name;
        let prefix_changed = prefix(&contact.civility) != prefix(&target.civility);
        let mut parts = name_parts(target, &wanted.name);
        if names_changed || prefix_changed || now.name != wanted.name {
            let there: Vec<String> = places.name.map(|at| self.components(at)).unwrap_or_default();
            let rest_prefix = |kept: &Kept<'_>| kept.name.get(1).cloned().unwrap_or_default();
            if !prefix_changed && rest_prefix(now) == rest_prefix(wanted) {
                parts[3] = there.get(3).cloned().unwrap_or_default();
            }
            let is_same = there == parts || (places.name.is_none() && parts.iter().all(String::is_empty));
            if !is_same {
                let value = self.recomposed(places.name, &parts);
                self.set(places.name, "N", Prop::N, &Value::Escaped(&value), false);
            }
        }
        if contact.civility != target.civility {
            let code = match &target.civility {
                Some(Civility::Unlisted(code)) => code.as_str(),
                _ => "",
            };
            self.set(places.crm_civility, "X-INCWO-CIVILITY", Prop::CrmCivility, &Value::Text(code), code.is_empty());
        }
        self.derive_full_names(names_changed, &parts);
    }

    /// Shown names that said the old name, or the old company, say the new one.
    fn derive_full_names(&mut self, names_changed: bool, parts: &[String]) {
        let places = &self.reading.places;
        if let Some(at) = places.full_name.filter(|at| !places.extra.contains(at)) {
            self.full_name = self.derived(at, names_changed, parts).map(Shown::Text);
        }
        for at in &places.full_names {
            if let Some(full) = self.derived(*at, names_changed, parts) {
                self.set(Some(*at), "FN", Prop::Fn, &Value::Text(&full), false);
            }
        }
    }

    /// What the shown name of this line is to be, if it is to change.
    fn derived(&self, at: usize, names_changed: bool, parts: &[String]) -> Option<String> {
        let Reading { contact, places } = self.reading;
        let shown = self.card.view(at)?.text().into_owned();
        let (full, target) = (keys::text(&shown), self.target);
        if names_changed {
            let nameless = target.last_name.trim().is_empty() && target.first_name.trim().is_empty();
            if !places.named_by_full && !nameless && name::is_arranged(&full, parts) {
                return None;
            }
            let renamed = name::renamed(&shown, contact, target).filter(|_| !places.named_by_full && !nameless);
            let renamed = renamed.filter(|renamed| name::is_arranged(&keys::text(renamed), parts));
            return Some(renamed.unwrap_or_else(|| target.display_name()));
        }
        let is_of_company = contact.company != target.company && full == keys::text(&contact.company);
        (is_of_company && !full.is_empty()).then(|| match target.company.as_str() {
            "" => target.display_name(),
            company => company.to_owned(),
        })
    }

    fn set_full_name(&mut self) {
        let place = self.reading.places.full_name;
        match self.full_name.take() {
            Some(Shown::Text(full)) => {
                let there = place.and_then(|at| self.card.view(at)).map(|view| view.text().into_owned());
                if there.as_ref() != Some(&full) {
                    self.set(place, "FN", Prop::Fn, &Value::Text(&full), false);
                }
            }
            Some(Shown::Entry(entry)) => {
                let lines = self.entry_lines(entry);
                match place {
                    Some(at) => {
                        lines.into_iter().for_each(|line| self.card.insert(at, line));
                        self.remove(at);
                    }
                    None => lines.into_iter().for_each(|line| self.append(line)),
                }
            }
            None => {}
        }
    }

    fn entry_lines(&mut self, entry: &str) -> Vec<Vec<u8>> {
        let pen = self.card.pen();
        let mut group_last = self.group_last;
        let lines = extra::lines(entry, pen, || next_group(self.card, &mut group_last));
        self.group_last = group_last;
        lines
    }

    fn organisation(&mut self, now: &Kept<'_>, wanted: &Kept<'_>) {
        let (contact, target) = (&self.reading.contact, self.target);
        if contact.company == target.company && contact.job_department == target.job_department && now.org == wanted.org
        {
            return;
        }
        let mut parts = vec![target.company.clone(), target.job_department.clone()];
        parts.extend(wanted.org.iter().cloned());
        trim(&mut parts);
        let value = self.recomposed(self.reading.places.org, &parts);
        self.set(self.reading.places.org, "ORG", Prop::Org, &Value::Escaped(&value), parts.is_empty());
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
                self.full_name.get_or_insert_with(|| Shown::Text(self.target.display_name()));
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
    fn set(&mut self, place: Option<usize>, name: &str, prop: Prop, value: &Value<'_>, is_empty: bool) {
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

    fn components(&self, at: usize) -> Vec<String> {
        let view = self.card.view(at);
        view.map(|view| view.components().into_iter().map(String::from).collect()).unwrap_or_default()
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
    card.append(pen.line(b"N", &Value::Components(&name_parts(target, &wanted.name))));
    match own {
        Some((_, entry)) => {
            extra::lines(entry, pen, || "item1".to_owned()).into_iter().for_each(|line| card.append(line));
        }
        None => card.append(pen.line(b"FN", &Value::Text(&target.display_name()))),
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

fn prefix(civility: &Option<Civility>) -> Option<&'static str> {
    civility.as_ref().and_then(vocabulary::prefix)
}

/// N's components. `rest` are those from the third on, without the civility.
fn name_parts(contact: &Contact, rest: &[String]) -> Vec<String> {
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
    name: Vec<String>,
    /// ORG from its third component on.
    org: Vec<String>,
    categories: Vec<String>,
    /// All others with their places in `extra`.
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Kept<'a> {
    fn of(entries: &'a [String], is_company: bool) -> Kept<'a> {
        let mut kept = Kept { name: Vec::new(), org: Vec::new(), categories: Vec::new(), lines: Vec::new() };
        let mut seen = HashSet::new();
        for (at, entry) in entries.iter().enumerate() {
            let says = |word: &str| extra::text(entry).trim().eq_ignore_ascii_case(word);
            match extra::prop(entry) {
                Prop::N if is_rest(entry) => merge(&mut kept.name, &extra::components(entry)[2..]),
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
