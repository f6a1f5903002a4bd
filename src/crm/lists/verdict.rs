//! What a list that was read back after a PUT says of the behaviour that was believed: whether it is borne out, or
//! contradicted, and by which other one. Pure.
//!
//! A colleague's edit in the instant of the write looks much the same, so that nothing is contradicted by what is only
//! missing or only more: something must have been taken, or stand there twice.

use super::{Entry, ListBehaviour, Listed, Outgoing, resembles};

/// What was read back says of the behaviour that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is so: others under which it would have done harm have other outcomes.
    BorneOut,
    /// It may be so: nothing was taken, or this list tells nothing of it.
    Open,
    /// It is not so.
    Contradicted {
        /// The behaviour that explains what stands there.
        observed: Option<ListBehaviour>,
    },
}

/// Judges a belief by the list before, what was sent, and the list after.
pub fn judge<T: Entry + Clone>(
    belief: ListBehaviour,
    before: &Listed<'_, T>,
    sent: &[Outgoing<'_, T>],
    after: &[T],
) -> Verdict {
    let expected = outcome(belief, before, sent);
    if same(&expected, after) {
        let others = harmful(belief).iter();
        let told_apart = others.clone().all(|other| !same(&outcome(*other, before, sent), after));
        return if told_apart { Verdict::BorneOut } else { Verdict::Open };
    }
    if !is_contradicted(before.entries, &expected, sent, after) {
        return Verdict::Open;
    }
    let known = [
        ListBehaviour::Replace,
        ListBehaviour::Ids { destroy: true },
        ListBehaviour::Ids { destroy: false },
        ListBehaviour::Append,
    ];
    let observed = known.into_iter().find(|behaviour| same(&outcome(*behaviour, before, sent), after));
    Verdict::Contradicted { observed }
}

/// The behaviours under which what is sent in this belief does harm: takes entries away, or doubles them.
fn harmful(belief: ListBehaviour) -> &'static [ListBehaviour] {
    match belief {
        ListBehaviour::Replace => &[ListBehaviour::Append],
        ListBehaviour::Append => &[ListBehaviour::Replace],
        ListBehaviour::Ids { .. } => &[ListBehaviour::Replace, ListBehaviour::Append],
        ListBehaviour::Unknown => &[],
    }
}

/// The list that a server of this behaviour makes of what is sent.
fn outcome<T: Entry + Clone>(behaviour: ListBehaviour, before: &Listed<'_, T>, sent: &[Outgoing<'_, T>]) -> Vec<T> {
    let values = || sent.iter().filter_map(|entry| entry.value.cloned());
    match behaviour {
        ListBehaviour::Replace => values().collect(),
        ListBehaviour::Append => before.entries.iter().cloned().chain(values()).collect(),
        ListBehaviour::Ids { destroy } => {
            let mut entries: Vec<Option<T>> = before.entries.iter().cloned().map(Some).collect();
            let place = |id: Option<&str>| id.and_then(|id| (0..entries.len()).find(|at| before.id(*at) == Some(id)));
            let places: Vec<Option<usize>> = sent.iter().map(|entry| place(entry.id)).collect();
            for (entry, place) in sent.iter().zip(places) {
                match (place, entry.value) {
                    (Some(place), None) if destroy => entries[place] = None,
                    (Some(place), Some(value)) => entries[place] = Some(value.clone()),
                    (None, Some(value)) => entries.push(Some(value.clone())),
                    (_, None) => {}
                }
            }
            entries.into_iter().flatten().collect()
        }
        ListBehaviour::Unknown => before.entries.to_vec(),
    }
}

