//! Walks the listing with several requests in flight, reads each page where it arrives, and hands the pages over as they
//! come.
//!
//! Fetching and reading happen on their own tasks: whoever takes the pages may work on each as long as it likes (a
//! database transaction) without a request waiting for it, until a handful of pages wait. Pages come in any order; a
//! contact may come twice if the listing shifts meanwhile, and the later one counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

use super::{
    client::{Client, RequestPermit},
    error::{self, CrmError, ErrorKind},
    pagination::{BadListing, PageWalk, Step},
    revisions::Revisions,
    wire::Answer,
    xml::{self, Digest, PageRecord, ReadPage, XmlError},
};

/// So many pages may be read while as many requests as allowed are in flight.
const READERS: usize = 2;

/// What is known from earlier listings.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The digest of each contact as last agreed on, by id.
    pub revisions: Revisions,
    /// Pages that are still good: each contact on them is agreed on as it was on the page.
    pub pages: HashMap<u32, RememberedPage>,
    /// How many pages there were, good or not: they are asked for at once. `None` if the listing was never read; then as
    /// many are as may be in flight.
    pub pages_last: Option<u32>,
    /// The login was refused last time: page 1 tries it alone.
    pub login_refused: bool,
}

impl Remembered {
    /// True where this address has listed contacts in an earlier run.
    pub fn answered_before(&self) -> bool {
        !self.revisions.is_empty() || self.pages_last.is_some()
    }
}

/// A page that need not be read again if it has not changed.
#[derive(Debug, Clone)]
pub struct RememberedPage {
    /// Its ETag, if it had one.
    pub etag: Option<String>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The contacts on it.
    pub ids: Vec<u64>,
    /// `total_pages` as it said it.
    pub total_pages: Option<u32>,
}

/// A page as it was read anew.
#[derive(Debug)]
pub struct FreshPage {
    /// Its number, from 1.
    pub number: u32,
    /// Its ETag, if it has one.
    pub etag: Option<String>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// `total_pages`, if it says it.
    pub total_pages: Option<u32>,
    /// The contacts, in its order.
    pub records: Vec<PageRecord>,
}

/// A page handed over.
#[derive(Debug)]
pub struct Arrived<T> {
    /// Its number, from 1.
    pub number: u32,
    /// How many pages there will be, if the server told it.
    pub pages_expected: Option<u32>,
    /// What is on it.
    pub content: Content<T>,
}

/// What a page holds.
#[derive(Debug)]
pub enum Content<T> {
    /// The page remembered, unchanged.
    Same,
    /// Something else: the page as [`Listing::start`]'s function made it of the [`FreshPage`].
    Fresh(T),
    /// The server has no such page, or one past its end that repeats what came before.
    Missing,
}

/// A listing under way. Dropping it ends it.
pub struct Listing<T> {
    pages: mpsc::Receiver<Result<Arrived<T>, CrmError>>,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    client: Client,
    remembered: Arc<Remembered>,
    walk: Mutex<PageWalk>,
    moved: Notify,
}

impl Client {
    /// Tries the login on the first page: how many pages there are, if the server tells it.
    pub async fn page_count(&self) -> Result<Option<u32>, CrmError> {
        self.page(1).await.map(|page| page.total_pages)
    }

    /// One page by itself.
    pub(super) async fn page(&self, number: u32) -> Result<ReadPage, CrmError> {
        let what = format!("read page {number} of the {}", self.resource().plural());
        let found = self
            .get(&what, &self.page_url(number), |answer| match answer.status {
                200 => xml::read_page(&answer.text()?, |_| None).map(Some),
                _ => Ok(None),
            })
            .await
            .map_err(error::of_listing)?;
        found.ok_or_else(|| error::no_contacts(&what, 404, false))
    }
}

impl<T: Send + 'static> Listing<T> {
    /// Begins a listing. `convert` is run on the task that read the page.
    pub fn start(
        client: Client,
        remembered: Arc<Remembered>,
        convert: impl Fn(FreshPage) -> T + Send + Sync + 'static,
    ) -> Self {
        let width = client.concurrency();
        let (sender, pages) = mpsc::channel(width);
        let in_flight = u32::try_from(width).unwrap_or(u32::MAX);
        let ahead = if remembered.login_refused { 1 } else { remembered.pages_last.unwrap_or(in_flight) };
        let walk = PageWalk::new(in_flight, ahead);
        let shared = Arc::new(Shared { client, remembered, walk: Mutex::new(walk), moved: Notify::new() });
        let convert = Arc::new(convert);
        let mut tasks = JoinSet::new();
        for _ in 0..width + READERS {
            tasks.spawn(work(shared.clone(), convert.clone(), sender.clone()));
        }
        Self { pages, shared, _tasks: tasks }
    }

    /// The next page to arrive; `None` once all of the listing was read. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Arrived<T>>, CrmError> {
        match self.pages.recv().await {
            Some(Ok(page)) => Ok(Some(page)),
            Some(Err(error)) => {
                self.pages.close();
                Err(error)
            }
            None => {
                let verdict = self.shared.walk().verdict();
                verdict.map(|()| None).map_err(|astray| {
                    CrmError::new(ErrorKind::Unavailable, astray.to_string()).hint(astray_hint(astray))
                })
            }
        }
    }
}

