//! `carnet firms`: the CRM's firms as the mirror has them, and the wish for a new one.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{context::Context, errors::CliError, exit};
use crate::{app, views::firms};

/// `firms` and what follows.
#[derive(Debug, Args)]
pub struct FirmsArgs {
    #[command(subcommand)]
    command: Option<FirmsCommand>,
}

#[derive(Debug, Subcommand)]
enum FirmsCommand {
    /// List firms: id, name, how many contacts
    List {
        /// Only those with this in their name
        text: Option<String>,
    },
    /// Have a firm made in the CRM by the next sync, once
    Create {
        /// Its name
        name: String,
    },
}

/// `carnet firms`.
pub fn run(args: &FirmsArgs, context: &mut Context) -> Result<u8, CliError> {
    match &args.command {
        None => list("", context),
        Some(FirmsCommand::List { text }) => list(text.as_deref().unwrap_or_default(), context),
        Some(FirmsCommand::Create { name }) => create(name, context),
    }
}

fn list(text: &str, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    let found = firms::firms(&reader, text)?;
    if context.out.json {
        for firms::Firm { id, name, contacts } in &found {
            context.out.object(&json!({ "type": "firm", "id": id, "name": name, "contacts": contacts }))?;
        }
        return Ok(exit::DONE);
    }
    let rows: Vec<Vec<String>> =
        found.into_iter().map(|firm| vec![firm.id, firm.name, firm.contacts.to_string()]).collect();
    if rows.is_empty() {
        context.talk("no such firm is known; `carnet sync` reads the CRM's firms once a day");
    } else {
        context.out.rows(&["id", "name", "contacts"], &rows)?;
    }
    Ok(exit::DONE)
}

fn create(name: &str, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let wanted = app::want_firm(&settings, name, &mut |_| {})?;
    if !wanted {
        return Err(CliError::failed(
            format!("make the firm {name}: there is one of this name"),
            "`carnet firms` lists it",
        ));
    }
    context.out.say(&format!("noted: the next `carnet sync` makes the firm {}", name.trim()))?;
    Ok(exit::DONE)
}
