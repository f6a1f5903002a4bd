//! WebDAV's XML as CardDAV uses it (RFC 4918, 6352, 6578): request bodies, and answers read strictly. Pure.
//!
//! Trouble is never emptiness: an answer counts only if it is one whole document whose root is `DAV:multistatus`. A cut body,
//! a web page and a foreign document are errors, not address books without cards.
//! Deliberately not here: requests, statuses of requests, what follows from an answer.

mod element;
mod href;
mod multistatus;
mod request;

pub use element::{Element, Ns};
pub use href::{Href, encode_segment};
pub use multistatus::{DavError, PropStat, Response, Tail, read_multistatus, status_of};
pub use request::{
    COLLECTION_CTAG, COLLECTION_LOOK, HOME_SET, MEMBERS, PRINCIPAL, multiget, propfind, sync_collection,
};
