//! What the CRM held of a contact beside the reference's fields (its own number for it, a language), after the contact is gone
//! there: the mirror keeps it, and an undo names what it does not bring back, for the API does not name it either.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{error::SyncError, participant::CRM, run::Run};
use crate::mirror::{Agreement, Stored};

/// What a server gives every record by itself: nobody misses it.
const OWN: [&str; 4] = ["contact_id", "created_at", "creator_id", "updated_at"];

impl Run<'_> {
    /// Keeps what an agreement that ends with its contact says beside the contact.
    pub fn keep_beside(&mut self, stored: &Stored, agreement: &Agreement) -> Result<(), SyncError> {
        match &agreement.detail {
            Some(detail) => Ok(self.mirror.set_fact(&fact(&stored.uid), detail)?),
            None => Ok(()),
        }
    }

    /// The elements that the CRM held of a contact and will not hold when it is made there again, by name.
    pub fn lost_beside(&self, stored: &Stored) -> Result<Vec<String>, SyncError> {
        if self.mirror.agreement(CRM, stored.id)?.is_some() {
            return Ok(Vec::new());
        }
        let kept = self.mirror.fact(&fact(&stored.uid))?.unwrap_or_default();
        Ok(names(&kept))
    }
}

/// Where the mirror keeps it.
fn fact(uid: &str) -> String {
    format!("beside.{uid}")
}

/// The elements of a record's detail that hold something, each named once, without the places of list entries.
fn names(detail: &str) -> Vec<String> {
    let detail: Map<String, Value> = serde_json::from_str(detail).unwrap_or_default();
    let unknown = detail.get("unknown").and_then(Value::as_object).cloned().unwrap_or_default();
    let held = unknown.iter().filter(|(_, value)| value.as_str().is_some_and(|text| !text.trim().is_empty()));
    let plain = |name: &str| {
        let parts = name.split('#').next().unwrap_or_default().split('/');
        parts.filter(|part| !part.bytes().all(|byte| byte.is_ascii_digit())).collect::<Vec<_>>().join("/")
    };
    let named: BTreeSet<String> = held.map(|(name, _)| plain(name)).collect();
    named.into_iter().filter(|name| !OWN.contains(&name.rsplit('/').next().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::{ada, with_fixture};

    #[test]
    fn elements_are_named_once_and_without_their_places() {
        let check = |detail: &str, expected: &[&str]| assert_eq!(names(detail), expected, "{detail}");
        check(
            r#"{"unknown":{"reference":"C1","language":"fr","created_at":"x","project_id":""}}"#,
            &["language", "reference"],
        );
        check(
            r#"{"unknown":{"contact_items/1/label":"a","contact_items/2/label":"b","tag#2":"c"},"item_ids":["5"]}"#,
            &["contact_items/label", "tag"],
        );
        check(r#"{"item_ids":["5"]}"#, &[]);
        check("", &[]);
    }

    #[test]
    fn what_was_held_beside_a_contact_outlives_its_agreement() {
        with_fixture(|mut fixture| {
            let id = fixture.contact("ada-1", &ada("CEO"));
            let detail = Some(r#"{"unknown":{"reference":"C1"}}"#.to_owned());
            let agreement = Agreement { detail, ..fixture.agree(CRM, "1001", id) };
            let stored = fixture.run.stored(id).unwrap();
            fixture.run.keep_beside(&stored, &agreement).unwrap();
            assert!(fixture.run.lost_beside(&stored).unwrap().is_empty(), "the CRM has it still");
            fixture.run.mirror.delete_agreement(CRM, id).unwrap();
            assert_eq!(fixture.run.lost_beside(&stored).unwrap(), ["reference"]);
        });
    }
}
