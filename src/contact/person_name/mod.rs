//! A whole name, as FN and a sheet's name column have it, taken apart into form of address, titles, given name, family name
//! and suffix; and names put into a whole one so that they come back.
//!
//! What says which word is the family's counts in this order: a comma ("Roux, Paul"), capitals ("ROUX Paul"), particles ("Yann
//! Le Goff"), the order that is usual where it stands. Nothing is thrown away: `says_more` tells of what is no part of
//! the names, so that the text itself can be kept.

mod words;

use std::ops::Range;

pub use words::civility;
use words::{
    fold, is_and, is_bound, is_company, is_devotion, is_left_whole, is_maiden, is_never_given, is_particle, is_suffix,
    is_title, opens,
};

use super::Civility;

/// A whole name, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonName {
    /// The form of address.
    pub civility: Option<Civility>,
    /// The titles before the name without the form of address: "Dr", "Me".
    pub title: String,
    /// Given names.
    pub first: String,
    /// Family name, with its particles.
    pub last: String,
    /// "Jr.", "III", "PhD".
    pub suffix: String,
    /// It is a company's name; the others are empty then.
    pub company: String,
    /// Nothing but the order of the words says which is the family's.
    pub is_guess: bool,
    /// The text holds more than these parts: a remark in brackets, a maiden name.
    pub says_more: bool,
}

/// Which name is usually first where a whole name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// "Paul Roux".
    #[default]
    GivenFirst,
    /// "Roux Paul": in a column called "Nom et prénom".
    FamilyFirst,
}

/// Given and family name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// Given names.
    pub first: &'a str,
    /// Family name.
    pub last: &'a str,
}

impl PersonName {
    /// Given and family name.
    pub fn names(&self) -> Names<'_> {
        Names { first: &self.first, last: &self.last }
    }

    fn whole(text: &str) -> Self {
        Self { last: text.trim().to_owned(), ..Self::default() }
    }
}

