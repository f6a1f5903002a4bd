//! The labels of a card's groups (X-ABLabel), and what they say of the lines that bear them.

use std::borrow::Cow;

use super::{card::Card, property::Prop, value::View, vocabulary::Types};

/// The labels of the card's groups.
#[derive(Default)]
pub(super) struct Labels<'a> {
    labels: Vec<(&'a [u8], Cow<'a, str>, Said)>,
}

impl<'a> Labels<'a> {
    pub fn of(card: &'a Card) -> Self {
        let labels = card
            .views()
            .filter(|(_, view)| view.head.prop == Prop::Label && view.head.group > 0)
            .map(|(_, view)| {
                let text = view.text();
                let said = Said::by(&text);
                (view.group(), text, said)
            })
            .collect();
        Self { labels }
    }

    fn find(&self, view: View<'_>) -> Option<&(&'a [u8], Cow<'a, str>, Said)> {
        if view.head.group == 0 {
            return None;
        }
        self.labels.iter().find(|(group, ..)| group.eq_ignore_ascii_case(view.group()))
    }

    /// The label of the line's group.
    pub fn label(&self, view: View<'_>) -> Option<&str> {
        self.find(view).map(|(_, text, _)| text.as_ref()).filter(|text| !text.is_empty())
    }

    /// What the label says of the type, if it is one of the known ones.
    pub fn label_types(&self, view: View<'_>) -> Option<Types> {
        self.said(view).known
    }

    pub fn said(&self, view: View<'_>) -> Said {
        self.find(view).map(|(.., said)| *said).unwrap_or_default()
    }

    pub fn types(&self, view: View<'_>) -> Types {
        Types::of(view).labelled(self.label_types(view))
    }
}

/// What a label says of a telephone's or e-mail address's type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    /// All its words are known ones.
    known: Option<Types>,
    /// It is a user's own, and this is in it.
    own: Types,
}

impl Said {
    fn by(label: &str) -> Self {
        let known = Types::of_label(label);
        Self { known, own: if known.is_none() { Types::of_own_label(label) } else { Types::NONE } }
    }

    /// What the line says with it. A user's own label says something only where nothing else does.
    pub fn of(self, view: View<'_>) -> Types {
        let types = Types::of(view).labelled(self.known);
        if types.is_bare() { types.or(self.own) } else { types }
    }
}
