//! The wire of the simulation: what becomes of each request, in time that passes only when nobody has anything to do.

use std::{collections::BTreeSet, time::Duration};

use carnet::{
    crm::{Answer, Exchange, Failure, PROBE_NAME, Request, Verb, Wire},
    sandbox::{DirectAnswer, Entry, Mishap, Record},
};
use tokio::time::Instant;

use crate::{
    firms::{FIRM_ID, is_firms},
    ledger::{Fate, key},
    mischief::Mischief,
    people::texts,
    world::{LateCommit, Shared, TIMEOUT, World},
};

/// The address of the simulated CRM.
pub const URL: &str = "http://127.0.0.1:1/sim";
const ORIGIN: &str = "http://127.0.0.1:1";
const LIE: Duration = Duration::from_secs(20);

pub struct SimulatedWire(pub Shared);

impl Wire for SimulatedWire {
    fn exchange<'a>(&'a self, request: Request<'a>) -> Exchange<'a> {
        Box::pin(async move {
            let path = request.url.strip_prefix(ORIGIN).unwrap_or(request.url).to_owned();
            let (mischief, delay) = {
                let mut world = self.lock();
                world.people_act();
                world.count_request(request.verb);
                let mischief = world.mischief(request.verb);
                (mischief, Duration::from_millis(world.dice.below(2_000) as u64))
            };
            let crash = self.lock().crash_at("wire, before a request");
            crash.happen().await;
            tokio::time::sleep(delay).await;
            let ticket = self.lock().judge_sent(&request, &path);
            let answer = self.carry(&request, &path, mischief).await;
            self.lock().judge_answered(ticket, &answer);
            let crash = self.lock().crash_at("wire, after an answer");
            crash.happen().await;
            answer
        })
    }

    fn chance(&self) -> f64 {
        self.lock().dice.below(1_000) as f64 / 1_000.0
    }
}

impl SimulatedWire {
    fn lock(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().expect("the world")
    }

    async fn carry(&self, request: &Request<'_>, path: &str, mischief: Option<Mischief>) -> Result<Answer, Failure> {
        self.lock().note(format!("{} {path} {mischief:?}", request.verb.name()));
        let place = || "127.0.0.1:1".to_owned();
        let cut = || Failure::Cut { place: place(), cause: "the connection broke".to_owned() };
        match mischief {
            Some(Mischief::NotSent) => Err(Failure::NotSent { place: place(), cause: "no route".to_owned() }),
            Some(Mischief::Dropped) => {
                tokio::time::sleep(TIMEOUT).await;
                Err(Failure::TimedOut { place: place(), after: TIMEOUT })
            }
            Some(Mischief::Late) => {
                {
                    let mut world = self.lock();
                    // Twice the time-out is the settle time; it comes before that.
                    let due = Instant::now() + Duration::from_millis(world.dice.below(17_000) as u64);
                    let (verb, body) = (request.verb, request.body.clone().unwrap_or_default());
                    let shown = world.shown_last_of(path);
                    world.late.push(LateCommit { due, verb, path: path.to_owned(), body, shown });
                }
                tokio::time::sleep(TIMEOUT).await;
                Err(Failure::TimedOut { place: place(), after: TIMEOUT })
            }
            Some(Mischief::ErrorBefore) => Ok(Answer { status: 500, ..Answer::default() }),
            Some(Mischief::TooMany) => {
                Ok(Answer { status: 429, retry_after: Some(Duration::from_secs(1)), ..Answer::default() })
            }
            Some(Mischief::Refused) => Ok(Answer { status: 401, ..Answer::default() }),
            Some(Mischief::WebPage) => Ok(Answer {
                status: 200,
                content_type: Some("text/html".to_owned()),
                body: b"<!DOCTYPE html><html><body>Maintenance<br></body></html>".to_vec(),
                ..Answer::default()
            }),
            Some(
                Mischief::ReplyDropped
                | Mischief::ErrorAfter
                | Mischief::Cut
                | Mischief::CutUnseen
                | Mischief::Lie
                | Mischief::Shift
                | Mischief::Thin
                | Mischief::Hide
                | Mischief::Deny
                | Mischief::Bare,
            )
            | None => {
                let mut world = self.lock();
                let mut answer = world.respond(request, path, mischief);
                match mischief {
                    Some(Mischief::ReplyDropped | Mischief::Cut) => Err(cut()),
                    Some(Mischief::ErrorAfter) => Ok(Answer { status: 500, ..Answer::default() }),
                    Some(Mischief::CutUnseen) if !answer.body.is_empty() => {
                        let at = world.dice.below(answer.body.len());
                        let is_whole = answer.body[at..].trim_ascii().is_empty();
                        answer.body.truncate(at);
                        if is_whole {
                            // Nothing but its last line end is missing.
                            world.heard(request, path, &answer);
                        }
                        Ok(answer)
                    }
                    _ => {
                        world.heard(request, path, &answer);
                        Ok(answer)
                    }
                }
            }
        }
    }
}

