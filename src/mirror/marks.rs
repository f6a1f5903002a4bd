//! The identity that records carry in the books: "UID|CRM id", as last written there. It outlives a lost mirror.

use rusqlite::params;

use super::{ContactId, Mirror, Result};

impl Mirror {
    /// The CRM ids that records of a contact carry in the books, each once.
    ///
    /// # Errors
    /// SQLite's.
    pub fn crm_ids_in_books(&self, contact: ContactId) -> Result<Vec<String>> {
        let mut select = self.sql("SELECT marks FROM agreements WHERE contact = ?1 AND replica <> 'crm'")?;
        let marks: Vec<String> = select.query_map([contact], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let ids = marks.iter().filter_map(|marks| marks.rsplit_once('|')).map(|(_, crm_id)| crm_id.to_owned());
        let mut ids: Vec<String> = ids.filter(|crm_id| !crm_id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// From now on the CRM id that records of a contact carry in the books is nobody's.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_crm_id_in_books(&mut self, contact: ContactId) -> Result<()> {
        for crm_id in self.crm_ids_in_books(contact)? {
            self.sql(
                "UPDATE agreements SET marks = substr(marks, 1, length(marks) - length(?2))
                 WHERE contact = ?1 AND replica <> 'crm' AND substr(marks, -length(?2) - 1) = '|' || ?2",
            )?
            .execute(params![contact, crm_id])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contact::Contact, mirror::Agreement};

    #[test]
    fn ids_are_read_and_forgotten() {
        let mut mirror = Mirror::in_memory().unwrap();
        let id = mirror.insert_contact("a|b", &Contact::default(), "cards", 1, "").unwrap();
        for (replica, marks) in [("crm", "a|b|7"), ("cards", "a|b|17"), ("sheet", "a|b|17"), ("phone", "a|b|")] {
            let agreement = Agreement {
                contact: id,
                remote: replica.to_owned(),
                revision: String::new(),
                theirs: Contact::default(),
                ours: Contact::default(),
                version: 1,
                detail: None,
                detached: false,
                marks: marks.to_owned(),
            };
            mirror.put_agreement(replica, &agreement).unwrap();
        }
        assert_eq!(mirror.crm_ids_in_books(id).unwrap(), ["17"]);
        mirror.forget_crm_id_in_books(id).unwrap();
        assert!(mirror.crm_ids_in_books(id).unwrap().is_empty());
        let marks = |replica| mirror.agreement(replica, id).unwrap().unwrap().marks;
        assert_eq!([marks("crm"), marks("cards"), marks("sheet")], ["a|b|7", "a|b|", "a|b|"]);
    }
}
