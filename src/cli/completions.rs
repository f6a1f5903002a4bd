//! `carnet completions`: a script that teaches a shell our commands, and the values of those flags that take names.

use clap::{Args, Command, CommandFactory, builder::PossibleValuesParser};
use clap_complete::Shell;

use super::{args::Cli, context::Context, errors::CliError, exit};
use crate::{app, sandbox::Quirk};

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell: bash, zsh, fish, elvish, powershell
    #[arg(hide_possible_values = true)]
    shell: Shell,
}

/// `carnet completions`.
pub fn run(args: &CompletionsArgs, context: &mut Context) -> Result<u8, CliError> {
    // The generator panics where its writer fails: it writes into memory, and we to the stream.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "carnet", &mut script);
    context.out.stream().write_all(&script)?;
    context.out.flush()?;
    Ok(exit::DONE)
}

/// The commands, with the names that flags take besides what else they take: a format may be a file of the user's own.
fn command() -> Command {
    let formats = |written| PossibleValuesParser::new(app::format_names(written));
    Cli::command()
        .mut_subcommand("export", |it| it.mut_arg("format", |arg| arg.value_parser(formats(true))))
        .mut_subcommand("import", |it| it.mut_arg("format", |arg| arg.value_parser(formats(false))))
        .mut_subcommand("sandbox", |it| {
            it.mut_arg("quirks", |arg| arg.value_parser(PossibleValuesParser::new(Quirk::ALL.map(Quirk::name))))
                .mut_arg("lists", |arg| arg.value_parser(["replace", "append", "ids", "sync"]))
                .mut_arg("addresses", |arg| arg.value_parser(["replace", "append", "ids", "sync"]))
                .mut_arg("past_end", |arg| arg.value_parser(["empty", "repeat", "404"]))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_name_the_values_of_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "carnet", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["excel-fr", "outlook-com", "post-empty", "--dry-run"] {
                let word = if shell == Shell::Fish { word.trim_start_matches('-') } else { word };
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn every_format_that_is_offered_for_writing_is_written() {
        use crate::config::{Environment, Settings};
        let text = "[crm]\nurl = \"sandbox\"\n";
        let nothing = |_: &str| None;
        let settings =
            Settings::parse(std::path::Path::new("/x/carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
        for name in app::format_names(true) {
            assert!(app::export_format(&settings, name).is_ok(), "{name}");
        }
    }
}
