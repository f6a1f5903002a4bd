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
};
use crate::{
    config::Settings,
    mirror::{ConflictRow, Mirror, OutboxRow, OutboxState, Pending, QuestionRow, RunRow},
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
}

#[derive(Default)]
struct ReplicaStatus {
    name: String,
    held: u64,
    create: u64,
    update: u64,
    delete: u64,
    outbox: Vec<OutboxRow>,
}

impl Status {
    fn read(mirror: &Mirror, settings: &Settings, now: DateTime<Utc>) -> Result<Self, CliError> {
        let mut replicas = Vec::new();
        for name in std::iter::once("crm").chain(settings.books.iter().map(|book| book.name.as_str())) {
            let mut replica = ReplicaStatus {
                name: name.to_owned(),
                held: mirror.count_agreements(name)?,
                outbox: mirror.outbox(name)?,
                ..ReplicaStatus::default()
            };
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
        })
    }

    fn object(&self) -> Value {
        let pending = |replica: &ReplicaStatus| {
            let ReplicaStatus { name, held, create, update, delete, outbox } = replica;
            let unsettled: Vec<Value> = outbox
                .iter()
                .map(|row| json!({ "action": row.action.word(), "state": row.state.word(), "sent_at": row.sent_at }))
                .collect();
            json!({ "replica": name, "held": held, "unsettled": unsettled,
                    "pending": { "create": create, "update": update, "delete": delete } })
        };
        json!({
            "type": "status",
            "contacts": self.contacts,
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
                    "command": waiting.command(),
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
        if self.waiting.is_empty() && !self.stuck() {
            line("waiting", &format!("{GOOD}nothing waits for you{GOOD:#}"))?;
            return Ok(());
        }
        for waiting in &self.waiting {
            line("waiting", &asked(waiting))?;
            line("", &format!("{FAINT}{}{FAINT:#}", plain(&waiting.command())))?;
        }
        Ok(())
    }

    fn stuck(&self) -> bool {
        self.replicas
            .iter()
            .flat_map(|replica| &replica.outbox)
            .any(|row| matches!(row.state, OutboxState::Parked | OutboxState::Refused))
    }
}

impl ReplicaStatus {
    fn words(&self) -> String {
        let Self { name: _, held, create, update, delete, outbox } = self;
        let mut words = counted(*held, "contact");
        let pending = [(create, "create"), (update, "update"), (delete, "delete")];
        for (count, verb) in pending.into_iter().filter(|(count, _)| **count > 0) {
            words += &format!(", {WARNING}{count} to {verb}{WARNING:#}");
        }
        for state in [OutboxState::Sent, OutboxState::Unknown, OutboxState::Parked, OutboxState::Refused] {
            let count = outbox.iter().filter(|row| row.state == state).count();
            let meaning = match state {
                OutboxState::Sent => "under way or cut off",
                OutboxState::Unknown => "of unknown outcome, looked for in the next runs",
                OutboxState::Parked => "parked: someone may have changed it already, see below",
                OutboxState::Refused => "refused, tried again once the contact changes",
            };
            if count > 0 {
                words += &format!(", {WARNING}{count} {meaning}{WARNING:#}");
            }
        }
        words
    }
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
        Subject::Question(QuestionRow { replica, text, .. }) => {
            format!("{WARNING}{}{WARNING:#} {}", plain(replica), plain(text))
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
    format!("{} {command} {FAINT}(run {id}){FAINT:#}: {style}{outcome}{style:#}", local(started_at))
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
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::Environment,
        contact::Contact,
        mirror::{Agreement, State},
    };

    #[test]
    fn status_counts_what_is_pending_and_what_waits() {
        let text = "[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"t\"\n[sync]\nschedule = \"every 1h\"";
        let nothing = |_: &str| None;
        let settings = Settings::parse(Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
        let mut mirror = Mirror::in_memory().unwrap();
        let at = "2026-01-01T00:00:00Z";
        let run = mirror.begin_run("sync", at).unwrap();
        mirror.finish_run(run, at, "done", 0, "{}").unwrap();
        let contact = Contact { last_name: "Durand".into(), ..Contact::default() };
        let id = mirror.insert_contact("u-1", &contact, "crm", run, at).unwrap();
        let agreement = Agreement {
            contact: id,
            remote: "1042".into(),
            revision: "r".into(),
            theirs: contact.clone(),
            ours: contact,
            version: 1,
            detail: None,
            detached: false,
            marks: String::new(),
        };
        mirror.put_agreement("crm", &agreement).unwrap();
        let question = QuestionRow {
            id: 0,
            run,
            replica: "team".into(),
            remote: "a.vcf".into(),
            kind: "ambiguous".into(),
            contact: None,
            text: "a.vcf could be two contacts".into(),
            state: State::Open,
        };
        mirror.ask(&question).unwrap();
        let now = DateTime::parse_from_rfc3339("2026-01-01T10:20:00Z").unwrap().with_timezone(&Utc);
        let status = Status::read(&mirror, &settings, now).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&status.object()).unwrap(), @r#"
    {
      "conflicts": [],
      "contacts": 1,
      "last_run": {
        "command": "sync",
        "exit_code": 0,
        "finished_at": "2026-01-01T00:00:00Z",
        "outcome": "done",
        "run": 1,
        "started_at": "2026-01-01T00:00:00Z",
        "summary": {},
        "type": "run"
      },
      "next_run": "2026-01-01T11:00:00Z",
      "questions": [
        {
          "command": "carnet conflicts resolve q1 --same-as CONTACT (or --new)",
          "id": 1,
          "kind": "ambiguous",
          "remote": "a.vcf",
          "replica": "team",
          "text": "a.vcf could be two contacts"
        }
      ],
      "replicas": [
        {
          "held": 1,
          "pending": {
            "create": 0,
            "delete": 0,
            "update": 0
          },
          "replica": "crm",
          "unsettled": []
        },
        {
          "held": 0,
          "pending": {
            "create": 1,
            "delete": 0,
            "update": 0
          },
          "replica": "team",
          "unsettled": []
        }
      ],
      "type": "status"
    }
    "#);
        let words: Vec<String> = status
            .replicas
            .iter()
            .map(|replica| format!("{}: {}", replica.name, anstream::adapter::strip_str(&replica.words())))
            .collect();
        assert_eq!(words, ["crm: 1 contact", "team: 0 contacts, 1 to create"]);
    }
}
