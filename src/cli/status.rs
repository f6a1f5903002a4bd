//! `carnet status`: the last run, the next one, what is pending, what waits for a person.

use chrono::{DateTime, Local, Utc};
use serde_json::{Value, json};

use super::{
    conflicts::waiting::{Subject, Waiting},
    context::Context,
    errors::CliError,
    exit,
    output::{BAD, FAINT, GOOD, Output, STRONG, WARNING, plain},
    plural::counted,
    report::who,
};
use crate::{
    config::Settings,
    mirror::{ConflictRow, Mirror, OutboxAction, OutboxRow, OutboxState, Pending, QuestionRow, RunRow},
    sync::{self, Guarded, Waits, events::Label},
};

/// `carnet status`.
pub fn run(context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    if !settings.mirror.path.exists() {
        let hint = "`carnet sync` makes the mirror and fills it";
        return Err(CliError::failed(
            format!("find the mirror {}: nothing ran yet", settings.mirror.path.display()),
            hint,
        ));
    }
    let status = Status::read(&context.mirror(&settings)?, &settings, Utc::now())?;
    if context.out.json {
        context.out.object(&status.object())?;
    } else {
        status.print(&mut context.out)?;
    }
    Ok(exit::DONE)
}

struct Status {
    contacts: u64,
    last: Option<RunRow>,
    next: Option<DateTime<Utc>>,
    replicas: Vec<ReplicaStatus>,
    waiting: Vec<Waiting>,
    /// The same and the writes that are unsettled, in numbers: what the exit code of a run counts.
    waits: Waits,
}

#[derive(Default)]
struct ReplicaStatus {
    name: String,
    held: u64,
    create: u64,
    update: u64,
    delete: u64,
    /// Contacts that it said once that it has no more; it is asked again.
    missing: u64,
    unsettled: Vec<OutcomeUnknown>,
}

/// A write whose end is not known, or that was refused.
struct OutcomeUnknown {
    row: OutboxRow,
    contact: Label,
}

impl Status {
    fn read(mirror: &Mirror, settings: &Settings, now: DateTime<Utc>) -> Result<Self, CliError> {
        let mut replicas = Vec::new();
        for name in std::iter::once("crm").chain(settings.books.iter().map(|book| book.name.as_str())) {
            let mut replica = ReplicaStatus {
                name: name.to_owned(),
                held: mirror.count_agreements(name)?,
                missing: mirror.absences(name)?.len() as u64,
                ..ReplicaStatus::default()
            };
            for row in mirror.outbox(name)? {
                let contact = mirror.contact(row.contact)?.map_or_else(Label::default, |stored| Label {
                    name: stored.contact.display_name(),
                    uid: stored.uid,
                    crm_id: stored.crm_id,
                });
                replica.unsettled.push(OutcomeUnknown { row, contact });
            }
            for (_, pending) in mirror.pending(name)? {
                match pending {
                    Pending::Create => replica.create += 1,
                    Pending::Update => replica.update += 1,
                    Pending::Delete => replica.delete += 1,
                }
            }
            replicas.push(replica);
        }
        Ok(Self {
            contacts: mirror.count_contacts()?,
            last: mirror.last_run()?,
            next: settings.sync.schedule.next(&now.with_timezone(&Local)).map(|next| next.with_timezone(&Utc)),
            replicas,
            waiting: Waiting::read(mirror, false)?,
            waits: sync::waits(mirror)?,
        })
    }

