//! The conversation: what is missing is asked for, tried at once, and asked for again until it works or the user has
//! enough. Whoever asks and whatever tries is handed in.

use secrecy::SecretString;

use super::answers::{Answers, BookAnswer, KINDS, PasswordAnswer};
use crate::cli::errors::CliError;

/// Who asks.
pub trait Interviewer {
    /// A line of text.
    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, CliError>;
    /// A line that is not shown.
    fn secret(&mut self, question: &str) -> Result<String, CliError>;
    /// One of these, by its place.
    fn choice(&mut self, question: &str, choices: &[&str]) -> Result<usize, CliError>;
    /// Yes, unless the user says no.
    fn agrees(&mut self, question: &str) -> Result<bool, CliError>;
    /// Tells something.
    fn say(&mut self, text: &str);
}

/// What tries the answers.
pub trait Trial {
    /// Why this address cannot be the CRM's API.
    fn address(&self, url: &str) -> Result<(), String>;
    /// Asks the CRM with these answers; `Ok` is what it said.
    fn login(&mut self, answers: &Answers, typed: Option<&SecretString>) -> Result<String, Refusal>;
}

/// Why the CRM was not reached.
pub struct Refusal {
    /// In words, with what to do.
    pub words: String,
    /// It is the login, not the address.
    pub is_login: bool,
}

/// What was answered, and what is to be kept beside the settings.
#[derive(Default)]
pub struct Interview {
    pub answers: Answers,
    /// The password as it was typed.
    pub typed: Option<SecretString>,
    /// The file that carnet is to write it to.
    pub password_file: Option<String>,
    /// systemd is to hand it over.
    pub credential: bool,
}

const PASSWORD_FILE: &str = "crm-password";

/// Asks for all that flags did not say.
pub fn interview(given: Answers, asker: &mut dyn Interviewer, trial: &mut dyn Trial) -> Result<Interview, CliError> {
    let mut interview = Interview { answers: given, ..Interview::default() };
    account(&mut interview, asker, trial)?;
    if interview.answers.books.is_empty() {
        interview.answers.books.extend(book(asker)?);
    }
    Ok(interview)
}

/// The CRM's address and the login, until they work.
fn account(interview: &mut Interview, asker: &mut dyn Interviewer, trial: &mut dyn Trial) -> Result<(), CliError> {
    loop {
        let url = address(interview, asker, trial)?;
        if url != "sandbox" {
            if interview.answers.username.is_none() {
                interview.answers.username = Some(asker.text("login (the one of the CRM's web page)", None)?);
            }
            if interview.answers.password.is_none() {
                password(interview, asker)?;
            }
        }
        match trial.login(&interview.answers, interview.typed.as_ref()) {
            Ok(words) => {
                asker.say(&words);
                return Ok(());
            }
            Err(refusal) => {
                asker.say(&refusal.words);
                let mut choices = ["another address", "another login", "save it as it is, I will see to it", "stop"];
                if refusal.is_login {
                    choices.swap(0, 1);
                }
                match choices[asker.choice("what next?", &choices)?] {
                    "another address" => interview.answers.url = None,
                    "another login" => {
                        (interview.answers.username, interview.answers.password) = (None, None);
                        (interview.typed, interview.password_file, interview.credential) = (None, None, false);
                    }
                    "stop" => return Err(CliError::usage("set carnet up: you stopped", "nothing was written")),
                    _ => return Ok(()),
                }
            }
        }
    }
}

fn address(interview: &mut Interview, asker: &mut dyn Interviewer, trial: &mut dyn Trial) -> Result<String, CliError> {
    loop {
        let url = match interview.answers.url.take() {
            Some(url) => url,
            None => {
                asker.text("the CRM's address, such as https://www.incwo.com/123456, or sandbox to practise", None)?
            }
        };
        let url = url.trim().to_owned();
        match trial.address(&url) {
            Ok(()) => {
                interview.answers.url = Some(url.clone());
                return Ok(url);
            }
            Err(words) => asker.say(&words),
        }
    }
}

fn password(interview: &mut Interview, asker: &mut dyn Interviewer) -> Result<(), CliError> {
    let choices = [
        "in a file beside the settings that only you can read; carnet writes it",
        "a command prints it (pass, secret-tool, op ...)",
        "systemd hands it over as a credential: for a service",
        "in a file that is there already",
        "in the settings file itself, which only you can read",
        "nowhere: ask me each time",
    ];
    let choice = asker.choice("where is the password to be kept?", &choices)?;
    let answer = match choice {
        0 => PasswordAnswer::File(PASSWORD_FILE.to_owned()),
        1 => {
            let command = asker.text("the command, its words separated by spaces", Some("pass show incwo"))?;
            PasswordAnswer::Command(command.split_whitespace().map(str::to_owned).collect())
        }
        3 => PasswordAnswer::File(asker.text("the file", None)?),
        4 => PasswordAnswer::Inline(String::new()),
        _ => PasswordAnswer::Elsewhere,
    };
    interview.credential = choice == 2;
    interview.password_file = (choice == 0).then(|| PASSWORD_FILE.to_owned());
    interview.answers.password = Some(match answer {
        PasswordAnswer::Command(_) | PasswordAnswer::File(_) if choice != 0 => answer,
        answer => {
            let typed = asker.secret("password")?;
            interview.typed = Some(SecretString::from(typed.clone()));
            if choice == 4 { PasswordAnswer::Inline(typed) } else { answer }
        }
    });
    Ok(())
}

