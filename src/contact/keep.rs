//! What a user wants kept where two sides have changed the same.

use serde::{Deserialize, Serialize};

/// What a user wants kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The CRM's value.
    Crm,
    /// The book's value.
    Book,
    /// Both: entries of a list side by side, comments one under the other.
    Both,
    /// A value of the user's own, for one field by the reference's name; "" clears it.
    Value {
        /// The field's name as it was typed.
        field: String,
        /// The value as it was typed.
        value: String,
    },
}

impl Keep {
    /// Reads `crm`, `book`, `both` or `FIELD=VALUE`.
    pub fn parse(text: &str) -> Option<Keep> {
        match text {
            "crm" => Some(Keep::Crm),
            "book" => Some(Keep::Book),
            "both" => Some(Keep::Both),
            _ => {
                let (field, value) = text.split_once('=')?;
                let field = field.trim();
                (!field.is_empty()).then(|| Keep::Value { field: field.to_owned(), value: value.to_owned() })
            }
        }
    }
}
