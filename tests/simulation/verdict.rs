//! What a write may name: pure, from what the mirror holds, what the CRM was seen to hold and what the body says.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    contact::{Contact, Field, FieldSet},
    mirror::{Agreement, Mirror, OutboxAction, OutboxRow, OutboxState, Stored},
    sandbox::Record,
    sync::CRM,
};

use crate::{
    body::{Body, Parts},
    ledger::key,
};

/// What is wrong with a write over what nobody has read.
pub const OVER_SOMETHING_ELSE: &str = "over something else than what was last read there";

/// No history has more conflicts.
const CONFLICTS_MAX: usize = 100_000;

/// What the mirror knows of a contact of the CRM.
#[derive(Default)]
pub struct Known {
    agreement: Option<Agreement>,
    stored: Option<Stored>,
    rows: Vec<OutboxRow>,
    /// What its conflicts remember.
    disputed: Vec<String>,
}

impl Known {
    pub fn read(mirror: &Mirror, id: i64) -> Self {
        let agreement = mirror.agreement_by_remote(CRM, &id.to_string()).expect("the mirror is read");
        let contact = agreement.as_ref().map(|agreement| agreement.contact);
        let stored = contact.and_then(|contact| mirror.contact(contact).expect("the mirror is read"));
        let conflicts = mirror.conflicts(CONFLICTS_MAX).expect("the mirror is read").into_iter();
        let disputed = conflicts.filter(|row| Some(row.contact) == contact);
        let disputed = disputed.flat_map(|row| [row.base, row.here, row.there]).flatten().map(|text| key(&text));
        let rows = contact.map(|contact| rows(mirror, contact)).unwrap_or_default();
        Self { agreement, stored, rows, disputed: disputed.collect() }
    }
}

/// The contacts that wait to be made in the CRM, each with its rows of the outbox.
pub struct Waiting(Vec<(Stored, Vec<OutboxRow>)>);

impl Waiting {
    pub fn read(mirror: &Mirror) -> Self {
        let ids = mirror.unagreed(CRM).expect("the mirror is read").into_iter();
        let stored = ids.filter_map(|id| mirror.contact(id).expect("the mirror is read"));
        Self(stored.map(|stored| (rows(mirror, stored.id), stored)).map(|(rows, stored)| (stored, rows)).collect())
    }
}

fn rows(mirror: &Mirror, contact: i64) -> Vec<OutboxRow> {
    let rows = mirror.outbox_of(contact).expect("the mirror is read");
    rows.into_iter().filter(|row| row.replica == CRM).collect()
}

/// True where the outbox says that such a write is leaving.
fn is_written_down(rows: &[OutboxRow], action: OutboxAction) -> bool {
    rows.iter().any(|row| row.action == action && row.state == OutboxState::Sent)
}

/// The contact that a POST makes, 0 if it cannot be told, and what is wrong with it.
pub fn creation(waiting: &Waiting, body: &Body) -> (i64, Vec<String>) {
    let wanted = named(body);
    let Some((stored, rows)) = waiting.0.iter().find(|(stored, _)| of_contact(&stored.contact) == wanted) else {
        return (0, vec![format!("no contact that waits to be made has just these values: {wanted:?}")]);
    };
    let mut faults = Vec::new();
    if !is_written_down(rows, OutboxAction::Create) {
        faults.push("the outbox does not say so".to_owned());
    }
    let open = |row: &OutboxRow| matches!(row.state, OutboxState::Unknown | OutboxState::HeldForReview);
    if rows.iter().any(|row| row.action == OutboxAction::Create && open(row)) {
        faults.push("an earlier creation of the contact is unexplained".to_owned());
    }
    (stored.id, faults)
}

/// Every value with its element, as the body of a POST names it.
fn named(body: &Body) -> BTreeSet<(String, String)> {
    let scalars = body.scalars.iter().map(|(name, value)| (name.clone(), value.clone()));
    let entries = body.lists.iter().flat_map(|(list, entries)| entries.iter().map(move |entry| (list, entry)));
    scalars.chain(entries.map(|(list, entry)| (list.clone(), value_of(entry)))).collect()
}

