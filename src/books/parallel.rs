//! Spreads work on many records over the machine's cores, keeping its order.

use std::{num::NonZero, thread};

/// Applies `work` to shares of `items`, one share a core, and joins what comes out, in order.
///
/// Fewer than `min` items stay on this thread: starting another would cost more than it gives.
pub fn chunked_map<T: Send, R: Send>(items: Vec<T>, min: usize, work: impl Fn(Vec<T>) -> Vec<R> + Sync) -> Vec<R> {
    if items.len() < min.max(2) {
        return work(items);
    }
    let share = items.len().div_ceil(cores());
    let mut shares = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let after = rest.split_off(share.min(rest.len()));
        shares.push(std::mem::replace(&mut rest, after));
    }
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
        let joined =
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// How many threads are worth having; never many, since the disk is the one thing shared.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        for count in [0, 1, 2, 7, 100] {
            let doubled = chunked_map((0..count).collect(), 2, |share| share.into_iter().map(|n| n * 2).collect());
            assert_eq!(doubled, (0..count).map(|n| n * 2).collect::<Vec<i32>>());
        }
    }
}
