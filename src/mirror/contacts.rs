//! The table `contacts`: what a contact is now, under a version that grows with every change.
//!
//! An agreement may lean on a contact's present content instead of holding a copy. Whatever changes a contact or its
//! version therefore goes through [`Mirror::before_change`] first, which gives those agreements their own copy.

use rusqlite::{OptionalExtension, Row, params};

use super::{Mirror, MirrorError, Result, set, text};
use crate::contact::{Civility, Contact, ContactType, Field};

/// A contact's row in the mirror. Never used for another contact, not even after it is forgotten.
pub type ContactId = i64;

/// A contact as the mirror holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its row.
    pub id: ContactId,
    /// Its UID in books.
    pub uid: String,
    /// Its CRM id, once it has one; kept while detached.
    pub crm_id: Option<String>,
    /// Grows with every change; from 1.
    pub version: i64,
    /// Its content; that of its last moment once deleted.
    pub contact: Contact,
    /// Gone, kept until every replica has agreed to that.
    pub deleted: bool,
    /// When it was first seen: RFC 3339, UTC.
    pub created_at: String,
    /// When its content last changed: RFC 3339, UTC.
    pub updated_at: String,
}

macro_rules! select_contact {
    ($where:literal) => {
        concat!(
            "SELECT c.id, c.uid, a.remote, c.version, c.deleted_at IS NOT NULL, c.created_at, c.updated_at,
                    c.civility_label_id, c.last_name, c.first_name, c.comment, c.job_title, c.job_department,
                    c.country, c.contact_type, c.firm_id, c.company, c.extra
             FROM contacts c LEFT JOIN agreements a ON a.replica = 'crm' AND a.contact = c.id WHERE ",
            $where
        )
    };
}

