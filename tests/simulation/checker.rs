//! What must hold when a history has come to rest: the invariants of the engine, value by value.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
};

use carnet::{
    mirror::{AttentionKind, Mirror, Search, State, Stored},
    sandbox::{Lists, Quirk, Record},
    sync::CRM,
};
use rusqlite::{Connection, Row, types::ValueRef};

use crate::{
    firms_checker,
    ledger::{Fate, Kind, key},
    people::{texts, words},
    world::World,
};

/// Where each value stands: how many contacts of a place hold it, and with which others.
struct Place {
    name: String,
    records: Vec<BTreeSet<String>>,
    /// Those that are not followed any more, and stay as they are.
    let_go: Vec<BTreeSet<String>>,
}

fn keys(texts: Vec<String>) -> BTreeSet<String> {
    texts.iter().map(|text| key(text)).collect()
}

impl Place {
    fn new(name: &str, records: impl Iterator<Item = Vec<String>>) -> Self {
        Self { name: name.to_owned(), records: records.map(keys).collect(), let_go: Vec::new() }
    }

    fn holding(&self, value: &str) -> Vec<&BTreeSet<String>> {
        self.records.iter().filter(|record| record.contains(value)).collect()
    }
}

/// Everything that is wrong, in words.
pub fn check(world: &World, mirror: &Mirror) -> Vec<String> {
    let conn = mirror.connection();
    let mut faults = damage(conn);
    let mut stored = Vec::new();
    let read = mirror.for_each_contact(&Search::default(), &mut |contact| {
        stored.push(contact);
        Ok(())
    });
    read.expect("the mirror's contacts");
    let store = world.crm.store();
    let ids = store.ids().expect("the CRM's state");
    let records: Vec<_> = ids.iter().filter_map(|id| store.record(*id).expect("the CRM's state")).collect();
    let mut places = vec![
        Place::new("mirror", stored.iter().map(|stored| words(&stored.contact))),
        Place::new(CRM, records.iter().map(texts)),
    ];
    let detached = rows(conn, "SELECT remote FROM agreements WHERE replica = 'crm' AND detached = 1");
    let detached: BTreeSet<String> = detached.into_iter().flatten().flatten().collect();
    let let_go = records.iter().filter(|record| detached.contains(&record.id.to_string()));
    places[1].let_go = let_go.map(|record| keys(texts(record))).collect();
    for shelf in &world.shelves {
        let contacts = shelf.contacts();
        places.push(Place::new(&format!("book-{}", shelf.number), contacts.iter().map(|(_, contact)| words(contact))));
    }
    let mut explained = explained(conn);
    let stopped = rows(conn, "SELECT key FROM facts WHERE key LIKE 'crm.lists%' AND value = 'unknown'");
    let stopped: Vec<String> = stopped.into_iter().flatten().flatten().collect();
    faults.extend(unasked(mirror, &stored, &records));
    faults.extend(firms_checker::check(world, mirror, &stored, &records));
    faults.extend(behind(world));
    explained.extend(held_back(conn, &records));
    explained.extend(left_alone(world, conn));
    explained.extend(refused(world, conn));
    let undecided = rows(conn, "SELECT DISTINCT field FROM conflicts WHERE state = 'open' AND field IS NOT NULL");
    let undecided: Vec<String> = undecided.into_iter().flatten().flatten().collect();
    for (value, (kind, fate)) in &world.ledger.typed {
        let verdict = match fate {
            // A list that somebody changed while it was written stops lists until a person says how they are treated.
            Fate::Live | Fate::Gone if is_entry(*kind) && stopped.contains(&fact_about(*kind)) => None,
            // While a person has not decided, each side keeps its own, and goes on editing it.
            Fate::Live | Fate::Gone if undecided.iter().any(|field| field == field_of(*kind)) => None,
            Fate::Live
                if identifies(*kind) && places[0].holding(value).len() > 1 && !may_be_two(world, &places[0], value) =>
            {
                // No question that waits makes two contacts of one.
                faults.push(format!("{value} ({kind:?}, {fate:?}) is in two contacts of the mirror"));
                None
            }
            Fate::Live => alive(world, &places, value, *kind),
            Fate::Gone => gone(world, &places, value, *kind),
            Fate::GoneWhole | Fate::Detached => gone_whole(world, &places, value, *fate),
            Fate::Excused => None,
        };
        if let Some(wrong) = verdict
            && !explained.contains(value.as_str())
        {
            faults.push(format!("{value} ({kind:?}, {fate:?}) {wrong}"));
        }
    }
    faults
}

