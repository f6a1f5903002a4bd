//! HTTP as a client speaks it, whatever is asked: how the client is built, how an answer is taken whole, what a failure
//! means, how long to wait, and where a password may go.
//!
//! What could send a login elsewhere is switched off here, for good: redirects are not followed, proxies of the environment
//! are not used, nothing is repeated by itself, and no switch turns certificates off.

mod address;
mod answer;
mod client;
mod failure;
mod retry;

pub use address::{AddressError, checked_address};
pub use answer::{BODY_LEN_MAX, WholeAnswer, take_whole};
pub use client::{ClientError, ClientOptions, http_client};
pub use failure::{Failure, status_words};
pub use retry::{Backoff, RetryCause, Tries, chance, retry_after};
