//! Which page to ask for next, and when a listing is at its end. Pure.
//!
//! If the server tells `total_pages`, that is the end, followed upwards if it grows on the way, within reason. If it does
//! not, pages are asked for on and on until one brings nothing new: it is empty, not there (404), or repeats contacts
//! already seen, as servers do that answer their last page again. Pages come in any order.
//!
//! A listing that nobody could finish is given up rather than walked for hours: it would fill the mirror with whatever a
//! broken server makes up.

use std::collections::{BTreeSet, HashMap};

/// No listing is believed to be longer.
pub const PAGES_MAX: u32 = 100_000;

/// Nor any that does not tell its end.
pub const PAGES_UNTOLD_MAX: u32 = 5_000;

/// A short listing may grow by this many pages while it is read; a longer one may double.
const GROWTH_MIN: u32 = 100;

/// Where a listing stands.
#[derive(Debug, Default)]
pub struct PageWalk {
    next: u32,
    in_flight: u32,
    /// Pages that may be asked for before any has arrived.
    ahead: u32,
    any_arrived: bool,
    /// The total as it was told first, and the largest since.
    total_first: Option<u32>,
    total: Option<u32>,
    stopped: bool,
    endless: bool,
    /// Pages in a row, as they came, that brought nothing new although there are to be more, and how many make an end.
    barren_run: u32,
    barren_run_max: u32,
    seen: SeenIds,
    /// The last page that brought something new.
    last_new: u32,
    /// Pages that brought nothing new.
    without_new: BTreeSet<u32>,
    /// Pages that are not there.
    missing: BTreeSet<u32>,
    /// The last page with contacts on it.
    last_filled: u32,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for this page.
    Fetch(u32),
    /// Nothing until another page has arrived.
    Wait,
    /// The listing is at its end, or was stopped.
    Done,
}

/// Why a listing is not to be believed although each page was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadListing {
    /// It goes on and on.
    #[error("read the contacts: the listing does not end")]
    Endless,
    /// A page was not there, but a later one was.
    #[error("read the contacts: page {missing} is not there although page {present} is")]
    Hole {
        /// The page that was answered 404.
        missing: u32,
        /// A later page with contacts.
        present: u32,
    },
}

impl PageWalk {
    /// A listing of which nothing was asked yet; `width` requests may be in flight. `ahead`: so many pages are asked for
    /// before any has arrived, at least one.
    pub fn new(width: u32, ahead: u32) -> Self {
        let barren_run_max = width.saturating_mul(2).saturating_add(8);
        Self { next: 1, ahead: ahead.clamp(1, PAGES_MAX), barren_run_max, ..Self::default() }
    }

    /// Says what to do, and counts a page handed out as in flight.
    pub fn step(&mut self) -> Step {
        if self.stopped {
            return Step::Done;
        }
        let goes_on = match (self.any_arrived, self.total) {
            (false, _) => self.next <= self.ahead,
            (true, Some(total)) => self.next <= total,
            (true, None) => !self.ran_dry() && self.next <= PAGES_UNTOLD_MAX,
        };
        if goes_on {
            self.next += 1;
            self.in_flight += 1;
            return Step::Fetch(self.next - 1);
        }
        if self.in_flight > 0 { Step::Wait } else { Step::Done }
    }

    /// A page has arrived. `ids`: the contacts on it; `None` if the server has no such page.
    pub fn arrived(&mut self, page: u32, total_pages: Option<u32>, ids: Option<&[u64]>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.any_arrived = true;
        let contacts = ids.unwrap_or_default();
        // "0 pages" above contacts says nothing.
        if let Some(told) = total_pages.filter(|told| *told > 0 || contacts.is_empty()) {
            self.told(told);
        }
        let mut new = false;
        for id in contacts {
            new |= self.seen.insert(*id);
        }
        if new {
            self.last_new = self.last_new.max(page);
            self.barren_run = 0;
        } else {
            self.without_new.insert(page);
            self.count_barren(page, contacts.is_empty());
        }
        if !contacts.is_empty() {
            self.last_filled = self.last_filled.max(page);
        }
        if ids.is_none() {
            self.missing.insert(page);
        }
    }

    fn told(&mut self, told: u32) {
        let first = *self.total_first.get_or_insert(told);
        self.total = Some(self.total.map_or(told, |present| present.max(told)));
        if told > PAGES_MAX || told > first.saturating_add(first.max(GROWTH_MIN)) {
            self.give_up();
        }
    }

