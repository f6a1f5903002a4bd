//! Address books on real servers: carnet's own, and others. `tests/carddav/install` makes Radicale and Xandikos ready, which `tests/run` does first;
//! `tests/carddav/real-servers` adds Cyrus, DAViCal and SOGo, by hand.

mod cards_of_others;
mod commands;
#[path = "../replicas/contract.rs"]
mod contract;
#[path = "../replicas/cursor.rs"]
mod cursor;
mod desk;
#[path = "../replicas/lifetime.rs"]
mod lifetime;
mod own;
mod programs;
mod scenarios;
#[path = "../replicas/seen.rs"]
mod seen;
mod server;
#[path = "../replicas/subject.rs"]
mod subject;
mod time;
mod trouble;

use std::fmt::Write as _;

use carnet::{
    books::carddav::{Carddav, CarddavSettings, Login},
    formats::vcard::WriteStyle,
    replica::Replica,
};

use crate::{
    server::{About, Other, Server},
    subject::Subject,
};

/// The settings of the book on a server.
pub fn settings(about: &About) -> CarddavSettings {
    let About { url, username, password, .. } = about.clone();
    CarddavSettings {
        name: "phones".into(),
        url,
        login: Login::Basic { username, password: password.into() },
        timeout: std::time::Duration::from_secs(60),
        concurrency: 4,
        ca_file: None,
        insecure_http: false,
        style: WriteStyle::default(),
        now: 1_800_000_000,
    }
}

/// An address book on a real server.
struct OnServer {
    server: Server,
    other: Other,
    open: Option<Carddav>,
}

impl OnServer {
    fn new(name: &str) -> Self {
        let server = Server::start(name, 0);
        Self { other: server.other(), server, open: None }
    }
}

impl Subject for OnServer {
    fn open(&mut self) -> &mut dyn Replica {
        self.open.insert(Carddav::new(settings(&self.server.about)).unwrap())
    }

    fn edit(&mut self, from: &str, to: &str) {
        for card in self.other.cards() {
            let text = self.other.get(&card);
            if text.contains(from) {
                assert!(self.other.put(&card, &text.replace(from, to)).is_success());
            }
        }
    }

    fn print(&self) -> String {
        self.other.cards().iter().fold(String::new(), |mut out, card| {
            writeln!(out, "{card} {}", self.other.get(card)).unwrap();
            out
        })
    }
}

#[test]
fn the_contract_is_kept_on_each_server() {
    for name in server::names() {
        for check in [contract::check, cursor::check, lifetime::check] {
            println!("{name}");
            check(&mut OnServer::new(&name));
        }
    }
}
