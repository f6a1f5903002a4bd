//! What must be so once carnet has come to rest, whatever happened before: nothing lost, nothing doubled, nothing back
//! that was deleted, every place the same, and nothing left to do.
//!
//! It reads the places as text and compares them with the ledger; it knows nothing of how carnet works.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    ledger::{Typed, tokens},
    world::{Held, Place, Run, World, files},
};

/// Runs that may be needed to come to rest.
const RUNS_MAX: usize = 60;
/// How long that may take: a creation whose answer was lost waits for twice the time of a request, twice.
const REST_MAX: Duration = Duration::from_secs(60);
/// Between two runs while something waits for its time.
const PAUSE: Duration = Duration::from_millis(250);

/// What may be so besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leave {
    /// Contacts may be parked, and cards set aside: something that only a person can tell apart happened.
    pub a_person_is_needed: bool,
}

/// Lets carnet run until nothing changes any more, then judges. The error says what is wrong, all of it.
pub fn check(world: &World, leave: Leave) -> Result<(), String> {
    let io = |error: io::Error| error.to_string();
    come_to_rest(world, leave)?;
    let mut wrong = Vec::new();
    let conflicts = mirror_is_sound(world, leave, &mut wrong).map_err(|error| format!("the mirror: {error}"))?;
    let mut places = BTreeMap::new();
    for place in Place::ALL {
        let held = by_name(place, world.held(place).map_err(io)?, &mut wrong);
        places.insert(place, held);
    }
    for (name, living) in world.ledger.living() {
        judge(world, &places, &conflicts, (name, &living), &mut wrong);
    }
    no_strangers(world, &places, &mut wrong);
    no_stray_files(world, leave, &mut wrong).map_err(io)?;
    stays_at_rest(world, &mut wrong).map_err(io)?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn come_to_rest(world: &World, leave: Leave) -> Result<(), String> {
    let began = Instant::now();
    let mut last = None;
    for _ in 0..RUNS_MAX {
        let run = world.sync().map_err(|error| error.to_string())?;
        if run.told.contains("panicked") {
            return Err(format!("it panicked: {}", run.told));
        }
        let waits = waiting(world).map_err(|error| format!("the mirror: {error}"))?;
        if is_at_rest(&run, leave) && !waits {
            return Ok(());
        }
        if began.elapsed() > REST_MAX {
            last = Some(run);
            break;
        }
        if waits {
            sleep(PAUSE);
        }
        last = Some(run);
    }
    let run = last.map(|run| format!("exit {:?}\n{}{}", run.code, run.out, run.told)).unwrap_or_default();
    Err(format!("it never came to rest; the last run:\n{run}"))
}

fn is_at_rest(run: &Run, leave: Leave) -> bool {
    let summary = run.summary();
    let nothing = |key: &str| summary[key].as_object().is_some_and(serde_json::Map::is_empty);
    let asked_only = leave.a_person_is_needed && run.code == Some(3);
    run.is_quiet() || (asked_only && ["created", "updated", "deleted"].into_iter().all(nothing))
}

/// True while something is still to be found out: a creation without an answer, an absence seen once.
fn waiting(world: &World) -> rusqlite::Result<bool> {
    let sql =
        "SELECT (SELECT count(*) FROM outbox WHERE state IN ('sent', 'unknown')) + (SELECT count(*) FROM absences)";
    world.mirror()?.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? > 0))
}

/// Every text of the ledger in the conflicts and the history.
fn mirror_is_sound(world: &World, leave: Leave, wrong: &mut Vec<String>) -> rusqlite::Result<BTreeSet<String>> {
    let mirror = world.mirror()?;
    let sound: String = mirror.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        wrong.push(format!("integrity_check: {sound}"));
    }
    let all = |sql: &str| -> rusqlite::Result<Vec<String>> {
        let mut select = mirror.prepare(sql)?;
        let rows = select.query_map([], |row| row.get::<_, Option<String>>(0))?;
        rows.map(|text| Ok(text?.unwrap_or_default())).collect()
    };
    for table in all("SELECT \"table\" FROM pragma_foreign_key_check")? {
        wrong.push(format!("foreign_key_check: {table}"));
    }
    if !leave.a_person_is_needed {
        for row in all("SELECT action || ' ' || state || ' ' || coalesce(error, '') FROM outbox")? {
            wrong.push(format!("left in the outbox: {row}"));
        }
    }
    let kept = "SELECT concat_ws(' ', base, here, there) FROM conflicts
                UNION ALL SELECT concat_ws(' ', old, new) FROM history";
    Ok(all(kept)?.iter().flat_map(|text| tokens(text)).collect())
}

type Places = BTreeMap<Place, BTreeMap<String, BTreeSet<String>>>;

fn by_name(place: Place, all: Vec<Held>, wrong: &mut Vec<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut named = BTreeMap::new();
    for Held { names, tokens } in all {
        match names.as_slice() {
            [name] => {
                if named.insert(name.clone(), tokens).is_some() {
                    wrong.push(format!("{place:?} holds {name} twice"));
                }
            }
            names => wrong.push(format!("{place:?} holds a record with the names {names:?}")),
        }
    }
    named
}