/// True where the list after cannot be what was expected, whatever a colleague added to it.
fn is_contradicted<T: Entry>(before: &[T], expected: &[T], sent: &[Outgoing<'_, T>], after: &[T]) -> bool {
    let holds = |list: &[T], entry: &T| count(list, entry) > 0;
    let doubled = |entry: &T| count(after, entry) > count(before, entry).max(count(expected, entry)).max(1);
    if sent.iter().filter_map(|entry| entry.value).any(doubled) {
        return true;
    }
    let took_addition = expected.iter().any(|entry| !holds(before, entry) && holds(after, entry));
    let took_removal = before.iter().any(|entry| !holds(expected, entry) && !holds(after, entry));
    let kept_gone = before.iter().any(|entry| !holds(expected, entry) && holds(after, entry));
    let lost_kept = before.iter().any(|entry| holds(expected, entry) && !holds(after, entry));
    (took_addition && kept_gone) || ((took_addition || took_removal) && lost_kept)
}

fn count<T: Entry>(list: &[T], entry: &T) -> usize {
    list.iter().filter(|other| resembles(*other, entry)).count()
}

/// True when both hold the same entries, each as often, however they are spelt.
pub fn same<T: Entry>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().all(|entry| count(one, entry) == count(other, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::lists::{tests::items, to_send};

    /// The list `present` is to become `wanted`, and is `after`; expected: "+" for borne out, "?" for open, else what is
    /// observed, "none" if nothing known explains it.
    fn check(belief: &str, present: &str, wanted: &str, after: &str, expected: &str) {
        let (belief, entries, wanted) = (belief.parse().unwrap(), items(present), items(wanted));
        let ids: Vec<Option<String>> = (1..=entries.len()).map(|id| Some(id.to_string())).collect();
        let before = Listed { entries: &entries, ids: &ids, extras: Vec::new() };
        let sent = to_send(belief, &before, &wanted, &before).unwrap_or_default();
        let found = match judge(belief, &before, &sent, &items(after)) {
            Verdict::BorneOut => "+".to_owned(),
            Verdict::Open => "?".to_owned(),
            Verdict::Contradicted { observed } => observed.map_or("none".to_owned(), |it| it.to_string()),
        };
        assert_eq!(found, expected, "{belief}: {present} -> {wanted:?} gave {after}");
    }

    #[test]
    fn a_belief_is_judged_by_what_is_read_back() {
        for (belief, present, wanted, after, expected) in [
            ("replace", "24:01", "24:02", "24:02", "+"),
            ("replace", "24:01", "24:02", "24:01, 24:02", "append"),
            ("replace", "24:01", "24:02", "24:01", "?"),
            ("replace", "24:01, 27:a", "24:01, 27:b", "27:b", "none"),
            // Nothing was taken out, so nothing but the number of its entries tells that the list was added.
            ("replace", "24:01", "24:01, 27:a", "24:01, 24:01, 27:a", "append"),
            ("replace", "24:01, 27:a", "24:01", "24:01, 27:a, 24:01", "append"),
            ("replace", "24:01, 27:a", "24:01", "24:01, 27:a", "?"),
            ("replace", "24:01, 27:a", "24:02", "24:02, 27:a", "ids+destroy"),
            ("replace", "24:01, 27:a", "24:02, 27:a", "24:01, 24:02", "none"),
            // A colleague added one in that instant.
            ("replace", "24:01", "24:02", "24:02, 88:06", "?"),
            ("ids", "24:01, 27:a", "24:02", "24:02, 27:a", "+"),
            ("ids+destroy", "24:01, 27:a", "24:02", "24:02, 27:a", "ids"),
            ("ids+destroy", "24:01, 27:a, 88:06", "24:02, 27:a, 88:06", "24:02", "replace"),
            ("ids+destroy", "24:01, 27:a, 88:06", "27:a, 88:06", "", "replace"),
            ("ids+destroy", "24:01, 27:a", "24:02, 27:a", "24:01, 27:a, 24:02", "append"),
            ("ids", "24:01", "24:01, 27:a", "27:a", "replace"),
            // One entry alone does not tell a list that is replaced from one that is matched.
            ("ids", "24:01", "24:02", "24:02", "?"),
            ("ids", "24:01", "24:01, 27:a", "24:01, 27:a", "?"),
            ("append", "24:01", "24:01, 27:a", "24:01, 27:a", "+"),
            ("append", "24:01", "24:01, 27:a", "27:a", "replace"),
            ("append", "", "27:a", "27:a", "?"),
            ("unknown", "24:01", "24:02", "", "?"),
        ] {
            check(belief, present, wanted, after, expected);
        }
    }
}
