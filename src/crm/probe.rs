//! Finds out how a server's PUT treats lists: on a throwaway contact, which is removed again.
//!
//! A crash in between leaves that contact behind; it is recognised by [`is_probe`], kept out of everybody's address book
//! and removed later.

use std::collections::BTreeSet;

use super::{
    client::Client,
    error::{CrmError, ErrorKind},
    lists::{ListBehaviour, Outgoing},
    pagination::PAGES_MAX,
    xml::{self, PageRecord, ReadPage, Record},
};
use crate::contact::{Contact, Field, FieldSet, Item, ItemType, keys};

/// The last name of the throwaway contact.
pub const PROBE_NAME: &str = "carnet probe";

/// The items of the throwaway contact are numbered e-mail addresses that nobody can have (RFC 2606).
const ITEM_LEAD: &str = "carnet-probe-";
const ITEM_TAIL: &str = "@example.invalid";

/// True for a throwaway contact of this or an earlier run, also where the server writes names in capitals or keeps no
/// comments.
pub fn is_probe(contact: &Contact) -> bool {
    if !contact.last_name.trim().eq_ignore_ascii_case(PROBE_NAME) || !contact.first_name.is_empty() {
        return false;
    }
    let comment = keys::text(&contact.comment);
    let commented = comment.strip_prefix(PROBE_NAME).is_some_and(|rest| rest.starts_with(' '));
    commented || contact.items.iter().any(|item| number(item).is_some())
}

/// What a probe found, and what it left behind.
#[derive(Debug)]
pub struct Probed {
    /// The behaviour; an error if it could not be asked for reasons that may pass.
    pub behaviour: Result<ListBehaviour, CrmError>,
    /// The throwaway contact, if it could not be removed.
    pub left_behind: Option<String>,
}

impl Client {
    /// Carries out the probe. A server that refuses any step of it is `Unknown`. `left`: throwaway contacts that are
    /// there already; one of them is used, for there is never to be more than one.
    pub async fn probe_lists(&self, left: &BTreeSet<String>) -> Probed {
        let id = match self.subject(left).await {
            Ok(id) => id,
            Err(error) => return Probed { behaviour: settle(Err(error)), left_behind: None },
        };
        let behaviour = settle(self.ask(&id).await);
        let left_behind = self.delete(&id).await.err().map(|_| id);
        Probed { behaviour, left_behind }
    }