impl Mirror {
    /// Adds a contact, version 1. `source` is the replica it was first seen in.
    ///
    /// # Errors
    /// SQLite's; the UID is taken.
    pub fn insert_contact(
        &mut self,
        uid: &str,
        contact: &Contact,
        source: &str,
        run: i64,
        at: &str,
    ) -> Result<ContactId> {
        let extra = extra_json(contact);
        self.sql(
            "INSERT INTO contacts (uid, civility_label_id, last_name, first_name, comment, job_title, job_department,
                 country, contact_type, firm_id, company, extra, version, created_at, created_by, created_run, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1, ?13, ?14, ?15, ?13)",
        )?
        .execute(params![
            uid,
            contact.civility.as_ref().map(Civility::code),
            set(&contact.last_name),
            set(&contact.first_name),
            set(&contact.comment),
            set(&contact.job_title),
            set(&contact.job_department),
            set(&contact.country),
            contact.contact_type.as_ref().map(ContactType::code),
            set(&contact.firm_id),
            set(&contact.company),
            extra,
            at,
            source,
            run
        ])?;
        let id = self.conn.last_insert_rowid();
        self.insert_addresses(id, &contact.addresses)?;
        self.insert_items(id, &contact.items)?;
        Ok(id)
    }

    /// The contact of this row, living or deleted.
    ///
    /// # Errors
    /// SQLite's; a stored value makes no sense.
    pub fn contact(&self, id: ContactId) -> Result<Option<Stored>> {
        self.stored(select_contact!("c.id = ?1"), &id)
    }

    /// The contact of this UID, living or deleted.
    ///
    /// # Errors
    /// As [`Mirror::contact`].
    pub fn contact_by_uid(&self, uid: &str) -> Result<Option<Stored>> {
        self.stored(select_contact!("c.uid = ?1"), &uid)
    }

    /// The contact of this CRM id, living or deleted.
    ///
    /// # Errors
    /// As [`Mirror::contact`].
    pub fn contact_by_crm_id(&self, crm_id: &str) -> Result<Option<Stored>> {
        self.stored(
            select_contact!("c.id = (SELECT contact FROM agreements WHERE replica = 'crm' AND remote = ?1)"),
            &crm_id,
        )
    }

    /// Gives a contact new content and returns its version; a deleted one lives again.
    ///
    /// The content it has already changes nothing: the version stays.
    ///
    /// # Errors
    /// There is no such contact; SQLite's.
    pub fn update_contact(&mut self, id: ContactId, new: &Contact, at: &str) -> Result<i64> {
        let old = self.required(id)?;
        let differing = old.contact.differing(new);
        if differing.is_empty() && !old.deleted {
            return Ok(old.version);
        }
        self.transact(|mirror| {
            mirror.before_change(id, Some(&old.contact))?;
            mirror.update_row(id, new, at)?;
            if differing.contains(Field::Addresses) {
                mirror.replace_addresses(id, &new.addresses)?;
            }
            if differing.contains(Field::Items) {
                mirror.replace_items(id, &new.items)?;
            }
            Ok(old.version + 1)
        })
    }

    /// Raises a contact's version without a change of content, so that it is pending everywhere, and returns it.
    ///
    /// # Errors
    /// There is no such contact; SQLite's.
    pub fn touch_contact(&mut self, id: ContactId) -> Result<i64> {
        self.transact(|mirror| {
            mirror.before_change(id, None)?;
            mirror
                .sql("UPDATE contacts SET version = version + 1 WHERE id = ?1 RETURNING version")?
                .query_row([id], |row| row.get(0))
                .optional()?
                .ok_or(MirrorError::NoContact { contact: id })
        })
    }

    /// Marks a contact as gone; its content is kept. One that is gone already stays as it is.
    ///
    /// # Errors
    /// There is no such contact; SQLite's.
    pub fn delete_contact(&mut self, id: ContactId, at: &str) -> Result<()> {
        if self.required(id)?.deleted {
            return Ok(());
        }
        self.transact(|mirror| {
            mirror.before_change(id, None)?;
            mirror
                .sql("UPDATE contacts SET deleted_at = ?2, updated_at = ?2, version = version + 1 WHERE id = ?1")?
                .execute(params![id, at])?;
            Ok(())
        })
    }

    /// Forgets a contact for good, with its lists.
    ///
    /// # Errors
    /// [`MirrorError::StillAgreed`] while an agreement or an outbox row names it; SQLite's.
    pub fn purge_contact(&mut self, id: ContactId) -> Result<()> {
        let named: bool = self
            .sql(
                "SELECT EXISTS (SELECT 1 FROM agreements WHERE contact = ?1)
                     OR EXISTS (SELECT 1 FROM outbox WHERE contact = ?1)",
            )?
            .query_row([id], |row| row.get(0))?;
        if named {
            return Err(MirrorError::StillAgreed { contact: id });
        }
        self.sql("DELETE FROM contacts WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Forgets every deleted contact that no agreement and no outbox row names any more; how many.
    ///
    /// # Errors
    /// SQLite's.
    pub fn purge_forgotten(&mut self) -> Result<u64> {
        let forgotten = self
            .sql(
                "DELETE FROM contacts WHERE deleted_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM agreements WHERE agreements.contact = contacts.id)
                 AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.contact = contacts.id)",
            )?
            .execute([])?;
        Ok(forgotten as u64)
    }

    /// The replica that a contact was first seen in.
    ///
    /// # Errors
    /// SQLite's.
    pub fn first_seen_in(&self, id: ContactId) -> Result<Option<String>> {
        let mut select = self.sql("SELECT created_by FROM contacts WHERE id = ?1")?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?)
    }

    /// The replica that a contact was first seen in, and the run that saw it.
    ///
    /// # Errors
    /// SQLite's; there is no such contact.
    pub fn origin(&self, id: ContactId) -> Result<(String, i64)> {
        let mut select = self.sql("SELECT created_by, created_run FROM contacts WHERE id = ?1")?;
        Ok(select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// How many contacts live.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count_contacts(&self) -> Result<u64> {
        self.count(
            "SELECT (SELECT count(*) FROM contacts)
                  - (SELECT count(*) FROM contacts INDEXED BY contacts_deleted WHERE deleted_at IS NOT NULL)",
            [],
        )
    }

    /// The content of a contact that must be there.
    pub(super) fn content(&self, id: ContactId) -> Result<Contact> {
        Ok(self.required(id)?.contact)
    }

    fn required(&self, id: ContactId) -> Result<Stored> {
        self.contact(id)?.ok_or(MirrorError::NoContact { contact: id })
    }

    /// Gives the agreements that lean on the present content a copy of it. The one choke point: see the file's head.
    fn before_change(&self, id: ContactId, present: Option<&Contact>) -> Result<()> {
        if !self.leaned_on(id)? {
            return Ok(());
        }
        match present {
            Some(present) => self.materialise(id, present),
            None => self.materialise(id, &self.content(id)?),
        }
    }

    fn update_row(&self, id: ContactId, new: &Contact, at: &str) -> Result<()> {
        self.sql(
            "UPDATE contacts SET civility_label_id = ?2, last_name = ?3, first_name = ?4, comment = ?5, job_title = ?6,
                 job_department = ?7, country = ?8, contact_type = ?9, firm_id = ?10, company = ?11, extra = ?12,
                 version = version + 1, updated_at = ?13, deleted_at = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            new.civility.as_ref().map(Civility::code),
            set(&new.last_name),
            set(&new.first_name),
            set(&new.comment),
            set(&new.job_title),
            set(&new.job_department),
            set(&new.country),
            new.contact_type.as_ref().map(ContactType::code),
            set(&new.firm_id),
            set(&new.company),
            extra_json(new),
            at
        ])?;
        Ok(())
    }

    fn stored(&self, sql: &str, key: &dyn rusqlite::ToSql) -> Result<Option<Stored>> {
        let _snapshot = self.snapshot()?;
        let mut select = self.sql(sql)?;
        let mut rows = select.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut stored = read(row)?;
        stored.contact.addresses = self.addresses(stored.id)?;
        stored.contact.items = self.items(stored.id)?;
        Ok(Some(stored))
    }
}

