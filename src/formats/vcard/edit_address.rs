//! The addresses of a card: what was changed keeps its line, and loses what it said of the old place.

use super::{
    Version,
    address::{self, COMPONENTS, Moved},
    edit::{Edit, head_without, recomposed},
    edit_list::{is_type, paired, prefers},
    property::Prop,
    update::without,
    value::View,
    vocabulary,
    write::{Value, escape},
};
use crate::contact::{Address, AddressType, keys};

impl Edit<'_> {
    pub(super) fn addresses(&mut self) {
        let (now, target) = (&self.reading.contact.addresses, &self.target.addresses);
        let (gone, new) = (without(now, target), without(target, now));
        let pairs = paired(
            gone.into_iter().map(|at| (at, &now[at])).collect(),
            new.into_iter().map(|at| &target[at]).collect(),
            &[
                &|one: &Address, other: &Address| keys::address(one) == keys::address(other),
                &|one, other| one.address_type == other.address_type,
                &|_, _| true,
            ],
        );
        for (gone, new) in pairs {
            let place = gone.map(|(index, _)| (index, self.reading.places.addresses[index]));
            match (gone.zip(place), new) {
                (Some(((_, old), (index, at))), Some(address)) => {
                    self.change_labels(index, old, address);
                    self.change_address(at, old, address);
                }
                (Some((_, (index, at))), None) => {
                    self.labels_of(index).into_iter().for_each(|label| self.remove(label));
                    self.remove(at);
                }
                (None, Some(address)) => self.add_address(address),
                (None, None) => {}
            }
        }
    }

    /// The LABEL lines that belong to an address.
    fn labels_of(&self, index: usize) -> Vec<usize> {
        self.reading.places.labels.iter().filter(|(of, _)| *of == index).map(|(_, at)| *at).collect()
    }

    /// LABEL lines go with the place that they name, and have the type of their address.
    fn change_labels(&mut self, index: usize, old: &Address, new: &Address) {
        for at in self.labels_of(index) {
            if address::moved(old, new) > Moved::No {
                self.remove(at);
            } else if old.address_type != new.address_type
                && let Some(view) = self.card.view(at)
            {
                let pen = self.card.pen();
                let mut head = head_without(view, |name, _| is_type(name, true));
                let params = vocabulary::address_params(&new.address_type, pen.version, prefers(view));
                head.splice(view.head.name.end..view.head.name.end, params.bytes());
                let line = pen.line(&head, &Value::Text(&view.text()));
                self.replace(at, line);
            }
        }
    }

    fn add_address(&mut self, address: &Address) {
        let pen = self.card.pen();
        let params = vocabulary::address_params(&address.address_type, pen.version, false);
        let parts = address_parts(Vec::new(), None, address);
        let value = Value::Components(&parts);
        // Apple and Google show TYPE=OTHER by a label only.
        if address.address_type == AddressType::Other && pen.version == Version::V30 {
            let group = self.new_group();
            self.append(pen.line(format!("{group}.ADR{params}").as_bytes(), &value));
            self.append(pen.line(format!("{group}.X-ABLabel").as_bytes(), &Value::Text("_$!<Other>!$_")));
        } else {
            self.append(pen.line(format!("ADR{params}").as_bytes(), &value));
        }
    }

    fn change_address(&mut self, at: usize, old: &Address, new: &Address) {
        let Some(view) = self.card.view(at) else { return };
        let pen = self.card.pen();
        let retyped = old.address_type != new.address_type;
        let moved = address::moved(old, new);
        let is_own_label = view.head.prop == Prop::PostalLabel;
        let is_told_otherwise = is_own_label || address::is_told_otherwise(view);
        let is_code = |name: &[u8]| name.eq_ignore_ascii_case(b"X-INCWO-TYPE");
        let mut head = head_without(view, |name, _| {
            (retyped && (is_type(name, true) || is_code(name)))
                || address::is_left_behind(name, moved)
                // The street's lines are in the street now.
                || (is_told_otherwise && name.eq_ignore_ascii_case(b"LABEL"))
        });
        if retyped {
            let params = vocabulary::address_params(&new.address_type, pen.version, prefers(view));
            self.retyped_head(view, &mut head, &params);
        }
        let mut there: Vec<String> = Vec::new();
        let value = if is_own_label {
            let name = head.windows(5).rposition(|name| name.eq_ignore_ascii_case(b"LABEL"));
            name.map(|start| head.splice(start..start + 5, *b"ADR"));
            address_parts(there, None, new).iter().map(|part| escape(part)).collect::<Vec<_>>().join(";")
        } else {
            there.extend(view.components().into_iter().map(String::from));
            left_behind(&mut there, moved);
            recomposed(view, &address_parts(there, Some(old).filter(|_| !is_told_otherwise), new))
        };
        let line = pen.line(&head, &Value::Escaped(&value));
        let country_code = (moved == Moved::Town && keys::plain(&old.country) != keys::plain(&new.country))
            .then(|| self.country_code(view.group()))
            .flatten();
        if retyped {
            self.drop_label(at);
        }
        self.replace(at, line);
        if let Some(code) = country_code {
            self.card.remove(code);
        }
    }

    /// Apple's line with the country's code of the address in this group.
    fn country_code(&self, group: &[u8]) -> Option<usize> {
        let is_of = |view: View<'_>| {
            view.head.prop == Prop::AbAdr && !group.is_empty() && view.group().eq_ignore_ascii_case(group)
        };
        self.card.views().find(|(_, view)| is_of(*view)).map(|(at, _)| at)
    }
}

