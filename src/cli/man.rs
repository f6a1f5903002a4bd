//! `carnet man`: the manual pages, made from the same definitions as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{args::Cli, context::Context, errors::CliError, exit};

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write carnet.1 and a page for each command into this folder
    folder: Option<PathBuf>,
}

/// `carnet man`.
pub fn run(args: &ManArgs, context: &mut Context) -> Result<u8, CliError> {
    match &args.folder {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .map_err(|error| CliError::file("write manual pages to", folder, &error))?,
        None => {
            clap_mangen::Man::new(Cli::command()).render(&mut context.out.stream())?;
            context.out.flush()?;
        }
    }
    Ok(exit::DONE)
}
