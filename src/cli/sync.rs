//! `carnet pull`, `push` and `sync`: one run.

use std::cell::Cell;

use clap::Args;

use super::{args::WaitArgs, context::Context, daemon::ENGLISH, errors::CliError, follow, notify, report::Report};
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
        dry_run: args.dry_run,
        max_delete: args.guard.max_delete,
        force: args.guard.force,
        ..RunOptions::new(Mode::Pull, "pull")
    };
    run(&options, args.wait, context)
}

/// `carnet push`.
pub fn push(args: &PushArgs, context: &mut Context) -> Result<u8, CliError> {
    let options = RunOptions { dry_run: args.dry_run, ..RunOptions::new(Mode::Push, "push") };
    run(&options, args.wait, context)
}

/// `carnet sync`.
pub fn sync(args: &SyncArgs, context: &mut Context) -> Result<u8, CliError> {
    let options = RunOptions {
        only: args.only.clone(),
        dry_run: args.dry_run,
        max_delete: args.guard.max_delete,
        force: args.guard.force,
        ..RunOptions::new(Mode::Sync, "sync")
    };
    let settings = context.settings_with_devices()?;
    // What the daemon would do as well, it does: one run is enough, and it knows of it.
    let plain = !args.dry_run && args.only.is_empty() && args.guard.max_delete.is_none() && !args.guard.force;
    let Some(followed) = plain.then(|| follow::asked(context, &settings)).flatten() else {
        return run_here(&settings, &options, args.wait, context);
    };
    let (wait, is_own) = (args.wait.limit(), Cell::new(false));
    let ended = reported(context, &settings, Told::of_the_daemons_run(), async |stop, events| {
        if let Some(ended) = follow::to_end(followed, wait, stop, events).await {
            return ended;
        }
        is_own.set(true);
        app::run_when_free(&settings, &options, wait, stop, events).await
    });
    if matches!(ended, Err(CliError::Sync(SyncError::Interrupted))) && !is_own.get() {
        context.talk(follow::LEFT_ALONE);
    }
    ended
}

/// What the first sync with these settings would do.
pub fn rehearse(context: &mut Context, settings: &Settings) -> Result<u8, CliError> {
    let options = RunOptions { dry_run: true, ..RunOptions::new(Mode::Sync, "init") };
    let in_sum = Told { each_change: false, ..Told::of_a_run(true) };
    reported(context, settings, in_sum, async |stop, events| app::run(settings, &options, stop, events).await)
}

fn run(options: &RunOptions, wait: WaitArgs, context: &mut Context) -> Result<u8, CliError> {
    run_here(&context.settings_with_devices()?, options, wait, context)
}

fn run_here(settings: &Settings, options: &RunOptions, wait: WaitArgs, context: &mut Context) -> Result<u8, CliError> {
    reported(context, settings, Told::of_a_run(options.dry_run), async |stop, events| {
        app::run_when_free(settings, options, wait.limit(), stop, events).await
    })
}

/// How much of a run is told.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    dry_run: bool,
    /// Each change, where a dry run or `-v` asks for it.
    each_change: bool,
    /// It is the daemon's run, which tells the settings' programs itself.
    followed: bool,
}

impl Told {
    /// A run of this command's own.
    pub fn of_a_run(dry_run: bool) -> Self {
        Self { dry_run, each_change: true, followed: false }
    }

    fn of_the_daemons_run() -> Self {
        Self { followed: true, ..Self::of_a_run(false) }
    }
}

/// Does a run with its report around it; the first Ctrl-C asks it to stop, the second ends the process.
pub fn reported(
    context: &mut Context,
    settings: &Settings,
    Told { dry_run, each_change, followed }: Told,
    run: impl AsyncFnOnce(&Stop, &mut Events<'_>) -> Result<Summary, SyncError>,
) -> Result<u8, CliError> {
    context.start_logging("warn");
    let runtime = context.runtime()?;
    let (quiet, is_logged) = (context.global.quiet, context.global.verbose >= LOGGED_FROM);
    let mut report = Report::new(context, settings, dry_run);
    if !each_change {
        report = report.in_sum();
    }
    let outcome = runtime.block_on(async {
        let stop = Stop::new();
        signals::listen(&stop, move |again| {
            // Of the daemon's run it is said at the end that it goes on.
            if !quiet && !followed {
                let _ = std::io::Write::write_all(&mut std::io::stderr(), again.as_bytes());
            }
        });
        let mut events = |event| {
            if is_logged {
                log::event(&event, ENGLISH);
            }
            report.event(event);
        };
        let ended = run(&stop, &mut events).await;
        if !followed {
            notify::after_command(settings, &ended, dry_run).await;
        }
        ended
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
