//! What a device is shown. A card whose text is handed out counts as seen by the device from then on.

use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};

use super::{
    DeviceStore, Durability,
    devices::DeviceId,
    error::{Result, StoreError},
    etag, unsigned,
};

/// A change between the mark and the reading is marked again, so often; a version that is handed out unmarked in the end only
/// makes more of the device's next write its own.
const MARKS_MAX: usize = 3;

/// The state of a device's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Counts its changes, and never goes back.
    pub counter: u64,
    /// Which book it is: another one of the same device's name has another id.
    pub book_id: String,
    /// How many cards there are.
    pub count: u64,
}

/// A card of a book, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The last part of its path, decoded.
    pub name: String,
    /// Its UID, as it is written.
    pub uid: String,
    /// Of this version, without quotes.
    pub etag: String,
    /// In bytes.
    pub size: u64,
}

/// A card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What it is.
    pub member: Member,
    /// Its text.
    pub body: Vec<u8>,
}

/// What happened to a name since a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Changed {
        /// What it is now.
        member: Member,
        /// Its text, where that was asked for.
        body: Option<Vec<u8>>,
    },
    /// It was there then, and is not any more.
    Gone {
        /// Its name.
        name: String,
    },
}

/// How far an answer about changes goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// The counter to go on from.
    pub counter: u64,
    /// There is more behind it.
    pub is_cut: bool,
}

const MEMBER: &str = "name, uid, version, digest, size";

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let digest = row.get_ref(3)?.as_str()?;
    let etag = etag(unsigned(row, 2)?, digest);
    Ok(Member { name: row.get(0)?, uid: row.get(1)?, etag, size: unsigned(row, 4)? })
}

fn look(conn: &Connection, device: DeviceId) -> Result<Look> {
    let look = conn
        .prepare_cached("SELECT counter, book_id, cards FROM devices WHERE id = ?1")?
        .query_row([device.0], |row| {
            Ok(Look { counter: unsigned(row, 0)?, book_id: row.get(1)?, count: unsigned(row, 2)? })
        })
        .optional()?;
    look.ok_or(StoreError::NoDevice)
}

fn card(conn: &Connection, device: DeviceId, name: &str) -> Result<Option<Card>> {
    let mut select = conn.prepare_cached(
        "SELECT c.name, c.uid, c.version, c.digest, c.size, b.body FROM cards c JOIN bodies b ON b.id = c.body
         WHERE c.device = ?1 AND c.name = ?2",
    )?;
    let read = |row: &Row<'_>| Ok(Card { member: member(row)?, body: row.get(5)? });
    Ok(select.query_row(params![device.0, name], read).optional()?)
}

/// Which cards are about to be handed out.
enum Asked<'n> {
    Names(&'n [&'n str]),
    /// Those that changed since, up to a counter.
    Since(u64, u64),
}

