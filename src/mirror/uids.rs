//! The table `other_uids`: UIDs of imported records that were taken for contacts which have another one here. A record that
//! brings none has one made of its content.

use rusqlite::{OptionalExtension, params};

use super::{ContactId, Mirror, Result, Stored};

impl Mirror {
    /// Remembers that a record of this UID was taken for the contact; the first contact stays.
    ///
    /// # Errors
    /// SQLite's; there is no such contact.
    pub fn add_other_uid(&mut self, uid: &str, contact: ContactId, run: i64) -> Result<()> {
        self.sql("INSERT INTO other_uids (uid, contact, run) VALUES (?1, ?2, ?3) ON CONFLICT (uid) DO NOTHING")?
            .execute(params![uid, contact, run])?;
        Ok(())
    }

    /// The contact that records of this UID were taken for, living or deleted.
    ///
    /// # Errors
    /// As [`Mirror::contact`].
    pub fn contact_by_other_uid(&self, uid: &str) -> Result<Option<Stored>> {
        let mut select = self.sql("SELECT contact FROM other_uids WHERE uid = ?1")?;
        let contact: Option<ContactId> = select.query_row([uid], |row| row.get(0)).optional()?;
        contact.map(|contact| self.contact(contact)).transpose().map(Option::flatten)
    }

    /// Every such UID of a living contact, and the contact.
    ///
    /// # Errors
    /// SQLite's; the caller's own.
    pub fn for_each_other_uid(&self, each: &mut dyn FnMut(&str, ContactId) -> Result<()>) -> Result<()> {
        let mut select = self.sql(
            "SELECT o.uid, o.contact FROM other_uids o
             WHERE (SELECT deleted_at FROM contacts WHERE id = o.contact) IS NULL",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, row.get(1)?)?;
        }
        Ok(())
    }

    /// Forgets what a run has remembered: it is taken back.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_other_uids_of(&mut self, run: i64) -> Result<()> {
        self.sql("DELETE FROM other_uids WHERE run = ?1")?.execute([run])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Contact;

    #[test]
    fn uids_are_remembered_and_forgotten() {
        let mut mirror = Mirror::in_memory().unwrap();
        let make = |mirror: &mut Mirror, uid| mirror.insert_contact(uid, &Contact::default(), "crm", 1, "").unwrap();
        let (one, other) = (make(&mut mirror, "one"), make(&mut mirror, "other"));
        mirror.add_other_uid("a", one, 7).unwrap();
        mirror.add_other_uid("a", other, 8).unwrap();
        mirror.add_other_uid("b", other, 8).unwrap();
        let known = |mirror: &Mirror| {
            let mut known = Vec::new();
            mirror
                .for_each_other_uid(&mut |uid, contact| {
                    known.push((uid.to_owned(), contact));
                    Ok(())
                })
                .unwrap();
            known
        };
        assert_eq!(known(&mirror), [("a".to_owned(), one), ("b".to_owned(), other)]);
        assert_eq!(mirror.contact_by_other_uid("a").unwrap().unwrap().uid, "one");
        assert_eq!(mirror.contact_by_other_uid("one").unwrap(), None);
        mirror.delete_contact(one, "").unwrap();
        assert_eq!(known(&mirror), [("b".to_owned(), other)], "the deleted one is asked for by its UID alone");
        assert!(mirror.contact_by_other_uid("a").unwrap().unwrap().deleted);
        mirror.update_contact(one, &Contact::default(), "").unwrap();
        mirror.forget_other_uids_of(8).unwrap();
        assert_eq!(known(&mirror), [("a".to_owned(), one)]);
        mirror.purge_contact(one).unwrap();
        assert!(known(&mirror).is_empty(), "a contact that is forgotten takes its UIDs along");
    }
}