/// Every value that living contacts of a mirror hold.
pub fn values_in_mirror(mirror: &Mirror) -> BTreeSet<String> {
    let held = rows(
        mirror.connection(),
        "SELECT last_name, first_name, comment, job_title, job_department, NULL FROM contacts WHERE deleted_at IS NULL
         UNION ALL SELECT value, NULL, NULL, NULL, NULL, NULL FROM contact_items i
             JOIN contacts c ON c.id = i.contact WHERE c.deleted_at IS NULL
         UNION ALL SELECT street_address, NULL, NULL, NULL, NULL, NULL FROM contact_addresses a
             JOIN contacts c ON c.id = a.contact WHERE c.deleted_at IS NULL",
    );
    held.into_iter().flatten().flatten().filter(|text| !text.is_empty()).map(|text| key(&text)).collect()
}

/// 1 and 6, after each run: what nobody took away did not leave the mirror, not even for a while, unless a conflict says so.
pub fn left_the_mirror(
    world: &World,
    mirror: &Mirror,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Vec<String> {
    let is_live = |value: &&String| world.ledger.typed.get(*value).is_some_and(|(_, fate)| *fate == Fate::Live);
    let mut left = before.difference(after).filter(is_live).peekable();
    if left.peek().is_none() {
        return Vec::new();
    }
    let remembered = remembered(mirror);
    left.filter(|value| !remembered.contains(*value)).map(|value| format!("{value} left the mirror")).collect()
}

/// True while nobody can tell what became of a write.
pub fn outbox_waits(mirror: &Mirror) -> bool {
    !rows(mirror.connection(), "SELECT id FROM outbox").is_empty()
}

/// What a mirror's conflicts remember of replaced values.
pub fn remembered(mirror: &Mirror) -> BTreeSet<String> {
    explained(mirror.connection())
}

/// What cards hold whose contacts a restored mirror does not know in the CRM yet, and has nothing of what the CRM holds of
/// them by now: a listing cannot tell who they are there, and it is read before the cards.
pub fn strangers(world: &World, mirror: &Mirror) -> BTreeSet<String> {
    let known_by = |texts: Vec<String>| {
        let identifying = |text: &String| world.ledger.typed.get(text).is_some_and(|(kind, _)| identifies(*kind));
        keys(texts).into_iter().filter(identifying).collect::<BTreeSet<_>>()
    };
    let mut found = BTreeSet::new();
    for shelf in &world.shelves {
        let book = format!("book-{}", shelf.number);
        for (remote, card) in shelf.contacts() {
            let crm_id = shelf.lock().crm_id(&remote).and_then(|id| id.parse().ok());
            let record = crm_id.and_then(|id| world.crm.store().record(id).expect("the CRM's state"));
            let agreed = mirror.agreement_by_remote(&book, &remote).expect("the mirror's agreements");
            let (Some(record), Some(agreed)) = (record, agreed) else { continue };
            let in_crm = mirror.agreement(CRM, agreed.contact).expect("the mirror's agreements");
            let held = mirror.contact(agreed.contact).expect("the mirror's contacts").expect("an agreed contact");
            if in_crm.is_none() && known_by(words(&held.contact)).is_disjoint(&known_by(texts(&record))) {
                found.extend(keys(words(&card)));
            }
        }
    }
    found
}

/// True for values that stand in lists.
fn is_entry(kind: Kind) -> bool {
    matches!(kind, Kind::Email | Kind::Phone | Kind::Street)
}

/// The fact that says how a list with such values is treated.
fn fact_about(kind: Kind) -> String {
    if kind == Kind::Street { "crm.lists_addresses".to_owned() } else { "crm.lists_items".to_owned() }
}

/// 1: as long as the CRM's list is another than the mirror's, a question says so.
fn unasked(mirror: &Mirror, stored: &[Stored], records: &[Record]) -> Vec<String> {
    let lists = |texts: &[String]| keys(texts.iter().filter(|text| !text.is_empty()).cloned().collect());
    let mut faults = Vec::new();
    for one in stored {
        let agreement = mirror.agreement(CRM, one.id).expect("the mirror's agreements");
        let Some(agreement) = agreement.filter(|agreement| !agreement.detached) else { continue };
        let Some(record) = records.iter().find(|record| record.id.to_string() == agreement.remote) else { continue };
        let there = [0, 1].map(|list| {
            lists(&record.lists[list].iter().filter_map(|entry| entry.values[1].clone()).collect::<Vec<_>>())
        });
        let streets: Vec<String> = one.contact.addresses.iter().map(|it| it.street_address.clone()).collect();
        let values: Vec<String> = one.contact.items.iter().map(|it| it.value.clone()).collect();
        if there == [lists(&streets), lists(&values)] {
            continue;
        }
        let question = mirror.attention_to(CRM, &one.uid, &AttentionKind::NotPersisted).expect("the questions");
        let is_asked = question.is_some_and(|row| row.state == State::Open);
        let is_disputed = !mirror.fields_in_conflict(one.id, CRM).expect("the conflicts").is_empty();
        if !is_asked && !is_disputed && mirror.outbox_of(one.id).expect("the outbox").is_empty() {
            faults.push(format!("the lists of {} differ from {}'s there, and nobody is asked", one.uid, record.id));
        }
    }
    faults
}

/// A telephone that has sent and fetched everything has what it is served.
fn behind(world: &World) -> Vec<String> {
    let differs = |phone: &&crate::devices::Phone| phone.served() != phone.believed();
    let phones = world.phones.all.iter().filter(differs);
    phones.map(|phone| format!("phone {} is behind what it is served", phone.shelf.number)).collect()
}

/// True for values that a person can be known by.
fn identifies(kind: Kind) -> bool {
    is_entry(kind) || kind == Kind::LastName
}

/// The field that such a value stands in, by the reference's name.
fn field_of(kind: Kind) -> &'static str {
    match kind {
        Kind::LastName => "last_name",
        Kind::FirstName => "first_name",
        Kind::JobTitle => "job_title",
        Kind::Department => "job_department",
        Kind::Comment => "comment",
        Kind::Email | Kind::Phone => "contact_items",
        Kind::Street => "contact_addresses",
    }
}

