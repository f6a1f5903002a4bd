//! The table `firms`: the CRM's firms, which contacts name by id, and who waits for one.

use rusqlite::{OptionalExtension, params};

use super::{ContactId, Mirror, Result};

/// A firm as the mirror holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmRow {
    /// Its id in the CRM.
    pub id: String,
    /// Its name; "" where it has none.
    pub name: String,
    /// By which its name is compared; "" for no name.
    pub key: String,
    /// Its addresses and the like, as [`crate::contact::FirmDetails::to_text`] writes them.
    pub details: String,
    /// Its state in the CRM.
    pub revision: String,
    /// The CRM does not list it any more.
    pub gone: bool,
}

/// Contacts whose company is not the name of their firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyWithoutFirm {
    /// The company.
    pub company: String,
    /// The contact.
    pub contact: ContactId,
    /// It names a firm all the same.
    pub has_firm: bool,
}

/// A firm that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmCreation {
    /// By which its name is compared.
    pub key: String,
    /// Its name.
    pub name: String,
    /// The uptime at which it was sent; "" before, [`FirmCreation::REFUSED`] where the CRM does not want it.
    pub sent_uptime: String,
}

impl FirmCreation {
    /// In place of the uptime of one that the CRM refused.
    pub const REFUSED: &str = "refused";

    /// The CRM refused it: it is not sent again before a user says so.
    pub fn is_refused(&self) -> bool {
        self.sent_uptime == Self::REFUSED
    }

    /// It was sent, and what became of it is not known.
    pub fn is_unsettled(&self) -> bool {
        !self.sent_uptime.is_empty() && !self.is_refused()
    }
}

