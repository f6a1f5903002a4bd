//! `carnet backup`: the mirror into a file of its own.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{context::Context, errors::CliError, exit, export::owner, plural::counted};
use crate::app::{self, BackupError};

/// Flags of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// `carnet backup`.
pub fn run(args: &BackupArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let file = &args.file;
    let made = app::backup(&settings, file, args.force).map_err(|error| match error {
        BackupError::OwnFile(own) => {
            CliError::usage(format!("back up into {}: it is {}", file.display(), owner(&own)), "choose another file")
        }
        BackupError::Exists => CliError::failed(format!("write {}: it exists", file.display()), "--force replaces it"),
        BackupError::File(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
            CliError::usage(format!("write {}: it is a folder", file.display()), "name a file in it")
        }
        BackupError::File(error) => CliError::file("write", file, &error),
        BackupError::Sync(error) => error.into(),
    })?;
    if context.out.json {
        context.out.object(&json!({
            "type": "backup", "file": file, "contacts": made.contacts, "bytes": made.bytes,
            "last_run_at": made.last_run_at, "account": made.account,
        }))?;
    }
    let size = size(made.bytes);
    context.out.say(&format!(
        "{}: {}, {size}, read through and sound",
        file.display(),
        counted(made.contacts, "contact")
    ))?;
    Ok(exit::DONE)
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
