//! The name of a card: N, what is sorted by, and what is shown.
//!
//! What only repeats the name follows it: a shown name in any order, short or with titles, and a key to sort by. What says
//! something else is kept.

use super::{
    Version,
    edit::{Edit, Kept, Shown, head_without, name_parts, prefix},
    extra, name,
    property::Prop,
    read::Reading,
    sort_key,
    write::Value,
};
use crate::contact::{Civility, keys, person_name::renamed};

/// Where a changed key to sort by goes.
enum Key {
    /// It has not changed.
    Same,
    /// Into N, as a parameter with its semicolon; empty for none.
    InName(String),
    /// Into its line in this place, or a new one; none takes it out.
    Line(Option<usize>, Option<String>),
}

impl Edit<'_> {
    pub(super) fn name(&mut self, now: &Kept<'_>, wanted: &Kept<'_>) {
        let Reading { contact, places } = self.reading;
        let target = self.target;
        let names_changed = contact.last_name != target.last_name || contact.first_name != target.first_name;
        let prefix_changed = prefix(&contact.civility) != prefix(&target.civility);
        let mut parts = name_parts(target, &wanted.name);
        let key = self.sort_key(now, wanted, names_changed);
        let mut is_written = false;
        if names_changed || prefix_changed || now.name != wanted.name || matches!(key, Key::InName(_)) {
            let view = places.name.and_then(|at| self.card.view(at));
            let there: Vec<String> = view.map(name::components).unwrap_or_default();
            let rest_prefix = |kept: &Kept<'_>| kept.name.get(1).cloned().unwrap_or_default();
            if let Some(prefix) = there.get(3).filter(|_| !prefix_changed && rest_prefix(now) == rest_prefix(wanted)) {
                parts[3].clone_from(prefix);
            }
            let is_same = there == parts || (places.name.is_none() && parts.iter().all(String::is_empty));
            if !is_same || matches!(key, Key::InName(_)) {
                let value = name::recomposed(view, &parts);
                self.set_name(&value, &key);
                is_written = true;
            }
        }
        self.set_sort_line(key);
        if contact.civility != target.civility {
            let code = match &target.civility {
                Some(Civility::Unlisted(code)) => code.as_str(),
                _ => "",
            };
            self.set(places.crm_civility, "X-INCWO-CIVILITY", Prop::CrmCivility, &Value::Text(code), code.is_empty());
        }
        // A shown name that was N's source must say what N says from now on.
        let is_new = names_changed || (is_written && places.named_by_full.is_some());
        self.derive_full_names(is_new, &parts);
    }

    /// Shown names that said the old name, or the old company, say the new one.
    fn derive_full_names(&mut self, names_changed: bool, parts: &[String]) {
        let places = &self.reading.places;
        let entries = || places.extra.iter().zip(&self.reading.contact.extra);
        let is_kept = |at: usize| entries().any(|(place, entry)| *place == at && extra::prop(entry) == Prop::Fn);
        if let Some(at) = places.full_name.filter(|at| !is_kept(*at)) {
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
        let contact = &self.reading.contact;
        let shown = self.card.view(at)?.text().into_owned();
        let (full, target) = (keys::text(&shown), self.target);
        if names_changed {
            let nameless = target.last_name.trim().is_empty() && target.first_name.trim().is_empty();
            if !nameless && name::is_arranged(&full, parts) {
                return None;
            }
            let renamed = renamed(&shown, contact.names(), target.names()).filter(|_| !nameless);
            let renamed = renamed.filter(|renamed| name::is_arranged(&keys::text(renamed), parts));
            return Some(renamed.unwrap_or_else(|| name::shown(target, parts.get(2..).unwrap_or_default())));
        }
        let is_of_company = contact.company != target.company && full == keys::text(&contact.company);
        (is_of_company && !full.is_empty()).then(|| match target.company.as_str() {
            "" => target.display_name(),
            company => company.to_owned(),
        })
    }

    pub(super) fn set_full_name(&mut self) {
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

    /// What is to become of the key that the name is sorted by.
    fn sort_key(&self, now: &Kept<'_>, wanted: &Kept<'_>, names_changed: bool) -> Key {
        let target = self.target;
        let (there, entry) = (now.sort_key, wanted.sort_key.map(|(_, entry)| entry));
        let follows = names_changed && entry.is_some_and(sort_key::is_following);
        if there.map(|(_, entry)| entry) == entry && !follows {
            return Key::Same;
        }
        let place = there.map(|(index, _)| self.reading.places.extra[index]);
        let is_in_name = place.is_some() && place == self.reading.places.name;
        let is_in_line = place.is_some() && !is_in_name;
        if is_in_name || (self.card.version() == Version::V40 && !is_in_line) {
            return Key::InName(
                entry.map(|entry| sort_key::param(&sort_key::parts(entry, target))).unwrap_or_default(),
            );
        }
        let text = entry.map(|entry| sort_key::text(entry, target)).filter(|text| !text.is_empty());
        Key::Line(place, text)
    }

    fn set_name(&mut self, value: &str, key: &Key) {
        let place = self.reading.places.name;
        match key {
            Key::InName(param) => {
                let view = place.and_then(|at| self.card.view(at));
                let head = view.map(|view| head_without(view, |name, _| name.eq_ignore_ascii_case(b"SORT-AS")));
                let head = [head.unwrap_or_else(|| b"N".to_vec()), param.clone().into_bytes()].concat();
                let line = self.card.pen().line(&head, &Value::Escaped(value));
                match place {
                    Some(at) => self.replace(at, line),
                    None => self.append(line),
                }
            }
            Key::Same | Key::Line(..) => self.set(place, "N", Prop::N, &Value::Escaped(value), false),
        }
    }

    fn set_sort_line(&mut self, key: Key) {
        if let Key::Line(place, text) = key {
            let text = text.unwrap_or_default();
            self.set(place, "SORT-STRING", Prop::SortKey, &Value::Text(&text), text.is_empty());
        }
    }
}
