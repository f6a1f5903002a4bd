//! One table of the settings file while it is read: every key is asked for by name and type, the environment may speak
//! before the file, and what is wrong is noted with its place instead of ending the reading.

use std::{cell::RefCell, ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Environment, Fault,
    fault::nearest,
    values::{Wrong, own_path, parse_duration},
};

/// Faults found so far, shared by all sections of a reading.
pub(super) type Faults = RefCell<Vec<Fault>>;

/// A table being read.
pub(super) struct Section<'f> {
    /// `crm`, `book`...: how faults name it.
    pub(super) name: &'static str,
    table: Option<&'f DeTable<'f>>,
    /// The whole table, for faults about what it lacks.
    pub(super) span: Option<Range<usize>>,
    environment: Option<Environment<'f>>,
    faults: &'f Faults,
}

/// A value and where it was found.
pub(super) struct Given<'f> {
    /// As the file or the environment has it.
    pub(super) value: GivenValue<'f>,
    /// Its bytes in the file; `None` for the environment.
    pub(super) span: Option<Range<usize>>,
    /// `` `crm.url` `` or `$CARNET_CRM_URL`.
    pub(super) name: String,
}

/// A value in the file has a type, one in the environment is text.
pub(super) enum GivenValue<'f> {
    File(&'f DeValue<'f>),
    Environment(String),
}

impl<'f> Section<'f> {
    /// The table `name` of the file; its keys may also be set as `CARNET_NAME_KEY`. Notes unknown keys.
    pub(super) fn top(
        name: &'static str,
        root: &'f DeTable<'f>,
        known: &[&str],
        environment: Environment<'f>,
        faults: &'f Faults,
    ) -> Self {
        let mut section = Self { name, table: None, span: None, environment: Some(environment), faults };
        if let Some(value) = root.get(name) {
            match value.get_ref() {
                DeValue::Table(table) => section.adopt(table, value.span(), known),
                other => section.note(Fault::new(
                    Some(value.span()),
                    format!("`{name}` must be a table, [{name}], not {}", described(other)),
                )),
            }
        }
        section
    }

    /// An element of an array of tables; the environment does not reach it.
    pub(super) fn element(
        name: &'static str,
        value: &'f Spanned<DeValue<'f>>,
        known: &[&str],
        faults: &'f Faults,
    ) -> Self {
        let mut section = Self { name, table: None, span: Some(value.span()), environment: None, faults };
        match value.get_ref() {
            DeValue::Table(table) => section.adopt(table, value.span(), known),
            other => section.note(Fault::new(
                Some(value.span()),
                format!("`{name}` must be a table, [[{name}]], not {}", described(other)),
            )),
        }
        section
    }

    fn adopt(&mut self, table: &'f DeTable<'f>, span: Range<usize>, known: &[&str]) {
        self.table = Some(table);
        self.span = Some(span);
        note_unknown(table, Some(self.name), known, self.faults);
    }

    /// Notes a fault.
    pub(super) fn note(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// The faults of the whole reading.
    pub(super) fn faults(&self) -> &'f Faults {
        self.faults
    }

    /// Notes that a needed key is not there.
    pub(super) fn missing(&self, key: &str, hint: &str) {
        self.note(Fault::new(self.span.clone(), format!("`{}.{key}` is missing", self.name)).hint(hint));
    }

