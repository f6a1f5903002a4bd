//! `import` and `export` on the settings' mirror: which format a name means, and the run that an import is.

use std::{io::Write, time::Duration};

use super::{compose::profile, run::run_with};
use crate::{
    config::Settings,
    formats::{
        csv::Profile,
        vcard::{Version, WriteStyle},
    },
    mirror::Mirror,
    replica::Diagnostic,
    sync::{Events, Mode, RunOptions, Stop, Summary, SyncError},
    transfer::{self, ExportFormat, ExportOptions, Exported, FormatHint, ImportSource},
};

/// What an import is asked for.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// `vcard`, a CSV profile's name or `jsonl`; recognised by content if not given.
    pub format: Option<String>,
    /// Report what would be done, write nothing.
    pub dry_run: bool,
    /// Push afterwards, to the CRM and the books.
    pub push: bool,
    /// While another carnet is at work on the mirror, it is waited for so long.
    pub wait: Duration,
}

/// Imports a file. With `push`, all replicas are scanned first, so that matching knows everybody, and pushed afterwards.
///
/// # Errors
/// Nothing at all is imported when the file is not recognised; a record that cannot be read is reported and the others go on.
pub async fn import(
    settings: &Settings,
    source: ImportSource,
    options: &ImportOptions,
    stop: &Stop,
    events: &mut Events<'_>,
) -> Result<Summary, SyncError> {
    let given;
    let format = match options.format.as_deref() {
        None => FormatHint::Recognise(&settings.csv),
        Some("vcard" | "vcard3" | "vcard4") => FormatHint::Vcard,
        Some("jsonl") => FormatHint::Jsonl,
        Some(name) => {
            given = profile(settings, name)?;
            FormatHint::Csv(&given)
        }
    };
    let mut read = transfer::read(source, format, settings.vcard)?;
    let mode = if options.push { Mode::Sync } else { Mode::MirrorOnly };
    let run = RunOptions { dry_run: options.dry_run, ..RunOptions::new(mode, "import") };
    run_with(settings, &run, (options.wait, stop), events, Some(&mut read)).await
}

/// The names of all formats that are read, or of those that are written.
pub fn format_names(written: bool) -> Vec<&'static str> {
    let profiles = Profile::all().iter().filter(|profile| !written || profile.exports()).map(Profile::name);
    let own = if written { &["vcard3", "vcard4", "jsonl", "csv"][..] } else { &["vcard", "jsonl", "csv"] };
    own.iter().copied().chain(profiles.filter(|name| *name != Profile::carnet().name())).collect()
}

/// The format that a name means: `vcard3`, `vcard4`, `jsonl`, or a CSV profile's name (`csv` is carnet's own).
///
/// # Errors
/// No format is named so, or carnet only reads it.
pub fn export_format(settings: &Settings, name: &str) -> Result<ExportFormat, SyncError> {
    let cards = |version| ExportFormat::Cards(WriteStyle { version, ..settings.vcard });
    Ok(match name {
        "vcard" | "vcard3" => cards(Version::V30),
        "vcard4" => cards(Version::V40),
        "jsonl" => ExportFormat::Lines,
        "csv" => ExportFormat::Table(Box::new(Profile::carnet().clone())),
        other => {
            let profile = profile(settings, other)?;
            if !profile.exports() {
                return Err(SyncError::Settings(Diagnostic::new(format!("write {other}: carnet only reads it"))));
            }
            ExportFormat::Table(Box::new(profile))
        }
    })
}

/// Writes the contacts that the settings' mirror holds. `progress` is told how many of how many are done.
///
/// # Errors
/// Those of [`transfer::export`]; there is no mirror.
pub fn export(
    settings: &Settings,
    options: &ExportOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, SyncError> {
    transfer::export(&Mirror::open_read_only(&settings.mirror.path)?, options, out, progress)
}
