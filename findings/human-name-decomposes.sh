#!/usr/bin/env bash
# The crate human_name (2.0.4) hands names back with their accents taken apart: of "Élodie" in six characters it makes seven, E
# and a combining acute, in given_name, surname and display_full alike. A name without accents comes back as it was. Who
# compares, counts, or writes what it returns into a card or a sheet has another text than the one that was read, which looks
# the same. Normalising to NFC afterwards gives the letters back.
# Prints how many characters went in and came out, and fails if that is not as it was.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "accents"
version = "0.0.0"
edition = "2024"

[dependencies]
human_name = "=2.0.4"
unicode-normalization = "=0.1.25"
TOML
cat >"$folder/src/main.rs" <<'RUST'
use human_name::Name;
use unicode_normalization::UnicodeNormalization;

fn main() {
    for text in ["Élodie Lemoine", "Zoë Müller", "Yann Le Goff"] {
        let shown = Name::parse(text).unwrap().display_full().to_string();
        let (before, after) = (text.chars().count(), shown.chars().count());
        let composed: String = shown.nfc().collect();
        println!("{text}: {before} characters in, {after} out, equal {}, as NFC {}", shown == text, composed == text);
    }
}
RUST
seen=$(cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
echo "$seen"
expected='Élodie Lemoine: 14 characters in, 15 out, equal false, as NFC true
Zoë Müller: 10 characters in, 12 out, equal false, as NFC true
Yann Le Goff: 12 characters in, 12 out, equal true, as NFC true'
[ "$seen" = "$expected" ] || { echo "this has changed; it was:"; echo "$expected"; exit 1; }
