//! Lists of entries: which entry of one list is which of another, and how the changes of one side are carried over to
//! the other. Order is not content: two lists that hold the same entries are the same.

use crate::contact::{Address, Item, keys};

/// An entry of a list, as far as comparing goes.
pub trait Entry: Clone + PartialEq {
    /// What kind of entry: entries of one slot are alternatives of each other.
    fn slot(&self) -> &str;
    /// The value under the normalising comparison, the slot left out.
    fn key(&self) -> String;
    /// True where programs drop such entries: its absence is no removal.
    fn is_weak(&self) -> bool {
        false
    }
    /// For a user, on one line.
    fn words(&self) -> String;
}

impl Entry for Item {
    fn slot(&self) -> &str {
        self.item_type.code()
    }
    fn key(&self) -> String {
        keys::item_value(self)
    }
    fn words(&self) -> String {
        self.one_line()
    }
}

impl Entry for Address {
    fn slot(&self) -> &str {
        self.address_type.code()
    }
    fn key(&self) -> String {
        keys::address(self)
    }
    fn words(&self) -> String {
        self.one_line()
    }
}

/// vCard lines outside the model.
impl Entry for String {
    fn slot(&self) -> &str {
        let name = &self[..self.find([':', ';']).unwrap_or(self.len())];
        name.rsplit('.').next().unwrap_or(name)
    }
    fn key(&self) -> String {
        self.clone()
    }
    fn is_weak(&self) -> bool {
        self.slot().len() > 2 && self.slot().get(..2).is_some_and(|lead| lead.eq_ignore_ascii_case("X-"))
    }
    fn words(&self) -> String {
        self.slot().to_owned()
    }
}

/// True when both lists hold the same entries, in whatever order.
pub fn same<E: Entry>(a: &[E], b: &[E]) -> bool {
    a == b || (a.len() == b.len() && pair_where(a, b, |x, y| x == y).iter().all(Option::is_some))
}

/// True when both lists hold the same entries under the normalising comparison, in whatever order.
pub fn equal_normalised<E: Entry>(a: &[E], b: &[E]) -> bool {
    a.len() == b.len() && align(a, b).iter().enumerate().all(|(i, j)| j.is_some_and(|j| resembles(&a[i], &b[j])))
}

fn resembles<E: Entry>(a: &E, b: &E) -> bool {
    a == b || (a.slot() == b.slot() && a.key() == b.key())
}

fn pair_where<E: Entry>(a: &[E], b: &[E], fits: impl Fn(&E, &E) -> bool) -> Vec<Option<usize>> {
    let mut pairs = vec![None; a.len()];
    let mut taken = vec![false; b.len()];
    claim(a, b, &mut pairs, &mut taken, fits);
    pairs
}

/// Gives each unpaired entry of `a` the first free entry of `b` that fits.
fn claim<E: Entry>(a: &[E], b: &[E], pairs: &mut [Option<usize>], taken: &mut [bool], fits: impl Fn(&E, &E) -> bool) {
    for (i, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| pair.is_none()) {
        if let Some(j) = (0..b.len()).find(|&j| !taken[j] && fits(&a[i], &b[j])) {
            taken[j] = true;
            *pair = Some(j);
        }
    }
}

/// For each entry of `a`, the entry of `b` that is the same one: equal, else reformatted, else re-typed, else edited in
/// place (as many left of that slot on both sides, taken in order).
pub fn align<E: Entry>(a: &[E], b: &[E]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; a.len()];
    let mut taken = vec![false; b.len()];
    claim(a, b, &mut pairs, &mut taken, |x, y| x == y);
    if pairs.iter().all(Option::is_some) || taken.iter().all(|taken| *taken) {
        return pairs;
    }
    claim(a, b, &mut pairs, &mut taken, |x, y| resembles(x, y));
    claim(a, b, &mut pairs, &mut taken, |x, y| x.key() == y.key());
    for i in 0..a.len() {
        if pairs[i].is_some() {
            continue;
        }
        let slot = a[i].slot();
        let left_here: Vec<usize> = (0..a.len()).filter(|&k| pairs[k].is_none() && a[k].slot() == slot).collect();
        let left_there: Vec<usize> = (0..b.len()).filter(|&k| !taken[k] && b[k].slot() == slot).collect();
        if left_here.len() == left_there.len() {
            for (here, there) in left_here.into_iter().zip(left_there) {
                pairs[here] = Some(there);
                taken[there] = true;
            }
        }
    }
    pairs
}

/// A list after a merge, and the entries that both sides had changed: `(there, here)` in words.
#[derive(Debug)]
pub struct MergedList<E> {
    /// The entries.
    pub entries: Vec<E>,
    /// What both sides changed differently; both values are kept.
    pub conflicts: Vec<(String, String)>,
}

