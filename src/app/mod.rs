//! The composition root: from the settings to replicas, the mirror's lock, and whole runs on them.

mod backup;
mod book_servers;
mod check;
mod compose;
mod decide;
mod devices;
mod lock;
mod open;
mod own_files;
mod repair;
mod restore;
mod run;
mod transfer;
mod watched;

pub use backup::{BackupError, backup};
pub use book_servers::{Found, Step, alters_fact, discover};
pub use check::{CheckLine, Finding, Server, Verdict, check, check_writing, may_be_written, never_written};
pub use compose::account_id;
pub use decide::{Decided, decide, decide_later, undo, want_firm};
pub use devices::{
    DeviceShown, NewDevice, add_device, device_store, devices, revoke_device, set_device_password, with_devices,
};
pub use lock::{DaemonLock, DaemonNote, daemon_of};
pub use open::something_ran;
pub use own_files::{OwnFile, own_file};
pub use repair::{Repaired, repair, sound_mirror};
pub use restore::{Restored, restore};
pub use run::{run, run_on_this_thread, run_when_free};
pub use transfer::{ImportOptions, export, export_format, format_names, import};
pub use watched::{WatchedBook, is_card_name, is_own_name, watched_books};
