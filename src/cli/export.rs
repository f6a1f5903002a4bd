//! `carnet export`: contacts from the mirror to a file or to standard output.
//!
//! A file is written beside its place and put there whole, readable by its owner alone; a half-written one never shows.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::{
    args::condition,
    context::{Context, is_dash},
    errors::CliError,
    exit,
    plural::counted,
    progress::Progress,
};
use crate::{
    app::{self, OwnFile, own_file},
    config::Settings,
    sync::SyncError,
    transfer::{ExportOptions, Exported},
};

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The file; standard output if none or -
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// vcard3, vcard4, csv, google, outlook, outlook-fr, thunderbird, excel-fr, jsonl [default: by the file's name]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only contacts with this value, case does not matter; may be given several times
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    where_: Vec<(String, String)>,
    /// The CRM's firms too, all of them, as company cards (vcard3, vcard4)
    #[arg(long)]
    firms: bool,
    /// Read what is written with a strict reader of its own; lines that it refuses are named and left out
    #[arg(long)]
    check: bool,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// `carnet export`.
pub fn run(args: &ExportArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let file = args.file.as_deref().filter(|file| !is_dash(file));
    let format = args.format.clone().map_or_else(|| format_of(file).map(str::to_owned), Ok)?;
    let exported = app::export_format(&settings, &format)?;
    let firms = args.firms.then(|| app::account_id(&settings));
    let options = ExportOptions { format: exported, where_: args.where_.clone(), firms, check: args.check };
    let written = match file {
        Some(file) => {
            refuse_own_files(file, &settings)?;
            let replaces =
                args.force || (file.exists() && context.confirm(&format!("replace {}?", file.display()), false));
            to_file((file, replaces), &settings, &options, context)?
        }
        None => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            let written = export(&settings, &options, &mut out, context)?;
            out.flush()?;
            written
        }
    };
    let firms = if args.firms { format!(" and {}", counted(written.firms, "firm")) } else { String::new() };
    context.talk(&format!("{}{firms} written", counted(written.contacts, "contact")));
    if !written.missed.is_empty() {
        let missed: Vec<String> = written.missed.iter().map(|(what, count)| format!("{what} {count}")).collect();
        context.talk(&format!("{} has no room for: {}", format, missed.join(", ")));
        context.talk("hint: `--format vcard4` and `--format jsonl` carry everything");
    }
    if !written.disguised.is_empty() {
        let names: Vec<String> = written.disguised.iter().map(|(name, count)| format!("{name} {count}")).collect();
        context.talk(&format!("{format} has no property for: {}; written as X- lines", names.join(", ")));
    }
    if written.refused.is_empty() {
        return Ok(exit::DONE);
    }
    written.refused.iter().for_each(|refused| context.talk(refused));
    context.talk("hint: the mirror has it all; correct the line in a book, or export as vcard3");
    Ok(exit::PARTLY)
}

/// The format that a file's name stands for; vCard 3.0 is what most programs read. A name that stands for another format
/// would promise what the file is not.
fn format_of(file: Option<&Path>) -> Result<&'static str, CliError> {
    let extension = file.and_then(Path::extension).map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv" | "tsv" | "txt") => Ok("csv"),
        Some("jsonl" | "ndjson") => Ok("jsonl"),
        Some("vcf" | "vcard") | None => Ok("vcard3"),
        Some(other) => Err(CliError::Usage {
            message: format!("export to a .{other} file: carnet writes .vcf, .csv and .jsonl"),
            hint: Some("choose one of those names, or say what the file is to hold: --format csv".to_owned()),
        }),
    }
}

/// A book or the mirror itself is not overwritten by an export: the next run would take it for a user's edits.
fn refuse_own_files(file: &Path, settings: &Settings) -> Result<(), CliError> {
    let Some(own) = own_file(file, settings) else { return Ok(()) };
    Err(CliError::Usage {
        message: format!("export to {}: it is {}", file.display(), owner(&own)),
        hint: Some("choose another file; `carnet sync` writes the books".to_owned()),
    })
}

/// What of carnet's own a file is, in words.
pub(super) fn owner(own: &OwnFile) -> String {
    match own {
        OwnFile::Book(name) => format!("the book `{name}`"),
        OwnFile::Mirror => "the mirror".to_owned(),
        OwnFile::Devices => "the store of devices".to_owned(),
        OwnFile::Settings => "the settings file".to_owned(),
        OwnFile::PracticeCrm => "the practice CRM's".to_owned(),
    }
}

fn to_file(
    (file, replaces): (&Path, bool),
    settings: &Settings,
    options: &ExportOptions,
    context: &Context,
) -> Result<Exported, CliError> {
    let exists = || CliError::failed(format!("write {}: it exists", file.display()), "--force replaces it");
    if file.exists() && !replaces {
        return Err(exists());
    }
    let failed = |error: &std::io::Error| CliError::file("write", file, error);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let message = format!("write {}: there is no folder {}", file.display(), folder.display());
        return Err(CliError::failed(message, "make the folder first, or choose another file"));
    }
    // tempfile makes it readable by its owner alone.
    let temp = tempfile::Builder::new().prefix(".carnet-export-").suffix(".tmp").tempfile_in(folder);
    let mut temp = temp.map_err(|error| failed(&error))?;
    let mut out = BufWriter::new(temp.as_file_mut());
    let written = export(settings, options, &mut out, context)?;
    out.flush().map_err(|error| failed(&error))?;
    drop(out);
    temp.as_file().sync_all().map_err(|error| failed(&error))?;
    let persisted = if replaces { temp.persist(file) } else { temp.persist_noclobber(file) };
    persisted.map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(),
        _ => failed(&error.error),
    })?;
    Ok(written)
}

fn export(
    settings: &Settings,
    options: &ExportOptions,
    out: &mut dyn Write,
    context: &Context,
) -> Result<Exported, CliError> {
    let mut progress = Progress::new(&context.global);
    let bar = progress.single("contacts", "writing");
    let written = app::export(settings, options, out, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    progress.clear();
    written.map_err(|error| match error {
        SyncError::Output(error) => CliError::Output(error),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_name_says_the_format() {
        let check = |file: Option<&str>, expected: &str| {
            assert_eq!(format_of(file.map(Path::new)).unwrap_or("refused"), expected);
        };
        check(Some("a.csv"), "csv");
        check(Some("a.VCF"), "vcard3");
        check(Some("a.jsonl"), "jsonl");
        check(Some("a"), "vcard3");
        check(None, "vcard3");
        check(Some("a.xlsx"), "refused");
        check(Some("a.json"), "refused");
    }

    #[test]
    fn carnets_own_files_are_not_exported_to() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[crm]\nurl = \"sandbox\"\n[[book]]\nname = \"sheet\"\nkind = \"csv\"\npath = \"s.csv\"\n";
        let nothing = |_: &str| None;
        let settings =
            Settings::parse(&folder.path().join("carnet.toml"), text, Environment::from_fn(&nothing)).unwrap();
        std::fs::write(folder.path().join("s.csv"), "").unwrap();
        let refused = |name: &str| refuse_own_files(&folder.path().join(name), &settings).is_err();
        assert!(refused("s.csv"));
        let roundabout = format!("../{}/s.csv", folder.path().file_name().unwrap().to_string_lossy());
        assert!(refused(&roundabout));
        assert!(refused("carnet.db"));
        assert!(refused("carnet.toml"));
        assert!(refused("carnet.db-wal"));
        assert!(!refused("out.csv"));
    }
}