/// Takes a whole name apart.
pub fn split(text: &str, order: Order) -> PersonName {
    let text = text.trim();
    // No name at all, and kept as it is: an address, a number.
    if text.contains('@') || !text.contains(char::is_alphabetic) || text.contains('\n') {
        return PersonName::whole(text);
    }
    let bare = without_remarks(text);
    if let Some(person) = beside_company(&bare) {
        return PersonName { says_more: true, ..split(person, order) };
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    if is_company(&words) {
        return PersonName { company: text.to_owned(), ..PersonName::default() };
    }
    if words.is_empty() || is_left_whole(&words) {
        return PersonName::whole(text);
    }
    let mut found = match pieces(&bare) {
        Pieces::One(words, name) => of_words(words, name, order),
        Pieces::Two(last, first, name) => of_comma(last, first, name),
        Pieces::Many => return PersonName::whole(text),
    };
    if found.first.is_empty() && found.last.is_empty() {
        return PersonName::whole(text);
    }
    found.says_more |= bare != text;
    found
}

/// The text without what stands in brackets or quotation marks, behind a dash, or tells a maiden name.
fn without_remarks(text: &str) -> String {
    let mut bare = text.to_owned();
    for (open, close) in [('(', ')'), ('[', ']'), ('"', '"'), ('«', '»'), ('“', '”')] {
        while let Some((start, end)) = enclosed(&bare, open, close) {
            bare.replace_range(start..end, " ");
        }
    }
    for dash in [" - ", " – ", " — ", " | ", " / "] {
        if let Some(at) = bare.find(dash).filter(|at| *at > 0) {
            bare.truncate(at);
        }
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    if let Some(at) = words.iter().position(|word| is_maiden(word)).filter(|at| *at > 0) {
        bare = words[..at].join(" ");
    }
    let bare = if bare.contains(char::is_alphabetic) { bare.trim() } else { text };
    bare.to_owned()
}

fn enclosed(text: &str, open: char, close: char) -> Option<(usize, usize)> {
    let start = text.find(open)?;
    let inside = start + open.len_utf8();
    let end = text[inside..].find(close)?;
    Some((start, inside + end + close.len_utf8()))
}

/// Somebody whose company is named behind a comma: "Paul Roux, Roux SARL".
fn beside_company(text: &str) -> Option<&str> {
    let (person, company) = text.split_once(',')?;
    let words = |text| str::split_whitespace(text).collect::<Vec<&str>>();
    let is_person = words(person).len() > 1 && !is_company(&words(person));
    let is_one = is_person && !company.contains(',') && words(company).len() > 1 && is_company(&words(company));
    is_one.then_some(person)
}

enum Pieces<'a> {
    One(Vec<&'a str>, PersonName),
    Two(Vec<&'a str>, Vec<&'a str>, PersonName),
    Many,
}

/// What stands between commas; pieces that are titles or suffixes alone are taken for such.
fn pieces(text: &str) -> Pieces<'_> {
    let mut name = PersonName::default();
    let mut kept: Vec<Vec<&str>> = Vec::new();
    let is_open = text.trim_end().ends_with(',');
    for (at, piece) in text.split(',').enumerate() {
        let words: Vec<&str> = piece.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        if at > 0 && words.iter().all(|word| is_suffix(word, None)) {
            push(&mut name.suffix, &words);
        } else if at > 0 && words.iter().all(|word| is_title(word) || is_long_civility(word)) {
            for word in words {
                match civility(word).filter(|_| name.civility.is_none()) {
                    Some(civility) => name.civility = Some(civility),
                    None => push(&mut name.title, &[word]),
                }
            }
        } else {
            kept.push(words);
        }
    }
    let mut kept = kept.into_iter();
    match (kept.next(), kept.next(), kept.next()) {
        (Some(last), None, _) if is_open => Pieces::Two(last, Vec::new(), name),
        (Some(words), None, _) => Pieces::One(words, name),
        (Some(last), Some(first), None) => Pieces::Two(last, first, name),
        _ => Pieces::Many,
    }
}

/// "Roux, M." is more often a given name cut short than a form of address.
fn is_long_civility(word: &str) -> bool {
    civility(word).is_some() && word.chars().filter(|char| char.is_alphabetic()).count() > 1
}

fn push(text: &mut String, words: &[&str]) {
    if !text.is_empty() && !words.is_empty() {
        text.push(' ');
    }
    text.push_str(&words.join(" "));
}

/// Takes forms of address and titles from the start; at least one word stays.
fn take_titles<'a, 'w>(name: &mut PersonName, words: &'a [&'w str]) -> &'a [&'w str] {
    let mut words = words;
    loop {
        match words {
            // "M. et Mme Roux" are two people, and no form of address of one.
            [one, and, other, _, ..] if is_and(and) && civility(one).is_some() && civility(other).is_some() => {
                push(&mut name.title, &words[..3]);
                words = &words[3..];
            }
            [article, word, _, ..] if ["le", "la"].contains(article) && is_title(word) && name.civility.is_some() => {
                push(&mut name.title, &words[..2]);
                words = &words[2..];
            }
            [word, _, ..] if is_title(word) && !is_initial_of_more(words) => {
                push(&mut name.title, &words[..1]);
                words = &words[1..];
            }
            [word, _, ..] if civility(word).is_some() && name.civility.is_none() && !is_initial_of_more(words) => {
                name.civility = civility(word);
                words = &words[1..];
            }
            _ => return words,
        }
    }
}

/// "M. C. Escher": an initial, since another one follows it.
fn is_initial_of_more(words: &[&str]) -> bool {
    let is_letter = |word: &str| word.chars().filter(|char| char.is_alphabetic()).count() == 1;
    is_letter(words[0]) && words.get(1).is_some_and(|word| is_letter(word)) && words.len() > 2
}

