//! How far the run at work is, told to browsers as it goes (server-sent events). Whoever does not listen in time misses steps,
//! never the end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};

use super::{
    changes::place,
    visit::Visit,
    words::{Language, fill},
};
use crate::{daemon::News, sync::SyncEvent};

/// So many browsers are told at a time; the others ask again.
const LISTENERS_MAX: usize = 12;
/// A browser is told for so long, and then asks anew: the listener's connections are short.
const TOLD_FOR: Duration = Duration::from_secs(15);
/// Steps closer together are told as one.
const APART: Duration = Duration::from_millis(150);

/// Where a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Step {
    /// None is at work.
    #[default]
    Idle,
    /// It begins.
    Begins,
    /// It reads.
    Reads { replica: String, contacts: u64 },
    /// It writes.
    Writes { replica: String, done: u64, total: u64 },
}

impl Step {
    /// In words; none where no run is at work.
    pub fn in_words(&self, language: Language) -> Option<String> {
        let words = language.words();
        match self {
            Self::Idle => None,
            Self::Begins => Some(words.run_begins.to_owned()),
            Self::Reads { replica, contacts } => {
                let values = [("place", &*place(words, replica)), ("n", &language.number(*contacts))];
                Some(fill(words.run_reads, &values))
            }
            Self::Writes { replica, done, total } => {
                let (done, total) = (language.number(*done), language.number(*total));
                Some(fill(words.run_writes, &[("place", &*place(words, replica)), ("n", &done), ("all", &total)]))
            }
        }
    }

    /// The step after an event; none where it is the same.
    fn after(event: &SyncEvent) -> Option<Self> {
        Some(match event {
            SyncEvent::ScanStarted { replica } => Self::Reads { replica: replica.clone(), contacts: 0 },
            SyncEvent::ScanProgress { replica, contacts, .. } | SyncEvent::ScanFinished { replica, contacts, .. } => {
                Self::Reads { replica: replica.clone(), contacts: *contacts }
            }
            SyncEvent::PushStarted { replica, total } => {
                Self::Writes { replica: replica.clone(), done: 0, total: *total }
            }
            SyncEvent::PushProgress { replica, done, total } => {
                Self::Writes { replica: replica.clone(), done: *done, total: *total }
            }
            _ => return None,
        })
    }
}

/// What is told of runs.
#[derive(Clone)]
pub(super) struct Progress {
    steps: watch::Sender<Step>,
    places: Arc<Semaphore>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { steps: watch::Sender::default(), places: Arc::new(Semaphore::new(LISTENERS_MAX)) }
    }
}

impl Progress {
    /// Hears of a run. It holds nobody up.
    pub fn hear(&self, news: &News<'_>) {
        match news {
            News::Begun(_) => self.begins(),
            News::Event(event) => self.event(event),
            News::Ended(_) => self.ends(),
        }
    }

    pub fn begins(&self) {
        self.steps.send_replace(Step::Begins);
    }

    pub fn event(&self, event: &SyncEvent) {
        if let Some(step) = Step::after(event) {
            self.steps.send_replace(step);
        }
    }

    pub fn ends(&self) {
        self.steps.send_replace(Step::Idle);
    }

    pub fn step(&self) -> Step {
        self.steps.borrow().clone()
    }
}

/// The steps as they come, each as an event whose data is a sentence; "done" once no run is at work.
pub(super) async fn follow(Extension(visit): Extension<Visit>) -> Response {
    let progress = visit.desk.progress();
    let Ok(place) = Arc::clone(&progress.places).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let telling = Telling {
        steps: progress.steps.subscribe(),
        language: visit.language,
        until: Instant::now() + TOLD_FOR,
        is_first: true,
        is_over: false,
        _place: place,
    };
    let headers = [(header::CONTENT_TYPE, "text/event-stream")];
    (headers, Body::new(Events(Box::pin(telling.next())))).into_response()
}

/// One browser that is told.
struct Telling {
    steps: watch::Receiver<Step>,
    language: Language,
    until: Instant,
    is_first: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Telling {
    /// The next event, and who tells the one after; none at the end.
    async fn next(mut self) -> Option<(String, Self)> {
        if self.is_over {
            return None;
        }
        if !self.is_first {
            timeout_at(self.until, self.steps.changed()).await.ok()?.ok()?;
            tokio::time::sleep(APART).await;
        }
        self.is_first = false;
        let step = self.steps.borrow_and_update().clone();
        let text = match step.in_words(self.language) {
            // The browser asks again soon after the end of what it was told.
            Some(words) => format!("retry: 500\ndata: {}\n\n", words.replace(['\r', '\n'], " ")),
            None => {
                self.is_over = true;
                "event: done\ndata:\n\n".to_owned()
            }
        };
        Some((text, self))
    }
}

type Next = Pin<Box<dyn Future<Output = Option<(String, Telling)>> + Send>>;

/// The events as a body.
struct Events(Next);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.0 = Box::pin(std::future::pending());
                Poll::Ready(None)
            }
            Poll::Ready(Some((text, telling))) => {
                self.0 = Box::pin(telling.next());
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::CRM;

    #[test]
    fn a_run_is_told_step_by_step() {
        let progress = Progress::default();
        let check = |expected: Option<&str>| {
            assert_eq!(progress.step().in_words(Language::English).as_deref(), expected);
        };
        check(None);
        progress.begins();
        check(Some("It begins."));
        let (replica, pages_expected) = (CRM.to_owned(), None);
        progress.event(&SyncEvent::ScanProgress { replica, contacts: 1200, pages: 3, pages_expected });
        check(Some("Reading CRM: 1,200 contacts."));
        let event = SyncEvent::PushProgress { replica: "cards".to_owned(), done: 3, total: 10 };
        progress.event(&event);
        progress.event(&SyncEvent::FailedAlike {
            replica: CRM.to_owned(),
            activity: crate::sync::Activity::Read,
            count: 3,
        });
        check(Some("Sending to cards: 3 of 10."));
        progress.ends();
        check(None);
    }
}
