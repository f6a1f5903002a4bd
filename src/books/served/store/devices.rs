//! Devices: who may log in, and what each has.

use rusqlite::{ErrorCode, OptionalExtension, Row, params};

use super::{
    DeviceStore, Durability,
    error::{Result, StoreError},
    unsigned,
};

/// A device's time is noted at most this often, in seconds: a phone polls more often than anybody looks.
const SEEN_EVERY: i64 = 60;

/// A device, for as long as it is not revoked; another one of the same name has another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub(super) i64);

/// A device to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its login, and the name of its book among the replicas.
    pub name: String,
    /// The settings' book that says what is on it; none for the default.
    pub book: Option<String>,
    /// It may not write.
    pub read_only: bool,
    /// Its password's, as a PHC string.
    pub password_hash: String,
}

impl NewDevice {
    /// One of this name that nobody can log in as yet.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), book: None, read_only: false, password_hash: String::new() }
    }
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its login, and the name of its book among the replicas.
    pub name: String,
    /// The settings' book that says what is on it; none for the default.
    pub book: Option<String>,
    /// It may not write.
    pub read_only: bool,
    /// Its password's, as a PHC string.
    pub password_hash: String,
    /// When it was added, in seconds since 1970.
    pub created_at: i64,
    /// When it last logged in, to a minute.
    pub last_seen_at: Option<i64>,
    /// What it calls itself.
    pub program: Option<String>,
}

impl Device {
    /// True where there is nothing to note of this visit: one within a minute was noted, of the same program.
    #[must_use]
    pub fn was_seen(&self, program: Option<&str>, at: i64) -> bool {
        is_noted((self.last_seen_at, self.program.as_deref()), program, at)
    }
}

fn is_noted((last, known): (Option<i64>, Option<&str>), program: Option<&str>, at: i64) -> bool {
    let is_due = last.is_none_or(|last| at.abs_diff(last) >= SEEN_EVERY.unsigned_abs());
    !is_due && (program.is_none() || program == known)
}

/// How much a device has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its cards.
    pub cards: u64,
    /// What it wrote and removed that no run has taken yet.
    pub waiting: u64,
}

const COLUMNS: &str = "id, name, book, read_only, password_hash, created_at, last_seen_at, program";

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: DeviceId(row.get(0)?),
        name: row.get(1)?,
        book: row.get(2)?,
        read_only: row.get(3)?,
        password_hash: row.get(4)?,
        created_at: row.get(5)?,
        last_seen_at: row.get(6)?,
        program: row.get(7)?,
    })
}

impl DeviceStore {
    /// Adds a device, with an empty book.
    ///
    /// # Errors
    /// There is one of that name; SQLite's.
    pub fn add(&mut self, device: &NewDevice, now: i64) -> Result<DeviceId> {
        let tx = self.writing(Durability::Full)?;
        let added = tx.execute(
            "INSERT INTO devices (name, book, read_only, password_hash, book_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![device.name, device.book, device.read_only, device.password_hash, new_book_id(), now],
        );
        match added {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(StoreError::NameTaken(device.name.clone()));
            }
            added => added?,
        };
        let id = DeviceId(tx.last_insert_rowid());
        tx.commit()?;
        Ok(id)
    }

    /// Revokes a device: it is gone with its cards. False where there is none of that name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn revoke(&mut self, name: &str) -> Result<bool> {
        let tx = self.writing(Durability::Full)?;
        let gone = tx.execute("DELETE FROM devices WHERE name = ?1", [name])? > 0;
        if gone {
            tx.execute(
                "DELETE FROM bodies WHERE NOT EXISTS (SELECT 1 FROM cards WHERE body = bodies.id)
                   AND NOT EXISTS (SELECT 1 FROM cards WHERE seen_body = bodies.id)
                   AND NOT EXISTS (SELECT 1 FROM cards WHERE base_body = bodies.id)
                   AND NOT EXISTS (SELECT 1 FROM tombstones WHERE base_body = bodies.id)",
                [],
            )?;
        }
        tx.commit()?;
        Ok(gone)
    }

    /// All devices, by name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn devices(&self) -> Result<Vec<Device>> {
        let mut select = self.sql(&format!("SELECT {COLUMNS} FROM devices ORDER BY name"))?;
        let devices = select.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(devices)
    }

    /// The device of this name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn device(&self, name: &str) -> Result<Option<Device>> {
        let mut select = self.sql(&format!("SELECT {COLUMNS} FROM devices WHERE name = ?1"))?;
        Ok(select.query_row([name], read).optional()?)
    }

    /// Gives a device another password. False where there is none of that name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn set_password(&mut self, name: &str, password_hash: &str) -> Result<bool> {
        let tx = self.writing(Durability::Full)?;
        let set = tx.execute("UPDATE devices SET password_hash = ?2 WHERE name = ?1", [name, password_hash])? > 0;
        tx.commit()?;
        Ok(set)
    }

    /// Notes that a device has logged in, at most once a minute; it writes nothing otherwise.
    ///
    /// # Errors
    /// SQLite's.
    pub fn seen(&mut self, device: DeviceId, program: Option<&str>, at: i64) -> Result<()> {
        let known = self
            .sql("SELECT last_seen_at, program FROM devices WHERE id = ?1")?
            .query_row([device.0], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<String>>(1)?)))
            .optional()?;
        let Some((last, known_program)) = known else { return Ok(()) };
        if is_noted((last, known_program.as_deref()), program, at) {
            return Ok(());
        }
        let tx = self.writing(Durability::Lazy)?;
        tx.prepare_cached("UPDATE devices SET last_seen_at = ?2, program = coalesce(?3, program) WHERE id = ?1")?
            .execute(params![device.0, at, program])?;
        Ok(tx.commit()?)
    }

    /// How much a device has.
    ///
    /// # Errors
    /// There is no such device; SQLite's.
    pub fn counts(&self, device: DeviceId) -> Result<Counts> {
        let mut select = self.sql(
            "SELECT cards,
                 (SELECT count(*) FROM cards c WHERE c.device = d.id AND c.by_device = 1 AND c.version > d.taken)
                 + (SELECT count(*) FROM tombstones t WHERE t.device = d.id AND t.by_device = 1 AND t.gone > d.taken)
             FROM devices d WHERE id = ?1",
        )?;
        let counts = select
            .query_row([device.0], |row| Ok(Counts { cards: unsigned(row, 0)?, waiting: unsigned(row, 1)? }))
            .optional()?;
        counts.ok_or(StoreError::NoDevice)
    }

    /// Gives every device's book another id, so that no sync token of before is known any more: what is called for once an
    /// older copy of the file was put in its place.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget_tokens(&mut self) -> Result<()> {
        let devices = self.devices()?;
        let tx = self.writing(Durability::Full)?;
        for device in devices {
            tx.execute("UPDATE devices SET book_id = ?2 WHERE id = ?1", params![device.id.0, new_book_id()])?;
        }
        Ok(tx.commit()?)
    }
}

fn new_book_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
