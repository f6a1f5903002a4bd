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
use reqwest::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{
    error::{self, CrmError, ErrorKind, Failure, Verdict},
    retry::{Obstacle, Patience, Tries},
    settings::{self, ClientSettings},
    transport::{self, Answer},
    xml::{self, XmlError},
};

/// A connection to the CRM. Clones share it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: String,
    username: String,
    password: SecretString,
    per_page: Option<u32>,
    concurrency: usize,
    turns: Arc<Semaphore>,
    timeout: Duration,
    rate: Option<DefaultDirectRateLimiter>,
    patience: Patience,
    not_before: Mutex<Option<Instant>>,
    welcome: AtomicBool,
    sent: [AtomicU64; 4],
}

/// The right to have a request in flight, until its answer is taken.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The verbs of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Make.
    Post,
    /// Change.
    Put,
    /// Remove.
    Delete,
}

impl Verb {
    const ALL: [Verb; 4] = [Verb::Get, Verb::Post, Verb::Put, Verb::Delete];

    fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        }
    }
}

impl Client {
    /// A client for these settings. Nothing is sent yet.
    pub fn new(settings: &ClientSettings) -> Result<Self, CrmError> {
        Self::with_patience(settings, Patience::default())
    }

    /// The same with its own waits between tries.
    pub(super) fn with_patience(settings: &ClientSettings, patience: Patience) -> Result<Self, CrmError> {
        let base = settings::base(settings)?;
        if settings.username.is_empty() || settings.username.contains(':') {
            return Err(CrmError::new(ErrorKind::Settings, "use crm.username: it is empty or holds a colon")
                .hint("it is the name or e-mail address that you log in with"));
        }
        let http = transport::http_client(settings, base.scheme() == "https")?;
        // One request a slot, no bursts: a server that counts by the second is never met with two seconds' worth.
        let rate = settings
            .requests_per_second
            .and_then(NonZeroU32::new)
            .map(|rate| RateLimiter::direct(Quota::per_second(rate).allow_burst(NonZeroU32::MIN)));
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base: base.as_str().trim_end_matches('/').to_owned(),
                username: settings.username.clone(),
                password: settings.password.clone(),
                per_page: settings.per_page,
                concurrency: settings.concurrency.max(1),
                turns: Arc::new(Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS))),
                timeout: settings.timeout,
                rate,
                patience,
                not_before: Mutex::new(None),
                welcome: AtomicBool::new(false),
                sent: [const { AtomicU64::new(0) }; 4],
            }),
        })
    }

    /// How many requests may be in flight.
    pub fn concurrency(&self) -> usize {
        self.inner.concurrency
    }

    /// True once the server has taken the login: until then, requests go one by one.
    pub fn is_welcome(&self) -> bool {
        self.inner.welcome.load(Ordering::Relaxed)
    }

    /// The requests sent so far, by verb; verbs not used are left out.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        Verb::ALL
            .into_iter()
            .map(|verb| (verb.method().to_string(), self.inner.sent[verb as usize].load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// The address of a page of the listing.
    pub(super) fn page_url(&self, page: u32) -> String {
        let mut url = format!("{}/contacts.xml?page={page}", self.inner.base);
        if let Some(per_page) = self.inner.per_page {
            url.push_str(&format!("&per_page={per_page}"));
        }
        url
    }

    /// The address of all contacts, to add one.
    pub(super) fn contacts_url(&self) -> String {
        format!("{}/contacts.xml", self.inner.base)
    }

    /// The address of one contact; ids other than plain numbers never enter a path.
    pub(super) fn contact_url(&self, id: &str) -> Result<String, CrmError> {
        match xml::id_key(id) {
            Some(_) => Ok(format!("{}/contacts/{id}.xml", self.inner.base)),
            None => Err(CrmError::new(ErrorKind::Rejected, "address a contact: its id is not a plain number")
                .hint("the mirror holds an id that is none of this CRM's")),
        }
    }

    /// Waits until fewer requests are in flight than may be.
    pub(super) async fn turn(&self) -> Turn {
        // The semaphore is never closed.
        Turn { _permit: self.inner.turns.clone().acquire_owned().await.ok() }
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
        mut turn: Turn,
        what: &str,
        url: &str,
        etag: Option<&str>,
        read: impl Fn(&Answer) -> Result<T, XmlError>,
    ) -> Result<T, CrmError> {
        let mut tries = Tries::default();
        loop {
            let (error, obstacle) = match self.send(turn, Verb::Get, url, etag, None).await {
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
                        let (error, obstacle) = self.refused_read(what, &answer);
                        tracing::debug!(status, what, "the server did not answer as hoped");
                        (error, obstacle)
                    }
                },
                Err(failure @ (Failure::NotSent { .. } | Failure::TimedOut { .. } | Failure::Cut { .. })) => {
                    (error::of_read(what, &failure), Some(Obstacle::Trouble))
                }
                Err(failure @ Failure::TooLarge(_)) => (error::of_read(what, &failure), None),
            };
            let Some(obstacle) = obstacle else { return Err(error) };
            let Some(delay) = self.inner.patience.next(&mut tries, obstacle, chance()) else { return Err(error) };
            tracing::debug!(what, delay_ms = delay.as_millis(), "trying again");
            tokio::time::sleep(delay).await;
            turn = self.turn().await;
        }
    }

    /// A write, sent once. Answers other than 2xx are errors. If the server has asked to be left alone for longer than a
    /// request may take, nothing is sent: a person may be waiting.
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

    fn refused_read(&self, what: &str, answer: &Answer) -> (CrmError, Option<Obstacle>) {
        let Answer { status, retry_after, .. } = *answer;
        self.heed(retry_after, status);
        let obstacle = match status {
            429 => Some(Obstacle::Asked(retry_after)),
            503 if retry_after.is_some() => Some(Obstacle::Asked(retry_after)),
            408 | 425 | 500..=599 => Some(Obstacle::Trouble),
            _ => None,
        };
        (error::of_read_status(&Verdict { what, status, retry_after, text: "" }), obstacle)
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
        _turn: Turn,
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
        let mut request = self
            .inner
            .http
            .request(verb.method(), url)
            .basic_auth(&self.inner.username, Some(self.inner.password.expose_secret()))
            .header(header::CONTENT_TYPE, "application/xml")
            .header(header::ACCEPT, "application/xml");
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let result = request.send().await;
        let result = result.map_err(|error| transport::failure(&error, self.inner.timeout));
        if !matches!(result, Err(Failure::NotSent { .. })) {
            self.inner.sent[verb as usize].fetch_add(1, Ordering::Relaxed);
        }
        let answer = transport::take_answer(result?, self.inner.timeout).await?;
        if matches!(answer.status, 200..=299 | 304 | 404 | 410 | 422) {
            self.inner.welcome.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }
}

