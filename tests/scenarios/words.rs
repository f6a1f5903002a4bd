//! What steps are made of: assignments, comparisons that say what they found.

use std::{fs, path::Path};

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
