//! Does everything that the settings name work? Asks, and writes nothing.

use super::{
    assemble::{book_replica, crm_replica},
    error::SyncError,
};
use crate::{
    config::{Book, BookKind, CrmUrl, Settings},
    mirror::Mirror,
    replicas::{Batch, Known, ReplicaError, Trouble},
    sandbox::{Sandbox, SandboxSettings},
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
    /// It works, and a person should know something.
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
        lines.push(check_server(settings).await.unwrap_or_else(|error| failed("crm", &error)));
    }
    for book in &settings.books {
        lines.push(check_book(book).await.unwrap_or_else(|error| failed(&book.name, &error)));
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
        Err(error) => failed("mirror", &error.into()),
    }
}

async fn check_server(settings: &Settings) -> Result<CheckLine, SyncError> {
    let practice = settings.crm.url == CrmUrl::Sandbox;
    let sandbox = match practice {
        // A state of its own in memory: checking must not make files.
        true => Some(
            Sandbox::start(SandboxSettings { contacts: 1, ..SandboxSettings::default() })
                .await
                .map_err(|error| SyncError::Failed(Trouble::new(format!("start the practice CRM: {error}"))))?,
        ),
        false => None,
    };
    let replica = crm_replica(settings, sandbox.as_ref(), None).await?;
    let pages = replica.check_login().await?;
    if practice {
        return Ok(line("crm", Verdict::Ok, "the practice CRM, inside this process"));
    }
    let pages = pages.map(|pages| format!(", {pages} pages of contacts")).unwrap_or_default();
    if settings.crm.insecure_http {
        let hint = "use https, or remove insecure_http";
        let message = format!("login accepted{pages}; the password may travel in clear text");
        return Ok(CheckLine { hint: Some(hint.to_owned()), ..line("crm", Verdict::Warning, message) });
    }
    Ok(line("crm", Verdict::Ok, format!("login accepted{pages}")))
}

async fn check_book(book: &Book) -> Result<CheckLine, SyncError> {
    let mut replica = book_replica(book)?;
    if !book.path.exists() {
        let what = if book.kind == BookKind::Vdir { "folder" } else { "file" };
        return Ok(line(&book.name, Verdict::Ok, format!("no {what} there yet; the first sync makes it")));
    }
    let (mut cards, mut problems) = (0, Vec::new());
    let known = Known::default();
    let mut sink = |batch: Batch| -> Result<(), ReplicaError> {
        cards += batch.changed.len() + batch.same.len();
        problems.extend(batch.problems);
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

fn line(subject: &str, verdict: Verdict, message: impl Into<String>) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict, message: message.into(), hint: None }
}

fn failed(subject: &str, error: &SyncError) -> CheckLine {
    let message = format!("failed to {error}");
    CheckLine { hint: error.hint(), ..line(subject, Verdict::Failed, message) }
}