/// The first book.
fn book(asker: &mut dyn Interviewer) -> Result<Option<BookAnswer>, CliError> {
    let choices = [
        "a folder with a card for each contact (khard, vdirsyncer, Radicale)",
        "one .vcf file with all of them",
        "a sheet (.csv) for LibreOffice and others",
        "a sheet for a French Excel",
        "none yet",
    ];
    let choice = asker.choice("where else should the contacts be? (more can follow)", &choices)?;
    let Some((kind, usual)) = KINDS.get(choice.min(2)).filter(|_| choice < 4) else { return Ok(None) };
    let path = asker.text("its path, from the settings file's folder", Some(usual))?;
    Ok(Some(BookAnswer { kind, path, dialect: (choice == 3).then_some("excel-fr") }))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers what it was told to, and remembers what it heard.
    struct Script {
        answers: VecDeque<&'static str>,
        heard: Vec<String>,
    }

    impl Script {
        fn next(&mut self, question: &str) -> &'static str {
            self.answers.pop_front().unwrap_or_else(|| panic!("not expected: {question}"))
        }
    }

    impl Interviewer for Script {
        fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, CliError> {
            let answer = self.next(question);
            Ok(if answer.is_empty() { usual.unwrap_or_default().to_owned() } else { answer.to_owned() })
        }

        fn secret(&mut self, question: &str) -> Result<String, CliError> {
            Ok(self.next(question).to_owned())
        }

        fn choice(&mut self, question: &str, choices: &[&str]) -> Result<usize, CliError> {
            let answer = self.next(question);
            Ok(choices.iter().position(|choice| choice.contains(answer)).unwrap())
        }

        fn agrees(&mut self, question: &str) -> Result<bool, CliError> {
            Ok(self.next(question) == "yes")
        }

        fn say(&mut self, text: &str) {
            self.heard.push(text.to_owned());
        }
    }

    /// A CRM at one address that takes one login.
    struct OneAccount;

    impl Trial for OneAccount {
        fn address(&self, url: &str) -> Result<(), String> {
            if url.starts_with("https://") { Ok(()) } else { Err("no https".to_owned()) }
        }

        fn login(&mut self, answers: &Answers, _: Option<&SecretString>) -> Result<String, Refusal> {
            let is_address = answers.url.as_deref() == Some("https://a/1");
            match (is_address, answers.username.as_deref()) {
                (true, Some("me")) => Ok("login accepted".to_owned()),
                (true, _) => Err(Refusal { words: "refused".to_owned(), is_login: true }),
                (false, _) => Err(Refusal { words: "not there".to_owned(), is_login: false }),
            }
        }
    }

    fn hold(answers: &[&'static str]) -> (Result<Interview, CliError>, Vec<String>) {
        let mut script = Script { answers: answers.iter().copied().collect(), heard: Vec::new() };
        let done = interview(Answers::default(), &mut script, &mut OneAccount);
        assert!(script.answers.is_empty(), "{:?} were not asked for", script.answers);
        (done, script.heard)
    }

    #[test]
    fn what_is_wrong_is_asked_for_again_and_the_rest_is_kept() {
        let (done, heard) = hold(&[
            "http://a/1",
            "https://b/1",
            "you",
            "a command",
            "",
            "another address",
            "https://a/1",
            "another login",
            "me",
            "carnet writes it",
            "secret",
            "French Excel",
            "",
        ]);
        let done = done.unwrap();
        assert_eq!(heard, ["no https", "not there", "refused", "login accepted"]);
        let book = BookAnswer { kind: "csv", path: "contacts.csv".to_owned(), dialect: Some("excel-fr") };
        let answers = Answers {
            url: Some("https://a/1".to_owned()),
            username: Some("me".to_owned()),
            password: Some(PasswordAnswer::File("crm-password".to_owned())),
            mirror: None,
            books: vec![book],
        };
        assert_eq!((done.answers, done.password_file.as_deref()), (answers, Some("crm-password")));
    }

    #[test]
    fn a_user_may_stop_or_save_what_does_not_work_yet() {
        let wrong = ["https://a/1", "you", "ask me each time", "secret"];
        assert!(hold(&[&wrong[..], &["stop"]].concat()).0.is_err());
        let saved = hold(&[&wrong[..], &["save it", "none yet"]].concat()).0.unwrap();
        assert_eq!((saved.answers.password, saved.answers.books), (Some(PasswordAnswer::Elsewhere), vec![]));
    }

    #[test]
    fn a_password_in_the_settings_is_the_one_that_was_typed() {
        let done = hold(&["https://a/1", "me", "settings file itself", "secret", "folder", "people"]).0.unwrap();
        assert_eq!(done.answers.password, Some(PasswordAnswer::Inline("secret".to_owned())));
        assert_eq!(done.answers.books[0].path, "people");
    }
}
