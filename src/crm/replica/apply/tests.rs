//! What is sent for each write, what its answers mean, and how lists are learnt.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::{
    contact::{Field, Item, ItemType},
    crm::{
        replica::{CrmReplica, tests::replica},
        stub::{Reply, Request, Stub},
    },
    replica::Replica,
};

/// A server with contact 1 (`Ada`, "note", item 24:01 of id 5), which replaces what a PUT sends and answers nothing
/// to it. `odd` may answer in its stead.
async fn server(odd: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Stub {
    let elements = [
        ("last_name", "Ada"),
        ("comment", "note"),
        ("contact_items", "<contact_item><id>5</id><type_id>24</type_id><value>01</value></contact_item>"),
    ];
    let state = Mutex::new(elements.map(|(name, value)| (name, value.to_owned())));
    Stub::start(move |request, place| {
        if let Some(reply) = odd(request, place) {
            return reply;
        }
        let mut state = state.lock().unwrap();
        match request.method.as_str() {
            "GET" => {
                let inside: String = state.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
                Reply::xml(format!("<contact><id>1</id>{inside}</contact>"))
            }
            "PUT" => {
                for (name, value) in state.iter_mut() {
                    if let Some(sent) = element(&request.body, name) {
                        *value = sent.to_owned();
                    }
                }
                Reply::status(200)
            }
            _ => Reply::status(200),
        }
    })
    .await
}

fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}"))?;
    rest.split_once('>')?.1.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

fn ada() -> Contact {
    Contact {
        last_name: "Ada".into(),
        comment: "note".into(),
        items: vec![Item::new(ItemType::ProfessionalPhone, "01")],
        ..Contact::default()
    }
}

fn write(action: Action) -> Write {
    Write { uid: "u".into(), crm_id: None, action }
}

/// An update of contact 1 from `ada()` to what `change` makes of it.
fn update(change: impl Fn(&mut Contact)) -> Write {
    let theirs = ada();
    let mut contact = ada();
    change(&mut contact);
    let changed = contact.differing(&theirs);
    let (remote, revision) = ("1".to_owned(), "r".to_owned());
    write(Action::Update { remote, revision, theirs, contact, changed, detail: None })
}

/// Items are treated so, as was found out before.
fn believing(crm: &mut CrmReplica, behaviour: ListBehaviour) {
    crm.recall(&|name| (name == "crm.lists_items").then(|| behaviour.to_string()));
}

