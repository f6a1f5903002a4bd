//! `carnet completions`: a script that teaches a shell our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{args::Cli, context::Context, errors::CliError, exit};

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `carnet completions`.
pub fn run(args: &CompletionsArgs, context: &mut Context) -> Result<u8, CliError> {
    // The generator panics where its writer fails: it writes into memory, and we to the stream.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "carnet", &mut script);
    context.out.stream().write_all(&script)?;
    context.out.flush()?;
    Ok(exit::DONE)
}
