//! One request of somebody at the desk: who they are, what language they read, and the way to the mirror, which is only read and
//! never on the daemon's own thread.

use std::sync::Arc;

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use chrono::{DateTime, Local};

use super::{
    Desk,
    access::{Role, Visitor},
    figures, form,
    words::{Language, Words, fill},
};
use crate::{
    config::Settings,
    sync::SyncError,
    views::{MirrorError, Reader, attention},
};

/// The cookie of whoever wants another language than their browser.
pub(super) const LANGUAGE_COOKIE: &str = "carnet-desk-language";

/// A request of somebody who has come in.
#[derive(Clone)]
pub(super) struct Visit {
    pub desk: Desk,
    pub visitor: Visitor,
    pub language: Language,
    /// The session's secret.
    pub session: String,
}

/// The pages that the frame leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Today,
    Waiting,
    Runs,
    People,
    Devices,
    Health,
}

/// What every page shows.
pub(super) struct Frame {
    pub words: &'static Words,
    pub language: Language,
    pub here: Here,
    pub token: String,
    pub name: String,
    pub may_decide: bool,
    /// What waits for an answer.
    pub waiting: u64,
}

impl Frame {
    pub fn is(&self, here: Here) -> bool {
        self.here == here
    }

    /// How much waits, as the language writes it.
    pub fn count(&self) -> String {
        self.language.number(self.waiting)
    }
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub(super) enum Trouble {
    NotFound,
    NoRunYet,
    MayOnlyLook,
    Unreadable,
}

impl From<MirrorError> for Trouble {
    fn from(error: MirrorError) -> Self {
        // Its words name files; they are for whoever looks after carnet.
        tracing::warn!("a page of the desk could not be shown: failed to {error}");
        Self::Unreadable
    }
}

impl From<SyncError> for Trouble {
    fn from(error: SyncError) -> Self {
        tracing::warn!("the desk failed to {error}");
        Self::Unreadable
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/http/desk/askama.toml")]
struct Message {
    words: &'static Words,
    language: Language,
    text: String,
}

impl Visit {
    pub fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// The settings of the moment.
    pub fn settings(&self) -> Arc<Settings> {
        self.desk.settings()
    }

    pub fn may_decide(&self) -> bool {
        self.visitor.role == Role::Decides
    }

    /// Reads the mirror, beside whatever run is at work, on a thread that may wait for the disk.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Settings, &Reader) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let settings = self.settings();
        self.work(move || {
            if !settings.mirror.path.exists() {
                return Err(Trouble::NoRunYet);
            }
            read(&settings, &Reader::open(&settings.mirror.path)?)
        })
        .await
    }

    /// The page that is made of the mirror, or why there is none.
    pub async fn show<T: Template + Send + 'static>(
        self,
        make: impl FnOnce(&Visit, &Settings, &Reader) -> Result<T, Trouble> + Send + 'static,
    ) -> Response {
        let visit = self.clone();
        let page = self.read(move |settings, reader| make(&visit, settings, reader)).await;
        self.answer(page)
    }

    /// Does what may wait, away from the daemon's own thread.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Trouble::Unreadable))
    }

    /// What every page shows.
    pub fn frame(&self, here: Here, waiting: u64) -> Frame {
        Frame {
            words: self.words(),
            language: self.language,
            here,
            token: form::token(&self.session),
            name: self.visitor.name.clone(),
            may_decide: self.may_decide(),
            waiting,
        }
    }

    /// The page, or why there is none.
    pub fn answer<T: Template>(&self, page: Result<T, Trouble>) -> Response {
        match page {
            Ok(page) => render(&page, StatusCode::OK),
            Err(trouble) => self.trouble(&trouble),
        }
    }

    pub fn trouble(&self, trouble: &Trouble) -> Response {
        let words = self.words();
        let (status, text) = match trouble {
            Trouble::NotFound => (StatusCode::NOT_FOUND, words.not_found),
            Trouble::NoRunYet => (StatusCode::OK, words.no_run_yet),
            Trouble::MayOnlyLook => (StatusCode::FORBIDDEN, words.viewers_do_not),
            Trouble::Unreadable => (StatusCode::INTERNAL_SERVER_ERROR, words.unreadable),
        };
        message(self.language, status, text.to_owned())
    }
}

/// How much waits for an answer, and how many answers wait for a run.
pub(super) fn unanswered(reader: &Reader) -> Result<(u64, u64), Trouble> {
    Ok(attention::unanswered(reader)?)
}

pub(super) fn moment(language: Language, at: &str) -> String {
    let now = Local::now();
    match DateTime::parse_from_rfc3339(at) {
        Ok(at) => figures::moment(language, &at.with_timezone(&Local), &now),
        Err(_) => at.to_owned(),
    }
}

/// A page that says one thing and leads back.
pub(super) fn message(language: Language, status: StatusCode, text: String) -> Response {
    render(&Message { words: language.words(), language, text }, status)
}

pub(super) fn render<T: Template>(page: &T, status: StatusCode) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// After a form: the browser asks for the page anew, so that reloading it sends nothing again.
pub(super) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// The language of a request: the cookie's, else the browser's.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    cookie(headers, LANGUAGE_COOKIE).and_then(Language::of_tag).unwrap_or_else(|| Language::asked_for(asked))
}

/// A cookie's value.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// A sentence with one place, `{when}`.
pub(super) fn when(sentence: &str, moment: &str) -> String {
    fill(sentence, &[("when", moment)])
}
