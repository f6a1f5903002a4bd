//! What a run takes from the machine under it, handed in: the time of day, the uptime, new UIDs; and the moments at which
//! a simulation may let it crash or run out of disk.
//!
//! Two clocks, because a user or NTP may set the time of day: it is only written down, for people. How long ago
//! something was is asked of the uptime, which nobody sets, and which begins anew with each boot.

use std::{fmt, fs, str::FromStr, sync::OnceLock, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use rustix::time::ClockId;

use crate::replica::Diagnostic;

/// A moment as the mirror writes it: RFC 3339, UTC, seconds.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The machine, as a run sees it.
pub trait Host {
    /// The time of day.
    fn now(&self) -> DateTime<Utc>;

    /// The time of day as the mirror writes it: RFC 3339, UTC, seconds.
    fn stamp(&self) -> String {
        stamp(self.now())
    }

    /// How long the machine has been up.
    fn uptime(&self) -> Uptime;

    /// A UID that nobody else has.
    fn fresh_uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// The run is at this moment. An error is that of a full disk: the transaction at hand is undone.
    ///
    /// # Errors
    /// A simulation's.
    fn reached(&self, point: FailPoint) -> Result<(), Diagnostic> {
        let _ = point;
        Ok(())
    }
}

/// The moments of a run between which it may be killed: each has other things done and undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailPoint {
    /// The run log has its row.
    Begun,
    /// What an earlier crash left is known to be unexplained.
    Recovered,
    /// A replica was read, nothing of its edits taken yet.
    Scanned,
    /// All that a replica said is in the mirror.
    TakenIn,
    /// Everything of a transaction is done except its commit.
    Committing,
    /// A transaction is committed.
    Committed,
    /// The outbox names the writes; none has left.
    AboutToWrite,
    /// The writes were answered, nothing of that is in the mirror yet.
    Answered,
    /// The answers are in the mirror.
    Settled,
    /// All is done except the run log.
    Finishing,
}

impl FailPoint {
    /// All of them, in a run's order.
    pub const ALL: [FailPoint; 10] = [
        FailPoint::Begun,
        FailPoint::Recovered,
        FailPoint::Scanned,
        FailPoint::TakenIn,
        FailPoint::Committing,
        FailPoint::Committed,
        FailPoint::AboutToWrite,
        FailPoint::Answered,
        FailPoint::Settled,
        FailPoint::Finishing,
    ];
}

/// A point in the life of a machine: which boot, and how long after it. As text "BOOT SECONDS".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    boot: String,
    since: Duration,
}

impl Uptime {
    /// So long after that boot. `boot`: any name without spaces.
    pub fn new(boot: &str, since: Duration) -> Self {
        Self { boot: boot.to_owned(), since }
    }

    /// How long after `earlier` this is; `None` if another boot lies between.
    pub fn elapsed_since(&self, earlier: &Uptime) -> Option<Duration> {
        (self.boot == earlier.boot).then(|| self.since.saturating_sub(earlier.since))
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.3}", self.boot, self.since.as_secs_f64())
    }
}

impl FromStr for Uptime {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (boot, seconds) = text.rsplit_once(' ').ok_or(())?;
        let seconds: f64 = seconds.parse().map_err(drop)?;
        Ok(Self::new(boot, Duration::try_from_secs_f64(seconds).map_err(drop)?))
    }
}

/// The machine itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Host for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn uptime(&self) -> Uptime {
        let time = rustix::time::clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Uptime::new(boot_id(), Duration::new(seconds, nanoseconds))
    }
}

/// The kernel's name for this boot. Where there is none, each process is a boot of its own: waits are longer then, never
/// shorter.
fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let id = id.trim();
        if id.is_empty() { uuid::Uuid::new_v4().to_string() } else { id.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_are_compared_within_one_boot_only() {
        let check = |earlier: &str, later: &str, expected: Option<u64>| {
            let [earlier, later] = [earlier, later].map(|text| text.parse::<Uptime>().unwrap());
            assert_eq!(later.elapsed_since(&earlier).map(|time| time.as_secs()), expected);
        };
        check("a 10.000", "a 75.500", Some(65));
        check("a 75.500", "a 10.000", Some(0));
        check("a 10.000", "b 75.500", None);
        for text in ["", "a", "a b", "a -1", "a 1e400"] {
            assert!(text.parse::<Uptime>().is_err(), "{text}");
        }
        let now = SystemClock.uptime();
        let again: Uptime = now.to_string().parse().unwrap();
        assert!(SystemClock.uptime().elapsed_since(&again).is_some_and(|time| time < Duration::from_secs(60)));
    }
}
