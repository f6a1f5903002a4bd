//! The command line as it is shown: each command's help ends with examples, and the options that all commands have are listed
//! once, by `carnet --help`.

use clap::{Arg, Command, CommandFactory};

use super::{args::Cli, examples};

/// In the place of the global options.
const ELSEWHERE: &str = "Global options (-c, --json, -q, -v, -y, ...): see `carnet --help`";

/// What is parsed, and what `--help` prints.
pub fn for_people() -> Command {
    let command = Cli::command();
    let hidden: Vec<Arg> =
        command.get_arguments().filter(|arg| arg.is_global_set()).map(|arg| arg.clone().hide(true)).collect();
    let top = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.after_help(format!("{}\n\n{top}", listed("")));
    command.mut_subcommands(|command| folded(command, "", &hidden))
}

fn folded(command: Command, parent: &str, hidden: &[Arg]) -> Command {
    let path = format!("{parent} {}", command.get_name()).trim_start().to_owned();
    let own = command.get_after_help().map(|words| format!("{words}\n\n")).unwrap_or_default();
    let command = command.after_help(format!("{own}{}\n\n{ELSEWHERE}", listed(&path)));
    // An argument of the same name keeps the visible one from being handed down.
    command.args(hidden).mut_subcommands(|command| folded(command, &path, hidden))
}

/// The examples as lines, the second column aligned.
fn listed(path: &str) -> String {
    let examples = examples::of(path);
    let wide = examples.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let lines: Vec<String> = examples.iter().map(|(line, what)| format!("  {line:wide$}  {what}")).collect();
    // Beside each other where that fits a narrow terminal, else below.
    if lines.iter().all(|line| line.chars().count() <= 78) {
        return format!("Examples:\n{}", lines.join("\n"));
    }
    let lines: Vec<String> = examples.iter().map(|(line, what)| format!("  {line}\n      {what}")).collect();
    format!("Examples:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Every command with its path.
    fn every(command: &Command, path: &str, f: &mut dyn FnMut(&Command, &str)) {
        f(command, path);
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            every(sub, format!("{path} {}", sub.get_name()).trim_start(), f);
        }
    }

    #[test]
    fn every_command_has_two_examples_that_its_parser_reads() {
        every(&for_people(), "", &mut |_, path| {
            let examples = examples::of(path);
            assert!(examples.len() >= 2, "{path}");
            for (line, _) in examples {
                let typed = line.split(['>', '|']).next().unwrap();
                // What stands between quotes is one word.
                let parts = typed.split('\'').enumerate();
                let words = parts.flat_map(|(place, part)| match place % 2 {
                    0 => part.split_whitespace().collect(),
                    _ => vec![part],
                });
                let words: Vec<&str> = words.collect();
                assert!(typed.contains(path), "{line}: not an example of {path}");
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        });
    }

    #[test]
    fn global_options_are_shown_once() {
        every(&for_people(), "", &mut |command, path| {
            let mut command = command.clone();
            for help in [command.render_help(), command.render_long_help()] {
                let help = help.to_string();
                assert_eq!(help.contains("--log-format <FORMAT>"), path.is_empty(), "{help}");
                assert_eq!(help.contains(ELSEWHERE), !path.is_empty(), "{help}");
                assert!(help.contains("Examples:"), "{help}");
            }
        });
    }

    #[test]
    fn hidden_options_work_all_the_same() {
        use clap::FromArgMatches;
        for line in ["carnet -c x.toml conflicts list", "carnet conflicts list --config x.toml"] {
            let matches = for_people().try_get_matches_from(line.split(' ')).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!(cli.global.config.as_deref(), Some(std::path::Path::new("x.toml")), "{line}");
        }
        assert!(for_people().try_get_matches_from(["carnet", "sync", "-q", "-v"]).is_err());
    }
}