impl World {
    fn respond(&mut self, request: &Request<'_>, path: &str, mischief: Option<Mischief>) -> Answer {
        self.commit_late();
        if mischief == Some(Mischief::Lie) {
            self.lies_until = Some(Instant::now() + LIE);
        }
        let lies = self.lies_until.is_some_and(|until| Instant::now() < until);
        if lies && request.verb != Verb::Get {
            return Answer { status: 404, ..Answer::default() };
        }
        let listing = request.verb == Verb::Get && contact_of(path).is_none();
        let mishap = match (lies, mischief) {
            (true, _) => Some(Mishap::Lie),
            (false, Some(Mischief::Shift)) => Some(Mishap::Shift),
            (false, Some(Mischief::Thin)) if listing && self.may_leave_out() => Some(Mishap::Thin),
            _ if self.thin_next => Some(Mishap::Thin),
            _ => None,
        };
        self.veil(mischief);
        let veil = self.veiled().filter(|_| !is_firms(path));
        if veil.is_some_and(|veil| veil.denies(request.verb, path)) {
            return Answer { status: 404, ..Answer::default() };
        }
        let body = request.body.clone().unwrap_or_default();
        let etag = request.etag.filter(|_| veil.is_none());
        let shown = self.shown_last_of(path);
        let DirectAnswer { status, mut headers, mut body } =
            self.carry_out(request.verb, (path, etag), &body, mishap, shown);
        if let Some(veil) = veil.filter(|_| listing) {
            (self.left_out, self.left_out_now) = (true, true);
            body = veil.over(&String::from_utf8_lossy(&body)).into_bytes();
            headers.clear();
        }
        let header = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        Answer {
            status,
            etag: header("etag"),
            location: header("location"),
            content_type: header("content-type"),
            retry_after: None,
            body,
        }
    }

    /// What the last whole answer about the contact at this address said, in this run.
    fn shown_last_of(&self, path: &str) -> Option<BTreeSet<String>> {
        contact_of(path).and_then(|id| self.shown_last.get(&id)).cloned()
    }

