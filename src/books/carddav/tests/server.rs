//! The server: a small one that is well, and rules that have it answer otherwise.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::super::wire::{DavRequest, DavWire, Exchange};
use crate::{
    dav::encode_segment,
    transport::{Failure, WholeAnswer},
};

/// The path of its address book.
pub const BOOK: &str = "/dav/book/";

/// How it answers, by a rule.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With this status and body, doing nothing.
    Says(u16, String),
    /// With this header.
    With(u16, &'static str, &'static str),
    /// A multistatus of these responses, and what follows them.
    Multi(String),
    /// The connection ends, and nothing was done.
    Cut,
    /// It does what it is asked and says this status.
    Does(u16),
    /// It does what it is asked, whatever the preconditions.
    Heedless,
    /// It answers as ever, with this part of it put in place of that.
    Instead(&'static str, &'static str),
    /// As ever.
    Well,
}

/// The server. Clones are the same one.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Version and text of each card; none of one that is gone.
    cards: BTreeMap<String, (u64, Option<String>)>,
    version: u64,
    /// By kind of request; used once, but for those whose kind ends with `*`.
    rules: Vec<(&'static str, Reply)>,
    asked: Vec<&'static str>,
}

impl Scripted {
    /// Has a card be there.
    pub fn put(&self, name: &str, text: &str) {
        self.state().set(name, Some(text.to_owned()));
    }

    /// Has a card be gone.
    pub fn remove(&self, name: &str) {
        self.state().set(name, None);
    }

    /// Has a card be gone, as if it had never been there.
    pub fn forget(&self, name: &str) {
        self.remove(name);
        self.state().cards.remove(name);
    }

    /// The text of a card.
    pub fn text(&self, name: &str) -> String {
        self.state().cards[name].1.clone().expect("it is there")
    }

    /// Answers by these rules from now on.
    pub fn with_rules(&self, rules: Vec<(&'static str, Reply)>) {
        self.state().rules = rules;
    }

    /// Takes away the rules that are left.
    pub fn without_rules(&self) -> Vec<(&'static str, Reply)> {
        std::mem::take(&mut self.state().rules)
    }

    /// The kinds of requests since this was asked last.
    pub fn asked(&self) -> String {
        std::mem::take(&mut self.state().asked).join(" ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics in here")
    }
}

impl DavWire for Scripted {
    fn exchange<'a>(&'a self, base: &'a Url, request: &'a DavRequest, _: Duration) -> Exchange<'a> {
        assert_eq!(base.host_str(), Some("dav.example"), "the login is for one server");
        Box::pin(async move { self.state().answer(request) })
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// What is asked, in a word.
fn kind(request: &DavRequest) -> &'static str {
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
    let is_deep = request.headers.contains(&("depth", "1".to_owned()));
    match request.method {
        "PROPFIND" if is_deep => "list",
        "PROPFIND" => "look",
        "REPORT" if body.contains("sync-collection") => "changes",
        "REPORT" => "multiget",
        other => other,
    }
}

