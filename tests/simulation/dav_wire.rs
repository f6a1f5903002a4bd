//! The wire to a simulated CardDAV server: what becomes of each request, in time that passes only when nobody has anything to
//! do.

use std::{ops::Range, time::Duration};

use carnet::{
    books::carddav::{Carddav, CarddavSettings, DavRequest, DavWire, Exchange, Login},
    formats::vcard::WriteStyle,
    transport::{Failure, WholeAnswer},
};
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use crate::{
    book::Shelf,
    dav::{BOOK, DavServer, Habits, Said},
    dav_mutants::MutantDav,
    dice::Dice,
    mutants::{Mutant, MutantReplica},
    servers::LateCard,
    world::{Shared, TIMEOUT, World},
};

/// The seeds in some of which a book is on a server, behind the shipping client.
pub const SEEDS: Range<u64> = 15_001..20_001;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    NotSent,
    Dropped,
    /// Carried out, and the answer lost.
    AnswerDropped,
    ErrorBefore,
    ErrorAfter,
    Locked,
    WebPage,
    /// Carried out, and the answer cut where HTTP does not show it.
    CutUnseen,
    /// The client gives it up, and then it is carried out.
    Late,
    /// For 20 seconds it has nothing.
    Empty,
    /// For 20 seconds it denies everything.
    Denies,
    /// The login is refused.
    Refused,
    /// Every token that it gave is unknown from now on.
    Forgets,
}

const ALL: [Mishap; 13] = [
    Mishap::NotSent,
    Mishap::Dropped,
    Mishap::AnswerDropped,
    Mishap::ErrorBefore,
    Mishap::ErrorAfter,
    Mishap::Locked,
    Mishap::WebPage,
    Mishap::CutUnseen,
    Mishap::Late,
    Mishap::Empty,
    Mishap::Denies,
    Mishap::Refused,
    Mishap::Forgets,
];

const SPELL: Duration = Duration::from_secs(20);

/// A server, and what it suffers.
pub struct OnServer {
    server: DavServer,
    /// Until then it shows nothing, or denies everything.
    empty_until: Option<Instant>,
    denies_until: Option<Instant>,
    began: Instant,
}

impl OnServer {
    /// Seconds since the simulation began.
    pub fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn hour(&self) -> u64 {
        self.seconds() / 3_600
    }
}

/// The server of this seed's first book, if it is on one.
pub fn furnish(seed: u64, shelves: &[Shelf]) -> Option<OnServer> {
    let mut dice = Dice::new(seed ^ 0x00DA_55E1);
    let shelf = shelves.first().filter(|shelf| SEEDS.contains(&seed) && shelf.capabilities.identity)?;
    let server = dice.permille(500).then(|| DavServer::new(shelf.clone(), Habits::of(&mut dice)))?;
    let mut records = shelf.lock();
    // Its trouble is that of its requests.
    (records.deltas, records.ending) = (false, ".vcf");
    drop(records);
    Some(OnServer { server, empty_until: None, denies_until: None, began: Instant::now() })
}

/// The book on the server, as a run has it.
pub fn book(world: &Shared, name: String, now: i64, mutant: Option<Mutant>) -> MutantReplica {
    let settings = CarddavSettings {
        name,
        url: format!("http://127.0.0.1:1{BOOK}"),
        login: Login::None,
        timeout: TIMEOUT,
        concurrency: 2,
        ca_file: None,
        insecure_http: false,
        style: WriteStyle::default(),
        now,
    };
    let wire = MutantDav::new(SimulatedDav(world.clone()), mutant);
    let book = Carddav::over(settings, Box::new(wire)).expect("usable settings");
    MutantReplica { inner: Box::new(book), mutant }
}

pub struct SimulatedDav(Shared);

impl DavWire for SimulatedDav {
    fn exchange<'a>(&'a self, _: &'a Url, request: &'a DavRequest, timeout: Duration) -> Exchange<'a> {
        Box::pin(async move {
            let (mishap, delay) = {
                let mut world = self.lock();
                world.people_act();
                world.count_dav_request(request);
                (world.dav_mishap(), Duration::from_millis(world.dice.below(500) as u64))
            };
            let crash = self.lock().crash_at("book, before a write");
            crash.happen().await;
            tokio::time::sleep(delay).await;
            let answer = self.carry(request, mishap, timeout).await;
            let crash = self.lock().crash_at("book, after a write");
            crash.happen().await;
            answer
        })
    }

    fn chance(&self) -> f64 {
        self.lock().dice.below(1_000) as f64 / 1_000.0
    }
}

