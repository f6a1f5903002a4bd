//! `carnet history`: every value that was overwritten or lost, newest first, each under the number that `undo` takes.

use clap::Args;
use serde_json::json;

use super::{
    context::Context,
    errors::CliError,
    exit, lookup,
    output::{FAINT, Output, on_one_line, plain},
};
use crate::{
    contact::{Address, Contact, Field, Item},
    views::{
        clock::local,
        runs::{Change, HistoryRow, changes},
    },
};

/// Flags of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A contact's CRM id, UID, name or e-mail address [default: all contacts]
    contact: Option<String>,
    /// At most so many changes
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// `carnet history`.
pub fn run(args: &HistoryArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    let contact = args.contact.as_deref().map(|text| lookup::one(&reader, text)).transpose()?;
    let changes = changes(&reader, contact.map(|stored| stored.id), args.limit)?;
    if changes.is_empty() && !context.out.json {
        context.talk("nothing was overwritten here; values that lost a conflict are in `carnet conflicts --all`");
    }
    context.out.begin_list();
    print(&changes, &mut context.out)?;
    Ok(exit::DONE)
}

/// Prints changes, one a line.
pub fn print(changes: &[Change], out: &mut Output) -> Result<(), CliError> {
    for Change { id, row, name } in changes {
        let HistoryRow { run, at, contact: _, uid, source, field, old, new, kind } = row;
        if out.json {
            out.object(&json!({
                "type": "history", "id": id, "run": run, "at": at, "uid": uid, "source": source,
                "field": field, "old": old, "new": new, "kind": kind,
            }))?;
            continue;
        }
        let name = name.as_deref().unwrap_or(uid);
        let what = field.as_deref().unwrap_or("contact");
        let values = match (old, new) {
            (Some(old), Some(new)) => {
                format!("{} -> {}", readable(field.as_deref(), old), readable(field.as_deref(), new))
            }
            (Some(old), None) => readable(field.as_deref(), old),
            (None, Some(new)) => format!("-> {}", readable(field.as_deref(), new)),
            (None, None) => String::new(),
        };
        let (at, name, source) = (local(at), plain(name), plain(source));
        out.line(&format!("{FAINT}h{id}  {at}  run {run}{FAINT:#}  {source}  {kind}  {name}  {what}: {values}"))?;
    }
    Ok(())
}

/// A stored value as a user reads it: lists and whole contacts are kept as JSON.
fn readable(field: Option<&str>, value: &str) -> String {
    let text = match field.map(Field::from_name) {
        Some(Some(Field::Addresses)) => serde_json::from_str::<Vec<Address>>(value)
            .map(|list| list.iter().map(Address::one_line).collect::<Vec<_>>().join("; ")),
        Some(Some(Field::Items)) => serde_json::from_str::<Vec<Item>>(value)
            .map(|list| list.iter().map(Item::one_line).collect::<Vec<_>>().join("; ")),
        Some(Some(Field::Extra)) => serde_json::from_str::<Vec<String>>(value).map(|list| list.join("; ")),
        None => serde_json::from_str::<Contact>(value).map(|contact| contact.display_name()),
        Some(_) => Ok(value.to_owned()),
    };
    format!("\"{}\"", on_one_line(&text.unwrap_or_else(|_| value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_are_readable() {
        let check = |field: Option<&str>, value: &str, expected: &str| assert_eq!(readable(field, value), expected);
        check(Some("job_title"), "a\nb", "\"a\\nb\"");
        check(Some("contact_items"), r#"[{"type_id":"27","value":"a@b"}]"#, "\"professional_email: a@b\"");
        check(Some("contact_addresses"), r#"[{"address_type":"20","city":"Paris"}]"#, "\"personal: Paris\"");
        check(Some("extra"), r#"["BDAY:1990"]"#, "\"BDAY:1990\"");
        check(Some("contact_items"), "broken", "\"broken\"");
        check(None, r#"{"last_name":"Durand"}"#, "\"Durand\"");
    }
}
