//! Which column of a profile each cell of a header is: by name, without what forms put around one, and those of one name by
//! their order.

use std::collections::{HashMap, HashSet};

use super::{
    names::bare,
    profile::{Column, Means, NUMBER_MAX, Name, Profile},
};
use crate::{contact::Field, formats::labels};

/// A header cell with the profile column that it is.
pub(super) struct Match {
    pub cell: usize,
    pub column: usize,
    pub number: u32,
}

/// True where the header has the column of this number.
pub(super) fn has(folded: &[String], name: &Name, number: u32) -> bool {
    folded.iter().any(|cell| name.number(cell) == Some(number))
}

/// Pairs the header's cells with the profile's columns.
pub(super) fn matches(profile: &Profile, header: &[String], is_civility: &dyn Fn(usize) -> bool) -> Vec<Match> {
    let known =
        |cell: &str| profile.columns.iter().flat_map(|column| &column.names).any(|name| name.number(cell).is_some());
    let bare = |cell: &String| {
        if known(cell) || (profile.label_words && labels::column(cell).is_some()) {
            cell.clone()
        } else {
            bare(cell).filter(|bare| known(bare)).unwrap_or(cell.clone())
        }
    };
    let folded: Vec<String> = if profile.exact { header.to_vec() } else { header.iter().map(bare).collect() };
    // A column goes by the first of its names that the header has at all; the others are then other columns' names.
    let names: Vec<Option<usize>> = profile
        .columns
        .iter()
        .map(|column| column.names.iter().position(|name| folded.iter().any(|cell| name.number(cell).is_some())))
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    folded.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut taken: HashSet<(usize, u32)> = HashSet::new();
    let mut found = Vec::new();
    for (cell, name) in folded.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let mut candidates: Vec<(usize, u32)> = profile
            .columns
            .iter()
            .zip(&names)
            .enumerate()
            .filter_map(|(index, (column, chosen))| Some((index, column.names[(*chosen)?].number(name)?)))
            .collect();
        let present = counts.get(name.as_str()).copied().unwrap_or(0);
        if present < candidates.len() {
            candidates.retain(|(index, _)| !profile.columns[*index].spare);
        }
        let civility = |column: &Column| column.means == Some(Means::Scalar(Field::Civility));
        if present < candidates.len() && !is_civility(cell) {
            let others = candidates.iter().any(|(index, _)| !civility(&profile.columns[*index]));
            candidates.retain(|(index, _)| !others || !civility(&profile.columns[*index]));
        }
        let free = candidates.iter().copied().find(|candidate| !taken.contains(candidate));
        if let Some(free) = free.or_else(|| further(profile, &candidates, &taken, &folded)) {
            taken.insert(free);
            found.push(Match { cell, column: free.0, number: free.1 });
        }
    }
    found
}

/// The number of a column that has the name of an earlier one: "E-mail" twice is "E-mail" and "E-mail 2".
fn further(
    profile: &Profile,
    candidates: &[(usize, u32)],
    taken: &HashSet<(usize, u32)>,
    folded: &[String],
) -> Option<(usize, u32)> {
    let is_item = |column: usize| matches!(profile.columns[column].means, Some(Means::Item(_)));
    let (column, _) = candidates.iter().copied().find(|(column, _)| is_item(*column) && !profile.exact)?;
    let is_named = |number| profile.columns[column].names.iter().any(|name| has(folded, name, number));
    let mut numbers = 2..=NUMBER_MAX;
    numbers.find(|number| !taken.contains(&(column, *number)) && !is_named(*number)).map(|number| (column, number))
}
