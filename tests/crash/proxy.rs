//! A line between carnet and the practice CRM that loses, delays, cuts and garbles: byte by byte, and the same way again
//! for the same seed.
//!
//! One request a connection, so that a cut connection spoils nothing else. What a request meets depends on the seed, on
//! what is asked, and on how often it was asked, not on the order in which threads come by.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
    time::sleep,
};

use super::chance::Chance;

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It never reaches the server.
    DropRequest,
    /// The server does it; nobody hears of it.
    DropAnswer,
    /// The answer ends at some byte, be it in its head.
    CutAnswer,
    /// The same, of an answer that does not say how long it is.
    CutUnmeasured,
    /// The answer is whole and does not say how long it is.
    Unmeasured,
    /// The connection breaks, and the server does it later.
    Late,
    /// The answer does not come in time, and the server does it later.
    TooSlow,
    /// 500, nothing done.
    Error500,
    /// 500, and it is done.
    Error500After,
    /// 429, to come back at once or in a second.
    TooMany,
    /// 200 with a web page, nothing done.
    Html,
    /// Bytes that are no HTTP.
    Garbage,
    /// From now on, for a while: nothing is where it was.
    NotFound,
    /// From now on, for a while: listings are empty.
    Empty,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 14] = [
        Fault::DropRequest,
        Fault::DropAnswer,
        Fault::CutAnswer,
        Fault::CutUnmeasured,
        Fault::Unmeasured,
        Fault::Late,
        Fault::TooSlow,
        Fault::Error500,
        Fault::Error500After,
        Fault::TooMany,
        Fault::Html,
        Fault::Garbage,
        Fault::NotFound,
        Fault::Empty,
    ];
}

/// How often each fault strikes, in percent of the requests.
pub type Weather = BTreeMap<Fault, u64>;

