//! The answering end. Nobody who listens holds up a run: what a slow reader cannot take in is left out, and said to be.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        Semaphore,
        broadcast::{Receiver, Sender, error::RecvError},
    },
    time::timeout,
};
use tracing::{debug, info, warn};

use super::{Asked, Declined, Failure, Told, VERSION, path};
use crate::{
    daemon::{DaemonHandle, News, Outcome, Scope, Wording},
    sync::exit,
};

/// Lines that wait for a slow reader.
const LINES_MAX: usize = 4096;
/// Bytes of a question.
const QUESTION_MAX: u64 = 4096;
/// Who listens at a time.
const LISTENERS_MAX: usize = 16;
/// A question is whole after this long, and a line is taken off.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
/// Answers on the socket beside the mirror.
pub struct SocketServer {
    listener: Option<UnixListener>,
    attendant: Attendant,
}

#[derive(Clone)]
struct Attendant {
    daemon: DaemonHandle,
    lines: Sender<Line>,
}

/// A line of a run.
#[derive(Debug, Clone)]
struct Line {
    /// For the line that begins a run: of what.
    begins: Option<Scope>,
    /// For the line that ends one: it is over.
    ends: bool,
    text: Arc<str>,
}

impl SocketServer {
    /// Listens from now on. Needs a runtime, and the daemon's lock: what lies there is an earlier daemon's. Without a socket
    /// the daemon is as good, and others wait for the mirror's lock instead.
    pub fn open(daemon: DaemonHandle, wording: Wording) -> Self {
        let path = path(&daemon.settings.borrow().mirror.path);
        let listener = bind(&path);
        if let Err(error) = &listener {
            info!("`carnet sync` cannot ask this daemon for runs: {}: {error}", path.display());
        }
        let lines = Sender::new(LINES_MAX);
        let sender = lines.clone();
        let mut scope = Scope::All;
        daemon.listeners.add(Box::new(move |news| {
            if let News::Begun(order) = news {
                scope = order.scope;
            }
            if sender.receiver_count() > 0
                && let Some(line) = line(news, scope, wording)
            {
                // Nobody may be there any more.
                let _ = sender.send(line);
            }
        }));
        Self { listener: listener.ok(), attendant: Attendant { daemon, lines } }
    }

    /// Answers, for ever.
    pub async fn serve(self) {
        let Some(listener) = self.listener else { return };
        let places = Arc::new(Semaphore::new(LISTENERS_MAX));
        loop {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            match listener.accept().await {
                Ok((stream, _)) => {
                    let attendant = self.attendant.clone();
                    tokio::spawn(async move {
                        if let Err(error) = attendant.attend(stream).await {
                            debug!("who asked for a run is gone: {error}");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!("who asks for a run cannot be heard: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn bind(path: &PathBuf) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// What is told of this; none for what is not.
fn line(news: &News<'_>, scope: Scope, wording: Wording) -> Option<Line> {
    let (told, begins, ends) = match news {
        News::Begun(_) => (Told::Begun, Some(scope), false),
        News::Event(event) => (Told::Event((*event).clone()), None, false),
        News::Ended(Outcome::Done(summary)) => (Told::Done(summary.clone()), None, true),
        News::Ended(Outcome::Failed(error)) => {
            let (exit_code, hint) = (error.exit_code(), (wording.hint)(error));
            let failure = Failure { exit_code, message: error.to_string(), hint };
            // Where it did not get the mirror, another try follows.
            (Told::Failed(failure), None, exit_code != exit::LOCKED)
        }
        News::Ended(Outcome::Panicked(words)) => {
            let failure = Failure { exit_code: exit::FAILED, message: format!("finish a run: {words}"), hint: None };
            (Told::Failed(failure), None, true)
        }
    };
    Some(Line { begins, ends, text: text(&told)? })
}

fn text(told: &Told) -> Option<Arc<str>> {
    serde_json::to_string(told).ok().map(|text| format!("{text}\n").into())
}

impl Attendant {
    async fn attend(&self, stream: UnixStream) -> io::Result<()> {
        let user = stream.peer_cred()?.uid();
        if user != 0 && user != rustix::process::geteuid().as_raw() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read.take(QUESTION_MAX));
        let mut question = String::new();
        timeout(PATIENCE, read.read_line(&mut question)).await??;
        let (pid, asked) = (std::process::id(), serde_json::from_str::<Asked>(&question)?);
        if let Some(why) = self.declines(&asked) {
            return say(&mut write, text(&Told::Declined { pid, why })).await;
        }
        // Before the run is asked for: it may begin at once.
        let lines = self.lines.subscribe();
        let at_work = self.daemon.state.borrow().running.is_some();
        say(&mut write, text(&Told::Accepted { pid, at_work })).await?;
        self.daemon.nudge.insist();
        let mut read = read.into_inner().into_inner();
        tokio::select! {
            done = follow(lines, &mut write) => done,
            () = gone(&mut read) => Ok(()),
        }
    }

    fn declines(&self, asked: &Asked) -> Option<Declined> {
        let state = self.daemon.state.borrow();
        if asked.version != VERSION {
            Some(Declined::OtherVersion)
        } else if asked.settings != self.daemon.settings.borrow().digest {
            Some(Declined::OtherSettings)
        } else if state.stopping {
            Some(Declined::Stopping)
        } else if state.is_login_refused() {
            Some(Declined::LoginRefused)
        } else {
            None
        }
    }
}

/// Passes on a run of all replicas that begins from now on; those that did not get the mirror, and the next one.
async fn follow(mut lines: Receiver<Line>, write: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut begun = false;
    loop {
        match lines.recv().await {
            Ok(line) => {
                begun = line.begins.map_or(begun, |scope| scope == Scope::All);
                if begun {
                    say(write, Some(line.text)).await?;
                    if line.ends {
                        return Ok(());
                    }
                }
            }
            Err(RecvError::Lagged(count)) if begun => say(write, text(&Told::Skipped(count))).await?,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn say(write: &mut OwnedWriteHalf, text: Option<Arc<str>>) -> io::Result<()> {
    timeout(PATIENCE, write.write_all(text.unwrap_or_default().as_bytes())).await?
}

/// Ends when the other end is closed.
async fn gone(read: &mut OwnedReadHalf) {
    let mut more = [0_u8; 64];
    while matches!(read.read(&mut more).await, Ok(1..)) {}
}
