//! The guards: a mass deletion, an emptied replica or a mass edit is a question to a user, never a plan.

/// How many deletions pass without a user's decision: the settings' `sync.max_delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u64),
    /// So many per hundred of the contacts known there, 0 to 100.
    Percent(u8),
}

/// Deletions that pass whatever the share: in a small book every deletion is a large share.
const SMALL: u64 = 3;
/// Deletions that never pass by share alone.
const LARGE: u64 = 25;
/// Edits that pass whatever the share.
const EDITS_SMALL: u64 = 25;

impl Limit {
    /// The number of deletions that pass, of `known` contacts. A count that a user named is taken as it is; a share is
    /// at least 3 and at most 25 contacts.
    pub fn allowed(self, known: u64) -> u64 {
        match self {
            Limit::Count(count) => count,
            Limit::Percent(100) => known,
            Limit::Percent(percent) => (known * u64::from(percent) / 100).clamp(SMALL, LARGE),
        }
    }

    /// Reads "25" or "10%".
    pub fn parse(text: &str) -> Option<Limit> {
        match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Limit::Percent),
            None => text.trim().parse().ok().map(Limit::Count),
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Limit::Count(count) => write!(f, "{count}"),
            Limit::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// One replica's scan in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Contacts agreed with it before.
    pub known: u64,
    /// Records seen in it now, unreadable ones included.
    pub seen: u64,
    /// Known contacts that were not seen.
    pub missing: u64,
    /// Known contacts whose record changed.
    pub edited: u64,
}

/// Why a scan is not to be believed without a user's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// It held contacts, and now holds none.
    Emptied {
        /// How many it held.
        known: u64,
    },
    /// More contacts are missing than `max_delete` allows. Additions and edits still flow.
    MassDeletion {
        /// How many are missing.
        missing: u64,
        /// Of how many.
        known: u64,
        /// How many would pass.
        allowed: u64,
    },
    /// More than half of its contacts changed at once.
    MassEdit {
        /// How many changed.
        edited: u64,
        /// Of how many.
        known: u64,
    },
}

impl Concern {
    /// True when nothing on the replica may be believed or written; otherwise only its deletions are held.
    pub fn stops_everything(self) -> bool {
        match self {
            Concern::Emptied { .. } | Concern::MassEdit { .. } => true,
            Concern::MassDeletion { .. } => false,
        }
    }
}

/// Judges a whole scan.
pub fn judge(census: &Census, limit: Limit) -> Option<Concern> {
    let Census { known, seen, missing, edited } = *census;
    if known > 0 && seen == 0 && missing > 0 {
        return Some(Concern::Emptied { known });
    }
    mass_edit(edited, known).or_else(|| {
        let allowed = limit.allowed(known);
        (missing > allowed).then_some(Concern::MassDeletion { missing, known, allowed })
    })
}

/// Judges the edits alone; can be asked while the scan still runs.
pub fn mass_edit(edited: u64, known: u64) -> Option<Concern> {
    (edited > EDITS_SMALL && edited * 2 > known).then_some(Concern::MassEdit { edited, known })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(known: u64, missing: u64, edited: u64, expected: Option<Concern>) {
        let census = Census { known, seen: known - missing, missing, edited };
        assert_eq!(judge(&census, Limit::Percent(10)), expected, "{census:?}");
    }

    #[test]
    fn guards() {
        check(0, 0, 0, None);
        check(1000, 0, 0, None);
        check(1000, 25, 0, None);
        check(1000, 26, 0, Some(Concern::MassDeletion { missing: 26, known: 1000, allowed: 25 }));
        check(1000, 999, 0, Some(Concern::MassDeletion { missing: 999, known: 1000, allowed: 25 }));
        check(1000, 1000, 0, Some(Concern::Emptied { known: 1000 }));
        check(5, 3, 0, None);
        check(5, 4, 0, Some(Concern::MassDeletion { missing: 4, known: 5, allowed: 3 }));
        check(40, 0, 20, None);
        check(40, 0, 25, None);
        check(40, 0, 26, Some(Concern::MassEdit { edited: 26, known: 40 }));
        check(52, 0, 26, None);
        check(1000, 0, 26, None);
        let nothing_told = Census { known: 5, seen: 0, missing: 0, edited: 0 };
        assert_eq!(judge(&nothing_told, Limit::Percent(10)), None, "a list of changes may be empty");
        let agreed_since = Census { known: 0, seen: 0, missing: 1, edited: 0 };
        assert_eq!(judge(&agreed_since, Limit::Percent(10)), None, "it held none, so it was not emptied");
    }

    #[test]
    fn a_mass_deletion_holds_deletions_and_the_others_stop_everything() {
        let check = |concern: Concern, everything: bool| assert_eq!(concern.stops_everything(), everything);
        check(Concern::Emptied { known: 9 }, true);
        check(Concern::MassEdit { edited: 30, known: 40 }, true);
        check(Concern::MassDeletion { missing: 30, known: 100, allowed: 10 }, false);
    }

    #[test]
    fn limits_are_read_and_written() {
        for text in ["25", "10%", "0", "100%"] {
            assert_eq!(Limit::parse(text).map(|limit| limit.to_string()).as_deref(), Some(text));
        }
        assert_eq!((Limit::parse("many"), Limit::parse("101%")), (None, None));
        assert_eq!(Limit::Count(500).allowed(1000), 500);
    }
}