/// The same of a contact.
fn of_contact(contact: &Contact) -> BTreeSet<(String, String)> {
    let scalars = FieldSet::CRM.iter().filter(|field| !field.is_list());
    let scalars = scalars.map(|field| (field.name().to_owned(), contact.scalar(field).into_owned()));
    let lists = [Field::Items, Field::Addresses].into_iter();
    let entries = lists.flat_map(|list| values(contact, list).into_iter().map(move |it| (list.name().to_owned(), it)));
    scalars.filter(|(_, value)| !value.is_empty()).chain(entries).collect()
}

/// What an entry can be told by: people type one value into each.
fn value_of(entry: &Parts) -> String {
    entry.get("value").or_else(|| entry.get("street_address")).cloned().unwrap_or_default()
}

fn values(contact: &Contact, list: Field) -> Vec<String> {
    match list {
        Field::Items => contact.items.iter().map(|item| item.value.clone()).collect(),
        _ => contact.addresses.iter().map(|address| address.street_address.clone()).collect(),
    }
}

fn keys(texts: &[String]) -> BTreeSet<String> {
    texts.iter().map(|text| key(text)).collect()
}

/// What is wrong with a PUT.
pub fn change(known: &Known, shown: Option<&Record>, body: &Body) -> Vec<String> {
    let (Some(agreement), Some(stored)) = (&known.agreement, &known.stored) else {
        return vec!["nobody is agreed on that contact".to_owned()];
    };
    let mut faults = Vec::new();
    if agreement.detached || stored.deleted {
        faults.push("the contact is not followed there any more".to_owned());
    }
    if !is_written_down(&known.rows, OutboxAction::Update) {
        faults.push("the outbox does not say so".to_owned());
    }
    if body.is_empty() {
        faults.push("it asks for nothing".to_owned());
    }
    let Some(shown) = shown else {
        faults.push("the contact was not looked at just before".to_owned());
        return faults;
    };
    for (name, value) in &body.scalars {
        let fault = match Field::from_name(name).filter(|field| !field.is_list()) {
            Some(field) => scalar(field, value, (agreement, &stored.contact), shown),
            None => Some("which the reference does not name"),
        };
        faults.extend(fault.map(|fault| format!("it names {name} {value:?}, {fault}")));
    }
    for (name, entries) in &body.lists {
        let found = match Field::from_name(name).filter(|field| field.is_list()) {
            Some(field) => list(field, entries, (agreement, &stored.contact), shown),
            None => vec!["which the reference does not name".to_owned()],
        };
        faults.extend(found.into_iter().map(|fault| format!("it names {name}, {fault}")));
    }
    faults
}

fn scalar(
    field: Field,
    value: &str,
    (agreement, here): (&Agreement, &Contact),
    shown: &Record,
) -> Option<&'static str> {
    let place = Field::ALL.into_iter().position(|other| other == field)?;
    let there = shown.scalars[place].as_deref().unwrap_or_default();
    if here.scalar(field) != value {
        Some("which is not what the mirror has")
    } else if agreement.ours.scalar(field) == value {
        Some("which nobody changed here")
    } else if agreement.theirs.scalar(field) == value {
        Some("which is what was last read there")
    } else if key(there) != key(&agreement.theirs.scalar(field)) {
        Some(OVER_SOMETHING_ELSE)
    } else {
        None
    }
}

fn list(field: Field, entries: &[Parts], (agreement, here): (&Agreement, &Contact), shown: &Record) -> Vec<String> {
    let held = &shown.lists[usize::from(field == Field::Items)];
    let there: BTreeMap<String, String> =
        held.iter().filter_map(|entry| Some((key(entry.values[1].as_deref()?), entry.id.to_string()))).collect();
    let there_keys: BTreeSet<String> = there.keys().cloned().collect();
    let (ours, wanted) = (keys(&values(&agreement.ours, field)), keys(&values(here, field)));
    let mut faults = Vec::new();
    if ours == wanted {
        faults.push("which nobody changed here".to_owned());
    }
    if there_keys != keys(&values(&agreement.theirs, field)) {
        faults.push(OVER_SOMETHING_ELSE.to_owned());
    }
    let mut sent = BTreeSet::new();
    for entry in entries {
        let (value, id) = (key(&value_of(entry)), entry.get("id"));
        if let Some(id) = id.filter(|id| !there.values().any(|known| known == *id)) {
            faults.push(format!("with entry {id}, which is not there"));
        }
        if entry.contains_key("_destroy") {
            sent.insert("a removal".to_owned());
            continue;
        }
        if !wanted.contains(&value) && !there.contains_key(&value) {
            faults.push(format!("with {value:?}, which is neither here nor there"));
        }
        if there.get(&value).is_some_and(|known| Some(known) != id) {
            faults.push(format!("with {value:?}, without the id that it has there"));
        }
        sent.insert(value);
    }
    if sent == there_keys {
        faults.push("just as it stands there".to_owned());
    }
    faults
}

