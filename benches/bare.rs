//! The bare programs that carnet is measured against, and the servers that both read from. `benches/run.py` drives them.
//!
//! `bare fetch URL PAGES CONCURRENCY`   fetches the pages and throws them away
//! `bare read URL PAGES CONCURRENCY`    fetches them and runs quick-xml's reader over them
//! `bare insert URL PAGES CONCURRENCY FILE`   the same, and inserts the rows with rusqlite in one transaction
//! `bare serve FOLDER MILLISECONDS`     serves FOLDER/page-N.xml as /contacts.xml?page=N, each answer that much later

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use quick_xml::{Reader, events::Event};
use tokio::{sync::mpsc, task::JoinSet};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", folder, delay] => serve(folder, delay.parse()?).await,
        ["fetch", url, pages, concurrency] => {
            let mut pages = fetch(url, pages.parse()?, concurrency.parse()?);
            let mut bytes = 0;
            while let Some(page) = pages.recv().await {
                bytes += page?.len();
            }
            println!("{bytes} bytes");
            Ok(())
        }
        ["read", url, pages, concurrency] => {
            let mut pages = fetch(url, pages.parse()?, concurrency.parse()?);
            let mut events = 0_u64;
            while let Some(page) = pages.recv().await {
                let page = page?;
                let mut reader = Reader::from_reader(page.as_ref());
                while !matches!(reader.read_event()?, Event::Eof) {
                    events += 1;
                }
            }
            println!("{events} events");
            Ok(())
        }
        ["insert", url, pages, concurrency, file] => {
            insert(fetch(url, pages.parse()?, concurrency.parse()?), file).await
        }
        _ => {
            eprintln!("bare: driven by benches/run.py; see the head of benches/bare.rs");
            Ok(())
        }
    }
}

/// Fetches the pages with so many requests in flight.
fn fetch(url: &str, pages: u32, concurrency: u32) -> mpsc::Receiver<Result<Bytes, reqwest::Error>> {
    let (sender, receiver) = mpsc::channel(concurrency as usize);
    let url = url.to_owned();
    tokio::spawn(async move {
        let Ok(client) = reqwest::Client::builder().no_proxy().build() else { return };
        let next = Arc::new(std::sync::atomic::AtomicU32::new(1));
        let mut workers = JoinSet::new();
        for _ in 0..concurrency {
            let (client, url, next, sender) = (client.clone(), url.clone(), next.clone(), sender.clone());
            workers.spawn(async move {
                loop {
                    let page = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if page > pages {
                        break;
                    }
                    let get = client.get(format!("{url}/contacts.xml?page={page}")).basic_auth("demo", Some("demo"));
                    let body = async { get.send().await?.error_for_status()?.bytes().await };
                    if sender.send(body.await).await.is_err() {
                        break;
                    }
                }
            });
        }
        while workers.join_next().await.is_some() {}
    });
    receiver
}

