//! Judges each request by what it names, in the instant in which it leaves: against the mirror as it is then, against what
//! the CRM was seen to hold, and against the requests before it in the same run.
//!
//! What stands at the end of a history cannot tell luck from a field that was sent along although nobody had changed it,
//! from a write too many, or from a page that was believed unread.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    crm::{Answer, Failure, PROBE_NAME, Request, Verb},
    mirror::Mirror,
    sandbox::{Quirk, Record},
    sync::{CRM, SyncEvent},
};

use crate::{
    body::Body,
    firms::is_firms,
    ledger::key,
    people::{texts, words},
    verdict::{self, Known, OVER_SOMETHING_ELSE, Waiting},
    wire::contact_of,
    world::{LateCommit, World},
};

/// Contacts that a listing shows and that are asked for alone nevertheless, to see whether the server is well: at most so
/// many a run.
const WITNESSES_MAX: usize = 3;

/// A write that has left.
struct Sent {
    ticket: u64,
    verb: Verb,
    /// The contact's id in the CRM; that in the mirror for a POST.
    subject: i64,
    body: Body,
    under_way: bool,
}

/// What one batch of writes has asked of a contact.
#[derive(Default)]
struct Batch {
    looks: u32,
    writes: u32,
    reads: u32,
}

/// What is remembered of the requests, most of it for one run.
#[derive(Default)]
pub struct Judge {
    ticket: u64,
    /// Writes have begun in this run.
    pushes: bool,
    /// Contacts as last shown alone, until they are written.
    shown: BTreeMap<i64, Record>,
    /// Contacts that this run's listing has shown, and the pages that were delivered.
    listed: BTreeSet<i64>,
    pages: BTreeSet<String>,
    /// This run's listing left elements out.
    abridged: bool,
    witnesses: usize,
    /// This run's writes, less those that surely did nothing.
    sent: Vec<Sent>,
    /// The batch at hand, by contact.
    batch: BTreeMap<i64, Batch>,
    /// carnet's own throwaway contacts.
    pub probes: BTreeSet<i64>,
    /// Pages by the ETag under which they were given, with the values of each contact. Of all runs.
    tagged: BTreeMap<String, Vec<(i64, BTreeSet<String>)>>,
    /// What is wrong.
    pub faults: Vec<String>,
}

impl Judge {
    /// A run begins.
    pub fn begin_run(&mut self) {
        let (probes, tagged) = (std::mem::take(&mut self.probes), std::mem::take(&mut self.tagged));
        let (faults, ticket) = (std::mem::take(&mut self.faults), self.ticket);
        *self = Self { probes, tagged, faults, ticket, ..Self::default() };
    }

    /// Follows the run from reading to writing, and from batch to batch.
    pub fn heed(&mut self, event: &SyncEvent) {
        match event {
            SyncEvent::PushStarted { replica, .. } | SyncEvent::PushProgress { replica, .. } if replica == CRM => {
                self.pushes = true;
                self.batch.clear();
            }
            _ => {}
        }
    }

    /// The ticket of the request that leaves.
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    fn another_under_way(&self, subject: i64, post: bool) -> bool {
        self.sent.iter().any(|sent| sent.under_way && sent.subject == subject && (sent.verb == Verb::Post) == post)
    }

    fn sent_before(&self, verb: Verb, subject: i64, body: &Body) -> bool {
        self.sent.iter().any(|sent| sent.verb == verb && sent.subject == subject && sent.body == *body)
    }
}

impl World {
    /// A request leaves. Gives the ticket that its answer is to be told with.
    pub fn judge_sent(&mut self, request: &Request<'_>, path: &str) -> u64 {
        self.judge.ticket += 1;
        let before = self.judge.faults.len();
        let body = Body::read(request.body.as_deref().unwrap_or_default());
        self.judge_patience(request.verb, path, &body);
        match (request.verb, contact_of(path)) {
            (verb, _) if is_firms(path) => self.judge_firm_sent(verb, &body),
            (Verb::Get, None) => self.judge_tag(request.etag, path),
            (Verb::Get, Some(_)) => {}
            (Verb::Post, _) if body.scalars.get("last_name").is_some_and(|name| name == PROBE_NAME) => {}
            (Verb::Post, _) => self.judge_creation(body),
            (_, Some(id)) if self.judge.probes.contains(&id) => {}
            (verb, Some(id)) => self.judge_change(verb, id, body),
            (verb, None) => self.judge.faults.push(format!("{} names no contact: {path}", verb.name())),
        }
        for fault in self.judge.faults.split_off(before) {
            let fault = format!("{} {path}: {fault}", request.verb.name());
            self.note(format!("!!! {fault}"));
            self.judge.faults.push(fault);
        }
        self.judge.ticket
    }