/// True for values that cannot be in that place.
fn cannot_hold(world: &World, place: &str, kind: Kind) -> bool {
    match (place, kind) {
        (CRM, Kind::Department) => world.crm.store().settings().has(Quirk::IgnoresDepartment),
        ("mirror" | CRM, _) => false,
        (book, Kind::Department) => world
            .shelves
            .iter()
            .filter(|shelf| format!("book-{}", shelf.number) == book)
            .any(|shelf| !shelf.capabilities.fields.contains(carnet::contact::Field::JobDepartment)),
        _ => false,
    }
}

/// Without a common memory nobody can tell two states of one person from two people, where cards carry no id.
fn may_be_two(world: &World, place: &Place, value: &str) -> bool {
    place.holding(value).iter().any(|record| !record.is_disjoint(&world.unmarked))
}

/// 1 and 3: in every place that can carry it, once.
fn alive(world: &World, places: &[Place], value: &str, kind: Kind) -> Option<String> {
    for place in places {
        match place.holding(value).len() {
            1 => {}
            2.. if may_be_two(world, place, value) => {}
            0 if cannot_hold(world, &place.name, kind) => {}
            count => return Some(format!("is in {count} contacts of {}", place.name)),
        }
    }
    None
}

/// 2: nowhere. A server that only appends keeps what a list had.
fn gone(world: &World, places: &[Place], value: &str, kind: Kind) -> Option<String> {
    let store = world.crm.store();
    let apart = store.settings().addresses.filter(|_| kind == Kind::Street);
    let appends = apart.unwrap_or(store.settings().lists) == Lists::Append;
    for place in places {
        let kept = place.name == CRM && appends && is_entry(kind);
        // What is two contacts now for want of a memory, was edited in one of them.
        let doubled = |record: &&BTreeSet<String>| !record.is_disjoint(&world.unmarked);
        if !place.holding(value).iter().all(|record| place.let_go.contains(*record) || doubled(record))
            && !kept
            && !cannot_hold(world, &place.name, kind)
        {
            return Some(format!("is back in {}", place.name));
        }
    }
    None
}

