//! Does everything that the settings name work, and would a run go on? Asks, and writes nothing.

mod servers;

use std::{io, path::Path};

use rustix::fs::{Access, access};

pub use self::servers::{check_writing, may_be_written, never_written};
use super::{
    compose::{account, book_participant, crm_replica},
    devices::{DeviceShown, devices},
};
use crate::{
    config::{Book, BookKind, BookPlace, CrmUrl, Direction, Settings},
    contact::FieldSet,
    crm::replica::CrmReplica,
    mirror::Mirror,
    replica::{Diagnostic, Replica},
    sandbox::{Sandbox, SandboxSettings},
    sync::{self, ACCOUNT, CRM, Participant, SyncError, events::Stopped, stamp},
    views::clock::local,
};

const MIRROR: &str = "mirror";

/// One thing that was looked at.
#[derive(Debug)]
pub struct CheckLine {
    /// `crm`, `mirror` or a book's name.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub finding: Finding,
}

/// What was found.
#[derive(Debug)]
pub enum Finding {
    /// In words.
    Said {
        /// What was seen.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A throwaway card was made, changed and removed on a book's server.
    Written {
        /// What the server does not keep as it is sent, by property.
        alters: Vec<String>,
    },
    /// A run would end, or leave this out, for this.
    Error(SyncError),
    /// A run would stop here for safety.
    Guarded(Stopped),
}

/// How a checked thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Ok,
    /// It works, and a user should know something.
    Warning,
    /// It does not.
    Failed,
}

/// What servers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Whether it takes the login.
    Ask,
    /// Nothing: a user wants it so.
    Offline,
    /// The CRM nothing, since there is no password; those of books all the same.
    NoPassword,
}

/// Looks at the mirror, the server and every book.
pub async fn check(settings: &Settings, server: Server) -> Vec<CheckLine> {
    let mut lines = vec![check_mirror(settings)];
    match server {
        Server::Ask => lines.extend(check_server(settings).await.unwrap_or_else(|error| vec![failed(CRM, error)])),
        Server::Offline => lines.push(line(CRM, Verdict::Ok, "not asked (--offline)")),
        Server::NoPassword => lines.push(line(CRM, Verdict::Warning, "not asked: there is no password")),
    }
    // A mirror that cannot be read has a line of its own; the books are then looked at as if they were new.
    let mirror = Mirror::open_read_only(&settings.mirror.path).or_else(|_| Mirror::in_memory());
    for book in &settings.books {
        match (&mirror, &book.place) {
            (Ok(mirror), BookPlace::Carddav(on)) => {
                lines.extend(servers::lines(settings, (book, on), mirror, server).await);
            }
            (Ok(mirror), BookPlace::Vdir(path) | BookPlace::Vcard(path) | BookPlace::Csv(path)) => {
                let checked = check_book(settings, (book, path), mirror).await;
                lines.push(checked.unwrap_or_else(|error| failed(&book.name, error)));
            }
            (Ok(_), BookPlace::Devices) => lines.push(check_device(settings, book)),
            (Err(error), _) => lines.push(line(&book.name, Verdict::Failed, error.to_string())),
        }
    }
    lines
}

/// Whether a run can open and write the mirror, and whether it is this account's.
fn check_mirror(settings: &Settings) -> CheckLine {
    let path = &settings.mirror.path;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if let Some(message) = unwritable(folder, &may_write) {
        let hint = "a run writes the mirror and its lock there: let it, or set another mirror.path";
        return hinted(line(MIRROR, Verdict::Failed, message), hint);
    }
    if path.is_dir() {
        let hint = "mirror.path names a file, such as carnet.db in that folder";
        return hinted(line(MIRROR, Verdict::Failed, format!("{} is a folder", path.display())), hint);
    }
    if !path.exists() {
        return line(MIRROR, Verdict::Ok, "not there yet; the first run makes it");
    }
    if let Err(error) = access(path, Access::WRITE_OK | Access::READ_OK) {
        return line(MIRROR, Verdict::Failed, format!("cannot write {}: {}", path.display(), io::Error::from(error)));
    }
    let look = || -> Result<CheckLine, SyncError> {
        let mirror = Mirror::open_read_only(path)?;
        let (known, account) = (mirror.fact(ACCOUNT)?, account(settings));
        if let Some(mirror) = known.filter(|known| *known != account) {
            return Err(SyncError::OtherAccount { mirror, settings: account });
        }
        Ok(line(MIRROR, Verdict::Ok, format!("{} contacts", mirror.count_contacts()?)))
    };
    look().unwrap_or_else(|error| failed(MIRROR, error.examined(path)))
}

