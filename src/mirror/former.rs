//! What the mirror knows of a replica that is none any more.

use super::{Mirror, Result};

impl Mirror {
    /// True where anything was ever agreed on with a replica of this name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn knows_replica(&self, replica: &str) -> Result<bool> {
        let mut select = self.sql("SELECT EXISTS (SELECT 1 FROM agreements WHERE replica = ?1)")?;
        Ok(select.query_row([replica], |row| row.get(0))?)
    }

    /// Forgets a replica that is gone for good, so that another one of its name is met as a new one: no absence there says
    /// anything of what was here. Contacts, conflicts and history stay.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_replica(&mut self, replica: &str) -> Result<()> {
        self.begin()?;
        for statement in [
            "DELETE FROM agreements WHERE replica = ?1",
            "DELETE FROM outbox WHERE replica = ?1",
            "DELETE FROM absences WHERE replica = ?1",
            "DELETE FROM cursors WHERE replica = ?1",
            "DELETE FROM attention WHERE replica = ?1",
            "DELETE FROM problems WHERE replica = ?1",
            "DELETE FROM facts WHERE key = 'where.' || ?1 OR substr(key, 1, length(?1) + 6) = 'book.' || ?1 || '.'",
        ] {
            self.sql(statement)?.execute([replica])?;
        }
        self.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contact::Contact, mirror::Agreement};

    #[test]
    fn a_former_replica_leaves_nothing_that_another_of_its_name_could_meet() {
        let mut mirror = Mirror::in_memory().unwrap();
        let contact = Contact { last_name: "Durand".into(), ..Contact::default() };
        let id = mirror.insert_contact("uid-1", &contact, "crm", 1, "2026-11-30T09:00:00Z").unwrap();
        for replica in ["phone", "phone-2"] {
            let agreement = Agreement {
                contact: id,
                remote: "a.vcf".into(),
                revision: "1".into(),
                theirs: contact.clone(),
                ours: contact.clone(),
                version: 1,
                detail: None,
                detached: false,
                marks: String::new(),
            };
            mirror.put_agreement(replica, &agreement).unwrap();
            mirror.put_cursor_note(replica, "counter", "7").unwrap();
            mirror.set_fact(&format!("where.{replica}"), "*").unwrap();
            mirror.set_fact(&format!("book.{replica}.sends"), "phone").unwrap();
        }
        mirror.forget_replica("phone").unwrap();
        for (replica, known) in [("phone", false), ("phone-2", true)] {
            assert_eq!(mirror.knows_replica(replica).unwrap(), known, "{replica}");
            assert_eq!(mirror.cursor_note(replica, "counter").unwrap().is_some(), known, "{replica}");
            for fact in [format!("where.{replica}"), format!("book.{replica}.sends")] {
                assert_eq!(mirror.fact(&fact).unwrap().is_some(), known, "{fact}");
            }
        }
        assert!(mirror.contact(id).unwrap().is_some());
    }
}
