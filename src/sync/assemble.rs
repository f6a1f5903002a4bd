//! From the settings to replicas: the CRM (or the practice one inside this process) first, then the books in order.

use secrecy::SecretString;
use std::path::Path;
use url::Url;

use super::{
    engine::Care,
    error::SyncError,
    host::{Host, Machine},
    options::{Mode, RunOptions},
    peer::{CRM, Peer},
};
use crate::{
    config::{Book, BookKind, CrmUrl, Deletes, Direction, Lists, Settings, dialect, secrets},
    crm::{ClientSettings, ListsSetting, lists::ListBehaviour},
    formats::{
        csv::Profile,
        vcard::{Manner, Revised, Version},
    },
    mirror::Mirror,
    replicas::{
        Habits, Replica, Trouble,
        crm::{CrmReplica, DOUBTS_FACT, LISTS_FACT},
        csv_file::CsvFile,
        vcard_file::VcardFile,
        vdir::{BookSettings, Vdir},
    },
    sandbox::{Sandbox, SandboxSettings},
};

/// The name under which files given to `import` are told about.
pub(super) const IMPORT: &str = "import";

/// What a run works on.
pub(super) struct Assembled {
    /// The replicas, the CRM first.
    pub peers: Vec<Peer>,
    /// The account that the mirror is a copy of: host, path and user.
    pub account: String,
    /// The practice CRM, if the settings ask for it; it stops when this is dropped.
    pub _sandbox: Option<Sandbox>,
}

/// Builds the replicas that take part in this run.
pub(super) async fn assemble(
    settings: &Settings,
    options: &RunOptions,
    mirror: &Mirror,
) -> Result<Assembled, SyncError> {
    known_names(settings, &options.only)?;
    let takes_part = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let sandbox = match settings.crm.url {
        _ if options.mode == Mode::MirrorOnly => None,
        CrmUrl::Sandbox => Some(start_sandbox(settings).await?),
        CrmUrl::Http(_) => None,
    };
    let mut peers = Vec::new();
    if takes_part(CRM) && options.mode != Mode::MirrorOnly {
        let learnt = mirror.fact(LISTS_FACT)?.and_then(|text| text.parse::<ListBehaviour>().ok());
        let doubts = mirror.fact(DOUBTS_FACT)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let replica = crm_replica(settings, sandbox.as_ref(), learnt).await?.with_doubts(doubts);
        peers.push(peer(settings, CRM, Box::new(replica)));
    }
    if options.mode == Mode::Sync {
        for book in settings.books.iter().filter(|book| takes_part(&book.name)) {
            let habits = mirror.fact(&Habits::fact(&book.name))?.unwrap_or_default();
            peers.push(book_peer(settings, book, Habits::parse(&habits))?);
        }
    }
    Ok(Assembled { peers, account: account(settings), _sandbox: sandbox })
}

fn known_names(settings: &Settings, only: &[String]) -> Result<(), SyncError> {
    for name in only {
        if name != CRM && settings.book(name).is_none() {
            let known: Vec<&str> = settings.books.iter().map(|book| book.name.as_str()).collect();
            return Err(SyncError::Settings(
                Trouble::new(format!("find a book named {name}"))
                    .hint(format!("known names: {CRM}, {}", known.join(", "))),
            ));
        }
    }
    Ok(())
}

fn peer(settings: &Settings, name: &str, replica: Box<dyn Replica>) -> Peer {
    Peer {
        name: name.to_owned(),
        replica,
        takes: true,
        gives: true,
        deletes: name != CRM || settings.crm.deletes == Deletes::Allow,
        filter: Default::default(),
        prefer: settings.sync.prefer,
        halted: false,
        held: false,
        incomplete: false,
    }
}

fn book_peer(settings: &Settings, book: &Book, habits: Habits) -> Result<Peer, SyncError> {
    let peer = peer(settings, &book.name, book_replica(settings, book, habits)?);
    Ok(Peer {
        takes: book.direction != Direction::ToBook,
        gives: book.direction != Direction::FromBook,
        filter: book.where_.clone(),
        ..peer
    })
}

