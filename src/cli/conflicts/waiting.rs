//! What waits for a person, conflicts and questions alike, with the number and the command to type for each.

use serde_json::{Value, json};

use crate::{
    cli::errors::CliError,
    contact::Field,
    mirror::{ConflictRow, Mirror, QuestionRow, State, Stored},
    reconcile::resolution::choices,
    sync::{self, Candidate, Number},
};

/// A number as it is typed: `3`, `q7`.
pub fn typed_number(number: Number) -> String {
    match number {
        Number::Conflict(id) => id.to_string(),
        Number::Question(id) => format!("q{id}"),
    }
}

/// One conflict or question with what a person needs to know of it.
#[derive(Debug)]
pub struct Waiting {
    /// What is asked.
    pub subject: Subject,
    /// The contact as it stands, living or deleted; none where it was forgotten or is not known.
    pub contact: Option<Stored>,
    /// When it was first met: RFC 3339, UTC.
    pub since: String,
    /// The contacts that a question may be about.
    pub candidates: Vec<Candidate>,
    /// What to do about a question, where it is not answered here.
    pub todo: Option<String>,
}

/// What is asked.
#[derive(Debug)]
pub enum Subject {
    /// Both sides changed the same.
    Conflict(ConflictRow),
    /// Anything else.
    Question(QuestionRow),
}

impl Waiting {
    /// A conflict of the mirror.
    pub fn conflict(mirror: &Mirror, row: ConflictRow) -> Result<Self, CliError> {
        let contact = mirror.contact(row.contact)?;
        let since = row.at.clone();
        Ok(Self { subject: Subject::Conflict(row), contact, since, candidates: Vec::new(), todo: None })
    }

    /// A question of the mirror.
    pub fn question(mirror: &Mirror, row: QuestionRow) -> Result<Self, CliError> {
        let contact = row.contact.map(|id| mirror.contact(id)).transpose()?.flatten();
        let candidates = sync::candidates(mirror, &row)?;
        let todo = mirror.question_detail(row.id)?.todo;
        let since = mirror.run(row.run)?.map_or_else(String::new, |run| run.started_at);
        Ok(Self { subject: Subject::Question(row), contact, since, candidates, todo })
    }

    /// All that wait; with `all`, settled conflicts too, the oldest first.
    pub fn read(mirror: &Mirror, all: bool) -> Result<Vec<Self>, CliError> {
        /// Settled conflicts are kept for ever: the last ones are enough for a screen.
        const SHOWN_MAX: usize = 1_000;
        let rows = match all {
            false => mirror.open_conflicts()?,
            true => mirror.conflicts(SHOWN_MAX)?.into_iter().rev().collect(),
        };
        let mut waiting = rows.into_iter().map(|row| Self::conflict(mirror, row)).collect::<Result<Vec<_>, _>>()?;
        for row in mirror.questions()? {
            waiting.push(Self::question(mirror, row)?);
        }
        Ok(waiting)
    }

    /// The number that a person types.
    pub fn number(&self) -> Number {
        match &self.subject {
            Subject::Conflict(row) => Number::Conflict(row.id),
            Subject::Question(row) => Number::Question(row.id),
        }
    }

    /// The replica on the other side.
    pub fn replica(&self) -> &str {
        match &self.subject {
            Subject::Conflict(row) => &row.replica,
            Subject::Question(row) => &row.replica,
        }
    }

    /// The contact's name; the record's where there is no contact.
    pub fn name(&self) -> String {
        let name = self.contact.as_ref().map(|stored| stored.contact.display_name()).unwrap_or_default();
        match &self.subject {
            _ if !name.is_empty() => name,
            Subject::Conflict(row) => format!("contact {}", row.contact),
            // A question about a replica as a whole has no record.
            Subject::Question(row) if row.remote.is_empty() => row.replica.clone(),
            Subject::Question(row) => row.remote.clone(),
        }
    }

    /// The field in question, or the kind of question.
    pub fn what(&self) -> &str {
        match &self.subject {
            Subject::Conflict(row) => row.field.as_deref().unwrap_or("whole contact"),
            Subject::Question(row) => &row.kind,
        }
    }

