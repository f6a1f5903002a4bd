//! Runs: the last of them with a bar each, and what one replaced.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;

use super::{
    changes::{ChangeLine, LINES_MAX},
    visit::{Frame, Here, Trouble, Visit, moment, unanswered},
    words::{Language, Words, fill},
};
use crate::{
    sync::{Summary, exit},
    views::{
        Reader,
        runs::{RunRow, latest, one},
    },
};

/// So many runs are shown.
const RUNS_MAX: usize = 50;
/// The width of a whole bar, in its own units.
const BAR: u64 = 100;

#[derive(Template)]
#[template(path = "runs.html", config = "src/http/desk/askama.toml")]
pub(super) struct Runs {
    frame: Frame,
    runs: Vec<Line>,
}

/// A run on a line.
struct Line {
    id: i64,
    at: String,
    what: &'static str,
    ended: &'static str,
    written: String,
    bar: Bar,
}

/// How much a run wrote: where each part of its bar begins, and how wide it is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bar {
    made: u64,
    changed: u64,
    deleted: u64,
}

#[derive(Template)]
#[template(path = "run.html", config = "src/http/desk/askama.toml")]
pub(super) struct OneRun {
    frame: Frame,
    title: String,
    /// What it was, when, how it ended and what it wrote.
    summed: String,
    id: i64,
    changes: Vec<ChangeLine>,
    /// Not all are shown.
    only_first: Option<String>,
    /// It was made just now, by undoing.
    done: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    done: bool,
}

pub(super) async fn show(Extension(visit): Extension<Visit>) -> Response {
    visit.show(|visit, _, reader| page(visit, reader)).await
}

fn page(visit: &Visit, reader: &Reader) -> Result<Runs, Trouble> {
    let runs = latest(reader, RUNS_MAX)?.iter().map(|run| line(visit.language, run)).collect();
    Ok(Runs { runs, frame: visit.frame(Here::Runs, unanswered(reader)?.0) })
}

pub(super) async fn show_one(
    Extension(visit): Extension<Visit>,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Response {
    visit.show(move |visit, _, reader| page_of_one(visit, reader, id, asked.done)).await
}

fn page_of_one(visit: &Visit, reader: &Reader, id: i64, done: bool) -> Result<OneRun, Trouble> {
    let (language, words) = (visit.language, visit.words());
    let (run, changes) = one(reader, id)?.ok_or(Trouble::NotFound)?;
    let is_cut = changes.len() > LINES_MAX;
    let first = language.number(LINES_MAX as u64);
    Ok(OneRun {
        title: fill(words.run_number, &[("n", &language.number(id.unsigned_abs()))]),
        summed: summed(words, line(language, &run)),
        id,
        changes: changes.into_iter().take(LINES_MAX).map(|change| ChangeLine::of(language, change)).collect(),
        only_first: is_cut.then(|| fill(words.only_first, &[("n", &first)])),
        done,
        frame: visit.frame(Here::Runs, unanswered(reader)?.0),
    })
}

fn line(language: Language, run: &RunRow) -> Line {
    let words = language.words();
    let what = match run.command.as_str() {
        "resolve" => words.by_decision,
        "undo" => words.by_undo,
        "import" => words.by_import,
        _ => words.by_schedule,
    };
    let ended = match (run.exit_code.and_then(|code| u8::try_from(code).ok()), &run.outcome) {
        (Some(exit::DONE), _) => words.went_well,
        (Some(exit::PARTLY), _) => words.went_partly,
        (None, None) => words.unfinished,
        (Some(_), _) | (None, Some(_)) => words.went_wrong,
    };
    let summary: Summary = run.summary.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let counts = counts(&summary);
    Line {
        id: run.id,
        at: moment(language, &run.started_at),
        what,
        ended,
        written: written(language, counts),
        bar: bar(counts),
    }
}

fn summed(words: &Words, Line { at, what, ended, written, .. }: Line) -> String {
    fill(words.entry, &[("kind", &format!("{what}, {at}")), ("value", &format!("{ended}, {written}"))])
}

/// What a run made, changed and deleted, in all places.
fn counts(summary: &Summary) -> [u64; 3] {
    [&summary.created, &summary.updated, &summary.deleted].map(|places| places.values().sum())
}

fn written(language: Language, [made, changed, deleted]: [u64; 3]) -> String {
    let words = language.words();
    let parts = [(words.made, made), (words.changed, changed), (words.deleted, deleted)];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(sentence, count)| fill(sentence, &[("n", &language.number(count))]))
        .collect();
    if said.is_empty() { words.no_change.to_owned() } else { said.join(", ") }
}

/// A bar as long as the number of digits of what was written: a first run of thousands leaves the others their length.
fn bar([made, changed, deleted]: [u64; 3]) -> Bar {
    let total = made + changed + deleted;
    if total == 0 {
        return Bar::default();
    }
    let length = (BAR * u64::from(64 - total.leading_zeros()) / 16).min(BAR);
    let part = |count: u64| count * length / total;
    Bar { made: part(made), changed: part(changed), deleted: part(deleted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_longer_for_more_and_is_never_longer_than_whole() {
        assert_eq!(bar([0; 3]), Bar::default());
        assert_eq!(bar([1, 0, 0]), Bar { made: 6, changed: 0, deleted: 0 });
        assert_eq!(bar([0, 10, 10]), Bar { made: 0, changed: 15, deleted: 15 });
        let whole = bar([1 << 40, 0, 0]);
        assert_eq!(whole.made, BAR);
    }

    #[test]
    fn what_was_written_is_counted_in_the_language() {
        assert_eq!(written(Language::French, [10_000, 0, 2]), "10\u{202f}000 créés, 2 supprimés");
        assert_eq!(written(Language::English, [0, 0, 0]), "nothing changed");
    }
}
