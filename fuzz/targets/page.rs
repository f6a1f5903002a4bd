//! A page of the CRM's listing that a fuzzer makes, cut where its first two bytes say, is not read as whole.
#![no_main]

#[allow(dead_code, reason = "each target holds one of the laws")]
#[path = "../../tests/cards/laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let [one, other, page @ ..] = bytes {
        laws::page(page, usize::from(u16::from_le_bytes([*one, *other])));
    }
});
