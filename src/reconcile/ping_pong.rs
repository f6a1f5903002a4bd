//! Is a field being fought over? Some programs rewrite what they are given, each time; two of them, one on each side,
//! would carry a value back and forth for ever, and carnet would carry it for them.

/// So many times in a row a field goes there and back before it is stopped: the change at hand and two before it.
pub const ALTERNATIONS: usize = 3;

/// And with no more than so many runs from one to the next: two people who disagree do so more slowly than programs.
const RUNS_BETWEEN_MAX: i64 = 3;

/// One change of a field, as the history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The replica that it came from; none where a user said it (resolved, undid, imported).
    pub side: Option<String>,
    /// The run that took it.
    pub run: i64,
    /// The value before, as the history keeps it.
    pub old: String,
    /// The value after, likewise.
    pub new: String,
}

/// The other side, when the change at hand is one swing too many between two values and two sides. `before` are the
/// field's last changes, the newest first.
pub fn other_side<'s>(now: &Flip, before: &'s [Flip]) -> Option<&'s str> {
    let mut later = now;
    for (place, swing) in before.iter().take(ALTERNATIONS - 1).enumerate() {
        let back = swing.old == later.new && swing.new == later.old;
        let soon = later.run - swing.run <= RUNS_BETWEEN_MAX;
        // Turn by turn: the other side, then this one.
        let turn = swing.side.is_some() && (swing.side == now.side) == (place % 2 == 1);
        if !(back && soon && turn && now.side.is_some()) {
            return None;
        }
        later = swing;
    }
    if before.len() < ALTERNATIONS - 1 { None } else { before.first().and_then(|swing| swing.side.as_deref()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "cards 3 a>b": side, run, old and new; "-" for a user.
    fn swing(text: &str) -> Flip {
        let words: Vec<&str> = text.split(' ').collect();
        let [side, run, values] = words[..] else { panic!("{text}") };
        let (old, new) = values.split_once('>').unwrap();
        let side = (side != "-").then(|| side.to_owned());
        Flip { side, run: run.parse().unwrap(), old: old.to_owned(), new: new.to_owned() }
    }

    fn check(now: &str, before: &[&str], expected: Option<&str>) {
        let before: Vec<Flip> = before.iter().map(|text| swing(text)).collect();
        assert_eq!(other_side(&swing(now), &before), expected, "{now} after {before:?}");
    }

    #[test]
    fn three_swings_between_two_values_and_two_sides() {
        check("cards 3 a>b", &["crm 2 b>a", "cards 1 a>b"], Some("crm"));
        check("cards 3 a>b", &["crm 2 b>a", "cards 1 a>b", "crm 1 x>a"], Some("crm"));
        check("cards 9 a>b", &["crm 6 b>a", "cards 3 a>b"], Some("crm"));
        // Too few, too slow.
        check("cards 3 a>b", &[], None);
        check("cards 3 a>b", &["crm 2 b>a"], None);
        check("cards 9 a>b", &["crm 5 b>a", "cards 4 a>b"], None);
        check("cards 9 a>b", &["crm 8 b>a", "cards 4 a>b"], None);
        // Another value in between.
        check("cards 3 a>c", &["crm 2 b>a", "cards 1 a>b"], None);
        check("cards 3 a>b", &["crm 2 b>a", "cards 1 c>b"], None);
        check("cards 3 a>b", &["crm 2 c>a", "cards 1 a>c"], None);
        // One side that changes its mind, or a third side.
        check("cards 3 a>b", &["cards 2 b>a", "cards 1 a>b"], None);
        check("cards 3 a>b", &["crm 2 b>a", "crm 1 a>b"], None);
        check("cards 3 a>b", &["crm 2 b>a", "sheet 1 a>b"], None);
        // A user's hand anywhere in it.
        check("cards 3 a>b", &["- 2 b>a", "cards 1 a>b"], None);
        check("cards 3 a>b", &["crm 2 b>a", "- 1 a>b"], None);
        check("- 3 a>b", &["crm 2 b>a", "- 1 a>b"], None);
    }
}
