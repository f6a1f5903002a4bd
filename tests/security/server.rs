//! A server written by hand, byte by byte, because its answers are to be wrong: it counts every connection, remembers
//! every request, and answers by a function. With a certificate it speaks TLS.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The authority that signed [`Server::start_tls`]'s certificate, which is for 127.0.0.1 alone.
pub const AUTHORITY: &str = include_str!("tls/authority.pem");

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub target: String,
    pub head: String,
}

impl Request {
    /// "GET /1/contacts.xml?page=1"
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    pub fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: "Content-Type: application/xml\r\n".into(), body: body.into() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, headers: String::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Hangs up without a word.
    pub fn hang_up() -> Self {
        Self::status(0)
    }
}

type Answerer = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server; it ends with the process.
pub struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(answer))
    }

    pub fn start_tls(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(Some(Arc::new(config)), Arc::new(answer))
    }

    /// One that nobody is to call.
    pub fn canary() -> Self {
        Self::start(|_| Reply::xml("<contacts/>"))
    }

    fn serve(tls: Option<Arc<ServerConfig>>, answer: Arc<Answerer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, count) = (seen.clone(), connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, log, tls) = (answer.clone(), log.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => talk(&stream, &stream, &*answer, &log),
                    Some(config) => talk_tls(stream, config, &*answer, &log),
                });
            }
        });
        Self { port, seen, connections }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The base address of an account.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/1", self.port)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests of a verb, a line each.
    pub fn lines(&self, verb: &str) -> Vec<String> {
        self.seen().iter().filter(|request| request.method == verb).map(Request::line).collect()
    }
}

fn talk_tls(stream: TcpStream, config: Arc<ServerConfig>, answer: &Answerer, log: &Mutex<Vec<Request>>) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let Some(request) = read_request(&mut stream) else { return };
    let bytes = answered(request, answer, log);
    // A client that refuses the certificate has gone by now.
    let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn talk(from: &TcpStream, mut to: &TcpStream, answer: &Answerer, log: &Mutex<Vec<Request>>) {
    let Some(request) = read_request(from) else { return };
    // A client that has heard enough hangs up.
    let _ = to.write_all(&answered(request, answer, log));
}

fn answered(request: Request, answer: &Answerer, log: &Mutex<Vec<Request>>) -> Vec<u8> {
    log.lock().unwrap().push(request.clone());
    let Reply { status, headers, body } = answer(&request);
    if status == 0 {
        return Vec::new();
    }
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), &body].concat()
}

/// One request; the connection carries no second one.
fn read_request(stream: impl Read) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, target, head })
}

/// A page of a listing that has this many pages.
pub fn page(pages: u32, contacts: &str) -> Reply {
    Reply::xml(format!("<contacts><pagination><total_pages>{pages}</total_pages></pagination>{contacts}</contacts>"))
}
