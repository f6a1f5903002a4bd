//! carnet keeps a company's CRM contacts and its people's address books the same.
//!
//! The shape is a star: the mirror (SQLite) is the hub, everything else that holds contacts is a replica. Imports point
//! inwards only: `cli -> http -> daemon -> sync -> {mirror, replicas} -> {crm, formats, reconcile} -> contact`.

pub mod app;
pub mod books;
#[doc(hidden)]
pub mod cli;
pub mod config;
pub mod contact;
pub mod crm;
pub mod daemon;
pub mod dav;
pub mod formats;
pub mod http;
pub mod mirror;
pub mod notify;
pub mod reconcile;
pub mod replica;
pub mod sandbox;
pub mod sqlite;
pub mod sync;
pub mod transfer;
pub mod transport;
pub mod views;
pub mod xml;
