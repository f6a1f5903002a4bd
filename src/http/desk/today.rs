//! Today: whether all is in step, when the next run is, and how much waits.

use askama::Template;
use axum::{Extension, response::Response};

use super::{
    visit::{Frame, Here, Trouble, Visit, moment, unanswered, when},
    words::Language,
};
use crate::{
    app::with_devices,
    config::Settings,
    daemon::DaemonState,
    sync::{CRM, stamp},
    views::{
        Reader,
        status::{Asked, ReplicaStatus, status},
    },
};

#[derive(Template)]
#[template(path = "today.html", config = "src/http/desk/askama.toml")]
pub(super) struct Today {
    frame: Frame,
    is_good: bool,
    /// What the run at work does; none where none is.
    progress: Option<String>,
    is_paused: bool,
    headline: &'static str,
    sentences: Vec<String>,
    waits: String,
    answered: Option<String>,
    /// What failed and is tried again, which Health names.
    troubles: Option<String>,
    contacts: String,
    places: Vec<Place>,
}

/// The CRM or a book.
struct Place {
    name: String,
    holds: String,
    to_write: String,
}

pub(super) async fn show(Extension(visit): Extension<Visit>) -> Response {
    let state = visit.desk.state();
    visit.show(move |visit, settings, reader| page(visit, settings, reader, &state)).await
}

fn page(visit: &Visit, settings: &Settings, reader: &Reader, state: &DaemonState) -> Result<Today, Trouble> {
    let (language, words) = (visit.language, visit.words());
    let settings = with_devices(settings).unwrap_or_else(|_| settings.clone());
    let books = settings.books.iter().map(|book| Asked { name: &book.name, alters: None, filter: Some(&book.where_) });
    let crm = Asked { name: CRM, alters: None, filter: None };
    let status = status(reader, std::iter::once(crm).chain(books))?;
    let (open, noted) = unanswered(reader)?;
    let owed: u64 = status.replicas.iter().map(to_write).sum();
    let is_good = state.failures == 0 && owed == 0 && status.counts.total() == 0;
    let troubles = status.counts.unsettled + status.counts.problems;
    let progress = visit.desk.progress().step().in_words(language);
    let headline = match (progress.is_some(), is_good) {
        (true, _) => words.working,
        (false, true) => words.in_step,
        (false, false) => words.not_in_step,
    };
    Ok(Today {
        is_good: is_good && progress.is_none(),
        is_paused: state.paused.is_some(),
        progress,
        headline,
        sentences: sentences(language, state),
        waits: match open {
            0 => words.nothing_waits.to_owned(),
            many => language.plural(many, words.things_wait_one, words.things_wait_many),
        },
        answered: (noted > 0).then(|| language.plural(noted, words.answered_one, words.answered_many)),
        troubles: (troubles > 0).then(|| language.plural(troubles, words.troubles_one, words.troubles_many)),
        contacts: language.plural(status.contacts, words.contacts_one, words.contacts_many),
        places: status.replicas.iter().map(|replica| place(language, replica)).collect(),
        frame: visit.frame(Here::Today, open),
    })
}

fn to_write(replica: &ReplicaStatus) -> u64 {
    replica.create + replica.update + replica.delete
}

fn place(language: Language, replica: &ReplicaStatus) -> Place {
    let words = language.words();
    let name = if replica.name == CRM { words.crm.to_owned() } else { replica.name.clone() };
    let to_write = match to_write(replica) {
        0 => words.nothing.to_owned(),
        many => language.number(many),
    };
    Place { name, holds: language.number(replica.held), to_write }
}

/// What the daemon says of its runs.
fn sentences(language: Language, state: &DaemonState) -> Vec<String> {
    let words = language.words();
    let mut said = vec![match state.last_good {
        Some(at) => when(words.last_good, &moment(language, &stamp(at))),
        None => words.last_good_never.to_owned(),
    }];
    if state.is_login_refused() {
        said.push(words.login_refused.to_owned());
    } else if state.failures > 0 {
        said.push(language.plural(state.failures.into(), words.runs_failed_one, words.runs_failed_many));
    }
    if let Some(at) = state.paused {
        said.push(when(words.paused, &moment(language, &stamp(at))));
        said.push(words.pause_hint.to_owned());
    }
    said.extend(state.next.map(|at| when(words.next_run, &moment(language, &stamp(at)))));
    said
}
