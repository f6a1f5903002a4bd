//! What a contact is: a pure value, the object of the API reference plus what only books hold.
//!
//! No ids, no dates and no replica marks are in it: two contacts are equal when they are the same card to a person.
//! No files, no sockets, no clock and no database are in this folder; `filter` words a condition in SQL and runs none.

pub mod clean;
mod codes;
pub mod countries;
mod field;
mod filter;
mod firm;
pub mod identity;
pub mod ids;
mod keep;
pub mod keys;
pub mod person_name;
pub mod places;

use serde::{Deserialize, Serialize};

pub use codes::{AddressType, Civility, ContactType, ItemKind, ItemType, is_number};
pub use field::{Field, FieldSet};
pub use filter::{Filter, FilterError, FilterSql};
pub use firm::FirmDetails;
pub use keep::Keep;
use person_name::Names;

/// A person of the CRM. Source: the API reference, "Object data"; `company` and `extra` are the books' own.
///
/// An empty text and a `None` both mean "not set". Serialised under the reference's names, unset members left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// Mr, Madam, Miss.
    #[serde(rename = "civility_label_id", skip_serializing_if = "Option::is_none")]
    pub civility: Option<Civility>,
    /// Family name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    /// Given name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    /// Free text, several lines allowed (`\n`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What the person does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_title: String,
    /// Department in the company.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_department: String,
    /// Country of the contact itself, beside those of the addresses; free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// Client, prospect, supplier...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_type: Option<ContactType>,
    /// Id of the CRM firm that the contact belongs to; digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub firm_id: String,
    /// Postal addresses, in the CRM's order.
    #[serde(rename = "contact_addresses", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Telephones, e-mails, messaging names, in the CRM's order.
    #[serde(rename = "contact_items", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// The company's name as a book writes it. The contacts API does not carry it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company: String,
    /// vCard content lines that the model does not name (PHOTO, BDAY, X-...): unfolded, vCard 3.0 escaping, no group
    /// unless a label depends on it. Kept verbatim and carried between books.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
}

/// A postal address. Source: the API reference, `contact_address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Personal, professional, other.
    pub address_type: AddressType,
    /// First street line; further lines after `\n` if the source has them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street_address: String,
    /// More of the street.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street_address2: String,
    /// Postal code, as text: it may begin with a zero.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zip_code: String,
    /// Town.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// Country, free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub country: String,
}

impl Address {
    /// An address of this type with nothing in it yet.
    pub fn new(address_type: AddressType) -> Self {
        Self {
            address_type,
            street_address: String::new(),
            street_address2: String::new(),
            zip_code: String::new(),
            city: String::new(),
            country: String::new(),
        }
    }

    /// True when no part but the type is set: such an address says nothing.
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|part| part.is_empty())
    }

    /// All but the type: two lines of street, the postal code, town, country.
    pub fn parts(&self) -> [&String; 5] {
        let Self { address_type: _, street_address, street_address2, zip_code, city, country } = self;
        [street_address, street_address2, zip_code, city, country]
    }

    /// The same, to be changed.
    pub fn parts_mut(&mut self) -> [&mut String; 5] {
        let Self { address_type: _, street_address, street_address2, zip_code, city, country } = self;
        [street_address, street_address2, zip_code, city, country]
    }
}

/// A telephone number, e-mail address or messaging name. Source: the API reference, `contact_item`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What the value is.
    #[serde(rename = "type_id")]
    pub item_type: ItemType,
    /// The person's own text, never reformatted.
    pub value: String,
}

impl Item {
    /// An item of this type and value.
    pub fn new(item_type: ItemType, value: impl Into<String>) -> Self {
        Self { item_type, value: value.into() }
    }
}

impl Contact {
    /// What to call the contact on a screen: "First Last", else the company, else the first item's value, else "".
    pub fn display_name(&self) -> String {
        let name = [self.first_name.trim(), self.last_name.trim()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        if !name.is_empty() {
            return name;
        }
        if !self.company.trim().is_empty() {
            return self.company.trim().to_owned();
        }
        self.items.first().map(|item| item.value.trim().to_owned()).unwrap_or_default()
    }

    /// Given and family name.
    pub fn names(&self) -> Names<'_> {
        Names { first: &self.first_name, last: &self.last_name }
    }

    /// The values of all items of one kind, in order.
    pub fn values(&self, kind: ItemKind) -> impl Iterator<Item = &str> {
        self.items.iter().filter(move |item| item.item_type.kind() == kind).map(|item| item.value.as_str())
    }
}
