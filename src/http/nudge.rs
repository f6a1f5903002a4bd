//! When a nudge is passed on: many that come together are one, and runs are not asked for one after the other. Pure; time
//! is handed in as the uptime of the listener.

use std::time::Duration;

/// A nudge waits so long for others: webhooks come in bursts.
const TOGETHER: Duration = Duration::from_secs(1);
/// Runs are asked for no more often.
const APART: Duration = Duration::from_secs(15);
/// In so long...
const WINDOW: Duration = Duration::from_secs(60);
/// ...no more than so many are answered.
const IN_WINDOW_MAX: u32 = 120;

/// What has been asked for.
#[derive(Debug, Default)]
pub(super) struct Nudges {
    /// When the one that waits is passed on.
    pending: Option<Duration>,
    /// When the last one was.
    passed_on: Option<Duration>,
    /// Since when is counted, and how many there were.
    window: Option<(Duration, u32)>,
}

/// What becomes of a nudge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is passed on then, and somebody must do so.
    First(Duration),
    /// It is passed on then with the one before.
    WithOthers(Duration),
    /// There are too many; what asked before stands. Again after so long.
    TooOften(Duration),
}

impl Nudges {
    /// Takes a nudge.
    pub fn take(&mut self, now: Duration) -> Taken {
        let (since, count) = self.window.filter(|(since, _)| now < *since + WINDOW).unwrap_or((now, 0));
        if count >= IN_WINDOW_MAX {
            return Taken::TooOften((since + WINDOW).saturating_sub(now));
        }
        self.window = Some((since, count + 1));
        if let Some(at) = self.pending {
            return Taken::WithOthers(at);
        }
        Taken::First(self.begin(now))
    }

    /// Takes a nudge of carnet's own, of which there are never too many: when somebody must pass it on, if not with others.
    pub fn join(&mut self, now: Duration) -> Option<Duration> {
        self.pending.is_none().then(|| self.begin(now))
    }

    fn begin(&mut self, now: Duration) -> Duration {
        let at = self.passed_on.map_or(now, |last| last + APART).max(now + TOGETHER);
        self.pending = Some(at);
        at
    }

    /// The one that waited is passed on.
    pub fn pass_on(&mut self, now: Duration) {
        self.pending = None;
        self.passed_on = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nudges_are_one_run_and_runs_are_apart() {
        let at = Duration::from_secs;
        let mut nudges = Nudges::default();
        assert_eq!(nudges.take(at(100)), Taken::First(at(101)));
        assert_eq!(nudges.take(at(100)), Taken::WithOthers(at(101)));
        nudges.pass_on(at(101));
        assert_eq!(nudges.take(at(102)), Taken::First(at(116)));
        assert_eq!(nudges.take(at(115)), Taken::WithOthers(at(116)));
        nudges.pass_on(at(116));
        assert_eq!(nudges.take(at(200)), Taken::First(at(201)));
        for _ in 1..IN_WINDOW_MAX {
            assert_eq!(nudges.take(at(210)), Taken::WithOthers(at(201)));
        }
        assert_eq!(nudges.take(at(211)), Taken::TooOften(at(49)));
        assert_eq!(nudges.take(at(260)), Taken::WithOthers(at(201)));
    }

    #[test]
    fn nudges_of_carnets_own_are_never_too_many() {
        let at = Duration::from_secs;
        let mut nudges = Nudges::default();
        assert_eq!(nudges.join(at(100)), Some(at(101)));
        assert_eq!((0..10 * IN_WINDOW_MAX).find_map(|_| nudges.join(at(100))), None);
        nudges.pass_on(at(101));
        assert_eq!(nudges.join(at(102)), Some(at(116)));
    }
}