impl Asked<'_> {
    /// True if the device has not seen one of them.
    fn has_unseen(&self, conn: &Connection, device: DeviceId) -> Result<bool> {
        match self {
            Self::Names(names) => {
                let mut select =
                    conn.prepare_cached("SELECT 1 FROM cards WHERE device = ?1 AND name = ?2 AND served = 0")?;
                for name in *names {
                    if select.exists(params![device.0, name])? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Since(since, until) => Ok(conn
                .prepare_cached(
                    "SELECT 1 FROM cards INDEXED BY cards_unserved
                     WHERE device = ?1 AND served = 0 AND version > ?2 AND version <= ?3",
                )?
                .exists(params![device.0, *since as i64, *until as i64])?),
        }
    }

    fn mark(&self, conn: &Connection, device: DeviceId) -> Result<()> {
        // The texts that are not needed any more then go with the card's next change: a read does not wait for that.
        match self {
            Self::Names(names) => {
                let mut update =
                    conn.prepare_cached("UPDATE cards SET served = 1 WHERE device = ?1 AND name = ?2 AND served = 0")?;
                for name in *names {
                    update.execute(params![device.0, name])?;
                }
            }
            Self::Since(since, until) => {
                conn.prepare_cached(
                    "UPDATE cards INDEXED BY cards_unserved SET served = 1
                     WHERE device = ?1 AND served = 0 AND version > ?2 AND version <= ?3",
                )?
                .execute(params![device.0, *since as i64, *until as i64])?;
            }
        }
        Ok(())
    }
}

impl DeviceStore {
    /// The state of a device's book.
    ///
    /// # Errors
    /// There is no such device; SQLite's.
    pub fn look(&self, device: DeviceId) -> Result<Look> {
        look(&self.conn, device)
    }

    /// Every card of a device's book, by name, as of one instant, of which the state is given back.
    ///
    /// # Errors
    /// As [`DeviceStore::look`].
    pub fn members(&mut self, device: DeviceId, mut take: impl FnMut(Member)) -> Result<Look> {
        let tx = self.conn.transaction()?;
        let look = look(&tx, device)?;
        let mut select = tx.prepare_cached(&format!("SELECT {MEMBER} FROM cards WHERE device = ?1 ORDER BY name"))?;
        for found in select.query_map([device.0], member)? {
            take(found?);
        }
        Ok(look)
    }

    /// Every card with its text, by name, as of one instant, for who only looks for some: the device has seen none of them.
    ///
    /// # Errors
    /// SQLite's.
    pub fn look_through(&self, device: DeviceId, mut take: impl FnMut(Member, &[u8])) -> Result<()> {
        let mut select = self.sql(
            "SELECT c.name, c.uid, c.version, c.digest, c.size, b.body FROM cards c JOIN bodies b ON b.id = c.body
             WHERE c.device = ?1 ORDER BY c.name",
        )?;
        let mut rows = select.query([device.0])?;
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(5)?;
            take(member(row)?, &body);
        }
        Ok(())
    }

    /// A card, without its text: a device that is told of it has not seen it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn member(&self, device: DeviceId, name: &str) -> Result<Option<Member>> {
        let mut select = self.sql(&format!("SELECT {MEMBER} FROM cards WHERE device = ?1 AND name = ?2"))?;
        Ok(select.query_row(params![device.0, name], member).optional()?)
    }

    /// A card, which the device has seen from then on.
    ///
    /// # Errors
    /// SQLite's.
    pub fn card(&mut self, device: DeviceId, name: &str) -> Result<Option<Card>> {
        let mut found = None;
        self.cards(device, &[name], |_, card| found = card)?;
        Ok(found)
    }

    /// The cards of these names, in their order, as of one instant; each is handed over with its name, none where there is no
    /// such card. The device has seen them from then on.
    ///
    /// # Errors
    /// SQLite's.
    pub fn cards(&mut self, device: DeviceId, names: &[&str], mut take: impl FnMut(&str, Option<Card>)) -> Result<()> {
        self.showing(device, &Asked::Names(names), |conn| {
            for name in names {
                take(name, card(conn, device, name)?);
            }
            Ok(())
        })
    }

    /// What changed since the counter, in the order of the changes, as of one instant: all cards where there is none, and
    /// nothing gone then. A card that came and went since is told as gone (RFC 6578, 3.5.2): a device knows what it has itself
    /// written, whatever its token is of. At most `limit` changes. Where the texts are handed out, the device has seen them from then on.
    ///
    /// A counter of the future is nobody's, and that of another book is the caller's to tell: none is given back for it.
    ///
    /// # Errors
    /// There is no such device; SQLite's.
    pub fn changes_since(
        &mut self,
        device: DeviceId,
        since: Option<u64>,
        limit: Option<usize>,
        with_bodies: bool,
        mut take: impl FnMut(Change),
    ) -> Result<Option<Changes>> {
        let now = self.look(device)?.counter;
        let from = since.unwrap_or(0);
        if from > now {
            return Ok(None);
        }
        let last = limit.map(|limit| self.nth_change(device, since, limit)).transpose()?.flatten();
        let until = last.unwrap_or(now);
        let mut read = |conn: &Connection| {
            changes(conn, device, (since, until), with_bodies, &mut take)?;
            let is_cut = last.is_some() && has_changes_after(conn, device, until)?;
            Ok(Some(Changes { counter: until, is_cut }))
        };
        if with_bodies {
            return self.showing(device, &Asked::Since(from, until), read);
        }
        let tx = self.conn.transaction()?;
        read(&tx)
    }

    /// The counter of the change with which an answer of at most `limit` ends; none if all fit.
    fn nth_change(&self, device: DeviceId, since: Option<u64>, limit: usize) -> Result<Option<u64>> {
        let mut select = self.sql(
            "SELECT version AS at FROM cards WHERE device = ?1 AND version > ?2
             UNION ALL
             SELECT gone FROM tombstones t WHERE ?3 AND device = ?1 AND gone > ?2
                 AND NOT EXISTS (SELECT 1 FROM cards c WHERE c.device = t.device AND c.name = t.name)
                 AND NOT EXISTS (SELECT 1 FROM tombstones l WHERE l.device = t.device AND l.name = t.name AND l.gone > t.gone)
             ORDER BY at LIMIT 1 OFFSET ?4",
        )?;
        let offset = limit.max(1) as i64 - 1;
        let params = params![device.0, since.unwrap_or(0) as i64, since.is_some(), offset];
        let at = select.query_row(params, |row| unsigned(row, 0));
        Ok(at.optional()?)
    }

    /// Marks what is about to be handed out as seen, then reads it as of one instant.
    fn showing<T>(
        &mut self,
        device: DeviceId,
        asked: &Asked<'_>,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        for _ in 0..MARKS_MAX {
            let tx = self.conn.transaction()?;
            if !asked.has_unseen(&tx, device)? {
                return read(&tx);
            }
            drop(tx);
            let tx = self.writing(Durability::Lazy)?;
            asked.mark(&tx, device)?;
            tx.commit()?;
        }
        let tx = self.conn.transaction()?;
        read(&tx)
    }
}

