//! Taking back a run or one change: first what it would do, then doing it. The preview is the very undo, kept from being written.

use std::time::Duration;

use askama::Template;
use axum::{
    Extension,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    figures::{field_name, value},
    form::Form,
    visit::{Frame, Here, Trouble, Visit, message, see, unanswered},
    words::Words,
};
use crate::{
    app::{undo, with_devices},
    config::Settings,
    sync::{
        Left, Reason, SyncError, SyncEvent, Target, UndoOptions, Undone,
        events::{Change, ChangeAction, FieldChange},
    },
};

/// Whoever undoes waits so long for a run at work.
const WAIT: Duration = Duration::from_secs(5);
/// So many lines are shown.
const LINES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "undo.html", config = "src/http/desk/askama.toml")]
pub(super) struct Preview {
    frame: Frame,
    run: String,
    change: String,
    lines: Vec<Line>,
    left: Vec<(String, &'static str)>,
    made: Vec<String>,
    created: bool,
    is_empty: bool,
}

/// What would become of a field, or of a whole contact.
struct Line {
    name: String,
    what: String,
    old: String,
    new: String,
}

/// What is to be taken back, as an address and a form say it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    run: String,
    #[serde(default)]
    change: String,
    #[serde(default)]
    created: String,
}

impl Asked {
    fn target(&self) -> Option<Target> {
        match (self.run.parse(), self.change.parse()) {
            (Ok(run), Err(_)) => Some(Target::Run(run)),
            (Err(_), Ok(change)) => Some(Target::Change(change)),
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => None,
        }
    }
}

/// What came of trying.
enum Tried {
    Undone(Box<(Undone, Vec<SyncEvent>, i64)>),
    Busy,
    TooMany,
}

pub(super) async fn show(Extension(visit): Extension<Visit>, Query(asked): Query<Asked>) -> Response {
    let reading = visit.clone();
    let shown = visit
        .read(move |settings, reader| {
            let open = unanswered(reader)?.0;
            let tried = attempt(settings, &asked, true, Duration::ZERO)?;
            Ok((tried, asked, open))
        })
        .await;
    match shown {
        Ok((Tried::Undone(undone), asked, open)) => {
            visit.answer(Ok(preview(&reading, asked, undone.0, &undone.1, open)))
        }
        Ok((tried, ..)) => refused(&visit, &tried),
        Err(trouble) => visit.trouble(&trouble),
    }
}

/// Takes it back.
pub(super) async fn act(Extension(visit): Extension<Visit>, Extension(form): Extension<Form>) -> Response {
    let text = |name: &str| form.get(name).to_owned();
    let asked = Asked { run: text("run"), change: text("change"), created: text("created") };
    let done = visit.read(move |settings, _| attempt(settings, &asked, false, WAIT)).await;
    match done {
        Ok(Tried::Undone(undone)) if undone.2 > 0 => see(&format!("/desk/runs/{}?done=true", undone.2)),
        Ok(Tried::Undone(_)) => see("/desk/runs"),
        Ok(tried) => refused(&visit, &tried),
        Err(trouble) => visit.trouble(&trouble),
    }
}

fn attempt(settings: &Settings, asked: &Asked, dry_run: bool, wait: Duration) -> Result<Tried, Trouble> {
    let target = asked.target().ok_or(Trouble::NotFound)?;
    let settings = with_devices(settings).unwrap_or_else(|_| settings.clone());
    let options = UndoOptions { target, dry_run, created: !asked.created.is_empty(), force: false };
    let mut events = Vec::new();
    match undo(&settings, &options, wait, &mut |event| events.push(event)) {
        Ok((undone, summary)) => Ok(Tried::Undone(Box::new((undone, events, summary.run)))),
        Err(SyncError::Locked(_)) => Ok(Tried::Busy),
        Err(SyncError::Safety(_)) => Ok(Tried::TooMany),
        Err(SyncError::Usage(_)) => Err(Trouble::NotFound),
        Err(error) => Err(error.into()),
    }
}

fn refused(visit: &Visit, tried: &Tried) -> Response {
    let words = visit.words();
    let text = match tried {
        Tried::Busy => words.busy,
        Tried::TooMany => words.too_many_deletions,
        Tried::Undone(_) => words.undo_nothing,
    };
    message(visit.language, StatusCode::OK, text.to_owned()).into_response()
}

fn preview(visit: &Visit, asked: Asked, undone: Undone, events: &[SyncEvent], open: u64) -> Preview {
    let words = visit.words();
    let changes = events.iter().filter_map(|event| match event {
        SyncEvent::Change(change) => Some(change),
        _ => None,
    });
    let left = |Left { contact, reason, .. }: &Left| (contact.name.clone(), why(words, *reason));
    Preview {
        lines: changes.flat_map(|change| lines(words, change)).take(LINES_MAX).collect(),
        left: undone.left.iter().take(LINES_MAX).map(left).collect(),
        made: undone.created.iter().take(LINES_MAX).map(|label| label.name.clone()).collect(),
        created: !asked.created.is_empty(),
        is_empty: undone.nothing || events.is_empty(),
        run: asked.run,
        change: asked.change,
        frame: visit.frame(Here::Runs, open),
    }
}

fn lines(words: &Words, change: &Change) -> Vec<Line> {
    let name = change.contact.name.clone();
    let whole =
        |what: &str| vec![Line { name: name.clone(), what: what.to_owned(), old: String::new(), new: String::new() }];
    let field = |change: &FieldChange| Line {
        name: name.clone(),
        what: field_name(words, change.field).to_owned(),
        old: value(words, Some(change.field), &change.old),
        new: value(words, Some(change.field), &change.new),
    };
    match change.action {
        ChangeAction::Create | ChangeAction::Link => whole(words.would_make),
        ChangeAction::Delete => whole(words.would_delete),
        ChangeAction::Update if change.fields.is_empty() => whole(words.would_change),
        ChangeAction::Update => change.fields.iter().map(field).collect(),
    }
}

fn why(words: &Words, reason: Reason) -> &'static str {
    match reason {
        Reason::Overtaken => words.left_overtaken,
        Reason::Deleted => words.left_deleted,
        Reason::Merged => words.left_merged,
        Reason::Unreadable => words.left_unreadable,
    }
}
