//! The lens back: making a card say what a contact says, touching no line that says it already.
//!
//! A pass compares what the card reads as with what it is to read as and edits the lines that differ; then the card is read
//! again. One pass is nearly always enough. A second one is needed where a change shifts the meaning of a line that was not
//! changed (a first company makes a bare e-mail a professional one): that line is then made explicit.

use super::{
    Version, WriteStyle,
    card::{Card, set_identity},
    edit::{self, Edit},
    extra,
    property::Prop,
    read::{Reading, is_company},
    sort_key,
    value::clean,
    write::Value,
};
use crate::contact::{Contact, Field, identity::Identity};

/// More than any chain of shifted meanings that was met; the passes end by themselves when nothing is left to do.
const PASSES_MAX: usize = 5;

/// Changes the card where `from` (what [`super::read`] gave for it) and `to` differ, and nowhere else. True when the card
/// was changed.
///
/// Lines keep their places, groups, spellings and parameters; new ones go in before END, in the card's version and with its
/// line ends. A removed value's line goes, and with it the label that nothing else bears. REV, where there is one, says the
/// manner's moment.
pub fn update(card: &mut Card, from: &Contact, to: &Contact) -> bool {
    if from == to {
        return false;
    }
    let bare = Reading::of(card, None);
    // `from` may have been read with what the mirror knew; then the card is to be looked at in that light.
    let is_bare = same_list(&bare.contact.items, &from.items) && same_list(&bare.contact.addresses, &from.addresses);
    if is_bare { change(card, bare, (from, to), true) } else { update_known(card, from, to) }
}

/// The same for a card that is only ever read again by somebody who knows the contact: `from` and `to` are what
/// [`super::read`] gives with it. A line whose type is known, but not said, stays as it is when a change of another line
/// would have it read otherwise by a stranger.
pub fn update_known(card: &mut Card, from: &Contact, to: &Contact) -> bool {
    let first = Reading::of(card, Some(from));
    change(card, first, (from, to), false)
}

fn change(card: &mut Card, first: Reading, (from, to): (&Contact, &Contact), is_bare: bool) -> bool {
    let changed = from.differing(to);
    if changed.is_empty() {
        return false;
    }
    let mut target = first.contact.clone();
    for field in changed.iter() {
        match field {
            Field::Addresses => target.addresses = patched(&target.addresses, &from.addresses, &to.addresses),
            Field::Items => target.items = patched(&target.items, &from.items, &to.items),
            Field::Extra => target.extra = patched(&target.extra, &from.extra, &to.extra),
            scalar => target.set_scalar(scalar, &to.scalar(scalar)),
        }
    }
    let kept = first.contact.extra.clone();
    let changed = converge(card, first, sayable(target, &kept), !is_bare);
    if changed {
        card.revise();
    }
    changed
}

/// A new card of this contact. UID, X-INCWO-ID and REV are written as far as they are known; line ends are CRLF.
pub fn new_card(style: impl Into<WriteStyle>, contact: &Contact, identity: &Identity) -> Card {
    let style = style.into();
    let version = style.version;
    let skeleton = format!("BEGIN:VCARD\r\nVERSION:{}\r\nEND:VCARD\r\n", version.number());
    let mut card = Card::parse(skeleton.as_bytes()).expect("the skeleton above is a card").in_style(style);
    set_identity(&mut card, identity);
    let target = sayable(contact.clone(), &[]);
    // N and FN come first and are always there: 3.0 requires both, Google refuses a card without N.
    edit::name_lines(&mut card, &target);
    if is_company(&target) {
        let pen = card.pen();
        let line = if version == Version::V40 { "KIND:org" } else { "X-ABShowAs:COMPANY" };
        card.append(format!("{line}{}", pen.eol).into_bytes());
        // With this mark the shown name alone would do, but not for every program.
        card.append(pen.line(b"ORG", &Value::Components(std::slice::from_ref(&target.company))));
    }
    card.settle();
    let first = Reading::of(&card, None);
    converge(&mut card, first, target, false);
    if let Some(text) = style.revised.and_then(|revised| revised.text(version)) {
        card.append(card.pen().line(b"REV", &Value::Text(&text)));
        card.settle();
    }
    card
}

