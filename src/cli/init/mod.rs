//! `carnet init`: from nothing to a first sync. The account is tried before anything is written, the settings file appears
//! whole or not at all, and no file is ever replaced.

mod answers;
mod interview;
mod terminal;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use self::{
    answers::{Answers, BookAnswer, PasswordAnswer, settings_text},
    interview::{Interview, Interviewer, Refusal, Trial, interview},
    terminal::Terminal,
};
use super::{check, context::Context, errors::CliError, exit, sync::rehearse};
use crate::{
    app::{self, CheckLine, Server},
    config::{Environment, Settings, SettingsError, secrets},
};

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write [default: -c, else carnet.toml]
    file: Option<PathBuf>,
    /// The CRM's address, or "sandbox" to practise
    #[arg(long)]
    url: Option<String>,
    /// The login
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The file that holds the password
    #[arg(long, value_name = "FILE", conflicts_with = "password_command")]
    password_file: Option<String>,
    /// The command that prints the password, its words separated by spaces
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<String>,
    /// The mirror's file [default: carnet.db, beside the settings]
    #[arg(long, value_name = "FILE")]
    mirror: Option<String>,
    /// A book to begin with: vdir (a folder of cards), vcard (one .vcf file) or csv, and its path; may be repeated
    #[arg(long = "book", value_name = "KIND[:PATH]", value_parser = BookAnswer::parse)]
    books: Vec<BookAnswer>,
    /// Write the file without trying the login
    #[arg(long)]
    offline: bool,
}

impl InitArgs {
    fn answers(&self) -> Answers {
        let command = self.password_command.as_deref().map(|command| command.split_whitespace().map(str::to_owned));
        let command = command.map(|words| PasswordAnswer::Command(words.collect()));
        let password = self.password_file.clone().map(PasswordAnswer::File).or(command);
        Answers {
            url: self.url.clone(),
            username: self.username.clone(),
            password,
            mirror: self.mirror.clone(),
            books: self.books.clone(),
        }
    }
}

/// `carnet init`.
pub fn run(args: &InitArgs, context: &mut Context) -> Result<u8, CliError> {
    let file = args.file.clone().or_else(|| context.global.config.clone()).unwrap_or_else(|| "carnet.toml".into());
    if file.symlink_metadata().is_ok() {
        let hint = "edit it, or name another file";
        return Err(CliError::failed(format!("write {}: it exists, and is never replaced", file.display()), hint));
    }
    let file = std::path::absolute(&file).map_err(|error| CliError::file("write", &file, &error))?;
    let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !context.global.yes;
    if person && !args.offline {
        return with_person(args, &file, context);
    }
    without_person(args, &file, context)
}

/// Asks, tries, writes, shows what the first sync would do.
fn with_person(args: &InitArgs, file: &Path, context: &mut Context) -> Result<u8, CliError> {
    let mut trial = Account { file, context };
    let interview = interview(args.answers(), &mut Terminal, &mut trial)?;
    let mut settings = parsed(file, &interview.answers)?;
    write_files(file, &interview, context)?;
    if interview.credential {
        let command = "systemd-creds encrypt --name=crm-password - /etc/credstore.encrypted/crm-password";
        context.talk(&format!(
            "the password for the service: run as root, type the password, then Ctrl-D twice:\n  {command}"
        ));
    }
    settings.crm.password.given = interview.typed;
    let shown = Terminal.agrees("show what the first sync would do? nothing is written")?;
    if shown {
        rehearse(context, &settings)?;
    }
    next_commands(file, shown, context)?;
    Ok(exit::DONE)
}

/// The same by flags: nothing is written unless the login works, or is not to be tried.
fn without_person(args: &InitArgs, file: &Path, context: &mut Context) -> Result<u8, CliError> {
    let interview = Interview { answers: args.answers(), ..Interview::default() };
    // Judged before it is written: a wrong answer leaves no file behind.
    let settings = parsed(file, &interview.answers)?;
    let source = secrets::source(&settings, Environment::of_process());
    let missing = match &interview.answers {
        Answers { url: None, .. } => {
            Some("fill in crm.url, crm.username and the password's source, then run `carnet check`")
        }
        _ if args.offline => Some("the login was not tried (--offline): run `carnet check`"),
        _ if matches!(source, secrets::Source::Prompt) => {
            Some("say where the password comes from, then run `carnet check`")
        }
        _ => None,
    };
    if let Some(missing) = missing {
        write_files(file, &interview, context)?;
        context.talk(missing);
        return Ok(exit::DONE);
    }
    let lines = check_account(&settings, context)?;
    check::print(&lines, &mut context.out)?;
    let code = check::code(&lines);
    if code != exit::DONE && code != exit::PARTLY {
        context.talk("nothing was written; --offline writes the settings without trying them");
        return Ok(code);
    }
    write_files(file, &interview, context)?;
    next_commands(file, false, context)?;
    Ok(code)
}

