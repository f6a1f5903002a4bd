//! A real server, started for a test and stopped with it, and another client of its address book: plain requests, no line of
//! carnet's.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;

use crate::{own::Own, time::wait};

/// A server that runs until this is dropped.
pub struct Server {
    pub about: About,
    /// Its process; none of carnet's own.
    child: Option<Child>,
    _own: Option<Own>,
    _folder: tempfile::TempDir,
}

/// What `servers.py` says of it.
#[derive(Debug, Clone, Deserialize)]
pub struct About {
    pub name: String,
    pub base: String,
    pub principal: String,
    pub url: String,
    pub username: String,
    pub password: String,
    pub folder: Option<PathBuf>,
}

/// The servers that are to be tried: those of the environment, else carnet's own and the two that can be had anywhere.
pub fn names() -> Vec<String> {
    let named = std::env::var("CARNET_CARDDAV_SERVERS").unwrap_or_else(|_| "carnet radicale xandikos".to_owned());
    named.split_whitespace().map(str::to_owned).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Python that has the servers; `tests/carddav/install` makes it.
pub fn python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let python = target.join("carddav-venv/bin/python");
    assert!(python.exists(), "there is no {}: run `bash tests/carddav/install`", python.display());
    python
}

impl Server {
    /// Starts it with an empty address book, or one of so many cards.
    pub fn start(name: &str, cards: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if name == "carnet" {
            assert_eq!(cards, 0, "cards for carnet's own server are put there");
            let (own, about) = Own::start(folder.path());
            return Self { about, child: None, _own: Some(own), _folder: folder };
        }
        let mut command = Command::new(python());
        command.arg(root().join("tests/carddav/servers.py")).arg(name).arg(folder.path());
        if cards > 0 {
            command.args(["--cards", &cards.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name} did not start: {error}: {line}"));
        Self { about, child: Some(child), _own: None, _folder: folder }
    }

    /// Another client of the address book.
    pub fn other(&self) -> Other {
        self.other_at(&self.about.url)
    }

    fn other_at(&self, url: &str) -> Other {
        let About { username, password, .. } = self.about.clone();
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Other { http, url: url.to_owned(), username, password }
    }

    /// True where an address book is made by asking for it, wherever.
    pub fn makes_books(&self) -> bool {
        ["radicale", "xandikos"].contains(&self.about.name.as_str())
    }

    /// A new address book at this address, and another client of it.
    pub fn book(&self, url: &str) -> Other {
        let other = self.other_at(url);
        let body = "<mkcol xmlns=\"DAV:\"><set><prop><resourcetype><collection/>\
                    <addressbook xmlns=\"urn:ietf:params:xml:ns:carddav\"/></resourcetype></prop></set></mkcol>";
        let (status, _, text) = other.ask("MKCOL", url, &[("content-type", "application/xml")], body);
        assert!(status.is_success(), "{url}: {status} {text}");
        other
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input does.
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            child.wait().ok();
        }
    }
}

/// Another program at the same address book.
#[derive(Clone)]
pub struct Other {
    http: Client,
    url: String,
    username: String,
    password: String,
}

impl Other {
    /// Asks; status, ETag and text.
    pub fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, String, String) {
        let request = self
            .http
            .request(Method::from_bytes(method.as_bytes()).unwrap(), url)
            .basic_auth(&self.username, Some(&self.password))
            .body(body.to_owned());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        wait(Box::pin(async move {
            let answer = request.send().await.unwrap();
            let etag = answer.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
            (answer.status(), etag.unwrap_or_default(), answer.text().await.unwrap())
        }))
    }

    /// The addresses of all cards.
    pub fn cards(&self) -> Vec<String> {
        self.listed().into_iter().map(|(card, _, _)| card).collect()
    }

    /// Address, name and ETag of each card.
    pub fn listed(&self) -> Vec<(String, String, String)> {
        let body = "<propfind xmlns=\"DAV:\"><prop><getetag/></prop></propfind>";
        let headers = [("depth", "1"), ("content-type", "application/xml")];
        let (status, _, text) = self.ask("PROPFIND", &self.url, &headers, body);
        assert_eq!(status.as_u16(), 207, "{text}");
        let origin = &self.url[..self.url[8..].find('/').unwrap() + 8];
        let own = reqwest::Url::parse(&self.url).unwrap().path().to_owned();
        let mut cards = Vec::new();
        for response in text.split("href>").skip(1).step_by(2).zip(text.split("href>").skip(2).step_by(2)) {
            let href = response.0.split('<').next().unwrap().trim();
            if href.trim_end_matches('/') != own.trim_end_matches('/') {
                let etag =
                    response.1.split("getetag>").nth(1).and_then(|etag| etag.split('<').next()).unwrap_or_default();
                cards.push((format!("{origin}{href}"), decoded(href.rsplit('/').next().unwrap()), etag.to_owned()));
            }
        }
        cards.sort();
        cards
    }

    /// A card's text.
    pub fn get(&self, card: &str) -> String {
        let (status, _, text) = self.ask("GET", card, &[], "");
        assert!(status.is_success(), "{card}: {status}");
        text
    }

    /// Writes a card whatever is there.
    pub fn put(&self, card: &str, text: &str) -> StatusCode {
        self.ask("PUT", card, &[("content-type", "text/vcard; charset=utf-8")], text).0
    }

    /// The address of a card of this name.
    pub fn at(&self, name: &str) -> String {
        format!("{}{name}", self.url)
    }

    /// Removes a card.
    pub fn delete(&self, card: &str) {
        let (status, _, _) = self.ask("DELETE", card, &[], "");
        assert!(status.is_success(), "{card}: {status}");
    }
}

/// A name in an address, as it is read.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = name.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}