impl SimulatedDav {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().expect("the world")
    }

    async fn carry(
        &self,
        request: &DavRequest,
        mishap: Option<Mishap>,
        timeout: Duration,
    ) -> Result<WholeAnswer, Failure> {
        self.lock().note(format!("{} {} {mishap:?}", request.method, request.path));
        let place = || "127.0.0.1:1".to_owned();
        let cut = || Failure::Cut { place: place(), cause: "the connection broke".to_owned() };
        match mishap {
            Some(Mishap::NotSent) => Err(Failure::NotSent { place: place(), cause: "no route".to_owned() }),
            Some(Mishap::Dropped | Mishap::Late) => {
                if mishap == Some(Mishap::Late) {
                    self.lock().keep_for_later(request);
                }
                tokio::time::sleep(timeout).await;
                Err(Failure::TimedOut { place: place(), after: timeout })
            }
            Some(Mishap::ErrorBefore) => Ok(whole(Said::status(500))),
            Some(Mishap::Locked) => Ok(whole(Said::status(423))),
            Some(Mishap::Refused) => Ok(whole(Said::status(401))),
            Some(Mishap::WebPage) => {
                Ok(whole(Said { status: 200, etag: None, body: "<html><body>Maintenance</body></html>".to_owned() }))
            }
            _ => {
                let mut world = self.lock();
                let mut said = world.dav_respond(request, mishap);
                match mishap {
                    Some(Mishap::AnswerDropped) => Err(cut()),
                    Some(Mishap::ErrorAfter) => Ok(whole(Said::status(500))),
                    Some(Mishap::CutUnseen) if said.status == 207 => {
                        let at = world.dice.below(said.body.len());
                        said.body.truncate(at);
                        Ok(whole(said))
                    }
                    _ => Ok(whole(said)),
                }
            }
        }
    }
}

impl World {
    fn count_dav_request(&mut self, request: &DavRequest) {
        let verb = match request.method {
            "PUT" => carnet::crm::Verb::Put,
            "DELETE" => carnet::crm::Verb::Delete,
            _ => carnet::crm::Verb::Get,
        };
        self.count_request(verb);
    }

    fn dav_mishap(&mut self) -> Option<Mishap> {
        let strikes = self.server_trouble > 0 && self.dice.permille(self.server_trouble);
        strikes.then(|| self.dice.pick(&ALL))
    }

    fn dav_respond(&mut self, request: &DavRequest, mishap: Option<Mishap>) -> Said {
        self.commit_late_cards();
        let mut book = self.dav.take().expect("a book on a server");
        let until = Instant::now() + SPELL;
        match mishap {
            Some(Mishap::Empty) => book.empty_until = Some(until),
            Some(Mishap::Denies) => book.denies_until = Some(until),
            Some(Mishap::Forgets) => book.server.forget_tokens(),
            _ => {}
        }
        let is_now = |until: Option<Instant>| self.server_trouble > 0 && until.is_some_and(|end| Instant::now() < end);
        let (denies, is_empty) = (is_now(book.denies_until), is_now(book.empty_until));
        let writes = matches!(request.method, "PUT" | "DELETE");
        let hour = book.hour();
        let said = if denies {
            Said::status(404)
        } else if is_empty && !writes {
            // As one whose database is away: the address book is there, and nothing in it.
            DavServer::new(Shelf::new(9, book.server.shelf.capabilities), book.server.habits).respond(request, hour)
        } else {
            let (shelf, before) = (book.server.shelf.clone(), book.server.shelf.contacts());
            let said = book.server.respond(request, hour);
            if writes {
                self.carnet_wrote(&shelf, &before);
            }
            said
        };
        self.dav = Some(book);
        said
    }

    fn keep_for_later(&mut self, request: &DavRequest) {
        let book = self.dav.as_mut().expect("a book on a server");
        let hour = book.hour();
        if matches!(request.method, "PUT" | "DELETE")
            && let Ok(write) = book.server.write_of(request, hour)
        {
            let shelf = book.server.shelf.clone();
            let wait = self.dice.below(2 * TIMEOUT.as_millis() as usize - 1_000) as u64;
            self.late_cards.push(LateCard { due: Instant::now() + Duration::from_millis(wait), shelf, write });
        }
    }
}

/// An answer as HTTP brings it.
pub fn whole(said: Said) -> WholeAnswer {
    let mut headers = HeaderMap::new();
    if let Some(etag) = said.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert("etag", etag);
    }
    WholeAnswer { status: said.status, headers, body: said.body.into_bytes() }
}
