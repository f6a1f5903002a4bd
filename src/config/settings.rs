//! What the settings say, checked and complete: defaults filled in, paths absolute, words turned into enums.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{HttpSettings, NotifySettings, ServingSettings, schedule::Schedule};
use crate::{
    contact::Filter,
    formats::{csv::Profile, vcard::WriteStyle},
    reconcile::{Limit, Prefer},
};

/// All settings of one carnet: one CRM account, one mirror, any number of books.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file they were read from, absolute.
    pub file: PathBuf,
    /// Tells them from others.
    pub digest: SettingsDigest,
    /// The CRM account.
    pub crm: Crm,
    /// The local copy.
    pub mirror: MirrorSettings,
    /// How and when to reconcile.
    pub sync: SyncSettings,
    /// Health, metrics and nudge of the daemon; none where nothing listens.
    pub http: Option<HttpSettings>,
    /// Programs that tell a user.
    pub notify: NotifySettings,
    /// Address books for devices; none where the daemon serves none.
    pub carddav: Option<ServingSettings>,
    /// The books, in the file's order; names are unique.
    pub books: Vec<Book>,
    /// What the books of devices are like; each device has a book of its own among the others.
    pub device_books: Vec<Book>,
    /// A user's own CSV column profiles, the `[csv.NAME]` tables; none has a built-in one's name.
    pub csv: Vec<Profile>,
    /// `[vcard]`: how cards are written where that is a choice, and read where they do not say. The version of new cards
    /// is the book's, and the moment that REV says the run's.
    pub vcard: WriteStyle,
}

/// Tells settings from others by all that they say, secrets apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsDigest(pub(super) String);

/// `[crm]`: the account and how to talk to its server.
#[derive(Debug, Clone)]
pub struct Crm {
    /// Where it is.
    pub url: CrmUrl,
    /// The login; `demo` for the sandbox.
    pub username: String,
    /// Where the password comes from, as far as the file says; see [`super::secrets`].
    pub password: PasswordSettings,
    /// Page requests in flight, 1 to 32.
    pub concurrency: usize,
    /// At most so many requests a second; `None` for no limit (a literal loopback address, unless set).
    pub requests_per_second: Option<u32>,
    /// Contacts a page to ask for; sent only if set.
    pub per_page: Option<u32>,
    /// One request, whole.
    pub timeout: Duration,
    /// The second look at an absence comes no sooner.
    pub confirm_after: Duration,
    /// A PEM file of further certificate authorities, added to the system's.
    pub ca_file: Option<PathBuf>,
    /// Plain http off the loopback is allowed.
    pub insecure_http: bool,
    /// How a PUT treats lists.
    pub lists: Lists,
    /// May a deletion in a book delete in the CRM?
    pub deletes: Deletes,
    /// What becomes of the CRM's firms.
    pub firms: Firms,
}

/// Where the CRM is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmUrl {
    /// The embedded practice CRM, its state beside the mirror.
    Sandbox,
    /// An http or https address with the account's path, without a slash at the end.
    Http(String),
}

/// The password sources of the settings file, none of them read yet.
#[derive(Debug, Clone, Default)]
pub struct PasswordSettings {
    /// Already known, because a user was asked once for many runs. Comes before every other source.
    pub given: Option<SecretString>,
    /// A program and its arguments, run without a shell.
    pub command: Option<Vec<String>>,
    /// A file that holds nothing else.
    pub file: Option<PathBuf>,
    /// Written in the settings file itself.
    pub inline: Option<SecretString>,
}

/// How a PUT of the server treats lists. Source: engine.md, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// Find out with a throwaway contact.
    Probe,
    /// A list in a PUT replaces the whole list.
    Replace,
    /// Its entries are added.
    Append,
    /// Its entries are matched by id.
    Ids,
}

/// What becomes of the CRM's firms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firms {
    /// They are read: a contact's company is its firm's name.
    Read,
    /// The same, and a company that no firm is called is made a firm.
    Create,
    /// They are not asked for.
    Off,
}

/// What a deletion in a book may do in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// Nothing: the contact stays in the CRM.
    Never,
    /// Delete there too.
    Allow,
}

/// `[mirror]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSettings {
    /// The SQLite file.
    pub path: PathBuf,
}

/// `[sync]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// When the daemon runs; `as_str` gives the user's own text.
    pub schedule: Schedule,
    /// Whether the daemon watches books that are files or folders, and runs soon after an edit.
    pub watch: bool,
    /// Who wins a conflict.
    pub prefer: Prefer,
    /// More deletions than this in one run wait for a user's decision.
    pub max_delete: Limit,
}

