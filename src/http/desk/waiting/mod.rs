//! What waits: one card a matter, grouped by contact; answers, and taking them back.

mod answers;
mod card;
mod telling;

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Extension,
    extract::Query,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

pub(super) use answers::item_id;

use self::{
    answers::NoAnswer,
    card::{Beside, Card, Names},
};
use super::{
    form::Form,
    visit::{Frame, Here, Trouble, Visit, moment, see, unanswered},
    words::fill,
};
use crate::{
    app::decide_later,
    sync::{Attention, CRM, Decision, ItemId, Noting, SyncError},
    views::{
        Reader,
        attention::{Item, Known, Subject, held_names, item, items},
        comparison::{lineup, side_by_side},
        contacts::name_of,
    },
};

/// So many matters are on a page, and those of one contact together.
const ON_PAGE: usize = 20;

#[derive(Template)]
#[template(path = "waiting.html", config = "src/http/desk/askama.toml")]
pub(super) struct Waiting {
    frame: Frame,
    /// What became of an answer that was not taken.
    told: Option<String>,
    groups: Vec<Group>,
    page: usize,
    pages: usize,
    /// "Page 2 of 5".
    page_of: String,
    /// "12 answers will be carried out...".
    answered: Option<String>,
}

/// The matters of one contact.
pub(super) struct Group {
    name: String,
    cards: Vec<Card>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    page: usize,
    /// An answer to this came too late.
    #[serde(default)]
    late: String,
    /// An answer was refused, for this.
    #[serde(default)]
    refused: String,
}

pub(super) async fn show(Extension(visit): Extension<Visit>, Query(asked): Query<Asked>) -> Response {
    visit.show(move |visit, _, reader| page(visit, reader, &asked)).await
}

fn page(visit: &Visit, reader: &Reader, asked: &Asked) -> Result<Waiting, Trouble> {
    let words = visit.words();
    let groups = grouped(items(reader, false)?);
    let pages = paged(&groups, ON_PAGE);
    let at = asked.page.clamp(1, pages.len().max(1));
    let mut shown = Vec::new();
    for (name, items) in pages.get(at - 1).copied().unwrap_or_default() {
        let cards = items.iter().map(|item| card(visit, reader, item)).collect::<Result<_, _>>()?;
        let name = match name.as_str() {
            "" => words.nameless.to_owned(),
            CRM => words.crm.to_owned(),
            name => name.to_owned(),
        };
        shown.push(Group { name, cards });
    }
    let (open, noted) = unanswered(reader)?;
    let numbers = [("n", &*at.to_string()), ("all", &*pages.len().to_string())];
    Ok(Waiting {
        told: told(visit, reader, asked)?,
        groups: shown,
        page: at,
        pages: pages.len(),
        page_of: fill(words.page_of, &numbers),
        answered: (noted > 0).then(|| visit.language.plural(noted, words.answered_one, words.answered_many)),
        frame: visit.frame(Here::Waiting, open),
    })
}

/// The items of each contact together, in the order in which the first of each was met; those about no contact by their record
/// or replica.
fn grouped(items: Vec<Item>) -> Vec<(String, Vec<Item>)> {
    let mut groups: Vec<(String, Vec<Item>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let (key, name) = match (&item.contact, &item.subject) {
            (Some(Known { uid, name, .. }), _) => (uid.clone(), name.clone()),
            (None, Subject::Conflict { contact, .. }) => (format!("\n{contact}"), String::new()),
            // A record that nobody is known by is called what it says, or as its book calls it.
            (None, Subject::Attention { remote, attention, .. }) if !remote.is_empty() => {
                let said = match attention {
                    Attention::Ambiguous { says: Some(says), .. } => says.display_name(),
                    _ => String::new(),
                };
                let name = if said.is_empty() { remote.clone() } else { said };
                (format!("\n{}\n{remote}", item.replica), name)
            }
            (None, Subject::Attention { .. }) => (format!("\n{}\n", item.replica), item.replica.clone()),
        };
        match known.get(&key).and_then(|at| groups.get_mut(*at)) {
            Some((_, of_contact)) => of_contact.push(item),
            None => {
                known.insert(key, groups.len());
                groups.push((name, vec![item]));
            }
        }
    }
    groups
}

/// Pages of about so many items, no group on two.
fn paged<T>(groups: &[(T, Vec<Item>)], items_max: usize) -> Vec<&[(T, Vec<Item>)]> {
    let (mut pages, mut from, mut held) = (Vec::new(), 0, 0);
    for (at, (_, items)) in groups.iter().enumerate() {
        if held > 0 && held + items.len() > items_max {
            pages.push(&groups[from..at]);
            (from, held) = (at, 0);
        }
        held += items.len();
    }
    if held > 0 {
        pages.push(&groups[from..]);
    }
    pages
}

fn card(visit: &Visit, reader: &Reader, item: &Item) -> Result<Card, Trouble> {
    let beside = Beside {
        rows: side_by_side(reader, item.id)?.map_or_else(Vec::new, |(_, rows)| rows),
        lineup: lineup(reader, item)?,
        held: held_names(reader, item)?,
        since: moment(visit.language, &item.since),
    };
    let names = names(visit, reader, item.id, item.noted.as_ref())?;
    Ok(Card::of(visit.language, item, beside, &names))
}

fn names(visit: &Visit, reader: &Reader, id: ItemId, decision: Option<&Decision>) -> Result<Names, Trouble> {
    let who = decision.and_then(|decision| visit.desk.journal(|journal| journal.who(id, decision)));
    let contact = match decision {
        Some(Decision::SameAs { contact }) => name_of(reader, *contact)?,
        Some(_) | None => None,
    };
    Ok(Names { who, contact })
}

