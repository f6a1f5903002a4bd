//! The objects of the API reference as the practice CRM reads them: element names, lists and code lists.
//!
//! This is a second, independent reading: nothing of `crm` or `contact` is used here, so that one misreading of the
//! reference cannot hide on both sides of a test. Values are plain texts, as a database column holds them.
//!
//! Contacts and firms have the same form: elements of their own, then two lists. A `Shape` says in what they differ, and
//! all that reads, writes and stores them goes by it.

/// Which of the API's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    Contact,
    /// What persons belong to, by their `firm_id`.
    Firm,
}

/// What an object of `N` elements of its own is made of.
#[derive(Debug)]
pub struct Shape<const N: usize> {
    /// Which it is.
    pub kind: Kind,
    /// Its element.
    pub one: &'static str,
    /// The element of a listing, the first part of its paths, and its table.
    pub many: &'static str,
    /// Its name in sentences; its first letter begins its references.
    pub title: &'static str,
    /// The elements that a client may write, in the reference's order.
    pub scalars: [&'static str; N],
    /// Where its names are among them: it needs one.
    pub names: &'static [usize],
    /// What is said when it has none.
    pub nameless: &'static str,
    /// Elements beside the reference that are never set here.
    pub unset: &'static [&'static str],
    /// Its lists, in the reference's order.
    pub lists: [&'static ListShape; 2],
}

impl<const N: usize> Shape<N> {
    /// Where an element is in `scalars`.
    pub fn place(&self, element: &str) -> Option<usize> {
        self.scalars.iter().position(|name| *name == element)
    }
}

/// A contact's own elements that a client may write, in the reference's order.
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

/// Where the two names are in `SCALARS`.
pub const NAMES: [usize; 2] = [1, 2];

/// A firm's own elements, in the reference's order.
pub const FIRM_SCALARS: [&str; 5] = ["name", "firm_type", "project_id", "siren", "tva"];

/// Where a firm's name is in `FIRM_SCALARS`.
pub const FIRM_NAME: usize = 0;

/// A person.
pub static CONTACT: Shape<{ SCALARS.len() }> = Shape {
    kind: Kind::Contact,
    one: "contact",
    many: "contacts",
    title: "Contact",
    scalars: SCALARS,
    names: &NAMES,
    nameless: "Last name and first name can't both be blank",
    unset: &["project_id"],
    lists: LISTS,
};

/// What persons belong to.
pub static FIRM: Shape<{ FIRM_SCALARS.len() }> = Shape {
    kind: Kind::Firm,
    one: "firm",
    many: "firms",
    title: "Firm",
    scalars: FIRM_SCALARS,
    names: &[FIRM_NAME],
    nameless: "Name can't be blank",
    unset: &[],
    lists: [&FIRM_ADDRESSES, &FIRM_ITEMS],
};

/// Elements that carry `type="integer"`, as a Rails application marks them.
pub const INTEGERS: [&str; 7] =
    ["id", "civility_label_id", "firm_id", "project_id", "creator_id", "address_type", "type_id"];

/// One of an object's two lists.
#[derive(Debug, PartialEq, Eq)]
pub struct ListShape {
    /// The list's element.
    pub list: &'static str,
    /// Its table.
    pub table: &'static str,
    /// The entry's element.
    pub entry: &'static str,
    /// The entry's elements, in the reference's order; the first is its type code.
    pub fields: &'static [&'static str],
    /// The codes that the first may hold; none for any number.
    pub codes: &'static [&'static str],
    /// The codes whose value is a telephone or fax number.
    pub phones: &'static [&'static str],
}

/// Postal addresses. The reference heads their codes "contact_item_type": the two headings are swapped.
pub const ADDRESSES: ListShape = ListShape {
    list: "contact_addresses",
    table: "contact_addresses",
    entry: "contact_address",
    fields: &["address_type", "street_address", "street_address2", "zip_code", "city", "country"],
    codes: &["20", "21", "22"],
    phones: &[],
};

/// Telephones, e-mails, messaging names. The reference heads their codes "contact_address_type for contacts".
pub const ITEMS: ListShape = ListShape {
    list: "contact_items",
    table: "contact_items",
    entry: "contact_item",
    fields: &["type_id", "value"],
    codes: &["23", "25", "28", "554", "471", "24", "26", "27", "88", "430", "431", "432", "433", "457"],
    phones: &["23", "25", "554", "471", "24", "26", "88"],
};

/// A firm's postal addresses: the elements and codes are those of a contact's.
pub const FIRM_ADDRESSES: ListShape = ListShape { table: "firm_addresses", ..ADDRESSES };

/// A firm's telephones and the like. Its codes are others than a contact's, 71 and further, and not all known: any
/// number is kept as given.
pub const FIRM_ITEMS: ListShape = ListShape { table: "firm_items", codes: &[], phones: &["71", "72"], ..ITEMS };

/// What entries have beside the reference, where they have it.
pub const LABEL: &str = "label";

