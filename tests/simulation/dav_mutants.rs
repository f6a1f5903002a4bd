//! Mistakes planted between the CardDAV client and its simulated server.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use carnet::books::carddav::{DavRequest, DavWire, Exchange};
use url::Url;

use crate::{
    dav::{BOOK, card_answer},
    dav_wire::{SimulatedDav, whole},
    mutants::Mutant,
};

/// The wire to a server of cards with its mistake, if it has one.
pub struct MutantDav {
    pub inner: SimulatedDav,
    pub mutant: Option<Mutant>,
    /// Cards that were sent and are believed to be there.
    sent: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MutantDav {
    pub fn new(inner: SimulatedDav, mutant: Option<Mutant>) -> Self {
        Self { inner, mutant, sent: Mutex::default() }
    }

    /// The answer to a look at one card alone that was sent just before, and is not looked for.
    fn believed(&self, request: &DavRequest) -> Option<(String, Vec<u8>)> {
        let text = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        let mut hrefs = text.split("<D:href>").skip(1).filter_map(|rest| rest.split("</D:href>").next());
        let (href, None) = (hrefs.next()?, hrefs.next()) else { return None };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove_entry(href)
    }
}

impl DavWire for MutantDav {
    fn exchange<'a>(&'a self, base: &'a Url, request: &'a DavRequest, timeout: Duration) -> Exchange<'a> {
        let writes = request.method == "PUT";
        Box::pin(async move {
            match self.mutant {
                Some(Mutant::CardAnswerBelieved) if writes => {
                    let answer = self.inner.exchange(base, request, timeout).await?;
                    if answer.is_success() {
                        let body = request.body.clone().unwrap_or_default();
                        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
                        sent.insert(request.path.clone(), body);
                    }
                    Ok(answer)
                }
                Some(Mutant::CardAnswerBelieved) => match self.believed(request) {
                    Some((href, card)) => Ok(whole(card_answer(&href, &String::from_utf8_lossy(&card)))),
                    None => self.inner.exchange(base, request, timeout).await,
                },
                Some(Mutant::CardWithoutPrecondition) if writes => {
                    let bare = without_preconditions(request);
                    self.inner.exchange(base, &bare, timeout).await
                }
                _ => self.inner.exchange(base, request, timeout).await,
            }
        })
    }

    fn chance(&self) -> f64 {
        self.inner.chance()
    }
}

fn without_preconditions(request: &DavRequest) -> DavRequest {
    let kept = request.headers.iter().filter(|(name, _)| !name.starts_with("if-"));
    assert!(request.path.starts_with(BOOK), "a card of the book");
    DavRequest {
        method: request.method,
        path: request.path.clone(),
        headers: kept.cloned().collect(),
        body: request.body.clone(),
    }
}
