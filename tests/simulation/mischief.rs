//! What goes wrong on the wire, and how often. Each seed has its own weather: half of the faults now and then, or one fault
//! all the time.

use carnet::crm::Verb;

use crate::dice::Dice;

/// What may happen to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mischief {
    /// No connection: nothing was sent.
    NotSent,
    /// Lost on the way there; the client waits until its time is over.
    Dropped,
    /// Carried out, and the answer lost.
    ReplyDropped,
    /// Answered 500, not carried out.
    ErrorBefore,
    /// Carried out, and answered 500.
    ErrorAfter,
    /// Answered 429.
    TooMany,
    /// Carried out, and the answer cut where that can be seen.
    Cut,
    /// Carried out, and the answer cut where HTTP does not show it.
    CutUnseen,
    /// Not carried out; a web page with status 200.
    WebPage,
    /// The client gives it up, and then it is carried out.
    Late,
    /// For 20 seconds the server says that it has nothing.
    Lie,
    /// The login is refused.
    Refused,
    /// The listing moves by one under the reader.
    Shift,
    /// The listing shows one contact of all.
    Thin,
    /// One contact is hidden for a while.
    Hide,
    /// One contact is hidden from listings, and everyone who is asked for by id, for long.
    Deny,
    /// Listings leave comments out for a while.
    Bare,
}

const ALL: [Mischief; 17] = [
    Mischief::NotSent,
    Mischief::Dropped,
    Mischief::ReplyDropped,
    Mischief::ErrorBefore,
    Mischief::ErrorAfter,
    Mischief::TooMany,
    Mischief::Cut,
    Mischief::CutUnseen,
    Mischief::WebPage,
    Mischief::Late,
    Mischief::Lie,
    Mischief::Refused,
    Mischief::Shift,
    Mischief::Thin,
    Mischief::Hide,
    Mischief::Deny,
    Mischief::Bare,
];

/// How often each happens, in 1,000 requests.
#[derive(Debug, Clone)]
pub struct Rates(Vec<(Mischief, usize)>);

impl Rates {
    /// A seed's weather.
    pub fn of(dice: &mut Dice) -> Self {
        if dice.permille(400) {
            // A refused login or a long lie at a high rate would let nothing happen at all.
            let one = dice.pick(&ALL);
            let rate = if matches!(one, Mischief::Refused | Mischief::Lie | Mischief::Deny) {
                40
            } else {
                100 + dice.below(250)
            };
            return Self(vec![(one, rate)]);
        }
        let chosen = ALL.into_iter().filter(|_| dice.permille(500)).collect::<Vec<_>>();
        Self(chosen.into_iter().map(|one| (one, 5 + dice.below(40))).collect())
    }

    /// Fair weather.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// What happens to this request.
    pub fn strike(&self, dice: &mut Dice, verb: Verb) -> Option<Mischief> {
        for (mischief, rate) in &self.0 {
            let late_read = *mischief == Mischief::Late && verb == Verb::Get;
            if !late_read && dice.permille(*rate) {
                return Some(*mischief);
            }
        }
        None
    }
}
