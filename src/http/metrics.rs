//! What is counted of runs, for Prometheus.
//!
//! A fleet tells its accounts apart by the scraper's own labels; here is none. Labels are words of the settings and of
//! carnet, never of a contact.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use super::text::Text;
use crate::{
    daemon::{DaemonState, Listener, News, Outcome, Scope},
    sync::{AttentionCounts, Summary, SyncError},
    views::status,
};

/// Upper bounds of run durations, in seconds.
const BOUNDS: [f64; 12] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];
/// How runs end. Every word is there from the start: what begins at 0 can be alerted on.
const OUTCOMES: [&str; 10] = [
    "done",
    "partly",
    "stopped_for_safety",
    "login_refused",
    "network",
    "settings",
    "failed",
    "panicked",
    "interrupted",
    "busy",
];
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];

/// Counts, shared between the run's thread and whoever is asked for them.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    outcomes: BTreeMap<&'static str, u64>,
    durations: [u64; BOUNDS.len()],
    duration_sum: f64,
    duration_count: u64,
    begun: Option<Instant>,
    mirror: Option<PathBuf>,
    scope: Option<Scope>,
    last: Option<DateTime<Utc>>,
    last_duration: Option<Duration>,
    last_success: Option<DateTime<Utc>>,
    stirred: Option<DateTime<Utc>>,
    held: BTreeMap<String, u64>,
    changes: BTreeMap<(String, &'static str), u64>,
    conflicts: u64,
    requests: BTreeMap<String, u64>,
    waiting: AttentionCounts,
    nudges: u64,
}

impl Seen {
    /// Hears of runs.
    pub fn listener(&self) -> Listener {
        let seen = self.clone();
        Box::new(move |news| match news {
            News::Begun(order) => {
                let mut counts = seen.counts();
                counts.begun = Some(Instant::now());
                // Without a listener nobody asks what the mirror holds.
                counts.mirror = order.settings.http.as_ref().map(|_| order.settings.mirror.path.clone());
                counts.scope = Some(order.scope);
                counts.stirred = Some(Utc::now());
            }
            News::Event(_) => seen.counts().stirred = Some(Utc::now()),
            News::Ended(outcome) => {
                let mirror = seen.counts().mirror.clone();
                // On the run's own thread, and not while the counts are held.
                let in_mirror = mirror.and_then(|path| status::counts(&path));
                seen.counts().end(outcome, in_mirror);
            }
        })
    }

    /// What the mirror says before the first run.
    pub fn begin(&self, in_mirror: Option<(u64, AttentionCounts)>) {
        self.counts().take_mirror(in_mirror);
    }

    /// A nudge was accepted.
    pub fn nudged(&self) {
        self.counts().nudges += 1;
    }

    /// When something last happened in a run.
    pub fn stirred(&self) -> Option<DateTime<Utc>> {
        self.counts().stirred
    }