    /// The throwaway contact: one that is there, else a new one.
    async fn subject(&self, left: &BTreeSet<String>) -> Result<String, CrmError> {
        for id in left {
            if self.contact(id).await?.is_some_and(|record| is_probe(&record.contact)) {
                return Ok(id.clone());
            }
        }
        let token = uuid::Uuid::new_v4().simple().to_string();
        let contact = Contact {
            last_name: PROBE_NAME.to_owned(),
            comment: format!("{PROBE_NAME} {token} — may be deleted"),
            items: vec![item(1), item(2)],
            ..Contact::default()
        };
        let body = xml::create_body(&contact).map_err(refused)?;
        match self.create(body).await {
            Ok(created) => Ok(created.id),
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => match self.find(&token).await {
                Ok(Some(id)) => Ok(id),
                Err(refused) if refused.kind == ErrorKind::Login => Err(refused),
                Ok(None) | Err(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Looks for the throwaway contact that was just made where listings put new ones: on the first page or the last.
    async fn find(&self, token: &str) -> Result<Option<String>, CrmError> {
        let first = self.page(1).await?;
        let last = first.total_pages.filter(|last| (2..=PAGES_MAX).contains(last));
        if let Some(id) = probe_on(&first, token) {
            return Ok(Some(id));
        }
        let Some(last) = last else { return Ok(None) };
        Ok(probe_on(&self.page(last).await?, token))
    }

    /// Changes one entry by its id and looks what became of the list; then removes another, if that made sense.
    async fn ask(&self, id: &str) -> Result<ListBehaviour, CrmError> {
        let Some(before) = self.two_items(id).await? else { return Ok(ListBehaviour::Unknown) };
        let Some(numbers) = numbers(&before) else { return Ok(ListBehaviour::Unknown) };
        let [first, .., last] = numbers[..] else { return Ok(ListBehaviour::Unknown) };
        let fresh = last + 1;
        let (id_first, id_last) = (entry_id(&before, first), entry_id(&before, last));
        let after = self.put_items(id, &[Outgoing { id: id_first, value: Some(&item(fresh)) }]).await?;
        let with_fresh = |present: &[u32]| present.iter().copied().chain([fresh]).collect::<Vec<u32>>();
        let Some(after) = self::numbers(&after) else { return Ok(ListBehaviour::Unknown) };
        if after == [fresh] {
            return Ok(ListBehaviour::Replace);
        }
        if after == with_fresh(&numbers) {
            return Ok(ListBehaviour::Append);
        }
        if id_first.is_none() || after != with_fresh(&numbers[1..]) {
            return Ok(ListBehaviour::Unknown);
        }
        if id_last.is_none() {
            return Ok(ListBehaviour::Ids { destroy: false });
        }
        match self.put_items(id, &[Outgoing { id: id_last, value: None }]).await {
            Ok(left) => {
                Ok(ListBehaviour::Ids { destroy: self::numbers(&left).is_some_and(|left| !left.contains(&last)) })
            }
            Err(error) if error.kind == ErrorKind::Rejected => Ok(ListBehaviour::Ids { destroy: false }),
            Err(error) => Err(error),
        }
    }

    /// The throwaway contact as it is, with two items at least: one that an earlier probe left may have fewer.
    async fn two_items(&self, id: &str) -> Result<Option<Record>, CrmError> {
        let record = self.contact(id).await?.ok_or_else(gone)?;
        let Some(numbers) = numbers(&record) else { return Ok(None) };
        if numbers.len() >= 2 {
            return Ok(Some(record));
        }
        let last = numbers.last().copied().unwrap_or_default();
        let (one, two) = (item(last + 1), item(last + 2));
        self.put_items(id, &[Outgoing::new(&one), Outgoing::new(&two)]).await.map(Some)
    }

    async fn put_items(&self, id: &str, items: &[Outgoing<'_, Item>]) -> Result<Record, CrmError> {
        let only_items = FieldSet::NONE.with(Field::Items);
        let body = xml::update_body(&Contact::default(), only_items, None, Some(items)).map_err(refused)?;
        self.update(id, body).await?;
        self.contact(id).await?.ok_or_else(gone)
    }
}

/// It was there just now: nothing is learnt of a server that says otherwise.
fn gone() -> CrmError {
    CrmError::new(ErrorKind::Gone, "read the probe contact: it is gone").hint("the next run tries again")
}

fn refused(problem: impl std::fmt::Display) -> CrmError {
    CrmError::new(ErrorKind::Rejected, problem.to_string())
}

/// The throwaway contact of this token. A server that shortens comments leaves no token; then any will do.
fn probe_on(page: &ReadPage, token: &str) -> Option<String> {
    let probes = || {
        page.records.iter().filter_map(|record| match record {
            PageRecord::Changed(record) if is_probe(&record.contact) => Some(record),
            PageRecord::Changed(_) | PageRecord::Same { .. } | PageRecord::Faulty { .. } => None,
        })
    };
    let ours = probes().find(|record| record.contact.comment.contains(token));
    ours.or_else(|| probes().next()).map(|record| record.id.clone())
}

/// A refusal is an answer; everything else is to be asked again another time. What became of an unsettled step does not
/// matter: the contact is thrown away.
fn settle(result: Result<ListBehaviour, CrmError>) -> Result<ListBehaviour, CrmError> {
    match result {
        Err(error) => match error.kind {
            ErrorKind::Rejected | ErrorKind::Settings => Ok(ListBehaviour::Unknown),
            ErrorKind::Login => Err(error),
            // Rights are given and taken: nothing is learnt of how lists are treated.
            ErrorKind::Unavailable | ErrorKind::Forbidden | ErrorKind::Gone | ErrorKind::OutcomeUnknown => {
                Err(CrmError { kind: ErrorKind::Unavailable, ..error })
            }
        },
        found => found,
    }
}

fn item(number: u32) -> Item {
    Item::new(ItemType::ProfessionalEmail, format!("{ITEM_LEAD}{number}{ITEM_TAIL}"))
}

/// The number of one of the probe's items.
fn number(item: &Item) -> Option<u32> {
    keys::email(&item.value)
        .strip_prefix(ITEM_LEAD)?
        .strip_suffix(ITEM_TAIL)?
        .parse()
        .ok()
        .filter(|it| *it < u32::MAX / 2)
}

/// Which of the probe's items a record holds, sorted; `None` if it holds others.
fn numbers(record: &Record) -> Option<Vec<u32>> {
    let mut numbers: Vec<u32> = record.contact.items.iter().map(number).collect::<Option<_>>()?;
    numbers.sort_unstable();
    Some(numbers)
}

fn entry_id(record: &Record, wanted: u32) -> Option<&str> {
    let place = record.contact.items.iter().position(|item| number(item) == Some(wanted))?;
    record.item_ids.get(place)?.as_deref()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::crm::stub::{Reply, Stub};

    /// A server with one contact, whose items are `(id, number)`; `put` does to them what it does.
    async fn check(behaviour: &str, with_ids: bool, expected: ListBehaviour) {
        for left in ["", "1", "3 4", "2 3 9"] {
            check_with(behaviour, with_ids, left, expected).await;
        }
    }

    /// `left`: the items of a throwaway contact that is there already, "" if there is none.
    async fn check_with(behaviour: &str, with_ids: bool, left: &str, expected: ListBehaviour) {
        let present = left.split_whitespace().zip(1..).map(|(number, id)| (id, number.to_owned())).collect();
        let items: Mutex<Vec<(u32, String)>> = Mutex::new(present);
        let behaviour = behaviour.to_owned();
        let stub = Stub::start(move |request, _| {
            let mut items = items.lock().unwrap();
            let sent = sent_items(&request.body);
            match request.method.as_str() {
                "POST" => {
                    *items = vec![(1, "1".into()), (2, "2".into())];
                    return Reply::status(201).body("<contact><id>77</id></contact>");
                }
                "PUT" => put(&behaviour, &mut items, sent),
                _ => {}
            }
            let inside: String = items
                .iter()
                .map(|(id, number)| {
                    let id = if with_ids { format!("<id>{id}</id>") } else { String::new() };
                    format!(
                        "<contact_item>{id}<type_id>27</type_id><value>Carnet-probe-{number}@example.invalid</value>\
                         </contact_item>"
                    )
                })
                .collect();
            Reply::xml(format!(
                "<contact><id>77</id><last_name>CARNET PROBE</last_name><contact_items>{inside}</contact_items></contact>"
            ))
        })
        .await;
        let ids = Some("77".to_owned()).filter(|_| !left.is_empty()).into_iter().collect();
        let probed = stub.client().probe_lists(&ids).await;
        assert_eq!(probed.behaviour, Ok(expected), "{left}");
        assert_eq!(probed.left_behind, None);
        let posts = stub.lines().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(posts, usize::from(left.is_empty()));
        assert_eq!(stub.lines().last().map(String::as_str), Some("DELETE /1/contacts/77.xml"));
    }

    /// Items of a body: id, number ("" where it is to be removed).
    fn sent_items(body: &str) -> Vec<(Option<u32>, String)> {
        let between = |text: &str, start: &str, end: &str| {
            text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(inside, _)| inside.to_owned())
        };
        body.split("<contact_item>")
            .skip(1)
            .map(|entry| {
                let id = between(entry, "<id>", "</id>").and_then(|id| id.parse().ok());
                (id, between(entry, "carnet-probe-", "@").unwrap_or_default())
            })
            .collect()
    }

    fn put(behaviour: &str, items: &mut Vec<(u32, String)>, sent: Vec<(Option<u32>, String)>) {
        let next = items.iter().map(|(id, _)| *id).max().unwrap_or(0) + 1;
        match behaviour {
            "replace" => *items = (next..).zip(sent).map(|(next, (id, number))| (id.unwrap_or(next), number)).collect(),
            "append" => items.extend((next..).zip(sent).map(|(next, (_, number))| (next, number))),
            "ids" | "ids+destroy" => {
                for (next, (id, number)) in (next..).zip(sent) {
                    match items.iter().position(|(present, _)| Some(*present) == id) {
                        Some(place) if number.is_empty() && behaviour == "ids+destroy" => drop(items.remove(place)),
                        Some(_) if number.is_empty() => {}
                        Some(place) => items[place].1 = number,
                        None => items.push((next, number)),
                    }
                }
            }
            _ => {}
        }
    }

    #[tokio::test]
    async fn each_behaviour_is_recognised() {
        check("replace", true, ListBehaviour::Replace).await;
        check("replace", false, ListBehaviour::Replace).await;
        check("append", true, ListBehaviour::Append).await;
        check("append", false, ListBehaviour::Append).await;
        check("ids", true, ListBehaviour::Ids { destroy: false }).await;
        check("ids+destroy", true, ListBehaviour::Ids { destroy: true }).await;
        check("ignore", true, ListBehaviour::Unknown).await;
    }

    #[tokio::test]
    async fn a_refused_probe_is_unknown_and_trouble_is_not() {
        for (reply, expected) in [
            (Reply::status(422), Ok(ListBehaviour::Unknown)),
            (Reply::status(401), Err(ErrorKind::Login)),
            (Reply::status(403), Err(ErrorKind::Unavailable)),
            (Reply::status(429), Err(ErrorKind::Unavailable)),
            (Reply::status(500), Err(ErrorKind::Unavailable)),
        ] {
            let stub = Stub::start(move |_, _| reply.clone()).await;
            let probed = stub.client().probe_lists(&BTreeSet::new()).await;
            assert_eq!(probed.behaviour.map_err(|error| error.kind), expected);
            assert_eq!(stub.lines().iter().filter(|line| *line == "POST /1/contacts.xml").count(), 1);
        }
    }

    #[tokio::test]
    async fn nothing_is_learnt_of_a_server_that_loses_the_throwaway_contact() {
        for method in ["POST", "GET", "PUT"] {
            let stub = Stub::start(move |request, _| match request.method.as_str() {
                asked if asked == method => Reply::status(404),
                "POST" => Reply::status(201).body("<contact><id>77</id></contact>"),
                "GET" => Reply::xml(
                    "<contact><id>77</id><contact_items><contact_item><id>1</id><type_id>27</type_id>\
                     <value>carnet-probe-1@example.invalid</value></contact_item></contact_items></contact>",
                ),
                _ => Reply::status(200),
            })
            .await;
            let probed = stub.client().probe_lists(&BTreeSet::new()).await;
            assert_eq!(probed.behaviour.map_err(|error| error.kind), Err(ErrorKind::Unavailable), "404 to {method}");
        }
    }

    /// A server whose POST names no id, and who lists the contact made on page `place` of `total`.
    async fn nameless(place: u32, total: &'static str) -> (Stub, Probed) {
        let made = Mutex::new(String::new());
        let stub = Stub::start(move |request, _| {
            let mut made = made.lock().unwrap();
            match (request.method.as_str(), request.page()) {
                ("POST", _) => {
                    let body = request.body.split_once("<contact>").unwrap().1;
                    *made = format!("<contact><id>77</id>{body}");
                    Reply::status(201)
                }
                ("GET", 0) => Reply::xml(made.as_bytes()),
                ("GET", page) => {
                    let inside = if page == place { made.as_str() } else { "" };
                    Reply::xml(format!("<contacts>{total}{inside}</contacts>"))
                }
                _ => Reply::status(200),
            }
        })
        .await;
        let probed = stub.client().probe_lists(&BTreeSet::new()).await;
        (stub, probed)
    }

    #[tokio::test]
    async fn a_throwaway_contact_without_an_id_is_looked_for() {
        let three = "<pagination><total_pages>3</total_pages></pagination>";
        for (place, total, found) in
            [(1, "", true), (1, three, true), (3, three, true), (2, three, false), (2, "", false)]
        {
            let (stub, probed) = nameless(place, total).await;
            assert_eq!(probed.behaviour.is_ok(), found, "page {place} of {total}");
            let lines = stub.lines();
            assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 1);
            assert_eq!(lines.last().is_some_and(|line| line.starts_with("DELETE /1/contacts/77")), found, "{lines:?}");
        }
    }

    #[test]
    fn throwaway_contacts_are_recognised_and_nobody_else() {
        let contact = |last: &str, first: &str, comment: &str| {
            is_probe(&Contact {
                last_name: last.into(),
                first_name: first.into(),
                comment: comment.into(),
                ..Contact::default()
            })
        };
        assert!(contact("carnet probe", "", "carnet probe 12ab — may be deleted"));
        assert!(contact("CARNET PROBE ", "", "Carnet probe 12ab"));
        assert!(!contact("carnet probe", "", ""));
        assert!(!contact("Carnet", "", "carnet probe 12ab"));
        assert!(!contact("carnet probe", "Ada", "carnet probe 12ab"));
        assert!(!contact("carnet probe", "", "carnet probes are fun"));
    }
}
