//! The trial on servers of each behaviour, and on those that refuse it or are unwell.

use std::sync::Mutex;

use super::*;
use crate::crm::stub::{Reply, Stub};

const ITEMS: [ListKind; 1] = [ListKind::Items];

/// What was found out of items.
fn of_items(probed: &Probed) -> Result<ListBehaviour, CrmError> {
    probed.behaviours.get(ListKind::Items).clone().expect("items were asked for")
}

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
    let ids: BTreeSet<String> = Some("77".to_owned()).filter(|_| !left.is_empty()).into_iter().collect();
    let probed = stub.client().probe_lists(&ITEMS, &ids).await;
    assert_eq!(of_items(&probed), Ok(expected), "{left}");
    assert!(probed.left_behind.is_none());
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
async fn a_refusal_is_no_answer_and_trouble_neither() {
    let words = "<errors><error>Contact type can't be blank</error></errors>";
    for (reply, kind, message) in [
        (
            Reply::status(422).body(words),
            ErrorKind::Rejected,
            "the CRM refused the trial contact: Contact type can't be blank",
        ),
        (
            Reply::status(422),
            ErrorKind::Rejected,
            "could not create a contact: the server answered 422 Unprocessable Entity",
        ),
        (Reply::status(401), ErrorKind::Login, "log in to the CRM: the login was refused (401 Unauthorized)"),
        (
            Reply::status(429),
            ErrorKind::Unavailable,
            "could not create a contact: the server answered 429 Too Many Requests",
        ),
        (
            Reply::status(500),
            ErrorKind::Unavailable,
            "could not create a contact: the server answered 500 Internal Server Error",
        ),
    ] {
        let posts = usize::from(kind != ErrorKind::Login);
        let stub = Stub::start(move |_, _| reply.clone()).await;
        let probed = stub.client().probe_lists(&ITEMS, &BTreeSet::new()).await;
        let error = of_items(&probed).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
        assert_eq!(stub.lines().iter().filter(|line| *line == "POST /1/contacts.xml").count(), posts);
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
        let probed = stub.client().probe_lists(&ITEMS, &BTreeSet::new()).await;
        assert_eq!(of_items(&probed).map_err(|error| error.kind), Err(ErrorKind::Unavailable), "404 to {method}");
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
    let probed = stub.client().probe_lists(&ITEMS, &BTreeSet::new()).await;
    (stub, probed)
}

#[tokio::test]
async fn a_throwaway_contact_without_an_id_is_looked_for() {
    let three = "<pagination><total_pages>3</total_pages></pagination>";
    for (place, total, found) in [(1, "", true), (1, three, true), (3, three, true), (2, three, false), (2, "", false)]
    {
        let (stub, probed) = nameless(place, total).await;
        assert_eq!(of_items(&probed).is_ok(), found, "page {place} of {total}");
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

#[test]
fn the_throwaway_contact_has_what_others_have() {
    let page = |contacts: &[&str]| {
        let inside: String =
            contacts.iter().zip(1..).map(|(inside, id)| format!("<contact><id>{id}</id>{inside}</contact>")).collect();
        xml::read_page(&format!("<contacts>{inside}</contacts>"), |_| None).unwrap()
    };
    let trial = |contacts: &[&str]| trial_contact("t", Some(&page(contacts)));
    let bare = trial(&[]);
    assert_eq!((bare.last_name.as_str(), bare.items.len(), bare.set_fields().iter().count()), (PROBE_NAME, 2, 3));
    let like = trial(&[
        "<last_name>A</last_name><comment>secret</comment><firm_id>7</firm_id>",
        "<first_name>Ada</first_name><contact_type>client</contact_type><civility_label_id>18</civility_label_id>\
         <country>France</country><job_title>CEO</job_title><firm_id>8</firm_id>",
    ]);
    // Codes are theirs, texts its own.
    let own = Contact { first_name: PROBE_NAME.into(), job_title: PROBE_NAME.into(), ..bare.clone() };
    let codes = Contact { country: "France".into(), firm_id: like.firm_id.clone(), ..own };
    let expected = Contact { civility: like.civility.clone(), contact_type: like.contact_type.clone(), ..codes };
    assert_eq!(like, expected);
    assert_eq!(like.scalar(crate::contact::Field::FirmId), "7");
    assert!(like.civility.is_some() && like.contact_type.is_some() && is_probe(&like));
    // It is put into nobody's firm where there is somebody without one.
    assert_eq!(trial(&["<firm_id>7</firm_id>", "<last_name>B</last_name>"]), bare);
}

#[tokio::test]
async fn where_the_only_firm_that_anybody_names_is_no_more_the_trial_contact_has_none() {
    let stub =
        Stub::start(|request, _| match (request.method.as_str(), request.body.contains("<firm_id>7</firm_id>")) {
            ("POST", true) => Reply::status(422).body("<errors><error>Firm does not exist</error></errors>"),
            ("POST", false) => Reply::status(201).body("<contact><id>77</id></contact>"),
            _ => Reply::xml(
                "<contacts><contact><id>1</id><last_name>A</last_name><firm_id>7</firm_id></contact></contacts>",
            ),
        })
        .await;
    stub.client().probe_lists(&ITEMS, &BTreeSet::new()).await;
    let posts: Vec<bool> =
        stub.seen().iter().filter(|one| one.method == "POST").map(|one| one.body.contains("firm_id")).collect();
    assert_eq!(posts, [true, false]);
}
