//! One line of cells, and single values to cell texts and back: line ends, white space, the formula guard, damage.
//!
//! Two cell texts are the same value exactly when they decode to the same: that is what decides whether a cell is
//! written, so that a cell whose value did not change keeps its spelling and its quotation marks.

use std::borrow::Cow;

use super::{
    layout::Layout,
    profile::Profile,
    records::{Cell, quote},
    values::{self, Damage},
};
use crate::contact::{Field, ItemKind};

/// How the type of a value is chosen where the column leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// Always professional: a two-way book must not see a type change because another cell of the row changed.
    Fixed,
    /// Personal where the row names no company or says that the contact is a personal one: for an import.
    ByRow,
}

/// How the cells of one table are read and written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec<'a> {
    pub profile: &'a Profile,
    pub layout: &'a Layout,
    /// What stands for a line break inside a cell.
    pub cell_line_end: &'a str,
    pub guess: Guess,
}

/// The cells of a row, some of them rewritten.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    cells: Vec<Cell<'a>>,
    quote_always: bool,
    delimiter: u8,
}

/// A value's cell text, and whether it must be quoted to be read as that value.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub text: String,
    pub quoted: bool,
}

/// What a cell that holds a number says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Number {
    /// A value; `repaired` when the cell's own text is a damaged form of it.
    Value { text: String, repaired: bool },
    /// Nothing.
    Nothing,
    /// A number whose digits are gone.
    Lost,
}

impl<'a> Line<'a> {
    /// The cells of a row that is there.
    pub fn new(cells: Vec<Cell<'a>>, delimiter: u8, quote_always: bool) -> Line<'a> {
        Line { cells, quote_always, delimiter }
    }

    /// A row of empty cells.
    pub fn blank(width: usize, delimiter: u8, quote_always: bool) -> Line<'a> {
        let raw = if quote_always { "\"\"" } else { "" };
        let cell = Cell { raw: Cow::Borrowed(raw), quoted: quote_always, ..Cell::EMPTY };
        Line { cells: vec![cell; width], quote_always, delimiter }
    }

    /// The cell of a column; an empty one beyond the row's end.
    pub fn cell(&self, column: usize) -> &Cell<'a> {
        self.cells.get(column).unwrap_or(&Cell::EMPTY)
    }

    /// Rewrites a cell.
    pub fn set(&mut self, column: usize, text: Text) {
        while self.cells.len() <= column {
            self.cells.push(Cell::EMPTY);
        }
        let cell = &mut self.cells[column];
        let quoted = text.quoted || cell.quoted || self.quote_always;
        let raw = quote(&text.text, self.delimiter, quoted);
        *cell =
            Cell { quoted: raw.starts_with('"'), raw: Cow::Owned(raw), text: Cow::Owned(text.text), misquoted: false };
    }

    /// How many cells it has.
    pub fn width(&self) -> usize {
        self.cells.len()
    }

    /// The row as it is written, without a line end.
    pub fn content(&self) -> String {
        let mut out = String::with_capacity(self.cells.iter().map(|cell| cell.raw.len() + 1).sum());
        for (at, cell) in self.cells.iter().enumerate() {
            if at > 0 {
                out.push(char::from(self.delimiter));
            }
            out.push_str(&cell.raw);
        }
        // A line without any character is no row.
        if out.is_empty() { "\"\"".to_owned() } else { out }
    }
}

