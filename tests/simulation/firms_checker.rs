//! What must hold of firms when a history has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    contact::Contact,
    mirror::{AttentionKind, Mirror, State, Stored},
    sandbox::{Quirk, Record},
    sync::{CRM, FirmPolicy},
};

use crate::{
    firms::{FIRM_ID, Firms},
    ledger::key,
    world::World,
};

/// Everything that is wrong with firms, in words.
pub fn check(world: &World, mirror: &Mirror, stored: &[Stored], records: &[Record]) -> Vec<String> {
    let Some(firms) = &world.firms else { return Vec::new() };
    let mut faults = renames_in_history(firms, mirror);
    let settings = world.crm.store().settings().clone();
    if settings.has(Quirk::FirmsForbidden) || settings.has(Quirk::FirmsMissing) {
        return faults;
    }
    let store = world.crm.store();
    let ids = store.firm_ids().expect("the CRM's state");
    let name = |id: &i64| store.firm_name(*id).expect("the CRM's state").unwrap_or_default();
    let names: BTreeMap<String, String> = ids.iter().map(|id| (id.to_string(), name(id))).collect();
    // A CRM that has no firm, nor had one that carnet saw, is one without firms: companies stay as they are typed.
    let is_without = names.is_empty() && mirror.count_firms().expect("the mirror's firms") == 0;
    if is_without && firms.policy == FirmPolicy::Read {
        return faults;
    }
    let records: BTreeMap<String, &Record> = records.iter().map(|record| (record.id.to_string(), record)).collect();
    for one in stored {
        if waits(mirror, one) {
            continue;
        }
        let agreement = mirror.agreement(CRM, one.id).expect("the mirror's agreements");
        let Some(agreement) = agreement.filter(|agreement| !agreement.detached) else { continue };
        let Some(record) = records.get(&agreement.remote) else { continue };
        let there = record.scalars[FIRM_ID].clone().unwrap_or_default();
        if there != one.contact.firm_id {
            faults.push(format!("{} is of firm {:?}, and of {there:?} in the CRM", one.uid, one.contact.firm_id));
        }
        faults.extend(company(mirror, &one.contact, &names).map(|wrong| format!("{}: {wrong}", one.uid)));
        faults.extend(cards(world, mirror, one));
    }
    faults
}

/// The firm's name, or what was typed and waits.
fn company(mirror: &Mirror, contact: &Contact, names: &BTreeMap<String, String>) -> Option<String> {
    let Contact { firm_id, company, .. } = contact;
    let own = names.get(firm_id);
    if own == Some(company) || (company.is_empty() && own.is_none_or(String::is_empty)) {
        return None;
    }
    // A firm that is no more leaves its name.
    if own.is_none() && mirror.firm_name(firm_id).expect("the mirror's firms").as_ref() == Some(company) {
        return None;
    }
    let asked = mirror.attention_to(CRM, company, &AttentionKind::NoFirm).expect("the questions");
    let is_asked = asked.is_some_and(|row| row.state == State::Open);
    let named: Vec<&String> = names.values().filter(|name| key(name) == key(company)).collect();
    if firm_id.is_empty() && named.len() == 1 {
        return Some(format!("{company:?} waits although there is a firm of this name"));
    }
    (!is_asked).then(|| format!("{company:?} is not the name of firm {firm_id:?}, {own:?}, and nobody is asked"))
}

fn cards(world: &World, mirror: &Mirror, one: &Stored) -> Vec<String> {
    let mut faults = Vec::new();
    for shelf in &world.shelves {
        let agreed = mirror.agreement(&format!("book-{}", shelf.number), one.id).expect("the mirror's agreements");
        let Some(agreed) = agreed.filter(|agreed| !agreed.detached) else { continue };
        let shown = shelf.lock().contact(&agreed.remote).map(|card| card.company.clone());
        if let Some(shown) = shown.filter(|shown| *shown != one.contact.company) {
            faults.push(format!(
                "card {} of book {} shows {shown:?}, not {:?}",
                agreed.remote, shelf.number, one.contact.company
            ));
        }
    }
    faults
}

/// True for a contact about which a person is asked, or whose write is refused.
fn waits(mirror: &Mirror, one: &Stored) -> bool {
    let conn = mirror.connection();
    let count = |sql: &str| -> i64 {
        let mut select = conn.prepare_cached(sql).expect("a query");
        select.query_row([one.id], |row| row.get(0)).expect("a query")
    };
    count("SELECT count(*) FROM conflicts WHERE contact = ?1 AND state = 'open'") > 0
        || count("SELECT count(*) FROM attention WHERE contact = ?1 AND state = 'open'") > 0
        || count("SELECT count(*) FROM outbox WHERE contact = ?1") > 0
}

/// A firm's other name is nobody's edit.
fn renames_in_history(firms: &Firms, mirror: &Mirror) -> Vec<String> {
    let mut select = mirror
        .connection()
        // Who is moved to another firm gets its name, whatever names the one before had.
        .prepare_cached(
            "SELECT contact, old, new FROM history h WHERE field = 'company' AND kind = 'update' AND NOT EXISTS
                 (SELECT 1 FROM history m WHERE m.run = h.run AND m.contact = h.contact AND m.field = 'firm_id')",
        )
        .expect("a query");
    let rows = select.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default(), row.get::<_, Option<String>>(2)?))
    });
    let rows = rows.expect("a query").map(|row| row.expect("a row"));
    let typed: BTreeSet<String> = firms.companies.iter().map(|company| key(company)).collect();
    let is_rename = |(_, old, new): &(i64, String, Option<String>)| {
        let new = new.clone().unwrap_or_default();
        ![old, &new].iter().any(|company| typed.contains(&key(company)))
            && firms.names.values().any(|names| names.contains(old) && names.contains(&new) && *old != new)
    };
    rows.filter(is_rename).map(|row| format!("a firm's new name is in the history: {row:?}")).collect()
}
