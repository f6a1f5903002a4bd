//! The tests that need more than one module, in one binary.

mod backup;
mod books;
mod cards;
mod cases;
mod check;
mod cli;
mod crash;
mod csv_book;
mod csv_import;
mod csv_pile;
mod daemon;
mod dav;
mod devices;
mod docs;
mod export_check;
mod firms;
mod import_twice;
mod init;
mod mutants;
mod old_mirror;
mod scenarios;
mod security;
mod sheets;
mod tidy;
