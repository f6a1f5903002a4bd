//! Every statement of the mirror, explained: none may read a whole table that grows, but for those named here.
//!
//! Statements are collected where they are prepared. The mirror's own source says which there are: one that this test
//! does not reach fails it.

use std::{cell::RefCell, collections::BTreeSet};

use super::*;
use crate::contact::{self, Contact};

/// Deliberate whole reads: how the statement begins and ends, the one step allowed, and why.
const WHOLE_READS: [(&str, &str, &str, &str); 19] = [
    ("DELETE FROM absences", "absences", "SCAN absences", "a few rows, and only once a mirror was restored"),
    ("SELECT contact, value", "IS NOT NULL", "SCAN contact_items", "free text search"),
    ("SELECT c.id, c.last_name", "", "SCAN c", "listing and searching: every living contact is wanted"),
    ("SELECT c.id FROM contacts c WHERE", "ORDER BY c.id", "SCAN c", "only when counts say that some are unagreed"),
    ("SELECT count(*) FROM agreements a JOIN", "= 'crm'", "SCAN c", "only while a creation is unexplained"),
    ("SELECT (SELECT count(*) FROM contacts)", "", "SCAN contacts", "counting, which SQLite does page by page"),
    ("SELECT id FROM contacts WHERE created_run", "", "SCAN contacts", "only when a person takes a run back"),
    ("SELECT id, run, at, contact, replica", "LIMIT ?1", "SCAN conflicts", "newest first, up to a limit"),
    ("SELECT o.uid, o.contact FROM other_uids o", "", "SCAN o", "an import wants to know them all"),
    ("SELECT id, replica, activity", "ORDER BY id", "SCAN problems", "a few rows, whatever fails"),
    ("SELECT count(*) FROM problems", "", "SCAN problems", "likewise"),
    ("SELECT count(*) FROM firms", "", "SCAN firms", "before a listing of all of them"),
    ("SELECT id, name, revision FROM firms", "ORDER BY id", "SCAN firms", "all are wanted"),
    ("UPDATE firms SET revision", "<> ''", "SCAN firms", "once in the life of a mirror"),
    ("SELECT DISTINCT c.firm_id", "LIMIT ?1", "SCAN c", "an index of short texts, once a run"),
    ("SELECT c.id FROM contacts c INDEXED BY contacts_by_firm", "<> ''", "SCAN c", "likewise"),
    ("SELECT key, name, sent_uptime", "ORDER BY key", "SCAN firm_creations", "a few rows"),
    ("SELECT id, command", "LIMIT ?1", "SCAN runs", "newest first, up to a limit"),
    (
        "SELECT id, run, at, contact",
        "FROM history\n                 ORDER BY id DESC LIMIT ?1",
        "SCAN history",
        "likewise",
    ),
];
/// Partial indexes hold the few rows that matter: reading all of one is the point.
const SMALL_INDEXES: [&str; 5] =
    ["contacts_deleted", "contacts_with_company", "conflicts_open", "attention_open", "decisions_noted"];

const SOURCES: [&str; 22] = [
    include_str!("absences.rs"),
    include_str!("addresses.rs"),
    include_str!("agreements.rs"),
    include_str!("attention.rs"),
    include_str!("company_cards.rs"),
    include_str!("conflicts.rs"),
    include_str!("contacts.rs"),
    include_str!("decisions.rs"),
    include_str!("facts.rs"),
    include_str!("firms.rs"),
    include_str!("history.rs"),
    include_str!("items.rs"),
    include_str!("marks.rs"),
    include_str!("match_keys.rs"),
    include_str!("outbox.rs"),
    include_str!("cursors.rs"),
    include_str!("spill.rs"),
    include_str!("pending.rs"),
    include_str!("problems.rs"),
    include_str!("runs.rs"),
    include_str!("search.rs"),
    include_str!("uids.rs"),
];

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Called for every statement that is prepared.
pub(super) fn note(sql: &str) {
    SEEN.with_borrow_mut(|seen| {
        if !seen.contains(sql) {
            seen.insert(sql.to_owned());
        }
    });
}

