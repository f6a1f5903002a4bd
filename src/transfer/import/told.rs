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
    let told = parts.iter().map(|(what, lines)| {
        let first: Vec<String> = lines.iter().take(3).map(usize::to_string).collect();
        let more = lines.len().saturating_sub(first.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let word = if lines.len() == 1 { "line" } else { "lines" };
        format!("{what} ({word} {}{more})", first.join(", "))
    });
    format!("left in the file, since a contact has no place for it: {}", told.collect::<Vec<_>>().join("; "))
}

/// What is told at the end of a file with whole names that only the order of their words took apart.
pub fn names_guessed(lines: &[usize]) -> String {
    let first: Vec<String> = lines.iter().take(10).map(usize::to_string).collect();
    let more = lines.len().saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let (names, word) = if lines.len() == 1 { ("1 whole name was", "line") } else { ("whole names were", "lines") };
    let names = if lines.len() == 1 { names.to_owned() } else { format!("{} {names}", lines.len()) };
    format!("{names} taken apart by the order of the words ({word} {}{more})", first.join(", "))
}

/// "1 row", "2 rows".
pub fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}
