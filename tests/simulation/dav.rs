//! A simulated CardDAV server over a shelf of cards, with the habits of real ones: it rewrites what it is given, its ETags
//! count versions or change by themselves, it forgets its tokens and says so or does not, it ignores preconditions.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    task::{Context, Poll, Waker},
};

use carnet::{
    books::carddav::DavRequest,
    contact::{Contact, FieldSet, identity::Identity},
    formats::vcard::{self, Card, WriteStyle},
    replica::{Action, LocalFuture, RemoteContact, Replica, ReplicaError, Write, Written, memory::Known},
};

use crate::{book::Shelf, dice::Dice};

/// Where the address book is.
pub const BOOK: &str = "/dav/book/";

/// What its ETags are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ETags {
    /// Another one for each state.
    States,
    /// The versions of each card, from nought where one is made again.
    Versions,
    /// Another one each hour, too.
    Drifting,
}

/// What it says to a token that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Forbidden,
    PreconditionFailed,
    /// All cards, and no deletion.
    All,
    /// Nothing.
    Nothing,
}

/// How this server is.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    etags: ETags,
    unknown: Unknown,
    /// A new card is taken although one is there.
    ignores_none_match: bool,
    /// A card is removed whatever its state.
    ignores_match_on_delete: bool,
    /// No ETag in the answer to a PUT.
    hides_etags: bool,
    /// Blanks in telephone numbers are dropped, and every card gets a line of the server's own.
    rewrites: bool,
    /// A card that is not there is left out of an answer.
    leaves_out: bool,
    /// It counts no changes.
    no_tokens: bool,
    /// Of a card that came and went between two tokens it says nothing.
    hides_short_lives: bool,
}

impl Habits {
    pub fn of(dice: &mut Dice) -> Self {
        let unknown = dice.pick(&[Unknown::Forbidden, Unknown::PreconditionFailed, Unknown::All, Unknown::Nothing]);
        let etags = dice.pick(&[ETags::States, ETags::States, ETags::Versions, ETags::Drifting]);
        // Nobody can tell a card that was made again under its old ETag from itself where the token was not refused either.
        let is_silent = matches!(unknown, Unknown::All | Unknown::Nothing);
        Self {
            etags: if is_silent && etags == ETags::Versions { ETags::States } else { etags },
            unknown,
            ignores_none_match: dice.permille(200),
            ignores_match_on_delete: dice.permille(200),
            hides_etags: dice.permille(300),
            rewrites: dice.permille(400),
            leaves_out: dice.permille(300),
            no_tokens: dice.permille(200),
            hides_short_lives: dice.permille(400),
        }
    }
}

/// A server with one address book.
#[derive(Clone)]
pub struct DavServer {
    pub shelf: Shelf,
    pub habits: Habits,
    /// Tokens of another number are unknown.
    age: u32,
    /// Of each card its last revision, and how many it has had.
    versions: BTreeMap<String, (String, u64)>,
    /// The clock's time when each card was first seen.
    born: BTreeMap<String, u64>,
    /// The names of cards that have another one than the shelf gives them.
    names: BTreeMap<String, String>,
}

/// An answer, as far as a client looks at it.
pub struct Said {
    pub status: u16,
    pub etag: Option<String>,
    pub body: String,
}

impl Said {
    pub fn status(status: u16) -> Self {
        Self { status, etag: None, body: String::new() }
    }
}

/// A future that waits for nothing.
fn now<T>(mut future: LocalFuture<'_, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a shelf waits for nothing"),
    }
}