fn answered(status: u16, body: String, headers: &[(&'static str, &str)]) -> WholeAnswer {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
    };
    WholeAnswer { status, headers: headers.iter().map(header).collect::<HeaderMap>(), body: body.into_bytes() }
}

fn multistatus(inside: &str) -> WholeAnswer {
    let open = "<multistatus xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\">";
    answered(207, format!("{open}{inside}</multistatus>"), &[("content-type", "application/xml; charset=utf-8")])
}

/// A card that changed.
pub fn changed(name: &str, version: u64) -> String {
    response(&href(name), &etag(version))
}

/// A card as a multiget shows it.
pub fn shown(name: &str, version: u64, text: &str) -> String {
    response(&href(name), &format!("{}<C:address-data>{text}</C:address-data>", etag(version)))
}

/// What is said of one resource.
fn response(href: &str, properties: &str) -> String {
    let propstat = format!("<propstat><prop>{properties}</prop><status>HTTP/1.1 200 OK</status></propstat>");
    format!("<response><href>{href}</href>{propstat}</response>")
}

/// A resource that is denied, or listed in part.
pub fn status(href: &str, status: u16) -> String {
    format!("<response><href>{href}</href><status>HTTP/1.1 {status} X</status></response>")
}

fn href(name: &str) -> String {
    format!("{BOOK}{}", encode_segment(name))
}

fn etag(version: u64) -> String {
    format!("<getetag>\"{version}\"</getetag>")
}

impl State {
    fn set(&mut self, name: &str, text: Option<String>) {
        self.version += 1;
        self.cards.insert(name.to_owned(), (self.version, text));
    }

    fn answer(&mut self, request: &DavRequest) -> Result<WholeAnswer, Failure> {
        let kind = kind(request);
        self.asked.push(kind);
        let rule = self.rules.iter().position(|(named, _)| named.trim_end_matches('*') == kind);
        let reply = match rule {
            Some(at) if self.rules[at].0.ends_with('*') => self.rules[at].1.clone(),
            Some(at) => self.rules.remove(at).1,
            None => Reply::Well,
        };
        Ok(match reply {
            Reply::Says(status, body) => answered(status, body, &[("content-type", "text/html")]),
            Reply::With(status, name, value) => answered(status, String::new(), &[(name, value)]),
            Reply::Multi(inside) => multistatus(&inside),
            Reply::Cut => return Err(Failure::Cut { place: "dav.example:443".into(), cause: "reset".into() }),
            Reply::Does(status) => {
                self.well(request, kind, true);
                answered(status, String::new(), &[])
            }
            Reply::Heedless => self.well(request, kind, false),
            Reply::Instead(part, other) => {
                let answer = self.well(request, kind, true);
                let body = String::from_utf8_lossy(&answer.body).replace(part, other).into_bytes();
                WholeAnswer { body, ..answer }
            }
            Reply::Well => self.well(request, kind, true),
        })
    }

    fn well(&mut self, request: &DavRequest, kind: &str, heeds: bool) -> WholeAnswer {
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        let name = self.cards.keys().find(|name| href(name) == request.path).cloned();
        let there = name.as_ref().and_then(|name| self.cards.get(name)).cloned();
        let there = there.and_then(|(version, text)| Some((version, text?)));
        match kind {
            "look" => multistatus(&response(BOOK, &self.about())),
            "list" => multistatus(&(response(BOOK, &self.about()) + &self.listed(0, false))),
            "changes" => {
                let since = body.split("sync-token>").nth(1).and_then(|rest| rest.split('<').next());
                let since = since.and_then(|token| token.strip_prefix("data:,")?.parse().ok()).unwrap_or_default();
                multistatus(&format!("{}<sync-token>data:,{}</sync-token>", self.listed(since, true), self.version))
            }
            "multiget" => {
                let asked = self.cards.iter().filter(|(name, _)| body.contains(&format!("{}<", href(name))));
                multistatus(
                    &asked
                        .map(|(name, (version, text))| match text {
                            Some(text) => response(
                                &href(name),
                                &format!("{}<C:address-data>{text}</C:address-data>", etag(*version)),
                            ),
                            None => status(&href(name), 404),
                        })
                        .collect::<String>(),
                )
            }
            "GET" => match there {
                Some((version, text)) => answered(200, text, &[("etag", &format!("\"{version}\""))]),
                None => answered(404, String::new(), &[]),
            },
            "PUT" | "DELETE" => {
                let asks = |header: &str, value: &str| {
                    request.headers.iter().any(|(name, held)| *name == header && held == value)
                };
                let version = there.as_ref().map(|(version, _)| format!("\"{version}\"")).unwrap_or_default();
                let conditions = request.headers.iter().any(|(name, _)| *name == "if-match");
                if heeds
                    && ((there.is_some() && asks("if-none-match", "*")) || (conditions && !asks("if-match", &version)))
                {
                    return answered(412, String::new(), &[]);
                }
                let is_put = kind == "PUT";
                let decoded = url::Url::parse(&format!("https://x{}", request.path)).expect("a path");
                let last =
                    decoded.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default().to_owned();
                self.set(&name.unwrap_or(last), is_put.then_some(body));
                answered(204, String::new(), &[])
            }
            other => panic!("nothing else is asked: {other}"),
        }
    }

    fn about(&self) -> String {
        format!(
            "<resourcetype><collection/><C:addressbook/></resourcetype><sync-token>data:,{}</sync-token>\
             <supported-report-set><supported-report><report><sync-collection/></report></supported-report>\
             <supported-report><report><C:addressbook-multiget/></report></supported-report></supported-report-set>",
            self.version
        )
    }

    fn listed(&self, since: u64, with_gone: bool) -> String {
        let later = self.cards.iter().filter(|(_, (version, _))| *version > since);
        let say = |(name, (version, text)): (&String, &(u64, Option<String>))| match text {
            Some(_) => changed(name, *version),
            None if with_gone => status(&href(name), 404),
            None => String::new(),
        };
        later.map(say).collect()
    }
}
