//! The address books that carnet serves itself, one a device: each has cards, a counter, tombstones and habits of its own.
//!
//! What a device writes changes its own book, at once and durably; a run reconciles it like an edit in any book. The
//! protocol is `http`'s; it speaks to the store alone.

mod store;

pub use store::{
    Base, Card, Change, Changes, Condition, Counts, Deleted, Device, DeviceId, DeviceStore, Look, Member, NewDevice,
    Put, Record, StoreError, Writing, Wrote,
};
