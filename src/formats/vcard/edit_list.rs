//! The lists of a card: telephones, e-mails, messaging names; addresses are in `edit_address`.
//!
//! What was changed keeps its line. An entry that went and one that came are one that changed if they have the same value,
//! else the same type, else at least the same sort of line.

use super::{
    Messengers, channel,
    edit::{Edit, head_without},
    labels::Labels,
    property::Prop,
    update::without,
    value::View,
    vocabulary,
    write::Value,
};
use crate::contact::{Item, ItemKind, ItemType, keys};

impl Edit<'_> {
    pub(super) fn items(&mut self) {
        let (now, target) = (&self.reading.contact.items, &self.target.items);
        let (gone, new) = (without(now, target), without(target, now));
        let same_value = |one: &Item, other: &Item| keys::item_value(one) == keys::item_value(other);
        let pairs = paired(
            gone.into_iter().map(|at| (at, &now[at])).collect(),
            new.into_iter().map(|at| &target[at]).collect(),
            &[
                &|one, other| sort(one) == sort(other) && same_value(one, other),
                &|one, other| one.item_type == other.item_type,
                &|one, other| sort(one) == sort(other),
            ],
        );
        for (gone, new) in pairs {
            let places: Vec<usize> = match gone {
                Some((index, _)) => {
                    let of_item = self.reading.places.items.iter().filter(|(item, _)| *item == index);
                    of_item.map(|(_, at)| *at).collect()
                }
                None => Vec::new(),
            };
            match (gone, new) {
                (Some((_, old)), Some(item)) => places.into_iter().for_each(|at| self.change_item(at, old, item)),
                (Some(_), None) => places.into_iter().for_each(|at| self.remove(at)),
                (None, Some(item)) => {
                    let line = self.item_line(item);
                    self.append(line);
                    let second = self.messenger_line(item);
                    second.into_iter().for_each(|line| self.append(line));
                }
                (None, None) => {}
            }
        }
    }

    /// The line of a messaging account for programs that do not know IMPP, where the card's manner asks for it.
    fn messenger_line(&self, item: &Item) -> Option<Vec<u8>> {
        match (self.card.style().messengers, sort(item)) {
            (Messengers::Both, Sort::Messenger(service, _)) => {
                let name = format!("X-{}", service.to_ascii_uppercase());
                Some(self.card.pen().line(name.as_bytes(), &Value::Text(&item.value)))
            }
            _ => None,
        }
    }

    fn item_line(&self, item: &Item) -> Vec<u8> {
        let pen = self.card.pen();
        let (head, value) = match sort(item) {
            Sort::Phone => (format!("TEL{}", vocabulary::item_params(&item.item_type, pen.version, false)), None),
            Sort::Email => (format!("EMAIL{}", vocabulary::item_params(&item.item_type, pen.version, false)), None),
            Sort::Messenger(service, scheme) => {
                (format!("IMPP;X-SERVICE-TYPE={service}"), Some(channel::uri(scheme, &item.value)))
            }
            Sort::Coded => (format!("X-INCWO-ITEM;TYPE={}", vocabulary::param_value(item.item_type.code())), None),
        };
        match value {
            Some(uri) => pen.line(head.as_bytes(), &Value::Plain(&uri)),
            None => pen.line(format!("{head}{}", text_param(item)).as_bytes(), &Value::Text(&item.value)),
        }
    }

    fn change_item(&mut self, at: usize, old: &Item, new: &Item) {
        let Some(view) = self.card.view(at) else { return };
        let pen = self.card.pen();
        let retyped = old.item_type != new.item_type;
        let line = match (view.head.prop, sort(new)) {
            (Prop::Tel | Prop::Email, Sort::Phone | Sort::Email) => {
                let is_uri = |name: &[u8], value: &[u8]| {
                    view.head.prop == Prop::Tel
                        && name.eq_ignore_ascii_case(b"VALUE")
                        && value.eq_ignore_ascii_case(b"uri")
                };
                // With WORK it would say the main number.
                let keeps_preference =
                    !matches!(new.item_type, ItemType::ProfessionalPhone | ItemType::MainProfessionalPhone);
                // Evolution's note of the old number.
                let is_note = |name: &[u8]| name.eq_ignore_ascii_case(b"X-EVOLUTION-E164");
                let mut head = head_without(view, |name, value| {
                    is_uri(name, value) || is_note(name) || (retyped && is_type(name, keeps_preference))
                });
                if retyped {
                    let is_preferred = keeps_preference && prefers(view);
                    let params = vocabulary::item_params(&new.item_type, pen.version, is_preferred);
                    self.retyped_head(view, &mut head, &params);
                }
                if !view.has("VALUE", "text") {
                    head.extend_from_slice(text_param(new).as_bytes());
                }
                let line = pen.line(&head, &Value::Text(&new.value));
                if retyped {
                    self.drop_label(at);
                }
                line
            }
            (Prop::Impp, Sort::Messenger(service, scheme)) => {
                let is_service = |name: &[u8]| name.eq_ignore_ascii_case(b"X-SERVICE-TYPE") || is_type(name, true);
                let mut head = head_without(view, |name, _| retyped && is_service(name));
                if retyped {
                    head.extend_from_slice(format!(";X-SERVICE-TYPE={service}").as_bytes());
                }
                let text = view.text();
                let there = text.split_once(':').map(|(there, _)| there);
                let kept = there.filter(|there| !retyped && vocabulary::messenger(there).is_some());
                let uri = channel::uri(kept.unwrap_or(scheme), &new.value);
                pen.line(&head, &Value::Plain(&uri))
            }
            (Prop::XMessenger, Sort::Messenger(..)) if !retyped => {
                pen.line(&head_without(view, |_, _| false), &Value::Text(&new.value))
            }
            (Prop::XMessenger, _) => self.messenger_line(new).unwrap_or_else(|| self.item_line(new)),
            _ => self.item_line(new),
        };
        self.replace(at, line);
    }

    /// Puts the type's parameters behind the name. A group whose label says another type, and that other lines need, is left.
    pub(super) fn retyped_head(&self, view: View<'_>, head: &mut Vec<u8>, params: &str) {
        let end = view.head.name.end;
        head.splice(end..end, params.bytes());
        if Labels::of(self.card).label_types(view).is_some() && self.in_group(view.group()) > 1 {
            head.drain(..view.head.name.start);
        }
    }

    /// Takes the label out that says the old type, unless other lines bear it too.
    pub(super) fn drop_label(&mut self, at: usize) {
        let Some(view) = self.card.view(at) else { return };
        let labels = Labels::of(self.card);
        if labels.label_types(view).is_none() || self.in_group(view.group()) > 1 {
            return;
        }
        let is_label =
            |other: View<'_>| other.head.prop == Prop::Label && other.group().eq_ignore_ascii_case(view.group());
        let places: Vec<usize> =
            self.card.views().filter(|(_, other)| is_label(*other)).map(|(place, _)| place).collect();
        places.into_iter().for_each(|place| self.card.remove(place));
    }

    /// How many lines of the group there are beside its label.
    fn in_group(&self, group: &[u8]) -> usize {
        let is_of = |view: &View<'_>| {
            view.group().eq_ignore_ascii_case(group) && !matches!(view.head.prop, Prop::Label | Prop::AbAdr)
        };
        self.card.views().filter(|(_, view)| is_of(view)).count()
    }
}