/// `[[book]]`: a place that holds contacts beside the CRM.
#[derive(Debug, Clone)]
pub struct Book {
    /// Unique; letters, digits, `-` and `_`; neither `crm` nor `mirror`.
    pub name: String,
    /// What it is, and where.
    pub place: BookPlace,
    /// Which way changes go.
    pub direction: Direction,
    /// Contacts that belong in it.
    pub where_: Filter,
    /// The vCard version of new cards: "3.0" or "4.0".
    pub version: String,
    /// The column profile of a CSV file; `None`: recognised by its header line, carnet's own for a new file.
    pub dialect: Option<Profile>,
    /// It shows the CRM's firms as company cards.
    pub firms: bool,
}

impl Book {
    /// What it is.
    pub fn kind(&self) -> BookKind {
        match self.place {
            BookPlace::Vdir(_) => BookKind::Vdir,
            BookPlace::Vcard(_) => BookKind::Vcard,
            BookPlace::Csv(_) => BookKind::Csv,
            BookPlace::Carddav(_) => BookKind::Carddav,
            BookPlace::Devices => BookKind::Devices,
        }
    }

    /// The folder or file, where it is on this machine.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            BookPlace::Vdir(path) | BookPlace::Vcard(path) | BookPlace::Csv(path) => Some(path),
            BookPlace::Carddav(_) | BookPlace::Devices => None,
        }
    }

    /// The server that it is on, if it is on one.
    pub fn server(&self) -> Option<&BookServer> {
        match &self.place {
            BookPlace::Carddav(server) => Some(server),
            BookPlace::Vdir(_) | BookPlace::Vcard(_) | BookPlace::Csv(_) | BookPlace::Devices => None,
        }
    }
}

/// What a book is, and where.
#[derive(Debug, Clone)]
pub enum BookPlace {
    /// A folder of one-card `.vcf` files, absolute.
    Vdir(PathBuf),
    /// One `.vcf` file of many cards, absolute.
    Vcard(PathBuf),
    /// One `.csv` file, absolute.
    Csv(PathBuf),
    /// A CardDAV collection.
    Carddav(BookServer),
    /// Served to devices by carnet itself, from a store beside the mirror.
    Devices,
}

/// A CardDAV server, and how to talk to it.
#[derive(Debug, Clone)]
pub struct BookServer {
    /// A collection, a principal or a server: http or https.
    pub url: String,
    /// The login; `None` for a token, or a server that asks for no login.
    pub username: Option<String>,
    /// Where the password comes from, as far as the file says; see [`super::secrets`].
    pub password: PasswordSettings,
    /// A program and its arguments that prints a Bearer token in the place of a password.
    pub token_command: Option<Vec<String>>,
    /// A PEM file of further certificate authorities, added to the system's.
    pub ca_file: Option<PathBuf>,
    /// One request, whole.
    pub timeout: Duration,
    /// Requests in flight, 1 to 16.
    pub concurrency: usize,
    /// Plain http off the loopback is allowed.
    pub insecure_http: bool,
}

/// What a book is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookKind {
    /// A folder of one-card `.vcf` files.
    Vdir,
    /// One `.vcf` file of many cards.
    Vcard,
    /// One `.csv` file.
    Csv,
    /// A CardDAV collection.
    Carddav,
    /// Served to devices by carnet itself.
    Devices,
}

impl BookKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Vdir, Self::Vcard, Self::Csv, Self::Carddav, Self::Devices];

    /// As the settings say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vdir => "vdir",
            Self::Vcard => "vcard",
            Self::Csv => "csv",
            Self::Carddav => "carddav",
            Self::Devices => "devices",
        }
    }
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    TwoWay,
    /// The book is written, never believed.
    ToBook,
    /// The book is read, never written.
    FromBook,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TwoWay, Self::ToBook, Self::FromBook];

    /// As the settings say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::TwoWay => "two-way",
            Self::ToBook => "to-book",
            Self::FromBook => "from-book",
        }
    }
}

impl Settings {
    /// Where the practice CRM keeps its contacts: beside the mirror. None where the CRM is a real one.
    pub fn practice_crm(&self) -> Option<PathBuf> {
        (self.crm.url == CrmUrl::Sandbox).then(|| self.mirror.path.with_file_name("practice-crm.db"))
    }

    /// The account, as `host/number`; "sandbox" for the practice CRM.
    pub fn account(&self) -> &str {
        match &self.crm.url {
            CrmUrl::Sandbox => "sandbox",
            CrmUrl::Http(address) => address.split_once("://").map_or(address, |(_, rest)| rest),
        }
    }

    /// The book of this name.
    pub fn book(&self, name: &str) -> Option<&Book> {
        self.books.iter().find(|book| book.name == name)
    }
}
