//! `carnet status`: the last run, the next one, what is pending, what waits for a user.

use chrono::{DateTime, Local, Utc};
use serde_json::{Value, json};

use super::{
    conflicts::item,
    context::Context,
    errors::CliError,
    exit,
    messages::{Messages, Said},
    output::{BAD, FAINT, GOOD, Output, STRONG, WARNING, plain},
    plural::counted,
    problems,
    report::who,
};
use crate::{
    app::{DaemonNote, alters_fact, daemon_of, something_ran},
    config::Settings,
    contact::Field,
    sync::{CRM, stamp},
    views::{
        attention::{Item, Subject},
        clock::{self, local},
        problems::Problem,
        status::{Asked, ReplicaStatus, RunRow, Status, UnsettledWrite, status},
    },
};

/// `carnet status`.
pub fn run(context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    something_ran(&settings.mirror.path)?;
    let status = status(&context.reader(&settings)?, asked(&settings))?;
    let shown = Shown::new(status, daemon_of(&settings.mirror.path), &settings, Utc::now());
    if context.out.json {
        let messages = context.out.messages();
        context.out.object(&shown.object(messages))?;
    } else {
        shown.print(&mut context.out)?;
    }
    Ok(shown.code())
}

/// The replicas of the settings, the CRM first.
fn asked(settings: &Settings) -> impl Iterator<Item = Asked<'_>> {
    let books = settings.books.iter().map(|book| {
        let alters = book.server().map(|_| alters_fact(&book.name));
        Asked { name: &book.name, alters, filter: Some(&book.where_) }
    });
    std::iter::once(Asked { name: CRM, alters: None, filter: None }).chain(books)
}

/// The state of everything, and when the next run is due.
struct Shown {
    status: Status,
    daemon: Option<DaemonNote>,
    /// What the daemon says; without one, the schedule's next time. None while the daemon is at work.
    next: Option<DateTime<Utc>>,
}

impl Shown {
    fn new(status: Status, daemon: Option<DaemonNote>, settings: &Settings, now: DateTime<Utc>) -> Self {
        let next = match &daemon {
            Some(daemon) => daemon.next.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok()),
            None => settings.sync.schedule.next(&now.with_timezone(&Local)).map(|next| next.fixed_offset()),
        };
        Self { status, daemon, next: next.map(|next| next.with_timezone(&Utc)) }
    }

    /// Whether something waits, for who watches carnet.
    fn code(&self) -> u8 {
        if self.status.counts.total() == 0 { exit::DONE } else { exit::PARTLY }
    }

    fn object(&self, messages: &dyn Messages) -> Value {
        let pending = |replica: &ReplicaStatus| {
            let ReplicaStatus { name, held, create, update, delete, staying, missing, unsettled, alters } = replica;
            let unsettled: Vec<Value> = unsettled.iter().map(|write| unsettled_object(write, messages)).collect();
            json!({ "replica": name, "held": held, "unsettled": unsettled, "missing": missing, "staying": staying,
                    "alters": alters,
                    "pending": { "create": create, "update": update, "delete": delete } })
        };
        let Status { contacts, last, companies, replicas, items, problems, counts } = &self.status;
        let number = |item: &Item| match item.id {
            crate::sync::ItemId::Conflict(id) | crate::sync::ItemId::Attention(id) => id,
        };
        json!({
            "type": "status",
            "contacts": contacts,
            "waiting": counts.total(),
            "exit_code": self.code(),
            "out_of_the_crm": { "company": { "contacts": companies.0, "values": companies.1 } },
            "last_run": last.as_ref().map(|run| super::runs::object(run, messages)),
            "daemon": self.daemon.as_ref().map(|DaemonNote { pid, started, next: _, failures, resting, paused }| {
                json!({
                    "pid": pid, "started_at": started, "failures": failures, "resting": resting, "paused_since": paused,
                })
            }),
            "next_run": self.next.map(stamp),
            "replicas": replicas.iter().map(pending).collect::<Vec<_>>(),
            "conflicts": items.iter().filter_map(|item| match &item.subject {
                Subject::Conflict { field, here, there, .. } => Some(json!({
                    "id": number(item), "replica": item.replica, "contact": item::name(item, messages), "field": field,
                    "here": here, "there": there, "at": item.since, "command": item::command(item, messages),
                })),
                Subject::Attention { .. } => None,
            }).collect::<Vec<_>>(),
            "questions": items.iter().filter_map(|item| match &item.subject {
                Subject::Attention { remote, attention, .. } => Some(json!({
                    "id": number(item), "replica": item.replica, "remote": remote, "kind": attention.kind().word(),
                    "text": item::text(item, messages), "since": item.since,
                    "command": item::command(item, messages),
                })),
                Subject::Conflict { .. } => None,
            }).collect::<Vec<_>>(),
            "problems": problems.iter().map(|problem| problems::waiting(problem, messages)).collect::<Vec<_>>(),
        })
    }

    fn next_run(&self) -> Option<String> {
        let next = self.next.map(clock::shown);
        Some(match (&self.daemon, next) {
            (None, None) => return None,
            (None, Some(next)) => format!("{next} {FAINT}(if `carnet daemon` ran; it does not){FAINT:#}"),
            (Some(DaemonNote { pid, paused: Some(since), .. }), None) => {
                let since = format!("{WARNING}paused since {}{WARNING:#}", clock::local(since));
                format!("{since} {FAINT}(daemon, process {pid}; the desk has it go on){FAINT:#}")
            }
            (Some(daemon), None) => format!("at work now {FAINT}(daemon, process {}){FAINT:#}", daemon.pid),
            (Some(DaemonNote { pid, failures: 0, .. }), Some(next)) => {
                format!("{next} {FAINT}(daemon, process {pid}){FAINT:#}")
            }
            (Some(DaemonNote { pid, failures, .. }), Some(next)) => {
                let failed = counted((*failures).into(), "failed run");
                format!("{next} {WARNING}after {failed}{WARNING:#} {FAINT}(daemon, process {pid}){FAINT:#}")
            }
        })
    }

    fn print(&self, out: &mut Output) -> Result<(), CliError> {
        let messages = out.messages();
        let Status { contacts, last, companies, replicas, items, problems, counts } = &self.status;
        let mut line = |name: &str, words: &str| out.line(&format!("{STRONG}{name:9}{STRONG:#} {words}"));
        line("mirror", &counted(*contacts, "contact"))?;
        match last {
            Some(run) => line("last run", &last_run(run))?,
            None => line("last run", "none yet")?,
        }
        if let Some(words) = self.next_run() {
            line("next run", &words)?;
        }
        let resting = self.daemon.iter().flat_map(|daemon| &daemon.resting);
        for replica in replicas {
            line(&replica.name, &held_and_pending(replica, messages))?;
            if let Some((_, until)) = resting.clone().find(|(name, _)| **name == replica.name) {
                let rests = format!("in trouble, not tried again before {}", clock::local(until));
                line(
                    &replica.name,
                    &format!("{WARNING}{rests}{WARNING:#} {FAINT}(`carnet sync` tries it at once){FAINT:#}"),
                )?;
            }
            if !replica.alters.is_empty() {
                line(&replica.name, &plain(&messages.alters(&replica.alters)))?;
            }
        }
        if companies.0 > 0 {
            let Said { message, hint } = messages.stays_out(CRM, Field::Company, companies.0, &companies.1);
            line(CRM, &plain(&message))?;
            line("", &format!("{FAINT}{}{FAINT:#}", plain(&hint.unwrap_or_default())))?;
        }
        for item in items {
            line("waiting", &format!("{}{}", question(item, messages), since(&item.since)))?;
            line("", &format!("{FAINT}{}{FAINT:#}", plain(&item::command(item, messages))))?;
        }
        for replica in replicas {
            for write in replica.unsettled.iter().filter(|write| write.is_shown_here()) {
                line("waiting", &unsettled(write, &replica.name, messages))?;
                line("", &format!("{FAINT}{}{FAINT:#}", messages.unsettled_todo(write)))?;
            }
        }
        for Problem { failure, since: at, .. } in problems {
            let words = problems::line(failure, messages);
            line("waiting", &format!("{WARNING}{}{WARNING:#}{}", plain(&words), since(at)))?;
            line("", &format!("{FAINT}{}{FAINT:#}", plain(problems::todo(failure, messages))))?;
        }
        if counts.total() == 0 {
            line("waiting", &format!("{GOOD}{}{GOOD:#}", messages.nothing_waits()))?;
        }
        Ok(())
    }
}