async fn check_server(settings: &Settings) -> Result<Vec<CheckLine>, SyncError> {
    let practice = settings.crm.url == CrmUrl::Sandbox;
    let sandbox = match practice {
        // A state of its own in memory: checking must not make files.
        true => Some(
            Sandbox::start(SandboxSettings { contacts: 1, ..SandboxSettings::default() })
                .await
                .map_err(|error| SyncError::Failed(Diagnostic::new(format!("start the practice CRM: {error}"))))?,
        ),
        false => None,
    };
    let mut replica = crm_replica(settings, sandbox.as_ref()).await?;
    let pages = replica.check_login().await?;
    let lists = check_lists(settings, &mut replica);
    if practice {
        return Ok(vec![line(CRM, Verdict::Ok, "the practice CRM, inside this process"), lists]);
    }
    let pages = pages
        .map(|pages| format!(", {pages} {} of contacts", if pages == 1 { "page" } else { "pages" }))
        .unwrap_or_default();
    if settings.crm.insecure_http {
        let message = format!("login accepted{pages}; the password may travel in clear text");
        let crm = hinted(line(CRM, Verdict::Warning, message), "use https, or remove insecure_http");
        return Ok(vec![crm, lists]);
    }
    Ok(vec![line(CRM, Verdict::Ok, format!("login accepted{pages}")), lists])
}

/// Whether it is known how the CRM updates lists, or is yet to be found out on a throwaway contact.
fn check_lists(settings: &Settings, replica: &mut CrmReplica) -> CheckLine {
    // A mirror that cannot be read has a line of its own.
    let mirror = Mirror::open_read_only(&settings.mirror.path).ok();
    replica.recall(&|name| mirror.as_ref().and_then(|mirror| mirror.fact(name).ok().flatten()));
    if !replica.is_to_probe(FieldSet::CRM) {
        return line("lists", Verdict::Ok, "how the CRM updates numbers and addresses is known");
    }
    let message = "how the CRM updates numbers and addresses is not known yet: the first change of one makes a throwaway \
                   contact, \"carnet probe\", in the CRM and deletes it again";
    hinted(line("lists", Verdict::Ok, message), "`crm.lists` says it without trying")
}

async fn check_book(
    settings: &Settings,
    (book, path): (&Book, &Path),
    mirror: &Mirror,
) -> Result<CheckLine, SyncError> {
    let participant = book_participant(settings, book).await;
    if book.direction != Direction::FromBook
        && let Some(line) = check_writable(book, path, &may_write)
    {
        return Ok(line);
    }
    let known = mirror.count_known(&book.name)? > 0;
    if !known && !path.exists() {
        return Ok(check_new(book, path));
    }
    look(settings, book, participant, mirror).await
}

/// Looks at a book as a run would.
async fn look(
    settings: &Settings,
    book: &Book,
    mut participant: Participant,
    mirror: &Mirror,
) -> Result<CheckLine, SyncError> {
    let seen = sync::look(mirror, &mut participant, settings.sync.max_delete).await?;
    if let Some(guard) = seen.guard {
        return Ok(CheckLine {
            subject: book.name.clone(),
            verdict: Verdict::Failed,
            finding: Finding::Guarded(guard),
        });
    }
    let contacts = seen.contacts;
    let Some(first) = seen.problems.first() else {
        return Ok(line(&book.name, Verdict::Ok, format!("{contacts} contacts")));
    };
    let unread = seen.problems.len();
    let message = format!("{contacts} contacts, and {unread} that cannot be read: {}: {}", first.place, first.message);
    let finding = Finding::Said { message, hint: first.hint.clone() };
    Ok(CheckLine { subject: book.name.clone(), verdict: Verdict::Warning, finding })
}

/// What is on a device, and when it was last seen.
fn check_device(settings: &Settings, book: &Book) -> CheckLine {
    let shown = devices(settings).map(|all| all.into_iter().find(|shown| shown.device.name == book.name));
    match shown {
        Ok(Some(DeviceShown { device, counts })) => {
            let seen = match device.last_seen_at.and_then(|at| chrono::DateTime::from_timestamp(at, 0)) {
                Some(at) => format!("last seen {}", local(&stamp(at))),
                None => "it has not connected yet".to_owned(),
            };
            line(&book.name, Verdict::Ok, format!("a device with {} cards, {seen}", counts.cards))
        }
        Ok(None) => line(&book.name, Verdict::Failed, "there is no such device any more"),
        Err(error) => failed(&book.name, error),
    }
}

