//! Whether a failed GET is tried again, and when. The chance and the time waited so far are handed in.
//!
//! Full jitter (each wait is anything from nothing to the step's ceiling) keeps several requests, and several carnets,
//! from coming back together. Writes never come here.

use std::time::Duration;

/// The longest that one request waits in all because the server asked for it.
pub const WAIT_MAX: Duration = Duration::from_secs(3600);

/// How often trouble is met before it is believed.
const TRIES_MAX: u32 = 3;

/// How often the server may ask one request to wait.
const ASKED_MAX: u32 = 10;

/// How long to wait between tries.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The ceiling of the first wait; it doubles with each further one.
    pub delay_first: Duration,
    /// The ceiling of all waits.
    pub delay_max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { delay_first: Duration::from_millis(500), delay_max: Duration::from_secs(30) }
    }
}

/// What stood in the way of a GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryCause {
    /// 429, or 503 with `Retry-After`: come back, after this time if it is told.
    Asked(Option<Duration>),
    /// A time-out, a broken connection, another 5xx, XML that is not whole.
    Diagnostic,
}

/// What one request has been through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tries {
    diagnostic: u32,
    asked: u32,
    waited: Duration,
}

impl Backoff {
    /// How long to wait before the next try; `None` if it is over. `chance` is in 0..=1.
    pub fn next(&self, tries: &mut Tries, cause: RetryCause, chance: f64) -> Option<Duration> {
        let chance = chance.clamp(0.0, 1.0);
        match cause {
            RetryCause::Diagnostic => {
                tries.diagnostic += 1;
                (tries.diagnostic < TRIES_MAX).then(|| self.ceiling(tries.diagnostic).mul_f64(chance))
            }
            RetryCause::Asked(told) => {
                tries.asked += 1;
                let own = self.ceiling(tries.asked).mul_f64(chance);
                let wait = told.unwrap_or_default().min(WAIT_MAX).max(own);
                tries.waited += wait;
                (tries.asked < ASKED_MAX && tries.waited <= WAIT_MAX).then_some(wait)
            }
        }
    }

    fn ceiling(&self, tries: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        self.delay_first.saturating_mul(doubled).min(self.delay_max)
    }
}

/// A number in 0..1 for the jitter of waits: 53 random bits of a v4 UUID.
pub fn chance() -> f64 {
    let bits = (uuid::Uuid::new_v4().as_u128() & ((1 << 53) - 1)) as u64;
    bits as f64 / (1_u64 << 53) as f64
}

/// `Retry-After` as a time from now: seconds, or an HTTP date (RFC 9110, 10.2.3). At most an hour; a past date is zero.
pub fn retry_after(value: &str, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a long time.
        return Some(value.parse().map_or(WAIT_MAX, Duration::from_secs).min(WAIT_MAX));
    }
    let date = chrono::NaiveDateTime::parse_from_str(value, "%a, %d %b %Y %H:%M:%S GMT")
        .or_else(|_| chrono::NaiveDateTime::parse_from_str(value, "%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|_| chrono::NaiveDateTime::parse_from_str(value, "%a %b %e %H:%M:%S %Y"))
        .ok()?;
    Some((date.and_utc() - now).to_std().unwrap_or_default().min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_tried_three_times_with_growing_waits() {
        let backoff = Backoff { delay_first: Duration::from_secs(1), delay_max: Duration::from_secs(30) };
        let mut tries = Tries::default();
        assert_eq!(backoff.next(&mut tries, RetryCause::Diagnostic, 1.0), Some(Duration::from_secs(1)));
        assert_eq!(backoff.next(&mut tries, RetryCause::Diagnostic, 0.5), Some(Duration::from_secs(1)));
        assert_eq!(backoff.next(&mut tries, RetryCause::Diagnostic, 1.0), None);
    }

    #[test]
    fn asked_waits_are_obeyed_up_to_an_hour() {
        let backoff = Backoff { delay_first: Duration::ZERO, delay_max: Duration::ZERO };
        let asked = |seconds| RetryCause::Asked(Some(Duration::from_secs(seconds)));
        let mut tries = Tries::default();
        assert_eq!(backoff.next(&mut tries, asked(7), 0.0), Some(Duration::from_secs(7)));
        assert_eq!(backoff.next(&mut tries, asked(3000), 0.0), Some(Duration::from_secs(3000)));
        assert_eq!(backoff.next(&mut tries, asked(3000), 0.0), None);
        let mut tries = Tries::default();
        assert_eq!(backoff.next(&mut tries, asked(9999), 0.0), Some(WAIT_MAX));
        let mut tries = Tries::default();
        let granted = (0..100).take_while(|_| backoff.next(&mut tries, asked(0), 1.0).is_some()).count();
        assert_eq!(granted, 9);
    }

    #[test]
    fn chances_are_spread() {
        let all: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(all.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(all.iter().any(|chance| *chance < 0.4) && all.iter().any(|chance| *chance > 0.6));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = chrono::DateTime::parse_from_rfc3339("2024-02-29T12:00:00Z").unwrap().to_utc();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Thu, 29 Feb 2024 12:00:30 GMT", Some(30)),
            ("Thursday, 29-Feb-24 12:00:30 GMT", Some(30)),
            ("Thu Feb 29 12:00:30 2024", Some(30)),
            ("Thu, 29 Feb 2024 11:00:00 GMT", Some(0)),
            ("Fri, 01 Mar 2030 12:00:00 GMT", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
