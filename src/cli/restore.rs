//! `carnet restore`: a copy of the mirror put in its place.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{context::Context, errors::CliError, exit, plural::counted};
use crate::{app, views::clock::local};

/// Flags of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A copy of the mirror, as `carnet backup` or Litestream makes it
    file: PathBuf,
    /// Even one of another account
    #[arg(long)]
    force: bool,
}

/// `carnet restore`.
pub fn run(args: &RestoreArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    let restored = app::restore(&settings, &args.file, args.force, &mut |_| {}).map_err(|error| match error {
        // Of the copy, not of the mirror that is in place.
        crate::sync::SyncError::Mirror(error) => CliError::Mirror(error),
        error => error.into(),
    })?;
    let (looked, doubted) = (&restored.looked, &restored.doubted);
    if context.out.json {
        context.out.object(&json!({
            "type": "restore", "file": args.file, "contacts": looked.contacts, "last_run_at": looked.last_run_at,
            "account": looked.account, "kept": restored.kept, "values_in_doubt": doubted.values,
            "contacts_in_doubt": doubted.contacts, "deletions_in_doubt": doubted.deletions, "decisions_forgotten": doubted.decisions,
        }))?;
    }
    let then =
        looked.last_run_at.as_deref().map_or_else(|| "before any run".to_owned(), |at| format!("of {}", local(at)));
    context.out.say(&format!("the mirror is {} again, {then}", counted(looked.contacts, "contact")))?;
    if let Some(kept) = &restored.kept {
        context.out.say(&format!("the mirror that was there is {}", kept.display()))?;
    }
    for (count, what, why) in [
        (doubted.values, "value", "that only the copy has: not sent, see `carnet conflicts`"),
        (doubted.contacts, "contact", "that only the copy has: not made in the CRM, see `carnet conflicts`"),
        (doubted.deletions, "deletion", "that only the copy has: not carried out, the contact stays where it is"),
        (doubted.decisions, "decision", "that no run had carried out: forgotten, decide again"),
    ] {
        if count > 0 {
            context.out.say(&format!("{} {why}", counted(count, what)))?;
        }
    }
    context.talk("next: `carnet sync --dry-run` shows what a sync would do, and `carnet sync` does it");
    Ok(exit::DONE)
}
