//! Books on servers: from their settings to replicas, and what a server is asked outside of runs.

use super::compose::style;
use crate::{
    books::carddav::{self, Carddav, CarddavSettings, Login},
    config::{
        Book, BookServer, Settings,
        secrets::{self, BookLogin, SecretError},
    },
    contact::FieldSet,
    replica::{
        Absence, Answers, Baseline, Capabilities, Conduct, Diagnostic, Distrust, Ids, LocalFuture, Lookup, Replica,
        ReplicaError, Scanned, Sink, Write, Writes, Written,
    },
    sync::{Host, SyncError, SystemClock},
};

pub use crate::books::carddav::{Found, Step};

/// The fact of the mirror that names what the server of this book does not keep as it is sent.
pub fn alters_fact(book: &str) -> String {
    Carddav::alters_fact(book)
}

/// The address books that the login of this book may see, where its address leads. Each step is told.
///
/// # Errors
/// There is no such book, it is on no server, or its password cannot be had (exit 2); the server's.
pub async fn discover(settings: &Settings, name: &str, tell: &mut dyn FnMut(Step)) -> Result<Vec<Found>, SyncError> {
    let (book, server) = book_on_server(settings, name)?;
    let login = secrets::book_login(settings, name, server).await.map_err(|error| SyncError::Settings(said(&error)))?;
    let client = client_settings(settings, (book, server), login, &SystemClock);
    carddav::discover(&client, tell).await.map_err(|error| match error {
        // No run is stopped by this: it is the address that leads nowhere.
        ReplicaError::Untrusted(Distrust::Other(diagnostic)) => SyncError::Settings(diagnostic),
        other => other.into(),
    })
}

/// The book of this name, and its server.
pub(super) fn book_on_server<'s>(settings: &'s Settings, name: &str) -> Result<(&'s Book, &'s BookServer), SyncError> {
    let on_servers = || settings.books.iter().filter_map(|book| Some((book, book.server()?)));
    if let Some(found) = on_servers().find(|(book, _)| book.name == name) {
        return Ok(found);
    }
    let known: Vec<&str> = on_servers().map(|(book, _)| book.name.as_str()).collect();
    let message = match settings.book(name) {
        Some(book) => format!("ask the server of book {name}: it is a {}, on this machine", book.kind().word()),
        None => format!("find a book named {name}"),
    };
    let hint = match known.as_slice() {
        [] => "the settings name no book with kind = \"carddav\"".to_owned(),
        known => format!("on servers: {}", known.join(", ")),
    };
    Err(SyncError::Settings(Diagnostic::new(message).hint(hint)))
}

/// The replica of a book. One whose password cannot be had, or whose certificates, fails by itself: a run goes on with the
/// others.
pub(super) async fn replica(
    settings: &Settings,
    book: &Book,
    server: &BookServer,
    clock: &dyn Host,
) -> Box<dyn Replica> {
    let why = match secrets::book_login(settings, &book.name, server).await {
        Ok(login) => match Carddav::new(client_settings(settings, (book, server), login, clock)) {
            Ok(replica) => return Box::new(replica),
            Err(diagnostic) => diagnostic,
        },
        Err(error) => said(&error),
    };
    unusable(why)
}

/// A book that fails by itself, for this reason.
pub(super) fn unusable(why: Diagnostic) -> Box<dyn Replica> {
    Box::new(Unusable { why })
}

/// What the client of a book is told.
pub(super) fn client_settings(
    settings: &Settings,
    (book, server): (&Book, &BookServer),
    login: BookLogin,
    clock: &dyn Host,
) -> CarddavSettings {
    CarddavSettings {
        name: book.name.clone(),
        url: server.url.clone(),
        login: match login {
            BookLogin::Nobody => Login::None,
            BookLogin::Password { username, password } => Login::Basic { username, password },
            BookLogin::Token(token) => Login::Bearer(token),
        },
        timeout: server.timeout,
        concurrency: server.concurrency,
        ca_file: server.ca_file.clone(),
        insecure_http: server.insecure_http,
        style: style(settings, book, clock),
        now: clock.now().timestamp(),
    }
}

/// Why there is no password, as a failure.
pub(super) fn said(error: &SecretError) -> Diagnostic {
    Diagnostic { message: error.to_string(), hint: error.hint() }
}

/// A book that cannot be asked anything in this run.
struct Unusable {
    why: Diagnostic,
}

impl Unusable {
    fn error(&self) -> ReplicaError {
        ReplicaError::Unavailable(self.why.clone())
    }
}

impl Replica for Unusable {
    fn capabilities(&self) -> Capabilities {
        Capabilities { fields: FieldSet::NONE, weak: FieldSet::NONE, identity: false }
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            absence: Absence::AskById,
            writes: Writes::Uncertain,
            answers: Answers::OwnWrite,
            ids: Ids::Own,
            abridges: false,
            rereads: false,
            restorable: false,
            writes_at_once: 1,
        }
    }

    fn scan<'a>(
        &'a mut self,
        _: &'a dyn Baseline,
        _: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async { Err(self.error()) })
    }

    fn fetch<'a>(&'a mut self, _: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async { Err(self.error()) })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { writes.iter().map(|_| Err(self.error())).collect() })
    }
}