#[test]
fn no_statement_reads_a_whole_table_unawares() {
    let mut mirror = Mirror::in_memory().unwrap();
    use_everything(&mut mirror).unwrap();
    let seen = SEEN.take();
    for literal in SOURCES.iter().flat_map(|source| statements(source)) {
        assert!(seen.iter().any(|sql| sql.starts_with(literal)), "not reached by this test: {literal}");
    }
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    for sql in seen.iter().filter(|sql| verbs.iter().any(|verb| sql.starts_with(verb))) {
        let scans = scans(&mirror, sql);
        let meant = |scan: &String| {
            let same = |(start, end, step, _): &(&str, &str, &str, &str)| {
                sql.starts_with(start) && sql.ends_with(end) && scan.split(" USING").next() == Some(step)
            };
            WHOLE_READS.iter().any(same)
        };
        assert!(scans.iter().all(meant), "{sql}\n{scans:?}");
    }
}

#[test]
fn the_test_can_fail() {
    let mirror = Mirror::in_memory().unwrap();
    for sql in [
        "SELECT * FROM agreements WHERE marks = ?1",
        "SELECT * FROM agreements WHERE remote = ?1",
        "DELETE FROM history WHERE at < ?1",
    ] {
        assert!(!scans(&mirror, sql).is_empty(), "{sql}");
    }
}

/// The steps of a statement's plan that read a whole table or a whole large index.
fn scans(mirror: &Mirror, sql: &str) -> Vec<String> {
    let mut explain = mirror.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for parameter in 1..=explain.parameter_count() {
        explain.raw_bind_parameter(parameter, "1").unwrap();
    }
    let mut rows = explain.raw_query();
    let mut scans = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get(3).unwrap();
        let small = SMALL_INDEXES.iter().any(|index| step.contains(index));
        if step.starts_with("SCAN") && step != "SCAN CONSTANT ROW" && !small {
            scans.push(step);
        }
    }
    scans
}

/// The SQL literals of a source file, each up to its end or its first inserted part.
fn statements(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.match_indices('"').map(|(at, _)| &code[at + 1..]).filter_map(|rest| {
        let verbs = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];
        let literal = rest.split(['"', '{']).next()?;
        verbs.iter().any(|verb| literal.starts_with(verb)).then_some(literal)
    })
}

fn use_match_keys(mirror: &Mirror, id: ContactId) -> Result<()> {
    mirror.forget_match_keys(1)?;
    mirror.add_match_holder(1, 7, id)?;
    mirror.put_match_keys(1, id, "lovelace", &[7])?;
    mirror.match_holders(1, 7, 1)?;
    mirror.last_match_holder(1, 7)?;
    mirror.match_keys(1, id)?;
    mirror.remove_match_holder(1, 7, id)
}

fn use_everything(mirror: &mut Mirror) -> Result<()> {
    let at = "2026-01-01T00:00:00Z";
    let mut contact = Contact { last_name: "Lovelace".into(), ..Contact::default() };
    contact.addresses.push(crate::contact::Address::new(crate::contact::AddressType::Other));
    contact.items.push(crate::contact::Item::new(crate::contact::ItemType::Icq, "1"));
    let id = mirror.insert_contact("uid", &contact, "crm", 1, at)?;
    let agreement = Agreement {
        contact: id,
        remote: "1".into(),
        revision: "r".into(),
        theirs: contact.clone(),
        ours: contact,
        version: 1,
        detail: None,
        detached: false,
        marks: String::new(),
    };
    mirror.put_agreement("crm", &agreement)?;
    mirror.put_agreement("cards", &Agreement { marks: "uid|1".into(), ..agreement })?;
    mirror.forget_crm_id_in_books(id)?;
    mirror.locally_deleted_in("crm")?;
    mirror.delete_agreement("cards", id)?;
    mirror.set_revision("crm", "1", "s")?;
    mirror.crm_newcomers_above(1)?;
    mirror.outbox_of(id)?;
    mirror.agreements_of(id)?;
    mirror.agreement_by_remote("crm", "1")?;
    mirror.count_known("crm")?;
    mirror.for_each_known("crm", &mut |_, _| {})?;
    mirror.revision_of("crm", "1")?;
    mirror.first_followed("crm", &|_| false)?;
    mirror.crm_newcomers(1)?;
    mirror.count_agreements("crm")?;
    mirror.pending("crm")?;
    mirror.pending("cards")?;
    mirror.contact_by_uid("uid")?;
    mirror.contact_by_crm_id("1")?;
    let value = |name: &str| match name {
        "civility_label_id" => "mr",
        "contact_type" | "address_type" => "other",
        "type_id" => "icq",
        _ => "1",
    };
    let names = || contact::Filter::names().chain(["id", "uid", "q"]);
    let set: Vec<_> = names().map(|name| (name.to_owned(), value(name).to_owned())).collect();
    let unset: Vec<_> = names().map(|name| (name.to_owned(), String::new())).collect();
    for pairs in [&set, &unset] {
        let search = Search::by(pairs).expect("every name and value is known");
        mirror.for_each_contact(&Search { find: Some("x".into()), ..search }, &mut |_| Ok(()))?;
    }
    mirror.companies(1)?;
    mirror.add_other_uid("a", id, 1)?;
    mirror.contact_by_other_uid("a")?;
    mirror.for_each_other_uid(&mut |_, _| Ok(()))?;
    mirror.contacts_after(0, 1)?;
    mirror.origin(id)?;
    use_match_keys(mirror, id)?;
    mirror.forget_other_uids_of(1)?;
    mirror.touch_contact(id)?;
    mirror.update_contact(id, &Contact::default(), at)?;
    mirror.delete_contact(id, at)?;
    mirror.delete_agreement("crm", id)?;
    use_small_tables(mirror, id)?;
    mirror.purge_forgotten()?;
    mirror.purge_contact(id)
}

