//! What an import tells of a file as a whole, in words.

use std::collections::BTreeMap;

/// What is told at the end of a file with cards of rooms and devices.
pub fn things_left(things: usize) -> String {
    format!("{} of rooms or devices left alone: they are nobody's", count(things, "card"))
}

/// What is told at the end of a file with group cards.
pub fn groups_left(groups: usize) -> String {
    format!("read as vCard; {} left alone", count(groups, "group card"))
}

/// What is told at the end of a file whose cards say more than contacts hold: what it is, and the lines of such cards.
pub fn left_in_file(parts: &BTreeMap<&'static str, Vec<usize>>) -> String {
    let told = parts.iter().map(|(what, lines)| format!("{what} ({})", first_lines(lines, 3)));
    format!("left in the file, since a contact has no place for it: {}", told.collect::<Vec<_>>().join("; "))
}

/// What is told at the end of a file with whole names that only the order of their words took apart.
pub fn names_guessed(lines: &[usize]) -> String {
    let were = if lines.len() == 1 { "was" } else { "were" };
    let (names, lines) = (count(lines.len(), "whole name"), first_lines(lines, 10));
    format!("{names} {were} taken apart by the order of the words ({lines})")
}

/// "line 4", "lines 4, 9, 12 and 3 more"
fn first_lines(lines: &[usize], most: usize) -> String {
    let first: Vec<String> = lines.iter().take(most).map(usize::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let more = lines.len() - first.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{word} {}{more}", first.join(", "))
}

/// "1 row", "2 rows".
pub fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}