/// Reads the contacts of each page into three plain tables.
async fn insert(mut pages: mpsc::Receiver<Result<Bytes, reqwest::Error>>, file: &str) -> Result<(), Failure> {
    let mut db = rusqlite::Connection::open(file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE contacts (id INTEGER PRIMARY KEY, civility TEXT, last_name TEXT, first_name TEXT, comment TEXT,
             job_title TEXT, job_department TEXT, country TEXT, contact_type TEXT, firm_id TEXT);
         CREATE TABLE addresses (contact INTEGER, position INTEGER, type TEXT, street TEXT, street2 TEXT, zip TEXT,
             city TEXT, country TEXT, PRIMARY KEY (contact, position)) WITHOUT ROWID;
         CREATE TABLE items (contact INTEGER, position INTEGER, type TEXT, value TEXT,
             PRIMARY KEY (contact, position)) WITHOUT ROWID;",
    )?;
    let transaction = db.transaction()?;
    {
        let mut rows = Rows {
            contact: transaction.prepare("INSERT INTO contacts VALUES (?,?,?,?,?,?,?,?,?,?)")?,
            address: transaction.prepare("INSERT INTO addresses VALUES (?,?,?,?,?,?,?,?)")?,
            item: transaction.prepare("INSERT INTO items VALUES (?,?,?,?)")?,
        };
        while let Some(page) = pages.recv().await {
            rows.page(&page?)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

struct Rows<'a> {
    contact: rusqlite::Statement<'a>,
    address: rusqlite::Statement<'a>,
    item: rusqlite::Statement<'a>,
}

impl Rows<'_> {
    fn page(&mut self, body: &[u8]) -> Result<(), Failure> {
        let mut reader = Reader::from_reader(body);
        let mut path: Vec<String> = Vec::new();
        let mut fields: HashMap<String, String> = HashMap::new();
        let (mut addresses, mut items) = (Vec::new(), Vec::new());
        let mut entry: HashMap<String, String> = HashMap::new();
        loop {
            match reader.read_event()? {
                Event::Start(tag) => path.push(tag.name().as_ref().to_owned()),
                Event::Text(text) => {
                    let value = quick_xml::escape::unescape(&text)?.into_owned();
                    let name = path.last().cloned().unwrap_or_default();
                    let target = if path.len() > 3 { &mut entry } else { &mut fields };
                    target.entry(name).or_default().push_str(&value);
                }
                Event::GeneralRef(reference) => {
                    let named = quick_xml::escape::resolve_predefined_entity(&reference);
                    let name = path.last().cloned().unwrap_or_default();
                    let target = if path.len() > 3 { &mut entry } else { &mut fields };
                    target.entry(name).or_default().push_str(named.unwrap_or_default());
                }
                Event::End(tag) => {
                    path.pop();
                    match tag.name().as_ref() {
                        "contact_address" => addresses.push(std::mem::take(&mut entry)),
                        "contact_item" => items.push(std::mem::take(&mut entry)),
                        "contact" => {
                            self.contact(&std::mem::take(&mut fields), &addresses, &items)?;
                            addresses.clear();
                            items.clear();
                        }
                        _ => {}
                    }
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn contact(
        &mut self,
        fields: &HashMap<String, String>,
        addresses: &[HashMap<String, String>],
        items: &[HashMap<String, String>],
    ) -> Result<(), Failure> {
        let of = |name: &str| fields.get(name);
        let id: i64 = of("id").map(String::as_str).unwrap_or_default().parse()?;
        self.contact.execute(rusqlite::params![
            id,
            of("civility_label_id"),
            of("last_name"),
            of("first_name"),
            of("comment"),
            of("job_title"),
            of("job_department"),
            of("country"),
            of("contact_type"),
            of("firm_id")
        ])?;
        for (position, entry) in (0_i64..).zip(addresses) {
            let of = |name: &str| entry.get(name);
            self.address.execute(rusqlite::params![
                id,
                position,
                of("address_type"),
                of("street_address"),
                of("street_address2"),
                of("zip_code"),
                of("city"),
                of("country")
            ])?;
        }
        for (position, entry) in (0_i64..).zip(items) {
            self.item.execute(rusqlite::params![id, position, entry.get("type_id"), entry.get("value")])?;
        }
        Ok(())
    }
}

/// Serves the pages from memory; prints its address and runs until it is killed.
async fn serve(folder: &str, delay: u64) -> Result<(), Failure> {
    let mut pages = Vec::new();
    while let Ok(body) = std::fs::read(format!("{folder}/page-{}.xml", pages.len() + 1)) {
        pages.push(Bytes::from(body));
    }
    let state = Arc::new((pages, Duration::from_millis(delay)));
    let app = Router::new().route("/bench/contacts.xml", get(page)).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/bench", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn page(
    State(state): State<Arc<(Vec<Bytes>, Duration)>>,
    Query(query): Query<HashMap<String, String>>,
) -> impl IntoResponse {
    let (pages, delay) = &*state;
    if !delay.is_zero() {
        tokio::time::sleep(*delay).await;
    }
    let number: usize = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    match pages.get(number.wrapping_sub(1)) {
        Some(body) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/xml")], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