/// A line at work; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Line,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Line {
    server: SocketAddr,
    seed: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    weather: Weather,
    /// A spell that holds for some more requests.
    spell: Option<(Fault, usize)>,
    visits: HashMap<String, u32>,
    met: BTreeMap<Fault, usize>,
    late: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// A line to the server at this port of the loopback, without faults at first.
    pub fn start(runtime: &Runtime, server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let line = Line { server, seed, state: Arc::default() };
        let serving = line.clone();
        let task = runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let line = serving.clone();
                tokio::spawn(async move {
                    // A connection that breaks is what this is for.
                    let _ = line.serve(stream).await;
                });
            }
        });
        Ok(Self { address, line, task })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this weather; a spell is over.
    pub fn set_weather(&self, weather: Weather) {
        let mut state = self.line.state();
        (state.weather, state.spell) = (weather, None);
    }

    /// Waits until the server has done all that it does late.
    pub async fn settled(&self) {
        let late = std::mem::take(&mut self.line.state().late);
        for task in late {
            // One that failed has done what it could.
            let _ = task.await;
        }
    }

    /// How often each fault struck so far.
    pub fn met(&self) -> BTreeMap<Fault, usize> {
        self.line.state().met.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = read_request(&mut stream).await?;
        let (fault, mut chance) = self.fate(&request);
        let answer = match fault {
            None => self.forward(&request).await?,
            Some(Fault::DropRequest) => return Ok(()),
            Some(Fault::DropAnswer) => return self.forward(&request).await.map(drop),
            Some(Fault::CutAnswer) => cut(self.forward(&request).await?, &mut chance),
            Some(Fault::Unmeasured) => unmeasured(&self.forward(&request).await?),
            Some(Fault::CutUnmeasured) => cut(unmeasured(&self.forward(&request).await?), &mut chance),
            Some(Fault::Late) => {
                self.do_later(request, Duration::from_millis(50 + chance.next() % 600));
                return Ok(());
            }
            Some(Fault::TooSlow) => {
                self.do_later(request, Duration::from_millis(1_150));
                sleep(Duration::from_millis(1_300)).await;
                return Ok(());
            }
            Some(Fault::Error500) => answer(500, "", "<errors><error>internal</error></errors>"),
            Some(Fault::Error500After) => {
                self.forward(&request).await?;
                answer(500, "", "")
            }
            Some(Fault::TooMany) if chance.percent(80) => answer(429, "retry-after: 0\r\n", ""),
            Some(Fault::TooMany) => answer(429, "retry-after: 1\r\n", ""),
            Some(Fault::Html) => answer(200, "", "<!DOCTYPE html><html><body>please log in</body></html>"),
            Some(Fault::Garbage) => (0..chance.below(300)).map(|_| chance.next().to_le_bytes()[0]).collect(),
            Some(Fault::NotFound) => answer(404, "", ""),
            Some(Fault::Empty) => answer(
                200,
                "",
                "<contacts type=\"array\"><pagination><total_pages type=\"integer\">1</total_pages></pagination></contacts>",
            ),
        };
        stream.write_all(&answer).await?;
        stream.shutdown().await
    }

    /// What this request meets.
    fn fate(&self, request: &[u8]) -> (Option<Fault>, Chance) {
        let first =
            String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        let (reads, lists) = (first.starts_with("GET "), first.contains("/contacts.xml?"));
        let mut state = self.state();
        let visit = state.visits.entry(first.clone()).or_default();
        *visit += 1;
        let mut chance = Chance::of(self.seed, &format!("{first} {visit}"));
        let struck =
            state.weather.iter().filter(|(_, percent)| chance.percent(**percent)).map(|(fault, _)| *fault).last();
        if let (None, Some(spell @ (Fault::NotFound | Fault::Empty))) = (state.spell, struck) {
            state.spell = Some((spell, 3 + chance.below(10)));
        }
        let fault = match state.spell {
            Some((fault, left)) => {
                state.spell = (left > 1).then_some((fault, left - 1));
                (fault == Fault::NotFound || lists).then_some(fault)
            }
            // A reading that comes late is one that does not come.
            None if reads && struck == Some(Fault::Late) => Some(Fault::DropRequest),
            None => struck.filter(|fault| *fault != Fault::Empty || lists),
        };
        if let Some(fault) = fault {
            *state.met.entry(fault).or_default() += 1;
        }
        (fault, chance)
    }

    fn do_later(&self, request: Vec<u8>, delay: Duration) {
        let line = self.clone();
        let task = tokio::spawn(async move {
            sleep(delay).await;
            // Nobody waits for this answer.
            let _ = line.forward(&request).await;
        });
        self.state().late.push(task);
    }

    async fn forward(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.server).await?;
        let head = request.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        server.write_all(&[&request[..head], b"connection: close\r\n", &request[head..]].concat()).await?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// A request, head and body.
async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(head) = find(&request, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/xml; charset=utf-8\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn cut(mut answer: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    answer.truncate(chance.below(answer.len()));
    answer
}

/// The same answer, ended by the end of the connection alone.
fn unmeasured(answer: &[u8]) -> Vec<u8> {
    let head = find(answer, b"\r\n\r\n").unwrap_or(answer.len());
    let text = String::from_utf8_lossy(&answer[..head]).into_owned();
    let kept: Vec<&str> =
        text.split("\r\n").filter(|line| !line.to_lowercase().starts_with("content-length:")).collect();
    [kept.join("\r\n").as_bytes(), &answer[head..]].concat()
}

#[test]
fn an_answer_without_its_length_is_otherwise_the_same() {
    let made = String::from_utf8(unmeasured(&answer(429, "retry-after: 0\r\n", "<a/>"))).unwrap();
    let head = "HTTP/1.1 429 -\r\ncontent-type: application/xml; charset=utf-8\r\nretry-after: 0\r\n";
    assert_eq!(made, format!("{head}connection: close\r\n\r\n<a/>"));
}
