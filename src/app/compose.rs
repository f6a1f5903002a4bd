//! From the settings to replicas: the CRM (or the practice one inside this process) first, then the books in order.

use secrecy::SecretString;
use std::path::Path;
use url::Url;

use super::{book_servers, devices};
use crate::{
    books::{
        csv_file::CsvFile,
        vcard_file::VcardFile,
        vdir::{BookSettings, Vdir},
    },
    config::{self, Book, BookPlace, CrmUrl, Deletes, Lists, Settings, dialect, secrets},
    crm::{ClientSettings, ListsSetting, replica::CrmReplica},
    formats::{
        csv::Profile,
        vcard::{Rev, Version, WriteStyle},
    },
    replica::{Diagnostic, Replica},
    sandbox::{Sandbox, SandboxSettings},
    sync::{
        CRM, Direction, FirmPolicy, Host, Mode, Participant, Places, RunOptions, RunPolicy, SyncError, SystemClock,
    },
};

/// What a run works on.
pub(crate) struct Composed {
    /// The replicas, the CRM first.
    pub participants: Vec<Participant>,
    /// The account that the mirror is a copy of: host, path and user.
    pub account: String,
    /// The practice CRM, if the settings ask for it; it stops when this is dropped.
    pub _sandbox: Option<Sandbox>,
}

/// Builds the replicas that take part in this run.
pub(crate) async fn compose(settings: &Settings, options: &RunOptions) -> Result<Composed, SyncError> {
    known_names(settings, &options.only)?;
    let takes_part = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let sandbox = match settings.crm.url {
        _ if options.mode == Mode::MirrorOnly => None,
        CrmUrl::Sandbox => Some(start_sandbox(settings).await?),
        CrmUrl::Http(_) => None,
    };
    let mut participants = Vec::new();
    if takes_part(CRM) && options.mode != Mode::MirrorOnly {
        let replica = crm_replica(settings, sandbox.as_ref()).await?;
        participants.push(crm_participant(settings, replica));
    }
    if matches!(options.mode, Mode::Sync | Mode::Rebuild) {
        for book in settings.books.iter().filter(|book| takes_part(&book.name)) {
            participants.push(book_participant(settings, book).await);
        }
    }
    Ok(Composed { participants, account: account(settings), _sandbox: sandbox })
}

fn known_names(settings: &Settings, only: &[String]) -> Result<(), SyncError> {
    for name in only {
        if name != CRM && settings.book(name).is_none() {
            let known: Vec<&str> = settings.books.iter().map(|book| book.name.as_str()).collect();
            return Err(SyncError::Settings(
                Diagnostic::new(format!("find a book named {name}"))
                    .hint(format!("known names: {CRM}, {}", known.join(", "))),
            ));
        }
    }
    Ok(())
}

/// The CRM: the run ends where it is in trouble, and a deletion in a book reaches it only where the settings allow it.
fn crm_participant(settings: &Settings, replica: CrmReplica) -> Participant {
    let winner = settings.sync.prefer.against_the_crm();
    let deletes = settings.crm.deletes == Deletes::Allow;
    Participant { deletes, essential: true, ..Participant::new(CRM, Box::new(replica), winner) }
}

/// A book; the run goes on without one that is in trouble.
pub(crate) async fn book_participant(settings: &Settings, book: &Book) -> Participant {
    participant_of(settings, book, book_replica(settings, book, &SystemClock).await)
}

/// The same, the replica being there.
pub(super) fn participant_of(settings: &Settings, book: &Book, replica: Box<dyn Replica>) -> Participant {
    let winner = settings.sync.prefer.against_a_book();
    let direction = match book.direction {
        config::Direction::TwoWay => Direction::TwoWay,
        config::Direction::ToBook => Direction::ToReplica,
        config::Direction::FromBook => Direction::FromReplica,
    };
    let filter = book.where_.clone();
    Participant { direction, filter, shows_firms: book.firms, ..Participant::new(&book.name, replica, winner) }
}

async fn book_replica(settings: &Settings, book: &Book, clock: &dyn Host) -> Box<dyn Replica> {
    let of_cards = |path: &Path| BookSettings {
        name: book.name.clone(),
        path: path.to_owned(),
        style: style(settings, book, clock),
    };
    match &book.place {
        BookPlace::Vdir(path) => Box::new(Vdir::new(of_cards(path))),
        BookPlace::Vcard(path) => Box::new(VcardFile::new(of_cards(path))),
        BookPlace::Csv(path) => Box::new(CsvFile::new(book.name.clone(), path.clone(), book.dialect.clone())),
        BookPlace::Carddav(server) => book_servers::replica(settings, book, server, clock).await,
        BookPlace::Devices => devices::replica(settings, book, clock).unwrap_or_else(book_servers::unusable),
    }
}

