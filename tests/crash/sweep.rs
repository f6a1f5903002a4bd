//! A scripted sync, struck at every system call that writes: killed, on a full disk, on a failing one. Then started again
//! until it rests, and judged.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use super::{
    budget,
    chance::Chance,
    checker::{Leave, check},
    ledger::Field,
    script::{before_the_first_sync, everybody_edits},
    trace::{self, Blow, Stop, Traced},
    world::{Place, Run, World},
};

/// The calls by which carnet, SQLite and the HTTP client change something outside, and the one that brings answers.
const KILLED_AT: [&str; 15] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
    "writev",
    "sendto",
    "sendmsg",
    "recvfrom",
];
/// Those that a disk may refuse.
const REFUSED_AT: [&str; 11] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
];
/// Those that a failing disk may refuse besides.
const READ_AT: [&str; 2] = ["read", "pread64"];

/// Names one stop, to repeat it alone.
const STOP: &str = "CARNET_STOP";

#[test]
fn killed_at_any_moment_nothing_is_lost() {
    sweep("killed_at_any_moment", everybody_edits, Blow::Kill, &KILLED_AT, 36);
}

#[test]
fn killed_in_the_first_sync_nothing_is_lost() {
    sweep("killed_in_the_first_sync", before_the_first_sync, Blow::Kill, &KILLED_AT, 12);
}

#[test]
fn on_a_full_disk_nothing_is_lost() {
    sweep("on_a_full_disk", everybody_edits, Blow::Full, &REFUSED_AT, 15);
}

#[test]
fn on_a_failing_disk_nothing_is_lost() {
    let calls: Vec<&str> = REFUSED_AT.into_iter().chain(READ_AT).collect();
    sweep("on_a_failing_disk", everybody_edits, Blow::Fails, &calls, 15);
}

/// Strikes at `sample` of all stops, or at all where there is time for it.
fn sweep(test: &str, start: fn() -> Result<World, String>, blow: Blow, calls: &[&str], sample: usize) {
    if let Some(reason) = trace::missing() {
        println!("skipped: {reason}");
        return;
    }
    let began = Instant::now();
    let start = start().expect("the state to start from");
    let all = stops(&start, blow, calls);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    all.iter().for_each(|stop| *counts.entry(stop.call.clone()).or_default() += 1);
    let stops = match env::var(STOP) {
        Ok(stop) => vec![stop.parse().expect("a stop")],
        Err(_) => budget::sample(all, sample),
    };
    let failures = strike_all(&start, &stops);
    let reached = stops.len() - failures.missed;
    println!(
        "{test}: {reached} of {} stops struck, {counts:?}, {:.0?}, exit codes {:?}",
        stops.len(),
        began.elapsed(),
        failures.codes
    );
    let words: Vec<String> = failures
        .words
        .iter()
        .map(|(stop, words)| format!("{words}\nrepeat: {STOP}={stop} cargo test --test all {test}"))
        .collect();
    assert!(words.is_empty(), "{} of {reached} stops failed\n\n{}", words.len(), words.join("\n\n"));
    assert!(reached * 10 >= stops.len() * 7, "too many stops were not reached: the run is not the same each time");
}

/// Every stop of one undisturbed run. A disk refuses nothing to pipes and counters.
fn stops(start: &World, blow: Blow, calls: &[&str]) -> Vec<Stop> {
    let world = start.copy().expect("a copy");
    let traced = trace::sync(&world, calls, None).expect("a traced run");
    let made = traced.calls(&world).into_iter().filter(|(_, on_a_file)| *on_a_file || blow == Blow::Kill);
    made.map(|((call, at), _)| Stop { blow, call, at }).collect()
}

#[derive(Default)]
struct Failures {
    words: Vec<(Stop, String)>,
    /// Stops that the run did not come to.
    missed: usize,
    /// How the struck runs ended.
    codes: BTreeMap<Option<i32>, usize>,
}

fn strike_all(start: &World, stops: &[Stop]) -> Failures {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Failures::default()));
    let work = || {
        while let Some(stop) = stops.get(next.fetch_add(1, Ordering::Relaxed)) {
            let struck = strike(start, stop);
            let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            match struck {
                Ok(Some(code)) => *failures.codes.entry(code).or_default() += 1,
                Ok(None) => failures.missed += 1,
                Err(words) => failures.words.push((stop.clone(), words)),
            }
        }
    };
    thread::scope(|scope| (0..budget::threads()).for_each(|_| drop(scope.spawn(work))));
    failures.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One history: a copy of the start, struck, then left to itself. The exit code of the struck run; none if the stop was
/// not reached.
fn strike(start: &World, stop: &Stop) -> Result<Option<Option<i32>>, String> {
    let io = |error: std::io::Error| error.to_string();
    let mut world = start.copy().map_err(io)?;
    let traced = trace::sync_struck(&world, stop).map_err(io)?;
    if !traced.was_struck() {
        return Ok(None);
    }
    if stop.blow != Blow::Kill && !traced.was_struck_within(&world) {
        return Ok(None);
    }
    if stop.blow != Blow::Kill {
        failed_well(&traced)?;
    }
    // A run that mends what a killed one left may be killed, too: every third is.
    if stop.blow == Blow::Kill && stop.at.is_multiple_of(3) {
        let again = Stop { at: 1 + Chance::of(stop.at as u64, &stop.call).below(stop.at), ..stop.clone() };
        trace::sync_struck(&world, &again).map_err(io)?;
    }
    // After every other stop, people go on working before carnet is started again.
    let busy = stop.blow == Blow::Kill && stop.at.is_multiple_of(2);
    if busy {
        go_on(&mut world, stop).map_err(io)?;
    }
    let run = &traced.run;
    check(&world, Leave { a_person_is_needed: busy })
        .map_err(|wrong| format!("{stop}: {wrong}\nafter: exit {:?} {}", run.code, run.told))?;
    Ok(Some(run.code))
}

/// Somebody edits in each book, chosen by the stop.
fn go_on(world: &mut World, stop: &Stop) -> std::io::Result<()> {
    let mut chance = Chance::of(stop.at as u64, &stop.call);
    let names: Vec<String> = world.ledger.living().keys().map(|name| (*name).to_owned()).collect();
    world.ledger.is_unsure = true;
    for place in [Place::Cards, Place::Phone, Place::Sheet] {
        let field = if chance.percent(50) { Field::JobTitle } else { Field::Comment };
        if let Some(name) = chance.pick(&names) {
            world.write(place, name, field)?;
        }
    }
    Ok(())
}

/// The disk refused something: the run does not fall over, and where it could not do all of its work it says so, with
/// what to do about it.
fn failed_well(traced: &Traced) -> Result<(), String> {
    let Run { code, out, told } = &traced.run;
    let said = format!("exit {code:?} {}\n{}", told.trim(), traced.struck());
    match code {
        // It did without: the copy to be removed is removed by the next run, another try went well.
        Some(0) => Ok(()),
        // Before there was anything to work on.
        Some(2) if told.contains("failed to read the settings file") => Ok(()),
        Some(1 | 3) if told.contains("hint: ") || out.contains("\"hint\":\"") => Ok(()),
        Some(1 | 3) => Err(format!("it does not say what to do: {said}\n{out}")),
        _ => Err(format!("it fell over: {said}")),
    }
}
