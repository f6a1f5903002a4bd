//! Answers of any length in little memory: what does not fit waits in a file without a name, beside the store that it was
//! read from. So it is told as of one instant, its length is known, and a client that takes its time holds up nobody.

use std::{
    fmt,
    fs::File,
    io::{self, Seek, Write},
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile_in};
use tokio::io::{AsyncRead, ReadBuf};

/// An answer of more bytes goes into a file.
const IN_MEMORY_MAX: usize = 256 << 10;
/// So many bytes of a file are read at a time.
const PIECE: usize = 64 << 10;

/// A text that is written once and read once.
#[derive(Debug)]
pub(super) struct Spool {
    held: SpooledTempFile,
    failure: Option<io::Error>,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// From the file's beginning, so many bytes.
    File(File, u64),
}

impl Spool {
    /// In this folder, which keeps what the answers are made of as well.
    pub fn new(folder: &Path) -> Self {
        Self { held: spooled_tempfile_in(IN_MEMORY_MAX, folder), failure: None }
    }

    /// What was written.
    ///
    /// # Errors
    /// The file could not be made or written.
    pub fn into_content(mut self) -> io::Result<Content> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let length = self.held.stream_position()?;
        self.held.rewind()?;
        Ok(match self.held.into_inner() {
            SpooledData::InMemory(bytes) => Content::Bytes(bytes.into_inner()),
            SpooledData::OnDisk(file) => Content::File(file, length),
        })
    }
}

impl fmt::Write for Spool {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.failure.is_none() {
            self.failure = self.held.write_all(text.as_bytes()).err();
        }
        if self.failure.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Content {
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(_, length) => *length,
        }
    }

    pub fn into_body(self) -> Body {
        match self {
            Content::Bytes(bytes) => Body::from(bytes),
            Content::File(file, left) => Body::new(FromFile { file: tokio::fs::File::from_std(file), left }),
        }
    }
}

/// A file on its way out. One that ends too early breaks the answer off, which a client notices.
struct FromFile {
    file: tokio::fs::File,
    left: u64,
}

impl hyper::body::Body for FromFile {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(this.left).unwrap_or(PIECE))];
        let mut read = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut this.file).poll_read(context, &mut read))?;
        let count = read.filled().len();
        if count == 0 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        piece.truncate(count);
        this.left = this.left.saturating_sub(count as u64);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, io::Write as _};

    use super::*;

    async fn check(length: usize, is_in_file: bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path());
        let text: String = (0..length).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        for piece in text.as_bytes().chunks(1000) {
            spool.write_str(std::str::from_utf8(piece).unwrap()).unwrap();
        }
        let content = spool.into_content().unwrap();
        assert_eq!(content.len(), length as u64);
        assert_eq!(matches!(content, Content::File(..)), is_in_file, "{length}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        let read = axum::body::to_bytes(content.into_body(), usize::MAX).await.unwrap();
        assert!(read == text.as_bytes(), "{length}");
    }

    #[tokio::test]
    async fn what_is_written_is_sent() {
        check(0, false).await;
        check(IN_MEMORY_MAX, false).await;
        check(IN_MEMORY_MAX + 1, true).await;
        check(3 * IN_MEMORY_MAX + 17, true).await;
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_breaks_the_answer_off() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        file.rewind().unwrap();
        assert!(axum::body::to_bytes(Content::File(file, 4).into_body(), 10).await.is_err());
    }

    #[test]
    fn a_file_that_cannot_be_made_is_told() {
        let mut spool = Spool::new(Path::new("/nowhere"));
        let long = "x".repeat(IN_MEMORY_MAX + 1);
        assert!(spool.write_str(&long).is_err());
        assert!(spool.write_str("x").is_err());
        assert!(spool.into_content().is_err());
    }
}