/// Carries the changes `from -> to` over to `onto`, whose own last common state is `base`.
///
/// Additions of both sides are kept; an edit outlives a deletion; the same entry edited on both sides keeps both values.
pub fn apply_changes<E: Entry>(from: &[E], to: &[E], base: &[E], onto: &[E]) -> MergedList<E> {
    let mut merge = ListMerge::of(onto);
    if same(from, to) {
        return merge.finish();
    }
    if from == onto {
        return replaced(from, to);
    }
    let moved = align(from, to);
    let in_base = align(from, base);
    let in_onto = align(base, onto);
    for (i, was) in from.iter().enumerate() {
        let common = in_base[i];
        let present = common.and_then(|b| in_onto[b]);
        let touched_here = common.is_none_or(|b| present.is_none_or(|o| onto[o] != base[b]));
        match moved[i].map(|j| &to[j]) {
            Some(now) if now == was => {}
            Some(now) => merge.edited(now, present, common.is_some(), touched_here),
            None => merge.removed(was, present, touched_here),
        }
    }
    let kept: Vec<usize> = moved.iter().flatten().copied().collect();
    for (j, now) in to.iter().enumerate() {
        if !kept.contains(&j) {
            merge.added.push(now.clone());
        }
    }
    merge.finish()
}

/// `to`, and whatever of `from` it only seems to have removed.
fn replaced<E: Entry>(from: &[E], to: &[E]) -> MergedList<E> {
    let moved = align(from, to);
    let dropped = from.iter().zip(&moved).filter(|(was, now)| now.is_none() && was.is_weak()).map(|(was, _)| was);
    MergedList { entries: to.iter().chain(dropped).cloned().collect(), conflicts: vec![] }
}

/// A list that was sent, if what is there now shows that it was taken: as it stood right after, in the words it has there.
///
/// It was taken where everything new in it is there, or where it only took out, and that is gone. A part of what is new
/// says nothing: somebody may have typed that there too, and the rest would count as taken out again, and be lost. What a
/// server keeps although it was taken out stands there, too.
pub fn taken<E: Entry>(before: &[E], sent: &[E], there: &[E]) -> Option<Vec<E>> {
    let holds = |list: &[E], entry: &E| list.iter().any(|other| resembles(other, entry));
    let mut added = sent.iter().filter(|entry| !holds(before, entry)).peekable();
    let mut removed = before.iter().filter(|entry| !holds(sent, entry)).peekable();
    let shows = match (added.peek(), removed.peek()) {
        (Some(_), _) => added.all(|entry| holds(there, entry)),
        (None, Some(_)) => !removed.any(|entry| holds(there, entry)),
        (None, None) => true,
    };
    if !shows {
        return None;
    }
    let now = |entry: &E| there.iter().find(|other| resembles(*other, entry)).unwrap_or(entry).clone();
    let kept = before.iter().filter(|entry| !holds(sent, entry) && holds(there, entry));
    Some(sent.iter().map(now).chain(kept.cloned()).collect())
}

/// A list as a replica shows it, in the words of this side: each entry as `here` has it, else as `ours` has the one that it
/// was among `theirs`, else as it is shown.
pub fn in_words<E: Entry>(shown: &[E], here: &[E], (theirs, ours): (&[E], &[E])) -> Vec<E> {
    let (known, was) = (pair_where(shown, here, resembles), pair_where(shown, theirs, resembles));
    let agreed = pair_where(theirs, ours, resembles);
    let word = |(at, entry): (usize, &E)| match (known[at], was[at].and_then(|place| agreed[place])) {
        (Some(place), _) => here[place].clone(),
        (None, Some(place)) => ours[place].clone(),
        (None, None) => entry.clone(),
    };
    shown.iter().enumerate().map(word).collect()
}

struct ListMerge<E> {
    entries: Vec<Option<E>>,
    /// Which of them now hold what was carried over.
    replaced: Vec<usize>,
    added: Vec<E>,
    conflicts: Vec<(String, String)>,
}

impl<E: Entry> ListMerge<E> {
    fn of(onto: &[E]) -> Self {
        let entries = onto.iter().cloned().map(Some).collect();
        Self { entries, replaced: vec![], added: vec![], conflicts: vec![] }
    }