fn converge(card: &mut Card, mut reading: Reading, target: Contact, by_identity: bool) -> bool {
    let mut changed = false;
    for _ in 0..PASSES_MAX {
        let touched = Edit::new(card, &reading, &target).run();
        card.settle();
        if !touched {
            break;
        }
        changed = true;
        reading = Reading::of(card, by_identity.then_some(&target));
    }
    if changed {
        card.keep_version();
    }
    changed
}

/// The contact as a card can say it: no control characters, no empty entries, of `extra` only what can be written. What the
/// card has already (`kept`) stays, whatever it looks like: nobody asked for its removal.
fn sayable(mut contact: Contact, kept: &[String]) -> Contact {
    let Contact {
        civility: _,
        last_name,
        first_name,
        comment,
        job_title,
        job_department,
        country,
        contact_type: _,
        firm_id,
        addresses,
        items,
        company,
        extra,
    } = &mut contact;
    for text in [last_name, first_name, comment, job_title, job_department, country, firm_id, company] {
        tidy(text);
    }
    for address in addresses.iter_mut() {
        let parts = [&mut address.street_address, &mut address.street_address2, &mut address.zip_code];
        parts.into_iter().chain([&mut address.city, &mut address.country]).for_each(tidy);
    }
    if comment.trim().is_empty() {
        comment.clear();
    }
    items.iter_mut().for_each(|item| tidy(&mut item.value));
    addresses.retain(|address| !address.is_empty());
    items.retain(|item| !item.value.trim().is_empty());
    dedup(items);
    extra.retain(|entry| extra::is_entry(entry) || kept.contains(entry));
    settle_extra(&mut contact, kept);
    contact
}

/// Gives the entries the form that entries have. What the card has already stays.
fn settle_extra(contact: &mut Contact, kept: &[String]) {
    let mut extra = std::mem::take(&mut contact.extra);
    for entry in &mut extra {
        if let Some(key) = sort_key::settled(entry, contact) {
            *entry = key;
        }
    }
    extra.retain(|entry| extra::prop(entry) != Prop::SortKey || !sort_key::parts(entry, contact).is_empty());
    let mut at = 0;
    while at < extra.len() {
        let settled = if kept.contains(&extra[at]) { extra[at].as_str().into() } else { extra::settled(&extra[at]) };
        match settled {
            // Two spellings of one value are one.
            std::borrow::Cow::Owned(settled) if extra.contains(&settled) => _ = extra.remove(at),
            std::borrow::Cow::Owned(settled) => extra[at] = settled,
            std::borrow::Cow::Borrowed(_) => at += 1,
        }
    }
    contact.extra = extra;
}

fn tidy(text: &mut String) {
    if let std::borrow::Cow::Owned(clean) = clean(text.as_str().into()) {
        *text = clean;
    }
}

fn dedup<T: PartialEq>(list: &mut Vec<T>) {
    let mut at = 0;
    while at < list.len() {
        if list[..at].contains(&list[at]) {
            list.remove(at);
        } else {
            at += 1;
        }
    }
}

/// True when both hold the same entries, in whatever order.
fn same_list<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && without(one, other).is_empty()
}

/// The entries of the first that the second does not have, counted.
pub(super) fn without<T: PartialEq, U: std::borrow::Borrow<T>>(list: &[T], taken: &[U]) -> Vec<usize> {
    let mut rest: Vec<&U> = taken.iter().collect();
    let mut left = Vec::new();
    for (at, entry) in list.iter().enumerate() {
        match rest.iter().position(|other| (**other).borrow() == entry) {
            Some(found) => {
                rest.swap_remove(found);
            }
            None => left.push(at),
        }
    }
    left
}

/// What becomes of a card's list when `from` becomes `to`.
fn patched<T: PartialEq + Clone>(card: &[T], from: &[T], to: &[T]) -> Vec<T> {
    if same_list(card, from) {
        return to.to_vec();
    }
    let removed: Vec<&T> = without(from, to).into_iter().map(|at| &from[at]).collect();
    let added = without(to, from).into_iter().map(|at| &to[at]);
    let kept = without(card, &removed).into_iter().map(|at| &card[at]);
    let mut list: Vec<T> = kept.cloned().collect();
    for entry in added {
        if !list.contains(entry) {
            list.push(entry.clone());
        }
    }
    list
}