/// Takes suffixes from the end; at least one word stays.
fn take_suffixes<'a, 'w>(name: &mut PersonName, words: &'a [&'w str], is_certain: bool) -> &'a [&'w str] {
    let count = Some(words.len()).filter(|_| !is_certain);
    let kept = words.iter().rposition(|word| !is_suffix(word, count)).map_or(1, |at| at + 1);
    let (words, suffixes) = words.split_at(kept.min(words.len()));
    let mut suffix = suffixes.join(" ");
    if !name.suffix.is_empty() && !suffix.is_empty() {
        suffix.push(' ');
    }
    name.suffix.insert_str(0, &suffix);
    words
}

/// "Roux, Paul", with titles on either side, and Dutch particles behind the given names: "Berg, Kees van den".
fn of_comma(last: Vec<&str>, first: Vec<&str>, mut name: PersonName) -> PersonName {
    let last = take_titles(&mut name, &last).to_vec();
    let last = take_suffixes(&mut name, &last, true).to_vec();
    if first.is_empty() {
        name.last = last.join(" ");
        return name;
    }
    let first = take_titles(&mut name, &first).to_vec();
    let first = take_suffixes(&mut name, &first, true);
    let is_small = |word: &&str| is_particle(word) && word.chars().all(|char| !char.is_uppercase());
    let given = first.iter().rposition(|word| !is_small(word)).map_or(first.len(), |at| at + 1);
    name.last = [&first[given..], &last[..]].concat().join(" ");
    name.first = first[..given].join(" ");
    name
}

fn of_words(words: Vec<&str>, mut name: PersonName, order: Order) -> PersonName {
    let words = take_titles(&mut name, &words).to_vec();
    let words = take_suffixes(&mut name, &words, false);
    let family = if let Some(family) = by_capitals(words) {
        family
    } else {
        name.is_guess = words.len() > 1;
        by_place(words, order)
    };
    name.last = words[family.clone()].join(" ");
    name.first = [&words[..family.start], &words[family.end..]].concat().join(" ");
    name.is_guess &= !name.first.is_empty();
    name
}

/// The words in capitals at one end, where others are not.
fn by_capitals(words: &[&str]) -> Option<Range<usize>> {
    let is_initials = |word: &str| {
        word.split(['.', '-']).filter(|part| !part.is_empty()).all(|part| part.chars().count() == 1)
            || (word.chars().count() < 3 && !fold(word).contains(['a', 'e', 'i', 'o', 'u', 'y']))
    };
    let is_loud = |word: &str| {
        let word =
            ["Mc", "Mac", "d'", "d’", "l'", "l’"].iter().find_map(|lead| word.strip_prefix(lead)).unwrap_or(word);
        word.contains(char::is_uppercase)
            && !word.contains(char::is_lowercase)
            && word.chars().filter(|char| char.is_alphabetic()).count() > 1
            && !is_initials(word)
    };
    let loud: Vec<bool> = words.iter().map(|word| is_loud(word)).collect();
    let is_quiet = words.iter().zip(&loud).any(|(word, loud)| !loud && !is_particle(word) && !is_initials(word));
    let is_initial = words.iter().any(|word| is_initials(word));
    if !loud.contains(&true) || !(is_quiet || is_initial) {
        return None;
    }
    let (start, end) = (loud.iter().position(|loud| *loud)?, loud.iter().rposition(|loud| *loud)? + 1);
    let start = start - words[..start].iter().rev().take_while(|word| is_particle(word)).count();
    let is_run = words[start..end].iter().zip(&loud[start..end]).all(|(word, loud)| *loud || is_particle(word));
    (is_run && (start == 0 || end == words.len())).then_some(start..end)
}