    fn edited(&mut self, now: &E, present: Option<usize>, was_common: bool, touched_here: bool) {
        match present {
            Some(o) if !touched_here => {
                self.entries[o] = Some(now.clone());
                self.replaced.push(o);
            }
            Some(o) => {
                let here = self.entries[o].as_ref().map(Entry::words);
                if self.entries[o].as_ref().is_some_and(|here| !resembles(here, now)) {
                    self.conflicts.push((now.words(), here.unwrap_or_default()));
                    self.added.push(now.clone());
                }
            }
            None => {
                if was_common {
                    self.conflicts.push((now.words(), String::new()));
                }
                self.added.push(now.clone());
            }
        }
    }

    fn removed(&mut self, was: &E, present: Option<usize>, touched_here: bool) {
        let Some(o) = present else { return };
        if was.is_weak() {
            return;
        }
        if touched_here {
            self.conflicts.push((String::new(), self.entries[o].as_ref().map(Entry::words).unwrap_or_default()));
        } else {
            self.entries[o] = None;
        }
    }

    /// What one side edited into a value that the other has too is one entry. Only at the end is known what stays.
    fn finish(mut self) -> MergedList<E> {
        for &o in &self.replaced {
            let kept = self.entries.iter().enumerate().filter(|(other, _)| !self.replaced.contains(other));
            let twin = |now: &E| kept.filter_map(|(_, entry)| entry.as_ref()).any(|entry| resembles(entry, now));
            if self.entries[o].as_ref().is_some_and(twin) {
                self.entries[o] = None;
            }
        }
        let mut entries: Vec<E> = self.entries.into_iter().flatten().collect();
        for entry in self.added {
            if !entries.iter().any(|present| resembles(present, &entry)) {
                entries.push(entry);
            }
        }
        MergedList { entries, conflicts: self.conflicts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::ItemType;

    /// Telephones, each a figure; none if the list was not taken.
    fn check_taken(before: &str, sent: &str, there: &str, expected: Option<&str>) {
        let list = |figures: &str| -> Vec<Item> {
            figures.chars().map(|figure| Item::new(ItemType::ProfessionalPhone, format!("019900000{figure}"))).collect()
        };
        assert_eq!(taken(&list(before), &list(sent), &list(there)), expected.map(list), "{before} {sent} {there}");
    }

    #[test]
    fn a_list_that_was_taken_is_known_by_what_came_with_it() {
        check_taken("1", "12", "12", Some("12"));
        check_taken("1", "12", "2", Some("12"));
        check_taken("1", "12", "123", Some("12"));
        check_taken("1", "123", "12", None);
        check_taken("1", "12", "1", None);
        check_taken("1", "12", "13", None);
        check_taken("1", "2", "12", Some("21"));
        check_taken("12", "1", "1", Some("1"));
        check_taken("12", "1", "13", Some("1"));
        check_taken("12", "1", "12", None);
        check_taken("123", "1", "12", None);
        check_taken("12", "3", "1", None);
        check_taken("1", "1", "2", Some("1"));
        check_taken("", "", "", Some(""));
    }

    #[test]
    fn what_a_replica_shows_is_put_in_the_words_of_this_side() {
        let check = |shown: &str, here: &str, theirs: &str, ours: &str, expected: &str| {
            let found = in_words(&items(shown), &items(here), (&items(theirs), &items(ours)));
            assert_eq!(found, items(expected), "{shown} {here}");
        };
        let (there, old, new) = ("24=+33199000001", "24=0199000001", "24=0199000002");
        check(there, old, "", "", old);
        // Not taken: it is what it was, as both sides knew it.
        check(there, new, there, old, old);
        check(&format!("{there} 24=+33199000002"), new, there, old, &format!("{old} {new}"));
        // What was never taken is in no words of the list.
        check(there, new, there, new, there);
        check("24=1 24=1", "24=1", "24=1", "24=1", "24=1 24=1");
    }

    fn items(text: &str) -> Vec<Item> {
        text.split_whitespace()
            .map(|word| word.split_once('=').expect("TYPE=VALUE"))
            .map(|(code, value)| Item::new(ItemType::from_code(code), value))
            .collect()
    }

    fn check(from: &str, to: &str, onto: &str, expected: &str, conflicts: usize) {
        let base = items(from);
        let merged = apply_changes(&base, &items(to), &base, &items(onto));
        assert!(same(&merged.entries, &items(expected)), "{from} -> {to} onto {onto}: {:?}", merged.entries);
        assert_eq!(merged.conflicts.len(), conflicts, "{from} -> {to} onto {onto}");
    }

    #[test]
    fn the_changes_of_one_side_reach_the_other() {
        check("24=1 27=a", "24=1 27=a", "24=1 27=a", "24=1 27=a", 0);
        check("24=1", "24=1 27=a", "24=1", "24=1 27=a", 0);
        check("24=1", "24=1 27=a", "24=1 88=6", "24=1 88=6 27=a", 0);
        check("24=1", "24=2", "24=1 27=a", "24=2 27=a", 0);
        check("24=1 27=a", "27=a", "24=1 27=a 88=6", "27=a 88=6", 0);
        check("24=1", "24=2", "24=3", "24=3 24=2", 1);
        check("24=1", "24=2", "24=2", "24=2", 0);
        check("24=1", "", "24=3", "24=3", 1);
        check("24=1 27=a", "24=2 27=a", "27=a", "24=2 27=a", 1);
        check("24=1", "24=1 27=a", "24=1 27=A", "24=1 27=A", 0);
        check("24=1", "88=1", "24=1 27=a", "88=1 27=a", 0);
        check("24=1", "24=1 88=1", "24=1 27=a", "24=1 88=1 27=a", 0);
        check("24=1", "24=2", "24=1 24=2", "24=2", 0);
        check("24=1", "88=1", "24=1 88=1", "88=1", 0);
    }

    #[test]
    fn two_sides_that_spell_differently_still_know_which_entry_is_which() {
        let theirs = items("24=+33199000001 27=a@example.com");
        let there = items("24=+33199000002 27=a@example.com");
        let ours = items("24=0199000001 27=A@example.com");
        let merged = apply_changes(&theirs, &there, &ours, &ours);
        assert!(same(&merged.entries, &items("24=+33199000002 27=A@example.com")), "{:?}", merged.entries);
    }

    #[test]
    fn entries_are_recognised_across_types_and_edits() {
        let check = |a: &str, b: &str, expected: &[Option<usize>]| assert_eq!(align(&items(a), &items(b)), expected);
        check("24=1 27=a", "27=a 24=1", &[Some(1), Some(0)]);
        check("24=1 24=2", "88=2", &[None, Some(0)]);
        check("24=1 27=a", "24=3 27=b", &[Some(0), Some(1)]);
        check("24=1 27=a 24=2", "24=3 24=4 27=a", &[Some(0), Some(2), Some(1)]);
        check("24=1 24=2", "24=3", &[None, None]);
    }

    #[test]
    fn addresses_and_lines_are_told_apart_by_type_and_value() {
        use crate::contact::{Address, AddressType};
        let at = |code: &str, city: &str| Address { city: city.into(), ..Address::new(AddressType::from_code(code)) };
        let (home, work) = (at("20", "Paris"), at("21", "Paris"));
        assert!(equal_normalised(&[home.clone(), work.clone()], &[work.clone(), at("20", "PARIS")]));
        assert!(!equal_normalised(std::slice::from_ref(&home), std::slice::from_ref(&work)));
        assert!(!equal_normalised(std::slice::from_ref(&home), &[at("20", "Lyon")]));
        let lines = |text: &str| vec![text.to_owned()];
        assert!(
            equal_normalised(&lines("BDAY:1"), &lines("BDAY:1"))
                && !equal_normalised(&lines("BDAY:1"), &lines("BDAY:2"))
        );
    }

    /// Both sides edited the only entry: what a user is told of it, there and here.
    fn check_told<E: Entry + std::fmt::Debug>(was: E, there: E, here: E, expected: (&str, &str)) {
        let was = [was];
        let merged = apply_changes(&was, &[there], &was, &[here]);
        assert_eq!(merged.entries.len(), 2, "{merged:?}");
        let told: Vec<_> = merged.conflicts.iter().map(|(there, here)| (there.as_str(), here.as_str())).collect();
        assert_eq!(told, [expected]);
    }

    #[test]
    fn conflicts_are_told_in_words() {
        use crate::contact::{Address, AddressType};
        let phone = |value: &str| Item::new(ItemType::ProfessionalPhone, value);
        let (there, here) = (phone("2").one_line(), phone("3").one_line());
        assert!(there.contains('2') && here.contains('3'));
        check_told(phone("1"), phone("2"), phone("3"), (&there, &here));
        let at = |city: &str| Address { city: city.into(), ..Address::new(AddressType::Professional) };
        let (there, here) = (at("Lyon").one_line(), at("Nice").one_line());
        check_told(at("Paris"), at("Lyon"), at("Nice"), (&there, &here));
        // The line itself may be a photograph.
        check_told("BDAY:1".to_owned(), "BDAY:2".to_owned(), "BDAY:3".to_owned(), ("BDAY", "BDAY"));
    }

    #[test]
    fn lines_that_programs_drop_are_not_removed() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let from = lines("BDAY:1 X-PHONETIC:a item1.X-ABLabel:b X-:c");
        assert_eq!(apply_changes(&from, &[], &from, &from).entries, lines("X-PHONETIC:a item1.X-ABLabel:b"));
    }
}
