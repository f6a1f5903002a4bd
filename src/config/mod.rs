//! The settings file: where it is found, what it may say, what the environment changes, and where passwords come from.
//!
//! Everything is checked here, once, with the line that is wrong; behind this module a setting is a value that works.
//! It opens no mirror, no book and no socket.

mod books;
pub mod dialect;
mod error;
mod fault;
mod locate;
mod outside;
mod read;
pub mod schedule;
pub mod secrets;
mod section;
mod served;
mod settings;
mod values;

pub use crate::reconcile::{Limit, Prefer};
pub use error::SettingsError;
pub use fault::Fault;
pub use locate::{Environment, expand, locate};
pub use outside::{DeskSettings, HttpSettings, NotifySettings};
pub use read::unknown_variables;
pub use served::ServingSettings;
pub use settings::{
    Book, BookKind, BookPlace, BookServer, Crm, CrmUrl, Deletes, Direction, Firms, Lists, MirrorSettings,
    PasswordSettings, Settings, SettingsDigest, SyncSettings,
};
pub use values::{check_book_name, parse_duration};