/// A parameter that says what a line is: TYPE, a nameless one of 2.1, PREF where that is not to be kept.
pub(super) fn is_type(name: &[u8], keeps_preference: bool) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(b"TYPE") || (name.eq_ignore_ascii_case(b"PREF") && !keeps_preference)
}

/// Says that a number or address that looks like a URI is to be taken as it stands.
fn text_param(item: &Item) -> &'static str {
    match sort(item) {
        Sort::Phone if channel::cut_scheme(&item.value, "tel:").is_some() => ";VALUE=text",
        Sort::Email if channel::cut_scheme(&item.value, "mailto:").is_some() => ";VALUE=text",
        Sort::Phone | Sort::Email | Sort::Messenger(..) | Sort::Coded => "",
    }
}

/// True where a word says that the line is the preferred one of its kind.
pub(super) fn prefers(view: View<'_>) -> bool {
    view.has("TYPE", "pref") || view.has("", "pref")
}

/// The sorts of lines that items are written as.
#[derive(PartialEq)]
enum Sort {
    Phone,
    Email,
    /// X-SERVICE-TYPE and URI scheme.
    Messenger(&'static str, &'static str),
    Coded,
}

fn sort(item: &Item) -> Sort {
    match (item.item_type.kind(), vocabulary::service(&item.item_type)) {
        (ItemKind::Phone | ItemKind::Fax, _) => Sort::Phone,
        (ItemKind::Email, _) => Sort::Email,
        (ItemKind::Account, Some((service, scheme))) => Sort::Messenger(service, scheme),
        (ItemKind::Account, None) => Sort::Coded,
    }
}

/// Whether two entries are one that changed.
type Rule<'a, T> = &'a dyn Fn(&T, &T) -> bool;

type Pairs<'a, T> = Vec<(Option<(usize, &'a T)>, Option<&'a T>)>;

/// Puts together what went and what came, by the first rule that fits; what is left over stays single.
pub(super) fn paired<'a, T>(gone: Vec<(usize, &'a T)>, mut new: Vec<&'a T>, rules: &[Rule<'_, T>]) -> Pairs<'a, T> {
    let mut pairs: Pairs<'a, T> = gone.into_iter().map(|entry| (Some(entry), None)).collect();
    for rule in rules {
        for (gone, partner) in &mut pairs {
            if let (Some((_, old)), None) = (&gone, &partner)
                && let Some(at) = new.iter().position(|candidate| rule(old, candidate))
            {
                *partner = Some(new.remove(at));
            }
        }
    }
    pairs.extend(new.into_iter().map(|entry| (None, Some(entry))));
    pairs
}
