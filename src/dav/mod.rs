//! WebDAV's XML as CardDAV uses it (RFC 4918, 6352, 6578): what a client asks and how it reads the answers
//! strictly; what a server reads and how it writes them. Pure.
//!
//! Trouble is never emptiness: an answer counts only if it is one whole document whose root is `DAV:multistatus`. A cut body,
//! a web page and a foreign document are errors, not address books without cards.
//! Deliberately not here: requests, statuses of requests, what follows from an answer.

mod answer;
mod body;
mod element;
mod etags;
mod filter;
mod href;
mod multistatus;
mod name;
mod report;
mod request;
mod sync_token;

pub use answer::{Condition, Found, Multistatus, Status, error, href};
pub use body::{BodyError, Properties, read_mkcol, read_propfind, read_proppatch};
pub use element::{Element, Ns};
pub use etags::{Etag, Etags};
pub use filter::{CardLine, Filter, FilterError};
pub use href::{Href, encode_segment};
pub use multistatus::{DavError, PropStat, Response, Tail, read_multistatus, status_of};
pub use name::{Name, escape_into};
pub use report::{Report, ReportError, Wanted, WantedLine, WantedText, read_report};
pub use request::{
    COLLECTION_CTAG, COLLECTION_LOOK, HOME_SET, MEMBERS, PRINCIPAL, multiget, propfind, sync_collection,
};
pub use sync_token::SyncToken;