/// Empties the components that say where an address was that has moved: the region, and those of RFC 9554.
fn left_behind(parts: &mut Vec<String>, moved: Moved) {
    if moved > Moved::No {
        parts.truncate(COMPONENTS);
    }
    if moved == Moved::Town
        && let Some(region) = parts.get_mut(4)
    {
        region.clear();
    }
}

/// ADR's components. Region and whatever lies beyond the country are kept from the card.
fn address_parts(mut parts: Vec<String>, old: Option<&Address>, new: &Address) -> Vec<String> {
    let Address { address_type: _, street_address, street_address2, zip_code, city, country } = new;
    parts.resize(parts.len().max(COMPONENTS), String::new());
    let is_new_street =
        old.is_none_or(|old| old.street_address != *street_address || old.street_address2 != *street_address2);
    if is_new_street {
        let street = street_parts(&parts[..3], street_address, street_address2);
        parts.splice(..3, street);
    }
    parts[3].clone_from(city);
    parts[5].clone_from(zip_code);
    parts[6].clone_from(country);
    parts
}

/// PO box, extended part and street of two lines; the inverse of what is read. A PO box or an extended part that the lines
/// still end with stays where it is.
fn street_parts(there: &[String], first: &str, rest: &str) -> [String; 3] {
    if first.is_empty() {
        let street = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
        return [String::new(), String::new(), street];
    }
    let (rest, po_box) = without_tail(rest, &there[0]);
    // Thunderbird keeps the second line in the extended part: it stays there.
    let is_second_line = !there[1].is_empty() && !there[2].contains('\n') && !first.contains('\n');
    let (rest, extended) = if is_second_line { ("", rest) } else { without_tail(rest, &there[1]) };
    let street = if rest.is_empty() { first.to_owned() } else { format!("{first}\n{rest}") };
    [po_box.to_owned(), extended.to_owned(), street]
}

/// The lines before these last ones, and these; all lines and nothing where they do not end so.
fn without_tail<'a>(lines: &'a str, tail: &'a str) -> (&'a str, &'a str) {
    let before = lines.strip_suffix(tail).and_then(|before| before.strip_suffix('\n'));
    match before.filter(|before| !before.is_empty()) {
        _ if tail.is_empty() => (lines, ""),
        _ if lines == tail => ("", tail),
        Some(before) => (before, tail),
        None => (lines, ""),
    }
}