fn use_small_tables(mirror: &mut Mirror, contact: ContactId) -> Result<()> {
    let text = String::new;
    mirror.set_fact("key", "value")?;
    mirror.fact("key")?;
    mirror.forget_fact("key")?;
    let run = mirror.begin_run("sync", "")?;
    mirror.finish_run(run, "", "done", 0, "{}")?;
    mirror.run(run)?;
    mirror.last_run()?;
    let (kind, kept) = ("update".to_owned(), "here".to_owned());
    let uid = "uid".to_owned();
    let (field, old, new) = (None, None, None);
    mirror.record(&HistoryRow { run, at: text(), contact, uid, source: text(), field, old, new, kind })?;
    mirror.history(None, 1)?;
    mirror.history(Some(contact), 1)?;
    mirror.history_of_run(run)?;
    mirror.history_of_field((contact, "city"), 1)?;
    mirror.change(1)?;
    let (field, base, here, there) = (None, None, None, None);
    let (at, replica, state) = (text(), "crm".to_owned(), State::Open);
    let id = mirror.add_conflict(&ConflictRow {
        id: 0,
        run,
        at,
        contact,
        replica: replica.clone(),
        field,
        base,
        here,
        there,
        kept,
        state,
    })?;
    mirror.settle_conflict(id, "there")?;
    mirror.conflict(id)?;
    mirror.conflicts_of(contact, "crm")?;
    mirror.conflicts(1)?;
    mirror.fields_in_conflict(contact, "crm")?;
    mirror.created_in(run)?;
    mirror.first_seen_in(contact)?;
    mirror.open_conflicts()?;
    mirror.count_open_conflicts()?;
    let remote = "1".to_owned();
    mirror.put_absence(&AbsenceRow {
        replica: replica.clone(),
        remote,
        contact,
        strikes: 1,
        first_at: text(),
        first_uptime: text(),
        last_run: run,
    })?;
    mirror.absence("crm", "1")?;
    mirror.absences("crm")?;
    mirror.clear_absence("crm", "1")?;
    mirror.forget_absences()?;
    mirror.put_cursor_note("crm", "page/1", "{}")?;
    mirror.cursor_note("crm", "page/1")?;
    mirror.for_each_cursor_note("crm", &mut |_, _| {})?;
    mirror.put_cursor_note("crm", "page/1", "")?;
    mirror.forget_cursors()?;
    mirror.forget_noted()?;
    mirror.spill(1, 0, &super::Spilled { record: text(), source: None })?;
    mirror.spilled(1, 0, 1)?;
    mirror.forget_spilled(1)?;
    use_attention(mirror, run, replica.clone(), state)?;
    mirror.problems()?;
    mirror.count_problems()?;
    mirror.problems_of("crm", Activity::Read)?;
    mirror.put_problem(&ProblemRow {
        id: 0,
        replica: replica.clone(),
        activity: Activity::Read,
        first: ProblemSubject { place: text(), contact: None, message: text() },
        others: Vec::new(),
        count: 1,
        hint: None,
        first_run: run,
        last_run: run,
    })?;
    mirror.forget_problem(1)?;
    use_firms(mirror, run)?;
    let row = OutboxRow {
        id: 0,
        replica,
        contact,
        action: OutboxAction::Create,
        state: OutboxState::Sent,
        payload: text(),
        highest_id: None,
        sent_at: text(),
        sent_uptime: text(),
        attempts: 1,
        error: None,
    };
    let id = mirror.put_outbox(&row)?;
    mirror.update_outbox(&OutboxRow { id, ..row })?;
    mirror.outbox("crm")?;
    mirror.count_outbox("crm")?;
    mirror.delete_outbox(id)
}

