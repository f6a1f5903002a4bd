//! What was replaced: lines of the history, for a run and for a contact. Pure.

use super::{
    figures::{named_field, value},
    visit::moment,
    words::{Language, Words},
};
use crate::{
    contact::{Address, Contact, Field, Item, ids},
    views::runs::Change,
};

/// So many lines are on a page.
pub(super) const LINES_MAX: usize = 200;

/// One change.
pub(super) struct ChangeLine {
    /// Its number, which undoing takes.
    pub id: i64,
    pub at: String,
    pub uid: String,
    pub name: String,
    pub field: String,
    pub from: String,
    pub old: String,
    pub new: String,
    /// It can be taken back: it is no mere copy of what lost a conflict.
    pub can_be_undone: bool,
}

impl ChangeLine {
    pub fn of(language: Language, change: Change) -> Self {
        let words = language.words();
        let Change { id, row, name } = change;
        let shown = |text: &Option<String>| {
            text.as_deref().map_or_else(String::new, |text| stored(words, row.field.as_deref(), text))
        };
        Self {
            id,
            at: moment(language, &row.at),
            name: name.unwrap_or_else(|| words.nameless.to_owned()),
            field: match &row.field {
                Some(field) => named_field(words, field).to_owned(),
                None => words.whole_contact.to_owned(),
            },
            from: place(words, &row.source),
            old: shown(&row.old),
            new: shown(&row.new),
            can_be_undone: row.kind != "conflict",
            uid: row.uid,
        }
    }
}

/// Where something comes from, in words where it is no book.
pub(super) fn place(words: &Words, name: &str) -> String {
    match name {
        ids::CRM => words.crm,
        ids::MIRROR => words.mirror,
        ids::PERSON => words.by_person,
        ids::UNDO => words.by_undo,
        ids::IMPORT => words.by_import,
        book => book,
    }
    .to_owned()
}

/// A stored value as it is shown: lists and whole contacts are kept as JSON.
fn stored(words: &Words, field: Option<&str>, text: &str) -> String {
    let lines = |lines: Vec<String>, field| {
        lines.iter().map(|line| value(words, Some(field), line)).collect::<Vec<_>>().join("\n")
    };
    let known = field.map(Field::from_name);
    let read = match known {
        Some(Some(Field::Addresses)) => serde_json::from_str::<Vec<Address>>(text)
            .map(|list| lines(list.iter().map(Address::one_line).collect(), Field::Addresses)),
        Some(Some(Field::Items)) => serde_json::from_str::<Vec<Item>>(text)
            .map(|list| lines(list.iter().map(Item::one_line).collect(), Field::Items)),
        Some(Some(Field::Extra)) => serde_json::from_str::<Vec<String>>(text).map(|list| list.join("\n")),
        None => serde_json::from_str::<Contact>(text).map(|contact| contact.display_name()),
        Some(scalar) => Ok(value(words, scalar, text)),
    };
    let shown = read.unwrap_or_else(|_| text.to_owned());
    // A photo is kilobytes of base64.
    shown.chars().take(2000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_are_shown_in_words() {
        let words = Language::French.words();
        let check = |field: Option<&str>, text: &str, expected: &str| assert_eq!(stored(words, field, text), expected);
        check(Some("job_title"), "Gérant", "Gérant");
        check(Some("civility_label_id"), "17", "M.");
        check(Some("contact_items"), r#"[{"type_id":"27","value":"a@b"}]"#, "E-mail professionnel\u{a0}: a@b");
        check(Some("contact_items"), "broken", "broken");
        check(None, r#"{"last_name":"Durand"}"#, "Durand");
    }
}