/// XML that is not whole was cut on its way; everything else will come again as it is.
fn unreadable_obstacle(error: XmlError) -> Option<Obstacle> {
    match error {
        XmlError::Malformed(_) | XmlError::Encoding => Some(Obstacle::Trouble),
        XmlError::WebPage | XmlError::Doctype | XmlError::TooDeep | XmlError::WrongRoot(_) | XmlError::Record(_) => {
            None
        }
    }
}

/// A number in 0..1 for the jitter; 53 random bits of a v4 UUID.
fn chance() -> f64 {
    let bits = (uuid::Uuid::new_v4().as_u128() & ((1 << 53) - 1)) as u64;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{super::transport::BODY_LEN_MAX, *};
    use crate::crm::stub::{Reply, Stub, settings};

    #[tokio::test]
    async fn a_request_carries_login_and_type_and_no_redirect_is_followed() {
        let stub = Stub::start(|request, _| match request.path.as_str() {
            "/1/contacts.xml" => Reply::status(302).header("location", "/canary-place"),
            _ => Reply::xml("<contacts/>"),
        })
        .await;
        let client = stub.client();
        let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Rejected);
        assert!(error.hint.is_some() && !error.to_string().contains("canary"));
        let seen = stub.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].header("authorization"), Some("Basic YWRhOmNhbmFyeS1zZWNyZXQ="));
        assert_eq!(seen[0].header("content-type"), Some("application/xml"));
        assert_eq!(seen[0].header("accept"), Some("application/xml"));
        assert_eq!(seen[0].header("user-agent"), Some(concat!("carnet/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(seen[0].query, "page=1");
        assert_eq!(client.requests(), BTreeMap::from([("GET".to_owned(), 1)]));
    }

    #[tokio::test]
    async fn reads_are_tried_again_and_writes_never() {
        for (statuses, expected, count) in [
            (vec![500, 502, 200], Ok(()), 3),
            (vec![500, 500, 500], Err(ErrorKind::Unavailable), 3),
            (vec![429, 429, 429, 503, 200], Ok(()), 5),
            (vec![401], Err(ErrorKind::Login), 1),
            (vec![403], Err(ErrorKind::Login), 1),
            (vec![400], Err(ErrorKind::Rejected), 1),
        ] {
            let answers = statuses.clone();
            let stub = Stub::start(move |_, place| {
                let status = answers.get(place).copied().unwrap_or(500);
                let reply = if status == 200 { Reply::xml("<contacts/>") } else { Reply::status(status) };
                if matches!(status, 429 | 503) { reply.header("retry-after", "0") } else { reply }
            })
            .await;
            let client = stub.client();
            let got = client.get("read", &client.page_url(1), |_| Ok(())).await;
            assert_eq!(got.map_err(|error| error.kind), expected, "{statuses:?}");
            assert_eq!(stub.seen().len(), count, "{statuses:?}");
        }
        let stub = Stub::start(|_, _| Reply::status(503).header("retry-after", "0")).await;
        let client = stub.client();
        let error = client.write("make", Verb::Post, &client.contacts_url(), Some("x".into())).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unsettled);
        assert_eq!(stub.seen().len(), 1);
    }

    #[tokio::test]
    async fn a_write_does_not_wait_for_an_hour() {
        let stub = Stub::start(|_, _| Reply::status(429).header("retry-after", "3600")).await;
        let client = stub.client();
        for _ in 0..2 {
            let error = client.write("make", Verb::Post, &client.contacts_url(), None).await.err().unwrap();
            assert_eq!(error.kind, ErrorKind::Unavailable);
            assert!(error.hint.is_some_and(|hint| hint.starts_with("the server asks to wait 3")));
        }
        assert_eq!(stub.seen().len(), 1);
    }

    #[tokio::test]
    async fn nobody_there_means_nothing_was_sent() {
        let client = Stub::nobody().await;
        let error = client.write("make", Verb::Post, &client.contacts_url(), Some("x".into())).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(client.requests().is_empty());
        let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        let place = client.page_url(1).replace("http://", "").replace("/1/contacts.xml?page=1", "");
        assert!(error.message.starts_with(&format!("read: could not connect to {place}: ")), "{error}");
        assert!(!client.is_welcome());
    }

    #[tokio::test]
    async fn cut_answers_are_tried_again_to_read_and_unsettled_to_write() {
        let stub = Stub::start(|_, place| match place {
            0 => Reply::cut("<contacts></contacts>", 12),
            1 => Reply::drop(),
            2 => Reply::xml("<contacts></contacts>"),
            3 => Reply::cut("<contact></contact>", 3),
            _ => Reply::drop(),
        })
        .await;
        let client = stub.client();
        let text = client.get("read", &client.page_url(1), |answer| Ok(answer.text()?.into_owned())).await;
        assert_eq!(text.unwrap(), "<contacts></contacts>");
        for _ in 0..2 {
            let error = client.write("make", Verb::Put, &client.contacts_url(), None).await.err().unwrap();
            assert_eq!(error.kind, ErrorKind::Unsettled, "{error}");
        }
        assert_eq!(stub.seen().len(), 5);
    }

    #[tokio::test]
    async fn bodies_are_bounded_and_ids_are_numbers() {
        let stub = Stub::start(|_, _| Reply::xml(" ".repeat(BODY_LEN_MAX + 1))).await;
        let client = stub.client();
        let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
        assert_eq!(error.message, "read: the answer is larger than 16 MiB");
        assert_eq!(stub.seen().len(), 1);
        assert!(client.contact_url("12").unwrap().ends_with("/1/contacts/12.xml"));
        for id in ["", "../1", "1/2", "1?x", "012"] {
            assert_eq!(client.contact_url(id).unwrap_err().kind, ErrorKind::Rejected, "{id}");
        }
    }

    /// 17 MiB of spaces in 110 KiB: DEFLATE's fixed codes (RFC 1951, 3.2.6), one literal and then copies of 258 bytes.
    fn gzip_bomb() -> Vec<u8> {
        let mut bits: Vec<bool> = vec![true, true, false];
        let code = |bits: &mut Vec<bool>, code: u32, length: u32| {
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        };
        code(&mut bits, 0x30 + u32::from(b' '), 8);
        for _ in 0..17 * 1024 * 1024 / 258 {
            code(&mut bits, 0xc5, 8);
            code(&mut bits, 0, 5);
        }
        code(&mut bits, 0, 7);
        let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
        bytes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit))));
        bytes
    }

    #[tokio::test]
    async fn a_small_answer_that_unpacks_to_a_large_one_is_refused() {
        let bomb = gzip_bomb();
        assert!(bomb.len() < 128 * 1024);
        let stub = Stub::start(move |_, _| Reply::xml(bomb.clone()).header("content-encoding", "gzip")).await;
        let client = stub.client();
        let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
        assert_eq!(error.message, "read: the answer is larger than 16 MiB");
        assert!(stub.seen()[0].header("accept-encoding").is_some_and(|value| value.contains("gzip")));
    }

    #[test]
    fn pages_are_addressed_with_what_is_set() {
        let mut settings = settings("http://127.0.0.1:1/9/");
        let client = Client::new(&settings).unwrap();
        assert_eq!(client.page_url(2), "http://127.0.0.1:1/9/contacts.xml?page=2");
        settings.per_page = Some(250);
        assert_eq!(
            Client::new(&settings).unwrap().page_url(2),
            "http://127.0.0.1:1/9/contacts.xml?page=2&per_page=250"
        );
        settings.username = "a:b".into();
        assert_eq!(Client::new(&settings).err().map(|error| error.kind), Some(ErrorKind::Settings));
        settings.username = "ada".into();
        settings.ca_file = Some("Cargo.toml".into());
        assert_eq!(Client::new(&settings).err().map(|error| error.kind), Some(ErrorKind::Settings));
    }

    #[test]
    fn chances_are_spread() {
        let all: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(all.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(all.iter().any(|chance| *chance < 0.4) && all.iter().any(|chance| *chance > 0.6));
    }
}