fn use_firms(mirror: &mut Mirror, run: i64) -> Result<()> {
    let text = || "1".to_owned();
    mirror.put_firm(&FirmRow {
        id: text(),
        name: text(),
        key: text(),
        details: text(),
        revision: text(),
        gone: false,
    })?;
    mirror.firm_name("1")?;
    mirror.firm_details("1")?;
    mirror.firm_as_written("1")?;
    mirror.firm_revision("1")?;
    mirror.firms_named("1")?;
    mirror.count_firms()?;
    mirror.for_each_firm(&mut |_, _, _| {})?;
    mirror.firm_is_gone("1")?;
    mirror.members_shown("1", "1")?;
    mirror.count_members("1")?;
    mirror.unknown_firms(1)?;
    mirror.contacts_stamp()?;
    mirror.members_without_company()?;
    mirror.companies_without_firm()?;
    mirror.put_firm_creation(&FirmCreation { key: text(), name: text(), sent_uptime: text() }, run)?;
    mirror.firm_creations()?;
    mirror.forget_firm_creation("1")?;
    use_company_cards(mirror)
}

fn use_company_cards(mirror: &mut Mirror) -> Result<()> {
    let (firm, remote, revision, written) = Default::default();
    let card = FirmCard { firm, remote, revision, written, theirs: Contact::default(), state: CardState::Known };
    let card = FirmCard { remote: "1".to_owned(), firm: "1".to_owned(), ..card };
    mirror.put_firm_card("team", &card)?;
    mirror.firm_card("team", "1")?;
    mirror.card_of_firm("team", "1")?;
    mirror.firm_card_revision("team", "1")?;
    mirror.count_firm_cards("team")?;
    mirror.for_each_firm_card("team", &mut |_, _| {})?;
    mirror.set_firm_card_missing("team", "1", true)?;
    mirror.missing_firm_cards("team", 1)?;
    mirror.note_own_company_card("team", "2", "1")?;
    mirror.own_company_cards("team")?;
    mirror.firms_to_show("team", "", 1)?;
    mirror.firms_as_written("", 1)?;
    mirror.firm_cards_to_remove("team", true, ("", 1))?;
    mirror.forget_company_card("team", "1")?;
    mirror.forget_firm_revisions()?;
    mirror.forget_cursor("team")
}

fn use_attention(mirror: &mut Mirror, run: i64, replica: String, state: State) -> Result<()> {
    let (remote, attention, kind) = ("1".to_owned(), Attention::LostCreation, AttentionKind::LostCreation);
    mirror.raise(&AttentionRow { id: 0, run, replica, remote, contact: None, attention, state })?;
    mirror.attention_to("crm", "1", &kind)?;
    mirror.open_attention()?;
    mirror.attention(1)?;
    mirror.count_open_attention()?;
    mirror.attention_about("crm")?;
    mirror.settle_attention("crm", "1", &kind)?;
    mirror.clear_attention("crm", "1", &kind)?;
    mirror.note_decision(ItemId::Attention(1), true, &Decision::Dismiss, "")?;
    mirror.noted_decisions()?;
    mirror.put_standing("crm", "1", &Standing::New, (run, ""))?;
    mirror.standing("crm", "1", StandingKind::New)?;
    mirror.records_with_standing("crm")?;
    mirror.clear_standing("crm", "1", StandingKind::New)
}