/// A row of `select_contact!`, its lists still empty.
fn read(row: &Row<'_>) -> Result<Stored> {
    let id: ContactId = row.get(0)?;
    let contact = Contact {
        civility: row.get_ref(7)?.as_str_or_null().map_err(rusqlite::Error::from)?.map(Civility::from_code),
        last_name: text(row, 8)?,
        first_name: text(row, 9)?,
        comment: text(row, 10)?,
        job_title: text(row, 11)?,
        job_department: text(row, 12)?,
        country: text(row, 13)?,
        contact_type: row.get_ref(14)?.as_str_or_null().map_err(rusqlite::Error::from)?.map(ContactType::from_code),
        firm_id: text(row, 15)?,
        addresses: Vec::new(),
        items: Vec::new(),
        company: text(row, 16)?,
        extra: match row.get_ref(17)?.as_str_or_null().map_err(rusqlite::Error::from)? {
            None => Vec::new(),
            Some(json) => serde_json::from_str(json).map_err(|_| MirrorError::Corrupt {
                table: "contacts",
                row: id.to_string(),
                column: "extra",
            })?,
        },
    };
    Ok(Stored {
        id,
        uid: row.get(1)?,
        crm_id: row.get(2)?,
        version: row.get(3)?,
        contact,
        deleted: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

fn extra_json(contact: &Contact) -> Option<String> {
    (!contact.extra.is_empty()).then(|| serde_json::Value::from(contact.extra.clone()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Address, AddressType, Item, ItemType},
        mirror::Agreement,
    };

    const AT: &str = "2026-01-01T00:00:00Z";

    fn full() -> Contact {
        let address = Address::new(AddressType::Unlisted("77".into()));
        Contact {
            civility: Some(Civility::Unlisted(String::new())),
            last_name: "O'Brien \u{1F4D2}".into(),
            first_name: " Zoé ".into(),
            comment: "two\nlines; 100 %".into(),
            job_title: "CTO".into(),
            job_department: "IT".into(),
            country: "France".into(),
            contact_type: Some(ContactType::Unlisted("vip".into())),
            firm_id: "007".into(),
            addresses: vec![Address { zip_code: "01000".into(), ..address.clone() }, address],
            items: vec![Item::new(ItemType::Icq, "2"), Item::new(ItemType::Unlisted("9".into()), "")],
            company: "NULL".into(),
            extra: vec!["BDAY:1815-12-10".into(), "X-A:\"\\\\n".into()],
        }
    }

    #[test]
    fn every_field_comes_back_as_it_went_in() {
        let mut mirror = Mirror::in_memory().unwrap();
        for (uid, contact) in [("full", full()), ("empty", Contact::default())] {
            let id = mirror.insert_contact(uid, &contact, "crm", 7, AT).unwrap();
            let stored = mirror.contact_by_uid(uid).unwrap().unwrap();
            let expected = Stored {
                id,
                uid: uid.into(),
                crm_id: None,
                version: 1,
                contact,
                deleted: false,
                created_at: AT.into(),
                updated_at: AT.into(),
            };
            assert_eq!(stored, expected);
        }
        let (full, empty) = (mirror.contact_by_uid("full").unwrap().unwrap(), Contact::default());
        mirror.update_contact(full.id, &empty, AT).unwrap();
        assert_eq!(mirror.contact(full.id).unwrap().unwrap().contact, empty);
        mirror.update_contact(full.id, &full.contact, AT).unwrap();
        assert_eq!(mirror.contact(full.id).unwrap().unwrap().contact, full.contact);
    }

    #[test]
    fn a_contact_is_found_by_its_crm_id_while_detached_too() {
        let mut mirror = Mirror::in_memory().unwrap();
        let id = mirror.insert_contact("uid", &full(), "crm", 1, AT).unwrap();
        for detached in [false, true] {
            let agreement = Agreement {
                contact: id,
                remote: "812".into(),
                revision: "r".into(),
                theirs: full(),
                ours: full(),
                version: 1,
                detail: None,
                detached,
                marks: String::new(),
            };
            mirror.put_agreement("crm", &agreement).unwrap();
            assert_eq!(mirror.contact_by_crm_id("812").unwrap().unwrap().crm_id.as_deref(), Some("812"));
        }
        assert_eq!(mirror.contact_by_crm_id("81").unwrap(), None);
    }

    #[test]
    fn contacts_are_found_by_the_run_that_made_them() {
        let mut mirror = Mirror::in_memory().unwrap();
        let ids: Vec<i64> = [(1, "a"), (2, "b"), (1, "c"), (1, "d")]
            .into_iter()
            .map(|(run, uid)| mirror.insert_contact(uid, &full(), "crm", run, AT).unwrap())
            .collect();
        mirror.delete_contact(ids[3], AT).unwrap();
        assert_eq!(mirror.created_in(1).unwrap(), [ids[0], ids[2]]);
        assert!(mirror.created_in(3).unwrap().is_empty());
        assert_eq!(mirror.first_seen_in(ids[0]).unwrap().as_deref(), Some("crm"));
        assert_eq!(mirror.first_seen_in(99).unwrap(), None);
    }

    #[test]
    fn the_same_content_is_no_change_but_revives() {
        let mut mirror = Mirror::in_memory().unwrap();
        let id = mirror.insert_contact("uid", &full(), "crm", 1, AT).unwrap();
        assert_eq!(mirror.update_contact(id, &full(), "later").unwrap(), 1);
        assert_eq!(mirror.contact(id).unwrap().unwrap().updated_at, AT);
        mirror.delete_contact(id, "gone").unwrap();
        assert_eq!(mirror.count_contacts().unwrap(), 0);
        assert_eq!(mirror.update_contact(id, &full(), "back").unwrap(), 3);
        let stored = mirror.contact(id).unwrap().unwrap();
        assert_eq!((stored.deleted, stored.contact), (false, full()));
        assert_eq!(mirror.touch_contact(id).unwrap(), 4);
    }

    #[test]
    fn a_contact_that_is_not_there_is_said_so() {
        let mut mirror = Mirror::in_memory().unwrap();
        assert!(matches!(mirror.touch_contact(5), Err(MirrorError::NoContact { contact: 5 })));
        assert!(matches!(mirror.delete_contact(5, AT), Err(MirrorError::NoContact { contact: 5 })));
        assert!(matches!(mirror.update_contact(5, &full(), AT), Err(MirrorError::NoContact { contact: 5 })));
        assert_eq!(mirror.contact(5).unwrap(), None);
    }

    #[test]
    fn an_id_is_never_used_again() {
        let mut mirror = Mirror::in_memory().unwrap();
        let first = mirror.insert_contact("a", &full(), "crm", 1, AT).unwrap();
        mirror.purge_contact(first).unwrap();
        let left: i64 = mirror.sql("SELECT count(*) FROM contact_items").unwrap().query_row([], |r| r.get(0)).unwrap();
        assert_eq!(left, 0, "its lists went with it");
        assert_ne!(mirror.insert_contact("a", &full(), "crm", 1, AT).unwrap(), first);
        assert!(mirror.insert_contact("a", &full(), "crm", 1, AT).is_err(), "a UID is one contact's");
    }

    #[test]
    fn the_views_show_living_contacts() {
        let mut mirror = Mirror::in_memory().unwrap();
        let mut contact = full();
        contact.items = vec![Item::new(ItemType::PersonalCellPhone, "06 12"), Item::new(ItemType::Icq, "7")];
        let id = mirror.insert_contact("uid", &contact, "crm", 1, AT).unwrap();
        let agreement = Agreement {
            contact: id,
            remote: "812".into(),
            revision: "r".into(),
            theirs: contact.clone(),
            ours: contact,
            version: 1,
            detail: Some("{\"unknown\":{\"language\":\"fr\"}}".into()),
            detached: false,
            marks: String::new(),
        };
        mirror.put_agreement("crm", &agreement).unwrap();
        let texts = |mirror: &Mirror, sql: &str| {
            let mut select = mirror.conn.prepare(sql).unwrap();
            let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.collect::<rusqlite::Result<Vec<_>>>().unwrap()
        };
        let phones = "SELECT kind || ': ' || phone FROM phone_list";
        assert_eq!(texts(&mirror, "SELECT crm_id FROM crm_contacts WHERE firm_id = '007'"), ["812"]);
        assert_eq!(texts(&mirror, "SELECT json_extract(detail, '$.unknown.language') FROM agreements"), ["fr"]);
        assert_eq!(texts(&mirror, phones), ["personal cell: 06 12"]);
        mirror.delete_contact(id, AT).unwrap();
        assert!(texts(&mirror, "SELECT crm_id FROM crm_contacts").is_empty());
        assert!(texts(&mirror, phones).is_empty());
    }
}