impl Shared {
    fn walk(&self) -> std::sync::MutexGuard<'_, PageWalk> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next page's number, and the turn to ask for it; `None` at the end.
    async fn next_page(&self) -> Option<(u32, RequestPermit)> {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Enabled before looking, so that a page arriving in between is not missed.
            moved.as_mut().enable();
            let turn = self.client.turn().await;
            let step = self.walk().step();
            match step {
                Step::Fetch(page) => return Some((page, turn)),
                Step::Wait => {
                    // Who waits leaves the turn to a page that is tried again: that page is waited for.
                    drop(turn);
                    moved.await;
                }
                Step::Done => return None,
            }
        }
    }

    async fn fetch(&self, number: u32, turn: RequestPermit) -> Result<(Content<FreshPage>, Option<u32>), CrmError> {
        let remembered = self.remembered.pages.get(&number);
        let etag = remembered.and_then(|page| page.etag.as_deref());
        let what = format!("read page {number} of the {}", self.client.resource().plural());
        let url = self.client.page_url(number);
        let read = |answer: &Answer| self.read(number, answer);
        let content = self.client.get_in_turn(turn, &what, &url, etag, read).await;
        let content = content.map_err(error::of_listing)?;
        let total = match &content {
            Content::Same => remembered.and_then(|page| page.total_pages),
            Content::Fresh(page) => page.total_pages,
            Content::Missing if number == 1 => {
                return Err(error::no_contacts(&what, 404, self.remembered.answered_before()));
            }
            Content::Missing => None,
        };
        Ok((content, total))
    }

    fn read(&self, number: u32, answer: &Answer) -> Result<Content<FreshPage>, XmlError> {
        match answer.status {
            304 => return Ok(Content::Same),
            200 => {}
            _ => return Ok(Content::Missing),
        }
        let digest = Digest::of(&answer.body);
        if self.remembered.pages.get(&number).is_some_and(|page| page.digest == digest) {
            return Ok(Content::Same);
        }
        let known = |key| self.remembered.revisions.get(key);
        let page = xml::read_page_of(self.client.resource(), &answer.text()?, known)?;
        Ok(Content::Fresh(FreshPage {
            number,
            etag: answer.etag.clone(),
            digest,
            total_pages: page.total_pages,
            records: page.records,
        }))
    }

    /// Tells the course of a page and wakes the others; how many pages there will be.
    ///
    /// A page past the end of a listing becomes a missing one: what it repeats was handed over already, and as an edit it
    /// would look like everybody's. Where no end is told, records without an id may be new ones.
    fn arrived(&self, number: u32, total_pages: Option<u32>, content: &mut Content<FreshPage>) -> Option<u32> {
        let fresh: Vec<u64>;
        let mut all_named = true;
        let ids = match &*content {
            Content::Same => Some(self.remembered.pages.get(&number).map_or(&[][..], |page| &page.ids)),
            Content::Fresh(page) => {
                fresh = page.records.iter().filter_map(PageRecord::key).collect();
                all_named = fresh.len() == page.records.len();
                Some(fresh.as_slice())
            }
            Content::Missing => None,
        };
        let mut walk = self.walk();
        walk.arrived(number, total_pages, ids);
        let (expected, past_end) = (walk.expected(), walk.is_past_end(number));
        drop(walk);
        self.moved.notify_waiters();
        if past_end && (all_named || expected.is_some()) {
            *content = Content::Missing;
        }
        expected
    }
}

fn astray_hint(astray: BadListing) -> &'static str {
    match astray {
        BadListing::Endless => {
            "the server repeats itself or makes up pages: check crm.url, set crm.per_page, or ask the CRM's support"
        }
        BadListing::Hole { .. } => "try again later; if it stays so, ask the CRM's support",
    }
}

/// Asks for a page and reads it, over and over.
async fn work<T>(
    shared: Arc<Shared>,
    convert: Arc<impl Fn(FreshPage) -> T>,
    sender: mpsc::Sender<Result<Arrived<T>, CrmError>>,
) {
    while let Some((number, turn)) = shared.next_page().await {
        let message = match shared.fetch(number, turn).await {
            Ok((mut content, total_pages)) => {
                let pages_expected = shared.arrived(number, total_pages, &mut content);
                let content = match content {
                    Content::Fresh(page) => Content::Fresh(convert(page)),
                    Content::Same => Content::Same,
                    Content::Missing => Content::Missing,
                };
                Ok(Arrived { number, pages_expected, content })
            }
            Err(error) => {
                shared.walk().stop();
                shared.moved.notify_waiters();
                Err(error)
            }
        };
        let failed = message.is_err();
        if sender.send(message).await.is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
