//! The simulation: the shipping engine, API client, parser and mirror on one thread, in a world where all time, chance,
//! network and people come from a seed.
//!
//! `CARNET_SEEDS=N` lives so many seeds (from `CARNET_FIRST_SEED` on), `CARNET_SEED=N` one with its whole history told.

mod book;
mod checker;
mod dice;
mod history;
mod host;
mod ledger;
mod mischief;
mod people;
mod veil;
mod wire;
mod world;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use history::Outcome;
use host::Killed;

/// Seeds in the ordinary test run.
const SEEDS: u64 = 6_000;
/// Seeds beyond those that once showed a bug, kept for ever.
const KEPT: [u64; 8] = [6_011, 6_192, 7_315, 8_408, 8_758, 9_281, 9_666, 10_282];
/// In so many seeds every crash point is to be hit so often.
const HITS_MIN: u64 = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A folder in memory where there is one: thousands of small databases are written.
fn workshop() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Kills are no news.
fn quiet_kills() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Killed>() {
            usual(info);
        }
    }));
}

/// Lives seeds from `first` on, on every core, until `enough` says so.
fn live_all(
    first: u64,
    count: u64,
    enough: &(dyn Fn(u64, &Outcome) -> bool + Sync),
) -> (u64, BTreeMap<&'static str, u64>, u64) {
    let next = AtomicU64::new(first);
    let totals = Mutex::new((0, BTreeMap::new(), 0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let folder = workshop();
                    let outcome = history::live(seed, folder.path(), false);
                    {
                        let mut totals = totals.lock().expect("the totals");
                        totals.0 += 1;
                        for (point, times) in &outcome.crash_points {
                            *totals.1.entry(*point).or_default() += times;
                        }
                        totals.2 += outcome.runs;
                    }
                    if enough(seed, &outcome) {
                        next.store(u64::MAX / 2, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
    });
    totals.into_inner().expect("the totals")
}

#[test]
fn histories() {
    quiet_kills();
    if let Some(seed) = number("CARNET_SEED") {
        let folder = workshop();
        let outcome = history::live(seed, folder.path(), true);
        println!("{}", outcome.trace.join("\n"));
        assert!(outcome.faults.is_empty(), "seed {seed}:\n{}", outcome.faults.join("\n"));
        return;
    }
    let began = Instant::now();
    let failures = Mutex::new(BTreeMap::new());
    let count = number("CARNET_SEEDS").unwrap_or(SEEDS);
    let first = number("CARNET_FIRST_SEED").unwrap_or(1);
    let judge = |seed: u64, outcome: &Outcome| {
        let mut failures = failures.lock().expect("the failures");
        if !outcome.faults.is_empty() {
            failures.insert(seed, outcome.faults.clone());
        }
        failures.len() >= 40
    };
    for seed in KEPT {
        live_all(seed, 1, &judge);
    }
    let (lived, points, runs) = live_all(first, count, &judge);
    let seconds = began.elapsed().as_secs_f64();
    println!("{lived} seeds, {runs} runs, {seconds:.1} s, {:.0} seeds a second", lived as f64 / seconds);
    println!("killed at: {points:?}");
    let failures = failures.into_inner().expect("the failures");
    let rarely: Vec<_> = points.iter().filter(|(_, hits)| **hits < HITS_MIN).collect();
    assert!(count < SEEDS || rarely.is_empty(), "crash points that were hit too rarely: {rarely:?}");
    for (seed, faults) in failures.iter().take(12) {
        println!("seed {seed}: {} (and {} more)", faults[0], faults.len() - 1);
    }
    assert!(failures.is_empty(), "{} of {lived} seeds failed; CARNET_SEED=N tells one", failures.len());
}