/// A contact's lists, in the reference's order.
pub const LISTS: [&ListShape; 2] = [&ADDRESSES, &ITEMS];

/// The codes of `civility_label_id`.
pub const CIVILITIES: [&str; 3] = ["17", "18", "19"];

/// The words of `contact_type` and `firm_type`.
pub const CONTACT_TYPES: [&str; 8] = ["client", "prospect", "supplier", "press", "partner", "staff", "perso", "other"];

/// What a value may be: `None` was never set (`nil="true"`), an empty text was cleared.
pub type Value = Option<String>;

/// A contact or a firm as the state holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<const N: usize> {
    /// Its number; 0 before it is stored.
    pub id: i64,
    /// Beside the reference: the account's own number for it.
    pub reference: Value,
    /// Beside the reference: the user who made it.
    pub creator_id: Value,
    /// Beside the reference: two letters.
    pub language: Value,
    /// Beside the reference: when it was made, `dd-MM-yyyy-HH-mm`.
    pub created_at: String,
    /// In the order of its shape's `scalars`.
    pub scalars: [Value; N],
    /// The two lists, in the order of its shape's `lists`.
    pub lists: [Vec<Entry>; 2],
}

/// A contact; `scalars` in the order of `SCALARS`.
pub type Record = Object<{ SCALARS.len() }>;

/// A firm; `scalars` are name, type, project, company number and VAT number.
pub type Firm = Object<{ FIRM_SCALARS.len() }>;

impl<const N: usize> Default for Object<N> {
    fn default() -> Self {
        Self {
            id: 0,
            reference: None,
            creator_id: None,
            language: None,
            created_at: String::new(),
            scalars: [const { None }; N],
            lists: Default::default(),
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<const N: usize> {
    /// For each of the shape's `scalars`: not named, or its new value (`Some(None)` for nil).
    pub scalars: [Option<Value>; N],
    /// For each of its `lists`: not named, or the entries given.
    pub lists: [Option<Vec<EntryChange>>; 2],
}

impl<const N: usize> Default for Change<N> {
    fn default() -> Self {
        Self { scalars: [const { None }; N], lists: [None, None] }
    }
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

/// What is wrong with an object, one sentence each as a Rails validation writes it; empty when it may be stored.
///
/// Source: the reference's code lists; that it has at least one name is this server's own rule.
pub fn violations<const N: usize>(shape: &Shape<N>, object: &Object<N>) -> Vec<String> {
    let mut found = Vec::new();
    let blank = |value: &Value| value.as_deref().unwrap_or_default().trim().is_empty();
    if shape.names.iter().all(|&at| blank(&object.scalars[at])) {
        found.push(shape.nameless.to_owned());
    }
    for (name, value) in shape.scalars.iter().zip(&object.scalars) {
        let Some(text) = value.as_deref().filter(|text| !text.is_empty()) else { continue };
        let good = match *name {
            "civility_label_id" => CIVILITIES.contains(&text),
            "contact_type" | "firm_type" => CONTACT_TYPES.contains(&text),
            "firm_id" | "project_id" => is_number(text),
            _ => true,
        };
        if !good {
            found.push(format!("{name} is not included in the list"));
        }
    }
    for (list, entries) in shape.lists.iter().zip(&object.lists) {
        for entry in entries {
            let code = entry.values.first().and_then(Option::as_deref).unwrap_or_default();
            let any = list.codes.is_empty() && !code.is_empty() && is_number(code);
            if !any && !list.codes.contains(&code) {
                found.push(format!("{} {} is not included in the list", list.entry, list.fields[0]));
            }
        }
    }
    found
}

fn is_number(text: &str) -> bool {
    text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit())
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
        assert_eq!(violations(&CONTACT, &record), expected);
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

    #[test]
    fn which_firms_may_be_stored() {
        let check = |scalars: &[(usize, &str)], code: &str, expected: &[&str]| {
            let mut firm = Firm::default();
            for (at, value) in scalars {
                firm.scalars[*at] = Some((*value).to_owned());
            }
            firm.lists[1].push(Entry { id: 0, label: None, values: vec![Some(code.to_owned()), None] });
            assert_eq!(violations(&FIRM, &firm), expected);
        };
        check(&[(FIRM_NAME, "Durand & Fils"), (1, "supplier"), (2, "7"), (3, "000000301")], "71", &[]);
        check(&[(FIRM_NAME, "A")], "912", &[]);
        check(&[(FIRM_NAME, " ")], "71", &["Name can't be blank"]);
        check(&[(FIRM_NAME, "A"), (1, "firm")], "71", &["firm_type is not included in the list"]);
        check(&[(FIRM_NAME, "A"), (2, "x")], "71", &["project_id is not included in the list"]);
        check(&[(FIRM_NAME, "A")], "", &["contact_item type_id is not included in the list"]);
        check(&[(FIRM_NAME, "A")], "phone", &["contact_item type_id is not included in the list"]);
    }
}
