//! The token that a nudge shows: from its file, which is made where it is missing, readable by its owner alone.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::HttpError;

/// Longer than any token, shorter than a log file named by mistake.
const BYTES_MAX: u64 = 4096;
/// What is shorter can be guessed.
const LETTERS_MIN: usize = 16;

/// A digest of the token: the token itself is not kept. Digests are compared in constant time.
#[derive(Clone, Copy)]
pub(super) struct Token(blake3::Hash);

impl Token {
    /// The token of this file; a new one where there is no file.
    pub fn of(file: &Path) -> Result<Self, HttpError> {
        match Self::there(file)? {
            Some(token) => Ok(token),
            None => Ok(Self::digest(&make(file).map_err(|error| unusable(file, &error))?)),
        }
    }

    /// The token of this file; none where there is no file.
    pub fn there(file: &Path) -> Result<Option<Self>, HttpError> {
        let wrong = |why: String, hint| HttpError::Token { file: file.to_owned(), why, hint };
        let unusable = |error: io::Error| unusable(file, &error);
        let text = match File::open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error)),
            Ok(open) => {
                let mode = open.metadata().map_err(unusable)?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(wrong("other users can read it".to_owned(), "chmod 600 the file"));
                }
                let mut text = String::new();
                open.take(BYTES_MAX).read_to_string(&mut text).map_err(unusable)?;
                text
            }
        };
        let token = text.trim();
        if token.len() < LETTERS_MIN || token.contains(char::is_whitespace) {
            let why = format!("a token is one line of at least {LETTERS_MIN} characters without blanks");
            return Err(wrong(why, "remove the file, and carnet makes a new one"));
        }
        Ok(Some(Self::digest(token)))
    }

    fn digest(text: &str) -> Self {
        Self(blake3::hash(text.trim().as_bytes()))
    }

    /// True for the value of an Authorization header that shows it.
    pub fn is_shown(self, authorization: Option<&[u8]>) -> bool {
        let shown = authorization.and_then(|value| {
            let (scheme, token) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
        });
        shown.is_some_and(|token| blake3::hash(token) == self.0)
    }
}

fn unusable(file: &Path, error: &io::Error) -> HttpError {
    let hint = "[http] nudge_token_file names another file";
    HttpError::Token { file: file.to_owned(), why: error.to_string(), hint }
}

/// Makes the file with a random token; if somebody else does so in the same moment, that is an error.
fn make(file: &Path) -> io::Result<String> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let token = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    made.write_all(format!("{token}\n").as_bytes())?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state").join("nudge-token");
        Token::of(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.trim().len(), 64);
        let token = Token::of(&file).unwrap();
        let check = |header: Option<&str>, expected: bool| {
            assert_eq!(token.is_shown(header.map(str::as_bytes)), expected, "{header:?}");
        };
        check(Some(&format!("Bearer {}", text.trim())), true);
        check(Some(&format!("bearer  {}", text.trim())), true);
        check(Some(&format!("Bearer {}x", text.trim())), false);
        check(Some(&format!("Basic {}", text.trim())), false);
        check(Some(text.trim()), false);
        check(Some("Bearer "), false);
        check(Some(""), false);
        check(None, false);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Token::of(&file).err().unwrap();
        assert!(refused.to_string().ends_with("nudge-token: other users can read it"), "{refused}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "short", "two words of a token"] {
            fs::write(&file, text).unwrap();
            assert_eq!(Token::of(&file).err().unwrap().exit_code(), 2, "{text:?}");
        }
    }
}
