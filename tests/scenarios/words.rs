//! What steps are made of: assignments, comparisons that say what they found.

use std::{fs, path::Path};

use carnet::{
    cli::messages::Language,
    sandbox::{Lists, PastEnd, Quirk, SandboxSettings},
    sync::SyncEvent,
};

/// What a step gives: nothing, or why not.
pub type Outcome = Result<(), String>;

/// `WHAT = VALUE`; the value may be nothing.
pub fn assignment(line: &str) -> Result<(&str, &str), String> {
    let (what, value) = line.split_once(" =").ok_or("expected `WHAT = VALUE`")?;
    Ok((what, value.trim_start()))
}

/// A body without its XML declaration and line ends.
pub fn body_of(body: &str) -> &str {
    body.split_once("?>").map_or(body, |(_, rest)| rest).trim()
}

/// What a story is given of its CRM: `5 contacts`, `latin1`, `lists=append`, `past-end=404`.
pub fn describe(server: &mut SandboxSettings, word: &str) -> Outcome {
    if let Some(count) = word.strip_suffix(" contacts") {
        server.contacts = count.parse().map_err(|error| format!("{error}"))?;
    } else if let Some(per_page) = word.strip_prefix("per-page=") {
        server.per_page = per_page.parse().map_err(|error| format!("{error}"))?;
    } else if let Some(lists) = word.strip_prefix("lists=") {
        server.lists = lists.parse::<Lists>().map_err(|error| error.to_string())?;
    } else if let Some(lists) = word.strip_prefix("addresses=") {
        server.addresses = Some(lists.parse::<Lists>().map_err(|error| error.to_string())?);
    } else if let Some(past_end) = word.strip_prefix("past-end=") {
        server.past_end = past_end.parse::<PastEnd>().map_err(|error| error.to_string())?;
    } else {
        server.quirks.push(word.parse::<Quirk>().map_err(|error| error.to_string())?);
    }
    Ok(())
}

/// Lines of settings with this one, in place of the one of the same key.
pub fn with_setting(lines: &str, line: &str) -> String {
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let others = lines.lines().filter(|other| key(other) != key(line));
    others.chain([line]).map(|line| format!("{line}\n")).collect()
}

pub fn is_named(line: &str, name: &str) -> bool {
    let head = line.split([':', ';']).next().unwrap_or_default();
    head == name || head.rsplit('.').next() == Some(name)
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

pub fn holds(text: &str, part: &str, wanted: bool) -> Outcome {
    if text.contains(part) == wanted { Ok(()) } else { Err(format!("found:\n{text}")) }
}

pub fn write_private(path: &Path, text: &str) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).map_err(|error| error.to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| error.to_string())
}

/// From which file to which `copied` and `restored` lead.
pub fn copied<'p>(word: &str, (file, copy): (&'p Path, &'p Path)) -> Option<(&'p Path, &'p Path)> {
    match word {
        "copied" => Some((file, copy)),
        "restored" => Some((copy, file)),
        _ => None,
    }
}

pub fn write_sheet(path: &Path, header: &Vec<String>, rows: &[Vec<String>]) -> Outcome {
    let mut writer = csv::Writer::from_path(path).map_err(|error| error.to_string())?;
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(row).map_err(|error| error.to_string())?;
    }
    writer.flush().map_err(|error| error.to_string())
}

/// Half of a file makes no sense any more.
pub fn damage(path: &Path) -> Outcome {
    let mut bytes = fs::read(path).map_err(|error| error.to_string())?;
    let from = bytes.len() / 2;
    bytes[from..].fill(0xee);
    fs::write(path, bytes).map_err(|error| error.to_string())
}

/// A database is gone, with what lies beside it.
pub fn lose(path: &Path) -> Outcome {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    Ok(())
}

/// An event; what it tells the user, as the command line says it.
pub fn in_words(event: &SyncEvent) -> String {
    match event {
        SyncEvent::Attention { replica, note } => format!("{:?}", Language::English.messages().note(replica, note)),
        other => format!("{other:?}"),
    }
}
