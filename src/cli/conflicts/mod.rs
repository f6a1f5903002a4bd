//! `carnet conflicts`: what waits for the user, side by side, and the user's decision on it.
//!
//! Conflicts have plain numbers, questions have a q before theirs: `3` and `q7` cannot be mixed up.

pub mod item;
mod list;
#[cfg(test)]
mod practice;
mod show;
mod table;

use clap::{ArgGroup, Args, Subcommand};

use super::{
    context::Context,
    errors::CliError,
    events_json, exit, lookup,
    output::{FAINT, Output, plain},
    report::change_line,
};
use crate::{
    app::{self, Decided},
    contact::Keep,
    sync::{Applied, Decision, ItemId, Summary, SyncEvent},
};

/// Flags of `conflicts`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConflictsArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what waits for you [default]
    List(ListArgs),
    /// Show one side by side: what both started from, each side's, what could stand
    Show(ShowArgs),
    /// Say what stands; `carnet sync` then carries it everywhere
    Resolve(ResolveArgs),
}

/// Flags of `conflicts list`.
#[derive(Debug, Args)]
struct ListArgs {
    /// Settled conflicts too
    #[arg(long)]
    all: bool,
}

/// Flags of `conflicts show`.
#[derive(Debug, Args)]
struct ShowArgs {
    /// The number that the list shows: 3 for a conflict, q7 for a question
    #[arg(value_name = "ID", value_parser = number)]
    id: ItemId,
}

/// Flags of `conflicts resolve`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("word").required(true).multiple(false),
    override_usage = "carnet conflicts resolve <ID> <ANSWER>\n\nThe answer is one of these options; `carnet conflicts show ID` says which fit."
)]
struct ResolveArgs {
    /// The number that the list shows: 3 for a conflict, q7 for a question
    #[arg(value_name = "ID", value_parser = number)]
    id: ItemId,
    /// Of a conflict: the CRM's value, the book's, both (lists and comments), or a value of your own; of what the CRM did
    /// not take: crm
    #[arg(long, group = "word", value_name = "crm|book|both|FIELD=VALUE", value_parser = keep)]
    keep: Option<Keep>,
    /// Of a creation whose answer was lost: the CRM's contact of this id is it
    #[arg(long, group = "word", value_name = "CRM_ID", value_parser = crm_id)]
    adopt: Option<String>,
    /// Of a creation whose answer was lost: it was not made, send it again
    #[arg(long, group = "word")]
    create: bool,
    /// Of a record that could be several contacts, or looks like one: it is this one (CRM id, UID, name or e-mail address)
    #[arg(long, group = "word", value_name = "CONTACT")]
    same_as: Option<String>,
    /// Of a record that could be several contacts, or looks like one: it is somebody else
    #[arg(long, group = "word")]
    new: bool,
    /// Of what the CRM did not take: send it again
    #[arg(long, group = "word")]
    send_again: bool,
    /// Of anything else: it is seen, and nothing is done; of the copy of a card: nothing of it is taken
    #[arg(long, group = "word")]
    dismiss: bool,
}

fn number(text: &str) -> Result<ItemId, String> {
    let (digits, question) = match text.strip_prefix('q') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    match digits.parse::<i64>() {
        Ok(id) if id > 0 && question => Ok(ItemId::Attention(id)),
        Ok(id) if id > 0 => Ok(ItemId::Conflict(id)),
        Ok(_) | Err(_) => {
            Err("expected a number of `carnet conflicts`: 3 for a conflict, q7 for a question".to_owned())
        }
    }
}

fn crm_id(text: &str) -> Result<String, String> {
    let digits = text.trim();
    match digits.parse::<i64>() {
        Ok(id) if id > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(digits.to_owned()),
        Ok(_) | Err(_) => Err("expected an id of the CRM, such as 1051; `carnet conflicts show ID` names those that \
                               it could be, and --create sends the contact again"
            .to_owned()),
    }
}

fn keep(text: &str) -> Result<Keep, String> {
    Keep::parse(text).ok_or_else(|| "expected crm, book, both, or FIELD=VALUE".to_owned())
}

/// `carnet conflicts`.
pub fn run(args: &ConflictsArgs, context: &mut Context) -> Result<u8, CliError> {
    match &args.action {
        None => list::run(args.list.all, context),
        Some(Action::List(args)) => list::run(args.all, context),
        Some(Action::Show(args)) => show::run(args.id, context),
        Some(Action::Resolve(args)) => resolve(args, context),
    }
}

fn resolve(args: &ResolveArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    context.start_logging("warn");
    let decision = match args {
        ResolveArgs { keep: Some(keep), .. } => Decision::Keep { keep: keep.clone() },
        ResolveArgs { adopt: Some(crm_id), .. } => Decision::Adopt { crm_id: crm_id.clone() },
        ResolveArgs { create: true, .. } => Decision::Create,
        ResolveArgs { same_as: Some(contact), .. } => {
            Decision::SameAs { contact: lookup::one(&context.reader(&settings)?, contact)?.id }
        }
        ResolveArgs { new: true, .. } => Decision::New,
        ResolveArgs { send_again: true, .. } => Decision::SendAgain,
        // The group lets nothing else through.
        _ => Decision::Dismiss,
    };
    let mut events = Vec::new();
    match app::decide(&settings, args.id, &decision, &mut |event| events.push(event))? {
        Decided::Applied(done) => print_applied(&done.0, &done.1, &events, &mut context.out)?,
        Decided::Noted(item) => print_noted(item, &mut context.out)?,
    }
    Ok(exit::DONE)
}

fn print_applied(applied: &Applied, summary: &Summary, events: &[SyncEvent], out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    let text = messages.applied(applied);
    if out.json {
        for event in events {
            out.object(&events_json::event(event, messages))?;
        }
        let mut object = events_json::summary(summary, messages);
        object["resolved"] = applied.item.to_string().into();
        object["text"] = text.into();
        object["to_sync"] = applied.to_sync.into();
        return Ok(out.object(&object)?);
    }
    for event in events {
        if let SyncEvent::Change(change) = event {
            out.say(&change_line(change))?;
        }
    }
    out.say(&plain(&text))?;
    if applied.to_sync {
        out.say(&format!("{FAINT}{}{FAINT:#}", messages.to_sync()))?;
    }
    Ok(())
}

fn print_noted(item: ItemId, out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    let text = messages.noted(item);
    if !out.json {
        return Ok(out.say(&text)?);
    }
    let mut object = events_json::summary(&Summary::default(), messages);
    object["noted"] = item.to_string().into();
    object["text"] = text.into();
    Ok(out.object(&object)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_crm_are_digits() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(crm_id(text).ok().as_deref(), expected, "{text}");
        check("1051", Some("1051"));
        check(" 1051 ", Some("1051"));
        for nonsense in ["0", "-3", "+3", "#2", "ada", "", "99999999999999999999"] {
            check(nonsense, None);
        }
    }

    #[test]
    fn numbers_are_conflicts_and_q_numbers_are_questions() {
        let check = |text: &str, expected: Option<ItemId>| assert_eq!(number(text).ok(), expected, "{text}");
        check("3", Some(ItemId::Conflict(3)));
        check("q7", Some(ItemId::Attention(7)));
        check("Q7", None);
        check("q", None);
        check("0", None);
        check("-1", None);
        check("h3", None);
    }
}
