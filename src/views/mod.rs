//! What any face shows, read from the mirror as plain data: what waits for the user, two sides next to each other, the
//! state of everything.
//!
//! It says nothing in words and prints nothing: a terminal and a web page show the same, each in its own way.

pub mod attention;
pub mod comparison;
pub mod status;

pub use crate::mirror::State;
