//! `carnet init`: a documented settings file, asked for where there is a user, and a try of the login.
//!
//! It is `config/carnet.toml` with the answers put in, so that the file explains itself. It never replaces a file.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{check, context::Context, errors::CliError, exit};
use crate::{
    app,
    config::{Environment, Settings},
};

const TEMPLATE: &str = include_str!("../../config/carnet.toml");
const TEMPLATE_URL: &str = "url = \"https://www.incwo.com/123456\"";
const TEMPLATE_USERNAME: &str = "username = \"me@example.com\"";

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
}

/// What goes into the template; `None` leaves its example.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    url: Option<String>,
    username: Option<String>,
    password: Option<PasswordAnswer>,
}

#[derive(Debug, PartialEq, Eq)]
enum PasswordAnswer {
    Command(Vec<String>),
    File(String),
    Inline(String),
}

/// `carnet init`.
pub fn run(args: &InitArgs, context: &mut Context) -> Result<u8, CliError> {
    let file = args.file.clone().or_else(|| context.global.config.clone()).unwrap_or_else(|| "carnet.toml".into());
    if file.symlink_metadata().is_ok() {
        let hint = "edit it, or name another file";
        return Err(CliError::failed(format!("write {}: it exists, and is never replaced", file.display()), hint));
    }
    let mut answers = Answers { url: args.url.clone(), username: args.username.clone(), password: None };
    let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !context.global.yes;
    if person {
        ask(&mut answers)?;
    }
    let text = filled(&answers);
    let file = std::path::absolute(&file).map_err(|error| CliError::file("write", &file, &error))?;
    // Judged before it is written: a wrong answer leaves no file behind.
    let settings = Settings::parse(&file, &text, Environment::of_process())?;
    write_private(&file, &text).map_err(|error| CliError::file("write", &file, &error))?;
    context.out.say(&format!("written: {}", file.display()))?;
    if answers.url.is_none() {
        context.talk("fill in crm.url, crm.username and the password's source, then run `carnet check`");
        return Ok(exit::DONE);
    }
    if !person && answers.url.as_deref() != Some("sandbox") {
        context.talk("say where the password comes from, then run `carnet check`");
        return Ok(exit::DONE);
    }
    let runtime = context.runtime()?;
    let lines = runtime.block_on(app::check(&settings, false));
    runtime.shutdown_background();
    check::print(&lines, &mut context.out)?;
    Ok(check::code(&lines))
}

fn ask(answers: &mut Answers) -> Result<(), CliError> {
    let failed =
        |error: dialoguer::Error| CliError::Failed { message: format!("ask on the terminal: {error}"), hint: None };
    let input = |question: &str| dialoguer::Input::<String>::new().with_prompt(question).interact_text();
    if answers.url.is_none() {
        answers.url = Some(input("the CRM's address (https://www.incwo.com/123456, or sandbox)").map_err(failed)?);
    }
    if answers.url.as_deref() == Some("sandbox") {
        return Ok(());
    }
    if answers.username.is_none() {
        answers.username = Some(input("login").map_err(failed)?);
    }
    let choices = [
        "a command prints it (pass, secret-tool, op...)",
        "it is in a file of its own",
        "write it into the settings file, which nobody else can read",
        "ask me each time",
    ];
    let question = "where does the password come from?";
    let choice = dialoguer::Select::new().with_prompt(question).items(choices).default(0).interact().map_err(failed)?;
    answers.password = match choice {
        0 => Some(PasswordAnswer::Command(
            input("the command, its words separated by spaces")
                .map_err(failed)?
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        )),
        1 => Some(PasswordAnswer::File(input("the file").map_err(failed)?)),
        2 => {
            Some(PasswordAnswer::Inline(dialoguer::Password::new().with_prompt("password").interact().map_err(failed)?))
        }
        _ => None,
    };
    Ok(())
}

/// The template with the answers in the place of its examples.
fn filled(answers: &Answers) -> String {
    let Answers { url, username, password } = answers;
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let sandbox = url.as_deref() == Some("sandbox");
    let mut out = String::with_capacity(TEMPLATE.len());
    for line in TEMPLATE.lines() {
        let answer = match (line, password) {
            (TEMPLATE_URL, _) => url.as_deref().map(|url| format!("url = {}", quoted(url))),
            (TEMPLATE_USERNAME, _) if sandbox && username.is_none() => Some("# username = \"demo\"".to_owned()),
            (TEMPLATE_USERNAME, _) => username.as_deref().map(|name| format!("username = {}", quoted(name))),
            (line, Some(PasswordAnswer::Command(argv))) if line.starts_with("# password_command = ") => {
                let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
                Some(format!("password_command = [{}]", words.join(", ")))
            }
            (line, Some(PasswordAnswer::File(file))) if line.starts_with("# password_file = ") => {
                Some(format!("password_file = {}", quoted(file)))
            }
            (line, Some(PasswordAnswer::Inline(text))) if line.starts_with("# password = ") => {
                Some(format!("password = {}", quoted(text)))
            }
            _ => None,
        };
        out.push_str(answer.as_deref().unwrap_or(line));
        out.push('\n');
    }
    out
}

/// Writes a new file that its owner alone can read.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(file)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::CrmUrl;

    fn settings(answers: &Answers) -> Settings {
        let nothing = |_: &str| None;
        Settings::parse(Path::new("/x/carnet.toml"), &filled(answers), Environment::from_fn(&nothing)).unwrap()
    }

    #[test]
    fn answers_are_put_into_the_template() {
        let answers = Answers {
            url: Some("https://crm.example.com/7".to_owned()),
            username: Some("a \"quoted\" name".to_owned()),
            password: Some(PasswordAnswer::Inline("p\\ss\"word'".to_owned())),
        };
        let settings = settings(&answers);
        assert_eq!(settings.crm.url, CrmUrl::Http("https://crm.example.com/7".to_owned()));
        assert_eq!(settings.crm.username, "a \"quoted\" name");
        assert_eq!(settings.crm.password.inline.unwrap().expose_secret(), "p\\ss\"word'");
    }

    #[test]
    fn each_password_answer_is_a_key() {
        let with = |password| settings(&Answers { password: Some(password), ..Answers::default() }).crm.password;
        let command = vec!["pass".to_owned(), "show".to_owned()];
        assert_eq!(with(PasswordAnswer::Command(command.clone())).command, Some(command));
        assert_eq!(with(PasswordAnswer::File("/s/pw".to_owned())).file.as_deref(), Some(Path::new("/s/pw")));
        assert!(settings(&Answers::default()).crm.password.inline.is_none());
    }

    #[test]
    fn without_answers_it_is_the_documented_example_and_the_sandbox_needs_no_login() {
        assert_eq!(filled(&Answers::default()), TEMPLATE);
        let sandbox = settings(&Answers { url: Some("sandbox".to_owned()), ..Answers::default() });
        assert_eq!((sandbox.crm.url, sandbox.crm.username.as_str()), (CrmUrl::Sandbox, "demo"));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_and_never_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("carnet.toml");
        write_private(&file, "a").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_private(&file, "b").is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a");
    }
}