/// The family name by its particles and the order of the words.
fn by_place(words: &[&str], order: Order) -> Range<usize> {
    let count = words.len();
    if count < 2 {
        return 0..count;
    }
    if let Some(and) = words.iter().rposition(|word| is_and(word)) {
        // "Roux & Petit" may be anything; "Ada & Paul Roux" are of one name.
        return if and + 2 < count { and + 2..count } else { 0..count };
    }
    let lead = words.iter().take_while(|word| is_particle(word)).count();
    if (lead > 0 && is_never_given(words[0])) || order == Order::FamilyFirst {
        return 0..(lead + 1).min(count);
    }
    if lead == 1 && count == 3 && is_bound(words[0]) {
        return 0..count;
    }
    for at in 1..count - 1 {
        let behind = at + words[at..].iter().take_while(|word| is_particle(word)).count() + 1;
        if opens(words[at]) && !(is_devotion(words[at - 1], words[at]) && behind < count) {
            return at..count;
        }
        if at > 1 && ["y", "e", "i"].contains(&words[at]) {
            return at - 1..count;
        }
    }
    let mut family = count - 1;
    let is_small = |word: &str| word.starts_with(char::is_lowercase);
    while family > 1 && (is_particle(words[family - 1]) || (is_small(words[family - 1]) && !is_small(words[count - 1])))
    {
        family -= 1;
    }
    if is_bound(words[family - 1]) && family < count - 1 {
        family -= 1;
    }
    family..count
}

/// The whole name with the new names where it has the old ones; none where it has not, or a name came or went.
pub fn renamed(full: &str, from: Names<'_>, to: Names<'_>) -> Option<String> {
    let mut full = full.to_owned();
    // The family's name from the end, the given one from the start: they may share their letters.
    for (old, new, is_last) in [(from.last, to.last, true), (from.first, to.first, false)] {
        if old == new {
            continue;
        }
        let mut found = places_of(&full, old);
        let range = if is_last { found.pop() } else { found.into_iter().next() }.filter(|_| !new.is_empty())?;
        let is_loud = |text: &str| !text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase);
        let new = if is_loud(&full[range.clone()]) && !is_loud(old) { new.to_uppercase() } else { new.to_owned() };
        full.replace_range(range, &new);
    }
    Some(full)
}

/// Where a text has a name as whole words, in whatever case.
fn places_of(text: &str, name: &str) -> Vec<Range<usize>> {
    let is_inside = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    let ends_at = |start: usize| {
        let mut chars = text[start..].char_indices();
        for wanted in name.chars() {
            chars.next().filter(|(_, char)| char.to_lowercase().eq(wanted.to_lowercase()))?;
        }
        let end = chars.next().map_or(text.len(), |(at, _)| start + at);
        (!is_inside(text[end..].chars().next())).then_some(end)
    };
    let starts = text.char_indices().map(|(at, _)| at);
    let starts = starts.filter(|at| !name.is_empty() && !is_inside(text[..*at].chars().next_back()));
    starts.filter_map(|start| Some(start..ends_at(start)?)).collect()
}

/// A whole name that says these names, in the manner of the one that says the old ones; empty for none. It reads back as the
/// names, unless no whole name does.
pub fn written(present: &str, to: Names<'_>, order: Order) -> String {
    let from = split(present, order);
    let (first, last) = (to.first.trim(), to.last.trim());
    let plain = match order {
        Order::GivenFirst => format!("{first} {last}"),
        Order::FamilyFirst => format!("{last} {first}"),
    };
    let plain = plain.trim().to_owned();
    let comma = format!("{last}, {first}").trim_end().to_owned();
    let has_comma = present.contains(',');
    let reads_back = |text: &String| split(text, order).names() == Names { first, last };
    let same_manner = renamed(present, from.names(), Names { first, last }).filter(|_| !from.last.is_empty());
    let others = if has_comma { [comma.clone(), plain.clone()] } else { [plain.clone(), comma] };
    same_manner.into_iter().chain(others).find(reads_back).unwrap_or(plain)
}

#[cfg(test)]
mod tests;
