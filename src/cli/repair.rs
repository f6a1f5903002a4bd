//! `carnet repair`: the mirror built anew from the CRM and the books.

use clap::Args;
use serde_json::json;

use super::{
    context::Context,
    errors::CliError,
    exit,
    plural::counted,
    sync::{Told, reported},
};
use crate::app;

/// Flags of `repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// Even a mirror that is sound: it forgets what was agreed on with the CRM and the books, and what waits for you
    #[arg(long)]
    force: bool,
}

/// `carnet repair`.
pub fn run(args: &RepairArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    if let Some(looked) = app::sound_mirror(&settings)?.filter(|_| !args.force) {
        if context.out.json {
            context.out.object(&json!({ "type": "repair", "sound": true, "contacts": looked.contacts }))?;
        }
        let contacts = counted(looked.contacts, "contact");
        context.out.say(&format!("the mirror is sound ({contacts}): nothing to repair"))?;
        context.talk("hint: `carnet repair --force` builds it anew all the same");
        return Ok(exit::DONE);
    }
    let mut repaired = None;
    let code = reported(context, &settings, Told::of_a_run(false), async |stop, events| {
        let done = app::repair(&settings, stop, events).await?;
        let summary = done.summary.clone();
        repaired = Some(done);
        Ok(summary)
    })?;
    let Some(repaired) = repaired else { return Ok(code) };
    let saved = &repaired.saved;
    if context.out.json {
        context.out.object(&json!({
            "type": "repair", "sound": false, "kept": repaired.kept, "saved": {
                "runs": saved.runs, "history": saved.history, "conflicts": saved.conflicts,
            },
        }))?;
    }
    if let Some(kept) = &repaired.kept {
        let (changes, runs) = (counted(saved.history, "change"), counted(saved.runs, "run"));
        let conflicts = counted(saved.conflicts, "conflict");
        context.out.say(&format!("the mirror that was there is {}", kept.display()))?;
        context.out.say(&format!("saved of it: {runs}, {changes} of the history, {conflicts}"))?;
    }
    context.talk("nothing was sent; next: `carnet sync --dry-run` shows what a sync would do");
    Ok(code)
}
