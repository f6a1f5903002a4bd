//! What a firm's record says beside its name, as far as a company card can show it.

use serde::{Deserialize, Serialize};

use super::{Address, Item};

/// A firm's addresses, and its telephones and the like under codes of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmDetails {
    /// Its addresses.
    pub addresses: Vec<Address>,
    /// Its items.
    pub items: Vec<Item>,
}

impl FirmDetails {
    /// As [`FirmDetails::parse`] reads it: JSON; "" for nothing.
    pub fn to_text(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        // Texts alone: nothing of it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What [`FirmDetails::to_text`] wrote; nothing for anything else.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}