    /// A write whose answer was lost may be carried out yet: until the settle time is over, nothing is sent over it. A
    /// mirror that was restored does not know of it.
    fn judge_patience(&mut self, verb: Verb, path: &str, body: &Body) {
        let is_same = |late: &LateCommit| match verb {
            Verb::Put => late.path == path,
            Verb::Post if is_firms(path) => is_firms(&late.path) && Self::is_late_firm(late, body),
            Verb::Post => {
                !is_firms(&late.path)
                    && Body::read(&late.body).scalars.get("last_name") == body.scalars.get("last_name")
            }
            Verb::Get | Verb::Delete => false,
        };
        // Of trial contacts there may be two: both are thrown away.
        let made_to_try = body.scalars.get("last_name").is_some_and(|name| name == PROBE_NAME);
        let probe = made_to_try || contact_of(path).is_some_and(|id| self.judge.probes.contains(&id));
        let early = self.late.iter().any(|late| late.verb == verb && is_same(late));
        if early && !probe && !self.ledger.relearning {
            self.judge.faults.push("an earlier one may be carried out yet".to_owned());
        }
    }

    /// Runs a judgement over the mirror as it stands: what of it is committed, for a request that leaves before its reason
    /// is written down for good is one too early.
    fn judge_by_mirror(&mut self, judgement: impl FnOnce(&Judge, &Mirror) -> Vec<String>) {
        let found = judgement(&self.judge, &self.beside);
        self.judge.faults.extend(found);
    }

    fn judge_creation(&mut self, body: Body) {
        let mut contact = 0;
        self.judge_by_mirror(|judge, mirror| {
            let (found, mut faults) = verdict::creation(&Waiting::read(mirror), &body);
            contact = found;
            if judge.another_under_way(contact, true) {
                faults.push("another creation of the contact is under way".to_owned());
            }
            if judge.sent.iter().any(|sent| sent.verb == Verb::Post && sent.subject == contact) {
                faults.push("the contact was created in this run already".to_owned());
            }
            faults
        });
        self.judge.note_sent(Verb::Post, contact, body);
    }

    fn judge_change(&mut self, verb: Verb, id: i64, body: Body) {
        let follows = self.crm_follows_deletions;
        let is_live = |text: &String| {
            let fate = self.ledger.typed.get(&key(text)).map(|(_, fate)| *fate);
            fate == Some(crate::ledger::Fate::Live)
        };
        let live: BTreeSet<String> = match self.judge.shown.get(&id) {
            Some(record) if verb == Verb::Delete => texts(record).into_iter().filter(|text| is_live(text)).collect(),
            _ => BTreeSet::new(),
        };
        self.judge_by_mirror(|judge, mirror| {
            let known = Known::read(mirror, id);
            let shown = judge.shown.get(&id);
            let mut faults = match verb {
                Verb::Put => verdict::change(&known, shown, &body),
                _ => verdict::deletion(&known, shown, follows, &live),
            };
            if judge.another_under_way(id, false) {
                faults.push("another write of the contact is under way".to_owned());
            }
            let batch = judge.batch.get(&id);
            if batch.is_some_and(|batch| mends(batch, verb, &body)) {
                // What was last read is what the write before it has left.
                faults.retain(|fault| !fault.ends_with(OVER_SOMETHING_ELSE));
            } else if batch.is_some_and(|batch| batch.writes > 0) {
                faults.push("the contact is written twice in one batch".to_owned());
            }
            if judge.sent_before(verb, id, &body) {
                faults.push("the same was sent in this run already".to_owned());
            }
            faults
        });
        self.judge.shown.remove(&id);
        self.judge.batch.entry(id).or_default().writes += 1;
        self.judge.note_sent(verb, id, body);
    }

    /// A request that names an ETag says: I have all of this page. Then each contact on it must be agreed on as it was there.
    fn judge_tag(&mut self, etag: Option<&str>, path: &str) {
        let Some(page) = etag.and_then(|etag| self.judge.tagged.get(etag)).cloned() else {
            if let Some(etag) = etag {
                self.judge.faults.push(format!("names {etag}, which no page of {path} had"));
            }
            return;
        };
        self.judge_by_mirror(|_, mirror| {
            let lacks = |(id, values): &(i64, BTreeSet<String>)| {
                let agreement = mirror.agreement_by_remote(CRM, &id.to_string()).expect("the mirror is read");
                let agreed = agreement.map(|agreement| words(&agreement.theirs)).unwrap_or_default();
                let agreed: BTreeSet<String> = agreed.iter().map(|text| key(text)).collect();
                !values.is_subset(&agreed)
            };
            let stale = page.iter().filter(|one| lacks(one));
            stale.map(|(id, _)| format!("names a page as known on which {id} is no longer as agreed")).collect()
        });
    }

