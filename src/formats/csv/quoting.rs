//! Rows all of whose cells are quoted: told to take quoted cells for text, a spreadsheet loses nothing of them.
//!
//! A number that reads as another one once it is quoted is written as it was read; one whose digits are gone stays bare.

use super::{
    codec::{Codec, Line, Text},
    profile::Part,
    slots::Held,
};

impl Codec<'_> {
    /// Quotes the cells of a row that are not.
    pub fn quote_row(&self, line: &mut Line<'_>) {
        let french = self.is_french(line);
        let bare = |column: usize| Some(line.cell(column)).filter(|cell| !cell.quoted);
        let quoted = |text: &str| Text { text: text.to_owned(), quoted: true };
        let mut texts: Vec<Option<Text>> =
            (0..line.width()).map(|column| bare(column).map(|cell| quoted(&cell.text))).collect();
        for slot in &self.layout.items {
            let Some(text @ Some(_)) = texts.get_mut(slot.value) else { continue };
            match self.held_item(line, slot, french, false) {
                Held::Lost(_) => *text = None,
                Held::Entries { entries, repaired: true, .. } => {
                    let read = entries.first().map(|item| self.number_text(&item.value, item.item_type.kind()));
                    *text = read.map(|read| quoted(&read.text));
                }
                Held::Alone | Held::Entries { .. } => {}
            }
        }
        for slot in &self.layout.addresses {
            let column = slot.column(Part::ZipCode).and_then(|column| texts.get_mut(column));
            let (Some(text @ Some(_)), Held::Entries { entries, repaired: true, .. }) =
                (column, self.held_address(line, slot))
            else {
                continue;
            };
            *text = entries.first().map(|address| quoted(&self.zip_text(&address.zip_code).text));
        }
        for (column, text) in texts.into_iter().enumerate() {
            if let Some(text) = text {
                line.set(column, text);
            }
        }
    }
}
