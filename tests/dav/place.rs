//! A server on a port of the loopback, with devices, and a client.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use carnet::{
    books::served::{DeviceId, DeviceStore, NewDevice},
    dav::{Ns, Response, read_multistatus},
    http::dav::{DavLimits, DavServer, DavSettings, hash_password},
};

/// What hangs fails instead of waiting for ever.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Whose password is "secret".
pub const DEVICE: &str = "marie phone";

/// What a card's path begins with.
pub const BOOK: &str = "/dav/marie%20phone/contacts/";

/// A server, for as long as it is kept.
pub struct Place {
    pub address: SocketAddr,
    pub store: PathBuf,
    /// Runs that were asked for.
    pub runs: Mutex<Receiver<()>>,
    server: Option<tokio::runtime::Runtime>,
    _folder: tempfile::TempDir,
}

/// What a server is set up with.
pub fn settings() -> DavSettings {
    DavSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        certificate: None,
        proxies: Vec::new(),
        card_bytes_max: 100_000,
        limits: DavLimits::default(),
    }
}

impl Place {
    /// With a device that may write, one that may not, and another one's.
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: DavSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("carnet.devices.db");
        let mut open = DeviceStore::open(&store).unwrap();
        let hash = hash_password("secret").unwrap();
        for (name, read_only) in [(DEVICE, false), ("printer", true), ("bob", false)] {
            let device = NewDevice { password_hash: hash.clone(), read_only, ..NewDevice::of(name) };
            open.add(&device, 1_800_000_000).unwrap();
        }
        let (asked, runs) = channel();
        let ask = Arc::new(move || asked.send(()).unwrap_or_default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(async { DavServer::open(settings, store.clone(), ask) }).unwrap();
        let address = server.address();
        runtime.spawn(server.serve());
        Self { address, store, runs: Mutex::new(runs), server: Some(runtime), _folder: folder }
    }

    /// The store, as a run has it open.
    pub fn store(&self) -> DeviceStore {
        DeviceStore::open(&self.store).unwrap()
    }

    pub fn id(&self, device: &str) -> DeviceId {
        self.store().device(device).unwrap().unwrap().id
    }

    /// A request of [`DEVICE`].
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        self.ask_as(Some((DEVICE, "secret")), method, path, headers, body)
    }

    pub fn ask_as(
        &self,
        login: Option<(&str, &str)>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let mut stream = self.connect();
        send(&mut stream, login, (method, path), headers, body.as_ref());
        answer(&mut BufReader::new(stream), method == "HEAD")
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        stream
    }

    pub fn propfind(&self, path: &str, depth: &str, properties: &str) -> Answer {
        let body = format!("<D:propfind {NAMESPACES}><D:prop>{properties}</D:prop></D:propfind>");
        self.ask("PROPFIND", path, &[("Depth", depth)], body)
    }

    pub fn put(&self, name: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("Content-Type", "text/vcard; charset=utf-8")], headers].concat();
        self.ask("PUT", &format!("{BOOK}{name}"), &headers, body)
    }

    /// Writes a card of this UID and says its ETag.
    pub fn given(&self, uid: &str) -> String {
        let answer = self.put(&format!("{uid}.vcf"), &card(uid, "Given"), &[]);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.headers["etag"].clone()
    }

    pub fn sync(&self, token: &str) -> Answer {
        self.ask("REPORT", BOOK, &[], sync_body(token, "<D:getetag/>", ""))
    }

    /// The token of the book as it is.
    pub fn token(&self) -> String {
        self.propfind(BOOK, "0", "<D:sync-token/>").read().1[0].property("sync-token").unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(runtime) = self.server.take() {
            runtime.shutdown_background();
        }
    }
}

pub const NAMESPACES: &str =
    "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\" xmlns:S=\"http://calendarserver.org/ns/\"";

pub fn sync_body(token: &str, properties: &str, more: &str) -> String {
    format!(
        "<D:sync-collection {NAMESPACES}><D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{more}\
         <D:prop>{properties}</D:prop></D:sync-collection>"
    )
}

/// A card of one person.
pub fn card(uid: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:;{name};;;\r\nEND:VCARD\r\n")
}

pub fn send(
    stream: &mut TcpStream,
    login: Option<(&str, &str)>,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) {
    use base64::Engine;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    if let Some((device, password)) = login {
        let shown = base64::engine::general_purpose::STANDARD.encode(format!("{device}:{password}"));
        head.push_str(&format!("Authorization: Basic {shown}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // An answer may come before all is sent.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What a multistatus says of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub href: String,
    pub status: Option<u16>,
    /// Local names and texts, or the names of what is inside.
    pub have: Vec<(String, String)>,
    pub lack: Vec<String>,
}

impl Told {
    pub fn property(&self, name: &str) -> Option<String> {
        self.have.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }
}

pub fn answer(stream: &mut impl BufRead, is_head: bool) -> Answer {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; if is_head { 0 } else { length }];
    stream.read_exact(&mut body).unwrap();
    Answer { status, headers, body: String::from_utf8(body).unwrap() }
}

impl Answer {
    /// The sync token and what is told of each resource, of a multistatus.
    pub fn read(&self) -> (Option<String>, Vec<Told>) {
        assert_eq!(self.status, 207, "{self:?}");
        let mut all = Vec::new();
        let tail = read_multistatus(&self.body, &mut |response| all.push(told(&response)));
        (tail.unwrap().sync_token, all)
    }

    /// One line for each resource: the last part of its path, its status, its ETag.
    pub fn lines(&self) -> Vec<String> {
        let line = |told: &Told| {
            let name = told.href.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
            let status = told.status.map(|status| format!(" {status}")).unwrap_or_default();
            let etag = told.property("getetag").map(|etag| format!(" {etag}")).unwrap_or_default();
            format!("{name}{status}{etag}")
        };
        self.read().1.iter().map(line).collect()
    }

    /// True where the error names this precondition.
    pub fn names(&self, condition: &str) -> bool {
        self.body.contains(&format!("<{condition}/>")) || self.body.contains(&format!("<{condition}>"))
    }
}

fn told(response: &Response<'_>) -> Told {
    let (mut have, mut lack) = (Vec::new(), Vec::new());
    for propstat in &response.propstats {
        for property in &propstat.prop.children {
            let inside = match property.child(Ns::Dav, "href") {
                Some(href) => href.text.to_string(),
                None if property.children.is_empty() => property.text.to_string(),
                None => property.children.iter().map(|child| child.local).collect::<Vec<_>>().join(" "),
            };
            match propstat.status {
                200 => have.push((property.local.to_owned(), inside)),
                404 => lack.push(property.local.to_owned()),
                other => panic!("a propstat of {other}: {response:?}"),
            }
        }
    }
    Told { href: response.href.clone(), status: response.status, have, lack }
}
