//! The firms that contacts name by id, as the replica that keeps them lists them.

use crate::contact::{Address, Item};

use super::{Baseline, Cursor, LocalFuture, ReplicaError, Revision, Stopped};

/// A firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firm {
    /// Its id there.
    pub id: String,
    /// Its name; "" where it has none, `None` where that is not told.
    pub name: Option<String>,
    /// Its addresses; `None` where they are not told.
    pub addresses: Option<Vec<Address>>,
    /// Its telephones and the like, under codes of firms; `None` where they are not told.
    pub items: Option<Vec<Item>>,
    /// Its state there.
    pub revision: Revision,
}

/// A part of a listing of firms.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FirmBatch {
    /// Firms whose revision is the known one, and such as cannot be read: they are there.
    pub same: Vec<String>,
    /// Firms that are new or whose revision changed.
    pub changed: Vec<Firm>,
}

/// Takes a part of a listing.
pub type FirmSink<'a> = dyn FnMut(FirmBatch) -> Result<(), Stopped> + 'a;

/// What keeps firms beside contacts. Every error means that firms are left out of this run, and nothing else.
pub trait Firms {
    /// True unless the login was refused last time: then contacts are asked for first.
    fn are_expected(&self) -> bool;

    /// Lists all of them; the cursor is for the next time.
    fn firms<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut FirmSink<'_>,
    ) -> LocalFuture<'a, Result<Cursor, ReplicaError>>;

    /// One by its id, fresh; none where there is no such firm.
    fn firm<'a>(&'a mut self, id: &'a str) -> LocalFuture<'a, Result<Option<Firm>, ReplicaError>>;

    /// Makes one, once.
    fn create_firm<'a>(&'a mut self, name: &'a str) -> LocalFuture<'a, Result<Firm, ReplicaError>>;
}
