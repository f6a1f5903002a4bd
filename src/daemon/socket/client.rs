//! The asking end. What is no answer is no daemon: the run is then made without it.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use tokio::io::{AsyncBufReadExt, Lines};

use super::{Asked, Declined, Told, VERSION, path};
use crate::config::SettingsDigest;

/// A daemon that lives answers at once.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What came of asking.
#[derive(Debug)]
pub enum Answer {
    /// There is no daemon, or none that answers.
    NoDaemon,
    /// The daemon makes no run for this.
    Declined {
        /// Its process.
        pid: u32,
        /// Why.
        why: Declined,
    },
    /// The daemon makes one.
    Accepted(Followed),
}

/// A run of the daemon's, to be followed.
#[derive(Debug)]
pub struct Followed {
    stream: UnixStream,
    /// The daemon's process.
    pub pid: u32,
    /// Another run is at work, and ends first.
    pub at_work: bool,
}

/// What the daemon tells of the run.
#[derive(Debug)]
pub struct News(Lines<tokio::io::BufReader<tokio::net::UnixStream>>);

/// Asks the daemon of this mirror for a run by these settings.
pub fn ask(mirror: &Path, settings: &SettingsDigest) -> Answer {
    match try_ask(mirror, settings) {
        Ok((stream, Told::Accepted { pid, at_work })) => Answer::Accepted(Followed { stream, pid, at_work }),
        Ok((_, Told::Declined { pid, why })) => Answer::Declined { pid, why },
        Ok(_) | Err(_) => Answer::NoDaemon,
    }
}

fn try_ask(mirror: &Path, settings: &SettingsDigest) -> io::Result<(UnixStream, Told)> {
    let mut stream = UnixStream::connect(path(mirror))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    let asked = Asked { version: VERSION.to_owned(), settings: settings.clone() };
    stream.write_all(format!("{}\n", serde_json::to_string(&asked)?).as_bytes())?;
    // Nothing follows the answer until the run begins, except where it begins at once: one byte at a time leaves that unread.
    let mut line = Vec::new();
    BufReader::with_capacity(1, &stream).read_until(b'\n', &mut line)?;
    Ok((stream, serde_json::from_slice(&line)?))
}

impl Followed {
    /// Listens. Needs a runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn listen(self) -> io::Result<News> {
        self.stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(self.stream)?;
        Ok(News(tokio::io::BufReader::new(stream).lines()))
    }
}

impl News {
    /// What comes next; none where the daemon is gone. It may be given up at any time.
    pub async fn next(&mut self) -> Option<Told> {
        let line = self.0.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }
}
