//! Chance that can be repeated: the same seed gives the same people, and the same faults for the same requests.
//!
//! A small generator of our own (splitmix64, public domain by S. Vigna), because a practice CRM needs no better one and
//! another crate's next version may deal other cards.

/// A stream of numbers from a seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed for one named occasion, whatever was drawn for others before: concurrent requests then meet
    /// the same fate in whatever order they arrive.
    pub fn for_occasion(seed: u64, name: &str, times: u32) -> Self {
        // FNV-1a: stable between releases of the compiler, which the standard hasher does not promise.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut start = Self(seed ^ hash.rotate_left(17) ^ (u64::from(times) << 40));
        start.draw();
        start
    }

    /// The stream from a state, for who mixes seeds in a way of its own.
    pub fn from_state(state: u64) -> Self {
        Self(state)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but not including `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        // The remainder of a 64-bit draw leans by less than one in 2^40 for any list that fits in memory here.
        (self.draw() % end as u64) as usize
    }

    /// One of the given.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T
    where
        &'a T: Default,
    {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }

    /// True in about `percent` of 100 draws.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_does_not() {
        let draws = |seed| {
            let mut chance = Chance(seed);
            [chance.draw(), chance.draw(), chance.draw()]
        };
        // The published test vector of splitmix64 for the seed 1234567.
        assert_eq!(draws(1_234_567), [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn an_occasion_has_its_own_stream() {
        let draw = |name, times| Chance::for_occasion(7, name, times).draw();
        assert_eq!(draw("GET /a", 0), draw("GET /a", 0));
        assert_ne!(draw("GET /a", 0), draw("GET /a", 1));
        assert_ne!(draw("GET /a", 0), draw("GET /b", 0));
    }

    #[test]
    fn below_stays_below() {
        let mut chance = Chance(3);
        assert_eq!(chance.below(0), 0);
        assert!((0..1000).all(|_| chance.below(7) < 7));
        let hits = (0..10_000).filter(|_| chance.percent(20)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
    }
}
