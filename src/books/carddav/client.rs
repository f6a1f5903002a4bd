//! Requests to one server: login, limits, waits, counting. What they mean is in `collection`.
//!
//! Never: a redirect followed, a write repeated, an address on another host asked with this login.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::{
    error::{self, Asked},
    settings::CarddavSettings,
    wire::{DavRequest, DavWire, Http},
};
use crate::{
    replica::{Diagnostic, ReplicaError},
    transport::{AddressError, Backoff, Failure, RetryCause, Tries, WholeAnswer, checked_address},
};

/// A server that asks for a longer wait than this has its book left for a later run.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// What a slow server gets for each megabyte that it is sent, beside the time of a request.
const SECONDS_A_MEGABYTE: u32 = 10;

/// A connection to one server, with one login. Clones share it.
#[derive(Clone)]
pub struct DavClient {
    inner: Arc<Inner>,
}

struct Inner {
    wire: Box<dyn DavWire>,
    base: Url,
    timeout: Duration,
    turns: Semaphore,
    backoff: Backoff,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    not_before: Option<Instant>,
    /// Connections are not used twice.
    is_unpooled: bool,
    sent: BTreeMap<String, u64>,
}

/// A write that brought no answer.
#[derive(Debug, Clone)]
pub struct NoAnswer {
    /// What that means.
    pub error: ReplicaError,
    /// The connection ended before any answer came: nothing is at work on it any more, as far as anybody can tell.
    pub is_cut: bool,
}

impl DavClient {
    /// A client for these settings. Nothing is sent yet.
    pub fn new(settings: &CarddavSettings) -> Result<Self, Diagnostic> {
        let base = base(settings)?;
        let wire = Http::new(settings, base.scheme() == "https")?;
        Ok(Self::assembled(settings, base, Box::new(wire)))
    }

    /// A client that speaks over a wire of the caller's instead of HTTP, to try carnet on a simulated server.
    pub fn over(settings: &CarddavSettings, wire: Box<dyn DavWire>) -> Result<Self, Diagnostic> {
        Ok(Self::assembled(settings, base(settings)?, wire))
    }

    fn assembled(settings: &CarddavSettings, base: Url, wire: Box<dyn DavWire>) -> Self {
        let inner = Inner {
            wire,
            base,
            timeout: settings.timeout,
            turns: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            backoff: Backoff::default(),
            shared: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The address that the settings name.
    pub fn base(&self) -> &Url {
        &self.inner.base
    }

    /// True where this address is on the server that the login is for.
    pub fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.inner.base.origin()
    }

    /// True where connections are not used twice.
    pub fn is_unpooled(&self) -> bool {
        self.shared().is_unpooled
    }

    /// Uses no connection twice from now on.
    pub fn unpool(&self) {
        self.shared().is_unpooled = true;
        self.inner.wire.unpool();
    }

    /// The requests sent so far, by verb.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.shared().sent.clone()
    }

    /// A reading request, tried again while that may help. Every answer that is not trouble of the moment is given back,
    /// whatever its status.
    pub async fn read(&self, what: &str, request: DavRequest) -> Result<WholeAnswer, ReplicaError> {
        let mut tries = Tries::default();
        loop {
            let (error, cause) = match self.send(&request).await {
                Ok(answer) => match error::obstacle(&answer) {
                    None => return Ok(answer),
                    Some(cause) => (error::of_status(&Asked::reading(what), &answer), cause),
                },
                Err(failure @ Failure::TooLarge(_)) => return Err(error::of_read(what, &failure)),
                Err(Failure::Cut { .. }) if !self.is_unpooled() => {
                    // Sent into a connection that had ended: it never arrived.
                    self.unpool();
                    *self.shared().sent.entry(request.method.to_owned()).or_default() -= 1;
                    continue;
                }
                Err(failure) => (error::of_read(what, &failure), RetryCause::Diagnostic),
            };
            let wait = self.inner.backoff.next(&mut tries, cause, self.inner.wire.chance());
            let Some(wait) = wait.filter(|wait| *wait <= WAIT_MAX) else { return Err(error) };
            tracing::debug!(what, wait_ms = wait.as_millis(), "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    /// A write, sent once; its answer is given back whatever its status. If the server has asked to be left alone for long,
    /// nothing is sent.
    pub async fn write(&self, what: &str, request: DavRequest) -> Result<WholeAnswer, NoAnswer> {
        let pause = self.shared().not_before.map(|instant| instant.saturating_duration_since(Instant::now()));
        if let Some(wait) = pause.filter(|wait| *wait > self.inner.timeout) {
            let diagnostic = Diagnostic::new(format!("{what}: the server has asked for a pause"));
            let error = ReplicaError::Deferred(diagnostic.hint(error::wait_hint(Some(wait))));
            return Err(NoAnswer { error, is_cut: false });
        }
        let is_cut = |failure: &Failure| matches!(failure, Failure::Cut { .. });
        self.send(&request).await.map_err(|failure| {
            if is_cut(&failure) {
                self.unpool();
            }
            NoAnswer { error: error::of_write(what, &failure), is_cut: is_cut(&failure) }
        })
    }

    async fn send(&self, request: &DavRequest) -> Result<WholeAnswer, Failure> {
        // The semaphore is never closed.
        let _turn = self.inner.turns.acquire().await.ok();
        let not_before = self.shared().not_before;
        if let Some(instant) = not_before {
            tokio::time::sleep_until(instant.min(Instant::now() + WAIT_MAX)).await;
        }
        let timeout = self.timeout_of(request);
        let result = self.inner.wire.exchange(&self.inner.base, request, timeout).await;
        if !matches!(result, Err(Failure::NotSent { .. })) {
            *self.shared().sent.entry(request.method.to_owned()).or_default() += 1;
        }
        let answer = result?;
        if let (Some(wait), 429 | 503) = (answer.retry_after(), answer.status) {
            let until = Instant::now() + wait;
            let mut shared = self.shared();
            shared.not_before = Some(shared.not_before.map_or(until, |present| present.max(until)));
        }
        Ok(answer)
    }

    fn timeout_of(&self, request: &DavRequest) -> Duration {
        let megabytes = request.body.as_ref().map_or(0, |body| body.len().div_ceil(1 << 20));
        let extra =
            if megabytes > 1 { SECONDS_A_MEGABYTE * u32::try_from(megabytes).unwrap_or(u32::MAX / 16) } else { 0 };
        self.inner.timeout + Duration::from_secs(u64::from(extra))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.inner.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address of the settings, checked before a password goes there.
fn base(settings: &CarddavSettings) -> Result<Url, Diagnostic> {
    checked_address(&settings.url, settings.insecure_http).map_err(|error| {
        let hint = match error {
            AddressError::HoldsALogin => "set the book's username and a password source instead",
            AddressError::PlainHttp => "use https",
            AddressError::NotAnAddress | AddressError::HasAQuery | AddressError::OtherScheme | AddressError::NoHost => {
                "it should be https://SERVER/PATH, as the server's pages show it for CardDAV"
            }
        };
        Diagnostic::new(format!("use url of book {}: {error}", settings.name)).hint(hint)
    })
}
