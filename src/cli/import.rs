//! `carnet import`: contacts from a file into the mirror, then to all replicas. It is a run like `sync`, and says so first.

use std::{io, path::PathBuf};

use clap::{Args, ValueHint};

use super::{
    args::WaitArgs,
    context::{Context, is_dash},
    errors::CliError,
    sync::{Told, reported},
};
use crate::{
    app::{self, ImportOptions},
    transfer::ImportSource,
};

/// Flags of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file, or - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// What it is: vcard, jsonl, csv, a CSV dialect such as google, or a profile of your own such as my.toml
    /// [default: recognised by its content]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show what would be done, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Into the mirror only, nothing to the CRM and the books; the next run sends it on
    #[arg(long)]
    no_push: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// `carnet import`.
pub fn run(args: &ImportArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    let source = read(args)?;
    context.talk(first_words(args));
    let (format, wait) = (args.format.clone(), args.wait.limit());
    let options = ImportOptions { format, dry_run: args.dry_run, push: !args.no_push, wait };
    reported(context, &settings, Told::of_a_run(args.dry_run), async |stop, events| {
        app::import(&settings, source, &options, stop, events).await
    })
}

/// What a run of `import` writes to, before it writes.
fn first_words(args: &ImportArgs) -> &'static str {
    match (args.dry_run, args.no_push) {
        (true, _) => "a dry run of the import: nothing is written",
        (false, true) => "an import into the mirror alone; the next run takes it to the CRM and the books",
        (false, false) => {
            "an import is a run: it reads the CRM and the books, and writes to them (--no-push: to the mirror alone)"
        }
    }
}

fn read(args: &ImportArgs) -> Result<ImportSource, CliError> {
    if is_dash(&args.file) {
        return ImportSource::kept("standard input", io::stdin().lock())
            .map_err(|error| CliError::Failed { message: format!("read standard input: {error}"), hint: None });
    }
    ImportSource::open(&args.file).map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => CliError::Failed {
            message: format!("read {}: it is a folder", args.file.display()),
            hint: Some(
                "make it a book in the settings, or import its cards once: cat FOLDER/*.vcf | carnet import -".into(),
            ),
        },
        _ => CliError::file("read", &args.file, &error),
    })
}