/// 2 for whole contacts: nowhere, unless with an edit that somebody made of the same contact.
fn gone_whole(world: &World, places: &[Place], value: &str, fate: Fate) -> Option<String> {
    for place in places {
        if place.name == CRM && fate == Fate::Detached {
            continue;
        }
        for record in place.holding(value) {
            let edited = record.iter().any(|other| {
                world.revivable.contains(other)
                    || world.ledger.typed.get(other).is_some_and(|(_, fate)| matches!(fate, Fate::Live | Fate::Excused))
            });
            if !edited && record.is_disjoint(&world.unmarked) {
                return Some(format!("is back in {}", place.name));
            }
        }
    }
    None
}

/// The values that a conflict explains, and those of contacts that wait for a person.
fn explained(conn: &Connection) -> BTreeSet<String> {
    let mut found = rows(conn, "SELECT base, here, there FROM conflicts");
    found.extend(rows(
        conn,
        "SELECT history.old FROM history JOIN conflicts ON conflicts.contact = history.contact
         WHERE conflicts.field IS NULL AND history.field IS NULL",
    ));
    found.extend(rows(
        conn,
        "SELECT last_name, first_name, comment, job_title, job_department, i.value, a.street_address
         FROM contacts c
         LEFT JOIN contact_items i ON i.contact = c.id LEFT JOIN contact_addresses a ON a.contact = c.id
         WHERE c.id IN (SELECT contact FROM attention WHERE kind <> 'untaken' AND state = 'open')
            OR c.id IN (SELECT contact FROM conflicts WHERE field IS NULL AND state = 'open')",
    ));
    found.extend(rows(conn, "SELECT payload FROM outbox WHERE state = 'parked'"));
    let mut keys = BTreeSet::new();
    for text in found.into_iter().flatten().flatten() {
        keys.insert(key(&text));
        // Lists and whole contacts stand there as JSON.
        keys.extend(text.split('"').map(key));
    }
    keys
}

/// While a creation is parked, contacts of the CRM that nobody is agreed on wait with it.
fn held_back(conn: &Connection, records: &[Record]) -> BTreeSet<String> {
    if rows(conn, "SELECT id FROM outbox WHERE state = 'parked'").is_empty() {
        return BTreeSet::new();
    }
    let agreed = rows(conn, "SELECT remote FROM agreements WHERE replica = 'crm'");
    let agreed: BTreeSet<String> = agreed.into_iter().flatten().flatten().collect();
    let waiting = records.iter().filter(|record| !agreed.contains(&record.id.to_string()));
    waiting.flat_map(texts).map(|text| key(&text)).collect()
}

/// What the CRM refuses to take of a contact, or to let go, stands on either side as it is: here, there and in the books.
fn refused(world: &World, conn: &Connection) -> BTreeSet<String> {
    let sql =
        "SELECT a.remote, o.payload FROM outbox o JOIN agreements a ON a.replica = o.replica AND a.contact = o.contact
               WHERE o.replica = 'crm' AND o.state = 'refused'";
    let mut found = BTreeSet::new();
    for row in rows(conn, sql) {
        let [Some(remote), Some(payload)] = row.as_slice() else { continue };
        let record = remote.parse().ok().and_then(|id| world.crm.store().record(id).expect("the CRM's state"));
        found.extend(record.iter().flat_map(texts).map(|text| key(&text)));
        // The contact as it was sent stands there as JSON.
        found.extend(payload.split('"').map(key));
    }
    if world.crm.store().settings().has(Quirk::ChecksFirms) {
        // A person has given them a firm that is no more: they are not made before another is chosen.
        let sql = "SELECT last_name, first_name, comment, job_title, job_department, i.value, a.street_address
             FROM contacts c
             LEFT JOIN contact_items i ON i.contact = c.id LEFT JOIN contact_addresses a ON a.contact = c.id
             WHERE c.id IN (SELECT contact FROM outbox WHERE action = 'create' AND state = 'refused')";
        found.extend(rows(conn, sql).into_iter().flatten().flatten().map(|text| key(&text)));
    }
    found
}

