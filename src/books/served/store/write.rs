//! What a device writes: at once, durably, under its conditions, and with what it has edited.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{
    DeviceStore, Durability,
    bodies::{self, Hash},
    devices::DeviceId,
    error::{Result, StoreError},
    etag, uid_key, unsigned,
};

/// Under which conditions something is done (RFC 9110, 13). Etags are without quotes; a weak one equals nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    None,
    /// `If-Match: *`: something is there.
    MatchAny,
    /// `If-Match`: one of these versions is there.
    Match(Vec<String>),
    /// `If-None-Match: *`: nothing is there.
    NoneMatchAny,
    /// `If-None-Match`: none of these versions is there.
    NoneMatch(Vec<String>),
}

impl Condition {
    pub(super) fn holds(&self, present: Option<&str>) -> bool {
        let is_there = |tags: &[String]| present.is_some_and(|present| tags.iter().any(|tag| tag == present));
        match self {
            Self::None => true,
            Self::MatchAny => present.is_some(),
            Self::Match(tags) => is_there(tags),
            Self::NoneMatchAny => present.is_none(),
            Self::NoneMatch(tags) => !is_there(tags),
        }
    }

    /// True where who asks knows which version is there.
    fn names_version(&self) -> bool {
        matches!(self, Self::Match(_))
    }
}

/// In the place of a version: the device had never seen the card.
pub(super) const UNSEEN: u64 = 0;

/// What came of writing a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    Created {
        /// Its version.
        etag: String,
    },
    /// It is in the place of what was there.
    Replaced {
        /// Its version.
        etag: String,
    },
    /// It was there already, byte for byte: nothing changed.
    Same {
        /// Its version.
        etag: String,
    },
    /// The condition does not hold; nothing changed. What is there, if anything.
    Failed(Option<String>),
    /// Another card of the book has this UID; nothing changed. Its name.
    UidHeldBy(String),
    /// The card of this name has another UID; nothing changed.
    OtherUid,
}

/// What came of removing a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone now.
    Gone,
    /// There was none of that name.
    Missing,
    /// The condition does not hold; nothing changed. What is there, if anything.
    Failed(Option<String>),
}

/// A card as it is before it is written.
#[derive(Debug)]
pub(super) struct Present {
    pub uid_key: String,
    pub version: u64,
    pub body: i64,
    pub digest: String,
    by_device: bool,
    served: bool,
    seen_version: Option<u64>,
    seen_body: Option<i64>,
    passed: Option<String>,
    base_body: Option<i64>,
}

fn present(row: &Row<'_>) -> rusqlite::Result<Present> {
    Ok(Present {
        uid_key: row.get(0)?,
        version: unsigned(row, 1)?,
        body: row.get(2)?,
        digest: row.get(3)?,
        by_device: row.get(4)?,
        served: row.get(5)?,
        seen_version: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
        seen_body: row.get(7)?,
        passed: row.get(8)?,
        base_body: row.get(9)?,
    })
}

impl Present {
    pub fn of(tx: &Transaction<'_>, device: DeviceId, name: &str) -> Result<Option<Self>> {
        let mut select = tx.prepare_cached(
            "SELECT uid_key, version, body, digest, by_device, served, seen_version, seen_body, passed, base_body
             FROM cards WHERE device = ?1 AND name = ?2",
        )?;
        Ok(select.query_row(params![device.0, name], present).optional()?)
    }

    pub fn etag(&self) -> String {
        etag(self.version, &self.digest)
    }

    /// What the device edits when it writes now.
    fn edited(&self, knows_version: bool) -> Edited {
        if !(knows_version || self.served) {
            return Edited { passed: Some(self.seen_version.unwrap_or(UNSEEN).to_string()), base: self.seen_body };
        }
        if !self.by_device {
            return Edited { passed: Some(self.version.to_string()), base: Some(self.body) };
        }
        // What it wrote before, no run may have taken yet: all of it counts from the same version.
        let passed = match &self.passed {
            Some(passed) => format!("{passed} {}", self.version),
            None => self.version.to_string(),
        };
        Edited { passed: Some(passed), base: self.base_body }
    }

    /// The last version that the device has seen before another one takes its place.
    pub fn last_seen(&self) -> (Option<u64>, Option<i64>) {
        if self.served { (Some(self.version), Some(self.body)) } else { (self.seen_version, self.seen_body) }
    }

    /// Forgets the texts that nobody needs any more.
    pub fn release(&self, tx: &Transaction<'_>) -> Result<()> {
        let bodies = [Some(self.body), self.seen_body, self.base_body];
        bodies.into_iter().flatten().try_for_each(|body| bodies::release(tx, body))
    }
}

/// What a device has edited: the versions that it came by since a run was here, and the text of the first.
#[derive(Debug, Default)]
pub(super) struct Edited {
    passed: Option<String>,
    base: Option<i64>,
}

impl Edited {
    /// A card is written again that the device removed itself.
    fn of_removed(tx: &Transaction<'_>, device: DeviceId, name: &str) -> Result<Self> {
        let mut select = tx.prepare_cached(
            "SELECT passed, base_body FROM tombstones WHERE device = ?1 AND name = ?2 AND by_device = 1
                 AND gone = (SELECT max(gone) FROM tombstones WHERE device = ?1 AND name = ?2)",
        )?;
        let edited =
            select.query_row(params![device.0, name], |row| Ok(Self { passed: row.get(0)?, base: row.get(1)? }));
        Ok(edited.optional()?.unwrap_or_default())
    }
}

