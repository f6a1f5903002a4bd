//! The telephone line: TCP connections that can be cut in mid-sentence.
//!
//! Faults on the wire are made at the socket, below HTTP: what a client then sees is what a real broken connection shows,
//! whatever framing the answer had.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Cuts one connection at the place that a request asked for.
#[derive(Debug, Clone, Default)]
pub struct ConnectionCutter(Arc<Mutex<Cut>>);

impl ConnectionCutter {
    /// Nothing more is sent: the answer under way is dropped whole.
    pub fn cut_now(&self) {
        *self.cut() = Cut::Bytes(0);
    }

    /// The next answer's head is sent, then this many bytes of its body (framing included), then nothing.
    pub fn cut_body_after(&self, bytes: usize) {
        *self.cut() = Cut::AfterHead { matched: 0, body: bytes };
    }

    fn cut(&self) -> MutexGuard<'_, Cut> {
        // A number behind a lock has no half-done state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the connection is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cut {
    /// Nowhere.
    #[default]
    Never,
    /// After the end of the head and so many bytes; `matched` bytes of the blank line were seen.
    AfterHead { matched: usize, body: usize },
    /// After so many bytes more.
    Bytes(usize),
}

impl Cut {
    /// How many of these bytes may go out.
    fn allows(self, bytes: &[u8]) -> usize {
        let end = match self {
            Self::Never => bytes.len(),
            Self::Bytes(left) => left,
            Self::AfterHead { matched, body } => match head_end(bytes, matched) {
                Ok(end) => end.saturating_add(body),
                Err(_) => bytes.len(),
            },
        };
        end.min(bytes.len())
    }

    /// What is left once these bytes went out.
    fn after(self, sent: &[u8]) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Bytes(left) => Self::Bytes(left.saturating_sub(sent.len())),
            Self::AfterHead { matched, body } => match head_end(sent, matched) {
                Ok(end) => Self::Bytes(body.saturating_sub(sent.len() - end)),
                Err(matched) => Self::AfterHead { matched, body },
            },
        }
    }
}

/// Where the blank line ends in these bytes, or how much of it has been seen by their end.
fn head_end(bytes: &[u8], mut matched: usize) -> Result<usize, usize> {
    for (at, byte) in bytes.iter().enumerate() {
        matched = match (matched, byte) {
            (0 | 2, b'\r') => matched + 1,
            (1 | 3, b'\n') => matched + 1,
            (_, b'\r') => 1,
            _ => 0,
        };
        if matched == 4 {
            return Ok(at + 1);
        }
    }
    Err(matched)
}

/// A connection with shears to it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    shears: ConnectionCutter,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let cut = *self.shears.cut();
        let allowed = cut.allows(bytes);
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(count)) = written
            && cut != Cut::Never
        {
            *self.shears.cut() = cut.after(&bytes[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Takes the calls.
#[derive(Debug)]
pub struct FaultyListener(pub TcpListener);

impl Listener for FaultyListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    // Small answers are the rule: waiting to fill a packet costs 40 ms each. A refusal costs only that.
                    let _ = stream.set_nodelay(true);
                    return (Connection { stream, shears: ConnectionCutter::default() }, address);
                }
                // Out of file handles, most likely: they come back as other connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, FaultyListener>> for ConnectionCutter {
    fn connect_info(stream: IncomingStream<'_, FaultyListener>) -> Self {
        stream.io().shears.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends the parts one after the other and returns what comes out before the cut.
    fn check(mut cut: Cut, parts: &[&str], expected: &str) {
        let mut out = String::new();
        for part in parts {
            let allowed = cut.allows(part.as_bytes());
            out.push_str(&part[..allowed]);
            cut = cut.after(&part.as_bytes()[..allowed]);
        }
        assert_eq!(out, expected);
    }

    #[test]
    fn cuts_where_it_was_told() {
        check(Cut::Never, &["abc", "def"], "abcdef");
        check(Cut::Bytes(0), &["abc", "def"], "");
        check(Cut::Bytes(4), &["abc", "def"], "abcd");
        let after_head = Cut::AfterHead { matched: 0, body: 2 };
        check(after_head, &["H: 1\r\n\r\nbody"], "H: 1\r\n\r\nbo");
        check(after_head, &["H: 1\r", "\n\r", "\nb", "ody"], "H: 1\r\n\r\nbo");
        check(after_head, &["H: \r\r\n\r\n", "body"], "H: \r\r\n\r\nbo");
        check(Cut::AfterHead { matched: 0, body: 0 }, &["H: 1\r\n\r\nbody"], "H: 1\r\n\r\n");
        check(Cut::AfterHead { matched: 0, body: 99 }, &["H: 1\r\n\r\nbody"], "H: 1\r\n\r\nbody");
    }
}
