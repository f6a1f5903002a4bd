//! Why there are no settings: not found, not readable, or wrong in places. The file's text travels along, its secrets
//! blotted out, so that the command line can show the line.

use std::path::PathBuf;

use super::Fault;

/// Why the settings cannot be used. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No file at any of the places.
    #[error("find a settings file")]
    NotFound {
        /// Where it was looked for, in order.
        looked: Vec<PathBuf>,
    },
    /// The file is there, or was named, and cannot be read.
    #[error("read the settings file {}: {source}", file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It can be read and says something wrong.
    #[error("understand the settings file {}: {}", file.display(), faults.first().map_or("", |fault| fault.message.as_str()))]
    Invalid {
        /// Which one.
        file: PathBuf,
        /// Its text, secrets replaced by asterisks; every span of the faults still fits.
        text: String,
        /// What is wrong, in the file's order; never empty.
        faults: Vec<Fault>,
    },
}

impl SettingsError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { looked } => {
                let places: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
                Some(format!("looked at {}; `carnet init` writes one, `-c FILE` names one", places.join(", ")))
            }
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("`carnet init FILE` writes one".to_owned())
            }
            Self::Unreadable { .. } => None,
            Self::Invalid { faults, .. } => faults.first().and_then(|fault| fault.hint.clone()),
        }
    }
}

/// The text with the values of `password` keys and the user part of addresses replaced by asterisks, byte for byte.
pub(super) fn blotted(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (at, _) in text.match_indices("password") {
        if let Some(value) = value_after(text, at + "password".len()) {
            blot(&mut out[value]);
        }
    }
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let rest = &text[start..];
        // A slash ends the user part of an address, but a password may have been written with one all the same.
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len());
        if let Some(user_part) = rest[..end].rfind('@') {
            blot(&mut out[start..start + user_part]);
        }
    }
    // Whole characters only were replaced, each byte by an ASCII one.
    String::from_utf8(out).unwrap_or_default()
}

fn blot(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b'*';
    }
}

/// Where the value of the key that ends here lies: the rest of the line, or to the end of a triple-quoted text.
fn value_after(text: &str, key_end: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text[key_end..];
    let after_key = rest.trim_start_matches(['"', '\'', ' ', '\t']);
    let after_equals = after_key.strip_prefix('=')?.trim_start_matches([' ', '\t']);
    let start = text.len() - after_equals.len();
    let length = ["\"\"\"", "'''"]
        .into_iter()
        .find(|quotes| after_equals.starts_with(quotes))
        .map(|quotes| after_equals[3..].find(quotes).map_or(after_equals.len(), |end| end + 6))
        .unwrap_or_else(|| after_equals.find('\n').unwrap_or(after_equals.len()));
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_and_every_byte_keeps_its_place() {
        let check = |text: &str, expected: &str| {
            assert_eq!(blotted(text), expected);
            assert_eq!(blotted(text).len(), text.len());
        };
        check("password = \"é1\"\nurl = 1", "password = *****\nurl = 1");
        check("password=\"\"\"a\nb\"\"\"\nx = 1", "password=****\n****\nx = 1");
        check("\"password\" = 'x'", "\"password\" = ***");
        check("crm.password = 12", "crm.password = **");
        check("password_command = [\"pass\"]", "password_command = [\"pass\"]");
        check("password_file = \"p\"", "password_file = \"p\"");
        check("url = \"https://me:pw@host/1\"", "url = \"https://*****@host/1\"");
        check("url = \"https://me:p/w@host/1\"", "url = \"https://******@host/1\"");
        check("# password", "# password");
    }
}
