//! A descriptor of the kernel's own kind, to be waited for.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Becomes readable when the kernel has something to say. Needs a runtime; the descriptor must not block.
#[expect(
    deprecated,
    reason = "the other way is `unsafe`, for the sake of what may close early; an owned descriptor does not"
)]
pub fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}