async fn apply_one(crm: &mut CrmReplica, write: Write) -> Result<Written, ReplicaError> {
    let mut answers = crm.apply(vec![write]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[tokio::test]
async fn an_update_looks_writes_what_changed_and_reads_back() {
    let stub = server(|_, _| None).await;
    let mut crm = replica(&stub);
    let written = apply_one(&mut crm, update(|contact| contact.comment = String::new())).await.unwrap().unwrap();
    assert_eq!(written.contact, Contact { comment: String::new(), ..ada() });
    assert_eq!(stub.lines(), ["GET /1/contacts/1.xml", "PUT /1/contacts/1.xml", "GET /1/contacts/1.xml"]);
    let body = &stub.seen()[1].body;
    assert_eq!(body.split_once('\n').unwrap().1, "<contact><comment></comment></contact>\n");
}

#[tokio::test]
async fn a_full_answer_to_a_put_saves_the_reading_back() {
    let full = "<contact><id>1</id><last_name>ADA L</last_name><comment>note</comment><contact_items><contact_item>\
                <id>5</id><type_id>24</type_id><value>01</value></contact_item></contact_items></contact>";
    for (answer, gets) in [(full, 1), ("<contact><id>1</id><last_name>ADA L</last_name></contact>", 2)] {
        let stub = server(move |request, _| (request.method == "PUT").then(|| Reply::xml(answer))).await;
        let mut crm = replica(&stub);
        let written = apply_one(&mut crm, update(|contact| contact.last_name = "Ada L".into())).await.unwrap();
        assert_eq!(written.unwrap().contact.last_name, if gets == 1 { "ADA L" } else { "Ada" });
        assert_eq!(crm.requests()["GET"], gets);
    }
}

#[tokio::test]
async fn nothing_is_written_over_someone_elses_edit() {
    let stub = server(|_, _| None).await;
    let mut crm = replica(&stub);
    let theirs = Contact { comment: "older".into(), ..ada() };
    let (remote, revision) = ("1".to_owned(), "r".to_owned());
    let stale_update = Action::Update {
        remote: remote.clone(),
        revision: revision.clone(),
        theirs: theirs.clone(),
        contact: Contact { last_name: "B".into(), ..theirs.clone() },
        changed: FieldSet::NONE.with(Field::LastName),
        detail: None,
    };
    let answers = crm.apply(vec![write(stale_update), write(Action::Delete { remote, revision, theirs })]).await;
    for answer in answers {
        let Err(ReplicaError::Stale(Some(now))) = answer else { panic!("{answer:?}") };
        assert_eq!(now.contact, ada());
    }
    assert_eq!(crm.requests().keys().collect::<Vec<_>>(), ["GET"]);
}

#[tokio::test]
async fn nothing_is_written_over_what_the_record_leaves_out() {
    let bare = "<contact><id>1</id><last_name>Ada</last_name></contact>";
    let stub = server(move |request, _| (request.method == "GET").then(|| Reply::xml(bare))).await;
    let mut crm = replica(&stub);
    let answer = apply_one(&mut crm, update(|contact| contact.comment = "new".into())).await;
    assert!(matches!(answer, Err(ReplicaError::Stale(None))), "{answer:?}");
    // What is left out does not keep the others from being written.
    assert!(apply_one(&mut crm, update(|contact| contact.last_name = "Ada L".into())).await.is_ok());
    assert_eq!(crm.requests()["PUT"], 1);
}

#[tokio::test]
async fn what_a_colleague_emptied_beside_a_write_is_read_as_empty() {
    let bare = "<contact><id>1</id><last_name>Ada L</last_name><comment>note</comment></contact>";
    let odd = move |request: &Request, place: usize| (request.method == "GET" && place > 0).then(|| Reply::xml(bare));
    let stub = server(odd).await;
    let written = apply_one(&mut replica(&stub), update(|contact| contact.last_name = "Ada L".into())).await;
    let record = written.unwrap().unwrap();
    assert!(record.contact.items.is_empty() && record.fields.contains(Field::Items));
}

#[tokio::test]
async fn what_became_of_a_put_is_told() {
    type Odd = fn(&Request, usize) -> Option<Reply>;
    let cases: [(Odd, &str); 8] = [
        (|request, _| (request.method == "PUT").then(|| Reply::status(500)), "unsettled"),
        (|request, _| (request.method == "PUT").then(Reply::drop), "unsettled"),
        (|request, _| (request.method == "PUT").then(|| Reply::status(422)), "rejected"),
        (|request, _| (request.method == "PUT").then(|| Reply::status(429)), "unavailable"),
        (|request, _| (request.method == "PUT").then(|| Reply::status(403)), "rejected"),
        (|request, _| (request.method == "PUT").then(|| Reply::status(404)), "stale"),
        (|_, place| (place >= 2).then(|| Reply::status(500)), "unsettled"),
        (|_, place| (place == 0).then(|| Reply::status(404)), "stale"),
    ];
    for (case, (odd, expected)) in cases.into_iter().enumerate() {
        let stub = server(odd).await;
        let answer = apply_one(&mut replica(&stub), update(|contact| contact.comment = "new".into())).await;
        assert_eq!(name(&answer), expected, "case {case}");
        assert!(stub.lines().iter().filter(|line| line.starts_with("PUT")).count() <= 1);
    }
}

fn name(answer: &Result<Written, ReplicaError>) -> &'static str {
    match answer {
        Ok(Some(_)) => "written",
        Ok(None) => "done",
        Err(ReplicaError::Stale(_)) => "stale",
        Err(ReplicaError::Unavailable(_)) => "unavailable",
        Err(ReplicaError::Rejected(_)) => "rejected",
        Err(ReplicaError::Deferred(_)) => "postponed",
        Err(ReplicaError::Partial(_)) => "in part",
        Err(ReplicaError::OutcomeUnknown(_)) => "unsettled",
        Err(ReplicaError::Login(_)) => "login",
        Err(ReplicaError::Stopped(_)) => "stopped",
        Err(ReplicaError::Untrusted(_)) => "unsafe",
    }
}

#[tokio::test]
async fn a_post_is_sent_once_and_read_back() {
    type Odd = fn(&Request, usize) -> Option<Reply>;
    let cases: [(Odd, &str, usize); 7] = [
        (|_, place| (place == 0).then(|| Reply::xml("<id>1</id>")), "written", 2),
        (|_, place| (place == 0).then(|| Reply::xml("")), "unsettled", 1),
        (|_, place| (place == 0).then(|| Reply::status(502)), "unsettled", 1),
        (|_, place| (place == 0).then(|| Reply::status(404)), "unavailable", 1),
        (|_, place| (place == 0).then(|| Reply::status(422)), "rejected", 1),
        // The id is known but the contact cannot be read: its record in the answer is taken, if it is whole.
        (|_, place| Some(if place == 0 { Reply::xml("<id>1</id>") } else { Reply::status(500) }), "unsettled", 4),
        (
            |_, place| {
                let whole = "<contact><id>1</id><last_name>ADA</last_name><comment>note</comment><contact_items/>\
                             </contact>";
                Some(if place == 0 { Reply::xml(whole) } else { Reply::status(500) })
            },
            "written",
            4,
        ),
    ];
    for (case, (odd, expected, requests)) in cases.into_iter().enumerate() {
        let stub = server(odd).await;
        let answer = apply_one(&mut replica(&stub), write(Action::Create { contact: ada() })).await;
        assert_eq!(name(&answer), expected, "case {case}: {answer:?}");
        assert_eq!(stub.seen().len(), requests, "case {case}");
        assert_eq!(stub.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
    }
}

#[tokio::test]
async fn a_deletion_looks_first() {
    let delete = || write(Action::Delete { remote: "1".into(), revision: "r".into(), theirs: ada() });
    let stub = server(|_, _| None).await;
    assert_eq!(apply_one(&mut replica(&stub), delete()).await, Ok(None));
    assert_eq!(stub.lines(), ["GET /1/contacts/1.xml", "DELETE /1/contacts/1.xml"]);
    let stub = server(|_, _| Some(Reply::status(404))).await;
    assert_eq!(apply_one(&mut replica(&stub), delete()).await, Err(ReplicaError::Stale(None)));
    assert_eq!(stub.lines(), ["GET /1/contacts/1.xml"]);
    let stub = server(|_, place| (place == 1).then(|| Reply::status(404))).await;
    assert_eq!(apply_one(&mut replica(&stub), delete()).await, Err(ReplicaError::Stale(None)));
    assert_eq!(stub.lines(), ["GET /1/contacts/1.xml", "DELETE /1/contacts/1.xml"]);
}

#[tokio::test]
async fn a_refusal_is_one_records_and_keeps_the_servers_words() {
    let refuses = |method: &'static str, status: u16| {
        let body = "<errors><error>Contact has invoices</error></errors>";
        server(move |request, _| (request.method == method).then(|| Reply::status(status).body(body)))
    };
    for (method, status, message) in [
        ("DELETE", 422, "delete contact 1: the server refused it: Contact has invoices"),
        ("DELETE", 403, "delete contact 1: the server refused it (403 Forbidden): Contact has invoices"),
        ("PUT", 403, "update contact 1: the server refused it (403 Forbidden): Contact has invoices"),
        ("PUT", 409, "update contact 1: the server refused it (409 Conflict): Contact has invoices"),
    ] {
        let stub = refuses(method, status).await;
        let delete = write(Action::Delete { remote: "1".into(), revision: "r".into(), theirs: ada() });
        let change = update(|contact| contact.comment = "new".into());
        let writes = if method == "DELETE" { vec![delete, change] } else { vec![change, delete] };
        let answers = replica(&stub).apply(writes).await;
        let Err(ReplicaError::Rejected(diagnostic)) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!((diagnostic.message.as_str(), diagnostic.hint.is_some()), (message, true));
        assert!(answers[1].is_ok(), "the other goes on: {answers:?}");
    }
}

#[tokio::test]
async fn lists_are_written_as_the_server_takes_them() {
    let add = || update(|contact| contact.items.push(Item::new(ItemType::Skype, "ada")));
    let stub = server(|_, _| None).await;
    let mut crm = replica(&stub);
    believing(&mut crm, ListBehaviour::Replace);
    let written = apply_one(&mut crm, add()).await.unwrap().unwrap();
    assert_eq!(written.contact.items.len(), 2);
    assert_eq!(crm.list_mode(Field::Items).as_deref(), Some("replace"));
    // Unknown: there is no way to send it, what is there is handed back.
    let stub = server(|_, _| None).await;
    let mut crm = replica(&stub);
    believing(&mut crm, ListBehaviour::Unknown);
    let Err(ReplicaError::Partial(partial)) = apply_one(&mut crm, add()).await else { panic!("it was sent") };
    let items = FieldSet::NONE.with(Field::Items);
    assert_eq!((partial.unsent, partial.inexpressible, partial.unsettled), (items, items, false));
    assert_eq!((partial.record.contact, stub.seen().len()), (ada(), 1));
}

#[tokio::test]
async fn where_lists_only_grow_a_changed_number_is_added() {
    let stub = server(|_, _| None).await;
    let mut crm = replica(&stub);
    believing(&mut crm, ListBehaviour::Append);
    let edit = update(|contact| contact.items[0].value = "02".into());
    // This server replaces the list, so that the belief is contradicted.
    assert_eq!(name(&apply_one(&mut crm, edit).await), "in part");
    let sent = stub.seen()[1].body.clone();
    assert!(sent.contains("<contact_item><type_id>24</type_id><value>02</value></contact_item>"), "{sent}");
    assert_eq!(sent.matches("<contact_item>").count(), 1);
}

#[tokio::test]
async fn a_refused_trial_is_tried_again_by_the_next_run_and_holds_up_nothing_else() {
    let words = "<errors><error>Contact type can't be blank</error></errors>";
    let stub = server(move |request, _| (request.method == "POST").then(|| Reply::status(422).body(words))).await;
    let add = || update(|contact| contact.items.push(Item::new(ItemType::Skype, "ada")));
    let mut crm = replica(&stub);
    let Err(ReplicaError::Deferred(diagnostic)) = apply_one(&mut crm, add()).await else { panic!("it was sent") };
    let message = "find out how the CRM updates lists: the CRM refused the trial contact: Contact type can't be blank";
    assert_eq!(diagnostic.message, message);
    assert!(diagnostic.hint.is_some_and(|hint| hint.contains("crm.lists = \"replace\"")));
    // What else the contact has to say is said.
    let both = update(|contact| {
        contact.comment = "new".into();
        contact.items.push(Item::new(ItemType::Skype, "ada"));
    });
    let Err(ReplicaError::Partial(partial)) = apply_one(&mut crm, both).await else { panic!("it was sent") };
    let unsent = FieldSet::NONE.with(Field::Items);
    assert_eq!(
        (partial.unsent, partial.inexpressible, partial.record.contact.comment.as_str()),
        (unsent, FieldSet::NONE, "new")
    );
    assert_eq!((crm.requests()["POST"], crm.list_mode(Field::Items)), (1, None));
    let kept = crm.learned();
    assert!(kept.iter().all(|(name, value)| !name.starts_with("crm.lists") || value.is_empty()), "{kept:?}");
    let mut next = replica(&stub);
    apply_one(&mut next, add()).await.unwrap_err();
    assert_eq!(next.requests()["POST"], 1, "the next run tries again");
}

#[tokio::test]
async fn a_trial_that_meets_trouble_is_not_repeated_in_the_run() {
    let stub = server(|request, _| (request.method == "POST").then(|| Reply::status(500))).await;
    let mut crm = replica(&stub);
    let add = || update(|contact| contact.items.push(Item::new(ItemType::Skype, "ada")));
    let answers = crm.apply(vec![add(), update(|contact| contact.comment = "x".into())]).await;
    assert_eq!(answers.iter().map(name).collect::<Vec<_>>(), ["postponed", "written"]);
    assert_eq!((crm.list_mode(Field::Items), crm.requests()["POST"]), (None, 1));
}

/// A server whose POST answers nothing, and which lists what was made on page 2 of 3, once `listed`.
async fn nameless(listed: Arc<AtomicBool>) -> Stub {
    let made = Mutex::new(None::<String>);
    server(move |request, _| {
        let mut made = made.lock().unwrap();
        match (request.method.as_str(), request.id(), request.page()) {
            ("POST", ..) => {
                assert!(made.is_none(), "two probe contacts at a time");
                *made = Some(request.body.split_once("<contact>").unwrap().1.to_owned());
                Some(Reply::status(201))
            }
            ("GET", None, page) => {
                let made = made.as_ref().filter(|_| page == 2 && listed.load(Ordering::SeqCst));
                let inside = made.map_or_else(String::new, |made| format!("<contact><id>9</id>{made}"));
                Some(Reply::xml(format!("<contacts total_pages=\"3\">{inside}</contacts>")))
            }
            ("GET", Some("9"), _) => Some(match &*made {
                Some(made) => Reply::xml(format!("<contact><id>9</id>{made}")),
                None => Reply::status(404),
            }),
            ("PUT", Some("9"), _) => {
                // It takes no addresses.
                if let Some((_, items)) = request.body.split_once("<contact_items") {
                    let head = made.as_ref().and_then(|made| made.split_once("<contact_items")).unwrap().0;
                    *made = Some(format!("{head}<contact_items{items}"));
                }
                Some(Reply::status(200))
            }
            ("DELETE", Some("9"), _) => {
                *made = None;
                Some(Reply::status(200))
            }
            _ => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_probe_whose_contact_is_not_found_again_ends_nothing_else() {
    let listed = Arc::new(AtomicBool::new(false));
    let stub = nameless(listed.clone()).await;
    let count = |verb: &str| stub.lines().iter().filter(|line| line.starts_with(verb)).count();
    let add = || update(|contact| contact.items.push(Item::new(ItemType::Skype, "ada")));
    let known = crate::replica::memory::Known::default();
    let mut crm = replica(&stub);
    let answers =
        crm.apply(vec![add(), write(Action::Delete { remote: "1".into(), revision: "r".into(), theirs: ada() })]).await;
    assert_eq!(answers.iter().map(name).collect::<Vec<_>>(), ["postponed", "done"]);
    let Err(ReplicaError::Deferred(diagnostic)) = &answers[0] else { panic!("{answers:?}") };
    let words = "find out how the CRM updates lists: could not create a contact: the answer names no id";
    assert_eq!((diagnostic.message.as_str(), diagnostic.hint.is_some()), (words, true));
    // Not again in this run, whatever else is to be written.
    assert_eq!(name(&apply_one(&mut crm, add()).await), "postponed");
    assert_eq!(count("POST"), 1);
    // The next run finds it in its listing, uses it, and removes it.
    listed.store(true, Ordering::SeqCst);
    let mut crm = replica(&stub);
    crm.scan(&known, &mut |batch| {
        assert!(batch.changed.is_empty());
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(name(&apply_one(&mut crm, add()).await), "written");
    assert_eq!((crm.list_mode(Field::Items).as_deref(), count("POST")), (Some("replace"), 1));
    assert_eq!(stub.lines().iter().filter(|line| *line == "DELETE /1/contacts/9.xml").count(), 1);
}

#[tokio::test]
async fn a_refused_login_or_a_silent_server_ends_the_rest() {
    for (status, expected, requests) in [(401, "login", 1), (500, "unavailable", 4 * 3)] {
        let stub = server(move |_, _| Some(Reply::status(status))).await;
        let writes = (0..20).map(|_| update(|contact| contact.comment = "x".into())).collect();
        let answers = replica(&stub).apply(writes).await;
        assert_eq!(answers.len(), 20);
        assert!(answers.iter().all(|answer| name(answer) == expected), "{answers:?}");
        assert!(stub.seen().len() <= requests, "{} requests", stub.seen().len());
    }
}
