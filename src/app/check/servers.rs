//! The lines of `check` for books on servers: whether the login is taken, what a run would see, what was learnt of the
//! server, and, on a user's word alone, what it makes of a card that it is sent.

use std::time::Duration;

use super::{CheckLine, Finding, Server, Verdict, failed, hinted, line, look};
use crate::{
    app::{
        book_servers::{book_on_server, client_settings, said},
        compose::participant_of,
        lock,
    },
    books::carddav::{Carddav, CarddavSettings, Learned, Trial, try_out},
    config::{
        Book, BookServer, Direction, Settings,
        secrets::{self, SecretError},
    },
    mirror::Mirror,
    replica::Diagnostic,
    sync::{Stop, SyncError, SystemClock},
};

/// Asks a book's server; where servers are not to be asked, only for the book's password.
pub(super) async fn lines(
    settings: &Settings,
    (book, server): (&Book, &BookServer),
    mirror: &Mirror,
    asked: Server,
) -> Vec<CheckLine> {
    let client = match client(settings, book, server).await {
        Ok(client) => client,
        Err(error) => return vec![troubled(book, said(&error))],
    };
    match asked {
        Server::Offline => vec![line(&book.name, Verdict::Ok, "not asked (--offline)")],
        Server::Ask | Server::NoPassword => {
            ask(settings, book, client, mirror).await.unwrap_or_else(|error| vec![failed(&book.name, error)])
        }
    }
}

async fn client(settings: &Settings, book: &Book, server: &BookServer) -> Result<CarddavSettings, SecretError> {
    let login = secrets::book_login(settings, &book.name, server).await?;
    Ok(client_settings(settings, (book, server), login, &SystemClock))
}

async fn ask(
    settings: &Settings,
    book: &Book,
    client: CarddavSettings,
    mirror: &Mirror,
) -> Result<Vec<CheckLine>, SyncError> {
    let replica = match Carddav::new(client.clone()) {
        Ok(replica) => Box::new(replica),
        Err(diagnostic) => return Ok(vec![troubled(book, diagnostic)]),
    };
    let seen = look(settings, book, participant_of(settings, book, replica), mirror).await?;
    if seen.verdict == Verdict::Failed {
        return Ok(vec![seen]);
    }
    let learned = try_out(client, Trial::Read).await?;
    Ok(vec![seen, learnt(book, &learned)])
}

/// What was learnt by reading.
fn learnt(book: &Book, learned: &Learned) -> CheckLine {
    let Learned { url, name, cards, counts_changes, versions, card_len_max, writable, alters: _ } = learned;
    let name = name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let changes = if *counts_changes { "says what changed" } else { "is listed whole by each run" };
    let versions_said = if versions.is_empty() { "does not say which".to_owned() } else { versions.join(", ") };
    let largest = card_len_max.map(|len| format!("; cards up to {}", bytes(len))).unwrap_or_default();
    let may = if *writable { "may write" } else { "may only read" };
    let message =
        format!("{url}{name}: {cards} cards; {changes}; vCard versions: {versions_said}{largest}; this login {may}");
    if !writable && book.direction != Direction::FromBook {
        let hint = "see who owns the address book, or set direction = \"from-book\"";
        return hinted(line(&book.name, Verdict::Warning, message), hint);
    }
    if !versions.is_empty() && !versions.contains(&book.version) && book.direction != Direction::FromBook {
        let hint = format!("the settings have new cards in vCard {}, which the server does not name", book.version);
        return hinted(line(&book.name, Verdict::Warning, message), &hint);
    }
    line(&book.name, Verdict::Ok, message)
}

/// A size for people.
fn bytes(len: u64) -> String {
    match len {
        0..=9_999 => format!("{len} bytes"),
        10_000..=9_999_999 => format!("{} kB", len / 1_000),
        _ => format!("{} MB", len / 1_000_000),
    }
}

/// Whether a user may have writing to this book's server tried.
///
/// # Errors
/// There is no such book, it is on no server, or only read (exit 2).
pub fn may_be_written(settings: &Settings, name: &str) -> Result<(), SyncError> {
    book_written(settings, name).map(drop)
}

fn book_written<'s>(settings: &'s Settings, name: &str) -> Result<(&'s Book, &'s BookServer), SyncError> {
    let (book, server) = book_on_server(settings, name)?;
    if book.direction == Direction::FromBook {
        let message = format!("try writing to book {name}: it is only read");
        return Err(SyncError::Settings(Diagnostic::new(message).hint("its direction is \"from-book\"")));
    }
    Ok((book, server))
}

/// Tries writing to a book's server: a throwaway card is made there, read back, changed and removed. No run sees it
/// meanwhile.
///
/// # Errors
/// As [`may_be_written`]. What goes wrong beyond is the line's.
pub async fn check_writing(settings: &Settings, name: &str) -> Result<CheckLine, SyncError> {
    let (book, server) = book_written(settings, name)?;
    let client = match client(settings, book, server).await {
        Ok(client) => client,
        Err(error) => return Ok(troubled(book, said(&error))),
    };
    let _held = match lock::take(&settings.mirror.path, "check", Duration::ZERO, &Stop::new(), &mut |_| {}) {
        Ok(held) => held,
        Err(error) => return Ok(failed(name, error)),
    };
    Ok(match try_out(client, Trial::Write).await {
        Ok(learned) => {
            let alters = learned.alters.into_iter().flatten().collect();
            CheckLine { subject: name.to_owned(), verdict: Verdict::Ok, finding: Finding::Written { alters } }
        }
        Err(error) => failed(name, error.into()),
    })
}

/// The books on servers that a run would write to, and none has.
pub fn never_written(settings: &Settings) -> Vec<&str> {
    // A mirror that cannot be read has a line of its own.
    let mirror = Mirror::open_read_only(&settings.mirror.path).ok();
    let is_new = |book: &&Book| match &mirror {
        Some(mirror) => mirror.count_known(&book.name).is_ok_and(|count| count == 0),
        None => true,
    };
    let written = settings.books.iter().filter(|book| book.server().is_some() && book.direction != Direction::FromBook);
    written.filter(is_new).map(|book| book.name.as_str()).collect()
}

/// A book that a run would leave out.
fn troubled(book: &Book, Diagnostic { message, hint }: Diagnostic) -> CheckLine {
    let finding = Finding::Said { message: format!("failed to {message}"), hint };
    CheckLine { subject: book.name.clone(), verdict: Verdict::Failed, finding }
}
