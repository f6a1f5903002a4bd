//! The table `contact_addresses`: a contact's postal addresses in their order. Only `contacts` and `search` use it.

use rusqlite::params;

use super::{ContactId, Mirror, Result, set, text};
use crate::contact::{Address, AddressType};

impl Mirror {
    pub(super) fn insert_addresses(&self, contact: ContactId, addresses: &[Address]) -> Result<()> {
        if addresses.is_empty() {
            return Ok(());
        }
        let mut insert = self.sql(
            "INSERT INTO contact_addresses
             (contact, position, address_type, street_address, street_address2, zip_code, city, country)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for (position, address) in addresses.iter().enumerate() {
            let Address { address_type, street_address, street_address2, zip_code, city, country } = address;
            insert.execute(params![
                contact,
                position as i64,
                address_type.code(),
                set(street_address),
                set(street_address2),
                set(zip_code),
                set(city),
                set(country)
            ])?;
        }
        Ok(())
    }

    pub(super) fn replace_addresses(&self, contact: ContactId, addresses: &[Address]) -> Result<()> {
        self.sql("DELETE FROM contact_addresses WHERE contact = ?1")?.execute([contact])?;
        self.insert_addresses(contact, addresses)
    }

    pub(super) fn addresses(&self, contact: ContactId) -> Result<Vec<Address>> {
        let mut select = self.sql(
            "SELECT address_type, street_address, street_address2, zip_code, city, country
             FROM contact_addresses WHERE contact = ?1 ORDER BY position",
        )?;
        let rows = select.query_map([contact], |row| {
            Ok(Address {
                address_type: AddressType::from_code(row.get_ref(0)?.as_str()?),
                street_address: text(row, 1)?,
                street_address2: text(row, 2)?,
                zip_code: text(row, 3)?,
                city: text(row, 4)?,
                country: text(row, 5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
