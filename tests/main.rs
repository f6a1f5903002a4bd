//! The tests that need more than one module, in one binary.

mod cli;
mod scenarios;
mod tidy;
