//! The contact of the API reference as the practice CRM reads it: element names, lists and code lists.
//!
//! This is a second, independent reading: nothing of `crm` or `contact` is used here, so that one misreading of the
//! reference cannot hide on both sides of a test. Values are plain texts, as a database column holds them.

/// The contact's own elements that a client may write, in the reference's order.
pub const SCALARS: [&str; 9] = [
    "civility_label_id",
    "last_name",
    "first_name",
    "comment",
    "job_title",
    "job_department",
    "country",
    "contact_type",
    "firm_id",
];

/// Where the two names are in `SCALARS`: a contact needs one of them.
pub const NAMES: [usize; 2] = [1, 2];

/// Elements that carry `type="integer"`, as a Rails application marks them.
pub const INTEGERS: [&str; 7] =
    ["id", "civility_label_id", "firm_id", "project_id", "creator_id", "address_type", "type_id"];

/// One of the contact's two lists.
#[derive(Debug, PartialEq, Eq)]
pub struct ListShape {
    /// The list's element, and its table.
    pub list: &'static str,
    /// The entry's element.
    pub entry: &'static str,
    /// The entry's elements, in the reference's order; the first is its type code.
    pub fields: &'static [&'static str],
    /// The codes that the first may hold.
    pub codes: &'static [&'static str],
}

/// Postal addresses. The reference heads their codes "contact_item_type": the two headings are swapped.
pub const ADDRESSES: ListShape = ListShape {
    list: "contact_addresses",
    entry: "contact_address",
    fields: &["address_type", "street_address", "street_address2", "zip_code", "city", "country"],
    codes: &["20", "21", "22"],
};

/// Telephones, e-mails, messaging names. The reference heads their codes "contact_address_type for contacts".
pub const ITEMS: ListShape = ListShape {
    list: "contact_items",
    entry: "contact_item",
    fields: &["type_id", "value"],
    codes: &["23", "25", "28", "554", "471", "24", "26", "27", "88", "430", "431", "432", "433", "457"],
};

/// What entries have beside the reference, where they have it.
pub const LABEL: &str = "label";

/// Both lists, in the reference's order.
pub const LISTS: [&ListShape; 2] = [&ADDRESSES, &ITEMS];

/// The codes of `civility_label_id`.
pub const CIVILITIES: [&str; 3] = ["17", "18", "19"];

/// The codes of `contact_type`.
pub const CONTACT_TYPES: [&str; 8] = ["client", "prospect", "supplier", "press", "partner", "staff", "perso", "other"];

/// Item types whose value is a telephone or fax number.
pub const PHONES: [&str; 7] = ["23", "25", "554", "471", "24", "26", "88"];

/// What a value may be: `None` was never set (`nil="true"`), an empty text was cleared.
pub type Value = Option<String>;

/// A contact as the state holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Beside the reference: the account's own number for it.
    pub reference: Value,
    /// Beside the reference: always unset here.
    pub project_id: Value,
    /// Beside the reference: the user who made it.
    pub creator_id: Value,
    /// Beside the reference: two letters.
    pub language: Value,
    /// Beside the reference: when it was made, `dd-MM-yyyy-HH-mm`.
    pub created_at: String,
    /// In the order of `SCALARS`.
    pub scalars: [Value; SCALARS.len()],
    /// The two lists, in the order of `LISTS`.
    pub lists: [Vec<Entry>; 2],
}

/// An entry of a list as the state holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Beside the reference, where entries have labels.
    pub label: Value,
    /// In the order of its list's fields.
    pub values: Vec<Value>,
}

/// What a request asks to change; what it does not name stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// For each of `SCALARS`: not named, or its new value (`Some(None)` for nil).
    pub scalars: [Option<Value>; SCALARS.len()],
    /// For each of `LISTS`: not named, or the entries given.
    pub lists: [Option<Vec<EntryChange>>; 2],
}

/// An entry as a request gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryChange {
    /// The number given, as it was written.
    pub id: Option<String>,
    /// Whether `_destroy` was true.
    pub destroy: bool,
    /// Beside the reference: not named, or its new value.
    pub label: Option<Value>,
    /// For each field of the list: not named, or its new value.
    pub values: Vec<Option<Value>>,
}

impl EntryChange {
    /// True when no value is given, or only empty ones: Rails drops such an entry.
    pub fn says_nothing(&self) -> bool {
        self.values.iter().all(|value| match value {
            Some(Some(text)) => text.is_empty(),
            Some(None) | None => true,
        })
    }
}

/// What is wrong with a contact, one sentence each as a Rails validation writes it; empty when it may be stored.
///
/// Source: the reference's code lists; that a contact has at least one name is this server's own rule.
pub fn violations(record: &Record) -> Vec<String> {
    let mut found = Vec::new();
    let blank = |value: &Value| value.as_deref().unwrap_or_default().trim().is_empty();
    if NAMES.iter().all(|&at| blank(&record.scalars[at])) {
        found.push("Last name and first name can't both be blank".to_owned());
    }
    for (name, value) in SCALARS.iter().zip(&record.scalars) {
        let Some(text) = value.as_deref().filter(|text| !text.is_empty()) else { continue };
        let good = match *name {
            "civility_label_id" => CIVILITIES.contains(&text),
            "contact_type" => CONTACT_TYPES.contains(&text),
            "firm_id" => text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit()),
            _ => true,
        };
        if !good {
            found.push(format!("{name} is not included in the list"));
        }
    }
    for (shape, entries) in LISTS.iter().zip(&record.lists) {
        for entry in entries {
            let code = entry.values.first().and_then(Option::as_deref).unwrap_or_default();
            if !shape.codes.contains(&code) {
                found.push(format!("{} {} is not included in the list", shape.entry, shape.fields[0]));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scalars: &[(usize, &str)], item_code: Option<&str>, expected: &[&str]) {
        let mut record = Record::default();
        for (at, value) in scalars {
            record.scalars[*at] = Some((*value).to_owned());
        }
        if let Some(code) = item_code {
            record.lists[1].push(Entry {
                id: 0,
                label: None,
                values: vec![Some(code.to_owned()), Some("x".to_owned())],
            });
        }
        assert_eq!(violations(&record), expected);
    }

    #[test]
    fn what_may_be_stored() {
        check(&[(1, "Durand")], None, &[]);
        check(&[(2, "Zoé"), (0, "19"), (7, "perso"), (8, "12")], Some("457"), &[]);
        check(&[(1, "Durand"), (0, ""), (7, "")], Some("554"), &[]);
        check(&[(1, " "), (2, "")], None, &["Last name and first name can't both be blank"]);
        check(&[(1, "A"), (0, "20")], None, &["civility_label_id is not included in the list"]);
        check(&[(1, "A"), (7, "Client")], None, &["contact_type is not included in the list"]);
        check(&[(1, "A"), (8, "12a")], None, &["firm_id is not included in the list"]);
        check(&[(1, "A")], Some("20"), &["contact_item type_id is not included in the list"]);
        check(&[(1, "A")], Some(""), &["contact_item type_id is not included in the list"]);
    }
}
