//! Files in and out, once: what an import makes of a file's records, and contacts written as a file.
//!
//! It knows no settings: which format a name means is decided in `app`.

mod export;
mod import;

pub use export::{ExportFormat, ExportOptions, Exported, export};
pub use import::{FormatHint, ImportSource, Imported, Record, read};
