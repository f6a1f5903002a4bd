//! A file of cards that a fuzzer makes keeps the laws of `tests/cards/laws.rs`.
#![no_main]

#[allow(dead_code, reason = "each target holds one of the laws")]
#[path = "../../tests/cards/laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    laws::cards(bytes);
});
