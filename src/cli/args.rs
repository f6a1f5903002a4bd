//! What can be typed: the commands and the flags that all of them have. The flags of one command are in its own file.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::{
    backup, books, check, completions, conflicts, desk, devices, export, find, firms, history, import, init, list, man,
    repair, restore, runs, sandbox, show, sync, undo,
};

/// Keeps a company's CRM contacts and its people's address books the same.
#[derive(Debug, Parser)]
#[command(name = "carnet", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or settings, 3 finished but something failed or waits for you, 4 login refused, \
5 network or server trouble (a retry may help), 7 stopped for safety, 11 another carnet is at work, 130 interrupted.";

/// Flags of every command, before or after its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Settings file [default: $CARNET_CONFIG, ./carnet.toml, ~/.config/carnet/carnet.toml]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every change; -vv: log what is done as well; -vvv: log it in detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// No progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Print long lists at once; else a terminal shows them with $PAGER [default: less]
    #[arg(long, global = true)]
    pub no_pager: bool,
    /// How log lines are written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The flag of the commands that need the mirror for themselves.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitArgs {
    /// While another carnet is at work on the mirror, wait for it, at most so many seconds [without a number: 600]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "600")]
    wait: Option<u64>,
}

impl WaitArgs {
    /// How long to wait.
    pub fn limit(self) -> Duration {
        self.wait.map_or(Duration::ZERO, Duration::from_secs)
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are obeyed.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a documented settings file, ask what is missing, try the login
    Init(init::InitArgs),
    /// Check settings, password, server and every book
    Check(check::CheckArgs),
    /// Read every page of the CRM into the mirror; write nothing anywhere else
    Pull(sync::PullArgs),
    /// Send the CRM what the mirror holds and the CRM does not
    Push(sync::PushArgs),
    /// Make the CRM and all books the same: read all, reconcile, write all
    Sync(sync::SyncArgs),
    /// Sync with a file's contacts taken in: writes to the CRM and the books; the file deletes nobody
    Import(import::ImportArgs),
    /// Write contacts to a file or to standard output
    Export(export::ExportArgs),
    /// List contacts
    List(list::ListArgs),
    /// Show everything about one contact
    Show(show::ShowArgs),
    /// Look for contacts by a part of a name, number, address or comment
    Find(find::FindArgs),
    /// Show the last run, the next one, and what waits for you; exit code 3 if anything does, else 0
    Status,
    /// List past runs, or show one
    Runs(runs::RunsArgs),
    /// Show what changed, from what to what
    History(history::HistoryArgs),
    /// List, show and resolve what waits for you: conflicts and questions
    Conflicts(conflicts::ConflictsArgs),
    /// List the books, or find out which address books a server has
    Books(books::BooksArgs),
    /// List the CRM's firms, or have one made
    Firms(firms::FirmsArgs),
    /// Add, list and revoke the devices that carnet serves address books to
    Devices(devices::DevicesArgs),
    /// Print an address that lets one browser into the daemon's page for the office, once
    Desk(desk::DeskArgs),
    /// Take back what a run or one change did, as an edit that the next sync carries everywhere
    Undo(undo::UndoArgs),
    /// Sync on a schedule until told to stop
    Daemon,
    /// Copy the mirror into a file, also while a daemon or a run is at work
    Backup(backup::BackupArgs),
    /// Put a copy in the mirror's place; the present mirror is kept beside it
    Restore(restore::RestoreArgs),
    /// Build a damaged or lost mirror anew from the CRM and the books, writing to neither
    Repair(repair::RepairArgs),
    /// Run a practice CRM on this machine
    Sandbox(sandbox::SandboxArgs),
    /// Print a shell's completion script
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(man::ManArgs),
}

/// A `FIELD=VALUE` of the command line.
pub fn condition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.trim().is_empty() => Ok((field.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err("expected FIELD=VALUE, such as contact_type=client".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_work_before_and_after_the_command() {
        let check = |line: &str| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(cli.global.json && cli.global.verbose == 2, "{line}");
            assert_eq!(cli.global.config.as_deref(), Some(std::path::Path::new("x.toml")), "{line}");
        };
        check("carnet -c x.toml --json -vv sync");
        check("carnet sync -c x.toml --json -vv");
        check("carnet --json sync --config x.toml --dry-run -vv");
    }

    #[test]
    fn every_command_of_the_contract_is_there() {
        for line in [
            "init",
            "init carnet.toml",
            "check --offline",
            "pull",
            "push --dry-run",
            "sync -n --only crm,team --max-delete 10% --force",
            "sync --wait",
            "pull --wait=5",
            "push --wait",
            "import --wait contacts.csv",
            "undo --wait 12",
            "import contacts.csv --format google --dry-run --no-push",
            "import -",
            "export",
            "export out.vcf --format vcard4 --where contact_type=client --where city=Paris",
            "list",
            "show 1042",
            "find durand",
            "status",
            "runs",
            "runs 3",
            "history",
            "history 1042",
            "conflicts",
            "conflicts --all",
            "conflicts list",
            "conflicts list --all",
            "conflicts show 3",
            "conflicts show q7",
            "conflicts resolve 3 --keep crm",
            "conflicts resolve 3 --keep book",
            "conflicts resolve 3 --keep both",
            "conflicts resolve 3 --keep job_title=Directrice",
            "conflicts resolve q7 --adopt 1051",
            "conflicts resolve q7 --create",
            "conflicts resolve q8 --same-as 1042",
            "conflicts resolve q8 --new",
            "conflicts resolve q9 --dismiss",
            "books",
            "books list --json",
            "books discover phones -v",
            "check --write phones --write tablet",
            "firms",
            "firms list durand",
            "firms create Durand",
            "undo 12",
            "undo h345",
            "undo 12 --dry-run --created --force",
            "daemon",
            "desk",
            "desk --viewer --name Marie --no-open",
            "backup carnet-2026-11-30.db --force",
            "repair --force",
            "restore carnet-2026-11-30.db --force",
            "sandbox --port 0 --contacts 10 --seed 1 --per-page 5 --fault slow=10 --fault drop=1%",
            "completions bash",
            "man",
            "man out",
            "sync --color never --no-progress -y --log-format json -q",
        ] {
            let words = std::iter::once("carnet").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "",
            "sink",
            "sync --max-delete ten",
            "sync --wait=long",
            "sync --wait 5",
            "sync -q -v",
            "export --where city",
            "runs x",
            "list --color x",
            "conflicts resolve 3",
            "conflicts resolve 3 --keep mine",
            "conflicts resolve x3 --keep crm",
            "conflicts resolve q7 --adopt 1051 --create",
            "conflicts show",
            "books discover",
            "check --write",
            "check --offline --write phones",
            "undo",
            "undo q7",
            "undo -3",
        ] {
            let words = std::iter::once("carnet").chain(line.split(' ').filter(|word| !word.is_empty()));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
