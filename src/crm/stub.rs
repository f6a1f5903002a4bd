//! A server for tests, on the loopback: answers each request by a function and remembers what it was asked.
//!
//! It writes its answers byte by byte itself rather than through a framework, because half of them must be wrong.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Client, ClientSettings, ListsSetting};
use crate::transport::Backoff;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The page asked for, 0 if none.
    pub(crate) fn page(&self) -> u32 {
        self.query.split('&').find_map(|part| part.strip_prefix("page=")?.parse().ok()).unwrap_or(0)
    }

    /// The id in `/1/contacts/ID.xml`.
    pub(crate) fn id(&self) -> Option<&str> {
        self.path.strip_prefix("/1/contacts/")?.strip_suffix(".xml")
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sent: Option<usize>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sent: None }
    }

    pub(crate) fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).header("content-type", "application/xml").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Declares the whole length, sends this many bytes of the body and hangs up.
    pub(crate) fn cut(body: &str, sent: usize) -> Self {
        Self { sent: Some(sent), ..Self::xml(body) }
    }

    /// Hangs up without a word.
    pub(crate) fn drop() -> Self {
        Self::status(0)
    }
}

type Answerer = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// The server. Its answers are a function of the request and of how many came before it.
pub(crate) struct Stub {
    base: String,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answerer> = Arc::new(answer);
        let log = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { base, seen, task }
    }

    /// A client whose server is not there.
    pub(crate) async fn nobody() -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/1", listener.local_addr().unwrap());
        drop(listener);
        impatient(&settings(&base))
    }

    pub(crate) fn settings(&self) -> ClientSettings {
        settings(&self.base)
    }

    pub(crate) fn client(&self) -> Client {
        impatient(&self.settings())
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// "GET /1/contacts/5.xml", one line a request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that does not wait between tries.
pub(crate) fn impatient(settings: &ClientSettings) -> Client {
    Client::with_backoff(settings, Backoff { delay_first: Duration::ZERO, delay_max: Duration::ZERO }).unwrap()
}

pub(crate) fn settings(base: &str) -> ClientSettings {
    ClientSettings {
        base_url: base.to_owned(),
        username: "ada".into(),
        password: SecretString::from("canary-secret"),
        concurrency: 4,
        requests_per_second: None,
        per_page: None,
        timeout: Duration::from_secs(20),
        ca_file: None,
        insecure_http: false,
        lists: ListsSetting::Probe,
    }
}

async fn serve(stream: TcpStream, answer: Arc<Answerer>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let place = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let reply = answer(&request, place);
        if reply.status == 0 {
            return;
        }
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let body = &reply.body[..reply.sent.unwrap_or(reply.body.len())];
        if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(body).await.is_err() {
            return;
        }
        if stream.flush().await.is_err() || reply.sent.is_some() {
            return;
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, query, body: String::new(), headers };
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}
