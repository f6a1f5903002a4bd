//! `carnet pull`, `push` and `sync`: one run.

use clap::Args;

use super::{args::WaitArgs, context::Context, daemon::ENGLISH, errors::CliError, report::Report};
use crate::{
    app,
    config::{Limit, Settings},
    daemon::{log, signals},
    sync::{Events, Mode, RunOptions, Stop, Summary, SyncError},
};

/// With so many `-v` a run is logged besides being told.
const LOGGED_FROM: u8 = 2;

/// Flags of `pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    #[command(flatten)]
    guard: GuardArgs,
    /// Show what would be done, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Flags of `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Show what would be done, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Flags of `sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    guard: GuardArgs,
    /// Show what would be done, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Only these: crm, or names of books
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// A user's decision on mass changes.
#[derive(Debug, Args)]
struct GuardArgs {
    /// Let so many deletions pass instead of the settings' limit: a number, or a share such as 20%
    #[arg(long, value_name = "N|P%", value_parser = limit)]
    max_delete: Option<Limit>,
    /// Go on where carnet stops for safety (exit code 7): a book was emptied or edited all over, or the mirror is another
    /// account's. It is believed as it is, so read first what was said
    #[arg(long)]
    force: bool,
}

fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text).ok_or_else(|| "expected a number of contacts, or a percentage from 0% to 100%".to_owned())
}

/// `carnet pull`.
pub fn pull(args: &PullArgs, context: &mut Context) -> Result<u8, CliError> {
    let options = RunOptions {
        mode: Mode::Pull,
        only: Vec::new(),
        dry_run: args.dry_run,
        max_delete: args.guard.max_delete,
        force: args.guard.force,
        trigger: "pull".to_owned(),
    };
    run(&options, args.wait, context)
}

/// `carnet push`.
pub fn push(args: &PushArgs, context: &mut Context) -> Result<u8, CliError> {
    let options = RunOptions {
        mode: Mode::Push,
        only: Vec::new(),
        dry_run: args.dry_run,
        max_delete: None,
        force: false,
        trigger: "push".to_owned(),
    };
    run(&options, args.wait, context)
}

/// `carnet sync`.
pub fn sync(args: &SyncArgs, context: &mut Context) -> Result<u8, CliError> {
    let options = RunOptions {
        mode: Mode::Sync,
        only: args.only.clone(),
        dry_run: args.dry_run,
        max_delete: args.guard.max_delete,
        force: args.guard.force,
        trigger: "sync".to_owned(),
    };
    run(&options, args.wait, context)
}

/// What the first sync with these settings would do.
pub fn rehearse(context: &mut Context, settings: &Settings) -> Result<u8, CliError> {
    let options = RunOptions {
        mode: Mode::Sync,
        only: Vec::new(),
        dry_run: true,
        max_delete: None,
        force: false,
        trigger: "init".to_owned(),
    };
    let in_sum = Told { dry_run: true, each_change: false };
    told(context, settings, in_sum, async |stop, events| app::run(settings, &options, stop, events).await)
}

fn run(options: &RunOptions, wait: WaitArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    reported(context, &settings, options.dry_run, async |stop, events| {
        app::run_when_free(&settings, options, wait.limit(), stop, events).await
    })
}

/// Does a run with its report around it; the first Ctrl-C asks it to stop, the second ends the process.
pub fn reported(
    context: &mut Context,
    settings: &Settings,
    dry_run: bool,
    run: impl AsyncFnOnce(&Stop, &mut Events<'_>) -> Result<Summary, SyncError>,
) -> Result<u8, CliError> {
    told(context, settings, Told { dry_run, each_change: true }, run)
}

/// How much of a run is told.
struct Told {
    dry_run: bool,
    /// Each change, where a dry run or `-v` asks for it.
    each_change: bool,
}

fn told(
    context: &mut Context,
    settings: &Settings,
    told: Told,
    run: impl AsyncFnOnce(&Stop, &mut Events<'_>) -> Result<Summary, SyncError>,
) -> Result<u8, CliError> {
    context.start_logging("warn");
    let runtime = context.runtime()?;
    let (quiet, is_logged) = (context.global.quiet, context.global.verbose >= LOGGED_FROM);
    let mut report = Report::new(context, settings, told.dry_run);
    if !told.each_change {
        report = report.in_sum();
    }
    let outcome = runtime.block_on(async {
        let stop = Stop::new();
        signals::listen(&stop, move |again| {
            if !quiet {
                let _ = std::io::Write::write_all(&mut std::io::stderr(), again.as_bytes());
            }
        });
        let mut events = |event| {
            if is_logged {
                log::event(&event, ENGLISH);
            }
            report.event(event);
        };
        run(&stop, &mut events).await
    });
    // A prompt may still sit in a blocking read; the process is about to end anyway.
    runtime.shutdown_background();
    match outcome {
        Ok(summary) => {
            let code = summary.exit_code();
            if is_logged {
                log::summary(&summary, ENGLISH);
            }
            // The run is done whether or not somebody still reads of it.
            match report.summary(&summary) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
                Err(_) | Ok(()) => Ok(code),
            }
        }
        Err(error) => {
            report.abandon();
            Err(error.into())
        }
    }
}
