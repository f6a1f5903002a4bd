//! The command line: one file a command, and what all of them share: flags, output, progress, errors in words, exit codes.
//!
//! Only this folder prints. stdout is data, stderr is talk; a command answers an exit code and leaves the process to
//! [`main`].

mod args;
mod backup;
mod books;
mod check;
mod command;
mod completions;
mod conflicts;
mod context;
mod daemon;
mod desk;
mod devices;
mod errors;
mod events_json;
mod examples;
mod export;
mod find;
mod firms;
mod follow;
mod history;
mod import;
mod init;
mod list;
mod lookup;
mod man;
pub mod messages;
mod notify;
mod output;
mod pager;
mod plural;
mod problems;
mod progress;
mod repair;
mod report;
mod restore;
mod runs;
mod sandbox;
mod show;
mod status;
mod sync;
mod undo;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches;

use args::{Cli, Command};
use context::Context;
use errors::CliError;

pub use crate::sync::exit;

/// Runs the program on these arguments, the first being its own name, and answers its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = command::for_people().try_get_matches_from(arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version come this way too, for stdout; a closed stdout is nobody's trouble.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    keep_files_private(&cli.command);
    let mut context = Context::new(cli.global);
    let code = match run(&cli.command, &mut context) {
        Ok(code) => code,
        Err(error) => {
            let error = context.examined(error);
            context.complain(&error)
        }
    };
    ExitCode::from(code)
}

/// What is made from here on is its owner's alone, whatever the shell's umask: nearly all of it is about people. Manual
/// pages are for everybody.
fn keep_files_private(command: &Command) {
    if !matches!(command, Command::Man(_) | Command::Completions(_)) {
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    }
}

fn run(command: &Command, context: &mut Context) -> Result<u8, CliError> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Pull(args) => sync::pull(args, context),
        Command::Push(args) => sync::push(args, context),
        Command::Sync(args) => sync::sync(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Find(args) => find::run(args, context),
        Command::Status => status::run(context),
        Command::Runs(args) => runs::run(args, context),
        Command::History(args) => history::run(args, context),
        Command::Conflicts(args) => conflicts::run(args, context),
        Command::Books(args) => books::run(args, context),
        Command::Firms(args) => firms::run(args, context),
        Command::Devices(args) => devices::run(args, context),
        Command::Desk(args) => desk::run(args, context),
        Command::Undo(args) => undo::run(args, context),
        Command::Daemon => daemon::run(context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Repair(args) => repair::run(args, context),
        Command::Sandbox(args) => practice(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
    }
}

/// `carnet sandbox`, which knows neither the context nor our errors. With settings that use the practice CRM it serves
/// theirs, so that a user can play the CRM's side.
fn practice(args: &sandbox::SandboxArgs, context: &mut Context) -> Result<u8, CliError> {
    context.start_logging("warn");
    let mut args = args.clone();
    if args.state.is_none() && context.global.config.is_some() {
        args.state = context.settings()?.practice_crm();
    }
    let runtime = context.runtime()?;
    let served = runtime.block_on(sandbox::run(args, context.out.stream()));
    runtime.shutdown_background();
    served?;
    Ok(exit::DONE)
}