/// A book that the first run is to make.
fn check_new(book: &Book, path: &Path) -> CheckLine {
    if let Some(dialect) = book.dialect.as_ref().filter(|dialect| !dialect.exports()) {
        let message = format!("no file there yet, and carnet only reads the dialect {}", dialect.name());
        let hint = "put the file there, choose another dialect, or set export = true in a profile of your own";
        return hinted(line(&book.name, Verdict::Failed, message), hint);
    }
    let (what, folder) = match book.kind() {
        BookKind::Vdir => ("folder", path),
        BookKind::Vcard | BookKind::Csv | BookKind::Carddav | BookKind::Devices => {
            ("file", path.parent().unwrap_or(Path::new("/")))
        }
    };
    let message = format!("no {what} there yet; the first sync makes it: {}", path.display());
    // A typing error, or a disk that is not mounted, looks the same.
    match folder.parent().filter(|above| !above.exists()) {
        None => line(&book.name, Verdict::Ok, message),
        Some(above) => hinted(
            line(&book.name, Verdict::Warning, message),
            &format!("{} is not there either: is the path right, and its disk mounted?", above.display()),
        ),
    }
}

/// Books are written by putting a new version beside the old one and in its place: what must be writable is the folder,
/// not the file. The line that says it is not; where the folder is not there yet, its nearest parent counts.
fn check_writable(book: &Book, path: &Path, may_write: &dyn Fn(&Path) -> io::Result<()>) -> Option<CheckLine> {
    let is_folder = book.kind() == BookKind::Vdir;
    let folder = if is_folder { Some(path) } else { path.parent() };
    let message = unwritable(folder?, may_write)?;
    let hint = match is_folder && path.is_file() {
        true => "the book's path must be a folder; kind = \"vcard\" is one file for all",
        false => "carnet writes a new version beside the old one; let it write there, or set direction = \"from-book\"",
    };
    Some(hinted(line(&book.name, Verdict::Failed, message), hint))
}

/// Why nothing can be written in a folder; where it is not there yet, its nearest parent counts.
fn unwritable(folder: &Path, may_write: &dyn Fn(&Path) -> io::Result<()>) -> Option<String> {
    let there = folder.ancestors().find(|folder| folder.symlink_metadata().is_ok())?;
    let error = match there.metadata() {
        Ok(found) if !found.is_dir() => io::Error::from(io::ErrorKind::NotADirectory),
        Ok(_) => may_write(there).err()?,
        Err(error) => error,
    };
    Some(format!("cannot write in {}: {error}", there.display()))
}

fn may_write(folder: &Path) -> io::Result<()> {
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

fn line(subject: &str, verdict: Verdict, message: impl Into<String>) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict, finding: Finding::Said { message: message.into(), hint: None } }
}

/// The same line with what to do.
fn hinted(line: CheckLine, hint: &str) -> CheckLine {
    match line.finding {
        Finding::Said { message, .. } => {
            CheckLine { finding: Finding::Said { message, hint: Some(hint.to_owned()) }, ..line }
        }
        Finding::Written { .. } | Finding::Error(_) | Finding::Guarded(_) => line,
    }
}

fn failed(subject: &str, error: SyncError) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict: Verdict::Failed, finding: Finding::Error(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    /// The line of a book of this kind at this path, in a folder with a file and a folder in it.
    fn check(kind: &str, path: &str, writable: bool, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("books")).unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let text = format!("[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"b\"\nkind = \"{kind}\"\npath = \"{path}\"\n");
        let nothing = |_: &str| None;
        let settings =
            Settings::parse(&folder.path().join("carnet.toml"), &text, Environment::from_fn(&nothing)).unwrap();
        let access = |_: &Path| if writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) };
        let book = &settings.books[0];
        let told = check_writable(book, book.path().unwrap(), &access).map(|line| match line.finding {
            Finding::Said { message, .. } => message,
            other => panic!("{other:?}"),
        });
        let told = told.map(|message| message.replace(&*folder.path().to_string_lossy(), "HERE"));
        assert_eq!(told.as_deref(), expected, "{kind} {path}");
    }

    #[test]
    fn a_book_needs_a_folder_that_can_be_written() {
        check("csv", "books/s.csv", true, None);
        check("csv", "books/s.csv", false, Some("cannot write in HERE/books: permission denied"));
        check("csv", "books/new/s.csv", false, Some("cannot write in HERE/books: permission denied"));
        check("vdir", "books", false, Some("cannot write in HERE/books: permission denied"));
        check("vcard", "file/s.vcf", true, Some("cannot write in HERE/file: not a directory"));
    }
}