    /// Lets the server do what it is asked, and keeps account of what carnet could not have known: `shown` is what it did
    /// know of the contact when it sent the request.
    fn carry_out(
        &mut self,
        verb: Verb,
        (path, etag): (&str, Option<&str>),
        body: &str,
        mishap: Option<Mishap>,
        shown: Option<BTreeSet<String>>,
    ) -> DirectAnswer {
        if is_firms(path) {
            return self.carry_out_on_firms(verb, (path, etag), body, mishap);
        }
        let respond = || self.crm.respond(verb.name(), path, etag, body.as_bytes(), mishap).expect("the CRM's state");
        if verb == Verb::Get {
            return respond();
        }
        let store = self.crm.store();
        let id = contact_of(path);
        let texts_of = |id: Option<i64>| -> BTreeSet<String> {
            let record = id.and_then(|id| store.record(id).expect("the CRM's state"));
            record.iter().flat_map(texts).collect()
        };
        let record_of = |id: Option<i64>| id.and_then(|id| store.record(id).expect("the CRM's state"));
        let (before, was) = (texts_of(id), record_of(id));
        let firm_before = was.as_ref().map(|was| was.scalars[FIRM_ID].clone());
        let ids_before: BTreeSet<i64> = store.ids().expect("the CRM's state").into_iter().collect();
        let answer = respond();
        if matches!(verb, Verb::Put | Verb::Delete) {
            let after = texts_of(id);
            if shown.is_none() {
                self.note("*** written without a look");
            }
            // Without a look in the run that sent it there is no excuse.
            let known = shown.unwrap_or_else(|| before.iter().map(|text| key(text)).collect());
            let lost: Vec<String> =
                before.difference(&after).filter(|text| !known.contains(&key(text))).cloned().collect();
            *self.excused.entry("edited between GET and write").or_default() += lost.len() as u64;
            self.ledger.end(lost, Fate::Excused);
            // A list is sent whole: what a person took out of it since our GET is put back.
            let back: Vec<String> =
                after.difference(&before).filter(|text| known.contains(&key(text))).cloned().collect();
            self.ledger.end(back, Fate::Excused);
            // And what a person took out in that instant beside what we sent, looks like something that was not taken.
            let held: BTreeSet<String> = before.iter().map(|text| key(text)).collect();
            self.ledger.end(known.difference(&held).cloned().collect::<Vec<_>>(), Fate::Excused);
        }
        if verb == Verb::Put {
            let lost = was.zip(record_of(id)).map(|(was, is)| lost_labels(&was, &is)).unwrap_or_default();
            self.judge.faults.extend(lost.into_iter().map(|label| format!("PUT {path}: {label:?} is lost")));
            self.unsure_puts.extend(id);
            if let Some((id, (was, is))) = id.zip(firm_before.zip(record_of(id))) {
                self.judge_firm_of(id, was.as_deref(), is.scalars[FIRM_ID].as_deref());
            }
        }
        if verb == Verb::Post {
            let made = store.ids().expect("the CRM's state").into_iter().filter(|id| !ids_before.contains(id));
            let made: Vec<i64> = made.collect();
            self.judge.probes.extend(made.iter().filter(|_| body.contains(PROBE_NAME)));
            self.unacknowledged.extend(made);
        }
        answer
    }

    /// An answer reached carnet whole.
    fn heard(&mut self, request: &Request<'_>, path: &str, answer: &Answer) {
        if request.verb == Verb::Get && !is_firms(path) {
            self.delivered(path, answer.status);
            self.judge_delivered(path, request.etag, answer);
        }
    }

    /// What the answer said is known from now on.
    fn delivered(&mut self, path: &str, status: u16) {
        let Some(id) = contact_of(path) else { return };
        if status == 200 {
            let record = self.crm.store().record(id).expect("the CRM's state");
            self.shown_last.insert(id, record.iter().flat_map(texts).map(|text| key(&text)).collect());
        }
    }

    /// What the server does at last although nobody waits for it any more.
    pub fn commit_late(&mut self) {
        self.commit_late_cards();
        let now = Instant::now();
        let (due, late): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late).into_iter().partition(|one| one.due <= now);
        self.late = late;
        for LateCommit { verb, path, body, shown, .. } in due {
            self.note(format!("late: {} {path}", verb.name()));
            self.carry_out(verb, (&path, None), &body, None, shown);
        }
    }
}

/// The labels that entries had and have not any more, although the entries are still there.
fn lost_labels(was: &Record, is: &Record) -> Vec<String> {
    let mut lost = Vec::new();
    for (before, after) in was.lists.iter().zip(&is.lists) {
        for entry in before.iter().filter(|entry| entry.label.is_some()) {
            let is_same = |other: &&Entry| other.id == entry.id || other.values[1] == entry.values[1];
            let now = after.iter().find(is_same);
            lost.extend(now.filter(|now| now.label != entry.label).and(entry.label.clone()));
        }
    }
    lost
}

/// The contact that an address names.
pub fn contact_of(path: &str) -> Option<i64> {
    path.strip_suffix(".xml")?.rsplit_once("/contacts/")?.1.parse().ok()
}
