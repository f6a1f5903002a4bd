//! The laws over 50,000 damaged files: bytes flipped, pieces cut out, doubled, swapped and spliced, numbers made huge.
//!
//! The same on every run: the numbers come from a fixed seed, and a failure names the input's number and what it was made
//! from. `fuzz/` holds the same laws over inputs that a fuzzer makes.

use super::{files, laws, seeds};

const CARDS: usize = 29_000;
const TABLES: usize = 6_000;
const PAGES: usize = 15_000;
/// Longer inputs only take longer.
const BYTES_MAX: usize = 3_000;

/// Numbers that look random (xorshift64*), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap_or_default() % sides.max(1)
    }

    /// A range of at most `longest` bytes.
    fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.roll(length + 1);
        start..(start + self.roll(longest)).min(length)
    }
}

/// What means something to one of the readers.
const PIECES: [&str; 32] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\r\n ",
    "=\r\n",
    ";",
    ":",
    ",",
    "\\",
    "\"",
    "=",
    "\\n",
    "\\;",
    "\u{feff}",
    "é",
    "\u{0}",
    "END:VCARD\r\n",
    "BEGIN:VCARD\r\n",
    "AGENT:\r\n",
    ";CHARSET=SHIFT_JIS",
    ";ENCODING=QUOTED-PRINTABLE",
    ";ENCODING=b",
    "item1.",
    "VERSION:2.1\n",
    "\u{2028}",
    "=C3=A9",
    "<",
    "</contact>",
    "&amp;",
    "]]>",
];

/// The seed with one to `damages` damages, some of them from the other one.
fn mutated(seed: &[u8], other: &[u8], damages: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed[..seed.len().min(BYTES_MAX)].to_vec();
    for _ in 0..=dice.roll(damages) {
        let range = dice.range(bytes.len(), 40);
        match dice.roll(11) {
            0 => bytes.truncate(range.start),
            1 => drop(bytes.drain(range)),
            2 if !range.is_empty() => bytes[range.start] ^= 1 << dice.roll(8),
            3 => drop(bytes.splice(range.start..range.start, PIECES[dice.roll(PIECES.len())].bytes())),
            4 => {
                let from = dice.range(other.len(), 200);
                drop(bytes.splice(range, other[from].iter().copied()));
            }
            5 => {
                let piece = bytes[range.clone()].repeat(1 + dice.roll(12));
                drop(bytes.splice(range, piece));
            }
            6 | 7 => on_lines(&mut bytes, dice),
            8 => {
                let digits = bytes.iter().enumerate().skip(range.start).find(|(_, byte)| byte.is_ascii_digit());
                if let Some((at, _)) = digits {
                    drop(bytes.splice(at..at, std::iter::repeat_n(b'9', 1 + dice.roll(90))));
                }
            }
            9 if !range.is_empty() => bytes[range.start] = PIECES[dice.roll(PIECES.len())].as_bytes()[0],
            _ => drop(bytes.splice(range.start..range.start, [u8::try_from(dice.roll(256)).unwrap_or_default()])),
        }
    }
    bytes.truncate(2 * BYTES_MAX);
    bytes
}

/// Doubles, drops or swaps whole lines.
fn on_lines(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (dice.roll(lines.len()), dice.roll(lines.len()));
    match dice.roll(3) {
        0 => lines.swap(one, other),
        1 => lines.insert(other, lines[one].clone()),
        _ => drop(lines.remove(one)),
    }
    *bytes = lines.concat();
}

/// Makes `count` inputs of the seeds and holds each against a law, which answers how much of it could be read.
fn check(name: &str, seeds: &[Vec<u8>], (count, damages): (usize, usize), law: impl Fn(&[u8], &mut Dice) -> usize) {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut read = 0;
    for number in 0..count {
        let (seed, other) = (dice.roll(seeds.len()), dice.roll(seeds.len()));
        let input = mutated(&seeds[seed], &seeds[other], damages, &mut dice);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| law(&input, &mut dice)));
        match outcome {
            Ok(found) => read += usize::from(found > 0),
            Err(_) => panic!("{name} {number}, of seed {seed}:\n{}", input.escape_ascii()),
        }
    }
    assert!(read > count / 5, "only {read} of {count} could still be read: the damage is too great to say much");
}

#[test]
fn damaged_cards_keep_the_laws() {
    let seeds: Vec<Vec<u8>> = files("vcf").into_iter().map(|(_, bytes)| bytes).collect();
    seeds.iter().for_each(|seed| assert!(laws::cards(seed) > 0));
    check("card", &seeds, (CARDS, 3), |bytes, _| laws::cards(bytes));
}

#[test]
fn damaged_tables_keep_the_laws() {
    let seeds = seeds::tables();
    seeds.iter().for_each(|seed| assert!(laws::table(seed) > 0, "{}", String::from_utf8_lossy(seed)));
    check("table", &seeds, (TABLES, 3), |bytes, _| laws::table(bytes));
}

#[test]
fn damaged_pages_keep_the_laws() {
    let seeds = seeds::pages();
    check("page", &seeds, (PAGES, 1), |bytes, dice| laws::page(bytes, dice.roll(1 << 20)));
}
