//! How much of the whole is tried: a sample in a normal run, all of it with `CARNET_LONG=1`.

use std::{env, thread};

use super::chance::Chance;

/// The variable that asks for all.
const LONG: &str = "CARNET_LONG";
/// The variable that chooses another sample.
const SEED: &str = "CARNET_SEED";

/// True when everything is to be tried, however long it takes.
pub fn is_long() -> bool {
    env::var(LONG).is_ok_and(|value| value == "1")
}

/// What the sample is chosen by.
pub fn seed() -> u64 {
    env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// All of them, or so many, chosen by the seed, in their order.
pub fn sample<T>(mut all: Vec<T>, count: usize) -> Vec<T> {
    if is_long() {
        return all;
    }
    let mut chance = Chance::new(seed());
    while all.len() > count {
        all.remove(chance.below(all.len()));
    }
    all
}

/// How many histories are tried at a time.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(2))
}