    /// What became of a request, as carnet will see it.
    pub fn judge_answered(&mut self, ticket: u64, answer: &Result<Answer, Failure>) {
        let (nothing_done, done) = match answer {
            Ok(answer) => ((400..=499).contains(&answer.status), (200..=299).contains(&answer.status)),
            Err(failure) => (matches!(failure, Failure::NotSent { .. }), false),
        };
        if !nothing_done && !done {
            self.judge_firm_lost(ticket);
        }
        // What is there still may be removed again: a removal is the same however often it is sent.
        let forgotten = |sent: &Sent| nothing_done || (sent.verb == Verb::Delete && !done);
        self.judge.sent.retain(|sent| sent.ticket != ticket || !forgotten(sent));
        self.judge.sent.iter_mut().filter(|sent| sent.ticket == ticket).for_each(|sent| sent.under_way = false);
    }

    /// An answer to a GET reached carnet whole.
    pub fn judge_delivered(&mut self, path: &str, asked: Option<&str>, answer: &Answer) {
        let before = self.judge.faults.len();
        match contact_of(path) {
            Some(id) => self.judge_shown(id, answer.status),
            None => self.judge_page(path, asked, answer),
        }
        for fault in self.judge.faults.split_off(before) {
            let fault = format!("GET {path}: {fault}");
            self.note(format!("!!! {fault}"));
            self.judge.faults.push(fault);
        }
    }

    fn judge_shown(&mut self, id: i64, status: u16) {
        let record = self.crm.store().record(id).expect("the CRM's state");
        // Who may be a lost creation is not taken in from a listing; a card that names it has it asked for.
        let held_back = self.beside.fact("crm.held_back").expect("the mirror is read").unwrap_or_default();
        let is_held_back = held_back.split(' ').any(|held| held == id.to_string());
        let judge = &mut self.judge;
        if judge.probes.contains(&id) {
            return;
        }
        match record.filter(|_| status == 200) {
            Some(record) => drop(judge.shown.insert(id, record)),
            None => drop(judge.shown.remove(&id)),
        }
        if !judge.pushes {
            judge.witnesses += usize::from(judge.listed.contains(&id) && !is_held_back);
            if judge.witnesses > WITNESSES_MAX && !judge.abridged {
                judge.faults.push("asked for alone although the listing shows it".to_owned());
            }
            return;
        }
        let batch = judge.batch.entry(id).or_default();
        let writes = batch.writes;
        let (count, when) = if writes == 0 { (&mut batch.looks, "before") } else { (&mut batch.reads, "after") };
        *count += 1;
        // A list that is mended is read back once more.
        if *count > writes.max(1) {
            judge.faults.push(format!("asked for {count} times {when} it is written"));
        }
    }

    fn judge_page(&mut self, path: &str, asked: Option<&str>, answer: &Answer) {
        if self.judge.pushes || !matches!(answer.status, 200 | 304) {
            return;
        }
        if !self.judge.pages.insert(path.to_owned()) {
            self.judge.faults.push("the page was read in this run already".to_owned());
        }
        let known = asked.and_then(|etag| self.judge.tagged.get(etag)).cloned();
        let page = known.filter(|_| answer.status == 304).unwrap_or_else(|| self.page_values(&answer.body));
        self.judge.listed.extend(page.iter().map(|(id, _)| *id));
        self.judge.abridged |= self.veiled().is_some() || self.crm.store().settings().has(Quirk::OmitEmpty);
        if let Some(etag) = answer.etag.clone().filter(|_| answer.status == 200) {
            self.judge.tagged.insert(etag, page);
        }
    }

    /// The contacts on a page with their values. Those of carnet's own are none.
    fn page_values(&self, body: &[u8]) -> Vec<(i64, BTreeSet<String>)> {
        let text = String::from_utf8_lossy(body);
        let parts = text.split("<contact>").skip(1);
        let ids = parts.filter_map(|part| part.split("</id>").next()?.rsplit('>').next()?.parse().ok());
        let store = self.crm.store();
        ids.filter(|id| !self.judge.probes.contains(id))
            .filter_map(|id| Some((id, store.record(id).expect("the CRM's state")?)))
            .map(|(id, record)| (id, texts(&record).iter().map(|text| key(text)).collect()))
            .collect()
    }
}

/// True for a write of one list and nothing else, after the contact was written and read back: it mends what a wrong belief
/// about lists did, or what looks like that.
fn mends(batch: &Batch, verb: Verb, body: &Body) -> bool {
    let is_list = body.scalars.is_empty() && body.lists.len() == 1;
    verb == Verb::Put && is_list && batch.writes > 0 && batch.writes <= 2 && batch.reads == batch.writes
}

impl Judge {
    fn note_sent(&mut self, verb: Verb, subject: i64, body: Body) {
        self.sent.push(Sent { ticket: self.ticket, verb, subject, body, under_way: true });
    }
}
