//! carnet as a CardDAV server, asked over HTTP by a client that speaks by hand: what programs send, written anew from what
//! they are known to send, and what they must never get.

mod following;
mod hostile;
mod login;
pub mod place;
mod programs;
mod reports;
mod writes;
