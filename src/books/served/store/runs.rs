//! What a run reads and writes in a device's book. It never overtakes a device: what changed since it was read is left alone.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    DeviceStore, Durability,
    bodies::Hash,
    devices::DeviceId,
    error::Result,
    etag,
    read::{Card, Member},
    uid_key, unsigned, version_of,
    write::{Next, Present, UNSEEN, bury, holder},
};

/// A card, and what its device knew when it wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The card.
    pub card: Card,
    /// What the device has edited; none where a run wrote this version.
    pub base: Option<Base>,
}

/// What a device has edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The versions that it came by since a run was here: where a run has taken one of them, it has edited that one.
    passed: Vec<u64>,
    /// What it has edited otherwise.
    pub edited: Edited,
}

/// A version that a device has edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// It has made the card.
    Nothing,
    /// There was a card that it had never seen.
    Unseen,
    /// The version with this text.
    Text(Vec<u8>),
}

impl Base {
    fn new(passed: Option<&str>, text: Option<Vec<u8>>) -> Self {
        let passed: Vec<u64> = passed.unwrap_or_default().split(' ').filter_map(|it| it.parse().ok()).collect();
        let edited = match text {
            Some(text) => Edited::Text(text),
            None if passed.first() == Some(&UNSEEN) => Edited::Unseen,
            None => Edited::Nothing,
        };
        Self { passed, edited }
    }

    /// What the device has edited, if that is another version than the one with this etag, which was agreed on.
    #[must_use]
    pub fn other_than(self, agreed: &str) -> Option<Edited> {
        let is_agreed = version_of(agreed).is_some_and(|version| self.passed.contains(&version));
        (!is_agreed).then_some(self.edited)
    }
}

/// What came of a run's write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrote {
    /// It stands there, under this etag.
    Done {
        /// Its version.
        etag: String,
    },
    /// Another version stands there, or none, or one where none was expected; nothing changed.
    Stale,
    /// Another card of the book has this UID; nothing changed. Its name.
    UidHeldBy(String),
}

/// Writes of a run, all kept at once or none.
#[derive(Debug)]
pub struct Writing<'s> {
    tx: Transaction<'s>,
    device: DeviceId,
}

impl DeviceStore {
    /// A card with what its device knew when it wrote it. A run has not seen it for the device.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record(&self, device: DeviceId, name: &str) -> Result<Option<Record>> {
        let mut select = self.sql(
            "SELECT c.name, c.uid, c.version, c.digest, c.size, b.body, c.by_device, c.passed, base.body
             FROM cards c JOIN bodies b ON b.id = c.body LEFT JOIN bodies base ON base.id = c.base_body
             WHERE c.device = ?1 AND c.name = ?2",
        )?;
        let record = select.query_row(params![device.0, name], |row| {
            let etag = etag(unsigned(row, 2)?, row.get_ref(3)?.as_str()?);
            let member = Member { name: row.get(0)?, uid: row.get(1)?, etag, size: unsigned(row, 4)? };
            let base = Base::new(row.get_ref(7)?.as_str_or_null()?, row.get(8)?);
            let base = row.get::<_, bool>(6)?.then_some(base);
            Ok(Record { card: Card { member, body: row.get(5)? }, base })
        });
        Ok(record.optional()?)
    }

    /// What a device has edited when it removed the card of this name, if it was the device that did so last.
    ///
    /// # Errors
    /// SQLite's.
    pub fn removed(&self, device: DeviceId, name: &str) -> Result<Option<Base>> {
        let mut select = self.sql(
            "SELECT t.by_device, t.passed, b.body FROM tombstones t LEFT JOIN bodies b ON b.id = t.base_body
             WHERE t.device = ?1 AND t.name = ?2 ORDER BY t.gone DESC LIMIT 1",
        )?;
        let base = select.query_row(params![device.0, name], |row| {
            let base = Base::new(row.get_ref(1)?.as_str_or_null()?, row.get(2)?);
            Ok(row.get::<_, bool>(0)?.then_some(base))
        });
        Ok(base.optional()?.flatten())
    }

    /// Notes the counter up to which a run has taken what the device did.
    ///
    /// # Errors
    /// SQLite's.
    pub fn taken(&mut self, device: DeviceId, counter: u64) -> Result<()> {
        let known = self.sql("SELECT taken FROM devices WHERE id = ?1")?.query_row([device.0], |row| unsigned(row, 0));
        if known.optional()?.is_none_or(|known| known >= counter) {
            return Ok(());
        }
        let tx = self.writing(Durability::Lazy)?;
        tx.execute("UPDATE devices SET taken = max(taken, ?2) WHERE id = ?1", params![device.0, counter as i64])?;
        Ok(tx.commit()?)
    }

    /// Begins writes of a run. Others that write wait meanwhile.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin(&mut self, device: DeviceId) -> Result<Writing<'_>> {
        Ok(Writing { tx: self.writing(Durability::Full)?, device })
    }
}

impl Writing<'_> {
    /// Writes a card. `expected` is the etag that it must still have; none for one that must not exist yet.
    ///
    /// # Errors
    /// There is no such device any more; SQLite's.
    pub fn write(&mut self, name: &str, uid: &str, body: &[u8], expected: Option<&str>) -> Result<Wrote> {
        let Self { tx, device } = self;
        let present = Present::of(tx, *device, name)?;
        if present.as_ref().map(Present::etag).as_deref() != expected {
            return Ok(Wrote::Stale);
        }
        if let Some(holder) = holder(tx, *device, name, &uid_key(uid))? {
            return Ok(Wrote::UidHeldBy(holder));
        }
        let hash = Hash::of(body);
        if let Some(present) = &present
            && present.digest == hash.digest()
        {
            return Ok(Wrote::Done { etag: present.etag() });
        }
        let etag = Next { name, uid, body, hash }.place(tx, *device, present.as_ref(), None)?;
        Ok(Wrote::Done { etag })
    }

    /// The UID of the card of this name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn uid_of(&self, name: &str) -> Result<Option<String>> {
        let mut select = self.tx.prepare_cached("SELECT uid FROM cards WHERE device = ?1 AND name = ?2")?;
        Ok(select.query_row(params![self.device.0, name], |row| row.get(0)).optional()?)
    }

    /// Removes the card of this name if it still has this etag; false if not.
    ///
    /// # Errors
    /// There is no such device any more; SQLite's.
    pub fn remove(&mut self, name: &str, expected: &str) -> Result<bool> {
        let Self { tx, device } = self;
        match Present::of(tx, *device, name)? {
            Some(present) if present.etag() == expected => bury(tx, *device, name, &present, None).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Keeps them: they are on the disk once this returns.
    ///
    /// # Errors
    /// SQLite's; nothing was kept then.
    pub fn commit(self) -> Result<()> {
        Ok(self.tx.commit()?)
    }
}
