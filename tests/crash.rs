//! The real program, killed at every step, on a full or failing disk, beside people who save at the wrong moment, and
//! behind a line that loses, delays and garbles: afterwards nothing is lost, doubled or resurrected.
//!
//! In a normal run these take a sample, chosen by a seed; `CARNET_LONG=1` takes all of it.

mod budget;
mod chance;
mod checker;
mod instant;
mod ledger;
mod people;
mod proxy;
mod restored;
mod script;
mod storm;
mod sweep;
mod trace;
mod world;
