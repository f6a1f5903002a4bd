//! The exit codes, public and tested. Source: operations.md, section 1.

/// Done.
pub const DONE: u8 = 0;
/// Failed.
pub const FAILED: u8 = 1;
/// Usage or settings.
pub const USAGE: u8 = 2;
/// Finished, but something waits or failed for single contacts.
pub const PARTLY: u8 = 3;
/// The login was refused.
pub const LOGIN: u8 = 4;
/// Network or server trouble.
pub const NETWORK: u8 = 5;
/// Stopped for safety.
pub const SAFETY: u8 = 7;
/// Another carnet is at work on the mirror.
pub const LOCKED: u8 = 11;
/// Interrupted.
pub const INTERRUPTED: u8 = 130;
