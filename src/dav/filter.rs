//! Which cards an addressbook-query wants (RFC 6352, 10.5): the filter read, and a card held against it.
//!
//! A filter with anything that is not known here is refused whole: half a filter finds the wrong cards.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::element::{Element, Ns};

/// Why a filter cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterError {
    /// `CARDDAV:supported-filter`.
    Unsupported,
    /// `CARDDAV:supported-collation`.
    Collation,
}

/// A property of a card, as filters see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLine<'a> {
    /// Its group; empty for none.
    pub group: Cow<'a, str>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its parameters' names and values; one of several values comes several times.
    pub parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its value as text, without escapes.
    pub value: Cow<'a, str>,
}

/// What a card must have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    test: Test,
    properties: Vec<PropertyFilter>,
}

/// How many of several conditions must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Test {
    #[default]
    AnyOf,
    AllOf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PropertyFilter {
    name: String,
    condition: Option<PropertyCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PropertyCondition {
    Absent,
    Tests { test: Test, texts: Vec<TextMatch>, parameters: Vec<ParameterFilter> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ParameterFilter {
    name: String,
    condition: Option<ParameterCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ParameterCondition {
    Absent,
    Text(TextMatch),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TextMatch {
    /// Folded as the collation folds.
    wanted: String,
    collation: Collation,
    kind: MatchKind,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchKind {
    Equals,
    Contains,
    StartsWith,
    EndsWith,
}

/// The collations that RFC 6352, 8.3 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collation {
    Ascii,
    Unicode,
}

impl Filter {
    /// Reads `CARDDAV:filter`.
    ///
    /// # Errors
    /// Something in it is not known here.
    pub fn read(element: &Element<'_>) -> Result<Self, FilterError> {
        let test = Test::of(element)?;
        let properties = element.children.iter().map(PropertyFilter::read).collect::<Result<_, _>>()?;
        Ok(Self { test, properties })
    }

    /// True for a filter without conditions.
    pub fn takes_all(&self) -> bool {
        self.properties.is_empty()
    }

    /// True for a card with these lines.
    pub fn takes(&self, card: &[CardLine<'_>]) -> bool {
        self.takes_all() || self.test.of_all(self.properties.iter().map(|property| property.takes(card)))
    }
}

impl Test {
    fn of(element: &Element<'_>) -> Result<Self, FilterError> {
        match element.attribute("test").as_deref() {
            None | Some("anyof") => Ok(Test::AnyOf),
            Some("allof") => Ok(Test::AllOf),
            Some(_) => Err(FilterError::Unsupported),
        }
    }

    fn of_all(self, mut answers: impl Iterator<Item = bool>) -> bool {
        match self {
            Test::AnyOf => answers.any(|answer| answer),
            Test::AllOf => answers.all(|answer| answer),
        }
    }
}

impl PropertyFilter {
    fn read(element: &Element<'_>) -> Result<Self, FilterError> {
        if !element.is(Ns::CardDav, "prop-filter") {
            return Err(FilterError::Unsupported);
        }
        let name = name(element)?;
        let test = Test::of(element)?;
        let (mut texts, mut parameters, mut is_absent) = (Vec::new(), Vec::new(), false);
        for child in &element.children {
            match (child.ns, child.local) {
                (Ns::CardDav, "is-not-defined") => is_absent = true,
                (Ns::CardDav, "text-match") => texts.push(TextMatch::read(child)?),
                (Ns::CardDav, "param-filter") => parameters.push(ParameterFilter::read(child)?),
                _ => return Err(FilterError::Unsupported),
            }
        }
        let condition = match (is_absent, texts.len() + parameters.len()) {
            (false, 0) => None,
            (false, _) => Some(PropertyCondition::Tests { test, texts, parameters }),
            (true, 0) => Some(PropertyCondition::Absent),
            (true, _) => return Err(FilterError::Unsupported),
        };
        Ok(Self { name, condition })
    }

    /// A name without a group is that of properties in any group.
    fn names(&self, line: &CardLine<'_>) -> bool {
        match self.name.split_once('.') {
            Some((group, name)) => line.group.eq_ignore_ascii_case(group) && line.name.eq_ignore_ascii_case(name),
            None => line.name.eq_ignore_ascii_case(&self.name),
        }
    }

    fn takes(&self, card: &[CardLine<'_>]) -> bool {
        let mut lines = card.iter().filter(|line| self.names(line));
        match &self.condition {
            None => lines.next().is_some(),
            Some(PropertyCondition::Absent) => lines.next().is_none(),
            Some(PropertyCondition::Tests { test, texts, parameters }) => lines.any(|line| {
                let texts = texts.iter().map(|text| text.takes(&line.value));
                test.of_all(texts.chain(parameters.iter().map(|parameter| parameter.takes(line))))
            }),
        }
    }
}

impl ParameterFilter {
    fn read(element: &Element<'_>) -> Result<Self, FilterError> {
        let condition = match element.children.as_slice() {
            [] => None,
            [child] if child.is(Ns::CardDav, "is-not-defined") => Some(ParameterCondition::Absent),
            [child] if child.is(Ns::CardDav, "text-match") => Some(ParameterCondition::Text(TextMatch::read(child)?)),
            _ => return Err(FilterError::Unsupported),
        };
        Ok(Self { name: name(element)?, condition })
    }

    fn takes(&self, line: &CardLine<'_>) -> bool {
        let mut values =
            line.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&self.name)).map(|(_, value)| value);
        match &self.condition {
            None => values.next().is_some(),
            Some(ParameterCondition::Absent) => values.next().is_none(),
            Some(ParameterCondition::Text(text)) => values.any(|value| text.takes(value)),
        }
    }
}

impl TextMatch {
    fn read(element: &Element<'_>) -> Result<Self, FilterError> {
        let collation = match element.attribute("collation").as_deref() {
            // The protocol's own default is the server's choice (RFC 4790, 3.1).
            None | Some("i;unicode-casemap" | "default") => Collation::Unicode,
            Some("i;ascii-casemap") => Collation::Ascii,
            Some(_) => return Err(FilterError::Collation),
        };
        let kind = match element.attribute("match-type").as_deref() {
            None | Some("contains") => MatchKind::Contains,
            Some("equals") => MatchKind::Equals,
            Some("starts-with") => MatchKind::StartsWith,
            Some("ends-with") => MatchKind::EndsWith,
            Some(_) => return Err(FilterError::Unsupported),
        };
        let negated = match element.attribute("negate-condition").as_deref() {
            None | Some("no") => false,
            Some("yes") => true,
            Some(_) => return Err(FilterError::Unsupported),
        };
        if !element.children.is_empty() {
            return Err(FilterError::Unsupported);
        }
        Ok(Self { wanted: collation.fold(&element.text), collation, kind, negated })
    }

    fn takes(&self, value: &str) -> bool {
        let value = self.collation.fold(value);
        let wanted = self.wanted.as_str();
        let found = match self.kind {
            MatchKind::Equals => value == wanted,
            MatchKind::Contains => value.contains(wanted),
            MatchKind::StartsWith => value.starts_with(wanted),
            MatchKind::EndsWith => value.ends_with(wanted),
        };
        found != self.negated
    }
}

impl Collation {
    /// i;ascii-casemap (RFC 4790, 9.2) and i;unicode-casemap (RFC 5051): one character becomes one, then is taken apart.
    fn fold(self, text: &str) -> String {
        if self == Collation::Ascii || text.is_ascii() {
            return text.to_ascii_uppercase();
        }
        let upper = text.chars().map(|char| {
            let mut upper = char.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => char,
            }
        });
        upper.nfkd().collect()
    }
}

fn name(element: &Element<'_>) -> Result<String, FilterError> {
    element.attribute("name").map(Cow::into_owned).filter(|name| !name.is_empty()).ok_or(FilterError::Unsupported)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