    /// All of it as text.
    pub fn text(&self, state: &DaemonState) -> String {
        self.counts().text(state)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers have no half-done state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn end(&mut self, outcome: &Outcome, in_mirror: Option<(u64, AttentionCounts)>) {
        let word = word(outcome);
        *self.outcomes.entry(word).or_default() += 1;
        let took = self.begun.take().map(|begun| begun.elapsed()).unwrap_or_default();
        self.take_mirror(in_mirror);
        if word == "busy" {
            return;
        }
        let now = Utc::now();
        (self.last, self.last_duration) = (Some(now), Some(took));
        self.duration_sum += took.as_secs_f64();
        self.duration_count += 1;
        for (bucket, _) in self.durations.iter_mut().zip(BOUNDS).filter(|(_, bound)| took.as_secs_f64() <= *bound) {
            *bucket += 1;
        }
        let Outcome::Done(summary) = outcome else { return };
        if self.scope == Some(Scope::All) {
            self.last_success = Some(now);
        }
        let Summary { scanned, created, updated, deleted, conflicts, requests, .. } = &**summary;
        self.held.extend(scanned.clone());
        self.conflicts += conflicts;
        for (action, places) in [("create", created), ("update", updated), ("delete", deleted)] {
            for (place, count) in places {
                *self.changes.entry((place.clone(), action)).or_default() += count;
            }
        }
        for (method, count) in requests {
            *self.requests.entry(method.clone()).or_default() += count;
        }
    }

    fn take_mirror(&mut self, in_mirror: Option<(u64, AttentionCounts)>) {
        if let Some((contacts, waiting)) = in_mirror {
            self.held.insert("mirror".to_owned(), contacts);
            self.waiting = waiting;
        }
    }

    fn text(&self, state: &DaemonState) -> String {
        let mut text = Text::default();
        let version = env!("CARGO_PKG_VERSION");
        text.family("carnet_build_info", "gauge", "The program's version; always 1.");
        text.sample("carnet_build_info", &[("version", version)], 1);
        let seconds = |at: DateTime<Utc>| at.timestamp();
        text.single(
            "carnet_start_time_seconds",
            "gauge",
            "When the daemon started, as Unix time.",
            seconds(state.started),
        );
        self.runs(&mut text);
        for (name, help, at) in [
            ("carnet_last_run_timestamp_seconds", "When the last run ended, as Unix time.", self.last),
            (
                "carnet_last_success_timestamp_seconds",
                "When the last run of all replicas came to its end, as Unix time.",
                self.last_success,
            ),
            ("carnet_next_run_timestamp_seconds", "When the next run is expected, as Unix time.", state.next),
        ] {
            if let Some(at) = at {
                text.single(name, "gauge", help, seconds(at));
            }
        }
        if let Some(took) = self.last_duration {
            let help = "How long the last run took.";
            text.single("carnet_last_run_duration_seconds", "gauge", help, took.as_secs_f64());
        }
        let at_work = u8::from(state.running.is_some());
        text.single("carnet_run_at_work", "gauge", "1 while a run is at work, else 0.", at_work);
        let help = "Runs that failed since the last that did not.";
        text.single("carnet_run_failures_in_a_row", "gauge", help, state.failures);
        let help = "Books whose edits the schedule alone finds.";
        text.single("carnet_unwatched_books", "gauge", help, state.unwatched.len());
        text.single("carnet_nudges_total", "counter", "Nudges over HTTP that were accepted.", self.nudges);
        self.contacts(&mut text);
        text.into_string()
    }

    fn runs(&self, text: &mut Text) {
        text.family("carnet_runs_total", "counter", "Runs that ended, by how.");
        for outcome in OUTCOMES {
            let count = self.outcomes.get(outcome).copied().unwrap_or(0);
            text.sample("carnet_runs_total", &[("outcome", outcome)], count);
        }
        text.family("carnet_run_duration_seconds", "histogram", "How long runs took.");
        for (bound, count) in BOUNDS.iter().zip(self.durations) {
            text.sample("carnet_run_duration_seconds_bucket", &[("le", &bound.to_string())], count);
        }
        text.sample("carnet_run_duration_seconds_bucket", &[("le", "+Inf")], self.duration_count);
        text.sample("carnet_run_duration_seconds_sum", &[], self.duration_sum);
        text.sample("carnet_run_duration_seconds_count", &[], self.duration_count);
    }

    fn contacts(&self, text: &mut Text) {
        text.family("carnet_contacts", "gauge", "Contacts that a place held when it was last read.");
        for (place, count) in &self.held {
            text.sample("carnet_contacts", &[("place", place)], count);
        }
        text.family("carnet_changes_total", "counter", "Contacts changed by runs, by place and action.");
        for ((place, action), count) in &self.changes {
            text.sample("carnet_changes_total", &[("place", place), ("action", action)], count);
        }
        text.single("carnet_conflicts_total", "counter", "Conflicts that runs met.", self.conflicts);
        let AttentionCounts { conflicts, attention, unsettled, problems } = self.waiting;
        text.family("carnet_waiting", "gauge", "What waits for a user after the last run, by kind.");
        let kinds = [("conflict", conflicts), ("question", attention), ("write", unsettled), ("problem", problems)];
        for (kind, count) in kinds {
            text.sample("carnet_waiting", &[("kind", kind)], count);
        }
        text.family("carnet_crm_requests_total", "counter", "Requests that runs sent to the CRM, by method.");
        for method in METHODS {
            let count = self.requests.get(method).copied().unwrap_or(0);
            text.sample("carnet_crm_requests_total", &[("method", method)], count);
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(summary) => match summary.exit_code() {
            0 => "done",
            7 => "stopped_for_safety",
            _ => "partly",
        },
        Outcome::Panicked(_) => "panicked",
        Outcome::Failed(error) => match error {
            SyncError::Settings(_) | SyncError::Usage(_) => "settings",
            SyncError::Login(_) => "login_refused",
            SyncError::Network(_) => "network",
            SyncError::Safety(_) | SyncError::OtherAccount { .. } | SyncError::Distrusted(_) => "stopped_for_safety",
            SyncError::Locked(_) => "busy",
            SyncError::Interrupted => "interrupted",
            SyncError::Refused(_) | SyncError::Mirror(_) | SyncError::Output(_) | SyncError::Failed(_) => "failed",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::Diagnostic;

    /// What `promtool check metrics` wants of a text, and Prometheus's own reader: HELP and TYPE before the samples of each
    /// family, once; no sample twice; counters end in _total, and nothing else does; what a histogram must have.
    fn check_format(text: &str) -> BTreeMap<String, f64> {
        let mut families: BTreeMap<&str, &str> = BTreeMap::new();
        let mut current = "";
        let mut samples = BTreeMap::new();
        let mut helped = "";
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.ends_with('.'), "{line}");
                helped = name;
                continue;
            }
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(helped, name, "HELP comes before TYPE");
                assert!(families.insert(name, kind).is_none(), "{name} twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                current = name;
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let family = of_histogram.filter(|family| families.get(family) == Some(&"histogram")).unwrap_or(name);
            assert_eq!(family, current, "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            assert!(samples.insert(series.to_owned(), value.parse::<f64>().unwrap()).is_none(), "{line} twice");
        }
        for (name, _) in families.iter().filter(|(_, kind)| **kind == "histogram") {
            let infinite = samples[&format!("{name}_bucket{{le=\"+Inf\"}}")];
            assert!((infinite - samples[&format!("{name}_count")]).abs() < f64::EPSILON);
        }
        samples
    }

    fn state() -> DaemonState {
        DaemonState {
            started: DateTime::UNIX_EPOCH,
            running: None,
            last: None,
            last_good: None,
            failures: 2,
            next: Some(DateTime::UNIX_EPOCH),
            waiting: 0,
            resting: BTreeMap::new(),
            unwatched: BTreeMap::new(),
            paused: None,
            stopping: false,
        }
    }

    #[test]
    fn what_runs_did_is_counted() {
        let seen = Seen::default();
        let before = check_format(&seen.text(&state()));
        assert!(before["carnet_runs_total{outcome=\"network\"}"] < 1.0);
        let one = |place: &str, count: u64| [(place.to_owned(), count)].into();
        let summary = || Summary {
            scanned: one("crm", 250),
            updated: one("team \"A\"\\B", 3),
            requests: one("GET", 5),
            conflicts: 1,
            ..Summary::default()
        };
        for _ in 0..2 {
            let mut counts = seen.counts();
            (counts.begun, counts.scope) = (Some(Instant::now()), Some(Scope::All));
            let waiting = AttentionCounts { conflicts: 2, ..AttentionCounts::default() };
            counts.end(&Outcome::Done(Box::new(summary())), Some((251, waiting)));
        }
        seen.counts().end(&Outcome::Failed(SyncError::Network(Diagnostic::new("x"))), None);
        seen.counts().end(&Outcome::Failed(SyncError::Locked(Diagnostic::new("x"))), None);
        let samples = check_format(&seen.text(&state()));
        let check = |series: &str, expected: f64| {
            let found = samples.get(series).unwrap_or_else(|| panic!("{series} in {samples:#?}"));
            assert!((found - expected).abs() < f64::EPSILON, "{series} {found}");
        };
        check("carnet_runs_total{outcome=\"done\"}", 2.0);
        check("carnet_runs_total{outcome=\"network\"}", 1.0);
        check("carnet_runs_total{outcome=\"busy\"}", 1.0);
        check("carnet_run_duration_seconds_count", 3.0);
        check("carnet_run_duration_seconds_bucket{le=\"3600\"}", 3.0);
        check("carnet_contacts{place=\"crm\"}", 250.0);
        check("carnet_contacts{place=\"mirror\"}", 251.0);
        check("carnet_changes_total{place=\"team \\\"A\\\"\\\\B\",action=\"update\"}", 6.0);
        check("carnet_crm_requests_total{method=\"GET\"}", 10.0);
        check("carnet_crm_requests_total{method=\"DELETE\"}", 0.0);
        check("carnet_waiting{kind=\"conflict\"}", 2.0);
        check("carnet_conflicts_total", 2.0);
        check("carnet_run_failures_in_a_row", 2.0);
        assert!(samples.contains_key("carnet_last_success_timestamp_seconds"));
    }
}
