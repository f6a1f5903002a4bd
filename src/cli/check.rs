//! `carnet check`: a line for the settings, the password, the server, every book, the listener and each program that is told.

use anstyle::Style;
use clap::Args;
use serde_json::json;

use super::{
    context::Context,
    errors::CliError,
    exit,
    messages::{Messages, Said},
    output::{BAD, FAINT, GOOD, Output, WARNING, plain},
};
use crate::{
    app,
    app::{CheckLine, Finding, Server, Verdict},
    config::{CrmUrl, Environment, Settings, secrets},
    sync::{Attention, CRM, SyncError, events::Stopped},
};

mod outside;

const PASSWORD: &str = "password";

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Leave the servers out
    #[arg(long)]
    offline: bool,
    /// Try writing to this book's server, too: a throwaway card is made, changed and removed
    #[arg(long, value_name = "BOOK", conflicts_with = "offline")]
    write: Vec<String>,
}

/// `carnet check`.
pub fn run(args: &CheckArgs, context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("warn");
    let settings = context.settings_with_devices()?;
    let runtime = context.runtime()?;
    for book in &args.write {
        app::may_be_written(&settings, book)?;
    }
    let mut lines = runtime.block_on(lines(settings.clone(), args.offline));
    for book in &args.write {
        lines.push(runtime.block_on(app::check_writing(&settings, book))?);
    }
    print(&lines, &mut context.out)?;
    if args.write.is_empty() && !args.offline {
        for book in agreed(&settings, &lines, context) {
            let line = runtime.block_on(app::check_writing(&settings, &book))?;
            print(std::slice::from_ref(&line), &mut context.out)?;
            lines.push(line);
        }
    }
    runtime.shutdown_background();
    Ok(code(&lines))
}

/// The books on servers that a user, being asked on a terminal, lets be tried before a run first writes there.
fn agreed(settings: &Settings, lines: &[CheckLine], context: &Context) -> Vec<String> {
    // A yes to all questions is none to this one.
    if context.out.json || context.global.quiet || context.global.yes || !context.is_conversation() {
        return Vec::new();
    }
    let is_well = |name: &&str| !lines.iter().any(|line| line.subject == *name && line.verdict == Verdict::Failed);
    let new = app::never_written(settings).into_iter().filter(is_well);
    let asked = new.filter(|name| {
        let question = format!("try writing to {name}, too? a throwaway card is made there and removed");
        context.confirm(&question, false)
    });
    asked.map(str::to_owned).collect()
}

/// All lines; the password is got once, whatever its source costs.
async fn lines(mut settings: Settings, offline: bool) -> Vec<CheckLine> {
    let mut lines = vec![line("settings", Verdict::Ok, settings.file.display().to_string(), None)];
    if let CrmUrl::Http(url) = &settings.crm.url
        && settings.crm.insecure_http
    {
        lines.push(outside::plain_http("settings", url));
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    lines.extend(outside::variables(names, &settings));
    let source = secrets::source(&settings, Environment::of_process());
    let well =
        outside::password(PASSWORD, &source).unwrap_or_else(|| line(PASSWORD, Verdict::Ok, source.describe(), None));
    let known = match secrets::read(&settings, source).await {
        Ok(password) => {
            settings.crm.password.given = Some(password);
            lines.push(well);
            true
        }
        Err(error) => {
            lines.push(line(PASSWORD, Verdict::Failed, format!("failed to {error}"), error.hint()));
            false
        }
    };
    let server = match (offline, known) {
        (true, _) => Server::Offline,
        (false, true) => Server::Ask,
        // Without a password the server would only say so again.
        (false, false) => Server::NoPassword,
    };
    lines.extend(app::check(&settings, server).await);
    lines.extend(outside::books(&settings));
    lines.extend(outside::lines(&settings));
    lines
}

fn line(subject: &str, verdict: Verdict, message: String, hint: Option<String>) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict, finding: Finding::Said { message, hint } }
}

/// What was found and what to do, in words.
fn in_words(finding: &Finding, messages: &dyn Messages) -> Said {
    match finding {
        Finding::Said { message, hint } => Said { message: message.clone(), hint: hint.clone() },
        Finding::Written { alters } => Said { message: messages.tried_writing(alters), hint: None },
        Finding::Error(error) => Said { message: error.whole(), hint: messages.what_to_do(error) },
        Finding::Guarded(stopped) => {
            Said { message: messages.stopped(stopped), hint: messages.todo(&stopped.attention) }
        }
    }
}

