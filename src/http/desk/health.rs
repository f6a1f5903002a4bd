//! Health: what failed and is tried again, and what `carnet check` says, asked for with a button since servers take their time.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::{Extension, response::Response};
use chrono::Utc;

use super::{
    Desk,
    changes::place,
    visit::{Frame, Here, Trouble, Visit, moment, see, unanswered, when},
    words::{Language, Words, fill},
};
use crate::{
    app::{CheckLine, Finding, Server, Verdict, check, with_devices},
    daemon::DaemonState,
    sync::{Activity, stamp},
    views::{
        Reader,
        problems::{Problem, problems},
        status::{OutboxState, UnsettledWrite, unsettled_in_crm},
    },
};

/// So many names are told of what failed for one reason.
const NAMED_MAX: usize = 5;

#[derive(Template)]
#[template(path = "health.html", config = "src/http/desk/askama.toml")]
pub(super) struct Health {
    frame: Frame,
    /// What the daemon says of itself.
    said: Vec<String>,
    troubles: Vec<(String, String)>,
    checked: String,
    lines: Vec<Line>,
}

/// What was checked. What was found is in the words of whoever looks after carnet.
#[derive(Debug, Clone)]
pub(super) struct Line {
    subject: String,
    verdict: Verdict,
    text: String,
    hint: String,
}

/// The last check.
#[derive(Debug, Clone, Default)]
pub(super) struct Checked(Arc<Mutex<Last>>);

#[derive(Debug, Default)]
struct Last {
    is_at_work: bool,
    /// When, and what was found.
    found: Option<(String, Vec<Line>)>,
}

impl Checked {
    fn act<T>(&self, act: impl FnOnce(&mut Last) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Line {
    fn of(line: CheckLine) -> Self {
        let CheckLine { subject, verdict, finding } = line;
        let (text, hint) = match finding {
            Finding::Said { message, hint } => (message, hint),
            Finding::Written { alters } => (alters.join(", "), None),
            Finding::Error(error) => (error.whole(), error.hint()),
            Finding::Guarded(stopped) => (stopped.attention.kind().word().to_owned(), None),
        };
        Self { subject, verdict, text, hint: hint.unwrap_or_default() }
    }

    pub fn word(&self, words: &Words) -> &'static str {
        match self.verdict {
            Verdict::Ok => words.is_ok,
            Verdict::Warning => words.is_warning,
            Verdict::Failed => words.is_failed,
        }
    }

    pub fn class(&self) -> &'static str {
        match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }

    /// The subject, in words where it is no book.
    pub fn name(&self, words: &Words) -> String {
        match self.subject.as_str() {
            "settings" => words.settings.to_owned(),
            other => place(words, other),
        }
    }
}

pub(super) async fn show(Extension(visit): Extension<Visit>) -> Response {
    let state = visit.desk.state();
    visit.show(move |visit, _, reader| page(visit, reader, &state)).await
}

fn page(visit: &Visit, reader: &Reader, state: &DaemonState) -> Result<Health, Trouble> {
    let (language, words) = (visit.language, visit.words());
    let failed = problems(reader)?.into_iter().map(|problem| trouble(words, &problem));
    let unsettled = unsettled_in_crm(reader)?.into_iter().map(|write| unsettled(words, write));
    let (checked, lines) = visit.desk.checked().act(|last| match (&last.found, last.is_at_work) {
        (_, true) => (words.check_at_work.to_owned(), Vec::new()),
        (Some((at, lines)), false) => (when(words.checked, &moment(language, at)), lines.clone()),
        (None, false) => (words.check_never.to_owned(), Vec::new()),
    });
    Ok(Health {
        said: said(language, state),
        troubles: failed.chain(unsettled).collect(),
        checked,
        lines,
        frame: visit.frame(Here::Health, unanswered(reader)?.0),
    })
}

fn said(language: Language, state: &DaemonState) -> Vec<String> {
    let words = language.words();
    let mut said = Vec::new();
    if state.is_login_refused() {
        said.push(words.login_refused.to_owned());
    } else if state.failures > 0 {
        said.push(language.plural(state.failures.into(), words.runs_failed_one, words.runs_failed_many));
    }
    said.extend(
        state.resting.iter().map(|(book, until)| {
            fill(words.book_rests, &[("book", book), ("when", &moment(language, &stamp(*until)))])
        }),
    );
    said
}

/// Where something failed and what, then how.
fn trouble(words: &Words, problem: &Problem) -> (String, String) {
    let failure = &problem.failure;
    let what = match failure.activity {
        Activity::Read => words.could_not_read,
        Activity::Write => words.could_not_write,
    };
    let subjects = failure.subjects.iter().take(NAMED_MAX).map(|subject| {
        let name = subject.contact.as_ref().map_or(subject.place.as_str(), |label| label.name.as_str());
        if name.is_empty() { subject.message.clone() } else { format!("{name}: {}", subject.message) }
    });
    let mut lines: Vec<String> = subjects.collect();
    let more = failure.count.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(fill(words.and_more, &[("n", &more.to_string())]));
    }
    (format!("{} ({what})", place(words, &failure.replica)), lines.join("\n"))
}

fn unsettled(words: &Words, write: UnsettledWrite) -> (String, String) {
    let UnsettledWrite { state, error, contact, .. } = write;
    let what = match state {
        OutboxState::Refused => words.unsettled_refused,
        _ => words.unsettled_sent,
    };
    (format!("{} ({})", contact.name, words.crm), [what, &error.unwrap_or_default()].join(" "))
}

/// Has everything checked; the page shows what was found once it is.
pub(super) async fn check_now(Extension(visit): Extension<Visit>) -> Response {
    begin(&visit.desk);
    see("/desk/health")
}

fn begin(desk: &Desk) {
    let (checked, settings) = (desk.checked(), desk.settings());
    if checked.act(|last| std::mem::replace(&mut last.is_at_work, true)) {
        return;
    }
    let done = checked.clone();
    let work = move || {
        let settings = with_devices(&settings).unwrap_or_else(|_| (*settings).clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let lines = runtime.map(|runtime| runtime.block_on(check(&settings, Server::Ask))).unwrap_or_default();
        let lines = lines.into_iter().map(Line::of).collect();
        done.act(|last| *last = Last { is_at_work: false, found: Some((stamp(Utc::now()), lines)) });
    };
    if std::thread::Builder::new().name("check".to_owned()).spawn(work).is_err() {
        checked.act(|last| last.is_at_work = false);
    }
}