/// Every method fails with SQLite's error.
impl Mirror {
    /// Writes down that a firm is to be made, or that it was sent.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_firm_creation(&mut self, creation: &FirmCreation, run: i64) -> Result<()> {
        self.sql(
            "INSERT INTO firm_creations (key, name, run, sent_uptime) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET sent_uptime = excluded.sent_uptime",
        )?
        .execute(params![creation.key, creation.name, run, creation.sent_uptime])?;
        Ok(())
    }

    /// The firms that are to be made, by key.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_creations(&self) -> Result<Vec<FirmCreation>> {
        let mut select = self.sql("SELECT key, name, sent_uptime FROM firm_creations ORDER BY key")?;
        let rows = select
            .query_map([], |row| Ok(FirmCreation { key: row.get(0)?, name: row.get(1)?, sent_uptime: row.get(2)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Strikes off a firm that was to be made.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_firm_creation(&mut self, key: &str) -> Result<()> {
        self.sql("DELETE FROM firm_creations WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Keeps a firm, in place of what was known of it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn put_firm(&mut self, firm: &FirmRow) -> Result<()> {
        self.sql(
            "INSERT INTO firms (id, name, key, details, revision, gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, details = excluded.details,
                 revision = excluded.revision, gone = excluded.gone",
        )?
        .execute(params![firm.id, firm.name, firm.key, firm.details, firm.revision, firm.gone])?;
        Ok(())
    }

    /// The name of a firm, also of one that is gone.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_name(&self, id: &str) -> Result<Option<String>> {
        let mut select = self.sql("SELECT name FROM firms WHERE id = ?1")?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?)
    }

    /// The details of a firm, also of one that is gone: JSON, "" for none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_details(&self, id: &str) -> Result<String> {
        let mut select = self.sql("SELECT details FROM firms WHERE id = ?1")?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// The revision of a firm that is not gone.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_revision(&self, id: &str) -> Result<Option<String>> {
        let mut select = self.sql("SELECT revision FROM firms WHERE id = ?1 AND gone = 0")?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?)
    }

    /// The first two firms of a name, by its key: id and name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firms_named(&self, key: &str) -> Result<Vec<(String, String)>> {
        let mut select = self.sql("SELECT id, name FROM firms WHERE key = ?1 AND gone = 0 ORDER BY id LIMIT 2")?;
        let rows = select.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many firms are known, those that are gone too.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_firms(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM firms", [])
    }

    /// Every firm that is not gone: id, name and revision, by id.
    ///
    /// # Errors
    /// SQLite's.
    pub fn for_each_firm(&self, take: &mut dyn FnMut(&str, &str, &str)) -> Result<()> {
        let mut select = self.sql("SELECT id, name, revision FROM firms WHERE gone = 0 ORDER BY id")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
            take(text(0)?, text(1)?, text(2)?);
        }
        Ok(())
    }

    /// Has every firm be read once more: what is kept of it is not all that its record says.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_firm_revisions(&mut self) -> Result<()> {
        self.sql("UPDATE firms SET revision = '' WHERE revision <> ''")?.execute([])?;
        Ok(())
    }

    /// Notes that the CRM does not list a firm any more.
    ///
    /// # Errors
    /// SQLite's.
    pub fn firm_is_gone(&mut self, id: &str) -> Result<()> {
        self.sql("UPDATE firms SET gone = 1, revision = '' WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// The living contacts of a firm whose company this is.
    ///
    /// # Errors
    /// SQLite's.
    pub fn members_shown(&self, firm: &str, company: &str) -> Result<Vec<ContactId>> {
        let mut select = self.sql(
            "SELECT id FROM contacts WHERE firm_id = ?1 AND coalesce(company, '') = ?2 AND deleted_at IS NULL
             ORDER BY id",
        )?;
        let rows = select.query_map([firm, company], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many living contacts a firm has.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_members(&self, firm: &str) -> Result<u64> {
        self.count("SELECT count(*) FROM contacts WHERE firm_id = ?1 AND deleted_at IS NULL", [firm])
    }

    /// The ids of firms that contacts name and that nothing is known of, at most so many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unknown_firms(&self, limit: u32) -> Result<Vec<String>> {
        let mut select = self.sql(
            "SELECT DISTINCT c.firm_id FROM contacts c INDEXED BY contacts_by_firm
             WHERE c.firm_id IS NOT NULL AND c.deleted_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM firms f WHERE f.id = c.firm_id) LIMIT ?1",
        )?;
        let rows = select.query_map([limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Another text after any contact was made, edited or deleted.
    ///
    /// # Errors
    /// SQLite's.
    pub fn contacts_stamp(&self) -> Result<String> {
        let mut select = self.sql("SELECT max(id) FROM history")?;
        let changed: Option<i64> = select.query_row([], |row| row.get(0))?;
        let mut select = self.sql("SELECT max(id) FROM contacts")?;
        let made: Option<i64> = select.query_row([], |row| row.get(0))?;
        Ok(format!("{}/{}", changed.unwrap_or_default(), made.unwrap_or_default()))
    }

    /// The living contacts without a company whose firm has a name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn members_without_company(&self) -> Result<Vec<ContactId>> {
        let mut select = self.sql(
            "SELECT c.id FROM contacts c INDEXED BY contacts_by_firm JOIN firms f ON f.id = c.firm_id
             WHERE c.firm_id IS NOT NULL AND c.company IS NULL AND c.deleted_at IS NULL AND f.name <> ''",
        )?;
        let rows = select.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The living contacts whose company is not the name of their firm, by company.
    ///
    /// # Errors
    /// SQLite's.
    pub fn companies_without_firm(&self) -> Result<Vec<CompanyWithoutFirm>> {
        let mut select = self.sql(
            "SELECT c.company, c.id, c.firm_id IS NOT NULL
             FROM contacts c INDEXED BY contacts_with_company LEFT JOIN firms f ON f.id = c.firm_id
             WHERE c.company IS NOT NULL AND c.deleted_at IS NULL AND c.company IS NOT f.name
             ORDER BY c.company, c.id",
        )?;
        let rows = select.query_map([], |row| {
            Ok(CompanyWithoutFirm { company: row.get(0)?, contact: row.get(1)?, has_firm: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Contact;

    fn firm(id: &str, name: &str) -> FirmRow {
        FirmRow {
            id: id.into(),
            name: name.into(),
            key: name.to_lowercase(),
            details: String::new(),
            revision: "r".into(),
            gone: false,
        }
    }

    #[test]
    fn firms_are_found_by_id_and_by_name() {
        let mut mirror = Mirror::in_memory().unwrap();
        for (id, name) in [("1", "A"), ("2", "B"), ("3", "b"), ("4", "")] {
            mirror.put_firm(&firm(id, name)).unwrap();
        }
        assert_eq!(mirror.firm_name("2").unwrap().as_deref(), Some("B"));
        assert_eq!(mirror.firm_name("9").unwrap(), None);
        assert_eq!(mirror.firms_named("b").unwrap().len(), 2);
        mirror.firm_is_gone("3").unwrap();
        assert_eq!(mirror.firms_named("b").unwrap(), [("2".to_owned(), "B".to_owned())]);
        assert_eq!(mirror.firm_name("3").unwrap().as_deref(), Some("b"), "its contacts keep its name");
        let mut listed = Vec::new();
        mirror.for_each_firm(&mut |id, _, _| listed.push(id.to_owned())).unwrap();
        assert_eq!((listed, mirror.count_firms().unwrap()), (vec!["1".into(), "2".into(), "4".into()], 4));
    }

    #[test]
    fn contacts_that_wait_for_their_firm_are_told() {
        let mut mirror = Mirror::in_memory().unwrap();
        mirror.put_firm(&firm("1", "A")).unwrap();
        let mut add = |uid: &str, firm_id: &str, company: &str| {
            let contact = Contact { firm_id: firm_id.into(), company: company.into(), ..Contact::default() };
            mirror.insert_contact(uid, &contact, "crm", 1, "").unwrap()
        };
        let (shown, bare) = (add("shown", "1", "A"), add("bare", "1", ""));
        let (other, own) = (add("other", "1", "X"), add("own", "", "X"));
        add("unknown", "7", "");
        assert_eq!(mirror.members_shown("1", "A").unwrap(), [shown]);
        assert_eq!(mirror.count_members("1").unwrap(), 3);
        assert_eq!(mirror.members_without_company().unwrap(), [bare]);
        assert_eq!(mirror.unknown_firms(9).unwrap(), ["7"]);
        let waiting = |contact, has_firm| CompanyWithoutFirm { company: "X".into(), contact, has_firm };
        assert_eq!(mirror.companies_without_firm().unwrap(), [waiting(other, true), waiting(own, false)]);
    }
}
