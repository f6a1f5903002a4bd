//! A card's content lines for those who search in it or want a part of it: names, parameters and texts, and a card of some
//! lines alone.

use std::borrow::Cow;

use super::{
    Card,
    card::set_identity,
    property::{Prop, words},
    value::View,
};
use crate::contact::identity::Identity;

/// A content line between BEGIN and END.
#[derive(Clone, Copy)]
pub struct ContentLine<'a> {
    view: View<'a>,
}

/// How much of a line is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// The line without its value.
    Head,
    /// All of it, as it stands.
    Line,
}

impl<'a> ContentLine<'a> {
    /// The group, as spelt; empty for none.
    pub fn group(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.view.group())
    }

    /// The name, as spelt, without the group.
    pub fn name(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.view.name())
    }

    /// The value as text, without escapes; empty for a picture and the like.
    pub fn text(&self) -> Cow<'a, str> {
        if self.view.is_blob() { Cow::Borrowed("") } else { self.view.text() }
    }

    /// The parameters, each value by itself. Those that vCard 2.1 writes without a name are types.
    pub fn parameters(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut all = Vec::new();
        for (name, value) in self.view.params() {
            let name = if name.is_empty() { Cow::Borrowed("TYPE") } else { String::from_utf8_lossy(name) };
            all.extend(words(value).map(|word| (name.clone(), String::from_utf8_lossy(word))));
        }
        all
    }
}

impl Card {
    /// The content lines between BEGIN and END, in order.
    pub fn content_lines(&self) -> impl Iterator<Item = ContentLine<'_>> {
        self.views().map(|(_, view)| ContentLine { view })
    }

    /// The card with this UID, for one that has none.
    #[must_use]
    pub fn with_uid(mut self, uid: &str) -> Card {
        set_identity(&mut self, &Identity { uid: Some(uid.to_owned()), crm_id: None });
        self
    }

    /// The card with those lines alone that are wanted, and with VERSION.
    pub fn part(&self, mut wanted: impl FnMut(ContentLine<'_>) -> Keep) -> Vec<u8> {
        let mut out = format!("BEGIN:VCARD{}", self.line_end()).into_bytes();
        for (at, view) in self.views() {
            let keep = if view.head.prop == Prop::Version { Keep::Line } else { wanted(ContentLine { view }) };
            match keep {
                Keep::Nothing => {}
                Keep::Head => {
                    out.extend_from_slice(&view.content[..=view.head.colon]);
                    out.extend_from_slice(self.line_end().as_bytes());
                }
                Keep::Line => out.extend_from_slice(self.raw_line(at)),
            }
        }
        out.extend_from_slice(format!("END:VCARD{}", self.line_end()).as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\\, Countess\r\nitem1.TEL;TYPE=home,\"voice\";PREF=1:+33 1\r\n\
        NOTE:one\r\n  two\r\nPHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\nEND:VCARD\r\n";

    #[test]
    fn lines_are_seen_by_name_parameters_and_text() {
        let card = Card::parse(CARD.as_bytes()).unwrap();
        let told: Vec<String> = card
            .content_lines()
            .map(|line| {
                let parameters =
                    line.parameters().iter().map(|(name, value)| format!(";{name}={value}")).collect::<String>();
                format!("{}/{}{parameters}:{}", line.group(), line.name(), line.text())
            })
            .collect();
        assert_eq!(
            told,
            [
                "/VERSION:3.0",
                "/FN:Ada, Countess",
                "item1/TEL;TYPE=home;TYPE=voice;PREF=1:+33 1",
                "/NOTE:one two",
                "/PHOTO;ENCODING=b;TYPE=JPEG:"
            ]
        );
        let old = Card::parse(b"BEGIN:VCARD\nVERSION:2.1\nTEL;HOME:1\nEND:VCARD\n").unwrap();
        let types = old.content_lines().flat_map(|line| line.parameters()).collect::<Vec<_>>();
        assert_eq!(types, [("TYPE".into(), "HOME".into())]);
    }

    #[test]
    fn a_part_of_a_card_is_a_card() {
        let card = Card::parse(CARD.as_bytes()).unwrap();
        let part = card.part(|line| match line.name().as_ref() {
            "NOTE" => Keep::Line,
            "PHOTO" => Keep::Head,
            _ => Keep::Nothing,
        });
        assert_eq!(
            String::from_utf8(part).unwrap(),
            "BEGIN:VCARD\r\nVERSION:3.0\r\nNOTE:one\r\n  two\r\nPHOTO;ENCODING=b;TYPE=JPEG:\r\nEND:VCARD\r\n"
        );
    }
}