    /// Empty pages count only where the total has grown: one that counts too many pages is still an end.
    fn count_barren(&mut self, page: u32, empty: bool) {
        if self.total.is_none_or(|total| page >= total) || (empty && self.total == self.total_first) {
            return;
        }
        self.barren_run += 1;
        if self.barren_run >= self.barren_run_max {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.endless = true;
        self.stopped = true;
    }

    /// True once a page brought nothing new, unless a later one did: pages overtake each other.
    fn ran_dry(&self) -> bool {
        self.without_new.range(self.last_new..).next().is_some()
    }

    /// True for a page past the end that the server tells; where it tells none, for one that brought nothing new. Page 1
    /// never is.
    pub fn is_past_end(&self, page: u32) -> bool {
        page > 1 && self.total.map_or_else(|| self.without_new.contains(&page), |total| page > total)
    }

    /// Nothing more is to be asked for.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Pages there will be, if the server told it.
    pub fn expected(&self) -> Option<u32> {
        self.total
    }

    /// Once nothing is in flight: was all of it read?
    pub fn verdict(&self) -> Result<(), BadListing> {
        if self.endless || (self.total.is_none() && self.next > PAGES_UNTOLD_MAX && !self.ran_dry()) {
            return Err(BadListing::Endless);
        }
        match self.missing.first() {
            Some(missing) if *missing < self.last_filled => {
                Err(BadListing::Hole { missing: *missing, present: self.last_filled })
            }
            _ => Ok(()),
        }
    }
}

/// Ids as bits: those that a server gives one after the other take next to nothing.
#[derive(Debug, Default)]
struct SeenIds(HashMap<u64, u64>);

impl SeenIds {
    /// True if the id is new.
    fn insert(&mut self, id: u64) -> bool {
        let (word, bit) = (self.0.entry(id / 64).or_default(), 1 << (id % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a server that answers with these pages and, past them, with `beyond`; `width` requests in flight, which
    /// come back last first. Gives the pages asked for and the verdict.
    fn walk(
        pages: &[(Option<u32>, &[u64])],
        beyond: Option<&[u64]>,
        width: usize,
    ) -> (Vec<u32>, Result<(), BadListing>) {
        let mut walk = PageWalk::new(width as u32, 0);
        let (mut asked, mut flying) = (Vec::new(), Vec::new());
        loop {
            match walk.step() {
                Step::Fetch(page) if flying.len() < width => {
                    asked.push(page);
                    flying.push(page);
                    if flying.len() < width {
                        continue;
                    }
                }
                Step::Fetch(page) => panic!("page {page} is too much"),
                Step::Wait => {}
                Step::Done => return (asked, walk.verdict()),
            }
            let page = flying.pop().unwrap();
            match pages.get(page as usize - 1) {
                Some((total, ids)) => walk.arrived(page, *total, Some(ids)),
                None => walk.arrived(page, None, beyond),
            }
        }
    }

    #[test]
    fn a_told_total_is_the_end() {
        let three: &[(Option<u32>, &[u64])] = &[(Some(3), &[1, 2]), (Some(3), &[3, 4]), (Some(3), &[5])];
        for width in 1..4 {
            let (mut asked, verdict) = walk(three, Some(&[9]), width);
            asked.sort_unstable();
            assert_eq!((asked, verdict), (vec![1, 2, 3], Ok(())));
        }
        assert_eq!(walk(&[(Some(0), &[])], None, 4), (vec![1], Ok(())));
        assert_eq!(walk(&[(Some(1), &[1])], Some(&[1]), 4), (vec![1], Ok(())));
        // It grows on the way.
        assert_eq!(walk(&[(Some(2), &[1]), (Some(3), &[2]), (Some(3), &[3])], None, 1), (vec![1, 2, 3], Ok(())));
        // It shrinks on the way: the last page is gone.
        assert_eq!(walk(&[(Some(3), &[1]), (Some(2), &[2])], None, 1), (vec![1, 2, 3], Ok(())));
        assert_eq!(walk(&[(Some(0), &[1]), (Some(0), &[2])], None, 1), (vec![1, 2, 3], Ok(())));
    }

    #[test]
    fn without_a_total_the_end_is_a_page_with_nothing_new() {
        let three: &[(Option<u32>, &[u64])] = &[(None, &[1, 2]), (None, &[3, 4]), (None, &[5])];
        for beyond in [None, Some(&[][..]), Some(&[5][..])] {
            assert_eq!(walk(three, beyond, 1), (vec![1, 2, 3, 4], Ok(())), "{beyond:?}");
            for width in 2..6 {
                let (asked, verdict) = walk(three, beyond, width);
                assert!(asked.len() <= 3 + 2 * width, "{asked:?}");
                assert!((1..=3).all(|page| asked.contains(&page)));
                assert_eq!(verdict, Ok(()), "{beyond:?} {width}");
            }
        }
        assert_eq!(walk(&[(None, &[])], None, 1), (vec![1], Ok(())));
    }

    #[test]
    fn an_overtaken_page_does_not_end_the_listing() {
        // Page 2 repeats page 1 (the listing shifted), page 3 goes on; with pages overtaking, 3 is known before 2.
        let drift: &[(Option<u32>, &[u64])] = &[(None, &[1]), (None, &[1]), (None, &[2]), (None, &[3])];
        let (asked, verdict) = walk(drift, Some(&[]), 4);
        assert!(asked.contains(&4), "{asked:?}");
        assert_eq!(verdict, Ok(()));
    }

    #[test]
    fn a_hole_is_not_an_end() {
        let mut walk = PageWalk::new(4, 0);
        assert_eq!(walk.step(), Step::Fetch(1));
        walk.arrived(1, Some(3), Some(&[1]));
        assert_eq!((walk.step(), walk.step(), walk.step()), (Step::Fetch(2), Step::Fetch(3), Step::Wait));
        walk.arrived(2, None, None);
        walk.arrived(3, Some(3), Some(&[2]));
        assert_eq!(walk.step(), Step::Done);
        assert_eq!(walk.verdict(), Err(BadListing::Hole { missing: 2, present: 3 }));
    }

    /// Walks a server that answers any page so: `total_pages` and ids by page number. Gives the pages read.
    fn walk_on(width: u32, answer: impl Fn(u32) -> (Option<u32>, Vec<u64>)) -> (u32, Result<(), BadListing>) {
        let mut walk = PageWalk::new(width, 0);
        let mut read = 0;
        while let Step::Fetch(page) = walk.step() {
            let (total, ids) = answer(page);
            walk.arrived(page, total, Some(&ids));
            read += 1;
        }
        (read, walk.verdict())
    }

    #[test]
    fn no_listing_is_endless() {
        let endless = |read| (read, Err(BadListing::Endless));
        // The same contacts again and again, and ever one page more.
        assert_eq!(walk_on(4, |page| (Some(page + 1), vec![1, 2])), endless(1 + 16));
        assert_eq!(walk_on(1, |page| (Some(page + 1), vec![1, 2])), endless(1 + 10));
        assert_eq!(walk_on(4, |_| (Some(90_000), vec![1, 2])), endless(1 + 16));
        // Empty pages, and ever one page more.
        let dry = |page| if page < 4 { vec![u64::from(page)] } else { Vec::new() };
        assert_eq!(walk_on(4, |page| (Some(page + 1), dry(page))), endless(3 + 16));
        // Ever new contacts.
        assert_eq!(walk_on(4, |page| (None, vec![u64::from(page)])), endless(PAGES_UNTOLD_MAX));
        assert_eq!(walk_on(4, |page| (Some(page + 1), vec![u64::from(page)])), endless(102));
        assert_eq!(walk_on(4, |page| (Some(200 + page), vec![u64::from(page)])), endless(203));
        assert_eq!(walk_on(4, |_| (Some(PAGES_MAX + 1), vec![1])), endless(1));
    }

    #[test]
    fn long_listings_have_an_end() {
        let ends = |read| (read, Ok(()));
        assert_eq!(walk_on(4, |_| (None, Vec::new())), ends(1));
        assert_eq!(walk_on(4, |page| (Some(20_000), vec![u64::from(page)])), ends(20_000));
        // It doubles while it is read.
        assert_eq!(walk_on(4, |page| (Some((300 + page).min(600)), vec![u64::from(page)])), ends(600));
        // A total that counts pages which are empty; a stretch of repeated pages.
        let filled = |page| if page < 9 { vec![u64::from(page)] } else { Vec::new() };
        assert_eq!(walk_on(4, |page| (Some(100), filled(page))), ends(100));
        let shifted = |page| if (5..20).contains(&page) { vec![4] } else { vec![u64::from(page)] };
        assert_eq!(walk_on(4, |page| (Some(100), shifted(page))), ends(100));
    }

    #[test]
    fn a_listing_read_before_is_asked_for_at_once() {
        let mut walk = PageWalk::new(4, 3);
        let steps: Vec<Step> = (0..4).map(|_| walk.step()).collect();
        assert_eq!(steps, [Step::Fetch(1), Step::Fetch(2), Step::Fetch(3), Step::Wait]);
        // It has become shorter, and the later pages come first.
        walk.arrived(3, Some(1), Some(&[]));
        assert_eq!(walk.step(), Step::Wait);
        walk.arrived(2, None, None);
        walk.arrived(1, Some(1), Some(&[1]));
        assert_eq!((walk.step(), walk.verdict()), (Step::Done, Ok(())));
        let mut walk = PageWalk::new(4, 40);
        let steps: Vec<Step> = (0..2).map(|_| walk.step()).collect();
        assert_eq!(steps, [Step::Fetch(1), Step::Fetch(2)]);
        walk.arrived(2, Some(2), Some(&[2]));
        assert_eq!(walk.step(), Step::Wait);
    }
}