impl DavServer {
    pub fn new(shelf: Shelf, habits: Habits) -> Self {
        Self { shelf, habits, age: 1, versions: BTreeMap::new(), born: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// Every token that it gave is unknown from now on.
    pub fn forget_tokens(&mut self) {
        self.age += 1;
    }

    /// Does what it is asked. `hour`: of the simulation.
    pub fn respond(&mut self, request: &DavRequest, hour: u64) -> Said {
        let records = self.records();
        self.count_versions(&records);
        let name = request.path.strip_prefix(BOOK).unwrap_or_default();
        match (request.method, name) {
            ("PROPFIND", "") => self.propfind(request, &records, hour),
            ("REPORT", "") if text_of(request).contains("sync-collection") => {
                self.sync(&text_of(request), &records, hour)
            }
            ("REPORT", "") => self.multiget(&text_of(request), &records, hour),
            ("GET", name) => match self.find(&records, name) {
                Some(record) => Said { status: 200, etag: Some(self.etag(record, hour)), body: card(record) },
                None => Said::status(404),
            },
            ("PUT", name) => self.put(request, name, &records, hour),
            ("DELETE", name) => self.delete(request, name, &records, hour),
            _ => Said::status(405),
        }
    }

    /// The write that a request is, if it may be carried out now.
    pub fn write_of(&mut self, request: &DavRequest, hour: u64) -> Result<Write, u16> {
        let records = self.records();
        let name = request.path.strip_prefix(BOOK).unwrap_or_default();
        let there = self.find(&records, name);
        let header =
            |name: &str| request.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str());
        let matches = |etag: &str| there.is_some_and(|record| self.etag(record, hour) == etag);
        let delete = request.method == "DELETE";
        if let Some(etag) = header("if-match")
            && !(delete && self.habits.ignores_match_on_delete)
            && !matches(etag)
        {
            return Err(412);
        }
        if header("if-none-match").is_some() && there.is_some() && !self.habits.ignores_none_match {
            return Err(412);
        }
        let Some(there) = there else {
            if delete {
                return Err(404);
            }
            let (uid, crm_id, contact) = self.taken(request)?;
            self.names.insert(format!("{uid}.vcf"), name.to_owned());
            return Ok(Write { uid, crm_id, action: Action::Create { contact } });
        };
        let (remote, revision, theirs) = (there.remote.clone(), there.revision.clone(), there.contact.clone());
        let uid = there.uid.clone().unwrap_or_default();
        if delete {
            return Ok(Write { uid, crm_id: None, action: Action::Delete { remote, revision, theirs } });
        }
        let (_, crm_id, contact) = self.taken(request)?;
        let changed = FieldSet::ALL;
        let action = Action::Update { remote, revision, theirs, contact, changed, detail: None };
        Ok(Write { uid, crm_id, action })
    }

    /// A card as it is taken: its UID, its CRM id, and what it says.
    fn taken(&self, request: &DavRequest) -> Result<(String, Option<String>, Contact), u16> {
        let card = Card::parse(request.body.as_deref().unwrap_or_default()).map_err(|_| 400_u16)?;
        let mut contact = vcard::read(&card, None);
        if self.habits.rewrites {
            contact.items.iter_mut().for_each(|item| item.value.retain(|char| char != ' '));
            contact.extra.retain(|entry| !entry.starts_with("X-SERVER"));
            contact.extra.push("X-SERVER:mine".to_owned());
        }
        Ok((card.uid().unwrap_or_default(), card.crm_id(), contact))
    }

    fn put(&mut self, request: &DavRequest, name: &str, records: &[RemoteContact], hour: u64) -> Said {
        let write = match self.write_of(request, hour) {
            Ok(write) => write,
            Err(status) => return Said::status(status),
        };
        let is_new = self.find(records, name).is_none();
        let written = self.carry_out(write);
        match written {
            Ok(Some(record)) => {
                assert_eq!(self.name(&record.remote), name, "a card is where it was put");
                self.count_versions(&self.records());
                let etag = (!self.habits.hides_etags).then(|| self.etag(&record, hour));
                Said { status: if is_new { 201 } else { 204 }, etag, body: String::new() }
            }
            _ => Said::status(412),
        }
    }

    fn delete(&mut self, request: &DavRequest, _: &str, _: &[RemoteContact], hour: u64) -> Said {
        match self.write_of(request, hour) {
            Ok(write) => Said::status(if self.carry_out(write).is_ok() { 204 } else { 412 }),
            Err(status) => Said::status(status),
        }
    }

    /// Carries out a write, whether or not anybody waits for it.
    pub fn carry_out(&mut self, write: Write) -> Result<Written, ReplicaError> {
        self.shelf.lock().write(write)
    }

    fn propfind(&self, request: &DavRequest, records: &[RemoteContact], hour: u64) -> Said {
        let depth = request.headers.iter().find(|(name, _)| *name == "depth").map(|(_, value)| value.as_str());
        let reports = if self.habits.no_tokens { "" } else { "<d:report><d:sync-collection/></d:report>" };
        let token = if self.habits.no_tokens {
            format!("<s:getctag>{}</s:getctag>", self.clock())
        } else {
            format!("<d:sync-token>{}</d:sync-token>", self.token())
        };
        let mut body = response(
            BOOK,
            &format!(
                "<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>{token}<d:supported-report-set>{reports}\
                 <d:report><c:addressbook-multiget/></d:report></d:supported-report-set>"
            ),
        );
        if depth == Some("1") {
            for record in records {
                let etag = format!("<d:resourcetype/><d:getetag>{}</d:getetag>", escaped(&self.etag(record, hour)));
                body += &response(&self.path(record), &etag);
            }
        }
        multistatus(&body)
    }

    fn sync(&self, text: &str, records: &[RemoteContact], hour: u64) -> Said {
        let asked = between(text, "<D:sync-token>", "</D:sync-token>").unwrap_or_default();
        let known = asked.strip_prefix(&format!("sim:{}:", self.age)).map(str::to_owned);
        let tail = format!("<d:sync-token>{}</d:sync-token>", self.token());
        let etag = |record: &RemoteContact| format!("<d:getetag>{}</d:getetag>", escaped(&self.etag(record, hour)));
        let Some(since) = known else {
            return match self.habits.unknown {
                Unknown::Forbidden => Said::status(403),
                Unknown::PreconditionFailed => Said::status(412),
                Unknown::Nothing => multistatus(&tail),
                Unknown::All => {
                    let all: String =
                        records.iter().map(|record| response(&self.path(record), &etag(record))).collect();
                    multistatus(&(all + &tail))
                }
            };
        };
        let (changed, gone) = self.since(&since);
        let mut body: String = changed.iter().map(|record| response(&self.path(record), &etag(record))).collect();
        let since: u64 = since.parse().unwrap_or_default();
        let is_told = |remote: &String| {
            !self.habits.hides_short_lives || self.born.get(remote).is_some_and(|born| *born <= since)
        };
        for remote in gone.into_iter().filter(is_told) {
            // Writing into a String cannot fail.
            let _ = write!(
                body,
                "<d:response><d:href>{BOOK}{}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>",
                self.name(&remote)
            );
        }
        multistatus(&(body + &tail))
    }

    fn multiget(&self, text: &str, records: &[RemoteContact], hour: u64) -> Said {
        let mut body = String::new();
        for href in text.split("<D:href>").skip(1).filter_map(|rest| rest.split("</D:href>").next()) {
            let name = href.strip_prefix(BOOK).unwrap_or_default();
            match self.find(records, name) {
                Some(record) => {
                    let data = escaped(&card(record).replace('\r', ""));
                    let etag = escaped(&self.etag(record, hour));
                    let found = format!("<d:getetag>{etag}</d:getetag><c:address-data>{data}</c:address-data>");
                    body += &response(href, &found);
                }
                None if self.habits.leaves_out => {}
                None => {
                    let _ = write!(
                        body,
                        "<d:response><d:href>{href}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"
                    );
                }
            }
        }
        multistatus(&body)
    }

    /// What changed since a moment of its clock.
    fn since(&self, clock: &str) -> (Vec<RemoteContact>, Vec<String>) {
        let mut known = Known::default();
        known.notes.insert("clock".to_owned(), clock.to_owned());
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        let mut copy = self.shelf.lock().clone();
        copy.deltas = true;
        let scanned = now(copy.scan(&known, &mut |batch| {
            changed.extend(batch.changed);
            gone.extend(batch.gone);
            Ok(())
        }));
        scanned.expect("a shelf can be read");
        (changed, gone)
    }

    fn records(&self) -> Vec<RemoteContact> {
        self.since("0").0
    }

    fn clock(&self) -> String {
        let mut copy = self.shelf.lock().clone();
        copy.deltas = true;
        let scanned = now(copy.scan(&Known::default(), &mut |_| Ok(()))).expect("a shelf can be read");
        scanned.cursor.into_iter().map(|(_, clock)| clock).collect()
    }

    fn token(&self) -> String {
        format!("sim:{}:{}", self.age, self.clock())
    }

    fn name(&self, remote: &str) -> String {
        self.names.get(remote).cloned().unwrap_or_else(|| remote.to_owned())
    }

    fn path(&self, record: &RemoteContact) -> String {
        format!("{BOOK}{}", self.name(&record.remote))
    }

    fn find<'r>(&self, records: &'r [RemoteContact], name: &str) -> Option<&'r RemoteContact> {
        records.iter().find(|record| self.name(&record.remote) == name)
    }

    fn count_versions(&mut self, records: &[RemoteContact]) {
        let mut versions = BTreeMap::new();
        for record in records {
            let count = match self.versions.get(&record.remote) {
                Some((revision, count)) if *revision == record.revision => *count,
                Some((_, count)) => count + 1,
                None => 0,
            };
            versions.insert(record.remote.clone(), (record.revision.clone(), count));
        }
        self.versions = versions;
        let clock: u64 = self.clock().parse().unwrap_or_default();
        for record in records {
            self.born.entry(record.remote.clone()).or_insert(clock);
        }
    }

    fn etag(&self, record: &RemoteContact, hour: u64) -> String {
        match self.habits.etags {
            ETags::States => format!("\"{}\"", record.revision),
            ETags::Drifting => format!("\"{}-{hour}\"", record.revision),
            ETags::Versions => {
                let count = self.versions.get(&record.remote).map_or(0, |(_, count)| *count);
                format!("\"gcs{count:08}\"")
            }
        }
    }
}

fn card(record: &RemoteContact) -> String {
    let uid = record.uid.clone().filter(|uid| !uid.is_empty());
    let identity = Identity { uid, crm_id: record.crm_id.clone() };
    String::from_utf8(vcard::new_card(WriteStyle::default(), &record.contact, &identity).to_bytes()).expect("UTF-8")
}

fn response(href: &str, properties: &str) -> String {
    format!(
        "<d:response><d:href>{href}</d:href><d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status>\
         </d:propstat></d:response>"
    )
}

fn multistatus(body: &str) -> Said {
    let body = format!(
        "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\" \
         xmlns:s=\"http://calendarserver.org/ns/\">{body}</d:multistatus>"
    );
    Said { status: 207, etag: None, body }
}

/// The answer to a look at one card.
pub fn card_answer(href: &str, card: &str) -> Said {
    let data = escaped(&card.replace('\r', ""));
    multistatus(&response(href, &format!("<d:getetag>\"sent\"</d:getetag><c:address-data>{data}</c:address-data>")))
}

fn text_of(request: &DavRequest) -> String {
    String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