/// Counts a change that adds so many cards.
pub(super) fn count(tx: &Transaction<'_>, device: DeviceId, added: i64) -> Result<u64> {
    let mut update = tx.prepare_cached(
        "UPDATE devices SET counter = counter + 1, cards = cards + ?2 WHERE id = ?1 RETURNING counter",
    )?;
    let counter = update.query_row(params![device.0, added], |row| unsigned(row, 0)).optional()?;
    counter.ok_or(StoreError::NoDevice)
}

/// The name of another card with this UID.
pub(super) fn holder(tx: &Transaction<'_>, device: DeviceId, name: &str, key: &str) -> Result<Option<String>> {
    let mut select = tx.prepare_cached("SELECT name FROM cards WHERE device = ?1 AND uid_key = ?2 AND name <> ?3")?;
    Ok(select.query_row(params![device.0, key, name], |row| row.get(0)).optional()?)
}

impl DeviceStore {
    /// Writes a card as a device sent it. It is on the disk once this returns.
    ///
    /// # Errors
    /// There is no such device any more; SQLite's. Nothing was written then.
    pub fn put(&mut self, device: DeviceId, name: &str, uid: &str, body: &[u8], condition: &Condition) -> Result<Put> {
        let hash = Hash::of(body);
        let tx = self.writing(Durability::Full)?;
        let present = Present::of(&tx, device, name)?;
        let tag = present.as_ref().map(Present::etag);
        if !condition.holds(tag.as_deref()) {
            return Ok(Put::Failed(tag));
        }
        let key = uid_key(uid);
        if present.as_ref().is_some_and(|present| present.uid_key != key) {
            return Ok(Put::OtherUid);
        }
        if let Some(holder) = holder(&tx, device, name, &key)? {
            return Ok(Put::UidHeldBy(holder));
        }
        if let (Some(present), Some(etag)) = (&present, &tag)
            && present.digest == hash.digest()
        {
            if !present.served {
                tx.prepare_cached("UPDATE cards SET served = 1 WHERE device = ?1 AND name = ?2")?
                    .execute(params![device.0, name])?;
                tx.commit()?;
            }
            return Ok(Put::Same { etag: etag.clone() });
        }
        let edited = match &present {
            Some(present) => present.edited(condition.names_version()),
            None => Edited::of_removed(&tx, device, name)?,
        };
        let etag = Next { name, uid, body, hash }.place(&tx, device, present.as_ref(), Some(edited))?;
        tx.commit()?;
        Ok(if present.is_some() { Put::Replaced { etag } } else { Put::Created { etag } })
    }

    /// Removes a card as a device asked for. It is gone from the disk once this returns.
    ///
    /// # Errors
    /// There is no such device any more; SQLite's. Nothing was removed then.
    pub fn delete(&mut self, device: DeviceId, name: &str, condition: &Condition) -> Result<Deleted> {
        let tx = self.writing(Durability::Full)?;
        let present = Present::of(&tx, device, name)?;
        let tag = present.as_ref().map(Present::etag);
        if !condition.holds(tag.as_deref()) {
            return Ok(Deleted::Failed(tag));
        }
        let Some(present) = present else { return Ok(Deleted::Missing) };
        let edited = present.edited(condition.names_version());
        bury(&tx, device, name, &present, Some(edited))?;
        tx.commit()?;
        Ok(Deleted::Gone)
    }
}

/// A card's next version.
pub(super) struct Next<'c> {
    pub name: &'c str,
    pub uid: &'c str,
    pub body: &'c [u8],
    /// Of the body.
    pub hash: Hash,
}

impl Next<'_> {
    /// Puts it in the place of what was there; `edited` where the device did so. Its etag.
    pub fn place(
        self,
        tx: &Transaction<'_>,
        device: DeviceId,
        present: Option<&Present>,
        edited: Option<Edited>,
    ) -> Result<String> {
        let Self { name, uid, body, hash } = self;
        let version = count(tx, device, i64::from(present.is_none()))?;
        let (id, digest, by_device) = (bodies::keep(tx, &hash, body)?, hash.digest(), edited.is_some());
        // Of its own version a device needs no earlier one to be remembered.
        let last_seen = present.filter(|_| !by_device).map(Present::last_seen);
        let (seen_version, seen_body) = last_seen.unwrap_or_default();
        let Edited { passed, base } = edited.unwrap_or_default();
        tx.prepare_cached(
            "INSERT OR REPLACE INTO cards (device, name, uid, uid_key, version, body, digest, size, by_device, served,
                 seen_version, seen_body, passed, base_body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            device.0,
            name,
            uid,
            uid_key(uid),
            version as i64,
            id,
            digest,
            body.len() as i64,
            by_device,
            seen_version.map(|version| version as i64),
            seen_body,
            passed,
            base
        ])?;
        present.map_or(Ok(()), |present| present.release(tx))?;
        Ok(etag(version, &digest))
    }
}

/// Removes a card for good; `edited` where the device did so.
pub(super) fn bury(
    tx: &Transaction<'_>,
    device: DeviceId,
    name: &str,
    present: &Present,
    edited: Option<Edited>,
) -> Result<()> {
    let gone = count(tx, device, -1)?;
    let by_device = edited.is_some();
    let Edited { passed, base } = edited.unwrap_or_default();
    tx.prepare_cached(
        "INSERT INTO tombstones (device, gone, name, by_device, passed, base_body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![device.0, gone as i64, name, by_device, passed, base])?;
    tx.prepare_cached("DELETE FROM cards WHERE device = ?1 AND name = ?2")?.execute(params![device.0, name])?;
    present.release(tx)
}
