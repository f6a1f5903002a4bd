//! The composition root: from the settings to replicas, the mirror's lock, and whole runs on them.

mod check;
mod compose;
mod decide;
mod lock;
mod run;
mod transfer;
mod watched;

pub use check::{CheckLine, Verdict, check};
pub use decide::{Decided, decide, undo};
pub use lock::{DaemonLock, DaemonNote, daemon_of};
pub use run::{run, run_on_this_thread, run_when_free};
pub use transfer::{ImportOptions, export, export_format, import};
pub use watched::{WatchedBook, is_card_name, is_own_name, watched_books};
