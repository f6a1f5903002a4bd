//! `nil="true"`: a value that is not set, as the API's server writes it.

use crate::xml::attribute;

/// True for `nil="true"`.
pub fn is_nil(attributes: &str) -> bool {
    match attributes {
        // What nearly every element has; looking for a word costs more than the rest of its reading.
        "" | r#" type="integer""# | r#" type="array""# => false,
        r#" nil="true""# | r#" type="integer" nil="true""# => true,
        other => attribute(other, "nil").is_some_and(|value| matches!(value, "true" | "1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_is_an_attribute_and_true() {
        assert!(is_nil(" type=\"integer\" nil=\"true\""));
        assert!(is_nil(" xsi:nil='true'"));
        assert!(!is_nil(" nil=\"false\""));
        assert!(!is_nil(" note=\"nil\""));
    }
}