/// Why an answer was not taken, and whose stands.
fn told(visit: &Visit, reader: &Reader, asked: &Asked) -> Result<Option<String>, Trouble> {
    let words = visit.words();
    if let Some(why) = telling::why(words, &asked.refused) {
        return Ok(Some(fill(words.refused, &[("why", why)])));
    }
    let Some(id) = answers::item_id(&asked.late) else { return Ok(None) };
    let Some(item) = item(reader, id)? else { return Ok(None) };
    let last = visit.desk.journal(|journal| journal.last(id));
    let stands = match (&item.noted, last) {
        (Some(decision), _) => Some((decision.clone(), names(visit, reader, id, Some(decision))?)),
        (None, Some((decision, who))) if !card::waits(&item) => {
            let named = names(visit, reader, id, Some(&decision))?;
            Some((decision, Names { who: Some(who).filter(|who| !who.is_empty()), ..named }))
        }
        (None, _) => None,
    };
    let stands = match stands {
        Some((decision, names)) => {
            let who = names.who.as_deref().unwrap_or(words.somebody);
            card::said(words, &card::in_words(words, &item, &decision, &names), Some(who))
        }
        None if card::waits(&item) => words.overtaken_open.to_owned(),
        None => words.overtaken_settled.to_owned(),
    };
    Ok(Some(format!("{} {stands}", words.overtaken)))
}

/// What came of a form.
enum Answered {
    Noted,
    Late,
    Refused(&'static str),
}

/// Notes an answer.
pub(super) async fn answer(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let (deciding, sent) = (visit.clone(), form.clone());
    let answered = visit
        .read(move |settings, reader| {
            let id = answers::item_id(sent.get("item")).ok_or(Trouble::NotFound)?;
            let item = item(reader, id)?.ok_or(Trouble::NotFound)?;
            let decision = match answers::decision(reader, &item, &sent)? {
                Ok(decision) => decision,
                Err(NoAnswer::Nobody) => return Ok(Answered::Refused(telling::NOBODY)),
                Err(NoAnswer::Several) => return Ok(Answered::Refused(telling::SEVERAL)),
                Err(NoAnswer::Other) => return Ok(Answered::Refused(telling::OTHER)),
            };
            let Some(seen) = seen_of(&sent) else { return Ok(Answered::Late) };
            match decide_later(settings, (id, Some(&decision)), seen.as_ref()) {
                Ok(Noting::Done) => {
                    let name = &deciding.visitor.name;
                    deciding.desk.journal(|journal| journal.note(id, decision.clone(), name));
                    Ok(Answered::Noted)
                }
                Ok(Noting::Overtaken) => Ok(Answered::Late),
                Err(SyncError::Refused(refused)) => Ok(Answered::Refused(telling::of(&refused.why))),
                Err(error) => Err(error.into()),
            }
        })
        .await;
    lead_back(&visit, &form, answered)
}

/// Takes an answer back that no run has carried out.
pub(super) async fn take_back(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let sent = form.clone();
    let answered = visit
        .read(move |settings, _| {
            let id = answers::item_id(sent.get("item")).ok_or(Trouble::NotFound)?;
            let Some(Some(seen)) = seen_of(&sent) else { return Ok(Answered::Late) };
            match decide_later(settings, (id, None), Some(&seen))? {
                Noting::Done => Ok(Answered::Noted),
                Noting::Overtaken => Ok(Answered::Late),
            }
        })
        .await;
    lead_back(&visit, &form, answered)
}

/// What the page showed as answered; none where the form says nothing that can be read.
fn seen_of(form: &Form) -> Option<Option<Decision>> {
    match form.get("seen") {
        "" => Some(None),
        text => serde_json::from_str(text).ok().map(Some),
    }
}

/// Back to the card that was answered.
fn lead_back(visit: &Visit, form: &Form, answered: Result<Answered, Trouble>) -> Response {
    let (page, id) = (form.get("page").parse().unwrap_or(1_usize), answers::item_id(form.get("item")));
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    match answered {
        Ok(Answered::Noted) => see(&format!("/desk/waiting?page={page}#m-{id}")),
        Ok(Answered::Late) => see(&format!("/desk/waiting?page={page}&late={id}#told")),
        Ok(Answered::Refused(why)) => see(&format!("/desk/waiting?page={page}&refused={why}#told")),
        Err(trouble) => visit.trouble(&trouble).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::State;

    fn conflict(id: i64, uid: &str) -> Item {
        let contact = Known { uid: uid.into(), crm_id: None, name: uid.to_uppercase(), deleted: false };
        let (field, kept) = (Some("job_title".into()), "open".into());
        let subject = Subject::Conflict { contact: 1, field, base: None, here: None, there: None, kept };
        let (id, replica, since) = (ItemId::Conflict(id), "cards".into(), String::new());
        Item { id, run: 1, replica, contact: Some(contact), since, state: State::Open, subject, noted: None }
    }

    #[test]
    fn matters_of_a_contact_are_together_and_on_one_page() {
        let groups = grouped(vec![conflict(1, "ada"), conflict(2, "bob"), conflict(3, "ada")]);
        let names: Vec<(&str, usize)> = groups.iter().map(|(name, items)| (name.as_str(), items.len())).collect();
        assert_eq!(names, [("ADA", 2), ("BOB", 1)]);
        let check = |items_max: usize, expected: &[usize]| {
            let sizes: Vec<usize> = paged(&groups, items_max).iter().map(|page| page.len()).collect();
            assert_eq!(sizes, expected, "{items_max}");
        };
        check(3, &[2]);
        check(2, &[1, 1]);
        check(1, &[1, 1]);
        assert!(paged::<String>(&[], 20).is_empty());
    }
}
