//! People: finding a contact, and one of them with where it is and what was replaced.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;

use super::{
    changes::{ChangeLine, place},
    figures::{field_name, value},
    visit::{Frame, Here, Trouble, Visit, unanswered},
    words::{Words, fill},
};
use crate::{
    contact::{Address, Contact, Field, Item, ItemKind},
    views::{
        Reader,
        contacts::{Meant, Search, Standing, Stored, for_each, holders, meant},
        runs::changes,
    },
};

/// So many are found at once.
const FOUND_MAX: usize = 50;
/// So much of a contact's history is shown.
const HISTORY_MAX: usize = 50;

#[derive(Template)]
#[template(path = "people.html", config = "src/http/desk/askama.toml")]
pub(super) struct People {
    frame: Frame,
    text: String,
    found: Vec<Found>,
    first: Option<String>,
}

/// A contact on a line.
struct Found {
    uid: String,
    name: String,
    company: String,
    reach: String,
}

#[derive(Template)]
#[template(path = "person.html", config = "src/http/desk/askama.toml")]
pub(super) struct Person {
    frame: Frame,
    name: String,
    is_deleted: bool,
    crm_id: String,
    members: Vec<(&'static str, String)>,
    holders: Vec<(String, &'static str)>,
    changes: Vec<ChangeLine>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn show(Extension(visit): Extension<Visit>, Query(asked): Query<Asked>) -> Response {
    visit.show(move |visit, _, reader| page(visit, reader, asked.q)).await
}

fn page(visit: &Visit, reader: &Reader, text: String) -> Result<People, Trouble> {
    let (words, mut found) = (visit.words(), Vec::new());
    let find = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let search = Search { find, limit: Some(FOUND_MAX), ..Search::default() };
    for_each(reader, &search, &mut |stored| found.push(on_a_line(words, stored)))?;
    let number = visit.language.number(FOUND_MAX as u64);
    let first = (found.len() == FOUND_MAX).then(|| fill(words.first_found, &[("n", &number)]));
    Ok(People { text, found, first, frame: visit.frame(Here::People, unanswered(reader)?.0) })
}

fn on_a_line(words: &Words, stored: Stored) -> Found {
    let Stored { uid, contact, .. } = stored;
    let name = Some(contact.display_name()).filter(|name| !name.is_empty());
    let reach = [ItemKind::Phone, ItemKind::Email].into_iter().filter_map(|kind| contact.values(kind).next());
    Found {
        uid,
        name: name.unwrap_or_else(|| words.nameless.to_owned()),
        reach: reach.collect::<Vec<_>>().join(" · "),
        company: contact.company,
    }
}

pub(super) async fn show_one(Extension(visit): Extension<Visit>, Path(uid): Path<String>) -> Response {
    visit.show(move |visit, _, reader| page_of_one(visit, reader, &uid)).await
}

fn page_of_one(visit: &Visit, reader: &Reader, uid: &str) -> Result<Person, Trouble> {
    let words = visit.words();
    let Meant::One(stored) = meant(reader, uid)? else { return Err(Trouble::NotFound) };
    let named = |standing| match standing {
        Standing::Same => words.holds_same,
        Standing::ToWrite => words.holds_behind,
        Standing::ToDelete => words.holds_to_delete,
        Standing::Detached => words.holds_detached,
    };
    let holders = holders(reader, &stored)?;
    let history = changes(reader, Some(stored.id), HISTORY_MAX)?;
    let name = Some(stored.contact.display_name()).filter(|name| !name.is_empty());
    Ok(Person {
        name: name.unwrap_or_else(|| words.nameless.to_owned()),
        is_deleted: stored.deleted,
        members: members(words, &stored.contact),
        holders: holders.into_iter().map(|one| (place(words, &one.replica), named(one.standing))).collect(),
        changes: history.into_iter().map(|change| ChangeLine::of(visit.language, change)).collect(),
        crm_id: stored.crm_id.unwrap_or_default(),
        frame: visit.frame(Here::People, unanswered(reader)?.0),
    })
}

/// What is set, field by field.
pub(super) fn members(words: &Words, contact: &Contact) -> Vec<(&'static str, String)> {
    let of = |field: Field| {
        let lines: Vec<String> = match field {
            Field::Addresses => contact.addresses.iter().map(Address::one_line).collect(),
            Field::Items => contact.items.iter().map(Item::one_line).collect(),
            // A photo is kilobytes of base64: its first letters are enough to know it.
            Field::Extra => contact.extra.iter().map(|line| line.chars().take(100).collect()).collect(),
            scalar => vec![contact.scalar(scalar).into_owned()],
        };
        let shown: Vec<String> = lines.iter().map(|line| value(words, Some(field), line)).collect();
        (field_name(words, field), shown.join("\n"))
    };
    contact.set_fields().iter().map(of).collect()
}