    fn object(&self) -> Value {
        let pending = |replica: &ReplicaStatus| {
            let ReplicaStatus { name, held, create, update, delete, missing, unsettled } = replica;
            let unsettled: Vec<Value> = unsettled.iter().map(OutcomeUnknown::object).collect();
            json!({ "replica": name, "held": held, "unsettled": unsettled, "missing": missing,
                    "pending": { "create": create, "update": update, "delete": delete } })
        };
        json!({
            "type": "status",
            "contacts": self.contacts,
            "waiting": self.waits.total(),
            "last_run": self.last.as_ref().map(super::runs::object),
            "next_run": self.next.map(|next| next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            "replicas": self.replicas.iter().map(pending).collect::<Vec<_>>(),
            "conflicts": self.waiting.iter().filter_map(|waiting| match &waiting.subject {
                Subject::Conflict(row) => Some(json!({
                    "id": row.id, "replica": row.replica, "contact": waiting.name(), "field": row.field,
                    "here": row.here, "there": row.there, "at": row.at, "command": waiting.command(),
                })),
                Subject::Question(_) => None,
            }).collect::<Vec<_>>(),
            "questions": self.waiting.iter().filter_map(|waiting| match &waiting.subject {
                Subject::Question(row) => Some(json!({
                    "id": row.id, "replica": row.replica, "remote": row.remote, "kind": row.kind, "text": row.text,
                    "since": waiting.since, "command": waiting.command(),
                })),
                Subject::Conflict(_) => None,
            }).collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: &mut Output) -> Result<(), CliError> {
        let mut line = |name: &str, words: &str| out.line(&format!("{STRONG}{name:9}{STRONG:#} {words}"));
        line("mirror", &counted(self.contacts, "contact"))?;
        match &self.last {
            Some(run) => line("last run", &last_run(run))?,
            None => line("last run", "none yet")?,
        }
        if let Some(next) = self.next {
            let next = next.with_timezone(&Local).format("%Y-%m-%d %H:%M");
            line("next run", &format!("{next} {FAINT}(if `carnet daemon` runs){FAINT:#}"))?;
        }
        for replica in &self.replicas {
            line(&replica.name, &replica.words())?;
        }
        for waiting in &self.waiting {
            line("waiting", &format!("{}{}", asked(waiting), since(&waiting.since)))?;
            line("", &format!("{FAINT}{}{FAINT:#}", plain(&waiting.command())))?;
        }
        for replica in &self.replicas {
            // A parked one is a question, and was listed.
            for unsettled in replica.unsettled.iter().filter(|one| one.row.state != OutboxState::HeldForReview) {
                line("waiting", &unsettled.words(&replica.name))?;
                line("", &format!("{FAINT}{}{FAINT:#}", unsettled.todo()))?;
            }
        }
        if self.waits.total() == 0 {
            line("waiting", &format!("{GOOD}nothing waits for you{GOOD:#}"))?;
        }
        Ok(())
    }
}

impl ReplicaStatus {
    fn words(&self) -> String {
        let Self { name: _, held, create, update, delete, missing, unsettled } = self;
        let mut words = counted(*held, "contact");
        let pending = [(create, "create"), (update, "update"), (delete, "delete")];
        for (count, verb) in pending.into_iter().filter(|(count, _)| **count > 0) {
            words += &format!(", {WARNING}{count} to {verb}{WARNING:#}");
        }
        if *missing > 0 {
            words += &format!(", {WARNING}{missing} not found there, looked for again{WARNING:#}");
        }
        if !unsettled.is_empty() {
            words +=
                &format!(", {WARNING}{} unsettled, see below{WARNING:#}", counted(unsettled.len() as u64, "write"));
        }
        words
    }
}

impl OutcomeUnknown {
    fn object(&self) -> Value {
        let Self { row, contact } = self;
        json!({
            "action": row.action.word(), "state": row.state.word(), "sent_at": row.sent_at, "contact": contact,
            "error": row.error, "todo": self.todo(),
        })
    }

    /// What was sent, and what is known of it, on one line.
    fn words(&self, replica: &str) -> String {
        let Self { row, contact } = self;
        let deed = match row.action {
            OutboxAction::Create => "creation",
            OutboxAction::Update => "change",
            OutboxAction::Delete => "deletion",
        };
        let state = match row.state {
            OutboxState::Sent => "under way, or cut off",
            OutboxState::Unknown => "the answer was lost",
            OutboxState::HeldForReview => "it may or may not have been made",
            OutboxState::Refused => "refused",
        };
        let error = row.error.as_ref().map_or_else(String::new, |error| format!(" ({})", plain(error)));
        let (replica, who) = (plain(replica), who(contact));
        format!("{WARNING}{replica}{WARNING:#} {deed} of {who}: {state}{error}{}", since(&row.sent_at))
    }

    /// What becomes of it, and what a person can do.
    fn todo(&self) -> &'static str {
        match (self.row.action, self.row.state) {
            (_, OutboxState::Sent) => "the next `carnet sync` looks what became of it",
            (OutboxAction::Create, OutboxState::Unknown) => {
                "nothing to type: the next runs look for it, and send it again only if it is not there"
            }
            (_, OutboxState::Unknown) => {
                "nothing to type: the next runs look whether it was taken, and send it again if it was not"
            }
            (_, OutboxState::HeldForReview) => "`carnet conflicts` lists it, with what to answer",
            (OutboxAction::Delete, OutboxState::Refused) => "each run tries again; you can delete it in the CRM itself",
            (_, OutboxState::Refused) => "change the contact; it is sent again once it has changed",
        }
    }
}

/// "  since 2026-01-01 01:00:00"; nothing where that is not known.
fn since(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("  {FAINT}since {}{FAINT:#}", local(at)) }
}

/// What waits for a person, on one line.
fn asked(waiting: &Waiting) -> String {
    match &waiting.subject {
        Subject::Conflict(ConflictRow { replica, field, here, there, .. }) => {
            let (here, there) = (value(here.as_deref()), value(there.as_deref()));
            let (name, field) = (waiting.name(), field.as_deref().unwrap_or("the whole contact"));
            let name = plain(&name);
            format!("{WARNING}conflict{WARNING:#} {name}: {field}: mirror {here}, {replica} {there}")
        }
        Subject::Question(QuestionRow { replica, kind, text, .. }) => {
            let about = match sync::guarded(kind) {
                Some(Guarded::Deletions) => ": deletions are held:",
                Some(Guarded::All) => " is stopped:",
                None => "",
            };
            format!("{WARNING}{}{about}{WARNING:#} {}", plain(replica), plain(text))
        }
    }
}

fn last_run(run: &RunRow) -> String {
    let RunRow { id, command, started_at, outcome, exit_code, .. } = run;
    let outcome = outcome.as_deref().unwrap_or("unfinished: it is at work, or was killed");
    let style = match exit_code {
        Some(0) => GOOD,
        Some(3) | None => WARNING,
        Some(_) => BAD,
    };
    let code = exit_code.filter(|code| *code != 0).map_or_else(String::new, |code| format!(" (exit code {code})"));
    format!("{} {command} {FAINT}(run {id}){FAINT:#}: {style}{outcome}{code}{style:#}", local(started_at))
}

/// An RFC 3339 time of the mirror on the person's own clock; as it stands where it cannot be read.
pub fn local(at: &str) -> String {
    DateTime::parse_from_rfc3339(at)
        .map_or_else(|_| at.to_owned(), |at| at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string())
}

/// A value of a conflict, short enough for a line.
fn value(text: Option<&str>) -> String {
    let Some(text) = text else { return "nothing".to_owned() };
    let short: String = text.chars().take(60).collect();
    format!("\"{}{}\"", plain(&short), if short.len() < text.len() { "..." } else { "" })
}

#[cfg(test)]
mod tests;