fn judge(
    world: &World,
    places: &Places,
    conflicts: &BTreeSet<String>,
    (name, living): (&str, &[&Typed]),
    wrong: &mut Vec<String>,
) {
    let deleted = world.ledger.deleted.contains(name);
    let holding: Vec<Place> = Place::ALL.into_iter().filter(|place| places[place].contains_key(name)).collect();
    // Gone from the CRM and edited in a book: the books keep it, and a person is asked.
    let parted = deleted && !living.is_empty() && holding == Place::ALL[1..] && conflicts.contains(name);
    let parked = is_parked(world, name) && holding == Place::ALL[1..];
    if !holding.is_empty() && holding.len() < Place::ALL.len() && !parted && !parked {
        wrong.push(format!("{name} is held by {holding:?} only"));
    }
    if deleted && living.is_empty() && !holding.is_empty() {
        wrong.push(format!("{name} was deleted and is back in {holding:?}"));
    }
    if !deleted && holding.is_empty() {
        wrong.push(format!("{name} is lost: no place holds it"));
    }
    let at_rest = |typed: &Typed| holding.iter().all(|place| shows(world, &places[place][name], *place, typed));
    for typed in living {
        let rivals: Vec<_> = living.iter().filter(|other| other.field == typed.field).collect();
        let contested = rivals.len() > 1 && !typed.field.is_list();
        let may_have_lost = contested || deleted || typed.is_unsure;
        let kept = (!holding.is_empty() && at_rest(typed)) || (may_have_lost && conflicts.contains(typed.token()));
        if !kept {
            let held: Vec<&Place> = holding.iter().filter(|at| places[at][name].contains(typed.token())).collect();
            let history = conflicts.contains(typed.token());
            wrong.push(format!("{typed} is lost: held by {held:?}, in the history: {history}"));
        }
        if contested && !holding.is_empty() && !rivals.iter().any(|rival| rival.is_unsure || at_rest(rival)) {
            wrong.push(format!("{:?} of {name} holds none of what was typed into it", typed.field));
        }
    }
    for typed in world.ledger.typed.iter().filter(|typed| typed.contact == name && typed.superseded) {
        let back: Vec<&Place> = holding.iter().filter(|at| places[at][name].contains(typed.token())).collect();
        if !back.is_empty() && !deleted && !typed.is_unsure {
            wrong.push(format!("{typed} was replaced and is back in {back:?}"));
        }
    }
    if let Some((first, rest)) = holding.split_first() {
        for place in rest {
            differ(world, (*first, &places[first][name]), (*place, &places[place][name]), wrong);
        }
    }
}

/// Whether a place shows a value; a table shows the first of several entries of one kind.
fn shows(world: &World, held: &BTreeSet<String>, place: Place, typed: &Typed) -> bool {
    held.contains(typed.token()) || (place == Place::Sheet && shown_instead(world, held, typed))
}

fn shown_instead(world: &World, held: &BTreeSet<String>, typed: &Typed) -> bool {
    let same_kind = |other: &&Typed| other.contact == typed.contact && other.field == typed.field;
    typed.field.is_list() && world.ledger.typed.iter().filter(same_kind).any(|other| held.contains(other.token()))
}

fn differ(
    world: &World,
    (one, ones): (Place, &BTreeSet<String>),
    (other, others): (Place, &BTreeSet<String>),
    wrong: &mut Vec<String>,
) {
    for token in ones.symmetric_difference(others) {
        let typed = world.ledger.typed.iter().find(|typed| typed.token() == token);
        if !typed.is_some_and(|typed| other == Place::Sheet && shown_instead(world, others, typed)) {
            let what = typed.map_or_else(|| token.clone(), Typed::to_string);
            wrong.push(format!("{one:?} and {other:?} differ in {what}"));
        }
    }
}

fn is_parked(world: &World, name: &str) -> bool {
    let sql = "SELECT count(*) FROM outbox JOIN contacts ON contacts.id = outbox.contact
               WHERE outbox.state = 'parked' AND contacts.last_name = ?1";
    let count = world.mirror().and_then(|mirror| mirror.query_row(sql, [name], |row| row.get::<_, i64>(0)));
    count.is_ok_and(|count| count > 0)
}

fn no_strangers(world: &World, places: &Places, wrong: &mut Vec<String>) {
    let known = world.ledger.living();
    for (place, held) in places {
        for name in held.keys().filter(|name| !known.contains_key(name.as_str())) {
            wrong.push(format!("{place:?} holds {name}, which nobody made"));
        }
    }
}

fn no_stray_files(world: &World, leave: Leave, wrong: &mut Vec<String>) -> io::Result<()> {
    for folder in ["cards", "phone", "sheet", "state", "."] {
        for path in files(&world.path(folder))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let saved = name.contains("carnet-saved");
            if name.ends_with(".tmp") || (saved && !leave.a_person_is_needed) {
                wrong.push(format!("{folder} holds the file {name}"));
            }
        }
    }
    Ok(())
}

fn stays_at_rest(world: &World, wrong: &mut Vec<String>) -> io::Result<()> {
    let before = world.snapshot()?;
    world.crm().clear_log();
    world.sync()?;
    let writes = world.crm().log().into_iter().filter(|request| request.method != "GET");
    wrong.extend(writes.map(|request| format!("at rest, it sent {} {}", request.method, request.path)));
    let after = world.snapshot()?;
    for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        if before.get(path) != after.get(path) {
            wrong.push(format!("at rest, it wrote {}", path.display()));
        }
    }
    Ok(())
}
