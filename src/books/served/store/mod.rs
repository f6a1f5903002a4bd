//! The device store: an SQLite file beside the mirror that holds what each device is served, and what it sends.
//!
//! A device's counter is its etags, its ctag and its sync token at once. The text of a card is kept once, whoever has it, and
//! served byte for byte as it was sent. The store knows of each card which version the device has seen, so that what it writes
//! can be told from what it merely has not heard of yet.
//!
//! One connection, one thread at a time: the server opens as many as it has threads for, a run its own. It has no clock;
//! times are the caller's, in seconds since 1970.

mod bodies;
mod devices;
mod error;
#[cfg(test)]
mod model;
mod open;
mod read;
mod runs;
#[cfg(test)]
mod tests;
mod write;

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};

pub use self::{
    devices::{Counts, Device, DeviceId, NewDevice},
    error::{Result, StoreError},
    read::{Card, Change, Changes, Look, Member},
    runs::{Base, Edited, Record, Writing, Wrote},
    write::{Condition, Deleted, Put},
};

/// The store, open.
#[derive(Debug)]
pub struct DeviceStore {
    conn: Connection,
}

/// How surely a change is on the disk once it is answered.
#[derive(Debug, Clone, Copy)]
enum Durability {
    /// A loss of power does not take it away.
    Full,
    /// It may, never a part of it: for what can be found out again.
    Lazy,
}

impl DeviceStore {
    /// A transaction that writes; it waits for others that write.
    fn writing(&mut self, durability: Durability) -> Result<Transaction<'_>> {
        let level = match durability {
            Durability::Full => "FULL",
            Durability::Lazy => "NORMAL",
        };
        self.conn.pragma_update(None, "synchronous", level)?;
        Ok(self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    fn sql(&self, sql: &str) -> Result<CachedStatement<'_>> {
        Ok(self.conn.prepare_cached(sql)?)
    }
}

/// The etag of a card's version, without quotes: never used again for other content, since the counter only grows, and not
/// after a backup was put in place either, since the text's digest is in it.
fn etag(version: u64, digest: &str) -> String {
    format!("{version}-{digest}")
}

/// The version in an etag of ours.
fn version_of(etag: &str) -> Option<u64> {
    etag.split_once('-')?.0.parse().ok()
}

/// What stands for a UID: some programs change its case.
fn uid_key(uid: &str) -> String {
    uid.trim().to_lowercase()
}

/// A number that SQLite holds and that is never negative.
fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
