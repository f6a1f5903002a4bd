//! JSON lines: one contact a line, under the reference's names, with `uid` and `id` before them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::contact::{Contact, Field, identity::Identity};

/// A contact as a line, with its line end.
pub fn line(contact: &Contact, identity: &Identity) -> String {
    let line = Line { uid: identity.uid.as_deref(), id: identity.crm_id.as_deref(), contact };
    let json = serde_json::to_string(&line).expect("a contact is texts and lists, which JSON can always hold");
    json + "\n"
}

/// Reads a line; a byte order mark before it is cut. The id may be a number too.
///
/// # Errors
/// What is wrong with it: the column or the member, never its values.
pub fn read(line: &str) -> Result<(Contact, Identity), String> {
    let line = line.trim_start_matches('\u{feff}');
    let mut members: Map<String, Value> = serde_json::from_str(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "it is not a JSON object".to_owned(),
        _ => format!("it is not JSON at column {}", error.column()),
    })?;
    let identity = Identity { uid: mark(&mut members, "uid")?, crm_id: mark(&mut members, "id")? };
    if let Some(name) = members.keys().find(|name| Field::from_name(name).is_none()) {
        return Err(format!("it has a member \"{}\" that is not a contact's", name.escape_debug()));
    }
    match serde_json::from_value(Value::Object(members.clone())) {
        Ok(contact) => Ok((contact, identity)),
        Err(_) => Err(format!("its member \"{}\" is not of the form that a contact's has", faulty(members))),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(flatten)]
    contact: &'a Contact,
}

/// The member at fault, found by reading each alone: serde's own words may hold its value.
fn faulty(members: Map<String, Value>) -> String {
    let alone = |name: &String, value: &Value| Value::Object(Map::from_iter([(name.clone(), value.clone())]));
    let broken = |(name, value): &(String, Value)| serde_json::from_value::<Contact>(alone(name, value)).is_err();
    members.into_iter().find(broken).map(|(name, _)| name).unwrap_or_default()
}

/// Takes a mark out of the members: a text, a number, or nothing.
fn mark(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(format!("its \"{name}\" is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Civility, Item, ItemType};

    #[test]
    fn what_is_written_is_read() {
        let contact = Contact {
            civility: Some(Civility::Madam),
            last_name: "Lefèvre\n\"x\"".into(),
            items: vec![Item::new(ItemType::Skype, "a b")],
            ..Contact::default()
        };
        let identity = Identity { uid: Some("u".into()), crm_id: Some("12".into()) };
        let written = line(&contact, &identity);
        assert_eq!(written.matches('\n').count(), 1);
        assert_eq!(read(&written), Ok((contact, identity)));
    }

    #[test]
    fn a_bad_line_says_where_and_not_what() {
        let form = "is not of the form that a contact's has";
        for (line, message) in [
            ("{", "it is not JSON at column 1".to_owned()),
            ("[\"Secret\"]", "it is not a JSON object".into()),
            ("{\"name\": \"Secret\"}", "it has a member \"name\" that is not a contact's".into()),
            ("{\"first_name\": \"x\", \"last_name\": [\"Secret\"]}", format!("its member \"last_name\" {form}")),
            ("{\"contact_items\": [{\"Secret\": 1}]}", format!("its member \"contact_items\" {form}")),
            ("{\"id\": [\"Secret\"]}", "its \"id\" is no text".into()),
        ] {
            assert_eq!(read(line), Err(message), "{line}");
        }
    }

    #[test]
    fn marks_are_read_as_other_programs_write_them() {
        let identity = |uid: Option<&str>, id: Option<&str>| Identity {
            uid: uid.map(str::to_owned),
            crm_id: id.map(str::to_owned),
        };
        for (line, expected) in [
            ("\u{feff}{\"id\": 7, \"uid\": null}", identity(None, Some("7"))),
            ("{\"id\": \"7\", \"uid\": \"u\"}", identity(Some("u"), Some("7"))),
            ("{\"id\": \"\"}", identity(None, None)),
        ] {
            assert_eq!(read(line), Ok((Contact::default(), expected)), "{line}");
        }
    }
}
