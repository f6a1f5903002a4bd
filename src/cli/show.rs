//! `carnet show`: everything about one contact, and which replicas hold it.

use clap::Args;
use serde_json::json;

use super::{
    context::Context,
    errors::CliError,
    exit, lookup,
    output::{FAINT, Output, STRONG, WARNING, plain},
};
use crate::{
    contact::Field,
    views::{
        Reader,
        clock::local,
        contacts::{Holder, Standing, Stored, holders},
    },
};

/// Flags of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its CRM id, UID, name or e-mail address
    contact: String,
}

/// `carnet show`.
pub fn run(args: &ShowArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    let stored = lookup::one(&reader, &args.contact)?;
    print(&reader, &stored, &mut context.out)?;
    Ok(exit::DONE)
}

fn print(reader: &Reader, stored: &Stored, out: &mut Output) -> Result<(), CliError> {
    let holders = holders(reader, stored)?;
    if out.json {
        let mut object = lookup::object(stored);
        object["deleted"] = stored.deleted.into();
        object["created_at"] = stored.created_at.clone().into();
        object["updated_at"] = stored.updated_at.clone().into();
        object["replicas"] = holders
            .iter()
            .map(|holder| {
                let left_out: Vec<&str> = holder.left_out.iter().map(Field::name).collect();
                json!({
                    "replica": holder.replica, "remote": holder.remote, "state": said(holder.standing),
                    "left_out": left_out,
                })
            })
            .collect();
        return Ok(out.object(&object)?);
    }
    out.line(&format!("{STRONG}{}{STRONG:#}", plain(&stored.contact.display_name())))?;
    if stored.deleted {
        out.line(&format!("{WARNING}deleted{WARNING:#}"))?;
    }
    let mut line = |name: &str, value: &str| out.line(&format!("  {FAINT}{name:22}{FAINT:#} {}", plain(value)));
    for (name, value) in members(stored) {
        for (index, part) in value.lines().enumerate() {
            line(if index == 0 { &name } else { "" }, part)?;
        }
    }
    line("uid", &stored.uid)?;
    line("in the mirror since", &local(&stored.created_at))?;
    line("last changed", &local(&stored.updated_at))?;
    for holder in &holders {
        line(&holder.replica, &format!("{} ({}{})", holder.remote, said(holder.standing), left_out(holder)))?;
    }
    if holders.is_empty() {
        line("held by", "the mirror alone, until the next run")?;
    }
    Ok(())
}

/// What is set, under the reference's names, codes as words.
fn members(stored: &Stored) -> Vec<(String, String)> {
    let contact = &stored.contact;
    let mut members: Vec<(String, String)> = Vec::new();
    for field in contact.set_fields().iter() {
        match field {
            Field::Civility => {
                members.extend(contact.civility.iter().map(|civility| (field.name().into(), civility.word().into())));
            }
            Field::ContactType => {
                members.extend(contact.contact_type.iter().map(|kind| (field.name().into(), kind.word().into())));
            }
            Field::Addresses => {
                let lines = contact.addresses.iter().map(crate::contact::Address::one_line);
                members.extend(lines.map(|line| ("address".to_owned(), line)));
            }
            Field::Items => {
                members.extend(contact.items.iter().map(|item| (item.item_type.word().to_owned(), item.value.clone())));
            }
            Field::Extra => {
                // A photo is kilobytes of base64: its first letters are enough to know it.
                let short = |line: &String| line.chars().take(100).collect::<String>();
                members.extend(contact.extra.iter().map(|line| ("extra".to_owned(), short(line))));
            }
            Field::LastName
            | Field::FirstName
            | Field::Comment
            | Field::JobTitle
            | Field::JobDepartment
            | Field::Country
            | Field::FirmId
            | Field::Company => members.push((field.name().to_owned(), contact.describe(field))),
        }
    }
    members
}

/// How a replica's record stands to the mirror's contact.
fn said(standing: Standing) -> &'static str {
    match standing {
        Standing::Detached => "no longer kept the same",
        Standing::ToDelete => "to be deleted",
        Standing::ToWrite => "to be written",
        Standing::Same => "the same",
    }
}

/// What of the contact a record does not hold because its replica has no place for it.
fn left_out(holder: &Holder) -> String {
    let names: Vec<&str> = holder.left_out.iter().map(Field::name).collect();
    match (names.is_empty(), holder.standing) {
        (true, _) | (false, Standing::Detached | Standing::ToDelete) => String::new(),
        (false, Standing::Same | Standing::ToWrite) => {
            format!(", without {}: it has no place for that", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Address, AddressType, Contact, ContactType, Item, ItemType},
        mirror::Mirror,
    };

    #[test]
    fn all_that_is_set_is_shown() {
        let mut address = Address::new(AddressType::Professional);
        address.city = "Paris".to_owned();
        let contact = Contact {
            last_name: "Durand".into(),
            contact_type: Some(ContactType::Personal),
            comment: "a\nb".into(),
            addresses: vec![address],
            items: vec![Item::new(ItemType::Skype, "ada.d")],
            extra: vec!["BDAY:1990-01-01".into()],
            ..Contact::default()
        };
        let mut mirror = Mirror::in_memory().unwrap();
        let id = mirror.insert_contact("u-1", &contact, "crm", 1, "2026-01-01T00:00:00Z").unwrap();
        let shown = members(&mirror.contact(id).unwrap().unwrap());
        let shown: Vec<String> = shown.iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_debug_snapshot!(shown, @r#"
    [
        "last_name=Durand",
        "comment=a\nb",
        "contact_type=perso",
        "address=professional: Paris",
        "skype=ada.d",
        "extra=BDAY:1990-01-01",
    ]
    "#);
    }
}
