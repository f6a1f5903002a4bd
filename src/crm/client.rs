//! One request at a time to one server: login, limits, waiting, counting. What the requests mean is in `contacts`.
//!
//! Never: a redirect followed (a login would follow it), a proxy of the environment used (it would see the login), a
//! write repeated, an answer of unbounded size held.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{
    error::{self, CrmError, ErrorKind, Verdict},
    settings::{self, ClientSettings},
    transport,
    wire::{Answer, Request, Verb, Wire},
    xml::{self, Resource, XmlError},
};
use crate::transport::{Backoff, Failure, RetryCause, Tries};

/// A connection to the CRM, for what it lists of one kind. Clones share it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    resource: Resource,
}

struct Inner {
    wire: Box<dyn Wire>,
    base: String,
    per_page: Option<u32>,
    concurrency: usize,
    turns: Arc<Semaphore>,
    timeout: Duration,
    rate: Option<DefaultDirectRateLimiter>,
    backoff: Backoff,
    not_before: Mutex<Option<Instant>>,
    authenticated: AtomicBool,
    sent: [AtomicU64; 4],
}

/// The right to have a request in flight, until its answer is taken.
pub(super) struct RequestPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Client {
    /// A client for these settings. Nothing is sent yet.
    pub fn new(settings: &ClientSettings) -> Result<Self, CrmError> {
        Self::with_backoff(settings, Backoff::default())
    }

    /// A client that speaks over a wire of the caller's instead of HTTP, to try carnet on a simulated server.
    pub fn over(settings: &ClientSettings, wire: Box<dyn Wire>) -> Result<Self, CrmError> {
        Self::assembled(settings, Backoff::default(), |_| Ok(wire))
    }

    /// The same as [`Client::new`] with its own waits between tries.
    pub(super) fn with_backoff(settings: &ClientSettings, backoff: Backoff) -> Result<Self, CrmError> {
        Self::assembled(settings, backoff, |tls| Ok(Box::new(transport::Http::new(settings, tls)?)))
    }

