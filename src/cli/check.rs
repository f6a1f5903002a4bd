//! `carnet check`: a line for the settings, the password, the server and every book.

use clap::Args;
use serde_json::json;

use super::{
    context::Context,
    errors::CliError,
    exit,
    output::{BAD, FAINT, GOOD, Output, WARNING, plain},
};
use crate::{
    app,
    app::{CheckLine, Verdict},
    config::{CrmUrl, Environment, Settings, secrets},
};

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Leave the server out
    #[arg(long)]
    offline: bool,
}

/// `carnet check`.
pub fn run(args: &CheckArgs, context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("warn");
    let settings = context.settings()?;
    let runtime = context.runtime()?;
    let lines = runtime.block_on(lines(settings, args.offline));
    runtime.shutdown_background();
    print(&lines, &mut context.out)?;
    Ok(code(&lines))
}

/// All lines; the password is got once, whatever its source costs.
async fn lines(mut settings: Settings, offline: bool) -> Vec<CheckLine> {
    let mut lines = vec![line("settings", Verdict::Ok, settings.file.display().to_string(), None)];
    lines.extend(plain_http(&settings));
    let source = secrets::source(&settings, Environment::of_process());
    let place = source.describe();
    let known = match secrets::read(&settings, source).await {
        Ok(password) => {
            settings.crm.password.given = Some(password);
            lines.push(line("password", Verdict::Ok, place, None));
            true
        }
        Err(error) => {
            lines.push(line("password", Verdict::Failed, format!("failed to {error}"), error.hint()));
            false
        }
    };
    // Without a password the server would only say so again.
    for mut line in app::check(&settings, offline || !known).await {
        // Not being asked is no flaw where a user wanted it so.
        if offline && line.subject == "crm" {
            line.verdict = Verdict::Ok;
        }
        lines.push(line);
    }
    lines
}

fn plain_http(settings: &Settings) -> Option<CheckLine> {
    let CrmUrl::Http(url) = &settings.crm.url else { return None };
    settings.crm.insecure_http.then(|| {
        let message = if url.starts_with("http://") {
            "insecure_http is set: the password goes over the network in clear"
        } else {
            "insecure_http is set, though the address is https"
        };
        line(
            "settings",
            Verdict::Warning,
            message.to_owned(),
            Some("take insecure_http out of the settings".to_owned()),
        )
    })
}

fn line(subject: &str, verdict: Verdict, message: String, hint: Option<String>) -> CheckLine {
    CheckLine { subject: subject.to_owned(), verdict, message, hint }
}

/// Prints the lines.
pub fn print(lines: &[CheckLine], out: &mut Output) -> Result<(), CliError> {
    let width = lines.iter().map(|line| line.subject.chars().count()).max().unwrap_or(0);
    for CheckLine { subject, verdict, message, hint } in lines {
        let (word, style) = match verdict {
            Verdict::Ok => ("ok", GOOD),
            Verdict::Warning => ("warning", WARNING),
            Verdict::Failed => ("failed", BAD),
        };
        if out.json {
            let object =
                json!({ "type": "check", "subject": subject, "verdict": word, "message": message, "hint": hint });
            out.object(&object)?;
            continue;
        }
        out.say(&format!("{subject:width$}  {style}{word:7}{style:#}  {}", plain(message)))?;
        if let Some(hint) = hint {
            out.say(&format!("{:width$}  {FAINT}hint:{FAINT:#}    {}", "", plain(hint)))?;
        }
    }
    Ok(())
}

/// 0 only if all is ok; 1 if something failed, 3 if there are warnings only.
pub fn code(lines: &[CheckLine]) -> u8 {
    let any = |wanted: fn(&Verdict) -> bool| lines.iter().any(|line| wanted(&line.verdict));
    match () {
        () if any(|verdict| matches!(verdict, Verdict::Failed)) => exit::FAILED,
        () if any(|verdict| matches!(verdict, Verdict::Warning)) => exit::PARTLY,
        () => exit::DONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_ok_is_0() {
        let check = |verdicts: Vec<Verdict>, expected: u8| {
            let lines: Vec<CheckLine> =
                verdicts.into_iter().map(|verdict| line("x", verdict, String::new(), None)).collect();
            assert_eq!(code(&lines), expected);
        };
        check(vec![Verdict::Ok, Verdict::Ok], 0);
        check(vec![Verdict::Ok, Verdict::Warning], 3);
        check(vec![Verdict::Warning, Verdict::Failed, Verdict::Ok], 1);
    }
}