/// The replica of one book, of whose programs this is known.
pub(super) fn book_replica(settings: &Settings, book: &Book, habits: Habits) -> Result<Box<dyn Replica>, SyncError> {
    let version = if book.version == "4.0" { Version::V40 } else { Version::V30 };
    // What this run writes, it writes now.
    let manner = Manner { version, revised: Revised::parse(&Machine.stamp()), ..settings.vcard };
    let of_cards = || BookSettings { name: book.name.clone(), path: book.path.clone(), manner };
    Ok(match book.kind {
        BookKind::Vdir => Box::new(Vdir::new(of_cards()).with_habits(habits)),
        BookKind::Vcard => Box::new(VcardFile::new(of_cards()).with_habits(habits)),
        BookKind::Csv => Box::new(CsvFile::new(book.name.clone(), book.path.clone(), book.dialect.clone())),
        BookKind::Carddav => {
            return Err(SyncError::Settings(
                Trouble::new(format!("use book {}: carddav is not supported yet", book.name))
                    .hint("use kind = \"vdir\" and let another program carry the folder"),
            ));
        }
    })
}

/// A column profile that a command names: a person's own, a built-in one (`csv` is carnet's), or the path of a file.
pub(super) fn profile(settings: &Settings, word: &str) -> Result<Profile, SyncError> {
    if dialect::is_path(word) {
        return dialect::read(word, Path::new(word)).map_err(|error| {
            SyncError::Settings(Trouble::new(format!("use a profile: {}", error.message)).hint(error.hint))
        });
    }
    dialect::named(word, &settings.csv).map_err(|error| {
        let hint = error.hint.replacen("known: ", "known: vcard3, vcard4, jsonl, csv, ", 1);
        SyncError::Settings(Trouble::new(format!("find a format named {word}")).hint(hint))
    })
}

async fn start_sandbox(settings: &Settings) -> Result<Sandbox, SyncError> {
    Sandbox::start(SandboxSettings { state: settings.practice_crm(), ..SandboxSettings::default() })
        .await
        .map_err(|error| SyncError::Failed(Trouble::new(format!("start the practice CRM: {error}"))))
}

/// The CRM's client, logged in by whatever the settings say.
pub(super) async fn crm_replica(
    settings: &Settings,
    sandbox: Option<&Sandbox>,
    learnt: Option<ListBehaviour>,
) -> Result<CrmReplica, SyncError> {
    let crm = &settings.crm;
    let (base_url, username, password) = match (&crm.url, sandbox) {
        (CrmUrl::Http(url), _) => {
            let password = secrets::password(settings).await.map_err(|error| {
                let trouble = Trouble { message: error.to_string(), hint: error.hint() };
                SyncError::Settings(trouble)
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
    Ok(CrmReplica::new(&client).map_err(SyncError::Settings)?.with_lists(learnt))
}

/// How careful the run is.
pub(super) fn care(settings: &Settings, options: &RunOptions) -> Care {
    Care {
        max_delete: options.max_delete.unwrap_or(settings.sync.max_delete),
        force: options.force,
        dry_run: options.dry_run,
        confirm_after: settings.crm.confirm_after,
        settle_after: settings.crm.timeout * 2,
        account: account_id(settings),
    }
}

/// The account's own name: the last part of its address, "demo" for the practice CRM.
fn account_id(settings: &Settings) -> String {
    match &settings.crm.url {
        CrmUrl::Sandbox => "demo".to_owned(),
        CrmUrl::Http(url) => url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// Host, path and user. A loopback port is left out: a tunnel or a test server may well get another one next time.
fn account(settings: &Settings) -> String {
    let CrmUrl::Http(text) = &settings.crm.url else { return "the practice CRM".to_owned() };
    let Ok(url) = Url::parse(text) else { return text.clone() };
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    let port = url.port().filter(|_| !loopback).map(|port| format!(":{port}")).unwrap_or_default();
    format!("{host}{port}{} of {}", url.path().trim_end_matches('/'), settings.crm.username)
}
