//! The table `contact_items`: a contact's telephones, e-mails and accounts in their order. Only `contacts` and `search`
//! use it.

use rusqlite::params;

use super::{ContactId, Mirror, Result, set, text};
use crate::contact::{Item, ItemType};

impl Mirror {
    pub(super) fn insert_items(&self, contact: ContactId, items: &[Item]) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let mut insert =
            self.sql("INSERT INTO contact_items (contact, position, type_id, value) VALUES (?1, ?2, ?3, ?4)")?;
        for (position, Item { item_type, value }) in items.iter().enumerate() {
            insert.execute(params![contact, position as i64, item_type.code(), set(value)])?;
        }
        Ok(())
    }

    pub(super) fn replace_items(&self, contact: ContactId, items: &[Item]) -> Result<()> {
        self.sql("DELETE FROM contact_items WHERE contact = ?1")?.execute([contact])?;
        self.insert_items(contact, items)
    }

    pub(super) fn items(&self, contact: ContactId) -> Result<Vec<Item>> {
        let mut select = self.sql("SELECT type_id, value FROM contact_items WHERE contact = ?1 ORDER BY position")?;
        let rows = select.query_map([contact], |row| {
            Ok(Item { item_type: ItemType::from_code(row.get_ref(0)?.as_str()?), value: text(row, 1)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every item's owner and value, in one pass.
    pub(super) fn for_each_item(&self, f: &mut dyn FnMut(ContactId, &str)) -> Result<()> {
        let mut select = self.sql("SELECT contact, value FROM contact_items WHERE value IS NOT NULL")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            f(row.get(0)?, row.get_ref(1)?.as_str().unwrap_or_default());
        }
        Ok(())
    }
}
