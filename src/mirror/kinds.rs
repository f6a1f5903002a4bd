//! An enum in two columns: its kind, a word to search by, and its parameters, a JSON object.

use rusqlite::types::{FromSql, FromSqlResult, ValueRef};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

const KIND: &str = "kind";

/// The columns of a value. Its type is tagged with `kind`, and its variants are unit or struct variants.
pub(super) fn columns(value: &impl Serialize) -> (String, String) {
    // Types of our own, of texts and numbers: they always have a JSON form.
    let mut members = match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    };
    let kind = match members.remove(KIND) {
        Some(Value::String(kind)) => kind,
        Some(_) | None => String::new(),
    };
    (kind, Value::Object(members).to_string())
}

/// The value of two columns; none where another carnet wrote what this one does not know.
pub(super) fn value<T: DeserializeOwned>(kind: &str, Detail(detail): &Detail) -> Option<T> {
    let mut members: Map<String, Value> = serde_json::from_str(detail).ok()?;
    members.insert(KIND.to_owned(), kind.into());
    serde_json::from_value(Value::Object(members)).ok()
}

/// A column of parameters.
pub(super) struct Detail(pub(super) String);

impl FromSql for Detail {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Detail(value.as_str()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Fruit {
        Nut,
        Berry { count: u64, of: Colour },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        Other { name: String },
    }

    #[test]
    fn every_variant_comes_back_and_what_is_not_known_is_none() {
        let check = |fruit: Fruit, kind: &str, detail: &str| {
            assert_eq!(columns(&fruit), (kind.to_owned(), detail.to_owned()));
            assert_eq!(value(kind, &Detail(detail.to_owned())), Some(fruit));
        };
        check(Fruit::Nut, "nut", "{}");
        check(Fruit::Berry { count: 3, of: Colour::Red }, "berry", r#"{"count":3,"of":"red"}"#);
        let of = Colour::Other { name: "ocre".into() };
        check(
            Fruit::Berry { count: u64::MAX, of },
            "berry",
            r#"{"count":18446744073709551615,"of":{"other":{"name":"ocre"}}}"#,
        );
        for (kind, detail) in [("leaf", "{}"), ("berry", "{}"), ("berry", r#"{"count":1,"of":"blue"}"#), ("nut", "x")] {
            assert_eq!(value::<Fruit>(kind, &Detail(detail.to_owned())), None, "{kind} {detail}");
        }
    }
}