fn parsed(file: &Path, answers: &Answers) -> Result<Settings, CliError> {
    Ok(Settings::parse(file, &settings_text(answers), Environment::of_process())?)
}

fn check_account(settings: &Settings, context: &Context) -> Result<Vec<CheckLine>, CliError> {
    let runtime = context.runtime()?;
    let lines = runtime.block_on(app::check(settings, Server::Ask));
    runtime.shutdown_background();
    Ok(lines)
}

/// Tries answers on the CRM itself.
struct Account<'c> {
    file: &'c Path,
    context: &'c mut Context,
}

impl Trial for Account<'_> {
    fn address(&self, url: &str) -> Result<(), String> {
        let answers = Answers { url: Some(url.to_owned()), ..Answers::default() };
        parsed(self.file, &answers).map(drop).map_err(|error| match &error {
            CliError::Settings(SettingsError::Invalid { faults, .. }) => {
                let said = faults.iter().map(|fault| match &fault.hint {
                    Some(hint) => format!("{} ({hint})", fault.message),
                    None => fault.message.clone(),
                });
                said.collect::<Vec<_>>().join("\n")
            }
            _ => error.to_string(),
        })
    }

    fn login(&mut self, answers: &Answers, typed: Option<&SecretString>) -> Result<String, Refusal> {
        let refused = |words: String| Refusal { words, is_login: false };
        let mut settings = parsed(self.file, answers).map_err(|error| refused(error.to_string()))?;
        settings.crm.password.given = typed.cloned();
        self.context.talk("trying the login ...");
        let lines = check_account(&settings, self.context).map_err(|error| refused(error.to_string()))?;
        let words = check::in_lines(&lines, &self.context.out);
        match check::code(&lines) {
            exit::DONE | exit::PARTLY => Ok(words),
            code => Err(Refusal { words, is_login: code == exit::LOGIN }),
        }
    }
}

/// The password's file first: settings that name a file have it.
fn write_files(file: &Path, interview: &Interview, context: &mut Context) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| CliError::file("write", &path, &error)
    };
    let password = interview.password_file.as_ref().zip(interview.typed.as_ref());
    let password = password.map(|(name, typed)| (file.with_file_name(name), typed));
    if let Some((path, typed)) = &password {
        write_private(path, typed.expose_secret()).map_err(failed(path))?;
        context.out.say(&format!("written: {} (the password, for you alone)", path.display()))?;
    }
    let written = write_private(file, &settings_text(&interview.answers)).map_err(failed(file));
    if let (Err(_), Some((path, _))) = (&written, &password) {
        // Ours, and of no use without the settings.
        let _ = std::fs::remove_file(path);
    }
    written?;
    context.out.say(&format!("written: {}", file.display()))?;
    Ok(())
}

/// Writes a new file that its owner alone can read: whole, or not at all.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Made with mode 0600.
    let mut temp = tempfile::Builder::new().prefix(".carnet-init-").tempfile_in(folder)?;
    temp.write_all(text.as_bytes())?;
    temp.as_file().sync_all()?;
    temp.persist_noclobber(file).map(drop).map_err(|error| error.error)
}

fn next_commands(file: &Path, rehearsed: bool, context: &mut Context) -> Result<(), CliError> {
    let found = file.file_name().is_some_and(|name| name == "carnet.toml")
        && std::env::current_dir().is_ok_and(|folder| file.parent() == Some(&folder));
    let carnet = if found { "carnet".to_owned() } else { format!("carnet -c {}", file.display()) };
    let rehearsal = ("sync --dry-run", "what the first sync would do");
    let rest = [("sync", "everything, both ways, once"), ("status", "what happened, and what waits for you")];
    let daemon = ("daemon", "the same on a schedule, until told to stop");
    let commands = if rehearsed { [rest[0], rest[1], daemon] } else { [rehearsal, rest[0], daemon] };
    context.out.say("next:")?;
    for (command, what) in commands {
        context.out.say(&format!("  {carnet} {command:14}  {what}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_never_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/carnet.toml");
        write_private(&file, "a").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_private(&file, "b").is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a");
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }
}