fn held_and_pending(replica: &ReplicaStatus, messages: &dyn Messages) -> String {
    let ReplicaStatus { name: _, held, create, update, delete, staying, missing, unsettled, alters: _ } = replica;
    let mut words = counted(*held, "contact");
    let pending = [(create, "create"), (update, "update"), (delete, "delete")];
    for (count, verb) in pending.into_iter().filter(|(count, _)| **count > 0) {
        words += &format!(", {WARNING}{count} to {verb}{WARNING:#}");
    }
    if *staying > 0 {
        words += &format!(", {}", messages.staying(*staying));
    }
    if *missing > 0 {
        words += &format!(", {WARNING}{missing} not found there, looked for again{WARNING:#}");
    }
    if !unsettled.is_empty() {
        words += &format!(", {WARNING}{} unsettled, see below{WARNING:#}", counted(unsettled.len() as u64, "write"));
    }
    words
}

/// A write whose end is not known, for `--json`.
pub fn unsettled_object(write: &UnsettledWrite, messages: &dyn Messages) -> Value {
    let UnsettledWrite { action, state, sent_at, error, contact } = write;
    json!({
        "action": action.word(), "state": state.word(), "sent_at": sent_at, "contact": contact,
        "error": error, "todo": messages.unsettled_todo(write),
    })
}

/// What was sent, and what is known of it, on one line.
fn unsettled(write: &UnsettledWrite, replica: &str, messages: &dyn Messages) -> String {
    let words = messages.unsettled(write, &who(&write.contact));
    format!("{WARNING}{}{WARNING:#} {}{}", plain(replica), plain(&words), since(&write.sent_at))
}

/// "  since 2026-01-01 01:00:00"; nothing where that is not known.
fn since(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("  {FAINT}since {}{FAINT:#}", local(at)) }
}

/// What waits for the user, on one line.
fn question(item: &Item, messages: &dyn Messages) -> String {
    let replica = &item.replica;
    match &item.subject {
        Subject::Conflict { field, .. } => {
            let (name, field) = (item::name(item, messages), field.as_deref().unwrap_or("the whole contact"));
            let name = plain(&name);
            format!("{WARNING}conflict{WARNING:#} {name}: {field}: {}", item::question(item, messages))
        }
        Subject::Attention { remote, attention, .. } => {
            let text = messages.attention(replica, &item::about(item, remote), attention);
            let guarded = messages.guarded(&attention.kind());
            format!("{WARNING}{}{guarded}{WARNING:#} {}", plain(replica), plain(&text))
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

#[cfg(test)]
mod tests;
