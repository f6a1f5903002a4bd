//! Waiting for a moment on either clock without looking at it now and then: the kernel wakes the daemon when the moment has
//! come, however long the machine slept, and when somebody sets the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::plan::Deadline;

/// Where the kernel has no such timer, the clocks are looked at this often.
const LOOK: Duration = Duration::from_secs(20);

/// The two timers; none where the system has no such thing.
#[derive(Debug, Default)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timers: Option<linux::Timers>,
}

impl Alarm {
    /// Needs a runtime.
    pub fn new() -> Self {
        #[cfg(target_os = "linux")]
        return Self { timers: linux::Timers::new().ok() };
        #[cfg(not(target_os = "linux"))]
        Self::default()
    }

    /// Ends when one of the moments has come, or the clock was set, or perhaps before: look at the clocks. Without a
    /// deadline, never.
    pub async fn rings(&self, deadline: Deadline, up: Duration) {
        if deadline == Deadline::default() {
            return std::future::pending().await;
        }
        #[cfg(target_os = "linux")]
        if let Some(timers) = &self.timers
            && timers.ring(deadline).await.is_ok()
        {
            return;
        }
        tokio::time::sleep(until(deadline, Utc::now(), up).min(LOOK)).await;
    }
}

/// How long until the earlier of the two.
fn until(deadline: Deadline, wall: DateTime<Utc>, up: Duration) -> Duration {
    let by_wall = deadline.wall.map(|at| (at - wall).to_std().unwrap_or_default());
    let by_up = deadline.up.map(|at| at.saturating_sub(up));
    by_wall.into_iter().chain(by_up).min().unwrap_or(LOOK)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{future::Future, io, os::fd::OwnedFd, time::Duration};

    use rustix::{
        io::Errno,
        time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
        },
    };
    use tokio::io::{Interest, unix::AsyncFd};

    use super::Deadline;
    use crate::daemon::descriptor::watched;

    #[derive(Debug)]
    pub struct Timers {
        wall: AsyncFd<OwnedFd>,
        up: AsyncFd<OwnedFd>,
    }

    impl Timers {
        pub fn new() -> io::Result<Self> {
            let timer = |clock| watched(timerfd_create(clock, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?);
            Ok(Self { wall: timer(TimerfdClockId::Realtime)?, up: timer(TimerfdClockId::Boottime)? })
        }

        pub async fn ring(&self, deadline: Deadline) -> io::Result<()> {
            let wall = deadline.wall.map(|at| (at.timestamp(), at.timestamp_subsec_nanos()));
            // Also where only the uptime is waited for: a clock that is set moves the schedule.
            let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
            let wall = rung(&self.wall, flags, wall);
            let up =
                deadline.up.map(|at: Duration| (i64::try_from(at.as_secs()).unwrap_or(i64::MAX), at.subsec_nanos()));
            let up = rung(&self.up, TimerfdTimerFlags::ABSTIME, up);
            tokio::select! {
                rung = wall => rung,
                rung = up => rung,
            }
        }
    }

    /// Sets the timer and waits for it; without a moment, it is switched off and waited for in vain.
    fn rung<'t>(
        timer: &'t AsyncFd<OwnedFd>,
        flags: TimerfdTimerFlags,
        at: Option<(i64, u32)>,
    ) -> impl Future<Output = io::Result<()>> + 't {
        let (tv_sec, nanoseconds) = at.map_or((0, 0), |(seconds, rest)| (seconds.max(0), rest));
        // All zero would mean "off".
        let tv_nsec = if at.is_some() { i64::from(nanoseconds).max(1) } else { 0 };
        let off = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Itimerspec { it_interval: off, it_value: Timespec { tv_sec, tv_nsec: tv_nsec as _ } };
        let set = timerfd_settime(timer, flags, &value);
        async move {
            set?;
            if at.is_none() {
                return std::future::pending().await;
            }
            timer
                .async_io(Interest::READABLE, |fd| {
                    let mut count = [0_u8; 8];
                    match rustix::io::read(fd, &mut count) {
                        // The clock was set.
                        Ok(_) | Err(Errno::CANCELED) => Ok(()),
                        Err(error) => Err(error.into()),
                    }
                })
                .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::now;

    #[tokio::test]
    async fn a_moment_that_is_past_is_not_waited_for() {
        let alarm = Alarm::new();
        let now = now();
        let past = Duration::from_secs(1);
        alarm.rings(Deadline { wall: Some(now.wall - past), up: None }, now.up).await;
        alarm.rings(Deadline { wall: None, up: Some(now.up.saturating_sub(past)) }, now.up).await;
        // The one that is far away does not hold up the other.
        let far = Some(now.wall + chrono::TimeDelta::days(1));
        alarm.rings(Deadline { wall: far, up: Some(now.up + Duration::from_millis(5)) }, now.up).await;
    }

    #[test]
    fn the_earlier_moment_counts() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
        let (wall, up) = (at("2026-01-01T10:00:00Z"), Duration::from_secs(100));
        let check = |minute: Option<&str>, uptime: Option<u64>, expected: u64| {
            let wall_at = minute.map(|minute| at(&format!("2026-01-01T{minute}Z")));
            let deadline = Deadline { wall: wall_at, up: uptime.map(Duration::from_secs) };
            assert_eq!(until(deadline, wall, up), Duration::from_secs(expected), "{minute:?} {uptime:?}");
        };
        check(Some("10:00:30"), None, 30);
        check(Some("10:00:30"), Some(110), 10);
        check(Some("10:00:05"), Some(110), 5);
        check(Some("09:00:00"), Some(110), 0);
        check(None, Some(90), 0);
    }
}
