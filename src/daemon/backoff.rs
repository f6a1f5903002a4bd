//! How long to wait after a run that failed. Pure; chance is handed in.

use std::time::Duration;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Another carnet is at work on the mirror: it will be done soon.
    Busy,
    /// Network, server or disk trouble: it may pass.
    Trouble,
    /// The login was refused: trying often locks accounts, and only a user can help.
    Login,
    /// A book cannot be read, and the others can: it may pass, and each try costs them its time-outs.
    Book,
}

const BUSY: Duration = Duration::from_secs(4);
const MINUTE: Duration = Duration::from_secs(60);
const TROUBLE_MAX: Duration = Duration::from_secs(60 * 60);
const LOGIN_FIRST: Duration = Duration::from_secs(60 * 60);
const LOGIN_MAX: Duration = Duration::from_secs(12 * 60 * 60);
const BOOK_FIRST: Duration = Duration::from_secs(15 * 60);
const BOOK_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// The wait before the next try: doubled with each failure in a row up to a limit, then cut by up to half at random, so
/// that many instances do not come back in the same second. `failures` counts from 1.
pub fn delay(retry: Retry, failures: u32, chance: u64) -> Duration {
    let doubled = |first: Duration, most: Duration| {
        let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        first.checked_mul(factor).unwrap_or(most).min(most)
    };
    let full = match retry {
        Retry::Busy => BUSY,
        Retry::Trouble => doubled(MINUTE, TROUBLE_MAX),
        Retry::Login => doubled(LOGIN_FIRST, LOGIN_MAX),
        Retry::Book => doubled(BOOK_FIRST, BOOK_MAX),
    };
    let half_millis = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX);
    full - Duration::from_millis(chance % (half_millis + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit() {
        let check = |retry, failures, minutes: u64| {
            assert_eq!(delay(retry, failures, 0), Duration::from_secs(minutes * 60), "{retry:?} {failures}");
        };
        assert_eq!(delay(Retry::Busy, 9, 0), BUSY);
        check(Retry::Trouble, 1, 1);
        check(Retry::Trouble, 2, 2);
        check(Retry::Trouble, 6, 32);
        check(Retry::Trouble, 7, 60);
        check(Retry::Trouble, u32::MAX, 60);
        check(Retry::Login, 1, 60);
        check(Retry::Login, 4, 480);
        check(Retry::Login, 5, 720);
        check(Retry::Login, 200, 720);
        check(Retry::Book, 1, 15);
        check(Retry::Book, 5, 240);
        check(Retry::Book, 6, 360);
    }

    #[test]
    fn chance_takes_off_at_most_half() {
        for chance in [0, 1, 29_999, 30_000, 30_001, u64::MAX] {
            let delay = delay(Retry::Trouble, 1, chance);
            assert!((Duration::from_secs(30)..=MINUTE).contains(&delay), "{chance}");
        }
        assert_eq!(delay(Retry::Trouble, 1, 30_000), Duration::from_secs(30));
        assert_eq!(delay(Retry::Trouble, 1, 30_001), MINUTE);
    }
}