/// Prints the lines.
pub fn print(lines: &[CheckLine], out: &mut Output) -> Result<(), CliError> {
    if !out.json {
        return Ok(out.say(&in_lines(lines, out))?);
    }
    for CheckLine { subject, verdict, finding } in lines {
        let Said { message, hint } = in_words(finding, out.messages());
        let (word, _) = shown(*verdict);
        let mut object =
            json!({ "type": "check", "subject": subject, "verdict": word, "message": message, "hint": hint });
        if let Finding::Written { alters } = finding {
            object["alters"] = json!(alters);
        }
        out.object(&object)?;
    }
    Ok(())
}

/// The lines as a user reads them.
pub fn in_lines(lines: &[CheckLine], out: &Output) -> String {
    let width = lines.iter().map(|line| line.subject.chars().count()).max().unwrap_or(0);
    let lines = lines.iter().map(|CheckLine { subject, verdict, finding }| {
        let (word, style) = shown(*verdict);
        let Said { message, hint } = in_words(finding, out.messages());
        let hint =
            hint.map_or_else(String::new, |hint| format!("\n{:width$}  {FAINT}hint:{FAINT:#}    {}", "", plain(&hint)));
        format!("{subject:width$}  {style}{word:7}{style:#}  {}{hint}", plain(&message))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Ok => ("ok", GOOD),
        Verdict::Warning => ("warning", WARNING),
        Verdict::Failed => ("failed", BAD),
    }
}

/// 0 only if all is ok; 3 if there are warnings only; else the code with which a run would end: what ends it at once goes
/// before what stops a part of it.
pub fn code(lines: &[CheckLine]) -> u8 {
    let failed = lines.iter().filter(|line| line.verdict == Verdict::Failed);
    let codes: Vec<u8> = failed.map(failure_code).collect();
    let first = [exit::USAGE, exit::LOGIN, exit::NETWORK, exit::SAFETY, exit::LOCKED, exit::FAILED];
    match first.into_iter().find(|code| codes.contains(code)) {
        Some(code) => code,
        None if lines.iter().any(|line| line.verdict == Verdict::Warning) => exit::PARTLY,
        None => exit::DONE,
    }
}

fn failure_code(line: &CheckLine) -> u8 {
    match &line.finding {
        Finding::Said { .. } if line.subject == PASSWORD => exit::USAGE,
        Finding::Said { .. } | Finding::Written { .. } => exit::FAILED,
        // A book in trouble is no network.
        Finding::Error(SyncError::Network(_) | SyncError::Login(_)) if line.subject != CRM => exit::FAILED,
        Finding::Error(error) => error.exit_code(),
        Finding::Guarded(Stopped { attention: Attention::HeldDeletions { .. }, .. }) => exit::FAILED,
        Finding::Guarded(_) => exit::SAFETY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{replica::Diagnostic, sync::StopReason};

    #[test]
    fn only_all_ok_is_0_and_the_rest_is_as_a_run_would_end() {
        let said = |verdict| line("x", verdict, String::new(), None);
        let error = |subject: &str, error| CheckLine {
            subject: subject.to_owned(),
            verdict: Verdict::Failed,
            finding: Finding::Error(error),
        };
        let trouble = || Diagnostic::new("x");
        let emptied = || CheckLine {
            subject: "team".to_owned(),
            verdict: Verdict::Failed,
            finding: Finding::Guarded(Stopped {
                replica: "team".to_owned(),
                attention: Attention::Stopped { reason: StopReason::Emptied { known: 3 } },
            }),
        };
        let check = |lines: Vec<CheckLine>, expected: u8| assert_eq!(code(&lines), expected, "{lines:?}");
        check(vec![said(Verdict::Ok), said(Verdict::Ok)], 0);
        check(vec![said(Verdict::Ok), said(Verdict::Warning)], 3);
        check(vec![said(Verdict::Warning), said(Verdict::Failed), said(Verdict::Ok)], 1);
        check(vec![said(Verdict::Failed), emptied()], 7);
        check(vec![emptied(), error(CRM, SyncError::Network(trouble()))], 5);
        check(vec![emptied(), error(CRM, SyncError::Login(trouble()))], 4);
        check(vec![error("team", SyncError::Network(trouble()))], 1);
        let password = line(PASSWORD, Verdict::Failed, String::new(), None);
        check(vec![password, error(CRM, SyncError::Login(trouble()))], 2);
    }
}