/// Cards that could be several people wait for a user's decision.
fn left_alone(world: &World, conn: &Connection) -> BTreeSet<String> {
    let asked = rows(conn, "SELECT replica, remote FROM attention WHERE kind = 'ambiguous' AND state = 'open'");
    let asked: BTreeSet<Vec<Option<String>>> = asked.into_iter().collect();
    let mut texts = Vec::new();
    for shelf in &world.shelves {
        let waits =
            |remote: &String| asked.contains(&vec![Some(format!("book-{}", shelf.number)), Some(remote.clone())]);
        let waiting = shelf.contacts().into_iter().filter(|(remote, _)| waits(remote));
        texts.extend(waiting.flat_map(|(_, contact)| words(&contact)));
    }
    texts.iter().map(|text| key(text)).collect()
}

/// A column's value as text; SQLite's NULL is none.
fn text(row: &Row<'_>, column: usize) -> Option<String> {
    match row.get_ref(column).expect("a column") {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// The rows of a query, each column as text.
fn rows(conn: &Connection, sql: &str) -> Vec<Vec<Option<String>>> {
    let mut found = Vec::new();
    for_each_row(conn, sql, |row| found.push((0..row.as_ref().column_count()).map(|at| text(row, at)).collect()));
    found
}

fn for_each_row(conn: &Connection, sql: &str, mut f: impl FnMut(&Row<'_>)) {
    let mut select = conn.prepare_cached(sql).expect("a query");
    let mut found = select.query([]).expect("a query");
    while let Some(row) = found.next().expect("a row") {
        f(row);
    }
}

/// 9: the file is whole.
fn damage(conn: &Connection) -> Vec<String> {
    let whole = rows(conn, "PRAGMA integrity_check");
    let mut faults = Vec::new();
    if whole != [[Some("ok".to_owned())]] {
        faults.push(format!("integrity_check: {whole:?}"));
    }
    faults.extend(rows(conn, "PRAGMA foreign_key_check").into_iter().map(|row| format!("foreign_key_check: {row:?}")));
    faults
}

/// A digest of every row that a run without need must leave alone: all but the run log.
pub fn digest(mirror: &Mirror) -> u64 {
    let conn = mirror.connection();
    let tables = rows(
        conn,
        "SELECT name, 'SELECT * FROM ' || name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'runs'",
    );
    let mut hasher = DefaultHasher::new();
    for table in tables {
        table.hash(&mut hasher);
        let sql = table[1].as_deref().expect("the select of a table");
        for_each_row(conn, sql, |row| (0..row.as_ref().column_count()).for_each(|at| hash(row, at, &mut hasher)));
    }
    hasher.finish()
}

fn hash(row: &Row<'_>, column: usize, hasher: &mut DefaultHasher) {
    let value = row.get_ref(column).expect("a column");
    mem::discriminant(&value).hash(hasher);
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(number) => number.hash(hasher),
        ValueRef::Real(number) => number.to_bits().hash(hasher),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(hasher),
    }
}

/// What the mirror knows of how the server treats lists, for a history that is told.
pub fn facts_about_lists(mirror: &Mirror) -> Vec<String> {
    let facts = rows(mirror.connection(), "SELECT 'facts', * FROM facts WHERE key LIKE 'crm.lists%'");
    facts.into_iter().map(|row| format!("{row:?}")).collect()
}