/// What is wrong with a DELETE. `live`: values that the contact was shown with and that nobody took away.
pub fn deletion(known: &Known, shown: Option<&Record>, follows: bool, live: &BTreeSet<String>) -> Vec<String> {
    let (Some(agreement), Some(stored)) = (&known.agreement, &known.stored) else {
        return vec!["nobody is agreed on that contact".to_owned()];
    };
    let mut faults = Vec::new();
    let mut wrong = |is_so: bool, words: &str| faults.extend(is_so.then(|| words.to_owned()));
    wrong(!follows, "the CRM does not follow deletions");
    wrong(agreement.detached, "the contact is not followed there any more");
    wrong(!stored.deleted, "nobody deleted the contact");
    wrong(shown.is_none(), "the contact was not looked at just before");
    // What lost a conflict is written down there.
    let lost = |text: &&String| known.disputed.iter().any(|disputed| disputed.contains(&key(text)));
    let live: Vec<_> = live.iter().filter(|text| !lost(text)).collect();
    if !live.is_empty() {
        faults.push(format!("nobody took away {live:?}"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use carnet::{
        contact::{Item, ItemType},
        sandbox::Entry,
    };

    use super::*;

    fn contact(title: &str, email: &str) -> Contact {
        let items = vec![Item::new(ItemType::ProfessionalEmail, email)];
        Contact { last_name: "Nom1q".into(), job_title: title.into(), items, ..Contact::default() }
    }

    fn row(action: OutboxAction, state: OutboxState) -> OutboxRow {
        let (sent_at, sent_uptime, error) = (String::new(), String::new(), None);
        let (replica, payload) = (CRM.to_owned(), String::new());
        OutboxRow {
            id: 1,
            replica,
            contact: 1,
            action,
            state,
            payload,
            highest_id: None,
            sent_at,
            sent_uptime,
            attempts: 1,
            error,
        }
    }

    fn stored(contact: Contact, deleted: bool) -> Stored {
        let (uid, created_at, updated_at) = ("uid-1".to_owned(), String::new(), String::new());
        Stored { id: 1, uid, crm_id: None, version: 2, contact, deleted, created_at, updated_at }
    }

    /// Agreed on as "Titre 1q", and given another title here since.
    fn edited(deleted: bool) -> Known {
        let agreed = contact("Titre 1q", "a@a.example");
        let agreement = Agreement {
            contact: 1,
            remote: "1001".to_owned(),
            revision: String::new(),
            theirs: agreed.clone(),
            ours: agreed,
            version: 0,
            detail: None,
            detached: false,
            marks: String::new(),
        };
        let rows = vec![row(OutboxAction::Update, OutboxState::Sent)];
        let stored = Some(stored(contact("Titre 2q", "a@a.example"), deleted));
        Known { agreement: Some(agreement), stored, rows, disputed: Vec::new() }
    }

    fn shown(title: &str) -> Record {
        let mut record = Record { id: 1_001, ..Record::default() };
        (record.scalars[1], record.scalars[4]) = (Some("NOM1Q".to_owned()), Some(title.to_owned()));
        record.lists[1] =
            vec![Entry { id: 7, label: None, values: vec![Some("27".to_owned()), Some("a@a.example".to_owned())] }];
        record
    }

    fn check_put(there: Option<&str>, body: &str, expected: &[&str]) {
        let faults =
            change(&edited(false), there.map(shown).as_ref(), &Body::read(&format!("<contact>{body}</contact>")));
        assert_eq!(faults, expected, "{body}");
    }

    #[test]
    fn a_put_names_what_changed_here_over_what_was_last_read_there() {
        let there = Some("Titre 1q");
        check_put(there, "<job_title>Titre 2q</job_title>", &[]);
        check_put(there, "", &["it asks for nothing"]);
        check_put(None, "<job_title>Titre 2q</job_title>", &["the contact was not looked at just before"]);
        for (body, fault) in [
            ("<last_name>Nom1q</last_name>", "it names last_name \"Nom1q\", which nobody changed here"),
            ("<job_title>Titre 3q</job_title>", "it names job_title \"Titre 3q\", which is not what the mirror has"),
            ("<titre>x</titre>", "it names titre \"x\", which the reference does not name"),
        ] {
            check_put(there, body, &[fault]);
        }
        let over = "it names job_title \"Titre 2q\", over something else than what was last read there";
        check_put(Some("Titre 9q"), "<job_title>Titre 2q</job_title>", &[over]);
    }

    #[test]
    fn a_list_in_a_put_changes_something_and_keeps_the_ids() {
        let list = |entries: &str| format!("<contact_items type=\"array\">{entries}</contact_items>");
        let unchanged = "it names contact_items, which nobody changed here";
        let same = "<contact_item><id>7</id><value>a@a.example</value></contact_item>";
        let standing = "it names contact_items, just as it stands there";
        check_put(Some("Titre 1q"), &list(same), &[unchanged, standing]);
        let lost = "it names contact_items, with \"a@a.example\", without the id that it has there";
        check_put(Some("Titre 1q"), &list(&same.replace("<id>7</id>", "")), &[unchanged, lost, standing]);
        let wrong = "it names contact_items, with entry 8, which is not there";
        let removal = "<contact_item><id>8</id><_destroy>1</_destroy></contact_item>";
        check_put(Some("Titre 1q"), &list(removal), &[unchanged, wrong]);
    }

    #[test]
    fn a_post_names_all_that_a_waiting_contact_has() {
        let waiting = |states: &[OutboxState]| {
            let rows = states.iter().map(|state| row(OutboxAction::Create, *state)).collect();
            Waiting(vec![(stored(contact("Titre 1q", "a@a.example"), false), rows)])
        };
        let check = |states: &[OutboxState], name: &str, expected: (i64, usize)| {
            let item = "<contact_item><value>a@a.example</value></contact_item>";
            let list = format!("<contact_items type=\"array\">{item}</contact_items>");
            let body = format!("<contact><last_name>{name}</last_name><job_title>Titre 1q</job_title>{list}</contact>");
            let (contact, faults) = creation(&waiting(states), &Body::read(&body));
            assert_eq!((contact, faults.len()), expected, "{states:?} {faults:?}");
        };
        check(&[OutboxState::Sent], "Nom1q", (1, 0));
        check(&[OutboxState::Sent], "NOM1Q", (0, 1));
        check(&[], "Nom1q", (1, 1));
        check(&[OutboxState::Unknown, OutboxState::Sent], "Nom1q", (1, 1));
    }

    #[test]
    fn a_deletion_follows_a_persons() {
        let live = BTreeSet::from(["Titre 1q".to_owned()]);
        let check = |known: &Known, there: bool, follows: bool, live: &BTreeSet<String>, expected: usize| {
            let shown = there.then(|| shown("Titre 1q"));
            assert_eq!(deletion(known, shown.as_ref(), follows, live).len(), expected);
        };
        check(&edited(true), true, true, &BTreeSet::new(), 0);
        check(&edited(true), false, true, &BTreeSet::new(), 1);
        check(&edited(true), true, false, &BTreeSet::new(), 1);
        check(&edited(true), true, true, &live, 1);
        check(&Known { disputed: vec![key("x: Titre 1q")], ..edited(true) }, true, true, &live, 0);
        check(&edited(false), true, true, &BTreeSet::new(), 1);
        check(&Known::default(), true, true, &BTreeSet::new(), 1);
    }
}
