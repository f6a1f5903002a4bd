//! `carnet runs`: what was done when, and how it ended.

use clap::Args;
use serde_json::{Value, json};

use super::{
    context::Context,
    errors::CliError,
    exit, history,
    messages::Messages,
    output::{FAINT, Output, STRONG, plain},
    problems,
};
use crate::{
    sync::events::Stopped,
    views::{
        Reader,
        clock::local,
        problems::failures_of,
        runs::{self, RunRow},
    },
};

/// Flags of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// The number of one run, to see what it changed
    id: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// `carnet runs`.
pub fn run(args: &RunsArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    context.out.begin_list();
    match args.id {
        Some(id) => one(&reader, id, &mut context.out)?,
        None => list(&runs::latest(&reader, args.limit)?, &mut context.out)?,
    }
    Ok(exit::DONE)
}

fn list(runs: &[RunRow], out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    if out.json {
        for run in runs {
            out.object(&object(run, messages))?;
        }
        return Ok(());
    }
    let row = |run: &RunRow| {
        let RunRow { id, command, started_at, finished_at, outcome, exit_code, summary } = run;
        vec![
            id.to_string(),
            command.clone(),
            local(started_at),
            finished_at.as_deref().map_or(String::new(), |end| took(started_at, end)),
            outcome.clone().unwrap_or_else(|| "unfinished".to_owned()),
            exit_code.map_or(String::new(), |code| code.to_string()),
            summary.as_deref().map_or(String::new(), |summary| changes_and_failures(summary, failed(run))),
        ]
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    Ok(out.rows(&["run", "command", "started", "took", "outcome", "exit", "written"], &rows)?)
}

fn one(reader: &Reader, id: i64, out: &mut Output) -> Result<(), CliError> {
    let Some((run, replaced)) = runs::one(reader, id)? else {
        return Err(CliError::usage(format!("find run {id}"), "`carnet runs` lists them"));
    };
    if out.json {
        out.object(&object(&run, out.messages()))?;
        return history::print(&replaced, out);
    }
    let RunRow { id, command, started_at, finished_at, outcome, exit_code: _, summary } = &run;
    let messages = out.messages();
    let mut line = |name: &str, words: &str| out.line(&format!("{STRONG}{name:9}{STRONG:#} {words}"));
    line("run", &format!("{id} {command}"))?;
    line("started", &local(started_at))?;
    if let Some(end) = finished_at {
        line("took", &took(started_at, end))?;
    }
    line("outcome", outcome.as_deref().unwrap_or("unfinished"))?;
    if let Some(summary) = summary {
        let written = match changes(summary).as_str() {
            "none" => "nothing".to_owned(),
            changes => format!("{changes} records, in all places together"),
        };
        line("written", &written)?;
    }
    for failure in failures_of(&run) {
        line("failed", &plain(&problems::line(&failure, messages)))?;
        if let Some(hint) = &failure.hint {
            line("", &format!("{FAINT}{}{FAINT:#}", plain(hint)))?;
        }
    }
    history::print(&replaced, out)
}

/// A run as a JSON object; its summary is the one that the run itself printed.
pub fn object(run: &RunRow, messages: &dyn Messages) -> Value {
    let RunRow { id, command, started_at, finished_at, outcome, exit_code, summary } = run;
    let mut summary: Option<Value> = summary.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let stopped = summary.as_mut().and_then(|summary| summary.get_mut("stopped"));
    for stopped in stopped.and_then(Value::as_array_mut).into_iter().flatten() {
        // Earlier carnets wrote words.
        if let Ok(part) = serde_json::from_value::<Stopped>(stopped.clone()) {
            *stopped = messages.stopped(&part).into();
        }
    }
    if let Some(summary) = summary.as_mut().and_then(Value::as_object_mut).filter(|it| it.contains_key("failures")) {
        let failures = failures_of(run);
        let objects = failures.iter().map(|failure| problems::object("failure", failure, messages)).collect();
        summary.insert("failures".to_owned(), Value::Array(objects));
    }
    json!({
        "type": "run",
        "run": id,
        "command": command,
        "started_at": started_at,
        "finished_at": finished_at,
        "outcome": outcome,
        "exit_code": exit_code,
        "summary": summary,
    })
}

/// "+250 ~3 -1" over all places, from a run's stored summary.
fn changes(summary: &str) -> String {
    let summary: Value = serde_json::from_str(summary).unwrap_or_default();
    let total = |key: &str| -> u64 {
        summary[key].as_object().map_or(0, |places| places.values().filter_map(Value::as_u64).sum())
    };
    let signs = [("+", total("created")), ("~", total("updated")), ("-", total("deleted"))];
    let parts: Vec<String> =
        signs.into_iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(" ") }
}

/// What failed in a run, in numbers.
fn failed(run: &RunRow) -> u64 {
    failures_of(run).iter().map(|failure| failure.count).sum()
}

fn changes_and_failures(summary: &str, failed: u64) -> String {
    match (changes(summary), failed) {
        (changes, 0) => changes,
        (changes, failed) => format!("{changes}, {failed} failed"),
    }
}

fn took(start: &str, end: &str) -> String {
    let parse = |at: &str| chrono::DateTime::parse_from_rfc3339(at).ok();
    match (parse(start), parse(end)) {
        (Some(start), Some(end)) => match (end - start).num_seconds() {
            seconds @ ..60 => format!("{seconds} s"),
            seconds => format!("{} min {} s", seconds / 60, seconds % 60),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_summed_over_all_places() {
        let check = |summary: &str, expected: &str| assert_eq!(changes(summary), expected);
        check(r#"{"created":{"crm":1,"team":2},"updated":{"crm":0},"deleted":{"team":4}}"#, "+3 -4");
        check(r#"{"created":{}}"#, "none");
        check("broken", "none");
    }

    #[test]
    fn durations_are_said_in_words() {
        assert_eq!(took("2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"), "9 s");
        assert_eq!(took("2026-01-01T00:00:00Z", "2026-01-01T00:02:05Z"), "2 min 5 s");
        assert_eq!(took("?", "2026-01-01T00:02:05Z"), "");
    }
}