fn has_changes_after(conn: &Connection, device: DeviceId, counter: u64) -> Result<bool> {
    let mut select = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM cards WHERE device = ?1 AND version > ?2)
             OR EXISTS (SELECT 1 FROM tombstones WHERE device = ?1 AND gone > ?2)",
    )?;
    Ok(select.query_row(params![device.0, counter as i64], |row| row.get(0))?)
}

/// Hands over the changes after `since`, up to `until`.
fn changes(
    conn: &Connection,
    device: DeviceId,
    (since, until): (Option<u64>, u64),
    with_bodies: bool,
    take: &mut dyn FnMut(Change),
) -> Result<()> {
    // A name is told once: as changed where it is there again, else as gone for the last time.
    let mut select = conn.prepare_cached(
        "SELECT c.name, c.uid, c.version AS at, c.digest, c.size, CASE WHEN ?5 THEN (SELECT body FROM bodies WHERE id = c.body) END
         FROM cards c WHERE c.device = ?1 AND c.version > ?2 AND c.version <= ?3
         UNION ALL
         SELECT t.name, NULL, t.gone, NULL, NULL, NULL FROM tombstones t
         WHERE ?4 AND t.device = ?1 AND t.gone > ?2 AND t.gone <= ?3
             AND NOT EXISTS (SELECT 1 FROM cards c WHERE c.device = t.device AND c.name = t.name)
             AND NOT EXISTS (SELECT 1 FROM tombstones l WHERE l.device = t.device AND l.name = t.name AND l.gone > t.gone)
         ORDER BY at",
    )?;
    let from = since.unwrap_or(0) as i64;
    let mut rows = select.query(params![device.0, from, until as i64, since.is_some(), with_bodies])?;
    while let Some(row) = rows.next()? {
        let is_gone = row.get_ref(1)? == ValueRef::Null;
        take(if is_gone {
            Change::Gone { name: row.get(0)? }
        } else {
            Change::Changed { member: member(row)?, body: row.get(5)? }
        });
    }
    Ok(())
}