impl Codec<'_> {
    /// A cell's value as text.
    pub fn plain<'c>(&self, cell: &'c Cell<'_>) -> Cow<'c, str> {
        self.plain_text(&cell.text)
    }

    /// A value as a cell's text.
    pub fn text(&self, value: &str) -> Text {
        let mut text = Cow::Borrowed(value);
        if text.contains("\r\n") {
            text = Cow::Owned(text.replace("\r\n", "\n"));
        }
        if self.cell_line_end != "\n" && text.contains('\n') {
            text = Cow::Owned(text.replace('\n', self.cell_line_end));
        }
        if self.profile.spreadsheet {
            text = Cow::Owned(values::guarded(&text, self.profile.exact).into_owned());
        }
        Text { text: text.into_owned(), quoted: false }
    }

    /// Writes a plain value, unless the cell says it already.
    pub fn put(&self, line: &mut Line<'_>, column: usize, value: &str) {
        let text = self.text(value);
        if self.plain(line.cell(column)) != self.plain_text(&text.text) {
            line.set(column, text);
        }
    }

    /// The value that a plain text comes back as.
    pub fn carried(&self, value: &str) -> String {
        self.plain_text(&self.text(value).text).into_owned()
    }

    /// An item's value in a cell.
    pub fn number(&self, text: &str, quoted: bool, kind: ItemKind, french: bool) -> Number {
        let value = self.plain_text(text);
        if value.is_empty() {
            return Number::Nothing;
        }
        let numeric = matches!(kind, ItemKind::Phone | ItemKind::Fax);
        // A decimal comma has to be quoted in a file of commas: such a cell is a spreadsheet's, not carnet's own.
        let spoilt = quoted && value.contains(',') && values::is_scientific(&value);
        if !numeric || (self.profile.exact && quoted && !spoilt) {
            return Number::Value { text: value.into_owned(), repaired: false };
        }
        match values::phone_damage(&value, french) {
            Damage::None => Number::Value { text: value.into_owned(), repaired: false },
            Damage::Repaired(text) => Number::Value { text, repaired: true },
            Damage::Lost => Number::Lost,
        }
    }

    /// An item's value as a cell's text.
    pub fn number_text(&self, value: &str, kind: ItemKind) -> Text {
        let numeric = matches!(kind, ItemKind::Phone | ItemKind::Fax);
        let is_grouped = self.profile.spreadsheet && !self.profile.exact;
        let spaced = if numeric && is_grouped { values::spaced(value) } else { Cow::Borrowed(value) };
        let mut text = self.text(&spaced);
        text.quoted = self.profile.exact && numeric && values::phone_damage(value, true) != Damage::None;
        text
    }

    /// The value that an item comes back as: [`Number::Lost`] for one that a spreadsheet's damage looks like.
    pub fn carried_number(&self, value: &str, kind: ItemKind, french: bool) -> Number {
        let text = self.number_text(value, kind);
        self.number(&text.text, text.quoted, kind, french)
    }

    /// A postal code in a cell, and whether it was repaired.
    pub fn zip(&self, text: &str, quoted: bool, french: bool) -> (String, bool) {
        let value = self.plain_text(text);
        if self.profile.exact && quoted {
            return (value.into_owned(), false);
        }
        match values::zip_damage(&value, french) {
            Damage::Repaired(zip) => (zip, true),
            Damage::None | Damage::Lost => (value.into_owned(), false),
        }
    }

    /// A postal code as a cell's text.
    pub fn zip_text(&self, value: &str) -> Text {
        let mut text = self.text(value);
        text.quoted = self.profile.exact && values::zip_damage(value, true) != Damage::None;
        text
    }

    /// The country of the contact itself, if the table has it.
    pub fn country<'c>(&self, line: &'c Line<'_>) -> Cow<'c, str> {
        let column = self.layout.scalars.iter().find(|(field, _)| *field == Field::Country);
        column.map_or(Cow::Borrowed(""), |(_, column)| self.plain(line.cell(*column)))
    }

    /// True when the row names no country but France.
    pub fn is_french(&self, line: &Line<'_>) -> bool {
        values::is_french(&self.country(line))
            && self
                .layout
                .addresses
                .iter()
                .filter_map(|slot| slot.column(super::profile::Part::Country))
                .all(|column| values::is_french(&self.plain(line.cell(column))))
    }

    /// What a cell's text says.
    pub fn plain_text<'c>(&self, text: &'c str) -> Cow<'c, str> {
        let text = if self.profile.spreadsheet { values::unguarded(text) } else { text };
        let mut value = Cow::Borrowed(if self.profile.exact { text } else { text.trim() });
        if value.contains('\r') {
            let lone = if self.cell_line_end == "\r" { "\n" } else { "\r" };
            value = Cow::Owned(value.replace("\r\n", "\n").replace('\r', lone));
        }
        value
    }
}
