//! Seeing that somebody edits a book: a folder of cards, or a file by its folder, so that a file that is replaced stays in
//! sight. The folder above is watched too: a folder that is removed and made again is another one to the kernel.
//!
//! What is watched are writes alone: nobody's reading wakes the daemon. carnet's own writes are told apart (`sight`).
//! Where a book cannot be watched, its reason is kept and the schedule finds its edits. The kernel's interface is used
//! as it is, not through a library that also listens to every opening and loses the folders that are made again.

mod sight;

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(not(target_os = "linux"))]
mod nothing;

#[cfg(target_os = "linux")]
pub use inotify::Watcher;
#[cfg(not(target_os = "linux"))]
pub use nothing::Watcher;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Nothing of a book's.
    Nothing,
    /// A book's folder is there, or another one than before. carnet itself may have made it.
    Folder,
    /// Somebody edited a book.
    Edit,
}
