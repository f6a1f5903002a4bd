//! Does everything that the settings name work? Asks, and writes nothing.

use std::{io, path::Path};

use rustix::fs::{Access, access};

use super::compose::{book_replica, crm_replica};
use crate::{
    config::{Book, BookKind, CrmUrl, Direction, Settings},
    contact::FieldSet,
    crm::replica::CrmReplica,
    mirror::Mirror,
    replica::{Batch, Diagnostic, Replica, Stopped, memory::Known},
    sandbox::{Sandbox, SandboxSettings},
    sync::{SyncError, SystemClock},
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// `crm`, `mirror` or a book's name.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
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

/// Looks at the mirror, the server (unless offline) and every book.
pub async fn check(settings: &Settings, offline: bool) -> Vec<CheckLine> {
    let mut lines = vec![check_mirror(settings)];
    if offline {
        lines.push(line("crm", Verdict::Ok, "not asked (--offline)"));
    } else {
        lines.extend(check_server(settings).await.unwrap_or_else(|error| vec![failed("crm", &error)]));
    }
    for book in &settings.books {
        lines.push(check_book(settings, book).await.unwrap_or_else(|error| failed(&book.name, &error)));
    }
    lines
}

fn check_mirror(settings: &Settings) -> CheckLine {
    let path = &settings.mirror.path;
    if !path.exists() {
        return line("mirror", Verdict::Ok, "not there yet; the first run makes it");
    }
    match Mirror::open_read_only(path).and_then(|mirror| mirror.count_contacts()) {
        Ok(count) => line("mirror", Verdict::Ok, format!("{count} contacts")),
        Err(error) => failed("mirror", &error.examined(path).into()),
    }
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
        return Ok(vec![line("crm", Verdict::Ok, "the practice CRM, inside this process"), lists]);
    }
    let pages = pages.map(|pages| format!(", {pages} pages of contacts")).unwrap_or_default();
    if settings.crm.insecure_http {
        let hint = "use https, or remove insecure_http";
        let message = format!("login accepted{pages}; the password may travel in clear text");
        return Ok(vec![CheckLine { hint: Some(hint.to_owned()), ..line("crm", Verdict::Warning, message) }, lists]);
    }
    Ok(vec![line("crm", Verdict::Ok, format!("login accepted{pages}")), lists])
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
    let hint = "`crm.lists` says it without trying";
    CheckLine { hint: Some(hint.to_owned()), ..line("lists", Verdict::Ok, message) }
}

async fn check_book(settings: &Settings, book: &Book) -> Result<CheckLine, SyncError> {
    let mut replica = book_replica(settings, book, &SystemClock)?;
    if book.direction != Direction::FromBook
        && let Some(line) = check_writable(book, &|folder| Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?))
    {
        return Ok(line);
    }
    if !book.path.exists() {
        if let Some(dialect) = book.dialect.as_ref().filter(|dialect| !dialect.exports()) {
            let message = format!("no file there yet, and carnet only reads the dialect {}", dialect.name());
            let hint = "put the file there, choose another dialect, or set export = true in a profile of your own";
            return Ok(CheckLine { hint: Some(hint.to_owned()), ..line(&book.name, Verdict::Failed, message) });
        }
        let what = if book.kind == BookKind::Vdir { "folder" } else { "file" };
        return Ok(line(&book.name, Verdict::Ok, format!("no {what} there yet; the first sync makes it")));
    }
    let (mut cards, mut problems) = (0, Vec::new());
    let known = Known::default();
    let mut sink = |batch: Batch| -> Result<(), Stopped> {
        cards += batch.changed.len() + batch.same.len();
        problems.extend(batch.problems);
        problems.extend(batch.doubts.into_iter().map(|(_, problem)| problem));
        Ok(())
    };
    replica.scan(&known, &mut sink).await?;
    let Some(first) = problems.first() else {
        return Ok(line(&book.name, Verdict::Ok, format!("{cards} contacts")));
    };
    let message =
        format!("{cards} contacts, and {} that cannot be read: {}: {}", problems.len(), first.place, first.message);
    Ok(CheckLine { hint: first.hint.clone(), ..line(&book.name, Verdict::Warning, message) })
}

/// Books are written by putting a new version beside the old one and in its place: what must be writable is the folder,
/// not the file. The line that says it is not; where the folder is not there yet, its nearest parent counts.
fn check_writable(book: &Book, may_write: &dyn Fn(&Path) -> io::Result<()>) -> Option<CheckLine> {
    let folder = if book.kind == BookKind::Vdir { Some(book.path.as_path()) } else { book.path.parent() };
    let there = folder?.ancestors().find(|folder| folder.symlink_metadata().is_ok())?;
    let error = match there.metadata() {
        Ok(found) if !found.is_dir() => io::Error::from(io::ErrorKind::NotADirectory),
        Ok(_) => may_write(there).err()?,
        Err(error) => error,
    };
    let hint = "carnet writes a new version beside the old one; let it write there, or set direction = \"from-book\"";
    let message = format!("cannot write in {}: {error}", there.display());
    Some(CheckLine { hint: Some(hint.to_owned()), ..line(&book.name, Verdict::Failed, message) })
}

fn line(subject: &str, verdict: Verdict, message: impl Into<String>) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict, message: message.into(), hint: None }
}

fn failed(subject: &str, error: &SyncError) -> CheckLine {
    let message = format!("failed to {error}");
    CheckLine { hint: error.hint(), ..line(subject, Verdict::Failed, message) }
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
        let told = check_writable(&settings.books[0], &access).map(|line| line.message);
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