    fn assembled(
        settings: &ClientSettings,
        backoff: Backoff,
        wire: impl FnOnce(bool) -> Result<Box<dyn Wire>, CrmError>,
    ) -> Result<Self, CrmError> {
        let base = settings::base(settings)?;
        if settings.username.is_empty() || settings.username.contains(':') {
            return Err(CrmError::new(ErrorKind::Settings, "use crm.username: it is empty or holds a colon")
                .hint("it is the name or e-mail address that you log in with"));
        }
        let wire = wire(base.scheme() == "https")?;
        // One request a slot, no bursts: a server that counts by the second is never met with two seconds' worth.
        let rate = settings
            .requests_per_second
            .and_then(NonZeroU32::new)
            .map(|rate| RateLimiter::direct(Quota::per_second(rate).allow_burst(NonZeroU32::MIN)));
        Ok(Self {
            resource: Resource::Contacts,
            inner: Arc::new(Inner {
                wire,
                base: base.as_str().trim_end_matches('/').to_owned(),
                per_page: settings.per_page,
                concurrency: settings.concurrency.max(1),
                turns: Arc::new(Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS))),
                timeout: settings.timeout,
                rate,
                backoff,
                not_before: Mutex::new(None),
                authenticated: AtomicBool::new(false),
                sent: [const { AtomicU64::new(0) }; 4],
            }),
        })
    }

    /// The same connection, for another kind.
    #[must_use]
    pub(super) fn of(&self, resource: Resource) -> Self {
        Self { inner: self.inner.clone(), resource }
    }

    /// What it asks for.
    pub(super) fn resource(&self) -> Resource {
        self.resource
    }

    /// How many requests may be in flight.
    pub fn concurrency(&self) -> usize {
        self.inner.concurrency
    }

    /// True once the server has taken the login: until then, requests go one by one.
    pub fn is_welcome(&self) -> bool {
        self.inner.authenticated.load(Ordering::Relaxed)
    }

    /// The requests sent so far, by verb; verbs not used are left out.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        Verb::ALL
            .into_iter()
            .map(|verb| (verb.name().to_owned(), self.inner.sent[verb as usize].load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// The address of a page of the listing.
    pub(super) fn page_url(&self, page: u32) -> String {
        let mut url = format!("{}/{}.xml?page={page}", self.inner.base, self.resource.plural());
        if let Some(per_page) = self.inner.per_page {
            url.push_str(&format!("&per_page={per_page}"));
        }
        url
    }

    /// The address of all of them, to add one.
    pub(super) fn all_url(&self) -> String {
        format!("{}/{}.xml", self.inner.base, self.resource.plural())
    }

    /// The address of one; ids other than plain numbers never enter a path.
    pub(super) fn one_url(&self, id: &str) -> Result<String, CrmError> {
        match xml::id_key(id) {
            Some(_) => Ok(format!("{}/{}/{id}.xml", self.inner.base, self.resource.plural())),
            None => Err(CrmError::new(ErrorKind::Rejected, "address a record: its id is not a plain number")
                .hint("the mirror holds an id that is none of this CRM's")),
        }
    }

    /// Waits until fewer requests are in flight than may be.
    pub(super) async fn turn(&self) -> RequestPermit {
        // The semaphore is never closed.
        RequestPermit { _permit: self.inner.turns.clone().acquire_owned().await.ok() }
    }

    /// [`Client::get_in_turn`], once it may be sent.
    pub(super) async fn get<T>(
        &self,
        what: &str,
        url: &str,
        read: impl Fn(&Answer) -> Result<T, XmlError>,
    ) -> Result<T, CrmError> {
        self.get_in_turn(self.turn().await, what, url, None, read).await
    }

    /// A GET, tried again while that may help. `read` is given the answers of status 200, 404, 410, and 304 if `etag`
    /// is given; all others are errors.
    pub(super) async fn get_in_turn<T>(
        &self,
        mut turn: RequestPermit,
        what: &str,
        url: &str,
        etag: Option<&str>,
        read: impl Fn(&Answer) -> Result<T, XmlError>,
    ) -> Result<T, CrmError> {
        let mut tries = Tries::default();
        loop {
            let (error, cause) = match self.send(turn, Verb::Get, url, etag, None).await {
                Ok(answer) => match answer.status {
                    200 | 404 | 410 => match read(&answer) {
                        Ok(value) => return Ok(value),
                        Err(error) => (error::unreadable(what, error), unreadable_obstacle(error)),
                    },
                    304 if etag.is_some() => match read(&answer) {
                        Ok(value) => return Ok(value),
                        Err(error) => (error::unreadable(what, error), None),
                    },
                    status => {
                        let (error, cause) = self.refused_read(what, &answer);
                        tracing::debug!(status, what, "the server did not answer as hoped");
                        (error, cause)
                    }
                },
                Err(failure @ (Failure::NotSent { .. } | Failure::TimedOut { .. } | Failure::Cut { .. })) => {
                    (error::of_read(what, &failure), Some(RetryCause::Diagnostic))
                }
                Err(failure @ Failure::TooLarge(_)) => (error::of_read(what, &failure), None),
            };
            let Some(cause) = cause else { return Err(error) };
            let Some(delay) = self.inner.backoff.next(&mut tries, cause, self.inner.wire.chance()) else {
                return Err(error);
            };
            tracing::debug!(what, delay_ms = delay.as_millis(), "trying again");
            tokio::time::sleep(delay).await;
            turn = self.turn().await;
        }
    }

    /// A write, sent once. Answers other than 2xx are errors. If the server has asked to be left alone for longer than a
    /// request may take, nothing is sent: a user may be waiting.
    pub(super) async fn write(
        &self,
        what: &str,
        verb: Verb,
        url: &str,
        body: Option<String>,
    ) -> Result<Answer, CrmError> {
        let pause = self.not_before().map(|instant| instant.saturating_duration_since(Instant::now()));
        if let Some(wait) = pause.filter(|wait| *wait > self.inner.timeout) {
            return Err(error::paused(what, wait));
        }
        let answer = self.send(self.turn().await, verb, url, None, body).await;
        let answer = answer.map_err(|failure| error::of_write(what, &failure))?;
        if (200..=299).contains(&answer.status) {
            return Ok(answer);
        }
        self.heed(answer.retry_after, answer.status);
        let text = answer.text().unwrap_or_default();
        Err(error::of_write_status(&Verdict {
            what,
            status: answer.status,
            retry_after: answer.retry_after,
            text: &text,
        }))
    }

    fn refused_read(&self, what: &str, answer: &Answer) -> (CrmError, Option<RetryCause>) {
        let Answer { status, retry_after, .. } = *answer;
        self.heed(retry_after, status);
        let cause = match status {
            429 => Some(RetryCause::Asked(retry_after)),
            503 if retry_after.is_some() => Some(RetryCause::Asked(retry_after)),
            408 | 425 | 500..=599 => Some(RetryCause::Diagnostic),
            _ => None,
        };
        (error::of_read_status(&Verdict { what, status, retry_after, text: "" }), cause)
    }

    /// A wait that the server asks one request for is kept by all.
    fn heed(&self, retry_after: Option<Duration>, status: u16) {
        if let (Some(wait), 429 | 503) = (retry_after, status) {
            let until = Instant::now() + wait;
            let mut not_before = self.inner.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            *not_before = Some(not_before.map_or(until, |present| present.max(until)));
        }
    }

    fn not_before(&self) -> Option<Instant> {
        *self.inner.not_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request once and takes its answer whole; the turn ends with that.
    async fn send(
        &self,
        _turn: RequestPermit,
        verb: Verb,
        url: &str,
        etag: Option<&str>,
        body: Option<String>,
    ) -> Result<Answer, Failure> {
        if let Some(instant) = self.not_before() {
            tokio::time::sleep_until(instant).await;
        }
        if let Some(rate) = &self.inner.rate {
            rate.until_ready().await;
        }
        let result = self.inner.wire.exchange(Request { verb, url, etag, body, timeout: self.inner.timeout }).await;
        if !matches!(result, Err(Failure::NotSent { .. })) {
            self.inner.sent[verb as usize].fetch_add(1, Ordering::Relaxed);
        }
        let answer = result?;
        if matches!(answer.status, 200..=299 | 304 | 404 | 410 | 422) {
            self.inner.authenticated.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }
}

/// XML that is not whole was cut on its way; everything else will come again as it is.
fn unreadable_obstacle(error: XmlError) -> Option<RetryCause> {
    match error {
        XmlError::Malformed(_) | XmlError::Encoding => Some(RetryCause::Diagnostic),
        XmlError::WebPage | XmlError::Doctype | XmlError::TooDeep | XmlError::WrongRoot(_) | XmlError::Record(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests;