/// How the cards of a book are written. What this run writes, it writes now.
pub(super) fn style(settings: &Settings, book: &Book, clock: &dyn Host) -> WriteStyle {
    let version = if book.version == "4.0" { Version::V40 } else { Version::V30 };
    WriteStyle { version, revised: Rev::parse(&clock.stamp()), ..settings.vcard }
}

/// A column profile that a command names: a user's own, a built-in one (`csv` is carnet's), or the path of a file.
pub(crate) fn profile(settings: &Settings, word: &str) -> Result<Profile, SyncError> {
    if dialect::is_path(word) {
        return dialect::read(word, Path::new(word)).map_err(|error| {
            SyncError::Settings(Diagnostic::new(format!("use a profile: {}", error.message)).hint(error.hint))
        });
    }
    dialect::named(word, &settings.csv).map_err(|error| {
        let hint = error.hint.replacen("known: ", "known: vcard3, vcard4, jsonl, csv, ", 1);
        SyncError::Settings(Diagnostic::new(format!("find a format named {word}")).hint(hint))
    })
}

async fn start_sandbox(settings: &Settings) -> Result<Sandbox, SyncError> {
    Sandbox::start(SandboxSettings { state: settings.practice_crm(), ..SandboxSettings::default() })
        .await
        .map_err(|error| SyncError::Failed(Diagnostic::new(format!("start the practice CRM: {error}"))))
}

/// The CRM's client, logged in by whatever the settings say.
pub(crate) async fn crm_replica(settings: &Settings, sandbox: Option<&Sandbox>) -> Result<CrmReplica, SyncError> {
    let crm = &settings.crm;
    let (base_url, username, password) = match (&crm.url, sandbox) {
        (CrmUrl::Http(url), _) => {
            let password = secrets::password(settings).await.map_err(|error| {
                let diagnostic = Diagnostic { message: error.to_string(), hint: error.hint() };
                SyncError::Settings(diagnostic)
            })?;
            (url.clone(), crm.username.clone(), password)
        }
        (CrmUrl::Sandbox, sandbox) => {
            let url = sandbox.map(Sandbox::url).unwrap_or_default();
            (url, "demo".to_owned(), SecretString::from("demo"))
        }
    };
    let client = ClientSettings {
        base_url,
        username,
        password,
        concurrency: crm.concurrency,
        requests_per_second: crm.requests_per_second,
        per_page: crm.per_page,
        timeout: crm.timeout,
        ca_file: crm.ca_file.clone(),
        insecure_http: crm.insecure_http,
        lists: match crm.lists {
            Lists::Probe => ListsSetting::Probe,
            Lists::Replace => ListsSetting::Replace,
            Lists::Append => ListsSetting::Append,
            Lists::Ids => ListsSetting::Ids,
        },
    };
    CrmReplica::new(&client).map_err(SyncError::Settings)
}

/// How careful the run is.
pub(crate) fn run_policy(settings: &Settings, options: &RunOptions) -> RunPolicy {
    RunPolicy {
        max_delete: options.max_delete.unwrap_or(settings.sync.max_delete),
        force: options.force,
        dry_run: options.dry_run,
        confirm_after: settings.crm.confirm_after,
        settle_after: settings.crm.timeout * 2,
        prefer: settings.sync.prefer,
        account: account_id(settings),
        firms: match settings.crm.firms {
            config::Firms::Off => FirmPolicy::Off,
            config::Firms::Read => FirmPolicy::Read,
            config::Firms::Create => FirmPolicy::Create,
        },
    }
}

/// The account's own name: the last part of its address, "demo" for the practice CRM.
pub fn account_id(settings: &Settings) -> String {
    match &settings.crm.url {
        CrmUrl::Sandbox => "demo".to_owned(),
        CrmUrl::Http(url) => url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// What the mirror is kept in step with.
pub(crate) fn places(settings: &Settings) -> Places {
    let books = |goes: fn(config::Direction) -> bool| {
        let books = settings.books.iter().filter(move |book| goes(book.direction)).map(|book| book.name.clone());
        std::iter::once(CRM.to_owned()).chain(books).collect()
    };
    Places {
        sources: books(|direction| direction != config::Direction::ToBook),
        written: books(|direction| direction != config::Direction::FromBook),
    }
}

/// Host, path and user. A loopback port is left out: a tunnel or a test server may well get another one next time.
pub(crate) fn account(settings: &Settings) -> String {
    let CrmUrl::Http(text) = &settings.crm.url else { return "the practice CRM".to_owned() };
    let Ok(url) = Url::parse(text) else { return text.clone() };
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    let port = url.port().filter(|_| !loopback).map(|port| format!(":{port}")).unwrap_or_default();
    format!("{host}{port}{} of {}", url.path().trim_end_matches('/'), settings.crm.username)
}
