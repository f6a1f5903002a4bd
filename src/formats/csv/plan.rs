//! Which slot takes which entry. Pure: what stays where it is, what is put where, what finds no room.

use super::slots::Held;

/// What to do with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Its entries are wanted: leave it.
    Keep,
    /// Nothing is wanted of it.
    Clear,
    /// Put the entry of this index there.
    Put(usize),
}

/// A slot as the planner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Not to be touched.
    Alone,
    /// Nothing in it.
    Empty,
    /// This many entries, none for one that cannot be read.
    Full(usize),
}

impl Sight {
    /// How the planner sees what a slot holds.
    pub fn of<T>(held: &Held<T>) -> Sight {
        match held {
            Held::Alone => Sight::Alone,
            Held::Lost(_) => Sight::Full(0),
            Held::Entries { entries, .. } if entries.is_empty() => Sight::Empty,
            Held::Entries { entries, .. } => Sight::Full(entries.len()),
        }
    }
}

/// Fits entries into labelled slots: a slot whose entries are all wanted stays, a changed entry goes to a slot that had
/// one of its kind, a new one to an empty slot. Answers the steps and the entries without room.
///
/// `same(slot, index, entry, strict)`: the slot's entry of that index is this wanted entry; where not strict, its type
/// may be a guess. `akin(slot, entry)`: the slot's label already says what the entry is.
pub(super) fn fit(
    slots: &[Sight],
    wanted: usize,
    same: impl Fn(usize, usize, usize, bool) -> bool,
    akin: impl Fn(usize, usize) -> bool,
) -> (Vec<Step>, Vec<usize>) {
    let mut steps: Vec<Option<Step>> =
        slots.iter().map(|sight| (*sight == Sight::Alone).then_some(Step::Keep)).collect();
    let mut open: Vec<bool> = vec![true; wanted];
    for strict in [true, false] {
        for (slot, sight) in slots.iter().enumerate() {
            let Sight::Full(count @ 1..) = *sight else { continue };
            if steps[slot].is_some() {
                continue;
            }
            let mut matched: Vec<usize> = Vec::with_capacity(count);
            for index in 0..count {
                let found = (0..wanted)
                    .find(|entry| open[*entry] && !matched.contains(entry) && same(slot, index, *entry, strict));
                matched.extend(found);
            }
            if matched.len() == count {
                matched.into_iter().for_each(|entry| open[entry] = false);
                steps[slot] = Some(Step::Keep);
            }
        }
    }
    let mut missed = Vec::new();
    for entry in (0..wanted).filter(|entry| open[*entry]) {
        let free = |slot: &usize| steps[*slot].is_none();
        let full = |slot: &usize| matches!(slots[*slot], Sight::Full(_));
        let room = (0..slots.len())
            .find(|slot| free(slot) && full(slot) && akin(*slot, entry))
            .or_else(|| (0..slots.len()).find(|slot| free(slot) && !full(slot)))
            .or_else(|| (0..slots.len()).find(free));
        match room {
            Some(slot) => steps[slot] = Some(Step::Put(entry)),
            None => missed.push(entry),
        }
    }
    (steps.into_iter().map(|step| step.unwrap_or(Step::Clear)).collect(), missed)
}

/// Which of the entries go to `slots` columns, given each entry's rank in the columns' list of types (0: the columns'
/// own). All if there is room, else the lowest ranks; in their own order either way.
pub(super) fn choose(ranks: &[usize], slots: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by_key(|entry| ranks[*entry]);
    order.truncate(slots);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots as texts (the first letter is the label, "!" is alone), wanted entries likewise; what each slot holds then.
    fn check(slots: &[&str], wanted: &[&str], expected: &[&str], without_room: &[&str]) {
        let sights: Vec<Sight> = slots
            .iter()
            .map(|slot| match *slot {
                "!" => Sight::Alone,
                "" => Sight::Empty,
                full => Sight::Full(full.split('+').count()),
            })
            .collect();
        let entry = |slot: usize, index: usize| slots[slot].split('+').nth(index).unwrap_or("");
        let same = |slot: usize, index: usize, w: usize, strict: bool| {
            entry(slot, index) == wanted[w]
                || (!strict && entry(slot, index).starts_with('?') && entry(slot, index)[1..] == wanted[w][1..])
        };
        let (steps, missed) = fit(&sights, wanted.len(), same, |slot, w| slots[slot][..1] == wanted[w][..1]);
        let after: Vec<&str> = steps
            .iter()
            .enumerate()
            .map(|(slot, step)| match step {
                Step::Keep => slots[slot],
                Step::Clear => "",
                Step::Put(entry) => wanted[*entry],
            })
            .collect();
        assert_eq!(after, expected, "{slots:?} {wanted:?}");
        assert_eq!(missed.into_iter().map(|entry| wanted[entry]).collect::<Vec<_>>(), without_room);
    }

    #[test]
    fn entries_stay_where_they_are() {
        check(&["w1", "h2"], &["h2", "w1"], &["w1", "h2"], &[]);
        check(&["w1", "h2"], &["h2"], &["", "h2"], &[]);
        check(&["w1", "h2", ""], &["w1", "h3"], &["w1", "h3", ""], &[]);
        check(&["w1", "h2", ""], &["w1", "h2", "m4"], &["w1", "h2", "m4"], &[]);
        check(&["w1", "h2"], &["w1", "h2", "m4"], &["w1", "h2"], &["m4"]);
        check(&["w1", "h2"], &["m4"], &["m4", ""], &[]);
        check(&["!", "h2"], &["h2", "m4"], &["!", "h2"], &["m4"]);
        check(&["w1+w2"], &["w2", "w1"], &["w1+w2"], &[]);
        check(&["w1+w2", ""], &["w1"], &["w1", ""], &[]);
        check(&["?1", "w1"], &["w1", "h1"], &["?1", "w1"], &[]);
        check(&["w1"], &["w1", "w1"], &["w1"], &["w1"]);
        check(&[], &["w1"], &[], &["w1"]);
    }

    #[test]
    fn a_column_prefers_its_own_type_when_room_is_short() {
        assert_eq!(choose(&[1, 0], 2), [0, 1]);
        assert_eq!(choose(&[1, 0], 1), [1]);
        assert_eq!(choose(&[0, 0, 1], 2), [0, 1]);
        assert_eq!(choose(&[], 2), [0usize; 0]);
    }
}
