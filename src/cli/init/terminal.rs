//! The interviewer at a terminal.

use super::interview::Interviewer;
use crate::cli::errors::CliError;

/// Asks on stderr, reads the keyboard.
pub struct Terminal;

impl Interviewer for Terminal {
    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, CliError> {
        let input = dialoguer::Input::<String>::new().with_prompt(question);
        let input = match usual {
            Some(usual) => input.default(usual.to_owned()),
            None => input,
        };
        input.interact_text().map_err(failed)
    }

    fn secret(&mut self, question: &str) -> Result<String, CliError> {
        dialoguer::Password::new().with_prompt(question).interact().map_err(failed)
    }

    fn choice(&mut self, question: &str, choices: &[&str]) -> Result<usize, CliError> {
        dialoguer::Select::new().with_prompt(question).items(choices).default(0).interact().map_err(failed)
    }

    fn agrees(&mut self, question: &str) -> Result<bool, CliError> {
        dialoguer::Confirm::new().with_prompt(question).default(true).interact().map_err(failed)
    }

    fn say(&mut self, text: &str) {
        // Talk is not worth failing for.
        let _ = std::io::Write::write_all(&mut anstream::stderr(), format!("{text}\n").as_bytes());
    }
}

fn failed(error: dialoguer::Error) -> CliError {
    CliError::failed(
        format!("ask on the terminal: {error}"),
        "nothing was written; `carnet init --help` names flags for all of it",
    )
}