    /// Whether it waits.
    pub fn state(&self) -> State {
        match &self.subject {
            Subject::Conflict(row) => row.state,
            Subject::Question(row) => row.state,
        }
    }

    /// What can be typed after `carnet conflicts resolve ID`.
    pub fn answers(&self) -> Vec<String> {
        match &self.subject {
            Subject::Conflict(row) => {
                let field = row.field.as_deref().and_then(Field::from_name);
                choices(field).into_iter().map(|word| format!("--keep {word}")).collect()
            }
            Subject::Question(row) => {
                let typed = |answer: &&str| match self.candidates.as_slice() {
                    [one] => answer.replace("CONTACT", &one.id),
                    _ => (*answer).to_owned(),
                };
                sync::answers(&row.kind).iter().map(typed).collect()
            }
        }
    }

    /// What an answer of [`Waiting::answers`] means.
    pub fn meaning(&self, answer: &str) -> &'static str {
        let (whole, with_crm) = match &self.subject {
            Subject::Conflict(row) => (row.field.is_none(), row.replica == "crm"),
            Subject::Question(_) => (false, false),
        };
        match answer.split(' ').collect::<Vec<_>>().as_slice() {
            ["--keep", "crm"] if whole && with_crm => "it is deleted here, as in the CRM",
            ["--keep", "book"] if whole && with_crm => "it stays, and is created in the CRM again",
            ["--keep", "crm"] if whole => "it stays",
            ["--keep", "book"] if whole => "it is deleted here, as in the book",
            ["--keep", "both"] => "both",
            ["--keep", "crm"] if with_crm => "the CRM's",
            ["--keep", "book"] if with_crm => "the mirror's",
            ["--keep", "crm"] => "the mirror's, for the CRM too",
            ["--keep", "book"] => "this book's",
            ["--keep", _] => "a value of your own",
            ["--adopt", _] => "the CRM's contact of this id is it",
            ["--create"] => "it was not made: send it again",
            ["--same-as", _] => "the record is this contact",
            ["--new"] => "it is somebody else, a contact of its own",
            ["--dismiss"] => "it is seen; nothing is done",
            _ => "",
        }
    }

    /// What to do: the command to type, and the other words that could stand in it.
    pub fn command(&self) -> String {
        if let Some(todo) = &self.todo {
            return todo.clone();
        }
        let answers = self.answers();
        let (first, others) = answers.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
        let others: Vec<&str> = others.iter().map(|answer| answer.trim_start_matches("--keep ")).collect();
        let others = if others.is_empty() { String::new() } else { format!(" (or {})", others.join(", ")) };
        format!("carnet conflicts resolve {} {first}{others}", typed_number(self.number()))
    }

    /// Everything, for `--json`.
    pub fn object(&self) -> Value {
        let contact = self.contact.as_ref().map(|stored| {
            json!({ "uid": stored.uid, "id": stored.crm_id, "name": stored.contact.display_name(),
                    "deleted": stored.deleted })
        });
        let number = typed_number(self.number());
        let (since, answers, state) = (&self.since, self.answers(), self.state().word());
        match &self.subject {
            Subject::Conflict(ConflictRow {
                id,
                run,
                at: _,
                contact: _,
                replica,
                field,
                base,
                here,
                there,
                kept,
                state: _,
            }) => {
                json!({
                    "type": "conflict", "id": id, "number": number, "run": run, "since": since, "contact": contact,
                    "replica": replica, "field": field, "base": base, "here": here, "there": there, "kept": kept,
                    "state": state, "answers": answers,
                })
            }
            Subject::Question(QuestionRow { id, run, replica, remote, kind, contact: _, text, state: _ }) => {
                let candidates: Vec<Value> = self
                    .candidates
                    .iter()
                    .map(|candidate| json!({ "id": candidate.id, "name": candidate.name, "held": candidate.held }))
                    .collect();
                json!({
                    "type": "question", "id": id, "number": number, "run": run, "since": since, "contact": contact,
                    "replica": replica, "remote": remote, "kind": kind, "text": text, "candidates": candidates,
                    "state": state, "answers": answers, "todo": self.todo,
                })
            }
        }
    }
}