    /// The key's value: the environment's, else the file's.
    pub(super) fn given(&self, key: &str) -> Option<Given<'f>> {
        let variable = format!("CARNET_{}_{}", self.name, key).to_uppercase();
        if let Some(text) = self.environment.and_then(|environment| environment.get(&variable)) {
            return Some(Given { value: GivenValue::Environment(text), span: None, name: format!("${variable}") });
        }
        self.in_file(key)
    }

    /// The key's value in the file, whatever the environment says.
    pub(super) fn in_file(&self, key: &str) -> Option<Given<'f>> {
        let value = self.table?.get(key)?;
        let name = format!("`{}.{key}`", self.name);
        Some(Given { value: GivenValue::File(value.get_ref()), span: Some(value.span()), name })
    }

    /// A text, read by `parse`.
    pub(super) fn parsed<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let given = self.given(key)?;
        let text = self.text_of(&given)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.note(given.wrong(wrong));
                None
            }
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.parsed(key, |text| match text.trim() {
            "" => Err(("expected a text that is not empty".to_owned(), None)),
            _ => Ok(text.to_owned()),
        })
    }

    /// A text that is a path, not made absolute yet.
    pub(super) fn path(&self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        self.parsed(key, |_| own_path(&text)).map(|()| text)
    }

    /// A duration of at least `least`.
    pub(super) fn duration(&self, key: &str, least: Duration) -> Option<Duration> {
        self.parsed(key, |text| match parse_duration(text) {
            Ok(duration) if duration < least => Err((format!("must be at least {least:?}"), None)),
            Ok(duration) => Ok(duration),
            Err(message) => Err((message, None)),
        })
    }

    /// A word of a closed list.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.parsed(key, |text| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let meant = nearest(text, &names).map(|word| format!("did you mean \"{word}\"?"));
                (format!("expected one of {}", names.join(", ")), meant)
            })
        })
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&self, key: &str, least: u32, most: u32) -> Option<u32> {
        let given = self.given(key)?;
        let number: Option<i64> = match &given.value {
            GivenValue::File(DeValue::Integer(integer)) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            GivenValue::File(other) => {
                self.note(given.wrong_type("a whole number", other));
                return None;
            }
            GivenValue::Environment(text) => text.trim().parse().ok(),
        };
        let fitting = number.and_then(|number| u32::try_from(number).ok()).filter(|n| (least..=most).contains(n));
        if fitting.is_none() {
            self.note(given.wrong((format!("expected a whole number from {least} to {most}"), None)));
        }
        fitting
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let given = self.given(key)?;
        match &given.value {
            GivenValue::File(DeValue::Boolean(value)) => Some(*value),
            GivenValue::File(other) => {
                self.note(given.wrong_type("true or false", other));
                None
            }
            GivenValue::Environment(text) => match text.trim() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => {
                    self.note(given.wrong(("expected true or false".to_owned(), None)));
                    None
                }
            },
        }
    }

    /// A list of texts, or one text on its own.
    pub(super) fn texts(&self, given: &Given<'f>) -> Option<Vec<String>> {
        let one_by_one = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => {
                let message = format!("{} must hold texts only, not {}", given.name, described(other));
                self.note(Fault::new(Some(value.span()), message));
                None
            }
        };
        match &given.value {
            GivenValue::File(DeValue::Array(array)) => array.iter().map(one_by_one).collect(),
            GivenValue::File(DeValue::String(text)) => Some(vec![text.to_string()]),
            GivenValue::File(other) => {
                self.note(given.wrong_type("a list of texts", other));
                None
            }
            GivenValue::Environment(text) => Some(vec![text.clone()]),
        }
    }

    fn text_of(&self, given: &Given<'f>) -> Option<String> {
        match &given.value {
            GivenValue::File(DeValue::String(text)) => Some(text.to_string()),
            GivenValue::Environment(text) => Some(text.clone()),
            GivenValue::File(other) => {
                self.note(given.wrong_type("a text in quotes", other));
                None
            }
        }
    }
}

impl Given<'_> {
    /// A fault about this value.
    pub(super) fn wrong(&self, (message, hint): Wrong) -> Fault {
        Fault { span: self.span.clone(), message: format!("{}: {message}", self.name), hint }
    }

    /// A fault about this value's type; the value itself is not repeated, it may be a secret.
    pub(super) fn wrong_type(&self, expected: &str, got: &DeValue<'_>) -> Fault {
        self.wrong((format!("expected {expected}, found {}", described(got)), None))
    }
}

/// Notes every key that is not a known one; `place` is the table's name, `None` for the top of the file.
pub(super) fn note_unknown(table: &DeTable<'_>, place: Option<&str>, known: &[&str], faults: &Faults) {
    for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        let word = key.get_ref().as_ref();
        let place = place.map_or_else(String::new, |place| format!(" in [{place}]"));
        let list = known.join(", ");
        let hint = match nearest(word, known) {
            Some(meant) => format!("did you mean `{meant}`? known here: {list}"),
            None => format!("known here: {list}"),
        };
        faults.borrow_mut().push(Fault::new(Some(key.span()), format!("unknown key `{word}`{place}")).hint(hint));
    }
}

/// A type in a user's decisions.
fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
